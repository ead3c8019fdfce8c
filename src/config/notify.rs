//! `[notify]`: whom the agent tells, and how it reaches them.
//!
//! Owns what a mail server's URL means. Whether anybody answers there is found out when something
//! is sent.

use std::cell::Cell;

use lettre::message::Mailbox;
use percent_encoding::percent_decode_str;
use strum::{EnumString, IntoStaticStr};
use url::Url;

use super::cron::Cron;
use super::jobs::optional_cron;
use super::layers::Layers;
use super::read::{Noted, Reader, SecretKeys};
use super::url::{Secret, without_password};

/// `[notify]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// `notify.smtp`. Absent: no mail.
    pub smtp: Option<Smtp>,
    /// `notify.webhook`. Absent: no webhook.
    pub webhook: Option<Webhook>,
    /// `notify.digest`: when the weekly digest goes out. Default `0 7 * * mon`; empty: never.
    pub digest: Option<Cron>,
}

/// `[notify.smtp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// `notify.smtp.url`: `smtp://USER:PASSWORD@HOST:587` (STARTTLS) or `smtps://…`.
    pub server: MailServer,
    /// `notify.smtp.from`
    pub from: Mailbox,
    /// `notify.smtp.to`
    pub to: Vec<Mailbox>,
}

/// A mail server, as its URL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// A name or an address, IPv6 without brackets: what the certificate must name.
    pub host: String,
    /// Default 587, with implicit TLS 465.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: MailTls,
    /// User and password; `None`: the server takes mail without.
    pub login: Option<(String, Secret)>,
}

/// How a connection to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// `smtps://`: TLS from the first byte (RFC 8314 §3.3).
    Implicit,
    /// `smtp://`: STARTTLS, or nothing is sent.
    StartTls,
    /// `smtp://…?tls=none`: in the clear, for a relay in the same network that has no TLS.
    None,
}

/// `[notify.webhook]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `notify.webhook.url`: a secret, as such URLs carry their key.
    pub url: Secret,
    /// `notify.webhook.format`. Default `json`.
    pub format: WebhookFormat,
    /// `notify.webhook.secret`: what messages are signed with. Absent: they aren't.
    pub secret: Option<Secret>,
}

/// What a webhook gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum WebhookFormat {
    /// The agent's own message, for programs.
    Json,
    /// An Adaptive Card, as a Teams workflow takes it.
    Teams,
    /// Slack's blocks, which Mattermost and others read too.
    Slack,
}

impl WebhookFormat {
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

const SMTP_URL: SecretKeys = SecretKeys {
    value: "notify.smtp.url",
    file: "notify.smtp.url_file",
    credential: "notify_smtp_url",
};
const WEBHOOK_URL: SecretKeys = SecretKeys {
    value: "notify.webhook.url",
    file: "notify.webhook.url_file",
    credential: "notify_webhook_url",
};
const WEBHOOK_SECRET: SecretKeys = SecretKeys {
    value: "notify.webhook.secret",
    file: "notify.webhook.secret_file",
    credential: "notify_webhook_secret",
};

impl Notify {
    pub(super) fn read(reader: &mut Reader, layers: &Layers) -> Option<Self> {
        let smtp = smtp(reader, layers);
        let webhook = webhook(reader, layers);
        let digest = reader.parsed("notify.digest", "0 7 * * mon", optional_cron);
        Some(Self { smtp: smtp.ok()?, webhook: webhook.ok()?, digest: digest? })
    }
}

fn smtp(reader: &mut Reader, layers: &Layers) -> Result<Option<Smtp>, Noted> {
    let url = secret_url(reader, layers, &SMTP_URL, &["smtp://", "smtps://"]);
    // What is there and wrong isn't missing.
    let from_is_there = Cell::new(false);
    let from = reader.optional("notify.smtp.from", |text| {
        from_is_there.set(true);
        mailbox(text)
    });
    let list = reader.list("notify.smtp.to").ok_or(Noted)?;
    let to_is_there = !list.is_empty();
    let mut to = Vec::new();
    for (text, origin) in list {
        match mailbox(&text) {
            Ok(mailbox) => to.push(mailbox),
            Err(message) => reader.problem("notify.smtp.to", Some(origin), message),
        }
    }
    let url = url?;
    let there = [("url", url.is_some()), ("from", from_is_there.get()), ("to", to_is_there)];
    if there.iter().all(|(_, there)| !there) {
        return Ok(None);
    }
    for (key, _) in there.into_iter().filter(|(_, there)| !there) {
        let message = "is missing; mail needs `notify.smtp.url`, `from` and `to`";
        reader.problem(&format!("notify.smtp.{key}"), None, message);
    }
    let (url, origin) = url.ok_or(Noted)?;
    match mail_server(&url) {
        Ok(server) => {
            reader.note("notify.smtp.url", &without_password(&url));
            Ok(Some(Smtp { server, from: from.ok_or(Noted)?, to }))
        }
        Err(message) => {
            reader.problem("notify.smtp.url", Some(origin), message);
            Err(Noted)
        }
    }
}

/// What the URL says; the message doesn't repeat it, since it has a password.
fn mail_server(text: &str) -> Result<MailServer, String> {
    let url = Url::parse(text).map_err(|error| {
        format!(
            "can't be read ({error}): it must be smtp://USER:PASSWORD@HOST:PORT, with what isn't a \
             letter or digit in user and password percent-encoded (`@` is %40, `/` is %2F)"
        )
    })?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("has no host")?;
    if url.fragment().is_some() || !matches!(url.path(), "" | "/") {
        return Err("has something behind host and port: percent-encode what isn't a letter or \
                    digit in user and password (`/` is %2F, `#` is %23)"
            .to_owned());
    }
    let implicit = url.scheme() == "smtps";
    let tls = match url.query() {
        None => {
            if implicit {
                MailTls::Implicit
            } else {
                MailTls::StartTls
            }
        }
        Some("tls=none") if !implicit => MailTls::None,
        Some(_) => {
            return Err("may end with ?tls=none on smtp://, for a relay without TLS, and with \
                        nothing else"
                .to_owned());
        }
    };
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| "has a user or password that isn't UTF-8")
    };
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (user, Some(password)) if !user.is_empty() => {
            Some((decoded(user)?, Secret::new(decoded(password)?)))
        }
        _ => return Err("has a user without a password, or the other way round".to_owned()),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let near =
        host == "localhost" || host.parse().is_ok_and(|it: std::net::IpAddr| it.is_loopback());
    if login.is_some() && tls == MailTls::None && !near {
        return Err(
            "would send its password in the clear: take ?tls=none or the user away".to_owned()
        );
    }
    Ok(MailServer {
        host,
        port: url.port().unwrap_or(if implicit { 465 } else { 587 }),
        tls,
        login,
    })
}

fn webhook(reader: &mut Reader, layers: &Layers) -> Result<Option<Webhook>, Noted> {
    let url = secret_url(reader, layers, &WEBHOOK_URL, &["https://", "http://"]);
    let format = reader.parsed("notify.webhook.format", "json", |text| {
        text.parse().map_err(|_| format!("must be json, teams or slack, not `{text}`"))
    });
    let secret = reader.secret(layers, &WEBHOOK_SECRET)?;
    let Some((url, origin)) = url? else {
        if secret.is_some() {
            let message = "is missing beside `notify.webhook.secret`";
            reader.problem("notify.webhook.url", None, message);
            return Err(Noted);
        }
        return Ok(None);
    };
    if let Err(error) = Url::parse(&url) {
        reader.problem("notify.webhook.url", Some(origin), format!("can't be read: {error}"));
        return Err(Noted);
    }
    // A webhook's path is its key: nothing of it is noted but that it is set.
    reader.note("notify.webhook.url", "set");
    if secret.is_some() {
        reader.note("notify.webhook.secret", "set");
    }
    let secret = secret.map(|(text, _)| Secret::new(text));
    Ok(Some(Webhook { url: Secret::new(url), format: format.ok_or(Noted)?, secret }))
}

/// A secret that begins with one of the schemes, and where it is from.
fn secret_url(
    reader: &mut Reader,
    layers: &Layers,
    keys: &SecretKeys,
    schemes: &[&str],
) -> Result<Option<(String, String)>, Noted> {
    let Some((text, origin)) = reader.secret(layers, keys)? else {
        return Ok(None);
    };
    if !schemes.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)) {
        let message = format!("must be a URL that begins with {}", schemes.join(" or "));
        reader.problem(keys.value, Some(origin), message);
        return Err(Noted);
    }
    Ok(Some((text, origin)))
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| {
        format!("must be a mail address such as it@plant.example, not `{}`", text.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_servers_url_says_how_it_is_reached() {
        let server = mail_server("smtp://scim:p%40ss%2Fword@mail.plant.example").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("mail.plant.example", 587));
        assert_eq!(server.tls, MailTls::StartTls);
        let (user, password) = server.login.unwrap();
        assert_eq!((user.as_str(), password.reveal()), ("scim", "p@ss/word"));
        let server = mail_server("smtps://[::1]").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("::1", 465));
        assert_eq!((server.tls, server.login), (MailTls::Implicit, None));
        assert_eq!(mail_server("smtp://10.0.0.9:25?tls=none").unwrap().tls, MailTls::None);
        assert_eq!(mail_server("smtp://a:b@127.0.0.1:25?tls=none").unwrap().tls, MailTls::None);
    }

    #[test]
    fn a_url_that_says_too_much_or_too_little_is_refused_without_its_password() {
        for url in [
            "smtp://u:SECRET#x@host",
            "smtp://u:SEC/RET@host",
            "smtp://u:SECRET@host/path",
            "smtp://u:SECRET@host:port",
            "smtp://u:SECRET@host?tls=none",
            "smtp://u:SECRET@host?tls=maybe",
            "smtps://u:SECRET@host?tls=none",
            "smtp://:SECRET@host",
            "smtp://SECRET@host",
            "smtp://u:SECRET@",
            "smtp://u:%ff%feSECRET@host",
        ] {
            let message = mail_server(url).unwrap_err();
            assert!(!message.contains("SEC"), "{message}");
        }
    }
}
