//! Typed reading of merged layers: each getter names a key, its default and its range, and
//! collects what is wrong. A key nobody asked for is unknown.
//!
//! Owns the messages of single values. Knows no key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{Value, ValueKind};

use super::error::{Error, Problem};
use super::layers::{Layer, Layers};
use super::values::{parse_address, parse_bytes, parse_duration};
use crate::profile::near_miss;

/// A value as some layer set it.
#[derive(Debug, Clone)]
struct Raw {
    kind: ValueKind,
    origin: String,
}

/// A problem has been noted, and the value is therefore not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted;

/// Where a secret may stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretKeys {
    /// The key that holds it.
    pub value: &'static str,
    /// The key that names a file which holds it.
    pub file: &'static str,
    /// The systemd credential that holds it.
    pub credential: &'static str,
}

/// Reads keys and remembers which.
#[derive(Debug)]
pub(super) struct Reader {
    values: BTreeMap<String, Raw>,
    origins: BTreeMap<String, Layer>,
    asked: Vec<&'static str>,
    problems: Vec<Problem>,
    effective: BTreeMap<String, String>,
}

impl Reader {
    /// Merges the layers.
    pub fn new(layers: &Layers) -> Result<Self, Error> {
        let mut builder = ::config::Config::builder();
        for keys in &layers.sources {
            builder = builder.add_source(keys.clone());
        }
        let merged = builder.build().map_err(|error| {
            let message = error.to_string();
            Error::new(vec![Problem { key: String::new(), origin: None, message }])
        })?;
        let mut values = BTreeMap::new();
        flatten(&mut values, String::new(), merged.cache);
        Ok(Self {
            values,
            origins: layers.origins.clone(),
            asked: Vec::new(),
            problems: Vec::new(),
            effective: BTreeMap::new(),
        })
    }

    /// Notes what is wrong with a key.
    pub fn problem(&mut self, key: &str, origin: Option<String>, message: impl Into<String>) {
        self.problems.push(Problem { key: key.to_owned(), origin, message: message.into() });
    }

    /// Notes a key's effective value, as `check` prints it and the hash takes it.
    pub fn note(&mut self, key: &str, value: &str) {
        self.effective.insert(key.to_owned(), value.to_owned());
    }

    /// The effective values, or everything that is wrong, unknown keys included.
    pub fn finish(mut self) -> Result<Vec<(String, String)>, Error> {
        let left: Vec<(String, Raw)> = std::mem::take(&mut self.values).into_iter().collect();
        for (key, raw) in left {
            let message = self.unknown(&key);
            self.problem(&key, Some(raw.origin), message);
        }
        if self.problems.is_empty() {
            return Ok(self.effective.into_iter().collect());
        }
        self.problems.sort_by(|a, b| a.key.cmp(&b.key));
        Err(Error::new(self.problems))
    }

    fn unknown(&self, key: &str) -> String {
        let table = format!("{key}.");
        let within: Vec<&str> =
            self.asked.iter().copied().filter(|known| known.starts_with(&table)).collect();
        if !within.is_empty() {
            return format!("is a table with the keys {}", within.join(", "));
        }
        let hint = near_miss::hint(key, self.asked.iter().copied());
        let siblings: Vec<&str> = key
            .rsplit_once('.')
            .map(|(parent, _)| format!("{parent}."))
            .map(|parent| self.asked.iter().copied().filter(|k| k.starts_with(&parent)).collect())
            .unwrap_or_default();
        match (hint.is_empty(), siblings.is_empty()) {
            (true, false) => format!("unknown key (allowed here: {})", siblings.join(", ")),
            _ => format!("unknown key{hint}"),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Raw> {
        self.asked.push(key);
        self.values.remove(key)
    }

    /// Whether a key of this table is set and not read yet.
    pub fn any_under(&self, prefix: &str) -> bool {
        self.values.keys().any(|key| key.starts_with(prefix))
    }

    /// A key's text and origin when it is set.
    fn text_of(&mut self, key: &'static str) -> Option<(String, String)> {
        let raw = self.take(key)?;
        let text = match raw.kind {
            ValueKind::String(text) => text,
            ValueKind::I64(number) => number.to_string(),
            ValueKind::U64(number) => number.to_string(),
            ValueKind::Float(number) => number.to_string(),
            ValueKind::Boolean(value) => value.to_string(),
            ValueKind::Array(_) => {
                return self.wrong(key, raw.origin, "must be one value, not a list");
            }
            _ => return self.wrong(key, raw.origin, "must be one value"),
        };
        Some((text.trim().to_owned(), raw.origin))
    }

    /// Notes a problem and yields nothing.
    pub fn wrong<T>(&mut self, key: &str, origin: String, message: impl Into<String>) -> Option<T> {
        self.problem(key, Some(origin), message);
        None
    }

    /// A key's text through `parse`, whose error says what is allowed. Absent: `default`, which is
    /// parsed as well. The effective value is noted as written.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (text, origin) = match self.text_of(key) {
            Some((text, origin)) => (text, Some(origin)),
            // A value of the wrong type has been noted; going on with the default does no harm.
            None => (default.to_owned(), None),
        };
        match parse(&text) {
            Ok(value) => {
                self.note(key, &text);
                Some(value)
            }
            Err(message) => {
                self.problem(key, origin, message);
                None
            }
        }
    }

    /// The same for a key without default.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (text, origin) = self.text_of(key)?;
        match parse(&text) {
            Ok(value) => {
                self.note(key, &text);
                Some(value)
            }
            Err(message) => self.wrong(key, origin, message),
        }
    }

    /// Text, and the layer that set it.
    pub fn text_with_origin(
        &mut self,
        key: &'static str,
        default: &str,
    ) -> Option<(String, Option<Layer>)> {
        match self.text_of(key) {
            Some((text, origin)) if text.is_empty() => self.wrong(key, origin, "must not be empty"),
            Some((text, origin)) => Some((text, self.origins.get(&origin).cloned())),
            None => Some((default.to_owned(), None)),
        }
    }

    /// An integer in a range.
    pub fn integer(&mut self, key: &'static str, default: u64, min: u64, max: u64) -> Option<u64> {
        self.parsed(key, &default.to_string(), |text| {
            let number = text.replace('_', "").parse::<u64>();
            number
                .ok()
                .filter(|number| (min..=max).contains(number))
                .ok_or_else(|| format!("must be an integer from {min} to {max}, not `{text}`"))
        })
    }

    /// The same as a `usize`.
    pub fn size(&mut self, key: &'static str, default: u64, min: u64, max: u64) -> Option<usize> {
        self.integer(key, default, min, max).and_then(|number| usize::try_from(number).ok())
    }

    /// A number of bytes: an integer, or one with KiB, MiB, GiB, kB, MB, GB.
    pub fn bytes(&mut self, key: &'static str, default: &str, min: u64, max: u64) -> Option<usize> {
        self.parsed(key, default, |text| {
            let bytes = parse_bytes(text).filter(|bytes| (min..=max).contains(bytes));
            bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
                format!("must be a size from {min} to {max} bytes such as 1048576 or \"1MiB\", not `{text}`")
            })
        })
    }

    /// A humantime duration in a range.
    pub fn duration(
        &mut self,
        key: &'static str,
        default: &str,
        min: Duration,
        max: Duration,
    ) -> Option<Duration> {
        self.parsed(key, default, |text| parse_duration(text, min, max))
    }

    /// A number from 0 to 100; a `%` sign is accepted.
    pub fn percent(&mut self, key: &'static str, default: &str) -> Option<f64> {
        self.parsed(key, default, |text| {
            let number = text.trim_end_matches('%').trim_end().parse::<f64>().ok();
            number
                .filter(|number| (0.0..=100.0).contains(number))
                .ok_or_else(|| format!("must be a percentage from 0 to 100, not `{text}`"))
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: &str) -> Option<bool> {
        self.parsed(key, default, |text| match text.to_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("must be true or false, not `{text}`")),
        })
    }

    /// A list of strings; in the environment separated by commas.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<(String, String)>> {
        let Some(raw) = self.take(key) else {
            self.note(key, "");
            return Some(Vec::new());
        };
        let texts: Vec<String> = match raw.kind {
            ValueKind::Array(items) => {
                let mut texts = Vec::new();
                for item in items {
                    match item.kind {
                        ValueKind::String(text) => texts.push(text),
                        _ => return self.wrong(key, raw.origin, "must be a list of strings"),
                    }
                }
                texts
            }
            ValueKind::String(text) => {
                text.split(',').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect()
            }
            _ => return self.wrong(key, raw.origin, "must be a list of strings"),
        };
        self.note(key, &texts.join(","));
        Some(texts.into_iter().map(|text| (text, raw.origin.clone())).collect())
    }

    /// An address to listen on.
    pub fn address(&mut self, key: &'static str, default: &str) -> Option<SocketAddr> {
        self.parsed(key, default, parse_address)
    }

    /// The same for a key without default.
    pub fn optional_address(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.optional(key, parse_address)
    }

    /// A path; relative ones are taken from the current directory.
    pub fn optional_path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.optional(key, |text| match text {
            "" => Err("must not be empty".to_owned()),
            _ => Ok(PathBuf::from(text)),
        })
    }

    /// A secret from its key, from the file that its file key names, or from a systemd credential.
    /// `Ok(None)`: nowhere set.
    pub fn secret(
        &mut self,
        layers: &Layers,
        keys: &SecretKeys,
    ) -> Result<Option<(String, String)>, Noted> {
        let SecretKeys { value: key, file: file_key, credential } = *keys;
        let (by_value, by_file) = layers.last_of(key, file_key);
        let value = self.text_of(key);
        let file = self.text_of(file_key);
        match (by_value, by_file) {
            (true, true) => {
                let origin = file.map(|(_, origin)| origin);
                let message = format!("is set beside `{key}`; keep one of the two");
                self.problem(file_key, origin, message);
                Err(Noted)
            }
            (true, false) => value.map(Some).ok_or(Noted),
            (false, true) => {
                let (path, origin) = file.ok_or(Noted)?;
                self.secret_file(file_key, &origin, Path::new(&path)).map(Some)
            }
            (false, false) => {
                let path = layers.credentials.as_ref().map(|dir| dir.join(credential));
                // A credential that can't be looked at is an error, one that isn't there is none.
                match path.filter(|path| !matches!(path.try_exists(), Ok(false))) {
                    Some(path) => self.secret_file(key, "$CREDENTIALS_DIRECTORY", &path).map(Some),
                    None => Ok(None),
                }
            }
        }
    }

    fn secret_file(
        &mut self,
        key: &str,
        origin: &str,
        path: &Path,
    ) -> Result<(String, String), Noted> {
        let message = match std::fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => format!("{} is empty", path.display()),
            Ok(text) => return Ok((text.trim().to_owned(), path.display().to_string())),
            Err(error) => format!("can't read {}: {error}", path.display()),
        };
        self.problem(key, Some(origin.to_owned()), message);
        Err(Noted)
    }
}

fn flatten(values: &mut BTreeMap<String, Raw>, key: String, value: Value) {
    let origin = value.origin().unwrap_or_default().to_owned();
    match value.kind {
        ValueKind::Table(map) => {
            for (name, value) in map {
                let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                flatten(values, key, value);
            }
        }
        ValueKind::Nil => {}
        kind => {
            values.insert(key, Raw { kind, origin });
        }
    }
}
