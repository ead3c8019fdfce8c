//! What a run of the reconciler and of cleanup costs on a large install: the real binary beside a
//! bare comparison in SQL of the same data, in one run. Prints a table for a person
//! (`benches/README.md` explains it); fails when a run doesn't find exactly what was planted, and
//! judges no times: those are a machine's, not the code's.

mod drift;
#[expect(dead_code, reason = "what only the other benchmark uses")]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use drift::options::Options;
use drift::progress::Progress;
use drift::{run, table};
use support::Result;

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(async {
            tokio::select! {
                outcome = all(&options) => outcome,
                _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reconcile: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn all(options: &Options) -> Result<()> {
    let servers = options.servers()?;
    let progress = Progress::new();
    for (engine, server) in servers {
        let report = run::measure_all(engine, server.as_deref(), options, &progress).await?;
        progress.suspend(|| print!("{}", table::render(&report)));
    }
    Ok(())
}
