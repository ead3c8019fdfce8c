//! What must be looked at before a profile can be proposed: first the tables that could hold users, then
//! those that have to do with them. Never a secret, and never more than so many rows.

use std::collections::BTreeSet;

use super::find;
use super::key;
use super::names;
use super::teams;
use super::view::{self, Looked, View};
use super::words;
use crate::profile::catalogue::{Catalogue, Column, Kind};
use crate::profile::evidence::{Evidence, Look, Wanted};

/// Of a table that could hold users, half of them the oldest, half the newest.
const USERS: u32 = 1_000;
/// Of any other table.
const OTHERS: u32 = 400;
/// So many tables at most are looked at beside the users'.
const TABLES: usize = 80;
/// So many values are looked for among the keys of another table.
const VALUES: usize = 40;

/// The tables that could hold users.
pub fn first_looks(catalogue: &Catalogue) -> Vec<Look> {
    let home = view::at_home(catalogue);
    let prefix = names::table_prefix(&home);
    let nothing = Evidence::default();
    let view = View { catalogue: &home, evidence: &nothing, prefix: prefix.as_deref() };
    let candidates = find::candidates(view).into_iter().take(12);
    candidates.map(|candidate| rows(&candidate.looked, USERS)).collect()
}

/// The tables that have to do with the users that were found, and which of their values are keys.
/// Asked twice: the second time it knows the rows.
pub fn further_looks(catalogue: &Catalogue, evidence: &Evidence) -> Vec<Look> {
    let home = view::at_home(catalogue);
    let prefix = names::table_prefix(&home);
    let view = View { catalogue: &home, evidence, prefix: prefix.as_deref() };
    let Some(found) = find::users(view) else { return Vec::new() };
    let users = found.looked;
    let mut looks = Vec::new();
    let mut tables = 0;
    let named = |table: &Looked<'_>| {
        let parts = table.parts();
        [words::GROUPS, words::DEPARTMENTS]
            .iter()
            .any(|list| names::rank(&parts, list) > names::Rank::First)
    };
    let targets: Vec<Looked<'_>> = view
        .tables()
        .filter(|table| {
            named(table) || names::rank(&table.parts(), words::GROUPLIKE) >= names::Rank::Last
        })
        .take(30)
        .collect();
    for table in view.tables() {
        let pointers = find::pointers(&table, &users);
        let near = !pointers.is_empty() || named(&table) || teams::is_link(&table);
        if !near || table.table.name == users.table.name {
            continue;
        }
        if evidence.table(&table.table.name).is_none() {
            tables += 1;
            if tables <= TABLES {
                looks.push(rows(&table, OTHERS));
            }
            continue;
        }
        looks.extend(held(&table, &users));
        for target in targets.iter().filter(|it| it.table.name != table.table.name) {
            looks.extend(held(&table, target));
        }
    }
    // Tables of counters are small; one of things of all kinds may have given the keys.
    let counting = view.tables().filter(|table| {
        (key::is_counting(table) || key::is_of_all_kinds(table))
            && evidence.table(&table.table.name).is_none()
    });
    looks.extend(counting.map(|table| rows(&table, OTHERS)));
    if let Some(teams) = teams::find(view, &users) {
        let unseen = teams.groups().filter(|it| evidence.table(&it.table.name).is_none());
        looks.extend(unseen.map(|table| rows(table, OTHERS)));
    }
    for target in &targets {
        looks.extend(held(&users, target));
    }
    let first = view.tables().filter(key::is_of_all_kinds);
    for parent in first.filter(|it| it.table.name != users.table.name) {
        let own = users.key().filter(|key| parent.key().is_some_and(|it| teams::may_hold(key, it)));
        looks.extend(own.and_then(|own| values(&users, own, &parent)));
    }
    looks
}

fn rows(table: &Looked<'_>, limit: u32) -> Look {
    let order = table.key().filter(|key| {
        table.table.primary_key.first() == Some(&key.name)
            || table.table.indexes.iter().any(|it| it.columns.first() == Some(&key.name))
    });
    let columns = table.table.columns.iter().filter(|column| !is_secret(column));
    Look::Rows {
        table: table.table.name.clone(),
        columns: columns.map(wanted).collect(),
        order: order.map(|key| key.name.clone()),
        limit,
    }
}

fn wanted(column: &Column) -> Wanted {
    Wanted { name: column.name.clone(), kind: column.kind }
}

fn is_secret(column: &Column) -> bool {
    let name = names::plain(&column.name);
    let texts = matches!(column.kind, Kind::Text | Kind::Binary | Kind::Other);
    texts && words::SECRET.iter().any(|word| name.contains(word))
}

/// Whether the values of the columns that seem to point at a target are its keys; of a table that is
/// named as a membership, of every column that could.
fn held(table: &Looked<'_>, target: &Looked<'_>) -> Vec<Look> {
    let Some(key) = target.key() else { return Vec::new() };
    let pointers = find::pointers(table, target);
    let columns: Vec<&Column> = if pointers.is_empty() && teams::is_link(table) {
        table.table.columns.iter().filter(|column| teams::may_hold(column, key)).collect()
    } else {
        pointers.iter().map(|pointer| pointer.column).collect()
    };
    columns.into_iter().filter_map(|column| values(table, column, target)).collect()
}

/// Whether the values that were seen in a column are keys of a target, where that isn't known yet.
fn values(table: &Looked<'_>, column: &Column, target: &Looked<'_>) -> Option<Look> {
    let key = target.key()?;
    let evidence = table.view().evidence;
    let known = evidence.held(&table.table.name, &column.name, &target.table.name, &key.name);
    let seen = table.seen(column).filter(|_| known.is_none())?;
    // Zero stands for none.
    let values: BTreeSet<&str> = seen.filled().filter(|value| *value != "0").collect();
    let values: Vec<String> = values.into_iter().take(VALUES).map(str::to_owned).collect();
    (!values.is_empty()).then(|| Look::Held {
        table: table.table.name.clone(),
        column: column.name.clone(),
        target: target.table.name.clone(),
        key: wanted(key),
        values,
    })
}
