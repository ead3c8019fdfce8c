//! A record as a SCIM resource.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use super::convert::to_scim;
use super::{Layout, Record};
use crate::profile::model::{Encoding, Other};
use crate::scim::discovery::AdvertisedType;
use crate::scim::{Advertised, Resource, ResourceType, schema};

/// The attributes of a record: mapped columns over kept attributes, without id, meta and schemas.
#[must_use]
pub fn attributes(layout: &Layout, kind: ResourceType, record: &Record) -> Resource {
    let mut resource = record.link.as_ref().map(|link| link.kept.clone()).unwrap_or_default();
    if let Some(external) = record.link.as_ref().and_then(|link| link.external_id.clone()) {
        resource.insert("externalId".to_owned(), Value::String(external));
    }
    let mapped = &layout.profile.table(kind).attributes;
    for ((path, mapping), cell) in mapped.iter().zip(&record.cells) {
        if let Some(value) = to_scim(path, mapping, cell) {
            path.set(&mut resource, Some(value));
        }
    }
    resource
}

/// When the resource was last modified: by kpifire's stamp or the link's, whichever is later.
#[must_use]
pub fn modified(record: &Record) -> Option<NaiveDateTime> {
    let stamped = record.modified;
    stamped.or_else(|| record.link.as_ref().map(|link| link.modified))
}

/// The whole resource: attributes, id, schemas, meta (without its version, which is made from the
/// rest).
#[must_use]
pub fn render(
    layout: &Layout,
    kind: ResourceType,
    record: &Record,
    base: &str,
) -> Map<String, Value> {
    let mut resource = attributes(layout, kind, record);
    let id = record.id();
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

/// What discovery says of this install: the mapped attributes and their canonical values.
#[must_use]
pub fn advertised(layout: &Layout, max_results: u64) -> Advertised {
    let of = |kind: ResourceType| {
        let attributes = &layout.profile.table(kind).attributes;
        let canonical = attributes.iter().filter_map(|(path, mapping)| match &mapping.encoding {
            Encoding::Values { pairs, other: Other::Reject } => {
                let values = pairs.iter().map(|(scim, _)| scim.clone()).collect();
                Some((path.clone(), values))
            }
            _ => None,
        });
        AdvertisedType {
            mapped: attributes.keys().cloned().collect(),
            canonical: canonical.collect(),
        }
    };
    Advertised {
        users: of(ResourceType::User),
        groups: of(ResourceType::Group),
        max_results,
        bulk: None,
    }
}
