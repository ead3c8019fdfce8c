//! Entra writes while an operator mends the same attribute: in either order kpifire ends with what
//! Entra asserted last.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::plant::Plant;
use crate::support::Engine;

on_every_database!(
    restore_and_patch_of_one_attribute,
    adopt_and_patch_of_one_attribute,
    writers_of_one_user_lose_nothing_of_each_other,
);

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
    // Later and later, so that Entra's one write comes before, within and after the mending.
    for round in 0..8 {
        let native = format!("UPDATE users SET title = 'Native {round}' WHERE user_id = {ana}");
        plant.natively(&native).await;
        let id = plant.reconcile().id("attribute");
        let mut command = plant.agent.install.command(&["drift", verb, &id]);
        let mending = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(10 * round)).await;
        let title = format!("Entra {round}");
        let patch = json!([{ "op": "Replace", "path": "title", "value": title }]);
        plant.entra.patch_user(&ana, &patch).await.expect(200);
        let output = mending.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let now = format!("SELECT title FROM users WHERE user_id = {ana}");
        assert_eq!(plant.agent.database().value(&now).await, Some(title));
        plant.reconcile().assert_clean();
    }
}

/// Each waits for the row's lock, and must then see the link as the one before left it: what no
/// column carries lives there, and so does what Entra asserted.
async fn writers_of_one_user_lose_nothing_of_each_other(engine: Engine) {
    const PATHS: [&str; 8] = [
        "title",
        "name.givenName",
        "name.familyName",
        "displayName",
        "nickName",
        "externalId",
        "preferredLanguage",
        "locale",
    ];
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    for round in 0..5 {
        let patches = PATHS.map(|path| {
            let value = format!("{path} {round}");
            let patch = json!([{ "op": "Replace", "path": path, "value": value }]);
            let (entra, ana) = (&plant.entra, &ana);
            async move { entra.patch_user(ana, &patch).await.expect(200) }
        });
        futures_util::future::join_all(patches).await;
        let user = plant.entra.client.get(&format!("/Users/{ana}")).await.expect(200);
        for path in PATHS {
            let pointer = format!("/{}", path.replace('.', "/"));
            let value = user.body.pointer(&pointer).and_then(|it| it.as_str());
            assert_eq!(value, Some(format!("{path} {round}").as_str()), "{path}");
        }
        plant.reconcile().assert_clean();
    }
}
