//! From a routed request to the service's operation and back. One arm per operation; no decision
//! about SCIM semantics is made here.

use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use serde_json::Value;

use super::body::{self, Bounds};
use super::context::{Context, Trace};
use super::error::Failure;
use super::listener::Peer;
use super::request_id::RequestId;
use super::response::{self, Response};
use super::router::{self, Access, Match, Operation};
use super::{auth, base_url, query};
use crate::scim::{self, FilterLimits, ListQuery, Projection, ResourceType, discovery};
use crate::service::{Caller, Conditions, EntityTags};

/// Who asks for what, read off the head alone: authenticated, and with a place to go.
///
/// # Errors
/// 401, 404, 405, 429; the database's.
pub(crate) async fn enter<'a>(
    context: &'a Context,
    parts: &'a Parts,
    peer: Peer,
    id: &RequestId,
    trace: &mut Trace,
) -> Result<Routed<'a>, Failure> {
    let path = router::tidy(parts.uri.path());
    let path = router::below(&path, &context.settings().base_path).ok_or_else(no_such_endpoint)?;
    // Who asks comes before what for: without a token nobody learns which paths exist.
    let now = context.now();
    trace.time = Some(now);
    let token = auth::token(context, &parts.headers, peer).await?;
    trace.token = Some(token.name.clone());

    let (operation, resource_id) = match router::find(&parts.method, path)? {
        Match::Found { operation, template, id } => {
            trace.route = Some(template);
            (operation, id)
        }
        Match::WrongMethod { template, allow } => {
            trace.route = Some(template);
            return Err(Failure::wrong_method(allow));
        }
        Match::Unknown => return Err(no_such_endpoint().into()),
    };
    // An install without teams has no groups to ask for.
    if operation.resource().is_some_and(|kind| context.service().advertised().of(kind).is_none()) {
        return Err(no_such_endpoint().into());
    }
    Ok(Routed {
        context,
        parts,
        peer,
        operation,
        id: resource_id,
        caller: Caller {
            request_id: id.as_str().to_owned(),
            token: token.name,
            scope: token.scope,
            base: String::new(),
            now,
        },
    })
}

/// A request that is authenticated and has a place to go.
pub(crate) struct Routed<'a> {
    context: &'a Context,
    parts: &'a Parts,
    peer: Peer,
    operation: Operation,
    id: String,
    caller: Caller,
}

impl Routed<'_> {
    /// The name of its token.
    pub(crate) fn client(&self) -> &str {
        &self.caller.token
    }

    /// Whether it only reads.
    pub(crate) fn access(&self) -> Access {
        self.operation.access()
    }

    /// Reads the rest of it and asks the service.
    ///
    /// # Errors
    /// Everything that isn't a reply of the service.
    pub(crate) async fn answer(mut self, body: &mut Incoming) -> Result<Response, Failure> {
        let allowed = auth::allow(self.caller.scope, self.operation.access())
            .and_then(|()| Ok(base_url::of(self.parts, self.context.settings(), self.peer)?));
        self.caller.base = self.audited(allowed).await?;
        self.run(body).await
    }

    async fn run(&self, body: &mut Incoming) -> Result<Response, Failure> {
        let service = self.context.service();
        let (caller, id) = (&self.caller, self.id.as_str());
        let limits = self.filter_limits();
        let reply = match self.operation {
            Operation::List(kind) => {
                let query = ListQuery::from_pairs(kind, self.pairs()?, limits)?;
                service.list(caller, kind, query).await?
            }
            Operation::Search(kind) => {
                let query = ListQuery::from_search(kind, &self.json(body).await?, limits)?;
                service.list(caller, kind, query).await?
            }
            Operation::Create(kind) => {
                let (projection, resource) = self.written(kind, body).await?;
                service.create(caller, kind, resource, projection).await?
            }
            Operation::Get(kind) => {
                let projection = self.projection(kind)?;
                service.get(caller, kind, id, projection, self.conditions()).await?
            }
            Operation::Replace(kind) => {
                let (projection, resource) = self.written(kind, body).await?;
                let conditions = self.conditions();
                service.replace(caller, kind, id, resource, projection, conditions).await?
            }
            Operation::Patch(kind) => {
                let (projection, patch) = self.written(kind, body).await?;
                let conditions = self.conditions();
                service.patch(caller, kind, id, patch, projection, conditions).await?
            }
            Operation::Delete(kind) => service.delete(caller, kind, id, self.conditions()).await?,
            Operation::ServiceProviderConfig
            | Operation::ResourceTypes
            | Operation::ResourceType
            | Operation::Schemas
            | Operation::Schema => return self.discover().await,
            Operation::SearchAll => {
                let search = self.json(body).await?;
                let query = |kind| ListQuery::from_search(kind, &search, limits);
                service.search_all(caller, &query).await?
            }
            Operation::ListAll => {
                let pairs = self.pairs()?;
                let query = |kind| ListQuery::from_pairs(kind, pairs.clone(), limits);
                service.search_all(caller, &query).await?
            }
            Operation::Bulk => {
                return self.audited(Err(Failure::not_implemented("Bulk"))).await;
            }
            Operation::Me => return Err(Failure::not_implemented("Me")),
        };
        Ok(response::from_reply(reply))
    }

    /// What a write brings with it.
    async fn written(
        &self,
        kind: ResourceType,
        body: &mut Incoming,
    ) -> Result<(Projection, Value), Failure> {
        let read = async { Ok((self.projection(kind)?, self.json(body).await?)) };
        self.audited(read.await).await
    }

    /// The outcome; a write that is refused here leaves its trace, as one that the service refuses
    /// does.
    async fn audited<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let (Err(failure), Some((name, kind))) = (&outcome, self.operation.writes()) {
            let id = Some(self.id.as_str()).filter(|id| !id.is_empty());
            self.context.service().refused(&self.caller, name, kind, id, failure.reason()).await;
        }
        outcome
    }

    /// RFC 7644 §4: what the service can do, generated from the profile.
    async fn discover(&self) -> Result<Response, Failure> {
        if self.pairs()?.iter().any(|(key, _)| key.eq_ignore_ascii_case("filter")) {
            return Err(scim::Error::forbidden("Discovery endpoints can't be filtered.").into());
        }
        let service = self.context.service();
        let (advertised, base) = (service.advertised(), self.caller.base.as_str());
        let body = match self.operation {
            Operation::ResourceTypes => list(discovery::resource_types(advertised, base)),
            Operation::ResourceType => found(discovery::resource_type(&self.id, advertised, base))?,
            Operation::Schemas => list(discovery::schemas(advertised, base)),
            Operation::Schema => found(discovery::schema(&self.id, advertised, base))?,
            _ => {
                let schemes = service.schemes(self.caller.now).await?;
                discovery::service_provider_config(advertised, &schemes, base)
            }
        };
        Ok(response::scim(200, &body))
    }

    fn pairs(&self) -> Result<Vec<(String, String)>, scim::Error> {
        query::pairs(self.parts.uri.query())
    }

    fn filter_limits(&self) -> FilterLimits {
        let limits = &self.context.settings().limits;
        FilterLimits {
            length: limits.filter_length,
            depth: limits.filter_depth,
            terms: limits.filter_terms,
        }
    }

    fn projection(&self, kind: ResourceType) -> Result<Projection, scim::Error> {
        Projection::from_pairs(kind, self.pairs()?)
    }

    fn conditions(&self) -> Conditions {
        Conditions {
            if_match: tags(&self.parts.headers, IF_MATCH),
            if_none_match: tags(&self.parts.headers, IF_NONE_MATCH),
        }
    }

    async fn json(&self, body: &mut Incoming) -> Result<Value, Failure> {
        let limits = &self.context.settings().limits;
        let bounds = Bounds { size: limits.body, pause: limits.stall, whole: limits.body_time };
        body::json(&self.parts.headers, body, bounds).await
    }
}

/// The SCIM error for a path under which nothing lies.
fn no_such_endpoint() -> scim::Error {
    scim::Error::not_found("There is no such endpoint.")
}

fn list(resources: Vec<Value>) -> Value {
    let total = u64::try_from(resources.len()).unwrap_or(u64::MAX);
    discovery::list_response(resources, total, 1)
}

fn found(body: Option<Value>) -> Result<Value, scim::Error> {
    body.ok_or_else(|| scim::Error::not_found("There is no such schema or resource type."))
}

/// The entity tags of a header that may come in several lines (RFC 9110 §5.3).
fn tags(headers: &HeaderMap, name: HeaderName) -> Option<EntityTags> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!lines.is_empty()).then(|| EntityTags::parse(&lines.join(", ")))
}
