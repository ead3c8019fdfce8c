//! SCIM itself: resources, schemas, filters, PATCH, projection, discovery and errors, after
//! RFC 7643 and RFC 7644 with what Entra ID sends besides. Pure: no SQL, no HTTP, no clock.
//!
//! **What `scim_v2` serves for.** Its filter grammar and AST and its PATCH-path grammar are used as
//! they are ([`filter`]). Its wire models are not: they are strict structs, and this service must
//! read Entra's malformed shapes (a bare string for `manager`, quoted booleans, an extension whose
//! URN isn't announced), must tell an absent attribute from a null one at any depth, and must keep
//! and return attributes that no column carries. So a resource here is a JSON document
//! ([`Resource`]) whose shape [`parse_resource`] has proved against the attribute tables of
//! [`schema`]; nothing downstream checks it again.

use std::fmt;

use serde_json::{Map, Value};

mod asserted;
pub mod discovery;
mod elements;
mod error;
pub mod filter;
mod filter_text;
mod fold;
mod members;
mod patch;
mod patch_apply;
mod patch_path;
mod path;
mod projection;
mod query;
mod resource;
pub mod schema;
mod values;

pub use asserted::{Asserted, asserted_by};
pub use discovery::Advertised;
pub use error::{Error, ScimType};
pub use filter::{Filter, FilterLimits, parse_filter, resolve};
pub use fold::fold;
pub use members::MemberOp;
pub use patch::{Patch, parse_patch};
pub use path::AttributePath;
pub use projection::Projection;
pub use query::{ListQuery, SortOrder};
pub use resource::{parse_resource, prune};
pub use schema::{Attribute, AttributeKind, Resolved};

#[cfg(test)]
mod tests;

/// A resource as a JSON object: canonical attribute names, core attributes at the top, extension
/// attributes under their schema's URN. Made by [`parse_resource`].
pub type Resource = Map<String, Value>;

/// The resource types this service provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// RFC 7643 §4.1, with the enterprise extension of §4.3.
    User,
    /// RFC 7643 §4.2.
    Group,
}

impl ResourceType {
    /// Both, in the order they are listed.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// The name: `User`, `Group`. What `meta.resourceType` holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The endpoint under the base path: `Users`, `Groups`.
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    /// The attribute that names a resource and that Entra matches by.
    pub const fn name_attribute(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "displayName",
        }
    }

    /// The core schema's URN.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::User => schema::USER,
            Self::Group => schema::GROUP,
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
