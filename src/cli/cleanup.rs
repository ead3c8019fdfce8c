//! `cleanup`: what is due for users whom Entra disabled, read first, then done; holds; undoing.

use std::io::{self, Write};
use std::sync::Arc;

use chrono::Utc;
use serde_json::json;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::progress::Watched;
use super::{output, time};
use crate::clock::system_clock;
use crate::drift::Verdict;
use crate::drift::plan::{Plan, Readiness, Stage, Threshold, by_stage, counted};
use crate::mapper::Layout;
use crate::reconcile::Settings;
use crate::reconcile::cleanup::apply::{self, Applied, Outcome};
use crate::reconcile::cleanup::{hold, undo};
use crate::report::rows::{RowWriter, typed};
use crate::report::{Format, visible, write_json};
use crate::service::{self, Actor, Came};
use crate::store::Store;

/// `cleanup …`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show what is due now, and whether it may be done; writes nothing
    #[command(after_help = "Exit codes: 0 nothing is due or it may be done, 4 blocked.")]
    Plan {
        /// What the plan looks like
        #[arg(long, value_parser = output::one_of(&FORMATS), default_value = "text")]
        format: Format,
    },
    /// Do what a plan says, if it would still say the same
    #[command(
        after_help = "Exit codes: 0 done or nothing is due, 1 the plan differs now, 4 blocked."
    )]
    Apply {
        /// The plan's hash, as `cleanup plan` prints it
        #[arg(long, value_name = "HASH")]
        plan: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Leave an account alone until it is released
    Hold {
        /// A userName or id
        user: String,
        /// Why, for those who come after
        #[arg(long, value_name = "REASON")]
        reason: String,
    },
    /// Let cleanup have an account again
    Release {
        /// A userName or id
        user: String,
    },
    /// Take a run back: memberships, owners and personal data, where nothing changed since
    Undo {
        /// The run, as `cleanup apply` printed it
        run: String,
    },
}

const FORMATS: [(Format, &str); 4] = [
    (Format::Text, "For a person"),
    (Format::Json, "One object"),
    (Format::Ndjson, "The plan on the first line, then a step or deferral a line"),
    (Format::Csv, "A row a step or deferral (RFC 4180)"),
];

/// Does it; the exit code says how it came out.
///
/// # Errors
/// 64 for the configuration; 1 for the database, a user who isn't there, a plan that differs.
pub fn run(command: Command, globals: &Globals) -> Result<u8, Error> {
    context::block_on(async {
        let loaded = context::load(globals)?;
        let store = context::migrated(&loaded.config).await?;
        let settings = Arc::new(context::settings(&store, &loaded).await?);
        match command {
            Command::Plan { format } => plan(&store, &settings, format).await,
            Command::Apply { plan, yes } => {
                let consent = if yes { Consent::Given } else { Consent::Asked };
                apply(&store, &settings, &plan, consent).await
            }
            Command::Hold { user, reason } => hold(&store, &settings, &user, &reason).await,
            Command::Release { user } => release(&store, &settings, &user).await,
            Command::Undo { run } => undo(&store, &settings, &run).await,
        }
    })
}

fn failed(error: crate::store::Error) -> Error {
    Error::failed("cleanup failed", error)
}

async fn plan(store: &Store, settings: &Arc<Settings>, format: Format) -> Result<u8, Error> {
    let watched = Watched::uncounted("reading who is due");
    let plan = apply::current(store, settings, Utc::now()).await;
    watched.end().await;
    let plan = plan.map_err(failed)?;
    output::write(|out| show(&plan, format, out))?;
    Ok(code(plan.verdict))
}

fn code(verdict: Readiness) -> u8 {
    match verdict {
        Readiness::Empty | Readiness::Ready => 0,
        Readiness::Blocked => Verdict::Blocked.exit_code(),
    }
}

/// Written line by line: there may be very many steps.
fn show(plan: &Plan, format: Format, out: &mut dyn Write) -> io::Result<()> {
    if format == Format::Json {
        write_json(out, plan)?;
        return writeln!(out);
    }
    let columns = ["stage", "scimId", "name", "due", "detail", "deferred"];
    let Some(mut rows) = RowWriter::begin(&mut *out, format, &columns)? else {
        return text(plan, out);
    };
    rows.object(|| {
        let whole = json!({
            "version": plan.version,
            "hash": plan.hash,
            "verdict": plan.verdict,
            "reasons": plan.reasons,
            "thresholds": plan.thresholds,
        });
        json!(typed("plan", whole))
    })?;
    for step in &plan.steps {
        rows.object(|| json!(typed("step", step)))?;
        let (name, due) = (step.name.as_deref().unwrap_or_default(), time::show(step.due));
        rows.cells(|| [step.stage.as_str(), &step.scim_id, name, &due, &step.detail, ""])?;
    }
    for it in &plan.deferred {
        rows.object(|| json!(typed("deferral", it)))?;
        let name = it.name.as_deref().unwrap_or_default();
        let reason = it.reason.to_string();
        rows.cells(|| [it.stage.as_str(), &it.scim_id, name, "", "", &reason])?;
    }
    rows.end()
}

fn text(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}  plan {}", plan.verdict.as_str(), plan.hash)?;
    for reason in &plan.reasons {
        writeln!(out, "  {}", visible(reason))?;
    }
    for threshold in &plan.thresholds {
        let Threshold { name, count, limit } = threshold;
        let (name, unit) = (name.as_str(), name.unit());
        writeln!(out, "  {name}: {count}{unit} of {limit}{unit}")?;
    }
    if plan.steps.is_empty() {
        writeln!(out, "\nNothing is due.")?;
    } else {
        writeln!(out, "\nDue: {}", counted(&by_stage(&plan.steps)))?;
        output::write_table(out, ["STAGE", "ID", "NAME", "DUE SINCE", "WHAT"], || {
            plan.steps.iter().map(|step| {
                let (name, due) = (step.name.as_deref().unwrap_or("-"), time::show(step.due));
                [step.stage.as_str(), &step.scim_id, name, &due, &step.detail]
                    .map(|cell| visible(cell).into_owned())
            })
        })?;
    }
    if !plan.deferred.is_empty() {
        writeln!(out)?;
        output::write_table(out, ["STAGE", "ID", "NAME", "DEFERRED BECAUSE"], || {
            plan.deferred.iter().map(|it| {
                let (name, reason) = (it.name.as_deref().unwrap_or("-"), it.reason.to_string());
                [it.stage.as_str(), &it.scim_id, name, &reason]
                    .map(|cell| visible(cell).into_owned())
            })
        })?;
    }
    if plan.verdict == Readiness::Ready {
        writeln!(out, "\nTo do this: kpifire-scim cleanup apply --plan {}", plan.hash)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consent {
    Given,
    Asked,
}

async fn apply(
    store: &Store,
    settings: &Arc<Settings>,
    hash: &str,
    consent: Consent,
) -> Result<u8, Error> {
    let question = format!("Apply the plan {hash}?");
    if consent == Consent::Asked && !output::confirm(&question, "apply the plan")? {
        return Err(Error::refused("nothing was done"));
    }
    let watched = Watched::new("steps");
    let progress = watched.progress();
    let outcome =
        apply::apply(store, settings, hash, &Actor::Agent, &system_clock(), &progress).await;
    watched.end().await;
    match outcome.map_err(failed)? {
        Outcome::Empty => {
            output::line("Nothing is due.")?;
            Ok(0)
        }
        Outcome::Differs(now) => Err(Error::refused(format!(
            "the plan would now be another one ({now}): read it with `kpifire-scim cleanup plan`; \
             nothing was done"
        ))),
        Outcome::Blocked(plan) => {
            output::write(|out| text(&plan, out))?;
            Ok(code(plan.verdict))
        }
        Outcome::Held { by, until } => Err(Error::refused(format!(
            "cleanup is under way already, by {by} (its lease lasts until {} unless renewed)",
            time::show(until.and_utc())
        ))),
        Outcome::Applied(applied) => {
            output::print(&outcome_text(&applied))?;
            match applied.stopped {
                Some(why) => Err(Error::refused(format!("stopped before the end: {why}"))),
                None => Ok(0),
            }
        }
    }
}

fn outcome_text(applied: &Applied) -> String {
    let counted = counted(&applied.done);
    let mut text = format!("done: {}\n", if counted.is_empty() { "nothing" } else { &counted });
    for it in &applied.deferred {
        let name = it.name.as_deref().unwrap_or("-");
        let line = format!("{} {} {name}: {}", it.stage.as_str(), it.scim_id, it.reason);
        text += &format!("deferred: {}\n", visible(&line));
    }
    if applied.done.keys().any(|stage| *stage != Stage::Delete) {
        text += &format!("\nTo take it back: kpifire-scim cleanup undo {}\n", applied.run);
    }
    text
}

/// The one user that an operator means.
async fn user(store: &Store, layout: &Arc<Layout>, wanted: &str) -> Result<String, Error> {
    let found = hold::meant(store, layout, wanted).await.map_err(not_done)?;
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::refused(format!("kpifire has no user `{wanted}`"))),
        ids => {
            let ids = ids.join(", ");
            Err(Error::refused(format!(
                "more than one user is called `{wanted}`: name an id ({ids})"
            )))
        }
    }
}

fn not_done(error: service::Error) -> Error {
    Error::service("cleanup failed", error)
}

async fn hold(store: &Store, settings: &Settings, wanted: &str, reason: &str) -> Result<u8, Error> {
    let id = user(store, &settings.layout, wanted).await?;
    hold::hold(store, &id, reason, None, &Actor::Agent, Utc::now()).await.map_err(not_done)?;
    output::line(&format!("user {id} is on hold: {}", visible(reason)))?;
    Ok(0)
}

async fn release(store: &Store, settings: &Settings, wanted: &str) -> Result<u8, Error> {
    let id = user(store, &settings.layout, wanted).await?;
    let came = hold::release(store, &id, None, &Actor::Agent, Utc::now()).await;
    let was = came.map_err(not_done)? == Came::Done(());
    output::line(&format!("user {id} {}", if was { "is released" } else { "was not on hold" }))?;
    Ok(0)
}

async fn undo(store: &Store, settings: &Arc<Settings>, run: &str) -> Result<u8, Error> {
    let watched = Watched::uncounted("undoing");
    let undone = undo::undo(store, settings, run, &Actor::Agent, Utc::now()).await;
    watched.end().await;
    let undone = undone.map_err(|error| Error::service("undoing failed", error))?;
    if undone.is_empty() {
        return Err(Error::refused(format!("cleanup has no run `{run}`")));
    }
    let mut refused = 0;
    for step in &undone {
        let outcome = match &step.refused {
            None if step.left.is_empty() => "undone; the account is on hold".to_owned(),
            None => {
                refused += 1;
                format!("undone, and the account is on hold, but {}", step.left.join("; "))
            }
            Some(why) => {
                refused += 1;
                format!("left as it is: {why}")
            }
        };
        output::line(&format!("{} {}: {}", step.step, step.id, visible(&outcome)))?;
    }
    if refused == 0 {
        return Ok(0);
    }
    Err(Error::refused(format!(
        "{refused} of {} steps were left as they are, or a part of them",
        undone.len()
    )))
}
