//! What `check` proves of authentication: that somebody can get in, and that Entra's keys can be had.

use chrono::{DateTime, Utc};

use super::entra::Entra;
use super::keys;
use crate::config;
use crate::profile::proof::{Finding, Severity};
use crate::service::credentials::{self, Kind};
use crate::service::error::Error;
use crate::store::Store;

/// Who can get in, by this configuration and this database. Reads Entra's keys, if there is `auth.entra`.
pub async fn prove(
    settings: &config::Auth,
    store: &Store,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, Error> {
    let (mut live, kinds) = ([0, 0], [Kind::Token, Kind::Client]);
    for (live, kind) in live.iter_mut().zip(kinds) {
        *live = credentials::list(store, kind).await?.iter().filter(|it| it.is_live(now)).count();
    }
    let [tokens, clients] = live;
    let mut findings = vec![callers(tokens, clients, settings.entra.is_some())];
    if let Some(entra) = &settings.entra {
        findings.extend(of_entra(entra).await?);
    }
    Ok(findings)
}

fn callers(tokens: usize, clients: usize, entra: bool) -> Finding {
    if tokens + clients > 0 || entra {
        return ok("auth", format!("tokens that work: {tokens}; clients: {clients}"));
    }
    Finding {
        severity: Severity::Warning,
        subject: "auth".to_owned(),
        what: "no token, no client, and no auth.entra".to_owned(),
        why: "every request is answered 401".to_owned(),
        fix:
            "kpifire-scim token create --name NAME prints a token for Entra's Secret Token; or set \
              auth.entra and leave Entra's Secret Token blank"
                .to_owned(),
    }
}

async fn of_entra(settings: &config::Entra) -> Result<Vec<Finding>, Error> {
    let config::Entra { tenant, audience, jwks, app, .. } = settings;
    let accepted =
        format!("tokens of the tenant {tenant} for the audience {audience} are accepted");
    let mut findings = vec![match app {
        Some(app) => ok("auth.entra", format!("{accepted}, of the application {app} alone")),
        None => Finding {
            severity: Severity::Warning,
            subject: "auth.entra".to_owned(),
            what: format!("{accepted}, whichever application they were given to"),
            why: "another application of the tenant that gets a token for this audience could change \
                  users"
                .to_owned(),
            fix: "auth.entra.app = \"00000014-0000-0000-c000-000000000000\" (Entra's provisioning \
                  service as its tokens have been seen to name it; the log of a refused token has \
                  the id if yours differs)"
                .to_owned(),
        },
    }];
    let entra = Entra::new(settings.clone()).map_err(|error| Error::Internal(Box::new(error)))?;
    findings.push(match entra.keys.read().await {
        Ok(set) => {
            ok("auth.entra.jwks", format!("{jwks} has the signing keys {}", set.ids().join(", ")))
        }
        Err(error) => no_keys(jwks, &error),
    });
    Ok(findings)
}

fn no_keys(jwks: &config::Jwks, error: &keys::Error) -> Finding {
    let fix = match jwks {
        config::Jwks::Url(_) => {
            "let this machine reach the URL by HTTPS (a proxy: HTTPS_PROXY), or save the keys in a file \
             and name it in auth.entra.jwks"
        }
        config::Jwks::File(_) => "save the tenant's published keys in this file",
    };
    Finding {
        severity: Severity::Error,
        subject: "auth.entra.jwks".to_owned(),
        what: format!("the signing keys can't be read from {jwks}: {error}"),
        why: "tokens that Entra issues are answered 503 until they can be".to_owned(),
        fix: fix.to_owned(),
    }
}

fn ok(subject: &str, what: String) -> Finding {
    let (why, fix) = (String::new(), String::new());
    Finding { severity: Severity::Ok, subject: subject.to_owned(), what, why, fix }
}
