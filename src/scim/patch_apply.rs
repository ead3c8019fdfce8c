//! A parsed PATCH applied to a document (RFC 7644 §3.5.2.1–3.5.2.3), and what it asserted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::asserted::Asserted;
use super::error::Error;
use super::fold::fold;
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
        for operation in &self.operations {
            let schema = operation.target.resolved.schema;
            resource::in_holder(&mut changed, schema, |holder| {
                apply_one(operation, holder, &mut asserted)
            })?;
        }
        // Only now: an element may get its label in one operation and its value in the next.
        for operation in &self.operations {
            tidy(operation.target.resolved, &mut changed);
        }
        *resource = changed;
        Ok(asserted)
    }
}

fn apply_one(
    operation: &Operation,
    holder: &mut Map<String, Value>,
    asserted: &mut Asserted,
) -> Result<(), Error> {
    let Operation { target, change } = operation;
    let of = target.resolved;
    if of.attribute.multi_valued {
        let mut items = match holder.remove(of.attribute.name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        apply_to_list(target, change, &mut items, asserted)?;
        if !items.is_empty() {
            holder.insert(of.attribute.name.to_owned(), Value::Array(items));
        }
    } else {
        apply_to_single(of, change, holder, asserted);
    }
    Ok(())
}

/// Removes the elements of a multi-valued attribute of which only the label is left, and makes one of
/// those that have become the same.
fn tidy(of: Resolved, resource: &mut Resource) {
    resource::in_holder(resource, of.schema, |holder| {
        if let Some(Value::Array(items)) = holder.get_mut(of.attribute.name) {
            items.retain(|item| !elements::is_empty(item));
            elements::unify(items);
            if items.is_empty() {
                holder.remove(of.attribute.name);
            }
        }
    });
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
    target: &Target,
    change: &Change,
    items: &mut Vec<Value>,
    asserted: &mut Asserted,
) -> Result<(), Error> {
    let of = target.resolved;
    if target.filter.is_some() || of.sub.is_some() {
        return apply_to_picked(target, change, items, asserted);
    }
    match change {
        Change::Add(value) => {
            // Adding nothing asserts nothing.
            let mut places: BTreeMap<String, usize> = BTreeMap::new();
            for (at, item) in items.iter().enumerate() {
                places.entry(elements::identity(item)).or_insert(at);
            }
            for item in value.as_array().into_iter().flatten() {
                asserted.insert_value(of, &Value::Array(vec![item.clone()]));
                add(items, &mut places, item);
            }
        }
        Change::Replace(value) => {
            asserted.insert_resolved(of);
            *items = value.as_array().cloned().unwrap_or_default();
            items.iter_mut().for_each(strip_nulls);
        }
        Change::Remove => {
            asserted.insert_resolved(of);
            items.clear();
        }
        Change::RemoveThese(named) => {
            for item in items.iter().chain(named).filter(|item| is_one_of(of, item, named)) {
                asserted.insert_element(of, elements::folded_type(item));
            }
            items.retain(|item| !is_one_of(of, item, named));
        }
    }
    Ok(())
}

/// Adds one element, unless it is there: the same value of the same type is one value
/// (RFC 7643 §2.4), which gains what the new one says besides.
fn add(items: &mut Vec<Value>, places: &mut BTreeMap<String, usize>, item: &Value) {
    let Value::Object(named) = item else { return };
    let at = *places.entry(elements::identity(item)).or_insert(items.len());
    if at == items.len() {
        items.push(Value::Object(Map::new()));
    }
    if let Some(Value::Object(parts)) = items.get_mut(at) {
        merge(parts, named);
    }
    if values::is_primary(item) {
        settle_primary(items, &[at]);
    }
}

/// Whether a removal names this element: by its value (and type, if given), or by all that is said.
fn is_one_of(of: Resolved, item: &Value, named: &[Value]) -> bool {
    let agrees = |wanted: &Map<String, Value>, name: &str| {
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
    named.iter().filter_map(Value::as_object).any(|wanted| {
        if wanted.get("value").is_some_and(|value| !value.is_null()) {
            agrees(wanted, "value") && agrees(wanted, "type")
        } else {
            wanted.values().any(|value| !value.is_null())
                && wanted.keys().all(|name| agrees(wanted, name))
        }
    })
}

/// A path with a filter, or with a part of every element.
fn apply_to_picked(
    target: &Target,
    change: &Change,
    items: &mut Vec<Value>,
    asserted: &mut Asserted,
) -> Result<(), Error> {
    let of = target.resolved;
    let picked: Vec<usize> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| match &target.filter {
            Some(filter) => elements::matches(filter, item),
            None => true,
        })
        .map(|(at, _)| at)
        .collect();
    assert_picked(target, items, &picked, asserted);
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
        items.push(Value::Object(created));
        let at = items.len().saturating_sub(1);
        assert_picked(target, items, &[at], asserted);
        settle_primary(items, &[at]);
        return Ok(());
    }
    for at in &picked {
        if let Some(Value::Object(parts)) = items.get_mut(*at) {
            set(target, change, value, parts);
        }
    }
    if of.sub.is_none_or(|sub| sub.name == "primary") {
        settle_primary(items, &picked);
    }
    let removes_all_of_it = value.is_null() && !matches!(change, Change::Add(_));
    if removes_all_of_it && of.sub.is_none() {
        let mut at = 0;
        items.retain(|_| {
            at += 1;
            !picked.contains(&(at - 1))
        });
    }
    Ok(())
}

fn assert_picked(target: &Target, items: &[Value], picked: &[usize], asserted: &mut Asserted) {
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
    for item in picked.iter().filter_map(|at| items.get(*at)) {
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

/// When one of `touched` is primary, no other element is (RFC 7644 §3.5.2).
fn settle_primary(items: &mut [Value], touched: &[usize]) {
    let is_primary = |at: &&usize| items.get(**at).is_some_and(values::is_primary);
    let Some(winner) = touched.iter().find(is_primary).copied() else {
        return;
    };
    for (at, item) in items.iter_mut().enumerate() {
        if at != winner
            && values::is_primary(item)
            && let Some(parts) = item.as_object_mut()
        {
            parts.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}
