//! A plant that Entra has provisioned, and what happens in kpifire behind its back.

use serde_json::Value;

use crate::support::entra::Person;
use crate::support::{Agent, Dialect, Engine, Entra, Install};

/// A provisioned install.
pub struct Plant {
    /// The agent, its daemon running.
    pub agent: Agent,
    /// The Entra that provisions.
    pub entra: Entra,
}

/// What a run came to.
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// `--format json`.
    pub report: Value,
}

impl Plant {
    /// A reference install whose people Entra has matched, so that nothing has drifted.
    pub async fn new(engine: Engine) -> Self {
        let mut agent = Agent::start(engine).await;
        // A handful of rows is much here.
        agent.install.configure("[reconcile]\nfloor_rows = 0\n");
        let entra = agent.entra(Dialect::Classic);
        let plant = Self { agent, entra };
        plant.match_people().await;
        plant
    }

    /// Entra matches the people of the reference install.
    pub async fn match_people(&self) {
        for name in ["quality.lead", "line.one", "line.two"] {
            let name = format!("{name}@plant.example");
            self.entra.match_user(&name).await.expect("a kpifire user");
        }
    }

    /// An install of another kind, as it is.
    pub async fn on(install: Install) -> Self {
        let agent = Agent::on(install).await;
        let entra = agent.entra(Dialect::Classic);
        Self { agent, entra }
    }

    /// Users by the thousand: each managed, its baseline a title and nothing else. `title` is what
    /// kpifire has.
    pub async fn crowd(&self, rows: usize, asserted: &str, title: &str) {
        let (more, text) = match self.agent.database().engine {
            Engine::Mariadb => ("SET max_recursive_iterations = 1000000;", "CHAR"),
            Engine::Mysql => ("SET cte_max_recursion_depth = 1000000;", "CHAR"),
            _ => ("", "VARCHAR(20)"),
        };
        self.natively(&format!(
            "{more} INSERT INTO users (email, first_name, last_name, title, department_id, \
             license_type, status, password_hash, created_at, updated_at) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT CONCAT('crowd', i, '@plant.example'), 'Na', 'Tive', '{title}', 1, 'No Access', \
             'Active', 'x', '2024-01-01 08:00:00', '2024-01-01 08:00:00' FROM n; \
             INSERT INTO scim_links (resource_type, legacy_key, state, baseline, baseline_hash, \
             created, modified) SELECT 'User', CAST(user_id AS {text}), 'managed', \
             '{{\"title\":\"{asserted}\"}}', 'unknown', '2024-01-02 08:00:00', \
             '2024-01-02 08:00:00' FROM users WHERE email LIKE 'crowd%'"
        ))
        .await;
    }

    /// Somebody whom Entra creates; their id.
    pub async fn hire(&self, name: &str) -> String {
        self.entra.create(&Person::new(&format!("{name}@plant.example"))).await
    }

    /// Somebody whom Entra creates, and whose phone number kpifire's own application changes; their id.
    pub async fn drifts(&self, name: &str) -> String {
        let id = self.hire(name).await;
        self.natively(&format!("UPDATE users SET phone_number = '1' WHERE user_id = {id}")).await;
        id
    }

    /// A native edit: what kpifire's own application, or a person with a SQL client, does. Foreign
    /// keys and checks don't hold it back.
    pub async fn natively(&self, sql: &str) {
        let database = self.agent.database();
        let unchecked = match database.engine {
            Engine::Sqlite => "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;",
            Engine::Postgres => {
                "ALTER TABLE team_members DROP CONSTRAINT IF EXISTS team_members_user_id_fkey; \
                 ALTER TABLE team_members DROP CONSTRAINT IF EXISTS team_members_team_id_fkey; \
                 ALTER TABLE users DROP CONSTRAINT IF EXISTS users_status_check;"
            }
            Engine::Mariadb => "SET foreign_key_checks = 0, check_constraint_checks = 0;",
            Engine::Mysql => {
                "SET foreign_key_checks = 0; ALTER TABLE users ALTER CHECK users_chk_1 NOT ENFORCED, \
                 ALTER CHECK users_chk_2 NOT ENFORCED;"
            }
        };
        let statements = format!("{unchecked} {sql}");
        // PostgreSQL takes it all as one transaction, whose locks may cross those of a run under way: who is
        // chosen to give way tries again.
        for _ in 0..5 {
            match database.try_execute(&statements).await {
                Err(error) if error.contains("deadlock detected") => {}
                Err(error) => panic!("{error}\nin: {statements}"),
                Ok(()) => return,
            }
        }
        panic!("deadlocks without end in: {statements}");
    }

    /// Another user row that Entra knows nothing of.
    pub async fn insert_user(&self, email: &str) -> String {
        self.natively(&format!(
            "INSERT INTO users (email, first_name, last_name, department_id, license_type, status, \
             password_hash, created_at, updated_at) VALUES ('{email}', 'Na', 'Tive', 1, \
             'No Access', 'Active', 'x', '2024-01-01 08:00:00', '2024-01-01 08:00:00')"
        ))
        .await;
        let sql = format!("SELECT user_id FROM users WHERE email = '{email}'");
        self.agent.database().value(&sql).await.expect("the row")
    }

    /// One run.
    #[track_caller]
    pub fn reconcile(&self) -> Run {
        self.reconcile_with(&[])
    }

    /// One run with more arguments.
    #[track_caller]
    pub fn reconcile_with(&self, more: &[&str]) -> Run {
        let arguments = [&["reconcile", "--format", "json"], more].concat();
        let output = self.agent.install.run(&arguments);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = serde_json::from_str(&stdout).unwrap_or_else(|error| {
            panic!("{error}: {stdout}\n{}", String::from_utf8_lossy(&output.stderr))
        });
        Run { code: output.status.code().expect("an exit code"), report }
    }
}

impl Run {
    /// Findings as `kind resource/id attribute`, sorted.
    pub fn findings(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let mut all: Vec<String> = self
            .list()
            .iter()
            .map(|it| {
                let [kind, resource, id, attribute] =
                    ["kind", "resource", "scimId", "attribute"].map(|key| text(&it[key]));
                format!("{kind} {resource}/{id} {attribute}")
            })
            .collect();
        all.sort();
        all
    }

    /// The findings themselves.
    pub fn list(&self) -> &[Value] {
        self.report["findings"].as_array().expect("findings")
    }

    /// The only finding of a kind.
    #[track_caller]
    pub fn one(&self, kind: &str) -> &Value {
        let of_kind: Vec<&Value> = self.list().iter().filter(|it| it["kind"] == kind).collect();
        assert_eq!(of_kind.len(), 1, "{kind}: {:#}", self.report);
        of_kind[0]
    }

    /// The fingerprint of the only finding of a kind.
    #[track_caller]
    pub fn id(&self, kind: &str) -> String {
        self.one(kind)["id"].as_str().expect("an id").to_owned()
    }

    /// The counts of a kind: now, before, new, persisting, resolved; zeros when it isn't listed.
    pub fn counts(&self, kind: &str) -> [u64; 5] {
        let counts = self.report["counts"].as_array().expect("counts");
        let found = counts.iter().find(|it| it["kind"] == kind);
        ["now", "before", "new", "persisting", "resolved"]
            .map(|key| found.and_then(|it| it[key].as_u64()).unwrap_or_default())
    }

    /// Nothing has drifted.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert_eq!(self.findings(), Vec::<String>::new(), "{:#}", self.report);
        assert_eq!(self.report["verdict"], "CLEAN", "{:#}", self.report);
        assert_eq!(self.code, 0);
    }

    /// Just these findings, in any order.
    #[track_caller]
    pub fn assert_findings(&self, expected: &[String]) {
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(self.findings(), expected, "{:#}", self.report);
        // Whom Entra doesn't know is listed, and no drift.
        let drift = self.list().iter().any(|it| it["severity"] != "info");
        let (verdict, code) = if drift { ("DRIFT", 2) } else { ("CLEAN", 0) };
        assert_eq!((self.report["verdict"].as_str(), self.code), (Some(verdict), code));
    }
}
