//! Connections: one pool per database behind one type.
//!
//! SQLite has one writer and several readers (WAL), so that writers queue here and not on the
//! database's lock. A connection is not tested on checkout, which would cost a round trip each
//! time: a broken one shows itself as [`ErrorKind::Lost`] and is thrown away.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, ConnectionError, SqliteConnection};
use diesel_async::pooled_connection::deadpool::{Object, Pool as Deadpool, PoolError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection};
use futures_util::FutureExt;
use mysql_async::DriverError;
use mysql_async::prelude::Queryable as _;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{Crowded, Error, ErrorKind};
use super::interrupt;
use super::server::{self, Product, Server};
use super::sqlite_file::{Identity, SqliteFile};
use super::tls::{self, Verify};
use super::wanted::{BEYOND, Limits};
use crate::config::DatabaseUrl;
use crate::profile::catalogue::Database;
use crate::share::Purpose;

pub(super) type Sqlite = SyncConnectionWrapper<SqliteConnection>;

/// A pool of one connection type: a macro, since the trait bounds of a function would be longer
/// than its body.
macro_rules! build {
    ($url:expr, $size:expr, $setup:expr) => {{
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = $setup;
        Deadpool::builder(AsyncDieselConnectionManager::new_with_config($url, config))
            .max_size($size)
            .build()
            .map_err(|error| bad_url(&error.to_string()))
    }};
}

/// A pooled connection to whichever database it is.
#[expect(clippy::large_enum_variant, reason = "one per request, moved twice")]
pub(super) enum Connection {
    Sqlite(Object<Sqlite>),
    Postgres(Object<AsyncPgConnection>),
    Mysql(Object<AsyncMysqlConnection>),
}

/// How a pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    /// `all`; on SQLite `writer` and `readers`.
    pub pool: &'static str,
    /// Connections at most.
    pub max: usize,
    /// Connections that are open.
    pub size: usize,
    /// Open connections that nobody uses.
    pub idle: usize,
    /// Tasks that wait for one.
    pub waiting: usize,
}

/// The pool of one database.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite {
        writer: Deadpool<Sqlite>,
        readers: Deadpool<Sqlite>,
        file: Arc<SqliteFile>,
    },
    Postgres {
        pool: Deadpool<AsyncPgConnection>,
        /// How a statement is cancelled.
        tls: MakeRustlsConnect,
    },
    Mysql {
        pool: Deadpool<AsyncMysqlConnection>,
        /// Whose server it is, which its first connection tells.
        product: Arc<OnceLock<Product>>,
    },
}

impl Pool {
    /// Makes the pool; connects to nothing yet. A session's own limit is a little over the longest that a
    /// statement may take there.
    ///
    /// # Errors
    /// A URL that says something the driver can't do.
    pub fn new(
        url: &DatabaseUrl,
        size: usize,
        limits: Limits,
        ca: Option<&Path>,
    ) -> Result<Self, Error> {
        let beyond = limits.statement + BEYOND;
        match url {
            DatabaseUrl::Sqlite(path) => {
                interrupt::install();
                let file = Arc::new(SqliteFile::new(path));
                let url = file.url();
                Ok(Self::Sqlite {
                    writer: build!(url.as_str(), 1, sqlite_setup())?,
                    readers: build!(url.as_str(), size, sqlite_setup())?,
                    file,
                })
            }
            DatabaseUrl::Postgres(url) => {
                let settings = tls::from_url(url, Database::Postgres, ca)?;
                let client = tls::client(&settings)?;
                let mut config: tokio_postgres::Config = settings
                    .url
                    .parse()
                    .map_err(|error: tokio_postgres::Error| bad_url(&chain(&error)))?;
                if config.get_application_name().is_none() {
                    config.application_name("kpifire-scim");
                }
                let url = settings.url.clone();
                let tls = MakeRustlsConnect::new(client);
                let own = tls.clone();
                let pool = build!(
                    url.as_str(),
                    size,
                    Box::new(move |_| {
                        postgres(config.clone(), own.clone(), settings.clone(), beyond).boxed()
                    })
                )?;
                Ok(Self::Postgres { pool, tls })
            }
            DatabaseUrl::Mysql(url) => {
                let settings = tls::from_url(url, Database::Mysql, ca)?;
                let options = mysql_options(&settings)?;
                let url = settings.url.clone();
                let product = Arc::<OnceLock<Product>>::default();
                let told = Arc::clone(&product);
                let pool = build!(
                    url.as_str(),
                    size,
                    Box::new(move |_| {
                        mysql(options.clone(), settings.clone(), beyond, Arc::clone(&told)).boxed()
                    })
                )?;
                Ok(Self::Mysql { pool, product })
            }
        }
    }

    /// Which database it is.
    pub fn database(&self) -> Database {
        match self {
            Self::Sqlite { .. } => Database::Sqlite,
            Self::Postgres { .. } => Database::Postgres,
            Self::Mysql { .. } => Database::Mysql,
        }
    }

    /// Whose database it is, once there was a connection.
    pub fn product(&self) -> Product {
        match self {
            Self::Sqlite { .. } => Product::Sqlite,
            Self::Postgres { .. } => Product::Postgres,
            Self::Mysql { product, .. } => product.get().copied().unwrap_or(Product::Mariadb),
        }
    }

    /// How it stands.
    pub fn status(&self) -> Vec<PoolStatus> {
        let of = |pool, status: deadpool::Status| PoolStatus {
            pool,
            max: status.max_size,
            size: status.size,
            idle: status.available,
            waiting: status.waiting,
        };
        match self {
            Self::Sqlite { writer, readers, .. } => {
                vec![of("writer", writer.status()), of("readers", readers.status())]
            }
            Self::Postgres { pool, .. } => vec![of("all", pool.status())],
            Self::Mysql { pool, .. } => vec![of("all", pool.status())],
        }
    }

    /// Closes the idle connections that were there at a time: when one was lost, the server may have
    /// taken all of them along, and MariaDB's driver doesn't notice before it uses them.
    pub fn forget(&self, there: Instant) {
        match self {
            Self::Sqlite { .. } => {}
            Self::Postgres { pool, .. } => drop(pool.retain(|_, metrics| metrics.created > there)),
            Self::Mysql { pool, .. } => drop(pool.retain(|_, metrics| metrics.created > there)),
        }
    }

    /// Which file SQLite's connections are of.
    pub fn file(&self) -> Option<Identity> {
        match self {
            Self::Sqlite { file, .. } => file.known(),
            Self::Postgres { .. } | Self::Mysql { .. } => None,
        }
    }

    /// Which file has its name now.
    pub fn file_now(&self) -> Option<Identity> {
        match self {
            Self::Sqlite { file, .. } => file.identity(),
            Self::Postgres { .. } | Self::Mysql { .. } => None,
        }
    }

    /// A connection, waited for so long at most: for a free one of the pool, and for one more of the
    /// server's where it lets the account have fewer than the pool would hold.
    ///
    /// # Errors
    /// [`ErrorKind::Lost`] when none can be had.
    pub async fn get(&self, purpose: Purpose, wait: Duration) -> Result<Connection, Error> {
        let taken = async {
            loop {
                match self.take(purpose).await {
                    Err(error) if error.kind() == ErrorKind::Crowded => {
                        tokio::time::sleep(CROWDED).await;
                    }
                    taken => break taken,
                }
            }
        };
        match tokio::time::timeout(wait, taken).await {
            Ok(taken) => taken,
            Err(_) if self.is_used_up(purpose) => Err(busy()),
            Err(_) => {
                Err(unconnected("no answer in time, or the server takes no more connections"))
            }
        }
    }

    async fn take(&self, purpose: Purpose) -> Result<Connection, Error> {
        match self {
            Self::Sqlite { writer, readers, file } => {
                let pool = if purpose == Purpose::Write { writer } else { readers };
                file.look()?;
                loop {
                    let taken = pool.get().await.map_err(failed)?;
                    // One may have waited for it.
                    let since = file.look()?;
                    if Object::metrics(&taken).created >= since {
                        return Ok(Connection::Sqlite(taken));
                    }
                    // Of the file that had this name before.
                    drop(Object::take(taken));
                }
            }
            Self::Postgres { pool, .. } => {
                pool.get().await.map(Connection::Postgres).map_err(failed)
            }
            Self::Mysql { pool, .. } => pool.get().await.map(Connection::Mysql).map_err(failed),
        }
    }

    fn is_used_up(&self, purpose: Purpose) -> bool {
        let status = match self {
            Self::Sqlite { writer, .. } if purpose == Purpose::Write => writer.status(),
            Self::Sqlite { readers, .. } => readers.status(),
            Self::Postgres { pool, .. } => pool.status(),
            Self::Mysql { pool, .. } => pool.status(),
        };
        status.size >= status.max_size && status.available == 0
    }
}

/// Between two tries to get one more connection of a server that takes no more.
const CROWDED: Duration = Duration::from_millis(50);

/// The error where every connection that could be had is in use.
pub(super) fn busy() -> Error {
    unconnected("all of the pool are in use")
}

fn failed(error: PoolError) -> Error {
    match error {
        PoolError::Backend(diesel_async::pooled_connection::PoolError::ConnectionError(error)) => {
            error.into()
        }
        other => unconnected(&other.to_string()),
    }
}

fn unconnected(why: &str) -> Error {
    Error::new(ErrorKind::Lost, "connecting to the database", why)
}

impl Connection {
    /// Takes the connection out of its pool and closes it.
    pub fn discard(self) {
        match self {
            Self::Sqlite(object) => drop(Object::take(object)),
            Self::Postgres(object) => drop(Object::take(object)),
            Self::Mysql(object) => drop(Object::take(object)),
        }
    }
}

type Setup<C> = diesel_async::pooled_connection::SetupCallback<C>;

fn bad_url(message: &str) -> Error {
    Error::new(ErrorKind::Other, "database.url", message)
}

/// SQLite's `lower` and NOCASE know ASCII alone: the agent brings its own folding.
mod function {
    diesel::define_sql_function! {
        /// The folding that compares names.
        fn scim_lower(text: diesel::sql_types::Nullable<diesel::sql_types::Text>)
            -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
    }
}

/// What a connection keeps of the database in memory, in KiB. Requests look few pages up, and the
/// system keeps the file's pages as well; each connection of the pool has a cache of its own.
pub(super) const SQLITE_CACHE: &str = "PRAGMA cache_size = -1000";

fn sqlite_setup() -> Setup<Sqlite> {
    Box::new(|path: &str| {
        let path = path.to_owned();
        async move {
            tokio::task::spawn_blocking(move || {
                let mut connection = SqliteConnection::establish(&path)?;
                let setup = |error| ConnectionError::CouldntSetupConfiguration(error);
                connection
                    .batch_execute(&format!(
                        "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; \
                         PRAGMA foreign_keys = ON; {SQLITE_CACHE}"
                    ))
                    .map_err(setup)?;
                function::scim_lower_utils::register_impl(
                    &mut connection,
                    |text: Option<String>| text.map(|text| super::dialect::sqlite_lower(&text)),
                )
                .map_err(setup)?;
                Ok(SyncConnectionWrapper::new(connection))
            })
            .await
            .unwrap_or_else(|error| Err(ConnectionError::BadConnection(error.to_string())))
        }
        .boxed()
    })
}

async fn postgres(
    mut config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    settings: tls::Settings,
    beyond: Duration,
) -> diesel::ConnectionResult<AsyncPgConnection> {
    use tokio_postgres::config::{Host, SslMode};
    // A socket of this machine's is never encrypted (libpq §34.19.4).
    let hosts = config.get_hosts();
    let local = !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)));
    // libpq: `allow` and `prefer` try the other way when the server (its pg_hba.conf) refuses one.
    let (first, then) = match settings.verify {
        _ if local => (SslMode::Disable, None),
        Verify::Off => (SslMode::Disable, None),
        Verify::IfRefused => (SslMode::Disable, Some(SslMode::Require)),
        Verify::IfOffered => (SslMode::Prefer, Some(SslMode::Disable)),
        Verify::Nothing | Verify::Authority | Verify::Identity => (SslMode::Require, None),
    };
    let mut answer = config.ssl_mode(first).connect(tls.clone()).await;
    if let (Err(error), Some(then)) = (&answer, then)
        && error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        && let Ok(other) = config.ssl_mode(then).connect(tls).await
    {
        answer = Ok(other);
    }
    let (client, connection) = answer.map_err(|error| {
        let said = settings.explain(&chain(&error));
        // 53300, and what a connection limit of the role or the database says: too_many_connections.
        if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
            return crowded(said);
        }
        ConnectionError::BadConnection(said)
    })?;
    let mut connection =
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    // JIT: compiling the few large statements, the catalogue's and a run's, takes longer than it spares.
    // A server before version 11 doesn't know the setting. From 14 on a server can notice that its
    // client is gone while it works, but not on every system.
    let beyond = beyond.as_millis();
    setup(
        &mut connection,
        &format!(
            "SET TIME ZONE 'UTC'; SET statement_timeout = {beyond}; SET lock_timeout = {beyond}; \
             SET standard_conforming_strings = on; SET DateStyle = 'ISO, YMD'; \
             SELECT set_config(name, CASE name WHEN 'jit' THEN 'off' ELSE '5s' END, false) \
             FROM pg_settings WHERE name = 'jit' \
             OR (name = 'client_connection_check_interval' AND version() LIKE '%linux%')"
        ),
    )
    .await?;
    Ok(connection)
}

async fn mysql(
    options: mysql_async::Opts,
    settings: tls::Settings,
    beyond: Duration,
    told: Arc<OnceLock<Product>>,
) -> diesel::ConnectionResult<AsyncMysqlConnection> {
    let answer = match mysql_async::Conn::new(options.clone()).await {
        // The driver refuses a server without TLS once TLS is asked for.
        Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer))
            if settings.verify == Verify::IfOffered =>
        {
            let plain: Option<mysql_async::SslOpts> = None;
            let options = mysql_async::OptsBuilder::from_opts(options).ssl_opts(plain);
            mysql_async::Conn::new(options).await
        }
        answer => answer,
    };
    let mut connection = answer.map_err(|error| {
        let said = settings.explain(&error.to_string());
        match error {
            // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED.
            mysql_async::Error::Server(error) if matches!(error.code, 1040 | 1203 | 1226) => {
                crowded(said)
            }
            _ => ConnectionError::BadConnection(said),
        }
    })?;
    if told.get().is_none() {
        // Not what the greeting says: a proxy's may be of its own making.
        let said: Result<Option<String>, _> =
            connection.query_first(server::question(Database::Mysql)).await;
        let said = said.map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
        let server = Server::read(Database::Mysql, &said.unwrap_or_default());
        told.get_or_init(|| server.product);
    }
    let mut connection = AsyncMysqlConnection::try_from(connection).await?;
    // English: failures are told apart by their texts. READ COMMITTED: a statement after a lock must
    // see what the lock's last holder committed. The rest is what the server's defaults may have changed:
    // a commit that isn't one, rows that are left out, statements that are refused.
    let limits = mysql_limits(beyond);
    setup(
        &mut connection,
        &format!(
            "SET time_zone = '+00:00', sql_mode = \
             'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', \
             group_concat_max_len = 4294967295, lc_messages = 'en_US', \
             autocommit = 1, completion_type = 'NO_CHAIN', sql_select_limit = DEFAULT, \
             sql_big_selects = 1, sql_safe_updates = 0, sql_auto_is_null = 0, \
             foreign_key_checks = 1, unique_checks = 1; {limits}; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
        ),
    )
    .await?;
    Ok(connection)
}

/// How long a statement may take and wait for locks, by the server's own clock. MariaDB and MySQL each
/// read their own comment.
pub(super) fn mysql_limits(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs().max(1), limit.as_millis());
    format!(
        "SET lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds} \
         /*M!, max_statement_time = {seconds} */ /*!50708 , max_execution_time = {millis} */"
    )
}

fn crowded(said: String) -> ConnectionError {
    // The one variant of the driver's that carries what isn't text.
    let crowded = Box::new(Crowded(said));
    ConnectionError::CouldntSetupConfiguration(diesel::result::Error::QueryBuilderError(crowded))
}

async fn setup<C: diesel_async::SimpleAsyncConnection>(
    connection: &mut C,
    sql: &str,
) -> diesel::ConnectionResult<()> {
    connection.batch_execute(sql).await.map_err(ConnectionError::CouldntSetupConfiguration)
}

fn mysql_options(settings: &tls::Settings) -> Result<mysql_async::Opts, Error> {
    let options =
        mysql_async::Opts::from_url(&settings.url).map_err(|error| bad_url(&error.to_string()))?;
    // The URL has an address of IPv6 in brackets, the system's resolver has it without.
    let host = options.ip_or_hostname().trim_start_matches('[').trim_end_matches(']').to_owned();
    // The driver speaks no TLS over a socket of this machine's.
    let tls = if options.socket().is_some() { None } else { tls::mysql(settings)? };
    Ok(mysql_async::OptsBuilder::from_opts(options)
        .ip_or_hostname(host)
        .ssl_opts(tls)
        .client_found_rows(true)
        // The driver would leave a loopback address for the server's socket file.
        .prefer_socket(false)
        .stmt_cache_size(0)
        .into())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
