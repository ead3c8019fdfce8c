//! Elements of multi-valued complex attributes: does a value filter (RFC 7644 §3.5.2) pick one, and
//! what does a filter say of an element that would satisfy it. Works on JSON alone.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::filter::{AttrExp, CompValue, CompareOp, ValFilter};
use super::fold::fold;
use super::schema::{Attribute, AttributeKind};

/// Whether the element's `type` is this one; `folded` is already folded.
pub(super) fn has_type(element: &Value, folded: &str) -> bool {
    element.get("type").and_then(Value::as_str).is_some_and(|own| fold(own) == folded)
}

/// The element's `type`, folded; empty when it has none.
pub(super) fn folded_type(element: &Value) -> String {
    element.get("type").and_then(Value::as_str).map(fold).unwrap_or_default()
}

/// Whether nothing but its label is left of an element.
pub(super) fn is_empty(element: &Value) -> bool {
    element.as_object().is_none_or(|parts| {
        parts.iter().all(|(name, value)| value.is_null() || name == "type" || name == "primary")
    })
}

/// What tells an element from others: its value with its type, where it has a value (RFC 7643 §2.4),
/// else all that it says.
pub(super) fn identity(element: &Value) -> String {
    match element.get("value").filter(|value| !value.is_null()) {
        Some(value) => format!("{value} {}", folded_type(element)),
        None => element.to_string(),
    }
}

/// Makes elements of one value and type one, which says what any of them says: the first has the word
/// on what several say, but for `primary`.
pub(super) fn unify(items: &mut Vec<Value>) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        let at = *first.entry(identity(&item)).or_insert(kept.len());
        let (Some(Value::Object(own)), Value::Object(more)) = (kept.get_mut(at), &item) else {
            kept.push(item);
            continue;
        };
        for (name, value) in more {
            if value == &Value::Bool(true) || own.get(name).is_none_or(Value::is_null) {
                own.insert(name.clone(), value.clone());
            }
        }
    }
    *items = kept;
}

/// `x` when the filter is `type eq "x"` and nothing else.
pub(super) fn simple_type(filter: &ValFilter) -> Option<&str> {
    match filter {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(text)))
            if path.sub().is_some_and(|sub| sub.name == "type") =>
        {
            Some(text)
        }
        _ => None,
    }
}

/// `x` when a filter picks nothing but elements of the type `x`, whatever else it asks.
pub(super) fn needed_type(filter: &ValFilter) -> Option<&str> {
    match filter {
        ValFilter::And(all) => all.iter().find_map(needed_type),
        _ => simple_type(filter),
    }
}

/// Whether a filter picks by an element's label alone: `type eq "x"`, `primary eq true`, or both.
pub(super) fn by_label(filter: &ValFilter) -> bool {
    match filter {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, _)) => {
            path.sub().is_some_and(|sub| matches!(sub.name, "type" | "primary"))
        }
        ValFilter::And(all) => all.iter().all(by_label),
        _ => false,
    }
}

/// The element that satisfies a filter made of `eq` and `and` alone; `None` for any other, since
/// what would satisfy it is anyone's guess.
pub(super) fn implied(filter: &ValFilter) -> Option<Map<String, Value>> {
    let mut element = Map::new();
    imply(filter, &mut element)?;
    Some(element)
}

fn imply(filter: &ValFilter, into: &mut Map<String, Value>) -> Option<()> {
    match filter {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, value)) => {
            let sub = path.sub()?;
            let value = match (sub.kind, value) {
                (AttributeKind::Boolean, value) => Value::Bool(value.as_bool()?),
                (_, CompValue::Str(text)) => Value::String(text.clone()),
                (_, CompValue::Number(number)) => Value::String(number.to_string()),
                _ => return None,
            };
            match into.insert(sub.name.to_owned(), value.clone()) {
                Some(before) if before != value => None,
                _ => Some(()),
            }
        }
        ValFilter::And(all) => all.iter().try_for_each(|one| imply(one, into)),
        _ => None,
    }
}

/// Whether `element` satisfies `filter`.
pub fn matches(filter: &ValFilter, element: &Value) -> bool {
    match filter {
        ValFilter::Is(condition) => matches_one(condition, element),
        ValFilter::Not(inner) => !matches(inner, element),
        ValFilter::And(all) => all.iter().all(|one| matches(one, element)),
        ValFilter::Or(any) => any.iter().any(|one| matches(one, element)),
    }
}

/// Whether `element` satisfies one condition; none does where the name isn't known.
pub fn matches_one(condition: &AttrExp, element: &Value) -> bool {
    let Some(sub) = condition.path().sub() else { return false };
    let own = element.get(sub.name).filter(|value| !value.is_null());
    match condition {
        AttrExp::Present(_) => own.is_some_and(|value| value != ""),
        AttrExp::Comparison(_, op, wanted) => compare(sub, own, *op, wanted),
    }
}

fn compare(sub: &Attribute, own: Option<&Value>, op: CompareOp, wanted: &CompValue) -> bool {
    match op {
        CompareOp::Eq => equals(sub, own, wanted),
        // What has no value is not equal to any (RFC 7644 §3.4.2.2).
        CompareOp::Ne => !equals(sub, own, wanted),
        _ => {
            let (Some(Value::String(own)), CompValue::Str(wanted)) = (own, wanted) else {
                return false;
            };
            let (own, wanted) = (comparable(sub, own), comparable(sub, wanted));
            match op {
                CompareOp::Co => own.contains(&wanted),
                CompareOp::Sw => own.starts_with(&wanted),
                CompareOp::Ew => own.ends_with(&wanted),
                CompareOp::Gt => own.cmp(&wanted) == Ordering::Greater,
                CompareOp::Ge => own.cmp(&wanted) != Ordering::Less,
                CompareOp::Lt => own.cmp(&wanted) == Ordering::Less,
                CompareOp::Le => own.cmp(&wanted) != Ordering::Greater,
                CompareOp::Eq | CompareOp::Ne => false,
            }
        }
    }
}

fn equals(sub: &Attribute, own: Option<&Value>, wanted: &CompValue) -> bool {
    match (own, wanted) {
        (None, CompValue::Null) => true,
        // An element that doesn't say it is primary isn't (RFC 7643 §2.4).
        (None, wanted) => sub.kind == AttributeKind::Boolean && wanted.as_bool() == Some(false),
        (Some(Value::Bool(own)), wanted) => wanted.as_bool() == Some(*own),
        (Some(Value::String(own)), CompValue::Str(wanted)) => {
            comparable(sub, own) == comparable(sub, wanted)
        }
        (Some(Value::String(own)), CompValue::Number(wanted)) => *own == wanted.to_string(),
        (Some(Value::Number(own)), CompValue::Number(wanted)) => own == wanted,
        _ => false,
    }
}

fn comparable(sub: &Attribute, text: &str) -> String {
    if sub.case_exact { text.to_owned() } else { fold(text) }
}
