//! Which tables hold users, groups and memberships: by names, columns and foreign keys.

use super::words;
use crate::profile::catalogue::{Catalogue, Column, Table};
use crate::profile::model::TableName;

/// Tables that could be kpifire's: not the agent's own, with a key of one column.
fn candidates(catalogue: &Catalogue) -> impl Iterator<Item = &Table> {
    catalogue.tables.values().filter(|table| !is_sidecar(&table.name) && !looks_like_view(table))
}

fn is_sidecar(name: &TableName) -> bool {
    name.name.starts_with("scim_") || name.name == "__diesel_schema_migrations"
}

/// Views have neither keys nor indexes.
fn looks_like_view(table: &Table) -> bool {
    table.primary_key.is_empty() && table.indexes.is_empty() && table.foreign_keys.is_empty()
}

/// The key column: the primary key when it is one column, else a unique one.
pub(super) fn key(table: &Table) -> Option<&str> {
    if let [only] = table.primary_key.as_slice() {
        return Some(only);
    }
    let mut unique = table.indexes.iter().filter(|index| index.unique);
    unique.find_map(|index| match index.columns.as_slice() {
        [only] if table.column(only).is_some_and(|c| c.generated) => Some(only.as_str()),
        _ => None,
    })
}

/// The likeliest of `tables`, and those nearly as likely.
fn best(mut scored: Vec<(f64, &Table)>) -> Option<(&Table, Vec<&Table>)> {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let (top, table) = *scored.first()?;
    let near = scored.iter().skip(1).filter(|(score, _)| top - score < 0.25);
    Some((table, near.map(|(_, table)| *table).collect()))
}

/// The users table, and what else it could be.
pub(super) fn users(catalogue: &Catalogue) -> Option<(&Table, Vec<&Table>)> {
    let score = |table: &Table| {
        let has = |list: &[&str]| words::pick(table, list, words::is_text).is_some();
        let login = has(words::LOGIN) || has(words::EMAIL);
        let person = has(words::GIVEN) && has(words::FAMILY) || has(words::DISPLAY);
        let password = table.columns.iter().any(|column| is_password(&column.name));
        let inbound = inbound(catalogue, table).count().min(5);
        let mut score = words::rank(&table.name.name, words::USERS);
        for (holds, weight) in [(login, 1.0), (person, 0.5), (password, 0.5)] {
            score += if holds { weight } else { 0.0 };
        }
        #[expect(clippy::cast_precision_loss, reason = "at most five")]
        let linked = inbound as f64 / 10.0;
        if login { score + linked } else { 0.0 }
    };
    let scored = candidates(catalogue)
        .filter(|table| key(table).is_some())
        .map(|table| (score(table), table))
        .filter(|(score, _)| *score >= 1.4)
        .collect();
    best(scored)
}

fn inbound<'c>(catalogue: &'c Catalogue, target: &'c Table) -> impl Iterator<Item = &'c Table> {
    catalogue
        .tables
        .values()
        .filter(|table| table.foreign_keys.iter().any(|key| key.target == target.name))
}

/// A membership table with the group table it leads to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Membership<'c> {
    pub groups: &'c Table,
    pub table: &'c Table,
    pub group: &'c str,
    pub user: &'c str,
}

/// The likeliest membership, and what else it could be.
pub(super) fn membership<'c>(
    catalogue: &'c Catalogue,
    users: &'c Table,
) -> Option<(Membership<'c>, Vec<Membership<'c>>)> {
    let mut scored: Vec<(f64, Membership<'c>)> = Vec::new();
    for table in candidates(catalogue).filter(|table| table.name != users.name) {
        for groups in candidates(catalogue) {
            if groups.name == users.name || groups.name == table.name || key(groups).is_none() {
                continue;
            }
            let (Some(user), Some(group)) = (points(table, users), points(table, groups)) else {
                continue;
            };
            if user == group || words::pick(groups, words::LABEL, words::is_text).is_none() {
                continue;
            }
            let found = Membership { groups, table, group, user };
            let score = weigh(&found);
            if score >= 1.0 {
                scored.push((score, found));
            }
        }
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.table.name.cmp(&b.1.table.name)));
    let (top, found) = *scored.first()?;
    let near = scored.iter().skip(1).filter(|(score, _)| top - score < 0.25);
    Some((found, near.map(|(_, found)| *found).collect()))
}

fn weigh(found: &Membership<'_>) -> f64 {
    let pair = |columns: &[String]| {
        columns.len() == 2
            && columns.iter().any(|column| column == found.group)
            && columns.iter().any(|column| column == found.user)
    };
    let unique_pair = pair(&found.table.primary_key)
        || found.table.indexes.iter().any(|index| index.unique && pair(&index.columns));
    let name = words::plain(&found.table.name.name);
    let named = ["member", "usergroup", "userteam", "groupuser", "teamuser"]
        .iter()
        .any(|word| name.contains(word));
    let mut score = words::rank(&found.groups.name.name, words::GROUPS);
    for (holds, weight) in [(unique_pair, 1.0), (named, 0.5)] {
        score += if holds { weight } else { 0.0 };
    }
    score
}

/// The column of `table` that points at `target`: by foreign key, else by name.
pub(super) fn points<'c>(table: &'c Table, target: &Table) -> Option<&'c str> {
    let by_key = table.foreign_keys.iter().find_map(|key| match key.columns.as_slice() {
        [only] if key.target == target.name => Some(only.as_str()),
        _ => None,
    });
    by_key.or_else(|| by_name(table, target))
}

/// `team_id` points at `teams.team_id` or `team.id`, also where no foreign key says so.
fn by_name<'c>(table: &'c Table, target: &Table) -> Option<&'c str> {
    let target_key = target.column(key(target)?)?;
    let singular = words::plain(&target.name.name);
    let singular = singular.strip_suffix('s').unwrap_or(&singular);
    let suits = |column: &&Column| {
        let name = words::plain(&column.name);
        let same_name = name == words::plain(&target_key.name) && name != "id";
        column.kind == target_key.kind && (same_name || name == format!("{singular}id"))
    };
    let own = key(table);
    table
        .columns
        .iter()
        .find(|column| suits(column) && own != Some(column.name.as_str()))
        .map(|column| column.name.as_str())
}

/// The lookup table that a department column points at.
pub(super) fn department<'c>(
    catalogue: &'c Catalogue,
    users: &'c Table,
    not: &[&Table],
) -> Option<(&'c Column, &'c Table)> {
    let usable = |table: &&Table| {
        table.name != users.name
            && !not.iter().any(|other| other.name == table.name)
            && key(table).is_some()
            && words::pick(table, words::LABEL, words::is_text).is_some()
            && words::rank(&table.name.name, words::DEPARTMENTS) > 0.0
    };
    let mut found: Vec<(f64, &Column, &Table)> = candidates(catalogue)
        .filter(usable)
        .filter_map(|table| {
            let column = users.column(points(users, table)?)?;
            Some((words::rank(&table.name.name, words::DEPARTMENTS), column, table))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.first().map(|(_, column, table)| (*column, *table))
}

/// Tables that point at users and are nothing else yet.
pub(super) fn others<'c>(
    catalogue: &'c Catalogue,
    users: &Table,
    not: &[&Table],
) -> Vec<&'c Table> {
    let free = |table: &&Table| {
        table.name != users.name && !not.iter().any(|other| other.name == table.name)
    };
    candidates(catalogue).filter(free).collect()
}

pub(super) fn is_password(name: &str) -> bool {
    let name = words::plain(name);
    ["password", "passwd", "passhash", "pwd"].iter().any(|word| name.contains(word))
}
