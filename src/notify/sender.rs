//! Delivers what is in the outbox: for each channel one row after the other, until the shutdown.
//!
//! Owns when a row is tried again and when it is given up. That agents don't send a row twice is the
//! outbox's; only an agent that dies between the server's yes and its own note of it leaves a row
//! that is sent again, under the same id.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::future::{FutureExt as _, join_all};

use super::mail::Mailer;
use super::message::{Facts, Message, compose};
use super::webhook::Hook;
use super::{Channel, Event, install};
use crate::clock::Clock;
use crate::config::{Config, Cron, Notify};
use crate::drift::Report;
use crate::report::visible;
use crate::store::notices::{self, Claimed, Outcome};
use crate::store::reports;
use crate::store::{Error, Store, runs};

/// The outbox is looked at this often.
const LOOK: Duration = Duration::from_secs(2);
/// How long one delivery may take.
const MOST: Duration = Duration::from_secs(60);
/// How long a row is kept from other agents: longer than a delivery takes.
const CLAIM: Duration = Duration::from_secs(120);
/// The first pause after a failure; each further one is twice as long, up to an hour.
const PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// After this a row is given up.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// A channel, ready to be used.
pub enum Outlet {
    /// Mail.
    Mail(Box<Mailer>),
    /// A webhook.
    Webhook(Hook),
}

impl Outlet {
    /// The outlets of the configuration.
    ///
    /// # Errors
    /// One that can't be made ready, and why.
    pub fn all(notify: &Notify) -> Result<Vec<Self>, String> {
        let mail = notify.smtp.as_ref().map(|smtp| {
            Mailer::new(smtp)
                .map(|mailer| Self::Mail(Box::new(mailer)))
                .map_err(|error| format!("notify.smtp: {error}"))
        });
        let webhook = notify.webhook.as_ref().map(|webhook| {
            Hook::new(webhook)
                .map(Self::Webhook)
                .map_err(|error| format!("notify.webhook: {error}"))
        });
        mail.into_iter().chain(webhook).collect()
    }

    /// Which channel it is.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Mail,
            Self::Webhook(_) => Channel::Webhook,
        }
    }

    /// For people: where it leads to.
    pub fn name(&self) -> &str {
        match self {
            Self::Mail(mailer) => mailer.name(),
            Self::Webhook(hook) => hook.name(),
        }
    }

    /// Delivers a message; what the server said.
    ///
    /// # Errors
    /// Why it isn't delivered, in a line without secrets.
    pub async fn deliver(&self, message: &Message, now: DateTime<Utc>) -> Result<String, String> {
        let sending = async {
            match self {
                Self::Mail(mailer) => mailer.send(message).await,
                Self::Webhook(hook) => hook.send(message, now).await,
            }
        };
        let sent = tokio::time::timeout(MOST, sending)
            .await
            .unwrap_or_else(|_| Err(format!("no end after {} s", MOST.as_secs())));
        let line = |text: String| visible(&text).into_owned();
        sent.map(line).map_err(line)
    }
}

/// Delivers notices.
pub struct Sender {
    store: Store,
    outlets: Vec<Outlet>,
    clock: Clock,
    install: String,
    masked: bool,
    schedule: Option<Cron>,
    zone: Tz,
}

impl Sender {
    /// A sender over this database.
    ///
    /// # Errors
    /// A channel that can't be made ready, and why.
    pub fn new(store: Store, config: &Config, clock: Clock) -> Result<Self, String> {
        Ok(Self {
            store,
            outlets: Outlet::all(&config.notify)?,
            clock,
            install: install(config),
            masked: config.reports.mask,
            schedule: config.schedule.reconcile.clone(),
            zone: config.schedule.timezone,
        })
    }

    /// Delivers until `shutdown` resolves. What is being delivered then is waited for: how long is
    /// the caller's choice.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Clone) {
        join_all(self.outlets.iter().map(|outlet| self.serve(outlet, shutdown.clone()))).await;
    }

    async fn serve(&self, outlet: &Outlet, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut works = Works { outlet: outlet.channel(), delivers: true, database: true };
        loop {
            while shutdown.as_mut().now_or_never().is_none() {
                match self.one(outlet, &mut works).await {
                    Ok(More::Yes) => works.database(None),
                    Ok(More::No) => {
                        works.database(None);
                        break;
                    }
                    Err(error) => {
                        works.database(Some(&error));
                        break;
                    }
                }
            }
            tokio::select! {
                () = shutdown.as_mut() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Takes the row that is due and delivers it.
    async fn one(&self, outlet: &Outlet, works: &mut Works) -> Result<More, Error> {
        let channel = outlet.channel().as_str();
        let claimed = self
            .store
            .write(channel, async |tx, channel| notices::claim(tx, channel, CLAIM).await)
            .await?;
        let Some(claimed) = claimed else { return Ok(More::No) };
        let outcome = match self.message(&claimed).await? {
            Ok(message) => match outlet.deliver(&message, (self.clock)()).await {
                Ok(said) => {
                    works.delivered(&claimed, &said);
                    Outcome::Sent
                }
                Err(error) => {
                    works.failed(&error);
                    put_off(&claimed, error)
                }
            },
            Err(error) => Outcome::GivenUp(error),
        };
        if let Outcome::GivenUp(error) = &outcome {
            let (notice, attempts) = (claimed.id.as_str(), claimed.attempt);
            tracing::error!(channel, notice, attempts, error, "a notice was given up");
        }
        self.note(claimed, outcome, works).await;
        Ok(More::Yes)
    }

    /// What a row says; or why it can't be understood.
    async fn message(&self, claimed: &Claimed) -> Result<Result<Message, String>, Error> {
        let event: Event = match serde_json::from_str(&claimed.event) {
            Ok(event) => event,
            Err(error) => return Ok(Err(format!("another version wrote it: {error}"))),
        };
        let run = match &event {
            Event::Run { run, .. } => Some(run.clone()),
            Event::Digest(digest) => digest.run.clone(),
            Event::Cleanup(_) | Event::Guard { .. } | Event::Certificate { .. } | Event::Test => {
                None
            }
        };
        let report = match run {
            Some(run) => self.report(run).await?,
            None => None,
        };
        let facts = Facts {
            id: claimed.id.clone(),
            created: claimed.created.and_utc(),
            install: self.install.clone(),
            report,
            masked: self.masked,
        };
        // A long report takes a while to render: not on a thread that serves.
        let composed = tokio::task::spawn_blocking(move || compose(&event, &facts)).await;
        Ok(composed.map_err(|error| format!("it can't be put into words: {error}")))
    }

    async fn report(&self, run: String) -> Result<Option<Report>, Error> {
        let report = self
            .store
            .read((run, self.zone), async |tx, (run, zone)| {
                match runs::beginning(tx, run).await?.first() {
                    Some(row) => reports::report(tx, row, *zone).await.map(Some),
                    None => Ok(None),
                }
            })
            .await?;
        Ok(report.map(|report| {
            let next = self.schedule.as_ref();
            let next = next.and_then(|cron| cron.next_after(report.run.finished, self.zone));
            Report { next, ..report }
        }))
    }

    /// Notes what became of a row, however long the database is away: what was sent and isn't noted
    /// would be sent again.
    async fn note(&self, claimed: Claimed, outcome: Outcome, works: &mut Works) {
        let row = Arc::new((claimed, outcome));
        loop {
            let noted = self
                .store
                .write(Arc::clone(&row), async |tx, row| notices::record(tx, &row.0, &row.1).await)
                .await;
            match noted {
                Ok(()) => return works.database(None),
                Err(error) => works.database(Some(&error)),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Whether there may be more to do at once.
enum More {
    Yes,
    No,
}

/// When the row is tried again, if it is.
fn put_off(claimed: &Claimed, error: String) -> Outcome {
    if claimed.now - claimed.created >= PATIENCE {
        return Outcome::GivenUp(error);
    }
    let doubled = u32::try_from(claimed.attempt.clamp(1, 10) - 1).unwrap_or_default();
    Outcome::Later((PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE), error)
}

/// What works, so that the log says when that changes, and not at each try.
struct Works {
    outlet: Channel,
    delivers: bool,
    database: bool,
}

impl Works {
    fn delivered(&mut self, claimed: &Claimed, said: &str) {
        let (channel, notice) = (self.outlet.as_str(), claimed.id.as_str());
        // The server may have said whose mail it was.
        tracing::debug!(channel, notice, said, "the server's answer");
        if self.delivers {
            tracing::info!(channel, notice, "a notice was sent");
        } else {
            tracing::info!(channel, notice, "a notice was sent; the channel works again");
        }
        self.delivers = true;
    }

    fn failed(&mut self, error: &str) {
        let channel = self.outlet.as_str();
        if self.delivers {
            tracing::warn!(
                channel,
                error,
                "a notice could not be sent; it is tried for 24 hours (kpifire-scim status)"
            );
        } else {
            tracing::debug!(channel, error, "a notice could not be sent");
        }
        self.delivers = false;
    }

    fn database(&mut self, error: Option<&Error>) {
        let channel = self.outlet.as_str();
        if let Some(error) = error
            && self.database
        {
            tracing::warn!(channel, %error, "the outbox can't be used; retrying");
        }
        self.database = error.is_none();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_a_day() {
        let created = "2026-11-25T00:00:00".parse().unwrap();
        let claimed = |attempt, hours| Claimed {
            id: String::new(),
            event: String::new(),
            created,
            attempt,
            now: created + TimeDelta::hours(hours),
        };
        let pause = |attempt, hours| match put_off(&claimed(attempt, hours), String::new()) {
            Outcome::Later(pause, _) => pause.as_secs(),
            _ => 0,
        };
        assert_eq!([1, 2, 3, 7, 8, 99].map(|n| pause(n, 1)), [30, 60, 120, 1920, 3600, 3600]);
        assert_eq!([pause(30, 23), pause(31, 24)], [3600, 0]);
    }
}
