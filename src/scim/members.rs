//! A group's members in requests: ids out of their many shapes, and the changes a PATCH asks for.
//! They never enter the JSON document, so that their cost is theirs alone, not the group's size.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::error::{Error, excerpt};
use super::filter::{AttrExp, CompValue, CompareOp, ValFilter};
use super::resource_type::ResourceType;
use super::schema::Resolved;
use super::values;

/// One change to a group's members; ids as they were sent, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberOp {
    /// These become members; those who are stay.
    Add(Vec<String>),
    /// These are no members any more; those who aren't stay so.
    Remove(Vec<String>),
    /// Nobody is a member any more.
    RemoveAll,
    /// These and nobody else are members.
    Replace(Vec<String>),
}

/// Whether the attribute is a group's `members`.
pub(super) fn are(kind: ResourceType, of: Resolved) -> bool {
    kind == ResourceType::Group && of.attribute.name == "members"
}

/// The ids in a `members` value: an array of objects or ids, one object, or one id. `None` for null
/// and for the empty text, Entra's null.
///
/// # Errors
/// 400 `invalidValue` for an element without an id, and for a group that has no group's id.
pub(super) fn ids(value: &Value) -> Result<Option<Vec<String>>, Error> {
    let items = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut seen = BTreeSet::new();
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        let id = match item {
            Value::String(id) => id,
            Value::Object(parts) => in_object(parts)?,
            _ => return Err(without_id()),
        };
        if id.is_empty() {
            return Err(without_id());
        }
        values::refuse_nul("members.value", &Value::String(id.clone()))?;
        if seen.insert(id) {
            ids.push(id.clone());
        }
    }
    Ok(Some(ids))
}

fn in_object(parts: &Map<String, Value>) -> Result<&String, Error> {
    let part = |name: &str| {
        let found = parts.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    };
    // What is said to be a group must not be taken for a user.
    let is_group = match part("type") {
        Some(Value::String(text)) => text.eq_ignore_ascii_case("Group"),
        _ => part("$ref").and_then(Value::as_str).is_some_and(|link| link.contains("/Groups/")),
    };
    match part("value") {
        Some(Value::String(id)) if is_group && ResourceType::Group.key(id).is_none() => {
            Err(Error::invalid_value(format!(
                "`members`: `{}` is no Group's id; and groups in groups are not supported, only users \
                 are members",
                excerpt(id)
            )))
        }
        Some(Value::String(id)) => Ok(id),
        _ => Err(without_id()),
    }
}

fn without_id() -> Error {
    Error::invalid_value(
        "`members` must be an array of objects with the user's id, as in [{\"value\": \"7\"}]",
    )
}

/// The ids in the form a resource holds them.
pub(super) fn to_value(ids: Vec<String>) -> Value {
    ids.into_iter().map(|id| json!({ "value": id })).collect()
}

/// The ids that `members[value eq "7" or value eq "8"]` names.
///
/// # Errors
/// 400 `invalidPath` for any other filter: the members' other parts aren't theirs.
pub(super) fn in_filter(filter: &ValFilter) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    collect(filter, &mut ids)?;
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    Ok(ids)
}

fn collect(filter: &ValFilter, ids: &mut Vec<String>) -> Result<(), Error> {
    match filter {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, value))
            if path.sub().is_some_and(|sub| sub.name == "value") =>
        {
            match value {
                CompValue::Str(id) => ids.push(id.clone()),
                CompValue::Number(id) => ids.push(id.to_string()),
                _ => return Err(unsupported(filter)),
            }
            Ok(())
        }
        ValFilter::Or(any) => any.iter().try_for_each(|one| collect(one, ids)),
        ValFilter::And(all) => collect(of_users(all).ok_or_else(|| unsupported(filter))?, ids),
        _ => Err(unsupported(filter)),
    }
}

/// What is asked of members beside `type eq "User"`, which holds of every one: `value eq "7"` of
/// `value eq "7" and type eq "User"`. `None` where more or less is asked.
pub fn of_users(all: &[ValFilter]) -> Option<&ValFilter> {
    let is_user = |filter: &&ValFilter| match filter {
        ValFilter::Is(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(text))) => {
            path.sub().is_some_and(|sub| sub.name == "type") && text.eq_ignore_ascii_case("User")
        }
        _ => false,
    };
    let mut rest = all.iter().filter(|filter| !is_user(filter));
    rest.next().filter(|_| rest.next().is_none())
}

fn unsupported(filter: &ValFilter) -> Error {
    Error::invalid_path(format!(
        "members can be picked by their id alone, as in `members[value eq \"7\"]`, not by `{filter}`"
    ))
}
