//! Discovery documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{E, path};
use crate::scim::discovery::{
    Advertised, AdvertisedType, Scheme, list_response, resource_type, resource_types, schema,
    schemas, service_provider_config,
};

const BASE: &str = "http://host/scim/v2";

fn advertised() -> Advertised {
    Advertised {
        users: AdvertisedType {
            mapped: BTreeSet::from([path("userName"), path("userType")]),
            required: BTreeSet::new(),
            canonical: BTreeMap::from([
                (path("userType"), vec!["Administrator".to_owned(), "Team Member".to_owned()]),
                (path("active"), vec!["false".to_owned(), "true".to_owned()]),
            ]),
        },
        groups: Some(AdvertisedType::default()),
        max_results: 200,
    }
}

fn attribute<'a>(schema: &'a Value, name: &str) -> &'a Value {
    schema["attributes"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[test]
fn schemas_are_the_rfcs_with_the_installs_values() {
    let all = schemas(&advertised(), BASE);
    assert_eq!(all.len(), 6);
    let user = schema("URN:ietf:params:scim:schemas:core:2.0:User", &advertised(), BASE).unwrap();
    assert_eq!(
        attribute(&user, "userType")["canonicalValues"],
        json!(["Administrator", "Team Member"])
    );
    assert_eq!(attribute(&user, "active").get("canonicalValues"), None);
    assert_eq!(
        *attribute(&user, "userName"),
        json!({
            "name": "userName", "type": "string", "multiValued": false, "required": true,
            "caseExact": false, "mutability": "readWrite", "returned": "default",
            "uniqueness": "server",
            "description": "The name the user signs in with; unique without regard to case",
        })
    );
    let groups = attribute(&user, "groups");
    assert_eq!(groups["mutability"], "readOnly");
    assert_eq!(groups["subAttributes"][1]["referenceTypes"], json!(["Group"]));
    assert!(!user["attributes"].as_array().unwrap().iter().any(|one| one["name"] == "password"));
    assert!(schema(E, &advertised(), BASE).is_some());
    assert!(schema("urn:example", &advertised(), BASE).is_none());
    assert_eq!(
        user["meta"]["location"],
        format!("{BASE}/Schemas/{}", user["id"].as_str().unwrap())
    );
}

#[test]
fn types_and_config() {
    assert_eq!(resource_types(&advertised(), BASE).len(), 2);
    let user = resource_type("User", &advertised(), BASE).unwrap();
    assert_eq!(user["endpoint"], "/Users");
    assert_eq!(user["schemaExtensions"], json!([{"schema": E, "required": false}]));
    assert!(resource_type("Thing", &advertised(), BASE).is_none());
    let config = service_provider_config(&advertised(), &[Scheme::BearerToken], BASE);
    assert_eq!(config["filter"], json!({"supported": true, "maxResults": 200}));
    assert_eq!(
        config["bulk"],
        json!({"supported": false, "maxOperations": 0, "maxPayloadSize": 0})
    );
}

#[test]
fn the_list_envelope() {
    assert_eq!(
        list_response(vec![json!({"id": "1"})], 5, 2),
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": 5, "itemsPerPage": 1, "startIndex": 2, "Resources": [{"id": "1"}],
        })
    );
}

#[test]
fn errors_have_the_rfcs_body() {
    let body = crate::scim::Error::uniqueness("userName is taken").to_body();
    assert_eq!(
        body,
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": "409", "scimType": "uniqueness", "detail": "userName is taken",
        })
    );
    assert_eq!(crate::scim::Error::not_found("x").to_body().get("scimType"), None);
}
