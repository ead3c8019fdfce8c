//! A report without personal data, for mail and webhook: names, addresses and phone numbers keep
//! their first character. Ids, kinds, times and commands stay: with them the operator finds the
//! rest in the file.

use serde_json::Value;

use crate::drift::{Item, Kind, Report};

/// What stands for the rest of a masked text.
const MASK: &str = "***";
/// Attributes whose values say who somebody is or how to reach them.
const PERSONAL: [&str; 11] = [
    "userName",
    "displayName",
    "nickName",
    "name",
    "profileUrl",
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "manager",
];

/// The report with names, mail addresses and phone numbers masked in its findings.
pub fn masked(report: &Report) -> Report {
    let mut report = report.clone();
    for item in &mut report.findings {
        mask_item(item);
    }
    for deferral in &mut report.cleanup.deferred {
        deferral.name = deferral.name.as_deref().map(mask);
        deferral.reason = deferral.reason.masked();
    }
    report
}

fn mask_item(item: &mut Item) {
    let finding = &mut item.finding;
    let mut secrets: Vec<String> = finding.name.iter().cloned().collect();
    // Without an attribute, a value names the resource itself.
    if finding.attribute.as_deref().is_none_or(is_personal) {
        let numbers = finding.attribute.is_some();
        mask_value(&mut finding.expected, numbers, &mut secrets);
        // Of rows that can't be told apart, kpifire's side is their ids.
        if !matches!(finding.kind, Kind::Duplicate | Kind::Ambiguous) {
            mask_value(&mut finding.actual, numbers, &mut secrets);
        }
    }
    if finding.attribute.as_deref().is_none_or(is_personal) && finding.resource.is_some() {
        // A reason quotes names that no field has: those of the rows that share one.
        let quoted = finding.why.split('`').skip(1).step_by(2).map(str::to_owned);
        secrets.extend(quoted.filter(|text| finding.attribute.as_ref() != Some(text)));
    }
    finding.name = finding.name.as_deref().map(mask);
    // The longest first: a part of a name must not keep the rest of it from being found.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    finding.why = mask_why(&finding.why, &secrets);
}

fn is_personal(path: &str) -> bool {
    // `urn:…:User:manager.displayName` is the manager's; a membership's value is a user.
    let bare = path.rsplit_once("User:").map_or(path, |(_, attribute)| attribute);
    let first = bare.split(['.', '[']).next().unwrap_or_default();
    first == "members" || PERSONAL.iter().any(|name| name.eq_ignore_ascii_case(first))
}

fn mask_value(value: &mut Value, numbers: bool, secrets: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            if numbers {
                *value = Value::from(mask(&number.to_string()));
            }
        }
        Value::String(text) => {
            secrets.push(text.clone());
            *text = mask(text);
        }
        Value::Array(values) => {
            for value in values {
                mask_value(value, numbers, secrets);
            }
        }
        Value::Object(fields) => {
            for value in fields.values_mut() {
                mask_value(value, numbers, secrets);
            }
        }
    }
}

fn mask(text: &str) -> String {
    text.chars().next().map_or_else(String::new, |first| format!("{first}{MASK}"))
}

/// Masks what is known to be secret, and what looks like an address or a phone number: a reason may
/// name somebody whom no field names.
fn mask_why(why: &str, secrets: &[String]) -> String {
    let mut masked = String::with_capacity(why.len());
    let mut rest = why;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let starts_word = !before.is_alphanumeric();
        let found = secrets.iter().find(|secret| is_at(rest, secret, starts_word));
        let length = found.map(String::len).or_else(|| {
            let reach = if starts_word { reachable(rest) } else { None };
            reach.map(str::len)
        });
        let length = length.unwrap_or(first.len_utf8());
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if length == first.len_utf8() && found.is_none() {
            masked.push_str(taken);
        } else {
            masked.push_str(&mask(taken));
        }
        before = taken.chars().next_back().unwrap_or(' ');
        rest = left;
    }
    masked
}

/// Whether the text begins with the secret. A short one must be a word, or it would be found in
/// every sentence.
fn is_at(text: &str, secret: &str, starts_word: bool) -> bool {
    let same = !secret.is_empty()
        && text.get(..secret.len()).is_some_and(|start| start.eq_ignore_ascii_case(secret));
    let ends_word = || {
        let after = text.get(secret.len()..).and_then(|rest| rest.chars().next());
        after.is_none_or(|after| !after.is_alphanumeric())
    };
    same && (secret.len() > 3 || (starts_word && ends_word()))
}

/// The mail address or phone number that the text begins with.
fn reachable(text: &str) -> Option<&str> {
    let word = text.split(|c: char| c.is_whitespace() || "\"'`<>(),;".contains(c)).next()?;
    let word = word.trim_end_matches(['.', ':', '!', '?']);
    if word.contains('@') {
        return Some(word);
    }
    let is_of_phone = |c: char| c.is_ascii_digit() || " -/().\u{a0}".contains(c);
    if let Some(number) = text.strip_prefix('+') {
        let end = number.find(|c| !is_of_phone(c)).unwrap_or(number.len());
        let number = number.get(..end)?.trim_end_matches(|c: char| !c.is_ascii_digit());
        return text.get(..=number.len()).filter(|_| digits(number) >= 5);
    }
    // A date is eight digits too.
    let is_date = word.len() >= 10 && word.as_bytes().get(4) == Some(&b'-');
    let is_number = word.chars().all(is_of_phone) && digits(word) >= 7;
    (is_number && !is_date).then_some(word)
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}
