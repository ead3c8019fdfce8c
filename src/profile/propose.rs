//! Proposes a profile from a live catalogue, for `profile init`.
//!
//! Guesses by names, types and foreign keys, and says so: what it could not decide stands in lines
//! that begin with `# DECIDE:`; what it took for granted in lines that begin with `# Assumed:`.
//! Once nothing is left to decide, the text is a profile. Pure: it reads no row.

mod find;
mod rows;
mod users;
mod words;

use std::collections::BTreeSet;

use super::catalogue::{Catalogue, Column, Kind, Table};
use super::proof::short_name;
use super::read::{toml_key, toml_text};

use find::Membership;

/// The proposal, as TOML with comments.
pub fn propose(catalogue: &Catalogue) -> String {
    // An account that sees other databases of the server too shall not have them mixed in.
    let home = at_home(catalogue);
    let catalogue = if find::users(&home).is_some() { &home } else { catalogue };
    let mut draft = Draft { catalogue, text: String::new(), decisions: 0 };
    let users = find::users(catalogue);
    let membership = users.as_ref().and_then(|(users, _)| find::membership(catalogue, users));
    match users {
        Some((table, near)) => {
            let groups = membership.as_ref().map(|(found, _)| *found);
            draft.users(table, &near, groups);
            match &membership {
                Some((found, near)) => draft.groups(found, near),
                None => draft.no_groups(),
            }
            draft.rest(table, groups);
        }
        None => draft.no_users(),
    }
    draft.finish()
}

/// The tables that need no schema in front of their names.
fn at_home(catalogue: &Catalogue) -> Catalogue {
    let mut home = catalogue.clone();
    home.tables.retain(|name, _| {
        name.schema.as_ref().is_none_or(|schema| catalogue.search_path.contains(schema))
    });
    home
}

/// The text so far.
struct Draft<'c> {
    catalogue: &'c Catalogue,
    text: String,
    decisions: usize,
}

impl<'c> Draft<'c> {
    fn finish(self) -> String {
        let left = match self.decisions {
            0 => "# Nothing was left open.".to_owned(),
            1 => "# One line begins with `# DECIDE:`; answer it, and remove it.".to_owned(),
            count => format!("# {count} lines begin with `# DECIDE:`; answer and remove them."),
        };
        let assumed = "# Where a line begins with `# Assumed:`, look whether it is so.";
        format!(
            "# A profile proposed from the database's catalogue. {}\n{left}\n{assumed}\n{}",
            "Prove it with `kpifire-scim check`.", self.text
        )
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.line("");
        self.line(format!("[{name}]"));
    }

    fn entry(&mut self, key: &str, value: &str) {
        self.line(format!("{} = {value}", toml_key(key)));
    }

    fn decide(&mut self, what: impl AsRef<str>) {
        self.decisions += 1;
        self.line(format!("# DECIDE: {}", what.as_ref()));
    }

    fn assumed(&mut self, what: impl AsRef<str>) {
        self.line(format!("# Assumed: {}", what.as_ref()));
    }

    fn name(&self, table: &Table) -> String {
        short_name(self.catalogue, &table.name)
    }

    fn no_users(&mut self) {
        self.section("users");
        self.decide("no table looks like users (a key, a login or e-mail column); name it");
        self.line("# table = \"…\"");
        self.line("# key = \"…\"");
        self.no_groups();
    }

    fn no_groups(&mut self) {
        self.section("groups");
        self.decide("no table looks like teams with a membership table between them and the users");
        self.line("# table = \"…\"");
        self.line("# key = \"…\"");
        self.section("members");
        self.decide("name the table that says who is in which team, and its two columns");
        self.line("# table = \"…\"");
        self.line("# group = \"…\"");
        self.line("# user = \"…\"");
    }

    fn also(&mut self, what: &str, near: &[String]) {
        if !near.is_empty() {
            self.decide(format!(
                "{what} could also be {}; remove this line if it isn't",
                near.join(", ")
            ));
        }
    }

    fn groups(&mut self, found: &Membership<'c>, near: &[Membership<'c>]) {
        let groups = found.groups;
        self.section("groups");
        let others: BTreeSet<String> = near.iter().map(|other| self.name(other.groups)).collect();
        let own = self.name(groups);
        let others: Vec<String> = others.into_iter().filter(|name| *name != own).collect();
        self.also("this", &others);
        self.entry("table", &toml_text(&own));
        let key = find::key(groups).unwrap_or_default();
        self.entry("key", &toml_text(key));
        let mut filled = BTreeSet::from([key.to_owned()]);
        if let Some(label) = words::pick(groups, words::LABEL, words::is_text) {
            self.section("groups.attributes");
            self.entry("displayName", &toml_text(&label.name));
            filled.insert(label.name.clone());
        }
        self.stamps_and_inserts("groups", groups, &mut filled);
        self.section("groups.delete");
        let flag = words::pick(groups, words::ARCHIVED, is_flag);
        if let Some(flag) = flag {
            self.line(format!(
                "# To keep the row instead: mode = \"deactivate\", column = {}, value = {}",
                toml_text(&flag.name),
                if flag.kind == Kind::Bool { "true" } else { "1" }
            ));
        }
        let members = self.name(found.table);
        self.entry("mode", "\"delete\"");
        self.entry("cascade", &format!("[{}]", toml_text(&members)));

        self.section("members");
        let tables: BTreeSet<String> = near.iter().map(|other| self.name(other.table)).collect();
        let tables: Vec<String> = tables.into_iter().filter(|name| *name != members).collect();
        self.also("this", &tables);
        self.entry("table", &toml_text(&members));
        self.entry("group", &toml_text(found.group));
        self.entry("user", &toml_text(found.user));
        let mut filled = BTreeSet::from([found.group.to_owned(), found.user.to_owned()]);
        filled.extend(find::key(found.table).map(str::to_owned));
        self.stamps_and_inserts("members", found.table, &mut filled);
    }
}

fn is_flag(column: &Column) -> bool {
    matches!(column.kind, Kind::Bool | Kind::Int)
}
