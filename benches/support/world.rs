//! Who works at the plant, and the changes that provisioning makes to them: what the agent gets as
//! requests and the bare SQL as statements. Knows neither HTTP nor SQL.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Map, Value, json};

/// Keys below belong to the seed rows.
const FIRST_KEY: u32 = 1_001;
/// Walks the users in an order that no cache of pages favours; prime, so that it meets everyone.
const STRIDE: u64 = 7_919;
/// How many members the small team has.
pub const SMALL_TEAM: u32 = 10;

/// A user by number, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User(pub u32);

impl User {
    /// The legacy key, which is the SCIM id.
    pub fn key(self) -> u32 {
        FIRST_KEY + self.0
    }

    /// The login name.
    pub fn email(self) -> String {
        format!("user{:06}@plant.example", self.0)
    }

    /// Entra's id.
    pub fn external_id(self) -> String {
        format!("5d3c9a40-0000-4000-8000-{:012x}", self.0)
    }

    /// Given and family name.
    pub fn name(self) -> (String, String) {
        (format!("Given{}", self.0 % 97), format!("Family{}", self.0))
    }

    /// What Entra last asserted, as the link's baseline holds it.
    pub fn baseline(self, status: Status) -> String {
        let (given, family) = self.name();
        Value::from(Map::from_iter([
            ("active".to_owned(), json!(status == Status::Active)),
            ("name.familyName".to_owned(), family.into()),
            ("name.givenName".to_owned(), given.into()),
            ("title".to_owned(), "Operator".into()),
            ("userName".to_owned(), self.email().into()),
        ]))
        .to_string()
    }
}

/// Whether a user may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `active` is true.
    Active,
    /// `active` is false.
    Inactive,
}

impl Status {
    /// What kpifire's column says.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

impl From<bool> for Status {
    fn from(active: bool) -> Self {
        if active { Self::Active } else { Self::Inactive }
    }
}

/// One of the two teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Team {
    /// 5,000 members.
    Large,
    /// 10 members.
    Small,
}

impl Team {
    /// The legacy key, which is the SCIM id.
    pub fn key(self) -> u32 {
        match self {
            Self::Large => 101,
            Self::Small => 102,
        }
    }
}

/// One request, or the statements of the same change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Look a user up by userName.
    Match(User),
    /// The same while the tables have the install's own indexes alone.
    MatchAsFound(User),
    /// Look for somebody of this number, whom nobody has made; with those indexes alone.
    Miss(User),
    /// Read a user.
    Get(User),
    /// Make a user of this number, which nobody has yet.
    Create(User),
    /// Disable or enable a user; it always changes something.
    SetActive(User, Status),
    /// Add a member that isn't one.
    Add(Team, User),
    /// Remove a member that is one.
    Remove(Team, User),
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Step::MatchAsFound`]
    MatchAsFound,
    /// [`Step::Miss`]
    Miss,
    /// [`Step::Match`]
    Match,
    /// [`Step::Get`]
    Get,
    /// [`Step::Create`]
    Create,
    /// [`Step::SetActive`]
    SetActive,
    /// [`Step::Add`]
    Add(Team),
    /// [`Step::Remove`]
    Remove(Team),
}

impl Step {
    /// What it counts as.
    pub fn kind(self) -> Kind {
        match self {
            Self::Match(_) => Kind::Match,
            Self::MatchAsFound(_) => Kind::MatchAsFound,
            Self::Miss(_) => Kind::Miss,
            Self::Get(_) => Kind::Get,
            Self::Create(_) => Kind::Create,
            Self::SetActive(..) => Kind::SetActive,
            Self::Add(team, _) => Kind::Add(team),
            Self::Remove(team, _) => Kind::Remove(team),
        }
    }
}

/// What a measurement repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// Look users up by userName, before the indexes that `check` asks for are made.
    MatchAsFound,
    /// Look for userNames that nobody has, before those indexes are made.
    Miss,
    /// Look users up by userName.
    Match,
    /// Read users.
    Get,
    /// Make users.
    Create,
    /// Disable and enable users in turn.
    SetActive,
    /// Add a member to the large team, remove it again: the team keeps its size.
    Members,
    /// The same to the large and the small team in turn, so that noise meets both alike.
    BothTeams,
}

impl Operation {
    /// Whether it is measured beside bare SQL; both teams are measured beside each other.
    pub fn has_bare_side(self) -> bool {
        self != Self::BothTeams
    }

    /// Whether it is measured on the tables as an install has them.
    pub fn as_found(self) -> bool {
        matches!(self, Self::MatchAsFound | Self::Miss)
    }
}

/// The state that all callers share.
#[derive(Debug)]
pub struct World {
    large_team: u32,
    active: Vec<AtomicBool>,
    turn: AtomicU64,
    created: AtomicU64,
}

impl World {
    /// As it is loaded: every second user is inactive.
    pub fn new(users: u32, large_team: u32) -> Self {
        let active = (0..users).map(|number| AtomicBool::new(number % 2 == 0)).collect();
        Self { large_team, active, turn: AtomicU64::new(0), created: AtomicU64::new(0) }
    }

    /// Everyone who is loaded, with their status.
    pub fn users(&self) -> impl Iterator<Item = (User, Status)> {
        (0_u32..)
            .zip(&self.active)
            .map(|(number, active)| (User(number), active.load(Ordering::Relaxed).into()))
    }

    /// A team's first members.
    pub fn members(&self, team: Team) -> impl Iterator<Item = User> + use<> {
        (0..match team {
            Team::Large => self.large_team,
            Team::Small => SMALL_TEAM,
        })
            .map(User)
    }

    /// The steps of an operation for one caller.
    pub fn steps(self: &Arc<Self>, operation: Operation) -> Steps {
        Steps { world: Arc::clone(self), operation, begun: VecDeque::new() }
    }

    fn someone(&self) -> User {
        User(self.pick(0, self.active.len() as u64))
    }

    fn outsider(&self) -> User {
        User(self.pick(u64::from(self.large_team), self.active.len() as u64))
    }

    fn pick(&self, from: u64, to: u64) -> u32 {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let number = from + turn.wrapping_mul(STRIDE) % (to - from);
        u32::try_from(number).unwrap_or_default()
    }

    /// A number far above those of users who are made.
    fn nobody(&self) -> User {
        User(900_000 + self.pick(0, 90_000))
    }

    fn newcomer(&self) -> User {
        let number = self.active.len() as u64 + self.created.fetch_add(1, Ordering::Relaxed);
        User(u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn toggle(&self) -> Step {
        let user = self.someone();
        let was = self
            .active
            .get(user.0 as usize)
            .is_some_and(|active| active.fetch_xor(true, Ordering::Relaxed));
        Step::SetActive(user, Status::from(!was))
    }
}

/// The steps of one caller, without end.
#[derive(Debug)]
pub struct Steps {
    world: Arc<World>,
    operation: Operation,
    begun: VecDeque<Step>,
}

impl Steps {
    /// The next one.
    pub fn next_step(&mut self) -> Step {
        if let Some(step) = self.begun.pop_front() {
            return step;
        }
        match self.operation {
            Operation::Match => Step::Match(self.world.someone()),
            Operation::MatchAsFound => Step::MatchAsFound(self.world.someone()),
            Operation::Miss => Step::Miss(self.world.nobody()),
            Operation::Get => Step::Get(self.world.someone()),
            Operation::Create => Step::Create(self.world.newcomer()),
            Operation::SetActive => self.world.toggle(),
            Operation::Members => {
                let user = self.world.outsider();
                self.begun.push_back(Step::Remove(Team::Large, user));
                Step::Add(Team::Large, user)
            }
            Operation::BothTeams => {
                let user = self.world.outsider();
                self.begun.extend([
                    Step::Add(Team::Small, user),
                    Step::Remove(Team::Large, user),
                    Step::Remove(Team::Small, user),
                ]);
                Step::Add(Team::Large, user)
            }
        }
    }

    /// Whether stopping now would leave something half done.
    pub fn unfinished(&self) -> bool {
        !self.begun.is_empty()
    }
}
