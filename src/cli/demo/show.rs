//! What the demo prints: where it is reached and how, and what Entra's cycle left in kpifire's own
//! tables. Changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::place::Place;
use super::program::quoted;
use crate::admin::health::READY;
use crate::cli::error::Error;
use crate::cli::output;
use crate::service::audit::{AuditRow, Trail};
use crate::store::{self, Store};

/// Where the demo is reached.
pub struct Doors<'a> {
    /// The SCIM listener, scheme and authority.
    pub scim: &'a str,
    /// The same with the base path: what Entra calls the tenant URL.
    pub base: &'a str,
    /// The console, scheme and authority.
    pub console: &'a str,
}

/// Base URL, tokens, console, and what to paste. `program` is what the reader types to start this.
pub fn entrance(
    place: &Place,
    program: &str,
    doors: &Doors<'_>,
    (token, operator): (&str, &str),
) -> String {
    let rows = [
        ("base URL", doors.base.to_owned()),
        ("token", token.to_owned()),
        ("its file", place.token.display().to_string()),
        ("console", format!("{}/ (for a browser on this machine)", doors.console)),
        ("operator", format!("{operator} (to sign in there, and to mend)")),
        ("database", place.database.display().to_string()),
        ("configuration", place.config.display().to_string()),
    ];
    let config = quoted(&place.config);
    format!(
        "{}\nTo paste into another terminal:\n\n{}\n\
         \x20 {program} status --config {config}\n\
         \x20 {program} audit --config {config} --user quality.lead@plant.example\n\n",
        output::named(rows),
        requests(&place.token, doors),
    )
}

fn requests(token: &Path, doors: &Doors<'_>) -> String {
    let Doors { scim, base, .. } = doors;
    let auth = format!("-H \"Authorization: Bearer $(cat {})\"", quoted(token));
    let json = "-H 'Content-Type: application/scim+json'";
    let user = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"new.hire@plant.example","active":true,"name":{"givenName":"New","familyName":"Hire"}}"#;
    let patch = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"title","value":"Quality Director"}]}"#;
    let lines = [
        format!("{auth} '{base}/Users?count=3'"),
        format!(
            "{auth} -G '{base}/Users' --data-urlencode \
             'filter=userName eq \"quality.lead@plant.example\"'"
        ),
        format!("{auth} {json} '{base}/Users' -d '{user}'"),
        format!("{auth} {json} -X PATCH '{base}/Users/3' -d '{patch}'"),
        format!("{auth} -G '{base}/Groups' -d excludedAttributes=members"),
        format!("{auth} '{base}/ServiceProviderConfig'"),
        format!("'{scim}{READY}'"),
    ];
    lines.map(|line| format!("  curl -sS {line}\n")).concat()
}

/// kpifire's rows as they are now, and the audit rows since a time.
///
/// # Errors
/// 1 for the database.
pub async fn outcome(store: &Store, since: DateTime<Utc>) -> Result<String, Error> {
    let users = titled(
        "kpifire's users",
        &[
            "ID",
            "EMAIL",
            "FIRST",
            "LAST",
            "TITLE",
            "PHONE",
            "DEPARTMENT",
            "LICENSE",
            "STATUS",
            "BY",
        ],
        rows(store, include_str!("users.sql")).await?,
    );
    let teams = titled(
        "kpifire's teams",
        &["ID", "NAME", "DESCRIPTION", "LEADER", "ARCHIVED", "MEMBERS"],
        rows(store, include_str!("teams.sql")).await?,
    );
    let memberships = titled(
        "kpifire's memberships",
        &["TEAM", "USER", "ROLE", "STATUS", "JOINED"],
        rows(store, include_str!("memberships.sql")).await?,
    );
    let failed = |error| Error::service("can't read the audit trail", error);
    let mut trail = Trail::since(store, Some(since));
    let mut audited = Vec::new();
    loop {
        let page = trail.next().await.map_err(failed)?;
        if page.is_empty() {
            break;
        }
        audited.extend(page);
    }
    Ok(format!("\n{users}\n{teams}\n{memberships}\n{}\n", counted(&audited)))
}

async fn rows(store: &Store, sql: &'static str) -> Result<Vec<Vec<String>>, Error> {
    store::demo::rows(store, sql)
        .await
        .map_err(|error| Error::failed("can't read kpifire's tables", error))
}

fn titled<R: AsRef<[String]>>(
    title: &str,
    heading: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> String {
    format!("{title}\n{}", output::table(heading, rows))
}

/// The audit rows by what was done to what.
fn counted(audited: &[AuditRow]) -> String {
    if audited.is_empty() {
        return "Nothing had changed, so the audit trail has no new rows.\n".to_owned();
    }
    let mut counts: BTreeMap<[&str; 3], usize> = BTreeMap::new();
    for row in audited {
        let kind = row.resource_type.as_deref().unwrap_or("-");
        *counts.entry([kind, &row.operation, &row.outcome]).or_default() += 1;
    }
    let rows = counts.iter().map(|([resource, operation, outcome], count)| {
        [*resource, operation, outcome, &count.to_string()].map(str::to_owned)
    });
    let title = format!("audit trail, new since the demo began: {}", audited.len());
    titled(&title, &["RESOURCE", "OPERATION", "OUTCOME", "ROWS"], rows)
}
