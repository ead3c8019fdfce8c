//! `scim_links`: what ties a resource to Entra.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Link};
use crate::profile::catalogue::Database;
use crate::scim::ResourceType;

const COLUMNS: [&str; 10] = [
    "external_id",
    "state",
    "baseline",
    "baseline_hash",
    "kept",
    "version",
    "created",
    "modified",
    "disabled_at",
    "deleted_at",
];

/// Writes a link over whatever the key's link was. One statement.
///
/// # Errors
/// The database's.
pub async fn put(tx: &mut Tx, kind: ResourceType, key: &str, link: &Link) -> Result<(), Error> {
    let values: [Cell; 10] = [
        link.external_id.clone().into(),
        link.state.as_str().into(),
        link.baseline.as_ref().map(text).into(),
        link.baseline.as_ref().map(hash).into(),
        (!link.kept.is_empty()).then(|| text(&link.kept)).into(),
        link.version.into(),
        link.created.into(),
        link.modified.into(),
        link.disabled_at.into(),
        link.deleted_at.into(),
    ];
    let sql = Sql::new("INSERT INTO scim_links (resource_type, legacy_key, ")
        .raw(&COLUMNS.join(", "))
        .raw(") VALUES (")
        .bind(kind.as_str())
        .raw(", ")
        .bind(key)
        .raw(", ")
        .list(", ", values.into_iter().map(|cell| Sql::default().bind(cell)))
        .raw(")")
        .raw(&or_update(tx.database()));
    tx.later(sql).await
}

/// The hash that tells two baselines apart: SHA-256 of the JSON text, whose keys are sorted.
#[must_use]
pub fn hash(baseline: &Map<String, Value>) -> String {
    format!("{:x}", Sha256::digest(text(baseline)))
}

fn text(object: &Map<String, Value>) -> String {
    // A map of strings to values always serializes.
    serde_json::to_string(object).unwrap_or_default()
}

fn or_update(database: Database) -> String {
    let set = |take: &dyn Fn(&str) -> String| {
        COLUMNS.map(|column| format!("{column} = {}", take(column))).join(", ")
    };
    match database {
        Database::Sqlite | Database::Postgres => format!(
            " ON CONFLICT (resource_type, legacy_key) DO UPDATE SET {}",
            set(&|column| format!("excluded.{column}"))
        ),
        Database::Mysql => {
            format!(" ON DUPLICATE KEY UPDATE {}", set(&|column| format!("VALUES({column})")))
        }
    }
}
