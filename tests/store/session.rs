//! The settings of the agent's sessions, whatever the server's own are.

use serde_json::json;

use crate::support::{Agent, Database, Engine, Install};

/// A server may have another default isolation level: a write runs at READ COMMITTED all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_writes_at_read_committed() {
    let database = Database::ready(Engine::Postgres).await;
    let name = database.value("SELECT current_database()").await.unwrap();
    let setup = format!(
        "ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'; \
         CREATE FUNCTION tell() RETURNS trigger AS $$ BEGIN \
         NEW.phone_number := current_setting('transaction_isolation'); RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER tell BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION tell()"
    );
    database.execute(&setup).await;
    let agent = Agent::on(Install::new(database)).await;
    let operations = json!([{ "op": "replace", "path": "title", "value": "Lead" }]);
    agent.client().operations("/Users/4", operations).await.expect(200);
    let told = agent.database().value("SELECT phone_number FROM users WHERE user_id = 4").await;
    assert_eq!(told.as_deref(), Some("read committed"));
}
