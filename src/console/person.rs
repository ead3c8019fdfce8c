//! A person as both sides have them: what Entra asserted beside what kpifire's row says, and what
//! happened to them.

use std::sync::Arc;

use serde_json::Value;

use super::{Console, resource};
use crate::drift::Item;
use crate::mapper::{self, Layout, Reading, Record};
use crate::profile::catalogue::Database;
use crate::reconcile::cleanup::read::find_user;
use crate::scim::{ResourceType, fold};
use crate::service::Error;
use crate::service::audit::AuditRow;
use crate::store::console;
use crate::store::resources::{self, Beside, Lock};
use crate::store::{self, cleanup, links, memberships};

pub use crate::mapper::Link;

/// Neighbours that a search lists.
const NEIGHBOURS: i64 = 20;

/// A user as a search lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The SCIM id.
    pub id: String,
    /// userName.
    pub name: String,
    /// `matched`, `managed`, `deleted`; `None` where Entra doesn't know them.
    pub state: Option<&'static str>,
    /// Whether kpifire has them active.
    pub active: Option<bool>,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// Whose id, userName or externalId it is; then whose userName begins so.
    pub found: Vec<Hit>,
    /// Whose userNames follow in the alphabet.
    pub neighbours: Vec<Hit>,
}

/// An attribute as both sides have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The attribute's path.
    pub attribute: String,
    /// The column that carries it; `None` for one that only the link keeps.
    pub column: Option<String>,
    /// What Entra last asserted; `None` where it never did.
    pub asserted: Option<Value>,
    /// What kpifire's row says; for an attribute without a column what SCIM shows.
    pub actual: Value,
    /// Whether the two agree.
    pub agreement: Agreement,
}

/// How the two sides of an attribute compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// They say the same.
    Agrees,
    /// They differ.
    Differs,
    /// The profile can't read what the row says.
    Unreadable,
    /// Entra never asserted it.
    NotAsserted,
    /// No column carries it.
    Kept,
}

/// Everything that is known of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The SCIM id.
    pub id: String,
    /// userName, where the row has one.
    pub name: Option<String>,
    /// Whether kpifire has the row.
    pub there: bool,
    /// What ties the row to Entra.
    pub link: Option<Link>,
    /// The last stage of cleanup.
    pub stage: Option<String>,
    /// Attribute by attribute.
    pub sides: Vec<Side>,
    /// Teams by kpifire's own edges: id and name.
    pub teams: Vec<(String, Option<String>)>,
    /// Ids of teams that Entra put the person into.
    pub desired: Vec<String>,
    /// Whether `[protect]` names the person.
    pub protected: bool,
    /// Why cleanup leaves the account alone.
    pub held: Option<String>,
    /// Open findings.
    pub findings: Vec<Item>,
    /// The newest rows of the audit trail.
    pub history: Vec<AuditRow>,
}

impl Console {
    /// Ids of live users of this userName or id; three at most. Two statements.
    pub(super) async fn named(&self, user: &str) -> Result<Vec<String>, Error> {
        let context = (Arc::clone(self.service.layout()), user.to_owned());
        let read = self.service.store().read(context, async |tx, (layout, user)| {
            let found = meant(tx, layout, user).await?;
            Ok::<_, store::Error>(found.iter().map(Record::key_text).collect())
        });
        Ok(read.await?)
    }

    /// Users whom a text may mean. Six statements.
    pub async fn people(&self, text: &str) -> Result<Hits, Error> {
        let context = (Arc::clone(self.service.layout()), text.to_owned());
        let read = self.service.store().read(context, async |tx, (layout, text)| {
            let mut exact = meant(tx, layout, text).await?;
            exact.extend(console::users_by_external_id(tx, layout, text, NEIGHBOURS).await?);
            let near = console::users_from(tx, layout, text, NEIGHBOURS).await?;
            let mut exact: Vec<Hit> = exact.iter().map(|it| hit(layout, it)).collect();
            exact.sort_by(|one, other| one.id.cmp(&other.id));
            exact.dedup();
            let near = near.iter().map(|it| hit(layout, it)).filter(|it| !exact.contains(it));
            let beginning = fold(text);
            let (begin, neighbours): (Vec<Hit>, Vec<Hit>) =
                near.partition(|it| fold(&it.name).starts_with(&beginning));
            exact.extend(begin);
            Ok::<_, store::Error>(Hits { found: exact, neighbours })
        });
        Ok(read.await?)
    }

    /// The person of this id; `None` where neither kpifire nor the links have one. At most nine
    /// statements.
    pub async fn person(&self, id: &str) -> Result<Option<Person>, Error> {
        let context = (Arc::clone(self.service.layout()), id.to_owned());
        let store = self.service.store();
        let read = store.read(context, async |tx, (layout, id)| read(tx, layout, id).await);
        let Some(mut person) = read.await? else { return Ok(None) };
        person.history = self.history(ResourceType::User, id).await?;
        Ok(Some(person))
    }
}

async fn read(
    tx: &mut store::Tx,
    layout: &Layout,
    id: &str,
) -> Result<Option<Person>, store::Error> {
    let kind = ResourceType::User;
    let found = resource::row_and_link(tx, layout, kind, id, Beside::Groups).await?;
    let Some((record, link)) = found else { return Ok(None) };
    let name = record.as_ref().and_then(|record| name(layout, record));
    Ok(Some(Person {
        id: id.to_owned(),
        there: record.is_some(),
        sides: sides(layout, record.as_ref(), link.as_ref()),
        teams: record.and_then(|record| record.groups).map(|it| it.held).unwrap_or_default(),
        desired: memberships::desired_teams(tx, id).await?,
        protected: mapper::protected(&layout.profile.protect, id, name.as_deref()),
        held: cleanup::held(tx, id).await?,
        stage: links::stage(tx, id).await?,
        findings: resource::open(tx, kind, id).await?,
        history: Vec::new(),
        name,
        link,
    }))
}

/// Users of this id or userName. Where no index serves names whatever their case, the name must be
/// the column's to the letter, or by its collation.
async fn meant(
    tx: &mut store::Tx,
    layout: &Layout,
    text: &str,
) -> Result<Vec<Record>, store::Error> {
    if layout.database != Database::Sqlite {
        return find_user(tx, layout, text).await;
    }
    let kind = ResourceType::User;
    if let Some(key) = layout.key(kind, text)
        && let Some(record) = resources::by_key(tx, layout, kind, &key, Lock::None).await?
    {
        return Ok(vec![record]);
    }
    let near = console::users_from(tx, layout, text, 3).await?;
    let is = |it: &Record| name(layout, it).is_some_and(|name| fold(&name) == fold(text));
    Ok(near.into_iter().filter(is).collect())
}

fn hit(layout: &Layout, record: &Record) -> Hit {
    let active = mapper::reading_of(layout, ResourceType::User, record, "active");
    Hit {
        id: record.key_text(),
        name: name(layout, record).unwrap_or_default(),
        state: record.link.as_ref().map(|link| link.state.as_str()),
        active: active.and_then(|reading| reading.to_value().as_bool()),
    }
}

fn name(layout: &Layout, record: &Record) -> Option<String> {
    match mapper::reading_of(layout, ResourceType::User, record, "userName")? {
        Reading::Value(Value::String(name)) => Some(name),
        _ => None,
    }
}

/// Mapped attributes first, then those that only the link keeps.
fn sides(layout: &Layout, record: Option<&Record>, link: Option<&Link>) -> Vec<Side> {
    let kind = ResourceType::User;
    let baseline = link.and_then(|link| link.baseline.as_ref());
    let asserted = |path: &str| baseline.and_then(|baseline| baseline.get(path)).cloned();
    let mut sides: Vec<Side> = Vec::new();
    for field in &layout.resource(kind).fields {
        let asserted = asserted(&field.name);
        let (actual, agreement) = match record {
            Some(record) => {
                let reading = mapper::reading(field, record);
                let agreement = match (&reading, &asserted) {
                    (Reading::Unreadable(_), _) => Agreement::Unreadable,
                    (_, None) => Agreement::NotAsserted,
                    (_, Some(wanted)) => {
                        let same = mapper::agrees(field, wanted, record, &reading);
                        if same { Agreement::Agrees } else { Agreement::Differs }
                    }
                };
                (reading.to_value(), agreement)
            }
            None if asserted.is_some() => (Value::Null, Agreement::Differs),
            None => (Value::Null, Agreement::NotAsserted),
        };
        let (attribute, column) = (field.name.clone(), Some(field.column.name.clone()));
        sides.push(Side { attribute, column, asserted, actual, agreement });
    }
    let external = link.and_then(|link| link.external_id.clone());
    let kept = external.map(|id| ("externalId".to_owned(), Value::from(id))).into_iter();
    let kept = kept.chain(link.map(|link| link.kept.clone()).unwrap_or_default());
    sides.extend(kept.map(|(attribute, value)| Side {
        attribute,
        column: None,
        asserted: Some(value.clone()),
        actual: value,
        agreement: Agreement::Kept,
    }));
    sides
}
