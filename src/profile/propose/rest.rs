//! The sections about other tables: `[revoke]`, `[ownership]`, `[anonymise]`, `[protect]`, and what a
//! companion could be.

use super::draft::{Draft, Line, Open};
use super::find;
use super::people::ENTERPRISE;
use super::teams::Teams;
use super::users::Written;
use super::view::{Looked, is_count, is_mail, is_password, is_text, is_time};
use super::words;
use crate::profile::catalogue::{Column, Kind};
use crate::profile::read::{toml_key, toml_text};

/// Tables that point at the users and are nothing else yet.
fn others<'c>(users: &Looked<'c>, teams: Option<&Teams<'c>>) -> Vec<Looked<'c>> {
    let free = |table: &Looked<'c>| {
        table.table.name != users.table.name && !teams.is_some_and(|teams| teams.uses(table))
    };
    users.view().tables().filter(free).collect()
}

pub(super) fn write<'c>(
    draft: &mut Draft,
    users: &Looked<'c>,
    teams: Option<&Teams<'c>>,
    written: &Written<'c>,
) {
    let others = others(users, teams);
    companions(draft, users, &others, written);
    revoke(draft, users, &others);
    ownership(draft, users, &others);
    anonymise(draft, users, written);
    draft.section("protect");
    draft.note("Accounts that SCIM never disables or deletes: the install's administrator, service accounts.");
    draft.line(Line::new("keys", "[]", String::new()));
    draft.line(Line::new("userNames", "[]", String::new()));
}

fn revoke(draft: &mut Draft, users: &Looked<'_>, others: &[Looked<'_>]) {
    draft.section("revoke");
    draft.note("At once when a user is disabled.");
    for table in others {
        let parts = table.parts();
        let access = [
            "session",
            "sessions",
            "token",
            "tokens",
            "apikey",
            "apikeys",
            "rememberme",
            "authtoken",
            "authtokens",
            "sitzung",
            "sitzungen",
            "sesion",
            "sesiones",
            "sessao",
            "sessione",
            "sessioni",
            "jeton",
            "jetons",
            "sessie",
            "sessies",
            "keys",
        ];
        if !parts.iter().any(|part| access.contains(&part.as_str())) {
            continue;
        }
        let pointers = find::pointers(table, users);
        let Some(pointer) = pointers.first() else { continue };
        let user = toml_text(&pointer.column.name);
        let revoked = table.first(words::REVOKED, |column| is_time(column) && column.nullable);
        let value = match revoked {
            Some(column) => {
                let name = toml_text(&column.name);
                let set = toml_key(&column.name);
                format!(
                    "{{ user = {user}, action = \"set\", set = {{ {set} = \"now\" }}, where_null = {name} }}"
                )
            }
            None => format!("{{ user = {user}, action = \"delete\" }}"),
        };
        // A course has sessions too: a session of somebody's ends, and has a secret or an address.
        let of_access = table.table.columns.iter().any(|column| {
            let name = super::names::plain(&column.name);
            [
                "expire",
                "token",
                "hash",
                "ipaddr",
                "useragent",
                "lastactiv",
                "secret",
                "payload",
                "lastseen",
                "remoteaddr",
                "ablauf",
                "gueltigbis",
            ]
            .iter()
            .any(|word| name.contains(word))
        });
        let proved = pointer.by_key() || held(table, pointer.column, users);
        // A token may be switched off by a flag, or belong to a machine: only what ends by itself is safe.
        let session = parts.iter().any(|part| {
            ["session", "sitzung", "sesion", "sessao", "sessione", "sessie"]
                .iter()
                .any(|word| part.starts_with(word))
        });
        let of_access = of_access && (session || revoked.is_some()) && pointers.len() == 1;
        let name = table.name();
        let open = (!(of_access && proved)).then(|| {
            Open::new(format!(
                "are the rows of {name} what lets {user} in? They go when a user is disabled"
            ))
        });
        let said = table.rows();
        let line = Line::new(&name, value, said);
        draft.line(if open.is_some() { line.off().maybe(open) } else { line });
    }
    draft.drop_idle();
}

fn held(from: &Looked<'_>, column: &Column, target: &Looked<'_>) -> bool {
    let evidence = from.view().evidence;
    let held =
        |key: &Column| evidence.held(&from.table.name, &column.name, &target.table.name, &key.name);
    target.key().and_then(held).is_some_and(|held| held.all(1))
}

fn ownership(draft: &mut Draft, users: &Looked<'_>, others: &[Looked<'_>]) {
    draft.section("ownership");
    draft.note("What a leaver still owns.");
    for table in others {
        let named = |column: &Column, list: &[&str]| {
            let name = super::names::plain(&column.name);
            let stem = name.strip_suffix("id").unwrap_or(&name);
            list.iter().any(|word| stem.ends_with(word) || name.ends_with(word))
        };
        let pointed: Vec<&Column> = table
            .table
            .columns
            .iter()
            .filter(|it| table.points_at(&it.name).is_some_and(|to| to.name == users.table.name))
            .collect();
        let owner = pointed.iter().find(|it| named(it, words::OWNER));
        let author = pointed.iter().find(|it| named(it, words::AUTHOR));
        let Some(column) = owner.or(author) else { continue };
        let title = table
            .first(
                &[
                    "title", "name", "subject", "label", "titel", "betreff", "titre", "titulo",
                    "nome", "nombre", "nom", "naam",
                ],
                is_text,
            )
            .map(|column| format!(", title = {}", toml_text(&column.name)))
            .unwrap_or_default();
        let value = format!("{{ owner = {}{title} }}", toml_text(&column.name));
        let line = Line::new(&table.name(), value, format!("foreign key to {}", users.name()));
        draft.line(if owner.is_some() {
            line
        } else {
            line.open(Open::new(format!(
                "does {} answer for the row now? Who only made it once isn't to be replaced",
                toml_text(&column.name)
            )))
        });
    }
    draft.drop_idle();
}

fn anonymise(draft: &mut Draft, users: &Looked<'_>, written: &Written<'_>) {
    draft.section("anonymise.set");
    draft.note("{id} is the user's key, \"null\" is NULL.");
    let key = users.key().map(|key| key.name.clone());
    for (path, column) in &written.mapped {
        let removed = if column.nullable { "null" } else { "" };
        let mail = users.seen(column).is_some_and(|seen| seen.mostly(is_mail))
            || users.is(column, words::EMAIL);
        let value = match path.as_str() {
            _ if Some(&column.name) == key.as_ref() || !is_text(column) => continue,
            _ if mail => "deleted-{id}@invalid",
            "userName" => "deleted-{id}",
            "name.givenName" => "Former",
            "name.familyName" => "user {id}",
            "displayName" => "Former user {id}",
            path if path.starts_with(ENTERPRISE) => continue,
            _ => removed,
        };
        let open = written
            .marked
            .contains(&column.name)
            .then(|| Open::new(format!("only if it is {} (see above)", path.as_str())));
        draft.line(Line::new(&column.name, toml_text(value), String::new()).maybe(open));
    }
    let password =
        users.table.columns.iter().find(|column| is_password(users, column) && is_text(column));
    if let Some(column) = password.filter(|it| it.max_length.is_none_or(|length| length >= 8)) {
        draft.line(Line::new(&column.name, "\"!removed\"", String::new()));
    }
    draft.drop_idle();
}

/// Tables that hold attributes of a user beside the user's row.
fn companions(draft: &mut Draft, users: &Looked<'_>, others: &[Looked<'_>], written: &Written<'_>) {
    let mapped = |path: &str| written.mapped.iter().any(|(known, _)| known == path);
    let mail = "emails[type eq \"work\"].value";
    for table in others {
        let Some(pointer) = find::pointers(table, users).into_iter().next() else { continue };
        let one = table.is_unique(&pointer.column.name);
        let mut carried: Vec<(&str, &Column)> = Vec::new();
        for (path, list) in [
            (mail, words::EMAIL),
            ("name.givenName", words::GIVEN),
            ("name.familyName", words::FAMILY),
            ("displayName", words::DISPLAY),
            ("title", words::JOB),
            ("phoneNumbers[type eq \"work\"].value", words::PHONE),
        ] {
            let column = table.first(list, is_text).or_else(|| {
                let holds = |column: &&Column| {
                    path == mail && table.seen(column).is_some_and(|seen| seen.mostly(is_mail))
                };
                table.table.columns.iter().find(holds)
            });
            if !mapped(path)
                && let Some(column) = column
            {
                carried.push((path, column));
            }
        }
        let pairs = pairs_of_names(table, users);
        let lone = one && pairs.is_none() && carried.is_empty();
        if lone && has_a_row_for_each(table, pointer.column, users) {
            one_for_each(draft, table, pointer.column);
            continue;
        }
        let address_book = carried.iter().any(|(path, _)| *path == mail);
        if pairs.is_none() && !address_book && (carried.is_empty() || !one) {
            continue;
        }
        let short = super::names::plain(&table.parts().concat());
        draft.section(&format!("users.beside.{short}"));
        draft.off();
        let user = toml_text(&pointer.column.name);
        let mut open = if let Some((name, value)) = pairs {
            let keys = table.seen(name).map(|seen| seen.counts()).unwrap_or_default();
            let shown: Vec<&str> = keys.iter().take(12).map(|(key, _)| *key).collect();
            Open::new(format!(
                "{} holds values by name ({}): {}. To map one, uncomment a section for each, and write under [users.attributes]: {} = {{ in = {}, column = {} }}",
                table.name(),
                toml_text(&name.name),
                shown.join(", "),
                toml_key(mail),
                toml_text(&short),
                toml_text(&value.name)
            ))
        } else {
            let each: Vec<String> = carried
                .iter()
                .map(|(path, column)| {
                    format!(
                        "{} = {{ in = {}, column = {} }}",
                        toml_key(path),
                        toml_text(&short),
                        toml_text(&column.name)
                    )
                })
                .collect();
            Open::new(format!(
                "{} holds {} of a user's row: are they to be mapped? Then uncomment this, and write under [users.attributes]: {}",
                table.name(),
                if one { "one row" } else { "rows" },
                each.join(", and ")
            ))
        };
        if !one && pairs.is_none() {
            let flags = table
                .find(&["isdefault", "primary", "isprimary", "default", "main"], |it| {
                    is_count(it) || it.kind == Kind::Bool
                });
            if let Some(flag) = flags.first() {
                let on = if flag.kind == Kind::Bool { "true" } else { "1" };
                open = open.or(format!(
                    "where = {{ {} = {on} }}    # one of them alone",
                    toml_key(&flag.name)
                ));
            }
        }
        draft.ask(open);
        draft.line(Line::new("table", toml_text(&table.name()), String::new()));
        draft.line(Line::new("user", user, String::new()));
        if let Some((name, _)) = pairs {
            let key = table.seen(name).map(|seen| seen.counts()).unwrap_or_default();
            let key = key.first().map_or("…", |(key, _)| *key);
            let key = match (name.kind, key.parse::<i64>()) {
                (Kind::Int | Kind::Number, Ok(number)) => number.to_string(),
                _ => toml_text(key),
            };
            let value = format!("{{ {} = {key} }}", toml_key(&name.name));
            draft.line(Line::new("where", value, String::new()));
        }
    }
}

/// Whether every user that was seen has a row there.
fn has_a_row_for_each(table: &Looked<'_>, pointer: &Column, users: &Looked<'_>) -> bool {
    let (Some(there), Some(key)) = (table.sample(), users.key()) else { return false };
    let keys = users.seen(key).map(|seen| seen.filled().collect::<Vec<_>>()).unwrap_or_default();
    let held = table.seen(pointer).map(|seen| seen.filled().collect::<Vec<_>>());
    let held = held.unwrap_or_default();
    there.whole && keys.len() >= 3 && keys.iter().all(|key| held.contains(key))
}

/// A table that carries no attribute, and has a row for each user: a new one may need it too.
fn one_for_each(draft: &mut Draft, table: &Looked<'_>, pointer: &Column) {
    let short = super::names::plain(&table.parts().concat());
    draft.section(&format!("users.beside.{short}"));
    draft.off();
    draft.ask(Open::new(format!(
        "each user has a row in {}: does a new one need it? Then uncomment this",
        table.name()
    )));
    draft.line(Line::new("table", toml_text(&table.name()), String::new()));
    draft.line(Line::new("user", toml_text(&pointer.name), String::new()));
    draft.line(Line::new("required", "true", String::new()));
}

/// The columns of a table that holds values by name, or by the key of a table of names: which, and value.
fn pairs_of_names<'c>(table: &Looked<'c>, users: &Looked<'_>) -> Option<(&'c Column, &'c Column)> {
    let held = ["value", "wert", "valeur", "valor", "valore", "waarde", "fieldvalue"];
    let of_field = |column: &&Column| {
        let parts = super::names::parts(&column.name);
        let named = parts.iter().any(|part| {
            ["field", "usf", "attribute", "property", "fieldid", "attr", "prop", "definition"]
                .contains(&part.as_str())
        });
        let target = table.points_at(&column.name);
        named && target.is_some_and(|target| target.name != users.table.name)
    };
    let by_field = table.table.columns.iter().find(of_field);
    if let (Some(field), Some(value)) = (by_field, table.first(&held, is_text)) {
        return Some((field, value));
    }
    let name = table.first(
        &[
            "metakey",
            "key",
            "configkey",
            "preferenceskey",
            "attribute",
            "attributename",
            "field",
            "fieldname",
            "name",
            "profilekey",
            "profilename",
            "option",
            "optionname",
            "prefname",
            "fieldid",
            "shortname",
            "schluessel",
            "cle",
            "clave",
            "chiave",
            "sleutel",
            "merkmal",
            "variable",
        ],
        |column| !column.generated,
    )?;
    let value = table.first(
        &[
            "metavalue",
            "value",
            "configvalue",
            "preferencesvalue",
            "attributevalue",
            "data",
            "profilevalue",
            "optionvalue",
            "prefvalue",
            "wert",
            "valeur",
            "valor",
            "valore",
            "waarde",
        ],
        is_text,
    )?;
    Some((name, value))
}
