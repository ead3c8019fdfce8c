//! `export`: the sidecar tables as a file, for a backup or for another database.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use super::progress::Watched;
use crate::backup::{self, Header};
use crate::file::Draft;
use crate::store::Store;

/// `export`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write to this file, readable by its owner alone, instead of stdout; it appears when it is
    /// whole, and takes the place of one that is there
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes it.
///
/// # Errors
/// 64 for the configuration; 1 for the database and the file.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let store = context::open_migrated(globals).await?;
        let header = match &args.out {
            None => written(&store, BufWriter::new(std::io::stdout())).await?,
            Some(file) => to_file(&store, file).await?,
        };
        for (table, rows) in &header.rows {
            output::remark(&format!("{table}: {rows}"));
        }
        output::remark(
            "the export holds the hashes of tokens and personal data: keep it as you keep the \
             database",
        );
        Ok(())
    })
}

async fn written(store: &Store, out: impl Write + Send + 'static) -> Result<Header, Error> {
    let watched = Watched::new("rows");
    let done = backup::export(store, out, Utc::now(), watched.progress()).await;
    watched.end().await;
    done.map_err(|error| Error::failed("nothing was exported", error))
}

/// Under another name until it is whole: half an export must not be taken for one.
async fn to_file(store: &Store, file: &Path) -> Result<Header, Error> {
    let failed =
        |error: std::io::Error| Error::failed(format!("can't write {}", file.display()), error);
    let draft = Draft::of(file).map_err(failed)?;
    let header = written(store, BufWriter::new(draft.writer().map_err(failed)?)).await?;
    draft.keep().map_err(failed)?;
    Ok(header)
}
