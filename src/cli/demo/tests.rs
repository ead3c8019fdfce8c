//! The demo over a real socket and a real database, twice on one folder.

use tokio::sync::oneshot;

use super::*;

/// A demo up to the point where Entra would begin.
struct Running {
    client: Client,
    store: Store,
    token: String,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<daemon::Drained>,
}

async fn begin(dir: &std::path::Path) -> Running {
    let place = Place::make(dir).unwrap();
    let loaded = place.configure("127.0.0.1:0".parse().unwrap(), &[]).unwrap();
    let listeners = serve::bind(&loaded.config, None, Sockets::default()).await.unwrap().listeners;
    let bound = listeners.scim[0].local_addr().unwrap();
    let store = context::store(&loaded.config).unwrap();
    prepare(&store, &place).await.unwrap();
    let service = serve::start(&loaded).await.unwrap();
    let wanted = (TOKEN, Scope::Provision, place.token.as_path());
    let token = token(&store, &service, wanted).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = stopped.map(|_| ());
    let setup = daemon::fixed(setup(&loaded, &service).unwrap());
    let serving =
        tokio::spawn(daemon::run(listeners, setup, Liveness::default(), system_clock(), stopped));
    let client = Client::new(&format!("http://{bound}/scim/v2"), &token).unwrap();
    Running { client, store, token, stop, serving }
}

impl Running {
    async fn play(&self) -> String {
        let since = Utc::now();
        play::cycle(&self.client, &self.store, &Narrator::Silent).await.unwrap();
        show::outcome(&self.store, since).await.unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        assert_eq!(self.serving.await.unwrap(), daemon::Drained::Clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_demo_finds_everything_as_the_first_left_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = begin(dir.path()).await;
    let told = first.play().await;
    assert!(told.contains("Novák"), "{told}");
    assert!(told.contains("Line 1 Quality Circle  grace.kim@plant.example"), "{told}");
    assert!(!told.contains("Quality Circle  jan.o'neill"), "{told}");
    let kept = first.token.clone();
    let lists = |told: &str| told.split("\naudit").next().map(str::to_owned);
    let before = lists(&told);
    first.end().await;

    let second = begin(dir.path()).await;
    assert_eq!(second.token, kept);
    let told = second.play().await;
    assert!(told.contains("Nothing had changed"), "{told}");
    let after = told.split("\nNothing had changed").next().map(str::to_owned);
    assert_eq!(after, before);

    // What kpifire has lost since stays lost: the rows are written into an empty install only.
    execute_script(&second.store, "DELETE FROM ideas; DELETE FROM user_sessions;").await.unwrap();
    credentials::revoke(&second.store, Kind::Token, TOKEN, &Actor::Agent, Utc::now())
        .await
        .unwrap();
    second.end().await;
    let third = begin(dir.path()).await;
    assert_ne!(third.token, kept);
    let ideas = store::demo::rows(&third.store, "SELECT * FROM ideas").await.unwrap();
    assert_eq!(ideas, Vec::<Vec<String>>::new());
    third.end().await;
}
