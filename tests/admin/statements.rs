//! Every page and every scrape sends a number of statements that doesn't grow with the tables. Runs the
//! reads in this process, to count.

use std::time::Duration;

use std::sync::Arc;

use chrono::Utc;
use kpifire_scim::config;
use kpifire_scim::console::Console;
use kpifire_scim::console::trail::Query;
use kpifire_scim::profile;
use kpifire_scim::reconcile::Settings;
use kpifire_scim::service::{Paging, Service};
use kpifire_scim::store::{Limits, Store, statements_sent};

use crate::reconcile::plant::Plant;
use crate::store::statements::COUNTING;
use crate::support::Engine;

on_every_database!(no_page_grows_with_the_tables);

async fn no_page_grows_with_the_tables(engine: Engine) {
    let plant = Plant::new(engine).await;
    let few = counted(&plant).await;
    plant.crowd(2_000, "Lead", "Boss").await;
    plant.agent.install.run(&["reconcile"]);
    let many = counted(&plant).await;
    for ((page, few), (_, many)) in few.iter().zip(&many) {
        // What there is to be shown may cost a statement that nothing doesn't.
        assert!(*many <= 12 && *few <= 12, "{page}: {few} statements, then {many}");
    }
    let again = counted(&plant).await;
    assert_eq!(many, again);
}

async fn counted(plant: &Plant) -> Vec<(&'static str, u64)> {
    let _alone = COUNTING.lock().await;
    let file = plant.agent.database().folder().join("config-0.toml");
    let config = config::load(&[file], Vec::<(String, String)>::new()).unwrap();
    let database = &config.database;
    let limits = Limits::all(Duration::from_secs(60));
    let store = Store::new(&database.url, 4, database.connect_timeout, limits, None).unwrap();
    let profile = Arc::new(profile::load("kpifire").unwrap());
    let service =
        Service::start(store, profile, Paging { default: 100, most: 1000 }).await.unwrap();
    let settings = Arc::new(Settings::new(&config, Arc::clone(service.layout())));
    let console = Console::new(service, settings);
    let now = Utc::now();
    let mut counts = Vec::new();
    let mut before = statements_sent();
    let mut count = |page| {
        counts.push((page, statements_sent() - before));
        before = statements_sent();
    };
    console.figures(now).await.unwrap();
    count("figures");
    console.figures(now).await.unwrap();
    count("figures, again");
    drop(console.drift(None, None, now).await.unwrap());
    count("drift");
    console.cleanup(now).await.unwrap();
    console.cleanup_runs(now).await.unwrap();
    count("cleanup");
    console.search("crowd1").await.unwrap();
    count("everything");
    drop(console.team("g-1").await.unwrap());
    count("team");
    drop(console.finding("0123456789abcdef").await.unwrap());
    count("finding");
    console.people("crowd1").await.unwrap();
    count("search");
    console.person("3").await.unwrap().unwrap();
    count("person");
    console
        .trail(&Query { user: Some("line.one@plant.example".to_owned()), ..Query::default() })
        .await
        .unwrap();
    count("audit");
    console.tokens().await.unwrap();
    count("tokens");
    let again = counts.iter().find(|(page, _)| *page == "figures, again");
    assert_eq!(again.unwrap().1, 0, "figures are kept for some seconds");
    counts
}
