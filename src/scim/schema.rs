//! What an attribute is, and where it is found: the schemas of RFC 7643 §4 as tables, and the one
//! resolution of names (case, URN prefixes, sub-attributes) that every parser here goes through.
//! Knows no values.

use std::fmt;

use super::resource_type::ResourceType;

mod attribute;
mod group;
mod service;
mod user;

pub use super::resource_type::{GROUP, USER};
pub use attribute::{Attribute, AttributeKind, Mutability, Returned, Uniqueness};

/// The enterprise extension of User.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A schema: its URN and its attributes.
#[derive(Debug)]
pub struct Schema {
    /// The URN.
    pub id: &'static str,
    /// The name for people.
    pub name: &'static str,
    /// For `GET /Schemas`.
    pub description: &'static str,
    /// The attributes, in the RFC's order.
    pub attributes: &'static [Attribute],
}

impl Schema {
    /// The attribute of this name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// Attributes of every resource (RFC 7643 §3.1), no schema's own.
pub static COMMON: &[Attribute] = &[
    Attribute::reference(
        "schemas",
        &["uri"],
        "The URNs of the schemas the resource has attributes of",
    )
    .many()
    .required()
    .mutability(Mutability::ReadOnly)
    .returned(Returned::Always),
    Attribute::string("id", "The service provider's identifier; never changes")
        .required()
        .case_exact()
        .mutability(Mutability::ReadOnly)
        .returned(Returned::Always)
        .unique(),
    Attribute::string("externalId", "The provisioning client's identifier").case_exact(),
    Attribute::complex(
        "meta",
        &[
            Attribute::string("resourceType", "User or Group")
                .case_exact()
                .mutability(Mutability::ReadOnly),
            Attribute::new("created", AttributeKind::DateTime, "When the resource was made")
                .mutability(Mutability::ReadOnly),
            Attribute::new("lastModified", AttributeKind::DateTime, "When it last changed")
                .mutability(Mutability::ReadOnly),
            Attribute::reference("location", &["uri"], "The resource's address")
                .mutability(Mutability::ReadOnly),
            Attribute::string("version", "The entity tag of this representation")
                .case_exact()
                .mutability(Mutability::ReadOnly),
        ],
        "What the service provider knows of the resource",
    )
    .mutability(Mutability::ReadOnly),
];

static USER_SCHEMA: Schema =
    Schema { id: USER, name: "User", description: "User Account", attributes: user::ATTRIBUTES };

static ENTERPRISE_SCHEMA: Schema = Schema {
    id: ENTERPRISE_USER,
    name: "EnterpriseUser",
    description: "Enterprise User",
    attributes: user::ENTERPRISE_ATTRIBUTES,
};

static GROUP_SCHEMA: Schema =
    Schema { id: GROUP, name: "Group", description: "Group", attributes: group::ATTRIBUTES };

static USER_EXTENSIONS: &[&Schema] = &[&ENTERPRISE_SCHEMA];

/// `urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig`
pub const PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// `urn:ietf:params:scim:schemas:core:2.0:ResourceType`
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// `urn:ietf:params:scim:schemas:core:2.0:Schema`
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The schemas of what the service says of itself (RFC 7643 §8.7.2).
pub static SERVICE: [Schema; 3] = [
    Schema {
        id: PROVIDER_CONFIG,
        name: "ServiceProviderConfig",
        description: "What the service can do",
        attributes: service::PROVIDER_CONFIG,
    },
    Schema {
        id: RESOURCE_TYPE,
        name: "ResourceType",
        description: "A type of resources",
        attributes: service::RESOURCE_TYPE,
    },
    Schema {
        id: SCHEMA,
        name: "Schema",
        description: "A schema of resources",
        attributes: service::SCHEMA,
    },
];

/// The core schema of a resource type.
pub fn core(kind: ResourceType) -> &'static Schema {
    match kind {
        ResourceType::User => &USER_SCHEMA,
        ResourceType::Group => &GROUP_SCHEMA,
    }
}

/// The extension schemas of a resource type.
pub fn extensions(kind: ResourceType) -> &'static [&'static Schema] {
    match kind {
        ResourceType::User => USER_EXTENSIONS,
        ResourceType::Group => &[],
    }
}

/// An attribute that a name was found to mean.
#[derive(Debug, Clone, Copy)]
pub struct Resolved {
    /// The extension's URN; `None` for core and common attributes.
    pub schema: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// Its part, when one was named.
    pub sub: Option<&'static Attribute>,
}

impl Resolved {
    /// What the name means in the end: the part, or the attribute itself.
    pub fn leaf(&self) -> &'static Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// The same attribute with another part.
    #[must_use]
    pub const fn with_sub(self, sub: Option<&'static Attribute>) -> Self {
        Self { sub, ..self }
    }
}

impl PartialEq for Resolved {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.attribute.name == other.attribute.name
            && self.sub.map(|sub| sub.name) == other.sub.map(|sub| sub.name)
    }
}

impl Eq for Resolved {}

impl fmt::Display for Resolved {
    /// The canonical form: `name.givenName`, `urn:…:User:department`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(self.attribute.name)?;
        match self.sub {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}

/// The attribute that `name` means under `uri`. Without a URI, core and common attributes come
/// first; an extension's is found by its bare name too, as Entra writes `manager`.
pub fn find(kind: ResourceType, uri: Option<&str>, name: &str) -> Option<Resolved> {
    let core_attribute = || {
        core(kind)
            .attribute(name)
            .or_else(|| COMMON.iter().find(|common| common.name.eq_ignore_ascii_case(name)))
            .map(|attribute| Resolved { schema: None, attribute, sub: None })
    };
    let extension_attribute = |schema: &'static Schema| {
        schema.attribute(name).map(|attribute| Resolved {
            schema: Some(schema.id),
            attribute,
            sub: None,
        })
    };
    match uri {
        None => core_attribute()
            .or_else(|| extensions(kind).iter().find_map(|schema| extension_attribute(schema))),
        Some(uri) if uri.eq_ignore_ascii_case(core(kind).id) => core_attribute(),
        Some(uri) => extension(kind, uri).and_then(extension_attribute),
    }
}

/// The extension schema of this URN, in any case.
pub fn extension(kind: ResourceType, urn: &str) -> Option<&'static Schema> {
    extensions(kind).iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).copied()
}

/// The sentence for a name that means nothing: what it is not, and what is close to it.
pub fn unknown(kind: ResourceType, name: &str) -> String {
    let near = near_misses(kind, name);
    if near.is_empty() {
        format!("`{name}` is not an attribute of {kind}")
    } else {
        format!("`{name}` is not an attribute of {kind}; did you mean {}?", near.join(" or "))
    }
}

fn near_misses(kind: ResourceType, name: &str) -> Vec<String> {
    const CLOSE: f64 = 0.82;
    const SHOWN: usize = 3;
    // A long name is no typing error, and comparing it would cost its length squared.
    const LONGEST: usize = 128;
    if name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = name.to_ascii_lowercase();
    let wanted = wanted.rsplit(':').next().unwrap_or_default();
    let mut scored: Vec<(f64, String)> = names(kind)
        .into_iter()
        .map(|known| {
            let local = known.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
            let last = local.rsplit('.').next().unwrap_or_default();
            let score =
                strsim::jaro_winkler(wanted, &local).max(strsim::jaro_winkler(wanted, last) - 0.05);
            (score, format!("`{known}`"))
        })
        .filter(|(score, _)| *score >= CLOSE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(SHOWN).map(|(_, name)| name).collect()
}

/// Every name that a path may use, sub-attributes of single-valued attributes included.
fn names(kind: ResourceType) -> Vec<String> {
    let own = COMMON.iter().chain(core(kind).attributes).map(|attribute| (None, attribute));
    let extended = extensions(kind)
        .iter()
        .flat_map(|schema| schema.attributes.iter().map(|attribute| (Some(schema.id), attribute)));
    let mut names = Vec::new();
    for (schema, attribute) in own.chain(extended) {
        let whole = Resolved { schema, attribute, sub: None };
        names.push(whole.to_string());
        for sub in attribute.subs {
            names.push(whole.with_sub(Some(sub)).to_string());
        }
    }
    names
}
