//! What commands print. stdout gets the result and nothing else; stderr the remarks.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::error::Error;

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

/// Writes a result and a line break to stdout.
///
/// # Errors
/// As [`print()`].
pub fn line(text: &str) -> Result<(), Error> {
    print(&format!("{text}\n"))
}

/// Writes a file as a whole: whoever reads it sees the old content or the new, never half of one.
///
/// # Errors
/// When it can't be written; then the old content is still there.
pub fn replace(file: &Path, text: &str) -> Result<(), Error> {
    crate::reconcile::scheduled::replace(file, text)
        .map_err(|error| Error::failed(format!("can't write {}", file.display()), error))
}

/// Writes a remark to stderr. That nobody reads it is no reason to fail.
pub fn remark(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Asks on a terminal, where the answer is no unless it is yes; whoever has none must say `--yes`.
///
/// # Errors
/// 64 when nobody can be asked; the message says that `--yes` does `what`.
pub fn confirm(question: &str, what: &str) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::usage(format!("nobody can be asked here: add --yes to {what}")));
    }
    drop(write!(io::stderr(), "{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Rows in columns as wide as their widest cell, two spaces apart.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widen(&mut widths, row);
    }
    rows.iter().map(|row| aligned(row, &widths) + "\n").collect()
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
    let mut widths = Vec::new();
    for row in rows() {
        widen(&mut widths, &row);
    }
    for row in rows() {
        writeln!(out, "{}", aligned(&row, &widths))?;
    }
    Ok(())
}

/// Makes columns wide enough for a row.
fn widen(widths: &mut Vec<usize>, row: &[String]) {
    widths.resize(widths.len().max(row.len()), 0);
    for (width, cell) in widths.iter_mut().zip(row) {
        *width = (*width).max(cell.chars().count());
    }
}

/// A row's cells in columns of these widths.
fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["name", "scope"], ["entra-production", "read"]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(table(&rows), "name              scope\nentra-production  read\n");
        assert_eq!(table(&[]), "");
    }
}
