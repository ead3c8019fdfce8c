//! Filters (RFC 7644 §3.4.2.2) as predicates over legacy columns.
//!
//! What no column carries can't be asked of the database, and nothing is filtered in memory: such
//! an attribute is 400 `invalidFilter`, which lists those that can be asked for.

mod brackets;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::cell::Cell;
use super::field::{Encoding, Field, scim_text};
use super::layout::Layout;
use super::predicate::{Operand, Operator, Predicate, Subject};
use crate::profile::catalogue::Kind;
use crate::scim::filter::{AttrExp, AttrPath, CompValue, CompareOp, Condition as Asked, typed};
use crate::scim::{AttributeKind, AttributePath, Error, Filter, Resolved, ResourceType, fold};

/// Compiles a filter for one resource type.
///
/// # Errors
/// 400 `invalidFilter`.
pub fn predicate(layout: &Layout, kind: ResourceType, filter: &Filter) -> Result<Predicate, Error> {
    let all = |items: &[Filter]| -> Result<Vec<Predicate>, Error> {
        items.iter().map(|item| predicate(layout, kind, item)).collect()
    };
    Ok(match filter {
        Filter::And(items) => Predicate::All(all(items)?),
        Filter::Or(items) => Predicate::Any(all(items)?),
        Filter::Not(inner) => Predicate::Not(Box::new(predicate(layout, kind, inner)?)),
        Filter::Is(Asked::Attr(expression)) => attribute(layout, kind, expression)?,
        Filter::Is(Asked::ValuePath(path)) => brackets::value_path(layout, kind, path)?,
    })
}

/// The predicate "the matching attribute equals this name": userName or displayName.
///
/// # Errors
/// 400 `invalidFilter` when the profile maps none, which its parser prevents.
pub fn matching_name(layout: &Layout, kind: ResourceType, name: &str) -> Result<Predicate, Error> {
    let name_attribute = AttrPath::new(kind, kind.name_attribute());
    let value = CompValue::Str(name.to_owned());
    attribute(layout, kind, &AttrExp::Comparison(name_attribute, CompareOp::Eq, value))
}

/// What a resource is sorted by.
///
/// # Errors
/// 400 `invalidValue` for what no column carries.
pub fn sort_field(
    layout: &Layout,
    kind: ResourceType,
    by: &AttributePath,
) -> Result<Subject, Error> {
    let refused = || {
        Error::invalid_value(format!(
            "sortBy: `{by}` can't be sorted by; {} can",
            filterable(layout, kind)
        ))
    };
    if let Some(own) = own_subject(by.resolved()) {
        return Ok(own);
    }
    let field = layout.resource(kind).field(by).cloned();
    field.map(Subject::Field).ok_or_else(refused)
}

fn attribute(layout: &Layout, kind: ResourceType, it: &AttrExp) -> Result<Predicate, Error> {
    let (path, condition) = match it {
        AttrExp::Present(path) => (path, None),
        AttrExp::Comparison(path, operator, value) => (path, Some((*operator, value))),
    };
    let resolved = path.resolved().map_err(|error| unknown(layout, kind, &error))?;
    test(layout, kind, resolved, condition)
}

/// An operator and its value; `None` asks whether the attribute is there.
type Condition<'a> = Option<(CompareOp, &'a CompValue)>;

fn test(
    layout: &Layout,
    kind: ResourceType,
    resolved: Resolved,
    condition: Condition<'_>,
) -> Result<Predicate, Error> {
    match (kind, resolved.attribute.name) {
        (ResourceType::Group, "members") | (ResourceType::User, "groups") => {
            return edge(layout, kind, resolved, condition);
        }
        _ => {}
    }
    if let Some(subject) = own_subject(resolved) {
        return own(layout, kind, resolved, subject, condition);
    }
    let fields = mapped(layout, kind, resolved);
    if fields.is_empty() {
        return brackets::of_type(layout, kind, resolved, condition);
    }
    let tests: Result<Vec<Predicate>, Error> =
        fields.into_iter().map(|it| field(kind, it, condition)).collect();
    Ok(any(tests?))
}

fn any(mut tests: Vec<Predicate>) -> Predicate {
    match tests.len() {
        1 => tests.remove(0),
        _ => Predicate::Any(tests),
    }
}

fn edge(
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

/// Attributes that the agent itself carries.
fn own_subject(resolved: Resolved) -> Option<Subject> {
    if resolved.schema.is_some() {
        return None;
    }
    match (resolved.attribute.name, resolved.sub.map(|sub| sub.name)) {
        ("id", None) => Some(Subject::Key),
        ("externalId", None) => Some(Subject::ExternalId),
        ("meta", Some("created")) => Some(Subject::Created),
        ("meta", Some("lastModified")) => Some(Subject::Modified),
        _ => None,
    }
}

fn own(
    layout: &Layout,
    kind: ResourceType,
    resolved: Resolved,
    subject: Subject,
    condition: Condition<'_>,
) -> Result<Predicate, Error> {
    let Some((operator, value)) = condition else {
        return Ok(match subject {
            Subject::Key => Predicate::Always,
            subject => Predicate::Present(subject),
        });
    };
    let value = typed(resolved, value)?;
    if value.is_null() {
        return null(operator, Predicate::Present(subject), resolved);
    }
    let text = scim_text(&value);
    if matches!(subject, Subject::Created | Subject::Modified) {
        let time = DateTime::parse_from_rfc3339(&text).map_err(|_| {
            Error::invalid_filter(format!("`{resolved}`: `{text}` is no time of RFC 3339"))
        })?;
        let operand = Operand::Time(time.with_timezone(&Utc).naive_utc());
        return compare(subject, operator, operand, resolved);
    }
    match (&subject, operator) {
        (Subject::Key, CompareOp::Eq) => {
            Ok(layout.key(kind, &text).map_or(Predicate::Never, Predicate::IsKey))
        }
        (Subject::Key, CompareOp::Ne) => Ok(Predicate::Not(Box::new(
            layout.key(kind, &text).map_or(Predicate::Never, Predicate::IsKey),
        ))),
        _ => compare(subject, operator, Operand::Exact(text), resolved),
    }
}

/// Mapped attributes that a resolved name means: several where a multi-valued attribute has several
/// mapped elements.
fn mapped(layout: &Layout, kind: ResourceType, resolved: Resolved) -> Vec<&Arc<Field>> {
    let fields = layout.resource(kind).fields.iter();
    fields.filter(|field| field.path.resolved() == resolved).collect()
}

fn field(
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
        (_, AttributeKind::DateTime) if field.column.kind == Kind::Timestamp => {
            let text = scim_text(&value);
            let time = DateTime::parse_from_rfc3339(&text).map_err(|_| {
                Error::invalid_filter(format!("`{resolved}`: `{text}` is no time of RFC 3339"))
            })?;
            Operand::Time(time.with_timezone(&Utc).naive_utc())
        }
        _ if attribute.case_exact && !field.is(kind.name_attribute()) => {
            Operand::Exact(scim_text(&value))
        }
        _ => Operand::Folded(scim_text(&value)),
    };
    if operand == Operand::Folded(String::new()) && operator == CompareOp::Eq {
        // Empty text reads as absent.
        return Ok(Predicate::Never);
    }
    compare(subject, operator, operand, resolved)
}

/// Which of an attribute's few values satisfy the condition; for `ne`, which it excludes.
fn chosen<'a>(
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

fn negated(condition: Condition<'_>, test: Predicate) -> Predicate {
    match condition {
        Some((CompareOp::Ne, CompValue::Null)) => test,
        Some((CompareOp::Eq, CompValue::Null) | (CompareOp::Ne, _)) => {
            Predicate::Not(Box::new(test))
        }
        _ => test,
    }
}

/// `eq null` asks for resources without the attribute, `ne null` for those with it.
fn null(operator: CompareOp, present: Predicate, resolved: Resolved) -> Result<Predicate, Error> {
    match operator {
        CompareOp::Eq => Ok(Predicate::Not(Box::new(present))),
        CompareOp::Ne => Ok(present),
        _ => Err(Error::invalid_filter(format!("`{resolved}`: null compares by eq and ne alone"))),
    }
}

fn compare(
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
fn unknown(layout: &Layout, kind: ResourceType, error: &Error) -> Error {
    let names = filterable(layout, kind);
    Error::invalid_filter(format!("{}; {names} can be asked for", error.detail))
}

fn unmapped(layout: &Layout, kind: ResourceType, resolved: Resolved) -> Error {
    Error::invalid_filter(format!(
        "`{resolved}` can't be filtered by here; {} can",
        filterable(layout, kind)
    ))
}

fn filterable(layout: &Layout, kind: ResourceType) -> String {
    let mut names: Vec<String> =
        layout.resource(kind).fields.iter().map(|field| field.name.clone()).collect();
    names.extend(["id", "externalId", "meta.created", "meta.lastModified"].map(str::to_owned));
    names.push(match kind {
        ResourceType::User => "groups.value".to_owned(),
        ResourceType::Group => "members.value".to_owned(),
    });
    names.join(", ")
}
