//! `check`: proves configuration, profile, database and grants, and prints what it found.

use chrono::Utc;

use super::context;
use super::error::Error;
use super::globals::Globals;
use super::{output, status};
use crate::config::Config;
use crate::notify::Outlet;
use crate::profile::proof::{Finding, Severity, prove};
use crate::rehearsal::rehearse;
use crate::report::visible_lines;
use crate::service::auth;

/// `check`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Prove only what needs no database: the configuration and the profile
    #[arg(long)]
    offline: bool,
    /// Prove it by doing: live a whole life on the real tables, in one transaction that is rolled back
    #[arg(long, conflicts_with = "offline")]
    rehearse: bool,
}

/// Prints a line for each thing proved, with its reason and its fix where it isn't as it should be.
///
/// # Errors
/// 64 for the configuration or the profile; 1 when anything found is an error.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    let loaded = context::load(globals)?;
    output::line(&format!("ok     configuration, with the profile {}", loaded.profile.origin))?;
    let schedule = &loaded.config.schedule;
    for (key, line) in [("reconcile", &schedule.reconcile), ("cleanup", &schedule.cleanup)] {
        let next = status::next_times(line.as_ref(), schedule, Utc::now());
        output::line(&format!("ok     schedule.{key}: next {next}"))?;
    }
    for line in told(&loaded.config)? {
        output::line(&line)?;
    }
    if let Some(tls) = super::serve::tls(&loaded.config)? {
        let certificate = tls.certificate;
        let end = certificate.not_after().format("%Y-%m-%d");
        let fine = || format!("ok     tls: certificate and key, until {end}");
        let warning = certificate.warning(Utc::now());
        output::line(&warning.map_or_else(fine, |warning| format!("warn   tls: {warning}")))?;
    }
    if args.offline {
        return Ok(());
    }
    let findings = context::block_on(async {
        let failed = |error| Error::failed("the database could not be examined", error);
        let store = context::store(&loaded.config)?;
        let catalogue = store.catalogue().await.map_err(failed)?;
        let fold =
            |column: &str| store.fold_expression(column).unwrap_or_else(|| column.to_owned());
        // Rights first: without them the rest isn't to be seen.
        let live = store.prove(&loaded.profile, &catalogue, Utc::now()).await.map_err(failed)?;
        let mut findings = live.findings;
        findings.extend(prove(&loaded.profile, &catalogue, fold));
        if args.rehearse {
            let rehearsed =
                rehearse(&store, loaded.profile, &catalogue, &loaded.config, Utc::now());
            findings.extend(
                rehearsed.await.map_err(|error| Error::service("nothing was rehearsed", error))?,
            );
        }
        // It reads the sidecar's tables.
        if live.sidecar {
            let proved = auth::prove(&loaded.config.auth, &store, Utc::now()).await;
            findings.extend(proved.map_err(|error| {
                Error::service("tokens and clients could not be examined", error)
            })?);
        }
        Ok(findings)
    })?;
    let told: String = findings.iter().map(render).collect();
    output::print(&visible_lines(&told))?;
    let errors = count(&findings, Severity::Error);
    let warnings = count(&findings, Severity::Warning);
    if errors == 0 {
        return output::line(&format!("{warnings} warnings, no errors"));
    }
    Err(Error::refused(format!("check found {errors} errors and {warnings} warnings")))
}

/// Who is told, and when.
fn told(config: &Config) -> Result<Vec<String>, Error> {
    let outlets = Outlet::all(&config.notify).map_err(Error::usage)?;
    if outlets.is_empty() {
        let line = "ok     notify: nobody is told of drift; `notify.smtp` and `notify.webhook` are for \
                    that";
        return Ok(vec![line.to_owned()]);
    }
    let channel = |outlet: &Outlet| {
        let (channel, name) = (outlet.channel().as_str(), outlet.name());
        format!("ok     notify: {channel} to {name}; to try it: kpifire-scim notify test")
    };
    let mut lines: Vec<String> = outlets.iter().map(channel).collect();
    let next = status::next_times(config.notify.digest.as_ref(), &config.schedule, Utc::now());
    lines.push(format!("ok     notify.digest: next {next}"));
    Ok(lines)
}

/// How many findings are so bad.
pub(super) fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// A finding's lines.
pub(super) fn render(finding: &Finding) -> String {
    let word = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warning => "warn",
        Severity::Error => "error",
    };
    let subject =
        if finding.subject.is_empty() { String::new() } else { format!("{}: ", finding.subject) };
    let mut text = format!("{word:<5}  {subject}{}\n", finding.what);
    for (label, detail) in [("why", &finding.why), ("fix", &finding.fix)] {
        if !detail.is_empty() {
            let detail = detail.replace('\n', "\n            ");
            for part in ["       ", label, ": ", &detail, "\n"] {
                text.push_str(part);
            }
        }
    }
    text
}
