//! A session past the agent that has begun something and goes on holding it: a lock, a transaction.

use std::any::Any;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;
use mysql_async::prelude::Queryable as _;

use super::{Database, Engine};

/// The session; what it holds is let go when this is dropped.
pub struct Held {
    _session: Box<dyn Any + Send>,
}

impl Database {
    /// Runs statements in a session that stays open.
    pub async fn hold(&self, sql: &str) -> Held {
        let session: Box<dyn Any + Send> = match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::establish(self.path()).unwrap();
                connection.batch_execute(sql).unwrap();
                Box::new(connection)
            }
            Engine::Postgres => {
                let (client, connection) =
                    tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap();
                Box::new(client)
            }
            Engine::Mariadb | Engine::Mysql => {
                let options = mysql_async::Opts::from_url(&self.url).unwrap();
                let mut connection = mysql_async::Conn::new(options).await.unwrap();
                connection.query_drop(sql).await.unwrap();
                Box::new(connection)
            }
        };
        Held { _session: session }
    }

    /// Keeps everybody else from the users, as an application's ALTER TABLE does.
    pub async fn lock_users(&self) -> Held {
        self.hold(match self.engine {
            Engine::Sqlite => "BEGIN EXCLUSIVE",
            Engine::Postgres => "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE",
            Engine::Mariadb | Engine::Mysql => "LOCK TABLES users WRITE",
        })
        .await
    }
}
