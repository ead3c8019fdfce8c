//! Files written as a whole and for their owner alone: what the agent writes holds personal data or
//! secrets. Knows nothing of what is in them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// What the name of a file ends with that is not whole yet. Its beginning is the whole one's.
pub const PART: &str = ".part";

/// A file that is being written, beside the one whose place it takes; it goes with this value unless
/// it is kept.
#[derive(Debug)]
pub struct Draft {
    part: NamedTempFile,
    target: PathBuf,
}

impl Draft {
    /// An empty one, readable and writable by its owner alone.
    ///
    /// # Errors
    /// When the folder isn't there or isn't writable.
    pub fn of(target: &Path) -> io::Result<Self> {
        let mut prefix = target.file_name().unwrap_or_default().to_os_string();
        prefix.push(".");
        // The system's folder for such files may be another file system, from which none is moved.
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Whose it was, when a killed process leaves it.
        let suffix = format!(".{}{PART}", std::process::id());
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(&suffix);
        let part = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self { part, target: target.to_owned() })
    }

    /// Where its content goes.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn writer(&self) -> io::Result<File> {
        self.part.as_file().try_clone()
    }

    /// Puts it in its place: whoever reads there sees the old content or the new, never half of one.
    ///
    /// # Errors
    /// When it can't be written out or moved; then the old content is still there.
    pub fn keep(self) -> io::Result<()> {
        self.part.as_file().sync_all()?;
        self.part.persist(&self.target)?;
        Ok(())
    }
}

/// Writes a file as a whole.
///
/// # Errors
/// When it can't be written; then the old content is still there.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut draft = Draft::of(file)?;
    draft.part.write_all(text.as_bytes())?;
    draft.keep()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_appears_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        std::fs::write(&file, "old").unwrap();
        let draft = Draft::of(&file).unwrap();
        draft.writer().unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        draft.keep().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        drop(Draft::of(&file).unwrap());
        replace(&file, "newer").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "newer");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
