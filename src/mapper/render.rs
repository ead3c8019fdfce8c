//! A record as a SCIM resource.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use super::change::needed;
use super::field::{Encoding, Field, formed};
use super::layout::Layout;
use super::record::Record;
use crate::profile::model::Other;
use crate::scim::discovery::AdvertisedType;
use crate::scim::{self, Advertised, Resource, ResourceType, schema};

/// The attributes of a record: mapped columns over kept attributes, without id, meta and schemas.
pub fn attributes(layout: &Layout, kind: ResourceType, record: &Record) -> Resource {
    let mut resource = record.link.as_ref().map(|link| link.kept.clone()).unwrap_or_default();
    if let Some(external) = record.link.as_ref().and_then(|link| link.external_id.clone()) {
        resource.insert("externalId".to_owned(), Value::String(external));
    }
    for field in &layout.resource(kind).fields {
        let cleared = cleared_to_constant(field, record);
        let value = if cleared { None } else { field.to_scim(record.shown(field)) };
        let value = value.map(|value| as_said(field, record, value));
        scim::kept::fill(&mut resource, &field.path, value);
    }
    if kind == ResourceType::User && layout.users.active().is_none() {
        // Nothing can lock a user of this install.
        resource.insert("active".to_owned(), Value::Bool(true));
    }
    resource
}

/// A value in the form of its column, as the client said it.
fn as_said(field: &Field, record: &Record, value: Value) -> Value {
    let Encoding::Formed(form) = &field.encoding else { return value };
    let baseline = record.link.as_ref().and_then(|link| link.baseline.as_ref());
    let said = baseline.and_then(|it| it.get(&field.name)).and_then(Value::as_str);
    match said {
        Some(said) if value == formed(*form, said) => Value::from(said),
        _ => value,
    }
}

/// Whether a client cleared the attribute and the column, which takes no NULL, holds the profile's
/// `[insert]` constant in its place: the attribute is absent, as the client wants it.
pub(super) fn cleared_to_constant(field: &Field, record: &Record) -> bool {
    let Some(constant) = &field.constant else { return false };
    let baseline = record.link.as_ref().and_then(|link| link.baseline.as_ref());
    baseline.is_some_and(|it| it.get(&field.name) == Some(&Value::Null))
        && constant.is(record.held(field))
}

/// When the resource was last modified: by kpifire's stamp where the profile names one, which the
/// agent's own writes set too; else by the link's.
pub fn modified(record: &Record) -> Option<NaiveDateTime> {
    let stamped = record.modified;
    stamped.or_else(|| record.link.as_ref().map(|link| link.modified))
}

/// The whole resource: attributes, id, schemas, meta (without its version, which is made from the
/// rest).
pub fn render(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    base: &str,
) -> Map<String, Value> {
    let mut resource = attributes(layout, kind, record);
    let id = kind.id(&record.key_text());
    refer_to_manager(&mut resource, base);
    let mut schemas = vec![Value::from(kind.schema())];
    let extensions = schema::extensions(kind);
    schemas.extend(
        extensions.iter().filter(|it| resource.contains_key(it.id)).map(|it| Value::from(it.id)),
    );
    let mut meta = Map::new();
    meta.insert("resourceType".to_owned(), kind.as_str().into());
    let created = record.created.or_else(|| record.link.as_ref().map(|link| link.created));
    for (name, time) in [("created", created), ("lastModified", modified(record))] {
        if let Some(time) = time {
            meta.insert(name.to_owned(), json!(time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()));
        }
    }
    meta.insert("location".to_owned(), format!("{base}/{}/{id}", kind.endpoint()).into());
    resource.insert("id".to_owned(), id.into());
    resource.insert("schemas".to_owned(), Value::Array(schemas));
    resource.insert("meta".to_owned(), Value::Object(meta));
    resource
}

/// A manager's address follows from the id.
fn refer_to_manager(resource: &mut Resource, base: &str) {
    let extension = resource.get_mut(schema::ENTERPRISE_USER);
    let manager = extension.and_then(|extension| extension.get_mut("manager"));
    let Some(Value::Object(manager)) = manager else { return };
    if let Some(id) = manager.get("value").and_then(Value::as_str) {
        let address = format!("{base}/{}/{id}", ResourceType::User.endpoint());
        manager.insert("$ref".to_owned(), address.into());
    }
}

/// What discovery says of this install: the mapped attributes and their canonical values.
pub fn advertised(layout: &Layout, max_results: u64) -> Advertised {
    let of = |kind: ResourceType| {
        let fields = &layout.resource(kind).fields;
        let canonical = fields.iter().filter_map(|field| match &field.encoding {
            Encoding::Values { pairs, other: Other::Reject } => {
                let values = pairs.iter().map(|(scim, _)| scim.clone()).collect();
                Some((field.path.clone(), values))
            }
            _ => None,
        });
        AdvertisedType {
            mapped: fields.iter().map(|field| field.path.clone()).collect(),
            required: needed(layout, kind),
            canonical: canonical.collect(),
        }
    };
    let groups = layout.offers(ResourceType::Group).then(|| of(ResourceType::Group));
    Advertised { users: of(ResourceType::User), groups, max_results }
}
