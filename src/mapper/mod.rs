//! SCIM resources ↔ legacy columns, and filters → predicates over columns. Pure: no SQL, no IO, no
//! clock; what the store needs to know of an install ([`Layout`]) is made here from the profile and
//! the catalogue.

mod cell;
mod change;
mod drift;
mod field;
mod filter;
mod kept_values;
mod layout;
mod predicate;
mod protect;
mod record;
mod relation;
mod render;
mod resolve;
mod shared;
mod times;

pub use cell::Cell;
pub use change::{
    Assignment, Changes, Columns, Stamp, active, baseline, baseline_hash, for_delete, for_insert,
    for_update, kept, put_back, replaced, stamps, undelete,
};
pub use drift::{Reading, agrees, reading, reading_of, readings, recycled, underived};
pub use field::{
    Companion, Constant, Constants, Counter, Encoding, Field, KeySource, Lookup, Made, NewRow,
    NewValue, RowSwitch, fit,
};
pub use filter::{matching_name, name_with, predicate, sort_field, spelled};
pub use kept_values::{Token, tokens};
pub use layout::{
    Deletion, Derived, Layout, MemberRelation, OwnedRelation, ResourceRelation, RevokeRelation,
    Stamped, Touch,
};
pub use predicate::{Operand, Operator, Predicate, Subject};
pub use protect::{Protection, completed, forbidden, protected};
pub use record::{Group, Groups, Link, LinkState, Record};
pub use relation::{Column, Condition, Reference, Relation};
pub use render::{advertised, attributes, modified, render};
pub use resolve::LayoutError;
pub use shared::{unite, unite_stated};
pub use times::{Mark, MarkedBy, Switch, Times, whole_second};
