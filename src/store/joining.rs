//! Memberships that come: added by clients, put back when a user is enabled.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDateTime;

use super::calls;
use super::dialect::{exact, returns_rows, text_list};
use super::error::{Error, ErrorKind};
use super::relation::{self, equals, is_there, of, text_key, there, value};
use super::schema::scim_desired_members as desired_members;
use super::sql::Sql;
use super::transaction::Tx;
use crate::mapper::{Cell, Columns, Layout, MemberRelation, Stamp, stamps};
use crate::profile::model::Moment;
use crate::scim::ResourceType;

/// How many rows one INSERT makes at most.
const CHUNK: usize = 256;

/// Adds memberships, kpifire's and desired; those that are there already stay as they are. The ids that
/// were new to kpifire's table, and whether anything was written. Two statements; one more on MySQL, two
/// where edges are marked instead of deleted, or the agent makes their keys.
pub async fn add(
    tx: &mut Tx,
    layout: &Layout,
    group: &Cell,
    ids: &[String],
    now: NaiveDateTime,
) -> Result<(Vec<String>, bool), Error> {
    let Some(members) = layout.members.as_ref().filter(|_| !ids.is_empty()) else {
        return Ok((Vec::new(), false));
    };
    let database = tx.database();
    let added = if one_by_one(members) || !returns_rows(tx.product()) {
        add_each(tx, layout, members, group, ids, now).await?
    } else {
        let user = || text_key(database, &members.user, Sql::new("i.item"));
        let group_value = value(&members.group, group.clone());
        let sql = insert(members, group_value.clone(), user(), now)
            .raw(" FROM ")
            .append(text_list(database, ids))
            .raw(" i WHERE NOT EXISTS (")
            .append(relation::select("1", &members.relation, "m"))
            .column("m", &members.group)
            .raw(" = ")
            .append(group_value)
            .raw(" AND ")
            .column("m", &members.user)
            .raw(" = ")
            .append(user())
            .raw(") RETURNING ")
            .name(&members.user);
        let added = tx.query(sql).await.map_err(|error| taken(error, members))?;
        added.iter().filter_map(|row| row.text(0)).collect()
    };
    let desired = desire_all(tx, group, ids, now).await?;
    let wrote = !added.is_empty() || desired;
    called(tx, layout, members, Moment::AfterAdd, group, &added).await?;
    Ok((added, wrote))
}

/// Remembers that clients put these users into a group, whatever kpifire has; whether anything was
/// written. One statement.
pub async fn desire_all(
    tx: &mut Tx,
    group: &Cell,
    ids: &[String],
    now: NaiveDateTime,
) -> Result<bool, Error> {
    let database = tx.database();
    let group_id = group.to_text().unwrap_or_default();
    let group_text = exact(database, Sql::default().bind(group_id.as_str()));
    let sql = desired_members::TABLE
        .insert_select([
            desired_members::group_key.to_sql(group_text),
            desired_members::user_key.to_sql(Sql::new("i.item")),
            desired_members::created.to_sql(super::dialect::timestamp(database, now)),
        ])
        .raw(" FROM ")
        .append(text_list(database, ids))
        .raw(" i WHERE NOT EXISTS (SELECT 1 FROM scim_desired_members d WHERE d.group_key = ")
        .bind(group_id)
        .raw(" AND d.user_key = i.item)");
    Ok(tx.execute(sql).await.map_err(conflict)? > 0)
}

/// Calls what the profile has for memberships of a group that came or went.
pub(super) async fn called(
    tx: &mut Tx,
    layout: &Layout,
    members: &MemberRelation,
    moment: Moment,
    group: &Cell,
    users: &[String],
) -> Result<(), Error> {
    let user = |id: &String| layout.key(ResourceType::User, id).unwrap_or(Cell::Null);
    let edges = users.iter().map(|id| (group.clone(), user(id)));
    calls::memberships(tx, members, moment, edges.collect::<Vec<_>>()).await
}

/// Whether new edges are put together one by one: their keys are made here, or an edge that is marked as
/// gone is taken back.
fn one_by_one(members: &MemberRelation) -> bool {
    members.remove.is_some() || !members.insert.made.is_empty() || !members.calls.is_empty()
}

/// An edge of a pair that is added: whether it is there, and its row.
struct Edge {
    user: String,
    there: bool,
    row: Vec<Cell>,
}

async fn add_each(
    tx: &mut Tx,
    layout: &Layout,
    members: &MemberRelation,
    group: &Cell,
    ids: &[String],
    now: NaiveDateTime,
) -> Result<Vec<String>, Error> {
    let mut known: BTreeMap<String, Edge> = BTreeMap::new();
    for edge in edges_of(tx, members, group, ids).await? {
        // Of several rows the one that is there, else the last.
        let is_there = known.get(&edge.user).is_some_and(|other| other.there);
        if !is_there {
            known.insert(edge.user.clone(), edge);
        }
    }
    let mut added = Vec::new();
    let mut new = Vec::new();
    for id in ids {
        match known.get(id) {
            Some(edge) if edge.there => {}
            Some(edge) => {
                take_back(tx, members, group, edge, now).await?;
                added.push(id.clone());
            }
            None => new.push(id),
        }
    }
    for chunk in new.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for id in chunk {
            let user = layout.key(ResourceType::User, id).unwrap_or(Cell::Null);
            let mut row = vec![
                (Arc::clone(&members.group), group.clone()),
                (Arc::clone(&members.user), user),
            ];
            row.extend(constants(members, now));
            row.extend(super::made::columns(tx, &members.insert.made, None).await?);
            rows.push(row);
        }
        let Some(first) = rows.first() else { continue };
        let columns = first.iter().map(|(column, _)| &**column);
        let values = rows.iter().map(|row| {
            let cells = row.iter().map(|(column, cell)| value(column, cell.clone()));
            Sql::new("(").list(", ", cells).raw(")")
        });
        let sql = relation::insert(&members.relation, columns).raw(" VALUES ").list(", ", values);
        tx.execute(sql).await.map_err(|error| taken(error, members))?;
        added.extend(chunk.iter().map(|id| (*id).clone()));
    }
    Ok(added)
}

/// What the table has of these pairs, marked edges included, in the order of its key; locked.
async fn edges_of(
    tx: &mut Tx,
    members: &MemberRelation,
    group: &Cell,
    ids: &[String],
) -> Result<Vec<Edge>, Error> {
    let database = tx.database();
    let there = match &members.remove {
        Some(mark) => {
            Sql::new("CASE WHEN ").append(is_there(mark, Some("m"))).raw(" THEN 1 ELSE 0 END")
        }
        None => Sql::new("1"),
    };
    let mut sql = Sql::new("SELECT ").column("m", &members.user).raw(", ").append(there);
    for column in &members.relation.primary_key {
        sql = sql.raw(", ").column("m", column);
    }
    sql = sql
        .append(relation::from(&members.relation, "m", Sql::default()))
        .column("m", &members.group)
        .raw(" = ")
        .append(value(&members.group, group.clone()))
        .raw(" AND ")
        .column("m", &members.user)
        .raw(" IN (SELECT ")
        .append(text_key(database, &members.user, Sql::new("i.item")))
        .raw(" FROM ")
        .append(text_list(database, ids))
        .raw(" i)");
    if let Some(key) = members.relation.primary_key.first() {
        sql = sql.raw(" ORDER BY ").column("m", key);
    }
    let rows = tx.query(sql.append(super::dialect::for_update(database, "m"))).await?;
    let edge = |row: super::row::Row| {
        let user = row.text(0)?;
        Some(Edge { user, there: row.int(1) != 0, row: row.0.into_iter().skip(2).collect() })
    };
    Ok(rows.into_iter().filter_map(edge).collect())
}

/// Takes the mark of an edge back.
async fn take_back(
    tx: &mut Tx,
    members: &MemberRelation,
    group: &Cell,
    edge: &Edge,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let Some(mark) = &members.remove else { return Ok(()) };
    let mut set = stamps(&members.touch, Stamp::Modified, now);
    set.push((Arc::clone(&mark.column), mark.there()));
    let mut sql =
        relation::update(&members.relation, set.iter().map(|(it, cell)| (&**it, cell.clone())))
            .append(equals(&members.group, group))
            .raw(" AND ")
            .append(equals(&members.user, &Cell::from(edge.user.as_str())));
    for (column, cell) in members.relation.primary_key.iter().zip(&edge.row) {
        sql = sql.raw(" AND ").append(equals(column, cell));
    }
    tx.execute(sql).await.map(|_| ())
}

/// Puts every desired membership of a user back into kpifire's table, where the group still is. One
/// statement; where edges are marked or their keys made, one and three per group.
pub async fn restore_user(
    tx: &mut Tx,
    layout: &Layout,
    user: &Cell,
    now: NaiveDateTime,
) -> Result<(), Error> {
    let database = tx.database();
    let Some(members) = &layout.members else { return Ok(()) };
    let groups = &layout.groups;
    let of_groups = Sql::new(" FROM scim_desired_members d")
        .append(relation::join(&groups.relation, "g"))
        .append(there(groups.mark(), Some("g")))
        .column("g", &groups.key)
        .raw(" = ")
        .append(text_key(database, &groups.key, Sql::new("d.group_key")))
        .raw(" WHERE d.user_key = ")
        .bind(user.to_text());
    if one_by_one(members) {
        let id = user.to_text().unwrap_or_default();
        let sql = Sql::new("SELECT ").column("g", &groups.key).append(of_groups);
        for row in tx.query(sql).await? {
            let (group, ids) = (row.cell(0), std::slice::from_ref(&id));
            let added = add_each(tx, layout, members, group, ids, now).await?;
            called(tx, layout, members, Moment::AfterAdd, group, &added).await?;
        }
        return Ok(());
    }
    let user_value = value(&members.user, user.clone());
    let sql = insert(members, of("g", &groups.key), user_value.clone(), now)
        .append(of_groups)
        .raw(" AND NOT EXISTS (")
        .append(relation::select("1", &members.relation, "m"))
        .column("m", &members.group)
        .raw(" = ")
        .column("g", &groups.key)
        .raw(" AND ")
        .column("m", &members.user)
        .raw(" = ")
        .append(user_value)
        .raw(")");
    let pair = pair_is_unique(members);
    tx.later_or(sql, if pair { conflict } else { std::convert::identity }).await
}

/// `INSERT … SELECT …` of new memberships, up to where they come from.
fn insert(members: &MemberRelation, group: Sql, user: Sql, now: NaiveDateTime) -> Sql {
    let constants = constants(members, now);
    let columns = [&members.group, &members.user].into_iter();
    let columns = columns.chain(constants.iter().map(|(column, _)| column));
    let values = constants.iter().map(|(column, cell)| value(column, cell.clone()));
    relation::insert(&members.relation, columns.map(|column| &**column))
        .raw(" SELECT ")
        .list(", ", [group, user].into_iter().chain(values))
}

/// What a new membership gets beside its two ends.
fn constants(members: &MemberRelation, now: NaiveDateTime) -> Columns {
    let mut constants = stamps(&members.touch, Stamp::Created, now);
    for (column, constant) in &members.insert.constants {
        if !constants.iter().any(|(stamped, _)| stamped == column) {
            constants.push((Arc::clone(column), constant.cell(now)));
        }
    }
    constants
}

/// Somebody else added the same membership at the same time: the transaction runs again and finds it. Any
/// other unique column is in the way for ever, and says so.
fn taken(error: Error, members: &MemberRelation) -> Error {
    if pair_is_unique(members) { conflict(error) } else { error }
}

fn conflict(error: Error) -> Error {
    if error.kind() == ErrorKind::Unique {
        Error::new(ErrorKind::Conflict, "a membership", error.message())
    } else {
        error
    }
}

/// Whether a unique violation can only mean that the pair is there: no other unique key is filled by the
/// agent.
fn pair_is_unique(members: &MemberRelation) -> bool {
    let pair = [&members.group.name, &members.user.name];
    let fills = |column: &String| {
        pair.contains(&column) || members.insert.constants.iter().any(|(it, _)| it.name == *column)
    };
    let conditions = &members.relation.conditions;
    // A row outside may be in the way of a pair that isn't there.
    let of_pair = |key: &Vec<String>| {
        pair.iter().all(|it| key.contains(it))
            && conditions.iter().all(|it| key.contains(&it.column.name))
    };
    let filled = members.relation.unique.iter().filter(|key| key.iter().all(fills));
    filled.clone().next().is_some() && filled.clone().all(of_pair)
}
