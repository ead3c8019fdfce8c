//! A resource from a request's body: the wire's many spellings to one canonical document. Which
//! attributes a resource must have is the service's question.

use serde_json::{Map, Value};

use super::error::Error;
use super::ignored::Ignored;
use super::resource_type::ResourceType;
use super::schema::{self, Resolved};
use super::{elements, members, values};

/// A resource as a JSON object: canonical attribute names, core attributes at the top, extension
/// attributes under their schema's URN. Made by [`parse_resource`].
pub type Resource = Map<String, Value>;

/// Reads the body of a POST or PUT.
///
/// Names are accepted in any case and with their schema's URN before them; extension attributes also
/// when their URN isn't in `schemas`, flat (`urn:…:User:department`) or, as Entra writes `manager`,
/// by their bare name. Explicit nulls are kept, and
/// `""` is one. Read-only and unknown attributes are left out, the
/// latter noted in `ignored`, and so is `password`, which is never stored. A group's `members` become `[{"value": "7"}, …]`.
///
/// # Errors
/// 400 `invalidSyntax` when the body is no object, 400 `invalidValue` naming an attribute whose value
/// is of the wrong type or holds a NUL character.
pub fn parse_resource(
    kind: ResourceType,
    body: &Value,
    ignored: &mut Ignored,
) -> Result<Resource, Error> {
    let Value::Object(body) = body else {
        return Err(Error::invalid_syntax(format!("the body must be a JSON object: a {kind}")));
    };
    for (name, value) in body {
        values::refuse_nul(name, value)?;
    }
    let mut resource = Resource::new();
    // Bare names first, so that what stands under its own URN has the last word.
    for (name, value) in body {
        if let Some(found) = schema::find(kind, None, name) {
            keep(kind, &mut resource, found, value, ignored)?;
        }
    }
    for (name, value) in body {
        keep_qualified(kind, &mut resource, name, value, ignored)?;
    }
    Ok(resource)
}

fn keep_qualified(
    kind: ResourceType,
    resource: &mut Resource,
    name: &str,
    value: &Value,
    ignored: &mut Ignored,
) -> Result<(), Error> {
    if name.eq_ignore_ascii_case(kind.schema()) {
        return keep_all(kind, resource, kind.schema(), value, ignored);
    }
    if let Some(extension) = schema::extension(kind, name) {
        if value.is_null() {
            resource.insert(extension.id.to_owned(), Value::Null);
            return Ok(());
        }
        return keep_all(kind, resource, extension.id, value, ignored);
    }
    let found = name.rsplit_once(':').and_then(|(urn, name)| schema::find(kind, Some(urn), name));
    if let Some(found) = found {
        return keep(kind, resource, found, value, ignored);
    }
    if schema::find(kind, None, name).is_none() {
        ignored.note(name);
    }
    Ok(())
}

fn keep_all(
    kind: ResourceType,
    resource: &mut Resource,
    urn: &str,
    value: &Value,
    ignored: &mut Ignored,
) -> Result<(), Error> {
    let Value::Object(attributes) = value else {
        return Err(Error::invalid_value(format!("`{urn}` must be an object of attributes")));
    };
    for (name, value) in attributes {
        match schema::find(kind, Some(urn), name) {
            Some(found) => keep(kind, resource, found, value, ignored)?,
            None => ignored.note(&format!("{urn}:{name}")),
        }
    }
    Ok(())
}

fn keep(
    kind: ResourceType,
    resource: &mut Resource,
    of: Resolved,
    value: &Value,
    ignored: &mut Ignored,
) -> Result<(), Error> {
    let attribute = of.attribute;
    if attribute.is_read_only() || attribute.returned == schema::Returned::Never {
        return Ok(());
    }
    let value = if members::are(kind, of) {
        match members::ids(value)? {
            None => Value::Null,
            Some(ids) => members::to_value(ids),
        }
    } else {
        let mut value = values::normalise(of, value, ignored)?;
        values::blanks_to_null(&mut value);
        value
    };
    in_holder(resource, of.schema, |holder| holder.insert(attribute.name.to_owned(), value));
    Ok(())
}

/// Changes the object that attributes of `schema` lie in, made if need be and gone when empty.
pub(super) fn in_holder<T>(
    resource: &mut Resource,
    schema: Option<&'static str>,
    change: impl FnOnce(&mut Map<String, Value>) -> T,
) -> T {
    let Some(urn) = schema else {
        return change(resource);
    };
    let mut extension = match resource.remove(urn) {
        Some(Value::Object(extension)) => extension,
        _ => Map::new(),
    };
    let result = change(&mut extension);
    if !extension.is_empty() {
        resource.insert(urn.to_owned(), Value::Object(extension));
    }
    result
}

/// Removes what says nothing on output (RFC 7643 §2.5): nulls, empty arrays and objects, and
/// elements of which only the `type` is left.
pub fn prune(resource: &mut Resource) {
    resource.retain(|_, value| {
        match value {
            Value::Object(parts) => prune(parts),
            Value::Array(items) => {
                for item in items.iter_mut() {
                    if let Value::Object(parts) = item {
                        prune(parts);
                    }
                }
                items.retain(|item| {
                    !item.is_null() && (!item.is_object() || !elements::is_empty(item))
                });
            }
            _ => {}
        }
        !is_unassigned(value)
    });
}

/// Whether a value is as good as none.
pub(super) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        _ => false,
    }
}
