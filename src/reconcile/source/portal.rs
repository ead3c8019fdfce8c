//! The CSV of the Entra portal: Users → Bulk operations → Download users.
//!
//! Owns its columns: a header row, in any order; `id` was `objectId` until 2021. Saved again by
//! Excel, the delimiter is the locale's.

use std::io::{self, Chain, Read};

use csv::{ReaderBuilder, StringRecord, Terminator};

use super::error::{Error, Kind};
use super::text::Text;
use super::user::{Draft, Given, Property, SourceUser};

/// The delimiter that a first line says (`sep=;`, which Excel reads), or that the header's line uses most.
pub(super) fn delimiter(head: &str) -> u8 {
    let mut lines = head.trim_start().lines();
    let mut header = lines.next().unwrap_or_default();
    if let Some(said) = separator(header) {
        return said;
    }
    if is_type(header) {
        header = lines.next().unwrap_or_default();
    }
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    [b'\t', b';', b','].into_iter().max_by_key(|it| count(*it)).unwrap_or(b',')
}

/// What a first line `sep=;` says.
fn separator(line: &str) -> Option<u8> {
    let (name, said) = line.trim_end_matches(['\r', '\n']).trim_matches('"').split_once('=')?;
    let is_one = name.eq_ignore_ascii_case("sep") && said.len() == 1;
    is_one.then(|| said.as_bytes().first().copied()).flatten()
}

/// Whether a first line is PowerShell's (`Export-Csv`): `#TYPE Selected.Microsoft.Graph…User`.
fn is_type(line: &str) -> bool {
    let first = line.trim_matches('"').split_whitespace().next().unwrap_or_default();
    first.eq_ignore_ascii_case("#TYPE")
}

pub(super) fn read(text: Text<impl Read>, delimiter: u8) -> Result<Vec<SourceUser>, Error> {
    let mut rows = Rows::new(text, delimiter);
    let mut first = rows.next()?;
    // What only says how the file is written. `sep=;` is two empty fields where `=` is no quote.
    let says = rows.fields().collect::<Vec<_>>().join(&char::from(delimiter).to_string());
    if first.is_some() && (separator(&says).is_some() || is_type(&says)) {
        first = rows.next()?;
    }
    let Some(line) = first else {
        return Err(Error::new(1, Kind::Empty));
    };
    let columns = columns(rows.fields(), line)?;
    let mut users = Vec::new();
    while let Some(line) = rows.next()? {
        let found = rows.row.len();
        if found != columns.len() {
            return Err(Error::new(line, Kind::Fields { found, wanted: columns.len() }));
        }
        users.push(user(&columns, rows.fields(), line)?);
    }
    Ok(users)
}

/// Put behind the text: a quote that is never closed swallows it, and the library wouldn't tell.
const END: &str = "\n\0\n";

/// The rows of a text, each with the line where it begins.
struct Rows<R> {
    reader: csv::Reader<Chain<Text<R>, &'static [u8]>>,
    row: StringRecord,
}

impl<R: Read> Rows<R> {
    fn new(text: Text<R>, delimiter: u8) -> Self {
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            // The library's CRLF counts the line that follows as part of the row before.
            .terminator(Terminator::Any(b'\n'))
            .has_headers(false)
            .flexible(true)
            .from_reader(text.chain(END.as_bytes()));
        Self { reader, row: StringRecord::new() }
    }

    /// Reads the next row that isn't blank; its line, or `None` behind the last.
    fn next(&mut self) -> Result<Option<usize>, Error> {
        loop {
            let more =
                self.reader.read_record(&mut self.row).map_err(|error| self.failed(error))?;
            let within = self.row.as_slice().bytes().filter(|byte| *byte == b'\n').count();
            let after = self.line();
            let Some(last) = self.row.iter().next_back().filter(|_| more) else { return Ok(None) };
            if last.ends_with(END) {
                return Err(Error::new(after - within, Kind::Unclosed));
            }
            if self.row.len() > 1 || !matches!(last.trim_end_matches('\r'), "" | "\0") {
                return Ok(Some(after - within - 1));
            }
        }
    }

    /// The fields of the row read last, without the CR of a CRLF.
    fn fields(&self) -> impl Iterator<Item = &str> {
        let last = self.row.len().saturating_sub(1);
        self.row.iter().enumerate().map(move |(at, field)| match field.strip_suffix('\r') {
            Some(field) if at == last => field,
            _ => field,
        })
    }

    /// The line that the reader stands on.
    fn line(&self) -> usize {
        usize::try_from(self.reader.position().line()).unwrap_or(usize::MAX)
    }

    fn failed(&self, error: csv::Error) -> Error {
        let error = match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            // The text is UTF-8, and rows may differ in length: nothing else is left.
            other => io::Error::other(format!("{other:?}")),
        };
        Error::from_io(error, self.line())
    }
}

fn columns<'a>(
    header: impl Iterator<Item = &'a str>,
    line: usize,
) -> Result<Vec<Option<Property>>, Error> {
    let names: Vec<&str> = header.map(str::trim).collect();
    let columns: Vec<Option<Property>> = names.iter().map(|name| Property::named(name)).collect();
    let is_there = |wanted: Property| columns.contains(&Some(wanted));
    let missing: Vec<String> = [Property::UserName, Property::Id]
        .into_iter()
        .filter(|wanted| !is_there(*wanted))
        .map(|wanted| wanted.name().to_owned())
        .collect();
    if !missing.is_empty() {
        let found = names.into_iter().map(str::to_owned).collect();
        return Err(Error::new(line, Kind::Columns { missing, found }));
    }
    for (at, column) in columns.iter().enumerate() {
        if column.is_some() && columns.iter().take(at).any(|earlier| earlier == column) {
            let name = names.get(at).copied().unwrap_or_default().to_owned();
            return Err(Error::new(line, Kind::ColumnTwice(name)));
        }
    }
    Ok(columns)
}

fn user<'a>(
    columns: &[Option<Property>],
    fields: impl Iterator<Item = &'a str>,
    line: usize,
) -> Result<SourceUser, Error> {
    let mut draft = Draft::new(line);
    for (column, value) in columns.iter().zip(fields) {
        match column {
            // PowerShell writes a list's type instead of the list.
            None | Some(Property::Phones) => {}
            Some(Property::Active) => draft.set_active(value)?,
            // CSV has no null of its own.
            Some(property) => {
                let value = if value.is_empty() { Given::Null } else { Given::Text(value.into()) };
                draft.set_text(*property, value);
            }
        }
    }
    draft.finish()
}
