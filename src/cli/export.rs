//! `export`: the sidecar tables as a file, for a backup or for another database.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::output;
use super::progress::Watched;
use crate::backup::{self, Header};
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
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let done = match written(store, BufWriter::new(out.map_err(failed)?)).await {
        Ok(header) => File::open(&part)
            .and_then(|written| written.sync_all())
            .and_then(|()| std::fs::rename(&part, file))
            .map(|()| header)
            .map_err(failed),
        Err(error) => Err(error),
    };
    if done.is_err() {
        drop(std::fs::remove_file(&part));
    }
    done
}
