//! What a life is lived with.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::profile::catalogue::Catalogue;
use crate::reconcile::Settings;
use crate::service::Service;

/// An install, as a rehearsal needs it.
pub(super) struct Install {
    /// What answers requests.
    pub service: Service,
    /// Under which every stage of cleanup is due at once.
    pub settings: Arc<Settings>,
    /// What the database says of its tables.
    pub catalogue: Catalogue,
    /// The time of the rehearsal.
    pub now: DateTime<Utc>,
    /// Letters that no name of the install has.
    pub salt: String,
}
