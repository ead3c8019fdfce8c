//! What the tables are that the profile names: whether their storage takes a write back, whether they
//! are views, of which the catalogue tells little, and in which letters they are stored.

use std::collections::BTreeMap;

use super::{Prover, names};
use crate::profile::catalogue::{Database, Kind, Table};
use crate::profile::model::TableName;
use crate::profile::relations::Right;

/// A table, by which of the profile's keys it is named first, and whether it is written.
struct Seen<'a> {
    key: String,
    table: &'a Table,
    written: bool,
    columns: Vec<String>,
}

impl Prover<'_> {
    /// Each table of the profile once.
    pub(super) fn tables(&mut self) {
        let mut seen: BTreeMap<&TableName, Seen<'_>> = BTreeMap::new();
        let relations = self.profile.relations();
        for named in &relations {
            let Some(table) = self.catalogue.table(named.table) else { continue };
            let entry = seen.entry(&table.name).or_insert_with(|| Seen {
                key: named.key.clone(),
                table,
                written: false,
                columns: Vec::new(),
            });
            entry.written |= named.rights.iter().any(|right| *right != Right::Select);
            entry.columns.extend(named.columns.iter().map(|column| (*column).to_owned()));
        }
        for it in seen.into_values() {
            self.storage(&it);
            self.view(&it);
            self.letters(&it);
        }
    }

    fn storage(&mut self, it: &Seen<'_>) {
        let traits = &it.table.traits;
        if !it.written || !traits.no_transactions {
            return;
        }
        let engine = traits.engine.as_deref().unwrap_or("an engine without transactions");
        let shown = names::short(self.catalogue, &it.table.name);
        self.error(
            it.key.clone(),
            format!("`{shown}` is stored by {engine}, which takes no write back"),
            "a request that is refused leaves half of itself behind, and what an UPDATE has begun \
             others read",
            format!(
                "ALTER TABLE {} ENGINE=InnoDB;",
                names::quoted_table(self.catalogue, &it.table.name)
            ),
        );
    }

    fn view(&mut self, it: &Seen<'_>) {
        let Some(view) = it.table.traits.view else { return };
        let shown = names::short(self.catalogue, &it.table.name);
        if it.written && !view.writable {
            self.error(
                it.key.clone(),
                format!("`{shown}` is a view that takes no writes"),
                "the agent inserts, updates or deletes there",
                "name the table behind it, with `where` and companions for what the view does; or give \
                 the view INSTEAD OF triggers",
            );
        } else {
            self.ok(
                it.key.clone(),
                format!(
                    "`{shown}` is a view: keys, uniqueness and what must be filled are not provable \
                     from the catalogue; `kpifire-scim check --rehearse` proves them"
                ),
            );
        }
    }

    /// MariaDB alone has an encoding for each column.
    fn letters(&mut self, it: &Seen<'_>) {
        if self.catalogue.database != Database::Mysql {
            return;
        }
        let narrow: Vec<String> = it
            .table
            .columns
            .iter()
            .filter(|column| column.kind == Kind::Text && it.columns.contains(&column.name))
            .filter_map(|column| {
                let charset = column.collation.as_deref()?.split('_').next()?;
                let narrow = !charset.starts_with("utf8") && !charset.starts_with("utf16");
                narrow.then(|| format!("`{}` ({charset})", column.name))
            })
            .collect();
        if narrow.is_empty() {
            return;
        }
        let shown = names::short(self.catalogue, &it.table.name);
        self.warning(
            it.key.clone(),
            format!("`{shown}` doesn't store every letter: {}", narrow.join(", ")),
            "a name with another letter is answered 400",
            format!(
                "ALTER TABLE {} CONVERT TO CHARACTER SET utf8mb4;   -- to be weighed: it rewrites the \
                 table, and kpifire's own connections must speak utf8mb4 then",
                names::quoted_table(self.catalogue, &it.table.name)
            ),
        );
    }
}
