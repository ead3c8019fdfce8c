//! The proposal as it grows: sections of lines, each with what speaks for it, and with the question
//! that a person must answer where that isn't enough. Knows the form of the text, and no rule of what
//! is proposed.

use crate::profile::read::toml_key;

/// A proposal.
#[derive(Debug, Default)]
pub(super) struct Draft {
    sections: Vec<Section>,
}

/// What a TOML header stands above.
#[derive(Debug)]
struct Section {
    name: String,
    notes: Vec<String>,
    /// What must be decided of the whole.
    open: Vec<Open>,
    lines: Vec<Line>,
    /// Whether the header is a comment, and so all below.
    off: bool,
}

/// A question for a person, with lines to uncomment.
#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    pub question: String,
    pub others: Vec<String>,
}

impl Open {
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), others: Vec::new() }
    }

    /// Adds a line to uncomment.
    #[must_use]
    pub fn or(mut self, line: impl Into<String>) -> Self {
        self.others.push(line.into());
        self
    }
}

/// A key with its value, or only the question which it should be.
#[derive(Debug, Clone)]
pub(super) struct Line {
    key: String,
    value: String,
    evidence: String,
    open: Option<Open>,
    /// Whether it counts as it stands; a comment else.
    live: bool,
}

impl Line {
    /// A line; `evidence` says what speaks for it.
    pub fn new(key: &str, value: impl Into<String>, evidence: impl Into<String>) -> Self {
        let (key, value) = (key.to_owned(), value.into());
        Self { key, value, evidence: evidence.into(), open: None, live: true }
    }

    /// The same, to be decided.
    #[must_use]
    pub fn open(mut self, open: Open) -> Self {
        self.open = Some(open);
        self
    }

    /// Marks it only where there is a question.
    #[must_use]
    pub fn maybe(mut self, open: Option<Open>) -> Self {
        self.open = open;
        self
    }

    /// Marks it by this question where it has none.
    #[must_use]
    pub fn or_open(mut self, open: Option<Open>) -> Self {
        self.open = self.open.or(open);
        self
    }

    /// Only a question, and lines to uncomment.
    pub fn question(key: &str, open: Open) -> Self {
        let (value, evidence) = (String::new(), String::new());
        Self { key: key.to_owned(), value, evidence, open: Some(open), live: false }
    }

    /// Whether its value says this.
    pub fn is_value_of(&self, text: &str) -> bool {
        self.value.contains(text)
    }

    /// A comment until it is uncommented.
    #[must_use]
    pub fn off(mut self) -> Self {
        self.live = false;
        self
    }
}

/// Where a line of the text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    section: usize,
    line: Option<usize>,
}

impl Draft {
    /// Begins a section; lines come into the one that was begun last.
    pub fn section(&mut self, name: &str) {
        let name = name.to_owned();
        let (notes, open, lines) = (Vec::new(), Vec::new(), Vec::new());
        self.sections.push(Section { name, notes, open, lines, off: false });
    }

    /// Says something below the header.
    pub fn note(&mut self, note: impl Into<String>) {
        if let Some(section) = self.sections.last_mut() {
            section.notes.push(note.into());
        }
    }

    /// Asks something of the whole section.
    pub fn ask(&mut self, open: Open) {
        if let Some(section) = self.sections.last_mut() {
            section.open.push(open);
        }
    }

    /// Makes the section, header and all, a comment.
    pub fn off(&mut self) {
        if let Some(section) = self.sections.last_mut() {
            section.off = true;
        }
    }

    pub fn line(&mut self, line: Line) {
        if let Some(section) = self.sections.last_mut() {
            section.lines.push(line);
        }
    }

    pub fn line_if(&mut self, line: Option<Line>) {
        if let Some(line) = line {
            self.line(line);
        }
    }

    /// Whether the section that was begun last has nothing in it.
    pub fn is_idle(&self) -> bool {
        self.sections.last().is_some_and(|it| it.lines.is_empty() && it.open.is_empty())
    }

    /// Takes back a section that has nothing in it.
    pub fn drop_idle(&mut self) {
        if self.is_idle() {
            self.sections.pop();
        }
    }

    /// How many questions there are.
    pub fn questions(&self) -> usize {
        let of_lines = |it: &Section| it.lines.iter().filter(|line| line.open.is_some()).count();
        self.sections.iter().map(|section| section.open.len() + of_lines(section)).sum()
    }

    /// The place of the key, or of what holds it.
    pub fn place(&self, path: &str) -> Option<Place> {
        let mut best: Option<(usize, Place)> = None;
        let mut offer = |length: usize, place: Place| {
            if best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, place));
            }
        };
        for (at, section) in self.sections.iter().enumerate().filter(|(_, it)| !it.off) {
            if within(path, &section.name) {
                offer(section.name.len(), Place { section: at, line: None });
            }
            for (line, it) in section.lines.iter().enumerate() {
                let whole = format!("{}.{}", section.name, toml_key(&it.key));
                if within(path, &whole) {
                    offer(whole.len(), Place { section: at, line: Some(line) });
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// Takes a line's word back, or what it is asked of the section: what `why` says refuses it.
    /// `keep` leaves it standing, to be decided. Whether anything has changed.
    pub fn refuse(&mut self, place: Place, why: &str, keep: impl Fn(&str, &str) -> bool) -> bool {
        let Some(section) = self.sections.get_mut(place.section) else { return false };
        let Some(line) = place.line.and_then(|at| section.lines.get_mut(at)) else {
            // What is missing is asked already.
            let asked =
                section.lines.iter().any(|line| line.open.is_some() && line.value.is_empty());
            if asked || section.open.iter().any(|open| open.question == why) {
                return false;
            }
            section.open.push(Open::new(why));
            return true;
        };
        let standing = keep(&section.name, &line.key);
        let changed = line.open.is_none() || line.live && !standing;
        line.live &= standing;
        line.open.get_or_insert_with(|| Open::new(why));
        changed
    }

    /// The text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            section.write(&mut text);
        }
        text
    }
}

fn within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Section {
    fn write(&self, text: &mut String) {
        text.push('\n');
        if self.off {
            return self.write_off(text);
        }
        text.push_str(&format!("[{}]\n", self.name));
        for note in &self.notes {
            text.push_str(&format!("# {note}\n"));
        }
        for open in &self.open {
            open.write(text, "");
        }
        for line in &self.lines {
            line.write(text, false);
        }
    }

    /// All of it as comments: the questions, what is to be uncommented, and what else it could be.
    fn write_off(&self, text: &mut String) {
        for open in &self.open {
            text.push_str(&format!("# DECIDE: {}\n", open.question));
        }
        text.push_str(&format!("# [{}]\n", self.name));
        for line in &self.lines {
            line.write(text, true);
        }
        for other in self.open.iter().flat_map(|open| &open.others) {
            text.push_str(&format!("# {other}\n"));
        }
    }
}

impl Open {
    /// The live line stands between the question and the other answers.
    fn write(&self, text: &mut String, live: &str) {
        text.push_str(&format!("# DECIDE: {}\n{live}", self.question));
        for other in &self.others {
            text.push_str(&format!("# {other}\n"));
        }
    }
}

impl Line {
    fn write(&self, text: &mut String, off: bool) {
        let mut own = String::new();
        if !self.value.is_empty() {
            let off = if self.live && !off { "" } else { "# " };
            own = format!("{off}{} = {}", toml_key(&self.key), self.value);
            if !self.evidence.is_empty() {
                own.push_str(&format!("    # {}", self.evidence));
            }
            own.push('\n');
        }
        match &self.open {
            Some(open) => open.write(text, &own),
            None => text.push_str(&own),
        }
    }
}
