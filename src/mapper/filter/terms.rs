//! One term of a filter: an attribute, and what is asked of it, as a predicate over its field. What the
//! filter as a whole is made of lies above.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use crate::mapper::cell::Cell;
use crate::mapper::field::{Encoding, Field, formed, scim_text};
use crate::mapper::kept_values::{Token, can_be_kept};
use crate::mapper::layout::Layout;
use crate::mapper::predicate::{Operand, Operator, Predicate, Subject};
use crate::mapper::times::Times;
use crate::scim::filter::{CompValue, CompareOp, typed};
use crate::scim::{AttributeKind, Error, Resolved, ResourceType, fold};

/// An operator and its value; `None` asks whether the attribute is there.
pub(super) type Condition<'a> = Option<(CompareOp, &'a CompValue)>;

pub(super) fn any(mut tests: Vec<Predicate>) -> Predicate {
    match tests.len() {
        1 => tests.remove(0),
        _ => Predicate::Any(tests),
    }
}

pub(super) fn membership(
    layout: &Layout,
    kind: ResourceType,
    resolved: Resolved,
    condition: Condition<'_>,
) -> Result<Predicate, Error> {
    let other = match kind {
        ResourceType::User => ResourceType::Group,
        ResourceType::Group => ResourceType::User,
    };
    let of = |key: Option<Cell>| match kind {
        ResourceType::User => Predicate::InGroup(key),
        ResourceType::Group => Predicate::HasMember(key),
    };
    if resolved.sub.is_some_and(|sub| sub.name != "value") {
        return Err(unmapped(layout, kind, resolved));
    }
    let Some((operator, value)) = condition else { return Ok(of(None)) };
    let id = match value {
        CompValue::Null => return null(operator, of(None), resolved),
        CompValue::Str(text) => text.clone(),
        CompValue::Number(number) => number.to_string(),
        CompValue::Bool(_) => String::new(),
    };
    let member = layout.key(other, &id).map_or(Predicate::Never, |key| of(Some(key)));
    match operator {
        CompareOp::Eq => Ok(member),
        CompareOp::Ne => Ok(Predicate::Not(Box::new(member))),
        _ => Err(Error::invalid_filter(format!("`{resolved}` compares by `eq` and `ne` alone"))),
    }
}

/// Mapped attributes that a resolved name means: several where a multi-valued attribute has several
/// mapped elements.
pub(super) fn mapped(layout: &Layout, kind: ResourceType, resolved: Resolved) -> Vec<&Arc<Field>> {
    let fields = layout.resource(kind).fields.iter();
    fields.filter(|field| field.path.resolved() == resolved).collect()
}

/// That the link keeps this value of an attribute; `None` where it keeps no such attribute.
pub(super) fn kept(
    kind: ResourceType,
    resolved: Resolved,
    element: Option<&str>,
    value: &CompValue,
) -> Result<Option<Predicate>, Error> {
    if !can_be_kept(kind, resolved) {
        return Ok(None);
    }
    let value = typed(resolved, value)?;
    if value.is_null() {
        return Ok(None);
    }
    Ok(Some(Predicate::Kept(Token::of(resolved, element, &value))))
}

pub(super) fn field(
    kind: ResourceType,
    field: &Arc<Field>,
    condition: Condition<'_>,
) -> Result<Predicate, Error> {
    let resolved = field.path.resolved();
    let one_of = |cells| Predicate::OneOf(Arc::clone(field), cells);
    if let Encoding::Values { pairs, .. } = &field.encoding {
        let chosen = chosen(resolved, pairs.iter().map(|(scim, _)| scim.as_str()), condition)?;
        let legacy: Vec<Cell> = pairs
            .iter()
            .filter(|(scim, _)| chosen.contains(&scim.as_str()))
            .map(|(_, legacy)| Cell::of(legacy, chrono::NaiveDateTime::default()))
            .collect();
        return Ok(negated(condition, one_of(legacy)));
    }
    let attribute = field.path.definition();
    if attribute.kind == AttributeKind::Boolean {
        let chosen = chosen(resolved, ["true", "false"].into_iter(), condition)?;
        if matches!(field.encoding, Encoding::Switch(_) | Encoding::Row(_)) {
            let subject = Subject::Field(Arc::clone(field));
            let on = |text: &&str| {
                let on = Operand::Int(i64::from(*text == "true"));
                Predicate::Compare(subject.clone(), Operator::Equal, on)
            };
            let tests: Vec<Predicate> = chosen.iter().map(on).collect();
            let test = if tests.is_empty() { Predicate::Never } else { any(tests) };
            return Ok(negated(condition, test));
        }
        let cells = chosen.iter().map(|text| Cell::Bool(*text == "true")).collect();
        return Ok(negated(condition, one_of(cells)));
    }
    let subject = Subject::Field(Arc::clone(field));
    let Some((operator, value)) = condition else { return Ok(Predicate::Present(subject)) };
    let value = typed(resolved, value)?;
    let operand = match (&value, attribute.kind) {
        (Value::Null, _) => return null(operator, Predicate::Present(subject), resolved),
        (Value::Number(number), _) => Operand::Int(number.as_i64().ok_or_else(|| {
            Error::invalid_filter(format!("`{resolved}`: {number} is no whole number"))
        })?),
        (_, AttributeKind::DateTime) if matches!(field.encoding, Encoding::Time(_)) => {
            let time = time(resolved, &scim_text(&value))?;
            match &field.encoding {
                Encoding::Time(times) => as_held(times, time),
                _ => Operand::Time(time),
            }
        }
        _ if attribute.case_exact && !field.is(kind.name_attribute()) => {
            Operand::Exact(scim_text(&value))
        }
        _ => match &field.encoding {
            Encoding::Formed(form) => Operand::Folded(formed(*form, &scim_text(&value))),
            _ => Operand::Folded(scim_text(&value)),
        },
    };
    if operand == Operand::Folded(String::new()) && operator == CompareOp::Eq {
        // Empty text reads as absent.
        return Ok(Predicate::Never);
    }
    compare(subject, operator, operand, resolved)
}

/// A filter's time, in UTC.
pub(super) fn time(resolved: Resolved, text: &str) -> Result<NaiveDateTime, Error> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| {
        Error::invalid_filter(format!("`{resolved}`: `{text}` is no time of RFC 3339"))
    })?;
    Ok(time.with_timezone(&Utc).naive_utc())
}

/// A time in the form in which its column is compared.
pub(super) fn as_held(times: &Times, time: NaiveDateTime) -> Operand {
    match times.write(time) {
        Cell::Int(number) => Operand::Int(number),
        Cell::Text(text) => Operand::Exact(text),
        _ => Operand::Time(times.shown(time)),
    }
}

/// Which of an attribute's few values satisfy the condition; for `ne`, which it excludes.
pub(super) fn chosen<'a>(
    resolved: Resolved,
    values: impl Iterator<Item = &'a str>,
    condition: Condition<'_>,
) -> Result<Vec<&'a str>, Error> {
    let Some((operator, value)) = condition else { return Ok(values.collect()) };
    let value = typed(resolved, value)?;
    if value.is_null() {
        // `eq null` is "not any of them", `ne null` "any of them": see `negated`.
        return Ok(values.collect());
    }
    if resolved.leaf().kind == AttributeKind::Boolean
        && !matches!(operator, CompareOp::Eq | CompareOp::Ne)
    {
        // RFC 7644 §3.4.2.2: booleans have no order.
        return Err(Error::invalid_filter(format!(
            "`{resolved}` is boolean and compares by `eq` and `ne` alone"
        )));
    }
    let wanted = fold(&scim_text(&value));
    Ok(values
        .filter(|candidate| {
            let candidate = fold(candidate);
            match operator {
                CompareOp::Eq | CompareOp::Ne => candidate == wanted,
                CompareOp::Co => candidate.contains(&wanted),
                CompareOp::Sw => candidate.starts_with(&wanted),
                CompareOp::Ew => candidate.ends_with(&wanted),
                CompareOp::Gt => candidate > wanted,
                CompareOp::Ge => candidate >= wanted,
                CompareOp::Lt => candidate < wanted,
                CompareOp::Le => candidate <= wanted,
            }
        })
        .collect())
}

pub(super) fn negated(condition: Condition<'_>, test: Predicate) -> Predicate {
    match condition {
        Some((CompareOp::Ne, CompValue::Null)) => test,
        Some((CompareOp::Eq, CompValue::Null) | (CompareOp::Ne, _)) => {
            Predicate::Not(Box::new(test))
        }
        _ => test,
    }
}

/// `eq null` asks for resources without the attribute, `ne null` for those with it.
pub(super) fn null(
    operator: CompareOp,
    present: Predicate,
    resolved: Resolved,
) -> Result<Predicate, Error> {
    match operator {
        CompareOp::Eq => Ok(Predicate::Not(Box::new(present))),
        CompareOp::Ne => Ok(present),
        _ => Err(Error::invalid_filter(format!("`{resolved}`: null compares by eq and ne alone"))),
    }
}

pub(super) fn compare(
    subject: Subject,
    operator: CompareOp,
    operand: Operand,
    resolved: Resolved,
) -> Result<Predicate, Error> {
    let text = match &operand {
        Operand::Folded(text) | Operand::Exact(text) => Some(text.as_str()),
        Operand::Int(_) | Operand::Time(_) => None,
    };
    let textual = text.is_some();
    // Empty text reads as absent, and would pass these.
    let present = (textual && matches!(operator, CompareOp::Lt | CompareOp::Le)
        || text == Some("") && !matches!(operator, CompareOp::Eq | CompareOp::Ne))
    .then(|| Predicate::Present(subject.clone()));
    let operator = match operator {
        CompareOp::Eq => Operator::Equal,
        CompareOp::Ne => {
            let equal = Predicate::Compare(subject, Operator::Equal, operand);
            return Ok(Predicate::Not(Box::new(equal)));
        }
        CompareOp::Gt => Operator::Greater,
        CompareOp::Ge => Operator::GreaterOrEqual,
        CompareOp::Lt => Operator::Less,
        CompareOp::Le => Operator::LessOrEqual,
        CompareOp::Co if textual => Operator::Contains,
        CompareOp::Sw if textual => Operator::StartsWith,
        CompareOp::Ew if textual => Operator::EndsWith,
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => {
            return Err(Error::invalid_filter(format!(
                "`{resolved}` is no text: co, sw and ew don't apply"
            )));
        }
    };
    let compared = Predicate::Compare(subject, operator, operand);
    Ok(match present {
        Some(present) => Predicate::All(vec![present, compared]),
        None => compared,
    })
}

/// An attribute that the schema doesn't know.
pub(super) fn unknown(layout: &Layout, kind: ResourceType, error: &Error) -> Error {
    let names = filterable(layout, kind);
    Error::invalid_filter(format!("{}; {names} can be asked for", error.detail))
}

pub(super) fn unmapped(layout: &Layout, kind: ResourceType, resolved: Resolved) -> Error {
    Error::invalid_filter(format!(
        "`{resolved}` can't be filtered by here; {} can, and what no column carries by `eq` and `ne`",
        filterable(layout, kind)
    ))
}

pub(super) fn filterable(layout: &Layout, kind: ResourceType) -> String {
    let mut names: Vec<String> =
        layout.resource(kind).fields.iter().map(|field| field.name.clone()).collect();
    names.extend(["id", "externalId", "meta.created", "meta.lastModified"].map(str::to_owned));
    names.push(match kind {
        ResourceType::User => "groups.value".to_owned(),
        ResourceType::Group => "members.value".to_owned(),
    });
    names.join(", ")
}
