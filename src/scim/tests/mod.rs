//! Tests of the SCIM room, one file per concept.

use serde_json::Value;

use super::{
    Asserted, AttributePath, Error, Ignored, Resource, ResourceType, parse_patch, parse_resource,
};

mod discovery;
mod entra;
mod filter;
mod fold;
mod growth;
mod members;
mod model;
mod patch;
mod patch_refusals;
mod path;
mod projection;
mod properties;
mod query;
mod resource;

const E: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn user(body: &Value) -> Resource {
    parse_resource(ResourceType::User, body, &mut Ignored::default()).unwrap()
}

fn path(text: &str) -> AttributePath {
    AttributePath::parse(ResourceType::User, text).unwrap()
}

/// The document after a PATCH of these operations, and what it asserted.
fn patched(before: Value, operations: &Value) -> Result<(Value, Asserted), Error> {
    let Value::Object(mut resource) = before else { panic!("a resource is an object") };
    let body = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let patch = parse_patch(ResourceType::User, &body)?;
    let asserted = patch.apply(&mut resource)?;
    Ok((Value::Object(resource), asserted))
}

/// The document after one operation.
fn after(before: Value, operation: Value) -> Value {
    patched(before, &Value::Array(vec![operation])).unwrap().0
}

/// The keyword and the detail an operation is refused with.
fn refusal(before: Value, operation: Value) -> (&'static str, String) {
    let error = patched(before, &Value::Array(vec![operation])).unwrap_err();
    assert_eq!(error.status, 400);
    (error.scim_type.unwrap().as_str(), error.detail)
}
