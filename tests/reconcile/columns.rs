//! Values that lie in columns of another type than text, or in a column that pads or compares in
//! its own way: what Entra wrote reads as Entra wrote it, and a real change is found.

use serde_json::json;

use super::plant::Plant;
use crate::support::{Database, ENTERPRISE, Engine, Install, user};

on_every_database!(numbers_and_padding_are_no_drift, values_are_read_to_the_letter);

/// The reference with columns that kpifire's own tables don't have.
async fn plant(engine: Engine) -> Plant {
    let database = Database::ready(engine).await;
    for column in ["badge INTEGER NULL", "cost DECIMAL(10,2) NULL", "unit CHAR(10) NULL"] {
        database.execute(&format!("ALTER TABLE users ADD COLUMN {column}")).await;
    }
    let profile = include_str!("../../config/profiles/kpifire.toml").replace(
        "[users.attributes]\n",
        &format!(
            "[users.attributes]\n'{ENTERPRISE}:employeeNumber' = \"badge\"\n\
             '{ENTERPRISE}:costCenter' = \"cost\"\n'{ENTERPRISE}:division' = \"unit\"\n\
             preferredLanguage = \"locale\"\n"
        ),
    );
    let plant = Plant::on(Install::with_profile(database, &profile)).await;
    for name in ["quality.lead", "line.one", "line.two"] {
        plant.entra.match_user(&format!("{name}@plant.example")).await.expect("a kpifire user");
    }
    plant
}

async fn numbers_and_padding_are_no_drift(engine: Engine) {
    let plant = plant(engine).await;
    let client = &plant.entra.client;
    let mut body = user("ana@plant.example");
    body[ENTERPRISE] = json!({ "employeeNumber": "0042", "costCenter": "12.5", "division": "Ops" });
    let ana = client.post("/Users", &body).await.expect(201).id();
    client.post("/Users", &user("ben@plant.example")).await.expect(201);
    let run = plant.reconcile();
    run.assert_clean();
    assert_eq!(run.report["coverage"]["equal"], 2);
    let operations = json!([
        { "op": "replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7" },
        { "op": "replace", "path": format!("{ENTERPRISE}:costCenter"), "value": "100" },
        { "op": "replace", "path": "preferredLanguage", "value": "de_DE" },
    ]);
    client.operations(&format!("/Users/{ana}"), operations).await.expect(200);
    plant.reconcile().assert_clean();
    let edit = "UPDATE users SET badge = 8, cost = 100.01, unit = 'Lab', locale = 'en_US' WHERE";
    plant.natively(&format!("{edit} user_id = {ana}")).await;
    let run = plant.reconcile();
    run.assert_findings(&[
        format!("attribute User/{ana} {ENTERPRISE}:employeeNumber"),
        format!("attribute User/{ana} {ENTERPRISE}:costCenter"),
        format!("attribute User/{ana} {ENTERPRISE}:division"),
        format!("attribute User/{ana} preferredLanguage"),
    ]);
    let ids: Vec<&str> = run.list().iter().map(|it| it["id"].as_str().unwrap()).collect();
    plant.agent.install.stdout(&[&["drift", "restore"], &ids[..]].concat());
    plant.reconcile().assert_clean();
    let row = format!("users WHERE user_id = {ana} AND badge = 7 AND cost = 100 AND unit = 'Ops'");
    assert_eq!(plant.agent.database().count(&row).await, 1);
}

/// Whatever the database's collation says: the profile's list is what the product compares with.
async fn values_are_read_to_the_letter(engine: Engine) {
    let plant = Plant::new(engine).await;
    let (ana, ben) = (plant.hire("ana").await, plant.hire("ben").await);
    plant
        .natively(&format!(
            "UPDATE users SET status = 'ACTIVE' WHERE user_id = {ana}; \
             UPDATE users SET last_name = 'SILVA' WHERE user_id = {ben}; \
             UPDATE users SET email = 'BEN@plant.example' WHERE user_id = {ben}"
        ))
        .await;
    let run = plant.reconcile();
    run.assert_findings(&[
        format!("invalid_value User/{ana} active"),
        format!("attribute User/{ben} name.familyName"),
        format!("attribute User/{ben} userName"),
    ]);
    // What nobody knows the meaning of is kpifire's to correct.
    let refused = plant.agent.install.run(&["drift", "restore", &run.id("invalid_value")]);
    assert_eq!(refused.status.code(), Some(1));
}
