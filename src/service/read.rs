//! Reading: one resource, or those that a filter finds.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::conditions::Outcome;
use super::representation::{Representation, beside, edges_of, represent};
use super::{Caller, Conditions, Error, Reply, Scope, Service, audit};
use crate::clock::stamp;
use crate::mapper::{self, Cell, Layout, Link, LinkState, Predicate, Record, Subject};
use crate::scim::filter::{AttrExp, CompareOp, Condition, Filter, ValFilter};
use crate::scim::{self, ListQuery, Projection, ResourceType, SortOrder, discovery};
use crate::store::resources::{self, Lock, Window};
use crate::store::{Tx, audit as audit_rows, links};

/// One resource by its id.
pub(super) async fn get(
    service: &Service,
    caller: &Caller,
    kind: ResourceType,
    id: &str,
    projection: Projection,
    conditions: Conditions,
) -> Result<Reply, Error> {
    let wanted = Arc::new(Wanted {
        layout: Arc::clone(&service.layout),
        kind,
        key: service.layout.key(kind, id).ok_or_else(|| missing(kind, id))?,
        projection,
        base: caller.base.clone(),
    });
    let representation = service
        .store_for(caller)
        .read(Arc::clone(&wanted), async |tx, wanted| wanted.representation(tx).await)
        .await?
        .ok_or_else(|| missing(kind, id))?;
    let etag = representation.etag.clone();
    if conditions.evaluate(&representation)? == Outcome::Unchanged {
        return Ok(Reply::NotModified { etag });
    }
    let location = representation.location();
    let body = representation.projected(&wanted.projection, kind);
    Ok(Reply::Resource { status: 200, body, etag: Some(etag), location })
}

/// One resource, and how it is to be shown.
struct Wanted {
    layout: Arc<Layout>,
    kind: ResourceType,
    key: Cell,
    projection: Projection,
    base: String,
}

impl Wanted {
    /// It, while it is live.
    async fn representation(&self, tx: &mut Tx) -> Result<Option<Representation>, Error> {
        let Self { layout, kind, key, projection, base } = self;
        let beside = beside(*kind, projection);
        let found = resources::by_key_with(tx, layout, *kind, key, Lock::None, beside).await?;
        let Some(record) = found.filter(|record| !record.deleted()) else { return Ok(None) };
        let records = std::slice::from_ref(&record);
        let edges = edges_of(tx, layout, *kind, records, projection).await?;
        Ok(Some(represent(layout, *kind, &record, &edges, base)))
    }
}

pub(super) fn missing(kind: ResourceType, id: &str) -> Error {
    scim::Error::not_found(format!("there is no {kind} with the id `{}`", scim::excerpt(id))).into()
}

/// What a list asks for, in the database's words.
struct Search {
    layout: Arc<Layout>,
    kind: ResourceType,
    predicate: Predicate,
    /// The same to the letter, where it is by a name: what has that spelling is the answer alone.
    by_letter: Option<Predicate>,
    sort: Option<(Subject, SortOrder)>,
    start: u64,
    count: u64,
    projection: Projection,
    base: String,
}

/// Resources that a filter finds, a page of them.
pub(super) async fn list(
    service: &Service,
    caller: &Caller,
    kind: ResourceType,
    query: ListQuery,
) -> Result<Reply, Error> {
    let by_name = query.filter.as_ref().is_some_and(|filter| asks_for_one(kind, filter));
    let search = compile(service, caller, kind, query)?;
    let start = search.start;
    let (records, bodies, total) = found(service, caller, search).await?;
    if let ([only], true, Scope::Provision) = (records.as_slice(), by_name, caller.scope)
        && only.link.is_none()
        && total == 1
    {
        adopt(service, caller, kind, only).await?;
    }
    let body = discovery::list_response(bodies, total, start);
    Ok(Reply::Resource { status: 200, body, etag: None, location: None })
}

/// Resources of every type that a filter finds, users before groups (RFC 7644 §3.4.2.1): a type
/// that doesn't know the filter's attributes has none. Makes nothing `matched`.
pub(super) async fn search_all(
    service: &Service,
    caller: &Caller,
    query: &(dyn Fn(ResourceType) -> Result<ListQuery, scim::Error> + Sync),
) -> Result<Reply, Error> {
    let (mut bodies, mut all) = (Vec::new(), 0);
    let mut refused = None;
    let mut window = None;
    for kind in service.advertised().offered() {
        let compiled = query(kind)
            .map_err(Error::from)
            .and_then(|query| compile(service, caller, kind, query));
        let mut search = match compiled {
            Ok(search) => search,
            Err(error) => {
                refused = Some(error);
                continue;
            }
        };
        let (start, left) = *window.get_or_insert((search.start, search.count));
        // What earlier types hold is skipped first, and what they filled is taken off.
        search.start = start.saturating_sub(all).max(1);
        search.count = left - bodies.len() as u64;
        let (_, found, total) = found(service, caller, search).await?;
        bodies.extend(found);
        all += total;
    }
    match (window, refused) {
        (Some((start, _)), _) => {
            let body = discovery::list_response(bodies, all, start);
            Ok(Reply::Resource { status: 200, body, etag: None, location: None })
        }
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::Internal("there is no resource type to search".into())),
    }
}

fn compile(
    service: &Service,
    caller: &Caller,
    kind: ResourceType,
    query: ListQuery,
) -> Result<Search, Error> {
    let layout = &service.layout;
    let predicate = match &query.filter {
        Some(filter) => mapper::predicate(layout, kind, filter)?,
        None => Predicate::Always,
    };
    let sort = match &query.sort_by {
        Some(by) => Some((mapper::sort_field(layout, kind, by)?, query.sort_order)),
        None => None,
    };
    let filter = query.filter.as_ref();
    let by_letter = filter.and_then(|filter| mapper::spelled(kind, filter, &predicate));
    Ok(Search {
        layout: Arc::clone(layout),
        kind,
        predicate,
        by_letter,
        sort,
        start: query.start_index,
        count: query.count.unwrap_or(service.paging.default).min(service.paging.most),
        projection: query.projection,
        base: caller.base.clone(),
    })
}

/// [`list`] in a transaction of the caller's.
pub(super) async fn list_within(
    service: &Service,
    tx: &mut Tx,
    caller: &Caller,
    kind: ResourceType,
    query: ListQuery,
) -> Result<Vec<Value>, Error> {
    let by_name = query.filter.as_ref().is_some_and(|filter| asks_for_one(kind, filter));
    let search = compile(service, caller, kind, query)?;
    let (records, bodies, total) = matching(tx, &search).await?;
    if let ([only], true, 1) = (records.as_slice(), by_name, total)
        && only.link.is_none()
    {
        adopt_in(tx, &service.layout, caller, kind, &only.key).await?;
    }
    Ok(bodies)
}

async fn found(
    service: &Service,
    caller: &Caller,
    search: Search,
) -> Result<(Vec<Record>, Vec<Value>, u64), Error> {
    service.store_for(caller).read(search, async |tx, search| matching(tx, search).await).await
}

async fn matching(tx: &mut Tx, search: &Search) -> Result<(Vec<Record>, Vec<Value>, u64), Error> {
    let Search { layout, kind, projection, base, .. } = search;
    let (mut predicate, mut records) = (&search.predicate, Vec::new());
    // An index of the names serves this one; the other may have to read the whole table.
    let by_letter = search.by_letter.as_ref().filter(|_| search.start == 1);
    if let Some(exactly) = by_letter {
        records = page(tx, search, exactly).await?;
    }
    match by_letter {
        Some(exactly) if !records.is_empty() => predicate = exactly,
        _ => records = page(tx, search, predicate).await?,
    }
    let total = total(tx, search, predicate, records.len() as u64).await?;
    let edges = edges_of(tx, layout, *kind, &records, projection).await?;
    let shown =
        |record| represent(layout, *kind, record, &edges, base).projected(projection, *kind);
    let bodies = records.iter().map(shown).collect();
    Ok((records, bodies, total))
}

async fn page(tx: &mut Tx, search: &Search, predicate: &Predicate) -> Result<Vec<Record>, Error> {
    if search.count == 0 {
        return Ok(Vec::new());
    }
    let window =
        Window { sort: search.sort.clone(), offset: search.start - 1, limit: search.count };
    let beside = beside(search.kind, &search.projection);
    let kind = search.kind;
    Ok(resources::find_with(tx, &search.layout, kind, predicate, &window, beside).await?)
}

/// How many there are in all: counted only where the page doesn't tell.
async fn total(
    tx: &mut Tx,
    search: &Search,
    predicate: &Predicate,
    found: u64,
) -> Result<u64, Error> {
    let complete = found < search.count && (found > 0 || search.start == 1);
    if complete {
        return Ok(search.start - 1 + found);
    }
    Ok(resources::count(tx, &search.layout, search.kind, predicate).await?)
}

/// Whether a filter is how Entra looks one resource up: `eq` on a name, on externalId or on an e-mail
/// address, alone or with other conditions.
fn asks_for_one(kind: ResourceType, filter: &Filter) -> bool {
    match filter {
        Filter::Is(Condition::Attr(AttrExp::Comparison(path, CompareOp::Eq, _))) => {
            path.resolved().is_ok_and(|resolved| {
                let sub = resolved.sub.map(|sub| sub.name);
                resolved.schema.is_none()
                    && matches!(
                        (kind, resolved.attribute.name, sub),
                        (_, "externalId", None)
                            | (ResourceType::User, "userName", None)
                            | (ResourceType::User, "emails", Some("value"))
                            | (ResourceType::Group, "displayName", None)
                    )
            })
        }
        Filter::Is(Condition::ValuePath(path)) => {
            let emails = path.whole().is_ok_and(|it| it.attribute.name == "emails");
            emails && asks_for_value(&path.filter)
        }
        Filter::And(items) => items.iter().any(|item| asks_for_one(kind, item)),
        _ => false,
    }
}

/// Whether an element's `value` must be one that is named.
fn asks_for_value(filter: &ValFilter) -> bool {
    match filter {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, _)) => {
            path.resolved().is_ok_and(|it| it.sub.is_some_and(|sub| sub.name == "value"))
        }
        ValFilter::And(items) => items.iter().any(asks_for_value),
        _ => false,
    }
}

/// Entra found a row and knows its id from now on: the row becomes `matched`.
async fn adopt(
    service: &Service,
    caller: &Caller,
    kind: ResourceType,
    record: &Record,
) -> Result<(), Error> {
    let context = (Arc::clone(&service.layout), caller.clone(), kind, record.key.clone());
    service
        .store_for(caller)
        .write(context, async |tx, (layout, caller, kind, key)| {
            adopt_in(tx, layout, caller, *kind, key).await
        })
        .await
}

async fn adopt_in(
    tx: &mut Tx,
    layout: &Layout,
    caller: &Caller,
    kind: ResourceType,
    key: &Cell,
) -> Result<(), Error> {
    let found = resources::by_key(tx, layout, kind, key, Lock::Update).await?;
    // Somebody else may have written or deleted it in the meantime.
    let Some(record) = found.filter(|record| record.link.is_none()) else { return Ok(()) };
    let (key, now) = (record.key_text(), stamp(caller.now));
    let link = Link {
        state: LinkState::Matched,
        external_id: None,
        baseline: None,
        kept: Map::new(),
        version: 1,
        created: now,
        modified: now,
        disabled_at: None,
        deleted_at: None,
        replaced: None,
        reused_from: None,
    };
    links::put(tx, kind, &key, None, &link).await?;
    let mut after = mapper::attributes(layout, kind, &record);
    after.retain(|name, _| name == "userName" || name == "displayName");
    after.insert("state".to_owned(), json!("matched"));
    let id = kind.id(&key);
    let event = audit::Event { operation: "match", kind, id: Some(&id), before: Map::new(), after };
    audit_rows::append(tx, &audit::done(caller, event)).await?;
    Ok(())
}
