//! The layers of the configuration, read but not understood: files, then environment.
//!
//! Owns how a variable's name becomes a key. Knows no key but the names of credentials it is
//! asked for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ::config::{ConfigError, FileFormat, Format, Map, Source, Value, ValueKind};

use super::error::{Error, Problem};

/// What variables of ours begin with.
const PREFIX: &str = "KPIFIRE_SCIM__";

/// Keys that may be written as the URL alone instead of a table with `url`.
const SHORT: [&str; 2] = ["notify.smtp", "notify.webhook"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layer {
    /// A `--config` file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl Layer {
    /// The configuration file, when it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Variable(_) => None,
        }
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Every layer, lowest first, and the credentials directory.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub sources: Vec<Keys>,
    pub credentials: Option<PathBuf>,
    /// What each origin's text stands for.
    pub origins: BTreeMap<String, Layer>,
}

/// One layer's keys, each with its origin.
#[derive(Debug, Clone)]
pub(super) struct Keys(Map<String, Value>);

impl Source for Keys {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// Reads the files and picks our variables.
pub(super) fn collect<K, V>(
    files: &[PathBuf],
    env: impl IntoIterator<Item = (K, V)>,
) -> Result<Layers, Error>
where
    K: Into<OsString>,
    V: Into<OsString>,
{
    let mut layers = Layers::default();
    let mut problems = Vec::new();
    for path in files {
        let origin = path.display().to_string();
        match file(path, &origin) {
            Ok(mut keys) => {
                expand(&mut keys);
                layers.sources.push(Keys(keys));
            }
            Err(message) => {
                problems.push(Problem {
                    key: String::new(),
                    origin: Some(origin.clone()),
                    message,
                });
            }
        }
        layers.origins.insert(origin, Layer::File(path.clone()));
    }
    let mut variables = BTreeMap::new();
    for (name, value) in env {
        let (Ok(name), value) = (name.into().into_string(), value.into()) else {
            continue;
        };
        if name == "CREDENTIALS_DIRECTORY" {
            layers.credentials = Some(PathBuf::from(value));
        } else if name.starts_with(PREFIX) {
            match value.into_string() {
                Ok(value) => {
                    variables.insert(name, value);
                }
                Err(_) => problems.push(Problem {
                    key: String::new(),
                    origin: Some(name),
                    message: "isn't valid UTF-8".to_owned(),
                }),
            }
        }
    }
    if !problems.is_empty() {
        return Err(Error::new(problems));
    }
    layers.environment(variables);
    Ok(layers)
}

impl Layers {
    fn environment(&mut self, variables: BTreeMap<String, String>) {
        let mut keys = Map::new();
        for (name, value) in variables {
            let key = name
                .strip_prefix(PREFIX)
                .unwrap_or_default()
                .split("__")
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
                .join(".");
            let key = if SHORT.contains(&key.as_str()) { format!("{key}.url") } else { key };
            keys.insert(key, Value::new(Some(&name), ValueKind::String(value)));
            self.origins.insert(name.clone(), Layer::Variable(name));
        }
        self.sources.push(Keys(keys));
    }

    /// The file of a systemd credential, where there is one.
    pub fn credential(&self, name: &str) -> Option<PathBuf> {
        self.credentials.as_ref().map(|folder| folder.join(name)).filter(|path| path.exists())
    }

    /// The last layer that sets one of the two keys, and which of them it sets.
    pub fn last_of(&self, first: &str, second: &str) -> (bool, bool) {
        self.sources
            .iter()
            .rev()
            .map(|keys| (keys.has(first), keys.has(second)))
            .find(|(first, second)| *first || *second)
            .unwrap_or_default()
    }
}

impl Keys {
    /// Whether the layer sets a dotted key, as a path of tables or (environment) under that name.
    fn has(&self, key: &str) -> bool {
        fn within(map: &Map<String, Value>, key: &str) -> bool {
            map.iter().any(|(name, value)| {
                let Some(rest) = key.strip_prefix(name.as_str()) else {
                    return false;
                };
                match (&value.kind, rest.strip_prefix('.')) {
                    (ValueKind::Table(map), Some(rest)) => within(map, rest),
                    _ => rest.is_empty(),
                }
            })
        }
        within(&self.0, key)
    }
}

fn file(path: &Path, origin: &String) -> Result<Map<String, Value>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("can't read this configuration file: {error}"))?;
    FileFormat::Toml
        .parse(Some(origin), &text)
        .map_err(|error| format!("not valid TOML: {}", error.to_string().trim_end()))
}

/// Makes tables of the short forms.
fn expand(keys: &mut Map<String, Value>) {
    let Some(Value { kind: ValueKind::Table(notify), .. }) = keys.get_mut("notify") else {
        return;
    };
    for name in SHORT.iter().filter_map(|key| key.strip_prefix("notify.")) {
        if let Some(value) = notify.get_mut(name)
            && matches!(value.kind, ValueKind::String(_))
        {
            let origin = value.origin().map(str::to_owned);
            let url = Map::from_iter([("url".to_owned(), value.clone())]);
            *value = Value::new(origin.as_ref(), ValueKind::Table(url));
        }
    }
}
