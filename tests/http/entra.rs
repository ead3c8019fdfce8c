//! Entra's cycles from the first connection test to the hard deletion, in both PATCH dialects.

use serde_json::json;

use crate::support::entra::Person;
use crate::support::{Agent, Dialect, Engine};

on_every_database!(
    cycles_classic,
    cycles_rfc,
    retries_a_post_whose_answer_was_lost,
    retries_a_patch_whose_answer_was_lost,
    asks_without_any_header_but_the_token,
);

async fn cycles_classic(engine: Engine) {
    cycles(engine, Dialect::Classic).await;
}

async fn cycles_rfc(engine: Engine) {
    cycles(engine, Dialect::Rfc).await;
}

async fn cycles(engine: Engine, dialect: Dialect) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(dialect);

    // Saving the configuration.
    entra.test_connection().await;
    entra.client.get("/Schemas").await.expect(200);
    entra.client.get("/ServiceProviderConfig").await.expect(200);

    // Initial cycle: one match per user, POST or PATCH, then the groups, memberships last.
    let mut ana = Person::new("Ana.Silva@plant.example");
    assert!(entra.match_user(&ana.user_name).await.is_none());
    let ana_id = entra.create(&ana).await;
    let found = entra.match_user("ana.silva@PLANT.example").await.expect("what was created");
    assert_eq!(found["id"], ana_id.as_str());
    assert_eq!(found["userName"], "Ana.Silva@plant.example");
    ana.assert_is(&found);

    let line_one = entra.match_user("LINE.ONE@plant.example").await.expect("a kpifire user");
    assert_eq!(line_one["id"], "4");
    let operations = json!([{ "op": "Add", "path": "externalId", "value": "object-4" }]);
    let written = entra.patch_user("4", &operations).await.expect(200);
    assert_eq!(written.body["externalId"], "object-4");

    assert!(entra.match_group("Ops").await.is_none());
    let ops = entra.create_group("Ops").await;
    assert_eq!(entra.match_group("ops").await.expect("the group")["id"], ops.as_str());
    entra.add_members(&ops, &[&ana_id, "4"]).await.expect(204);
    assert!(entra.is_member(&ops, &ana_id).await);
    assert!(!entra.is_member(&ops, "3").await);

    // A later cycle: what changed.
    ana.given = String::from("Anna");
    ana.family = String::from("Silva e Sousa");
    ana.phone = String::from("+351 21 000 000");
    ana.department = String::from("Logistics");
    ana.user_name = String::from("anna.sousa@plant.example");
    entra.update(&ana_id, &ana).await;
    entra.update(&ana_id, &ana).await;
    let read = entra.client.get(&format!("/Users/{ana_id}")).await.expect(200);
    ana.assert_is(&read.body);
    assert!(entra.match_user("Ana.Silva@plant.example").await.is_none());
    entra.rename_group(&ops, "Operations Team").await;
    assert!(entra.match_group("Ops").await.is_none());
    entra.remove_members(&ops, &["4"]).await.expect(204);
    assert!(!entra.is_member(&ops, "4").await);
    assert!(entra.is_member(&ops, &ana_id).await);

    // Unassigned, and back: Entra doesn't resend memberships.
    entra.disable(&ana_id).await;
    entra.disable(&ana_id).await;
    let gone = entra.match_user(&ana.user_name).await.expect("inactive users are still found");
    assert_eq!(gone["active"], false);
    entra.enable(&ana_id).await;
    assert!(entra.is_member(&ops, &ana_id).await);

    // Hard deletion.
    entra.disable(&ana_id).await;
    entra.hard_delete(&ana_id).await;
    entra.client.get(&format!("/Users/{ana_id}")).await.refused(404, "");
    assert!(entra.match_user(&ana.user_name).await.is_none());
    entra.client.delete(&format!("/Groups/{ops}")).await.expect(204);
    assert!(entra.match_group("Operations Team").await.is_none());
}

async fn retries_a_post_whose_answer_was_lost(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Classic);
    let person = Person::new("lost@plant.example");
    entra.lose_answer("POST", "/Users", &person.body()).await;
    let found = entra.match_user("lost@plant.example").await.expect("found at once");
    person.assert_is(&found);
    entra.client.post("/Users", &person.body()).await.refused(409, "uniqueness");
    assert_eq!(agent.database().count("users WHERE email = 'lost@plant.example'").await, 1);
}

async fn retries_a_patch_whose_answer_was_lost(engine: Engine) {
    let agent = Agent::start(engine).await;
    let entra = agent.entra(Dialect::Classic);
    let body = crate::support::patch(&json!([
        { "op": "Add", "path": "members", "value": [{ "value": "2" }, { "value": "5" }] },
    ]));
    entra.lose_answer("PATCH", "/Groups/g-2", &body).await;
    entra.client.patch("/Groups/g-2", &body).await.expect(204);
    entra.client.patch("/Groups/g-2", &body).await.expect(204);
    let members = agent
        .database()
        .rows("SELECT user_id FROM team_members WHERE team_id = 2 ORDER BY user_id");
    let members: Vec<_> = members.await.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
    assert_eq!(members, ["2", "4", "5"]);
}

async fn asks_without_any_header_but_the_token(engine: Engine) {
    let agent = Agent::start(engine).await;
    let request = format!(
        "GET /scim/v2/Users/3 HTTP/1.1\r\nHost: kpifire\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        agent.token
    );
    let address = agent.server.address.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        crate::support::agent::read_raw(&mut stream)
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("quality.lead@plant.example"), "{answer}");

    // `application/json` is what some proxies make of it.
    let json = [("content-type", "application/json"), ("accept", "application/json")];
    let body = crate::support::user("json@plant.example").to_string();
    let answer = agent.client().send(hyper::Method::POST, "/Users", &json, Some(body)).await;
    answer.expect(201);
}
