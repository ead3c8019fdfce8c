//! `import`: an export's rows into empty sidecar tables.

use std::path::PathBuf;

use super::context::{self, Loaded};
use super::error::Error;
use super::globals::Globals;
use super::progress::Watched;
use super::{output, time};
use crate::backup;
use crate::store::Store;

/// `import`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What `kpifire-scim export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// Takes it in, and says how many links lead nowhere in this database.
///
/// # Errors
/// 64 for the configuration and when nobody can be asked; 1 for the database, and a file or tables
/// that can't be used: then nothing is changed.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let loaded = context::load(globals)?;
        let store = context::migrated(&loaded.config).await?;
        let failed = |error| Error::failed("nothing was imported", error);
        let header = backup::header(&args.file).map_err(failed)?;
        let question = format!(
            "Import {} rows, exported {} by kpifire-scim {}?",
            header.total(),
            time::show(header.exported),
            header.agent
        );
        if !args.yes && !output::confirm(&question, "import the file")? {
            return Err(Error::refused("nothing was imported"));
        }
        let watched = Watched::new("rows");
        let done = backup::import(&store, args.file.clone(), watched.progress()).await;
        watched.end().await;
        let header = done.map_err(failed)?;
        for (table, rows) in &header.rows {
            output::line(&format!("{table}: {rows}"))?;
        }
        report_strangers(&store, &loaded).await;
        Ok(())
    })
}

/// The rows are in; what this finds is for a person to judge.
async fn report_strangers(store: &Store, loaded: &Loaded) {
    let counted = match context::layout(store, loaded).await {
        Ok(layout) => backup::strangers(store, layout).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let text = match counted {
        Ok(found) if found.values().all(|links| *links == 0) => {
            "every link has its row in kpifire's tables".to_owned()
        }
        Ok(found) => {
            let found = found.iter().map(|(kind, links)| format!("{links} of type {kind}"));
            format!(
                "links without a row in kpifire's tables: {}; if there are many, this is another \
                 kpifire than the one that was exported; `kpifire-scim reconcile` names them",
                found.collect::<Vec<_>>().join(", ")
            )
        }
        Err(error) => {
            format!("whether every link has its row in kpifire's tables could not be told: {error}")
        }
    };
    output::remark(&text);
}
