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
use crate::report::words::plural;
use crate::service::Scope;
use crate::service::auth;
use crate::service::credentials::{self, Kind};

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
    let (findings, stands) = context::block_on(async {
        let failed = |error| Error::failed("the database could not be examined", error);
        let store = context::store(&loaded.config)?;
        let server = context::fit(&store).await?;
        output::line(&format!("ok     database: {server}"))?;
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
        let mut stands = Stands { sidecar: live.sidecar, way_in: WayIn::None };
        if loaded.config.auth.entra.is_some() {
            stands.way_in = WayIn::There;
        }
        // It reads the sidecar's tables.
        if live.sidecar {
            for kind in [Kind::Token, Kind::Client] {
                let made = credentials::list(&store, kind).await;
                let made = made.map_err(|error| Error::service("tokens can't be read", error))?;
                if made.iter().any(|it| it.scope == Scope::Provision && it.is_live(Utc::now())) {
                    stands.way_in = WayIn::There;
                }
            }
            let proved = auth::prove(&loaded.config.auth, &store, Utc::now()).await;
            findings.extend(proved.map_err(|error| {
                Error::service("tokens and clients could not be examined", error)
            })?);
        }
        Ok((findings, stands))
    })?;
    let told: String = findings.iter().map(render).collect();
    output::print(&visible_lines(&told))?;
    let errors = count(&findings, Severity::Error);
    let warnings = count(&findings, Severity::Warning);
    output::remark(&next(&loaded.config, errors, args, &stands));
    if errors == 0 {
        return output::line(&format!("{}, no errors", plural(warnings as u64, "warning")));
    }
    let (errors, warnings) = (plural(errors as u64, "error"), plural(warnings as u64, "warning"));
    Err(Error::refused(format!("check found {errors} and {warnings}")))
}

/// How far an install is.
struct Stands {
    /// Whether the sidecar tables are up to date.
    sidecar: bool,
    way_in: WayIn,
}

/// Whether a client could authenticate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WayIn {
    None,
    There,
}

/// What to do next, a step a line, as it is typed.
fn next(config: &Config, errors: usize, args: &Args, stands: &Stands) -> String {
    let mut steps = Vec::new();
    // The tables that aren't there yet are one error, and a step of their own.
    if errors > usize::from(!stands.sidecar) {
        steps.push("mend the errors above, and check again".to_owned());
    }
    if !args.rehearse {
        steps.push("kpifire-scim check --rehearse   (by doing; it is rolled back)".to_owned());
    }
    if !stands.sidecar {
        steps.push("kpifire-scim migrate   (or migrate --print for a DBA)".to_owned());
    }
    if stands.way_in == WayIn::None {
        steps.push("kpifire-scim token create --name entra --expires 365d".to_owned());
    }
    let host = config.public_url.as_deref().unwrap_or("https://THIS-SERVER");
    steps.push(format!(
        "in Entra, Provisioning → Admin credentials: Tenant URL {host}{}, Secret Token what token \
         create printed; then Test Connection",
        config.base_path
    ));
    let numbered = steps.iter().zip(1..).map(|(step, number)| format!("  {number}. {step}"));
    format!("Next:\n{}", numbered.collect::<Vec<_>>().join("\n"))
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
