//! The rehearsal: in one transaction that is rolled back the agent lives a whole life on the real
//! tables, and what refuses is told with the database's own words.
//!
//! It does nothing by itself: requests, mending and cleanup do what they always do, one after the
//! other (`life`), each in a part of the transaction that can be taken back. So it needs to know
//! nothing of what a profile can say: whatever is written is rehearsed.

mod act;
mod install;
mod life;
mod line;
mod obstacles;
mod values;
mod words;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use install::Install;
use line::refused;

use crate::config::Config;
use crate::mapper::Layout;
use crate::profile::catalogue::Catalogue;
use crate::profile::model::Profile;
use crate::profile::proof::Finding;
use crate::reconcile::Settings;
use crate::service::{Error, Paging, Service};
use crate::store::Store;

/// Lives a whole life on the real tables, and takes it back: a line a step.
///
/// # Errors
/// The database's, before the first step.
pub async fn rehearse(
    store: &Store,
    profile: Arc<Profile>,
    catalogue: &Catalogue,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, Error> {
    let obstacles = obstacles::find(store, &profile, catalogue).await?;
    if !obstacles.is_empty() {
        return Ok(obstacles);
    }
    let layout = match Layout::new(Arc::clone(&profile), catalogue) {
        Ok(layout) => Arc::new(layout),
        Err(error) => {
            return Ok(vec![refused(
                "nothing was rehearsed: the profile doesn't fit the database",
                &error.to_string(),
                "mend first what `check` says of the profile",
            )]);
        }
    };
    let paging = Paging { default: 25, most: 25 };
    let install = Install {
        service: Service::over(store.clone(), Arc::clone(&layout), paging),
        settings: Arc::new(at_once(Settings::new(config, layout))),
        catalogue: catalogue.clone(),
        now,
        salt: values::salt(),
    };
    let mut findings = vec![obstacles::stays(&profile, catalogue)];
    match store.rehearse(install, async |tx, install| life::live(tx, install).await).await {
        Ok(lines) => findings.extend(lines),
        Err(error) => findings.push(refused(
            "the rehearsal broke off",
            &words::said(&error),
            "nothing of it is left in the database; mend what it says and rehearse again",
        )),
    }
    Ok(findings)
}

/// The settings under which every stage of cleanup is due as soon as a user is disabled.
fn at_once(settings: Settings) -> Settings {
    let mut cleanup = settings.cleanup.clone();
    cleanup.strip_after = std::time::Duration::ZERO;
    cleanup.anonymise_after = std::time::Duration::ZERO;
    cleanup.delete_after = cleanup.delete_after.map(|_| std::time::Duration::ZERO);
    Settings { cleanup, ..settings }
}
