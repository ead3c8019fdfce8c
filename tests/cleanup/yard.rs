//! A provisioned install with leavers, and cleanup's commands.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::reconcile::plant::Plant;
use crate::support::{Database, Engine, Install};

/// A plant whose cleanup acts at once.
pub struct Yard {
    /// The plant.
    pub plant: Plant,
    /// A team that leavers are in.
    pub team: String,
}

/// What `cleanup plan` came to.
pub struct Planned {
    /// The exit code.
    pub code: i32,
    /// `--format json`.
    pub plan: Value,
}

impl Yard {
    /// With `cleanup.strip_after = "0s"`, and more of `[cleanup]`.
    pub async fn new(engine: Engine, more: &str) -> Self {
        let mut plant = Plant::new(engine).await;
        plant.agent.install.configure(&format!("[cleanup]\nstrip_after = \"0s\"\n{more}\n"));
        let team = plant.entra.create_group("Line 7").await;
        Self { plant, team }
    }

    /// The same, with a part of the built-in profile replaced.
    pub async fn with_profile(engine: Engine, part: &str, by: &str, more: &str) -> Self {
        let built_in = include_str!("../../config/profiles/kpifire.toml");
        assert!(built_in.contains(part), "the profile has changed");
        let profile = built_in.replacen(part, by, 1);
        let mut install = Install::with_profile(Database::ready(engine).await, &profile);
        install.configure(&format!("[cleanup]\nstrip_after = \"0s\"\n{more}\n"));
        let plant = Plant::on(install).await;
        plant.match_people().await;
        let team = plant.entra.create_group("Line 7").await;
        Self { plant, team }
    }

    /// Somebody who is hired, joins the team, and is disabled by Entra; their id.
    pub async fn leaver(&self, name: &str) -> String {
        let id = self.plant.hire(name).await;
        self.plant.entra.add_members(&self.team, &[&id]).await.expect(204);
        self.plant.entra.disable(&id).await;
        id
    }

    /// The plan as of now.
    #[track_caller]
    pub fn plan(&self) -> Planned {
        let output = self.plant.agent.install.run(&["cleanup", "plan", "--format", "json"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let plan = serde_json::from_str(&stdout).unwrap_or_else(|error| {
            panic!("{error}: {stdout}\n{}", String::from_utf8_lossy(&output.stderr))
        });
        Planned { code: output.status.code().unwrap(), plan }
    }

    /// The command that applies a plan.
    pub fn applying(&self, hash: &str) -> Command {
        self.plant.agent.install.command(&["cleanup", "apply", "--yes", "--plan", hash])
    }

    /// The same, of which nobody hears anything.
    pub fn applying_silently(&self, hash: &str) -> Command {
        let mut command = self.applying(hash);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Applies a plan; exit code and what was said.
    pub fn apply(&self, hash: &str) -> (i32, String) {
        let output = self.applying(hash).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Plans and applies; the run that undo takes.
    #[track_caller]
    pub fn clean(&self) -> String {
        let (code, said) = self.apply(&self.plan().hash());
        assert_eq!(code, 0, "{said}");
        let run = said.split("cleanup undo ").nth(1).unwrap_or_else(|| panic!("no run in {said}"));
        run.split_whitespace().next().unwrap().to_owned()
    }

    /// A trigger that lets no membership be written (`INSERT`) or go (`DELETE`): nobody's, or one
    /// user's.
    pub async fn refuse(&self, event: &str, user: Option<&str>) {
        let database = self.plant.agent.database();
        let row = if event == "DELETE" { "OLD" } else { "NEW" };
        let name = format!("refuse_{}", user.unwrap_or("all"));
        let whose = user.map_or("1 = 1".to_owned(), |user| format!("{row}.user_id = {user}"));
        let before = format!("TRIGGER {name} BEFORE {event} ON team_members");
        let sql = match database.engine {
            Engine::Sqlite => format!(
                "CREATE {before} WHEN {whose} BEGIN SELECT RAISE(ABORT, 'not this one'); END;"
            ),
            Engine::Postgres => format!(
                "CREATE FUNCTION {name}() RETURNS trigger AS $$ BEGIN IF {whose} THEN \
                 RAISE EXCEPTION 'not this one'; END IF; RETURN {row}; END $$ LANGUAGE plpgsql; \
                 CREATE {before} FOR EACH ROW EXECUTE FUNCTION {name}()"
            ),
            Engine::Mariadb | Engine::Mysql => format!(
                "CREATE {before} FOR EACH ROW IF {whose} THEN SIGNAL SQLSTATE '45000' \
                 SET MESSAGE_TEXT = 'not this one'; END IF"
            ),
        };
        database.execute(&sql).await;
    }

    /// How many memberships kpifire has of a user.
    pub async fn memberships(&self, id: &str) -> u64 {
        self.plant.agent.database().count(&format!("team_members WHERE user_id = {id}")).await
    }

    /// A column of a user.
    pub async fn column(&self, column: &str, id: &str) -> Option<String> {
        let sql = format!("SELECT {column} FROM users WHERE user_id = {id}");
        self.plant.agent.database().value(&sql).await
    }
}

impl Planned {
    /// Names the plan.
    pub fn hash(&self) -> String {
        self.plan["hash"].as_str().unwrap().to_owned()
    }

    /// `EMPTY`, `READY` or `BLOCKED`.
    pub fn verdict(&self) -> &str {
        self.plan["verdict"].as_str().unwrap()
    }

    /// Steps as `stage id`, in order.
    pub fn steps(&self) -> Vec<String> {
        self.list("steps", "stage")
    }

    /// Deferrals as `reason id`, in order.
    pub fn deferred(&self) -> Vec<String> {
        self.list("deferred", "reason")
    }

    fn list(&self, list: &str, what: &str) -> Vec<String> {
        let items = self.plan[list].as_array().unwrap().iter();
        items
            .map(|it| format!("{} {}", it[what].as_str().unwrap(), it["scimId"].as_str().unwrap()))
            .collect()
    }
}
