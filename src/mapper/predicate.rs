//! A filter over legacy columns, before any SQL: what the store compiles to a WHERE clause.
//!
//! Every predicate is two-valued: a missing value makes a comparison false, never unknown, so that
//! `not` means what RFC 7644 §3.4.2.2 says.

use std::sync::Arc;

use chrono::NaiveDateTime;

use super::cell::Cell;
use super::field::Field;
use super::kept_values::Token;

/// What a comparison reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// The key, as the text that is the SCIM id.
    Key,
    /// What SCIM shows of a mapped attribute.
    Field(Arc<Field>),
    /// The link's `externalId`.
    ExternalId,
    /// `meta.created`
    Created,
    /// `meta.lastModified`
    Modified,
}

/// A comparison operator of RFC 7644 §3.4.2.2; `ne` is the negation of `Equal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text that compares without case ([`crate::scim::fold`]).
    Folded(String),
    /// Text that compares to the letter.
    Exact(String),
    /// A whole number.
    Int(i64),
    /// A time.
    Time(NaiveDateTime),
}

/// A two-valued condition on one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// True of every resource.
    Always,
    /// True of none.
    Never,
    /// All of these.
    All(Vec<Predicate>),
    /// Any of these.
    Any(Vec<Predicate>),
    /// Not this.
    Not(Box<Predicate>),
    /// A comparison.
    Compare(Subject, Operator, Operand),
    /// The subject has a value: neither NULL nor empty text.
    Present(Subject),
    /// The field's column holds one of these legacy values.
    OneOf(Arc<Field>, Vec<Cell>),
    /// The link keeps this value.
    Kept(Token),
    /// The resource is the one with this key.
    IsKey(Cell),
    /// A group that has this user as a member (`None`: any member).
    HasMember(Option<Cell>),
    /// A user who is a member of this group (`None`: of any).
    InGroup(Option<Cell>),
}
