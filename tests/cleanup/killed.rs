//! Killed at every statement of every stage: the step is whole or not there, the next plan does what
//! is left, and nothing is done twice.
//!
//! On the servers a proxy holds the statement back and the agent is killed then. SQLite has no line
//! to hold: a trigger keeps each statement that writes from ever ending.

use std::time::Duration;

use tokio::process::{Child, Command};

use super::yard::Yard;
use crate::support::halt::Halt;
use crate::support::{Database, Engine};

on_servers!(
    at_each_statement_of_strip,
    at_each_statement_of_anonymise,
    at_each_statement_of_delete
);

/// A leaver who owns a project, and the stages that are before them.
struct Leaver {
    yard: Yard,
    id: String,
    stages: &'static [&'static str],
}

impl Leaver {
    async fn to_be_stripped(engine: Engine) -> Self {
        let yard = Yard::new(engine, "").await;
        let id = yard.leaver("ana").await;
        Self { yard, id, stages: &["strip"] }
    }

    async fn to_be_anonymised(engine: Engine) -> Self {
        let mut leaver = Self::to_be_stripped(engine).await;
        leaver.yard.clean();
        let project = format!(
            "INSERT INTO projects (project_id, title, owner_id) VALUES (77, 'Scrap', {})",
            leaver.id
        );
        leaver.database().execute(&project).await;
        let more = "[cleanup]\nanonymise_after = \"0s\"\ntransfer_to = \"3\"\n";
        leaver.yard.plant.agent.install.configure(more);
        leaver.stages = &["transfer", "anonymise"];
        leaver
    }

    async fn to_be_deleted(engine: Engine) -> Self {
        let mut leaver = Self::to_be_anonymised(engine).await;
        leaver.yard.clean();
        leaver.yard.plant.agent.install.configure("[cleanup]\ndelete_after = \"0s\"\n");
        leaver.stages = &["delete"];
        leaver
    }

    fn database(&self) -> &Database {
        self.yard.plant.agent.database()
    }

    /// Starts applying what is due. The lease of one that was killed would last for a while.
    async fn apply(&self) -> Child {
        self.database().execute("UPDATE scim_lease SET holder = ''").await;
        let command = self.yard.applying_silently(&self.yard.plan().hash());
        Command::from(command).kill_on_drop(true).spawn().unwrap()
    }

    /// How many of the stages are done; panics where one is half done, or done twice.
    async fn done(&self) -> usize {
        let mut done = 0;
        for stage in self.stages {
            let journal = format!("scim_cleanup_journal WHERE step = '{stage}'");
            let audit = format!("scim_audit WHERE operation = '{stage}'");
            let traces =
                [self.database().count(&journal).await, self.database().count(&audit).await];
            let whole = self.has_happened(stage).await;
            assert_eq!(traces, [u64::from(whole); 2], "{stage}: its journal and audit rows");
            done += usize::from(whole);
        }
        done
    }

    /// What kpifire's tables say.
    async fn has_happened(&self, stage: &str) -> bool {
        let (id, yard) = (&self.id, &self.yard);
        let link = format!("SELECT cleanup_stage FROM scim_links WHERE legacy_key = '{id}'");
        let noted = self.database().value(&link).await;
        match stage {
            "strip" => {
                let gone = yard.memberships(id).await == 0;
                assert_eq!(noted.is_some(), gone);
                gone
            }
            "transfer" => {
                let owner = "SELECT owner_id FROM projects WHERE project_id = 77";
                self.database().value(owner).await.as_deref() == Some("3")
            }
            "anonymise" => {
                let email = yard.column("email", id).await.unwrap();
                let renamed = yard.column("last_name", id).await == Some(format!("user {id}"));
                let gone = email == format!("deleted-{id}@invalid");
                let desired = format!("scim_desired_members WHERE user_key = '{id}'");
                let link = format!("scim_links WHERE legacy_key = '{id}' AND state = 'deleted'");
                let counts =
                    [self.database().count(&desired).await, self.database().count(&link).await];
                assert_eq!(counts, if gone { [0, 1] } else { [1, 0] }, "desired edge, tombstone");
                assert_eq!((renamed, noted.as_deref() == Some("anonymise")), (gone, gone));
                gone
            }
            _ => {
                let gone = yard.column("email", id).await.is_none();
                assert_eq!(noted.as_deref() == Some("delete"), gone);
                gone
            }
        }
    }

    async fn assert_over(&self) {
        assert_eq!(self.done().await, self.stages.len());
        assert_eq!(self.yard.plan().verdict(), "EMPTY");
        self.yard.plant.reconcile().assert_clean();
    }
}

async fn at_each_statement_of_strip(engine: Engine) {
    at_each_statement(Leaver::to_be_stripped(engine).await).await;
}

async fn at_each_statement_of_anonymise(engine: Engine) {
    at_each_statement(Leaver::to_be_anonymised(engine).await).await;
}

async fn at_each_statement_of_delete(engine: Engine) {
    at_each_statement(Leaver::to_be_deleted(engine).await).await;
}

/// Before the first statement of the run, before its second, and so on, until a run reaches its end.
async fn at_each_statement(mut leaver: Leaver) {
    let engine = leaver.database().engine;
    let halt = Halt::before(engine, leaver.database().server_address()).await;
    let mut url = leaver.database().url_through(halt.address);
    let plain = if engine == Engine::Postgres { "sslmode=disable" } else { "ssl-mode=DISABLED" };
    url.extend([if url.contains('?') { "&" } else { "?" }, plain]);
    let config = format!("[database]\nurl = {url:?}\npool_size = 1\n");
    leaver.yard.plant.agent.install.configure(&config);
    let (mut at, mut kills) = (1, 0);
    let mut before = leaver.done().await;
    assert_eq!(before, 0);
    loop {
        let mut run = leaver.apply().await;
        halt.at(at);
        let reached = tokio::select! {
            status = run.wait() => {
                assert!(status.unwrap().success(), "before statement {at}");
                true
            }
            () = halt.halted() => {
                run.kill().await.unwrap();
                false
            }
        };
        halt.never();
        let done = leaver.done().await;
        if reached || done == leaver.stages.len() {
            break;
        }
        kills += 1;
        // With one step done the run is another one: all of its statements have their turn.
        at = if done == before { at + 1 } else { 1 };
        before = done;
    }
    assert!(kills > 20, "{kills} kills");
    leaver.assert_over().await;
}

/// SQLite: a trigger on each table that a stage writes never ends, and the agent is killed there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_each_writing_statement_on_sqlite() {
    let trail = ["INSERT ON scim_cleanup_journal", "INSERT ON scim_audit"];
    let strip = Leaver::to_be_stripped(Engine::Sqlite).await;
    strip.at_each(0, &["DELETE ON team_members", "UPDATE ON scim_links"]).await;
    strip.at_each(0, &trail).await;
    strip.to_the_end().await;
    let anonymise = Leaver::to_be_anonymised(Engine::Sqlite).await;
    anonymise.at_each(0, &["UPDATE ON projects"]).await;
    anonymise.at_each(0, &trail).await;
    // Beyond the transfer, whose statements have had their turn.
    anonymise.stalled("UPDATE ON users").await;
    assert_eq!(anonymise.done().await, 1);
    let forgotten = ["DELETE ON scim_desired_members", "UPDATE ON scim_links"];
    anonymise.at_each(1, &forgotten).await;
    anonymise.at_each(1, &trail).await;
    anonymise.to_the_end().await;
    let delete = Leaver::to_be_deleted(Engine::Sqlite).await;
    delete.at_each(0, &["DELETE ON users", "UPDATE ON scim_links"]).await;
    delete.at_each(0, &trail).await;
    delete.to_the_end().await;
}

impl Leaver {
    /// Killed in each of these; so many stages are done before and after.
    async fn at_each(&self, stages: usize, events: &[&str]) {
        for event in events {
            self.stalled(event).await;
            assert_eq!(self.done().await, stages, "killed in {event}");
        }
    }

    /// Kills a run in the statement that this is the event of.
    async fn stalled(&self, event: &str) {
        self.database()
            .execute(&format!(
                "CREATE VIEW forever AS WITH RECURSIVE n (i) AS \
                 (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) AS i FROM n; \
                 CREATE TRIGGER stall AFTER {event} BEGIN SELECT i FROM forever; END"
            ))
            .await;
        let mut run = self.apply().await;
        self.is_writing(&mut run).await;
        run.kill().await.unwrap();
        self.database().execute("DROP TRIGGER stall; DROP VIEW forever").await;
    }

    /// Waits until the run holds the write lock and doesn't let go of it.
    async fn is_writing(&self, run: &mut Child) {
        let mut held = 0;
        while held < 4 {
            assert!(run.try_wait().unwrap().is_none(), "the run never met the trigger");
            let free = self.database().is_free_to_write().await;
            held = if free { 0 } else { held + 1 };
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn to_the_end(&self) {
        assert!(self.apply().await.wait().await.unwrap().success());
        self.assert_over().await;
    }
}
