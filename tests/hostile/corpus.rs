//! What the fuzz targets begin with (`fuzz/`), given to the same readers: no input ends one, and each is
//! read within its bounds.

use std::path::Path;

use kpifire_scim::http::listener::judge;
use kpifire_scim::profile::{parse, print};
use kpifire_scim::reconcile::source::Source;
use kpifire_scim::scim::{
    AttributePath, FilterLimits, Ignored, ResourceType, parse_filter, parse_patch, parse_resource,
};
use serde_json::json;

const KINDS: [ResourceType; 2] = [ResourceType::User, ResourceType::Group];

/// The inputs of a target, by their names, and each cut off at every length.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let step = whole.len().div_ceil(200).max(1);
        for length in (0..whole.len()).step_by(step) {
            inputs.push((format!("{name}, {length} bytes of it"), whole[..length].to_vec()));
        }
        inputs.push((name, whole));
    }
    assert!(inputs.len() > 2, "nothing under {}", folder.display());
    inputs
}

fn texts(target: &str) -> impl Iterator<Item = (String, String)> {
    inputs(target)
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned()))
}

#[test]
fn filters_are_read_again_from_their_own_words() {
    for (name, text) in texts("filter") {
        for kind in KINDS {
            let Ok(filter) = parse_filter(kind, &text, FilterLimits::default()) else { continue };
            let again = parse_filter(kind, &filter.to_string(), FilterLimits::default());
            assert!(again.is_ok(), "{name}: {filter}");
        }
    }
}

#[test]
fn heads_are_judged_in_one_way() {
    for (name, bytes) in inputs("head") {
        let judged = judge(&bytes);
        assert_eq!(judged, judge(&bytes), "{name}");
        assert!(judged.is_none_or(|status| matches!(status, 400 | 501)), "{name}: {judged:?}");
    }
}

#[test]
fn paths_are_read_again_from_their_own_words() {
    for (name, text) in texts("path") {
        for kind in KINDS {
            if let Ok(path) = AttributePath::locate(kind, &text) {
                let again = AttributePath::locate(kind, &path.to_string());
                assert_eq!(again.as_ref(), Ok(&path), "{name}");
            }
        }
    }
}

#[test]
fn patches_are_applied_or_refused() {
    let user = json!({"userName": "a", "name": {"givenName": "A"}, "active": true,
        "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x"}]});
    for (name, bytes) in inputs("patch") {
        let Ok(body) = serde_json::from_slice(&bytes) else { continue };
        for kind in KINDS {
            let Ok(patch) = parse_patch(kind, &body) else { continue };
            let mut resource = parse_resource(kind, &user, &mut Ignored::default()).unwrap();
            if patch.apply(&mut resource).is_ok() {
                let emails = resource.get("emails").and_then(|it| it.as_array());
                let primary = |it: &&serde_json::Value| it["primary"] == true;
                let primaries = emails.map_or(0, |it| it.iter().filter(primary).count());
                assert!(primaries <= 1, "{name}: {emails:?}");
            }
        }
    }
}

#[test]
fn profiles_are_read_again_as_they_are_printed() {
    for (name, text) in texts("profile") {
        if let Ok(profile) = parse("corpus", &text) {
            assert_eq!(parse("corpus", &print(&profile)).as_ref(), Ok(&profile), "{name}");
        }
    }
}

#[test]
fn exports_are_read_or_refused() {
    for (name, bytes) in inputs("source") {
        if let Ok(source) = Source::read(bytes.as_slice()) {
            for user in source.users() {
                assert!(source.by_id(user.id()).is_some(), "{name}");
            }
        }
    }
}
