//! `scim_links`: what ties a resource to Entra.

use super::dialect;
use super::error::Error;
use super::kept_values;
use super::schema::{
    scim_cleanup_journal as journal, scim_desired_members as desired, scim_holds,
    scim_links as link,
};
use super::server::Product;
use super::sidecar::{Cells, Object, Selection, Unreadable, count};
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Link, LinkState, baseline_hash, tokens};
use crate::scim::ResourceType;

/// The columns that a write of a link sets, but for its key.
const WRITTEN: [&str; 12] = [
    link::external_id.name,
    link::state.name,
    link::baseline.name,
    link::baseline_hash.name,
    link::kept.name,
    link::version.name,
    link::created.name,
    link::modified.name,
    link::disabled_at.name,
    link::deleted_at.name,
    link::replaced.name,
    link::reused_from.name,
];

/// Writes a link over what the key's link was. One statement, and where kept attributes differ one for those
/// that go and one for those that come.
pub async fn put(
    tx: &mut Tx,
    kind: ResourceType,
    key: &str,
    was: Option<&Link>,
    it: &Link,
) -> Result<(), Error> {
    let baseline = it.baseline.as_ref().map(Object::text);
    let hash = baseline.as_deref().map(baseline_hash);
    let sql = link::TABLE
        .insert([
            link::resource_type.to(kind),
            link::legacy_key.to(key),
            link::external_id.set(&it.external_id),
            link::state.to(it.state),
            link::baseline.to_sql(Sql::default().bind(baseline)),
            link::baseline_hash.set(&hash),
            link::kept.set(&it.kept),
            link::version.to(it.version),
            link::created.to(it.created),
            link::modified.to(it.modified),
            link::disabled_at.to(it.disabled_at),
            link::deleted_at.to(it.deleted_at),
            link::replaced.set(&it.replaced),
            link::reused_from.set(&it.reused_from),
        ])
        .raw(&or_update(tx.product()));
    tx.later(sql).await?;
    kept_values::follow(tx, kind, key, &tokens(kind, was), &tokens(kind, Some(it))).await
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
    let rows = Sql::new(" FROM scim_links l WHERE ").append(is_of("l", kind, key));
    let found = tx.first((Joined::Whole, link::legacy_key.of("l")), rows.append(lock)).await?;
    Ok(found.and_then(|(link, _)| link))
}

fn is_of(alias: &'static str, kind: ResourceType, key: &str) -> Sql {
    link::resource_type.of(alias).is(kind).raw(" AND ").append(link::legacy_key.of(alias).is(key))
}

/// What is read of the link `l` beside a row that may have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    /// All of it.
    Whole,
    /// Without the two long columns: a run reads millions of rows.
    Short,
}

/// How many columns that is.
const JOINED: usize = 11;

impl Selection for Joined {
    type Row = Option<Link>;

    fn list(&self, sql: Sql) -> Sql {
        let long = |sql: Sql, name| match self {
            Self::Whole => sql.raw(", l.").raw(name),
            Self::Short => sql.raw(", NULL"),
        };
        let sql = sql.raw("l.").raw(link::state.name).raw(", l.").raw(link::external_id.name);
        let sql = long(long(sql, link::baseline.name), link::kept.name);
        let rest = [
            link::version.name,
            link::created.name,
            link::modified.name,
            link::disabled_at.name,
            link::deleted_at.name,
            link::replaced.name,
            link::reused_from.name,
        ];
        rest.into_iter().fold(sql, |sql, name| sql.raw(", l.").raw(name))
    }

    fn read(&self, cells: &mut Cells<'_>) -> Result<Option<Link>, Unreadable> {
        let Some(state) = cells.take(link::state.optional())? else {
            cells.skip(JOINED - 1);
            return Ok(None);
        };
        Ok(Some(Link {
            state,
            external_id: cells.take(link::external_id)?,
            baseline: cells.take(link::baseline)?.map(|object| object.0),
            kept: cells.take(link::kept)?,
            version: cells.take(link::version)?,
            created: cells.take(link::created)?,
            modified: cells.take(link::modified)?,
            disabled_at: cells.take(link::disabled_at)?,
            deleted_at: cells.take(link::deleted_at)?,
            replaced: cells.take(link::replaced)?,
            reused_from: cells.take(link::reused_from)?,
        }))
    }

    fn keys(&self) -> Vec<bool> {
        vec![false; JOINED]
    }
}

/// Reads a link among the cells of a row that goes by this key: the columns of [`Joined`] come first.
pub(super) fn joined(cells: &[Cell], key: &Cell) -> Result<Option<Link>, Error> {
    let read = Joined::Whole.read(&mut Cells::of(cells));
    read.map_err(|unreadable| unreadable.of_row(&key.to_text().unwrap_or_default()))
}

/// Removes a link. Two statements.
pub async fn remove(tx: &mut Tx, kind: ResourceType, key: &str) -> Result<(), Error> {
    let is_of = link::resource_type.is(kind).raw(" AND ").append(link::legacy_key.is(key));
    tx.execute(link::TABLE.delete(is_of)).await?;
    kept_values::forget(tx, kind, key).await
}

/// Sets the columns; who is enabled again is no longer on the way out.
fn or_update(product: Product) -> String {
    dialect::or_update(product, "scim_links", "resource_type, legacy_key", |table, take| {
        let columns = WRITTEN.map(|column| format!("{column} = {}", take(column))).join(", ");
        let disabled = take(link::disabled_at.name);
        let stage = link::cleanup_stage.name;
        format!("{columns}, {stage} = CASE WHEN {disabled} IS NOT NULL THEN {table}{stage} END")
    })
}

/// A resource goes by another key from now on: its link and what hangs on it follow. Seven statements at most.
pub async fn rekey(tx: &mut Tx, kind: ResourceType, old: &str, new: &str) -> Result<(), Error> {
    // A tombstone of the name that is taken is over.
    remove(tx, kind, new).await?;
    let is_of = link::resource_type.is(kind).raw(" AND ").append(link::legacy_key.is(old));
    let sql = link::TABLE.update([link::legacy_key.to(new)]).raw(" WHERE ").append(is_of);
    tx.execute(sql).await?;
    kept_values::rekey(tx, kind, old, new).await?;
    let moved =
        |table: super::sidecar::Table, set, is| table.update([set]).raw(" WHERE ").append(is);
    let (user, group) = (desired::user_key, desired::group_key);
    if kind == ResourceType::Group {
        return tx.later(moved(desired::TABLE, group.to(new), group.is(old))).await;
    }
    tx.later(moved(desired::TABLE, user.to(new), user.is(old))).await?;
    let held = scim_holds::legacy_key;
    tx.later(moved(scim_holds::TABLE, held.to(new), held.is(old))).await?;
    let journalled = journal::legacy_key;
    tx.later(moved(journal::TABLE, journalled.to(new), journalled.is(old))).await
}

/// How far cleanup has come with a user. One statement.
pub async fn stage(tx: &mut Tx, key: &str) -> Result<Option<String>, Error> {
    let user = Sql::new(" FROM scim_links l WHERE ").append(is_of("l", ResourceType::User, key));
    Ok(tx.first(link::cleanup_stage.of("l"), user).await?.flatten())
}

/// Notes how far cleanup has come with a user. One statement.
pub async fn set_stage(tx: &mut Tx, key: &str, stage: Option<&str>) -> Result<(), Error> {
    let stage = link::cleanup_stage.to(stage.map(str::to_owned));
    let user = link::resource_type.is(ResourceType::User);
    let sql = link::TABLE.update([stage]).raw(" WHERE ").append(user).raw(" AND ");
    tx.execute(sql.append(link::legacy_key.is(key))).await.map(|_| ())
}

/// How many there are, by resource type and state. One statement.
pub(super) async fn counts(tx: &mut Tx) -> Result<Vec<(ResourceType, LinkState, u64)>, Error> {
    let by_state = Sql::new(" FROM scim_links GROUP BY resource_type, state");
    tx.rows((link::resource_type, link::state, count()), by_state).await
}
