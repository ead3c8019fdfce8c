//! Value filters over every element that the profile maps, memberships with null, and ids to the letter.

use serde_json::json;

use crate::support::{Agent, Database, Engine, Install, installs};

on_every_database!(
    elements_by_the_whole_grammar,
    what_no_column_carries_is_400_with_a_list,
    memberships_and_null,
    a_deleted_group_is_no_group,
    ids_are_exact_on_any_collation,
);

/// The built-in profile, something in it replaced.
fn profile(from: &str, to: &str) -> String {
    let text = include_str!("../../config/profiles/kpifire.toml");
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// Two phones: work in `phone_number`, mobile in a column that the reference install lacks.
async fn two_phones(engine: Engine) -> Agent {
    let database = Database::ready(engine).await;
    database.execute("ALTER TABLE users ADD COLUMN mobile VARCHAR(40) NULL").await;
    for (id, work, mobile) in [
        (1, "'11'", "NULL"),
        (2, "NULL", "'12'"),
        (3, "'13'", "'1X'"),
        (4, "''", "''"),
        (5, "NULL", "NULL"),
    ] {
        let sql = format!(
            "UPDATE users SET phone_number = {work}, mobile = {mobile} WHERE user_id = {id}"
        );
        database.execute(&sql).await;
    }
    let work = "'phoneNumbers[type eq \"work\"].value' = \"phone_number\"\n";
    let both = format!("{work}'phoneNumbers[type eq \"mobile\"].value' = \"mobile\"\n");
    Agent::on(Install::with_profile(database, &profile(work, &both))).await
}

async fn assert_found(agent: &Agent, path: &str, filter: &str, expected: &str) {
    let mut found = agent.client().ids(path, filter).await;
    found.sort();
    assert_eq!(found, expected.split_whitespace().collect::<Vec<_>>(), "{filter}");
}

async fn elements_by_the_whole_grammar(engine: Engine) {
    let agent = two_phones(engine).await;
    for (filter, expected) in [
        ("phoneNumbers[value eq \"12\"]", "2"),
        ("phoneNumbers[value sw \"1\"]", "1 2 3"),
        ("phoneNumbers[value pr]", "1 2 3"),
        ("phoneNumbers[type eq \"work\"]", "1 3"),
        ("phoneNumbers[type eq \"WORK\" and value sw \"1\"]", "1 3"),
        ("phoneNumbers[type ne \"work\"]", "2 3"),
        ("phoneNumbers[not (type eq \"work\")]", "2 3"),
        ("phoneNumbers[type eq \"work\" and not (value co \"3\")]", "1"),
        // One element satisfies all of it: nobody's work phone is 1X.
        ("phoneNumbers[type eq \"work\" and value eq \"1X\"]", ""),
        ("phoneNumbers[type eq \"mobile\" and value eq \"1x\"]", "3"),
        ("phoneNumbers[type eq \"work\" and value sw \"1\" and value ew \"3\"]", "3"),
        ("phoneNumbers[type eq \"work\" or value eq \"12\"]", "1 2 3"),
        ("phoneNumbers[(type eq \"work\" or type eq \"mobile\") and value co \"X\"]", "3"),
        ("phoneNumbers[type eq \"work\" and type eq \"mobile\"]", ""),
        ("phoneNumbers[type eq \"work\" and value ne \"11\"]", "3"),
        ("phoneNumbers[type eq \"work\"].value ne \"11\"", "3"),
        ("phoneNumbers[value eq null]", ""),
        ("phoneNumbers[value ne null]", "1 2 3"),
        ("not (phoneNumbers[value pr])", "4 5"),
        ("phoneNumbers.type eq \"work\"", "1 3"),
        ("phoneNumbers.type eq \"mobile\"", "2 3"),
        ("phoneNumbers.type ne \"work\"", "2 4 5"),
        ("phoneNumbers.type sw \"m\"", "2 3"),
        ("phoneNumbers.type pr", "1 2 3"),
        ("not (phoneNumbers.type pr)", "4 5"),
        ("name[familyName eq \"two\"]", "5"),
        ("name[givenName eq \"Line\" and not (familyName eq \"Two\")]", "4"),
        ("name[givenName eq \"Report\" or familyName eq \"Lead\"]", "2 3"),
    ] {
        assert_found(&agent, "/Users", filter, expected).await;
    }
}

async fn what_no_column_carries_is_400_with_a_list(engine: Engine) {
    let agent = two_phones(engine).await;
    for (filter, named) in [
        ("phoneNumbers[noSuch eq \"x\"]", "noSuch"),
        ("noSuch[value eq \"x\"]", "noSuch"),
        ("userName[value eq \"x\"]", "userName"),
        ("phoneNumbers[display co \"x\"]", "display"),
        ("phoneNumbers[type eq \"home\" and value sw \"x\"]", "home"),
        ("phoneNumbers.type sw \"home\" and emails.type sw \"h\"", "emails"),
        ("emails[type eq \"work\"].value ne \"x\"", "emails"),
        ("emails[value eq null]", "emails"),
        ("name[formatted pr]", "formatted"),
        ("groups[display eq \"x\"]", "groups"),
    ] {
        let answer = agent.client().query("/Users", &[("filter", filter)]).await;
        let answer = answer.refused(400, "invalidFilter").naming(named);
        answer.naming("externalId").naming("phoneNumbers[type eq \"mobile\"].value");
    }
    for filter in
        ["members[not (value eq \"3\")]", "members[value ne \"3\"]", "members[type eq \"User\"]"]
    {
        let answer = agent.client().query("/Groups", &[("filter", filter)]).await;
        answer.refused(400, "invalidFilter").naming("members");
    }
}

async fn memberships_and_null(engine: Engine) {
    let agent = Agent::start(engine).await;
    agent.client().post("/Groups", &crate::support::group("Empty")).await.expect(201);
    for (filter, expected) in [
        ("members eq null", "g-3"),
        ("members ne null", "g-1 g-2"),
        ("members.value eq null", "g-3"),
        ("members[value ne null]", "g-1 g-2"),
        ("members[value eq null]", ""),
        ("members[value eq \"3\" or value eq \"4\"]", "g-1 g-2"),
        ("members[value eq \"3\" or value eq \"5\"]", "g-1"),
    ] {
        assert_found(&agent, "/Groups", filter, expected).await;
    }
    for (filter, expected) in [
        ("groups eq null", "1 2 5"),
        ("groups ne null", "3 4"),
        ("not (groups.value eq null)", "3 4"),
        ("groups[value eq \"g-1\" or value eq \"g-2\"]", "3 4"),
    ] {
        assert_found(&agent, "/Users", filter, expected).await;
    }
}

/// A group whose row stays keeps its memberships, and is gone for SCIM all the same.
async fn a_deleted_group_is_no_group(engine: Engine) {
    let delete = "mode = \"delete\"\ncascade = [\"team_members\"]";
    let keep = "mode = \"deactivate\"\ncolumn = \"is_archived\"\nvalue = 1";
    let database = Database::ready(engine).await;
    let agent = Agent::on(Install::with_profile(database, &profile(delete, keep))).await;
    let client = agent.client();
    // One whose memberships are only desired any more.
    let operations = json!([{ "op": "add", "path": "members", "value": [{ "value": "5" }] }]);
    client.operations("/Groups/g-2", operations).await.expect(204);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    client.operations("/Users/4", off).await.expect(200);
    assert_found(&agent, "/Users", "groups.value eq \"g-2\"", "4 5").await;
    client.delete("/Groups/g-2").await.expect(204);
    let edges = agent.database().count("team_members WHERE team_id = 2").await;
    let desired = agent.database().count("scim_desired_members WHERE group_key = '2'").await;
    assert!(edges + desired > 0, "nothing is left that could be found");
    assert_found(&agent, "/Users", "groups.value eq \"g-2\"", "").await;
    assert_found(&agent, "/Users", "groups pr", "3 4").await;
    client.delete("/Groups/g-1").await.expect(204);
    assert_found(&agent, "/Users", "groups pr", "").await;
    assert_found(&agent, "/Users", "groups eq null", "1 2 3 4 5").await;
}

/// Ids are the exact text of the key, also where the column takes `OLD-HAND` for `old-hand`.
async fn ids_are_exact_on_any_collation(engine: Engine) {
    let tables = installs::tables(engine, "textkeys");
    let tables = match engine {
        Engine::Sqlite => tables
            .replace("code TEXT", "code TEXT COLLATE NOCASE")
            .replace("person TEXT", "person TEXT COLLATE NOCASE"),
        Engine::Postgres => {
            format!("CREATE EXTENSION citext; {}", tables.replace("VARCHAR(40)", "citext"))
        }
        // MariaDB's own default has no case.
        Engine::Mariadb | Engine::Mysql => tables,
    };
    let agent = Agent::on(installs::lay(engine, "textkeys", &tables).await).await;
    for (filter, expected) in [
        ("id eq \"old-hand\"", "old-hand"),
        ("id eq \"OLD-HAND\"", ""),
        ("id eq \"old-hand \"", ""),
        ("id ne \"OLD-HAND\"", "old-hand"),
        ("groups.value eq \"g-night\"", "old-hand"),
        ("groups.value eq \"g-NIGHT\"", ""),
    ] {
        assert_found(&agent, "/Users", filter, expected).await;
    }
    for (filter, expected) in [
        ("members eq \"old-hand\"", "g-night"),
        ("members eq \"OLD-HAND\"", ""),
        ("members[value eq \"Old-Hand\"]", ""),
        ("id eq \"g-night\" and members eq \"old-hand\"", "g-night"),
        ("id eq \"g-Night\" and members eq \"old-hand\"", ""),
    ] {
        assert_found(&agent, "/Groups", filter, expected).await;
    }
    agent.client().get("/Users/OLD-HAND").await.refused(404, "");
}
