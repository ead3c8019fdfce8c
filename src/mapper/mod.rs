//! SCIM resources ↔ legacy columns, and filters → predicates over columns. Pure: no SQL, no IO, no
//! clock; what the store needs to know of an install ([`Layout`]) is made here from the profile and
//! the catalogue.

mod cell;
mod change;
mod convert;
mod drift;
mod filter;
mod layout;
mod predicate;
mod protect;
mod record;
mod render;

pub use cell::Cell;
pub use change::{
    Assignment, NewValue, Stamp, active, baseline, baseline_hash, for_delete, for_insert,
    for_update, kept, stamps, undelete,
};
pub use drift::{Reading, agrees, reading_of, readings, recycled};
pub use filter::{matching_name, predicate, sort_field};
pub use layout::{Layout, LayoutError, fit, whole_second};
pub use predicate::{Field, Operand, Operator, Predicate};
pub use protect::protected;
pub use record::{Group, Groups, Link, LinkState, Record};
pub use render::{advertised, attributes, modified, render};
