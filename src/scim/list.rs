//! The elements of a multi-valued attribute while a PATCH is applied to them. They are found by what they
//! are, by their value and by their type without looking at all of them, so that an operation costs what
//! it touches, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::elements;
use super::filter::ValFilter;
use super::fold::fold;
use super::values;

/// The elements. A place stays an element's own as long as the list lives.
#[derive(Debug, Default)]
pub(super) struct List {
    /// `None`: it was removed.
    items: Vec<Option<Value>>,
    count: usize,
    same: Index,
    values: Index,
    types: Index,
    primary: BTreeSet<usize>,
}

/// Which places hold what.
type Index = BTreeMap<String, BTreeSet<usize>>;

impl List {
    /// These, in their order.
    pub fn new(items: Vec<Value>) -> Self {
        let mut list = Self::default();
        for item in items {
            list.push(item);
        }
        list
    }

    /// What is left, in its order.
    pub fn into_items(self) -> Vec<Value> {
        self.items.into_iter().flatten().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The element at a place.
    pub fn get(&self, at: usize) -> Option<&Value> {
        self.items.get(at)?.as_ref()
    }

    /// Adds an element at the end; its place.
    pub fn push(&mut self, item: Value) -> usize {
        let at = self.items.len();
        self.index(at, &item);
        self.items.push(Some(item));
        self.count += 1;
        at
    }

    /// Removes the element at a place.
    pub fn remove(&mut self, at: usize) {
        if let Some(item) = self.items.get_mut(at).and_then(Option::take) {
            self.count -= 1;
            self.unindex(at, &item);
        }
    }

    /// Changes the parts of the element at a place.
    pub fn change(&mut self, at: usize, change: impl FnOnce(&mut Map<String, Value>)) {
        let Some(mut item) = self.items.get_mut(at).and_then(Option::take) else { return };
        self.unindex(at, &item);
        if let Value::Object(parts) = &mut item {
            change(parts);
        }
        self.index(at, &item);
        if let Some(place) = self.items.get_mut(at) {
            *place = Some(item);
        }
    }

    /// The place of the element that is the same value of the same type (RFC 7643 §2.4).
    pub fn same_as(&self, item: &Value) -> Option<usize> {
        self.same.get(&elements::identity(item))?.first().copied()
    }

    /// The places of what a filter picks, or of all.
    pub fn picked(&self, filter: Option<&ValFilter>) -> Vec<usize> {
        let Some(filter) = filter else { return self.places().collect() };
        let picks = |at: &usize| self.get(*at).is_some_and(|item| elements::matches(filter, item));
        match elements::needed_type(filter) {
            Some(label) => of(&self.types, &fold(label)).filter(picks).collect(),
            None => self.places().filter(picks).collect(),
        }
    }

    /// The places of what may be named by an element with this value, or this type.
    pub fn like(&self, wanted: &Value) -> Vec<usize> {
        if let Some(value) = folded_value(wanted) {
            of(&self.values, &value).collect()
        } else if wanted.get("type").is_some_and(Value::is_string) {
            of(&self.types, &elements::folded_type(wanted)).collect()
        } else {
            self.places().collect()
        }
    }

    /// When one of `touched` is primary, no other element is (RFC 7644 §3.5.2).
    pub fn settle_primary(&mut self, touched: &[usize]) {
        let Some(winner) = touched.iter().find(|at| self.primary.contains(at)).copied() else {
            return;
        };
        let losers: Vec<usize> = self.primary.iter().copied().filter(|at| *at != winner).collect();
        for at in losers {
            self.change(at, |parts| {
                parts.insert("primary".to_owned(), Value::Bool(false));
            });
        }
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        let there = self.items.iter().enumerate().filter(|(_, item)| item.is_some());
        there.map(|(at, _)| at)
    }

    fn index(&mut self, at: usize, item: &Value) {
        self.same.entry(elements::identity(item)).or_default().insert(at);
        self.types.entry(elements::folded_type(item)).or_default().insert(at);
        if let Some(value) = folded_value(item) {
            self.values.entry(value).or_default().insert(at);
        }
        if values::is_primary(item) {
            self.primary.insert(at);
        }
    }

    fn unindex(&mut self, at: usize, item: &Value) {
        let forget = |index: &mut Index, key: &str| {
            if let Some(places) = index.get_mut(key) {
                places.remove(&at);
                if places.is_empty() {
                    index.remove(key);
                }
            }
        };
        forget(&mut self.same, &elements::identity(item));
        forget(&mut self.types, &elements::folded_type(item));
        if let Some(value) = folded_value(item) {
            forget(&mut self.values, &value);
        }
        self.primary.remove(&at);
    }
}

fn of<'a>(index: &'a Index, key: &str) -> impl Iterator<Item = usize> + use<'a> {
    index.get(key).into_iter().flatten().copied()
}

/// An element's value, where it has one; folded, as values that tell case apart are a part of those that
/// don't.
fn folded_value(item: &Value) -> Option<String> {
    match item.get("value")? {
        Value::Null => None,
        Value::String(text) => Some(fold(text)),
        other => Some(other.to_string()),
    }
}
