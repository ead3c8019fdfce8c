//! Filters: the whole grammar of RFC 7644 §3.4.2.2 over every mapped attribute.

use serde_json::json;

use crate::support::{Agent, ENTERPRISE, Engine, USER};

on_every_database!(
    users_by_every_attribute_and_operator,
    users_without_case_but_with_accents,
    groups_by_name_and_members,
    a_filter_that_cannot_be_is_400,
    two_rows_that_fold_to_one_name,
);

/// The seeded five and one whose text has everything that a LIKE or a collation could get wrong.
async fn agent_with_zoe(engine: Engine) -> Agent {
    let agent = Agent::start(engine).await;
    let body = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "Zoë.Ünal@Plant.example",
        "externalId": "Ext-6",
        "name": { "givenName": "Zoë", "familyName": "Ünal" },
        "title": "50%_off \\ \"it's\"",
        "active": true,
        "userType": "Team Member",
        "nickName": "zed",
        "phoneNumbers": [{ "type": "work", "value": "+90 1" }],
        ENTERPRISE: { "department": "Qualität" },
    });
    assert_eq!(agent.client().post("/Users", &body).await.expect(201).id(), "6");
    agent
}

async fn assert_found(agent: &Agent, path: &str, filter: &str, expected: &str) {
    let answer = agent.client().query(path, &[("filter", filter)]).await.expect(200);
    let mut found = answer.ids();
    found.sort();
    let expected: Vec<_> = expected.split_whitespace().collect();
    assert_eq!(found, expected, "{filter}");
    assert_eq!(answer.body["totalResults"], expected.len(), "{filter}");
}

async fn users_by_every_attribute_and_operator(engine: Engine) {
    let agent = agent_with_zoe(engine).await;
    let department = format!("{ENTERPRISE}:department");
    for (filter, expected) in [
        ("userName eq \"admin@plant.example\"", "1"),
        ("userName ne \"admin@plant.example\"", "2 3 4 5 6"),
        ("userName co \"line\"", "4 5"),
        ("userName sw \"line\"", "4 5"),
        ("userName ew \"lead@plant.example\"", "3"),
        ("userName pr", "1 2 3 4 5 6"),
        ("userName gt \"line.one@plant.example\"", "2 3 5 6"),
        ("userName ge \"line.one@plant.example\"", "2 3 4 5 6"),
        ("userName lt \"line.two@plant.example\"", "1 4"),
        ("userName le \"line.two@plant.example\"", "1 4 5"),
        ("title pr", "1 3 4 5 6"),
        ("not (title pr)", "2"),
        ("title eq \"Operator\"", "4 5"),
        ("title co \"lead\"", "3"),
        ("title co \"%\"", "6"),
        ("title co \"_\"", "6"),
        ("title sw \"50%_o\"", "6"),
        ("title sw \"50xy\"", ""),
        ("title co \"\\\\\"", "6"),
        ("title co \"\\\"it's\\\"\"", "6"),
        ("title eq \"50%_off \\\\ \\\"it's\\\"\"", "6"),
        ("userName co \"' OR '1'='1\"", ""),
        ("name.givenName eq \"Line\"", "4 5"),
        ("name.familyName sw \"o\"", "4"),
        ("active eq true", "1 2 3 4 6"),
        ("active eq false", "5"),
        ("active ne true", "5"),
        ("not (active eq true)", "5"),
        ("active eq True", "1 2 3 4 6"),
        ("phoneNumbers[type eq \"work\"].value eq \"+1 555 0103\"", "3"),
        ("phoneNumbers[type eq \"work\" and value eq \"+1 555 0103\"]", "3"),
        ("phoneNumbers[type eq \"work\" and value sw \"+\"]", "3 6"),
        ("phoneNumbers.value eq \"+90 1\"", "6"),
        ("userType eq \"Team Member\"", "4 5 6"),
        ("userType eq \"No such\"", ""),
        ("department eq \"Quality\"", "3"),
        ("id eq \"3\"", "3"),
        ("id eq \"03\"", ""),
        ("id eq \"abc\"", ""),
        ("id eq \"99999999999999999999\"", ""),
        ("id ne \"3\"", "1 2 4 5 6"),
        ("id pr", "1 2 3 4 5 6"),
        ("externalId eq \"Ext-6\"", "6"),
        ("externalId eq \"ext-6\"", ""),
        ("externalId eq Ext-6", "6"),
        ("externalId sw \"Ext\"", "6"),
        ("externalId pr", "6"),
        ("not (externalId pr)", "1 2 3 4 5"),
        ("meta.created lt \"2020-01-01T00:00:00Z\"", "1 2"),
        ("meta.created eq \"2020-01-15T09:30:00Z\"", "3"),
        ("meta.created eq \"2020-01-15T10:30:00+01:00\"", "3"),
        ("meta.created gt \"2020-01-15T09:30:00.000Z\" and id ne \"6\"", "4 5"),
        ("meta.created ge \"2020-01-15T09:30:00Z\" and id ne \"6\"", "3 4 5"),
        ("meta.lastModified le \"2023-06-02T14:10:00Z\"", "1 2 3 4"),
        ("meta.lastModified gt \"2026-01-01T00:00:00Z\"", "6"),
        ("groups.value eq \"g-1\"", "3 4"),
        ("groups.value eq \"g-2\"", "4"),
        ("groups eq \"g-2\"", "4"),
        ("groups[value eq \"g-2\"]", "4"),
        ("not (groups.value eq \"g-1\")", "1 2 5 6"),
        ("groups pr", "3 4"),
        // Precedence: not, and, or; parentheses first.
        ("userName sw \"line\" and active eq true or id eq \"1\"", "1 4"),
        ("id eq \"1\" or userName sw \"line\" and active eq true", "1 4"),
        ("userName sw \"line\" and (active eq true or id eq \"1\")", "4"),
        ("not (userName sw \"line\") and active eq true", "1 2 3 6"),
        ("not (userName sw \"line\" and active eq true)", "1 2 3 5 6"),
        ("((id eq \"1\") or ((id eq \"2\")))", "1 2"),
        ("not (not (id eq \"1\"))", "1"),
        // Operators and attribute names without case.
        ("USERNAME EQ \"admin@plant.example\" OR Id Eq \"2\"", "1 2"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"admin@plant.example\"", "1"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq \"two\"", "5"),
    ] {
        if let Some(rest) = filter.strip_prefix("department ") {
            assert_found(&agent, "/Users", &format!("{department} {rest}"), expected).await;
            assert_found(&agent, "/Users", &format!("{department} sw \"ass\""), "4 5").await;
            assert_found(&agent, "/Users", &format!("{department} co \"QUALIT\""), "3 6").await;
            assert_found(&agent, "/Users", &format!("{department} eq \"qualitÄt\""), "6").await;
            assert_found(&agent, "/Users", &format!("{department} ne \"Unassigned\""), "3 4 5 6")
                .await;
            assert_found(&agent, "/Users", &format!("{department} pr"), "1 2 3 4 5 6").await;
            continue;
        }
        assert_found(&agent, "/Users", filter, expected).await;
    }
}

async fn users_without_case_but_with_accents(engine: Engine) {
    let agent = agent_with_zoe(engine).await;
    for (filter, expected) in [
        ("userName eq \"ADMIN@Plant.Example\"", "1"),
        ("userName eq \"zoë.ünal@plant.example\"", "6"),
        ("userName eq \"ZOË.ÜNAL@PLANT.EXAMPLE\"", "6"),
        ("userName eq \"zoe\u{308}.u\u{308}nal@plant.example\"", ""),
        ("userName eq \" zoë.ünal@plant.example \"", ""),
        ("userName eq \"zoe.unal@plant.example\"", ""),
        ("userName sw \"ZOË\"", "6"),
        ("userName sw \"zoe\"", ""),
        ("userName co \".ÜNAL\"", "6"),
        ("userName co \"unal\"", ""),
        ("name.givenName eq \"ZOË\"", "6"),
        ("name.givenName eq \"zoe\"", ""),
        ("name.givenName eq \"ZOE\"", ""),
        ("name.familyName eq \"ünal\"", "6"),
        ("title eq \"OPERATOR\"", "4 5"),
        ("title co \"LEAD\"", "3"),
    ] {
        assert_found(&agent, "/Users", filter, expected).await;
    }
}

async fn groups_by_name_and_members(engine: Engine) {
    let agent = Agent::start(engine).await;
    for (filter, expected) in [
        ("displayName eq \"KAIZEN CORE\"", "g-1"),
        ("displayName ne \"Kaizen Core\"", "g-2"),
        ("displayName co \"c\"", "g-1 g-2"),
        ("members eq \"3\"", "g-1"),
        ("members.value eq \"4\"", "g-1 g-2"),
        ("members[value eq \"4\"]", "g-1 g-2"),
        ("id eq \"g-1\" and members eq \"4\"", "g-1"),
        ("id eq \"g-1\" and members eq \"5\"", ""),
        ("id eq \"g-1\" and members eq \"03\"", ""),
        ("id eq \"g-1\" and members eq \"nobody\"", ""),
        ("not (members.value eq \"3\")", "g-2"),
        ("members pr", "g-1 g-2"),
        ("externalId eq \"none\"", ""),
        ("meta.created lt \"2020-04-01T00:00:00Z\"", "g-1"),
        ("meta.lastModified ge \"2020-05-01T10:00:00Z\"", "g-2"),
        ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName sw \"safety\"", "g-2"),
    ] {
        assert_found(&agent, "/Groups", filter, expected).await;
    }
}

async fn a_filter_that_cannot_be_is_400(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let refused = |filter: String| {
        let client = client.clone();
        async move { client.query("/Users", &[("filter", &filter)]).await.refused(400, "invalidFilter") }
    };
    // An attribute that can't be filtered on: which, and which can.
    for unknown in [
        "noSuch eq \"x\"",
        "nickName co \"x\"",
        "nickName pr",
        "noSuch.sub pr",
        "emails.value sw \"x\"",
        "meta.location pr",
    ] {
        let answer = refused(unknown.to_owned()).await;
        let attribute = unknown.split([' ', '.']).next().unwrap();
        let answer = answer.naming(attribute);
        for filterable in ["userName", "externalId", "name.givenName", "active"] {
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains(filterable), "{filterable} isn't listed: {detail}");
        }
    }
    for malformed in [
        "userName",
        "userName eq",
        "eq \"x\"",
        "userName is \"x\"",
        "userName eq \"x",
        "userName eq \"x\" and",
        "(userName eq \"x\"",
        "userName eq \"x\")",
        "userName eq \"x\" userName eq \"y\"",
        "not userName",
        "userName eq \"\\u12\"",
        "phoneNumbers[type eq \"work\"",
        "active gt true",
        "active eq \"perhaps\"",
        "active co \"t\"",
        "meta.created gt \"yesterday\"",
        "\u{0}",
        "💥",
    ] {
        refused(malformed.to_owned()).await;
    }
    refused(format!("{}userName pr{}", "(".repeat(5000), ")".repeat(5000))).await;
    refused(format!("{} userName pr{}", "not (".repeat(500), ")".repeat(500))).await;
    refused(format!("userName eq \"{}\"", "x".repeat(40_000))).await;
    refused(vec!["userName pr"; 4000].join(" and ")).await;
    client.query("/Groups", &[("filter", "userName eq \"x\"")]).await.refused(400, "invalidFilter");
}

/// On case-sensitive installs people exist twice: a lookup shows both, each is written by its id.
async fn two_rows_that_fold_to_one_name(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    if engine.speaks_mysql() {
        // Only an install without the unique key can hold them there.
        agent.database().execute("ALTER TABLE users DROP INDEX email").await;
    }
    agent
        .database()
        .execute(
            "INSERT INTO users (user_id, email, first_name, last_name, department_id, password_hash, created_at, \
             updated_at) VALUES (51,'Änn@plant.example','A','A',1,'x','2020-01-01 00:00:00','2020-01-01 00:00:00'), \
             (52,'äNN@plant.example','B','B',1,'x','2020-01-01 00:00:00','2020-01-01 00:00:00')",
        )
        .await;
    assert_found(&agent, "/Users", "userName eq \"ÄNN@PLANT.example\"", "51 52").await;
    for id in ["51", "52"] {
        let path = format!("/Users/{id}");
        let operations = json!([{ "op": "Replace", "path": "title", "value": format!("T{id}") }]);
        let written = client.operations(&path, operations).await.expect(200);
        assert_eq!(written.id(), id);
        assert_eq!(agent.database().count(&format!("users WHERE title = 'T{id}'")).await, 1);
    }
    client
        .post("/Users", &crate::support::user("änn@plant.example"))
        .await
        .refused(409, "uniqueness");
}
