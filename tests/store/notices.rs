//! The outbox's rows: one of each occasion for each channel, and of two that reach for one a single one
//! gets it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use kpifire_scim::config;
use kpifire_scim::notify::{Channel, Channels, certificate_expires};
use kpifire_scim::store::{Limits, Store, notices};

use super::statements::COUNTING;
use crate::support::{Database, Engine, Install};

on_every_database!(a_certificate_is_told_of_once_at_each_distance);

async fn a_certificate_is_told_of_once_at_each_distance(engine: Engine) {
    let _guard = COUNTING.lock().await;
    let install = Install::new(Database::ready(engine).await);
    let file = install.database.folder().join("config-0.toml");
    let config = config::load(&[file], Vec::<(String, String)>::new()).unwrap();
    let limits = Limits::all(Duration::from_secs(60));
    let store = Store::new(&config.database.url, 4, Duration::from_secs(10), limits, None).unwrap();
    let channels: Channels = [Channel::Mail, Channel::Webhook].into();
    let nobody = Channels::default();
    let until = Utc::now() + TimeDelta::days(30);
    let look = async |channels: &Channels, days: i64| {
        let now = until - TimeDelta::days(days);
        certificate_expires(&store, channels, "cert.pem", until, now).await.unwrap();
    };
    look(&channels, 15).await;
    look(&nobody, 1).await;
    assert_eq!(install.database.count("scim_notices").await, 0);
    for days in [14, 13, 8] {
        look(&channels, days).await;
        assert_eq!(install.database.count("scim_notices").await, 2, "{days}");
    }
    look(&channels, 7).await;
    assert_eq!(install.database.count("scim_notices").await, 4);

    // Eight reach for the webhook's two at once.
    let claims = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let claimed: Result<_, kpifire_scim::store::Error> = store
                .write((), async |tx, ()| {
                    notices::claim(tx, "webhook", Duration::from_secs(60)).await
                })
                .await;
            claimed.unwrap()
        })
    });
    let mut taken = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        taken.extend(claim.await.unwrap().map(|claimed| claimed.id));
    }
    taken.sort();
    let all = taken.len();
    taken.dedup();
    assert!(all == taken.len() && (1..=2).contains(&all), "{taken:?}");
}
