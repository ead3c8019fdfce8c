//! Constants in unique columns: what the profile writes into each row alike, where no two rows may be
//! alike.

use super::{Prover, names};
use crate::profile::catalogue::{Column, Index, Kind, Table};
use crate::profile::model::{Insert, Scalar, Where};
use crate::profile::read::toml_key;

impl Prover<'_> {
    /// A unique key of which every column is the same in each row that the agent makes. `varying` are
    /// the columns that may be the same as well, and what it means then.
    pub(super) fn same_in_each(
        &mut self,
        section: &str,
        table: &Table,
        insert: &Insert,
        rows: &Where,
    ) {
        let constant = |column: &String| {
            let value = insert.constants.get(column);
            value.is_some_and(|value| !matches!(value, Scalar::Null | Scalar::Now))
        };
        let fixed = |column: &String| constant(column) || rows.contains_key(column);
        let keys: Vec<Vec<String>> = unique_keys(table)
            .filter(|columns| columns.iter().all(fixed) && columns.iter().any(constant))
            .map(<[String]>::to_vec)
            .collect();
        let mut told = Vec::new();
        for key in keys {
            let Some(name) = key.iter().find(|it| constant(it)).cloned() else { continue };
            if told.contains(&name) {
                continue;
            }
            let shown = names::short(self.catalogue, &table.name);
            let fix = match table.column(&name) {
                Some(column) if column.nullable || column.has_default => format!(
                    "leave `{name}` out of [{section}]: the column takes {}",
                    if column.has_default { "its default" } else { "NULL" }
                ),
                Some(column) => differing(section, column),
                None => String::new(),
            };
            self.error(
                format!("{section}.{}", toml_key(&name)),
                format!("the same in each row, and ({}) of `{shown}` is unique", key.join(", ")),
                "the second row that the agent makes is refused, and each after it",
                fix,
            );
            told.push(name);
        }
    }

    /// A key by which a user can be in one team only, or a team have one member only.
    pub(super) fn one_membership(&mut self, table: &Table, group: &str, user: &str, rows: &Where) {
        for (column, what, why) in [
            (user, "a user can be in one team only", "Entra's second team gets 409, each cycle"),
            (
                group,
                "a team can have one member only",
                "Entra's second member gets 409, each cycle",
            ),
        ] {
            let alone = unique_keys(table).any(|columns| {
                columns.iter().any(|it| it == column)
                    && columns.iter().all(|it| it == column || rows.contains_key(it))
            });
            if alone {
                self.warning(
                    "members.table",
                    format!("({column}) is unique: {what}"),
                    why,
                    "assign people in Entra as kpifire has them, one team each; or name the table that \
                     holds memberships",
                );
            }
        }
    }
}

/// What fills a unique column that must be filled.
pub(super) fn differing(section: &str, column: &Column) -> String {
    let name = toml_key(&column.name);
    let made = match (column.kind, column.max_length) {
        (Kind::Uuid, _) | (Kind::Text, None) => "\"uuid\"".to_owned(),
        (Kind::Text, Some(length)) if length >= 36 => "\"uuid\"".to_owned(),
        (Kind::Text, Some(length)) if length >= 32 => "\"uuid-plain\"".to_owned(),
        (Kind::Text, Some(length)) => format!("\"random:{length}\""),
        (Kind::Int, _) if !section.starts_with("members") => "\"key\"".to_owned(),
        _ => {
            return format!(
                "`{}` is unique, so no constant will do: let the database fill it (identity, \
                 AUTO_INCREMENT, a default)",
                column.name
            );
        }
    };
    format!("[{section}]\n{name} = {{ new = {made} }}")
}

/// Whether a column alone is unique, be it among some rows.
pub(super) fn is_single_key(table: &Table, column: &str) -> bool {
    unique_keys(table).any(|columns| columns.len() == 1 && columns.iter().any(|it| it == column))
}

fn unique_keys(table: &Table) -> impl Iterator<Item = &[String]> {
    let partial = table.partial_indexes.iter().map(|it| &it.index);
    let unique = |it: &&Index| it.unique;
    let indexes = table.indexes.iter().chain(partial).filter(unique);
    std::iter::once(table.primary_key.as_slice())
        .filter(|key| !key.is_empty())
        .chain(indexes.map(|it| it.columns.as_slice()))
}
