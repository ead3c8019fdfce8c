//! The service provider over one database: what every operation works with, made once at start and
//! anew at a reload. Knows no operation.

use std::sync::Arc;
use std::time::Duration;

use super::auth::Cache;
use super::auth::entra::Entra;
use super::context::Caller;
use super::error::{self, Error};
use super::left_out::LeftOut;
use super::trail::Traced;
use crate::config::{self, Guard};
use crate::mapper::{self, Layout};
use crate::notify::Channels;
use crate::profile::model::Profile;
use crate::scim::Advertised;
use crate::store::Store;

/// How many resources a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Without `count`.
    pub default: u64,
    /// Whatever `count` says.
    pub most: u64,
}

/// The service provider over one database. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    pub(super) store: Store,
    pub(super) layout: Arc<Layout>,
    pub(super) advertised: Arc<Advertised>,
    pub(super) paging: Paging,
    pub(super) guard: Guard,
    pub(super) channels: Channels,
    pub(super) tokens: Arc<Cache>,
    pub(super) entra: Option<Arc<Entra>>,
    pub(super) token_lifetime: Duration,
    pub(super) left_out: Arc<LeftOut>,
    pub(super) traced: Arc<Traced>,
}

/// How long a client's token lasts where the configuration doesn't say.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

impl Service {
    /// Reads the catalogue and lays the profile over it.
    ///
    /// # Errors
    /// The database's; or the first table or column of the profile that isn't there.
    pub async fn start(store: Store, profile: Arc<Profile>, paging: Paging) -> Result<Self, Error> {
        let catalogue = store.catalogue().await?;
        let layout =
            Layout::new(profile, &catalogue).map_err(|error| Error::Internal(Box::new(error)))?;
        store.ping().await.map_err(error::not_migrated)?;
        Ok(Self::over(store, Arc::new(layout), paging))
    }

    /// A service over an install that is laid out already; asks the database nothing.
    pub fn over(store: Store, layout: Arc<Layout>, paging: Paging) -> Self {
        Self {
            store,
            advertised: Arc::new(mapper::advertised(&layout, paging.most)),
            layout,
            paging,
            guard: Guard::default(),
            channels: Channels::default(),
            tokens: Arc::default(),
            entra: None,
            token_lifetime: TOKEN_LIFETIME,
            left_out: Arc::default(),
            traced: Arc::default(),
        }
    }

    /// Another service over the same database, as after a reload; tokens stay remembered, and
    /// so does what was counted.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub async fn restarted(&self, profile: Arc<Profile>, paging: Paging) -> Result<Self, Error> {
        let service = Self::start(self.store.clone(), profile, paging).await?;
        Ok(self.remembering(service))
    }

    /// Whether the tables still fit the profile.
    ///
    /// # Errors
    /// The database's, and what doesn't fit.
    pub async fn fits(&self) -> Result<Layout, Error> {
        let catalogue = self.store.catalogue().await?;
        Layout::new(Arc::clone(&self.layout.profile), &catalogue).map_err(|error| {
            let source = Box::new(error::Unfit(error.what().to_owned()));
            Error::Unavailable { retry_after: Duration::from_secs(5), source }
        })
    }

    /// Another service over the same tables as they were laid out, as after a reload while the database is
    /// away.
    #[must_use]
    pub fn as_before(&self, paging: Paging) -> Self {
        self.remembering(Self::over(self.store.clone(), Arc::clone(&self.layout), paging))
    }

    /// Another service over the same tables, whose shape is another now.
    #[must_use]
    pub fn laid_over(&self, layout: Layout) -> Self {
        self.remembering(Self::over(self.store.clone(), Arc::new(layout), self.paging))
    }

    fn remembering(&self, service: Self) -> Self {
        let (tokens, left_out) = (Arc::clone(&self.tokens), Arc::clone(&self.left_out));
        let traced = Arc::clone(&self.traced);
        Self { tokens, left_out, traced, entra: self.entra.clone(), ..service }
    }

    /// The same, with limits on how many users a client may disable.
    #[must_use]
    pub fn guarded(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// The same, and tokens that Entra issues are accepted as `settings` say. Their keys are read in the
    /// background from here on; that they can't be had is no reason not to start. Keys that were read
    /// already by the same settings stay.
    ///
    /// # Errors
    /// No HTTPS client to read the keys with.
    pub fn authenticating(self, settings: &config::Auth) -> Result<Self, Error> {
        let known = self.entra.filter(|entra| Some(entra.settings()) == settings.entra.as_ref());
        let entra = match (known, &settings.entra) {
            (Some(entra), _) => Some(entra),
            (None, Some(settings)) => {
                let entra = Entra::start(settings.clone());
                Some(Arc::new(entra.map_err(|error| Error::Internal(Box::new(error)))?))
            }
            (None, None) => None,
        };
        Ok(Self { entra, token_lifetime: settings.token_lifetime, ..self })
    }

    /// The channels that people are told by.
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The same, telling people by these channels when the guard refuses.
    #[must_use]
    pub fn telling(self, channels: Channels) -> Self {
        Self { channels, ..self }
    }

    /// The install that it serves.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The database that it serves.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The database as a client has it: its share of the connections.
    pub(super) fn store_for(&self, caller: &Caller) -> Store {
        self.store.on_behalf_of(&caller.token)
    }

    /// The limits on how many users a client may disable.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// What clients sent and was left out.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// What discovery says of this install.
    pub fn advertised(&self) -> &Advertised {
        &self.advertised
    }
}
