//! The profile: the file that says how SCIM attributes lie in one install's legacy tables.
//!
//! Owns the profile's language ([`load`], [`parse`], [`print()`]), the proof of a profile against a
//! live catalogue ([`proof`]) and the proposal of one from it ([`propose`]). Knows no SQL beyond
//! the statements it hands a DBA as text, and no driver: the store reads the catalogue.

pub mod catalogue;
pub mod model;
pub mod near_miss;
pub mod proof;
pub mod propose;
pub mod relations;

mod attributes;
mod other_tables;
mod parse;
mod print;
mod read;
mod validate;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};

pub use model::Profile;
pub use parse::parse;
pub use print::print;

/// The profiles compiled into the binary, by name.
const BUILTINS: &[(&str, &str)] =
    &[("kpifire", include_str!("../../config/profiles/kpifire.toml"))];

/// One thing that is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key it is about, as a dotted path; empty for the document.
    pub key: String,
    /// The line of the key in the file, where there is one.
    pub line: Option<usize>,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Why a profile can't be used: everything that is wrong with it at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    origin: String,
    problems: Vec<Problem>,
}

impl Error {
    fn one(origin: &str, problem: Problem) -> Self {
        Self { origin: origin.to_owned(), problems: vec![problem] }
    }

    /// The built-in's name or the file the profile came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every problem, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "profile {}: {count} {noun}", self.origin)?;
        for problem in &self.problems {
            f.write_str("\n  ")?;
            if let Some(line) = problem.line {
                write!(f, "line {line}: ")?;
            }
            if !problem.key.is_empty() {
                write!(f, "`{}` ", problem.key)?;
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

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
