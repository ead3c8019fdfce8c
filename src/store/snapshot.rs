//! What a run of the reconciler reads: legacy rows with their links, page by page, and the few rows
//! in which the two differ. Every function is for the transaction of [`super::Store::snapshot`].
//!
//! Decides nothing: which difference is a finding is `reconcile`'s.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::dialect::{fold, key_text, text_list};
use super::edges::{count_of, edges};
use super::error::{Error, ErrorKind};
use super::links::Joined;
use super::pages::Pages;
use super::relation::{self, of, rows_of, text_key, there};
use super::resources::{columns, from, live, record};
use super::row::Row;
use super::schema::{
    scim_agents, scim_clients, scim_desired_members as desired, scim_links, scim_migrations,
    scim_tokens,
};
use super::sidecar::{Cells, Expression, Selection, count};
use super::sql::Sql;
use super::transaction::Tx;
use super::{agents, audit, sidecar};
use crate::mapper::{Layout, LinkState, MemberRelation, Record};
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
        let there = there(layout.resource(kind).mark(), Some("r")).raw("1 = 1");
        Self { kind, pages: Pages::new(cursor, select(layout, kind).append(there)) }
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
            let last = row.0.last().map_or(&[][..], std::slice::from_ref);
            let baseline_hash = Cells::of(last).take(scim_links::baseline_hash);
            let record = record(layout, self.kind, row)?;
            let baseline_hash = baseline_hash.map_err(|it| it.of_row(&record.key_text()))?;
            Ok(Observed { record, baseline_hash })
        })
    }
}

/// As `resources` reads rows, without the two long columns of the link.
fn select(layout: &Layout, kind: ResourceType) -> Sql {
    let sql = Sql::new("SELECT ").append(columns(layout, kind)).raw(", ");
    let sql = (Joined::Short, scim_links::baseline_hash.of("l")).list(sql);
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
        let wanted = (scim_links::legacy_key, scim_links::baseline.present());
        let asserted = Sql::new(" FROM scim_links WHERE resource_type = ")
            .bind(kind.as_str())
            .raw(" AND baseline IS NOT NULL AND legacy_key IN (SELECT i.item FROM ")
            .append(text_list(tx.database(), chunk))
            .raw(" i)");
        let rows = tx.rows(wanted, asserted).await?;
        found.extend(rows.into_iter().map(|(key, baseline)| (key, baseline.0)));
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
    let wanted = (scim_links::legacy_key, scim_links::external_id, scim_links::baseline);
    let rows = without_rows(tx.database(), layout, kind).raw(" ORDER BY l.legacy_key");
    let stranded = |(id, external_id, baseline): (_, _, Option<sidecar::Object>)| Stranded {
        id,
        external_id,
        baseline: baseline.map(|object| object.0).unwrap_or_default(),
    };
    Ok(tx.rows(wanted, rows).await?.into_iter().map(stranded).collect())
}

/// How many links, tombstones left out, have no row. One statement.
pub async fn count_stranded(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
) -> Result<u64, Error> {
    tx.scalar(count(), without_rows(tx.database(), layout, kind)).await
}

/// `FROM … WHERE …`: links, tombstones left out, without a row.
fn without_rows(database: Database, layout: &Layout, kind: ResourceType) -> Sql {
    let rows = layout.resource(kind);
    Sql::new(" FROM scim_links l WHERE l.resource_type = ")
        .bind(kind.as_str())
        .raw(" AND l.state <> 'deleted' AND NOT EXISTS (")
        .append(relation::select("1", &rows.relation, "r"))
        .append(there(rows.mark(), Some("r")))
        .column("r", &rows.key)
        .raw(" = ")
        .append(text_key(database, &rows.key, Sql::new("l.legacy_key")))
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
    let users = &layout.users;
    let Some(name) = users.name() else { return Ok(Vec::new()) };
    let state = scim_links::state.of("l").optional();
    let select = Sql::new("SELECT ").column("r", &users.key).raw(", ").shown(name).raw(", ");
    let sql = from(state.list(select), layout, ResourceType::User)
        .append(live(layout, ResourceType::User))
        .append(fold(tx.database(), Sql::default().shown(name)))
        .raw(" IN ")
        .append(names)
        .raw(" ORDER BY ")
        .column("r", &users.key);
    let rows = tx.query(sql).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        // A user without a name has none in common with another.
        let (Some(id), Some(name)) = (row.text(0), row.text(1)) else { continue };
        let state = Cells::of(row.0.get(2..).unwrap_or_default()).take(state);
        found.push(Named { state: state.map_err(|it| it.of_row(&id))?, id, name });
    }
    Ok(found)
}

/// A membership: team and user, as ids.
pub type Edge = (String, String);

/// Joins the link `s` of an edge's user where Entra disabled or deleted the user.
const GONE: &str =
    "s.resource_type = 'User' AND (s.disabled_at IS NOT NULL OR s.state = 'deleted')";

/// kpifire's memberships of managed teams that Entra didn't assert; those of users that Entra
/// disabled or deleted left out. One statement.
pub async fn extra_edges(tx: &mut Tx, layout: &Layout) -> Result<Vec<Edge>, Error> {
    let Some(members) = &layout.members else { return Ok(Vec::new()) };
    let database = tx.database();
    let group = || key_text(database, of("m", &members.group));
    let user = || key_text(database, of("m", &members.user));
    let sql = memberships(members)
        .append(edges(layout, members, "m"))
        .raw("NOT EXISTS (SELECT 1 FROM scim_desired_members d WHERE d.group_key = ")
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
    let Some(members) = &layout.members else { return Ok(Vec::new()) };
    let database = tx.database();
    let edges = Sql::new(" FROM scim_desired_members d WHERE NOT EXISTS (SELECT 1")
        .append(edges(layout, members, "m"))
        .column("m", &members.group)
        .raw(" = ")
        .append(text_key(database, &members.group, Sql::new("d.group_key")))
        .raw(" AND ")
        .column("m", &members.user)
        .raw(" = ")
        .append(text_key(database, &members.user, Sql::new("d.user_key")))
        .raw(
            ") AND EXISTS (SELECT 1 FROM scim_links g WHERE g.resource_type = 'Group' \
         AND g.state = 'managed' AND g.legacy_key = d.group_key) \
         AND NOT EXISTS (SELECT 1 FROM scim_links s WHERE ",
        )
        .raw(GONE)
        .raw(" AND s.legacy_key = d.user_key)");
    tx.rows((desired::group_key.of("d"), desired::user_key.of("d")), edges).await
}

/// kpifire's memberships that point at no row of this type. One statement.
pub async fn orphan_edges(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
) -> Result<Vec<Edge>, Error> {
    let Some(members) = &layout.members else { return Ok(Vec::new()) };
    let rows = layout.resource(kind);
    let column = match kind {
        ResourceType::User => &members.user,
        ResourceType::Group => &members.group,
    };
    // Rows that don't count are there all the same.
    let sql = memberships(members)
        .append(relation::from(&members.relation, "m", Sql::default()))
        .append(there(members.remove.as_ref(), Some("m")))
        .column("m", column)
        .raw(" IS NOT NULL AND NOT EXISTS (")
        .append(relation::select("1", &rows.relation.whole(), "r"))
        .column("r", &rows.key)
        .raw(" = ")
        .column("m", column)
        .raw(")");
    pairs(tx, sql).await
}

/// How many memberships kpifire has. One statement.
pub async fn count_edges(tx: &mut Tx, layout: &Layout) -> Result<u64, Error> {
    let Some(members) = &layout.members else { return Ok(0) };
    tx.scalar(count(), edges(layout, members, "m").raw("1 = 1")).await
}

/// How many memberships Entra asserted. One statement.
pub async fn count_desired(tx: &mut Tx) -> Result<u64, Error> {
    tx.scalar(count(), Sql::new(" FROM scim_desired_members")).await
}

/// `SELECT …` of memberships (alias `m`), up to where they come from.
fn memberships(members: &MemberRelation) -> Sql {
    Sql::new("SELECT ").column("m", &members.group).raw(", ").column("m", &members.user)
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
    let rows = layout.resource(kind);
    let name = rows.name().map_or_else(|| Sql::new("NULL"), |it| Sql::default().shown(it));
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let select =
            Sql::new("SELECT ").column("r", &rows.key).raw(", ").append(name.clone()).raw(", ");
        let external_id = scim_links::external_id.of("l");
        let select = external_id.list(select);
        let sql = from(select, layout, kind)
            .column("r", &rows.key)
            .raw(" IN (SELECT ")
            .append(text_key(database, &rows.key, Sql::new("i.item")))
            .raw(" FROM ")
            .append(text_list(database, chunk))
            .raw(" i)");
        for row in tx.query(sql).await? {
            let Some(id) = row.text(0) else { continue };
            let cells = row.0.get(2..).unwrap_or_default();
            let external_id = Cells::of(cells).take(external_id);
            let external_id = external_id.map_err(|it| it.of_row(&id))?;
            found.insert(id, Label { name: row.text(1), external_id });
        }
    }
    Ok(found)
}

/// What hangs on a user's row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Memberships in kpifire.
    pub memberships: u64,
    /// Rows owned, in the order of `[ownership]`.
    pub owned: Vec<u64>,
}

/// What hangs on these users' rows, by id. One statement per 1,000.
pub async fn holdings(
    tx: &mut Tx,
    layout: &Layout,
    ids: &[String],
) -> Result<BTreeMap<String, Holdings>, Error> {
    let (database, users) = (tx.database(), &layout.users);
    let key = || of("r", &users.key);
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let owned = layout.ownership.iter();
        let owned = owned.map(|it| rows_of("COUNT(*)", &it.relation, &it.owner, key()));
        let sql = Sql::new("SELECT ")
            .append(key())
            .raw(", ")
            .list(", ", std::iter::once(count_of(layout, key())).chain(owned))
            .append(relation::from(&users.relation, "r", Sql::default()))
            .append(key())
            .raw(" IN (SELECT ")
            .append(text_key(database, &users.key, Sql::new("i.item")))
            .raw(" FROM ")
            .append(text_list(database, chunk))
            .raw(" i)");
        for row in tx.query(sql).await? {
            let Some(id) = row.text(0) else { continue };
            let mut cells = Cells::of(row.0.get(1..).unwrap_or_default());
            let mut next = || count().read(&mut cells).map_err(|it| it.of_row(&id));
            let memberships = next()?;
            let owned = layout.ownership.iter().map(|_| next()).collect::<Result<_, _>>()?;
            found.insert(id.clone(), Holdings { memberships, owned });
        }
    }
    Ok(found)
}

/// Links by resource type and state. One statement.
pub async fn links(tx: &mut Tx) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Error> {
    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (kind, state, count) in super::links::counts(tx).await? {
        let states = found.entry(kind.as_str().to_owned()).or_default();
        states.insert(state.as_str().to_owned(), count);
    }
    Ok(found)
}

/// When a client that provisions was last heard of: the last use of its token, the last token it was
/// given, the last of Entra's own tokens, or the last audited write; else when the sidecar tables were
/// made, since silence begins there. Three statements.
pub async fn last_contact(tx: &mut Tx) -> Result<(Option<NaiveDateTime>, NaiveDateTime), Error> {
    let select = |sql: Sql| sql.raw("SELECT ");
    let used = scim_tokens::last_used.max().list(select(Sql::new(" FROM (")));
    let used = used.raw(" AS used FROM scim_tokens WHERE scope = 'provision' UNION ALL ");
    let used = scim_clients::last_used.max().list(select(used));
    let used = used.raw(" FROM scim_clients WHERE scope = 'provision' UNION ALL ");
    let used = scim_agents::seen.max().list(select(used)).raw(" FROM scim_agents WHERE ");
    let used = used.append(scim_agents::agent.is(agents::ENTRA)).raw(") AS uses");
    let last = Expression::<Option<NaiveDateTime>>::new(Sql::new("MAX(used)"));
    let used = tx.scalar(last, used).await?;
    let written = audit::last_write(tx).await?.map(|(at, _)| at);
    let made = scim_migrations::applied.min();
    let made = tx.scalar(made, Sql::new(" FROM scim_migrations")).await?;
    let made = made.ok_or_else(|| {
        Error::new(ErrorKind::Other, scim_migrations::TABLE.name, "the table has no row")
    })?;
    Ok((used.max(written), made.0))
}
