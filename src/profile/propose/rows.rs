//! What a new row needs besides attributes (`insert`, `touch`), and the sections about other
//! tables: `[revoke]`, `[ownership]`, `[anonymise]`, `[protect]`.

use std::collections::BTreeSet;

use super::find::{self, Membership};
use super::{Draft, words};
use crate::profile::catalogue::{Column, Kind, Table};
use crate::profile::read::{toml_key, toml_text};

impl<'c> Draft<'c> {
    /// `touch` by name and type, then `insert` for what nothing fills.
    pub(super) fn stamps_and_inserts(
        &mut self,
        name: &str,
        table: &Table,
        filled: &mut BTreeSet<String>,
    ) {
        let free = |filled: &BTreeSet<String>, column: &Column| !filled.contains(&column.name);
        let named = |filled: &BTreeSet<String>, list: &[&str], suits: fn(&Column) -> bool| {
            words::pick(table, list, |column| suits(column) && free(filled, column))
                .map(|column| column.name.clone())
        };
        let mut created: Vec<String> =
            named(filled, words::CREATED, words::is_time).into_iter().collect();
        filled.extend(created.iter().cloned());
        let modified: Vec<String> =
            named(filled, words::MODIFIED, words::is_time).into_iter().collect();
        filled.extend(modified.iter().cloned());
        let actor: Vec<String> = named(filled, words::ACTOR, words::is_text).into_iter().collect();
        filled.extend(actor.iter().cloned());
        // A time that must be there is the time of the row's making.
        for column in &table.columns {
            if words::must_fill(column) && words::is_time(column) && free(filled, column) {
                filled.insert(column.name.clone());
                created.push(column.name.clone());
            }
        }
        let needed: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| words::must_fill(column) && free(filled, column))
            .collect();
        if !needed.is_empty() {
            self.open_insert(name);
            for column in needed {
                self.insert(table, column);
            }
        }
        let stamps = [("created", created), ("modified", modified), ("actor", actor)];
        if stamps.iter().any(|(_, columns)| !columns.is_empty()) {
            self.section(&format!("{name}.touch"));
            for (key, columns) in stamps.iter().filter(|(_, columns)| !columns.is_empty()) {
                let columns: Vec<String> = columns.iter().map(|c| toml_text(c)).collect();
                self.entry(key, &format!("[{}]", columns.join(", ")));
            }
        }
    }

    /// Opens `[name.insert]` unless it is open.
    pub(super) fn open_insert(&mut self, name: &str) {
        if !self.text.contains(&format!("\n[{name}.insert]\n")) {
            self.section(&format!("{name}.insert"));
        }
    }

    fn insert(&mut self, table: &Table, column: &Column) {
        let key = toml_key(&column.name);
        if find::is_password(&column.name) && matches!(column.kind, Kind::Text | Kind::Binary) {
            self.line(format!("{key} = \"!sso\"    # no password hashes to this: sign-in is by single sign-on alone"));
            return;
        }
        let target = table.foreign_keys.iter().find(|key| key.columns == [column.name.clone()]);
        let what = match target {
            Some(target) => format!("a key of {}", target.target),
            None => column.type_name.clone(),
        };
        let value = match (column.kind, column.enum_values.first()) {
            (_, Some(first)) => toml_text(first),
            (Kind::Int, _) if target.is_some() => "1".to_owned(),
            (Kind::Int | Kind::Number, _) => "0".to_owned(),
            (Kind::Bool, _) => "false".to_owned(),
            _ => "\"\"".to_owned(),
        };
        self.decide(format!("what a new row gets in {key} ({what}), which is NOT NULL"));
        self.line(format!("{key} = {value}"));
    }

    /// The sections after `[members]`.
    pub(super) fn rest(&mut self, users: &'c Table, membership: Option<Membership<'c>>) {
        let not: Vec<&Table> =
            membership.iter().flat_map(|found| [found.groups, found.table]).collect();
        let others = find::others(self.catalogue, users, &not);
        self.revoke(users, &others);
        self.ownership(users, &others);
        self.anonymise(users);
        self.section("protect");
        self.line("# Accounts that SCIM never disables or deletes: the install's administrator, service accounts.");
        self.entry("keys", "[]");
        self.entry("userNames", "[]");
    }

    fn revoke(&mut self, users: &Table, others: &[&'c Table]) {
        let mut lines = Vec::new();
        for table in others {
            let name = words::plain(&table.name.name);
            let access = ["session", "token", "apikey", "rememberme"];
            if !access.iter().any(|word| name.contains(word)) {
                continue;
            }
            let Some(user) = find::points(table, users) else {
                continue;
            };
            let key = toml_key(&self.name(table));
            let user = toml_text(user);
            let revoked = words::pick(table, words::REVOKED, |column| {
                words::is_time(column) && column.nullable
            });
            lines.push(match revoked {
                Some(column) => {
                    let name = toml_text(&column.name);
                    let set = toml_key(&column.name);
                    format!("{key} = {{ user = {user}, action = \"set\", set = {{ {set} = \"now\" }}, where_null = {name} }}")
                }
                None => format!("{key} = {{ user = {user}, action = \"delete\" }}"),
            });
        }
        if !lines.is_empty() {
            self.section("revoke");
            self.line("# At once when a user is disabled.");
            for line in lines {
                self.line(line);
            }
        }
    }

    fn ownership(&mut self, users: &Table, others: &[&'c Table]) {
        let mut lines = Vec::new();
        for table in others {
            let owner = table.foreign_keys.iter().find_map(|key| match key.columns.as_slice() {
                [only] if key.target == users.name && is_owner(only) => Some(only),
                _ => None,
            });
            let Some(owner) = owner else { continue };
            let title = words::pick(table, &["title", "name", "subject", "label"], words::is_text)
                .map(|column| format!(", title = {}", toml_text(&column.name)))
                .unwrap_or_default();
            let key = toml_key(&self.name(table));
            lines.push(format!("{key} = {{ owner = {}{title} }}", toml_text(owner)));
        }
        if !lines.is_empty() {
            self.section("ownership");
            self.line("# What a leaver still owns.");
            for line in lines {
                self.line(line);
            }
        }
    }

    fn anonymise(&mut self, users: &Table) {
        let mut set: Vec<(&Column, &str)> = Vec::new();
        let mut put = |list: &[&str], value: &'static str| {
            if let Some(column) = words::pick(users, list, words::is_text)
                && !set.iter().any(|(known, _)| known.name == column.name)
            {
                let removed = if column.nullable { "null" } else { "" };
                set.push((column, if value.is_empty() { removed } else { value }));
            }
        };
        put(words::LOGIN, "deleted-{id}");
        put(words::EMAIL, "deleted-{id}@invalid");
        put(words::GIVEN, "Former");
        put(words::FAMILY, "user {id}");
        put(words::DISPLAY, "Former user {id}");
        put(words::TITLE, "");
        put(words::PHONE, "");
        put(words::MOBILE, "");
        let password = users
            .columns
            .iter()
            .find(|column| find::is_password(&column.name) && column.kind == Kind::Text);
        set.extend(password.map(|column| (column, "!removed")));
        if set.is_empty() {
            return;
        }
        self.section("anonymise.set");
        self.line("# {id} is the user's key, \"null\" is NULL.");
        for (column, value) in set {
            self.entry(&column.name, &toml_text(value));
        }
    }
}

fn is_owner(column: &str) -> bool {
    let name = words::plain(column);
    let name = name.strip_suffix("id").unwrap_or(&name);
    words::OWNER.iter().any(|word| name.ends_with(word))
}
