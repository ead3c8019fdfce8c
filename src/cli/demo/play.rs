//! One provisioning cycle as Entra runs it: test connection, match, create, update, groups,
//! memberships, disable. Real requests to the demo's own listener; nothing goes past it but the
//! count of sessions before and after somebody is disabled.

mod body;
mod talk;

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::entra::{Dialect, GROUPS, Group, PEOPLE, Person, Standing};
use super::narrate::Narrator;
use crate::cli::error::Error;
use crate::http::client::Client;
use crate::store::{self, Store};
use talk::{Talk, found, id_of, unexpected};

/// What Entra knows of kpifire after matching: ids, and who is new.
struct Known {
    /// The resource as kpifire last showed it.
    resource: Value,
    id: String,
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Matched,
    Created,
}

/// A step for each person and group, twice; test connection and disabling are one each.
pub const STEPS: usize = 2 + 2 * PEOPLE.len() + 2 * GROUPS.len();

/// Runs the cycle. On an install that has been through it, everybody is matched and nothing
/// changes.
///
/// # Errors
/// The first request that wasn't answered as Entra needs it.
pub async fn cycle(client: &Client, store: &Store, narrator: &Narrator) -> Result<(), Error> {
    let talk = Talk { client, narrator };
    narrator.say("Entra provisions into kpifire:")?;
    test_connection(&talk).await?;
    let mut people = users(&talk).await?;
    update(&talk, &mut people).await?;
    let groups = groups(&talk).await?;
    members(&talk, &people, &groups).await?;
    disable(&talk, store, &people).await
}

/// A lookup of nobody must find nobody.
async fn test_connection(talk: &Talk<'_>) -> Result<(), Error> {
    let nobody = Uuid::new_v4().to_string();
    if found(&talk.look_up("Users", &[("userName", &nobody)]).await?).is_some() {
        return Err(Error::refused(format!("the lookup of nobody ({nobody}) found somebody")));
    }
    talk.narrator.step();
    talk.narrator.say("- test connection: fine")
}

/// Matches everybody, and creates whom kpifire doesn't have.
async fn users(talk: &Talk<'_>) -> Result<BTreeMap<&'static str, Known>, Error> {
    let mut people = BTreeMap::new();
    for person in &PEOPLE {
        let answer = talk.look_up("Users", &[("userName", person.user_name)]).await?;
        let known = if let Some(resource) = found(&answer) {
            known(resource.clone(), Origin::Matched)?
        } else {
            let body = body::user(person);
            known(talk.post("/Users", &body, person.user_name).await?, Origin::Created)?
        };
        people.insert(person.user_name, known);
        talk.narrator.step();
    }
    let [matched, created] = counts(&people);
    talk.narrator.say(&format!("- users: {matched} matched, {created} created"))?;
    Ok(people)
}

/// Sends what differs: an operation an attribute, in the classic dialect.
async fn update(talk: &Talk<'_>, people: &mut BTreeMap<&'static str, Known>) -> Result<(), Error> {
    let mut updated = 0;
    for person in &PEOPLE {
        if let Some(known) = people.get_mut(person.user_name) {
            let operations = body::differences(person, &known.resource);
            if !operations.is_empty() {
                let path = format!("/Users/{}", known.id);
                let body = body::patch(&operations);
                known.resource = talk.patch(&path, &body, person.user_name).await?;
                updated += 1;
            }
        }
        talk.narrator.step();
    }
    talk.narrator.say(&format!("- users: {updated} updated"))
}

/// Matches the groups, and creates those that kpifire doesn't have, empty.
async fn groups(talk: &Talk<'_>) -> Result<BTreeMap<&'static str, Known>, Error> {
    let mut groups = BTreeMap::new();
    for group in &GROUPS {
        let answer = talk.look_up("Groups", &[("displayName", group.display_name)]).await?;
        let known = if let Some(resource) = found(&answer) {
            known(resource.clone(), Origin::Matched)?
        } else {
            let body = body::group(group);
            known(talk.post("/Groups", &body, group.display_name).await?, Origin::Created)?
        };
        groups.insert(group.display_name, known);
        talk.narrator.step();
    }
    let [matched, created] = counts(&groups);
    talk.narrator.say(&format!("- groups: {matched} matched, {created} created"))?;
    Ok(groups)
}

/// Sends every membership, as Entra does without asking who is in already; a new group begins with
/// its first members, who are then taken out again.
async fn members(
    talk: &Talk<'_>,
    people: &BTreeMap<&'static str, Known>,
    groups: &BTreeMap<&'static str, Known>,
) -> Result<(), Error> {
    let mut lines = Vec::new();
    for group in &GROUPS {
        if let Some(known) = groups.get(group.display_name) {
            lines.push(group_members(talk, people, group, known).await?);
        }
        talk.narrator.step();
    }
    talk.narrator.say(&format!("- members: {}", lines.join("; ")))
}

async fn group_members(
    talk: &Talk<'_>,
    people: &BTreeMap<&'static str, Known>,
    group: &Group,
    known: &Known,
) -> Result<String, Error> {
    let path = format!("/Groups/{}", known.id);
    let name = group.display_name;
    let (now, leaving) = (ids(people, group.now), ids(people, group.at_first));
    let dialect = match group.dialect {
        Dialect::Classic => "classic dialect",
        Dialect::Rfc => "RFC dialect",
    };
    if known.origin == Origin::Created && !leaving.is_empty() {
        talk.patch(&path, &body::add_members(group.dialect, &leaving), name).await?;
    }
    talk.patch(&path, &body::add_members(group.dialect, &now), name).await?;
    let mut gone = Vec::new();
    for user in leaving {
        // How Entra asks whether somebody is a member, however large the group.
        let member = [("id", known.id.as_str()), ("members", user)];
        if found(&talk.look_up("Groups", &member).await?).is_some() {
            gone.push(user);
        }
    }
    let mut out_again = String::new();
    if !gone.is_empty() {
        talk.patch(&path, &body::remove_members(group.dialect, &gone), name).await?;
        out_again = format!(", {} out again", gone.len());
    }
    Ok(format!("{} in {name}{out_again} ({dialect})", now.len()))
}

fn ids<'a>(people: &'a BTreeMap<&str, Known>, names: &[&str]) -> Vec<&'a str> {
    names.iter().filter_map(|name| Some(people.get(*name)?.id.as_str())).collect()
}

/// Disables who has left, and shows that their access ended in the same moment.
async fn disable(
    talk: &Talk<'_>,
    store: &Store,
    people: &BTreeMap<&'static str, Known>,
) -> Result<(), Error> {
    let leavers = PEOPLE.iter().filter(|person| person.standing == Standing::Left);
    for person in leavers {
        let Some(known) = people.get(person.user_name) else { continue };
        if known.resource.get("active") == Some(&Value::Bool(false)) {
            talk.narrator.say(&format!("- {} has been disabled before", person.user_name))?;
            continue;
        }
        disable_one(talk, store, person, known).await?;
    }
    talk.narrator.step();
    Ok(())
}

async fn disable_one(
    talk: &Talk<'_>,
    store: &Store,
    person: &Person,
    known: &Known,
) -> Result<(), Error> {
    let before = access(store).await?;
    let path = format!("/Users/{}", known.id);
    let resource = talk.patch(&path, &body::disable(), person.user_name).await?;
    if resource.get("active") != Some(&Value::Bool(false)) {
        return Err(unexpected("PATCH", &path, "the user isn't inactive afterwards"));
    }
    let after = access(store).await?;
    let [sessions, tokens] = [0, 1].map(|column| {
        let of = |row: &[String]| row.get(column).cloned().unwrap_or_default();
        format!("{} → {}", of(&before), of(&after))
    });
    talk.narrator.say(&format!(
        "- {} disabled: kpifire sessions {sessions}, live API tokens {tokens}",
        person.user_name
    ))
}

/// The leaver's sessions and live API tokens, as kpifire counts them.
async fn access(store: &Store) -> Result<Vec<String>, Error> {
    let rows = store::demo::rows(store, include_str!("access.sql"))
        .await
        .map_err(|error| Error::failed("can't count sessions", error))?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

fn known(resource: Value, origin: Origin) -> Result<Known, Error> {
    let id = id_of(&resource)?;
    Ok(Known { resource, id, origin })
}

/// How many were matched and how many created.
fn counts(known: &BTreeMap<&str, Known>) -> [usize; 2] {
    [Origin::Matched, Origin::Created]
        .map(|origin| known.values().filter(|known| known.origin == origin).count())
}
