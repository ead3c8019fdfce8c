//! Rows for programs and spreadsheets, one after the other: CSV (RFC 4180), JSON or NDJSON. Owns how
//! a row is written, and that no cell is a formula; knows no report.

use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use serde::Serialize;

use super::format::Format;
use super::visible::{escaped_json, visible_lines};

/// Writes rows. What a row says in one form only is left out of the others.
pub struct RowWriter<W: Write>(Form<W>);

enum Form<W: Write> {
    Csv(Box<Writer<W>>),
    Lines(W),
    Array { out: W, empty: bool },
}

impl<W: Write> RowWriter<W> {
    /// Rows in a format that has them, with the columns' names before them in CSV; `None` for a
    /// format that a person reads.
    ///
    /// # Errors
    /// The writer's.
    pub fn begin(mut out: W, format: Format, columns: &[&str]) -> io::Result<Option<Self>> {
        let form = match format {
            Format::Text | Format::Html => return Ok(None),
            Format::Json => {
                out.write_all(b"[")?;
                Form::Array { out, empty: true }
            }
            Format::Ndjson => Form::Lines(out),
            Format::Csv => {
                let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
                csv.write_record(columns)?;
                Form::Csv(Box::new(csv))
            }
        };
        Ok(Some(Self(form)))
    }

    /// A row as an object: a line of NDJSON, an item of the JSON array.
    ///
    /// # Errors
    /// The writer's, and those of the object.
    pub fn object<T: Serialize>(&mut self, object: impl FnOnce() -> T) -> io::Result<()> {
        match &mut self.0 {
            Form::Csv(_) => Ok(()),
            Form::Lines(out) => {
                let line = escaped_json(serde_json::to_string(&object())?);
                out.write_all(line.as_bytes())?;
                out.write_all(b"\n")
            }
            Form::Array { out, empty } => {
                let item = escaped_json(serde_json::to_string_pretty(&object())?);
                let before: &[u8] = if std::mem::take(empty) { b"\n  " } else { b",\n  " };
                out.write_all(before)?;
                out.write_all(item.replace('\n', "\n  ").as_bytes())
            }
        }
    }

    /// A row as cells, of which there are as many as columns: a line of CSV.
    ///
    /// # Errors
    /// The writer's.
    pub fn cells<const N: usize, C: AsRef<str>>(
        &mut self,
        cells: impl FnOnce() -> [C; N],
    ) -> io::Result<()> {
        let Form::Csv(csv) = &mut self.0 else { return Ok(()) };
        for cell in cells() {
            // What acts on a terminal that shows the file is written out.
            let cell = visible_lines(cell.as_ref());
            // A leading =, +, - or @ would be a formula to a spreadsheet, and the text is a stranger's.
            if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                csv.write_field(format!("'{cell}"))?;
            } else {
                csv.write_field(&*cell)?;
            }
        }
        Ok(csv.write_record(None::<&[u8]>)?)
    }

    /// Hands on what is still held back.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Form::Csv(csv) => csv.flush(),
            Form::Lines(out) | Form::Array { out, .. } => out.flush(),
        }
    }

    /// Ends them.
    ///
    /// # Errors
    /// The writer's.
    pub fn end(mut self) -> io::Result<()> {
        if let Form::Array { out, empty } = &mut self.0 {
            let end: &[u8] = if *empty { b"]\n" } else { b"\n]\n" };
            out.write_all(end)?;
        }
        self.flush()
    }
}

/// An object that says of what kind it is, for rows of several kinds.
pub fn typed<T: Serialize>(kind: &str, rest: T) -> impl Serialize {
    #[derive(Serialize)]
    struct Typed<'a, T> {
        r#type: &'a str,
        #[serde(flatten)]
        rest: T,
    }
    Typed { r#type: kind, rest }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: Format, rows: usize) -> String {
        let mut out = Vec::new();
        let writer = RowWriter::begin(&mut out, format, &["a", "b", "c,d", "e"]);
        let mut writer = writer.unwrap().unwrap();
        for _ in 0..rows {
            writer.object(|| json!({ "a": 1, "b": [2] })).unwrap();
            writer.cells(|| ["7", "a,b", "say \"hi\"", "=1+1"]).unwrap();
        }
        writer.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_in_each_form() {
        for rows in [0, 1, 2] {
            let all = vec![json!({ "a": 1, "b": [2] }); rows];
            let pretty = serde_json::to_string_pretty(&all).unwrap() + "\n";
            assert_eq!(written(Format::Json, rows), pretty);
            assert_eq!(written(Format::Ndjson, rows), "{\"a\":1,\"b\":[2]}\n".repeat(rows));
            // Quoted where it must be, and disarmed.
            let line = "7,\"a,b\",\"say \"\"hi\"\"\",'=1+1\r\n".repeat(rows);
            assert_eq!(written(Format::Csv, rows), format!("a,b,\"c,d\",e\r\n{line}"));
        }
        for format in [Format::Text, Format::Html] {
            assert!(RowWriter::begin(Vec::new(), format, &[]).unwrap().is_none());
        }
    }
}
