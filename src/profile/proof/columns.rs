//! Columns: whether their types suit what the profile puts into them, and whether anything fills
//! those that must be filled.

use std::collections::BTreeMap;

use super::filled::Filled;
use super::fits::{example, fits};
use super::{Prover, Severity, names};
use crate::profile::catalogue::{Column, Database, Kind, Table};
use crate::profile::model::{
    Delete, Encoding, Lookup, Mapping, Missing, ResourceTable, Scalar, TableName, Touch,
};
use crate::profile::print::scalar;
use crate::profile::read::{toml_key, toml_text};
use crate::scim::{AttributeKind, AttributePath};

/// What the agent signs rows with; columns of `touch.actor` must hold it.
const ACTOR: &str = "kpifire-scim";

impl<'a> Prover<'a> {
    pub(super) fn resource(&mut self, name: &str, resource: &'a ResourceTable) {
        let before = self.findings.len();
        let Some(table) = self.table(&format!("{name}.table"), &resource.table) else {
            return;
        };
        for (path, mapping) in &resource.attributes {
            let key = format!("{name}.attributes.{}", toml_key(&path.to_string()));
            self.mapping(&key, table, path, mapping);
            self.unfilled_attribute(name, &key, table, resource, path, mapping);
        }
        self.constants(&format!("{name}.insert"), table, &resource.insert);
        self.touch(&format!("{name}.touch"), table, &resource.touch);
        if let Delete::Deactivate { column: Some((column, value)) } = &resource.delete {
            let key = format!("{name}.delete.column");
            if let Some(column) = self.column(&key, table, column) {
                self.constant(&key, column, value);
            }
        }
        let mapped = resource.attributes.values().map(|mapping| mapping.column.as_str());
        let filled =
            Filled::new(&resource.insert, &resource.touch).and(mapped).and([resource.key.as_str()]);
        self.unfilled(name, table, &filled);
        self.key(name, table, &resource.key);
        self.all_there(&format!("{name}.table"), table, before);
        self.matching_attribute(name, table, resource);
        self.deletion(name, table, resource);
    }

    fn mapping(&mut self, key: &str, table: &'a Table, path: &AttributePath, mapping: &'a Mapping) {
        let Some(column) = self.column(key, table, &mapping.column) else {
            return;
        };
        match &mapping.encoding {
            Encoding::Plain => self.plain(key, column, path.definition().kind),
            Encoding::Values { pairs, .. } => {
                for (scim, legacy) in pairs {
                    self.constant(&format!("{key}.values.{}", toml_key(scim)), column, legacy);
                }
            }
            Encoding::Lookup(lookup) => self.lookup_table(key, column, lookup),
        }
    }

    fn plain(&mut self, key: &str, column: &Column, kind: AttributeKind) {
        let (name, type_name) = (&column.name, &column.type_name);
        let boolean = kind == AttributeKind::Boolean;
        if column.max_length == Some(0) {
            self.error(
                key,
                format!("column `{name}` is {type_name}: it holds nothing"),
                "every value would be too long",
                "widen the column or map the attribute to another",
            );
            return;
        }
        match (column.kind, boolean) {
            (Kind::Bool | Kind::Int, true) | (Kind::Text, false) => {}
            (_, true) => {
                let known = match column.enum_values.as_slice() {
                    [yes, no, ..] => [toml_text(yes), toml_text(no)],
                    _ => ["\"Active\"".to_owned(), "\"Inactive\"".to_owned()],
                };
                let [yes, no] = known;
                self.error(
                    key,
                    format!("column `{name}` is {type_name}, neither boolean nor 0/1"),
                    "the attribute is a boolean, so the profile must say what the column holds for each",
                    format!("{} = {{ column = {}, values = {{ true = {yes}, false = {no} }} }}", last(key), toml_text(name)),
                );
            }
            (Kind::Uuid | Kind::Int | Kind::Number | Kind::Bool, false) => self.warning(
                key,
                format!("column `{name}` is {type_name}, the attribute is text"),
                "values that the column's type can't hold are answered 400",
                "map the attribute to a text column, or use `values` or `lookup`",
            ),
            (Kind::Timestamp | Kind::Date | Kind::Binary | Kind::Other, false) => self.error(
                key,
                format!("column `{name}` is {type_name}, which can't carry the attribute"),
                "the attribute is text",
                "map the attribute to a text column, or remove the line: the agent then keeps the attribute itself",
            ),
        }
    }

    fn lookup_table(&mut self, key: &str, column: &Column, lookup: &'a Lookup) {
        let at = |part: &str| format!("{key}.lookup.{part}");
        let Some(table) = self.table(&at("table"), &lookup.table) else {
            return;
        };
        if let Some(found) = self.column(&at("key"), table, &lookup.key) {
            self.unique(
                &at("key"),
                table,
                &lookup.key,
                "two rows with one key would make the label ambiguous",
            );
            if found.kind != column.kind {
                self.kinds_differ(key, column, found);
            }
            let generated = found.generated || found.has_default;
            if lookup.missing == Missing::Create
                && !generated
                && !lookup.insert.contains_key(&lookup.key)
            {
                self.error(
                    at("missing"),
                    format!("nothing allocates the key `{}` of a new row", lookup.key),
                    "`missing = \"create\"` inserts a row and reads its key",
                    format!("{} with missing = \"reject\" or {{ default = KEY }}", last(key)),
                );
            }
        }
        if let Some(label) = self.column(&at("label"), table, &lookup.label) {
            if label.kind != Kind::Text {
                self.error(
                    at("label"),
                    format!("column `{}` is {}, not text", label.name, label.type_name),
                    "SCIM carries the label as text",
                    "name the column that a person reads",
                );
            }
            self.index_folded(
                &at("label"),
                table,
                &lookup.label,
                "every write of the attribute would read the whole table",
            );
        }
        match &lookup.missing {
            Missing::Create => {
                self.constants(&at("insert"), table, &lookup.insert);
                let none = Touch::default();
                let filled = Filled::new(&lookup.insert, &none)
                    .and([lookup.key.as_str(), lookup.label.as_str()]);
                self.unfilled_at(&at("insert"), table, &filled, |column, value| {
                    format!("in the lookup: insert = {{ {column} = {value} }}")
                });
            }
            Missing::Default(value) => self.constant(&at("missing.default"), column, value),
            Missing::Reject => {}
        }
    }

    /// A mapped column that must be filled, and that an absent attribute leaves empty.
    fn unfilled_attribute(
        &mut self,
        name: &str,
        key: &str,
        table: &Table,
        resource: &ResourceTable,
        path: &AttributePath,
        mapping: &Mapping,
    ) {
        let Some(column) = table.column(&mapping.column) else {
            return;
        };
        let needs = !column.nullable && !column.has_default && !column.generated;
        let empty_will_do = column.kind == Kind::Text
            && column.enum_values.is_empty()
            && mapping.encoding == Encoding::Plain;
        if !needs || empty_will_do || resource.insert.contains_key(&mapping.column) {
            return;
        }
        let value = match &mapping.encoding {
            Encoding::Values { pairs, .. } => pairs.first().map(|(_, legacy)| scalar(legacy)),
            Encoding::Lookup(_) => Some("1".to_owned()),
            Encoding::Plain => None,
        };
        let value = value.unwrap_or_else(|| example(column));
        self.warning(
            key,
            format!("column `{}` is NOT NULL without a default", column.name),
            format!("creating a resource without `{path}`, or clearing it, is answered 400"),
            format!("[{name}.insert]\n{} = {value}", toml_key(&column.name)),
        );
    }

    /// NOT NULL columns without default that nothing fills: every INSERT would fail.
    pub(super) fn unfilled(&mut self, name: &str, table: &Table, filled: &Filled<'_>) {
        let key = format!("{name}.insert");
        self.unfilled_at(&key, table, filled, |column, value| {
            format!("[{name}.insert]\n{column} = {value}")
        });
    }

    fn unfilled_at(
        &mut self,
        key: &str,
        table: &Table,
        filled: &Filled<'_>,
        fix: impl Fn(&str, &str) -> String,
    ) {
        for column in &table.columns {
            let needs = !column.nullable && !column.has_default && !column.generated;
            if !needs || filled.0.contains(column.name.as_str()) {
                continue;
            }
            let shown = names::short(self.catalogue, &table.name);
            let points = table.foreign_keys.iter().find(|key| key.columns == [column.name.clone()]);
            let to = points
                .map(|key| format!(", a key of `{}`", names::short(self.catalogue, &key.target)))
                .unwrap_or_default();
            self.error(
                key,
                format!("column `{shown}.{}` ({}{to}) is NOT NULL, has no default, and nothing fills it", column.name, column.type_name),
                "inserting a row would fail",
                fix(&toml_key(&column.name), &example(column)),
            );
        }
    }

    pub(super) fn constants(
        &mut self,
        key: &str,
        table: &'a Table,
        columns: &BTreeMap<String, Scalar>,
    ) {
        for (name, value) in columns {
            let key = format!("{key}.{}", toml_key(name));
            if let Some(column) = self.column(&key, table, name) {
                self.constant(&key, column, value);
            }
        }
    }

    /// Whether a constant can stand in a column.
    pub(super) fn constant(&mut self, key: &str, column: &Column, value: &Scalar) {
        if let Err(why) = fits(self.catalogue.database, column, value) {
            self.error(
                key,
                format!(
                    "{} doesn't fit column `{}` ({})",
                    scalar(value),
                    column.name,
                    column.type_name
                ),
                why,
                format!("{} = {}", last(key), example(column)),
            );
        }
    }

    pub(super) fn touch(&mut self, key: &str, table: &'a Table, touch: &Touch) {
        for (stamp, columns) in [("created", &touch.created), ("modified", &touch.modified)] {
            for name in columns {
                let key = format!("{key}.{stamp}");
                let Some(column) = self.column(&key, table, name) else {
                    continue;
                };
                if let Err(why) = fits(self.catalogue.database, column, &Scalar::Now) {
                    self.error(
                        key,
                        format!("column `{name}` is {}, which holds no time", column.type_name),
                        why,
                        "name columns of a date-and-time type",
                    );
                }
            }
        }
        for name in &touch.actor {
            let key = format!("{key}.actor");
            let Some(column) = self.column(&key, table, name) else {
                continue;
            };
            let actor = Scalar::Text(ACTOR.to_owned());
            if let Err(why) = fits(self.catalogue.database, column, &actor) {
                self.error(
                    key,
                    format!("column `{name}` ({}) can't hold \"{ACTOR}\"", column.type_name),
                    why,
                    "name a text column, or leave it out of `actor`",
                );
            }
        }
    }

    /// A column that holds another table's key should be of the key's type.
    pub(super) fn same_kind(&mut self, key: &str, column: &Column, table: &TableName, name: &str) {
        let target = self.catalogue.table(table).and_then(|table| table.column(name));
        if let Some(target) = target
            && target.kind != column.kind
        {
            self.kinds_differ(key, column, target);
        }
    }

    fn kinds_differ(&mut self, key: &str, column: &Column, target: &Column) {
        // The others convert, at the price of an index.
        let (severity, why) = match self.catalogue.database {
            Database::Postgres => (Severity::Error, "the two can't be compared"),
            Database::Sqlite | Database::Mysql => {
                (Severity::Warning, "comparing the two converts each row and uses no index")
            }
        };
        let what = format!(
            "column `{}` is {}, the key `{}` it holds is {}",
            column.name, column.type_name, target.name, target.type_name
        );
        let fix = format!("`{key}`: name the column that holds the key");
        self.add(severity, key.to_owned(), what, why.to_owned(), fix);
    }
}

/// The last part of a key path, as a TOML key.
fn last(key: &str) -> &str {
    let mut quote = None;
    let mut start = 0;
    for (at, c) in key.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '.') => start = at + 1,
            _ => {}
        }
    }
    key.get(start..).unwrap_or(key)
}
