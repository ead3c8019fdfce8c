//! Which rows of a table count: columns that say whose or of what kind a row is, and marks of the deleted.

use super::draft::{Draft, Line, Open};
use super::find;
use super::key;
use super::names;
use super::view::{self, Looked, unit};
use super::words;
use crate::profile::catalogue::{Column, Kind};
use crate::profile::read::{toml_key, toml_text};

/// A group that is one user's own says whose: no two say the same, and groups of several users nobody.
fn is_personal(looked: &Looked<'_>, column: &Column, users: &Looked<'_>) -> bool {
    let Some(seen) = looked.seen(column) else { return false };
    let filled = seen.filled().count();
    find::pointers(looked, users).iter().any(|it| it.column.name == column.name)
        && !find::is_writer(column)
        && column.nullable
        && filled >= 2
        && seen.distinct() == filled
        && filled < seen.rows()
}

/// Which of a table's rows count, where it may hold others too; of groups, `users` are whose they may be.
pub(super) fn rows(draft: &mut Draft, looked: &Looked<'_>, what: &str, users: Option<&Looked<'_>>) {
    let mut asked: Vec<&Column> = Vec::new();
    let named = looked
        .find(&[words::LOGIN, words::EMAIL, words::LOGIN_PERHAPS, words::LABEL].concat(), |_| true);
    let together: Vec<&Column> =
        named.iter().flat_map(|name| looked.unique_with(&name.name)).collect();
    for column in &looked.table.columns {
        let key = looked.table.primary_key == [column.name.clone()];
        let scope =
            key::is_scope(looked, column) || together.iter().any(|it| it.name == column.name);
        let personal = users.is_some_and(|users| is_personal(looked, column, users));
        let sort = key::is_sort(looked, column) || personal;
        if key || !(scope || sort) || looked.is(column, words::DELETED) {
            continue;
        }
        // What is the same in no row, or never there, tells nobody apart.
        if looked.seen(column).is_some_and(|seen| seen.rows() > 0 && seen.distinct() == 0) {
            continue;
        }
        asked.push(column);
    }
    if asked.is_empty() {
        return;
    }
    let wheres: Vec<String> = asked
        .iter()
        .map(|column| {
            if users.is_some_and(|users| is_personal(looked, column, users)) {
                return format!("{} = \"null\"", toml_key(&column.name));
            }
            let common = looked.seen(column).map(|seen| seen.counts()).unwrap_or_default();
            let value = common.first().map_or("…", |(value, _)| *value);
            let value = match column.kind {
                Kind::Int | Kind::Number if value.parse::<i64>().is_ok() => value.to_owned(),
                Kind::Bool => matches!(value, "t" | "true" | "1").to_string(),
                _ => toml_text(value),
            };
            format!("{} = {value}", toml_key(&column.name))
        })
        .collect();
    let shown: Vec<String> =
        asked.iter().map(|column| format!("{}: {}", column.name, looked.data(column))).collect();
    let open = Open::new(format!(
        "are all rows of {} {what} of this install? If not, say which. {}",
        looked.name(),
        shown.join("; ")
    ));
    draft.line(Line::question("where", open.or(format!("where = {{ {} }}", wheres.join(", ")))));
}

/// `mode = "mark"` by a column, on one line.
pub(super) fn marked(looked: &Looked<'_>, column: &Column) -> String {
    let name = toml_text(&column.name);
    if view::holds_times(looked, column) {
        let zero = looked.seen(column).is_some_and(|seen| seen.filled().any(|it| it == "0"));
        let live = if column.nullable && !zero { "" } else { "\n# live = 0" };
        let unit = unit(looked, column).replace(", ", "\n# ");
        return format!("mode = \"mark\"\n# column = {name}\n# as = \"since\"{live}{unit}");
    }
    let value = match column.kind {
        Kind::Bool => "true".to_owned(),
        Kind::Text => {
            let seen = looked.seen(column).map(|seen| seen.counts()).unwrap_or_default();
            let yes = seen
                .iter()
                .map(|(value, _)| *value)
                .find(|value| words::YES.contains(&names::plain(value).as_str()));
            toml_text(yes.unwrap_or("Y"))
        }
        _ => "1".to_owned(),
    };
    format!("mode = \"mark\"\n# column = {name}\n# value = {value}")
}
