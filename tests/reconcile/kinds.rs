//! Every kind of drift, planted; the run finds exactly these, and says of each what it is.

use super::plant::Plant;
use crate::support::{Dialect, Engine, key};

on_every_database!(
    a_provisioned_plant_is_clean,
    each_kind_is_found,
    what_reads_the_same_is_no_drift,
    disabled_users_memberships_are_no_drift,
    an_empty_or_fallen_table_is_incomplete,
);

async fn a_provisioned_plant_is_clean(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = plant.hire("ana").await;
    let ben = plant.hire("ben").await;
    let team = plant.entra.create_group("Line 7").await;
    plant.entra.add_members(&team, &[&ana, &ben]).await.expect(204);
    plant.entra.disable(&ben).await;
    plant.entra.hard_delete(&plant.hire("cleo").await).await;
    plant.entra.match_group("Kaizen Core").await.expect("a kpifire team");
    let run = plant.reconcile();
    run.assert_clean();
    let report = &run.report;
    assert_eq!(report["version"], 1);
    assert_eq!(report["scope"]["rows"]["users"], 8, "{report:#}");
    assert_eq!(report["scope"]["rows"]["teams"], 3);
    assert_eq!(report["scope"]["rows"]["members"], 5);
    assert_eq!(report["scope"]["links"]["User"]["managed"], 2);
    assert_eq!(report["scope"]["links"]["User"]["matched"], 3);
    assert_eq!(report["scope"]["protected"], 2);
    assert_eq!(report["coverage"]["users"], 7);
    assert_eq!(report["coverage"]["equal"], 2);
    assert!(report["scope"]["lastContact"].is_string());
    assert!(report["next"].is_string());
}

async fn each_kind_is_found(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    let mut ids = Vec::new();
    for name in ["ada", "bea", "cy", "dan", "eve", "fay", "gus", "hal", "ivy", "jo", "kim"] {
        ids.push(plant.hire(name).await);
    }
    let [ada, bea, cy, dan, eve, fay, gus, hal, ivy, jo, kim] = ids.try_into().unwrap();
    let line = plant.entra.create_group("Line 7").await;
    let line_key = key(&line);
    let night = plant.entra.create_group("Night Shift").await;
    let night_key = key(&night);
    let lost = plant.entra.create_group("Lost Team").await;
    let lost_key = key(&lost);
    plant.entra.add_members(&line, &[&ivy, &kim]).await.expect(204);
    plant.entra.disable(&ada).await;
    plant.entra.disable(&kim).await;
    plant.reconcile().assert_clean();
    plant.agent.server.kill();
    plant.agent.install.configure(
        "[cleanup]\nstrip_after = \"0s\"\n[schedule]\ncleanup = \"\"\n[reconcile]\nfloor = 50\n",
    );

    plant
        .natively(&format!(
            "UPDATE users SET status = 'Active' WHERE user_id = {ada}; \
             UPDATE users SET title = 'Boss', phone_number = '1' WHERE user_id = {bea}; \
             UPDATE users SET status = 'Inactive' WHERE user_id = {cy}; \
             DELETE FROM users WHERE user_id IN ({dan}, {gus}); \
             UPDATE users SET email = 'other@plant.example', created_at = '2099-01-01 00:00:00' \
             WHERE user_id = {eve}; \
             INSERT INTO team_members (team_id, user_id, member_role, joined_at) \
             VALUES ({line_key}, {hal}, 'Member', '2024-01-01 08:00:00'), \
             (2, 99999, 'Member', '2024-01-01 08:00:00'); \
             DELETE FROM team_members WHERE team_id = {line_key} AND user_id = {ivy}; \
             UPDATE teams SET name = 'Day Shift' WHERE team_id = {night_key}; \
             DELETE FROM teams WHERE team_id = {lost_key}; \
             UPDATE users SET status = 'Odd' WHERE user_id = {jo}; \
             UPDATE scim_tokens SET last_used = '2024-01-01 00:00:00'; \
             UPDATE scim_audit SET token = NULL"
        ))
        .await;
    let second = plant.insert_user(" fay@plant.example").await;
    let unknown = plant.insert_user("zoe@plant.example").await;
    plant.insert_user("gus@plant.example").await;
    plant.insert_user(" gus@plant.example").await;

    let run = plant.reconcile();
    run.assert_findings(&[
        format!("reactivated User/{ada} active"),
        format!("attribute User/{bea} title"),
        format!("attribute User/{bea} phoneNumbers[type eq \"work\"].value"),
        format!("wrongly_disabled User/{cy} active"),
        format!("missing User/{dan} -"),
        format!("recycled User/{eve} userName"),
        format!("duplicate User/{fay} userName"),
        format!("ambiguous User/{gus} userName"),
        format!("unmanaged User/{unknown} -"),
        format!("member_extra Group/{line} members[value eq \"{hal}\"]"),
        format!("member_missing Group/{line} members[value eq \"{ivy}\"]"),
        format!("team_attribute Group/{night} displayName"),
        format!("team_missing Group/{lost} -"),
        "orphan_member Group/g-2 members[value eq \"99999\"]".to_owned(),
        format!("invalid_value User/{jo} active"),
        format!("overdue_cleanup User/{kim} strip"),
        "stale_source -/- -".to_owned(),
    ]);
    assert_eq!(run.one("reactivated")["severity"], "critical");
    assert_eq!(run.one("reactivated")["expected"], false);
    assert_eq!(run.one("reactivated")["actual"], true);
    assert_eq!(run.one("invalid_value")["actual"], "Odd");
    assert_eq!(run.one("team_attribute")["expected"], "Night Shift");
    assert_eq!(run.one("team_attribute")["actual"], "Day Shift");
    let why = run.one("duplicate")["why"].as_str().unwrap();
    assert!(why.contains(&fay) && why.contains(&second), "{why}");
    for finding in run.list() {
        assert!(finding["why"].as_str().is_some_and(|why| why.len() > 10), "{finding}");
        assert!(finding["firstSeen"].is_string(), "{finding}");
        assert_eq!(finding["new"], true, "{finding}");
    }
    let listed: u64 = run.report["counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| count["now"].as_u64().unwrap())
        .sum();
    assert_eq!(listed, run.list().len() as u64);
}

/// What Entra wrote comes back in another form from a lookup, a list of values or a padded column:
/// that is how kpifire keeps it, not drift.
async fn what_reads_the_same_is_no_drift(engine: Engine) {
    let plant = Plant::new(engine).await;
    let client = &plant.entra.client;
    let enterprise = crate::support::ENTERPRISE;
    let mut body = crate::support::user("same@plant.example");
    body["userType"] = "team member".into();
    body[enterprise] = serde_json::json!({ "department": "qUALITY" });
    let id = client.post("/Users", &body).await.expect(201).id();
    plant.reconcile().assert_clean();
    // Cleared: the column takes no NULL and holds the profile's constant.
    let operations =
        serde_json::json!([{ "op": "remove", "path": format!("{enterprise}:department") }]);
    client.operations(&format!("/Users/{id}"), operations).await.expect(200);
    plant.reconcile().assert_clean();
    // The same user through the other dialect.
    let rfc = plant.agent.entra(Dialect::Rfc);
    rfc.disable(&id).await;
    rfc.enable(&id).await;
    plant.reconcile().assert_clean();
}

async fn disabled_users_memberships_are_no_drift(engine: Engine) {
    let plant = Plant::new(engine).await;
    let (ana, ben) = (plant.hire("ana").await, plant.hire("ben").await);
    let team = plant.entra.create_group("Line 7").await;
    let team_key = key(&team);
    plant.entra.add_members(&team, &[&ana]).await.expect(204);
    plant.entra.disable(&ana).await;
    plant.entra.disable(&ben).await;
    plant
        .natively(&format!(
            "DELETE FROM team_members WHERE user_id = {ana}; INSERT INTO team_members \
             (team_id, user_id, member_role, joined_at) \
             VALUES ({team_key}, {ben}, 'Member', '2024-01-01 08:00:00')"
        ))
        .await;
    plant.reconcile().assert_clean();
}

async fn an_empty_or_fallen_table_is_incomplete(engine: Engine) {
    let plant = Plant::new(engine).await;
    for name in ["ana", "ben", "cleo"] {
        plant.hire(name).await;
    }
    let bea = plant.hire("bea").await;
    plant.natively(&format!("UPDATE users SET title = 'Boss' WHERE user_id = {bea}")).await;
    let before = plant.reconcile();
    assert_eq!(before.code, 2);
    plant
        .natively("DELETE FROM users WHERE email IN ('ana@plant.example', 'ben@plant.example')")
        .await;
    let fallen = plant.reconcile();
    assert_eq!((fallen.code, fallen.report["verdict"].as_str()), (3, Some("INCOMPLETE")));
    let reason = fallen.report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("from 9 rows to 7") && reason.contains("reconcile.floor"), "{reason}");
    // What it saw is shown as unconfirmed, and nothing can be done about it.
    let seen = |at: &str| fallen.list().iter().map(|it| it[at].to_string()).collect::<Vec<_>>();
    assert_eq!(
        seen("kind"),
        ["\"missing\"", "\"missing\"", "\"attribute\""],
        "{:#}",
        fallen.report
    );
    assert_eq!(seen("new"), ["true", "true", "false"]);
    assert_eq!(seen("confirmed"), ["false"; 3]);
    assert_eq!(seen("command"), ["null"; 3]);
    assert_eq!(fallen.list()[2]["firstSeen"], before.list()[0]["firstSeen"]);
    let kept = plant.agent.install.stdout(&["report", "latest", "--format", "json"]);
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["findings"], fallen.report["findings"]);
    assert_eq!(kept["counts"], fallen.report["counts"]);
    let text = plant.agent.install.stdout(&["report", "latest"]);
    assert!(text.contains("Unconfirmed: ") && !text.contains("drift restore"), "{text}");
    let missing = fallen.list()[0]["id"].as_str().unwrap();
    let refused = plant.agent.install.run(&["drift", "restore", missing]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    // Nothing ended with it.
    let open: serde_json::Value =
        serde_json::from_str(&plant.agent.install.stdout(&["drift", "list", "--format", "json"]))
            .unwrap();
    assert_eq!(open[0]["id"], before.list()[0]["id"], "{open:#}");
    plant.natively("DELETE FROM team_members").await;
    let empty = plant.reconcile();
    assert_eq!(empty.code, 3);
    assert!(empty.report["reasons"].to_string().contains("has no memberships, and had 3"));
    let listed = plant.agent.install.stdout(&["report", "list"]);
    assert_eq!(listed.matches("INCOMPLETE").count(), 2, "{listed}");
}
