//! The description of one attribute (RFC 7643 §2, §7) and the shorthand its tables are written in.
//! Knows no names.

/// An attribute's data type (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeKind {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// An `xsd:dateTime`.
    DateTime,
    /// A URI.
    Reference,
    /// Base64.
    Binary,
    /// An object of sub-attributes.
    Complex,
}

impl AttributeKind {
    /// The `type` keyword of a schema (RFC 7643 §7).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::DateTime => "dateTime",
            Self::Reference => "reference",
            Self::Binary => "binary",
            Self::Complex => "complex",
        }
    }
}

/// Who may change an attribute, and when (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only the service provider.
    ReadOnly,
    /// Anyone, any time.
    ReadWrite,
    /// At creation only.
    Immutable,
    /// Anyone, but it is never returned.
    WriteOnly,
}

impl Mutability {
    /// The keyword of a schema.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::ReadWrite => "readWrite",
            Self::Immutable => "immutable",
            Self::WriteOnly => "writeOnly",
        }
    }
}

/// When an attribute is returned (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Whatever the projection says.
    Always,
    /// Never.
    Never,
    /// Unless the projection leaves it out.
    Default,
}

impl Returned {
    /// The keyword of a schema.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Default => "default",
        }
    }
}

/// How far a value is unique (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// Not at all.
    None,
    /// Within this service.
    Server,
}

impl Uniqueness {
    /// The keyword of a schema.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Server => "server",
        }
    }
}

/// One attribute or sub-attribute of a schema (RFC 7643 §7).
#[derive(Debug)]
pub struct Attribute {
    /// The name as it is written on output.
    pub name: &'static str,
    /// The data type.
    pub kind: AttributeKind,
    /// Whether it is an array.
    pub multi_valued: bool,
    /// Whether every resource must have it.
    pub required: bool,
    /// Whether case counts when it is compared.
    pub case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// How far it is unique.
    pub uniqueness: Uniqueness,
    /// Suggested values.
    pub canonical_values: &'static [&'static str],
    /// What a [`AttributeKind::Reference`] points at.
    pub reference_types: &'static [&'static str],
    /// The parts of a [`AttributeKind::Complex`].
    pub subs: &'static [Attribute],
    /// For `GET /Schemas`.
    pub description: &'static str,
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    pub fn sub(&self, name: &str) -> Option<&'static Attribute> {
        self.subs.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether only the service provider changes it.
    pub fn is_read_only(&self) -> bool {
        self.mutability == Mutability::ReadOnly
    }

    pub(super) const fn new(
        name: &'static str,
        kind: AttributeKind,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            multi_valued: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: &[],
            reference_types: &[],
            subs: &[],
            description,
        }
    }

    pub(super) const fn string(name: &'static str, description: &'static str) -> Self {
        Self::new(name, AttributeKind::String, description)
    }

    pub(super) const fn reference(
        name: &'static str,
        types: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self {
            reference_types: types,
            case_exact: true,
            ..Self::new(name, AttributeKind::Reference, description)
        }
    }

    pub(super) const fn complex(
        name: &'static str,
        subs: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self { subs, ..Self::new(name, AttributeKind::Complex, description) }
    }

    pub(super) const fn many(self) -> Self {
        Self { multi_valued: true, ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn case_exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    pub(super) const fn mutability(self, mutability: Mutability) -> Self {
        Self { mutability, ..self }
    }

    pub(super) const fn returned(self, returned: Returned) -> Self {
        Self { returned, ..self }
    }

    pub(super) const fn unique(self) -> Self {
        Self { uniqueness: Uniqueness::Server, ..self }
    }

    pub(super) const fn canonical(self, values: &'static [&'static str]) -> Self {
        Self { canonical_values: values, ..self }
    }
}
