//! Heads of HTTP/1: whatever comes is let pass, or refused with a status of the protocol.
#![no_main]

use kpifire_scim::http::listener::judge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert!(judge(bytes).is_none_or(|status| matches!(status, 400 | 501)));
});
