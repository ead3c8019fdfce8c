//! Which rows of the membership table are memberships that count: read by every statement over them.

use std::sync::Arc;

use super::relation::{self, of, text_key, there};
use super::sql::Sql;
use crate::mapper::{Column, Layout, Mark, MemberRelation, ResourceRelation};

/// ` FROM … alias WHERE `: kpifire's memberships between rows that are there: a condition follows.
pub(super) fn edges(layout: &Layout, members: &MemberRelation, alias: &str) -> Sql {
    let ends = [(&members.group, &layout.groups), (&members.user, &layout.users)];
    let counts = |(end, rows): (&Arc<Column>, &ResourceRelation)| {
        let all = rows.relation.conditions.is_empty() && rows.mark().is_none();
        if all { Sql::default() } else { points(end, rows, Some(alias), rows.mark()) }
    };
    relation::from(&members.relation, alias, Sql::default())
        .append(there(members.remove.as_ref(), Some(alias)))
        .append(ends.into_iter().fold(Sql::default(), |sql, end| sql.append(counts(end))))
}

/// The condition that an edge's end is a row that counts, with ` AND ` after it.
fn points(end: &Column, rows: &ResourceRelation, alias: Option<&str>, mark: Option<&Mark>) -> Sql {
    let end = match alias {
        Some(alias) => of(alias, end),
        None => relation::column(end),
    };
    let keys = Sql::new(" IN (SELECT ").column("e", &rows.key);
    end.append(keys)
        .append(relation::from(&rows.relation, "e", Sql::default()))
        .append(there(mark, Some("e")))
        .raw("1 = 1) AND ")
}

/// What may be written of kpifire's memberships, without alias, each condition with ` AND ` after it:
/// those that aren't marked, and whose ends count.
pub(super) fn writable(layout: &Layout, members: &MemberRelation) -> Sql {
    let mut sql = there(members.remove.as_ref(), None);
    for (end, rows) in [(&members.group, &layout.groups), (&members.user, &layout.users)] {
        if !rows.relation.conditions.is_empty() {
            sql = sql.append(points(end, rows, None, None));
        }
    }
    sql
}

/// How many memberships the user with this key has, as a subquery.
pub(super) fn count_of(layout: &Layout, user: Sql) -> Sql {
    let Some(members) = &layout.members else { return Sql::new("0") };
    Sql::new("(SELECT COUNT(*)")
        .append(edges(layout, members, "x"))
        .column("x", &members.user)
        .raw(" = ")
        .append(user)
        .raw(")")
}

/// Whether the user of the link `l` has any membership.
pub(super) fn is_member(layout: &Layout) -> Sql {
    let Some(members) = &layout.members else { return Sql::new("1 = 0") };
    let key = text_key(layout.database, &members.user, Sql::new("l.legacy_key"));
    Sql::new("EXISTS (SELECT 1")
        .append(edges(layout, members, "x"))
        .column("x", &members.user)
        .raw(" = ")
        .append(key)
        .raw(")")
}
