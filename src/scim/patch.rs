//! PATCH (RFC 7644 §3.5.2), read whole before anything is applied, in both of Entra's dialects: one
//! path per operation with quoted booleans, and pathless objects with paths as keys.

use serde_json::{Map, Value};

use super::error::{Error, excerpt};
use super::filter::ValFilter;
use super::ignored::Ignored;
use super::members::{self, MemberOp};
use super::patch_path::{self, Nowhere, Target};
use super::resource_type::ResourceType;
use super::schema::{self, AttributeKind, Resolved, Returned};
use super::values;

/// A parsed PATCH: what changes the document, and what changes a group's members, each in order.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// The changes to the document.
    pub(super) operations: Vec<Operation>,
    members: Vec<MemberOp>,
    ignored: Ignored,
}

/// One change to one target.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub target: Target,
    pub change: Change,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Sets a value or adds elements; nulls within it clear.
    Add(Value),
    /// Sets a value or replaces all elements; null clears.
    Replace(Value),
    /// Removes the target.
    Remove,
    /// Removes only these elements.
    RemoveThese(Vec<Value>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// How an operation names what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// By its `path`: that, and nothing else, is meant.
    AsPath,
    /// By a key of its value.
    InValue,
}

impl Patch {
    /// The changes to a group's members, in order; empty for a user.
    pub fn members(&self) -> &[MemberOp] {
        &self.members
    }

    /// What was left out, since no schema knows it.
    pub fn ignored(&self) -> &Ignored {
        &self.ignored
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.members.is_empty()
    }
}

/// Reads the body of a PATCH. `schemas` may be missing, and `Operations` may be empty. What no schema
/// knows is left out ([`Patch::ignored`]), and so are read-only attributes in a value: a client sends
/// them beside what it means.
///
/// # Errors
/// 400 `invalidSyntax` (structure, unknown op), `invalidPath` (a path that can't be read),
/// `invalidValue` (naming the attribute), `mutability` (a path to a read-only attribute), `noTarget` (a
/// removal of nothing in particular).
pub fn parse_patch(kind: ResourceType, body: &Value) -> Result<Patch, Error> {
    let operations = body.as_object().and_then(|body| member(body, "Operations"));
    let Some(Value::Array(operations)) = operations else {
        return Err(Error::invalid_syntax(
            "the body must be a PatchOp: {\"schemas\": \
             [\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"], \"Operations\": [{\"op\": \
             \"replace\", \"path\": …, \"value\": …}]}",
        ));
    };
    let mut patch = Patch::default();
    for (index, operation) in operations.iter().enumerate() {
        let reader = Reader { kind, patch: &mut patch };
        // Entra sends many operations at once: say which one is at fault.
        reader.operation(operation).map_err(|error| Error {
            detail: format!("Operations[{index}]: {}", error.detail),
            ..error
        })?;
    }
    Ok(patch)
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

struct Reader<'a> {
    kind: ResourceType,
    patch: &'a mut Patch,
}

impl Reader<'_> {
    fn operation(mut self, operation: &Value) -> Result<(), Error> {
        let Value::Object(operation) = operation else {
            return Err(Error::invalid_syntax("an operation must be an object with `op`"));
        };
        let op = op(member(operation, "op"))?;
        let value = member(operation, "value");
        let path = match member(operation, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) => Some(path.trim()).filter(|path| !path.is_empty()),
            Some(_) => return Err(Error::invalid_syntax("`path` must be a string")),
        };
        match (op, path, value) {
            (Op::Remove, None, _) => Err(Error::no_target(
                "a remove operation needs a `path` that says what to remove (RFC 7644 §3.5.2.2)",
            )),
            (_, None, Some(Value::Object(attributes))) => self.pathless(op, None, attributes),
            (_, None, _) => Err(Error::invalid_value(
                "an operation without `path` needs a `value` that is an object of attributes",
            )),
            (Op::Add | Op::Replace, Some(path), None) => {
                Err(Error::invalid_value(format!("the operation on `{path}` has no `value`")))
            }
            (_, Some(path), value) => self.at(op, Named::AsPath, path, value),
        }
    }

    /// An object whose keys are paths; `urn` is what they lie under.
    fn pathless(
        &mut self,
        op: Op,
        urn: Option<&str>,
        attributes: &Map<String, Value>,
    ) -> Result<(), Error> {
        for (key, value) in attributes {
            match urn {
                None => self.at(op, Named::InValue, key, Some(value))?,
                Some(urn) => self.at(op, Named::InValue, &format!("{urn}:{key}"), Some(value))?,
            }
        }
        Ok(())
    }

    fn at(&mut self, op: Op, named: Named, path: &str, value: Option<&Value>) -> Result<(), Error> {
        if path.eq_ignore_ascii_case(self.kind.schema()) {
            return self.schema(op, path, None, value);
        }
        if let Some(extension) = schema::extension(self.kind, path) {
            return self.schema(op, path, Some(extension), value);
        }
        let target = match patch_path::parse(self.kind, path) {
            Ok(target) => target,
            Err(Nowhere::Unknown(_)) => {
                self.patch.ignored.note(path);
                return Ok(());
            }
            Err(Nowhere::Malformed(error)) => return Err(error),
        };
        let of = target.resolved;
        if of.attribute.is_read_only() || of.leaf().is_read_only() {
            if named == Named::InValue {
                return Ok(());
            }
            return Err(Error::mutability(format!(
                "`{of}` is readOnly: only the service provider changes it"
            )));
        }
        if members::are(self.kind, of) {
            return self.members(op, &target, value);
        }
        // Neither is kept: the address of a reference follows from its id.
        if of.attribute.returned == Returned::Never || of.leaf().name == "$ref" {
            return Ok(());
        }
        let change = self.change(op, &target, value)?;
        self.patch.operations.push(Operation { target, change });
        Ok(())
    }

    /// A schema's URN as the path: all its attributes.
    fn schema(
        &mut self,
        op: Op,
        path: &str,
        extension: Option<&'static schema::Schema>,
        value: Option<&Value>,
    ) -> Result<(), Error> {
        match (extension, value) {
            (_, Some(Value::Object(attributes))) if op != Op::Remove => {
                self.pathless(op, Some(path), attributes)
            }
            (Some(extension), None | Some(Value::Null)) => extension
                .attributes
                .iter()
                .filter(|attribute| !attribute.is_read_only())
                .try_for_each(|attribute| {
                    let path = format!("{}:{}", extension.id, attribute.name);
                    self.at(Op::Remove, Named::InValue, &path, None)
                }),
            _ => Err(Error::invalid_value(format!("`{path}` must be an object of attributes"))),
        }
    }

    fn change(&mut self, op: Op, target: &Target, value: Option<&Value>) -> Result<Change, Error> {
        let of = target.resolved;
        let value = value.filter(|value| !value.is_null());
        let ignored = &mut self.patch.ignored;
        let whole_list = of.attribute.multi_valued && of.sub.is_none();
        let change = match (op, value) {
            (Op::Remove, None) => Change::Remove,
            // Entra's classic dialect names the old value of what it removes; it goes whatever it is.
            (Op::Remove, Some(_)) if !whole_list || target.filter.is_some() => Change::Remove,
            (Op::Remove, Some(named)) => these(of, named, ignored)?,
            (Op::Add, None) => Change::Add(Value::Null),
            (Op::Replace, None) => Change::Replace(Value::Null),
            (Op::Add, Some(value)) => Change::Add(asserted(target, value, ignored)?),
            (Op::Replace, Some(value)) => Change::Replace(asserted(target, value, ignored)?),
        };
        self.keeps_required(of, &change)?;
        Ok(change)
    }

    fn keeps_required(&self, of: Resolved, change: &Change) -> Result<(), Error> {
        let clears = match change {
            Change::Remove | Change::RemoveThese(_) => true,
            Change::Add(value) | Change::Replace(value) => match value {
                Value::Null => true,
                Value::String(text) => text.trim().is_empty(),
                _ => false,
            },
        };
        if of.attribute.required && clears {
            return Err(Error::invalid_value(format!(
                "`{of}` can't be cleared: every {} must have one",
                self.kind
            )));
        }
        Ok(())
    }

    fn members(&mut self, op: Op, target: &Target, value: Option<&Value>) -> Result<(), Error> {
        let change = match (op, &target.filter) {
            (Op::Remove, Some(filter)) => Some(MemberOp::Remove(members::in_filter(filter)?)),
            (_, Some(filter)) => return Err(member_path(op, Some(filter))),
            (_, None) if target.resolved.sub.is_some() => return Err(member_path(op, None)),
            (Op::Remove, None) => match value.map(members::ids).transpose()?.flatten() {
                None => Some(MemberOp::RemoveAll),
                Some(ids) => (!ids.is_empty()).then_some(MemberOp::Remove(ids)),
            },
            (Op::Add, None) => {
                let ids = value.map(members::ids).transpose()?.flatten().unwrap_or_default();
                (!ids.is_empty()).then_some(MemberOp::Add(ids))
            }
            (Op::Replace, None) => {
                let ids = value.map(members::ids).transpose()?.flatten().unwrap_or_default();
                Some(MemberOp::Replace(ids))
            }
        };
        // One after the other of one kind is one: Entra names a member in an operation each.
        match (self.patch.members.last_mut(), change) {
            (Some(MemberOp::Add(ids)), Some(MemberOp::Add(more)))
            | (Some(MemberOp::Remove(ids)), Some(MemberOp::Remove(more))) => ids.extend(more),
            (_, change) => self.patch.members.extend(change),
        }
        Ok(())
    }
}

fn op(value: Option<&Value>) -> Result<Op, Error> {
    let Some(Value::String(name)) = value else {
        return Err(Error::invalid_syntax("`op` is missing; it is add, remove or replace"));
    };
    match name.to_ascii_lowercase().as_str() {
        "add" => Ok(Op::Add),
        "replace" => Ok(Op::Replace),
        "remove" => Ok(Op::Remove),
        _ => Err(Error::invalid_syntax(format!(
            "`{}` is not an op; it is add, remove or replace",
            excerpt(name)
        ))),
    }
}

/// The elements that a remove of a multi-valued attribute names.
fn these(of: Resolved, named: &Value, ignored: &mut Ignored) -> Result<Change, Error> {
    match named {
        Value::String(text) if text.is_empty() => Ok(Change::Remove),
        _ => match values::normalise(of, named, ignored)? {
            Value::Array(items) => Ok(Change::RemoveThese(items)),
            _ => Ok(Change::Remove),
        },
    }
}

/// The value of an add or replace in the form it is applied: `""` anywhere but in required
/// attributes is null, as Entra means it.
fn asserted(target: &Target, value: &Value, ignored: &mut Ignored) -> Result<Value, Error> {
    let of = target.resolved;
    if value.as_str().is_some_and(str::is_empty) {
        return Ok(Value::Null);
    }
    let mut kept = match (&target.filter, of.sub) {
        // One element of many: an object, or an array of just that.
        (Some(_), None) => match values::normalise(of, value, ignored)? {
            Value::Array(mut items) if items.len() == 1 => items.pop().unwrap_or_default(),
            Value::Array(items) if items.is_empty() => Value::Null,
            _ => {
                return Err(values::wrong(of, "one object, since the path picks elements", value));
            }
        },
        _ => values::normalise(of, unwrapped(of, value), ignored)?,
    };
    values::blanks_to_null(&mut kept);
    Ok(kept)
}

/// `[{"$ref": null, "value": "x"}]` for a simple attribute, as Entra's oldest dialect writes it.
fn unwrapped(of: Resolved, value: &Value) -> &Value {
    let simple = of.leaf().kind != AttributeKind::Complex;
    let only = match value {
        Value::Array(items) => match items.as_slice() {
            [Value::Object(only)] => only.get("value"),
            _ => None,
        },
        _ => None,
    };
    only.filter(|_| simple).unwrap_or(value)
}

fn member_path(op: Op, filter: Option<&ValFilter>) -> Error {
    let path = filter
        .map_or_else(|| "a part of `members`".to_owned(), |filter| format!("`members[{filter}]`"));
    let right = match op {
        Op::Remove => "remove `members[value eq \"7\"]`",
        Op::Add => "add to `members` with the value [{\"value\": \"7\"}]",
        Op::Replace => "replace `members` with the value [{\"value\": \"7\"}]",
    };
    Error::invalid_path(format!("a member is its id, so {path} can't be changed; {right}"))
}
