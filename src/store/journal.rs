//! What a step of cleanup changed, as its journal keeps it. Knows neither the journal's table nor the
//! steps, nor how one is undone.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sidecar::{self, Form};
use crate::mapper::Cell;

/// Whole rows of a legacy table, as they lay there: cells by column.
pub type Rows = Vec<BTreeMap<String, Cell>>;

/// A step that was done, with what it needs to be undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// When Entra had disabled the user.
    pub disabled_at: NaiveDateTime,
    /// Rows that were removed, by table.
    #[serde(default)]
    pub removed: BTreeMap<String, Rows>,
    /// Rows whose columns were set, by table: the primary key and the columns as they were.
    #[serde(default)]
    pub changed: BTreeMap<String, Rows>,
    /// What the changed columns were set to.
    #[serde(default)]
    pub set: BTreeMap<String, BTreeMap<String, Cell>>,
    /// The link as it was.
    #[serde(default)]
    pub link: Option<Value>,
    /// The stage as it was.
    #[serde(default)]
    pub stage: Option<String>,
    /// Teams whose membership Entra asserted.
    #[serde(default)]
    pub desired: Vec<String>,
}

impl sidecar::Value for Before {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "what a step changed, as JSON";
    fn read(cell: &Cell) -> Option<Self> {
        sidecar::json(cell)
    }
    fn cell(&self) -> Cell {
        // Rows have no numbers but those that JSON has.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}
