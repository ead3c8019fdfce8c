//! The Group schema (RFC 7643 §4.2, §8.7.1).

use super::attribute::{Attribute, Mutability};

/// The core schema's attributes.
pub(super) static ATTRIBUTES: &[Attribute] = &[
    // §8.7.1 says not required, §4.2 says REQUIRED; the text wins (and kpifire needs a name).
    Attribute::string("displayName", "The group's name for people").required().unique(),
    Attribute::complex(
        "members",
        &[
            Attribute::string("value", "The member's id")
                .case_exact()
                .mutability(Mutability::Immutable),
            Attribute::reference("$ref", &["User"], "The member's address")
                .mutability(Mutability::Immutable),
            Attribute::string("type", "What the member is")
                .canonical(&["User"])
                .mutability(Mutability::Immutable),
            Attribute::string("display", "The member's name for people")
                .mutability(Mutability::ReadOnly),
        ],
        "The group's members",
    )
    .many(),
];
