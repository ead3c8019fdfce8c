//! The profile: the file that says how SCIM attributes lie in one install's legacy tables.
//!
//! Owns the profile's language ([`load`], [`parse`], [`print()`]), the proof of a profile against a
//! live catalogue ([`proof`]) and the proposal of one from it ([`propose`]). Knows no SQL beyond
//! the statements it hands a DBA as text, and no driver: the store reads the catalogue.

pub mod catalogue;
pub mod evidence;
pub mod model;
pub mod near_miss;
pub mod pointing;
pub mod proof;
pub mod propose;
pub mod relations;

mod attributes;
mod constants;
mod error;
mod other_tables;
mod parse;
mod print;
mod read;
mod shapes;
mod terms;
mod validate;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};

pub use error::{Error, Problem};
pub use model::Profile;
pub use parse::parse;
pub use print::print;

/// The profiles compiled into the binary, by name.
const BUILTINS: &[(&str, &str)] =
    &[("kpifire", include_str!("../../config/profiles/kpifire.toml"))];

/// The text of a built-in profile.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|(builtin, _)| *builtin == name).map(|(_, text)| *text)
}

/// The names of the built-in profiles.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|(name, _)| *name)
}

/// Loads a profile: a built-in by its name, else the file at that path.
///
/// # Errors
/// When the file can't be read, or for everything that is wrong in it.
pub fn load(name_or_path: &str) -> Result<Profile, Error> {
    if let Some(text) = builtin(name_or_path) {
        return parse(name_or_path, text);
    }
    let text = std::fs::read_to_string(Path::new(name_or_path)).map_err(|error| {
        let names: Vec<&str> = builtin_names().collect();
        let hint = near_miss::hint(name_or_path, names.iter().copied());
        let message = format!(
            "is neither a built-in profile ({}) nor a readable file: {error}{hint}",
            names.join(", ")
        );
        Error::one(name_or_path, Problem { key: String::new(), line: None, message })
    })?;
    parse(name_or_path, &text)
}

/// Where a `profile` setting of a configuration file points: a built-in's name stays as it is, a
/// path is tried beside the configuration file first, then from the current directory.
pub fn resolve(setting: &str, config_file: Option<&Path>) -> String {
    if builtin(setting).is_some() || Path::new(setting).is_absolute() {
        return setting.to_owned();
    }
    let beside: Option<PathBuf> = config_file.and_then(Path::parent).map(|dir| dir.join(setting));
    match beside {
        Some(path) if path.is_file() => path.to_string_lossy().into_owned(),
        _ => setting.to_owned(),
    }
}
