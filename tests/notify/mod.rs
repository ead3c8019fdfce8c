//! Notification, from outside: what arrives at a mail server and a webhook, how often, and what
//! becomes of it when they are away.

mod channels;
mod occasions;
mod outbox;

use std::time::{Duration, Instant};

use crate::reconcile::plant::Plant;
use crate::support::mail::MailServer;
use crate::support::{Engine, Install};

/// A plant whose daemon tells by mail, and `more` of a configuration.
async fn telling(engine: Engine, mail: &MailServer, more: &str) -> Plant {
    let mut plant = Plant::new(engine).await;
    configure(&mut plant.agent.install, mail, more);
    restart(&mut plant).await;
    plant
}

fn configure(install: &mut Install, mail: &MailServer, more: &str) {
    install.environment("SSL_CERT_FILE", &mail.authority().display().to_string());
    install.configure(&mail.config());
    // The scheduled run at night would come in between at night.
    install.configure("[schedule]\nreconcile = \"\"\ncleanup = \"\"\n[notify]\ndigest = \"\"\n");
    install.configure(more);
}

async fn restart(plant: &mut Plant) {
    plant.agent.server.kill();
    plant.agent.server = plant.agent.install.serve().await;
    let client = plant.agent.client();
    plant.entra = crate::support::Entra::new(client, crate::support::Dialect::Classic);
}

/// Waits until so many rows are there.
async fn until(plant: &Plant, from_where: &str, wanted: u64) {
    let started = Instant::now();
    loop {
        let found = plant.agent.database().count(from_where).await;
        if found >= wanted {
            return;
        }
        let log = plant.agent.server.log();
        assert!(started.elapsed() < Duration::from_secs(40), "{from_where}: {found}\n{log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const SENT: &str = "scim_notices WHERE sent IS NOT NULL";
const ALL: &str = "scim_notices";
