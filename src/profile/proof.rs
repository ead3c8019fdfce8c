//! Proves a profile against a live catalogue: every table, column, constant, key and index.
//!
//! Pure: the catalogue is an argument, SQL appears only as text to hand a DBA. Grants, the clock
//! and the sidecar's version are the store's to prove.

mod columns;
mod deletion;
mod filled;
mod fits;
mod keys;
mod names;
mod rows;
mod same;
mod tables;

use super::model::{Profile, RevokeAction, TableName, Teams};
use super::near_miss;
use super::read::toml_key;
use crate::profile::catalogue::{Catalogue, Column, Database, Table};

use filled::Filled;
pub(crate) use names::short as short_name;
pub(crate) use names::{quoted, quoted_table};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Proved.
    Ok,
    /// It works, with the drawback that `why` tells.
    Warning,
    /// The agent can't work so.
    Error,
}

/// One thing proved or refuted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The profile's key it is about.
    pub subject: String,
    /// What was found, a whole sentence's worth without the subject.
    pub what: String,
    /// Why it matters; empty for what is as it should be.
    pub why: String,
    /// The SQL to hand a DBA, or the TOML to write; empty for what is as it should be.
    pub fix: String,
}

/// Proves `profile` against `catalogue`.
///
/// `fold_expression` turns a quoted column into the SQL expression that the store compares
/// userName and displayName by; an index must be built on exactly that, except on `MariaDB`.
pub fn prove(
    profile: &Profile,
    catalogue: &Catalogue,
    fold_expression: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut prover = Prover { profile, catalogue, fold: &fold_expression, findings: Vec::new() };
    prover.tables();
    prover.resource("users", &profile.users);
    if let Some(teams) = &profile.teams {
        prover.resource("groups", &teams.groups);
        prover.members(teams);
    }
    prover.revoke();
    prover.ownership();
    prover.anonymise();
    prover.protect();
    prover.findings
}

struct Prover<'a> {
    profile: &'a Profile,
    catalogue: &'a Catalogue,
    fold: &'a dyn Fn(&str) -> String,
    findings: Vec<Finding>,
}

impl<'a> Prover<'a> {
    fn ok(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        self.add(Severity::Ok, subject.into(), what.into(), String::new(), String::new());
    }

    fn warning(
        &mut self,
        subject: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Warning, subject.into(), what.into(), why.into(), fix.into());
    }

    fn error(
        &mut self,
        subject: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Error, subject.into(), what.into(), why.into(), fix.into());
    }

    fn add(&mut self, severity: Severity, subject: String, what: String, why: String, fix: String) {
        self.findings.push(Finding { severity, subject, what, why, fix });
    }

    /// The table of this name, or an error with the nearest names.
    fn table(&mut self, key: &str, name: &TableName) -> Option<&'a Table> {
        if let Some(table) = self.catalogue.table(name) {
            return Some(table);
        }
        let names: Vec<String> =
            self.catalogue.tables.keys().map(|name| names::short(self.catalogue, name)).collect();
        let near = near_miss::near(&name.to_string(), names.iter().map(String::as_str));
        let fix = match near.as_slice() {
            [] => self.table_or_grant(key, name),
            [best, ..] => format!("`{key}`: did you mean \"{best}\"?"),
        };
        self.error(
            key,
            format!("table `{name}` isn't there, or the agent's account can't see it"),
            "the profile reads and writes it",
            fix,
        );
        None
    }

    /// What to do about a table that isn't there: PostgreSQL and SQLite show every table.
    fn table_or_grant(&self, key: &str, name: &TableName) -> String {
        let own = format!("write the table's own name at `{key}`");
        if self.catalogue.database != Database::Mysql {
            return own;
        }
        let relations = self.profile.relations();
        let rights = relations.iter().filter(|it| it.table == name).flat_map(|it| &it.rights);
        let rights: std::collections::BTreeSet<&str> = rights.map(|right| right.name()).collect();
        let rights: Vec<&str> = rights.into_iter().collect();
        let schema = name.schema.as_ref().or(self.catalogue.search_path.first());
        let of = schema.map(|it| format!("{}.", quoted(Database::Mysql, it))).unwrap_or_default();
        format!(
            "GRANT {} ON {of}{} TO {};   -- if it is there; or {own}",
            rights.join(", "),
            quoted(Database::Mysql, &name.name),
            self.catalogue.account
        )
    }

    /// The column of this name, or an error with the nearest names.
    fn column(&mut self, key: &str, table: &'a Table, name: &str) -> Option<&'a Column> {
        if let Some(column) = table.column(name) {
            return Some(column);
        }
        let names = table.columns.iter().map(|column| column.name.as_str());
        let near = near_miss::near(name, names.clone());
        let fix = match near.as_slice() {
            [] => format!("`{key}`: the columns are {}", names.collect::<Vec<_>>().join(", ")),
            [best, ..] => format!("`{key}`: did you mean \"{best}\"?"),
        };
        let shown = names::short(self.catalogue, &table.name);
        self.error(
            key,
            format!("table `{shown}` has no column `{name}`"),
            "the profile names it",
            fix,
        );
        None
    }

    fn members(&mut self, teams: &'a Teams) {
        let members = &teams.members;
        let before = self.findings.len();
        let Some(table) = self.table("members.table", &members.table) else {
            return;
        };
        let group = self.column("members.group", table, &members.group);
        let user = self.column("members.user", table, &members.user);
        self.counting("members.where", table, &members.rows);
        self.inserted("members.insert", table, &members.insert);
        self.touch("members.touch", table, &members.touch);
        if let Some(mark) = &members.remove {
            self.mark("members.remove", table, mark);
        }
        self.same_in_each("members.insert", table, &members.insert, &members.rows);
        self.one_membership(table, &members.group, &members.user, &members.rows);
        let filled = Filled::new(&members.insert, &members.rows)
            .and(members.touch.columns())
            .and([members.group.as_str(), members.user.as_str()]);
        self.unfilled("members", table, &filled);
        self.all_there("members.table", table, before);
        let (Some(group), Some(user)) = (group, user) else {
            return;
        };
        self.same_kind("members.group", group, &teams.groups.table, &teams.groups.key.column);
        let users = &self.profile.users;
        self.same_kind("members.user", user, &users.table, &users.key.column);
        self.edge_keys(table, members);
    }

    fn revoke(&mut self) {
        for revoke in &self.profile.revoke {
            let key = format!("revoke.{}", toml_key(&revoke.table.to_string()));
            let Some(table) = self.table(&key, &revoke.table) else {
                continue;
            };
            let before = self.findings.len();
            self.counting(&format!("{key}.where"), table, &revoke.rows);
            if let Some(user) = self.column(&format!("{key}.user"), table, &revoke.user) {
                self.same_kind(
                    &format!("{key}.user"),
                    user,
                    &self.profile.users.table,
                    &self.profile.users.key.column,
                );
            }
            if let RevokeAction::Set { set, where_null } = &revoke.action {
                self.constants(&format!("{key}.set"), table, set);
                if let Some(name) = where_null
                    && let Some(column) = self.column(&format!("{key}.where_null"), table, name)
                    && !column.nullable
                {
                    self.error(
                        format!("{key}.where_null"),
                        format!("column `{name}` is NOT NULL"),
                        "no row would ever be revoked: the condition is never true",
                        "name the nullable column that tells a live row, or leave `where_null` out",
                    );
                }
            }
            self.all_there(&key, table, before);
            self.index(
                &key,
                table,
                &revoke.rows,
                &revoke.user,
                "disabling a user would read the whole table",
            );
        }
    }

    fn ownership(&mut self) {
        for owned in &self.profile.ownership {
            let key = format!("ownership.{}", toml_key(&owned.table.to_string()));
            let Some(table) = self.table(&key, &owned.table) else {
                continue;
            };
            let before = self.findings.len();
            self.counting(&format!("{key}.where"), table, &owned.rows);
            if let Some(owner) = self.column(&format!("{key}.owner"), table, &owned.owner) {
                self.same_kind(
                    &format!("{key}.owner"),
                    owner,
                    &self.profile.users.table,
                    &self.profile.users.key.column,
                );
            }
            if let Some(title) = &owned.title {
                self.column(&format!("{key}.title"), table, title);
            }
            self.all_there(&key, table, before);
        }
    }

    fn anonymise(&mut self) {
        let Some(users) = self.catalogue.table(&self.profile.users.table) else {
            return;
        };
        let before = self.findings.len();
        for (name, value) in &self.profile.anonymise {
            let key = format!("anonymise.set.{}", toml_key(name));
            let Some(column) = self.column(&key, users, name) else {
                continue;
            };
            self.constant(&key, column, value);
            self.anonymised_unique(&key, users, column, value);
        }
        if !self.profile.anonymise.is_empty() {
            self.all_there("anonymise.set", users, before);
        }
    }

    fn protect(&mut self) {
        let users = &self.profile.users;
        let key =
            self.catalogue.table(&users.table).and_then(|table| table.column(&users.key.column));
        if key.is_some_and(|column| column.kind == super::catalogue::Kind::Int) {
            for text in &self.profile.protect.keys {
                if text.parse::<i64>().is_err() {
                    self.warning(
                        "protect.keys",
                        format!("`{text}` is no value of the integer key `{}`", users.key.column),
                        "the entry protects nobody",
                        "write the account's key, or its userName under `userNames`",
                    );
                }
            }
        }
    }

    /// An Ok line when nothing was wrong since `before`.
    fn all_there(&mut self, subject: &str, table: &Table, before: usize) {
        let bad = self.findings.iter().skip(before).any(|f| f.severity == Severity::Error);
        if !bad {
            let shown = names::short(self.catalogue, &table.name);
            self.ok(subject, format!("table `{shown}` has every column the profile names"));
        }
    }
}
