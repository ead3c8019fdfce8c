//! The same changes without the agent: prepared statements on a connection of one's own, each
//! change in one transaction with its link and its audit row.

use serde_json::json;
use uuid::Uuid;

use super::options::Engine;
use super::statements::{Bind, Statement};
use super::world::{Status, Step, Team, User};
use super::{Result, load, mysql, postgres, sqlite};

/// How often a change is tried that the database refused for its neighbours' sake.
const TRIES: usize = 6;

/// One connection.
pub enum Session {
    /// The writer is shared with the other sessions.
    Sqlite(sqlite::Session),
    /// A connection of its own.
    Postgres(postgres::Session),
    /// A connection of its own.
    Mysql(Box<mysql::Session>),
}

/// Opens that many connections, everything prepared.
///
/// # Errors
/// The database's.
pub async fn connect(engine: Engine, url: &str, connections: usize) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    match engine {
        Engine::Sqlite => {
            let opened = sqlite::Session::open(url, connections)?;
            sessions.extend(opened.into_iter().map(Session::Sqlite));
        }
        Engine::Postgres => {
            for _ in 0..connections {
                sessions.push(Session::Postgres(postgres::Session::open(url).await?));
            }
        }
        Engine::Mysql => {
            for _ in 0..connections {
                sessions.push(Session::Mysql(Box::new(mysql::Session::open(url).await?)));
            }
        }
    }
    Ok(sessions)
}

impl Session {
    /// Makes one step's change.
    ///
    /// # Errors
    /// The database's, once the tries are used up.
    pub async fn run(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Miss(user) => match self.query(Statement::Scan, &[user.email().into()]).await? {
                None => Ok(()),
                Some(_) => Err(format!("{} is there", user.email()).into()),
            },
            Step::Match(user) | Step::MatchAsFound(user) => {
                let found = self.query(Statement::Match, &[user.email().into()]).await?;
                found.map(drop).ok_or_else(|| format!("{} isn't there", user.email()).into())
            }
            Step::Get(user) => {
                let found = self.query(Statement::Get, &[user.key().into()]).await?;
                found.map(drop).ok_or_else(|| format!("{} isn't there", user.key()).into())
            }
            change => self.write(change).await,
        }
    }

    async fn write(&mut self, change: Step) -> Result<()> {
        let mut tries = 1;
        loop {
            self.begin().await?;
            let failed = match self.change(change).await {
                Ok(()) => return self.commit().await,
                Err(error) => error,
            };
            self.rollback().await?;
            if tries == TRIES {
                return Err(failed);
            }
            tries += 1;
        }
    }

    async fn change(&mut self, change: Step) -> Result<()> {
        let now = now();
        let now = now.as_str();
        match change {
            Step::Match(_) | Step::MatchAsFound(_) | Step::Miss(_) | Step::Get(_) => Ok(()),
            Step::Create(user) => self.create(user, now).await,
            Step::SetActive(user, status) => self.set_active(user, status, now).await,
            Step::Add(team, user) => {
                self.touch(team, now).await?;
                let (team_key, user_key) = (team.key(), user.key());
                let edge = [team_key.into(), user_key.into(), now.into()];
                self.execute(Statement::InsertMember, &edge).await?;
                let desired = [text(team_key), text(user_key), now.into()];
                self.execute(Statement::InsertDesired, &desired).await?;
                let after = json!({ "members": [user_key.to_string()] }).to_string();
                self.note_team(team, [Bind::Null, after.into()], now).await
            }
            Step::Remove(team, user) => {
                self.touch(team, now).await?;
                let (team_key, user_key) = (team.key(), user.key());
                let edge = [team_key.into(), user_key.into()];
                self.execute(Statement::DeleteMember, &edge).await?;
                let desired = [text(team_key), text(user_key)];
                self.execute(Statement::DeleteDesired, &desired).await?;
                let before = json!({ "members": [user_key.to_string()] }).to_string();
                self.note_team(team, [before.into(), Bind::Null], now).await
            }
        }
    }

    async fn create(&mut self, user: User, now: &str) -> Result<()> {
        let (given, family) = user.name();
        let kept = json!({ "displayName": format!("{given} {family}") }).to_string();
        let row: [Bind; 5] =
            [user.email().into(), given.into(), family.into(), now.into(), now.into()];
        let key = self.query(Statement::InsertUser, &row).await?.ok_or("no key came back")?;
        let baseline = user.baseline(Status::Active);
        let link = [
            text(key),
            user.external_id().into(),
            baseline.as_str().into(),
            load::hash(&baseline).into(),
            kept.into(),
            now.into(),
            now.into(),
        ];
        self.execute(Statement::InsertLink, &link).await?;
        self.note("create", "User", key, [Bind::Null, baseline.into()], now).await
    }

    async fn set_active(&mut self, user: User, status: Status, now: &str) -> Result<()> {
        let key = user.key();
        let row = [status.word().into(), now.into(), key.into()];
        self.execute(Statement::UpdateUser, &row).await?;
        let (baseline, disabled) = match status {
            Status::Active => (user.baseline(status), Bind::Null),
            Status::Inactive => (user.baseline(status), now.into()),
        };
        let hash = load::hash(&baseline);
        let link = [baseline.into(), hash.into(), now.into(), disabled, text(key)];
        self.execute(Statement::UpdateLink, &link).await?;
        let is = status == Status::Active;
        let values = [json!({ "active": !is }), json!({ "active": is })];
        self.note("update", "User", key, values.map(|it| it.to_string().into()), now).await
    }

    /// First of a team's statements: its writers queue here, and not in a deadlock.
    async fn touch(&mut self, team: Team, now: &str) -> Result<()> {
        self.execute(Statement::UpdateTeam, &[now.into(), team.key().into()]).await
    }

    async fn note_team(&mut self, team: Team, values: [Bind; 2], now: &str) -> Result<()> {
        self.execute(Statement::UpdateTeamLink, &[now.into(), text(team.key())]).await?;
        self.note("update", "Group", team.key(), values, now).await
    }

    async fn note(
        &mut self,
        operation: &str,
        resource_type: &str,
        key: u32,
        [before, after]: [Bind; 2],
        now: &str,
    ) -> Result<()> {
        let row = [
            Uuid::now_v7().to_string().into(),
            now.into(),
            Uuid::now_v7().to_string().into(),
            operation.into(),
            resource_type.into(),
            text(key),
            before,
            after,
        ];
        self.execute(Statement::InsertAudit, &row).await
    }

    async fn begin(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(it) => it.begin().await,
            Self::Postgres(it) => it.batch("BEGIN").await,
            Self::Mysql(it) => it.batch("START TRANSACTION").await,
        }
    }

    async fn commit(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(it) => it.end("COMMIT"),
            Self::Postgres(it) => it.batch("COMMIT").await,
            Self::Mysql(it) => it.batch("COMMIT").await,
        }
    }

    async fn rollback(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(it) => it.end("ROLLBACK"),
            Self::Postgres(it) => it.batch("ROLLBACK").await,
            Self::Mysql(it) => it.batch("ROLLBACK").await,
        }
    }

    async fn execute(&mut self, statement: Statement, binds: &[Bind]) -> Result<()> {
        match self {
            Self::Sqlite(it) => it.execute(statement, binds),
            Self::Postgres(it) => it.execute(statement, binds).await,
            Self::Mysql(it) => it.execute(statement, binds).await,
        }
    }

    /// The first column of the only row, every column read.
    async fn query(&mut self, statement: Statement, binds: &[Bind]) -> Result<Option<u32>> {
        match self {
            Self::Sqlite(it) => it.query(statement, binds),
            Self::Postgres(it) => it.query(statement, binds).await,
            Self::Mysql(it) => it.query(statement, binds).await,
        }
    }
}

fn text(key: u32) -> Bind {
    Bind::Text(key.to_string())
}

fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}
