//! SCIM resources ↔ legacy columns, and filters → predicates over columns. Pure: no SQL, no IO, no
//! clock; what the store needs to know of an install ([`Layout`]) is made here from the profile and
//! the catalogue.

mod cell;
mod change;
mod drift;
mod field;
mod filter;
mod layout;
mod predicate;
mod protect;
mod record;
mod relation;
mod render;

pub use cell::Cell;
pub use change::{
    Assignment, Columns, Stamp, active, baseline, baseline_hash, for_delete, for_insert,
    for_update, kept, stamps, undelete,
};
pub use drift::{Reading, agrees, reading, reading_of, readings, recycled};
pub use field::{Encoding, Field, Lookup, NewValue, fit, whole_second};
pub use filter::{matching_name, predicate, sort_field};
pub use layout::{
    Deletion, Layout, LayoutError, MemberRelation, OwnedRelation, ResourceRelation, RevokeRelation,
    Touch,
};
pub use predicate::{Operand, Operator, Predicate, Subject};
pub use protect::protected;
pub use record::{Group, Groups, Link, LinkState, Record};
pub use relation::{Column, Reference, Relation};
pub use render::{advertised, attributes, modified, render};
