//! What the reader types to start this program, so that the commands which the demo prints can be
//! pasted. Reads the arguments and the environment; runs nothing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The program as it was started, in a shell's spelling.
pub fn name() -> String {
    named(std::env::args_os().next(), std::env::var_os("CARGO").is_some())
}

/// `cargo run` starts what lies in the folder of a build profile, and says in the environment that
/// it did.
fn named(started: Option<OsString>, by_cargo: bool) -> String {
    let path = started.map_or_else(|| PathBuf::from(env!("CARGO_PKG_NAME")), PathBuf::from);
    let folder = path.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    match folder {
        Some("debug") if by_cargo => "cargo run --".to_owned(),
        Some("release") if by_cargo => "cargo run --release --".to_owned(),
        _ => word(&path),
    }
}

/// A path as a shell takes it: as it is where that is safe, which is easier to read.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { quoted(path) }
}

/// A path as a shell takes it literally.
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_named_as_it_was_started() {
        for (started, by_cargo, name) in [
            ("kpifire-scim", false, "kpifire-scim"),
            ("kpifire-scim", true, "kpifire-scim"),
            ("./target/release/kpifire-scim", false, "./target/release/kpifire-scim"),
            ("target/release/kpifire-scim", true, "cargo run --release --"),
            ("/home/ana/target/debug/kpifire-scim", true, "cargo run --"),
            ("/home/ana's tools/kpifire-scim", false, r"'/home/ana'\''s tools/kpifire-scim'"),
        ] {
            assert_eq!(named(Some(started.into()), by_cargo), name, "{started}");
        }
        assert_eq!(named(None, false), "kpifire-scim");
    }
}
