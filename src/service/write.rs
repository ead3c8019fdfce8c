//! Writing: create, replace, patch, delete. Each is one transaction that holds the legacy change,
//! the link, the memberships and the audit row; a refusal is audited by itself.

mod create;
mod delete;
mod job;
mod members;
mod update;

use std::sync::Arc;

use serde_json::Value;

use super::{Caller, Error, Reply, Scope, Service, audit, guard};
use crate::mapper;
use crate::notify::Channels;
use crate::scim::{self, Ignored};
use crate::store::{Tx, audit as audit_rows};

pub(super) use job::Request;
use job::{Done, Job, Parsed};

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
    // A body may be long: it is read where it keeps no other request waiting.
    let preparing = service.clone();
    let job = tokio::task::spawn_blocking(move || prepare(&preparing, request, operation)).await;
    let job = job.map_err(|error| Error::Internal(Box::new(error)))??;
    let (kind, ignored) = (job.kind(), job.ignored.clone());
    let store = service.store_for(&job.request.caller);
    let done = store.write(job, async |tx, job| perform(tx, job).await).await?;
    service.left_out.count_attributes(kind, &ignored);
    service.left_out.count_members(&done.absent);
    Ok(done.reply)
}

/// Does it in a transaction of the caller's, who rolls back what fails. A refusal isn't audited.
pub(super) async fn within(
    service: &Service,
    tx: &mut Tx,
    request: Request,
    operation: Operation,
) -> Result<Reply, Error> {
    let job = prepare(service, Arc::new(request), operation)?;
    Ok(perform(tx, &job).await?.reply)
}

async fn perform(tx: &mut Tx, job: &Job) -> Result<Done, Error> {
    match &job.parsed {
        Parsed::Create(resource, asserted) => create::run(tx, job, resource, asserted).await,
        Parsed::Replace(..) | Parsed::Patch(_) => update::run(tx, job).await,
        Parsed::Delete => Ok(Done::of_everything(delete::run(tx, job).await?)),
    }
}

/// What is asked for, parsed, before any transaction.
fn prepare(service: &Service, request: Arc<Request>, operation: Operation) -> Result<Job, Error> {
    if request.caller.scope != Scope::Provision {
        return Err(scim::Error::forbidden("the token's scope is `read`: it can't write").into());
    }
    let mut ignored = Ignored::default();
    let parsed = match operation {
        Operation::Create(body) => {
            let mut resource = scim::parse_resource(request.kind, &body, &mut ignored)?;
            let asserted = scim::asserted_by(&resource);
            mapper::unite_stated(&service.layout, request.kind, &mut resource)?;
            Parsed::Create(resource, asserted)
        }
        Operation::Replace(body) => {
            let mut resource = scim::parse_resource(request.kind, &body, &mut ignored)?;
            let asserted = scim::asserted_by(&resource);
            mapper::unite_stated(&service.layout, request.kind, &mut resource)?;
            Parsed::Replace(resource, asserted)
        }
        Operation::Patch(body) => {
            let patch = scim::parse_patch(request.kind, &body)?;
            ignored.clone_from(patch.ignored());
            Parsed::Patch(patch)
        }
        Operation::Delete => Parsed::Delete,
    };
    let (layout, guard) = (Arc::clone(&service.layout), service.guard);
    Ok(Job { layout, guard, request, parsed, ignored })
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
        .store_for(caller)
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
