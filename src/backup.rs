//! The sidecar tables as a file, and back: one line of JSON for the whole, then one a row.
//!
//! Owns the file's format and what is proved of it before anything is written. How rows lie in the
//! database is [`crate::store::export`]'s. A file holds no legacy row; it goes with a database
//! whose legacy tables have the same keys, on whichever of the three databases that is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::mapper::{Cell, Layout};
use crate::reconcile::snapshot::Progress;
use crate::scim::ResourceType;
use crate::store::export::{self, Row, Rows, Table};
use crate::store::{self, Failure, Store, Tx, migrate, snapshot};

/// The version of the format that this code writes and reads.
const FORMAT: u32 = 1;

/// The longest line that is read: a row holds kilobytes, a run's summary some megabytes.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Text of rows that is collected for one INSERT, in bytes.
const BATCH: usize = 1024 * 1024;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format's version; also what tells the file from any other.
    #[serde(rename = "kpifire-scim-export")]
    pub format: u32,
    /// The last migration of the tables.
    pub schema: String,
    /// The version of the agent that wrote the file.
    pub agent: String,
    /// When the rows were as they are here.
    pub exported: DateTime<Utc>,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

impl Header {
    /// Rows in all.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    table: String,
    row: Row,
}

/// Why a file wasn't written or taken in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's.
    #[error(transparent)]
    Database(#[from] store::Error),
    /// The output.
    #[error("the export can't be written")]
    Output(#[source] io::Error),
    /// The input.
    #[error("{} can't be read", file.display())]
    Input {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line that can't be used; nothing of the file was taken in.
    #[error("{}, line {line}: {what}", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The file is of other tables.
    #[error(
        "{} is an export of schema {theirs}, and the tables here have {ours}: import it with \
         kpifire-scim {agent}, which wrote it, into tables that its `migrate` made, then upgrade",
        file.display()
    )]
    Schema {
        /// Which file.
        file: PathBuf,
        /// The file's.
        theirs: String,
        /// The database's.
        ours: String,
        /// The agent that wrote the file.
        agent: String,
    },
    /// The tables hold something.
    #[error(
        "the sidecar tables aren't empty ({}): an import goes into empty ones only; \
         `kpifire-scim migrate --down` drops what is there, `kpifire-scim migrate` makes them anew",
        listed(.0)
    )]
    Occupied(Vec<(&'static str, u64)>),
}

impl Failure for Error {
    fn database(&self) -> Option<&store::Error> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

fn listed(rows: &[(&'static str, u64)]) -> String {
    rows.iter().map(|(name, rows)| format!("{name}: {rows}")).collect::<Vec<_>>().join(", ")
}

/// Writes every sidecar table as it is at one moment. Memory doesn't grow with the tables.
///
/// # Errors
/// [`Error::Database`] and [`Error::Output`].
pub async fn export(
    store: &Store,
    out: impl Write + Send + 'static,
    now: DateTime<Utc>,
    progress: Arc<Progress>,
) -> Result<Header, Error> {
    store
        .snapshot((Mutex::new(out), now, progress), async |tx, (out, now, progress)| {
            let mut out = out.lock().await;
            let header = write(tx, &mut *out, *now, progress).await?;
            out.flush().map_err(Error::Output)?;
            Ok(header)
        })
        .await
}

async fn write(
    tx: &mut Tx,
    out: &mut (impl Write + Send),
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<Header, Error> {
    let rows = export::counts(tx).await?;
    let header = Header {
        format: FORMAT,
        schema: migrate::latest(tx).await?,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        exported: now,
        rows: rows.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect(),
    };
    line(out, &header)?;
    for table in export::copied() {
        let mut rows = Rows::new(table);
        loop {
            let page = rows.next(tx).await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                line(out, &Line { table: table.name().to_owned(), row })?;
                progress.step();
            }
        }
    }
    Ok(header)
}

fn line(out: &mut impl Write, content: &impl Serialize) -> Result<(), Error> {
    let written = serde_json::to_writer(&mut *out, content).map_err(io::Error::from);
    written.and_then(|()| out.write_all(b"\n")).map_err(Error::Output)
}

/// Reads a file's first line.
///
/// # Errors
/// [`Error::Input`], and [`Error::Line`] for what isn't an export that this version reads.
pub fn header(file: &std::path::Path) -> Result<Header, Error> {
    Lines::open(file).map(|(header, _)| header)
}

/// Puts a file's rows into empty sidecar tables: all of them or none, in one transaction.
///
/// # Errors
/// Any [`Error`] but that of the output; then nothing is changed.
pub async fn import(
    store: &Store,
    file: PathBuf,
    progress: Arc<Progress>,
) -> Result<Header, Error> {
    // Run again after a lost connection, it reads the file again.
    store.write((file, progress), async |tx, (file, progress)| read(tx, file, progress).await).await
}

async fn read(tx: &mut Tx, file: &std::path::Path, progress: &Progress) -> Result<Header, Error> {
    let (header, mut lines) = Lines::open(file)?;
    let ours = migrate::latest(tx).await?;
    if header.schema != ours {
        let Header { schema: theirs, agent, .. } = header;
        return Err(Error::Schema { file: file.to_owned(), theirs, ours, agent });
    }
    let occupied = export::occupied(tx).await?;
    if !occupied.is_empty() {
        return Err(Error::Occupied(occupied));
    }
    export::unseed(tx).await?;
    let mut found: BTreeMap<String, u64> =
        export::copied().map(|table| (table.name().to_owned(), 0)).collect();
    let mut batch: Option<Batch<'_>> = None;
    while let Some((Line { table: name, row }, bytes)) = lines.next()? {
        let number = lines.number;
        if let Some(done) = batch.take_if(|batch| batch.table.name() != name || batch.is_full()) {
            done.write(tx, &lines).await?;
        }
        let Some(table) = export::copied().find(|table| table.name() == name) else {
            return Err(lines.bad(number, format!("there is no table `{name}`")));
        };
        let cells = table.cells(&row).map_err(|what| lines.bad(number, what))?;
        batch.get_or_insert_with(|| Batch::new(table, number)).add(cells, bytes);
        if let Some(rows) = found.get_mut(&name) {
            *rows += 1;
        }
        progress.step();
    }
    if let Some(last) = batch {
        last.write(tx, &lines).await?;
    }
    complete(&header, &found).map_err(|what| lines.bad(1, what))?;
    Ok(header)
}

/// A file that lost lines, or got some, isn't what was exported.
fn complete(header: &Header, found: &BTreeMap<String, u64>) -> Result<(), String> {
    let names: BTreeSet<&String> = header.rows.keys().chain(found.keys()).collect();
    for name in names {
        let rows = |counts: &BTreeMap<String, u64>| counts.get(name).copied().unwrap_or_default();
        let (said, there) = (rows(&header.rows), rows(found));
        if said != there {
            return Err(format!(
                "the file should have {said} rows of {name} and has {there}: it is not whole; \
                 take another copy of it"
            ));
        }
    }
    Ok(())
}

/// Rows of one table on their way into it.
struct Batch<'t> {
    table: &'t Table,
    from: u64,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

impl<'t> Batch<'t> {
    fn new(table: &'t Table, from: u64) -> Self {
        Self { table, from, rows: Vec::new(), bytes: 0 }
    }

    fn add(&mut self, row: Vec<Cell>, bytes: usize) {
        self.rows.push(row);
        self.bytes += bytes;
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.table.batch() || self.bytes >= BATCH
    }

    async fn write(self, tx: &mut Tx, lines: &Lines) -> Result<(), Error> {
        let (from, rows) = (self.from, self.rows.len() as u64);
        export::insert(tx, self.table, self.rows).await.map_err(|error| {
            // What another try may mend is the transaction's to see.
            if error.is_transient() {
                return Error::Database(error);
            }
            let to = from + rows.saturating_sub(1);
            let what = format!("the database refuses a row up to line {to}: {}", error.message());
            lines.bad(from, what)
        })
    }
}

/// A file, line by line.
struct Lines {
    file: PathBuf,
    input: io::Take<BufReader<File>>,
    text: String,
    number: u64,
}

impl Lines {
    fn open(file: &std::path::Path) -> Result<(Header, Self), Error> {
        let input =
            File::open(file).map_err(|source| Error::Input { file: file.to_owned(), source })?;
        let mut lines = Self {
            file: file.to_owned(),
            input: BufReader::new(input).take(LONGEST),
            text: String::new(),
            number: 0,
        };
        let header = match lines.read()? {
            0 => None,
            _ => serde_json::from_str::<Header>(&lines.text).ok(),
        };
        let what = match header {
            Some(header) if header.format == FORMAT => return Ok((header, lines)),
            Some(Header { format, agent, .. }) => format!(
                "format {format}, of kpifire-scim {agent}, is not one that this version \
                 ({}) reads: it reads {FORMAT}",
                env!("CARGO_PKG_VERSION")
            ),
            None => "not an export of kpifire-scim: the header is missing".to_owned(),
        };
        Err(lines.bad(1, what))
    }

    /// The next row and the length of its text; `None` at the end.
    fn next(&mut self) -> Result<Option<(Line, usize)>, Error> {
        let length = self.read()?;
        if length == 0 {
            return Ok(None);
        }
        let row = serde_json::from_str(&self.text);
        let row =
            row.map_err(|error| self.bad(self.number, format!("not a row of an export: {error}")))?;
        Ok(Some((row, length)))
    }

    /// Reads the next line; its length, 0 at the end.
    fn read(&mut self) -> Result<usize, Error> {
        self.text.clear();
        self.number += 1;
        self.input.set_limit(LONGEST);
        let length = match self.input.read_line(&mut self.text) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.bad(self.number, "not UTF-8".to_owned()));
            }
            Err(source) => return Err(Error::Input { file: self.file.clone(), source }),
        };
        if length > 0 && !self.text.ends_with('\n') {
            let what = "the line has no end: the file is cut off; take another copy of it";
            return Err(self.bad(self.number, what.to_owned()));
        }
        Ok(length)
    }

    fn bad(&self, line: u64, what: String) -> Error {
        Error::Line { file: self.file.clone(), line, what }
    }
}

/// Links whose legacy rows aren't there, by resource type: keys of another database.
pub async fn strangers(
    store: &Store,
    layout: Arc<Layout>,
) -> Result<BTreeMap<&'static str, u64>, store::Error> {
    store
        .read(layout, async |tx, layout| {
            let mut found = BTreeMap::new();
            for kind in [ResourceType::User, ResourceType::Group] {
                found.insert(kind.as_str(), snapshot::count_stranded(tx, layout, kind).await?);
            }
            Ok(found)
        })
        .await
}
