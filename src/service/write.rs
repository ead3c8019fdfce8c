//! Writing: create, replace, patch, delete. Each is one transaction that holds the legacy change,
//! the link, the memberships and the audit row; a refusal is audited by itself.

mod create;
mod delete;
mod members;
mod update;

use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::representation::{beside, edges_of, represent};
use super::{Caller, Conditions, Error, Reply, Scope, Service, audit, guard, read};
use crate::clock::stamp;
use crate::config::Guard;
use crate::mapper::{self, Assignment, Cell, Columns, Layout, Predicate, Record};
use crate::notify::Channels;
use crate::scim::{self, Asserted, Patch, Projection, Resource, ResourceType};
use crate::store::resources::{self, Beside, UnknownLabel};
use crate::store::{Tx, audit as audit_rows};

/// Who writes what, on which conditions.
pub(super) struct Request {
    caller: Caller,
    kind: ResourceType,
    id: Option<String>,
    projection: Projection,
    conditions: Conditions,
}

impl Request {
    pub fn new(
        caller: &Caller,
        kind: ResourceType,
        id: Option<&str>,
        projection: Projection,
        conditions: Conditions,
    ) -> Self {
        Self { caller: caller.clone(), kind, id: id.map(str::to_owned), projection, conditions }
    }

    fn now(&self) -> NaiveDateTime {
        stamp(self.caller.now)
    }
}

/// What is asked for, with the body as it came.
pub(super) enum Operation {
    Create(Value),
    Replace(Value),
    Patch(Value),
    Delete,
}

impl Operation {
    fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Replace(_) | Self::Patch(_) => "update",
            Self::Delete => "delete",
        }
    }
}

/// A parsed write.
enum Parsed {
    Create(Resource, Asserted),
    Replace(Resource, Asserted),
    Patch(Patch),
    Delete,
}

/// One write inside its transaction.
struct Job {
    layout: Arc<Layout>,
    guard: Guard,
    request: Arc<Request>,
    parsed: Parsed,
}

/// Parses, runs the transaction, and audits a refusal.
pub(super) async fn run(
    service: &Service,
    request: Request,
    operation: Operation,
) -> Result<Reply, Error> {
    let request = Arc::new(request);
    let name = operation.name();
    let outcome = attempt(service, Arc::clone(&request), operation)
        .await
        .map_err(|error| error.explained_by(&service.layout, request.kind));
    let (kind, id) = (Some(request.kind), request.id.as_deref());
    match &outcome {
        Err(Error::Scim(error)) => {
            let refusal = audit::Refusal { operation: name, kind, id, error };
            refused(service, &request.caller, &refusal).await;
        }
        Err(Error::Guarded(error)) => {
            tracing::warn!(detail = error.detail, "the guard refused to disable a user");
            let refusal = audit::Refusal { operation: name, kind, id, error };
            leave_trace(service, &request.caller, &refusal, Refuser::Guard).await;
        }
        _ => {}
    }
    outcome
}

async fn attempt(
    service: &Service,
    request: Arc<Request>,
    operation: Operation,
) -> Result<Reply, Error> {
    if request.caller.scope != Scope::Provision {
        return Err(scim::Error::forbidden("the token's scope is `read`: it can't write").into());
    }
    let parsed = match operation {
        Operation::Create(body) => {
            let resource = scim::parse_resource(request.kind, &body)?;
            let asserted = scim::asserted_by(&resource);
            Parsed::Create(resource, asserted)
        }
        Operation::Replace(body) => {
            let resource = scim::parse_resource(request.kind, &body)?;
            let asserted = scim::asserted_by(&resource);
            Parsed::Replace(resource, asserted)
        }
        Operation::Patch(body) => Parsed::Patch(scim::parse_patch(request.kind, &body)?),
        Operation::Delete => Parsed::Delete,
    };
    let (layout, guard) = (Arc::clone(&service.layout), service.guard);
    service
        .store
        .write(Job { layout, guard, request, parsed }, async |tx, job| match &job.parsed {
            Parsed::Create(resource, asserted) => create::run(tx, job, resource, asserted).await,
            Parsed::Replace(..) | Parsed::Patch(_) => update::run(tx, job).await,
            Parsed::Delete => delete::run(tx, job).await,
        })
        .await
}

/// What refused a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refuser {
    /// SCIM's rules, the profile's, the caller's rights.
    Rules,
    /// The guard: people are told.
    Guard,
}

/// Leaves the trace of a write that was refused. The answer doesn't depend on it.
pub(super) async fn refused(service: &Service, caller: &Caller, refusal: &audit::Refusal<'_>) {
    leave_trace(service, caller, refusal, Refuser::Rules).await;
}

async fn leave_trace(
    service: &Service,
    caller: &Caller,
    refusal: &audit::Refusal<'_>,
    refuser: Refuser,
) {
    let row = audit::refused(caller, refusal);
    let context = (row, refuser, Channels::clone(&service.channels), caller.now);
    let written = service
        .store
        .write(context, async |tx, (row, refuser, channels, now)| {
            if *refuser == Refuser::Guard {
                let detail = row.detail.as_deref().unwrap_or_default();
                guard::announce(tx, channels, &row.outcome, detail, *now).await?;
            }
            audit_rows::append(tx, row).await
        })
        .await;
    if let Err(error) = written {
        tracing::error!(%error, "a refused write could not be audited");
    }
}

impl Job {
    fn kind(&self) -> ResourceType {
        self.request.kind
    }

    fn now(&self) -> NaiveDateTime {
        self.request.now()
    }

    /// The live resource that the request names, locked, once the request's preconditions hold.
    async fn current(&self, tx: &mut Tx, id: &str) -> Result<Record, Error> {
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
    fn beside(&self) -> Beside {
        match self.parsed {
            Parsed::Delete if !self.request.conditions.stated() => Beside::Nothing,
            _ => beside(self.kind(), &self.request.projection),
        }
    }

    /// Assignments as columns; a label that its lookup rejects is the client's fault.
    async fn columns(&self, tx: &mut Tx, assignments: Vec<Assignment>) -> Result<Columns, Error> {
        let resolved = resources::resolve_lookups(tx, assignments, self.now()).await?;
        resolved.map_err(|UnknownLabel { attribute, label }| {
            scim::Error::invalid_value(format!("{attribute}: kpifire has no `{label}`")).into()
        })
    }

    /// Other resources of this name, tombstones included; the name is ours until the end of the
    /// transaction.
    async fn named(&self, tx: &mut Tx, name: &str) -> Result<Vec<Record>, Error> {
        let kind = self.kind();
        let named: Predicate = mapper::matching_name(&self.layout, kind, name)?;
        resources::lock_name(tx, kind, name).await?;
        Ok(resources::by_name(tx, &self.layout, kind, &named).await?)
    }

    /// Appends the audit row of what was done, unless nothing differs.
    async fn audit(
        &self,
        tx: &mut Tx,
        operation: &str,
        id: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<(), Error> {
        let (before, after) = audit::differences(before, after);
        let event = audit::Event { operation, kind: self.kind(), id: Some(id), before, after };
        audit_rows::append(tx, &audit::done(&self.request.caller, event)).await?;
        Ok(())
    }

    /// Reads the row back and renders it.
    async fn reread(&self, tx: &mut Tx, key: &Cell) -> Result<Record, Error> {
        let (kind, lock) = (self.kind(), resources::Lock::None);
        let record =
            resources::by_key_with(tx, &self.layout, kind, key, lock, self.beside()).await?;
        record.ok_or_else(|| {
            Error::Internal("a row that was just written isn't there: a trigger removed it?".into())
        })
    }

    /// The answer that shows the resource.
    async fn reply(&self, tx: &mut Tx, record: &Record, status: u16) -> Result<Reply, Error> {
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
        record.id()
    ))
    .into())
}

/// The matching attribute's value, which every resource needs.
fn required_name(kind: ResourceType, resource: &Resource) -> Result<String, Error> {
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

fn external_id(resource: &Resource) -> Result<Option<String>, Error> {
    let external = resource.get("externalId").and_then(Value::as_str).filter(|id| !id.is_empty());
    if external.is_some_and(|id| id.chars().count() > 255) {
        return Err(scim::Error::invalid_value("externalId: 255 characters are the most").into());
    }
    Ok(external.map(str::to_owned))
}

fn taken(kind: ResourceType, name: &str) -> Error {
    let attribute = kind.name_attribute();
    scim::Error::uniqueness(format!("{attribute}: `{name}` is taken by another {kind}")).into()
}

/// Whether the assignments need the database to know what the row then shows: a lookup's column
/// holds a key, and SCIM its label.
fn needs_reread(assignments: &[Assignment]) -> bool {
    assignments.iter().any(|it| match it {
        Assignment::Attribute(field, _) => field.is_looked_up(),
        Assignment::Constant(..) => false,
    })
}
