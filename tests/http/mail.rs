//! Looking people up by mail: in a column of its own, in the column of the login, or kept by the agent.

use serde_json::{Value, json};

use crate::support::{Agent, Database, Dialect, Engine, Install, USER, patch};

on_every_database!(
    mail_and_display_name_in_columns,
    login_and_mail_in_one_column,
    drift_of_one_column_is_told_once,
    a_whole_cycle_by_a_kept_mail,
    kept_attributes_are_found_by_eq,
    what_is_kept_follows_every_write,
);

const WORK: &str = "emails[type eq \"work\"].value";

/// The built-in profile, with more attributes.
fn profile(more: &str) -> String {
    let text = include_str!("../../config/profiles/kpifire.toml");
    let at = "[users.attributes]\n";
    assert!(text.contains(at));
    text.replacen(at, &format!("{at}{more}\n"), 1)
}

fn person(login: &str, mail: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": format!("{login}@plant.example"),
        "name": { "givenName": "Ana", "familyName": "Silva" },
        "emails": [{ "type": "work", "primary": true, "value": mail }],
        "active": true,
    })
}

async fn mail_and_display_name_in_columns(engine: Engine) {
    let database = Database::ready(engine).await;
    database.execute("ALTER TABLE users ADD COLUMN mail VARCHAR(100) NULL").await;
    database.execute("ALTER TABLE users ADD COLUMN shown VARCHAR(100) NULL").await;
    let more = format!("'{WORK}' = \"mail\"\ndisplayName = \"shown\"");
    let agent = Agent::on(Install::with_profile(database, &profile(&more))).await;
    let client = agent.client();
    let mut body = person("ana", "Ana.Silva@mail.example");
    body["displayName"] = json!("Ana Silva");
    body["emails"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "type": "home", "value": "ana@home.example" }));
    let id = client.post("/Users", &body).await.expect(201).id();
    for filter in [
        "emails[type eq \"work\"].value eq \"ana.silva@MAIL.example\"",
        "emails[type eq \"work\" and value eq \"ana.silva@mail.example\"]",
        "emails.value eq \"ana.silva@mail.example\"",
        "emails eq \"ana.silva@mail.example\"",
        "emails[value eq \"ana.silva@mail.example\"]",
        "displayName eq \"ANA SILVA\"",
        // The other one is kept, and found as well.
        "emails.value eq \"Ana@home.example\"",
        "emails[type eq \"home\"].value eq \"ana@home.example\"",
        "emails[value eq \"nobody\" or value eq \"ana@home.example\"]",
        "emails[primary eq true and type eq \"work\"]",
    ] {
        assert_eq!(client.ids("/Users", filter).await, [id.as_str()], "{filter}");
    }
    for filter in [
        "emails[type eq \"home\"].value eq \"ana.silva@mail.example\"",
        "emails[type eq \"work\"].value eq \"ana@home.example\"",
        "emails.value ne \"ana@home.example\" and emails.value eq \"ana@home.example\"",
    ] {
        assert_eq!(client.ids("/Users", filter).await, [""; 0], "{filter}");
    }
}

async fn login_and_mail_in_one_column(engine: Engine) {
    let database = Database::ready(engine).await;
    let install = Install::with_profile(database, &profile(&format!("'{WORK}' = \"email\"")));
    let agent = Agent::on(install).await;
    let client = agent.client();
    let mail = |body: &Value| body["emails"][0]["value"].as_str().unwrap_or_default().to_owned();
    // Said once, shown twice; said in two spellings, the login's stays.
    let mut silent = person("ben", "");
    silent.as_object_mut().unwrap().remove("emails");
    let ben = client.post("/Users", &silent).await.expect(201);
    assert_eq!(mail(&ben.body), "ben@plant.example");
    let ana = client.post("/Users", &person("Ana", "ana@PLANT.example")).await.expect(201);
    assert_eq!(
        (&ana.body["userName"], mail(&ana.body)),
        (&json!("Ana@plant.example"), "Ana@plant.example".to_owned())
    );
    assert_eq!(ana.body["emails"][0]["primary"], true);
    let path = format!("/Users/{}", ana.id());
    for filter in [
        "userName eq \"ana@plant.example\"",
        "emails[type eq \"work\"].value eq \"ana@plant.example\"",
        "emails.value eq \"ANA@plant.example\"",
    ] {
        assert_eq!(client.ids("/Users", filter).await, [ana.id()], "{filter}");
    }
    // Two values for one column are refused, and nothing is written.
    let users = agent.database().count("users").await;
    let refused = client.post("/Users", &person("cy", "other@mail.example")).await;
    refused.refused(400, "invalidValue").naming("userName").naming("emails[type eq");
    assert_eq!(agent.database().count("users").await, users);
    let both = json!([
        { "op": "Replace", "path": "title", "value": "Lead" },
        { "op": "Replace", "path": "userName", "value": "one@plant.example" },
        { "op": "Replace", "path": WORK, "value": "two@plant.example" },
    ]);
    client.operations(&path, both).await.refused(400, "invalidValue").naming("userName");
    let put = client.put(&path, &person("ana", "elsewhere@mail.example")).await;
    put.refused(400, "invalidValue").naming("userName");
    assert_eq!(client.get(&path).await.expect(200).body["userName"], "Ana@plant.example");
    assert!(client.get(&path).await.body.get("title").is_none());
    // A change of one shows in the other.
    for (attribute, value) in [(WORK, "ana.m@plant.example"), ("userName", "ana.u@plant.example")] {
        let operations = json!([{ "op": "Replace", "path": attribute, "value": value }]);
        let changed = client.operations(&path, operations).await.expect(200).body;
        assert_eq!((&changed["userName"], mail(&changed)), (&json!(value), value.to_owned()));
        let row = format!("users WHERE email = '{value}'");
        assert_eq!(agent.database().count(&row).await, 1);
        agent.install.stdout(&["reconcile"]);
    }
    let agreeing = json!([
        { "op": "Replace", "path": "userName", "value": "ana@plant.example" },
        { "op": "Replace", "path": WORK, "value": "ana@plant.example" },
    ]);
    client.operations(&path, agreeing).await.expect(200);
    // Neither can be taken from the login.
    let remove = json!([{ "op": "Remove", "path": WORK }]);
    client.operations(&path, remove).await.refused(400, "invalidValue").naming("userName");
    // Another's mail is another's login.
    let taken = json!([{ "op": "Replace", "path": WORK, "value": "BEN@plant.example" }]);
    client.operations(&path, taken).await.refused(409, "uniqueness").naming("userName");
}

async fn drift_of_one_column_is_told_once(engine: Engine) {
    let database = Database::ready(engine).await;
    let install = Install::with_profile(database, &profile(&format!("'{WORK}' = \"email\"")));
    let agent = Agent::on(install).await;
    let id =
        agent.client().post("/Users", &person("ana", "ana@plant.example")).await.expect(201).id();
    for (number, action) in ["restore", "adopt"].into_iter().enumerate() {
        let native = format!("native{number}@plant.example");
        let sql = format!("UPDATE users SET email = '{native}' WHERE user_id = {id}");
        agent.database().execute(&sql).await;
        let output = agent.install.run(&["reconcile", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let attributes: Vec<&Value> = report["findings"].as_array().unwrap().iter().collect();
        let of_user: Vec<_> = attributes.iter().filter(|it| it["kind"] == "attribute").collect();
        assert_eq!(of_user.len(), 1, "{report:#}");
        assert_eq!(of_user[0]["attribute"], "userName");
        agent.install.stdout(&["drift", action, of_user[0]["id"].as_str().unwrap()]);
        let expected = if action == "restore" { "ana@plant.example" } else { &native };
        let shown = agent.client().get(&format!("/Users/{id}")).await.expect(200).body;
        assert_eq!(shown["emails"][0]["value"], expected);
        let output = agent.install.run(&["reconcile", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["verdict"], "CLEAN", "{report:#}");
    }
}

/// An administrator matches by mail, and no column carries it.
async fn a_whole_cycle_by_a_kept_mail(engine: Engine) {
    for dialect in [Dialect::Classic, Dialect::Rfc] {
        let agent = Agent::start(engine).await;
        let (client, entra) = (agent.client(), agent.entra(dialect));
        let by_mail = |mail: &str| format!("emails[type eq \"work\"].value eq \"{mail}\"");
        assert_eq!(client.ids("/Users", &by_mail("ana@mail.example")).await, [""; 0]);
        let id = client.post("/Users", &person("ana", "Ana@mail.example")).await.expect(201).id();
        let found =
            client.query("/Users", &[("filter", &by_mail("ana@MAIL.example"))]).await.expect(200);
        assert_eq!(found.ids(), [id.as_str()]);
        assert_eq!(found.resources()[0]["emails"][0]["value"], "Ana@mail.example");
        let changed = match dialect {
            Dialect::Classic => {
                json!([{ "op": "Replace", "path": WORK, "value": "silva@mail.example" }])
            }
            Dialect::Rfc => json!([{ "op": "replace", "value": { WORK: "silva@mail.example" } }]),
        };
        entra.patch_user(&id, &changed).await.expect(200);
        assert_eq!(client.ids("/Users", &by_mail("ana@mail.example")).await, [""; 0]);
        assert_eq!(client.ids("/Users", &by_mail("silva@mail.example")).await, [id.as_str()]);
        // Nothing makes a kept mail unique: both are the answer.
        let other =
            client.post("/Users", &person("other", "SILVA@mail.example")).await.expect(201).id();
        let mut both = client.ids("/Users", &by_mail("silva@mail.example")).await;
        both.sort();
        assert_eq!(both, [id.as_str(), &other]);
        let of_both =
            "emails.value eq \"silva@mail.example\" and userName eq \"ana@plant.example\"";
        assert_eq!(client.ids("/Users", of_both).await, [id.as_str()]);
        // Disabled users are found, deleted ones aren't, and come back as they come back.
        entra.disable(&other).await.expect(200);
        assert_eq!(client.ids("/Users", &by_mail("silva@mail.example")).await.len(), 2);
        entra.hard_delete(&other).await;
        assert_eq!(client.ids("/Users", &by_mail("silva@mail.example")).await, [id.as_str()]);
        client.post("/Users", &person("other", "new@mail.example")).await.expect(201);
        assert_eq!(client.ids("/Users", &by_mail("silva@mail.example")).await, [id.as_str()]);
        assert_eq!(client.ids("/Users", &by_mail("new@mail.example")).await, [other.as_str()]);
    }
}

async fn kept_attributes_are_found_by_eq(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut body = person("ana", "ana@mail.example");
    body["nickName"] = json!("Zoë");
    body["displayName"] = json!("Ana Silva");
    body["name"]["formatted"] = json!("Silva, Ana");
    body["ims"] = json!([{ "type": "xmpp", "value": "Ana-IM" }]);
    body["phoneNumbers"] = json!([
        { "type": "work", "value": "+1 555", "display": "desk" },
        { "type": "pager", "value": "+1 777" },
    ]);
    body[crate::support::ENTERPRISE] =
        json!({ "employeeNumber": "E-7", "manager": { "value": "3" } });
    let id = client.post("/Users", &body).await.expect(201).id();
    let enterprise = crate::support::ENTERPRISE;
    for filter in [
        "nickName eq \"ZOË\"".to_owned(),
        "urn:ietf:params:scim:schemas:core:2.0:User:nickName eq \"zoë\"".to_owned(),
        "displayName eq \"ana silva\"".to_owned(),
        "name.formatted eq \"SILVA, ANA\"".to_owned(),
        "name[formatted eq \"silva, ana\"]".to_owned(),
        "ims[type eq \"xmpp\"].value eq \"ana-im\"".to_owned(),
        "phoneNumbers[type eq \"pager\" and value eq \"+1 777\"]".to_owned(),
        "phoneNumbers.value eq \"+1 777\"".to_owned(),
        "phoneNumbers.value eq \"+1 555\"".to_owned(),
        "phoneNumbers[display eq \"desk\"]".to_owned(),
        "phoneNumbers.type eq \"pager\"".to_owned(),
        format!("{enterprise}:employeeNumber eq \"e-7\""),
        format!("{enterprise}:manager.value eq \"3\""),
        format!("{enterprise}:manager eq \"3\""),
        "nickName eq \"zoë\" and active eq true".to_owned(),
        "nickName eq \"nobody\" or displayName eq \"Ana Silva\"".to_owned(),
        "not (nickName ne \"zoë\")".to_owned(),
    ] {
        assert_eq!(client.ids("/Users", &filter).await, [id.as_str()], "{filter}");
    }
    // Nobody has it: that is no error, and never a quarantine.
    for filter in [
        "nickName eq \"nobody\"",
        "emails[type eq \"other\"].value eq \"ana@mail.example\"",
        "addresses[type eq \"work\"].country eq \"DE\"",
        "x509Certificates.value eq \"AAAA\"",
        "emails.value eq \"\"",
        "userName eq \"admin@plant.example\" and nickName eq \"zoë\"",
    ] {
        let answer = client.query("/Users", &[("filter", filter)]).await.expect(200);
        assert_eq!(answer.body["totalResults"], 0, "{filter}");
    }
    // What nobody knows, what is never kept, and what only columns can answer.
    for filter in ["noSuch eq \"x\"", "password eq \"x\"", "nickName co \"z\"", "emails[value pr]"]
    {
        client.query("/Users", &[("filter", filter)]).await.refused(400, "invalidFilter");
    }
}

async fn what_is_kept_follows_every_write(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let found = async |filter: &str| client.ids("/Users", filter).await;
    let id = client.post("/Users", &person("ana", "ana@mail.example")).await.expect(201).id();
    let path = format!("/Users/{id}");
    let add = json!([{ "op": "add", "path": "emails", "value": [{ "type": "home", "value": "a@home.example" }] }]);
    client.patch(&path, &patch(&add)).await.expect(200);
    assert_eq!(found("emails.value eq \"a@home.example\"").await, [id.as_str()]);
    assert_eq!(found("emails.value eq \"ana@mail.example\"").await, [id.as_str()]);
    let remove = json!([{ "op": "remove", "path": "emails[type eq \"home\"]" }]);
    client.operations(&path, remove).await.expect(200);
    assert_eq!(found("emails.value eq \"a@home.example\"").await, [""; 0]);
    client.put(&path, &person("ana", "put@mail.example")).await.expect(200);
    assert_eq!(found("emails.value eq \"ana@mail.example\"").await, [""; 0]);
    assert_eq!(found("emails.value eq \"put@mail.example\"").await, [id.as_str()]);
    // What is refused leaves nothing.
    let refused = json!([
        { "op": "replace", "path": "nickName", "value": "half" },
        { "op": "replace", "path": "userName", "value": "admin@plant.example" },
    ]);
    client.operations(&path, refused).await.refused(409, "uniqueness");
    assert_eq!(found("nickName eq \"half\"").await, [""; 0]);
    // No address lies in the agent's table; it goes with the row.
    let tokens = agent.database().rows("SELECT token FROM scim_kept_values").await;
    assert!(!tokens.is_empty());
    for row in &tokens {
        let token = row[0].as_deref().unwrap();
        assert!(token.len() == 32 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
    }
    client.delete(&path).await.expect(204);
    assert_eq!(agent.database().count("scim_kept_values").await, 0);
}
