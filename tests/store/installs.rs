//! Installs that look nothing like the reference: only the profile differs, never the code.
//!
//! Each fixture has someone (`Old.Hand@plant.example`, in `Works`) and a team (`Night Shift`, with
//! them in it), laid in its own tables in its own way.

use serde_json::{Value, json};

use crate::support::{Agent, Dialect, ENTERPRISE, Engine, Entra, installs, key};

on_every_database!(reserved_words_and_spaces, uuids_in_another_schema, text_keys_and_codes);

/// Makes `fixtures/installs/NAME` and starts an agent on it.
async fn start(engine: Engine, name: &str) -> Agent {
    Agent::on(installs::lay(engine, name, &installs::tables(engine, name)).await).await
}

/// Nothing has drifted; after the edit these kinds have, and restoring all of it mends it.
async fn drift(agent: &Agent, edit: &str, kinds: &[&str]) {
    let reconcile = || -> (Option<i32>, Value) {
        let output = agent.install.run(&["reconcile", "--format", "json"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_str(&stdout);
        (output.status.code(), report.unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}")))
    };
    let (code, clean) = reconcile();
    assert_eq!((code, clean["findings"].clone()), (Some(0), json!([])), "{clean:#}");
    agent.database().execute(edit).await;
    let (_, report) = reconcile();
    let findings = report["findings"].as_array().unwrap();
    let mut found: Vec<&str> = findings.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, kinds, "{report:#}");
    let ids: Vec<&str> = findings.iter().map(|it| it["id"].as_str().unwrap()).collect();
    let said = agent.install.stdout(&[&["drift", "restore"], &ids[..]].concat());
    // Who is enabled gets every membership back: one of them may have nothing left to do.
    let mended = said.matches("done:").count() + said.matches("nothing to do").count();
    assert_eq!(mended, kinds.len(), "{said}");
    assert_eq!(reconcile().0, Some(0));
}

/// What holds on every install; leaves `Nova.Pessoa@plant.example` active and in `New Team`.
/// Answers their id, the old hand's and the new team's.
async fn lifecycle(agent: &Agent) -> (String, String, String) {
    let client = agent.client();
    let entra = agent.entra(Dialect::Classic);
    let old_hand = entra.match_user("OLD.hand@plant.example").await.expect("the old hand");
    let old_id = old_hand["id"].as_str().unwrap().to_owned();
    assert_eq!(old_hand["userName"], "Old.Hand@plant.example");
    assert_eq!(old_hand["active"], true);
    assert_eq!(old_hand[ENTERPRISE]["department"], "Works");
    assert_eq!(old_hand["groups"].as_array().map(Vec::len), Some(1), "{old_hand}");
    let night = entra.match_group("night shift").await.expect("the team")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(entra.is_member(&night, &old_id).await);

    let body = json!({ "userName": "Nova.Pessoa@plant.example", "active": true, ENTERPRISE: { "department": "Works" } });
    let created = client.post("/Users", &body).await.expect(201);
    let id = created.id();
    assert_eq!(created.body[ENTERPRISE]["department"], "Works", "{}", created.text);
    assert_eq!(client.get(&format!("/Users/{id}")).await.expect(200).body, created.body);
    client.post("/Users", &body).await.refused(409, "uniqueness");
    for (filter, found) in [
        ("userName eq \"NOVA.pessoa@plant.example\"".to_owned(), vec![&id]),
        (format!("id eq \"{id}\""), vec![&id]),
        (format!("id eq \"{}\"", id.to_uppercase() + "0"), vec![]),
        (format!("{ENTERPRISE}:department eq \"WORKS\" and userName sw \"nova\""), vec![&id]),
        ("active eq false".to_owned(), vec![]),
        (format!("groups.value eq \"{night}\""), vec![&old_id]),
    ] {
        assert_eq!(
            client.ids("/Users", &filter).await.iter().collect::<Vec<_>>(),
            found,
            "{filter}"
        );
    }
    let sorted =
        client.query("/Users", &[("sortBy", "userName"), ("count", "1")]).await.expect(200);
    assert_eq!(sorted.ids(), [id.as_str()]);
    assert_eq!(sorted.body["totalResults"], 2);

    entra.disable(&id).await;
    assert_eq!(client.ids("/Users", "active eq false").await, [id.as_str()]);
    entra.enable(&id).await;
    let team = entra.create_group("New Team").await;
    entra.add_members(&team, &[&id, &old_id]).await.expect(204);
    entra.add_members(&night, &[&id, &old_id]).await.expect(204);
    entra.remove_members(&night, &[&id]).await.expect(204);
    assert!(entra.is_member(&night, &old_id).await && !entra.is_member(&night, &id).await);
    entra.rename_group(&team, "Newer Team").await;
    unknown_ids(&entra, &team).await;
    conditional(agent, &id).await;
    (id, old_id, team)
}

/// Text that can't be a key of this kind is nobody, not an error of the database.
async fn unknown_ids(entra: &Entra, team: &str) {
    for id in
        ["4711", "nobody", "00000000-0000-0000-0000-000000000000", "'", "99999999999999999999"]
    {
        let path = format!(
            "/Users/{}",
            form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>()
        );
        entra.client.get(&path).await.refused(404, "");
        entra.add_members(team, &[id]).await.refused(400, "invalidValue").naming(id);
        assert!(!entra.is_member(team, id).await);
    }
}

/// Without a column of kpifire's that says when, times come from the link and ETags still work.
async fn conditional(agent: &Agent, id: &str) {
    let client = agent.client();
    let path = format!("/Users/{id}");
    let read = client.get(&path).await.expect(200);
    assert!(read.body["meta"]["created"].is_string(), "{}", read.text);
    let operations = json!([{ "op": "replace", "path": "nickName", "value": "nova" }]);
    let written = client.operations(&path, operations).await.expect(200);
    assert_ne!(written.etag(), read.etag());
}

async fn first_row(agent: &Agent, sql: &str) -> Vec<String> {
    let rows = agent.database().rows(sql).await;
    rows[0].iter().map(|value| value.clone().unwrap_or_else(|| "NULL".to_owned())).collect()
}

async fn reserved_words_and_spaces(engine: Engine) {
    let agent = start(engine, "reserved").await;
    let (id, old_id, team) = lifecycle(&agent).await;
    let team_key = key(&team);
    assert_eq!(old_id, "7");
    let off = if engine == Engine::Postgres { "FALSE" } else { "0" };
    let edit = format!(
        "UPDATE \"User\" SET \"Order\" = 'Elsewhere', \"Group\" = {off} WHERE \"Select\" = {id}; \
         DELETE FROM \"Group\" WHERE \"Into\" = {team_key} AND \"Values\" = {id}"
    );
    drift(&agent, &edit, &["attribute", "member_missing", "wrongly_disabled"]).await;
    let client = agent.client();
    let operations = json!([
        { "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Anywhere" },
        { "op": "add", "path": "emails[type eq \"work\"].value", "value": "nova@plant.example" },
        { "op": "replace", "path": "name.familyName", "value": "O'Pessoa" },
        { "op": "replace", "path": "active", "value": "False" },
    ]);
    let written = client.operations(&format!("/Users/{id}"), operations).await.expect(200);
    assert_eq!(written.body["emails"], json!([{ "type": "work", "value": "nova@plant.example" }]));
    let columns =
        "\"E-Mail Address\", \"first name\", \"Last Name\", \"Order\", \"Contact\", \"Badge No\"";
    let row =
        first_row(&agent, &format!("SELECT {columns} FROM \"User\" WHERE \"Select\" = {id}")).await;
    assert_eq!(
        row,
        ["Nova.Pessoa@plant.example", "NULL", "O'Pessoa", "Anywhere", "nova@plant.example", "none"]
    );
    assert_eq!(
        agent
            .database()
            .count(&format!("\"User\" WHERE \"Select\" = {id} AND \"Group\" = {off}"))
            .await,
        1
    );
    let found =
        client.ids("/Users", "emails[type eq \"work\"].value eq \"nova@plant.example\"").await;
    assert_eq!(found, [id.as_str()]);
    client.delete(&format!("/Groups/{team}")).await.expect(204);
    assert_eq!(agent.database().count("\"Group\"").await, 1);
    client.delete("/Users/7").await.expect(204);
    assert_eq!(agent.database().count(&format!("\"User\" WHERE \"Group\" = {off}")).await, 2);
}

async fn uuids_in_another_schema(engine: Engine) {
    let agent = start(engine, "uuid").await;
    let (id, old_id, team) = lifecycle(&agent).await;
    let team_key = key(&team);
    let schema = if engine == Engine::Postgres { "hr." } else { "" };
    let client = agent.client();
    let edit = format!(
        "UPDATE {schema}\"Person\" SET \"Enabled\" = 'N' WHERE \"PersonID\" = '{id}'; \
         DELETE FROM {schema}\"Membership\" WHERE \"Team\" = '{team_key}' AND \"Person\" = '{id}'; \
         INSERT INTO {schema}\"Membership\" (\"Team\", \"Person\", \"Origin\") \
         VALUES ('0c26e9a2-6ae1-4e2c-bf01-0000000000b1', '{id}', 'x')"
    );
    drift(&agent, &edit, &["member_extra", "member_missing", "wrongly_disabled"]).await;
    assert_eq!(old_id, "0c26e9a2-6ae1-4e2c-bf01-0000000000a1");
    // A UUID in capitals is the same number and another text.
    client.get(&format!("/Users/{}", old_id.to_uppercase())).await.refused(404, "");
    let columns = "\"Login\", \"FullName\", \"Enabled\", \"Realm\", \"Score\"";
    let row = first_row(
        &agent,
        &format!("SELECT {columns} FROM {schema}\"Person\" WHERE \"PersonID\" = '{id}'"),
    )
    .await;
    assert_eq!(row, ["Nova.Pessoa@plant.example", "NULL", "Y", "internal", "0"]);
    let operations = json!([
        { "op": "replace", "path": "displayName", "value": "Nova Pessoa" },
        { "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Nowhere" },
    ]);
    let path = format!("/Users/{id}");
    client.operations(&path, operations).await.refused(400, "invalidValue").naming("Nowhere");
    let operations = json!([
        { "op": "replace", "path": "displayName", "value": "Nova Pessoa" },
        { "op": "remove", "path": format!("{ENTERPRISE}:department") },
    ]);
    let written = client.operations(&path, operations).await.expect(200);
    assert!(written.body[ENTERPRISE].get("department").is_none(), "{}", written.text);
    assert_eq!(client.ids("/Users", "displayName eq \"nova pessoa\"").await, [id.as_str()]);
    // The edge that was there keeps its own columns, the new ones get theirs.
    let membership = format!("{schema}\"Membership\"");
    assert_eq!(
        agent.database().count(&format!("{membership} WHERE \"Origin\" = 'manual'")).await,
        1
    );
    assert_eq!(agent.database().count(&format!("{membership} WHERE \"Origin\" = 'scim'")).await, 2);
    client.delete(&format!("/Groups/{team}")).await.expect(204);
    let archived = format!("{schema}\"Team\" WHERE \"Archived\" = 'Y' AND \"Kind\" = 'entra'");
    assert_eq!(agent.database().count(&archived).await, 1);
    assert_eq!(client.ids("/Groups", "displayName eq \"Newer Team\"").await, [""; 0]);
    client.delete(&path).await.expect(204);
    let off = format!("{schema}\"Person\" WHERE \"Enabled\" = 'N'");
    assert_eq!(agent.database().count(&off).await, 1);
    let back = client
        .post("/Users", &json!({ "userName": "nova.pessoa@plant.example" }))
        .await
        .expect(201);
    assert_eq!(back.id(), id);
}

async fn text_keys_and_codes(engine: Engine) {
    let agent = start(engine, "textkeys").await;
    let (id, old_id, team) = lifecycle(&agent).await;
    let team_key = key(&team);
    let client = agent.client();
    assert_eq!(old_id, "old-hand");
    let edit = format!(
        "UPDATE people SET login = 'other@plant.example', enabled = 0 WHERE code = '{id}'; \
         DELETE FROM squad_people WHERE squad = '{team_key}' AND person = '{id}'"
    );
    drift(&agent, &edit, &["attribute", "member_missing", "wrongly_disabled"]).await;
    assert!(id.starts_with('P') && team.starts_with("g-S"), "{id} {team}");
    client.get("/Users/OLD-HAND").await.refused(404, "");
    let path = format!("/Users/{id}");
    let set = |attribute: &str, value: Value| json!([{ "op": "replace", "path": attribute, "value": value }]);
    let department = format!("{ENTERPRISE}:department");
    // An unknown department is the default one; an unknown code leaves the column.
    client.operations(&path, set(&department, json!("Nowhere"))).await.expect(200);
    client.operations(&path, set("userType", json!("Contractor"))).await.expect(200);
    client.operations(&path, set("userType", json!("Visitor"))).await.expect(200);
    let columns = "login, job, enabled, kind, unit";
    let row = first_row(&agent, &format!("SELECT {columns} FROM people WHERE code = '{id}'")).await;
    assert_eq!(row, ["Nova.Pessoa@plant.example", "", "1", "EXT", "U0"]);
    // A legacy value that the profile doesn't map reads as absent.
    if engine != Engine::Sqlite {
        agent
            .database()
            .execute(&format!("UPDATE people SET kind = 'OLD' WHERE code = '{id}'"))
            .await;
        let read = client.get(&path).await.expect(200).body;
        assert!(read.get("userType").is_none(), "{read}");
    }
    // Rows really go, unless something points at them.
    client.delete("/Users/old-hand").await.expect(409);
    assert_eq!(agent.database().count("people WHERE code = 'old-hand'").await, 1);
    assert_eq!(agent.database().count("logins").await, 1, "the refused deletion revoked nothing");
    client.delete(&format!("/Groups/{team}")).await.expect(204);
    agent.database().execute(&format!("INSERT INTO logins VALUES ('l2', '{id}')")).await;
    client.delete(&path).await.expect(204);
    assert_eq!(agent.database().count(&format!("people WHERE code = '{id}'")).await, 0);
    client.get(&path).await.refused(404, "");
    let again = client
        .post("/Users", &json!({ "userName": "nova.pessoa@plant.example" }))
        .await
        .expect(201);
    client.get(&format!("/Users/{}", again.id())).await.expect(200);
}
