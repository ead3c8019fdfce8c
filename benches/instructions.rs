//! How many instructions the agent takes for a request, counted by valgrind's callgrind: the real
//! binary over HTTP on a real database, as the other benchmarks run it. Unlike times, counts are the
//! same on a busy machine. Prints a table for a person (`benches/README.md` explains it) and judges
//! nothing.

mod count;
#[expect(dead_code, reason = "what only the other benchmarks use")]
mod support;

use std::process::ExitCode;

use clap::Parser as _;

use count::options::Options;
use count::{run, table};
use support::Result;

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                outcome = all(&options) => outcome,
                _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn all(options: &Options) -> Result<()> {
    for (engine, server) in options.servers()? {
        let report = run::count_all(engine, server.as_deref(), options).await?;
        print!("{}", table::render(&report, options));
    }
    Ok(())
}
