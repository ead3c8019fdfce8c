//! What two columns of `scim_findings` hold: whom a finding speaks of, and what is said of it. Knows
//! neither the table nor a finding's life.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::sidecar::{self, Form, Value};
use crate::mapper::Cell;
use crate::scim::ResourceType;

/// What a finding speaks of; the empty text for one that speaks of no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject(pub Option<ResourceType>);

impl Value for Subject {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "a resource type";
    fn read(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) if text.is_empty() => Some(Self(None)),
            cell => ResourceType::read(cell).map(|kind| Self(Some(kind))),
        }
    }
    fn cell(&self) -> Cell {
        self.0.map_or("", ResourceType::as_str).into()
    }
}

/// What is said of a finding beside what names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub expected: Json,
    pub actual: Json,
    pub why: String,
}

impl Value for Detail {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "what is said of a finding, as JSON";
    fn read(cell: &Cell) -> Option<Self> {
        sidecar::json(cell)
    }
    fn cell(&self) -> Cell {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}
