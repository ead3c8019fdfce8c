//! A parsed PATCH applied to a document (RFC 7644 §3.5.2.1–3.5.2.3), and what it asserted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::asserted::Asserted;
use super::error::Error;
use super::fold::fold;
use super::list::List;
use super::patch::{Change, Operation, Patch};
use super::patch_path::Target;
use super::resource::{self, Resource};
use super::schema::{AttributeKind, Resolved};
use super::{elements, values};

impl Patch {
    /// Applies every change but the members' to `resource`, in order, and says what was asserted:
    /// set, cleared, or part of what was replaced, whether or not the document changed by it.
    ///
    /// # Errors
    /// 400 `noTarget` when a path's filter matches nothing and doesn't say what to create. The
    /// document is then as it was.
    pub fn apply(&self, resource: &mut Resource) -> Result<Asserted, Error> {
        let mut changed = resource.clone();
        let mut asserted = Asserted::default();
        let mut lists: Lists = BTreeMap::new();
        for operation in &self.operations {
            let of = operation.target.resolved;
            if of.attribute.multi_valued {
                let list = lists
                    .entry((of.schema, of.attribute.name))
                    .or_insert_with(|| (of.with_sub(None), taken(of, &mut changed)));
                apply_to_list(operation, &mut list.1, &mut asserted)?;
                values::refuse_many(of, list.1.len())?;
            } else {
                resource::in_holder(&mut changed, of.schema, |holder| {
                    apply_to_single(of, &operation.change, holder, &mut asserted);
                });
            }
        }
        for (of, list) in lists.into_values() {
            put_back(of, list, &mut changed);
        }
        *resource = changed;
        Ok(asserted)
    }
}

/// The multi-valued attributes that a PATCH is at, by schema and name.
type Lists = BTreeMap<(Option<&'static str>, &'static str), (Resolved, List)>;

fn taken(of: Resolved, resource: &mut Resource) -> List {
    let items = resource::in_holder(resource, of.schema, |holder| holder.remove(of.attribute.name));
    match items {
        Some(Value::Array(items)) => List::new(items),
        _ => List::default(),
    }
}

/// Without the elements of which only the label is left, and with one of those that have become the
/// same. Only now: an element may get its label in one operation and its value in the next.
fn put_back(of: Resolved, list: List, resource: &mut Resource) {
    let mut items = list.into_items();
    items.retain(|item| !elements::is_empty(item));
    elements::unify(&mut items);
    if !items.is_empty() {
        resource::in_holder(resource, of.schema, |holder| {
            holder.insert(of.attribute.name.to_owned(), Value::Array(items));
        });
    }
}

fn apply_to_single(
    of: Resolved,
    change: &Change,
    holder: &mut Map<String, Value>,
    asserted: &mut Asserted,
) {
    let value = match change {
        Change::Add(value) | Change::Replace(value) => value,
        Change::Remove | Change::RemoveThese(_) => &Value::Null,
    };
    if of.attribute.kind != AttributeKind::Complex {
        asserted.insert_resolved(of);
        put(holder, of.attribute.name, value);
        return;
    }
    let mut parts = match holder.remove(of.attribute.name) {
        Some(Value::Object(parts)) => parts,
        _ => Map::new(),
    };
    match (of.sub, value) {
        (Some(sub), value) => {
            asserted.insert_resolved(of);
            put(&mut parts, sub.name, value);
        }
        // Parts that aren't named are left as they are (§3.5.2.3).
        (None, Value::Object(named)) => {
            asserted.insert_value(of, value);
            merge(&mut parts, named);
        }
        (None, _) => {
            asserted.insert_resolved(of);
            parts.clear();
        }
    }
    if parts.values().any(|part| !part.is_null()) {
        holder.insert(of.attribute.name.to_owned(), Value::Object(parts));
    }
}

fn put(holder: &mut Map<String, Value>, name: &str, value: &Value) {
    if value.is_null() {
        holder.remove(name);
    } else {
        holder.insert(name.to_owned(), value.clone());
    }
}

fn merge(parts: &mut Map<String, Value>, named: &Map<String, Value>) {
    for (name, value) in named {
        put(parts, name, value);
    }
}

fn apply_to_list(
    operation: &Operation,
    list: &mut List,
    asserted: &mut Asserted,
) -> Result<(), Error> {
    let Operation { target, change } = operation;
    let of = target.resolved;
    if target.filter.is_some() || of.sub.is_some() {
        return apply_to_picked(target, change, list, asserted);
    }
    match change {
        // Adding nothing asserts nothing.
        Change::Add(value) => {
            for item in value.as_array().into_iter().flatten() {
                asserted.insert_value(of, &Value::Array(vec![item.clone()]));
                add(list, item);
            }
        }
        Change::Replace(value) => {
            asserted.insert_resolved(of);
            let mut items = value.as_array().cloned().unwrap_or_default();
            items.iter_mut().for_each(strip_nulls);
            *list = List::new(items);
        }
        Change::Remove => {
            asserted.insert_resolved(of);
            *list = List::default();
        }
        Change::RemoveThese(named) => {
            for wanted in named {
                asserted.insert_element_of(of, wanted);
                for at in list.like(wanted) {
                    if list.get(at).is_some_and(|item| is_named(of, item, wanted)) {
                        list.get(at).into_iter().for_each(|it| asserted.insert_element_of(of, it));
                        list.remove(at);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Adds one element, unless it is there: the same value of the same type is one value
/// (RFC 7643 §2.4), which gains what the new one says besides.
fn add(list: &mut List, item: &Value) {
    let Value::Object(named) = item else { return };
    let at = list.same_as(item).unwrap_or_else(|| list.push(Value::Object(Map::new())));
    list.change(at, |parts| merge(parts, named));
    if values::is_primary(item) {
        list.settle_primary(&[at]);
    }
}

/// Whether a removal names this element: by its value (and type, if given), or by all that is said.
fn is_named(of: Resolved, item: &Value, wanted: &Value) -> bool {
    let Value::Object(wanted) = wanted else { return false };
    let agrees = |name: &str| {
        let Some(value) = wanted.get(name).filter(|value| !value.is_null()) else {
            return true;
        };
        match (item.get(name), value, of.attribute.sub(name)) {
            (Some(Value::String(own)), Value::String(value), Some(sub)) if !sub.case_exact => {
                fold(own) == fold(value)
            }
            (own, value, _) => own == Some(value),
        }
    };
    if wanted.get("value").is_some_and(|value| !value.is_null()) {
        agrees("value") && agrees("type")
    } else {
        wanted.values().any(|value| !value.is_null()) && wanted.keys().all(|name| agrees(name))
    }
}

/// A path with a filter, or with a part of every element.
fn apply_to_picked(
    target: &Target,
    change: &Change,
    list: &mut List,
    asserted: &mut Asserted,
) -> Result<(), Error> {
    let of = target.resolved;
    let picked = list.picked(target.filter.as_ref());
    assert_picked(target, list, &picked, asserted);
    let value = match change {
        Change::Add(value) | Change::Replace(value) => value,
        Change::Remove | Change::RemoveThese(_) => &Value::Null,
    };
    if picked.is_empty() {
        if value.is_null() {
            // What isn't there is cleared already: a repeated PATCH is harmless.
            return Ok(());
        }
        let mut created = to_create(target, change)?;
        set(target, change, value, &mut created);
        let at = list.push(Value::Object(created));
        assert_picked(target, list, &[at], asserted);
        list.settle_primary(&[at]);
        return Ok(());
    }
    let removes_all_of_it =
        value.is_null() && !matches!(change, Change::Add(_)) && of.sub.is_none();
    for at in &picked {
        if removes_all_of_it {
            list.remove(*at);
        } else {
            list.change(*at, |parts| set(target, change, value, parts));
        }
    }
    if of.sub.is_none_or(|sub| sub.name == "primary") {
        list.settle_primary(&picked);
    }
    Ok(())
}

fn assert_picked(target: &Target, list: &List, picked: &[usize], asserted: &mut Asserted) {
    let of = target.resolved;
    let Some(filter) = &target.filter else {
        asserted.insert_resolved(of);
        return;
    };
    // With its type an element changes its place: any path into the attribute may be touched.
    if of.sub.is_some_and(|sub| sub.name == "type") {
        asserted.insert_resolved(of.with_sub(None));
        return;
    }
    if let Some(element) = elements::simple_type(filter) {
        asserted.insert_element(of, fold(element));
    }
    for item in picked.iter().filter_map(|at| list.get(*at)) {
        asserted.insert_element(of, elements::folded_type(item));
    }
}

/// The element that an operation makes when its path picks none.
fn to_create(target: &Target, change: &Change) -> Result<Map<String, Value>, Error> {
    let of = target.resolved;
    let Some(filter) = &target.filter else {
        return Ok(Map::new());
    };
    let may_create = match change {
        Change::Add(_) => true,
        // Entra replaces what it never added, naming it by its label; for any other filter §3.5.2.3 says
        // noTarget.
        _ => elements::by_label(filter),
    };
    elements::implied(filter).filter(|_| may_create).ok_or_else(|| {
        Error::no_target(format!(
            "no value of `{}` matches `[{filter}]`, and it can't be created from that",
            of.with_sub(None)
        ))
    })
}

/// Sets an element, or its part that the path names.
fn set(target: &Target, change: &Change, value: &Value, parts: &mut Map<String, Value>) {
    match (target.resolved.sub, value) {
        (Some(sub), value) => put(parts, sub.name, value),
        (None, Value::Object(named)) => {
            if matches!(change, Change::Replace(_)) {
                // The record is replaced (§3.5.2.3) but stays the one that the path picked.
                let implied = target.filter.as_ref().and_then(elements::implied);
                let spelled = parts.get("type").cloned();
                *parts = implied.unwrap_or_default();
                if let (Some(kept), Some(spelled)) = (parts.get_mut("type"), spelled) {
                    *kept = spelled;
                }
            }
            merge(parts, named);
        }
        (None, _) => {}
    }
}

fn strip_nulls(item: &mut Value) {
    if let Value::Object(parts) = item {
        parts.retain(|_, part| !part.is_null());
    }
}
