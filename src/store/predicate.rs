//! Predicates of the mapper as WHERE clauses, and sort keys as ORDER BY.

use super::dialect::{
    DISABLED, exact, fold, fold_text, key_text, like_literal, live_group, prefixed, same, spelled,
};
use super::edges::edges;
use super::relation::{self, is_key, of, text_key, value};
use super::sql::Sql;
use crate::mapper::{
    Cell, Column, Encoding, Field, Layout, Operand, Operator, Predicate, ResourceRelation, Stamped,
    Subject,
};
use crate::profile::catalogue::{Database, Kind};
use crate::scim::{self, ResourceType};

/// Compiles for one resource type. The row's alias is `r`, its link's `l`.
pub(super) struct Compiler<'a> {
    pub layout: &'a Layout,
    pub kind: ResourceType,
}

impl Compiler<'_> {
    fn rows(&self) -> &ResourceRelation {
        self.layout.resource(self.kind)
    }

    fn key(&self) -> Sql {
        of("r", &self.rows().key)
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
            Predicate::Compare(subject, operator, operand) => {
                self.comparison(subject, *operator, operand)
            }
            Predicate::Present(subject) => self.present(subject),
            Predicate::OneOf(field, cells) => one_of(field, cells),
            Predicate::Kept(token) => self.linked("scim_kept_values x", "x.token", token.as_str()),
            Predicate::IsKey(key) => is_key(self.database(), "r", &self.rows().key, key),
            Predicate::HasMember(other) | Predicate::InGroup(other) => {
                self.membership(other.as_ref())
            }
        }
    }

    fn joined(&self, separator: &str, items: &[Predicate]) -> Sql {
        Sql::new("(").list(separator, items.iter().map(|item| self.condition(item))).raw(")")
    }

    /// kpifire's own memberships, and the desired ones of disabled users, as SCIM shows them: in live
    /// groups.
    fn membership(&self, key: Option<&Cell>) -> Sql {
        let Some(members) = &self.layout.members else { return Sql::new("1 = 0") };
        let (own, other) = match self.kind {
            ResourceType::User => (&members.user, &members.group),
            ResourceType::Group => (&members.group, &members.user),
        };
        let mut legacy = Sql::new("EXISTS (SELECT 1")
            .append(edges(self.layout, members, "m"))
            .column("m", own)
            .raw(" = ")
            .append(self.key());
        let (own_key, other_key) = match self.kind {
            ResourceType::User => ("d.user_key", "d.group_key"),
            ResourceType::Group => ("d.group_key", "d.user_key"),
        };
        let mut desired =
            Sql::new(" OR EXISTS (SELECT 1 FROM scim_desired_members d JOIN scim_links s ON ")
                .raw(DISABLED)
                .raw(" WHERE ")
                .raw(own_key)
                .raw(" = ")
                .append(key_text(self.database(), self.key()));
        if let Some(key) = key {
            legacy = legacy.raw(" AND ").append(is_key(self.database(), "m", other, key));
            desired = desired.raw(" AND ").raw(other_key).raw(" = ").bind(key.to_text());
        }
        if self.kind == ResourceType::User {
            legacy = legacy.append(live_group(key_text(self.database(), of("m", other))));
            desired = desired.append(live_group(Sql::new(other_key)));
        }
        Sql::new("(").append(legacy).raw(")").append(desired).raw("))")
    }

    /// The subject's SQL, without any folding.
    fn subject(&self, subject: &Subject) -> Sql {
        let touch = &self.rows().touch;
        match subject {
            Subject::Key => {
                let key = key_text(self.database(), self.key());
                prefixed(self.database(), self.kind.prefix(), key)
            }
            Subject::Field(field) => Sql::default().shown(field),
            Subject::ExternalId => Sql::new("l.external_id"),
            Subject::Created => stamp(touch.created.first(), "l.created"),
            Subject::Modified => stamp(touch.modified.first(), "l.modified"),
        }
    }

    fn present(&self, subject: &Subject) -> Sql {
        let present = Sql::new("(").append(self.subject(subject)).raw(" IS NOT NULL");
        if is_text(subject) || *subject == Subject::ExternalId {
            present.raw(" AND ").append(self.subject(subject)).raw(" <> '')")
        } else {
            present.raw(")")
        }
    }

    fn comparison(&self, subject: &Subject, operator: Operator, operand: &Operand) -> Sql {
        if let (Subject::ExternalId, Operator::Equal, Operand::Exact(text)) =
            (subject, operator, operand)
        {
            return self.linked("scim_links x", "x.external_id", text);
        }
        let tested = match operand {
            Operand::Folded(text) => self.folded(subject, operator, text),
            Operand::Exact(text) => {
                let left = exact(self.database(), self.subject(subject));
                match operator {
                    Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                        // LIKE knows no case-exactness on SQLite: compare parts instead.
                        self.exact_part(subject, operator, text)
                    }
                    Operator::Equal if let Subject::Field(field) = subject => {
                        spelled(shown_column(field), self.subject(subject), text)
                    }
                    _ => left.raw(sign(operator)).bind(text.as_str()),
                }
            }
            Operand::Int(number) => self.subject(subject).raw(sign(operator)).bind(*number),
            Operand::Time(time) => self.subject(subject).raw(sign(operator)).bind(*time),
        };
        Sql::new("(").append(self.subject(subject)).raw(" IS NOT NULL AND ").append(tested).raw(")")
    }

    /// By the index of the agent's table first: the join's own condition would walk the whole legacy table.
    fn linked(&self, table: &'static str, column: &'static str, text: &str) -> Sql {
        self.key()
            .raw(" IN (SELECT ")
            .append(text_key(self.database(), &self.rows().key, Sql::new("x.legacy_key")))
            .raw(" FROM ")
            .raw(table)
            .raw(" WHERE x.resource_type = '")
            .raw(self.kind.as_str())
            .raw("' AND ")
            .raw(column)
            .raw(" = ")
            .bind(text)
            .raw(")")
    }

    /// Only a field's text compares without case.
    fn folded(&self, subject: &Subject, operator: Operator, text: &str) -> Sql {
        let Subject::Field(field) = subject else { return Sql::new("1 = 0") };
        let (database, column) = (self.database(), shown_column(field));
        let inner = self.subject(subject);
        let pattern = match operator {
            Operator::Contains => format!("%{}%", like_literal(text)),
            Operator::StartsWith => format!("{}%", like_literal(text)),
            Operator::EndsWith => format!("%{}", like_literal(text)),
            Operator::Equal => return same(column, inner, text),
            _ => {
                let right = fold_text(column, text);
                return fold(database, inner).raw(sign(operator)).append(right);
            }
        };
        let folded = fold(database, inner.clone())
            .raw(" LIKE ")
            .append(fold_text(column, &pattern))
            .raw(" ESCAPE '!'");
        if database != Database::Postgres {
            return folded;
        }
        // A collation may fold a part otherwise than within its text, as the sigma at a word's end; the
        // very text is found all the same.
        let as_written = inner.raw("::text LIKE ").bind(pattern).raw(" ESCAPE '!'");
        Sql::new("(").append(folded).raw(" OR ").append(as_written).raw(")")
    }

    fn exact_part(&self, subject: &Subject, operator: Operator, text: &str) -> Sql {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let (position, characters) = match self.database() {
            Database::Sqlite => ("instr(", "length("),
            Database::Postgres => ("strpos(", "char_length("),
            Database::Mysql => ("instr(", "char_length("),
        };
        let whole = exact(self.database(), self.subject(subject));
        let needle = exact(self.database(), Sql::default().bind(text));
        match operator {
            Operator::StartsWith => Sql::new("substr(")
                .append(self.subject(subject))
                .raw(", 1, ")
                .append(int(self.database(), length))
                .raw(") = ")
                .append(needle),
            Operator::EndsWith => Sql::new("(")
                .raw(characters)
                .append(self.subject(subject))
                .raw(") >= ")
                .bind(length)
                .raw(" AND substr(")
                .append(self.subject(subject))
                .raw(", ")
                .raw(characters)
                .append(self.subject(subject))
                .raw(") - ")
                .append(int(self.database(), length))
                .raw(" + 1) = ")
                .append(needle)
                .raw(")"),
            _ => Sql::new(position).append(whole).raw(", ").append(needle).raw(") > 0"),
        }
    }

    /// ORDER BY: those without a value last when ascending, first when descending
    /// (RFC 7644 §3.4.2.3); ties by key, so that pages don't overlap.
    pub fn order(&self, sort: Option<&(Subject, scim::SortOrder)>) -> Sql {
        let key = self.key();
        let Some((subject, order)) = sort else { return Sql::new(" ORDER BY ").append(key) };
        let direction = match order {
            scim::SortOrder::Ascending => "",
            scim::SortOrder::Descending => " DESC",
        };
        let by = match subject {
            Subject::Key => key.clone(),
            _ if is_text(subject) => fold(self.database(), self.subject(subject)),
            _ => self.subject(subject),
        };
        Sql::new(" ORDER BY CASE WHEN ")
            .append(self.present(subject))
            .raw(" THEN 0 ELSE 1 END")
            .raw(direction)
            .raw(", ")
            .append(by)
            .raw(direction)
            .raw(", ")
            .append(key)
    }
}

fn one_of(field: &Field, cells: &[Cell]) -> Sql {
    if cells.is_empty() {
        return Sql::new("1 = 0");
    }
    let column = &field.column;
    let held = || relation::held(field);
    let values = cells.iter().map(|cell| value(column, cell.clone()));
    let some = Sql::new("(").append(held()).raw(" IS NOT NULL AND ");
    some.append(held()).raw(" IN (").list(", ", values).raw("))")
}

/// Whether what SCIM shows of an attribute is text.
fn is_text(subject: &Subject) -> bool {
    match subject {
        Subject::Field(field) => match &field.encoding {
            Encoding::Lookup(_) | Encoding::Utf8 => true,
            Encoding::Row(_) | Encoding::Switch(_) | Encoding::Time(_) => false,
            _ => field.column.kind == Kind::Text,
        },
        Subject::Key | Subject::ExternalId | Subject::Created | Subject::Modified => false,
    }
}

/// The column that holds the text which SCIM shows.
fn shown_column(field: &Field) -> &Column {
    match &field.encoding {
        Encoding::Lookup(lookup) => &lookup.label,
        _ => &field.column,
    }
}

fn stamp(stamped: Option<&Stamped>, fallback: &str) -> Sql {
    stamped.map_or_else(|| Sql::new(fallback), |it| of("r", &it.column))
}

fn int(database: Database, number: i64) -> Sql {
    let bound = Sql::default().bind(number);
    match database {
        Database::Postgres => Sql::new("CAST(").append(bound).raw(" AS integer)"),
        Database::Sqlite | Database::Mysql => bound,
    }
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
