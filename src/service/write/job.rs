//! One write inside its transaction: what was asked for, and the steps that every write takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use crate::clock::stamp;
use crate::config::Guard;
use crate::mapper::{self, Assignment, Cell, Changes, Layout, Predicate, Record};
use crate::scim::{self, Asserted, Ignored, Patch, Projection, Resource, ResourceType};
use crate::service::left_out::Absence;
use crate::service::representation::{beside, edges_of, represent};
use crate::service::{Caller, Conditions, Error, Reply, audit, read};
use crate::store::changes::{self, UnknownLabel};
use crate::store::resources::{self, Beside};
use crate::store::{Tx, audit as audit_rows};

/// Who writes what, on which conditions.
pub(in crate::service) struct Request {
    pub(super) caller: Caller,
    pub(super) kind: ResourceType,
    pub(super) id: Option<String>,
    pub(super) projection: Projection,
    pub(super) conditions: Conditions,
}

impl Request {
    pub(in crate::service) fn new(
        caller: &Caller,
        kind: ResourceType,
        id: Option<&str>,
        projection: Projection,
        conditions: Conditions,
    ) -> Self {
        Self { caller: caller.clone(), kind, id: id.map(str::to_owned), projection, conditions }
    }

    pub(super) fn now(&self) -> NaiveDateTime {
        stamp(self.caller.now)
    }
}

/// A parsed write.
pub(super) enum Parsed {
    Create(Resource, Asserted),
    Replace(Resource, Asserted),
    Patch(Patch),
    Delete,
}

/// What a write answers, and which members it left out.
pub(super) struct Done {
    pub(super) reply: Reply,
    pub(super) absent: BTreeMap<String, Absence>,
}

impl Done {
    /// Nobody was left out.
    pub(super) fn of_everything(reply: Reply) -> Self {
        Self { reply, absent: BTreeMap::new() }
    }
}

/// One write inside its transaction.
pub(super) struct Job {
    pub(super) layout: Arc<Layout>,
    pub(super) guard: Guard,
    pub(super) request: Arc<Request>,
    pub(super) parsed: Parsed,
    /// What no schema knows of what was asked for.
    pub(super) ignored: Ignored,
}

impl Job {
    pub(super) fn kind(&self) -> ResourceType {
        self.request.kind
    }

    pub(super) fn now(&self) -> NaiveDateTime {
        self.request.now()
    }

    /// The live resource that the request names, locked, once the request's preconditions hold.
    pub(super) async fn current(&self, tx: &mut Tx, id: &str) -> Result<Record, Error> {
        let (kind, layout) = (self.kind(), &self.layout);
        let key = layout.key(kind, id).ok_or_else(|| read::missing(kind, id))?;
        let lock = resources::Lock::Update;
        let record = resources::by_key_with(tx, layout, kind, &key, lock, self.beside())
            .await?
            .filter(|record| !record.deleted())
            .ok_or_else(|| read::missing(kind, id))?;
        refuse_recycled(layout, kind, &record)?;
        if self.request.conditions.stated() {
            let projection = &self.request.projection;
            let records = std::slice::from_ref(&record);
            let edges = edges_of(tx, layout, kind, records, projection).await?;
            let current = represent(layout, kind, &record, &edges, &self.request.caller.base);
            self.request.conditions.allow(&current)?;
        }
        Ok(record)
    }

    /// What the answer, or the version that a condition names, needs beside the row.
    pub(super) fn beside(&self) -> Beside {
        match self.parsed {
            Parsed::Delete if !self.request.conditions.stated() => Beside::Nothing,
            _ => beside(self.kind(), &self.request.projection),
        }
    }

    /// Assignments as changes of rows; a label that its lookup rejects is the client's fault.
    pub(super) async fn changes(
        &self,
        tx: &mut Tx,
        assignments: Vec<Assignment>,
    ) -> Result<Changes, Error> {
        let resolved = changes::resolve(tx, assignments, self.now()).await?;
        resolved.map_err(|UnknownLabel { attribute, label }| {
            scim::Error::invalid_value(format!("{attribute}: kpifire has no `{label}`")).into()
        })
    }

    /// Other resources of this name, tombstones included; the name is ours until the end of the
    /// transaction.
    pub(super) async fn named(&self, tx: &mut Tx, name: &str) -> Result<Vec<Record>, Error> {
        let kind = self.kind();
        let named: Predicate = mapper::matching_name(&self.layout, kind, name)?;
        resources::lock_name(tx, kind, name).await?;
        Ok(resources::by_name(tx, &self.layout, kind, &named).await?)
    }

    /// Appends the audit row of what was done, with what of the request was left out.
    pub(super) async fn audit(
        &self,
        tx: &mut Tx,
        operation: &str,
        id: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<(), Error> {
        let (before, mut after) = audit::differences(before, after);
        if !self.ignored.is_empty() {
            after.insert(audit::IGNORED.to_owned(), self.ignored.names().collect());
        }
        let event = audit::Event { operation, kind: self.kind(), id: Some(id), before, after };
        audit_rows::append(tx, &audit::done(&self.request.caller, event)).await?;
        Ok(())
    }

    /// Reads the row back and renders it.
    pub(super) async fn reread(&self, tx: &mut Tx, key: &Cell) -> Result<Record, Error> {
        let (kind, lock) = (self.kind(), resources::Lock::None);
        let record =
            resources::by_key_with(tx, &self.layout, kind, key, lock, self.beside()).await?;
        record.ok_or_else(|| {
            Error::Internal("a row that was just written isn't there: a trigger removed it?".into())
        })
    }

    /// The answer that shows the resource.
    pub(super) async fn reply(
        &self,
        tx: &mut Tx,
        record: &Record,
        status: u16,
    ) -> Result<Reply, Error> {
        let (kind, projection) = (self.kind(), &self.request.projection);
        let records = std::slice::from_ref(record);
        let edges = edges_of(tx, &self.layout, kind, records, projection).await?;
        let shown = represent(&self.layout, kind, record, &edges, &self.request.caller.base);
        let etag = Some(shown.etag.clone());
        let location = shown.location();
        let body = shown.projected(projection, kind);
        Ok(Reply::Resource { status, body, etag, location })
    }
}

/// A key that belongs to another row than the link was made for is frozen: a write meant for one
/// person would hit another.
fn refuse_recycled(layout: &Layout, kind: ResourceType, record: &Record) -> Result<(), Error> {
    let name = kind.name_attribute();
    let asserted = record.link.as_ref().and_then(|link| link.baseline.as_ref());
    let asserted = asserted.and_then(|baseline| baseline.get(name)).and_then(Value::as_str);
    let now = mapper::attributes(layout, kind, record);
    let now = now.get(name).and_then(Value::as_str);
    if !mapper::recycled(record, asserted, now) {
        return Ok(());
    }
    Err(scim::Error::conflict(format!(
        "kpifire uses the id `{}` for another {kind} now; nothing is written to it until an operator \
         lets the old link go (kpifire-scim drift)",
        kind.id(&record.key_text())
    ))
    .into())
}

/// The matching attribute's value, which every resource needs.
pub(super) fn required_name(kind: ResourceType, resource: &Resource) -> Result<String, Error> {
    let attribute = kind.name_attribute();
    resource
        .get(attribute)
        .and_then(Value::as_str)
        .filter(|name| !name.trim().is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            scim::Error::invalid_value(format!("{attribute}: a value is required")).into()
        })
}

pub(super) fn external_id(resource: &Resource) -> Result<Option<String>, Error> {
    let external = resource.get("externalId").and_then(Value::as_str).filter(|id| !id.is_empty());
    if external.is_some_and(|id| id.chars().count() > 255) {
        return Err(scim::Error::invalid_value("externalId: 255 characters are the most").into());
    }
    Ok(external.map(str::to_owned))
}

pub(super) fn taken(kind: ResourceType, name: &str) -> Error {
    let attribute = kind.name_attribute();
    scim::Error::uniqueness(format!("{attribute}: `{name}` is taken by another {kind}")).into()
}

/// The name is held by a row that SCIM no longer shows: nobody finds it there.
pub(super) fn taken_by_deleted(kind: ResourceType, name: &str, gone: &Record) -> Error {
    let (attribute, id) = (kind.name_attribute(), kind.id(&gone.key_text()));
    scim::Error::uniqueness(format!(
        "{attribute}: `{name}` is held by the row of the deleted {kind} `{id}`, which is still in kpifire: \
         rename or remove that row there, or take another name"
    ))
    .into()
}

/// Whether the database takes one row of a name, whoever it belongs to.
pub(super) fn names_are_unique(layout: &Layout, kind: ResourceType) -> bool {
    let rows = layout.resource(kind);
    rows.name().is_some_and(|it| rows.relation.is_unique(&[&it.column]))
}

/// Whether the assignments need the database to know what the row then shows: a lookup's column
/// holds a key, and SCIM its label; what lies in other tables may not be there.
pub(super) fn needs_reread(assignments: &[Assignment]) -> bool {
    assignments.iter().any(|it| match it {
        Assignment::Attribute(field, _) => field.is_computed() || !field.is_own(),
        Assignment::Own(..) => false,
    })
}

/// Where no column and no table says who is active, nobody can be locked: that is never answered as if
/// it had been done.
pub(super) fn refuse_without_active(
    layout: &Layout,
    kind: ResourceType,
    resource: &Resource,
) -> Result<(), Error> {
    let asked = mapper::active(resource) == Some(false);
    if kind != ResourceType::User || !asked || layout.users.active().is_some() {
        return Ok(());
    }
    Err(scim::Error::forbidden(
        "active: the profile maps nothing that locks a user, so nobody can be disabled here; map \
         `active` under [users.attributes]",
    )
    .into())
}
