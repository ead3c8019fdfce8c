//! The resource types this service provides, and what they are called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `urn:ietf:params:scim:schemas:core:2.0:User`
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// `urn:ietf:params:scim:schemas:core:2.0:Group`
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The resource types this service provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

    /// The id of the resource of this type with a key: no two resources share one, of whatever types they
    /// are (RFC 7643 §3.1), so that a group among members can't be taken for a person.
    pub fn id(self, key: &str) -> String {
        format!("{}{key}", self.prefix())
    }

    /// The text of the key in an id, unless it is no id of this type.
    pub fn key(self, id: &str) -> Option<&str> {
        id.strip_prefix(self.prefix())
    }

    /// What an id begins with, before the key's text.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "",
            Self::Group => "g-",
        }
    }

    /// The core schema's URN.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
