//! Database URLs and other secrets: parsed by their scheme alone, printed without the password.
//!
//! Knows no driver: what follows the scheme is the store's.

use std::path::PathBuf;

use crate::profile::near_miss;

/// Which database, and where.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`: the file, relative to the current directory or absolute, percent-encoded where it
    /// has a question mark or a percent sign.
    Sqlite(PathBuf),
    /// `postgres://…` or `postgresql://…`, verbatim; `sslmode` and `sslrootcert` as libpq has them.
    Postgres(String),
    /// `mysql://…` or `mariadb://…`, the scheme as `mysql`; `ssl-mode` (`DISABLED`, `PREFERRED`,
    /// `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`) and `ssl-ca` as the command-line clients have
    /// them.
    Mysql(String),
}

impl DatabaseUrl {
    /// Parses a database URL.
    ///
    /// # Errors
    /// What is wrong and what is allowed, without repeating the URL, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        const ALLOWED: &str = "sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or \
                               mysql://USER:PASSWORD@HOST/DATABASE";
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(format!("has no scheme; write {ALLOWED}"));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite(rest),
            "postgres" | "postgresql" => {
                server(rest).map(|()| Self::Postgres(format!("{scheme}:{rest}")))
            }
            "mysql" | "mariadb" => server(rest).map(|()| Self::Mysql(format!("mysql:{rest}"))),
            // An unknown scheme is repeated only when it is a word: `user:password@host` isn't one.
            other
                if other.chars().all(|c| c.is_ascii_alphanumeric() || c == '+')
                    && rest.starts_with("//") =>
            {
                let hint = near_miss::hint(other, ["sqlite", "postgres", "mysql", "mariadb"]);
                Err(format!("has the unknown scheme `{other}`; write {ALLOWED}{hint}"))
            }
            _ => Err(format!("has no known scheme; write {ALLOWED}")),
        }
    }
}

fn sqlite(rest: &str) -> Result<DatabaseUrl, String> {
    // `sqlite://` is written by people used to the others; the file is what follows.
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err("names no file; write sqlite:PATH".to_owned());
    }
    if path == ":memory:" {
        return Err(
            "can't be in memory: every connection would see its own database; write sqlite:PATH"
                .to_owned(),
        );
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if let Some(parameter) = query.split(['&', '=']).next().filter(|it| !it.is_empty()) {
        return Err(format!(
            "has the parameter `{parameter}`: sqlite: takes none (a question mark in the file's name is \
             written %3F)"
        ));
    }
    match percent_encoding::percent_decode_str(path).decode_utf8() {
        Ok(path) => Ok(DatabaseUrl::Sqlite(PathBuf::from(path.as_ref()))),
        Err(_) => Err("names a file that isn't UTF-8 once percent-decoded".to_owned()),
    }
}

fn server(rest: &str) -> Result<(), String> {
    match rest.strip_prefix("//") {
        Some(authority) if !authority.is_empty() => Ok(()),
        _ => Err("needs `//` and a host after the scheme: SCHEME://USER:PASSWORD@HOST/DATABASE"
            .to_owned()),
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) | Self::Mysql(url) => f.write_str(&without_password(url)),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The URL with its password, and any query value that is one, replaced by `***`.
///
/// The password reaches to the *last* `@`, so that one written without percent-encoding doesn't
/// show in part.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let masked = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let Some((before, query)) = masked.split_once('?') else {
        return format!("{scheme}://{masked}");
    };
    let query: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("password") => format!("{key}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{scheme}://{before}?{}", query.join("&"))
}

/// A text that must not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
