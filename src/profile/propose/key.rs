//! Which column is a resource's key, and who makes it.

use super::draft::{Line, Open};
use super::names;
use super::view::{Looked, is_login_like};
use super::words;
use crate::profile::catalogue::{Column, Kind, Table};
use crate::profile::read::{toml_key, toml_text};

/// The `key` line of a resource. `name` is the attribute that could be the key itself.
pub(super) fn line(looked: &Looked<'_>, name: &str) -> Line {
    let Some(column) = looked.key() else {
        let open = Open::new(format!(
            "{} has no key of one column (its primary key: {}); name a column that is unique by itself, or another table",
            looked.name(),
            looked.table.primary_key.join(", ")
        ));
        return Line::question("key", open.or("key = \"…\""));
    };
    let plain = toml_text(&column.name);
    let facts = looked.facts(column);
    if !looked.table.primary_key.contains(&column.name) && !looked.is_unique(&column.name) {
        let open = Open::new(format!("is {plain} what every other table means a row by?"));
        return Line::new("key", plain, facts).open(open);
    }
    if let Some(parent) = looked.points_at(&column.name) {
        return Line::new("key", plain, facts).open(shared(looked, column, parent, name));
    }
    if let Some(parent) = made_elsewhere(looked, column) {
        let open = Open::new(format!(
            "each {plain} is a key of {} too, as if a row were made there first, and gave its key; is it so?",
            parent.name()
        ));
        let section = if name == "userName" { "users" } else { "groups" };
        let open = parented(open, looked, parent.table, section, None);
        return Line::new("key", plain, facts).open(open);
    }
    if looked.table.primary_key.len() > 1 && !looked.is_unique(&column.name) {
        let with = looked.table.primary_key.iter().filter(|it| **it != column.name);
        let with = with.map(String::as_str).collect::<Vec<_>>().join(", ");
        let open = Open::new(format!(
            "{plain} is a key only beside {with}: say by `where` below which rows count, and how a new key is made"
        ));
        let counter = counter(looked);
        let counter = counter.unwrap_or_else(|| "{ table = \"…\", column = \"…\" }".to_owned());
        let counter = format!("{{ column = {plain}, new = {{ counter = {counter} }} }}");
        return Line::new("key", plain, facts).open(open.or(format!("key = {counter}")));
    }
    if column.generated {
        let line = Line::new("key", plain, format!("{facts}; the database counts it"));
        return match looked.table.primary_key.as_slice() {
            [primary] if *primary != column.name => {
                let primary = toml_text(primary);
                let open = Open::new(format!(
                    "does kpifire mean a row by it, or by its primary key {primary}, the name?"
                ));
                line.open(open.or(format!("key = {{ column = {primary}, is = \"{name}\" }}")))
            }
            _ => line,
        };
    }
    if makes_keys(column) {
        return Line::new("key", plain, format!("{facts}; the database makes it"));
    }
    made(looked, column, name)
}

/// Whether the default makes a new value each time, as a key's must.
fn makes_keys(column: &Column) -> bool {
    column.has_default
        && column.default.as_deref().is_none_or(|default| default.contains('('))
        && matches!(column.kind, Kind::Uuid | Kind::Text | Kind::Int | Kind::Binary)
}

/// A key that is another table's as well: the row there is made first.
fn shared(looked: &Looked<'_>, column: &Column, parent: &Table, name: &str) -> Open {
    let section = if name == "userName" { "users" } else { "groups" };
    let open = Open::new(format!(
        "{} is a key of {} too: a row must be made there first, and gives its key",
        toml_text(&column.name),
        looked.view().name(parent)
    ));
    parented(open, looked, parent, section, None)
}

/// A table, called so that its rows could be made first, that has all the keys that were seen here.
fn made_elsewhere<'c>(looked: &Looked<'c>, key: &Column) -> Option<Looked<'c>> {
    let evidence = looked.view().evidence;
    looked.view().tables().find(|table| {
        let Some(own) = table.key().filter(|_| is_of_all_kinds(table)) else { return false };
        let held = evidence.held(&looked.table.name, &key.name, &table.table.name, &own.name);
        table.table.name != looked.table.name && held.is_some_and(|held| held.all(3))
    })
}

/// Whether a table is named as one that has a row for each thing of several kinds.
pub(super) fn is_of_all_kinds(table: &Looked<'_>) -> bool {
    table.parts().last().is_some_and(|last| {
        [
            "principal",
            "entity",
            "entitie",
            "party",
            "partie",
            "actor",
            "subject",
            "securable",
            "identity",
            "identitie",
            "partner",
        ]
        .contains(&names::singular(last))
    })
}

/// Adds the section of a parent to uncomment. `held_in` is the column that points at it, where that isn't the key.
pub(super) fn parented(
    open: Open,
    looked: &Looked<'_>,
    parent: &Table,
    section: &str,
    held_in: Option<&str>,
) -> Open {
    let target = looked.view().look(parent);
    let key = target.key().map_or("…", |key| key.name.as_str());
    let open = open
        .or(format!("[{section}.parent]    # below this section"))
        .or(format!("table = {}", toml_text(&target.name())))
        .or(format!("key = {}", toml_text(key)));
    let open = match held_in {
        Some(column) => open.or(format!("held_in = {}", toml_text(column))),
        None => open,
    };
    open.or("insert = { }    # what such a row needs")
}

/// Nothing in the database makes the key: by what the rows hold, the agent could.
fn made(looked: &Looked<'_>, column: &Column, name: &str) -> Line {
    let plain = toml_text(&column.name);
    let facts = looked.facts(column);
    let way = |how: &str| format!("{{ column = {plain}, {how} }}");
    let counter = counter(looked).unwrap_or_else(|| "{ table = \"…\", column = \"…\" }".to_owned());
    let counter = way(&format!("new = {{ counter = {counter} }}"));
    let seen = looked.seen(column);
    let mostly = |holds: fn(&str) -> bool| seen.is_some_and(|seen| seen.mostly(holds));
    let ask = |what: &str| Open::new(format!("nothing in the database makes {plain}; {what}"));
    if matches!(column.kind, Kind::Int | Kind::Number) {
        let open = ask("where does kpifire take the next one from? A counter's table would be");
        let line = Line::new("key", plain.clone(), facts);
        return line.open(open.or(format!("key = {counter}")));
    }
    let named = looked.is(column, words::LOGIN)
        || looked.is(column, words::LOGIN_PERHAPS)
        || looked.is(column, words::EMAIL)
        || name == "displayName" && looked.is(column, words::LABEL);
    let (likely, why) = if mostly(is_uuid) {
        ("new = \"uuid\"".to_owned(), "its values are UUIDs")
    } else if mostly(is_plain_uuid) {
        ("new = \"uuid-plain\"".to_owned(), "its values are UUIDs without hyphens")
    } else if let Some(length) = seen.and_then(|seen| one_length(seen.filled())) {
        (format!("new = \"random:{length}\""), "its values look random, all of one length")
    } else if named && !mostly(|value| !is_login_like(value)) {
        (format!("is = \"{name}\""), "it looks like the name itself")
    } else if column.kind == Kind::Uuid {
        ("new = \"uuid\"".to_owned(), "it is a UUID")
    } else {
        let open = ask("how is a new one made?")
            .or(format!("key = {}", way("new = \"uuid\"")))
            .or(format!("key = {}", way("new = \"random:20\"")))
            .or(format!("key = {}", way(&format!("is = \"{name}\""))))
            .or(format!("key = {counter}"));
        return Line::new("key", plain, facts).open(open);
    };
    let open = ask(&format!("{why}: is that how kpifire makes it?")).or(format!("key = {counter}"));
    Line::new("key", way(&likely), facts).open(open)
}

/// Whether a table is named as one that counts keys.
pub(super) fn is_counting(table: &Looked<'_>) -> bool {
    table.parts().iter().any(|part| {
        [
            "ids",
            "sequence",
            "sequences",
            "seq",
            "counter",
            "counters",
            "nextid",
            "zaehler",
            "contador",
            "contadores",
            "contatore",
            "compteur",
            "teller",
            "generator",
        ]
        .contains(&part.as_str())
    })
}

/// A table of the next keys: by its name, with the row that names this table where there is one.
pub(super) fn counter(looked: &Looked<'_>) -> Option<String> {
    let table = looked.view().tables().find(is_counting)?;
    let number = |column: &&Column| {
        matches!(column.kind, Kind::Int | Kind::Number)
            && !column.generated
            && !table.table.primary_key.contains(&column.name)
    };
    let column = table.table.columns.iter().find(number)?;
    let own = names::singular(&looked.parts().concat()).to_owned();
    let row = table.table.columns.iter().find_map(|name| {
        let values = table.seen(name)?.counts();
        let of_table = |value: &str| names::same_stem(&names::plain(value), &own);
        let (value, _) = values.into_iter().find(|(value, _)| of_table(value))?;
        Some(format!(", where = {{ {} = {} }}", toml_key(&name.name), toml_text(value)))
    });
    Some(format!(
        "{{ table = {}, column = {}{} }}",
        toml_text(&table.name()),
        toml_text(&column.name),
        row.unwrap_or_default()
    ))
}

pub(super) fn is_uuid(value: &str) -> bool {
    value.len() == 36 && uuid::Uuid::parse_str(value).is_ok()
}

pub(super) fn is_plain_uuid(value: &str) -> bool {
    value.len() == 32 && value.chars().all(|c| c.is_ascii_hexdigit())
}

/// The length of random-looking values, where it is the same for all.
fn one_length<'v>(mut values: impl Iterator<Item = &'v str>) -> Option<usize> {
    let first = values.next()?;
    let random = |value: &str| {
        value.len() == first.len()
            && value.chars().all(|c| c.is_ascii_alphanumeric())
            && value.chars().any(|c| c.is_ascii_digit())
            && value.chars().any(|c| c.is_ascii_alphabetic())
    };
    (first.len() >= 12 && random(first) && values.all(random)).then_some(first.len())
}

/// What a tenant's or a kind's column holds, where it is told.
pub(super) fn is_scope(looked: &Looked<'_>, column: &Column) -> bool {
    // `pid` and the like are a scope only where nobody is meant by them.
    looked.is(column, words::SCOPE) && !looked.is_unique(&column.name)
}

/// Whether a column tells one sort of rows from another.
pub(super) fn is_sort(looked: &Looked<'_>, column: &Column) -> bool {
    looked.is(column, words::SORT) || names::plain(&column.name) == "isgroup"
}
