//! Discovery (RFC 7644 §4): what the agent says of itself is what this install's profile maps.

use serde_json::Value;

use crate::support::{Agent, ENTERPRISE, Engine, GROUP, USER};

on_every_database!(service_provider_config, resource_types, schemas_follow_the_profile);

async fn service_provider_config(engine: Engine) {
    let agent = Agent::start(engine).await;
    let config = agent.client().get("/ServiceProviderConfig").await.expect(200).body;
    for (feature, supported) in [
        ("patch", true),
        ("filter", true),
        ("sort", true),
        ("etag", true),
        ("changePassword", false),
    ] {
        assert_eq!(config[feature]["supported"], supported, "{feature}: {config}");
    }
    assert!(config["filter"]["maxResults"].as_u64().unwrap() > 0);
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    assert!(schemes.iter().any(|scheme| scheme["type"] == "oauthbearertoken"), "{config}");
}

async fn resource_types(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let list = client.get("/ResourceTypes").await.expect(200);
    assert_eq!(list.body["totalResults"], 2);
    for (name, endpoint, schema) in [("User", "/Users", USER), ("Group", "/Groups", GROUP)] {
        let one = client.get(&format!("/ResourceTypes/{name}")).await.expect(200).body;
        assert_eq!(
            (&one["name"], &one["endpoint"], &one["schema"]),
            (&name.into(), &endpoint.into(), &schema.into())
        );
        assert!(list.resources().iter().any(|listed| listed["name"] == name));
    }
    let user = client.get("/ResourceTypes/User").await.body;
    assert_eq!(user["schemaExtensions"][0]["schema"], ENTERPRISE);
    // RFC 7644 §4: a filter on discovery is 403.
    client.get("/ResourceTypes?filter=name+eq+%22User%22").await.expect(403);
}

async fn schemas_follow_the_profile(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let list = client.get("/Schemas").await.expect(200);
    let mut ids = list.ids();
    ids.sort();
    for urn in [USER, GROUP, ENTERPRISE] {
        assert!(ids.contains(&urn.to_owned()), "{ids:?}");
        let one = client.get(&format!("/Schemas/{urn}")).await.expect(200).body;
        assert_eq!(one["id"], urn);
        assert!(one["meta"]["location"].as_str().unwrap().ends_with(urn));
    }
    let user = client.get(&format!("/Schemas/{USER}")).await.body;
    let user_type = attribute(&user, "userType");
    let mut canonical: Vec<_> = user_type["canonicalValues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect();
    canonical.sort_unstable();
    assert_eq!(canonical.len(), 8, "{user_type}");
    assert!(canonical.contains(&"Team Member"));
    let user_name = attribute(&user, "userName");
    assert_eq!(user_name["required"], true);
    assert_eq!(user_name["uniqueness"], "server");
    assert_eq!(user_name["caseExact"], false);
    assert_eq!(attribute(&user, "groups")["mutability"], "readOnly");
    let enterprise = client.get(&format!("/Schemas/{ENTERPRISE}")).await.body;
    attribute(&enterprise, "department");
    let group = client.get(&format!("/Schemas/{GROUP}")).await.body;
    attribute(&group, "members");
}

#[track_caller]
fn attribute(schema: &Value, name: &str) -> Value {
    let attributes = schema["attributes"].as_array().expect("attributes");
    let found = attributes.iter().find(|attribute| attribute["name"] == name);
    found.unwrap_or_else(|| panic!("{name} isn't in {}", schema["id"])).clone()
}
