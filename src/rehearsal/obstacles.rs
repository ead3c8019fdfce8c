//! What a rehearsal can't take back, told before it begins: numbers of sequences, which stay used, and
//! storage without transactions, on which nothing is rehearsed.

use std::collections::BTreeSet;

use super::line::{done, refused};
use crate::profile::catalogue::{Catalogue, Column, Database, Table};
use crate::profile::model::Profile;
use crate::profile::proof::{Finding, short_name};
use crate::profile::relations::Right;
use crate::service::Error;
use crate::store::Store;

/// What forbids a rehearsal.
pub(super) async fn find(
    store: &Store,
    profile: &Profile,
    catalogue: &Catalogue,
) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    for table in written(profile, catalogue).filter(|table| table.traits.no_transactions) {
        let engine = table.traits.engine.as_deref().unwrap_or("its engine");
        let name = short_name(catalogue, &table.name);
        found.push(refused(
            &format!(
                "nothing was rehearsed: `{name}` is stored by {engine}, which takes nothing back"
            ),
            "a rehearsal is rolled back, and its rows would stay",
            &format!("ALTER TABLE `{}` ENGINE=InnoDB;", table.name.name.replace('`', "``")),
        ));
    }
    let tables: Vec<(Option<String>, String)> = written(profile, catalogue)
        .map(|table| (table.name.schema.clone(), table.name.name.clone()))
        .collect();
    let unsafe_tables: Vec<String> = catalogue
        .tables
        .values()
        .filter(|table| table.traits.no_transactions)
        .map(|table| table.name.name.clone())
        .collect();
    if catalogue.database == Database::Mysql && !unsafe_tables.is_empty() {
        for (trigger, body) in store.triggers_of(tables).await? {
            if let Some(name) = unsafe_tables.iter().find(|name| has_word(&body, name)) {
                found.push(refused(
                    &format!(
                        "nothing was rehearsed: the trigger `{trigger}` names `{name}`, whose \
                         storage takes nothing back"
                    ),
                    "a rehearsal is rolled back, and the trigger's rows would stay",
                    &format!("ALTER TABLE `{}` ENGINE=InnoDB;", name.replace('`', "``")),
                ));
            }
        }
    }
    Ok(found)
}

/// What stays when all is rolled back.
pub(super) fn stays(profile: &Profile, catalogue: &Catalogue) -> Finding {
    if catalogue.database == Database::Sqlite {
        return done("begins; it is rolled back at the end, and nothing of it stays");
    }
    let inserted: BTreeSet<String> = profile
        .relations()
        .iter()
        .filter(|named| named.rights.contains(&Right::Insert))
        .filter_map(|named| catalogue.table(named.table))
        .flat_map(|table| {
            let of =
                |column: &Column| format!("{}.{}", short_name(catalogue, &table.name), column.name);
            table.columns.iter().filter(|column| numbered(column)).map(of)
        })
        .collect();
    if inserted.is_empty() {
        return done("begins; it is rolled back at the end");
    }
    let list: Vec<String> = inserted.into_iter().collect();
    done(format!(
        "begins; it is rolled back at the end, but for a few numbers that stay used: {}",
        list.join(", ")
    ))
}

fn numbered(column: &Column) -> bool {
    let sequence = column.default.as_deref().is_some_and(|it| it.contains("nextval("));
    column.generated || sequence
}

/// The tables that the agent writes.
fn written<'c>(profile: &Profile, catalogue: &'c Catalogue) -> impl Iterator<Item = &'c Table> {
    let mut seen = BTreeSet::new();
    let relations = profile.relations();
    let found: Vec<&Table> = relations
        .iter()
        .filter(|named| named.rights.iter().any(|right| *right != Right::Select))
        .filter_map(|named| catalogue.table(named.table))
        .filter(|table| seen.insert(table.name.clone()))
        .collect();
    found.into_iter()
}

/// Whether a text has the name as a word.
fn has_word(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let bounds = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    text.match_indices(&name).any(|(at, found)| {
        bounds(text.get(..at).and_then(|it| it.chars().next_back()))
            && bounds(text.get(at + found.len()..).and_then(|it| it.chars().next()))
    })
}
