//! A run's findings on their way from the snapshot to the store, of which there may be one for each row:
//! a little of them is held in memory, the rest lies in a file without a name in the folder for temporary
//! files, which is gone with the process.
//!
//! What can't be written or read back is told at the end: a run that lost findings is incomplete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::FileExt as _;

use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile};

use crate::drift::Finding;

/// Bytes held in memory.
const HELD: usize = 2 << 20;
/// Findings handed out at a time.
const CHUNK: usize = 500;
const BUFFER: usize = 64 << 10;

/// Takes findings.
#[derive(Debug)]
pub(super) struct Writer {
    out: BufWriter<SpooledTempFile>,
    left_out: BTreeSet<String>,
    /// The first thing that went wrong.
    broken: Option<io::Error>,
}

impl Default for Writer {
    fn default() -> Self {
        Self::holding(HELD)
    }
}

impl Writer {
    fn holding(bytes: usize) -> Self {
        let out = BufWriter::with_capacity(BUFFER, spooled_tempfile(bytes));
        Self { out, left_out: BTreeSet::new(), broken: None }
    }

    /// One more.
    pub fn push(&mut self, finding: &Finding) {
        if self.broken.is_none() {
            self.broken = self.write(finding).err();
        }
    }

    fn write(&mut self, finding: &Finding) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, finding)?;
        self.out.write_all(b"\n")
    }

    /// The finding of this fingerprint is no longer one.
    pub fn leave_out(&mut self, id: String) {
        self.left_out.insert(id);
    }

    /// All that were taken.
    ///
    /// # Errors
    /// What kept one from being written.
    pub fn finish(self) -> io::Result<Spool> {
        let Self { out, left_out, broken } = self;
        if let Some(error) = broken {
            return Err(error);
        }
        let written = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let data = match written.into_inner() {
            SpooledData::InMemory(data) => Data::Held(data.into_inner()),
            SpooledData::OnDisk(file) => Data::File(file),
        };
        Ok(Spool { data, left_out })
    }
}

/// Findings, to be read more than once.
#[derive(Debug, Default)]
pub(super) struct Spool {
    data: Data,
    left_out: BTreeSet<String>,
}

#[derive(Debug)]
enum Data {
    Held(Vec<u8>),
    File(File),
}

impl Default for Data {
    fn default() -> Self {
        Self::Held(Vec::new())
    }
}

/// Some findings, by fingerprint.
pub(super) type Chunk = BTreeMap<String, Finding>;

impl Spool {
    /// The finding of this fingerprint is no longer one.
    pub fn leave_out(&mut self, id: &str) {
        self.left_out.insert(id.to_owned());
    }

    /// The findings, some at a time, in the order in which they came.
    pub fn chunks(&self) -> impl Iterator<Item = io::Result<Chunk>> + Send + '_ {
        let mut lines = BufReader::with_capacity(BUFFER, At { data: &self.data, at: 0 }).lines();
        std::iter::from_fn(move || {
            let mut chunk = Chunk::new();
            while chunk.len() < CHUNK {
                let Some(line) = lines.next() else { break };
                let finding = line.and_then(|line| Ok(serde_json::from_str::<Finding>(&line)?));
                let finding = match finding {
                    Ok(finding) => finding,
                    Err(error) => return Some(Err(error)),
                };
                let id = finding.fingerprint();
                if !self.left_out.contains(&id) {
                    chunk.insert(id, finding);
                }
            }
            (!chunk.is_empty()).then_some(Ok(chunk))
        })
    }
}

/// A place of its own in what is shared.
struct At<'a> {
    data: &'a Data,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.data {
            Data::Held(held) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX);
                held.get(at..).unwrap_or_default().read(into)?
            }
            Data::File(file) => file.read_at(into, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::drift::Kind;
    use crate::scim::ResourceType;

    fn finding(at: usize) -> Finding {
        Finding {
            kind: Kind::Unmanaged,
            resource: Some(ResourceType::User),
            scim_id: Some(at.to_string()),
            attribute: None,
            external_id: None,
            name: Some(format!("line\nbreak {at}")),
            expected: Value::Null,
            actual: at.into(),
            why: String::new(),
        }
    }

    #[test]
    fn findings_come_back_from_memory_and_from_a_file() {
        for held in [usize::MAX, 1] {
            let mut writer = Writer::holding(held);
            for at in 0..1200 {
                writer.push(&finding(at));
            }
            writer.leave_out(finding(7).fingerprint());
            let mut spool = writer.finish().unwrap();
            assert_eq!(matches!(spool.data, Data::File(_)), held == 1);
            spool.leave_out(&finding(700).fingerprint());
            for _ in 0..2 {
                let chunks: Vec<Chunk> = spool.chunks().map(Result::unwrap).collect();
                assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK));
                let mut found: Vec<Finding> =
                    chunks.into_iter().flat_map(Chunk::into_values).collect();
                found.sort_by_key(|it| it.actual.as_u64());
                let wanted = (0..1200).filter(|at| ![7, 700].contains(at)).map(finding);
                assert!(found.into_iter().eq(wanted));
            }
        }
        assert_eq!(Spool::default().chunks().count(), 0);
    }
}
