//! Rows in columns, for a terminal: each as wide as its widest cell, two spaces apart. Knows what a
//! character takes up, and nothing of what is in the cells.

use unicode_width::UnicodeWidthStr as _;

/// The widths of columns.
#[derive(Debug, Default)]
pub struct Columns {
    widths: Vec<usize>,
    /// How many of them hold words; those behind hold numbers, which end below each other.
    words: Option<usize>,
}

impl Columns {
    /// Wide enough for these rows.
    pub fn of<R: AsRef<[String]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let mut widths = Vec::new();
        for row in rows {
            let row = row.as_ref();
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        Self { widths, words: None }
    }

    /// All columns but the first ones hold numbers.
    #[must_use]
    pub fn numbers_after(self, words: usize) -> Self {
        Self { words: Some(words), ..self }
    }

    /// A row, without spaces at its end or a line break.
    pub fn line(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            if at > 0 {
                line.push_str("  ");
            }
            let space = " ".repeat(width.saturating_sub(cell.width()));
            let numbers = self.words.is_some_and(|words| at >= words);
            let (first, second) = if numbers { (&space, cell) } else { (cell, &space) };
            line.push_str(first);
            line.push_str(second);
        }
        line.truncate(line.trim_end().len());
        line
    }
}
