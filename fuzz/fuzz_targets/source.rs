//! Exports of Entra: Graph's JSON and the portal's CSV.
#![no_main]

use kpifire_scim::reconcile::source::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(source) = Source::read(bytes) {
        for user in source.users() {
            assert!(source.by_id(user.id()).is_some());
        }
    }
});
