//! What is printed parses back to the same profile.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::model::{
    Delete, Encoding, Lookup, Mapping, MemberTable, Missing, Other, Ownership, Profile, Protect,
    ResourceTable, Revoke, RevokeAction, Scalar, TableName, Touch,
};
use super::{DEPARTMENT, load, parse, print, user};
use crate::scim::{AttributePath, ResourceType};

#[test]
fn the_builtin() {
    let profile = load("kpifire").unwrap();
    assert_eq!(parse("kpifire", &print(&profile)).unwrap(), profile);
}

#[test]
fn the_builtin_as_printed() {
    insta::assert_snapshot!(print(&load("kpifire").unwrap()), @r#"
[users]
table = "users"
key = "user_id"

[users.attributes]
active = { column = "status", values = { true = "Active", false = "Inactive" }, other = "reject" }
"name.familyName" = "last_name"
"name.givenName" = "first_name"
'phoneNumbers[type eq "work"].value' = "phone_number"
title = "title"
userName = "email"
userType = { column = "license_type", values = { Administrator = "Administrator License", Executive = "Executive License", Strategy = "Strategy License", Project = "Project License", "Team Member" = "Team Member License", Idea = "Idea License", "View Only" = "View Only License", "No Access" = "No Access" }, other = "reject" }
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department" = { column = "department_id", lookup = { table = "departments", key = "department_id", label = "name", missing = "create", insert = { is_active = 1 } } }

[users.insert]
department_id = 1
license_type = "No Access"
password_hash = "!sso"

[users.touch]
created = ["created_at"]
modified = ["updated_at"]
actor = ["modified_by"]

[users.delete]
mode = "deactivate"

[groups]
table = "teams"
key = "team_id"

[groups.attributes]
displayName = "name"

[groups.touch]
created = ["created_at"]
modified = ["updated_at"]

[groups.delete]
mode = "delete"
cascade = ["team_members"]

[members]
table = "team_members"
group = "team_id"
user = "user_id"

[members.insert]
member_role = "Member"

[members.touch]
created = ["joined_at"]

[revoke]
user_sessions = { user = "user_id", action = "delete" }
api_tokens = { user = "user_id", action = "set", set = { revoked_at = "now" }, where_null = "revoked_at" }

[ownership]
projects = { owner = "owner_id", title = "title" }
ideas = { owner = "author_id", title = "title" }

[anonymise.set]
email = "deleted-{id}@invalid"
first_name = "Former"
last_name = "user {id}"
password_hash = "!removed"
phone_number = "null"
title = "null"

[protect]
keys = ["1"]
userNames = ["svc-*"]
"#);
}

/// Names a person might meet: reserved words, blanks, quotes of every kind, other scripts.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_ '\"\\\\äß#=\\[\\]{}-]{1,8}[a-z]"
}

fn table() -> impl Strategy<Value = TableName> {
    (proptest::option::of(name()), name()).prop_map(|(schema, name)| TableName { schema, name })
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,8}".prop_filter("words have meanings of their own", |text| {
        !matches!(text.as_str(), "now" | "null") && !text.contains('{')
    })
}

fn constant() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        text().prop_map(Scalar::Text),
    ]
}

/// Constants for columns whose names begin with `prefix`, so that no column is used twice.
fn constants(prefix: &'static str) -> impl Strategy<Value = BTreeMap<String, Scalar>> {
    proptest::collection::btree_map(
        name().prop_map(move |n| format!("{prefix}{n}")),
        constant(),
        0..3,
    )
}

fn touch() -> impl Strategy<Value = Touch> {
    proptest::collection::vec(name(), 0..3).prop_map(|names| {
        let numbered =
            |kind: &str| names.iter().enumerate().map(|(at, n)| format!("{kind}{at}{n}")).collect();
        Touch { created: numbered("c"), modified: numbered("m"), actor: numbered("a") }
    })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    let missing = prop_oneof![
        Just(Missing::Reject),
        constant().prop_map(Missing::Default),
        Just(Missing::Create),
    ];
    prop_oneof![
        Just(Encoding::Plain),
        (proptest::collection::btree_map(text(), any::<i64>(), 1..4), any::<bool>()).prop_map(
            |(pairs, keep)| {
                let pairs = pairs.into_iter().enumerate();
                let pairs =
                    pairs.map(|(at, (scim, _))| (scim, Scalar::Int(i64::try_from(at).unwrap())));
                let other = if keep { Other::Keep } else { Other::Reject };
                Encoding::Values { pairs: pairs.collect(), other }
            }
        ),
        (table(), name(), name(), missing, constants("li")).prop_map(
            |(table, key, label, missing, insert)| {
                let insert = if missing == Missing::Create { insert } else { BTreeMap::new() };
                Encoding::Lookup(Lookup { table, key, label: format!("x{label}"), missing, insert })
            }
        ),
    ]
}

fn resource(kind: ResourceType) -> impl Strategy<Value = ResourceTable> {
    let delete = proptest::collection::vec(table(), 0..3);
    let encodings = (encoding(), encoding());
    (name(), encodings, constants("i"), touch(), delete, any::<bool>(), constant()).prop_map(
        move |(key, encodings, insert, touch, cascade, deletes, value)| {
            let plain =
                |column: &str| Mapping { column: column.to_owned(), encoding: Encoding::Plain };
            let (attributes, off) = match kind {
                ResourceType::User => (
                    BTreeMap::from([
                        (user("userName"), plain("u 1")),
                        (user("active"), plain("u 2")),
                        (user(DEPARTMENT), Mapping { column: "u'3".into(), encoding: encodings.0 }),
                        (
                            user("phoneNumbers[type eq \"work\"].value"),
                            Mapping { column: "u\"4".into(), encoding: encodings.1 },
                        ),
                    ]),
                    None,
                ),
                ResourceType::Group => {
                    let path = AttributePath::parse(kind, "displayName").unwrap();
                    (BTreeMap::from([(path, plain("g"))]), Some(("off".to_owned(), value)))
                }
            };
            let delete = if deletes {
                Delete::Delete { cascade }
            } else {
                Delete::Deactivate { column: off }
            };
            let table = TableName { schema: None, name: format!("{kind:?}") };
            ResourceTable { table, key: format!("k{key}"), attributes, insert, touch, delete }
        },
    )
}

fn revoke() -> impl Strategy<Value = RevokeAction> {
    let set = proptest::collection::btree_map(
        name().prop_map(|n| format!("s{n}")),
        prop_oneof![constant(), Just(Scalar::Now), Just(Scalar::Null)],
        1..3,
    );
    prop_oneof![
        Just(RevokeAction::Delete),
        (set, proptest::option::of(name()))
            .prop_map(|(set, where_null)| RevokeAction::Set { set, where_null }),
    ]
}

fn profile() -> impl Strategy<Value = Profile> {
    let members =
        (name(), constants("mi"), touch()).prop_map(|(group, insert, touch)| MemberTable {
            table: TableName { schema: None, name: "members".into() },
            group: format!("g{group}"),
            user: "u".into(),
            insert,
            touch,
        });
    let tables = (
        proptest::collection::btree_map(table(), (name(), revoke()), 0..3),
        proptest::collection::btree_map(table(), (name(), proptest::option::of(name())), 0..3),
    );
    let protect =
        (proptest::collection::vec(name(), 0..3), proptest::collection::vec(name(), 0..3));
    let resources = (resource(ResourceType::User), resource(ResourceType::Group));
    (resources, members, tables, constants("an"), protect).prop_map(
        |((users, groups), members, (revoke, ownership), anonymise, (keys, user_names))| Profile {
            origin: "test".into(),
            users,
            groups,
            members,
            revoke: revoke
                .into_iter()
                .map(|(table, (user, action))| Revoke { table, user: format!("u{user}"), action })
                .collect(),
            ownership: ownership
                .into_iter()
                .map(|(table, (owner, title))| Ownership { table, owner, title })
                .collect(),
            anonymise,
            protect: Protect { keys, user_names },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_profile(profile in profile()) {
        let printed = print(&profile);
        let parsed = parse("test", &printed);
        prop_assert_eq!(parsed, Ok(profile), "{}", printed);
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = parse("test", &text);
    }
}
