//! Whether the counters that the profile takes keys from are there, and ahead of the rows that have their
//! numbers.

use std::sync::Arc;

use super::super::relation;
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::proven::wrong;
use crate::mapper::{Column, Counter, KeySource, Layout, Made, Relation};
use crate::profile::catalogue::Catalogue;
use crate::profile::model::{Holds, Profile};
use crate::profile::proof::{Finding, Severity};
use crate::scim::ResourceType;

/// A key that a counter makes.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    /// The profile's key of it.
    key: String,
    relation: Relation,
    column: Arc<Column>,
    counter: Arc<Counter>,
}

/// The keys of the profile that counters make.
pub(super) fn wanted(profile: &Profile, catalogue: &Catalogue) -> Vec<Counted> {
    let Ok(layout) = Layout::new(Arc::new(profile.clone()), catalogue) else { return Vec::new() };
    let mut found = Vec::new();
    for (kind, name) in [(ResourceType::User, "users"), (ResourceType::Group, "groups")] {
        let own = layout.resource(kind);
        let sources = [(format!("{name}.key"), &own.relation, &own.key, Some(&own.source))];
        let parents = own.companions.iter().filter(|it| it.parent.is_some());
        let parents = parents
            .map(|it| (format!("{name}.parent.key"), &it.relation, &it.user, it.parent.as_ref()));
        for (key, relation, column, source) in sources.into_iter().chain(parents) {
            if let Some(KeySource::Made(Made::Counter(counter))) = source {
                let (relation, column) = (relation.clone(), Arc::clone(column));
                found.push(Counted { key, relation, column, counter: Arc::clone(counter) });
            }
        }
    }
    found
}

/// What is wrong with one. One that the account may not read is told of by its grants.
pub(super) async fn prove(tx: &mut Tx, it: &Counted) -> Option<Finding> {
    let all = || Sql::new("1 = 1");
    let read = Sql::new("SELECT ")
        .name(&it.counter.column)
        .append(relation::from_alone(&it.counter.relation))
        .append(all());
    let rows = tx.query(read).await.ok()?;
    let [row] = rows.as_slice() else {
        return Some(wrong(
            Severity::Error,
            &it.key,
            format!("the counter in {} is {} rows", it.counter.relation.table, rows.len()),
            "no key can be made: each POST fails",
            "say with `where` which row counts",
        ));
    };
    let held = row.cell(0).to_int()?;
    let last = match it.counter.holds {
        Holds::Next => held.checked_sub(1)?,
        Holds::Last => held,
    };
    let most = Sql::new("SELECT MAX(")
        .name(&it.column)
        .raw(")")
        .append(relation::from_alone(&it.relation))
        .append(all());
    let most = tx.query(most).await.ok()?.first().and_then(|row| row.cell(0).to_int())?;
    (most > last).then(|| {
        wrong(
            Severity::Error,
            &it.key,
            format!("the counter is behind: it stands at {last}, a row has {most}"),
            "each POST fails with a key that is taken, until the counter has caught up",
            format!(
                "another row of {} may count, or another way make keys: name it at `{}`; or set `{}` to {}",
                it.counter.relation.table,
                it.key,
                it.counter.column.name,
                if it.counter.holds == Holds::Next { most.saturating_add(1) } else { most }
            ),
        )
    })
}
