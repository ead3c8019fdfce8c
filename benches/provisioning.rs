//! What provisioning costs: the real binary over HTTP beside the bare SQL of the same changes, on
//! every database, in one run. Prints tables for a person (`benches/README.md` explains them) and
//! judges nothing: times are a machine's, not the code's.

#[expect(dead_code, reason = "what only the other benchmarks use")]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use support::options::Options;
use support::progress::Progress;
use support::{Result, run, table};

fn main() -> ExitCode {
    let options = Options::parse();
    // The callers share two cores with the agent and the database, as the aims ask.
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
            eprintln!("provisioning: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn all(options: &Options) -> Result<()> {
    // Asked before anything runs, so that a missing URL doesn't show after minutes.
    let servers = options.servers()?;
    print!("{}", table::heading(options));
    let progress = Progress::new(servers.len(), options);
    for (engine, server) in servers {
        let report = run::measure_all(engine, server.as_deref(), options, &progress).await?;
        progress.suspend(|| print!("{}", table::render(&report)));
    }
    Ok(())
}
