//! Tests of the profile's language, its proof and its proposal.

use super::model::{Delete, Encoding, Mark, MarkedBy, Missing, Other, Scalar, TableName};
use super::{Profile, builtin, load, parse, print};
use crate::scim::{AttributePath, ResourceType};

pub(crate) mod catalogues;
mod parse_errors;
mod proof;
mod propose;
mod roundtrip;

fn user(name: &str) -> AttributePath {
    AttributePath::parse(ResourceType::User, name).unwrap()
}

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

/// A profile with the least in it, and what a test adds.
fn minimal(more: &str) -> String {
    format!(
        r#"
[users]
table = "users"
key = "id"
attributes = {{ userName = "email", active = "enabled" }}
[groups]
table = "teams"
key = "id"
attributes = {{ displayName = "name" }}
delete = {{ mode = "delete", cascade = ["team_members"] }}
[members]
table = "team_members"
group = "team_id"
user = "user_id"
{more}"#
    )
}

#[test]
fn builtin_says_what_the_reference_needs() {
    let profile = load("kpifire").unwrap();
    assert_eq!(profile.origin, "kpifire");
    assert_eq!(profile.users.key.column, "user_id");
    let Encoding::Values { pairs, other } = &profile.users.attributes[&user("userType")].encoding
    else {
        panic!("userType has no values");
    };
    assert_eq!(pairs.len(), 8);
    assert_eq!(pairs[0], ("Administrator".into(), Scalar::Text("Administrator License".into())));
    assert_eq!(pairs[7], ("No Access".into(), Scalar::Text("No Access".into())));
    assert_eq!(*other, Other::Reject);
    let Encoding::Lookup(lookup) = &profile.users.attributes[&user(DEPARTMENT)].encoding else {
        panic!("department is no lookup");
    };
    assert_eq!(lookup.missing, Missing::Create);
    assert_eq!(profile.users.delete, Delete::Deactivate);
    let tables: Vec<String> = profile.revoke.iter().map(|it| it.table.to_string()).collect();
    assert_eq!(tables, ["user_sessions", "api_tokens"], "in the file's order");
    assert_eq!(profile.anonymise["title"], Scalar::Null);
    assert_eq!(profile.protect.keys, ["1"]);
    assert!(builtin("kpifire").is_some() && builtin("other").is_none());
}

#[test]
fn optional_parts_have_defaults() {
    let profile = parse("test", &minimal("")).unwrap();
    assert_eq!(profile.users.delete, Delete::Deactivate);
    assert!(profile.users.insert.is_empty() && profile.revoke.is_empty());
    let text = minimal("").replace(
        "active = \"enabled\"",
        "active = { column = \"s\", values = { true = 1, false = 0 } }, \
         title = { column = \"t\", lookup = { table = \"titles\", key = \"id\", label = \"n\" } }",
    );
    let profile = parse("test", &text).unwrap();
    let active = &profile.users.attributes[&user("active")].encoding;
    let pairs = vec![("true".to_owned(), Scalar::Int(1)), ("false".to_owned(), Scalar::Int(0))];
    assert_eq!(*active, Encoding::Values { pairs, other: Other::Reject });
    let Encoding::Lookup(lookup) = &profile.users.attributes[&user("title")].encoding else {
        panic!("title is no lookup");
    };
    assert_eq!(lookup.missing, Missing::Reject);
}

#[test]
fn tables_are_split_at_the_dot_in_every_spelling() {
    let hr = |name: &str| TableName { schema: Some("hr".into()), name: name.into() };
    let text = minimal(
        "[revoke]\n\"hr.Session\" = { user = \"u\", action = \"delete\" }\n\
         hr.Token = { user = \"u\", action = \"delete\" }\n\
         [ownership.hr.Order]\nowner = \"by\"\n",
    );
    let profile = parse("test", &text.replace("\"users\"", "\"hr.Person\"")).unwrap();
    assert_eq!(profile.users.table, hr("Person"));
    let tables: Vec<_> = profile.revoke.iter().map(|it| it.table.clone()).collect();
    assert_eq!(tables, [hr("Session"), hr("Token")]);
    assert_eq!(profile.ownership[0].table, hr("Order"));
}

#[test]
fn an_unquoted_dotted_attribute_is_the_quoted_one() {
    let text = minimal("").replace("active =", "name.givenName = \"first\", active =");
    let profile = parse("test", &text).unwrap();
    assert_eq!(profile.users.attributes[&user("name.givenName")].column, "first");
}

#[test]
fn words_stand_for_now_and_null_only_where_they_may() {
    let text = minimal(
        "[users.insert]\nmade = \"now\"\nnote = \"null\"\n[anonymise.set]\ntitle = \"null\"\n\
         [revoke]\ntokens = { user = \"u\", action = \"set\", set = { at = \"now\", by = \"null\" } }\n",
    );
    let profile = parse("test", &text).unwrap();
    assert_eq!(profile.users.insert.constants["made"], Scalar::Now);
    assert_eq!(profile.users.insert.constants["note"], Scalar::Text("null".into()));
    assert_eq!(profile.anonymise["title"], Scalar::Null);
    let text = minimal("").replace(
        "\"enabled\"",
        "{ column = \"s\", values = { true = \"now\", false = \"null\" } }",
    );
    let profile = parse("test", &text).unwrap();
    let Encoding::Values { pairs, .. } = &profile.users.attributes[&user("active")].encoding else {
        panic!("active has no values");
    };
    assert_eq!(pairs[0].1, Scalar::Text("now".into()));
}

#[test]
fn groups_can_be_switched_off_instead_of_deleted() {
    let text = minimal("").replace(
        "{ mode = \"delete\", cascade = [\"team_members\"] }",
        "{ mode = \"deactivate\", column = \"is_archived\", value = 1 }",
    );
    let profile: Profile = parse("test", &text).unwrap();
    let column = "is_archived".to_owned();
    let mark = Mark { column, by: MarkedBy::Value(Scalar::Int(1)) };
    assert_eq!(profile.table(ResourceType::Group).unwrap().delete, Delete::Mark(mark));
}

#[test]
fn a_profile_beside_its_configuration_is_found_first() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plant.toml");
    std::fs::write(&file, minimal("")).unwrap();
    let config = dir.path().join("config.toml");
    assert_eq!(super::resolve("plant.toml", Some(&config)), file.to_string_lossy());
    assert_eq!(super::resolve("absent.toml", Some(&config)), "absent.toml");
    assert_eq!(super::resolve("kpifire", Some(&config)), "kpifire");
    let profile = load(&file.to_string_lossy()).unwrap();
    assert_eq!(profile.origin, file.to_string_lossy());
    assert_eq!(print(&profile), print(&parse("x", &minimal("")).unwrap()));
}

#[test]
fn the_examples_can_be_used() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/profiles");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let profile =
            parse("test", &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(parse("test", &print(&profile)).unwrap(), profile, "{}", path.display());
        tried += 1;
    }
    assert!(tried > 3, "{tried} profiles");
}
