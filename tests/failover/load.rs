//! Writers that go on through failures as Entra does: what isn't acknowledged is sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use super::PATIENCE;
use crate::support::{Answer, Client, Database, patch, user};

/// Writers under way.
pub struct Load {
    writers: Vec<JoinHandle<Written>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

/// What one writer knows that it wrote.
struct Written {
    /// The user whose title it wrote, and the last title.
    id: String,
    title: String,
    /// Users it made.
    made: Vec<String>,
}

/// What all of them know.
pub struct Done(Vec<Written>);

impl Load {
    /// So many writers, each with a user of its own.
    pub fn begin(client: &Client, writers: usize) -> Self {
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let writers = (0..writers)
            .map(|number| {
                let writer = Writer {
                    client: client.clone(),
                    number,
                    acknowledged: Arc::clone(&acknowledged),
                };
                tokio::spawn(writer.write(Arc::clone(&stop)))
            })
            .collect();
        Self { writers, stop, acknowledged }
    }

    /// Waits until so many more writes of the writers, taken together, are acknowledged.
    pub async fn more(&self, writes: u64) {
        let goal = self.acknowledged.load(Ordering::SeqCst) + writes * self.writers.len() as u64;
        let started = Instant::now();
        while self.acknowledged.load(Ordering::SeqCst) < goal {
            assert!(started.elapsed() < PATIENCE, "writing doesn't go on");
            assert!(self.writers.iter().all(|writer| !writer.is_finished()), "a writer gave up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops the writers, each after a write that is acknowledged.
    pub async fn end(self) -> Done {
        self.stop.store(true, Ordering::SeqCst);
        let mut done = Vec::new();
        for writer in self.writers {
            done.push(writer.await.unwrap());
        }
        Done(done)
    }
}

struct Writer {
    client: Client,
    number: usize,
    acknowledged: Arc<AtomicU64>,
}

impl Writer {
    async fn write(self, stop: Arc<AtomicBool>) -> Written {
        let id = self.make(&format!("writer{}@plant.example", self.number)).await;
        let mut written = Written { id, title: String::new(), made: Vec::new() };
        let path = format!("/Users/{}", written.id);
        for round in 1_u64.. {
            written.title = format!("Title {round}");
            let body =
                patch(&json!([{ "op": "Replace", "path": "title", "value": written.title }]));
            self.until_acknowledged(Method::PATCH, &path, &body.to_string(), &[200]).await;
            if round % 5 == 0 {
                let name = format!("made{}-{round}@plant.example", self.number);
                self.make(&name).await;
                written.made.push(name);
            }
            if stop.load(Ordering::SeqCst) {
                break;
            }
        }
        written
    }

    /// Makes a user; one that is there already was made by a try whose answer was lost.
    async fn make(&self, name: &str) -> String {
        let body = user(name).to_string();
        let answer = self.until_acknowledged(Method::POST, "/Users", &body, &[201, 409]).await;
        if answer.status == 201 {
            return answer.id();
        }
        let path = format!("/Users?filter=userName+eq+%22{name}%22").replace('@', "%40");
        let found = self.until_acknowledged(Method::GET, &path, "", &[200]).await.ids();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0].clone()
    }

    /// Sends again while no answer comes, or one that says to try later.
    async fn until_acknowledged(
        &self,
        method: Method,
        path: &str,
        body: &str,
        good: &[u16],
    ) -> Answer {
        let started = Instant::now();
        loop {
            let body = Some(body.to_owned()).filter(|body| !body.is_empty());
            match self.client.try_send(method.clone(), path, &[], body).await {
                Ok(answer) if good.contains(&answer.status) => {
                    self.acknowledged.fetch_add(1, Ordering::SeqCst);
                    return answer;
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text),
                Err(_) => {}
            }
            assert!(started.elapsed() < PATIENCE, "{method} {path} is never acknowledged");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Done {
    /// Everything that was acknowledged is in the tables, and there once.
    pub async fn assert_kept(&self, database: &Database) {
        for Written { id, title, made } in &self.0 {
            let now = format!("SELECT title FROM users WHERE user_id = {id}");
            assert_eq!(database.value(&now).await.as_ref(), Some(title), "user {id}");
            for name in made {
                assert_eq!(
                    database.count(&format!("users WHERE email = '{name}'")).await,
                    1,
                    "{name}"
                );
            }
            assert!(!made.is_empty());
        }
    }
}
