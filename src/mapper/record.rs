//! What the database holds of one resource: the legacy row and the link beside it.

use chrono::NaiveDateTime;
use serde_json::{Map, Value};
use strum::{EnumString, IntoStaticStr};

use super::cell::Cell;
use super::field::Field;

/// What ties a resource to Entra.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LinkState {
    /// Entra found it by an `eq` lookup and knows its id.
    Matched,
    /// Entra wrote it.
    Managed,
    /// A tombstone.
    Deleted,
}

impl LinkState {
    /// Its name in `scim_links.state`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// A row of `scim_links`.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// What Entra has done with the resource.
    pub state: LinkState,
    /// Entra's own id for it.
    pub external_id: Option<String>,
    /// What a client last asserted, by attribute path; `None` for a matched row.
    pub baseline: Option<Map<String, Value>>,
    /// Attributes that no column carries.
    pub kept: Map<String, Value>,
    /// Counts the link's writes.
    pub version: i64,
    /// When the link was made.
    pub created: NaiveDateTime,
    /// When it was last written.
    pub modified: NaiveDateTime,
    /// When Entra disabled the user.
    pub disabled_at: Option<NaiveDateTime>,
    /// When Entra deleted the resource.
    pub deleted_at: Option<NaiveDateTime>,
    /// What the column of `active` held before the agent disabled the user.
    pub replaced: Option<Cell>,
    /// The externalId of the deleted user whose row this was, while nobody has said whose it is now.
    pub reused_from: Option<String>,
}

/// A legacy row with its link.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The key.
    pub key: Cell,
    /// What the mapped attributes' columns hold: [`Self::shown`] and [`Self::held`] read it.
    pub cells: Vec<Cell>,
    /// The creation stamp, where the profile names one.
    pub created: Option<NaiveDateTime>,
    /// The modification stamp, where the profile names one.
    pub modified: Option<NaiveDateTime>,
    /// Whether the profile's mark says that the row is gone.
    pub marked: bool,
    /// What the derived columns hold, in the order of the relation's.
    pub derived: Vec<Cell>,
    /// The link, once Entra has found or written the resource.
    pub link: Option<Link>,
    /// A user's groups, where they were asked for.
    pub groups: Option<Groups>,
}

/// The live groups of a user, as (group id, display name).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// By kpifire's own edges.
    pub held: Vec<Group>,
    /// By desired edges.
    pub desired: Vec<Group>,
}

/// A group's id and display name.
pub type Group = (String, Option<String>);

impl Record {
    /// What SCIM shows of a field: for a lookup the label.
    pub fn shown(&self, field: &Field) -> &Cell {
        self.cells.get(field.shown).unwrap_or(&Cell::Null)
    }

    /// What a field's column holds: for a lookup the key.
    pub fn held(&self, field: &Field) -> &Cell {
        self.cells.get(field.held).unwrap_or(&Cell::Null)
    }

    /// The record with another value in a column.
    pub fn set(&mut self, field: &Field, value: Cell) {
        if let Some(cell) = self.cells.get_mut(field.held) {
            *cell = value;
        }
    }

    /// The key's exact text: what the sidecar tables call the resource, and what its SCIM id is made of
    /// ([`crate::scim::ResourceType::id`]).
    pub fn key_text(&self) -> String {
        self.key.to_text().unwrap_or_default()
    }

    /// The groups that SCIM shows, in the order of their keys: kpifire's edges, and the desired ones
    /// of a user whom Entra disabled, which cleanup strips. `None` where they weren't asked for.
    pub fn shown_groups(&self) -> Option<Vec<&Group>> {
        let groups = self.groups.as_ref()?;
        let disabled = self.link.as_ref().is_some_and(|link| link.disabled_at.is_some());
        let desired = groups.desired.iter().filter(|_| disabled);
        let mut shown: Vec<&Group> = groups.held.iter().chain(desired).collect();
        shown.sort_by_key(|(id, _)| (id.parse::<i64>().unwrap_or(i64::MAX), id));
        shown.dedup_by_key(|(id, _)| id);
        Some(shown)
    }

    /// Every desired edge is kpifire's again.
    pub fn restore_groups(&mut self) {
        if let Some(groups) = &mut self.groups {
            groups.held.append(&mut groups.desired);
        }
    }

    /// Whether the resource is gone: a tombstone, or a row that is marked, whoever marked it.
    pub fn deleted(&self) -> bool {
        self.marked || self.tombstone()
    }

    /// Whether Entra deleted the resource.
    pub fn tombstone(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.state == LinkState::Deleted)
    }
}
