//! Proposals: for the reference tables they do what the built-in does; what name and rows don't both
//! speak for is marked. Whole schemas of other applications are in `tests/fixtures/proposals`.

use super::catalogues::{Build, reference};
use super::{DEPARTMENT, load, parse, user};
use crate::profile::catalogue::{Catalogue, Database};
use crate::profile::evidence::{Evidence, Sample};
use crate::profile::model::Encoding;
use crate::profile::proof::{Severity, prove};
use crate::profile::propose::propose;

/// Adds all rows of a table: columns and values by blanks, `-` for NULL and `_` for a blank.
fn rows(evidence: &mut Evidence, catalogue: &Catalogue, table: &str, text: &str) {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let columns: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let value = |value: &str| (value != "-").then(|| value.replace('_', " "));
    let rows: Vec<Vec<Option<String>>> =
        lines.map(|line| line.split(' ').map(value).collect()).collect();
    let name = catalogue.tables.keys().find(|name| name.name == table).unwrap();
    evidence.add(name.clone(), Sample::new(&columns, &rows, true));
}

/// The rows of the reference install.
fn seed(catalogue: &Catalogue) -> Evidence {
    let mut evidence = Evidence::default();
    for (table, text) in [
        (
            "users",
            "user_id email first_name last_name title phone_number department_id status created_at updated_at modified_by
            3 lead@plant.example Quality Lead Quality_Lead +1_555_0103 3 Active 2020-01-15 2023-06-02 -
            4 one@plant.example Line One Operator - 2 Active 2020-02-01 2022-11-11 -
            5 two@plant.example Line Two Operator - 1 Inactive 2020-02-01 2024-04-30 -",
        ),
        ("departments", "department_id name\n1 Unassigned\n2 Operations\n3 Quality"),
        (
            "teams",
            "team_id name description leader_id is_archived created_at updated_at
            1 Kaizen_Core - 3 0 2020-03-01 2020-03-01
            2 Safety_Circle - - 0 2020-05-01 2020-05-01",
        ),
        (
            "team_members",
            "team_id user_id member_role joined_at
            1 3 Leader 2020-03-01
            2 4 Member 2020-03-02",
        ),
        ("user_sessions", "user_id expires_at\n4 2099-01-01"),
        ("api_tokens", "token_id user_id created_at revoked_at\n1 4 2021-01-01 -"),
    ] {
        rows(&mut evidence, catalogue, table, text);
    }
    evidence
}

/// The questions of a proposal.
fn questions(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# DECIDE: ")).collect()
}

#[test]
fn the_reference_needs_two_decisions() {
    for database in [Database::Sqlite, Database::Postgres, Database::Mysql] {
        let catalogue = reference(database);
        let text = propose(&catalogue, &seed(&catalogue));
        let [actor, author] = questions(&text)[..] else { panic!("{text}") };
        assert!(actor.starts_with("does \"modified_by\" take a name"), "{text}");
        assert!(author.starts_with("does \"author_id\" answer for the row"), "{text}");
        let proposed = parse("proposed", &text).unwrap();
        let builtin = load("kpifire").unwrap();
        for attribute in [
            "userName",
            "name.givenName",
            "name.familyName",
            "title",
            "phoneNumbers[type eq \"work\"].value",
            "active",
        ] {
            let path = user(attribute);
            assert_eq!(proposed.users.attributes[&path], builtin.users.attributes[&path]);
        }
        let lookup = |profile: &super::Profile| {
            let Encoding::Lookup(mut lookup) =
                profile.users.attributes[&user(DEPARTMENT)].encoding.clone()
            else {
                panic!("department is no lookup");
            };
            // `is_active` has a default, so that the proposal needn't name it.
            lookup.insert = super::super::model::Insert::default();
            lookup
        };
        assert_eq!(lookup(&proposed), lookup(&builtin));
        assert_eq!(
            proposed.users.insert.constants["department_id"],
            builtin.users.insert.constants["department_id"]
        );
        assert_eq!(proposed.users.touch, builtin.users.touch);
        assert_eq!(proposed.users.delete, builtin.users.delete);
        assert_eq!(proposed.users.table, builtin.users.table);
        assert_eq!(
            proposed.table(crate::scim::ResourceType::Group),
            builtin.table(crate::scim::ResourceType::Group)
        );
        assert_eq!(proposed.members().unwrap().table, builtin.members().unwrap().table);
        assert_eq!(proposed.members().unwrap().user, builtin.members().unwrap().user);
        assert_eq!(proposed.members().unwrap().group, builtin.members().unwrap().group);
        assert_eq!(proposed.members().unwrap().touch, builtin.members().unwrap().touch);
        let mut revoke = proposed.revoke.clone();
        revoke.reverse();
        assert_eq!(revoke, builtin.revoke);
        assert_eq!(proposed.anonymise, builtin.anonymise);
        let errors = prove(&proposed, &catalogue, str::to_owned);
        assert!(errors.iter().all(|finding| finding.severity != Severity::Error), "{errors:?}");
    }
}

/// Without a look at the rows names alone speak, and nothing but keys is certain.
#[test]
fn names_alone_decide_nothing() {
    let catalogue = reference(Database::Postgres);
    let text = propose(&catalogue, &Evidence::default());
    for line in ["userName = ", "title = ", "active = ", "\"name.givenName\" = ", "created = "] {
        let at = text.find(&format!("\n{line}")).unwrap_or_else(|| panic!("{line} in {text}"));
        let before = text[..at].lines().last().unwrap();
        assert!(before.starts_with("# DECIDE: "), "{line}: {before}");
    }
    assert!(text.contains("\ngroup = \"team_id\"    # foreign key to teams\n"), "{text}");
}

/// MariaDB's catalogue shows every database that the account may read.
#[test]
fn another_database_is_none_of_its_business() {
    for database in [Database::Postgres, Database::Mysql] {
        let alone = reference(database);
        let mut beside = alone.clone();
        for table in alone.tables.values() {
            let mut copy = table.clone();
            let elsewhere = Some("a_copy".to_owned());
            copy.name.schema.clone_from(&elsewhere);
            for key in &mut copy.foreign_keys {
                key.table.schema.clone_from(&elsewhere);
                key.target.schema.clone_from(&elsewhere);
            }
            beside.tables.insert(copy.name.clone(), copy);
        }
        let evidence = seed(&alone);
        assert_eq!(propose(&beside, &evidence), propose(&alone, &evidence));
        // Nothing at home: it says so, whatever there is elsewhere.
        beside.tables.retain(|name, _| name.schema.as_deref() == Some("a_copy"));
        let text = propose(&beside, &evidence);
        assert!(text.contains("# DECIDE: no table of this database looks like users"), "{text}");
        assert!(!text.contains("a_copy"), "{text}");
    }
}

/// A unique column gets no constant, and what isn't called a time of creation is none.
#[test]
fn no_constant_where_each_row_needs_another() {
    let mut build = Build::new(Database::Postgres);
    build.add(
        "users",
        "
        id int pk auto
        login text:80 unique
        badge text:40 unique
        hired time
        active bool default",
    );
    let mut evidence = Evidence::default();
    let text = "id login badge hired active\n1 ann A1 2010-01-01 t\n2 bob B2 2011-01-01 t";
    rows(&mut evidence, &build.catalogue, "users", text);
    let text = propose(&build.catalogue, &evidence);
    assert!(!text.contains("\nbadge = "), "{text}");
    assert!(text.contains("# DECIDE: badge is unique"), "{text}");
    assert!(!text.contains("created = [\"hired\"]"), "{text}");
    assert!(text.contains("# DECIDE: what does a new row get in hired"), "{text}");
}

/// What the parser or the proof refuses is taken back.
#[test]
fn nothing_refused_is_proposed() {
    let mut build = Build::new(Database::Sqlite);
    build.add(
        "users",
        "
        login text:60 pk
        active int default",
    );
    let mut evidence = Evidence::default();
    rows(&mut evidence, &build.catalogue, "users", "login active\nann 1\nbob 0");
    let text = propose(&build.catalogue, &evidence);
    let key = text.find("\nkey = ").unwrap();
    assert!(text[..key].lines().last().unwrap().starts_with("# DECIDE: "), "{text}");
}

#[test]
fn nothing_that_looks_like_users() {
    let mut build = Build::new(Database::Sqlite);
    build.add(
        "orders",
        "
        id int pk auto
        title text",
    );
    insta::assert_snapshot!(propose(&build.catalogue, &Evidence::default()), @r#"
# A profile proposed from the database's catalogue and a look at its rows. Prove it with `kpifire-scim check`.
# 2 lines begin with `# DECIDE:`; answer and remove them.
# Behind a line stands what speaks for it, below a decision what else it could be.

[users]
# DECIDE: no table of this database looks like users (a key, a login or e-mail column); name it, or the right database in `database.url`
# table = "…"
# key = "…"

# DECIDE: no table looks like teams with a membership table between them and the users; leave both sections out, or name them
# [groups]
# table = "…"
# key = "…"
# attributes = { displayName = "…" }
# delete = { mode = "delete", cascade = ["…"] }

# [members]
# table = "…"
# group = "…"
# user = "…"
"#);
}
