//! What commands print. stdout gets the result and nothing else; stderr the remarks.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use super::error::Error;

/// Writes a result to stdout.
///
/// # Errors
/// When stdout is closed, as by `| head`.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
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
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Asks on a terminal, where the answer is no unless it is yes; whoever has none must say `--yes`.
///
/// # Errors
/// 64 when nobody can be asked; the message says that `--yes` does `what`.
pub fn confirm(question: &str, what: &str) -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::usage(format!("nobody can be asked here: add --yes to {what}")));
    }
    drop(write!(std::io::stderr(), "{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Rows in columns as wide as their widest cell, two spaces apart.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
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
