//! A profile's paths: what is read, is read again from its own words.
#![no_main]

use kpifire_scim::scim::{AttributePath, ResourceType};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for kind in [ResourceType::User, ResourceType::Group] {
        if let Ok(path) = AttributePath::locate(kind, text) {
            assert_eq!(AttributePath::locate(kind, &path.to_string()).as_ref(), Ok(&path));
        }
    }
});
