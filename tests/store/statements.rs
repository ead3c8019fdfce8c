//! How many statements a request costs, counted on the wire to PostgreSQL: what the table in
//! `src/service/mod.rs` says, whatever the size of tables and groups.

use serde_json::json;

use crate::support::proxy::Proxy;
use crate::support::{Agent, Client, Database, Engine, Install, patch, user};

/// An agent whose statements are counted, in an install with this many users and a team of them.
async fn counted(users: u32) -> (Agent, Proxy) {
    let mut install = Install::new(Database::reference(Engine::Postgres).await);
    install
        .database
        .execute(&format!(
            "INSERT INTO users (user_id, email, first_name, last_name, department_id, password_hash, created_at, \
             updated_at) SELECT n, 'p' || n || '@plant.example', 'P', 'Q', 1, 'x', now(), now() \
             FROM generate_series(100, {}) n; \
             INSERT INTO team_members (team_id, user_id, joined_at) SELECT 2, user_id, now() FROM users \
             WHERE user_id >= 150; \
             SELECT setval(pg_get_serial_sequence('users', 'user_id'), 100000)",
            99 + users
        ))
        .await;
    let proxy = Proxy::to(install.database.server_address()).await;
    let url = install.database.url_through(proxy.address);
    install.configure(&format!("[database]\nurl = {url:?}\n"));
    (Agent::on(install).await, proxy)
}

/// What each kind of request costs once everything is warm, by its line in the table.
async fn costs(client: &Client, proxy: &Proxy) -> Vec<(&'static str, usize)> {
    let mut costs = Vec::new();
    let mut count = |what| costs.push((what, proxy.take_statements()));
    let title = |text: &str| patch(&json!([{ "op": "replace", "path": "title", "value": text }]));
    let active = |on: bool| patch(&json!([{ "op": "replace", "path": "active", "value": on }]));
    let members = |op: &str, id: &str| {
        patch(&json!([{ "op": op, "path": "members", "value": [{ "value": id }] }]))
    };
    // Warm: types and token are known, and user 101 and team 2 managed.
    client.patch("/Users/101", &title("Warm")).await.expect(200);
    client.patch("/Groups/2", &members("add", "3")).await.expect(204);
    client.post("/Users", &user("warm@plant.example")).await.expect(201);
    proxy.take_statements();

    client.query("/Users", &[("filter", "userName eq \"nobody@plant.example\"")]).await.expect(200);
    count("match, nothing found");
    client.query("/Users", &[("filter", "userName eq \"p101@plant.example\"")]).await.expect(200);
    count("match, one found");
    client.query("/Users", &[("filter", "userName eq \"p102@plant.example\"")]).await.expect(200);
    count("match, found for the first time");
    client.get("/Users/101").await.expect(200);
    count("GET user");
    client.get("/Groups/2?excludedAttributes=members").await.expect(200);
    count("GET group without members");
    client.post("/Users", &user("counted@plant.example")).await.expect(201);
    count("POST user");
    client.patch("/Users/101", &title("Counted")).await.expect(200);
    count("PATCH user");
    client.patch("/Users/101", &title("Counted")).await.expect(200);
    count("PATCH user, nothing changes");
    client.patch("/Users/101", &active(false)).await.expect(200);
    count("PATCH user, disabled");
    client.patch("/Users/101", &active(true)).await.expect(200);
    count("PATCH user, enabled");
    client.patch("/Groups/2", &members("add", "5")).await.expect(204);
    count("PATCH group, a member added");
    client.patch("/Groups/2", &members("remove", "5")).await.expect(204);
    count("PATCH group, a member removed");
    client.delete("/Users/103").await.expect(204);
    count("DELETE user");
    costs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_costs_what_the_table_says() {
    let (agent, proxy) = counted(60).await;
    let costs = costs(&agent.client(), &proxy).await;
    let promised = [
        ("match, nothing found", 1),
        ("match, one found", 2),
        ("match, found for the first time", 5),
        ("GET user", 2),
        ("GET group without members", 1),
        ("POST user", 7),
        ("PATCH user", 5),
        ("PATCH user, nothing changes", 2),
        ("PATCH user, disabled", 7),
        ("PATCH user, enabled", 6),
        ("PATCH group, a member added", 7),
        ("PATCH group, a member removed", 6),
        ("DELETE user", 8),
    ];
    assert_eq!(costs, promised);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_costs_more_in_a_larger_install() {
    let (small, small_proxy) = counted(60).await;
    let (large, large_proxy) = counted(5000).await;
    let in_small = costs(&small.client(), &small_proxy).await;
    let in_large = costs(&large.client(), &large_proxy).await;
    assert_eq!(in_small, in_large);
}
