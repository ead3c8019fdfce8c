//! Taking a run of cleanup back, step by step and row by row from the journal, where a row is still
//! as cleanup left it. What was undone is put on hold, or the next run would do it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::steps::{Hand, note};
use crate::clock::stamp;
use crate::drift::plan::Stage;
use crate::mapper::{Cell, Layout, LinkState};
use crate::reconcile::Settings;
use crate::scim::ResourceType;
use crate::service::{Actor, Error};
use crate::store::cleanup::{self, Entry};
use crate::store::journal::Before;
use crate::store::resources::{self, Lock};
use crate::store::{Store, Tx, links, memberships};

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// Whose.
    pub id: String,
    /// Which.
    pub step: String,
    /// Nothing, or why all of it stays as cleanup left it.
    pub refused: Option<String>,
    /// Of a step that was undone: what stays, and why, a row each.
    pub left: Vec<String>,
}

/// Takes the steps of a run back, the last one first; what can't be taken back doesn't keep the
/// others from it.
///
/// # Errors
/// The database's, before the first step.
pub async fn undo(
    store: &Store,
    settings: &Arc<Settings>,
    run: &str,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Vec<Undone>, Error> {
    let steps =
        store.read(run.to_owned(), async |tx, run| cleanup::steps_of(tx, run).await).await?;
    let mut all = Vec::with_capacity(steps.len());
    let mut unreachable = false;
    for (id, step) in steps {
        let outcome = if unreachable {
            Err(because("not tried: the database could not be reached"))
        } else {
            let hand = Hand {
                settings: Arc::clone(settings),
                run: run.to_owned(),
                now,
                actor: actor.clone(),
            };
            one(store, hand, id.clone(), step.clone()).await
        };
        let (refused, left) = match outcome {
            Ok(left) => (None, left),
            Err(Stays::Because(why)) => (Some(why), Vec::new()),
            Err(Stays::Failed(error)) => {
                unreachable = matches!(error, Error::Unavailable { .. });
                (Some(format!("error: {}", error.for_operator())), Vec::new())
            }
        };
        all.push(Undone { id, step, refused, left });
    }
    Ok(all)
}

/// Steps that [`look`] has at most.
pub const LOOKED_AT: i64 = 200;

/// A step as undoing finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Whose.
    pub id: String,
    /// Which.
    pub step: String,
    /// Whether it was undone before.
    pub undone: bool,
    /// What comes back where nothing has changed since: of which table or column, what is there now,
    /// and what will be.
    pub back: Vec<(String, Value, Value)>,
}

/// The steps of a run, in the order in which [`undo`] takes them back; [`LOOKED_AT`] at most.
///
/// # Errors
/// The database's.
pub async fn look(store: &Store, run: &str) -> Result<Vec<Kept>, Error> {
    let entries = store
        .read(run.to_owned(), async |tx, run| cleanup::entries_of(tx, run, LOOKED_AT).await)
        .await?;
    Ok(entries.into_iter().map(kept).collect())
}

fn kept(entry: Entry) -> Kept {
    let value = |cell: &Cell| cell.to_text().map_or(Value::Null, Value::from);
    let Before { removed, changed, set, .. } = &entry.before;
    let mut back = Vec::new();
    for (table, rows) in removed {
        let rows = rows.iter().map(|row| {
            let cells = row.iter().map(|(column, cell)| (column.clone(), value(cell)));
            (table.clone(), Value::Null, Value::Object(cells.collect()))
        });
        back.extend(rows);
    }
    for (table, rows) in changed {
        let Some(set) = set.get(table) else { continue };
        for row in rows {
            let changed = row.iter().filter_map(|(column, was)| {
                Some((format!("{table}.{column}"), value(set.get(column)?), value(was)))
            });
            back.extend(changed);
        }
    }
    Kept { undone: entry.outcome != "done", id: entry.id, step: entry.step, back }
}

/// Takes one step back in a transaction of the caller's, who rolls back what fails; why it stays,
/// where it does.
///
/// # Errors
/// The database's.
pub async fn within(
    tx: &mut Tx,
    hand: &Hand,
    id: &str,
    step: &str,
) -> Result<Result<Vec<String>, String>, Error> {
    match take_back(tx, hand, id, step).await {
        Ok(left) => Ok(Ok(left)),
        Err(Stays::Because(why)) => Ok(Err(why)),
        Err(Stays::Failed(error)) => Err(error),
    }
}

async fn one(store: &Store, hand: Hand, id: String, step: String) -> Result<Vec<String>, Stays> {
    store
        .write((hand, id, step), async |tx, (hand, id, step)| take_back(tx, hand, id, step).await)
        .await
}

/// Why a step isn't taken back: then its transaction isn't either.
enum Stays {
    Because(String),
    Failed(Error),
}

impl From<Error> for Stays {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<crate::store::Error> for Stays {
    fn from(error: crate::store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl crate::store::Failure for Stays {
    fn database(&self) -> Option<&crate::store::Error> {
        match self {
            Self::Failed(error) => error.database(),
            Self::Because(_) => None,
        }
    }
}

fn because(why: impl Into<String>) -> Stays {
    Stays::Because(why.into())
}

/// What stays of the step, a row each.
async fn take_back(tx: &mut Tx, hand: &Hand, id: &str, step: &str) -> Result<Vec<String>, Stays> {
    let layout = &*hand.settings.layout;
    let Some(entry) = cleanup::step(tx, &hand.run, id, step).await? else {
        return Err(because("there is no such step in the journal"));
    };
    if entry.outcome != "done" {
        return Err(because("it was undone before"));
    }
    let stage: Option<Stage> = step.parse().ok();
    if stage == Some(Stage::Delete) || stage.is_none() {
        return Err(because("a row that was deleted can't be brought back"));
    }
    let kind = ResourceType::User;
    let key = layout.key(kind, id).ok_or_else(|| because("the id is no key"))?;
    let record = resources::by_key(tx, layout, kind, &key, Lock::Update).await?;
    let record = record.ok_or_else(|| because("the user's row is gone"))?;
    let link = record.link.as_ref().ok_or_else(|| because("Entra no longer knows the user"))?;
    if link.disabled_at != Some(entry.before.disabled_at) {
        return Err(because("Entra enabled the user in the meantime"));
    }
    if stage != Some(Stage::Anonymise) && link.state != LinkState::Managed {
        return Err(because("Entra deleted the user, or cleanup went further, in the meantime"));
    }
    let left = match stage {
        Some(Stage::Strip) => {
            let mut left = put_rows_back(tx, layout, id, &entry.before).await?;
            left.extend(set_rows_back(tx, layout, &entry.before).await?);
            left
        }
        Some(Stage::Transfer) => set_rows_back(tx, layout, &entry.before).await?,
        _ => {
            if let Some(why) = set_rows_back(tx, layout, &entry.before).await?.pop() {
                return Err(because(why));
            }
            identity_back(tx, hand, id, &entry).await?;
            put_rows_back(tx, layout, id, &entry.before).await?
        }
    };
    if stage != Some(Stage::Transfer) {
        links::set_stage(tx, id, entry.before.stage.as_deref()).await?;
    }
    cleanup::undone(tx, &hand.run, id, step).await?;
    // An operator's own reason stays.
    if cleanup::held(tx, id).await?.is_none() {
        let reason = format!("undone: run {}", hand.run);
        cleanup::hold(tx, id, &reason, stamp(hand.now)).await?;
    }
    note(tx, hand, "undo", id, step).await?;
    Ok(left)
}

/// Removed memberships, where nothing has taken their place; those that stay away, and why.
async fn put_rows_back(
    tx: &mut Tx,
    layout: &Layout,
    id: &str,
    before: &Before,
) -> Result<Vec<String>, Stays> {
    let Some(members) = &layout.members else { return Ok(Vec::new()) };
    let groups = &layout.groups;
    let desired = memberships::desired_teams(tx, id).await?;
    let mut left = Vec::new();
    for row in before.removed.get(&members.relation.table.to_string()).into_iter().flatten() {
        let edge: BTreeMap<String, Cell> = row
            .iter()
            .filter(|(column, _)| **column == members.group.name || **column == members.user.name)
            .map(|(column, cell)| (column.clone(), cell.clone()))
            .collect();
        if cleanup::has_row(tx, &members.relation, &edge).await? {
            continue;
        }
        let team = row.get(&members.group.name).cloned().unwrap_or(Cell::Null);
        let name = team.to_text().unwrap_or_default();
        let team = BTreeMap::from([(groups.key.name.clone(), team)]);
        if before.desired.contains(&name) && !desired.contains(&name) {
            let id = ResourceType::Group.id(&name);
            left.push(format!("Entra took the user out of team {id} in the meantime"));
        } else if cleanup::has_row(tx, &groups.relation, &team).await? {
            cleanup::put_back(tx, &members.relation, row).await?;
        } else {
            left.push(format!("team {} is gone", ResourceType::Group.id(&name)));
        }
    }
    Ok(left)
}

/// Changed rows, each where it is still as cleanup left it; those that stay, and why. A step of which
/// all stays is not undone.
async fn set_rows_back(
    tx: &mut Tx,
    layout: &Layout,
    before: &Before,
) -> Result<Vec<String>, Stays> {
    let (mut left, mut undone) = (Vec::new(), 0);
    for (name, rows) in &before.changed {
        let relation = layout
            .relation(name)
            .ok_or_else(|| because(format!("the profile no longer names the table {name}")))?;
        let set = before.set.get(name).cloned().unwrap_or_default();
        for row in rows {
            let (was, key): (BTreeMap<_, _>, BTreeMap<_, _>) =
                row.clone().into_iter().partition(|(column, _)| set.contains_key(column));
            if key.is_empty() {
                return Err(because(format!("{name} has no primary key to find its rows by")));
            }
            let keys: Vec<String> = key.values().filter_map(Cell::to_text).collect();
            let as_left: BTreeMap<String, Cell> =
                key.into_iter().chain(set.iter().map(|(c, v)| (c.clone(), v.clone()))).collect();
            let changed = cleanup::set_where(tx, relation, &was, &as_left).await?;
            if changed == 0 {
                let keys = keys.join(", ");
                left.push(format!("the row {keys} of {name} is no longer as cleanup left it"));
            }
            undone += changed;
        }
    }
    if undone == 0 && !left.is_empty() {
        return Err(because(left.join("; ")));
    }
    Ok(left)
}

/// The link as it was, and the memberships that Entra had asserted.
async fn identity_back(tx: &mut Tx, hand: &Hand, id: &str, entry: &Entry) -> Result<(), Stays> {
    let kind = ResourceType::User;
    let (Some(was), Some(mut link)) = (&entry.before.link, links::get(tx, kind, id).await?) else {
        return Err(because("the journal has no link to put back"));
    };
    if link.state != LinkState::Deleted {
        return Err(because("Entra made the user anew in the meantime"));
    }
    let object = |name: &str| was.get(name).and_then(Value::as_object).cloned();
    let was = link.clone();
    link.state = LinkState::Managed;
    link.baseline = object("baseline");
    link.kept = object("kept").unwrap_or_else(Map::new);
    link.deleted_at = None;
    link.version += 1;
    link.modified = stamp(hand.now);
    links::put(tx, kind, id, Some(&was), &link).await?;
    memberships::desire(tx, &entry.before.desired, id, stamp(hand.now)).await?;
    Ok(())
}
