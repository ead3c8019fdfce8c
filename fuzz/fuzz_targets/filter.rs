//! Filters: what is read, is read again from its own words.
#![no_main]

use kpifire_scim::scim::{FilterLimits, ResourceType, parse_filter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for kind in [ResourceType::User, ResourceType::Group] {
        if let Ok(filter) = parse_filter(kind, text, FilterLimits::default()) {
            let again = FilterLimits { length: usize::MAX, depth: 64, terms: usize::MAX };
            assert!(parse_filter(kind, &filter.to_string(), again).is_ok(), "{filter}");
        }
    }
});
