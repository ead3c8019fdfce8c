//! The reconciler on installs unlike the reference: what is found and mended there is the same.

use serde_json::json;

use super::plant::{Plant, Run};
use crate::support::{ENTERPRISE, Engine, installs, key};

on_every_database!(reserved_words, uuids_and_letters, text_keys, odd_text_keys);

/// Where an install keeps what, for edits behind the agent's back. Names are quoted already.
struct Legacy {
    users: String,
    key: &'static str,
    name: &'static str,
    /// The column of a plain text attribute, and the attribute.
    words: (&'static str, &'static str),
    active: &'static str,
    on: &'static str,
    off: &'static str,
    teams: String,
    team_key: &'static str,
    team_name: &'static str,
    members: String,
    /// Columns and values of a membership, `{team}` and `{user}` open.
    edge: (&'static str, &'static str),
    /// How its columns are told apart.
    edge_is: &'static str,
    /// Columns and values of a user, `{name}` open.
    user: (&'static str, &'static str),
}

impl Legacy {
    fn set(&self, id: &str, column: &str, value: &str) -> String {
        format!("UPDATE {} SET {column} = {value} WHERE {} = '{id}';", self.users, self.key)
    }

    fn insert(&self, name: &str) -> String {
        let (columns, values) = self.user;
        let values = values.replace("{name}", name);
        format!("INSERT INTO {} ({columns}) VALUES ({values});", self.users)
    }

    fn join(&self, team: &str, user: &str) -> String {
        let (columns, values) = self.edge;
        let values = values.replace("{team}", key(team)).replace("{user}", user);
        format!("INSERT INTO {} ({columns}) VALUES ({values});", self.members)
    }

    fn edge(&self, team: &str, user: &str) -> String {
        let is = self.edge_is.replace("{team}", key(team)).replace("{user}", user);
        format!("{} WHERE {is}", self.members)
    }
}

async fn hire(plant: &Plant, name: &str, words: &str) -> String {
    let mut body = json!({
        "userName": format!("{name}@plant.example"),
        "active": true,
        ENTERPRISE: { "department": "Works" },
    });
    match words.split_once('.') {
        Some((outer, inner)) => body[outer][inner] = "Asserted".into(),
        None => body[words] = "Asserted".into(),
    }
    plant.entra.client.post("/Users", &body).await.expect(201).id()
}

/// The fingerprint of what is said of a resource.
fn of<'a>(run: &'a Run, kind: &str, id: &str) -> &'a str {
    let found = run.list().iter().find(|it| {
        let attribute = it["attribute"].as_str().unwrap_or_default();
        it["kind"] == kind && (it["scimId"] == id || attribute.contains(&format!("\"{id}\"")))
    });
    found.unwrap_or_else(|| panic!("{kind} {id}: {:#}", run.report))["id"].as_str().unwrap()
}

async fn drifts(engine: Engine, fixture: &str, legacy: &Legacy) {
    let tables = installs::tables(engine, fixture);
    let plant = Plant::on(installs::lay(engine, fixture, &tables).await).await;
    let database = plant.agent.database();
    plant.entra.match_user("old.hand@plant.example").await.expect("the old hand");
    let (column, attribute) = legacy.words;
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cy", "dan", "eve", "fay", "gus"] {
        ids.push(hire(&plant, name, attribute).await);
    }
    let [ana, ben, cy, dan, eve, fay, gus] = ids.try_into().unwrap();
    let line = plant.entra.create_group("Line 7").await;
    let lost = plant.entra.create_group("Lost Team").await;
    let (line_key, lost_key) = (key(&line), key(&lost));
    plant.entra.add_members(&line, &[&fay]).await.expect(204);
    plant.entra.disable(&ana).await;
    let clean = plant.reconcile();
    clean.assert_clean();
    assert_eq!(clean.report["coverage"]["equal"], 7, "{:#}", clean.report);

    database
        .execute(
            &[
                legacy.set(&ana, legacy.active, legacy.on),
                legacy.set(&ben, column, "'Typed Over'"),
                legacy.set(&cy, column, "'Typed Over'"),
                format!("DELETE FROM {} WHERE {} = '{dan}';", legacy.users, legacy.key),
                format!("DELETE FROM {} WHERE {} = '{lost_key}';", legacy.teams, legacy.team_key),
                format!("DELETE FROM {};", legacy.edge(&line, &fay)),
                legacy.join(&line, &eve),
                legacy.insert("GUS"),
                legacy.insert("zoe"),
                format!(
                    "UPDATE {} SET {} = 'Line 8' WHERE {} = '{line_key}'",
                    legacy.teams, legacy.team_name, legacy.team_key
                ),
            ]
            .concat(),
        )
        .await;
    // Where case doesn't matter to the database, the name alone finds both.
    let id = |name: &str| {
        let (key, users) = (legacy.key, &legacy.users);
        let named = format!("{} = '{name}@plant.example'", legacy.name);
        format!("SELECT {key} FROM {users} WHERE {named} AND {key} <> '{gus}'")
    };
    let zoe = database.value(&id("zoe")).await.unwrap();
    let second = database.value(&id("GUS")).await.unwrap();
    let run = plant.reconcile();
    let doubled = run.one("duplicate");
    let mut rows: Vec<&str> =
        doubled["actual"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    rows.sort_unstable();
    let mut both = [gus.as_str(), second.as_str()];
    both.sort_unstable();
    assert_eq!(rows, both);
    run.assert_findings(&[
        format!("reactivated User/{ana} active"),
        format!("attribute User/{ben} {attribute}"),
        format!("attribute User/{cy} {attribute}"),
        format!("missing User/{dan} -"),
        format!("unmanaged User/{zoe} -"),
        format!("duplicate User/{} userName", doubled["scimId"].as_str().unwrap()),
        format!("member_extra Group/{line} members[value eq \"{eve}\"]"),
        format!("member_missing Group/{line} members[value eq \"{fay}\"]"),
        format!("team_attribute Group/{line} displayName"),
        format!("team_missing Group/{lost} -"),
    ]);

    let install = &plant.agent.install;
    let restored = [
        of(&run, "reactivated", &ana),
        of(&run, "attribute", &ben),
        of(&run, "missing", &dan),
        of(&run, "team_missing", &lost),
        of(&run, "member_extra", &eve),
        of(&run, "member_missing", &fay),
        of(&run, "team_attribute", &line),
    ];
    let said = install.stdout(&[&["drift", "restore"], &restored[..]].concat());
    assert_eq!(said.matches("done:").count(), restored.len(), "{said}");
    install.stdout(&["drift", "adopt", of(&run, "attribute", &cy)]);
    let now = async |id: &str, column: &str, value: &str| {
        let row = format!("{} WHERE {} = '{id}' AND {column} = {value}", legacy.users, legacy.key);
        assert_eq!(database.count(&row).await, 1, "{row}");
    };
    now(&ana, legacy.active, legacy.off).await;
    now(&ben, column, "'Asserted'").await;
    now(&cy, column, "'Typed Over'").await;
    now(&dan, column, "'Asserted'").await;
    assert_eq!(database.count(&legacy.edge(&line, &eve)).await, 0);
    assert_eq!(database.count(&legacy.edge(&line, &fay)).await, 1);
    database
        .execute(&format!("DELETE FROM {} WHERE {} = '{second}'", legacy.users, legacy.key))
        .await;
    plant.reconcile().assert_findings(&[format!("unmanaged User/{zoe} -")]);
    plant.entra.match_user("zoe@plant.example").await.expect("the row");
    plant.reconcile().assert_clean();
}

async fn reserved_words(engine: Engine) {
    let legacy = Legacy {
        users: "\"User\"".to_owned(),
        key: "\"Select\"",
        name: "\"E-Mail Address\"",
        words: ("\"Last Name\"", "name.familyName"),
        active: "\"Group\"",
        on: "TRUE",
        off: "FALSE",
        teams: "\"Table\"".to_owned(),
        team_key: "\"From\"",
        team_name: "\"Where\"",
        members: "\"Group\"".to_owned(),
        edge: ("\"Into\", \"Values\"", "'{team}', '{user}'"),
        edge_is: "\"Into\" = '{team}' AND \"Values\" = '{user}'",
        user: ("\"E-Mail Address\", \"Badge No\"", "'{name}@plant.example', 'B8'"),
    };
    drifts(engine, "reserved", &legacy).await;
}

async fn uuids_and_letters(engine: Engine) {
    let schema = if engine == Engine::Postgres { "hr." } else { "" };
    let legacy = Legacy {
        users: format!("{schema}\"Person\""),
        key: "\"PersonID\"",
        name: "\"Login\"",
        words: ("\"FullName\"", "displayName"),
        active: "\"Enabled\"",
        on: "'Y'",
        off: "'N'",
        teams: format!("{schema}\"Team\""),
        team_key: "\"TeamID\"",
        team_name: "\"Title\"",
        members: format!("{schema}\"Membership\""),
        edge: ("\"Team\", \"Person\", \"Origin\"", "'{team}', '{user}', 'manual'"),
        edge_is: "\"Team\" = '{team}' AND \"Person\" = '{user}'",
        user: (
            "\"Login\", \"Enabled\", \"Realm\", \"Score\"",
            "'{name}@plant.example', 'Y', 'internal', 1",
        ),
    };
    drifts(engine, "uuid", &legacy).await;
}

async fn text_keys(engine: Engine) {
    let legacy = Legacy {
        users: "people".to_owned(),
        key: "code",
        name: "login",
        words: ("job", "title"),
        active: "enabled",
        on: "1",
        off: "0",
        teams: "squads".to_owned(),
        team_key: "code",
        team_name: "label",
        members: "squad_people".to_owned(),
        edge: ("squad, person", "'{team}', '{user}'"),
        edge_is: "squad = '{team}' AND person = '{user}'",
        user: ("login, kind, unit", "'{name}@plant.example', 'EMP', 'U1'"),
    };
    drifts(engine, "textkeys", &legacy).await;
}

/// Keys that differ in case alone, and such as could end a literal, a pattern or a path.
const ODD: [&str; 7] = ["Ab", "aB", "o'neil\"x", "50%_off", "🦊", "a/b?c#d", "two words"];

async fn odd_text_keys(engine: Engine) {
    // MariaDB's usual collations take two keys that differ in case for one.
    let tables = installs::tables(engine, "textkeys")
        .replace("CHARSET=utf8mb4", "CHARSET=utf8mb4 COLLATE=utf8mb4_bin");
    let plant = Plant::on(installs::lay(engine, "textkeys", &tables).await).await;
    let database = plant.agent.database();
    plant.entra.match_user("old.hand@plant.example").await.expect("the old hand");
    let team = plant.entra.create_group("Line 7").await;
    for (at, odd) in ODD.iter().enumerate() {
        let odd = odd.replace('\'', "''");
        database
            .execute(&format!(
                "INSERT INTO people (code, login, job, kind, unit) \
                 VALUES ('{odd}', 'odd{at}@plant.example', 'Fitter', 'EMP', 'U1')"
            ))
            .await;
        let found = plant.entra.match_user(&format!("odd{at}@plant.example")).await.unwrap();
        assert_eq!(found["id"], ODD[at]);
        let path: String = form_urlencoded::byte_serialize(ODD[at].as_bytes()).collect();
        let path = format!("/Users/{}", path.replace('+', "%20"));
        let title = json!([{ "op": "replace", "path": "title", "value": "Turner" }]);
        plant.entra.client.operations(&path, title).await.expect(200);
    }
    plant.entra.add_members(&team, &ODD).await.expect(204);
    plant.reconcile().assert_clean();
    database
        .execute(&format!(
            "UPDATE people SET job = 'Boss' WHERE code IN ('Ab', '🦊', 'a/b?c#d'); \
             DELETE FROM squad_people WHERE person IN ('50%_off', 'aB', 'o''neil\"x'); \
             DELETE FROM people WHERE code = 'o''neil\"x'; \
             INSERT INTO squad_people VALUES ('{}', 'old-hand')",
            key(&team)
        ))
        .await;
    let run = plant.reconcile();
    run.assert_findings(&[
        "attribute User/Ab title".to_owned(),
        "attribute User/🦊 title".to_owned(),
        "attribute User/a/b?c#d title".to_owned(),
        "missing User/o'neil\"x -".to_owned(),
        format!("member_missing Group/{team} members[value eq \"50%_off\"]"),
        format!("member_missing Group/{team} members[value eq \"aB\"]"),
        format!("member_extra Group/{team} members[value eq \"old-hand\"]"),
    ]);
    let ids: Vec<&str> = run
        .list()
        .iter()
        .filter(|it| it["kind"] != "missing")
        .map(|it| it["id"].as_str().unwrap())
        .collect();
    let said = plant.agent.install.stdout(&[&["drift", "restore"], &ids[..]].concat());
    assert_eq!(said.matches("done:").count(), 6, "{said}");
    // Of a title alone no row can be made; its absence can be accepted.
    let refused = plant.agent.install.run(&["drift", "restore", &run.id("missing")]);
    assert_eq!(refused.status.code(), Some(1));
    plant.agent.install.stdout(&["drift", "adopt", &run.id("missing")]);
    plant.reconcile().assert_clean();
    assert_eq!(database.count("people WHERE job = 'Turner'").await, 6);
    assert_eq!(database.count(&format!("squad_people WHERE squad = '{}'", key(&team))).await, 6);
}
