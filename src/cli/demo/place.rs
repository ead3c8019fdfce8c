//! The demo's folder: its paths, its configuration file, its token's file. Opens no database.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::context::Loaded;
use crate::cli::error::Error;
use crate::config::{self, Config, DatabaseUrl};
use crate::{file, profile};

/// Where everything lies; every path is absolute.
#[derive(Debug, Clone)]
pub struct Place {
    /// kpifire's database, the agent's tables in it.
    pub database: PathBuf,
    /// What every other subcommand takes as `--config`.
    pub config: PathBuf,
    /// The token, alone in its file.
    pub token: PathBuf,
    /// The same of the token that the console is signed in with.
    pub operator: PathBuf,
    /// Where reports go.
    pub reports: PathBuf,
}

impl Place {
    /// Makes the folder, where it isn't there yet.
    ///
    /// # Errors
    /// 64 for a name that isn't UTF-8, which no configuration file can hold; 1 when it can't be
    /// made.
    pub fn make(dir: &Path) -> Result<Self, Error> {
        let failed = |path: &Path, error| {
            Error::failed(format!("can't make the folder {} (--dir)", path.display()), error)
        };
        std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        let dir = dir.canonicalize().map_err(|error| failed(dir, error))?;
        if dir.to_str().is_none() {
            return Err(Error::usage(format!(
                "--dir: the path {} isn't valid UTF-8, and config.toml has to hold it; choose \
                 another",
                dir.display()
            )));
        }
        let place = Self {
            database: dir.join("kpifire.db"),
            config: dir.join("config.toml"),
            token: dir.join("token"),
            operator: dir.join("operator-token"),
            reports: dir.join("reports"),
        };
        std::fs::create_dir_all(&place.reports).map_err(|error| failed(&place.reports, error))?;
        Ok(place)
    }

    /// Makes the database's file, empty, where it isn't there yet.
    ///
    /// # Errors
    /// 1 when it can't be made.
    pub fn make_database(&self) -> Result<(), Error> {
        let made = OpenOptions::new().append(true).create(true).open(&self.database);
        made.map(drop).map_err(|error| {
            Error::failed(format!("can't make {}", self.database.display()), error)
        })
    }

    /// Writes `config.toml`, or puts right the keys that are the demo's in the one that is there,
    /// and reads it back. `before` are the files of `--config`, which it overrides; the environment
    /// isn't looked at, so that the demo can't be led to another database.
    ///
    /// # Errors
    /// 64 when the result isn't a configuration of this folder; 1 when it can't be written.
    pub fn configure(&self, listen: SocketAddr, before: &[PathBuf]) -> Result<Loaded, Error> {
        let failed = |what: &str, error| {
            Error::failed(format!("can't {what} {}", self.config.display()), error)
        };
        let old = match std::fs::read_to_string(&self.config) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => TEMPLATE.to_owned(),
            Err(error) => return Err(failed("read", error)),
        };
        let path = self.database.display().to_string();
        let url = format!("sqlite:{}", path.replace('%', "%25").replace('?', "%3F"));
        let reports = self.reports.display().to_string();
        let own = [
            ("", "listen", listen.to_string()),
            ("database", "url", url),
            ("reports", "dir", reports),
        ];
        let new = put_right(&old, &own);
        if new != old || !self.config.exists() {
            file::replace(&self.config, &new).map_err(|error| failed("write", error))?;
        }
        let files: Vec<PathBuf> = before.iter().chain([&self.config]).cloned().collect();
        let config = config::load(&files, std::iter::empty::<(OsString, OsString)>())
            .map_err(|error| Error::usage(error.to_string()))?;
        self.check(&config, listen)?;
        let profile =
            profile::load(&config.profile).map_err(|error| Error::usage(error.to_string()))?;
        Ok(Loaded { config, profile: Arc::new(profile) })
    }

    fn check(&self, config: &Config, listen: SocketAddr) -> Result<(), Error> {
        let ours =
            matches!(&config.database.url, DatabaseUrl::Sqlite(path) if *path == self.database);
        let key = if !ours {
            "database.url"
        } else if config.listen != listen {
            "listen"
        } else if config.tls.is_some() {
            "tls"
        } else {
            return Ok(());
        };
        Err(Error::usage(format!(
            "{}: `{key}` isn't the demo's: the demo serves {} over plain HTTP on {listen}; delete \
             the file to have it written anew",
            self.config.display(),
            self.database.display()
        )))
    }
}

/// The token that an earlier demo left in a file.
///
/// # Errors
/// 1 when there is one and it can't be read.
pub fn read_token(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::failed(format!("can't read {}", path.display()), error)),
    }
}

/// Keeps a token where only its owner reads it.
///
/// # Errors
/// 1 when it can't be written.
pub fn keep_token(path: &Path, token: &str) -> Result<(), Error> {
    file::replace(path, &format!("{token}\n"))
        .map_err(|error| Error::failed(format!("can't write {}", path.display()), error))
}

const TEMPLATE: &str = r#"# The configuration of `kpifire-scim demo`. Every other subcommand takes it with --config.
# The demo keeps `listen`, `database.url` and `reports.dir` right and every other line as it is.
listen = ""
# Its people are invented: `--listen` may show them to others.
insecure_plain_http = true
profile = "kpifire"

[database]
url = ""

[reports]
dir = ""
"#;

/// Gives keys of a TOML text their values, by section and name, and leaves all other lines alone.
fn put_right(text: &str, own: &[(&str, &str, String)]) -> String {
    let mut section = "";
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default().trim();
        }
        let key = trimmed.split_once('=').map(|(key, _)| key.trim());
        let owned = own.iter().find(|(at, name, _)| *at == section && Some(*name) == key);
        lines.push(match owned {
            Some((_, name, value)) => format!("{name} = {}", toml::Value::from(value.as_str())),
            None => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn own_keys_are_put_right_and_the_rest_stays() {
        let own = [
            ("", "listen", "127.0.0.1:1".to_owned()),
            ("database", "url", "sqlite:/a \"b\"/kpifire.db".to_owned()),
        ];
        let text =
            "# mine\nlisten= \"x\" # y\n[database]\nurl = \"\"\npool_size = 2\n[log]\nurl = 1\n";
        assert_eq!(
            put_right(text, &own),
            "# mine\nlisten = \"127.0.0.1:1\"\n[database]\n\
             url = 'sqlite:/a \"b\"/kpifire.db'\npool_size = 2\n[log]\nurl = 1\n"
        );
    }

    #[test]
    fn a_folder_is_configured_again_for_another_address() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::make(&dir.path().join("it's a demo")).unwrap();
        let first = place.configure("127.0.0.1:8642".parse().unwrap(), &[]).unwrap();
        assert_eq!(first.config.reports.dir, place.reports);
        let text = std::fs::read_to_string(&place.config).unwrap();
        std::fs::write(&place.config, text + "[limits]\nbody = \"2MiB\"\n").unwrap();
        let second = place.configure("127.0.0.1:9000".parse().unwrap(), &[]).unwrap();
        assert_eq!(second.config.listen.port(), 9000);
        assert_eq!(second.config.limits.body, 2 * 1024 * 1024);
        std::fs::write(&place.config, "database.url = \"sqlite:other.db\"\n").unwrap();
        let refused = place.configure("127.0.0.1:9000".parse().unwrap(), &[]);
        assert_eq!(refused.err().unwrap().code(), crate::cli::error::USAGE);
    }

    #[test]
    fn only_its_owner_reads_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::make(dir.path()).unwrap();
        assert_eq!(read_token(&place.token).unwrap(), None);
        std::fs::write(&place.token, "old").unwrap();
        keep_token(&place.token, "kps_x").unwrap();
        assert_eq!(read_token(&place.token).unwrap().as_deref(), Some("kps_x"));
        let mode = std::fs::metadata(&place.token).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
