//! Strangers' text made harmless for an eye and a terminal: what would move the cursor, turn the
//! reading direction or not be seen at all is written out as `[U+202E]`.
//!
//! Owns which characters these are and how text is cut to a width; knows no report.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// The text with every character that can't be seen, or does something, written out.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let mut before = None;
    let plain = !text.chars().any(|c| {
        let hidden = is_hidden(c, before);
        before = Some(c);
        hidden
    });
    if plain && !ends_joined(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let dangling = is_joiner(c) && characters.peek().is_none();
        if is_hidden(c, before) || dangling {
            push_code(&mut shown, c);
        } else {
            shown.push(c);
        }
        before = Some(c);
    }
    Cow::Owned(shown)
}

/// The same for a cell of several lines: line breaks and tabs, which a quoted cell may hold, stay.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    if matches!(visible(text), Cow::Borrowed(_)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive(['\n', '\r', '\t']) {
        let line = piece.trim_end_matches(['\n', '\r', '\t']);
        shown.push_str(&visible(line));
        shown.push_str(piece.get(line.len()..).unwrap_or_default());
    }
    Cow::Owned(shown)
}

/// JSON that says the same without such characters: they are escaped, and a program reads them as
/// they were.
pub(crate) fn escaped_json(json: String) -> String {
    let mut before = None;
    if json.is_ascii() && !json.contains('\u{7f}') {
        return json;
    }
    // Those of ASCII are escaped already, but for one; line breaks between the values stay.
    let acts = |c: char, before| (!c.is_ascii() || c == '\u{7f}') && is_hidden(c, before);
    if !json.chars().any(|c| acts(c, before.replace(c))) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    let mut before = None;
    for c in json.chars() {
        if acts(c, before.replace(c)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Writes a value as [`escaped_json`] has it, as it comes: there may be very much of it.
///
/// # Errors
/// The writer's, and those of the value.
pub(crate) fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut escaped = Escaped { out, whole: Vec::with_capacity(ESCAPED_AT_ONCE * 2) };
    serde_json::to_writer_pretty(&mut escaped, value)?;
    escaped.flush()
}

/// Bytes that are gone through at a time.
const ESCAPED_AT_ONCE: usize = 32 * 1024;

struct Escaped<'a> {
    out: &'a mut dyn Write,
    /// What came: `serde_json` hands over whole characters.
    whole: Vec<u8>,
}

impl Escaped<'_> {
    fn pass_on(&mut self) -> io::Result<()> {
        let text = String::from_utf8(std::mem::take(&mut self.whole)).map_err(io::Error::other)?;
        let text = escaped_json(text);
        self.out.write_all(text.as_bytes())?;
        self.whole = text.into_bytes();
        self.whole.clear();
        Ok(())
    }
}

impl Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.whole.extend_from_slice(bytes);
        if self.whole.len() >= ESCAPED_AT_ONCE {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

/// The text in ASCII: every other character written out. Tells apart what looks alike.
pub(super) fn spelled_out(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c == ' ' || c.is_ascii_graphic() {
            shown.push(c);
        } else {
            push_code(&mut shown, c);
        }
    }
    shown
}

/// The beginning of the text that fits the columns, `…` where something was cut off. The text must
/// be [`visible`].
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    // Combining characters take no column: without a bound on their number one cell is endless.
    let most = columns.saturating_mul(4);
    if text.width() <= columns && text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    let mut end = 0;
    for (start, c) in text.char_indices().take(most) {
        let next = start + c.len_utf8();
        // The width of all so far, since a following character can widen the one before it.
        if text.get(..next).is_none_or(|so_far| so_far.width() > room) {
            break;
        }
        end = next;
    }
    let kept = text.get(..end).unwrap_or_default().trim_end_matches(is_joiner);
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// The text filled up with spaces to the columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// The text in lines of at most so many columns, broken at spaces where there are any; what
/// doesn't fit the number of lines is cut off.
pub(super) fn wrapped(text: &str, columns: usize, lines: usize) -> Vec<String> {
    let lines = wrapped_at_spaces(text, columns, lines);
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

fn wrapped_at_spaces(text: &str, columns: usize, lines: usize) -> Vec<String> {
    let mut done = Vec::new();
    let mut line = String::new();
    // A number and its % stay together.
    let text = text.replace(" %", "\u{a0}%");
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if longer.width() <= columns {
            line = longer;
            continue;
        }
        if done.len() + 1 >= lines {
            let rest = words.fold(longer, |rest, word| rest + " " + word);
            done.push(cut(&rest, columns).into_owned());
            return done;
        }
        if !line.is_empty() {
            done.push(line);
        }
        line = cut(word, columns).into_owned();
    }
    if !line.is_empty() {
        done.push(cut(&line, columns).into_owned());
    }
    done
}

fn push_code(shown: &mut String, c: char) {
    shown.push_str(&format!("[U+{:04X}]", u32::from(c)));
}

fn is_hidden(c: char, before: Option<char>) -> bool {
    if is_joiner(c) {
        // Inside emoji and some scripts it has a meaning that is seen.
        return before.is_none_or(|before| before.is_ascii() || is_joiner(before));
    }
    c.is_control()
        // U+3000 is seen: it is as wide as a letter of the scripts that use it.
        || (c.is_whitespace() && c != ' ' && c != '\u{3000}')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}')
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn ends_joined(text: &str) -> bool {
    text.ends_with(is_joiner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_is_written_out() {
        assert_eq!(visible("\u{1b}[31mred"), "[U+001B][31mred");
        assert_eq!(visible("a\nb\tc\u{7f}\u{85}"), "a[U+000A]b[U+0009]c[U+007F][U+0085]");
        assert_eq!(visible("gpj\u{202e}exe"), "gpj[U+202E]exe");
        assert_eq!(visible("ana\u{200b}"), "ana[U+200B]");
        assert_eq!(visible("a\u{a0}b\u{200d}"), "a[U+00A0]b[U+200D]");
        assert_eq!(spelled_out("é\u{301}a"), "[U+00E9][U+0301]a");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["Jürgen O'Neil", "山田　太郎", "👩‍💻 dev", "علی‌رضا", "a\\b\"c<d>"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn json_is_escaped_and_means_the_same() {
        let text = "a\u{9b}b\u{202e}c\u{7f}\u{e0041}d👩\u{200d}💻";
        let json = serde_json::to_string(text).unwrap();
        let escaped = escaped_json(json);
        assert_eq!(escaped, "\"a\\u009bb\\u202ec\\u007f\\udb40\\udc41d👩\u{200d}💻\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        assert_eq!(escaped_json("{\n \"a\": 1\n}".to_owned()), "{\n \"a\": 1\n}");
        let texts = ["one \u{7f}\u{1b}[2J \"\u{200d}", "\n\u{202e}two\u{e0041}", "Zoë 👩‍💻"];
        let mut written = Vec::new();
        write_json(&mut written, &texts).unwrap();
        let whole = serde_json::to_string_pretty(&texts).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), escaped_json(whole));
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(visible_lines("a\r\n\u{1b}b\tc\u{202e}"), "a\r\n[U+001B]b\tc[U+202E]");
    }

    #[test]
    fn a_cut_counts_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("山田太郎様", 6), "山田…");
        assert_eq!(cut(&"e\u{301}".repeat(7), 6).width(), 6);
        assert!(cut(&format!("e{}", "\u{301}".repeat(9999)), 6).chars().count() <= 25);
        assert_eq!(cut("👩‍💻👩‍💻", 3), "👩‍💻…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn wrapping_keeps_to_columns_and_lines() {
        assert_eq!(wrapped("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 7, 1), ["one tw…"]);
        assert_eq!(wrapped("one twoooooooooo three", 7, 3), ["one", "twoooo…", "three"]);
        assert!(wrapped("", 7, 3).is_empty());
    }
}
