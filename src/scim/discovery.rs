//! What the service says of itself (RFC 7643 §5–7, RFC 7644 §4), and the list envelope. Everything
//! that depends on the install comes in as [`Advertised`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::path::AttributePath;
use super::resource_type::ResourceType;
use super::schema::{
    self, Attribute, AttributeKind, PROVIDER_CONFIG, RESOURCE_TYPE, Resolved, Returned, SCHEMA,
    Schema,
};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What an install can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertised {
    /// Users' attributes.
    pub users: AdvertisedType,
    /// Groups' attributes; none where the install has no teams.
    pub groups: Option<AdvertisedType>,
    /// The most resources one response holds.
    pub max_results: u64,
}

/// One resource type's attributes in this install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdvertisedType {
    /// The attributes that a column carries; the others are kept and returned as they were written.
    pub mapped: BTreeSet<AttributePath>,
    /// The only values that an attribute may have.
    pub canonical: BTreeMap<AttributePath, Vec<String>>,
    /// The attributes that a resource can't be made without, or that can't be taken from it.
    pub required: BTreeSet<AttributePath>,
}

impl Advertised {
    /// The resource type's part; none where the install doesn't have it.
    pub fn of(&self, kind: ResourceType) -> Option<&AdvertisedType> {
        match kind {
            ResourceType::User => Some(&self.users),
            ResourceType::Group => self.groups.as_ref(),
        }
    }

    /// The resource types that the install has.
    pub fn offered(&self) -> impl Iterator<Item = ResourceType> {
        ResourceType::ALL.into_iter().filter(|kind| self.of(*kind).is_some())
    }
}

/// A `ListResponse` (RFC 7644 §3.4.2).
pub fn list_response(resources: Vec<Value>, total: u64, start_index: u64) -> Value {
    let items = resources.len();
    json!({
        "schemas": [LIST],
        "totalResults": total,
        "itemsPerPage": items,
        "startIndex": start_index,
        "Resources": Value::Array(resources),
    })
}

/// A way to authenticate (RFC 7643 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A bearer token that the client has.
    BearerToken,
    /// A bearer token that the client asks for with its credentials (RFC 6749 §4.4).
    ClientCredentials,
}

impl Scheme {
    fn to_value(self) -> Value {
        match self {
            Self::BearerToken => json!({
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "A bearer token in the Authorization header",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            }),
            Self::ClientCredentials => json!({
                "type": "oauth2",
                "name": "OAuth 2.0 Client Credentials",
                "description": "A short-lived bearer token from POST /oauth/token",
                "specUri": "https://www.rfc-editor.org/info/rfc6749",
                "primary": false,
            }),
        }
    }
}

/// `GET /ServiceProviderConfig` (RFC 7643 §5).
pub fn service_provider_config(advertised: &Advertised, schemes: &[Scheme], base: &str) -> Value {
    let schemes: Vec<Value> = schemes.iter().map(|scheme| scheme.to_value()).collect();
    json!({
        "schemas": [PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": advertised.max_results },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": schemes,
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// `GET /ResourceTypes` (RFC 7643 §6), each of its resources.
pub fn resource_types(advertised: &Advertised, base: &str) -> Vec<Value> {
    advertised.offered().map(|kind| type_value(kind, base)).collect()
}

/// `GET /ResourceTypes/{id}`; `None` for an unknown id.
pub fn resource_type(id: &str, advertised: &Advertised, base: &str) -> Option<Value> {
    let kind = advertised.offered().find(|kind| kind.as_str() == id)?;
    Some(type_value(kind, base))
}

fn type_value(kind: ResourceType, base: &str) -> Value {
    let extensions: Vec<Value> = schema::extensions(kind)
        .iter()
        .map(|extension| json!({ "schema": extension.id, "required": false }))
        .collect();
    json!({
        "schemas": [RESOURCE_TYPE],
        "id": kind.as_str(),
        "name": kind.as_str(),
        "endpoint": format!("/{}", kind.endpoint()),
        "description": schema::core(kind).description,
        "schema": kind.schema(),
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{kind}"),
        },
    })
}

/// `GET /Schemas` (RFC 7643 §7), each of its resources: the resources' schemas, then the service's own.
pub fn schemas(advertised: &Advertised, base: &str) -> Vec<Value> {
    let all = |kind| {
        std::iter::once((kind, schema::core(kind)))
            .chain(schema::extensions(kind).iter().map(move |extension| (kind, *extension)))
    };
    let described = |(kind, schema): (ResourceType, &'static Schema)| {
        let urn = (schema.id != kind.schema()).then_some(schema.id);
        Some(schema_value(urn, schema, advertised.of(kind)?, base))
    };
    let own = schema::SERVICE
        .iter()
        .map(|schema| schema_value(Some(schema.id), schema, &AdvertisedType::default(), base));
    advertised.offered().flat_map(all).filter_map(described).chain(own).collect()
}

/// `GET /Schemas/{urn}`; `None` for an unknown URN. Its case doesn't matter.
pub fn schema(urn: &str, advertised: &Advertised, base: &str) -> Option<Value> {
    schemas(advertised, base).into_iter().find(|schema| {
        schema.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(urn))
    })
}

/// `urn` is what paths of its attributes begin with.
fn schema_value(
    urn: Option<&str>,
    schema: &Schema,
    advertised: &AdvertisedType,
    base: &str,
) -> Value {
    let attributes: Vec<Value> = schema
        .attributes
        .iter()
        .filter(|attribute| attribute.returned != Returned::Never)
        .map(|attribute| {
            let of = Found { urn, attribute, sub: None };
            attribute_value(of, advertised)
        })
        .collect();
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

/// An attribute on its way into a schema, with what is needed to know its path.
#[derive(Clone, Copy)]
struct Found<'a> {
    urn: Option<&'a str>,
    attribute: &'a Attribute,
    sub: Option<&'a Attribute>,
}

impl Found<'_> {
    fn is(&self, of: Resolved) -> bool {
        of.schema == self.urn
            && of.attribute.name == self.attribute.name
            && of.sub.map(|sub| sub.name) == self.sub.map(|sub| sub.name)
    }
}

fn attribute_value(found: Found<'_>, advertised: &AdvertisedType) -> Value {
    let attribute = found.sub.unwrap_or(found.attribute);
    let mut value = Map::new();
    value.insert("name".into(), attribute.name.into());
    value.insert("type".into(), attribute.kind.as_str().into());
    value.insert("multiValued".into(), attribute.multi_valued.into());
    value.insert("description".into(), attribute.description.into());
    let required = advertised.required.iter().any(|path| found.is(path.resolved()));
    value.insert("required".into(), (attribute.required || required).into());
    value.insert("mutability".into(), attribute.mutability.as_str().into());
    value.insert("returned".into(), attribute.returned.as_str().into());
    if attribute.kind == AttributeKind::Complex {
        let subs: Vec<Value> = attribute
            .subs
            .iter()
            .map(|sub| attribute_value(Found { sub: Some(sub), ..found }, advertised))
            .collect();
        value.insert("subAttributes".into(), subs.into());
    } else {
        value.insert("caseExact".into(), attribute.case_exact.into());
        value.insert("uniqueness".into(), attribute.uniqueness.as_str().into());
    }
    if !attribute.reference_types.is_empty() {
        value.insert("referenceTypes".into(), attribute.reference_types.into());
    }
    let canonical = canonical_values(found, advertised);
    if !canonical.is_empty() {
        value.insert("canonicalValues".into(), canonical.into());
    }
    Value::Object(value)
}

/// The install's values, else the schema's. A boolean has no list: its two values are its type's.
fn canonical_values(found: Found<'_>, advertised: &AdvertisedType) -> Vec<String> {
    let attribute = found.sub.unwrap_or(found.attribute);
    if attribute.kind == AttributeKind::Boolean {
        return Vec::new();
    }
    let mut of_install: Vec<String> = Vec::new();
    for (_, values) in advertised.canonical.iter().filter(|(path, _)| found.is(path.resolved())) {
        for value in values {
            if !of_install.contains(value) {
                of_install.push(value.clone());
            }
        }
    }
    if of_install.is_empty() {
        attribute.canonical_values.iter().map(|value| (*value).to_owned()).collect()
    } else {
        of_install
    }
}
