//! Mail over SMTP (RFC 5321): STARTTLS or implicit TLS, proved against the system's authorities.

use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::message::Message;
use crate::config::{MailServer, MailTls, Smtp};

/// How long the server may take for each answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mail server, and whom it is to reach.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// For people: whom, by which server.
    name: String,
}

impl Mailer {
    /// Makes ready; connects to nothing yet.
    ///
    /// # Errors
    /// A host that no certificate can name, or no authorities to trust.
    pub fn new(smtp: &Smtp) -> Result<Self, String> {
        let MailServer { host, port, tls, login } = &smtp.server;
        let parameters = || {
            TlsParameters::new(host.clone())
                .map_err(|error| format!("TLS to {host} can't be set up: {error}"))
        };
        let tls = match tls {
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(*port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = login {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Self {
            transport: builder.build(),
            from: smtp.from.clone(),
            to: smtp.to.clone(),
            name: name(smtp),
        })
    }

    /// For people: whom, by which server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one; what the server said. A recipient whom it doesn't know doesn't keep the mail from
    /// the others.
    ///
    /// # Errors
    /// Why the server didn't take it for anybody, the password left out.
    pub async fn send(&self, message: &Message) -> Result<String, String> {
        let mail = mail(message, &self.from, &self.to, SystemTime::now())
            .map_err(|error| format!("the mail can't be made: {error}"))?;
        let (envelope, mail) = (mail.envelope().clone(), mail.formatted());
        match self.transport.send_raw(&envelope, &mail).await {
            Ok(response) => Ok(said(&response)),
            Err(error) if envelope.to().len() > 1 && is_of_a_recipient(&error) => {
                self.send_to_each(&envelope, &mail).await
            }
            Err(error) => Err(explained(&error)),
        }
    }

    async fn send_to_each(&self, envelope: &Envelope, mail: &[u8]) -> Result<String, String> {
        let (mut taken, mut refused) = (None, Vec::new());
        for recipient in envelope.to() {
            let alone = Envelope::new(envelope.from().cloned(), vec![recipient.clone()])
                .map_err(|error| error.to_string())?;
            match self.transport.send_raw(&alone, mail).await {
                Ok(response) => taken = Some(said(&response)),
                Err(error) => refused.push(format!("{recipient}: {}", explained(&error))),
            }
        }
        let refused = refused.join("; ");
        match taken {
            Some(said) if refused.is_empty() => Ok(said),
            Some(said) => {
                tracing::warn!(
                    "the mail server refuses some of notify.smtp.to; the others get their mail \
                     (kpifire-scim notify test says whom)"
                );
                Ok(format!("{said}; but not for {refused}"))
            }
            None => Err(refused),
        }
    }
}

/// `it@plant.example by mail.plant.example:587 (STARTTLS)`
pub(super) fn name(smtp: &Smtp) -> String {
    let to: Vec<String> = smtp.to.iter().map(|mailbox| mailbox.email.to_string()).collect();
    let tls = match smtp.server.tls {
        MailTls::Implicit => "TLS",
        MailTls::StartTls => "STARTTLS",
        MailTls::None => "in the clear",
    };
    format!("{} by {}:{} ({tls})", to.join(", "), smtp.server.host, smtp.server.port)
}

/// The replies to RCPT that say no for good (RFC 5321 §4.3.2).
fn is_of_a_recipient(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| (550..=553).contains(&u16::from(code)))
}

/// With what the library leaves for the reader to guess.
fn explained(error: &lettre::transport::smtp::Error) -> String {
    let text = error.to_string().replacen("Connection error: Connection error", "no connection", 1);
    if is_of_a_certificate(error) {
        format!(
            "{text}: this machine's authorities must vouch for the server's certificate, under the \
             name in notify.smtp.url"
        )
    } else {
        text
    }
}

/// Whether TLS refused the server's certificate: the library hands rustls' error on inside of others.
fn is_of_a_certificate(error: &lettre::transport::smtp::Error) -> bool {
    let refused = |it: &(dyn std::error::Error + 'static)| {
        matches!(it.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
    };
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        let inner = it.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if refused(it) || inner.is_some_and(|inner| refused(inner)) {
            return true;
        }
        cause = it.source();
    }
    false
}

fn said(response: &Response) -> String {
    let text: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), text.join(" "))
}

fn mail(
    message: &Message,
    from: &Mailbox,
    to: &[Mailbox],
    now: SystemTime,
) -> Result<lettre::Message, lettre::error::Error> {
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .subject(message.subject.clone())
        .date(now)
        // The same whenever it is sent again: a server may drop the second one.
        .message_id(Some(format!("<{}@{}>", message.id, from.email.domain())))
        // No out-of-office replies (RFC 3834 §5).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for mailbox in to {
        builder = builder.to(mailbox.clone());
    }
    let text = SinglePart::plain(message.text.clone());
    match &message.attachment {
        None => builder.singlepart(text),
        Some(attachment) => {
            let page = Attachment::new(attachment.name.clone())
                .body(attachment.page.clone(), ContentType::TEXT_HTML);
            builder.multipart(MultiPart::mixed().singlepart(text).singlepart(page))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_makes_a_header() {
        let subject = "x\r\nBcc: spy@evil.example\r\n\r\nbody".to_owned() + &"👩‍💻".repeat(255);
        let message = Message {
            id: "0193".into(),
            subject,
            text: "one\r\n.\r\nQUIT\r\n".into(),
            lines: Vec::new(),
            attachment: None,
            json: serde_json::Value::Null,
        };
        let it = |text: &str| text.parse::<Mailbox>().unwrap();
        let to = [it("it@plant.example"), it("\"Möller, Jürgen\" <jm@plant.example>")];
        let mail = mail(&message, &it("scim@plant.example"), &to, SystemTime::UNIX_EPOCH).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(head.is_ascii() && head.lines().all(|line| line.len() <= 78), "{head}");
        let names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert!(!names.contains(&"Bcc"), "{head}");
        assert!(head.contains("Message-ID: <0193@plant.example>"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        assert_eq!(mail.envelope().to().len(), 2);
    }
}
