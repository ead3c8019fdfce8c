//! What is printed parses back to the same profile.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::model::{
    Beside, CallPiece, Calls, Companion, Counter, Delete, Derived, Encoding, Form, Holds, Insert,
    Key, KeySource, Lookup, Made, Mapping, Mark, MarkedBy, MemberTable, Missing, Moment, Notation,
    Other, Ownership, Parent, Piece, Presence, Profile, Protect, Rehire, Rename, ResourceTable,
    Revoke, RevokeAction, RowSwitch, Scalar, TableName, Teams, Test, TimeColumn, TimeForm,
    TimeSwitch, Timed, Touch, Where,
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
rehire = "revive"

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

/// Conditions on columns whose names begin with `prefix`.
fn rows(prefix: &'static str) -> BoxedStrategy<Where> {
    let test = prop_oneof![
        Just(Test::Null),
        Just(Test::NotNull),
        proptest::collection::vec(constant(), 1..3).prop_map(Test::OneOf),
    ];
    let column = name().prop_map(move |n| format!("{prefix}{n}"));
    proptest::collection::btree_map(column, test, 0..3).boxed()
}

fn made() -> BoxedStrategy<Made> {
    let holds = prop_oneof![Just(Holds::Next), Just(Holds::Last)];
    prop_oneof![
        Just(Made::Uuid),
        Just(Made::UuidPlain),
        (4_usize..=191).prop_map(Made::Random),
        (table(), name(), rows("cw"), holds).prop_map(|(table, column, rows, holds)| {
            Made::Counter(Counter { table, column, rows, holds })
        }),
    ]
    .boxed()
}

fn insert(constants: &'static str, made_for: &'static str) -> BoxedStrategy<Insert> {
    let column = name().prop_map(move |n| format!("{made_for}{n}"));
    let made = proptest::collection::btree_map(column, made(), 0..2);
    (self::constants(constants), made)
        .prop_map(|(constants, made)| Insert { constants, made })
        .boxed()
}

fn time_form() -> BoxedStrategy<TimeForm> {
    let notation = prop_oneof![
        Just(Notation::EpochSeconds),
        Just(Notation::EpochMillis),
        Just(Notation::Iso),
        Just(Notation::Pattern("%Y%m%d%H%M%S".into())),
    ];
    let zone = prop_oneof![Just("UTC".to_owned()), Just("Europe/Berlin".to_owned())];
    let digits = proptest::option::of(1_usize..=30);
    (proptest::option::of(notation), proptest::option::of(zone), digits)
        .prop_map(|(notation, zone, digits)| TimeForm { notation, zone, digits })
        .boxed()
}

fn time_switch(timed: Vec<Timed>) -> BoxedStrategy<TimeSwitch> {
    let live = proptest::option::of(constant());
    (proptest::sample::select(timed), live, time_form())
        .prop_map(|(timed, live, form)| TimeSwitch { timed, live, form })
        .boxed()
}

fn mark(timed: Vec<Timed>) -> BoxedStrategy<Mark> {
    let by = prop_oneof![
        constant().prop_map(MarkedBy::Value),
        time_switch(timed).prop_map(MarkedBy::Time),
    ];
    by.prop_map(|by| Mark { column: "off".into(), by }).boxed()
}

fn touch() -> BoxedStrategy<Touch> {
    (proptest::collection::vec(name(), 0..3), time_form())
        .prop_map(|(names, form)| {
            let numbered = |kind: &str| -> Vec<String> {
                names.iter().enumerate().map(|(at, n)| format!("{kind}{at}{n}")).collect()
            };
            let timed = |kind: &str| -> Vec<TimeColumn> {
                let columns = numbered(kind).into_iter();
                columns.map(|column| TimeColumn { column, form: form.clone() }).collect()
            };
            Touch {
                created: timed("c"),
                modified: timed("m"),
                actor: numbered("a"),
                version: numbered("v"),
                stamp: numbered("s"),
            }
        })
        .boxed()
}

fn encoding() -> BoxedStrategy<Encoding> {
    let missing = prop_oneof![
        Just(Missing::Reject),
        constant().prop_map(Missing::Default),
        Just(Missing::Create),
    ];
    let pairs = proptest::collection::btree_map(text(), 1_usize..3, 1..4);
    let lookup = (table(), name(), name(), missing, insert("li", "lm"), rows("lw"));
    prop_oneof![
        Just(Encoding::Plain),
        Just(Encoding::Formed(Form::Slug)),
        Just(Encoding::Utf8),
        (pairs, any::<bool>()).prop_map(|(pairs, keep)| {
            let listed = pairs.into_iter().flat_map(|(scim, many)| vec![scim; many]);
            let pairs = listed
                .enumerate()
                .map(|(at, scim)| (scim, Scalar::Int(i64::try_from(at).unwrap())))
                .collect();
            let other = if keep { Other::Keep } else { Other::Reject };
            Encoding::Values { pairs, other }
        }),
        (lookup, proptest::option::of(constant())).prop_map(
            |((table, key, label, missing, insert, rows), none)| {
                let insert = if missing == Missing::Create { insert } else { Insert::default() };
                let label = format!("x{label}");
                Encoding::Lookup(Lookup { table, key, label, rows, missing, none, insert })
            }
        ),
    ]
    .boxed()
}

/// What carries `active`.
fn active() -> BoxedStrategy<Mapping> {
    let means = prop_oneof![Just(Presence::Active), Just(Presence::Locked)];
    let row = (table(), rows("rw"), insert("ri", "rm"), means);
    let row = row.prop_map(|(table, rows, insert, means)| {
        Encoding::Row(RowSwitch { table, user: "u 2".into(), rows, insert, means })
    });
    let timed = Timed::ALL.map(|(it, _)| it).to_vec();
    let encoding =
        prop_oneof![Just(Encoding::Plain), time_switch(timed).prop_map(Encoding::Switch), row];
    encoding.prop_map(|encoding| Mapping { within: None, column: "u 2".into(), encoding }).boxed()
}

fn companion(name: &'static str) -> BoxedStrategy<Companion> {
    let missing = prop_oneof![Just(Beside::Always), Just(Beside::Create), Just(Beside::Ignore)];
    let parent = name == Companion::PARENT;
    let source = prop_oneof![Just(KeySource::Database), made().prop_map(KeySource::Made)];
    let anonymise = constants(if parent { "pz" } else { "bz" });
    let held_in = proptest::option::of(Just("h 1".to_owned()));
    let parented = (source, held_in).prop_map(|(source, held_in)| Parent { source, held_in });
    (table(), rows("bw"), insert("bi", "bm"), missing, parented, anonymise)
        .prop_map(move |(table, rows, insert, missing, parented, anonymise)| Companion {
            name: name.to_owned(),
            table,
            user: "owner".into(),
            rows,
            insert,
            missing: if parent { Beside::Always } else { missing },
            anonymise: if parent { BTreeMap::new() } else { anonymise },
            parent: parent.then_some(parented),
        })
        .boxed()
}

fn derive() -> impl Strategy<Value = BTreeMap<String, Derived>> {
    let template = vec![
        Piece::Text("a ".into()),
        Piece::Attribute(user("userName")),
        Piece::Text("-".into()),
        Piece::Id,
    ];
    let forms = proptest::sample::select(Form::ALL.map(|(form, _)| form).to_vec());
    proptest::option::of(forms).prop_map(move |form| {
        let derived = form.map(|form| Derived { template: template.clone(), form });
        derived.into_iter().map(|it| ("d 1".to_owned(), it)).collect()
    })
}

fn calls(of: &[Moment]) -> impl Strategy<Value = Calls> + use<> {
    let pieces =
        vec![CallPiece::Sql("SELECT f(".into()), CallPiece::Id, CallPiece::Sql(")".into())];
    let moments = proptest::sample::subsequence(of.to_vec(), 0..=of.len());
    moments.prop_map(move |moments| moments.into_iter().map(|it| (it, pieces.clone())).collect())
}

fn key() -> impl Strategy<Value = KeySource> {
    prop_oneof![
        Just(KeySource::Database),
        made().prop_map(KeySource::Made),
        Just(KeySource::Name(Rename::Refuse)),
        Just(KeySource::Name(Rename::Cascade)),
    ]
}

fn resource(kind: ResourceType) -> BoxedStrategy<ResourceTable> {
    let cascade = proptest::collection::vec(table(), 0..3);
    let delete = prop_oneof![
        cascade.prop_map(|cascade| Delete::Delete { cascade }),
        mark(vec![Timed::Since]).prop_map(Delete::Mark),
        Just(Delete::Deactivate),
    ];
    let mapped = (encoding(), encoding(), active());
    let beside = (
        proptest::option::of(companion(Companion::PARENT)),
        proptest::option::of(companion("contact")),
    );
    let moments = [Moment::AfterCreate, Moment::AfterUpdate, Moment::BeforeDelete];
    let columns = (name(), key(), rows("w"), insert("i", "n"), derive(), touch());
    (columns, mapped, beside, delete, calls(&moments))
        .prop_map(
            move |((key, source, rows, insert, derive, touch), mapped, beside, delete, calls)| {
                let place = |within: Option<&str>, column: &str, encoding: Encoding| Mapping {
                    within: within.map(str::to_owned),
                    column: column.to_owned(),
                    encoding,
                };
                let companions: Vec<Companion> =
                    [beside.0, beside.1].into_iter().flatten().collect();
                let gives_key =
                    |it: &Companion| it.parent.as_ref().is_some_and(|it| it.held_in.is_none());
                let parent = companions.iter().any(gives_key);
                let within = companions.last().map(|it| it.name.as_str());
                let source = if parent { KeySource::Database } else { source };
                let column = format!("k{key}");
                let own = |other: &str| match source {
                    KeySource::Name(_) => column.clone(),
                    _ => other.to_owned(),
                };
                let attributes = match kind {
                    ResourceType::User => BTreeMap::from([
                        (user("userName"), place(None, &own("u 1"), Encoding::Plain)),
                        (user("active"), mapped.2),
                        (user(DEPARTMENT), place(None, "u'3", mapped.0)),
                        (
                            user("phoneNumbers[type eq \"work\"].value"),
                            place(within, "u\"4", mapped.1),
                        ),
                    ]),
                    ResourceType::Group => {
                        let path = AttributePath::parse(kind, "displayName").unwrap();
                        BTreeMap::from([(path, place(None, &own("g"), Encoding::Plain))])
                    }
                };
                // A team has no `active`.
                let deactivates = kind == ResourceType::Group && delete == Delete::Deactivate;
                let delete =
                    if deactivates { Delete::Delete { cascade: Vec::new() } } else { delete };
                let derive = if kind == ResourceType::User { derive } else { BTreeMap::new() };
                let rehire = if derive.is_empty() { Rehire::Revive } else { Rehire::Refuse };
                let mut companions = companions;
                if kind == ResourceType::Group {
                    for companion in &mut companions {
                        companion.anonymise.clear();
                    }
                }
                let table = TableName { schema: None, name: format!("{kind:?}") };
                let key = Key { column: column.clone(), source: source.clone() };
                ResourceTable {
                    table,
                    rows,
                    key,
                    companions,
                    attributes,
                    insert,
                    derive,
                    touch,
                    delete,
                    rehire,
                    calls,
                }
            },
        )
        .boxed()
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

fn members() -> BoxedStrategy<MemberTable> {
    let remove = proptest::option::of(mark(vec![Timed::Since, Timed::Expires]));
    let calls = calls(&[Moment::AfterAdd, Moment::AfterRemove]);
    (name(), rows("mw"), insert("mi", "mm"), touch(), remove, calls)
        .prop_map(|(group, rows, insert, touch, remove, calls)| MemberTable {
            table: TableName { schema: None, name: "members".into() },
            group: format!("g{group}"),
            user: "u".into(),
            rows,
            insert,
            touch,
            remove,
            calls,
        })
        .boxed()
}

fn profile() -> BoxedStrategy<Profile> {
    let owned = (name(), proptest::option::of(name()), rows("ow"));
    let tables = (
        proptest::collection::btree_map(table(), (name(), revoke(), rows("rw")), 0..3),
        proptest::collection::btree_map(table(), owned, 0..3),
    );
    let kept = prop_oneof![Just("title"), Just("emails[type eq \"work\"].value")]
        .prop_map(|path| AttributePath::parse(ResourceType::User, path).unwrap());
    let protect = (
        proptest::collection::vec(name(), 0..3),
        proptest::collection::vec(name(), 0..3),
        proptest::collection::vec(kept, 0..3),
    );
    let teams = proptest::option::of((resource(ResourceType::Group), members()));
    let zone = proptest::option::of(Just("America/Sao_Paulo".to_owned()));
    let general = (constants("an"), protect, zone);
    (resource(ResourceType::User), teams, tables, general)
        .prop_map(
            |(
                users,
                teams,
                (revoke, ownership),
                (anonymise, (keys, user_names, keep), timezone),
            )| {
                let revoke = revoke.into_iter().map(|(table, (user, action, rows))| {
                    let user = format!("u{user}");
                    Revoke { table, user, rows, action }
                });
                let ownership = ownership
                    .into_iter()
                    .map(|(table, (owner, title, rows))| Ownership { table, rows, owner, title });
                Profile {
                    origin: "test".into(),
                    timezone,
                    users,
                    teams: teams.map(|(groups, members)| Teams { groups, members }),
                    revoke: revoke.collect(),
                    ownership: ownership.collect(),
                    anonymise,
                    protect: Protect { keys, user_names, keep },
                }
            },
        )
        .boxed()
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
