//! Taking a run of cleanup back, step by step from the journal, where the rows are still as cleanup
//! left them. What was undone is put on hold, or the next run would do it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::plan::Stage;
use super::steps::{Hand, note};
use crate::mapper::{Cell, Layout, LinkState};
use crate::profile::model::TableName;
use crate::reconcile::Settings;
use crate::scim::ResourceType;
use crate::service::{Error, stamp};
use crate::store::cleanup::{self, Before, Entry};
use crate::store::resources::{self, Lock};
use crate::store::{Store, Tx, edges, links};

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// Whose.
    pub id: String,
    /// Which.
    pub step: String,
    /// Nothing, or why it stays as cleanup left it.
    pub refused: Option<String>,
}

/// Takes the steps of a run back, the last one first.
///
/// # Errors
/// The database's; steps that were taken back by then stay so.
pub async fn undo(
    store: &Store,
    settings: &Arc<Settings>,
    run: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Undone>, Error> {
    let wanted = run.to_owned();
    let steps = store
        .read(move |tx| {
            let run = wanted.clone();
            Box::pin(async move { cleanup::steps_of(tx, &run).await })
        })
        .await?;
    let mut all = Vec::with_capacity(steps.len());
    for (id, step) in steps {
        let hand = Hand { settings: Arc::clone(settings), run: run.to_owned(), now };
        let refused = one(store, hand, id.clone(), step.clone()).await?.err();
        all.push(Undone { id, step, refused });
    }
    Ok(all)
}

async fn one(
    store: &Store,
    hand: Hand,
    id: String,
    step: String,
) -> Result<Result<(), String>, Error> {
    let work = Arc::new((hand, id, step));
    let outcome = store
        .write(move |tx| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                let (hand, id, step) = &*work;
                take_back(tx, hand, id, step).await
            })
        })
        .await;
    match outcome {
        Ok(()) => Ok(Ok(())),
        Err(Stays::Because(why)) => Ok(Err(why)),
        Err(Stays::Failed(Error::Refused(error))) => Ok(Err(format!("error: {error}"))),
        Err(Stays::Failed(error)) => Err(error),
    }
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

async fn take_back(tx: &mut Tx, hand: &Hand, id: &str, step: &str) -> Result<(), Stays> {
    let layout = &*hand.settings.layout;
    let Some(entry) = cleanup::step(tx, &hand.run, id, step).await? else {
        return Err(because("there is no such step in the journal"));
    };
    if entry.outcome != "done" {
        return Err(because("it was undone before"));
    }
    let stage = Stage::from_name(step);
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
    match stage {
        Some(Stage::Strip) => put_rows_back(tx, layout, &entry.before).await?,
        Some(Stage::Transfer) => set_rows_back(tx, layout, &entry.before).await?,
        _ => {
            set_rows_back(tx, layout, &entry.before).await?;
            identity_back(tx, hand, id, &entry).await?;
        }
    }
    if stage != Some(Stage::Transfer) {
        links::set_stage(tx, id, entry.before.stage.as_deref()).await?;
    }
    cleanup::undone(tx, &hand.run, id, step).await?;
    let reason = format!("undone: run {}", hand.run);
    cleanup::hold(tx, id, &reason, stamp(hand.now)).await?;
    note(tx, hand, "undo", id, step).await?;
    Ok(())
}

/// Removed rows, where nothing has taken their place.
async fn put_rows_back(tx: &mut Tx, layout: &Layout, before: &Before) -> Result<(), Stays> {
    let members = &layout.profile.members;
    for row in before.removed.get(&members.table.to_string()).into_iter().flatten() {
        let edge: BTreeMap<String, Cell> = row
            .iter()
            .filter(|(column, _)| **column == members.group || **column == members.user)
            .map(|(column, cell)| (column.clone(), cell.clone()))
            .collect();
        if !cleanup::has_row(tx, layout, &members.table, &edge).await? {
            cleanup::put_back(tx, layout, &members.table, row).await?;
        }
    }
    Ok(())
}

/// Changed rows, each where it is still as cleanup left it.
async fn set_rows_back(tx: &mut Tx, layout: &Layout, before: &Before) -> Result<(), Stays> {
    for (name, rows) in &before.changed {
        let table = table(layout, name)
            .ok_or_else(|| because(format!("the profile no longer names the table {name}")))?;
        let set = before.set.get(name).cloned().unwrap_or_default();
        for row in rows {
            let (was, key): (BTreeMap<_, _>, BTreeMap<_, _>) =
                row.clone().into_iter().partition(|(column, _)| set.contains_key(column));
            if key.is_empty() {
                return Err(because(format!("{name} has no primary key to find its rows by")));
            }
            let as_left: BTreeMap<String, Cell> =
                key.into_iter().chain(set.iter().map(|(c, v)| (c.clone(), v.clone()))).collect();
            if cleanup::set_where(tx, layout, table, &was, &as_left).await? == 0 {
                return Err(because(format!("a row of {name} is no longer as cleanup left it")));
            }
        }
    }
    Ok(())
}

fn table<'a>(layout: &'a Layout, name: &str) -> Option<&'a TableName> {
    let owned = layout.profile.ownership.iter().map(|it| &it.table);
    owned.chain([&layout.profile.users.table]).find(|table| table.to_string() == name)
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
    link.state = LinkState::Managed;
    link.baseline = object("baseline");
    link.kept = object("kept").unwrap_or_else(Map::new);
    link.deleted_at = None;
    link.version += 1;
    link.modified = stamp(hand.now);
    links::put(tx, kind, id, &link).await?;
    edges::desire(tx, &entry.before.desired, id, stamp(hand.now)).await?;
    Ok(())
}
