//! Profiles: what is read, is read again as it is printed.
#![no_main]

use kpifire_scim::profile::{parse, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(profile) = parse("fuzzed", text) {
        assert_eq!(parse("fuzzed", &print(&profile)).as_ref(), Ok(&profile));
    }
});
