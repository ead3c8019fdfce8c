//! Notification: what the agent tells people without being asked, by mail and webhook.
//!
//! ```text
//! run, cleanup, guard, certificate, schedule → announce (in their transaction) → scim_notices
//! scim_notices → sender → message (pure) → mail | webhook
//! ```
//!
//! Whoever has something to tell says which [`Event`] and which occasion it is; the outbox
//! (`store::notices`) keeps one row of it for each channel, whatever the number of agents. The
//! [`Sender`] of any agent delivers it, again and again for a day. Nothing waits for it: a mail server
//! that is down delays mail and nothing else.

mod certificate;
pub mod digest;
mod event;
mod mail;
mod message;
mod payload;
mod sender;
mod webhook;

pub use certificate::certificate_expires;
pub use event::{Cause, Cleanup, Digest, Event, Failure};
pub use message::{Attachment, Facts, Message, compose};
pub use sender::{Outlet, Sender};

use std::sync::Arc;

use chrono::{DateTime, Utc};
use strum::IntoStaticStr;
use uuid::Uuid;

use crate::clock::stamp;
use crate::config::{Config, Notify};
use crate::store::{Error, Tx, notices};

/// A way to tell people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Channel {
    /// `notify.smtp`
    Mail,
    /// `notify.webhook`
    Webhook,
}

impl Channel {
    /// Its name in `scim_notices.channel`, the log and `status`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The channels that are configured.
pub type Channels = Arc<[Channel]>;

/// The channels that are configured.
pub fn channels(notify: &Notify) -> Channels {
    let mail = notify.smtp.as_ref().map(|_| Channel::Mail);
    let webhook = notify.webhook.as_ref().map(|_| Channel::Webhook);
    mail.into_iter().chain(webhook).collect()
}

/// What messages call this install: the host that clients know it by, or else this machine's name.
pub fn install(config: &Config) -> String {
    let public = config.public_url.as_deref().and_then(|url| url.split_once("://"));
    public.map_or_else(
        || whoami::hostname().unwrap_or_else(|_| "unknown".to_owned()),
        |(_, authority)| authority.to_owned(),
    )
}

/// Puts an event into the outbox, in the transaction of what it tells of. `occasion` names it: a
/// second one of the same name is dropped. One statement for each channel.
pub async fn announce(
    tx: &mut Tx,
    channels: &Channels,
    occasion: &str,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    for channel in channels.iter() {
        let new = notices::New {
            id: Uuid::now_v7().to_string(),
            channel: channel.as_str(),
            occasion: occasion.to_owned(),
            event: event.to_json(),
            created: stamp(now),
        };
        notices::insert(tx, &new).await?;
    }
    Ok(())
}
