//! SQLite's file, which may be taken away or replaced under open connections: they go on in the one
//! that has no name any more, and nobody would ever see what they write.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::error::{Error, ErrorKind};

/// Device and inode: what a file is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

/// The file of a pool.
#[derive(Debug)]
pub(super) struct SqliteFile {
    path: PathBuf,
    seen: Mutex<Option<Seen>>,
}

/// What it was when it was last looked at.
#[derive(Debug, Clone, Copy)]
struct Seen {
    file: Identity,
    /// Its log (`-wal`), which a new file under the same name would be taken to be of.
    log: Option<Identity>,
    /// Connections from before are of another file.
    since: Instant,
}

impl SqliteFile {
    /// At a path; looks at nothing yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: Mutex::default() }
    }

    /// What connections open: the file as it is there, and never a new one.
    pub fn url(&self) -> String {
        let mut url = "file:".to_owned();
        for byte in self.path.as_os_str().as_bytes() {
            match byte {
                b'%' | b'?' | b'#' => url.push_str(&format!("%{byte:02X}")),
                byte if byte.is_ascii_graphic() => url.push(char::from(*byte)),
                byte => url.push_str(&format!("%{byte:02X}")),
            }
        }
        url + "?mode=rw"
    }

    /// Which file it is now.
    pub fn identity(&self) -> Option<Identity> {
        identity(&self.path).map(|(identity, _)| identity)
    }

    /// Which file it was when it was last looked at: what connections are of.
    pub fn known(&self) -> Option<Identity> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).map(|seen| seen.file)
    }

    /// Since when it is the file that it is: older connections are of another.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it isn't there, or it is another that can't be opened without harm.
    pub fn look(&self) -> Result<Instant, Error> {
        let Some((file, _)) = identity(&self.path) else {
            return Err(self.refused(
                "there is no such file; see that `database.url` names kpifire's own, which the agent never \
                 makes",
            ));
        };
        let log = identity(&self.log());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.filter(|known| known.file == file);
        if known.is_none()
            && let Some(before) = *seen
        {
            // SQLite would read what was written to the old file into the new one.
            if log.is_some_and(|(log, length)| before.log == Some(log) && length > 0) {
                return Err(self.refused(
                    "the file was replaced, and its -wal is still the old one's: with every program that uses \
                     it stopped, put the right file in its place, remove -wal and -shm, and start again",
                ));
            }
            let file = self.path.display();
            tracing::warn!(%file, "the database's file was replaced; going on with the new one");
        }
        let since = known.map_or_else(Instant::now, |known| known.since);
        *seen = Some(Seen { file, log: log.map(|(log, _)| log), since });
        Ok(since)
    }

    fn log(&self) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push("-wal");
        PathBuf::from(name)
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(ErrorKind::File, &self.path.display().to_string(), why)
    }
}

/// What a file is, and how long.
fn identity(path: &Path) -> Option<(Identity, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((Identity(found.dev(), found.ino()), found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_under_the_name_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?.db");
        let file = SqliteFile::new(&path);
        assert!(file.url().ends_with("/a%20b%3F.db?mode=rw"), "{}", file.url());
        assert!(file.look().unwrap_err().to_string().contains("no such file"));
        std::fs::write(&path, "one").unwrap();
        let log = folder.path().join("a b?.db-wal");
        std::fs::write(&log, "log").unwrap();
        let first = file.look().unwrap();
        assert_eq!(file.look().unwrap(), first);

        let other = folder.path().join("other");
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(file.look().unwrap_err().to_string().contains("replaced"));
        std::fs::remove_file(&log).unwrap();
        assert!(file.look().unwrap() > first);
    }
}
