//! Webhooks: a POST of JSON, signed as <https://www.standardwebhooks.com> has it.
//!
//! `webhook-id` is the same whenever a message is sent again, so that a receiver can drop the second
//! one; `webhook-timestamp` is when it is sent; `webhook-signature` is `v1,` and the Base64 of
//! HMAC-SHA-256 over `ID.TIMESTAMP.BODY`.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use ring::hmac;

use super::message::Message;
use super::payload;
use crate::config::{Webhook, WebhookFormat};
use crate::outbound;
use crate::report::visible;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of an answer is read, and how much of it is shown.
const LONGEST_ANSWER: usize = 64 * 1024;
const SHOWN: usize = 200;

/// A webhook.
pub struct Hook {
    client: Client,
    url: String,
    format: WebhookFormat,
    key: Option<Vec<u8>>,
    name: String,
}

impl Hook {
    /// Makes ready; connects to nothing yet.
    ///
    /// # Errors
    /// When TLS can't be set up, or the secret isn't Base64 where it says so.
    pub fn new(webhook: &Webhook) -> Result<Self, String> {
        let key = webhook.secret.as_ref().map(|secret| key(secret.reveal())).transpose()?;
        Ok(Self {
            client: outbound::client(PATIENCE).map_err(|error| error.to_string())?,
            url: webhook.url.reveal().to_owned(),
            format: webhook.format,
            key,
            name: name(webhook),
        })
    }

    /// For people: where to, without the path, which is its key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one; what the server said.
    ///
    /// # Errors
    /// Why it isn't taken for received, the URL left out.
    pub async fn send(&self, message: &Message, now: DateTime<Utc>) -> Result<String, String> {
        let body = payload::body(message, self.format);
        let timestamp = now.timestamp().to_string();
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", &timestamp);
        if let Some(key) = &self.key {
            let signature = signature(key, &message.id, &timestamp, &body);
            request = request.header("webhook-signature", signature);
        }
        let response = request
            .body(body)
            .send()
            .await
            .map_err(|error| outbound::Error::from(error).to_string())?;
        let status = response.status();
        // What it says beside its status is for people; that it breaks off is no failure.
        let answer = outbound::body(response, LONGEST_ANSWER).await.unwrap_or_default();
        let answer = String::from_utf8_lossy(&answer);
        let answer: String = visible(answer.trim()).chars().take(SHOWN).collect();
        let said = format!("{status} {answer}").trim_end().to_owned();
        if status.is_success() { Ok(said) } else { Err(said) }
    }
}

/// `https://chat.plant.example (teams)`
pub(super) fn name(webhook: &Webhook) -> String {
    let url = url::Url::parse(webhook.url.reveal()).ok();
    let origin = url.map_or_else(String::new, |url| url.origin().ascii_serialization());
    let format = webhook.format.as_str();
    let signed = if webhook.secret.is_some() { ", signed" } else { "" };
    format!("{origin} ({format}{signed})")
}

/// The secret's bytes: Base64 behind `whsec_`, or else the text itself.
fn key(secret: &str) -> Result<Vec<u8>, String> {
    secret.strip_prefix("whsec_").map_or_else(
        || Ok(secret.as_bytes().to_vec()),
        |text| {
            BASE64_STANDARD.decode(text).map_err(|_| {
                "notify.webhook.secret: what stands behind `whsec_` must be Base64".to_owned()
            })
        },
    )
}

fn signature(key: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mac = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    #[test]
    fn signatures_are_the_standards() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = "{\"test\": 2432232314}";
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(super::key("any text").unwrap(), b"any text");
        assert!(super::key("whsec_-").is_err());
    }
}
