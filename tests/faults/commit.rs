//! One connection breaks, at every point of a request's talk with the database in turn, the answer
//! to COMMIT among them: the client gets its 200, and what it asked for is there once.

use serde_json::json;

use crate::support::proxy::Proxy;
use crate::support::{Agent, Database, Engine, Install, user};

on_servers!(a_connection_that_breaks_anywhere_is_not_noticed);

/// Points at which the connection breaks.
const POINTS: u64 = 30;

async fn a_connection_that_breaks_anywhere_is_not_noticed(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    let proxy = Proxy::to(install.database.server_address()).await;
    let url = install.database.url_through(proxy.address);
    // One connection: what it is asked is asked in order.
    install.configure(&format!("[database]\nurl = {url:?}\npool_size = 1\n"));
    let agent = Agent::on(install).await;
    let client = agent.client();
    let id = client.post("/Users", &user("ana@plant.example")).await.expect(201).id();
    let title = |title: &str| json!([{ "op": "replace", "path": "title", "value": title }]);
    let path = format!("/Users/{id}");
    for warm in ["one", "two"] {
        client.operations(&path, title(warm)).await.expect(200);
    }
    let before = proxy.answered();
    client.operations(&path, title("measured")).await.expect(200);
    let whole = proxy.answered() - before;
    let audited = "scim_audit WHERE operation = 'update'";
    let mut updates = agent.database().count(audited).await;
    let mut broken = 0;
    for point in 0..POINTS {
        // A connection that broke is another by now: let it learn its statements again.
        client.operations(&path, title("between")).await.expect(200);
        let wanted = format!("title {point}");
        proxy.break_after(whole * point / POINTS);
        let answer = client.operations(&path, title(&wanted)).await.expect(200);
        broken += u64::from(proxy.broke());
        assert_eq!(answer.body["title"], wanted.as_str());
        let row = format!("SELECT title FROM users WHERE user_id = {id}");
        assert_eq!(agent.database().value(&row).await.as_deref(), Some(wanted.as_str()));
        updates += 2;
        assert_eq!(agent.database().count(audited).await, updates, "once, at point {point}");
    }
    assert!(broken > POINTS * 3 / 4, "{broken} of {POINTS} broke");
}
