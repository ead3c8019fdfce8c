//! `reconcile --source`: kpifire beside an export of Entra itself, Graph's JSON or the portal's CSV.

use serde_json::{Value, json};

use super::plant::Plant;
use crate::support::Engine;
use crate::support::entra::Person;

on_every_database!(
    an_export_shows_who_is_missing_too_many_or_different,
    a_portal_csv_serves_as_well,
    a_broken_or_partial_export_is_refused,
    an_export_that_is_not_whole_is_not_believed,
);

/// An export's file beside the database.
fn file(plant: &Plant, name: &str, text: &str) -> String {
    let path = plant.agent.database().folder().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn user(person: &Person) -> Value {
    json!({
        "id": person.external_id,
        "userPrincipalName": person.user_name,
        "accountEnabled": true,
        "givenName": person.given,
        "surname": person.family,
        "jobTitle": null,
        "department": person.department,
        "businessPhones": [person.phone],
    })
}

/// The three whom Entra has matched by name.
fn matched() -> Vec<Value> {
    ["quality.lead", "line.one", "line.two"]
        .map(|name| json!({"id": name, "userPrincipalName": format!("{name}@plant.example")}))
        .to_vec()
}

async fn an_export_shows_who_is_missing_too_many_or_different(engine: Engine) {
    let plant = Plant::new(engine).await;
    let people =
        ["ana", "ben", "cleo", "dan"].map(|it| Person::new(&format!("{it}@plant.example")));
    let [ana, ben, cleo, dan] = &people;
    let mut ids = Vec::new();
    for person in [ana, ben, cleo, dan] {
        ids.push(plant.entra.create(person).await);
    }
    let (ben_id, cleo_id, dan_id) = (&ids[1], &ids[2], &ids[3]);
    plant.insert_user(" zoe@plant.example").await;
    plant.insert_user("zoe@plant.example").await;
    let mut users = matched();
    users.push(user(ana));
    let mut moved = user(ben);
    moved["department"] = "Finance".into();
    users.push(moved);
    let mut renamed = user(dan);
    renamed["userPrincipalName"] = "dan.new@plant.example".into();
    renamed["accountEnabled"] = false.into();
    users.push(renamed);
    users.push(json!({"id": "z", "userPrincipalName": "ZOE@plant.example"}));
    users
        .push(json!({"id": "n", "userPrincipalName": "new@plant.example", "accountEnabled": true}));
    users.push(
        json!({"id": "o", "userPrincipalName": "old@plant.example", "accountEnabled": false}),
    );
    let export = json!({ "value": users }).to_string();
    let path = file(&plant, "users.json", &export);
    let run = plant.reconcile_with(&["--source", &path]);
    let enterprise = crate::support::ENTERPRISE;
    run.assert_findings(&[
        format!("source_attribute User/{ben_id} {enterprise}:department"),
        format!("source_extra User/{cleo_id} -"),
        format!("source_attribute User/{dan_id} userName"),
        format!("source_attribute User/{dan_id} active"),
        "source_missing User/- userName".to_owned(),
        "ambiguous User/- userName".to_owned(),
    ]);
    assert_eq!(run.one("source_missing")["name"], "new@plant.example");
    assert_eq!(run.one("source_missing")["externalId"], "n");
    assert_eq!(run.one("ambiguous")["name"], "ZOE@plant.example");
    assert_eq!(run.report["scope"]["source"], json!({"file": "users.json", "users": 9}));
    // Without the export there is nothing to compare with: those findings are as they were, and none
    // of this run's.
    let ignored = run.id("source_extra");
    plant.agent.install.stdout(&["drift", "ignore", &ignored, "--reason", "a guest"]);
    let without = plant.reconcile();
    without.assert_findings(&["duplicate User/10 userName".to_owned()]);
    assert_eq!(without.report["scope"]["ignored"], 0);
    for kind in ["source_missing", "source_extra", "source_attribute"] {
        assert_eq!(without.counts(kind), [0; 5], "{kind}");
    }
    let latest = plant.agent.install.stdout(&["report", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&latest).unwrap(), without.report);
    let open = plant.agent.install.stdout(&["drift", "list"]);
    assert_eq!(open.matches("source_").count(), 5, "{open}");
    // With one they go on, and what is gone ends.
    plant.natively(&format!("DELETE FROM users WHERE user_id = {dan_id}")).await;
    let again = plant.reconcile_with(&["--source", &path]);
    assert_eq!(again.id("source_missing"), run.id("source_missing"));
    assert_eq!(again.one("source_missing")["firstSeen"], run.one("source_missing")["firstSeen"]);
    assert_eq!(again.one("source_missing")["new"], false);
    assert_eq!(again.counts("source_missing"), [1, 1, 0, 1, 0]);
    assert_eq!(again.counts("source_attribute"), [1, 3, 0, 1, 2]);
    assert_eq!(again.counts("source_extra"), [0; 5]);
    assert_eq!(again.report["scope"]["ignored"], 1);
}

async fn a_portal_csv_serves_as_well(engine: Engine) {
    let plant = Plant::new(engine).await;
    let ana = Person::new("ana@plant.example");
    let id = plant.entra.create(&ana).await;
    let mut csv = "\u{feff}userPrincipalName,displayName,surname,givenName,id,jobTitle,department,\
                   accountEnabled,telephoneNumber\r\n"
        .to_owned();
    for name in ["quality.lead", "line.one", "line.two"] {
        csv += &format!("{name}@plant.example,x,,,{name},,,,\r\n");
    }
    let refused = file(&plant, "empty-flag.csv", &csv);
    let output = plant.agent.install.run(&["reconcile", "--source", &refused]);
    assert_eq!(output.status.code(), Some(1), "an accountEnabled that says nothing");
    let csv = "userPrincipalName,surname,givenName,id,accountEnabled\r\n\
               quality.lead@plant.example,Lead,Quality,q,True\r\n\
               line.one@plant.example,One,Line,l1,True\r\n\
               line.two@plant.example,Two,Line,l2,False\r\n";
    let csv = format!("{csv}ana@plant.example,\"Sil,va\",Ana,{},True\r\n", ana.external_id);
    let path = file(&plant, "users.csv", &csv);
    let run = plant.reconcile_with(&["--source", &path]);
    run.assert_findings(&[format!("source_attribute User/{id} name.familyName")]);
    assert_eq!(run.one("source_attribute")["expected"], "Sil,va");
}

async fn an_export_that_is_not_whole_is_not_believed(engine: Engine) {
    let plant = Plant::new(engine).await;
    let mut users = matched();
    for number in 0..20 {
        let person = Person::new(&format!("p{number}@plant.example"));
        plant.entra.create(&person).await;
        users.push(user(&person));
    }
    let export = |users: &[Value], count: Option<usize>| {
        let mut page = json!({ "value": users });
        if let Some(count) = count {
            page["@odata.count"] = count.into();
        }
        page.to_string()
    };
    let run = |text: &str, more: &[&str]| {
        let path = file(&plant, "users.json", text);
        plant.reconcile_with(&[&["--source", path.as_str()][..], more].concat())
    };
    let all = users.len();
    let whole = run(&export(&users, Some(all)), &[]);
    assert_eq!(whole.code, 0, "{}", whole.report);
    let reason = |run: &crate::reconcile::plant::Run| run.report["reasons"].to_string();

    // A page is missing: by Entra's own count, which nobody can accept …
    for more in [&[][..], &["--accept"]] {
        let short = run(&export(&users[..all - 1], Some(all)), more);
        assert_eq!((short.code, &short.report["verdict"]), (3, &"INCOMPLETE".into()));
        assert!(reason(&short).contains("@odata.count"), "{}", reason(&short));
    }
    // … by those whom Entra provisioned; and another tenant's has none of them.
    let short = run(&export(&users[..all - 12], None), &[]);
    assert_eq!(short.code, 3, "{}", short.report);
    assert!(reason(&short).contains("the export has 10 of the 22 active"), "{}", reason(&short));
    let foreign: Vec<Value> = (0..400)
        .map(|n| json!({"id": format!("f{n}"), "userPrincipalName": format!("f{n}@far.example")}))
        .collect();
    let other = run(&export(&foreign, None), &[]);
    assert_eq!(other.code, 3, "{}", other.report);
    assert!(reason(&other).contains("of this tenant"), "{}", reason(&other));

    // A fall since the last export that was believed, runs without one between them.
    let mut more = users.clone();
    more.extend(foreign.iter().take(50).map(|it| {
        let mut disabled = it.clone();
        disabled["accountEnabled"] = false.into();
        disabled
    }));
    assert_eq!(run(&export(&more, None), &[]).code, 0);
    assert_eq!(plant.reconcile().code, 0);
    let fallen = run(&export(&users, None), &[]);
    assert_eq!(fallen.code, 3, "{}", fallen.report);
    assert!(reason(&fallen).contains("fell from 73 users to 23"), "{}", reason(&fallen));
    assert_eq!(run(&export(&users, None), &["--accept"]).code, 0);
    assert_eq!(run(&export(&users, None), &[]).code, 0);
}

async fn a_broken_or_partial_export_is_refused(engine: Engine) {
    let plant = Plant::new(engine).await;
    let one = json!({"id": "1", "userPrincipalName": "a@plant.example"});
    let next = "https://graph.microsoft.com/v1.0/users?$skiptoken=x";
    for (text, said) in [
        (json!({"value": [one], "@odata.nextLink": next}).to_string(), "nextLink"),
        ("{\"value\": [\n{\"id\": \"1\",\n".to_owned(), "line 3"),
        (json!({"value": []}).to_string(), "no user"),
        (json!({"value": [{"id": "1"}]}).to_string(), "userPrincipalName"),
        ("name,mail\r\nx,y\r\n".to_owned(), "userPrincipalName"),
    ] {
        let path = file(&plant, "users", &text);
        let output = plant.agent.install.run(&["reconcile", "--source", &path]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}: {stderr}");
        assert!(stderr.contains(said) && stderr.contains("line "), "{said}: {stderr}");
        assert!(stderr.contains(&path), "{stderr}");
    }
    assert_eq!(plant.agent.database().count("scim_runs").await, 0);
    let missing = plant.agent.install.run(&["reconcile", "--source", "/nowhere/users.json"]);
    assert_eq!(missing.status.code(), Some(1));
}
