//! DELETE: what it does to a row, and which foreign keys stand in its way.

use super::{Prover, names};
use crate::profile::catalogue::{ForeignKey, Table};
use crate::profile::model::{Delete, ResourceTable, TableName};
use crate::profile::pointing::{self, Pointing};
use crate::profile::read::toml_text;

impl Prover<'_> {
    /// What points at the rows, and what DELETE therefore does.
    pub(super) fn deletion(&mut self, name: &str, table: &Table, resource: &ResourceTable) {
        let inbound: Vec<&ForeignKey> = self
            .catalogue
            .tables
            .values()
            .flat_map(|other| &other.foreign_keys)
            .filter(|key| key.target == table.name)
            .collect();
        let subject = format!("{name}.delete");
        let Delete::Delete { cascade } = &resource.delete else {
            let listed = self.listed(&inbound);
            let does = match &resource.delete {
                Delete::Mark(mark) => format!("marks the row as gone by `{}`", mark.column),
                _ => "deactivates the row".to_owned(),
            };
            self.ok(
                subject,
                format!("a SCIM DELETE {does} and keeps it; pointing at it: {listed}"),
            );
            return;
        };
        for cascaded in cascade {
            self.cascaded(&subject, table, resource, cascaded);
        }
        let cascades = |key: &ForeignKey| {
            cascade.iter().any(|it| self.catalogue.table(it).is_some_and(|it| it.name == key.table))
        };
        let (silent, blocking): (Vec<&ForeignKey>, Vec<&ForeignKey>) =
            inbound.iter().copied().filter(|key| !cascades(key)).partition(|key| {
                matches!(key.on_delete.as_str(), "CASCADE" | "SET NULL" | "SET DEFAULT")
            });
        if !blocking.is_empty() {
            let what = format!(
                "a SCIM DELETE is refused while rows point at it: {}",
                self.listed(&blocking)
            );
            let active = resource.attributes.keys().any(|path| path.is("active"));
            let fix = if name == "users" && active {
                "[users.delete]\nmode = \"deactivate\"".to_owned()
            } else {
                "leave it so, or keep the row: mode = \"mark\" with column and value; a table in `cascade` loses its rows".to_owned()
            };
            self.warning(
                subject.clone(),
                what,
                "Entra gets 409 and repeats the DELETE each cycle",
                fix,
            );
        }
        if !silent.is_empty() {
            let what =
                format!("a SCIM DELETE also changes rows by ON DELETE: {}", self.listed(&silent));
            self.warning(
                subject.clone(),
                what,
                "kpifire loses more than the row itself",
                "leave it so if that is meant, or keep the row: mode = \"mark\" with column and value",
            );
        }
        if blocking.is_empty() && silent.is_empty() {
            self.ok(
                subject,
                format!(
                    "a SCIM DELETE removes the row; nothing but `cascade` points at `{}`",
                    names::short(self.catalogue, &table.name)
                ),
            );
        }
    }

    fn cascaded(
        &mut self,
        subject: &str,
        table: &Table,
        resource: &ResourceTable,
        cascaded: &TableName,
    ) {
        let Some(found) = self.table(&format!("{subject}.cascade"), cascaded) else {
            return;
        };
        let members = self.profile.members().filter(|members| {
            self.catalogue.table(&members.table).is_some_and(|it| it.name == found.name)
        });
        let pointing = match members {
            Some(members) => {
                let of_group = subject.starts_with("groups");
                let column = if of_group { &members.group } else { &members.user };
                vec![Pointing { column: column.clone(), rows: members.rows.clone() }]
            }
            None => pointing::cascaded(found, &table.name, resource),
        };
        if !pointing.iter().any(|it| found.column(&it.column).is_some()) {
            self.error(
                format!("{subject}.cascade"),
                format!(
                    "no column of `{cascaded}` points at `{}`",
                    names::short(self.catalogue, &table.name)
                ),
                "which of its rows go with a deleted one can't be told",
                format!("leave {} out of `cascade`", toml_text(&cascaded.to_string())),
            );
        }
        for it in pointing {
            self.index(
                &format!("{subject}.cascade"),
                found,
                &it.rows,
                &it.column,
                "every DELETE would read the whole table",
            );
        }
    }

    fn listed(&self, keys: &[&ForeignKey]) -> String {
        if keys.is_empty() {
            return "no foreign key".to_owned();
        }
        let each: Vec<String> = keys
            .iter()
            .map(|key| {
                let table = names::short(self.catalogue, &key.table);
                match key.on_delete.as_str() {
                    "" | "NO ACTION" | "RESTRICT" => format!("{table}.{}", key.columns.join("+")),
                    action => format!("{table}.{} ({action})", key.columns.join("+")),
                }
            })
            .collect();
        each.join(", ")
    }
}
