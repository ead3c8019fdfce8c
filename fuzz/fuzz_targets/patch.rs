//! PATCH: read, and applied to a user who has something of each kind.
#![no_main]

use kpifire_scim::scim::{Ignored, ResourceType, parse_patch, parse_resource};
use libfuzzer_sys::fuzz_target;

const USER: &str = r#"{"userName": "a", "name": {"givenName": "A"}, "active": true,
    "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x"}]}"#;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice(bytes) else { return };
    for kind in [ResourceType::User, ResourceType::Group] {
        if let Ok(patch) = parse_patch(kind, &body) {
            let user = serde_json::from_str(USER).unwrap();
            let mut resource = parse_resource(kind, &user, &mut Ignored::default()).unwrap();
            drop(patch.apply(&mut resource));
        }
        drop(parse_resource(kind, &body, &mut Ignored::default()));
    }
});
