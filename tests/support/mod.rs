//! What every test stands on: databases, the agent under test, a SCIM client, an Entra, a proxy.
//!
//! Knows the product only from outside: its command line, its configuration, its wire.

pub mod account;
pub mod agent;
pub mod browser;
pub mod client;
pub mod database;
pub mod entra;
pub mod halt;
pub mod held;
pub mod installs;
pub mod jwt;
pub mod mail;
pub mod proposals;
pub mod proxy;
pub mod random;
mod reaper;
pub mod sink;
pub mod sql;
mod template;
pub mod tls;

pub use agent::{Agent, Install};
pub use client::{Answer, Client};
pub use database::{Database, Engine};
pub use entra::{Dialect, Entra};

/// Makes `NAME::sqlite`, `NAME::postgres`, `NAME::mariadb` and `NAME::mysql` of each `async fn NAME(engine: Engine)`.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        on_these_databases!([sqlite Sqlite, postgres Postgres, mariadb Mariadb, mysql Mysql] $($name)+);
    };
}

/// The same without SQLite, which has no connection that could be lost.
macro_rules! on_servers {
    ($($name:ident),+ $(,)?) => {
        on_these_databases!([postgres Postgres, mariadb Mariadb, mysql Mysql] $($name)+);
    };
}

macro_rules! on_these_databases {
    ($engines:tt $($name:ident)+) => {
        $(on_these_databases!(@one $name $engines);)+
    };
    (@one $name:ident [$($test:ident $engine:ident),+]) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$name(crate::support::Engine::$engine).await;
                }
            )+
        }
    };
}

/// The enterprise extension's URN.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The core User schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The core Group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The message that carries a PATCH.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The message that carries a search.
pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// The message that carries a list.
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The message that carries an error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A user as the shortest POST that works carries it.
pub fn user(user_name: &str) -> serde_json::Value {
    serde_json::json!({
        "schemas": [USER],
        "userName": user_name,
        "name": { "givenName": "Ana", "familyName": "Silva" },
        "active": true,
    })
}

/// A group without members.
pub fn group(name: &str) -> serde_json::Value {
    serde_json::json!({ "schemas": [GROUP], "displayName": name })
}

/// The key in a resource's id, as kpifire's tables and the sidecar tables have it.
pub fn key(id: &str) -> &str {
    id.strip_prefix("g-").unwrap_or(id)
}

/// A PATCH body of these operations.
pub fn patch(operations: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "schemas": [PATCH_OP], "Operations": operations })
}
