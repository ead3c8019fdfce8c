//! The User schema (RFC 7643 §4.1, §8.7.1) and its enterprise extension (§4.3, §8.7.1).

use super::attribute::{Attribute, AttributeKind, Mutability, Returned};

const fn primary() -> Attribute {
    Attribute::new("primary", AttributeKind::Boolean, "Whether this is the preferred value")
}

const fn display() -> Attribute {
    Attribute::string("display", "The value for people")
}

const fn value(description: &'static str) -> Attribute {
    Attribute::string("value", description)
}

const fn label(values: &'static [&'static str]) -> Attribute {
    Attribute::string("type", "What the value is for").canonical(values)
}

/// The core schema's attributes.
pub(super) static ATTRIBUTES: &[Attribute] = &[
    Attribute::string("userName", "The name the user signs in with; unique without regard to case")
        .required()
        .unique(),
    Attribute::complex(
        "name",
        &[
            Attribute::string("formatted", "The full name as it is displayed"),
            Attribute::string("familyName", "The family name"),
            Attribute::string("givenName", "The given name"),
            Attribute::string("middleName", "The middle name or names"),
            Attribute::string("honorificPrefix", "The title before the name"),
            Attribute::string("honorificSuffix", "The suffix after the name"),
        ],
        "The parts of the user's name",
    ),
    Attribute::string("displayName", "The name that is shown to others"),
    Attribute::string("nickName", "The casual name"),
    Attribute::reference("profileUrl", &["external"], "The address of the user's profile"),
    Attribute::string("title", "The job title"),
    Attribute::string("userType", "How the user relates to the organisation"),
    Attribute::string("preferredLanguage", "The preferred languages, as in Accept-Language"),
    Attribute::string("locale", "The locale for dates, numbers and currency"),
    Attribute::string("timezone", "The time zone, by its IANA name"),
    Attribute::new("active", AttributeKind::Boolean, "Whether the user may sign in"),
    Attribute::string("password", "Never stored by this service")
        .case_exact()
        .mutability(Mutability::WriteOnly)
        .returned(Returned::Never),
    Attribute::complex(
        "emails",
        &[value("The address"), display(), label(&["work", "home", "other"]), primary()],
        "E-mail addresses",
    )
    .many(),
    Attribute::complex(
        "phoneNumbers",
        &[
            value("The number"),
            display(),
            label(&["work", "home", "mobile", "fax", "pager", "other"]),
            primary(),
        ],
        "Telephone numbers",
    )
    .many(),
    Attribute::complex(
        "ims",
        &[
            value("The address"),
            display(),
            label(&["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]),
            primary(),
        ],
        "Instant-messaging addresses",
    )
    .many(),
    Attribute::complex(
        "photos",
        &[
            Attribute::reference("value", &["external"], "The picture's address"),
            display(),
            label(&["photo", "thumbnail"]),
            primary(),
        ],
        "Pictures of the user",
    )
    .many(),
    Attribute::complex(
        "addresses",
        &[
            Attribute::string("formatted", "The address as it is written on a letter"),
            Attribute::string("streetAddress", "Street and house number"),
            Attribute::string("locality", "The city"),
            Attribute::string("region", "The state or region"),
            Attribute::string("postalCode", "The postal code"),
            Attribute::string("country", "The country, ISO 3166-1 alpha-2"),
            label(&["work", "home", "other"]),
            primary(),
        ],
        "Postal addresses",
    )
    .many(),
    Attribute::complex(
        "groups",
        &[
            Attribute::string("value", "The group's id")
                .case_exact()
                .mutability(Mutability::ReadOnly),
            Attribute::reference("$ref", &["Group"], "The group's address")
                .mutability(Mutability::ReadOnly),
            Attribute::string("display", "The group's name").mutability(Mutability::ReadOnly),
            Attribute::string("type", "How the user came to be a member")
                .canonical(&["direct", "indirect"])
                .mutability(Mutability::ReadOnly),
        ],
        "The groups the user is a member of; changed through the groups",
    )
    .many()
    .mutability(Mutability::ReadOnly),
    Attribute::complex(
        "entitlements",
        &[value("The entitlement"), display(), label(&[]), primary()],
        "What the user is entitled to",
    )
    .many(),
    Attribute::complex(
        "roles",
        &[value("The role"), display(), label(&[]), primary()],
        "What the user is to the organisation",
    )
    .many(),
    Attribute::complex(
        "x509Certificates",
        &[
            Attribute::new("value", AttributeKind::Binary, "The certificate, DER in base64")
                .case_exact(),
            display(),
            label(&[]),
            primary(),
        ],
        "Certificates issued to the user",
    )
    .many(),
];

/// The enterprise extension's attributes.
pub(super) static ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    Attribute::string("employeeNumber", "The organisation's number for the user"),
    Attribute::string("costCenter", "The cost centre"),
    Attribute::string("organization", "The organisation"),
    Attribute::string("division", "The division"),
    Attribute::string("department", "The department"),
    Attribute::complex(
        "manager",
        &[
            Attribute::string("value", "The manager's id").case_exact(),
            Attribute::reference("$ref", &["User"], "The manager's address"),
            Attribute::string("displayName", "The manager's name").mutability(Mutability::ReadOnly),
        ],
        "The user's manager",
    ),
];
