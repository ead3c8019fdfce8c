//! `[users]`: which column carries which attribute.

use std::collections::BTreeSet;

use super::find::{self, Membership};
use super::{Draft, is_flag, words};
use crate::profile::catalogue::{Column, Kind, Table};
use crate::profile::read::{toml_key, toml_text};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl<'c> Draft<'c> {
    pub(super) fn users(
        &mut self,
        users: &'c Table,
        near: &[&Table],
        membership: Option<Membership<'c>>,
    ) {
        self.section("users");
        let others: Vec<String> = near.iter().map(|table| self.name(table)).collect();
        self.also("this", &others);
        let name = self.name(users);
        self.entry("table", &toml_text(&name));
        let key = find::key(users).unwrap_or_default();
        self.entry("key", &toml_text(key));
        let mut filled = BTreeSet::from([key.to_owned()]);

        self.section("users.attributes");
        self.user_name(users, &mut filled);
        for (attribute, list) in [
            ("name.givenName", words::GIVEN),
            ("name.familyName", words::FAMILY),
            ("displayName", words::DISPLAY),
            ("title", words::TITLE),
            ("phoneNumbers[type eq \"work\"].value", words::PHONE),
            ("phoneNumbers[type eq \"mobile\"].value", words::MOBILE),
        ] {
            self.attribute(users, attribute, list, &mut filled);
        }
        let number = format!("{ENTERPRISE}:employeeNumber");
        self.attribute(users, &number, words::EMPLOYEE_NUMBER, &mut filled);
        self.active(users, &mut filled);
        let not: Vec<&Table> =
            membership.iter().flat_map(|found| [found.groups, found.table]).collect();
        let department = self.department(users, &not, &mut filled);
        self.user_type(users, &mut filled);

        if let Some(column) = department {
            self.open_insert("users");
            self.assumed("the key of the row that a user without department gets; it must exist");
            self.entry(&column.name, "1");
        }
        self.stamps_and_inserts("users", users, &mut filled);
        self.section("users.delete");
        self.line("# What a SCIM DELETE does: switch the row off and keep it.");
        self.entry("mode", "\"deactivate\"");
    }

    fn attribute(
        &mut self,
        users: &Table,
        attribute: &str,
        list: &[&str],
        filled: &mut BTreeSet<String>,
    ) {
        let free = |column: &Column| words::is_text(column) && !filled.contains(&column.name);
        let Some(column) = words::pick(users, list, free) else {
            return;
        };
        self.entry(attribute, &toml_text(&column.name));
        filled.insert(column.name.clone());
    }

    fn user_name(&mut self, users: &Table, filled: &mut BTreeSet<String>) {
        let login = words::pick(users, words::LOGIN, words::is_text);
        let email = words::pick(users, words::EMAIL, words::is_text);
        let chosen = match (login, email) {
            (Some(login), Some(email)) => {
                self.decide(format!(
                    "which column holds what people sign in with, {} or {}; remove this line if it is the first",
                    toml_text(&login.name),
                    toml_text(&email.name)
                ));
                login
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => {
                self.decide("no column looks like a login; name the one people sign in with");
                self.line("# userName = \"…\"");
                return;
            }
        };
        self.entry("userName", &toml_text(&chosen.name));
        filled.insert(chosen.name.clone());
        if let (Some(_), Some(email)) = (login, email) {
            self.entry("emails[type eq \"work\"].value", &toml_text(&email.name));
            filled.insert(email.name.clone());
        }
    }

    fn active(&mut self, users: &Table, filled: &mut BTreeSet<String>) {
        if let Some(column) = words::pick(users, words::ENABLED, is_flag) {
            self.entry("active", &toml_text(&column.name));
            filled.insert(column.name.clone());
            return;
        }
        if let Some(column) = words::pick(users, words::DISABLED, is_flag) {
            let (yes, no) = if column.kind == Kind::Bool { ("false", "true") } else { ("0", "1") };
            self.values("active", column, yes, no);
            filled.insert(column.name.clone());
            return;
        }
        let texts = [words::STATUS, words::ENABLED];
        let Some(column) = texts.iter().find_map(|list| words::pick(users, list, words::is_text))
        else {
            self.decide(
                "which column says whether a user may sign in, and what it holds for yes and no",
            );
            self.line("# active = { column = \"…\", values = { true = \"…\", false = \"…\" } }");
            return;
        };
        filled.insert(column.name.clone());
        let one_of = |list: &[&str]| {
            let found =
                |word: &&str| column.enum_values.iter().find(|value| words::plain(value) == **word);
            list.iter().find_map(found).map(|value| toml_text(value))
        };
        match (one_of(words::YES), one_of(words::NO)) {
            (Some(yes), Some(no)) => self.values("active", column, &yes, &no),
            _ if column.enum_values.is_empty() && column.max_length.is_none_or(|max| max >= 8) => {
                self.assumed(format!(
                    "kpifire's words; compare with SELECT DISTINCT {} FROM {}",
                    column.name,
                    self.name(users)
                ));
                self.values("active", column, "\"Active\"", "\"Inactive\"");
            }
            _ => {
                let listed = if column.enum_values.is_empty() {
                    column.type_name.clone()
                } else {
                    column.enum_values.join(", ")
                };
                self.decide(format!(
                    "what {} ({listed}) holds for a user who may sign in, and for one who may not",
                    column.name
                ));
                self.line(format!(
                    "# active = {{ column = {}, values = {{ true = \"…\", false = \"…\" }} }}",
                    toml_text(&column.name)
                ));
            }
        }
    }

    fn values(&mut self, attribute: &str, column: &Column, yes: &str, no: &str) {
        let column = toml_text(&column.name);
        let values = format!("{{ column = {column}, values = {{ true = {yes}, false = {no} }} }}");
        self.entry(attribute, &values);
    }

    /// Yields the column when a user without department needs a key there.
    fn department(
        &mut self,
        users: &'c Table,
        not: &[&Table],
        filled: &mut BTreeSet<String>,
    ) -> Option<&'c Column> {
        let attribute = format!("{ENTERPRISE}:department");
        let Some((column, table)) = find::department(self.catalogue, users, not) else {
            self.attribute(users, &attribute, words::DEPARTMENT, filled);
            return None;
        };
        let key = find::key(table)?;
        let label = words::pick(table, words::LABEL, words::is_text)?;
        let unfilled: Vec<&Column> = table
            .columns
            .iter()
            .filter(|c| words::must_fill(c) && c.name != key && c.name != label.name)
            .collect();
        let allocated = table.column(key).is_some_and(|key| key.generated || key.has_default);
        let missing = if unfilled.is_empty() && allocated { "create" } else { "reject" };
        if missing == "reject" {
            let needed: Vec<&str> = unfilled.iter().map(|column| column.name.as_str()).collect();
            let because = if needed.is_empty() { key.to_owned() } else { needed.join(", ") };
            self.line(format!(
                "# A department that isn't there is refused: a new row of {} would need {because}.",
                self.name(table)
            ));
        }
        let lookup = format!(
            "{{ column = {}, lookup = {{ table = {}, key = {}, label = {}, missing = \"{missing}\" }} }}",
            toml_text(&column.name),
            toml_text(&self.name(table)),
            toml_text(key),
            toml_text(&label.name)
        );
        self.entry(&attribute, &lookup);
        filled.insert(column.name.clone());
        (words::must_fill(column) && column.kind == Kind::Int).then_some(column)
    }

    fn user_type(&mut self, users: &Table, filled: &mut BTreeSet<String>) {
        let free = |column: &Column| words::is_text(column) && !filled.contains(&column.name);
        let Some(column) = words::pick(users, words::USER_TYPE, free) else {
            return;
        };
        if column.enum_values.is_empty() {
            self.line(format!(
                "# userType isn't mapped: what {} may hold isn't in the catalogue. If Entra is to set it, list it:",
                column.name
            ));
            self.line(format!(
                "# userType = {{ column = {}, values = {{ \"Team Member\" = \"Team Member License\" }}, other = \"reject\" }}",
                toml_text(&column.name)
            ));
            return;
        }
        let pairs: Vec<String> = column
            .enum_values
            .iter()
            .map(|value| format!("{} = {}", toml_key(value), toml_text(value)))
            .collect();
        let values = format!(
            "{{ column = {}, values = {{ {} }}, other = \"reject\" }}",
            toml_text(&column.name),
            pairs.join(", ")
        );
        self.entry("userType", &values);
        filled.insert(column.name.clone());
    }
}
