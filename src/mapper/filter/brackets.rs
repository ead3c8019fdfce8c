//! Value filters, `emails[type eq "work" and not (value co "x")]`: what they ask of one element.
//!
//! An element lies in the columns that the profile maps its parts to; its `type` is a constant of
//! the profile. What is asked holds of one and the same element, which is there when any of its
//! parts has a value, as [`crate::scim::elements::matches`] has it of an element at hand.

use std::sync::Arc;

use serde_json::json;

use super::terms::{Condition, any, field, kept, mapped, membership, unknown, unmapped};
use crate::mapper::field::Field;
use crate::mapper::layout::Layout;
use crate::mapper::predicate::Predicate;
use crate::scim::filter::{AttrExp, AttrPath, CompValue, CompareOp, ValFilter, ValuePath, typed};
use crate::scim::{
    AttributeKind, AttributePath, Error, Resolved, ResourceType, elements, fold, of_users,
};

/// `attribute[filter]`.
pub(super) fn value_path(
    layout: &Layout,
    kind: ResourceType,
    it: &ValuePath,
) -> Result<Predicate, Error> {
    let listed = |error: Error| unknown(layout, kind, &error);
    let whole = it.whole().map_err(listed)?;
    it.filter.each(&mut |term| term.path().resolved().map(|_| ()).map_err(listed))?;
    if matches!(
        (kind, whole.attribute.name),
        (ResourceType::Group, "members") | (ResourceType::User, "groups")
    ) {
        return memberships(layout, kind, whole, &it.filter);
    }
    anywhere(layout, kind, whole, &it.filter)
}

/// An element that satisfies the filter, in columns or kept.
fn anywhere(
    layout: &Layout,
    kind: ResourceType,
    whole: Resolved,
    filter: &ValFilter,
) -> Result<Predicate, Error> {
    if let ValFilter::Or(items) = filter {
        let found: Result<_, _> =
            items.iter().map(|item| anywhere(layout, kind, whole, item)).collect();
        return Ok(any(found?));
    }
    let in_columns = satisfying(layout, kind, whole, filter);
    match (in_columns, element_kept(layout, kind, filter)?) {
        (in_columns, None) => in_columns,
        (Ok(in_columns), Some(kept)) => Ok(any(vec![in_columns, kept])),
        (Err(_), Some(kept)) => Ok(kept),
    }
}

/// What the link can be asked of its elements: one part, alone or of the element of one `type`. An
/// element that columns carry is asked there alone.
fn element_kept(
    layout: &Layout,
    kind: ResourceType,
    filter: &ValFilter,
) -> Result<Option<Predicate>, Error> {
    let equal = |term: &ValFilter| match term {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, value)) => {
            Some((path.resolved(), value.clone()))
        }
        _ => None,
    };
    let is_type =
        |it: &Resolved| it.attribute.multi_valued && it.sub.is_some_and(|it| it.name == "type");
    let (of_type, (part, value)) = match filter {
        ValFilter::And(items) => {
            let [one, other] = items.as_slice() else { return Ok(None) };
            let (Some(one), Some(other)) = (equal(one), equal(other)) else { return Ok(None) };
            let (one, other) = ((one.0?, one.1), (other.0?, other.1));
            match (is_type(&one.0), is_type(&other.0)) {
                (true, false) => (Some(one.1), other),
                (false, true) => (Some(other.1), one),
                _ => return Ok(None),
            }
        }
        term => {
            let Some((part, value)) = equal(term) else { return Ok(None) };
            (None, (part?, value))
        }
    };
    let of_type = match of_type {
        Some(CompValue::Str(text)) => Some(text),
        Some(_) => return Ok(None),
        None => None,
    };
    let carried = mapped(layout, kind, part).into_iter().any(|field| {
        field.path.element().is_none()
            || field.path.element().map(fold) == of_type.as_deref().map(fold)
    });
    if carried { Ok(None) } else { kept(kind, part, of_type.as_deref(), &value) }
}

/// `emails.type eq "work"`: of all parts of an element, the one that no column holds.
pub(super) fn of_type(
    layout: &Layout,
    kind: ResourceType,
    resolved: Resolved,
    condition: Condition<'_>,
) -> Result<Predicate, Error> {
    if resolved.sub.is_none_or(|sub| sub.name != "type") {
        return Err(unmapped(layout, kind, resolved));
    }
    let whole = resolved.with_sub(None);
    let path = AttrPath::part(Some(whole), "type");
    let asked = |operator: CompareOp, value: &CompValue| {
        let term = AttrExp::Comparison(path.clone(), operator, value.clone());
        satisfying(layout, kind, whole, &ValFilter::Is(term))
    };
    let there = || satisfying(layout, kind, whole, &ValFilter::Is(AttrExp::Present(path.clone())));
    Ok(match condition {
        None | Some((CompareOp::Ne, CompValue::Null)) => there()?,
        Some((CompareOp::Eq, CompValue::Null)) => Predicate::Not(Box::new(there()?)),
        // As for every attribute of several values: none of them is that one.
        Some((CompareOp::Ne, value)) => Predicate::Not(Box::new(asked(CompareOp::Eq, value)?)),
        Some((operator, value)) => asked(operator, value)?,
    })
}

/// What an attribute's mapped columns hold, element by element; a complex attribute of one value is
/// one element without a type.
fn satisfying(
    layout: &Layout,
    kind: ResourceType,
    whole: Resolved,
    filter: &ValFilter,
) -> Result<Predicate, Error> {
    let mut elements: Vec<Element<'_>> = Vec::new();
    for part in &layout.resource(kind).fields {
        if part.path.resolved().with_sub(None) != whole {
            continue;
        }
        let folded = part.path.element().map(fold);
        if let Some(it) = elements.iter_mut().find(|it| it.of_type.map(fold) == folded) {
            it.parts.push(part);
        } else {
            let (of_type, parts) = (part.path.element(), vec![part]);
            elements.push(Element { kind, of_type, parts });
        }
    }
    if elements.is_empty() {
        return Err(unmapped(layout, kind, whole));
    }
    filter.each(&mut |term| can_be_asked(layout, kind, whole, &elements, term))?;
    let found: Result<Vec<_>, _> = elements.iter().map(|it| it.satisfies(filter)).collect();
    Ok(any(found?))
}

/// What no column carries can't be asked of columns: a part that no element maps, an element of a type
/// that isn't mapped.
fn can_be_asked(
    layout: &Layout,
    kind: ResourceType,
    whole: Resolved,
    elements: &[Element<'_>],
    term: &AttrExp,
) -> Result<(), Error> {
    let part = term.path().resolved()?;
    let is_type = part.sub.is_some_and(|sub| sub.name == "type");
    if !is_type {
        let known = !mapped(layout, kind, part).is_empty();
        return if known { Ok(()) } else { Err(unmapped(layout, kind, part)) };
    }
    if let AttrExp::Comparison(_, CompareOp::Eq | CompareOp::Ne, CompValue::Str(wanted)) = term
        && !elements.iter().any(|it| it.of_type.map(fold) == Some(fold(wanted)))
    {
        let element = AttributePath::of_element(whole, wanted);
        return Err(Error::invalid_filter(format!(
            "`{element}`: {}",
            unmapped(layout, kind, whole).detail
        )));
    }
    Ok(())
}

/// One element of an attribute, as it lies in its columns.
struct Element<'l> {
    kind: ResourceType,
    of_type: Option<&'l str>,
    parts: Vec<&'l Arc<Field>>,
}

impl Element<'_> {
    fn satisfies(&self, filter: &ValFilter) -> Result<Predicate, Error> {
        let found = self.holds(filter)?;
        if implies_a_value(&found) || found == Predicate::Never {
            return Ok(found);
        }
        let parts: Result<Vec<_>, _> = self.parts.iter().map(|it| self.part(it, None)).collect();
        let there = any(parts?);
        Ok(match found {
            Predicate::Always => there,
            found => Predicate::All(vec![there, found]),
        })
    }

    fn holds(&self, filter: &ValFilter) -> Result<Predicate, Error> {
        let all = |items: &[ValFilter]| -> Result<Vec<Predicate>, Error> {
            items.iter().map(|item| self.holds(item)).collect()
        };
        Ok(match filter {
            ValFilter::And(items) => conjunction(all(items)?),
            ValFilter::Or(items) => disjunction(all(items)?),
            ValFilter::Not(inner) => match self.holds(inner)? {
                Predicate::Always => Predicate::Never,
                Predicate::Never => Predicate::Always,
                inner => Predicate::Not(Box::new(inner)),
            },
            ValFilter::Is(term) => self.term(term)?,
        })
    }

    fn term(&self, term: &AttrExp) -> Result<Predicate, Error> {
        let part = term.path().resolved()?;
        let condition = match term {
            AttrExp::Present(_) => None,
            AttrExp::Comparison(_, operator, value) => {
                typed(part, value)?;
                Some((*operator, value))
            }
        };
        if let Some(found) = self.parts.iter().find(|it| it.path.resolved() == part) {
            return self.part(found, condition);
        }
        // The type, or a part that another element has and this one hasn't: the same in every row.
        let constant = json!({ "type": self.of_type });
        Ok(if elements::matches_one(term, &constant) {
            Predicate::Always
        } else {
            Predicate::Never
        })
    }

    fn part(&self, part: &Arc<Field>, condition: Condition<'_>) -> Result<Predicate, Error> {
        // RFC 7643 §2.4: an element that doesn't say it is primary isn't.
        let boolean = part.path.definition().kind == AttributeKind::Boolean;
        if let (true, Some((operator @ (CompareOp::Eq | CompareOp::Ne), value))) =
            (boolean, condition)
            && typed(part.path.resolved(), value)? == false
        {
            let other = if operator == CompareOp::Eq { CompareOp::Ne } else { CompareOp::Eq };
            let condition = Some((other, &CompValue::Bool(true)));
            return field(self.kind, part, condition);
        }
        field(self.kind, part, condition)
    }
}

fn conjunction(items: Vec<Predicate>) -> Predicate {
    if items.contains(&Predicate::Never) {
        return Predicate::Never;
    }
    let mut items: Vec<_> = items.into_iter().filter(|it| *it != Predicate::Always).collect();
    match items.len() {
        0 => Predicate::Always,
        1 => items.remove(0),
        _ => Predicate::All(items),
    }
}

fn disjunction(items: Vec<Predicate>) -> Predicate {
    if items.contains(&Predicate::Always) {
        return Predicate::Always;
    }
    let items: Vec<_> = items.into_iter().filter(|it| *it != Predicate::Never).collect();
    if items.is_empty() { Predicate::Never } else { any(items) }
}

/// Whether the predicate is true only where some column has a value.
fn implies_a_value(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Compare(..) | Predicate::Present(_) | Predicate::OneOf(..) => true,
        Predicate::All(items) => items.iter().any(implies_a_value),
        Predicate::Any(items) => items.iter().all(implies_a_value),
        _ => false,
    }
}

/// Memberships: only the id of the other end can be asked for.
fn memberships(
    layout: &Layout,
    kind: ResourceType,
    whole: Resolved,
    filter: &ValFilter,
) -> Result<Predicate, Error> {
    match filter {
        ValFilter::And(items)
            if kind == ResourceType::Group
                && let Some(only) = of_users(items) =>
        {
            memberships(layout, kind, whole, only)
        }
        // `members[a and b]` asks for one element with both; on ids only `or` means something.
        ValFilter::Or(items) => {
            let found: Result<_, _> =
                items.iter().map(|item| memberships(layout, kind, whole, item)).collect();
            Ok(Predicate::Any(found?))
        }
        ValFilter::Is(
            AttrExp::Present(path) | AttrExp::Comparison(path, CompareOp::Ne, CompValue::Null),
        ) => membership(layout, kind, path.resolved()?, None),
        // No member is without an id.
        ValFilter::Is(AttrExp::Comparison(_, CompareOp::Eq, CompValue::Null)) => {
            Ok(Predicate::Never)
        }
        ValFilter::Is(AttrExp::Comparison(path, operator @ CompareOp::Eq, value)) => {
            membership(layout, kind, path.resolved()?, Some((*operator, value)))
        }
        ValFilter::Is(_) | ValFilter::And(_) | ValFilter::Not(_) => Err(Error::invalid_filter(
            format!("`{whole}` can be asked for by `value eq` and `or` alone"),
        )),
    }
}
