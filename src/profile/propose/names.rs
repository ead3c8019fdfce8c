//! Names of tables and columns, brought into the form that `words` lists: whatever the case, the
//! punctuation, the accents, a prefix that a table gives its columns, or a Hungarian one.

use std::collections::BTreeMap;

use crate::profile::catalogue::{Catalogue, Table};

/// The parts of a name: `createdAt`, `created_at` and `CREATED AT` are `created` and `at`.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            flush(&mut parts, &mut part);
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let hump = c.is_uppercase() && before.is_some_and(|b| b.is_lowercase() || b.is_numeric());
        // The `T` of `ADTeam`, but not the `s` of `IDs`.
        let last_capital = c.is_uppercase()
            && before.is_some_and(|b| b.is_uppercase())
            && after.is_some_and(|a| a.is_lowercase())
            && chars.get(at + 2).is_some_and(|a| a.is_lowercase());
        if hump || last_capital {
            flush(&mut parts, &mut part);
        }
        push_plain(&mut part, *c);
    }
    flush(&mut parts, &mut part);
    parts
}

fn flush(parts: &mut Vec<String>, part: &mut String) {
    if !part.is_empty() {
        parts.push(std::mem::take(part));
    }
}

/// Lower case, without accents.
fn push_plain(text: &mut String, c: char) {
    for c in c.to_lowercase() {
        match c {
            'ä' => text.push_str("ae"),
            'ö' => text.push_str("oe"),
            'ü' => text.push_str("ue"),
            'ß' => text.push_str("ss"),
            'á' | 'à' | 'â' | 'ã' | 'å' => text.push('a'),
            'é' | 'è' | 'ê' | 'ë' => text.push('e'),
            'í' | 'ì' | 'î' | 'ï' => text.push('i'),
            'ó' | 'ò' | 'ô' | 'õ' => text.push('o'),
            'ú' | 'ù' | 'û' => text.push('u'),
            'ç' => text.push('c'),
            'ñ' => text.push('n'),
            other => text.push(other),
        }
    }
}

/// A name or a value without case, punctuation and accents.
pub(super) fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    name.chars().filter(|c| c.is_alphanumeric()).for_each(|c| push_plain(&mut text, c));
    text
}

/// `users` and `user`, `categories` and `category`.
pub(super) fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() >= 3 => stem,
        _ => word,
    }
}

/// Whether two words are one, whatever their number: `team` and `teams`, `gruppo` and `gruppi`, `ploeg`
/// and `ploegen`.
pub(super) fn same_stem(one: &str, other: &str) -> bool {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let (least, most) = (one.len().min(other.len()), one.len().max(other.len()));
    one == other || most - least <= 2 && common >= 4 && common + 1 >= least
}

/// Hungarian and other prefixes that say what a column is of, not what it means.
const TYPES: &[&str] = &[
    "str", "txt", "s", "sz", "c", "vc", "n", "i", "int", "b", "bln", "bool", "bit", "f", "fl",
    "flg", "flag", "d", "dt", "dte", "dat", "ts", "tm", "lng", "num", "fld", "field", "col", "u",
    "usr", "user", "l", "x", "t", "v", "m", "mem", "emp", "pers", "ben", "z", "k",
];
/// Endings that say the same.
const ENDINGS: &[&str] = &["flag", "flg", "ind", "yn", "fl", "txt", "kz", "bool", "jn"];

/// A table as its names are read.
#[derive(Debug, Clone)]
pub(super) struct Prefixes {
    /// What most of its columns begin with.
    common: Option<String>,
    /// The parts of its own name.
    own: Vec<String>,
}

impl Prefixes {
    pub fn new(table: &Table) -> Self {
        let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
        for column in &table.columns {
            let parts = parts(&column.name);
            if let [first, _, ..] = parts.as_slice() {
                *firsts.entry(first.clone()).or_default() += 1;
            }
        }
        let most = firsts.into_iter().max_by_key(|(_, count)| *count);
        let common = most
            .filter(|(_, count)| *count >= 3 && *count * 2 > table.columns.len())
            .map(|(first, _)| first);
        Self { common, own: parts(&table.name.name) }
    }

    /// Whether a first part of a column's name says nothing: it stands before most, or names the table.
    fn is_idle(&self, first: &str, hungarian: bool) -> bool {
        let table = self.own.iter().any(|part| {
            singular(part) == singular(first) || first.len() >= 2 && part.starts_with(first)
        });
        self.common.as_deref() == Some(first)
            || table
            || matches!(first, "user" | "usr" | "fld" | "col" | "member" | "emp" | "employee")
            || hungarian && TYPES.contains(&first)
    }

    /// The forms that a column's name can be meant in, the likeliest first.
    pub fn forms(&self, column: &str) -> Vec<String> {
        let all = parts(column);
        let mut forms = vec![all.concat()];
        let mut rest = all.as_slice();
        // `strLogin`, `b_active`: the first letter is small where the second part begins big.
        let hungarian = column.contains('_') || column.starts_with(char::is_lowercase);
        if let [first, tail @ ..] = rest
            && !tail.is_empty()
            && self.is_idle(first, hungarian)
        {
            rest = tail;
            forms.push(rest.concat());
            // `usr_s_login`
            if let [first, tail @ ..] = rest
                && !tail.is_empty()
                && TYPES.contains(&first.as_str())
            {
                forms.push(tail.concat());
            }
        }
        if let [head @ .., last] = rest
            && !head.is_empty()
            && ENDINGS.contains(&last.as_str())
        {
            forms.push(head.concat());
        }
        // `USERNAME` with a table's prefix that nothing parts: `usrlogin`.
        if let ([only], Some(first)) = (all.as_slice(), self.own.last())
            && let Some(tail) = only.strip_prefix(singular(first))
            && tail.len() >= 4
        {
            forms.push(tail.to_owned());
        }
        forms.dedup();
        forms
    }
}

/// What most tables begin with (`llx`, `tbl`), which says nothing of one of them.
pub(super) fn table_prefix(catalogue: &Catalogue) -> Option<String> {
    let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
    for name in catalogue.tables.keys().filter(|name| !name.name.starts_with("scim_")) {
        if let [first, _, ..] = parts(&name.name).as_slice() {
            *firsts.entry(first.clone()).or_default() += 1;
        }
    }
    let total = catalogue.tables.keys().filter(|name| !name.name.starts_with("scim_")).count();
    let (first, count) = firsts.into_iter().max_by_key(|(_, count)| *count)?;
    (count >= 3 && count * 2 > total).then_some(first)
}

/// The parts of a table's name that say what it holds.
pub(super) fn table_parts(name: &str, prefix: Option<&str>) -> Vec<String> {
    let mut all = parts(name);
    if all.len() > 1 && all.first().map(String::as_str) == prefix {
        all.remove(0);
    }
    let idle = |part: &str| matches!(part, "tbl" | "tb" | "t" | "tab" | "table" | "tm" | "tabelle");
    if all.len() > 1 && all.first().is_some_and(|first| idle(first)) {
        all.remove(0);
    }
    if all.len() > 1 && all.last().is_some_and(|last| idle(last)) {
        all.pop();
    }
    all
}

/// Whether a table's name is one of `words`: as a whole, by its last part, or by its first.
pub(super) fn rank(parts: &[String], words: &[&str]) -> Rank {
    let is = |text: &str| words.iter().any(|word| text == *word || singular(text) == *word);
    let whole = parts.concat();
    if is(&whole) {
        return Rank::Whole;
    }
    let ends =
        |last: &str| words.iter().any(|word| word.len() >= 4 && singular(last).ends_with(word));
    match parts {
        [.., last] if is(last) || ends(last) => Rank::Last,
        [first, ..] if is(first) => Rank::First,
        _ => Rank::No,
    }
}

/// How well a name fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    No,
    First,
    Last,
    Whole,
}

#[cfg(test)]
mod tests {
    use super::{parts, plain};

    #[test]
    fn a_names_parts() {
        for (name, expected) in [
            ("createdAt", vec!["created", "at"]),
            ("CREATED_AT", vec!["created", "at"]),
            ("UserID", vec!["user", "id"]),
            ("strLoginName", vec!["str", "login", "name"]),
            ("ADUserName", vec!["ad", "user", "name"]),
            ("Gelöscht am", vec!["geloescht", "am"]),
            ("email2", vec!["email2"]),
            ("User_", vec!["user"]),
        ] {
            assert_eq!(parts(name), expected, "{name}");
        }
        assert_eq!(plain("Prénom usuel"), "prenomusuel");
    }
}
