//! `[users]`: the table, which of its rows count, and what each attribute lies in.

use std::collections::BTreeSet;

use super::active::Active;
use super::draft::{Draft, Line, Open};
use super::find::{self, Found};
use super::groupless;
use super::key;
use super::people::ENTERPRISE;
use super::scope;
use super::stamps::{self, Rows};
use super::subject::Users;
use super::teams::Teams;
use super::view::{Looked, is_copy, is_text, is_words, must_fill, shortened};
use super::words;
use crate::profile::catalogue::{Column, Kind};
use crate::profile::read::{toml_key, toml_text};

/// What later sections must know of it.
pub(super) struct Written<'c> {
    pub mapped: Vec<(String, &'c Column)>,
    pub marked: BTreeSet<String>,
}

/// Writes `[users]` and what belongs to it.
pub(super) fn write<'c>(
    draft: &mut Draft,
    found: &Found<'c>,
    teams: Option<&Teams<'c>>,
) -> Written<'c> {
    let looked = found.looked.clone();
    draft.section("users");
    draft.line(table(found));
    let named = groupless::key_by_name(&looked).filter(|_| teams.is_none());
    draft.line(key::line(&looked, "userName").or_open(named));
    scope::rows(draft, &looked, "users", None);
    let filled = looked.key().map(|key| key.name.clone()).into_iter().collect();
    let (mapped, marked) = (Vec::new(), BTreeSet::new());
    let mut users = Users { looked, draft, filled, mapped, marked };
    users.draft.section("users.attributes");
    users.key_as_name();
    users.user_name_and_mail();
    users.names();
    users.title();
    users.reached();
    let active = users.active();
    let insert = users.department(teams);
    users.user_type();
    users.copies();
    let looked = users.looked.clone();
    stamps::write(users.draft, Rows::Users, &looked, &mut users.filled, insert);
    users.delete(active);
    Written { mapped: users.mapped, marked: users.marked }
}

fn table(found: &Found<'_>) -> Line {
    let looked = &found.looked;
    let rows = looked.rows();
    let inbound = looked.view().inbound(looked.table);
    let evidence = format!("{rows}; {inbound} tables point at it");
    let line = Line::new("table", toml_text(&looked.name()), evidence);
    let question = if !found.rivals.is_empty() {
        "which of these tables holds the people who sign in?"
    } else if !found.plain {
        "are these the people who sign in? Neither name nor columns make it certain"
    } else if !looked.has_rows() {
        "are these the people who sign in? The table has no rows, or they can't be read"
    } else {
        return line;
    };
    let others = found.rivals.iter().map(|other| {
        let rows = other.rows();
        format!("table = {}    # {rows}", toml_text(&other.name()))
    });
    line.open(others.fold(Open::new(question), Open::or))
}

impl<'c> Users<'c, '_> {
    /// A key that is the name itself is free to be mapped.
    fn key_as_name(&mut self) {
        let Some(key) = self.looked.key() else { return };
        let shown = key::line(&self.looked, "userName");
        if shown.is_value_of("is = \"userName\"") {
            self.filled.remove(&key.name);
        }
    }

    /// Yields what `insert` needs: the column when a user without department needs a key there.
    fn department(&mut self, teams: Option<&Teams<'c>>) -> Vec<Line> {
        let path = format!("{ENTERPRISE}:department");
        let Some((column, table, by_key)) = self.department_table(teams) else {
            let found = self.free(&[words::DEPARTMENT]);
            if let Some(column) = found.first().copied() {
                self.proved(&path, column, &found, is_words);
            }
            return Vec::new();
        };
        let (Some(key), Some(label)) = (table.key(), table.first(words::LABEL, is_text)) else {
            return Vec::new();
        };
        let unfilled: Vec<&str> = table
            .table
            .columns
            .iter()
            .filter(|c| must_fill(c) && c.name != key.name && c.name != label.name)
            .map(|c| c.name.as_str())
            .collect();
        let alone = table.is_nearly_unique(&label.name);
        let missing =
            if unfilled.is_empty() && key.generated && alone { "create" } else { "reject" };
        let value = format!(
            "{{ column = {}, lookup = {{ table = {}, key = {}, label = {}, missing = \"{missing}\" }} }}",
            toml_text(&column.name),
            toml_text(&table.name()),
            toml_text(&key.name),
            toml_text(&label.name)
        );
        let held = self.looked.view().evidence.held(
            &self.looked.table.name,
            &column.name,
            &table.table.name,
            &key.name,
        );
        let proved = held.is_some_and(|held| held.all(1));
        let named = super::names::rank(&table.parts(), words::DEPARTMENTS);
        let labels = table.find(words::LABEL, is_text).len();
        let sure = proved && by_key && named >= super::names::Rank::Last && labels == 1;
        let open = (!sure).then(|| {
            Open::new(format!(
                "is {} the department, called by {} of {}?",
                toml_text(&column.name),
                toml_text(&label.name),
                table.name()
            ))
        });
        let said = match held {
            Some(held) => format!("{} of {} values are keys there", held.found, held.asked),
            None => self.looked.data(column),
        };
        self.draft.line(Line::new(&path, value, said).maybe(open));
        self.filled.insert(column.name.clone());
        if !must_fill(column) {
            return Vec::new();
        }
        vec![without_department(column, key, label, &table)]
    }

    /// The lookup table that a department's column points at.
    fn department_table(
        &self,
        teams: Option<&Teams<'c>>,
    ) -> Option<(&'c Column, Looked<'c>, bool)> {
        let view = self.looked.view();
        let taken = |table: &Looked<'_>| {
            table.table.name == self.looked.table.name
                || teams.is_some_and(|teams| teams.uses(table))
        };
        let mut found = Vec::new();
        for table in view.tables() {
            let rank = super::names::rank(&table.parts(), words::DEPARTMENTS);
            if taken(&table) || rank < super::names::Rank::Last || table.key().is_none() {
                continue;
            }
            if table.first(words::LABEL, is_text).is_none() {
                continue;
            }
            for pointer in find::pointers(&self.looked, &table) {
                if !self.filled.contains(&pointer.column.name) {
                    found.push((rank, pointer, table.clone()));
                }
            }
        }
        found.sort_by_key(|(rank, pointer, _)| std::cmp::Reverse((pointer.by_key(), *rank)));
        let (_, pointer, table) = found.into_iter().next()?;
        Some((pointer.column, table, pointer.by_key()))
    }

    /// Never mapped by itself: which of kpifire's types Entra may set is a decision, and none is lost.
    fn user_type(&mut self) {
        let list = ["licensetype", "usertype", "license", "licence", "accounttype"];
        let free = |column: &Column| is_text(column) && !self.filled.contains(&column.name);
        let Some(column) = self.looked.first(&list, free) else { return };
        let mut texts = column.enum_values.clone();
        if texts.is_empty() {
            let counts = self.looked.seen(column).map(|seen| seen.counts()).unwrap_or_default();
            texts = counts.iter().take(12).map(|(value, _)| (*value).to_owned()).collect();
        }
        let pairs: Vec<String> =
            texts.iter().map(|it| format!("{} = {}", toml_key(it), toml_text(it))).collect();
        let pairs =
            if pairs.is_empty() { "\"…\" = \"…\"".to_owned() } else { pairs.join(", ") };
        let value = format!(
            "{{ column = {}, values = {{ {pairs} }}, other = \"reject\" }}",
            toml_text(&column.name)
        );
        self.draft.line(Line::new("userType", value, "if Entra is to set it").off());
    }

    /// Second spellings of what is mapped, which the application looks names up by.
    fn copies(&mut self) {
        let looked = self.looked.clone();
        let mut lines = Vec::new();
        for column in looked.table.columns.iter().filter(|it| is_text(it) && is_copy(it)) {
            if self.filled.contains(&column.name) || column.computed {
                continue;
            }
            let source = self.mapped.iter().find_map(|(path, source)| {
                self.agreement(source, column).map(|(way, sure)| (path.clone(), way, sure))
            });
            let key = toml_key(&column.name);
            if let Some((path, way, sure)) = source {
                let value =
                    format!("{{ from = {}, as = \"{way}\" }}", toml_text(&format!("{{{path}}}")));
                let open = (!sure).then(|| {
                    Open::new(format!("how is {key} made of {path}? {}", looked.data(column)))
                });
                let why = format!("the same in every row seen, {way}");
                lines.push(Line::new(&column.name, value, why).maybe(open));
                self.filled.insert(column.name.clone());
            } else if must_fill(column) || looked.is_unique(&column.name) {
                let open = Open::new(format!("what is {key} made of? {}", looked.data(column)));
                let open =
                    open.or(format!("{key} = {{ from = \"{{userName}}\", as = \"lower\" }}"));
                lines.push(Line::question(&column.name, open));
                self.filled.insert(column.name.clone());
            }
        }
        if !lines.is_empty() {
            self.draft.section("users.derive");
            for line in lines {
                self.draft.line(line);
            }
        }
    }

    /// Whether a column holds another one's values in lower or upper case, row by row.
    fn agreement(&self, source: &Column, copy: &Column) -> Option<(&'static str, bool)> {
        let pairs = self.looked.sample()?.pairs(&source.name, &copy.name);
        let lower = |(a, b): &(String, String)| a.to_lowercase() == *b;
        let upper = |(a, b): &(String, String)| a.to_uppercase() == *b;
        if pairs.is_empty() {
            return None;
        }
        let told = pairs.iter().any(|(a, _)| a.to_lowercase() != a.to_uppercase());
        if pairs.iter().all(lower) {
            return Some(("lower", told && pairs.len() >= 2));
        }
        pairs.iter().all(upper).then_some(("upper", told && pairs.len() >= 2))
    }

    fn delete(&mut self, active: Active) {
        let marks = self.marks();
        let looked = self.looked.clone();
        self.draft.section("users.delete");
        let marking = marks.iter().map(|column| scope::marked(&looked, column));
        if active != Active::Unknown {
            let line = Line::new(
                "mode",
                "\"deactivate\"",
                "what a SCIM DELETE does: switch the row off and keep it",
            );
            if marks.is_empty() {
                let open = (active == Active::Asked).then(|| {
                    Open::new("is switching off by `active` above what a SCIM DELETE shall do?")
                        .or("mode = \"delete\"    # the row goes")
                });
                return self.draft.line(line.maybe(open));
            }
            let open = Open::new(format!(
                "the application marks rows as deleted ({}): are they gone, and shall a SCIM DELETE do the same?",
                marks
                    .iter()
                    .map(|it| format!("{}: {}", it.name, looked.data(it)))
                    .collect::<Vec<_>>()
                    .join("; ")
            ));
            return self.draft.line(line.open(marking.fold(open, Open::or)));
        }
        let open =
            Open::new("what does a SCIM DELETE do? Without `active` a row can't be switched off");
        let open =
            marking.fold(open, Open::or).or("mode = \"deactivate\"    # once `active` is mapped");
        self.draft.line(Line::new("mode", "\"delete\"", "the row goes").open(open));
    }
}

/// What a user without department gets: the row that is named so.
fn without_department(column: &Column, key: &Column, label: &Column, table: &Looked<'_>) -> Line {
    let none = [
        "unassigned",
        "none",
        "nodepartment",
        "unknown",
        "default",
        "general",
        "keine",
        "aucun",
        "ninguno",
        "nessuno",
        "geen",
        "nenhum",
        "nichtzugeordnet",
        "allgemein",
        "other",
    ];
    let pairs =
        table.sample().map(|sample| sample.pairs(&key.name, &label.name)).unwrap_or_default();
    let unassigned: Vec<&(String, String)> = pairs
        .iter()
        .filter(|(_, label)| none.contains(&super::names::plain(label).as_str()))
        .collect();
    let quoted = |value: &str| match column.kind {
        Kind::Int | Kind::Number => value.to_owned(),
        _ => toml_text(value),
    };
    if let [(value, label)] = unassigned.as_slice() {
        let why = format!("a user without department: {}", shortened(label));
        return Line::new(&column.name, quoted(value), why);
    }
    let open = Open::new(format!(
        "what does a user without department get in {}, which is NOT NULL?",
        toml_key(&column.name)
    ));
    let shown = pairs.iter().take(5).map(|(value, label)| {
        format!("{} = {}    # {}", toml_key(&column.name), quoted(value), shortened(label))
    });
    let open = shown.fold(open, Open::or);
    Line::question(&column.name, open)
}
