//! Columns: whether their types suit what the profile puts into them, and whether anything fills
//! those that must be filled.

use std::collections::BTreeMap;

use super::filled::Filled;
use super::fits::{example, fits};
use super::same::{differing, is_single_key};
use super::{Prover, Severity, names};
use crate::profile::catalogue::{Column, Database, Kind, Table};
use crate::profile::model::{
    Delete, Encoding, Insert, KeySource, Lookup, Mapping, Missing, Rename, ResourceTable, Scalar,
    TableName, Touch,
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
        self.counting(&format!("{name}.where"), table, &resource.rows);
        for (path, mapping) in &resource.attributes {
            let key = format!("{name}.attributes.{}", toml_key(&path.to_string()));
            if let Encoding::Row(switch) = &mapping.encoding {
                self.row_switch(&key, switch, resource);
                continue;
            }
            let within = mapping.within.as_deref().and_then(|it| resource.companion(it));
            let (place, insert) = match within {
                Some(companion) => match self.catalogue.table(&companion.table) {
                    Some(place) => (place, &companion.insert),
                    // The companion's own error says so.
                    None => continue,
                },
                None => (table, &resource.insert),
            };
            self.mapping(&key, place, path, mapping);
            self.unfilled_attribute(name, &key, place, insert, path, mapping);
        }
        self.inserted(&format!("{name}.insert"), table, &resource.insert);
        self.same_in_each(&format!("{name}.insert"), table, &resource.insert, &resource.rows);
        for column in resource.derive.keys() {
            self.column(&format!("{name}.derive.{}", toml_key(column)), table, column);
        }
        self.touch(&format!("{name}.touch"), table, &resource.touch);
        if let Delete::Mark(mark) = &resource.delete {
            self.mark(&format!("{name}.delete"), table, mark);
        }
        let own = |it: &&Mapping| it.within.is_none() && !matches!(it.encoding, Encoding::Row(_));
        let mapped = resource.attributes.values().filter(own).map(|it| it.column.as_str());
        let filled = Filled::new(&resource.insert, &resource.rows)
            .and(mapped)
            .and(resource.touch.columns())
            .and(resource.derive.keys().map(String::as_str))
            .and([resource.key.column.as_str()])
            .and(resource.parent_held_in());
        self.unfilled(name, table, &filled);
        let made = resource.takes_key_of_parent() || resource.key.source != KeySource::Database;
        let key = format!("{name}.key");
        self.key(&key, table, &resource.rows, &resource.key.column, made);
        if resource.key.source == KeySource::Name(Rename::Cascade) {
            self.follows(&format!("{name}.key.rename"), table);
        }
        for companion in &resource.companions {
            self.companion(name, resource, companion);
        }
        self.all_there(&format!("{name}.table"), table, before);
        self.matching_attribute(name, table, resource);
        self.locking(name, resource);
        self.deletion(name, table, resource);
    }

    /// Where nothing carries `active`, a leaver keeps access.
    fn locking(&mut self, name: &str, resource: &ResourceTable) {
        if name != "users" || resource.attributes.keys().any(|path| path.is("active")) {
            return;
        }
        self.error(
            "users.attributes.active",
            "nothing carries `active`: nobody can be disabled",
            "a leaver keeps access: what Entra disables is answered 403",
            "map `active` under [users.attributes] to what locks a user: a column with `values`, a time \
             (`as = \"since\"`, \"expires\", \"until\"), or a table (`absent_in`, `present_in`)",
        );
    }

    /// The columns of an `insert`.
    pub(super) fn inserted(&mut self, key: &str, table: &'a Table, insert: &'a Insert) {
        self.constants(key, table, &insert.constants);
        for name in insert.made.keys() {
            let key = format!("{key}.{}", toml_key(name));
            if let Some(column) = self.column(&key, table, name) {
                self.written(&key, column);
            }
        }
    }

    fn mapping(&mut self, key: &str, table: &'a Table, path: &AttributePath, mapping: &'a Mapping) {
        let Some(column) = self.column(key, table, &mapping.column) else {
            return;
        };
        if column.computed {
            self.computed(key, path, column);
        }
        // Of an expression of a view nobody knows a type.
        if table.traits.view.is_some() && column.type_name.is_empty() {
            return;
        }
        match &mapping.encoding {
            Encoding::Plain => self.plain(key, column, path.definition().kind),
            Encoding::Formed(_) => self.plain(key, column, AttributeKind::String),
            Encoding::Utf8 if column.kind == Kind::Binary => {}
            Encoding::Utf8 => self.error(
                key,
                format!("column `{}` is {}, not binary", column.name, column.type_name),
                "`text = \"utf8\"` reads binary data as text",
                format!("{} = {}", last(key), toml_text(&column.name)),
            ),
            Encoding::Time(form) => self.time(key, column, form),
            Encoding::Switch(switch) => self.time_switch(key, column, switch),
            Encoding::Row(_) => {}
            Encoding::Values { pairs, .. } => {
                if matches!(column.kind, Kind::Timestamp | Kind::Date) {
                    self.values_of_times(key, column);
                    return;
                }
                for (scim, legacy) in pairs {
                    self.constant(&format!("{key}.values.{}", toml_key(scim)), column, legacy);
                }
            }
            Encoding::Lookup(lookup) => self.lookup_table(key, column, lookup),
        }
    }

    /// A mapped column that the database computes.
    fn computed(&mut self, key: &str, path: &AttributePath, column: &Column) {
        let names = key.starts_with("groups.") && path.is("displayName");
        if names || path.is("userName") || path.is("active") {
            self.error(
                key,
                format!("column `{}` is computed: it can be read, and never written", column.name),
                "the agent must be able to write this attribute",
                "map it to the column that this one is computed from",
            );
            return;
        }
        self.ok(
            key,
            format!(
                "column `{}` is computed: it is read, and what a client writes is kept beside it",
                column.name
            ),
        );
    }

    /// A column that the profile has the agent write.
    fn written(&mut self, key: &str, column: &Column) {
        if column.computed {
            self.error(
                key,
                format!("column `{}` is computed by the database", column.name),
                "an INSERT or UPDATE that names it is refused",
                format!("leave `{}` out", column.name),
            );
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
        if kind == AttributeKind::DateTime && column.kind == Kind::Timestamp {
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
                &lookup.rows,
                &lookup.key,
                "two rows with one key would make the label ambiguous",
            );
            if found.kind != column.kind {
                self.kinds_differ(key, column, found);
            }
            let generated = found.generated || found.has_default;
            if lookup.missing == Missing::Create
                && !generated
                && !lookup.insert.columns().any(|it| it == lookup.key)
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
                &lookup.rows,
                &lookup.label,
                "every write of the attribute would read the whole table",
            );
        }
        self.counting(&at("where"), table, &lookup.rows);
        if let Some(none) = &lookup.none {
            self.constant(&at("none"), column, none);
        }
        match &lookup.missing {
            Missing::Create => {
                self.inserted(&at("insert"), table, &lookup.insert);
                self.same_in_each(&at("insert"), table, &lookup.insert, &lookup.rows);
                let filled = Filled::new(&lookup.insert, &lookup.rows)
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
        insert: &Insert,
        path: &AttributePath,
        mapping: &Mapping,
    ) {
        let Some(column) = table.column(&mapping.column) else {
            return;
        };
        let needs = !column.nullable && !column.has_default && !column.generated;
        let empty_will_do = column.kind == Kind::Text
            && column.enum_values.is_empty()
            && matches!(mapping.encoding, Encoding::Plain | Encoding::Formed(_));
        let filled = insert.columns().any(|it| it == mapping.column);
        let switch = matches!(mapping.encoding, Encoding::Switch(_));
        if !needs || empty_will_do || filled || switch || path.is("active") {
            return;
        }
        let value = match &mapping.encoding {
            Encoding::Values { pairs, .. } => pairs.first().map(|(_, legacy)| scalar(legacy)),
            Encoding::Lookup(lookup) if lookup.none.is_some() => return,
            Encoding::Lookup(_) => Some("1".to_owned()),
            _ => None,
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

    pub(super) fn unfilled_at(
        &mut self,
        key: &str,
        table: &Table,
        filled: &Filled<'_>,
        fix: impl Fn(&str, &str) -> String,
    ) {
        // What a view needs can't be told.
        if table.traits.view.is_some() {
            return;
        }
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
                if is_single_key(table, &column.name) {
                    differing(key, column)
                } else {
                    fix(&toml_key(&column.name), &example(column))
                },
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
                self.written(&key, column);
                self.constant(&key, column, value);
            }
        }
    }

    /// Whether a constant can stand in a column.
    pub(super) fn constant(&mut self, key: &str, column: &Column, value: &Scalar) {
        // A time is written into text as ISO 8601 has it.
        let room = column.max_length.is_none_or(|length| length >= 19);
        if *value == Scalar::Now && column.kind == Kind::Text && room {
            return;
        }
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
            for it in columns {
                let key = format!("{key}.{stamp}");
                if let Some(column) = self.column(&key, table, &it.column) {
                    self.time(&key, column, &it.form);
                }
            }
        }
        for (stamp, columns) in [("version", &touch.version), ("stamp", &touch.stamp)] {
            for name in columns {
                let key = format!("{key}.{stamp}");
                let Some(column) = self.column(&key, table, name) else { continue };
                let fits = match stamp {
                    "version" => matches!(column.kind, Kind::Int | Kind::Number),
                    _ => matches!(column.kind, Kind::Text | Kind::Uuid),
                };
                if !fits {
                    self.error(
                        key,
                        format!("column `{name}` is {}", column.type_name),
                        "`version` counts up a number, `stamp` writes a UUID as text",
                        "name the column that the application compares before it writes a row",
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
        let target = target.filter(|it| !it.type_name.is_empty() && !column.type_name.is_empty());
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
pub(super) fn last(key: &str) -> &str {
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
