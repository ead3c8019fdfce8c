//! What a run of the reconciler reads: legacy rows with their links, page by page, and the few rows
//! in which the two differ. Every function is for the transaction of [`super::Store::snapshot`].
//!
//! Decides nothing: which difference is a finding is `reconcile`'s.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::agents;
use super::dialect::{fold, key_text, text_key, text_list};
use super::error::Error;
use super::pages::Pages;
use super::resources::{columns, from, object, record};
use super::row::Row;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Layout, LinkState, Record};
use crate::profile::catalogue::Database;
use crate::scim::ResourceType;

/// Ids named by one statement at most.
const CHUNK: usize = 1000;

/// A legacy row as a run sees it: its link carries no baseline, only the baseline's hash.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The row and its link.
    pub record: Record,
    /// `scim_links.baseline_hash`
    pub baseline_hash: Option<String>,
}

/// All rows of a resource type, a page at a time.
pub struct Everything {
    kind: ResourceType,
    pages: Pages,
}

impl Everything {
    /// Begins before the first row.
    pub fn new(layout: &Layout, kind: ResourceType) -> Self {
        let cursor = match kind {
            ResourceType::User => "scim_users",
            ResourceType::Group => "scim_groups",
        };
        Self { kind, pages: Pages::new(cursor, select(layout, kind).raw(" WHERE 1 = 1")) }
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self, tx: &mut Tx, layout: &Layout) -> Result<Page, Error> {
        Ok(Page { kind: self.kind, rows: self.pages.next(tx, layout, self.kind).await? })
    }
}

/// Rows as the database gave them. Making sense of them takes about as long as reading them, and can
/// be done while the next ones are read.
pub struct Page {
    kind: ResourceType,
    rows: Vec<Row>,
}

impl Page {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, read. An error is a link that isn't one.
    pub fn observed(self, layout: &Layout) -> impl Iterator<Item = Result<Observed, Error>> {
        self.rows.into_iter().map(move |row| {
            let baseline_hash = row.0.last().and_then(Cell::to_text);
            Ok(Observed { record: record(layout, self.kind, row)?, baseline_hash })
        })
    }
}

/// As `resources` reads rows, without the two long columns of the link.
fn select(layout: &Layout, kind: ResourceType) -> Sql {
    let sql = Sql::new("SELECT ").append(columns(layout, kind)).raw(
        ", l.state, l.external_id, NULL, NULL, l.version, l.created, l.modified, l.disabled_at, \
         l.deleted_at, l.baseline_hash",
    );
    from(sql, layout, kind)
}

/// The baselines of these resources, by id. One statement per 1,000.
///
/// # Errors
/// The database's; a baseline that isn't JSON.
pub async fn baselines(
    tx: &mut Tx,
    kind: ResourceType,
    ids: &[String],
) -> Result<BTreeMap<String, Map<String, Value>>, Error> {
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let sql = Sql::new("SELECT legacy_key, baseline FROM scim_links WHERE resource_type = ")
            .bind(kind.as_str())
            .raw(" AND baseline IS NOT NULL AND legacy_key IN (SELECT i.item FROM ")
            .append(text_list(tx.database(), chunk))
            .raw(" i)");
        for row in tx.query(sql).await? {
            if let (Some(key), Some(text)) = (row.text(0), row.text(1)) {
                found.insert(key, object(&text)?);
            }
        }
    }
    Ok(found)
}

/// A link whose legacy row is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Stranded {
    /// The key, as text.
    pub id: String,
    /// Entra's own id.
    pub external_id: Option<String>,
    /// What Entra last asserted.
    pub baseline: Map<String, Value>,
}

/// Links, tombstones left out, without a row. One statement.
pub async fn stranded(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
) -> Result<Vec<Stranded>, Error> {
    let sql = Sql::new("SELECT l.legacy_key, l.external_id, l.baseline")
        .append(without_rows(tx.database(), layout, kind))
        .raw(" ORDER BY l.legacy_key");
    tx.query(sql)
        .await?
        .iter()
        .map(|row| {
            Ok(Stranded {
                id: row.text(0).unwrap_or_default(),
                external_id: row.text(1),
                baseline: row.text(2).map(|text| object(&text)).transpose()?.unwrap_or_default(),
            })
        })
        .collect()
}

/// How many links, tombstones left out, have no row. One statement.
pub async fn count_stranded(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
) -> Result<u64, Error> {
    let sql = Sql::new("SELECT COUNT(*)").append(without_rows(tx.database(), layout, kind));
    Ok(tx.query(sql).await?.first().map_or(0, |row| unsigned(row.int(0))))
}

/// `FROM … WHERE …`: links, tombstones left out, without a row.
fn without_rows(database: Database, layout: &Layout, kind: ResourceType) -> Sql {
    let table = layout.profile.table(kind);
    let key = layout.column(&table.table, &table.key);
    Sql::new(" FROM scim_links l WHERE l.resource_type = ")
        .bind(kind.as_str())
        .raw(" AND l.state <> 'deleted' AND NOT EXISTS (SELECT 1 FROM ")
        .table(&table.table)
        .raw(" r WHERE ")
        .column("r", &table.key)
        .raw(" = ")
        .append(text_key(database, key, Sql::new("l.legacy_key")))
        .raw(")")
}

/// A live user row found by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The key, as text.
    pub id: String,
    /// The userName as it lies in the table.
    pub name: String,
    /// The link's state, if there is a link.
    pub state: Option<LinkState>,
}

/// User rows, tombstones left out, whose userName folds to one of these, in the key's order. One
/// statement per 1,000.
pub async fn named(tx: &mut Tx, layout: &Layout, names: &[String]) -> Result<Vec<Named>, Error> {
    let database = tx.database();
    let mut found = Vec::new();
    for chunk in names.chunks(CHUNK) {
        let wanted = Sql::new("(SELECT ")
            .append(fold(database, Sql::new("i.item")))
            .raw(" FROM ")
            .append(text_list(database, chunk))
            .raw(" i)");
        found.extend(users_in(tx, layout, wanted).await?);
    }
    Ok(found)
}

/// Live user rows whose folded name is in a subquery.
async fn users_in(tx: &mut Tx, layout: &Layout, names: Sql) -> Result<Vec<Named>, Error> {
    let Some(name) = name_column(layout, ResourceType::User) else { return Ok(Vec::new()) };
    let users = &layout.profile.users;
    let select =
        Sql::new("SELECT ").column("r", &users.key).raw(", ").column("r", name).raw(", l.state");
    let sql = from(select, layout, ResourceType::User)
        .raw(" WHERE (l.state IS NULL OR l.state <> 'deleted') AND ")
        .append(fold(tx.database(), Sql::default().column("r", name)))
        .raw(" IN ")
        .append(names)
        .raw(" ORDER BY ")
        .column("r", &users.key);
    let rows = tx.query(sql).await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let state = row.text(2).and_then(|state| LinkState::from_name(&state));
            Some(Named { id: row.text(0)?, name: row.text(1)?, state })
        })
        .collect())
}

/// A membership: team and user, as ids.
pub type Edge = (String, String);

/// Joins the link `s` of an edge's user where Entra disabled or deleted the user.
const GONE: &str =
    "s.resource_type = 'User' AND (s.disabled_at IS NOT NULL OR s.state = 'deleted')";

/// kpifire's memberships of managed teams that Entra didn't assert; those of users that Entra
/// disabled or deleted left out. One statement.
pub async fn extra_edges(tx: &mut Tx, layout: &Layout) -> Result<Vec<Edge>, Error> {
    let members = &layout.profile.members;
    let database = tx.database();
    let group = || key_text(database, Sql::default().column("m", &members.group));
    let user = || key_text(database, Sql::default().column("m", &members.user));
    let sql = edges(layout)
        .raw(" WHERE NOT EXISTS (SELECT 1 FROM scim_desired_members d WHERE d.group_key = ")
        .append(group())
        .raw(" AND d.user_key = ")
        .append(user())
        .raw(
            ") AND EXISTS (SELECT 1 FROM scim_links g WHERE g.resource_type = 'Group' \
             AND g.state = 'managed' AND g.legacy_key = ",
        )
        .append(group())
        .raw(") AND NOT EXISTS (SELECT 1 FROM scim_links s WHERE ")
        .raw(GONE)
        .raw(" AND s.legacy_key = ")
        .append(user())
        .raw(")");
    pairs(tx, sql).await
}

/// Memberships of managed teams that Entra asserted and kpifire lacks; those of users that Entra
/// disabled or deleted left out. One statement.
pub async fn lacking_edges(tx: &mut Tx, layout: &Layout) -> Result<Vec<Edge>, Error> {
    let members = &layout.profile.members;
    let database = tx.database();
    let group = layout.column(&members.table, &members.group);
    let user = layout.column(&members.table, &members.user);
    let sql = Sql::new(
        "SELECT d.group_key, d.user_key FROM scim_desired_members d WHERE NOT EXISTS (SELECT 1 \
         FROM ",
    )
    .table(&members.table)
    .raw(" m WHERE ")
    .column("m", &members.group)
    .raw(" = ")
    .append(text_key(database, group, Sql::new("d.group_key")))
    .raw(" AND ")
    .column("m", &members.user)
    .raw(" = ")
    .append(text_key(database, user, Sql::new("d.user_key")))
    .raw(
        ") AND EXISTS (SELECT 1 FROM scim_links g WHERE g.resource_type = 'Group' \
         AND g.state = 'managed' AND g.legacy_key = d.group_key) \
         AND NOT EXISTS (SELECT 1 FROM scim_links s WHERE ",
    )
    .raw(GONE)
    .raw(" AND s.legacy_key = d.user_key)");
    pairs(tx, sql).await
}

/// kpifire's memberships that point at no row of this type. One statement.
pub async fn orphan_edges(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
) -> Result<Vec<Edge>, Error> {
    let members = &layout.profile.members;
    let table = layout.profile.table(kind);
    let column = match kind {
        ResourceType::User => &members.user,
        ResourceType::Group => &members.group,
    };
    let sql = edges(layout)
        .raw(" WHERE NOT EXISTS (SELECT 1 FROM ")
        .table(&table.table)
        .raw(" r WHERE ")
        .column("r", &table.key)
        .raw(" = ")
        .column("m", column)
        .raw(")");
    pairs(tx, sql).await
}

/// How many memberships kpifire has. One statement.
pub async fn count_edges(tx: &mut Tx, layout: &Layout) -> Result<u64, Error> {
    let sql = Sql::new("SELECT COUNT(*) FROM ").table(&layout.profile.members.table);
    Ok(tx.query(sql).await?.first().map_or(0, |row| unsigned(row.int(0))))
}

/// How many memberships Entra asserted. One statement.
pub async fn count_desired(tx: &mut Tx) -> Result<u64, Error> {
    let rows = tx.query(Sql::new("SELECT COUNT(*) FROM scim_desired_members")).await?;
    Ok(rows.first().map_or(0, |row| unsigned(row.int(0))))
}

fn edges(layout: &Layout) -> Sql {
    let members = &layout.profile.members;
    Sql::new("SELECT ")
        .column("m", &members.group)
        .raw(", ")
        .column("m", &members.user)
        .raw(" FROM ")
        .table(&members.table)
        .raw(" m")
}

async fn pairs(tx: &mut Tx, sql: Sql) -> Result<Vec<Edge>, Error> {
    let rows = tx.query(sql).await?;
    Ok(rows.iter().filter_map(|row| Some((row.text(0)?, row.text(1)?))).collect())
}

/// What names a resource in a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// userName or displayName.
    pub name: Option<String>,
    /// Entra's own id.
    pub external_id: Option<String>,
}

/// The labels of rows that exist, by id. One statement per 1,000.
pub async fn labels(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    ids: &[String],
) -> Result<BTreeMap<String, Label>, Error> {
    let database = tx.database();
    let table = layout.profile.table(kind);
    let name = name_column(layout, kind)
        .map_or_else(|| Sql::new("NULL"), |name| Sql::default().column("r", name));
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let select = Sql::new("SELECT ")
            .column("r", &table.key)
            .raw(", ")
            .append(name.clone())
            .raw(", l.external_id");
        let key = layout.column(&table.table, &table.key);
        let sql = from(select, layout, kind)
            .raw(" WHERE ")
            .column("r", &table.key)
            .raw(" IN (SELECT ")
            .append(text_key(database, key, Sql::new("i.item")))
            .raw(" FROM ")
            .append(text_list(database, chunk))
            .raw(" i)");
        for row in tx.query(sql).await? {
            if let Some(id) = row.text(0) {
                found.insert(id, Label { name: row.text(1), external_id: row.text(2) });
            }
        }
    }
    Ok(found)
}

/// Links by resource type and state. One statement.
pub async fn links(tx: &mut Tx) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Error> {
    let sql = "SELECT resource_type, state, COUNT(*) FROM scim_links GROUP BY resource_type, state";
    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for row in tx.query(Sql::new(sql)).await? {
        if let (Some(kind), Some(state)) = (row.text(0), row.text(1)) {
            found.entry(kind).or_default().insert(state, unsigned(row.int(2)));
        }
    }
    Ok(found)
}

/// When a client that provisions was last heard of: the last use of its token, the last token it was
/// given, the last of Entra's own tokens, or the last audited write; else when the sidecar tables were
/// made, since silence begins there. Three statements.
pub async fn last_contact(tx: &mut Tx) -> Result<(Option<NaiveDateTime>, NaiveDateTime), Error> {
    let used = Sql::new(
        "SELECT MAX(used) FROM (SELECT MAX(last_used) AS used FROM scim_tokens \
         WHERE scope = 'provision' UNION ALL SELECT MAX(last_used) FROM scim_clients \
         WHERE scope = 'provision' UNION ALL SELECT MAX(seen) FROM scim_agents WHERE agent = ",
    );
    let used = tx.query(used.bind(agents::ENTRA).raw(") AS uses")).await?;
    let used = used.first().and_then(|row| row.time(0));
    let written = "SELECT at FROM scim_audit WHERE token IS NOT NULL ORDER BY id DESC LIMIT 1";
    let written = tx.query(Sql::new(written)).await?.first().and_then(|row| row.time(0));
    let made = tx.query(Sql::new("SELECT MIN(applied) FROM scim_migrations")).await?;
    let made = made.first().and_then(|row| row.time(0)).unwrap_or_default();
    Ok((used.max(written), made))
}

/// The column that carries userName or displayName.
fn name_column(layout: &Layout, kind: ResourceType) -> Option<&str> {
    let wanted = kind.name_attribute();
    let attributes = &layout.profile.table(kind).attributes;
    let found = attributes.iter().find(|(path, _)| path.is(wanted));
    found.map(|(_, mapping)| mapping.column.as_str())
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
