//! Proposals: for the reference tables they do what the built-in does; for others they say what
//! they couldn't decide.

use super::catalogues::{Build, reference};
use super::{DEPARTMENT, load, parse, user};
use crate::profile::catalogue::Database;
use crate::profile::model::Encoding;
use crate::profile::proof::{Severity, prove};
use crate::profile::propose::propose;

#[test]
fn the_reference_needs_no_decision() {
    for database in [Database::Sqlite, Database::Postgres, Database::Mysql] {
        let catalogue = reference(database);
        let text = propose(&catalogue);
        assert!(!text.contains("# DECIDE"), "{text}");
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

/// MariaDB's catalogue shows every database that the account may read.
#[test]
fn another_database_beside_it_is_none_of_its_business() {
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
        assert_eq!(propose(&beside), propose(&alone));
        // Nothing at home: then it is what is meant.
        beside.search_path.clear();
        beside.tables.retain(|name, _| name.schema.as_deref() == Some("a_copy"));
        assert!(propose(&beside).contains("table = \"a_copy.users\""));
    }
}

#[test]
fn the_reference_as_proposed() {
    insta::assert_snapshot!(propose(&reference(Database::Postgres)), @r#"
# A profile proposed from the database's catalogue. Prove it with `kpifire-scim check`.
# Nothing was left open.
# Where a line begins with `# Assumed:`, look whether it is so.

[users]
table = "users"
key = "user_id"

[users.attributes]
userName = "email"
"name.givenName" = "first_name"
"name.familyName" = "last_name"
title = "title"
'phoneNumbers[type eq "work"].value' = "phone_number"
# Assumed: kpifire's words; compare with SELECT DISTINCT status FROM users
active = { column = "status", values = { true = "Active", false = "Inactive" } }
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department" = { column = "department_id", lookup = { table = "departments", key = "department_id", label = "name", missing = "create" } }
# userType isn't mapped: what license_type may hold isn't in the catalogue. If Entra is to set it, list it:
# userType = { column = "license_type", values = { "Team Member" = "Team Member License" }, other = "reject" }

[users.insert]
# Assumed: the key of the row that a user without department gets; it must exist
department_id = 1
password_hash = "!sso"    # no password hashes to this: sign-in is by single sign-on alone

[users.touch]
created = ["created_at"]
modified = ["updated_at"]
actor = ["modified_by"]

[users.delete]
# What a SCIM DELETE does: switch the row off and keep it.
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
# To keep the row instead: mode = "deactivate", column = "is_archived", value = 1
mode = "delete"
cascade = ["team_members"]

[members]
table = "team_members"
group = "team_id"
user = "user_id"

[members.touch]
created = ["joined_at"]

[revoke]
# At once when a user is disabled.
api_tokens = { user = "user_id", action = "set", set = { revoked_at = "now" }, where_null = "revoked_at" }
user_sessions = { user = "user_id", action = "delete" }

[ownership]
# What a leaver still owns.
ideas = { owner = "author_id", title = "title" }
projects = { owner = "owner_id", title = "title" }

[anonymise.set]
# {id} is the user's key, "null" is NULL.
email = "deleted-{id}@invalid"
first_name = "Former"
last_name = "user {id}"
title = "null"
phone_number = "null"
password_hash = "!removed"

[protect]
# Accounts that SCIM never disables or deletes: the install's administrator, service accounts.
keys = []
userNames = []
"#);
}

#[test]
fn another_install() {
    let mut build = Build::new(Database::Postgres);
    build.add(
        "hr.Person",
        "
        Id uuid pk default
        Login text:80 unique
        EMail text:200 null
        Surname text:80
        Forename text:80
        Disabled bool default
        Site int
        PasswordHash binary
        UserType text =Staff|Guest
        DateCreated time",
    );
    build.add(
        "hr.PersonGroup",
        "
        Id uuid pk default
        Label text:80
        Archived bool default",
    );
    build.add(
        "hr.GroupMember",
        "
        Id int pk auto
        Person uuid ->hr.Person.Id
        Group uuid ->hr.PersonGroup.Id
        Since time",
    );
    build.catalogue.search_path = vec!["public".to_owned()];
    let text = propose(&build.catalogue);
    insta::assert_snapshot!(text, @r#"
# A profile proposed from the database's catalogue. Prove it with `kpifire-scim check`.
# 2 lines begin with `# DECIDE:`; answer and remove them.
# Where a line begins with `# Assumed:`, look whether it is so.

[users]
table = "hr.Person"
key = "Id"

[users.attributes]
# DECIDE: which column holds what people sign in with, "Login" or "EMail"; remove this line if it is the first
userName = "Login"
'emails[type eq "work"].value' = "EMail"
"name.givenName" = "Forename"
"name.familyName" = "Surname"
active = { column = "Disabled", values = { true = false, false = true } }
userType = { column = "UserType", values = { Staff = "Staff", Guest = "Guest" }, other = "reject" }

[users.insert]
# DECIDE: what a new row gets in Site (int), which is NOT NULL
Site = 0
PasswordHash = "!sso"    # no password hashes to this: sign-in is by single sign-on alone

[users.touch]
created = ["DateCreated"]

[users.delete]
# What a SCIM DELETE does: switch the row off and keep it.
mode = "deactivate"

[groups]
table = "hr.PersonGroup"
key = "Id"

[groups.attributes]
displayName = "Label"

[groups.delete]
# To keep the row instead: mode = "deactivate", column = "Archived", value = true
mode = "delete"
cascade = ["hr.GroupMember"]

[members]
table = "hr.GroupMember"
group = "Group"
user = "Person"

[members.touch]
created = ["Since"]

[anonymise.set]
# {id} is the user's key, "null" is NULL.
Login = "deleted-{id}"
EMail = "deleted-{id}@invalid"
Forename = "Former"
Surname = "user {id}"

[protect]
# Accounts that SCIM never disables or deletes: the install's administrator, service accounts.
keys = []
userNames = []
"#);
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
    insta::assert_snapshot!(propose(&build.catalogue), @r#"
# A profile proposed from the database's catalogue. Prove it with `kpifire-scim check`.
# 3 lines begin with `# DECIDE:`; answer and remove them.
# Where a line begins with `# Assumed:`, look whether it is so.

[users]
# DECIDE: no table looks like users (a key, a login or e-mail column); name it
# table = "…"
# key = "…"

[groups]
# DECIDE: no table looks like teams with a membership table between them and the users
# table = "…"
# key = "…"

[members]
# DECIDE: name the table that says who is in which team, and its two columns
# table = "…"
# group = "…"
# user = "…"
"#);
}
