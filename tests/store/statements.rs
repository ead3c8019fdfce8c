//! Round trips: how many statements each request sends, as the docs of `service` list them, and that
//! none of them grows with a table or a group. Runs the service in this process, to count.

use std::time::Duration;

use std::sync::Arc;

use chrono::Utc;
use kpifire_scim::config;
use kpifire_scim::profile;
use kpifire_scim::scim::{FilterLimits, ListQuery, Projection, ResourceType};
use kpifire_scim::service::clients::{Credentials, Issue};
use kpifire_scim::service::credentials::{self, Kind};
use kpifire_scim::service::{Actor, Caller, Conditions, Error, Paging, Reply, Scope, Service};
use kpifire_scim::store::{Limits, Store, statements_sent};
use serde_json::{Value, json};

use crate::support::{Database, Engine, Install, group, patch, user};

on_every_database!(every_request_sends_what_the_docs_say);

/// The counter is the process's: one engine at a time, and nobody else in this process.
pub static COUNTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

struct Counted {
    service: Service,
    caller: Caller,
}

impl Counted {
    async fn on(install: &Install) -> Self {
        let file = install.database.folder().join("config-0.toml");
        let config = config::load(&[file], Vec::<(String, String)>::new()).unwrap();
        let database = &config.database;
        let limits = Limits::all(Duration::from_secs(60));
        let store = Store::new(&database.url, 4, database.connect_timeout, limits, None).unwrap();
        let profile = Arc::new(profile::load("kpifire").unwrap());
        let paging = Paging { default: 100, most: 1000 };
        let caller = Caller {
            request_id: "count".to_owned(),
            token: "test".to_owned(),
            scope: Scope::Provision,
            base: "http://localhost/scim/v2".to_owned(),
            now: Utc::now(),
        };
        Self { service: Service::start(store, profile, paging).await.unwrap(), caller }
    }

    /// Runs a request; its body and the statements it sent.
    async fn count(&self, request: impl Future<Output = Result<Reply, Error>>) -> (Value, u64) {
        let before = statements_sent();
        let reply = request.await.unwrap();
        let sent = statements_sent() - before;
        match reply {
            Reply::Resource { body, .. } => (body, sent),
            Reply::NoContent { .. } | Reply::NotModified { .. } => (Value::Null, sent),
        }
    }

    async fn filter(
        &self,
        kind: ResourceType,
        filter: &str,
        more: &[(&str, &str)],
    ) -> (Value, u64) {
        let mut pairs = vec![("filter".to_owned(), filter.to_owned())];
        pairs.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let query = ListQuery::from_pairs(kind, pairs, FilterLimits::default()).unwrap();
        self.count(self.service.list(&self.caller, kind, query)).await
    }

    async fn get(&self, kind: ResourceType, id: &str) -> u64 {
        let (projection, conditions) = (Projection::default(), Conditions::default());
        self.count(self.service.get(&self.caller, kind, id, projection, conditions)).await.1
    }

    async fn create(&self, kind: ResourceType, body: Value) -> (String, u64) {
        let projection = Projection::default();
        let (body, sent) =
            self.count(self.service.create(&self.caller, kind, body, projection)).await;
        (body["id"].as_str().unwrap().to_owned(), sent)
    }

    async fn patch(&self, kind: ResourceType, id: &str, operations: Value) -> u64 {
        let (projection, conditions) = (Projection::default(), Conditions::default());
        let body = patch(&operations);
        self.count(self.service.patch(&self.caller, kind, id, body, projection, conditions)).await.1
    }

    async fn delete(&self, kind: ResourceType, id: &str) -> u64 {
        self.count(self.service.delete(&self.caller, kind, id, Conditions::default())).await.1
    }
}

async fn every_request_sends_what_the_docs_say(engine: Engine) {
    use ResourceType::{Group, User};
    let _alone = COUNTING.lock().await;
    let install = Install::new(Database::ready(engine).await);
    let agent = Counted::on(&install).await;
    // SQLite's writer is alone and needs no lock on a name.
    let lock = u64::from(engine != Engine::Sqlite);
    // PostgreSQL locks a row before it reads it.
    let row = u64::from(engine == Engine::Postgres);
    // MySQL answers no INSERT and no DELETE with their rows.
    let told = u64::from(engine == Engine::Mysql);

    assert_eq!(
        agent.filter(User, "userName eq \"nobody\"", &[]).await.1,
        2,
        "by the spelling, then by case"
    );
    let name = "userName eq \"quality.lead@plant.example\"";
    assert_eq!(agent.filter(User, name, &[]).await.1, 1 + 3 + row, "found for the first time");
    assert_eq!(agent.filter(User, name, &[]).await.1, 1);
    assert_eq!(agent.filter(User, name, &[("excludedAttributes", "groups")]).await.1, 1);
    assert_eq!(agent.get(User, "3").await, 1);
    assert_eq!(agent.get(Group, "g-1").await, 2);

    let (ana, sent) = agent.create(User, user("ana@plant.example")).await;
    // The name's lock; on SQLite, which gives the key of a last row again, the key's former link.
    assert_eq!(sent, 5 + 1 + row + told);
    let off = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    let on = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    assert_eq!(agent.patch(User, &ana, off.clone()).await, 4 + row + 2, "two tables of [revoke]");
    assert_eq!(agent.patch(User, &ana, off).await, 1 + row, "nothing changes");
    assert_eq!(agent.patch(User, &ana, on).await, 4 + row + 1, "desired edges come back");
    let title = json!([{ "op": "replace", "path": "title", "value": "Boss" }]);
    assert_eq!(agent.patch(User, &ana, title.clone()).await, 4 + row);

    // What no column carries is found by tokens: those that come, and those that go.
    let mut body = user("kept@plant.example");
    body["nickName"] = json!("k");
    let (kept, sent) = agent.create(User, body).await;
    assert_eq!(sent, 5 + 1 + row + told + 1, "a kept attribute");
    let nick = |value: &str| json!([{ "op": "replace", "path": "nickName", "value": value }]);
    assert_eq!(agent.patch(User, &kept, nick("other")).await, 4 + row + 2, "another");
    assert_eq!(agent.patch(User, &kept, title.clone()).await, 4 + row, "the same kept attributes");
    assert_eq!(agent.filter(User, "nickName eq \"other\"", &[]).await.1, 1);

    // A group of three and one of three thousand cost the same.
    crowd(&install.database).await;
    let add = |id: &str| json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
    let remove =
        |id: &str| json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
    for team in ["g-1", "g-2"] {
        assert_eq!(agent.patch(Group, team, add(&ana)).await, 7 + lock + row + told, "team {team}");
        assert_eq!(agent.patch(Group, team, remove(&ana)).await, 6 + row + told, "team {team}");
    }
    let (_, sent) = agent.create(Group, group("New")).await;
    assert_eq!(sent, 6 + 1 + row + told);

    assert_eq!(agent.delete(User, &ana).await, 6 + row + 2, "two tables of [revoke]");

    let (service, store, now) = (&agent.service, agent.service.store(), agent.caller.now);
    let made = credentials::create(
        store,
        Kind::Client,
        "entra",
        None,
        Scope::Provision,
        &Actor::Agent,
        now,
    );
    let made = made.await.unwrap();
    let entra = Credentials { client_id: made.client_id.unwrap(), client_secret: made.text };
    let before = statements_sent();
    assert!(matches!(service.issue(&entra, None, now).await, Ok(Issue::Granted(_))));
    assert_eq!(statements_sent() - before, 5, "a client's token");
    let before = statements_sent();
    assert_eq!(service.schemes(now).await.unwrap().len(), 2);
    assert_eq!(statements_sent() - before, 1, "discovery");
}

/// Three thousand members of team 2.
async fn crowd(database: &Database) {
    for chunk in (0..3000).collect::<Vec<u32>>().chunks(500) {
        let ids = || chunk.iter().map(|n| n + 10_000);
        let users: Vec<_> = ids()
            .map(|id| format!("({id},'p{id}@x.example','P','Q',1,'x','2020-01-01 00:00:00','2020-01-01 00:00:00')"))
            .collect();
        let columns = "user_id, email, first_name, last_name, department_id, password_hash, created_at, updated_at";
        database
            .execute(&format!("INSERT INTO users ({columns}) VALUES {}", users.join(",")))
            .await;
        let edges: Vec<_> =
            ids().map(|id| format!("(2,{id},'Member','2020-01-01 00:00:00')")).collect();
        let columns = "team_id, user_id, member_role, joined_at";
        database
            .execute(&format!("INSERT INTO team_members ({columns}) VALUES {}", edges.join(",")))
            .await;
    }
}
