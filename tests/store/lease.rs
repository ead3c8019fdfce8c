//! Leases: one holder at a time, whoever asks at once. Uses the library in this process, on every
//! database; no command of the binary shows a lease.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kpifire_scim::config::DatabaseUrl;
use kpifire_scim::lease::{Leased, holder, under_lease};
use kpifire_scim::store::lease::{self, Claim, Lease};
use kpifire_scim::store::{Error, ErrorKind, Limits, Store, migrate};
use tokio::sync::{MutexGuard, oneshot};

use super::statements::COUNTING;
use crate::support::{Database, Engine};

on_every_database!(
    a_lease_has_one_holder,
    of_many_at_once_one_gets_it,
    nobody_takes_it_while_its_holder_writes,
    work_runs_under_its_lease,
    work_that_fails_or_hangs_gives_it_back_or_lets_it_expire,
);

const LONG: Duration = Duration::from_secs(600);
const OVER: Duration = Duration::ZERO;

struct Leases {
    store: Store,
    database: Database,
    _alone: MutexGuard<'static, ()>,
}

impl Leases {
    async fn on(engine: Engine) -> Self {
        let alone = COUNTING.lock().await;
        let database = Database::empty(engine).await;
        let url = DatabaseUrl::parse(&database.url).unwrap();
        let limits = Limits::all(Duration::from_secs(60));
        let store = Store::new(&url, 8, Duration::from_secs(20), limits, None).unwrap();
        let now = chrono::Utc::now().naive_utc();
        store.write(now, async |tx, now| migrate::up(tx, *now).await).await.unwrap();
        Self { store, database, _alone: alone }
    }

    async fn acquire(&self, holder: &str, ttl: Duration) -> Claim {
        self.store
            .write((holder.to_owned(), ttl), async |tx, (holder, ttl)| {
                lease::acquire(tx, "job", holder, *ttl).await
            })
            .await
            .unwrap()
    }

    async fn take(&self, holder: &str, ttl: Duration) -> Lease {
        match self.acquire(holder, ttl).await {
            Claim::Ours(lease) => lease,
            Claim::Held(by) => panic!("held by {}", by.holder),
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> bool {
        let context = (lease.clone(), ttl);
        let renewed =
            self.store.write(context, async |tx, (lease, ttl)| lease::renew(tx, lease, *ttl).await);
        renewed.await.unwrap()
    }

    async fn release(&self, lease: &Lease) {
        let released =
            self.store.write(lease.clone(), async |tx, lease| lease::release(tx, lease).await);
        released.await.unwrap();
    }

    async fn held(&self, lease: &Lease) -> bool {
        let held = self.store.write(lease.clone(), async |tx, lease| lease::held(tx, lease).await);
        held.await.unwrap()
    }

    async fn current(&self) -> Option<Lease> {
        self.store.read((), async |tx, ()| lease::current(tx, "job").await).await.unwrap()
    }
}

async fn a_lease_has_one_holder(engine: Engine) {
    let leases = Leases::on(engine).await;
    assert_eq!(leases.current().await, None);
    let first = leases.take("a", LONG).await;
    assert_eq!((first.name.as_str(), first.holder.as_str(), first.epoch), ("job", "a", 1));
    assert_eq!(leases.current().await.as_ref(), Some(&first));
    assert_eq!(leases.acquire("b", LONG).await, Claim::Held(first.clone()));
    assert_eq!(leases.take("a", LONG).await.epoch, 1, "it is already theirs");
    assert!(leases.held(&first).await);

    // Expired: it is still the holder's until somebody takes it.
    assert!(leases.renew(&first, OVER).await);
    assert_eq!(leases.current().await, None);
    assert!(leases.held(&first).await);
    assert!(leases.renew(&first, OVER).await);
    let second = leases.take("b", LONG).await;
    assert_eq!(second.epoch, 2);
    assert!(!leases.held(&first).await);
    assert!(!leases.renew(&first, LONG).await);
    leases.release(&first).await;
    assert!(leases.held(&second).await, "another's lease can't be released");

    leases.release(&second).await;
    leases.release(&second).await;
    assert_eq!(leases.current().await, None);
    assert!(!leases.held(&second).await);
    assert!(!leases.renew(&second, LONG).await);
    let third = leases.take("b", LONG).await;
    assert_eq!(third.epoch, 3, "a released lease is taken anew, by the same holder too");
    assert!(!leases.held(&second).await);

    let until = "(SELECT 1 FROM scim_lease WHERE holder = 'b' AND epoch = 3) AS rows_of_it";
    assert_eq!(leases.database.count(until).await, 1);
}

async fn of_many_at_once_one_gets_it(engine: Engine) {
    const AGENTS: usize = 8;
    let leases = Leases::on(engine).await;
    // The first round makes the row, the second takes an expired one.
    for epoch in 1..=2 {
        let holders: Vec<String> = (0..AGENTS).map(|agent| format!("{epoch}/{agent}")).collect();
        let claims = holders.iter().map(|holder| leases.acquire(holder, LONG));
        let claims = futures_util::future::join_all(claims).await;
        let ours: Vec<&Lease> = claims
            .iter()
            .filter_map(|claim| match claim {
                Claim::Ours(lease) => Some(lease),
                Claim::Held(_) => None,
            })
            .collect();
        let [winner] = ours.as_slice() else { panic!("{claims:?}") };
        assert_eq!(winner.epoch, epoch);
        for claim in &claims {
            let (Claim::Ours(lease) | Claim::Held(lease)) = claim;
            assert_eq!(lease, *winner);
        }
        assert!(leases.renew(winner, OVER).await);
    }
}

/// A holder whose lease has expired may still write if it asked in time: nobody can take the lease
/// before its transaction ends.
async fn nobody_takes_it_while_its_holder_writes(engine: Engine) {
    let leases = Leases::on(engine).await;
    let first = leases.take("a", OVER).await;
    let (asked, has_asked) = oneshot::channel();
    let asked = std::sync::Mutex::new(Some(asked));
    let writing = std::sync::Arc::new(AtomicBool::new(true));
    let context = (first, asked, writing.clone());
    let write = leases.store.write(context, async |tx, (first, asked, writing)| {
        assert!(lease::held(tx, first).await?);
        if let Some(asked) = asked.lock().unwrap().take() {
            asked.send(()).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        writing.store(false, Ordering::SeqCst);
        Ok::<(), Error>(())
    });
    let take = async {
        has_asked.await.unwrap();
        let second = leases.take("b", LONG).await;
        assert!(!writing.load(Ordering::SeqCst), "taken while its holder wrote");
        second
    };
    let (written, second) = tokio::join!(write, take);
    written.unwrap();
    assert_eq!(second.epoch, 2);
}

async fn work_runs_under_its_lease(engine: Engine) {
    let leases = Leases::on(engine).await;
    let (a, b) = (holder(), holder());
    assert_ne!(a, b, "two runs of one process exclude each other");
    let ran = under_lease(&leases.store, "job", &a, async |lease| {
        assert!(leases.held(&lease).await);
        let other = under_lease(&leases.store, "job", &b, async |_| Ok::<(), Error>(())).await?;
        assert_eq!(other, Leased::Held { by: a.clone(), until: lease.until });
        Ok::<i64, Error>(lease.epoch)
    });
    assert_eq!(ran.await.unwrap(), Leased::Ran(1));
    assert_eq!(leases.current().await, None);
    let again = under_lease(&leases.store, "job", &b, async |lease| Ok::<i64, Error>(lease.epoch));
    assert_eq!(again.await.unwrap(), Leased::Ran(2));
}

async fn work_that_fails_or_hangs_gives_it_back_or_lets_it_expire(engine: Engine) {
    #[derive(Debug)]
    enum Failed {
        Database(Error),
        Work,
    }
    impl From<Error> for Failed {
        fn from(error: Error) -> Self {
            Self::Database(error)
        }
    }
    let leases = Leases::on(engine).await;
    let failed = under_lease(&leases.store, "job", "a", async |_| Err::<(), _>(Failed::Work));
    assert!(matches!(failed.await, Err(Failed::Work)));
    assert_eq!(leases.current().await, None);

    let hangs = under_lease(&leases.store, "job", "a", async |_| {
        std::future::pending::<()>().await;
        Ok::<(), Error>(())
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), hangs).await.is_err());
    assert_eq!(leases.current().await.map(|lease| lease.holder).as_deref(), Some("a"));

    leases.database.execute("DROP TABLE scim_lease").await;
    let lost = under_lease(&leases.store, "job", "b", async |_| Ok::<(), Failed>(())).await;
    let Err(Failed::Database(error)) = lost else { panic!("{lost:?}") };
    assert_eq!(error.kind(), ErrorKind::Unfit);
}
