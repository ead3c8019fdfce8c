//! A TOML document as a small tree that keeps order, key paths and lines, and the list of
//! everything that is wrong with it.
//!
//! Owns the reading of single values with their messages. Knows nothing of what a profile means.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::error::{Error, Problem};
use super::model::{Scalar, TableName};
use super::near_miss;

/// One value of the document.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The dotted path of its key, quoted where TOML would need it.
    pub path: String,
    /// The line of its key, from 1.
    pub line: usize,
    /// The value.
    pub value: Node,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Item>),
    Table(Section),
    /// A TOML type that no key of a profile takes; the name is for the message.
    Unusable(&'static str),
}

impl Node {
    fn describe(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Unusable(name) => name,
        }
    }
}

/// A table; its entries are taken one by one, and what is left over is unknown.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// Its path; empty for the document.
    pub path: String,
    /// The line it begins on.
    pub line: usize,
    /// Keys and values in the order of the file.
    pub entries: Vec<(String, Item)>,
}

impl Section {
    /// Takes a key out.
    pub fn take(&mut self, key: &str) -> Option<Item> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(at).1)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// The path of a key of this table, whether it is there or not.
    pub fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

fn join(path: &str, key: &str) -> String {
    let key = toml_key(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A key as TOML writes it: bare where that is allowed.
pub(super) fn toml_key(key: &str) -> String {
    let bare =
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { toml_text(key) }
}

/// A string as TOML writes it, fit for keys as well: literal when that spares escapes, else basic.
pub(super) fn toml_text(text: &str) -> String {
    let literal = text.contains('"') && !text.contains('\'') && !text.chars().any(char::is_control);
    if literal {
        return format!("'{text}'");
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Parses a document.
///
/// # Errors
/// When it isn't TOML: one problem with the line.
pub(super) fn document(origin: &str, text: &str) -> Result<Section, Error> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let message = format!("not valid TOML: {}", error.message().trim_end_matches('.'));
        Error::one(origin, Problem { key: String::new(), line: Some(line), message })
    })?;
    Ok(section(text, "", 1, table.get_ref()))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn section(text: &str, path: &str, line: usize, table: &DeTable<'_>) -> Section {
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let entries = keys
        .into_iter()
        .map(|(key, value)| {
            let name = key.get_ref().to_string();
            let item =
                item(text, join(path, &name), line_of(text, key.span().start), value.get_ref());
            (name, item)
        })
        .collect();
    Section { path: path.to_owned(), line, entries }
}

fn note_lines(lines: &mut BTreeMap<String, usize>, section: &Section) {
    for (_, item) in &section.entries {
        lines.entry(item.path.clone()).or_insert(item.line);
        if let Node::Table(section) = &item.value {
            note_lines(lines, section);
        }
    }
}

fn item(text: &str, path: String, line: usize, value: &DeValue<'_>) -> Item {
    let value = match value {
        DeValue::String(value) => Node::Text(value.to_string()),
        DeValue::Boolean(value) => Node::Bool(*value),
        DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix())
            .map_or(Node::Unusable("an integer outside 64 bits"), Node::Int),
        DeValue::Float(_) => Node::Unusable("a decimal number"),
        DeValue::Datetime(_) => Node::Unusable("a date"),
        DeValue::Array(items) => Node::List(
            items
                .iter()
                .enumerate()
                .map(|(at, value)| item(text, format!("{path}[{at}]"), line, value.get_ref()))
                .collect(),
        ),
        DeValue::Table(table) => Node::Table(section(text, &path, line, table)),
    };
    Item { path, line, value }
}

/// Which strings stand for something other than their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// None: every string is text (`values`, `default`).
    Text,
    /// `"now"` is the time of the statement (`insert`).
    Now,
    /// `"now"`, and `"null"` is SQL NULL (`set`).
    NowAndNull,
}

/// Collects what is wrong while values are read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The line of every key of the document, so that a check of the finished profile can name it.
    lines: BTreeMap<String, usize>,
    /// Everything found so far, in the order of finding.
    pub problems: Vec<Problem>,
}

impl Reader {
    /// A reader for this document.
    pub fn new(document: &Section) -> Self {
        let mut lines = BTreeMap::new();
        note_lines(&mut lines, document);
        Self { lines, problems: Vec::new() }
    }

    /// Notes a problem at a key; `line` serves when the document has no such key.
    pub fn problem(&mut self, key: impl Into<String>, line: usize, message: impl Into<String>) {
        let key = key.into();
        let line = self.lines.get(&key).copied().unwrap_or(line);
        self.problems.push(Problem { key, line: Some(line), message: message.into() });
    }

    fn wrong_type<T>(&mut self, item: &Item, wanted: &str) -> Option<T> {
        self.problem(
            &item.path,
            item.line,
            format!("must be {wanted}, not {}", item.value.describe()),
        );
        None
    }

    /// Notes a required key that is absent.
    pub fn missing<T>(&mut self, section: &Section, key: &str, example: &str) -> Option<T> {
        self.problem(section.key(key), section.line, format!("is missing; for example {example}"));
        None
    }

    /// Notes every key that is left in `section`.
    pub fn finish(&mut self, section: &Section, known: &[&str]) {
        for (name, item) in &section.entries {
            let hint = near_miss::hint(name, known.iter().copied());
            let allowed = known.join(", ");
            self.problem(
                &item.path,
                item.line,
                format!("unknown key{hint} (allowed here: {allowed})"),
            );
        }
    }

    /// A non-empty string.
    pub fn text(&mut self, item: &Item) -> Option<String> {
        match &item.value {
            Node::Text(text) if text.trim().is_empty() => {
                self.problem(&item.path, item.line, "must not be empty");
                None
            }
            Node::Text(text) if text.contains('\0') => {
                self.problem(&item.path, item.line, "must not contain a NUL character");
                None
            }
            Node::Text(text) => Some(text.clone()),
            _ => self.wrong_type(item, "a string"),
        }
    }

    /// A table.
    pub fn table(&mut self, item: Item) -> Option<Section> {
        match item.value {
            Node::Table(section) => Some(section),
            _ => self.wrong_type(&item, "a table"),
        }
    }

    /// A string or a list of strings.
    pub fn texts(&mut self, item: &Item) -> Vec<String> {
        match &item.value {
            Node::List(items) => items.iter().filter_map(|item| self.text(item)).collect(),
            Node::Text(_) => self.text(item).into_iter().collect(),
            _ => self.wrong_type(item, "a list of strings").unwrap_or_default(),
        }
    }

    /// A required column name or similar.
    pub fn required_text(
        &mut self,
        section: &mut Section,
        key: &str,
        example: &str,
    ) -> Option<String> {
        match section.take(key) {
            Some(item) => self.text(&item),
            None => self.missing(section, key, example),
        }
    }

    /// `name` or `schema.name`.
    pub fn table_name(&mut self, path: &str, line: usize, text: &str) -> Option<TableName> {
        let parts: Vec<&str> = text.split('.').collect();
        let name =
            match parts.as_slice() {
                [name] => TableName { schema: None, name: (*name).to_owned() },
                [schema, name] => {
                    TableName { schema: Some((*schema).to_owned()), name: (*name).to_owned() }
                }
                _ => {
                    self.problem(path, line, format!(
                    "`{text}` has more than one dot; write the table as `name` or `schema.name`"
                ));
                    return None;
                }
            };
        if name.name.trim().is_empty()
            || name.schema.as_deref().is_some_and(|s| s.trim().is_empty())
        {
            self.problem(
                path,
                line,
                format!("`{text}` names no table; write it as `name` or `schema.name`"),
            );
            return None;
        }
        Some(name)
    }

    /// A required table name.
    pub fn required_table_name(
        &mut self,
        section: &mut Section,
        example: &str,
    ) -> Option<TableName> {
        let Some(item) = section.take("table") else {
            return self.missing(section, "table", example);
        };
        let text = self.text(&item)?;
        self.table_name(&item.path, item.line, &text)
    }

    /// A constant for a column.
    pub fn scalar(&mut self, item: &Item, words: Words) -> Option<Scalar> {
        match &item.value {
            Node::Bool(value) => Some(Scalar::Bool(*value)),
            Node::Int(value) => Some(Scalar::Int(*value)),
            Node::Text(text) if text.contains('\0') => {
                self.problem(&item.path, item.line, "must not contain a NUL character");
                None
            }
            Node::Text(text) => Some(match (text.as_str(), words) {
                ("now", Words::Now | Words::NowAndNull) => Scalar::Now,
                ("null", Words::NowAndNull) => Scalar::Null,
                _ => Scalar::Text(text.clone()),
            }),
            _ => self.wrong_type(item, "a string, an integer or a boolean"),
        }
    }
}
