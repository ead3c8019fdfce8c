//! Tests of layering, messages and secrets.

use std::path::{Path, PathBuf};

use super::{Config, Error, LogFormat, DatabaseUrl, load};

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn from(text: &str, env: &[(&str, &str)]) -> Result<Config, Error> {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.toml", text);
    load(&[file], env.iter().copied())
}

/// The message, with the temporary folder taken out.
fn message(text: &str, env: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.toml", text);
    let error = load(&[file], env.iter().copied()).unwrap_err();
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

const URL: (&str, &str) = ("KPIFIRE_SCIM__DATABASE__URL", "sqlite:kpifire.db");

#[test]
fn defaults() {
    let config = from("", &[URL]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8642");
    assert_eq!(config.base_path, "/scim/v2");
    assert_eq!(config.limits.body, 1 << 20);
    assert_eq!(config.database.url, DatabaseUrl::Sqlite(PathBuf::from("kpifire.db")));
    assert_eq!(config.database.pool_size, 8);
    assert_eq!(config.profile, "kpifire");
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.tls, None);
}
