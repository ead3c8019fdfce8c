//! Attributes that lie in one column: what a client says of one, it says of all of them. Pure.

use serde_json::Value;

use super::change::stated;
use super::layout::Layout;
use crate::scim::{AttributePath, Error, Resource, ResourceType, fold};

/// Makes a resource say one thing of the attributes of one column: what the request says, of those that
/// `says` names; the others follow.
///
/// # Errors
/// 400 `invalidValue`: the request says different things of them.
pub fn unite(
    layout: &Layout,
    kind: ResourceType,
    resource: &mut Resource,
    says: &dyn Fn(&AttributePath, &Resource) -> bool,
) -> Result<(), Error> {
    let rows = layout.resource(kind);
    for set in rows.shared() {
        let said: Vec<_> = set.iter().filter(|it| says(&it.path, resource)).collect();
        // Of two spellings the name's stays.
        let name = kind.name_attribute();
        let Some(first) = said.iter().find(|it| it.is(name)).or(said.first()) else { continue };
        let value = stated(&first.path, resource).cloned();
        let other = said.iter().find(|it| !same(stated(&it.path, resource), value.as_ref()));
        if let Some(other) = other {
            return Err(Error::invalid_value(format!(
                "{}, {}: both lie in one column of kpifire's, and can't have different values",
                first.name, other.name
            )));
        }
        for field in &set {
            field.path.set(resource, value.clone());
        }
    }
    Ok(())
}

/// The same, of a whole resource: what it leaves out follows what it states.
///
/// # Errors
/// As [`unite`].
pub fn unite_stated(
    layout: &Layout,
    kind: ResourceType,
    resource: &mut Resource,
) -> Result<(), Error> {
    unite(layout, kind, resource, &|path, resource| stated(path, resource).is_some())
}

/// Whether two values are one but for case.
pub(super) fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one.and_then(Value::as_str), other.and_then(Value::as_str)) {
        (Some(one), Some(other)) => fold(one) == fold(other),
        _ => one == other,
    }
}
