//! Filters (RFC 7644 §3.4.2.2) as predicates over legacy columns.
//!
//! What no column carries is kept in the link, and asked of the agent's own table by `eq` and `ne`; other
//! operators have nothing to ask there, and nothing is filtered in memory: that is 400
//! `invalidFilter`, which lists what can be asked for.

mod brackets;
mod terms;

use std::sync::Arc;

use super::field::scim_text;
use super::layout::Layout;
use super::predicate::{Operand, Operator, Predicate, Subject};
use crate::scim::filter::{AttrExp, AttrPath, CompValue, CompareOp, Condition as Asked, typed};
use crate::scim::{AttributePath, Error, Filter, Resolved, ResourceType};
use terms::{Condition, any, compare, field, filterable, kept, mapped, membership, null, unknown};

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
    of_name(layout, kind, CompareOp::Eq, name)
}

/// The predicate "the matching attribute has this text in it".
///
/// # Errors
/// As [`matching_name`].
pub fn name_with(layout: &Layout, kind: ResourceType, text: &str) -> Result<Predicate, Error> {
    of_name(layout, kind, CompareOp::Co, text)
}

fn of_name(
    layout: &Layout,
    kind: ResourceType,
    operator: CompareOp,
    text: &str,
) -> Result<Predicate, Error> {
    let attribute_of = AttrPath::new(kind, kind.name_attribute());
    let value = CompValue::Str(text.to_owned());
    attribute(layout, kind, &AttrExp::Comparison(attribute_of, operator, value))
}

/// The same filter to the letter, where it asks for a name by `eq` and for nothing else: a row that has the
/// very spelling is the answer alone.
pub fn spelled(kind: ResourceType, filter: &Filter, predicate: &Predicate) -> Option<Predicate> {
    let Filter::Is(Asked::Attr(AttrExp::Comparison(_, CompareOp::Eq, _))) = filter else {
        return None;
    };
    match predicate {
        Predicate::Compare(Subject::Field(field), Operator::Equal, Operand::Folded(text))
            if field.is(kind.name_attribute()) =>
        {
            let (subject, text) = (Subject::Field(Arc::clone(field)), text.clone());
            Some(Predicate::Compare(subject, Operator::Equal, Operand::Exact(text)))
        }
        _ => None,
    }
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

fn test(
    layout: &Layout,
    kind: ResourceType,
    resolved: Resolved,
    condition: Condition<'_>,
) -> Result<Predicate, Error> {
    match (kind, resolved.attribute.name) {
        (ResourceType::Group, "members") | (ResourceType::User, "groups") => {
            return membership(layout, kind, resolved, condition);
        }
        _ => {}
    }
    if let Some(subject) = own_subject(resolved) {
        return own(layout, kind, resolved, subject, condition);
    }
    let fields = mapped(layout, kind, resolved);
    let whole = fields.iter().any(|field| field.path.element().is_none());
    let in_columns = if fields.is_empty() {
        brackets::of_type(layout, kind, resolved, condition)
    } else {
        let tests = fields.into_iter().map(|it| field(kind, it, condition));
        tests.collect::<Result<_, _>>().map(any)
    };
    let Some((operator @ (CompareOp::Eq | CompareOp::Ne), value)) = condition.filter(|_| !whole)
    else {
        return in_columns;
    };
    let Some(kept) = kept(kind, resolved, None, value)? else { return in_columns };
    Ok(match (operator, in_columns) {
        (CompareOp::Eq, Ok(in_columns)) => any(vec![in_columns, kept]),
        (CompareOp::Eq, Err(_)) => kept,
        (_, Ok(in_columns)) => Predicate::All(vec![in_columns, Predicate::Not(Box::new(kept))]),
        (_, Err(_)) => Predicate::Not(Box::new(kept)),
    })
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
        let time = terms::time(resolved, &text)?;
        let touch = &layout.resource(kind).touch;
        let stamped = if subject == Subject::Created {
            touch.created.first()
        } else {
            touch.modified.first()
        };
        let operand = match stamped {
            Some(stamped) => terms::as_held(&stamped.times, time),
            None => Operand::Time(time),
        };
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
