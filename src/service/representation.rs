//! Records as what a client receives: attributes, groups or members, entity tag, projection.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Conditions, Error};
use crate::mapper::{self, Layout, Record};
use crate::scim::{self, Projection, ResourceType};
use crate::store::{Tx, edges};

/// A rendered resource, before projection.
pub(super) struct Representation {
    pub body: Map<String, Value>,
    /// Weak, and of the representation as it was asked for.
    pub etag: String,
    /// Of the representation without members, which a client may know alone.
    core: String,
}

/// What is on the other side of a resource's memberships.
#[derive(Default)]
pub(super) struct Edges {
    groups: BTreeMap<String, Vec<(String, Option<String>)>>,
    members: BTreeMap<String, Vec<String>>,
    /// Whether they were read: a list of members that wasn't asked for is absent, not empty.
    read: Read,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Read {
    #[default]
    No,
    Yes,
}

/// Reads groups or members of the records in one statement, or in none where the projection
/// doesn't want them.
pub(super) async fn edges_of(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    records: &[Record],
    projection: &Projection,
) -> Result<Edges, Error> {
    let wanted = match kind {
        ResourceType::User => "groups",
        ResourceType::Group => "members",
    };
    if records.is_empty() || !projection.wants(wanted) {
        return Ok(Edges::default());
    }
    let ids: Vec<String> = records.iter().map(Record::id).collect();
    let mut edges = Edges { read: Read::Yes, ..Edges::default() };
    match kind {
        ResourceType::User => edges.groups = edges::groups_of(tx, layout, &ids).await?,
        ResourceType::Group => edges.members = edges::members_of(tx, layout, &ids).await?,
    }
    Ok(edges)
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
    let core = digest(&body);
    let mut etag = format!("W/\"{core}\"");
    if edges.read == Read::Yes {
        match kind {
            ResourceType::User => {
                let groups = edges.groups.get(&id).map(Vec::as_slice).unwrap_or_default();
                if !groups.is_empty() {
                    let groups: Vec<Value> =
                        groups.iter().map(|(key, name)| group(key, name.as_deref(), base)).collect();
                    body.insert("groups".to_owned(), groups.into());
                }
            }
            ResourceType::Group => {
                let members = edges.members.get(&id).map(Vec::as_slice).unwrap_or_default();
                let digest = short(&members.join("\n"));
                etag = format!("W/\"{core}.{digest}\"");
                if !members.is_empty() {
                    let members: Vec<Value> = members.iter().map(|key| member(key, base)).collect();
                    body.insert("members".to_owned(), members.into());
                }
            }
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

/// Of the resource itself: a user's groups and the address it was asked at are no part of it.
fn digest(body: &Map<String, Value>) -> String {
    let mut content = body.clone();
    if let Some(Value::Object(meta)) = content.get_mut("meta") {
        meta.remove("location");
    }
    short(&Value::Object(content).to_string())
}

/// Sixty-four bits of SHA-256, in hex: enough to tell versions of one resource apart.
fn short(text: &str) -> String {
    format!("{:.16}", format!("{:x}", Sha256::digest(text)))
}

impl Representation {
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
