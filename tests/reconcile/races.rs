//! Entra writes while an operator mends the same attribute: in either order kpifire ends with what
//! Entra asserted last.

use std::process::Stdio;

use serde_json::json;

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(restore_and_patch_of_one_attribute, adopt_and_patch_of_one_attribute);

async fn restore_and_patch_of_one_attribute(engine: Engine) {
    race(engine, "restore").await;
}

/// What Entra asserts after an adoption stands, and so does an adoption of what Entra has written:
/// it adopts the same.
async fn adopt_and_patch_of_one_attribute(engine: Engine) {
    race(engine, "adopt").await;
}

async fn race(engine: Engine, verb: &str) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    for round in 0..5 {
        let native = format!("UPDATE users SET title = 'Native {round}' WHERE user_id = {ana}");
        plant.natively(&native).await;
        let id = plant.reconcile().id("attribute");
        let mut command = plant.agent.install.command(&["drift", verb, &id]);
        let mut mending = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Some patches come before the mending, some after it, the last one with luck within it.
        let mut patches = 0;
        let mut ended = None;
        while ended.is_none() {
            let title = format!("Entra {round}.{patches}");
            let title = json!([{ "op": "Replace", "path": "title", "value": title }]);
            plant.entra.patch_user(&ana, &title).await.expect(200);
            patches += 1;
            ended = mending.try_wait().unwrap();
        }
        assert_eq!(ended.unwrap().code(), Some(0));
        let title = format!("SELECT title FROM users WHERE user_id = {ana}");
        let title = plant.agent.database().value(&title).await.unwrap();
        assert_eq!(title, format!("Entra {round}.{}", patches - 1));
        plant.reconcile().assert_clean();
    }
}
