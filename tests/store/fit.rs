//! Installs that keep users in the ways that real applications do: each lives a whole life, by the
//! profile alone, and what doesn't belong to the agent is as it was.

use chrono::{NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::sql::Row;
use crate::support::{Agent, Client, Database, Dialect, ENTERPRISE, Engine, Install, installs};

on_every_database!(
    tenants,
    modules,
    board,
    directory,
    contacts,
    loner,
    works,
    views,
    foreign_keys_follow_a_rename
);

/// An application, as its administrator knows it.
struct App {
    name: &'static str,
    /// The logins that may sign in, by the application's own rule: a query of one column.
    may_sign_in: &'static str,
    /// What the agent must never change, from the first row to the last.
    untouched: &'static [&'static str],
    /// Attributes and values of a person.
    person: Value,
    /// Attributes to change, one by one.
    changes: &'static [(&'static str, &'static str)],
    /// How the application itself locks the user `{id}`.
    locks: &'static str,
    /// How it changes the attribute that `changes` names first.
    edits: &'static str,
    /// The pairs of team and member that count, as the application reads them.
    members: Option<&'static str>,
    /// What a deleted user leaves: a query that finds something for who is really gone.
    gone: &'static str,
}

struct Life {
    agent: Agent,
    client: Client,
    app: App,
    before: Vec<Vec<Row>>,
}

impl Life {
    async fn begin(engine: Engine, app: App) -> Self {
        let mut install = installs::laid(engine, app.name).await;
        install.configure("[cleanup]\nstrip_after = \"0s\"\nanonymise_after = \"0s\"\n");
        let agent = Agent::on(install).await;
        let client = agent.client();
        let mut life = Self { agent, client, app, before: Vec::new() };
        life.before = life.untouched().await;
        life
    }

    async fn untouched(&self) -> Vec<Vec<Row>> {
        let mut all = Vec::new();
        for query in self.app.untouched {
            all.push(self.agent.database().rows(query).await);
        }
        all
    }

    async fn may_sign_in(&self, login: &str) -> bool {
        let rows = self.agent.database().rows(self.app.may_sign_in).await;
        let found = |row: &Row| row[0].as_deref().is_some_and(|it| it.eq_ignore_ascii_case(login));
        rows.iter().any(found)
    }

    async fn members(&self) -> Vec<String> {
        let Some(query) = self.app.members else { return Vec::new() };
        let rows = self.agent.database().rows(query).await;
        let mut pairs: Vec<String> = rows
            .iter()
            .map(|row| row.iter().map(|it| it.clone().unwrap_or_default()).collect::<Vec<_>>())
            .map(|pair| pair.join(":"))
            .collect();
        pairs.sort();
        pairs
    }

    async fn execute(&self, sql: &str, id: &str) {
        self.agent.database().execute(&sql.replace("{id}", id)).await;
    }

    fn reconcile(&self) -> Value {
        let output = self.agent.install.run(&["reconcile", "--format", "json"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_str(&stdout);
        report.unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
    }

    /// No finding but users whom Entra doesn't know.
    fn is_clean(&self) {
        let report = self.reconcile();
        let findings = report["findings"].as_array().unwrap();
        let told: Vec<_> = findings.iter().filter(|it| it["kind"] != "unmanaged").collect();
        assert!(told.is_empty() && report["verdict"] != "INCOMPLETE", "{report:#}");
    }

    /// Restores what there is, which must be of these kinds.
    fn mends(&self, kinds: &[&str]) {
        let report = self.reconcile();
        let findings = report["findings"].as_array().unwrap();
        let told: Vec<&Value> = findings.iter().filter(|it| it["kind"] != "unmanaged").collect();
        let mut found: Vec<&str> = told.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, kinds, "{report:#}");
        let ids: Vec<&str> = told.iter().map(|it| it["id"].as_str().unwrap()).collect();
        self.agent.install.stdout(&[&["drift", "restore"], &ids[..]].concat());
        self.is_clean();
    }

    async fn live(mut self) {
        let id = self.created().await;
        self.changed(&id).await;
        self.locked(&id).await;
        if self.app.members.is_some() {
            self.in_teams(&id).await;
        }
        self.drifts(&id).await;
        self.leaves(&id).await;
        self.goes().await;
        assert_eq!(self.untouched().await, self.before, "what isn't the agent's is as it was");
    }

    /// Matches who is there, in another case; creates somebody.
    async fn created(&mut self) -> String {
        let entra = self.agent.entra(Dialect::Classic);
        let old = entra.match_user("OLD.hand@PLANT.example").await.expect("who is there");
        assert_eq!(old["active"], true, "{old}");
        let created = self.client.post("/Users", &self.app.person).await.expect(201);
        let id = created.id();
        let read = self.client.get(&format!("/Users/{id}")).await.expect(200).body;
        for (name, value) in self.app.person.as_object().unwrap() {
            assert_eq!(read[name], *value, "{name}: {read:#}");
        }
        assert_eq!(created.body, read);
        self.client.post("/Users", &self.app.person).await.refused(409, "uniqueness");
        let found = self.client.ids("/Users", "userName eq \"NOVA.Pessoa@plant.example\"").await;
        assert_eq!(found, [id.as_str()]);
        assert!(self.may_sign_in("nova.pessoa@plant.example").await);
        id
    }

    async fn changed(&self, id: &str) {
        let path = format!("/Users/{id}");
        for (attribute, value) in self.app.changes {
            let set = json!([{ "op": "replace", "path": attribute, "value": value }]);
            self.client.operations(&path, set).await.expect(200);
            let read = self.client.get(&path).await.expect(200);
            assert!(read.text.contains(value), "{attribute}: {}", read.text);
            let filter = format!("{attribute} eq \"{value}\"");
            assert_eq!(self.client.ids("/Users", &filter).await, [id], "{filter}");
            let clear = json!([{ "op": "remove", "path": attribute }]);
            self.client.operations(&path, clear).await.expect(200);
            let read = self.client.get(&path).await.expect(200);
            assert!(!read.text.contains(value), "{attribute}: {}", read.text);
            let set = json!([{ "op": "add", "path": attribute, "value": value }]);
            self.client.operations(&path, set).await.expect(200);
        }
        let sorted = [("sortBy", "name.givenName"), ("sortOrder", "descending")];
        self.client.query("/Users", &sorted).await.expect(200);
        self.is_clean();
    }

    /// Disabled, nobody gets in by the application's own rule; enabled, they do.
    async fn locked(&self, id: &str) {
        let entra = self.agent.entra(Dialect::Classic);
        entra.disable(id).await;
        let path = format!("/Users/{id}");
        assert_eq!(self.client.get(&path).await.expect(200).body["active"], false);
        assert!(!self.may_sign_in("nova.pessoa@plant.example").await, "a leaver keeps access");
        assert_eq!(self.client.ids("/Users", "active eq false").await, [id]);
        self.is_clean();
        entra.enable(id).await;
        assert_eq!(self.client.get(&path).await.expect(200).body["active"], true);
        assert!(self.may_sign_in("nova.pessoa@plant.example").await);
        assert_eq!(self.client.ids("/Users", "active ne true").await, [""; 0]);
    }

    async fn in_teams(&self, id: &str) {
        let entra = self.agent.entra(Dialect::Rfc);
        let night = entra.match_group("NIGHT shift").await.expect("the team")["id"].clone();
        let night = night.as_str().unwrap().to_owned();
        let old = entra.match_user("old.hand@plant.example").await.expect("who is there");
        // Who is in the team already is put into it by Entra as well.
        entra.add_members(&night, &[old["id"].as_str().unwrap()]).await.expect(204);
        let started = self.members().await;
        let team = entra.create_group("New Team").await;
        entra.add_members(&team, &[id]).await.expect(204);
        entra.add_members(&night, &[id]).await.expect(204);
        let joined = self.members().await;
        assert_eq!(joined.len(), started.len() + 2, "{started:?} {joined:?}");
        entra.add_members(&night, &[id]).await.expect(204);
        assert_eq!(self.members().await, joined);
        entra.remove_members(&night, &[id]).await.expect(204);
        assert_eq!(self.members().await.len(), started.len() + 1);
        assert!(!entra.is_member(&night, id).await && entra.is_member(&team, id).await);
        // Whose edge ended is let in again.
        entra.add_members(&night, &[id]).await.expect(204);
        assert_eq!(self.members().await, joined);
        let read = self.client.get(&format!("/Users/{id}")).await.expect(200).body;
        assert_eq!(read["groups"].as_array().map(Vec::len), Some(2), "{read:#}");
        entra.rename_group(&team, "Newer Team").await;
        let of = self.client.ids("/Groups", &format!("members.value eq \"{id}\"")).await;
        assert_eq!(of.len(), 2, "{of:?}");
        let mine = self.client.ids("/Users", &format!("groups.value eq \"{team}\"")).await;
        assert_eq!(mine, [id]);
        self.is_clean();
        // A replaced list takes out nobody but members.
        let members = json!([{ "op": "replace", "path": "members", "value": [{ "value": id }] }]);
        self.client.operations(&format!("/Groups/{team}"), members).await.expect(204);
        assert_eq!(self.members().await, joined);
        self.client.delete(&format!("/Groups/{team}")).await.expect(204);
        assert_eq!(self.client.ids("/Groups", "displayName eq \"Newer Team\"").await, [""; 0]);
        let again = entra.create_group("Newer Team").await;
        entra.add_members(&again, &[id]).await.expect(204);
        self.is_clean();
    }

    /// What the application changes behind the agent's back is found and mended.
    async fn drifts(&self, id: &str) {
        self.execute(self.app.locks, id).await;
        assert!(!self.may_sign_in("nova.pessoa@plant.example").await);
        self.execute(self.app.edits, id).await;
        self.mends(&["attribute", "wrongly_disabled"]);
        assert!(self.may_sign_in("nova.pessoa@plant.example").await);
        let (attribute, value) = self.app.changes[0];
        let found = self.client.ids("/Users", &format!("{attribute} eq \"{value}\"")).await;
        assert_eq!(found, [id]);
    }

    /// Cleanup of who left, and its undoing.
    async fn leaves(&self, id: &str) {
        let install = &self.agent.install;
        let joined = self.members().await;
        self.agent.entra(Dialect::Classic).disable(id).await;
        let apply = || {
            let plan = install.stdout(&["cleanup", "plan", "--format", "json"]);
            let plan: Value = serde_json::from_str(&plan).unwrap();
            let hash = plan["hash"].as_str().unwrap().to_owned();
            install.stdout(&["cleanup", "apply", "--yes", "--plan", &hash])
        };
        let applied = [apply(), apply()];
        let (attribute, value) = self.app.changes[0];
        let filter = format!("{attribute} eq \"{value}\"");
        assert_eq!(self.client.ids("/Users", &filter).await, [""; 0]);
        if self.app.members.is_some() {
            assert!(self.members().await.len() < joined.len());
        }
        for said in applied.iter().rev() {
            let undo = said.lines().find_map(|line| line.split("cleanup undo ").nth(1));
            if let Some(run) = undo {
                install.stdout(&["cleanup", "undo", run.trim()]);
            }
        }
        assert_eq!(self.client.ids("/Users", &filter).await, [id]);
        self.agent.entra(Dialect::Classic).enable(id).await;
        assert_eq!(self.members().await, joined);
        assert!(self.may_sign_in("nova.pessoa@plant.example").await);
        self.is_clean();
    }

    /// Deleted and hired again.
    async fn goes(&self) {
        let id = self.client.ids("/Users", "userName eq \"nova.pessoa@plant.example\"").await;
        let [id] = id.as_slice() else { panic!("{id:?}") };
        let path = format!("/Users/{id}");
        self.client.delete(&path).await.expect(204);
        self.client.get(&path).await.refused(404, "");
        assert!(!self.may_sign_in("nova.pessoa@plant.example").await);
        assert!(!self.agent.database().rows(self.app.gone).await.is_empty(), "{}", self.app.gone);
        assert_eq!(self.client.ids("/Users", "userName sw \"nova\"").await, [""; 0]);
        self.is_clean();
        let again = self.client.post("/Users", &self.app.person).await.expect(201);
        assert!(self.may_sign_in("nova.pessoa@plant.example").await);
        self.client.delete(&format!("/Users/{}", again.id())).await.expect(204);
    }
}

fn nova(more: &Value) -> Value {
    let mut body = json!({
        "userName": "Nova.Pessoa@plant.example",
        "active": true,
        "name": { "givenName": "Nova", "familyName": "Pessoa" },
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn tenants(engine: Engine) {
    let app = App {
        name: "tenants",
        may_sign_in: "SELECT login FROM account \
            WHERE plant = 7 AND kind = 'P' AND gone = 0 AND state <> 'blocked'",
        untouched: &[
            "SELECT * FROM account WHERE plant <> 7 OR kind <> 'P' OR login = 'former@plant.example' ORDER BY id",
            "SELECT * FROM circle WHERE plant <> 7 OR label = 'Closed Team' ORDER BY id",
            "SELECT * FROM circle_part WHERE kind <> 'u' OR circle = 2 ORDER BY circle, part, kind",
            "SELECT * FROM session WHERE kind <> 'w' ORDER BY id",
        ],
        person: nova(&json!({
            "title": "Fitter", "phoneNumbers": [{ "type": "work", "value": "+1 555 0100" }],
        })),
        changes: &[("title", "Welder"), ("name.familyName", "Santos")],
        locks: "UPDATE account SET state = 'blocked' WHERE id = {id}",
        edits: "UPDATE account SET job = 'Elsewhere' WHERE id = {id}",
        members: Some(
            "SELECT circle, part FROM circle_part WHERE kind = 'u' AND circle <> 2 AND part <> 4 \
             AND circle IN (SELECT id FROM circle WHERE gone_at IS NULL)",
        ),
        gone: "SELECT 1 FROM account WHERE gone = 1 AND plant = 7 AND login LIKE 'Nova%'",
    };
    let life = Life::begin(engine, app).await;
    // Who may sign in keeps the very value that says so.
    let old = life.client.ids("/Users", "userName eq \"old.hand@plant.example\"").await;
    assert_eq!(old.len(), 1, "the namesake is another plant's");
    life.execute("UPDATE account SET state = 'invited' WHERE id = {id}", &old[0]).await;
    let entra = life.agent.entra(Dialect::Classic);
    entra.disable(&old[0]).await;
    entra.enable(&old[0]).await;
    let state = life.agent.database().value("SELECT state FROM account WHERE id = 1").await;
    assert_eq!(state.as_deref(), Some("invited"));
    assert_eq!(life.agent.database().count("session WHERE kind = 'w' AND account = 1").await, 0);
    assert_eq!(life.client.ids("/Users", "userName eq \"former@plant.example\"").await, [""; 0]);
    assert_eq!(life.client.ids("/Groups", "displayName eq \"Closed Team\"").await, [""; 0]);
    life.live().await;
}

async fn modules(engine: Engine) {
    let app = App {
        name: "modules",
        may_sign_in: "SELECT logon FROM usr WHERE enabled = 1 AND logon_upper = UPPER(logon) \
            AND EXISTS (SELECT 1 FROM contact WHERE contact.usr = usr.uid OR usr.badge = 'b-1')",
        untouched: &[
            "SELECT * FROM usr_field WHERE field = 'shoe' ORDER BY id",
            "SELECT id, grp, since FROM grp_usr WHERE id = 'm-1'",
        ],
        person: nova(&json!({
            "emails": [{ "type": "work", "value": "nova@plant.example" }],
            "phoneNumbers": [{ "type": "work", "value": "+1 555 0100" }],
            ENTERPRISE: { "department": "Quality" },
        })),
        changes: &[
            ("name.familyName", "Santos"),
            ("emails[type eq \"work\"].value", "n@x.example"),
        ],
        locks: "UPDATE usr SET enabled = 0 WHERE uid = '{id}'",
        edits: "UPDATE usr_field SET content = 'Other' WHERE usr = '{id}' AND field = 'last'",
        members: Some("SELECT grp, usr FROM grp_usr"),
        gone: "SELECT c FROM (SELECT COUNT(*) AS c FROM usr) counted WHERE c = 1",
    };
    let life = Life::begin(engine, app).await;
    let made = life.client.post("/Users", &nova(&json!({}))).await.expect(201);
    let id = made.id();
    assert_eq!(id.len(), 32, "{id}");
    let row = life
        .agent
        .database()
        .rows(&format!(
            "SELECT logon_upper, lock_version, made, changed, dept FROM usr WHERE uid = '{id}'"
        ))
        .await;
    let row: Vec<String> = row[0].iter().map(|it| it.clone().unwrap()).collect();
    assert_eq!(
        (row[0].as_str(), row[1].as_str(), row[4].as_str()),
        ("NOVA.PESSOA@PLANT.EXAMPLE", "1", "0")
    );
    assert!(row[2].parse::<i64>().unwrap() > 1_700_000_000 && row[3].len() == 15, "{row:?}");
    let created = made.body["meta"]["created"].as_str().unwrap();
    assert!(created.starts_with("20"), "{created}");
    // A derived column that differs is drift, and mended.
    life.execute("UPDATE usr SET logon_upper = 'X' WHERE uid = '{id}'", &id).await;
    life.mends(&["attribute"]);
    let set = json!([{ "op": "replace", "path": "userName", "value": "Nova.Nova@plant.example" }]);
    life.client.operations(&format!("/Users/{id}"), set).await.expect(200);
    let row = life
        .agent
        .database()
        .rows(&format!("SELECT logon_upper, lock_version FROM usr WHERE uid = '{id}'"))
        .await;
    assert_eq!(row[0], [Some("NOVA.NOVA@PLANT.EXAMPLE".to_owned()), Some("3".to_owned())]);
    life.client.delete(&format!("/Users/{id}")).await.expect(204);
    assert_eq!(life.agent.database().count(&format!("usr_field WHERE usr = '{id}'")).await, 0);
    life.live().await;
}

async fn board(engine: Engine) {
    let app = App {
        name: "board",
        may_sign_in: "SELECT nick FROM member WHERE banned_at = 0",
        untouched: &[
            "SELECT * FROM ids WHERE name = 'post'",
            "SELECT * FROM party_member WHERE id <= 2 ORDER BY id",
            "SELECT * FROM member WHERE nr <= 2 ORDER BY nr",
        ],
        person: nova(&json!({ "phoneNumbers": [{ "type": "work", "value": "+1 555 0100" }] })),
        changes: &[("name.familyName", "Santos")],
        locks: "UPDATE member SET banned_at = 1700000000 WHERE nr = {id}",
        edits: "UPDATE member SET family = 'Other', full_name = 'Nova Other' WHERE nr = {id}",
        members: Some("SELECT party, member FROM party_member WHERE until_at IS NULL"),
        gone: "SELECT 1 FROM member WHERE banned_at <> 0 AND nick LIKE 'Nova%'",
    };
    let life = Life::begin(engine, app).await;
    // A counter behind its table is nobody's name.
    let behind = |next: u32| format!("UPDATE ids SET next_id = {next} WHERE name = 'member'");
    life.agent.database().execute(&behind(1)).await;
    let answer = life.client.post("/Users", &nova(&json!({}))).await;
    let answer = answer.refused(409, "uniqueness").naming("not for its name");
    assert!(!answer.text.contains("userName"), "{}", answer.text);
    life.agent.database().execute(&behind(3)).await;
    ends_a_visit_in_local_time(&life).await;
    life.live().await;
}

async fn ends_a_visit_in_local_time(life: &Life) {
    let visitor = json!({ "userName": "visitor@plant.example" });
    let id = life.client.post("/Users", &visitor).await.expect(201).id();
    life.execute("INSERT INTO visit (member) VALUES ({id})", &id).await;
    life.agent.entra(Dialect::Rfc).disable(&id).await;
    let ended = life.agent.database().rows("SELECT ended_at FROM visit").await;
    let ended = ended[0][0].clone().expect("the visit has ended");
    let ended = NaiveDateTime::parse_from_str(&ended, "%Y-%m-%d %H:%M:%S%.f").expect(&ended);
    let here = Utc::now().with_timezone(&chrono_tz::Europe::Berlin).naive_local();
    assert!((here - ended).abs() < TimeDelta::minutes(5), "{ended}, and it is {here}");
    life.client.delete(&format!("/Users/{id}")).await.expect(204);
}

async fn directory(engine: Engine) {
    let app = App {
        name: "directory",
        may_sign_in: "SELECT login FROM person \
            WHERE NOT EXISTS (SELECT 1 FROM lockout WHERE lockout.person = person.id)",
        untouched: &[
            "SELECT * FROM principal WHERE kind = 'robot'",
            "SELECT * FROM lockout WHERE reason = 'sick'",
            "SELECT * FROM person WHERE id = 4",
        ],
        person: nova(&json!({ "title": "Fitter" })),
        changes: &[("title", "Welder"), ("name.familyName", "Santos")],
        locks: "INSERT INTO lockout (person, reason) VALUES ({id}, 'scim')",
        edits: "UPDATE principal SET caption = 'Elsewhere' WHERE id = {id}",
        members: Some("SELECT team, person FROM team_person WHERE gone = 0"),
        gone: "SELECT c FROM (SELECT COUNT(*) AS c FROM principal WHERE kind = 'user') counted \
            WHERE c = 2",
    };
    Life::begin(engine, app).await.live().await;
}

async fn contacts(engine: Engine) {
    let app = App {
        name: "contacts",
        may_sign_in: "SELECT login FROM account WHERE enabled = 1",
        untouched: &[
            "SELECT * FROM contact WHERE id IN (5, 6)",
            "SELECT * FROM account WHERE id = 1",
            "SELECT * FROM contact WHERE kind = 'firm'",
        ],
        person: nova(&json!({ "title": "Fitter" })),
        changes: &[("name.familyName", "Santos"), ("title", "Welder")],
        locks: "UPDATE account SET enabled = 0 WHERE id = {id}",
        edits: "UPDATE contact SET last_name = 'Other' \
            WHERE id = (SELECT contact_id FROM account WHERE id = {id})",
        members: Some("SELECT unit_id, account_id FROM unit_account"),
        gone: "SELECT c FROM (SELECT COUNT(*) AS c FROM contact WHERE kind = 'person') counted \
            WHERE c = 2",
    };
    let life = Life::begin(engine, app).await;
    // Who points nowhere gets a contact with the first thing that is said of it.
    let entra = life.agent.entra(Dialect::Classic);
    let bare = entra.match_user("bare@plant.example").await.expect("who is there");
    let path = format!("/Users/{}", bare["id"].as_str().unwrap());
    assert_eq!(bare.get("title"), None);
    let says = json!([{ "op": "replace", "path": "title", "value": "Smith" }]);
    life.client.operations(&path, says).await.expect(200);
    let rows = "SELECT contact.position, contact.kind FROM account \
        JOIN contact ON contact.id = account.contact_id WHERE login = 'bare@plant.example'";
    let rows = life.agent.database().rows(rows).await;
    assert_eq!(rows, [[Some("Smith".to_owned()), Some("person".to_owned())]]);
    assert_eq!(life.client.get(&path).await.expect(200).body["title"], "Smith");
    life.client.delete(&path).await.expect(204);
    life.live().await;
}

async fn loner(engine: Engine) {
    let app = App {
        name: "loner",
        may_sign_in: "SELECT login FROM logins WHERE closed_on IS NULL \
            AND (locked_until IS NULL OR locked_until < '2026-01-01')",
        untouched: &[
            "SELECT * FROM note ORDER BY id",
            "SELECT * FROM logins WHERE login = 'closed@plant.example'",
        ],
        person: nova(&json!({ "phoneNumbers": [{ "type": "work", "value": "+1 555 0100" }] })),
        changes: &[("name.familyName", "Santos")],
        locks: "UPDATE logins SET locked_until = '9999-01-01 00:00:00' WHERE login = '{id}'",
        edits: "UPDATE logins SET lname = 'Other' WHERE login = '{id}'",
        members: None,
        gone: "SELECT 1 FROM logins WHERE locked_until IS NOT NULL AND login LIKE 'Nova%'",
    };
    let life = Life::begin(engine, app).await;
    for path in ["/Groups", "/Groups/1"] {
        life.client.get(path).await.refused(404, "");
    }
    let types = life.client.get("/ResourceTypes").await.expect(200);
    assert!(!types.text.contains("Group"), "{}", types.text);
    let schemas = life.client.get("/Schemas").await.expect(200);
    assert!(!schemas.text.contains("core:2.0:Group"), "{}", schemas.text);
    assert_eq!(life.client.ids("/Users", "userName eq \"closed@plant.example\"").await, [""; 0]);
    let made = life.client.post("/Users", &nova(&json!({ "userName": "Key@plant.example" }))).await;
    let path = format!("/Users/{}", made.expect(201).id());
    assert_eq!(path, "/Users/Key@plant.example");
    let set = json!([{ "op": "replace", "path": "userName", "value": "Other@plant.example" }]);
    life.client.operations(&path, set).await.refused(400, "mutability");
    life.client.delete(&path).await.expect(204);
    life.live().await;
}

async fn works(engine: Engine) {
    let app = App {
        name: "works",
        may_sign_in: "SELECT login FROM worker WHERE plant = 7 AND NOT EXISTS \
            (SELECT 1 FROM lockout WHERE lockout.plant = 7 AND lockout.login = worker.nr)",
        untouched: &[
            "SELECT * FROM worker WHERE plant = 8 ORDER BY nr",
            "SELECT * FROM worker_card WHERE plant = 8",
            "SELECT * FROM lockout WHERE plant = 8",
            "SELECT * FROM gang WHERE plant = 8",
            "SELECT * FROM gang_worker WHERE plant = 8",
            "SELECT * FROM shift_note WHERE plant = 8 ORDER BY id",
            "SELECT * FROM numbers WHERE plant = 8 ORDER BY name",
            "SELECT * FROM badge WHERE nr = 1",
        ],
        person: nova(&json!({ "emails": [{ "type": "work", "value": "nova@plant.example" }] })),
        changes: &[
            ("name.familyName", "Santos"),
            ("emails[type eq \"work\"].value", "n@x.example"),
        ],
        locks: "INSERT INTO lockout (plant, login) VALUES (7, {id})",
        edits: "UPDATE worker SET family = 'Other' WHERE plant = 7 AND nr = {id}",
        members: Some(
            "SELECT gang, worker FROM gang_worker WHERE plant = 7 AND until_day = '9999-12-31'",
        ),
        gone: "SELECT c FROM (SELECT COUNT(*) AS c FROM worker WHERE plant = 7) counted WHERE c = 1",
    };
    let life = Life::begin(engine, app).await;
    // A key that is one within what counts is unique, and an index that begins with that serves.
    let checked = life.agent.install.stdout(&["check"]);
    assert!(!checked.contains("no index begins") && !checked.contains("`nr` isn't"), "{checked}");
    // The number is the other plant's as well: what goes with its rows is told by all of the key.
    let made = life.client.post("/Users", &nova(&json!({}))).await.expect(201);
    assert_eq!(made.id(), "8");
    let hung = "INSERT INTO shift_note (plant, worker) VALUES (7, {id}); \
        INSERT INTO badge (nr) VALUES ({id});";
    life.execute(hung, "8").await;
    life.client.delete("/Users/8").await.expect(204);
    assert_eq!(life.agent.database().count("badge WHERE nr = 8").await, 0);
    assert_eq!(life.untouched().await, life.before);
    // A counter behind its table is told before anybody is refused.
    let behind = "UPDATE numbers SET next_nr = 1 WHERE plant = 7 AND name = 'worker'";
    life.agent.database().execute(behind).await;
    let output = life.agent.install.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("users.key: the counter is behind: it stands at 0"), "{said}");
    let ahead = "UPDATE numbers SET next_nr = 20 WHERE plant = 7 AND name = 'worker'";
    life.agent.database().execute(ahead).await;
    life.live().await;
}

/// The login is the key, and the database sees to what points at it.
async fn foreign_keys_follow_a_rename(engine: Engine) {
    let serial = match engine {
        Engine::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
        Engine::Postgres => "INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        Engine::Mariadb | Engine::Mysql => "INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY",
    };
    let tables = |follow: &str| {
        format!(
            "CREATE TABLE person (login VARCHAR(80) NOT NULL PRIMARY KEY, name VARCHAR(60), \
             on_duty SMALLINT NOT NULL);
             CREATE TABLE team (id {serial}, label VARCHAR(80) NOT NULL UNIQUE);
             CREATE TABLE team_person (team INT NOT NULL, person VARCHAR(80) NOT NULL, \
             PRIMARY KEY (team, person), FOREIGN KEY (person) REFERENCES person (login) {follow});
             INSERT INTO team (label) VALUES ('Night Shift');"
        )
    };
    let profile = "[users]\ntable = \"person\"\n\
        key = { column = \"login\", is = \"userName\", rename = \"cascade\" }\n[users.attributes]\n\
        userName = \"login\"\n\"name.givenName\" = \"name\"\nactive = \"on_duty\"\n\
        [groups]\ntable = \"team\"\nkey = \"id\"\nattributes = { displayName = \"label\" }\n\
        delete = { mode = \"delete\", cascade = [\"team_person\"] }\n\
        [members]\ntable = \"team_person\"\ngroup = \"team\"\nuser = \"person\"\n";
    let database = Database::empty(engine).await;
    database.execute(&tables("")).await;
    let stiff = Install::with_profile(database, profile);
    stiff.migrate();
    let said = stiff.run(&["check"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("foreign keys don't follow a changed key"), "{said}");
    let database = Database::empty(engine).await;
    database.execute(&tables("ON UPDATE CASCADE")).await;
    let agent = Agent::on(Install::with_profile(database, profile)).await;
    let client = agent.client();
    let made = client.post("/Users", &nova(&json!({}))).await.expect(201);
    assert_eq!(made.id(), "Nova.Pessoa@plant.example");
    let entra = agent.entra(Dialect::Rfc);
    let night = entra.match_group("night shift").await.expect("the team")["id"].clone();
    let night = night.as_str().unwrap();
    entra.add_members(night, &[&made.id()]).await.expect(204);
    let path = format!("/Users/{}", made.id());
    let rename =
        json!([{ "op": "replace", "path": "userName", "value": "Nova.Nova@plant.example" }]);
    let renamed = client.operations(&path, rename).await.expect(200);
    assert_eq!(renamed.id(), "Nova.Nova@plant.example", "{}", renamed.text);
    client.get(&path).await.refused(404, "");
    let read = client.get(&format!("/Users/{}", renamed.id())).await.expect(200).body;
    assert_eq!(read["groups"][0]["display"], "Night Shift", "{read:#}");
    let member = "team_person WHERE person = 'Nova.Nova@plant.example'";
    assert_eq!(agent.database().count(member).await, 1);
    entra.disable(&renamed.id()).await;
    let report = agent.install.run(&["reconcile", "--format", "json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["findings"], json!([]), "{report:#}");
}

/// The application shows users by a view, whose triggers do the work.
async fn views(engine: Engine) {
    let serial = match engine {
        Engine::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
        Engine::Postgres => "INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        Engine::Mariadb | Engine::Mysql => "INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY",
    };
    let tables = format!(
        "CREATE TABLE base (id {serial}, login VARCHAR(80) NOT NULL UNIQUE, name VARCHAR(60), on_duty SMALLINT NOT NULL);
         INSERT INTO base (login, name, on_duty) VALUES ('old.hand@plant.example', 'Old', 1);
         CREATE VIEW people AS SELECT id, login, name, on_duty FROM base;"
    );
    let triggers = match engine {
        // By itself a view of one table can be written.
        Engine::Mariadb | Engine::Mysql => "",
        Engine::Sqlite => {
            "CREATE TRIGGER make INSTEAD OF INSERT ON people BEGIN \
               INSERT INTO base (login, name, on_duty) VALUES (NEW.login, NEW.name, NEW.on_duty); END;
             CREATE TRIGGER change INSTEAD OF UPDATE ON people BEGIN \
               UPDATE base SET login = NEW.login, name = NEW.name, on_duty = NEW.on_duty WHERE id = OLD.id; END;"
        }
        Engine::Postgres => {
            "CREATE FUNCTION make() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               INSERT INTO base (login, name, on_duty) VALUES (NEW.login, NEW.name, NEW.on_duty); RETURN NEW; END $$;
             CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               UPDATE base SET login = NEW.login, name = NEW.name, on_duty = NEW.on_duty WHERE id = OLD.id; \
               RETURN NEW; END $$;
             CREATE TRIGGER make INSTEAD OF INSERT ON people FOR EACH ROW EXECUTE FUNCTION make();
             CREATE TRIGGER change INSTEAD OF UPDATE ON people FOR EACH ROW EXECUTE FUNCTION change();"
        }
    };
    let database = Database::empty(engine).await;
    database.execute(&tables).await;
    if !triggers.is_empty() {
        database.execute(triggers).await;
    }
    let profile = "[users]\ntable = \"people\"\nkey = \"id\"\n[users.attributes]\n\
        userName = \"login\"\n\"name.givenName\" = \"name\"\nactive = \"on_duty\"\n";
    let agent = Agent::on(Install::with_profile(database, profile)).await;
    let client = agent.client();
    let made = client.post("/Users", &nova(&json!({}))).await.expect(201);
    assert_eq!(made.body["name"]["givenName"], "Nova", "{}", made.text);
    let path = format!("/Users/{}", made.id());
    assert_eq!(agent.database().count(&format!("base WHERE id = {}", made.id())).await, 1);
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    client.operations(&path, off).await.expect(200);
    assert_eq!(agent.database().count("base WHERE on_duty = 0").await, 1);
    client.delete(&path).await.expect(204);
}
