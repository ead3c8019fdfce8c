//! `scim_links`: what ties a resource to Entra.

use serde_json::{Map, Value};

use super::error::Error;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Link, baseline_hash};
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
pub async fn put(tx: &mut Tx, kind: ResourceType, key: &str, link: &Link) -> Result<(), Error> {
    let values: [Cell; 10] = [
        link.external_id.clone().into(),
        link.state.as_str().into(),
        link.baseline.as_ref().map(text).into(),
        link.baseline.as_ref().map(|it| baseline_hash(&text(it))).into(),
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

/// The link of a resource, whether or not its row is there; locked. One statement.
pub async fn get(tx: &mut Tx, kind: ResourceType, key: &str) -> Result<Option<Link>, Error> {
    let lock = super::dialect::for_update(tx.database(), "l");
    read(tx, kind, key, lock).await
}

/// As [`get`], without a lock. One statement.
pub async fn find(tx: &mut Tx, kind: ResourceType, key: &str) -> Result<Option<Link>, Error> {
    read(tx, kind, key, Sql::default()).await
}

async fn read(
    tx: &mut Tx,
    kind: ResourceType,
    key: &str,
    lock: Sql,
) -> Result<Option<Link>, Error> {
    let sql = Sql::new("SELECT ")
        .raw(super::resources::LINK)
        .raw(" FROM scim_links l WHERE l.resource_type = ")
        .bind(kind.as_str())
        .raw(" AND l.legacy_key = ")
        .bind(key)
        .append(lock);
    let rows = tx.query(sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let state = row.text(0).unwrap_or_default();
    super::resources::link(&state, row, 1).map(Some)
}

/// Removes a link. One statement.
pub async fn remove(tx: &mut Tx, kind: ResourceType, key: &str) -> Result<(), Error> {
    let sql = Sql::new("DELETE FROM scim_links WHERE resource_type = ")
        .bind(kind.as_str())
        .raw(" AND legacy_key = ")
        .bind(key);
    tx.execute(sql).await.map(|_| ())
}

fn text(object: &Map<String, Value>) -> String {
    // A map of strings to values always serializes.
    serde_json::to_string(object).unwrap_or_default()
}

/// Sets the columns; who is enabled again is no longer on the way out.
fn or_update(database: Database) -> String {
    let set = |table: &str, take: &dyn Fn(&str) -> String| {
        let columns = COLUMNS.map(|column| format!("{column} = {}", take(column))).join(", ");
        let disabled = take("disabled_at");
        format!(
            "{columns}, cleanup_stage = CASE WHEN {disabled} IS NOT NULL \
             THEN {table}cleanup_stage END"
        )
    };
    match database {
        Database::Sqlite | Database::Postgres => format!(
            " ON CONFLICT (resource_type, legacy_key) DO UPDATE SET {}",
            set("scim_links.", &|column| format!("excluded.{column}"))
        ),
        Database::Mysql => {
            format!(" ON DUPLICATE KEY UPDATE {}", set("", &|column| format!("VALUES({column})")))
        }
    }
}

/// How far cleanup has come with a user. One statement.
pub async fn stage(tx: &mut Tx, key: &str) -> Result<Option<String>, Error> {
    let sql = Sql::new(
        "SELECT cleanup_stage FROM scim_links WHERE resource_type = 'User' AND legacy_key = ",
    );
    Ok(tx.query(sql.bind(key)).await?.first().and_then(|row| row.text(0)))
}

/// Notes how far cleanup has come with a user. One statement.
pub async fn set_stage(tx: &mut Tx, key: &str, stage: Option<&str>) -> Result<(), Error> {
    let sql = Sql::new("UPDATE scim_links SET cleanup_stage = ")
        .bind(stage.map(str::to_owned))
        .raw(" WHERE resource_type = 'User' AND legacy_key = ")
        .bind(key);
    tx.execute(sql).await.map(|_| ())
}
