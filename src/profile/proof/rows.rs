//! Which rows count, what marks them, how times lie in columns, and what lies beside a resource's rows.

use super::columns::last;
use super::filled::Filled;
use super::fits::fits;
use super::keys::is_unique_within;
use super::{Prover, names};
use crate::profile::catalogue::{Column, Kind, Table};
use crate::profile::model::{
    Beside, Companion, KeySource, Mapping, Mark, MarkedBy, Notation, ResourceTable, RowSwitch,
    Scalar, Test, TimeForm, TimeSwitch, Where,
};
use crate::profile::read::{toml_key, toml_text};

impl<'a> Prover<'a> {
    /// The columns of a `where`.
    pub(super) fn counting(&mut self, key: &str, table: &'a Table, rows: &'a Where) {
        for (name, test) in rows {
            let key = format!("{key}.{}", toml_key(name));
            let Some(column) = self.column(&key, table, name) else { continue };
            match test {
                Test::Null | Test::NotNull if !column.nullable => self.error(
                    key,
                    format!("column `{name}` is NOT NULL"),
                    "the condition is always or never true",
                    "name the value that counts, or leave the column out of `where`",
                ),
                Test::Null | Test::NotNull => {}
                Test::OneOf(values) => {
                    for value in values {
                        self.constant(&key, column, value);
                    }
                }
            }
        }
    }

    /// The column of a mark.
    pub(super) fn mark(&mut self, key: &str, table: &'a Table, mark: &'a Mark) {
        let Some(column) = self.column(&format!("{key}.column"), table, &mark.column) else {
            return;
        };
        match &mark.by {
            MarkedBy::Value(value) => self.constant(&format!("{key}.value"), column, value),
            MarkedBy::Time(switch) => self.time_switch(&format!("{key}.as"), column, switch),
        }
    }

    /// A column of times that switches something off.
    pub(super) fn time_switch(&mut self, key: &str, column: &Column, switch: &TimeSwitch) {
        self.time(key, column, &switch.form);
        match &switch.live {
            Some(live) => self.constant(&format!("{key}.live"), column, live),
            None if !column.nullable => self.error(
                key,
                format!("column `{}` is NOT NULL", column.name),
                "what is on holds NULL where the profile doesn't say otherwise",
                "live = 0 (what the column holds of a row that is on)",
            ),
            None => {}
        }
    }

    /// Whether a column holds times in this form.
    pub(super) fn time(&mut self, key: &str, column: &Column, form: &TimeForm) {
        let (name, type_name) = (&column.name, &column.type_name);
        let fits = match &form.notation {
            // Which notation a number or a text is of can't be told from its type.
            None => fits(self.catalogue.database, column, &Scalar::Now).is_ok(),
            Some(Notation::EpochSeconds | Notation::EpochMillis) => {
                matches!(column.kind, Kind::Int | Kind::Number) || column.kind == Kind::Text
            }
            Some(Notation::Iso) => matches!(column.kind, Kind::Text | Kind::Binary),
            Some(Notation::Pattern(_)) => {
                matches!(column.kind, Kind::Text | Kind::Int | Kind::Number | Kind::Binary)
            }
        };
        if !fits {
            self.error(
                key,
                format!("column `{name}` is {type_name}, which holds no time so"),
                "the time could be neither written nor read",
                "name a column of a date-and-time type, or say how the column holds times: `as` (`time` \
                 beside \"since\", \"expires\", \"until\") = \"epoch-s\", \"epoch-ms\", \"iso\", or a \
                 pattern as \"%Y%m%d%H%M%S\"",
            );
        }
    }

    /// A table beside the resource's own.
    pub(super) fn companion(
        &mut self,
        name: &str,
        resource: &'a ResourceTable,
        companion: &'a Companion,
    ) {
        let section = match &companion.parent {
            Some(_) => format!("{name}.parent"),
            None => format!("{name}.beside.{}", toml_key(&companion.name)),
        };
        let Some(table) = self.table(&format!("{section}.table"), &companion.table) else { return };
        let before = self.findings.len();
        self.counting(&format!("{section}.where"), table, &companion.rows);
        self.inserted(&format!("{section}.insert"), table, &companion.insert);
        self.same_in_each(&format!("{section}.insert"), table, &companion.insert, &companion.rows);
        let within = |it: &&Mapping| it.within.as_ref() == Some(&companion.name);
        let mapped = resource.attributes.values().filter(within).map(|it| it.column.as_str());
        let filled = Filled::new(&companion.insert, &companion.rows)
            .and(mapped)
            .and([companion.user.as_str()]);
        if companion.missing != Beside::Ignore {
            self.unfilled(&section, table, &filled);
        }
        let user = format!("{section}.user");
        if let Some(parent) = &companion.parent {
            let made = parent.source != KeySource::Database;
            let key = format!("{section}.key");
            self.key(&key, table, &companion.rows, &companion.user, made);
            if let Some(column) = &parent.held_in {
                self.held_in(&format!("{section}.held_in"), resource, companion, column);
            }
        } else if let Some(found) = self.column(&user, table, &companion.user) {
            self.same_kind(&user, found, &resource.table, &resource.key.column);
            self.one_each(&user, table, companion);
        }
        for (column, value) in &companion.anonymise {
            let name = toml_key(&companion.name);
            let key = format!("anonymise.beside.{name}.{}", toml_key(column));
            if let Some(column) = self.column(&key, table, column) {
                self.constant(&key, column, value);
                self.anonymised_unique(&key, table, column, value);
            }
        }
        self.all_there(&format!("{section}.table"), table, before);
    }

    /// The resource's column that points at its parent.
    fn held_in(
        &mut self,
        key: &str,
        resource: &'a ResourceTable,
        companion: &'a Companion,
        name: &str,
    ) {
        let Some(table) = self.catalogue.table(&resource.table) else { return };
        let Some(column) = self.column(key, table, name) else { return };
        self.same_kind(key, column, &companion.table, &companion.user);
        if table.traits.view.is_none() && !is_unique_within(table, &[name], &[name]) {
            self.warning(
                key,
                format!("nothing makes `{name}` unique"),
                "two resources that point at one row have each other's attributes",
                "see that each has a row of its own; a new one gets one",
            );
        }
    }

    /// A table whose rows say who is active.
    pub(super) fn row_switch(
        &mut self,
        key: &str,
        switch: &'a RowSwitch,
        resource: &ResourceTable,
    ) {
        let Some(table) = self.table(&format!("{key}.table"), &switch.table) else { return };
        let before = self.findings.len();
        if let Some(user) = self.column(&format!("{key}.user"), table, &switch.user) {
            self.same_kind(&format!("{key}.user"), user, &resource.table, &resource.key.column);
        }
        self.counting(&format!("{key}.where"), table, &switch.rows);
        self.inserted(&format!("{key}.insert"), table, &switch.insert);
        let filled = Filled::new(&switch.insert, &switch.rows).and([switch.user.as_str()]);
        self.unfilled_at(&format!("{key}.insert"), table, &filled, |column, value| {
            format!("in it: insert = {{ {column} = {value} }}")
        });
        self.index(
            key,
            table,
            &switch.rows,
            &switch.user,
            "every reading of a user would read the whole table",
        );
        self.all_there(key, table, before);
    }

    pub(super) fn values_of_times(&mut self, key: &str, column: &Column) {
        let name = toml_text(&column.name);
        self.error(
            key,
            format!(
                "column `{}` is {}: no list of values tells times",
                column.name, column.type_name
            ),
            "the values would never be equal to what the column holds",
            format!(
                "{} = {{ column = {name}, as = \"since\" }} (or \"expires\", \"until\")",
                last(key)
            ),
        );
    }

    /// Where a rename changes the key, every foreign key must follow.
    pub(super) fn follows(&mut self, key: &str, table: &Table) {
        let tables = self.catalogue.tables.values();
        let pointing = tables.flat_map(|it| &it.foreign_keys).filter(|it| it.target == table.name);
        let staying: Vec<String> = pointing
            .filter(|it| it.on_update != "CASCADE")
            .map(|it| {
                format!("{}.{}", names::short(self.catalogue, &it.table), it.columns.join("+"))
            })
            .collect();
        if !staying.is_empty() {
            self.error(
                key,
                format!("foreign keys don't follow a changed key: {}", staying.join(", ")),
                "a rename would be refused by the database",
                "rename = \"refuse\"; or have the foreign keys made ON UPDATE CASCADE",
            );
        }
    }
}
