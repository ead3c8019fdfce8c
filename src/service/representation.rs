//! Records as what a client receives: attributes, groups or members, entity tag, projection.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Conditions, Error};
use crate::mapper::{self, Layout, Record};
use crate::scim::{self, Projection, ResourceType};
use crate::store::resources::Beside;
use crate::store::{Tx, edges};

/// A rendered resource, before projection.
pub(super) struct Representation {
    pub body: Map<String, Value>,
    /// Weak, and of the representation as it was asked for.
    pub etag: String,
    /// Of the representation without groups or members, which a client may know alone.
    core: String,
}

/// The members of groups, by group; `None` where they weren't asked for: a list of members that
/// wasn't asked for is absent, not empty.
#[derive(Default)]
pub(super) struct Edges(Option<BTreeMap<String, Vec<String>>>);

/// What is to be read with the rows: groups come with their user.
pub(super) fn beside(kind: ResourceType, projection: &Projection) -> Beside {
    match kind {
        ResourceType::User if projection.wants("groups") => Beside::Groups,
        ResourceType::User | ResourceType::Group => Beside::Nothing,
    }
}

/// Reads the members of groups in one statement; in none where the projection doesn't want them,
/// nor for users.
pub(super) async fn edges_of(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    records: &[Record],
    projection: &Projection,
) -> Result<Edges, Error> {
    if kind == ResourceType::User || records.is_empty() || !projection.wants("members") {
        return Ok(Edges::default());
    }
    let ids: Vec<String> = records.iter().map(Record::id).collect();
    Ok(Edges(Some(edges::members_of(tx, layout, &ids).await?)))
}

/// Renders one record.
pub(super) fn represent(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    edges: &Edges,
    base: &str,
) -> Representation {
    let mut body = mapper::render(layout, kind, record, base);
    let id = record.id();
    let core = digest(&mut body);
    let mut etag = format!("W/\"{core}\"");
    let ends = match kind {
        ResourceType::User => record.shown_groups().map(|groups| {
            let shown = groups.iter().map(|(key, name)| group(key, name.as_deref(), base));
            let ends: Vec<String> =
                groups.iter().map(|(key, name)| format!("{key} {name:?}")).collect();
            ("groups", shown.collect(), ends)
        }),
        ResourceType::Group => edges.0.as_ref().map(|members| {
            let members = members.get(&id).map(Vec::as_slice).unwrap_or_default();
            let shown = members.iter().map(|key| member(key, base));
            ("members", shown.collect(), members.to_vec())
        }),
    };
    if let Some((name, others, ends)) = ends {
        let others: Vec<Value> = others;
        etag = format!("W/\"{core}.{}\"", short(&ends.join("\n")));
        if !others.is_empty() {
            body.insert(name.to_owned(), others.into());
        }
    }
    if let Some(Value::Object(meta)) = body.get_mut("meta") {
        meta.insert("version".to_owned(), etag.clone().into());
    }
    Representation { body, etag, core: format!("W/\"{core}\"") }
}

fn group(key: &str, name: Option<&str>, base: &str) -> Value {
    let mut group = json!({
        "value": key,
        "$ref": format!("{base}/{}/{key}", ResourceType::Group.endpoint()),
        "type": "direct",
    });
    if let (Some(name), Value::Object(group)) = (name, &mut group) {
        group.insert("display".to_owned(), name.into());
    }
    group
}

fn member(key: &str, base: &str) -> Value {
    json!({
        "value": key,
        "$ref": format!("{base}/{}/{key}", ResourceType::User.endpoint()),
        "type": "User",
    })
}

/// Of the resource without its edges; the address it was asked at is no part of it.
fn digest(body: &mut Map<String, Value>) -> String {
    let meta = |body: &mut Map<String, Value>, change: &mut dyn FnMut(&mut Map<String, Value>)| {
        if let Some(Value::Object(meta)) = body.get_mut("meta") {
            change(meta);
        }
    };
    let mut location = None;
    meta(body, &mut |meta| location = meta.remove_entry("location"));
    // A map of strings to values always serializes.
    let digest = short(&serde_json::to_string(body).unwrap_or_default());
    meta(body, &mut |meta| meta.extend(location.take()));
    digest
}

/// Sixty-four bits of SHA-256, in hex: enough to tell versions of one resource apart.
fn short(text: &str) -> String {
    let digest = Sha256::digest(text);
    let bytes = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(bytes))
}

impl Representation {
    /// `meta.location`, for the Location header.
    pub fn location(&self) -> Option<String> {
        self.body.get("meta")?.get("location")?.as_str().map(str::to_owned)
    }

    /// The body that the client asked for.
    pub fn projected(mut self, projection: &Projection, kind: ResourceType) -> Value {
        projection.apply(kind, &mut self.body);
        Value::Object(self.body)
    }

    /// Whether one of the tags in a condition's list is this resource's, weakly compared
    /// (RFC 9110 §8.8.3.2).
    pub fn matches(&self, list: &str) -> bool {
        list.split(',').map(str::trim).any(|tag| {
            let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
            tag == "*" || weak(tag) == weak(&self.etag) || weak(tag) == weak(&self.core)
        })
    }
}

impl Conditions {
    /// Whether anything is to be compared.
    pub(super) fn stated(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// The preconditions of a write (RFC 9110 §13.1.1, §13.1.2).
    pub(super) fn allow(&self, current: &Representation) -> Result<(), Error> {
        let failed = |why: &str| {
            Err(scim::Error::precondition_failed(format!(
                "{why}: the resource's version is {}",
                current.etag
            ))
            .into())
        };
        if self.if_match.as_deref().is_some_and(|list| !current.matches(list)) {
            return failed("If-Match names another version");
        }
        if self.if_none_match.as_deref().is_some_and(|list| current.matches(list)) {
            return failed("If-None-Match names this version");
        }
        Ok(())
    }
}
