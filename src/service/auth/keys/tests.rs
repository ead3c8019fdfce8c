//! Which keys are taken, and how long and how often.

use std::path::Path;

use serde_json::json;

use super::*;

const ISSUERS: [&str; 2] = [
    "https://sts.windows.net/11111111-2222-3333-4444-555555555555/",
    "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
];

fn issuers() -> [String; 2] {
    ISSUERS.map(str::to_owned)
}

fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys");
    let text = std::fs::read(folder.join(format!("{name}.jwk.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

#[test]
fn keys_that_are_too_small_or_for_something_else_are_left_out() {
    let with = |name: &str, value: Value| {
        let mut key = fixture("two");
        key[name] = value;
        key
    };
    let bad = [
        fixture("small"),
        with("kty", json!("EC")),
        with("use", json!("enc")),
        with("alg", json!("HS256")),
        with("issuer", json!("https://login.microsoftonline.com/9188040d/v2.0")),
        with("n", json!("AAAA")),
        with("n", json!("")),
        with("n", json!("?")),
        with("kid", json!(7)),
        json!("key"),
        json!({ "kty": "oct", "kid": "two", "k": "c2VjcmV0" }),
    ];
    for key in bad {
        let both = KeySet::parse(&set(&[key.clone(), fixture("one")]), &issuers()).unwrap();
        assert_eq!(both.ids(), ["one"], "{key}");
        assert_eq!(both.skipped.len(), 1);
        let error = KeySet::parse(&set(&[key]), &issuers()).err().unwrap();
        assert!(matches!(error, Error::NoneUsable(_)), "{error}");
    }
    let good = [
        with("use", Value::Null),
        with("alg", json!("RS256")),
        with("issuer", json!(ISSUERS[0])),
        with("issuer", json!("https://login.microsoftonline.com/{tenantid}/v2.0")),
    ];
    for key in good {
        assert_eq!(
            KeySet::parse(&set(std::slice::from_ref(&key)), &issuers()).unwrap().ids(),
            ["two"],
            "{key}"
        );
    }
}

#[test]
fn sets_are_bounded() {
    let many = vec![fixture("one"); MOST + 1];
    assert!(matches!(KeySet::parse(&set(&many), &issuers()), Err(Error::TooMany(101))));
    for bad in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
        assert!(matches!(KeySet::parse(bad.as_bytes(), &issuers()), Err(Error::Json(_))), "{bad}");
    }
    assert!(matches!(KeySet::parse(b"{\"keys\":[]}", &issuers()), Err(Error::NoneUsable(_))));
}

fn found(found: &Found) -> &'static str {
    match found {
        Found::Key(_) => "key",
        Found::Unknown => "unknown",
        Found::Unavailable { .. } => "unavailable",
    }
}

fn of(file: &Path) -> Arc<Keys> {
    Keys::new(Jwks::File(file.to_owned()), issuers()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn keys_are_used_for_a_day_after_they_were_last_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    let keys = of(&file);
    Keys::keep_fresh(&keys);
    assert_eq!(found(&keys.find("one").await), "unavailable");
    std::fs::write(&file, set(&[fixture("one")])).unwrap();
    tokio::time::sleep(RETRY.0 * 2).await;
    assert_eq!(found(&keys.find("one").await), "key");
    // Every hour it is read again, without anybody asking.
    std::fs::write(&file, set(&[fixture("one"), fixture("two")])).unwrap();
    assert!(keys.state().key("two").is_none());
    tokio::time::sleep(REFRESH + RETRY.0).await;
    assert!(keys.state().key("two").is_some());
    std::fs::remove_file(&file).unwrap();
    tokio::time::sleep(REFRESH * 23).await;
    assert_eq!(found(&keys.find("one").await), "key");
    tokio::time::sleep(REFRESH * 2).await;
    assert_eq!(found(&keys.find("one").await), "unavailable");
    std::fs::write(&file, set(&[fixture("two")])).unwrap();
    tokio::time::sleep(RETRY.1).await;
    assert_eq!(found(&keys.find("two").await), "key");
    assert_eq!(found(&keys.find("one").await), "unknown");
}

#[tokio::test(start_paused = true)]
async fn unknown_ids_make_it_read_twice_a_minute_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    std::fs::write(&file, set(&[fixture("one")])).unwrap();
    let keys = of(&file);
    assert_eq!(found(&keys.find("one").await), "key");
    std::fs::write(&file, set(&[fixture("two")])).unwrap();
    for id in 0..100 {
        assert_eq!(found(&keys.find(&id.to_string()).await), "unknown");
    }
    assert_eq!(found(&keys.find("two").await), "unknown", "it was asked for a moment ago");
    tokio::time::sleep(ASK_EVERY).await;
    assert_eq!(found(&keys.find("two").await), "key");
    // When asking failed, nobody knows whether there is such a key.
    std::fs::remove_file(&file).unwrap();
    tokio::time::sleep(ASK_EVERY).await;
    assert_eq!(found(&keys.find("three").await), "unavailable");
    assert_eq!(found(&keys.find("three").await), "unavailable");
    assert_eq!(found(&keys.find("two").await), "key");
}

#[tokio::test(start_paused = true)]
async fn nobody_reads_on_behind_keys_that_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let keys = of(&dir.path().join("jwks.json"));
    Keys::keep_fresh(&keys);
    tokio::time::sleep(RETRY.0).await;
    let weak = Arc::downgrade(&keys);
    drop(keys);
    tokio::time::sleep(RETRY.1).await;
    assert!(weak.upgrade().is_none());
}
