//! Which tokens are Entra's and still good, and which are not.

use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use proptest::prelude::*;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

use super::*;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const AUDIENCE: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";
const APP: &str = "00000014-0000-0000-c000-000000000000";
const NOW: i64 = 1_800_000_000;

fn now() -> NaiveDateTime {
    DateTime::from_timestamp(NOW, 0).unwrap().naive_utc()
}

/// An Entra whose only key is `one`.
fn entra(app: Option<&str>) -> (Entra, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    let key = include_str!("../../../../tests/fixtures/keys/one.jwk.json");
    std::fs::write(&file, format!("{{\"keys\":[{key}]}}")).unwrap();
    let settings = config::Entra {
        cloud: config::Cloud::Global,
        tenant: TENANT.parse().unwrap(),
        audience: AUDIENCE.to_owned(),
        jwks: config::Jwks::File(file),
        app: app.map(|it| it.parse().unwrap()),
        leeway: Duration::from_secs(300),
    };
    (Entra::new(settings).unwrap(), dir)
}

/// RS256, in base64url.
fn rs256(pem: &str, message: &str) -> String {
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_der(&STANDARD.decode(der).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    URL_SAFE_NO_PAD.encode(signature)
}

fn signed_by(pem: &str, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", rs256(pem, &message))
}

fn signed(header: &Value, claims: &Value) -> String {
    signed_by(include_str!("../../../../tests/fixtures/keys/one.pem"), header, claims)
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "one", "typ": "JWT" })
}

fn claims() -> Value {
    json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": AUDIENCE, "tid": TENANT,
        "iat": NOW, "nbf": NOW, "exp": NOW + 3600, "appid": APP, "ver": "1.0",
    })
}

/// `claims` with one of them set, or taken out by null.
fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let object = claims.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    claims
}

async fn accepts(entra: &Entra, token: &str) -> bool {
    let token = entra.authenticate(token, now()).await.unwrap();
    if let Some(token) = &token {
        assert_eq!(token.name, format!("entra:{TENANT}"));
    }
    token.is_some()
}

#[tokio::test]
async fn a_claim_that_is_not_ours_is_refused() {
    let (entra, _dir) = entra(None);
    for (name, value) in [
        ("", json!(0)),
        ("iss", json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0"))),
        ("tid", Value::Null),
        ("nbf", Value::Null),
        ("iat", Value::Null),
        ("appid", json!("anybody")),
        ("exp", json!(NOW - 299)),
        ("nbf", json!(NOW + 300)),
        ("iat", json!(NOW + 300)),
        ("exp", json!(i64::MAX)),
    ] {
        assert!(
            accepts(&entra, &signed(&header(), &but(name, value.clone()))).await,
            "{name} {value}"
        );
    }
    let other = "99999999-2222-3333-4444-555555555555";
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!(format!("https://sts.windows.net/{other}/"))),
        ("iss", json!(format!("https://sts.windows.net/{TENANT}"))),
        ("iss", json!(format!("https://sts.windows.net/{TENANT}/../{other}/"))),
        ("iss", json!(format!("http://sts.windows.net/{TENANT}/"))),
        ("iss", json!([format!("https://sts.windows.net/{TENANT}/")])),
        ("tid", json!(other)),
        ("tid", json!("")),
        ("tid", json!(7)),
        ("aud", Value::Null),
        ("aud", json!(format!("{AUDIENCE} "))),
        ("aud", json!(AUDIENCE.to_uppercase())),
        ("aud", json!([AUDIENCE])),
        ("exp", Value::Null),
        ("exp", json!(NOW - 300)),
        ("exp", json!(i64::MIN)),
        ("exp", json!((NOW + 3600).to_string())),
        ("exp", json!(1e300)),
        ("nbf", json!(NOW + 301)),
        ("nbf", json!("now")),
        ("iat", json!(NOW + 301)),
        ("iat", json!({})),
    ] {
        assert!(
            !accepts(&entra, &signed(&header(), &but(name, value.clone()))).await,
            "{name} {value}"
        );
    }
}

#[tokio::test]
async fn only_the_pinned_application_gets_in() {
    let (entra, _dir) = entra(Some(APP));
    assert!(accepts(&entra, &signed(&header(), &claims())).await);
    let version_2 = {
        let mut claims = but("appid", Value::Null);
        claims["azp"] = json!(APP.to_uppercase());
        claims
    };
    assert!(accepts(&entra, &signed(&header(), &version_2)).await);
    let other = "99999999-0000-0000-c000-000000000000";
    for (name, value) in [("appid", Value::Null), ("appid", json!(other)), ("azp", json!(other))] {
        assert!(!accepts(&entra, &signed(&header(), &but(name, value))).await, "{name}");
    }
}

#[tokio::test]
async fn the_token_does_not_choose_its_algorithm_or_key() {
    let (entra, _dir) = entra(None);
    let good = signed(&header(), &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let public = include_str!("../../../../tests/fixtures/keys/one.jwk.json");
    let jwk: Value = serde_json::from_str(public).unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for algorithm in
        ["none", "None", "NONE", "", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256"]
    {
        let mut header = header();
        header["alg"] = json!(algorithm);
        let token = signed(&header, &claims());
        assert!(!accepts(&entra, &token).await, "{algorithm}");
        // Without a signature, and with one made by the public key as a shared secret.
        let message = token.rsplit_once('.').unwrap().0;
        assert!(!accepts(&entra, &format!("{message}.")).await, "{algorithm}");
        for secret in [public.as_bytes(), &modulus] {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
            assert!(!accepts(&entra, &format!("{message}.{mac}")).await, "{algorithm}");
        }
    }
    for header in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS256", "kid": "two" }),
        json!({ "alg": "RS256", "kid": ["one"] }),
        json!({ "alg": "RS256", "kid": "one", "crit": ["exp"] }),
        json!({ "alg": "RS256", "kid": "" }),
        json!({ "alg": "RS256", "kid": "x", "jwk": jwk }),
        json!([]),
    ] {
        assert!(!accepts(&entra, &signed(&header, &claims())).await, "{header}");
    }
    let other = include_str!("../../../../tests/fixtures/keys/two.pem");
    assert!(!accepts(&entra, &signed_by(other, &header(), &claims())).await);
    let claims = URL_SAFE_NO_PAD.encode(but("tid", json!("x")).to_string());
    let (header, _) = message.split_once('.').unwrap();
    assert!(!accepts(&entra, &format!("{header}.{claims}.{signature}")).await);
    let long = but("name", json!("x".repeat(LONGEST)));
    assert!(!accepts(&entra, &signed(&self::header(), &long)).await);
    assert!(accepts(&entra, &good).await);
}

#[test]
fn only_three_parts_of_base64url_are_entras_to_judge() {
    assert!(is_jwt("a.b-_.C9"));
    for own in ["", "kps_abc", "a.b", "a.b.c.d", "a..c", ".b.c", "a.b.", "a.b.c=", "a.b.ç"] {
        assert!(!is_jwt(own), "{own}");
    }
}

fn run(entra: &Entra, token: &str) -> bool {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(accepts(entra, token))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_other_text_is_accepted(text in "[A-Za-z0-9_.=-]{0,80}|\\PC{0,40}|ey[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
        let (entra, _dir) = entra(None);
        prop_assert!(!run(&entra, &text));
    }

    #[test]
    fn no_changed_token_is_accepted(place in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]", cut in any::<bool>()) {
        let (entra, _dir) = entra(None);
        let good = signed(&header(), &claims());
        let place = place.index(good.len());
        let end = place + usize::from(!cut);
        let changed = format!("{}{}{}", &good[..place], to, &good[end..]);
        prop_assume!(changed != good);
        prop_assert!(!run(&entra, &changed));
        prop_assert!(!run(&entra, &good[..place]));
    }

    #[test]
    fn no_claims_of_another_shape_make_it_fail(json in "\\PC{0,60}", number in any::<f64>()) {
        let (entra, _dir) = entra(None);
        prop_assume!(json != "one");
        let mut odd = claims();
        odd["exp"] = json!(number);
        prop_assert!(!run(&entra, &signed(&header(), &odd)));
        let header = json!({ "alg": "RS256", "kid": json });
        prop_assert!(!run(&entra, &signed(&header, &claims())));
    }
}
