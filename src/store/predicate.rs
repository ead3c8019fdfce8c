//! Predicates of the mapper as WHERE clauses, and sort keys as ORDER BY.

use super::dialect::{exact, fold, is_key, key_text, like_literal, same, text_key, value};
use super::resources::label;
use super::sql::Sql;
use crate::mapper::{Cell, Field, Layout, Operand, Operator, Predicate};
use crate::profile::catalogue::{Database, Kind};
use crate::profile::model::ResourceTable;
use crate::scim::{self, ResourceType};

/// Compiles for one resource type. The row's alias is `r`, its link's `l`.
pub(super) struct Compiler<'a> {
    pub layout: &'a Layout,
    pub kind: ResourceType,
}

impl Compiler<'_> {
    fn table(&self) -> &ResourceTable {
        self.layout.profile.table(self.kind)
    }

    fn database(&self) -> Database {
        self.layout.database
    }

    /// The condition as SQL.
    pub fn condition(&self, predicate: &Predicate) -> Sql {
        match predicate {
            Predicate::Always => Sql::new("1 = 1"),
            Predicate::Never => Sql::new("1 = 0"),
            Predicate::All(items) => self.joined(" AND ", items),
            Predicate::Any(items) => self.joined(" OR ", items),
            Predicate::Not(inner) => Sql::new("NOT (").append(self.condition(inner)).raw(")"),
            Predicate::Compare(field, operator, operand) => {
                self.comparison(field, *operator, operand)
            }
            Predicate::Present(field) => self.present(field),
            Predicate::OneOf(column, cells) => self.one_of(column, cells),
            Predicate::IsKey(key) => {
                let ResourceTable { table, key: column, .. } = self.table();
                is_key(self.layout, table, ("r", column), key)
            }
            Predicate::HasMember(user) => {
                let members = &self.layout.profile.members;
                self.edge(&members.group, &members.user, user.as_ref())
            }
            Predicate::InGroup(group) => {
                let members = &self.layout.profile.members;
                self.edge(&members.user, &members.group, group.as_ref())
            }
        }
    }

    fn joined(&self, separator: &str, items: &[Predicate]) -> Sql {
        Sql::new("(").list(separator, items.iter().map(|item| self.condition(item))).raw(")")
    }

    /// kpifire's own edges, and the desired ones of disabled users, as SCIM shows them: to live
    /// groups.
    fn edge(&self, own: &str, other: &str, key: Option<&Cell>) -> Sql {
        let members = &self.layout.profile.members;
        let mut legacy = Sql::new("EXISTS (SELECT 1 FROM ")
            .table(&members.table)
            .raw(" m WHERE ")
            .column("m", own)
            .raw(" = ")
            .column("r", &self.table().key);
        let (own_key, other_key) = match self.kind {
            ResourceType::User => ("d.user_key", "d.group_key"),
            ResourceType::Group => ("d.group_key", "d.user_key"),
        };
        let mut desired =
            Sql::new(" OR EXISTS (SELECT 1 FROM scim_desired_members d JOIN scim_links s ON ")
                .raw(super::edges::DISABLED)
                .raw(" WHERE ")
                .raw(own_key)
                .raw(" = ")
                .append(key_text(self.database(), Sql::default().column("r", &self.table().key)));
        if let Some(key) = key {
            let edge = is_key(self.layout, &members.table, ("m", other), key);
            legacy = legacy.raw(" AND ").append(edge);
            desired = desired.raw(" AND ").raw(other_key).raw(" = ").bind(key.to_text());
        }
        if self.kind == ResourceType::User {
            let group = key_text(self.database(), Sql::default().column("m", other));
            legacy = legacy.append(live_group(group));
            desired = desired.append(live_group(Sql::new(other_key)));
        }
        Sql::new("(").append(legacy).raw(")").append(desired).raw("))")
    }

    fn one_of(&self, column: &str, cells: &[Cell]) -> Sql {
        if cells.is_empty() {
            return Sql::new("1 = 0");
        }
        let table = &self.table().table;
        Sql::new("(")
            .column("r", column)
            .raw(" IS NOT NULL AND ")
            .column("r", column)
            .raw(" IN (")
            .list(", ", cells.iter().map(|cell| value(self.layout, table, column, cell.clone())))
            .raw("))")
    }

    /// The field's SQL, without any folding.
    fn field(&self, field: &Field) -> Sql {
        let table = self.table();
        match field {
            Field::Key => key_text(self.database(), Sql::default().column("r", &table.key)),
            Field::Column(column) => Sql::default().column("r", column),
            Field::Label { column, lookup } => label(lookup, column),
            Field::ExternalId => Sql::new("l.external_id"),
            Field::Created => stamp(table.touch.created.first(), "l.created"),
            Field::Modified => stamp(table.touch.modified.first(), "l.modified"),
        }
    }

    fn present(&self, field: &Field) -> Sql {
        let textual = match field {
            Field::Column(column) => self.layout.kind(&self.table().table, column) == Kind::Text,
            Field::Label { .. } | Field::ExternalId => true,
            Field::Key | Field::Created | Field::Modified => false,
        };
        let present = Sql::new("(").append(self.field(field)).raw(" IS NOT NULL");
        if textual {
            present.raw(" AND ").append(self.field(field)).raw(" <> '')")
        } else {
            present.raw(")")
        }
    }

    fn comparison(&self, field: &Field, operator: Operator, operand: &Operand) -> Sql {
        if let (Field::ExternalId, Operator::Equal, Operand::Exact(text)) =
            (field, operator, operand)
        {
            return self.external_id(text);
        }
        let tested = match operand {
            Operand::Folded(text) => self.folded(field, operator, text),
            Operand::Exact(text) => {
                let left = exact(self.database(), self.field(field));
                match operator {
                    Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                        // LIKE knows no case-exactness on SQLite: compare parts instead.
                        self.exact_part(field, operator, text)
                    }
                    _ => left.raw(sign(operator)).bind(text.as_str()),
                }
            }
            Operand::Int(number) => self.field(field).raw(sign(operator)).bind(*number),
            Operand::Time(time) => self.field(field).raw(sign(operator)).bind(*time),
        };
        Sql::new("(").append(self.field(field)).raw(" IS NOT NULL AND ").append(tested).raw(")")
    }

    /// By the link's index first: the join's own condition would walk the whole legacy table.
    fn external_id(&self, text: &str) -> Sql {
        let table = self.table();
        let key = self.layout.column(&table.table, &table.key);
        Sql::default()
            .column("r", &table.key)
            .raw(" IN (SELECT ")
            .append(text_key(self.database(), key, Sql::new("x.legacy_key")))
            .raw(" FROM scim_links x WHERE x.resource_type = '")
            .raw(self.kind.as_str())
            .raw("' AND x.external_id = ")
            .bind(text)
            .raw(")")
    }

    fn folded(&self, field: &Field, operator: Operator, text: &str) -> Sql {
        let database = self.database();
        let left = fold(database, self.field(field));
        let pattern = match operator {
            Operator::Contains => format!("%{}%", like_literal(&inner_fold(text))),
            Operator::StartsWith => format!("{}%", like_literal(&inner_fold(text))),
            Operator::EndsWith => format!("%{}", like_literal(&inner_fold(text))),
            Operator::Equal => return self.folded_equal(field, text),
            _ => {
                let right = Sql::default().bind(scim::fold(text));
                return left.raw(sign(operator)).append(right);
            }
        };
        left.raw(" LIKE ").bind(pattern).raw(" ESCAPE '!'")
    }

    fn folded_equal(&self, field: &Field, text: &str) -> Sql {
        let equal = same(self.database(), self.field(field), text);
        // A case-insensitive collation finds a superset, and by the column's index.
        if self.database() == Database::Mysql && self.case_insensitive(field) {
            return self
                .field(field)
                .raw(" IN (")
                .bind(text)
                .raw(", ")
                .bind(scim::fold(text))
                .raw(") AND ")
                .append(equal);
        }
        equal
    }

    fn case_insensitive(&self, field: &Field) -> bool {
        let Field::Column(column) = field else { return false };
        self.layout
            .column(&self.table().table, column)
            .and_then(|column| column.collation.as_deref())
            .is_some_and(|collation| collation.ends_with("_ci"))
    }

    fn exact_part(&self, field: &Field, operator: Operator, text: &str) -> Sql {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let (position, characters) = match self.database() {
            Database::Sqlite => ("instr(", "length("),
            Database::Postgres => ("strpos(", "char_length("),
            Database::Mysql => ("instr(", "char_length("),
        };
        let subject = exact(self.database(), self.field(field));
        let needle = exact(self.database(), Sql::default().bind(text));
        match operator {
            Operator::StartsWith => Sql::new("substr(")
                .append(self.field(field))
                .raw(", 1, ")
                .append(int(self.database(), length))
                .raw(") = ")
                .append(needle),
            Operator::EndsWith => Sql::new("(")
                .raw(characters)
                .append(self.field(field))
                .raw(") >= ")
                .bind(length)
                .raw(" AND substr(")
                .append(self.field(field))
                .raw(", ")
                .raw(characters)
                .append(self.field(field))
                .raw(") - ")
                .append(int(self.database(), length))
                .raw(" + 1) = ")
                .append(needle)
                .raw(")"),
            _ => Sql::new(position).append(subject).raw(", ").append(needle).raw(") > 0"),
        }
    }

    /// ORDER BY: those without a value last when ascending, first when descending
    /// (RFC 7644 §3.4.2.3); ties by key, so that pages don't overlap.
    pub fn order(&self, sort: Option<&(Field, scim::SortOrder)>) -> Sql {
        let key = Sql::default().column("r", &self.table().key);
        let Some((field, order)) = sort else { return Sql::new(" ORDER BY ").append(key) };
        let direction = match order {
            scim::SortOrder::Ascending => "",
            scim::SortOrder::Descending => " DESC",
        };
        let textual = match field {
            Field::Column(column) => self.layout.kind(&self.table().table, column) == Kind::Text,
            Field::Label { .. } => true,
            Field::Key | Field::ExternalId | Field::Created | Field::Modified => false,
        };
        let by = match field {
            Field::Key => key.clone(),
            _ if textual => fold(self.database(), self.field(field)),
            _ => self.field(field),
        };
        Sql::new(" ORDER BY CASE WHEN ")
            .append(self.present(field))
            .raw(" THEN 0 ELSE 1 END")
            .raw(direction)
            .raw(", ")
            .append(by)
            .raw(direction)
            .raw(", ")
            .append(key)
    }
}

/// A deleted group keeps its edges where its row stays.
fn live_group(key: Sql) -> Sql {
    Sql::new(
        " AND NOT EXISTS (SELECT 1 FROM scim_links t WHERE t.resource_type = 'Group' \
         AND t.state = 'deleted' AND t.legacy_key = ",
    )
    .append(key)
    .raw(")")
}

fn stamp(column: Option<&String>, fallback: &str) -> Sql {
    column.map_or_else(|| Sql::new(fallback), |column| Sql::default().column("r", column))
}

fn int(database: Database, number: i64) -> Sql {
    let bound = Sql::default().bind(number);
    match database {
        Database::Postgres => Sql::new("CAST(").append(bound).raw(" AS integer)"),
        Database::Sqlite | Database::Mysql => bound,
    }
}

/// Folds a part of a text, whose blanks at the ends count.
fn inner_fold(text: &str) -> String {
    let framed = scim::fold(&format!("x{text}x"));
    let mut characters = framed.chars();
    characters.next();
    characters.next_back();
    characters.collect()
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Greater => " > ",
        Operator::GreaterOrEqual => " >= ",
        Operator::Less => " < ",
        Operator::LessOrEqual => " <= ",
        _ => " = ",
    }
}
