//! What commands print. stdout gets the result and nothing else; stderr the remarks.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::error::Error;
use super::journal;
use crate::report::columns::Columns;
use crate::report::visible_lines;

/// Writes a result to stdout.
///
/// # Errors
/// When stdout is closed, as by `| head`.
pub fn print(text: &str) -> Result<(), Error> {
    write(|out| out.write_all(text.as_bytes()))
}

/// Writes a result to stdout as it is made: it may be a long one.
///
/// # Errors
/// As [`print()`].
pub fn write(make: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<(), Error> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    make(&mut out)?;
    out.flush()?;
    Ok(())
}

/// Writes a result and a line break to stdout, made harmless for a terminal.
///
/// # Errors
/// As [`print()`].
pub fn line(text: &str) -> Result<(), Error> {
    print(&format!("{}\n", visible_lines(text)))
}

/// Writes a file as a whole: whoever reads it sees the old content or the new, never half of one.
///
/// # Errors
/// When it can't be written; then the old content is still there.
pub fn replace(file: &Path, text: &str) -> Result<(), Error> {
    crate::file::replace(file, text)
        .map_err(|error| Error::failed(format!("can't write {}", file.display()), error))
}

/// Writes a remark to stderr, made harmless for a terminal: it may quote a file. That nobody reads it is
/// no reason to fail.
pub fn remark(text: &str) {
    drop(writeln!(io::stderr(), "{}", visible_lines(text)));
}

/// Writes to stderr why a command failed; in the journal it is an error.
pub fn failure(text: &str) {
    if journal::is_on_stderr() {
        remark(&journal::marked(tracing::Level::ERROR, text));
    } else {
        remark(text);
    }
}

/// Asks on a terminal, where the answer is no unless it is yes; whoever has none must say `--yes`.
///
/// # Errors
/// 64 when nobody can be asked; the message says that `--yes` does `what`.
pub fn confirm(question: &str, what: &str) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::usage(format!("nobody can be asked here: add --yes to {what}")));
    }
    drop(write!(io::stderr(), "{} [y/N] ", visible_lines(question)));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Rows under a heading, in columns.
pub fn table<R: AsRef<[String]>>(heading: &[&str], rows: impl IntoIterator<Item = R>) -> String {
    let heading: Vec<String> = heading.iter().map(ToString::to_string).collect();
    let rows: Vec<R> = rows.into_iter().collect();
    lines(std::iter::once(heading.as_slice()).chain(rows.iter().map(AsRef::as_ref)))
}

/// Values, each with its name before it.
pub fn named<'a>(values: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let values = values.into_iter().map(|(name, value)| [name.to_owned(), value]);
    let values: Vec<[String; 2]> = values.collect();
    lines(values.iter().map(<[String; 2]>::as_slice))
}

fn lines<'a>(rows: impl Iterator<Item = &'a [String]> + Clone) -> String {
    let columns = Columns::of(rows.clone());
    rows.map(|row| columns.line(row) + "\n").collect()
}

/// As [`table`], of rows that are made twice, so that they need not be kept.
///
/// # Errors
/// What the output says.
pub fn write_table<const N: usize, Rows: Iterator<Item = [String; N]>>(
    out: &mut dyn io::Write,
    heading: [&str; N],
    rows: impl Fn() -> Rows,
) -> io::Result<()> {
    let rows = || std::iter::once(heading.map(str::to_owned)).chain(rows());
    let columns = Columns::of(rows());
    for row in rows() {
        writeln!(out, "{}", columns.line(&row))?;
    }
    Ok(())
}

/// What an option takes: one of these values, each with what help says of it.
pub fn one_of<T>(choices: &[(T, &'static str)]) -> impl TypedValueParser<Value = T> + use<T>
where
    T: Copy + Into<&'static str> + FromStr<Err = strum::ParseError> + Send + Sync + 'static,
{
    let values = choices.iter().map(|(value, help)| {
        let name: &'static str = (*value).into();
        PossibleValue::new(name).help(*help)
    });
    PossibleValuesParser::new(values.collect::<Vec<_>>()).try_map(|name| name.parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["entra-production", "read"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(&["name", "scope"], rows),
            "name              scope\nentra-production  read\n"
        );
        assert_eq!(named([]), "");
    }
}
