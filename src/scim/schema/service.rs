//! The schemas of what the service says of itself (RFC 7643 §5–7, §8.7.2). Clients read them; nobody
//! writes by them.

use super::attribute::{Attribute, AttributeKind, Mutability};

const fn read(attribute: Attribute) -> Attribute {
    attribute.mutability(Mutability::ReadOnly)
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    read(Attribute::string(name, description))
}

const fn flag(name: &'static str, description: &'static str) -> Attribute {
    read(Attribute::new(name, AttributeKind::Boolean, description).required())
}

const fn number(name: &'static str, description: &'static str) -> Attribute {
    read(Attribute::new(name, AttributeKind::Integer, description).required())
}

const fn address(
    name: &'static str,
    types: &'static [&'static str],
    description: &'static str,
) -> Attribute {
    read(Attribute::reference(name, types, description))
}

const fn feature(
    name: &'static str,
    parts: &'static [Attribute],
    description: &'static str,
) -> Attribute {
    read(Attribute::complex(name, parts, description).required())
}

const SUPPORTED: Attribute = flag("supported", "Whether it is");

/// `GET /ServiceProviderConfig`
pub(super) static PROVIDER_CONFIG: &[Attribute] = &[
    address("documentationUri", &["external"], "Where the service is described"),
    feature("patch", &[SUPPORTED], "Whether PATCH is supported"),
    feature(
        "bulk",
        &[
            SUPPORTED,
            number("maxOperations", "Operations in one request at most"),
            number("maxPayloadSize", "Bytes in one request at most"),
        ],
        "Whether Bulk is supported",
    ),
    feature(
        "filter",
        &[SUPPORTED, number("maxResults", "Resources in one response at most")],
        "Whether filters are supported",
    ),
    feature("changePassword", &[SUPPORTED], "Whether passwords can be changed"),
    feature("sort", &[SUPPORTED], "Whether lists can be sorted"),
    feature("etag", &[SUPPORTED], "Whether resources have entity tags"),
    feature(
        "authenticationSchemes",
        &[
            text("type", "The scheme").required().canonical(&[
                "oauth",
                "oauth2",
                "oauthbearertoken",
                "httpbasic",
                "httpdigest",
            ]),
            text("name", "The scheme's name for people").required(),
            text("description", "What it is").required(),
            address("specUri", &["external"], "Where the scheme is specified"),
            address("documentationUri", &["external"], "Where its use is described"),
            read(Attribute::new(
                "primary",
                AttributeKind::Boolean,
                "Whether it is the preferred scheme",
            )),
        ],
        "The ways to authenticate",
    )
    .many(),
];

/// `GET /ResourceTypes`
pub(super) static RESOURCE_TYPE: &[Attribute] = &[
    text("id", "The resource type's id"),
    text("name", "The resource type's name").required(),
    text("description", "What it is"),
    address("endpoint", &["uri"], "Its endpoint under the base URL").required(),
    address("schema", &["uri"], "Its core schema").required().case_exact(),
    feature(
        "schemaExtensions",
        &[
            address("schema", &["uri"], "The extension").required(),
            flag("required", "Whether every resource has it"),
        ],
        "Its schema extensions",
    )
    .many(),
];

const NAME: Attribute = text("name", "The attribute's name").required().case_exact();
const KIND: Attribute = text("type", "The attribute's data type").required().canonical(&[
    "string",
    "complex",
    "boolean",
    "decimal",
    "integer",
    "dateTime",
    "reference",
    "binary",
]);
const MULTI_VALUED: Attribute = flag("multiValued", "Whether it has several values");
const DESCRIPTION: Attribute = text("description", "What it is");
const REQUIRED: Attribute =
    read(Attribute::new("required", AttributeKind::Boolean, "Whether every resource must have it"));
const CANONICAL_VALUES: Attribute = text("canonicalValues", "Its suggested values").many();
const CASE_EXACT: Attribute =
    read(Attribute::new("caseExact", AttributeKind::Boolean, "Whether case counts"));
const MUTABILITY: Attribute = text("mutability", "Who may change it, and when").canonical(&[
    "readOnly",
    "readWrite",
    "immutable",
    "writeOnly",
]);
const RETURNED: Attribute =
    text("returned", "When it is returned").canonical(&["always", "never", "default", "request"]);
const UNIQUENESS: Attribute =
    text("uniqueness", "How far it is unique").canonical(&["none", "server", "global"]);
const REFERENCE_TYPES: Attribute = text("referenceTypes", "What a reference may point at").many();

/// `GET /Schemas`
pub(super) static SCHEMA: &[Attribute] = &[
    text("id", "The schema's URN").required().case_exact(),
    text("name", "The schema's name"),
    text("description", "What it is"),
    feature(
        "attributes",
        &[
            NAME,
            KIND,
            MULTI_VALUED,
            DESCRIPTION,
            REQUIRED,
            CANONICAL_VALUES,
            CASE_EXACT,
            MUTABILITY,
            RETURNED,
            UNIQUENESS,
            REFERENCE_TYPES,
            read(
                Attribute::complex(
                    "subAttributes",
                    &[
                        NAME,
                        KIND,
                        MULTI_VALUED,
                        DESCRIPTION,
                        REQUIRED,
                        CANONICAL_VALUES,
                        CASE_EXACT,
                        MUTABILITY,
                        RETURNED,
                        UNIQUENESS,
                        REFERENCE_TYPES,
                    ],
                    "The attribute's parts",
                )
                .many(),
            ),
        ],
        "The schema's attributes",
    )
    .many(),
];
