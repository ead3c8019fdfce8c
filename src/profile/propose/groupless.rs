//! What is asked where no groups were found: memberships without a table of groups, or by another name
//! than the users' key.

use super::draft::{Draft, Line, Open};
use super::find;
use super::names::{self, Rank};
use super::teams::is_link;
use super::view::{Looked, View, is_text};
use super::words;
use crate::profile::catalogue::Column;
use crate::profile::read::toml_text;

/// A membership table whose groups have no table of their own.
#[derive(Debug, Clone)]
pub(super) struct Homeless<'c> {
    members: Looked<'c>,
    group: &'c Column,
    user: &'c Column,
}

/// Where groups are known by keys or names that no table of groups has.
pub(super) fn homeless<'c>(view: View<'c>, users: &Looked<'c>) -> Option<Homeless<'c>> {
    view.tables().filter(|it| it.table.name != users.table.name).find_map(|members| {
        let user = find::pointers(&members, users).into_iter().next()?.column;
        let grouped = |column: &&Column| {
            let parts = names::parts(&column.name);
            column.name != user.name
                && members.points_at(&column.name).is_none()
                && parts
                    .iter()
                    .any(|part| words::GROUPS.iter().any(|word| names::singular(part) == *word))
        };
        let group = members.table.columns.iter().find(grouped)?;
        let pair = members.unique_with(&user.name).iter().any(|it| it.name == group.name);
        pair.then_some(Homeless { members: members.clone(), group, user })
    })
}

impl Homeless<'_> {
    /// What is asked, with the lines to uncomment.
    fn ask(&self, users: &Looked<'_>) -> Open {
        let (members, group) = (self.members.name(), toml_text(&self.group.name));
        let shown = self.members.seen(self.group).map(|seen| seen.counts()).unwrap_or_default();
        let shown: Vec<&str> = shown.iter().take(6).map(|(value, _)| *value).collect();
        Open::new(format!(
            "{members} says by {group} ({}) who is in which group, but no table of groups has these keys. Where groups are rows of {} itself, tell them by `where`:",
            shown.join(", "),
            users.name()
        ))
        .or("[members]")
        .or(format!("table = {}", toml_text(&members)))
        .or(format!("group = {group}"))
        .or(format!("user = {}", toml_text(&self.user.name)))
    }
}

/// What a key is asked where a membership table names users otherwise.
pub(super) fn key_by_name(users: &Looked<'_>) -> Option<Open> {
    let why = by_name(users)?;
    Some(Open::new(format!("{why}; shall it, for the sake of such memberships, be the key?")))
}

/// A membership table that names users by their login, and not by the key.
fn by_name(users: &Looked<'_>) -> Option<String> {
    let names: Vec<&Column> = users
        .find(&[words::LOGIN, words::EMAIL, words::LOGIN_PERHAPS].concat(), |column| {
            is_text(column) && users.is_nearly_unique(&column.name)
        })
        .into_iter()
        .filter(|column| users.key().is_none_or(|key| key.name != column.name))
        .collect();
    let view = users.view();
    let mut links = view.tables().filter(|it| is_link(it) && it.table.name != users.table.name);
    links.find_map(|table| {
        let texts = table.table.columns.iter().filter(|column| is_text(column));
        let mut pairs = texts.flat_map(|column| names.iter().map(move |name| (column, *name)));
        let (column, name) = pairs.find(|(column, name)| {
            let (from, to) = (&table.table.name, &users.table.name);
            let held = view.evidence.held(from, &column.name, to, &name.name);
            held.is_some_and(|held| held.all(2))
        })?;
        Some(format!(
            "{} of {} holds what {} holds, and not the key (key = {{ column = {}, is = \"userName\" }})",
            column.name,
            table.name(),
            name.name,
            toml_text(&name.name)
        ))
    })
}

/// No groups were found: the sections are comments.
pub(super) fn none(draft: &mut Draft, users: Option<&Looked<'_>>, homeless: Option<&Homeless<'_>>) {
    draft.section("groups");
    draft.off();
    let column = users.and_then(|users| {
        let group = |table: &Looked<'_>| names::rank(&table.parts(), words::GROUPS) >= Rank::Last;
        let view = users.view();
        view.tables().filter(group).find_map(|table| {
            let pointer = find::pointers(users, &table).into_iter().next()?;
            Some(format!(
                "; {} of {} points at {}, but a column of the user's own row is no membership table",
                pointer.column.name,
                users.name(),
                table.name()
            ))
        })
    });
    let named = users.and_then(by_name).map(|it| format!("; {it}"));
    draft.ask(Open::new(format!(
        "no table looks like teams with a membership table between them and the users; leave both sections out, or name them{}{}",
        column.unwrap_or_default(),
        named.unwrap_or_default()
    )));
    if let (Some(homeless), Some(users)) = (homeless, users) {
        draft.ask(homeless.ask(users));
        draft.line(Line::new("table", toml_text(&users.name()), String::new()));
        let key = users.key().map_or("\"…\"".to_owned(), |key| toml_text(&key.name));
        draft.line(Line::new("key", key, String::new()));
        draft.line(Line::new("where", "{ type = \"Group\" }", String::new()));
        draft.line(Line::new("attributes", "{ displayName = \"…\" }", String::new()));
        let cascade = toml_text(&homeless.members.name());
        let delete = format!("{{ mode = \"delete\", cascade = [{cascade}] }}");
        return draft.line(Line::new("delete", delete, String::new()));
    }
    draft.line(Line::new("table", "\"…\"", String::new()));
    draft.line(Line::new("key", "\"…\"", String::new()));
    draft.line(Line::new("attributes", "{ displayName = \"…\" }", String::new()));
    draft.line(Line::new("delete", "{ mode = \"delete\", cascade = [\"…\"] }", String::new()));
    draft.section("members");
    draft.off();
    draft.line(Line::new("table", "\"…\"", String::new()));
    draft.line(Line::new("group", "\"…\"", String::new()));
    draft.line(Line::new("user", "\"…\"", String::new()));
}
