//! The built-in profile against the reference tables, and what is said when they differ.

use super::catalogues::{Build, reference};
use super::{load, minimal, parse};
use crate::profile::Profile;
use crate::profile::catalogue::{Catalogue, Column, Database, Index};
use crate::profile::proof::{Finding, Severity, prove};

/// What an index must be on: the store's own texts, shortened.
fn fold(database: Database, column: &str) -> String {
    match database {
        Database::Sqlite => format!("CASE WHEN {column} NOT GLOB '*' THEN lower({column}) END"),
        Database::Postgres => {
            format!("lower(normalize(btrim({column}::text), NFKC) COLLATE \"und-x-icu\")")
        }
        Database::Mysql => column.to_owned(),
    }
}

fn proved(profile: &Profile, catalogue: &Catalogue) -> Vec<Finding> {
    prove(profile, catalogue, |column| fold(catalogue.database, column))
}

/// Everything that isn't Ok, as text.
fn complaints(profile: &Profile, catalogue: &Catalogue) -> String {
    proved(profile, catalogue)
        .into_iter()
        .filter(|finding| finding.severity != Severity::Ok)
        .map(|f| {
            format!(
                "{:?} {}: {}\n  why: {}\n  fix: {}\n",
                f.severity, f.subject, f.what, f.why, f.fix
            )
        })
        .collect()
}

#[test]
fn sqlite_reference() {
    let findings = proved(&load("kpifire").unwrap(), &reference(Database::Sqlite));
    assert!(findings.iter().all(|finding| finding.severity != Severity::Error));
    let all: String =
        findings.iter().map(|f| format!("{:?} {}: {}\n", f.severity, f.subject, f.what)).collect();
    insta::assert_snapshot!(all, @r#"
Warning users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.label: no index on the folded `departments.name`
Ok users.table: table `users` has every column the profile names
Ok users.attributes.userName: column `email` is unique without case (NOCASE)
Warning users.attributes.userName: no index on the folded `email`
Ok users.delete: a SCIM DELETE deactivates the row and keeps it; pointing at it: api_tokens.user_id, ideas.author_id, projects.owner_id, team_members.user_id, teams.leader_id, user_sessions.user_id
Ok groups.table: table `teams` has every column the profile names
Ok groups.attributes.displayName: column `name` is unique without case (NOCASE)
Warning groups.attributes.displayName: no index on the folded `name`
Warning groups.delete: a SCIM DELETE is refused while rows point at it: projects.team_id
Ok members.table: table `team_members` has every column the profile names
Ok revoke.user_sessions: table `user_sessions` has every column the profile names
Warning revoke.user_sessions: no index begins with column `user_sessions.user_id`
Ok revoke.api_tokens: table `api_tokens` has every column the profile names
Warning revoke.api_tokens: no index begins with column `api_tokens.user_id`
Ok ownership.projects: table `projects` has every column the profile names
Ok ownership.ideas: table `ideas` has every column the profile names
Ok anonymise.set: table `users` has every column the profile names
"#);
}

#[test]
fn postgres_reference() {
    insta::assert_snapshot!(complaints(&load("kpifire").unwrap(), &reference(Database::Postgres)), @r#"
Warning users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.label: no index on the folded `departments.name`
  why: every write of the attribute would read the whole table
  fix: CREATE INDEX CONCURRENTLY "departments_name_folded_idx" ON "departments" ((lower(normalize(btrim("name"::text), NFKC) COLLATE "und-x-icu")));
Warning users.attributes.userName: column `email` is unique only to the letter (default)
  why: kpifire can hold Ana and ana as two rows; a lookup of the userName returns both, and Entra stops at the second. The fix fails while such pairs exist
  fix: CREATE UNIQUE INDEX CONCURRENTLY "users_email_folded_key" ON "users" ((lower(normalize(btrim("email"::text), NFKC) COLLATE "und-x-icu")));
Warning groups.attributes.displayName: column `name` is unique only to the letter (default)
  why: kpifire can hold Ana and ana as two rows; a lookup of the displayName returns both, and Entra stops at the second. The fix fails while such pairs exist
  fix: CREATE UNIQUE INDEX CONCURRENTLY "teams_name_folded_key" ON "teams" ((lower(normalize(btrim("name"::text), NFKC) COLLATE "und-x-icu")));
Warning groups.delete: a SCIM DELETE is refused while rows point at it: projects.team_id
  why: Entra gets 409 and repeats the DELETE each cycle
  fix: leave it so, or keep the row: mode = "mark" with column and value; a table in `cascade` loses its rows
Warning revoke.user_sessions: no index begins with column `user_sessions.user_id`
  why: disabling a user would read the whole table
  fix: CREATE INDEX CONCURRENTLY "user_sessions_user_id_idx" ON "user_sessions" ("user_id");
Warning revoke.api_tokens: no index begins with column `api_tokens.user_id`
  why: disabling a user would read the whole table
  fix: CREATE INDEX CONCURRENTLY "api_tokens_user_id_idx" ON "api_tokens" ("user_id");
"#);
}

#[test]
fn mariadb_reference() {
    insta::assert_snapshot!(complaints(&load("kpifire").unwrap(), &reference(Database::Mysql)), @r#"
Warning groups.delete: a SCIM DELETE is refused while rows point at it: projects.team_id
  why: Entra gets 409 and repeats the DELETE each cycle
  fix: leave it so, or keep the row: mode = "mark" with column and value; a table in `cascade` loses its rows
"#);
}

#[test]
fn an_expression_index_as_postgres_prints_it_serves() {
    let mut catalogue = Build { catalogue: reference(Database::Postgres) };
    for (table, column) in [("users", "email"), ("teams", "name"), ("departments", "name")] {
        let expression =
            format!("lower((NORMALIZE(btrim(({column})::text), NFKC)) COLLATE \"und-x-icu\")");
        let index = Index { name: "f".into(), columns: vec![expression], unique: true };
        catalogue.table(table).indexes.push(index);
    }
    let text = complaints(&load("kpifire").unwrap(), &catalogue.catalogue);
    assert!(!text.contains("folded") && !text.contains("to the letter"), "{text}");
}

fn column<'b>(build: &'b mut Build, table: &str, name: &str) -> &'b mut Column {
    build.table(table).columns.iter_mut().find(|column| column.name == name).unwrap()
}

#[test]
fn without_an_index_on_the_fold_the_collation_decides() {
    let profile = load("kpifire").unwrap();
    for (database, collation) in [(Database::Sqlite, "BINARY"), (Database::Mysql, "utf8mb4_bin")] {
        let mut build = Build { catalogue: reference(database) };
        column(&mut build, "users", "email").collation = Some(collation.to_owned());
        let findings = prove(&profile, &build.catalogue, str::to_owned);
        let letter = |finding: &Finding| {
            finding.subject == "users.attributes.userName"
                && finding.what.contains("unique only to the letter")
        };
        assert!(findings.iter().any(letter), "{findings:?}");
    }
}

#[test]
fn renamed_tables_and_columns() {
    let mut build = Build { catalogue: reference(Database::Sqlite) };
    column(&mut build, "users", "email").name = "e_mail".into();
    column(&mut build, "departments", "name").name = "label".into();
    column(&mut build, "user_sessions", "user_id").name = "person".into();
    let members = build.name("team_members");
    let mut table = build.catalogue.tables.remove(&members).unwrap();
    table.name.name = "teams_members".into();
    build.catalogue.tables.insert(table.name.clone(), table);
    insta::assert_snapshot!(complaints(&load("kpifire").unwrap(), &build.catalogue), @r#"
Error users.attributes.userName: table `users` has no column `email`
  why: the profile names it
  fix: `users.attributes.userName`: did you mean "e_mail"?
Error users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.label: table `departments` has no column `name`
  why: the profile names it
  fix: `users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.label`: the columns are department_id, label, parent_id, is_active
Error users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.insert: column `departments.label` (varchar(150)) is NOT NULL, has no default, and nothing fills it
  why: inserting a row would fail
  fix: in the lookup: insert = { label = "" }
Error users.insert: column `users.e_mail` (varchar(191)) is NOT NULL, has no default, and nothing fills it
  why: inserting a row would fail
  fix: [users.insert]
e_mail = ""
Warning groups.attributes.displayName: no index on the folded `name`
  why: every lookup by displayName would read the whole table
  fix: CREATE INDEX "teams_name_folded_idx" ON "teams" ((CASE WHEN "name" NOT GLOB '*' THEN lower("name") END));
Error groups.delete.cascade: table `team_members` isn't there, or the agent's account can't see it
  why: the profile reads and writes it
  fix: `groups.delete.cascade`: did you mean "teams_members"?
Warning groups.delete: a SCIM DELETE is refused while rows point at it: projects.team_id, team_members.team_id
  why: Entra gets 409 and repeats the DELETE each cycle
  fix: leave it so, or keep the row: mode = "mark" with column and value; a table in `cascade` loses its rows
Error members.table: table `team_members` isn't there, or the agent's account can't see it
  why: the profile reads and writes it
  fix: `members.table`: did you mean "teams_members"?
Error revoke.user_sessions.user: table `user_sessions` has no column `user_id`
  why: the profile names it
  fix: `revoke.user_sessions.user`: the columns are session_id, person, expires_at
Warning revoke.api_tokens: no index begins with column `api_tokens.user_id`
  why: disabling a user would read the whole table
  fix: CREATE INDEX "api_tokens_user_id_idx" ON "api_tokens" ("user_id");
Error anonymise.set.email: table `users` has no column `email`
  why: the profile names it
  fix: `anonymise.set.email`: did you mean "e_mail"?
"#);
}

#[test]
fn types_that_do_not_suit() {
    let mut build = Build { catalogue: reference(Database::Postgres) };
    column(&mut build, "users", "title").kind = crate::profile::catalogue::Kind::Binary;
    column(&mut build, "users", "status").enum_values = vec!["ACTIVE".into(), "LOCKED".into()];
    column(&mut build, "users", "modified_by").max_length = Some(5);
    column(&mut build, "users", "updated_at").kind = crate::profile::catalogue::Kind::Int;
    column(&mut build, "users", "phone_number").nullable = false;
    column(&mut build, "users", "locale").has_default = false;
    column(&mut build, "teams", "team_id").generated = false;
    column(&mut build, "teams", "team_id").has_default = false;
    column(&mut build, "departments", "is_active").kind = crate::profile::catalogue::Kind::Text;
    build.table("users").indexes.clear();
    let text = complaints(&load("kpifire").unwrap(), &build.catalogue);
    insta::assert_snapshot!(text, @r#"
Error users.attributes.active.values.true: "Active" doesn't fit column `status` (varchar(10))
  why: the column takes only ACTIVE, LOCKED
  fix: true = "ACTIVE"
Error users.attributes.active.values.false: "Inactive" doesn't fit column `status` (varchar(10))
  why: the column takes only ACTIVE, LOCKED
  fix: false = "ACTIVE"
Error users.attributes.title: column `title` is varchar(100), which can't carry the attribute
  why: the attribute is text
  fix: map the attribute to a text column, or remove the line: the agent then keeps the attribute itself
Warning users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.label: no index on the folded `departments.name`
  why: every write of the attribute would read the whole table
  fix: CREATE INDEX CONCURRENTLY "departments_name_folded_idx" ON "departments" ((lower(normalize(btrim("name"::text), NFKC) COLLATE "und-x-icu")));
Error users.attributes."urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".lookup.insert.is_active: 1 doesn't fit column `is_active` (int)
  why: the column's type takes no number; write it as a string
  fix: is_active = ""
Error users.touch.modified: column `updated_at` is timestamp, which holds no time so
  why: the time could be neither written nor read
  fix: name a column of a date-and-time type, or say how the column holds times: `as` (`time` beside "since", "expires", "until") = "epoch-s", "epoch-ms", "iso", or a pattern as "%Y%m%d%H%M%S"
Error users.touch.actor: column `modified_by` (varchar(191)) can't hold "kpifire-scim"
  why: it has 12 characters, the column holds 5
  fix: name a text column, or leave it out of `actor`
Error users.insert: column `users.locale` (varchar(10)) is NOT NULL, has no default, and nothing fills it
  why: inserting a row would fail
  fix: [users.insert]
locale = ""
Warning users.attributes.userName: column `email` isn't unique
  why: kpifire's own screens can give two rows the same userName; Entra then finds both and stops at the second
  fix: CREATE UNIQUE INDEX CONCURRENTLY "users_email_folded_key" ON "users" ((lower(normalize(btrim("email"::text), NFKC) COLLATE "und-x-icu")));
Error groups.key: nothing allocates the key `team_id`: it is neither auto-increment nor identity, and has no default
  why: a SCIM POST inserts a row and reads its key
  fix: groups.key = { column = "team_id", new = { counter = { table = "…", column = "…" } } } where the application makes keys so; or give `team_id` a default
Warning groups.attributes.displayName: column `name` is unique only to the letter (default)
  why: kpifire can hold Ana and ana as two rows; a lookup of the displayName returns both, and Entra stops at the second. The fix fails while such pairs exist
  fix: CREATE UNIQUE INDEX CONCURRENTLY "teams_name_folded_key" ON "teams" ((lower(normalize(btrim("name"::text), NFKC) COLLATE "und-x-icu")));
Warning groups.delete: a SCIM DELETE is refused while rows point at it: projects.team_id
  why: Entra gets 409 and repeats the DELETE each cycle
  fix: leave it so, or keep the row: mode = "mark" with column and value; a table in `cascade` loses its rows
Warning revoke.user_sessions: no index begins with column `user_sessions.user_id`
  why: disabling a user would read the whole table
  fix: CREATE INDEX CONCURRENTLY "user_sessions_user_id_idx" ON "user_sessions" ("user_id");
Warning revoke.api_tokens: no index begins with column `api_tokens.user_id`
  why: disabling a user would read the whole table
  fix: CREATE INDEX CONCURRENTLY "api_tokens_user_id_idx" ON "api_tokens" ("user_id");
Error anonymise.set.phone_number: "null" doesn't fit column `phone_number` (varchar(40))
  why: the column is NOT NULL
  fix: phone_number = ""
"#);
}

#[test]
fn a_boolean_needs_a_suitable_column() {
    let mut build = Build::new(Database::Mysql);
    build.add(
        "users",
        "
        id int pk auto
        email text:100 unique
        enabled text:1 =Y|N",
    );
    column(&mut build, "users", "email").collation = Some("utf8mb4_bin".into());
    build.add(
        "teams",
        "
        id uuid pk default
        name text:50 null",
    );
    build.add(
        "team_members",
        "
        id int pk auto
        team_id int null
        user_id int null",
    );
    insta::assert_snapshot!(complaints(&parse("t", &minimal("")).unwrap(), &build.catalogue), @r#"
Error users.attributes.active: column `enabled` is varchar(1), neither boolean nor 0/1
  why: the attribute is a boolean, so the profile must say what the column holds for each
  fix: active = { column = "enabled", values = { true = "Y", false = "N" } }
Warning users.attributes.userName: column `email` is unique only to the letter (utf8mb4_bin)
  why: kpifire can hold Ana and ana as two rows; a lookup of the userName returns both, and Entra stops at the second. The fix fails while such pairs exist
  fix: ALTER TABLE `users` MODIFY `email` varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL;
Warning groups.attributes.displayName: column `name` isn't unique
  why: kpifire's own screens can give two rows the same displayName; Entra then finds both and stops at the second
  fix: CREATE UNIQUE INDEX `teams_name_folded_key` ON `teams` (`name`);
Warning groups.delete.cascade: no index begins with column `team_members.team_id`
  why: every DELETE would read the whole table
  fix: CREATE INDEX `team_members_team_id_idx` ON `team_members` (`team_id`);
Warning members.group: column `team_id` is int, the key `id` it holds is uuid
  why: comparing the two converts each row and uses no index
  fix: `members.group`: name the column that holds the key
Warning members.table: the pair (team_id, user_id) isn't unique
  why: a user can be in one team twice; removing the member removes every such row
  fix: CREATE UNIQUE INDEX `team_members_team_id_user_id_key` ON `team_members` (`team_id`, `user_id`);
Warning members.group: no index begins with column `team_members.team_id`
  why: reading a team's members would read the whole table
  fix: CREATE INDEX `team_members_team_id_idx` ON `team_members` (`team_id`);
Warning members.user: no index begins with column `team_members.user_id`
  why: reading a user's teams, and disabling a user, would read the whole table
  fix: CREATE INDEX `team_members_user_id_idx` ON `team_members` (`user_id`);
"#);
}

#[test]
fn deleting_users_is_weighed() {
    let text = minimal(
        "[users.delete]\nmode = \"delete\"\ncascade = [\"team_members\", \"notes\"]\n[anonymise.set]\nemail = \"gone@invalid\"\n",
    );
    let mut build = Build::new(Database::Sqlite);
    build.add(
        "users",
        "
        id int pk auto
        email text unique
        enabled bool default",
    );
    build.add(
        "teams",
        "
        id int pk auto
        name text unique",
    );
    build.add(
        "team_members",
        "
        team_id int pk ->teams.id
        user_id int pk ->users.id",
    );
    build.add(
        "notes",
        "
        note int pk auto",
    );
    build.add(
        "orders",
        "
        nr int pk auto
        buyer int ->users.id
        seller int ->users.id",
    );
    build.table("orders").foreign_keys[1].on_delete = "CASCADE".into();
    insta::assert_snapshot!(complaints(&parse("t", &text).unwrap(), &build.catalogue), @r#"
Warning users.attributes.userName: no index on the folded `email`
  why: every lookup by userName would read the whole table
  fix: CREATE INDEX "users_email_folded_idx" ON "users" ((CASE WHEN "email" NOT GLOB '*' THEN lower("email") END));
Warning users.delete.cascade: no index begins with column `team_members.user_id`
  why: every DELETE would read the whole table
  fix: CREATE INDEX "team_members_user_id_idx" ON "team_members" ("user_id");
Error users.delete.cascade: no column of `notes` points at `users`
  why: which of its rows go with a deleted one can't be told
  fix: leave "notes" out of `cascade`
Warning users.delete: a SCIM DELETE is refused while rows point at it: orders.buyer
  why: Entra gets 409 and repeats the DELETE each cycle
  fix: [users.delete]
mode = "deactivate"
Warning users.delete: a SCIM DELETE also changes rows by ON DELETE: orders.seller (CASCADE)
  why: kpifire loses more than the row itself
  fix: leave it so if that is meant, or keep the row: mode = "mark" with column and value
Warning groups.attributes.displayName: no index on the folded `name`
  why: every lookup by displayName would read the whole table
  fix: CREATE INDEX "teams_name_folded_idx" ON "teams" ((CASE WHEN "name" NOT GLOB '*' THEN lower("name") END));
Warning members.user: no index begins with column `team_members.user_id`
  why: reading a user's teams, and disabling a user, would read the whole table
  fix: CREATE INDEX "team_members_user_id_idx" ON "team_members" ("user_id");
Error anonymise.set.email: column `email` is unique, and the value is the same for everyone
  why: anonymising a second user would fail
  fix: email = "former-{id}"
"#);
}
