//! Records as what a client receives: attributes, groups or members, entity tag, projection.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value, json};
use siphasher::sip::SipHasher13;

use super::error::Error;
use crate::mapper::{self, Layout, Record};
use crate::scim::{Projection, ResourceType};
use crate::store::resources::Beside;
use crate::store::{Tx, memberships};

/// A rendered resource, before projection.
pub(super) struct Representation {
    pub body: Map<String, Value>,
    /// Weak, and of the representation as it was asked for.
    pub etag: String,
    /// The entity tag's text without groups or members, which a client may know alone.
    core: String,
}

/// The members of groups, by the group's key; `None` where they weren't asked for: a list of members that
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
    let keys: Vec<String> = records.iter().map(Record::key_text).collect();
    Ok(Edges(Some(memberships::members_of(tx, layout, &keys).await?)))
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
    let core = hex(|hash| feed(&body, hash));
    let mut etag = format!("W/\"{core}\"");
    let ends = match kind {
        ResourceType::User => record.shown_groups().map(|groups| {
            let shown = groups.iter().map(|(key, name)| group(key, name.as_deref(), base));
            ("groups", shown.collect(), hex(|hash| groups.hash(hash)))
        }),
        ResourceType::Group => edges.0.as_ref().map(|members| {
            let members = members.get(&record.key_text()).map(Vec::as_slice).unwrap_or_default();
            let shown = members.iter().map(|key| member(key, base));
            ("members", shown.collect(), hex(|hash| members.hash(hash)))
        }),
    };
    if let Some((name, others, ends)) = ends {
        let others: Vec<Value> = others;
        etag = format!("W/\"{core}.{ends}\"");
        if !others.is_empty() {
            body.insert(name.to_owned(), others.into());
        }
    }
    if let Some(Value::Object(meta)) = body.get_mut("meta") {
        meta.insert("version".to_owned(), etag.clone().into());
    }
    Representation { body, etag, core }
}

fn group(key: &str, name: Option<&str>, base: &str) -> Value {
    let id = ResourceType::Group.id(key);
    let mut group = json!({
        "value": id,
        "$ref": format!("{base}/{}/{id}", ResourceType::Group.endpoint()),
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

/// Sixty-four bits in hex, enough to tell versions of one resource apart, and the same from every
/// agent.
fn hex(feed: impl FnOnce(&mut SipHasher13)) -> String {
    let mut hash = SipHasher13::new();
    feed(&mut hash);
    format!("{:016x}", hash.finish())
}

/// All that the resource says, but not under which name the agent was asked for it: addresses follow
/// from the rest.
fn feed(parts: &Map<String, Value>, hash: &mut SipHasher13) {
    for (name, value) in parts.iter().filter(|(name, _)| *name != "$ref" && *name != "location") {
        name.hash(hash);
        feed_value(value, hash);
    }
    // The end: no name is empty.
    "".hash(hash);
}

fn feed_value(value: &Value, hash: &mut SipHasher13) {
    match value {
        Value::Object(parts) => feed(parts, hash),
        Value::Array(items) => {
            items.len().hash(hash);
            for item in items {
                feed_value(item, hash);
            }
        }
        simple => simple.hash(hash),
    }
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

    /// Whether this is the text of its entity tag (RFC 9110 §8.8.3), or of the tag without groups
    /// or members.
    pub fn is_tagged(&self, tag: &str) -> bool {
        let own = self.etag.trim_start_matches("W/").trim_matches('"');
        tag == own || tag == self.core
    }
}
