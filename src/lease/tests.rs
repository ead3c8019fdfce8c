//! Leases kept and lost while work runs, on SQLite with short terms. The rules on every database
//! are the suite's.

use std::time::Duration;

use super::{Leased, Terms, acquire, on_terms};
use crate::config::DatabaseUrl;
use crate::store::lease::{self, Claim, Lease};
use crate::store::{Error, Limits, Store, migrate};

const SHORT: Terms =
    Terms { ttl: Duration::from_millis(400), renewed_every: Duration::from_millis(100) };

async fn store(folder: &tempfile::TempDir) -> Store {
    let url = DatabaseUrl::Sqlite(folder.path().join("kpifire.db"));
    std::fs::File::create(folder.path().join("kpifire.db")).unwrap();
    let limits = Limits::all(Duration::from_secs(30));
    let store = Store::new(&url, 2, Duration::from_secs(10), limits, None).unwrap();
    let now = chrono::Utc::now().naive_utc();
    store.write(now, async |tx, now| migrate::up(tx, *now).await).await.unwrap();
    store
}

async fn held(store: &Store, lease: &Lease) -> bool {
    store.write(lease.clone(), async |tx, lease| lease::held(tx, lease).await).await.unwrap()
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_work_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let ran = on_terms(SHORT, &store, "job", "a", async |lease| {
        tokio::time::sleep(SHORT.ttl * 3).await;
        let Claim::Held(by) = acquire(SHORT, &store, "job", "b").await? else {
            panic!("it expired although its holder is alive");
        };
        assert!(by.until > lease.until);
        Ok::<Lease, Error>(lease)
    });
    let Leased::Ran(lease) = ran.await.unwrap() else { panic!("nobody else was there") };
    tokio::time::sleep(SHORT.renewed_every * 2).await;
    assert!(!held(&store, &lease).await, "nothing renews it afterwards");
}

#[tokio::test]
async fn who_lost_the_lease_meanwhile_takes_nothing_from_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let never = Terms { renewed_every: Duration::from_secs(600), ..SHORT };
    let ran = on_terms(never, &store, "job", "a", async |lease| {
        tokio::time::sleep(SHORT.ttl + Duration::from_millis(100)).await;
        let Claim::Ours(next) = acquire(never, &store, "job", "b").await? else {
            panic!("an expired lease is free");
        };
        assert!(!held(&store, &lease).await, "a zombie can tell");
        Ok::<Lease, Error>(next)
    });
    let Leased::Ran(next) = ran.await.unwrap() else { panic!("nobody else was there") };
    assert!(held(&store, &next).await);
}

#[tokio::test]
async fn work_under_a_lease_can_be_spawned() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let ran = tokio::spawn(async move {
        super::under_lease(&store, "job", "a", |lease| async move { Ok::<_, Error>(lease.epoch) })
            .await
    });
    assert_eq!(ran.await.unwrap().unwrap(), Leased::Ran(1));
}
