//! SCIM itself: resources, schemas, filters, PATCH, projection, discovery and errors, after
//! RFC 7643 and RFC 7644 with what Entra ID sends besides. Pure: no SQL, no HTTP, no clock.
//!
//! **Why `scim_v2` doesn't serve.** Its wire models are strict structs, and this service must read
//! Entra's malformed shapes (a bare string for `manager`, quoted booleans, an extension whose URN
//! isn't announced), must tell an absent attribute from a null one at any depth, and must keep and
//! return attributes that no column carries. So a resource here is a JSON document ([`Resource`])
//! whose shape [`parse_resource`] has proved against the attribute tables of [`schema`]; nothing
//! downstream checks it again. Its grammar can be reached through `FromStr` alone: it takes neither
//! Entra's values without quotes nor `emails[type eq "work"].value eq "x"`, tells of a generated
//! parser's tokens where a person should read what is wrong, and has fixed limits. Text had to be
//! read before it to be repaired and once more after it to resolve the names, at a tenth of a
//! request's cost. So filters and paths are read once, by `grammar`, into [`filter`]'s tree.

mod asserted;
pub mod discovery;
pub mod elements;
mod error;
pub mod filter;
mod fold;
mod grammar;
mod ignored;
pub mod kept;
mod list;
mod members;
mod patch;
mod patch_apply;
mod patch_path;
mod path;
mod projection;
mod query;
mod resource;
mod resource_type;
pub mod schema;
mod values;

pub use asserted::{Asserted, asserted_by};
pub use discovery::Advertised;
pub use error::{Error, ScimType, excerpt};
pub use filter::Filter;
pub use fold::{fold, is_plain};
pub use grammar::{FilterLimits, parse_filter};
pub use ignored::Ignored;
pub use members::{MemberOp, of_users};
pub use patch::{Patch, parse_patch};
pub use path::AttributePath;
pub use projection::Projection;
pub use query::{ListQuery, SortOrder};
pub use resource::{Resource, parse_resource, prune};
pub use resource_type::ResourceType;
pub use schema::{Attribute, AttributeKind, Resolved};

#[cfg(test)]
mod tests;
