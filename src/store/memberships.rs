//! Memberships: kpifire's own and the desired ones beside them.
//!
//! Every write names its memberships: no statement's cost depends on how many members a group has, but
//! for "remove all" and "replace", which speak of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDateTime;

use super::calls;
use super::dialect::{
    DISABLED, exact, for_share, for_update_alone, json_pairs, key_text, live_group, returns_rows,
    text_list,
};
use super::edges::{edges, writable};
use super::error::Error;
use super::joining::called;
pub use super::joining::{add, desire_all, restore_user};
use super::relation::{self, equals, of, text_key, value};
use super::schema::{scim_desired_members as desired_members, scim_links};
use super::sidecar::Expression;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Columns, Layout, LinkState, Mark, MemberRelation, Stamp, stamps};
use crate::profile::catalogue::{Database, Kind};
use crate::profile::model::Moment;
use crate::scim::ResourceType;

/// How many keys one DELETE names at most.
const CHUNK: usize = 256;

/// The members of each of these groups, as user ids in the keys' order: kpifire's memberships, and the
/// desired ones of disabled users, which cleanup strips. One statement.
pub async fn members_of(
    tx: &mut Tx,
    layout: &Layout,
    groups: &[String],
) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let database = layout.database;
    let Some(members) = &layout.members else { return Ok(BTreeMap::new()) };
    let sql = Sql::new("SELECT ")
        .column("m", &members.group)
        .raw(", ")
        .column("m", &members.user)
        .append(edges(layout, members, "m"))
        .column("m", &members.group)
        .raw(" IN (SELECT ")
        .append(text_key(database, &members.group, Sql::new("i.item")))
        .raw(" FROM ")
        .append(text_list(database, groups))
        .raw(" i) UNION SELECT ")
        .append(text_key(database, &members.group, Sql::new("d.group_key")))
        .raw(", ")
        .append(text_key(database, &members.user, Sql::new("d.user_key")))
        .raw(" FROM scim_desired_members d JOIN scim_links s ON ")
        .raw(DISABLED)
        .raw(" WHERE d.group_key IN (SELECT i.item FROM ")
        .append(text_list(database, groups))
        .raw(" i) ORDER BY 2");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in tx.query(sql).await? {
        if let (Some(group), Some(user)) = (row.text(0), row.text(1)) {
            found.entry(group).or_default().push(user);
        }
    }
    Ok(found)
}

/// Two columns of a SELECT over users (alias `r`, the link's `l`): the live groups of kpifire's own
/// memberships, and those of desired ones, as JSON pairs of id and display name.
pub(super) fn groups_columns(layout: &Layout, desired: Desired) -> [Sql; 2] {
    let database = layout.database;
    let Some(members) = &layout.members else { return [Sql::new("NULL"), Sql::new("NULL")] };
    let groups = &layout.groups;
    let name = groups.name().filter(|field| field.is_own());
    let name = name.map_or_else(|| Sql::new("NULL"), |field| of("g", &field.column));
    let user = of("r", &layout.users.key);
    let key = of("g", &groups.key);
    let selected = || {
        let pairs = json_pairs(database, key.clone(), name.clone());
        Sql::new("(SELECT ").append(pairs).raw(" FROM ")
    };
    let there = || relation::there(groups.mark(), Some("g"));
    let group = || relation::join(&groups.relation, "g").append(there()).append(key.clone());
    let live = || live_group(key_text(database, key.clone())).raw(")");
    let pairs = json_pairs(database, key.clone(), name.clone());
    let on_group = group().raw(" = ").column("m", &members.group);
    let held = Sql::new("(SELECT ")
        .append(pairs)
        .append(relation::from(&members.relation, "m", on_group))
        .append(relation::there(members.remove.as_ref(), Some("m")))
        .column("m", &members.user)
        .raw(" = ")
        .append(user.clone())
        .append(live());
    let wanted = selected()
        .raw("scim_desired_members d")
        .append(group())
        .raw(" = ")
        .append(text_key(database, &groups.key, Sql::new("d.group_key")))
        .raw(" WHERE d.user_key = ")
        .append(key_text(database, user))
        .append(live());
    let wanted = match desired {
        Desired::Always => wanted,
        Desired::OfDisabled => {
            Sql::new("CASE WHEN l.disabled_at IS NOT NULL THEN ").append(wanted).raw(" END")
        }
    };
    [held, wanted]
}

/// Whose desired groups are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Desired {
    /// Everyone's: the row is about to be written, and may be disabled by that.
    Always,
    /// Those of users whom Entra disabled, the only ones that are shown.
    OfDisabled,
}

/// Which of these user ids no live user has. The rows are locked against being deleted until the
/// transaction ends: cleanup may be about to make one a tombstone. Two statements; one on SQLite,
/// whose writer is alone.
pub async fn unknown_users(
    tx: &mut Tx,
    layout: &Layout,
    ids: &[String],
) -> Result<Vec<String>, Error> {
    let users = &layout.users;
    let database = tx.database();
    let wanted = || text_key(database, &users.key, Sql::new("i.item"));
    let there = || relation::there(users.mark(), Some("r"));
    if database != Database::Sqlite {
        let lock = relation::select("1", &users.relation, "r")
            .append(there())
            .column("r", &users.key)
            .raw(" IN (SELECT ")
            .append(wanted())
            .raw(" FROM ")
            .append(text_list(database, ids))
            .raw(" i)");
        tx.later(lock.append(for_share(database, "r"))).await?;
    }
    let mut row = of("r", &users.key).raw(" = ").append(wanted());
    if users.key.kind == Kind::Text {
        // An id is its letters, whatever the column's collation takes for the same.
        row = row
            .raw(" AND ")
            .append(exact(database, of("r", &users.key)))
            .raw(" = ")
            .append(exact(database, Sql::new("i.item")));
    }
    let sql = Sql::new("SELECT i.item FROM ")
        .append(text_list(database, ids))
        .raw(" i WHERE NOT EXISTS (")
        .append(relation::select("1", &users.relation, "r"))
        .append(there())
        .append(row)
        .raw(
            ") OR EXISTS (SELECT 1 FROM scim_links l WHERE l.resource_type = 'User' \
             AND l.state = 'deleted' AND l.legacy_key = i.item)",
        );
    Ok(tx.query(sql).await?.iter().filter_map(|row| row.text(0)).collect())
}

/// Which of these resources, by their keys, clients have known, and whether each is a tombstone: a link
/// stays when its row goes. One statement.
pub async fn once_known(
    tx: &mut Tx,
    kind: ResourceType,
    keys: &[String],
) -> Result<BTreeMap<String, LinkState>, Error> {
    let known = Sql::new(" FROM scim_links WHERE resource_type = ")
        .bind(kind.as_str())
        .raw(" AND legacy_key IN (SELECT i.item FROM ")
        .append(text_list(tx.database(), keys))
        .raw(" i)");
    Ok(tx.rows((scim_links::legacy_key, scim_links::state), known).await?.into_iter().collect())
}

/// Which of these groups, by their keys, kpifire has. One statement.
pub async fn groups_there(
    tx: &mut Tx,
    layout: &Layout,
    keys: &[String],
) -> Result<BTreeSet<String>, Error> {
    let groups = &layout.groups;
    let database = tx.database();
    let rows = Sql::new(" FROM ")
        .append(text_list(database, keys))
        .raw(" i WHERE EXISTS (")
        .append(relation::select("1", &groups.relation, "r"))
        .column("r", &groups.key)
        .raw(" = ")
        .append(text_key(database, &groups.key, Sql::new("i.item")))
        .raw(")");
    let item = Expression::<String>::new(Sql::new("i.item"));
    Ok(tx.rows(item, rows).await?.into_iter().collect())
}

/// Removes the named memberships; absent ones are passed over. The ids that kpifire's table had, and
/// whether anything was written. Two statements per 256 ids, three where edges are marked, and on MySQL.
pub async fn remove(
    tx: &mut Tx,
    layout: &Layout,
    group: &Cell,
    ids: &[String],
    now: NaiveDateTime,
) -> Result<(Vec<String>, bool), Error> {
    let Some(members) = &layout.members else { return Ok((Vec::new(), false)) };
    let mut removed = Vec::new();
    let mut wrote = false;
    for chunk in ids.chunks(CHUNK) {
        let keys = padded(chunk);
        let ended = end(tx, layout, members, pairs(layout, members, group, &keys), now).await?;
        called(tx, layout, members, Moment::AfterRemove, group, &ended).await?;
        removed.extend(ended);
        wrote |= tx.execute(forgetting(group, &keys)).await? > 0;
    }
    wrote |= !removed.is_empty();
    Ok((removed, wrote))
}

/// Removes every membership of a group but those to `keep`. The ids that kpifire's table had, and whether
/// anything was written. Two statements, three where edges are marked.
pub async fn remove_others(
    tx: &mut Tx,
    layout: &Layout,
    group: &Cell,
    keep: &[String],
    now: NaiveDateTime,
) -> Result<(Vec<String>, bool), Error> {
    let Some(members) = &layout.members else { return Ok((Vec::new(), false)) };
    let database = tx.database();
    let mut which = equals(&members.group, group);
    let mut desired =
        Sql::new("DELETE FROM scim_desired_members WHERE group_key = ").bind(group.to_text());
    if !keep.is_empty() {
        which = which
            .raw(" AND ")
            .name(&members.user)
            .raw(" NOT IN (SELECT ")
            .append(text_key(database, &members.user, Sql::new("i.item")))
            .raw(" FROM ")
            .append(text_list(database, keep))
            .raw(" i)");
        desired = desired
            .raw(" AND user_key NOT IN (SELECT i.item FROM ")
            .append(text_list(database, keep))
            .raw(" i)");
    }
    let removed = end(tx, layout, members, which, now).await?;
    called(tx, layout, members, Moment::AfterRemove, group, &removed).await?;
    let wrote = tx.execute(desired).await? > 0 || !removed.is_empty();
    Ok((removed, wrote))
}

/// Removes memberships that point at nothing, whatever their ends: the rows go. Two statements.
pub async fn purge(
    tx: &mut Tx,
    layout: &Layout,
    group: &Cell,
    ids: &[String],
) -> Result<(), Error> {
    let Some(members) = &layout.members else { return Ok(()) };
    let which = pairs(layout, members, group, ids);
    tx.execute(relation::delete(&members.relation).append(which)).await?;
    tx.later(forgetting(group, ids)).await
}

/// The condition that an edge is one of a group's to these users.
fn pairs(layout: &Layout, members: &MemberRelation, group: &Cell, users: &[String]) -> Sql {
    let named = users.iter().map(|id| {
        let key = layout.key(ResourceType::User, id).unwrap_or(Cell::Null);
        value(&members.user, key)
    });
    let of_group = equals(&members.group, group).raw(" AND ").name(&members.user);
    of_group.raw(" IN (").list(", ", named).raw(")")
}

/// Forgets that clients put these users into a group.
fn forgetting(group: &Cell, users: &[String]) -> Sql {
    Sql::new("DELETE FROM scim_desired_members WHERE group_key = ")
        .bind(group.to_text())
        .raw(" AND user_key IN (")
        .list(", ", users.iter().map(|id| Sql::default().bind(id.as_str())))
        .raw(")")
}

/// Ends the memberships that satisfy a condition (without alias): they are deleted, or marked as gone.
/// Whose they were. One statement; two where they are marked, and on MySQL.
async fn end(
    tx: &mut Tx,
    layout: &Layout,
    members: &MemberRelation,
    which: Sql,
    now: NaiveDateTime,
) -> Result<Vec<String>, Error> {
    let users = |rows: Vec<super::row::Row>| rows.iter().filter_map(|row| row.text(0)).collect();
    let all = || writable(layout, members).append(which.clone());
    if members.remove.is_none() && returns_rows(tx.product()) {
        let sql = relation::delete(&members.relation).append(all());
        return Ok(users(tx.query(sql.raw(" RETURNING ").name(&members.user)).await?));
    }
    // Not every database answers an UPDATE with its rows, nor a DELETE.
    let find = Sql::new("SELECT ")
        .name(&members.user)
        .append(relation::from_alone(&members.relation))
        .append(all())
        .append(for_update_alone(tx.database()));
    let found: Vec<String> = users(tx.query(find).await?);
    if !found.is_empty() {
        tx.later(ending(members, now).append(all())).await?;
    }
    Ok(found)
}

/// `DELETE FROM … WHERE `, or the UPDATE that marks the edges as gone: a condition follows.
fn ending(members: &MemberRelation, now: NaiveDateTime) -> Sql {
    let Some(mark) = &members.remove else { return relation::delete(&members.relation) };
    let set = marked(members, mark, now);
    relation::update(&members.relation, set.iter().map(|(it, cell)| (&**it, cell.clone())))
}

/// What an edge that is marked as gone gets.
pub(super) fn marked(members: &MemberRelation, mark: &Mark, now: NaiveDateTime) -> Columns {
    let mut set = stamps(&members.touch, Stamp::Modified, now);
    set.push((Arc::clone(&mark.column), mark.gone(now)));
    set
}

/// Removes every membership of a user. Two statements.
pub async fn remove_user(
    tx: &mut Tx,
    layout: &Layout,
    user: &Cell,
    now: NaiveDateTime,
) -> Result<(), Error> {
    strip_user(tx, layout, user, now).await?;
    let sql = Sql::new("DELETE FROM scim_desired_members WHERE user_key = ").bind(user.to_text());
    tx.later(sql).await
}

/// Removes kpifire's memberships of a user; the desired ones stay. One statement.
pub async fn strip_user(
    tx: &mut Tx,
    layout: &Layout,
    user: &Cell,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let Some(members) = &layout.members else { return Ok(()) };
    let mut ended = Vec::new();
    if members.calls.contains_key(&Moment::AfterRemove) {
        let groups = Sql::new("SELECT ")
            .name(&members.group)
            .append(relation::from_alone(&members.relation))
            .append(writable(layout, members))
            .append(equals(&members.user, user));
        let rows = tx.query(groups).await?;
        ended.extend(rows.iter().map(|row| (row.cell(0).clone(), user.clone())));
    }
    tx.later(
        ending(members, now).append(writable(layout, members)).append(equals(&members.user, user)),
    )
    .await?;
    calls::memberships(tx, members, Moment::AfterRemove, ended).await
}

/// Forgets the desired memberships of a group or user. One statement.
pub async fn forget(tx: &mut Tx, kind: ResourceType, id: &str) -> Result<(), Error> {
    let column = match kind {
        ResourceType::Group => "group_key = ",
        ResourceType::User => "user_key = ",
    };
    let sql = Sql::new("DELETE FROM scim_desired_members WHERE ").raw(column).bind(id);
    tx.later(sql).await
}

/// The users whom clients put into a group. One statement.
pub async fn desired_of(tx: &mut Tx, group: &str) -> Result<Vec<String>, Error> {
    let of_group = Sql::new(" FROM scim_desired_members WHERE group_key = ").bind(group);
    tx.rows(desired_members::user_key, of_group).await
}

/// The groups that clients put a user into. One statement.
pub async fn desired_teams(tx: &mut Tx, user: &str) -> Result<Vec<String>, Error> {
    let of_user = Sql::new(" FROM scim_desired_members WHERE user_key = ").bind(user);
    tx.rows(desired_members::group_key, of_user).await
}

/// Remembers that clients put a user into these groups, whatever kpifire has. One statement per
/// group.
pub async fn desire(
    tx: &mut Tx,
    groups: &[String],
    user: &str,
    now: NaiveDateTime,
) -> Result<(), Error> {
    for group in groups {
        let user_key = desired_members::user_key;
        let sql = desired_members::TABLE
            .insert([
                desired_members::group_key.to(group.as_str()),
                user_key.to(user),
                desired_members::created.to(now),
            ])
            .append(super::dialect::unless_there(tx.database(), user_key.name));
        tx.execute(sql).await?;
    }
    Ok(())
}

/// Whether kpifire has a membership, and whether a client asserted it. Two statements.
pub async fn exists(
    tx: &mut Tx,
    layout: &Layout,
    group: &Cell,
    user: &str,
) -> Result<(bool, bool), Error> {
    let Some(members) = &layout.members else { return Ok((false, false)) };
    let key = layout.key(ResourceType::User, user).unwrap_or(Cell::Null);
    let legacy = relation::select("1", &members.relation, "m")
        .append(relation::there(members.remove.as_ref(), Some("m")))
        .append(equals(&members.group, group))
        .raw(" AND ")
        .append(equals(&members.user, &key));
    let desired = Sql::new("SELECT 1 FROM scim_desired_members WHERE group_key = ")
        .bind(group.to_text())
        .raw(" AND user_key = ")
        .bind(user);
    let legacy = !tx.query(legacy).await?.is_empty();
    Ok((legacy, !tx.query(desired).await?.is_empty()))
}

/// Repeats the last key up to a power of two: a handful of statement texts serves every length.
fn padded(keys: &[String]) -> Vec<String> {
    let mut padded = keys.to_vec();
    if let Some(last) = keys.last() {
        padded.resize(keys.len().next_power_of_two(), last.clone());
    }
    padded
}
