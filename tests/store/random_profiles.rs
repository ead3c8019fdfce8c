//! Random installs: features of the profile's language put together anyhow, each with tables that fit. After
//! every request the agent shows what a plain model of people and teams has, and so do the tables, read as
//! the application reads them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::random::Random;
use crate::support::{Agent, Client, Database, ENTERPRISE, Engine, Install, USER, key};

/// Installs that are tried, and requests that each is asked.
const INSTALLS: u64 = 32;
const REQUESTS: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Counted,
    Uuid,
    Counter,
    Login,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Active {
    Values,
    Flag,
    Since,
    AbsentIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Own,
    Beside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Department {
    Kept,
    Text,
    Lookup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deleted {
    Deactivated,
    Marked,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    None,
    Plain,
    Where,
    Marked,
}

/// How an application keeps its people.
#[derive(Debug)]
struct App {
    key: Key,
    tenants: bool,
    lower: bool,
    active: Active,
    names: Place,
    title: Place,
    department: Department,
    derived: bool,
    delete: Deleted,
    members: Members,
}

impl App {
    fn random(random: &mut Random) -> Self {
        let key = *random.pick(&[Key::Counted, Key::Uuid, Key::Counter, Key::Login]);
        Self {
            key,
            tenants: random.flip(),
            lower: key != Key::Login && random.flip(),
            active: *random.pick(&[Active::Values, Active::Flag, Active::Since, Active::AbsentIn]),
            names: *random.pick(&[Place::Own, Place::Beside]),
            title: *random.pick(&[Place::Own, Place::Beside]),
            department: *random.pick(&[Department::Kept, Department::Text, Department::Lookup]),
            derived: random.flip(),
            delete: *random.pick(&[Deleted::Deactivated, Deleted::Marked, Deleted::Gone]),
            members: *random.pick(&[
                Members::None,
                Members::Plain,
                Members::Where,
                Members::Marked,
            ]),
        }
    }

    fn key_column(&self) -> &'static str {
        if self.key == Key::Login { "login" } else { "id" }
    }

    /// The tables, with somebody of the application's own in them and, where tenants share them, a namesake.
    fn tables(&self) -> String {
        let key = match self.key {
            Key::Counted => "id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL,",
            Key::Uuid => "id VARCHAR(36) NOT NULL PRIMARY KEY, login TEXT NOT NULL,",
            Key::Counter => "id INTEGER NOT NULL PRIMARY KEY, login TEXT NOT NULL,",
            Key::Login => "login VARCHAR(100) NOT NULL PRIMARY KEY,",
        };
        let reference = match self.key {
            Key::Counted | Key::Counter => "INTEGER",
            Key::Uuid | Key::Login => "VARCHAR(100)",
        };
        let insert = |id: &str, login: &str, plant: u8| match self.key {
            Key::Login => format!("INSERT INTO person (login, plant) VALUES ('{login}', {plant});"),
            _ => {
                format!("INSERT INTO person (id, login, plant) VALUES ({id}, '{login}', {plant});")
            }
        };
        let (one, two) = if self.key == Key::Uuid {
            ("'0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a'", "'0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b'")
        } else {
            ("1", "2")
        };
        // A namesake, where the login isn't the key of all plants.
        let namesake = self.tenants && self.key != Key::Login;
        let other = if namesake { "old@plant.example" } else { "other@plant.example" };
        format!(
            "CREATE TABLE person ({key} plant INTEGER NOT NULL DEFAULT 7, given TEXT, family TEXT, \
             title TEXT, dept_name TEXT, dept INTEGER, shown TEXT, state TEXT NOT NULL DEFAULT 'on', \
             enabled INTEGER NOT NULL DEFAULT 1, locked_at INTEGER NOT NULL DEFAULT 0, \
             gone INTEGER NOT NULL DEFAULT 0, UNIQUE (plant, login));\
             CREATE TABLE ids (name VARCHAR(20) NOT NULL PRIMARY KEY, next INTEGER NOT NULL);\
             INSERT INTO ids VALUES ('person', 100), ('sheet', 5);\
             CREATE TABLE info (person {reference} NOT NULL PRIMARY KEY, given TEXT, family TEXT);\
             CREATE TABLE job (person {reference} NOT NULL PRIMARY KEY, title TEXT);\
             CREATE TABLE dept (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(60) NOT NULL UNIQUE);\
             INSERT INTO dept (name) VALUES ('Works');\
             CREATE TABLE lockout (person {reference} NOT NULL, reason VARCHAR(10) NOT NULL);\
             CREATE TABLE team (id INTEGER PRIMARY KEY AUTOINCREMENT, label VARCHAR(80) NOT NULL);\
             INSERT INTO team (label) VALUES ('Their own');\
             CREATE TABLE seat (team INTEGER NOT NULL, person {reference} NOT NULL, \
             kind VARCHAR(1) NOT NULL DEFAULT 'u', gone INTEGER NOT NULL DEFAULT 0, \
             PRIMARY KEY (team, person, kind));\
             {} {}\
             INSERT INTO lockout VALUES ({two_key}, 'sick');\
             INSERT INTO seat VALUES (1, {two_key}, 'g', 0);",
            insert(one, "old@plant.example", 7),
            insert(two, other, if self.tenants { 8 } else { 9 }),
            two_key = if self.key == Key::Login { format!("'{other}'") } else { two.to_owned() },
        )
    }

    fn profile(&self) -> String {
        let mut out = "[users]\ntable = \"person\"\n".to_owned();
        // Plants 7 and 9 are this one's where nothing parts them.
        if self.tenants {
            out += "where = { plant = 7 }\n";
        }
        out += match self.key {
            Key::Counted => "key = \"id\"\n",
            Key::Uuid => "key = { column = \"id\", new = \"uuid\" }\n",
            Key::Counter => {
                "key = { column = \"id\", new = { counter = { table = \"ids\", column = \"next\", \
                 where = { name = \"person\" } } } }\n"
            }
            Key::Login => "key = { column = \"login\", is = \"userName\" }\n",
        };
        if self.names == Place::Beside {
            out += "[users.beside.info]\ntable = \"info\"\nuser = \"person\"\n";
        }
        if self.title == Place::Beside {
            out += "[users.beside.job]\ntable = \"job\"\nuser = \"person\"\n";
        }
        out += "[users.attributes]\n";
        out += if self.lower {
            "userName = { column = \"login\", as = \"lower\" }\n"
        } else {
            "userName = \"login\"\n"
        };
        out += match self.names {
            Place::Own => "\"name.givenName\" = \"given\"\n\"name.familyName\" = \"family\"\n",
            Place::Beside => {
                "\"name.givenName\" = { in = \"info\", column = \"given\" }\n\
                 \"name.familyName\" = { in = \"info\", column = \"family\" }\n"
            }
        };
        out += match self.title {
            Place::Own => "title = \"title\"\n",
            Place::Beside => "title = { in = \"job\", column = \"title\" }\n",
        };
        out += match self.active {
            Active::Values => {
                "active = { column = \"state\", values = { true = \"on\", false = \"off\" } }\n"
            }
            Active::Flag => "active = \"enabled\"\n",
            Active::Since => {
                "active = { column = \"locked_at\", as = \"since\", live = 0, time = \"epoch-s\" }\n"
            }
            Active::AbsentIn => {
                "active = { absent_in = { table = \"lockout\", user = \"person\", \
                 where = { reason = \"scim\" } } }\n"
            }
        };
        match self.department {
            Department::Kept => {}
            Department::Text => {
                out += &format!("\"{ENTERPRISE}:department\" = \"dept_name\"\n");
            }
            Department::Lookup => {
                out += &format!(
                    "\"{ENTERPRISE}:department\" = {{ column = \"dept\", lookup = {{ table = \"dept\", \
                     key = \"id\", label = \"name\", missing = \"create\" }} }}\n"
                );
            }
        }
        if self.derived {
            out += "[users.derive]\nshown = \"{name.familyName}, {name.givenName}\"\n";
        }
        out += match (self.delete, self.members) {
            (Deleted::Deactivated, _) => "[users.delete]\nmode = \"deactivate\"\n",
            (Deleted::Marked, _) => {
                "[users.delete]\nmode = \"mark\"\ncolumn = \"gone\"\nvalue = 1\n"
            }
            (Deleted::Gone, Members::None) => "[users.delete]\nmode = \"delete\"\n",
            (Deleted::Gone, _) => "[users.delete]\nmode = \"delete\"\ncascade = [\"seat\"]\n",
        };
        if self.members != Members::None {
            out += "[groups]\ntable = \"team\"\nkey = \"id\"\nattributes = { displayName = \"label\" }\n\
                    delete = { mode = \"delete\", cascade = [\"seat\"] }\n\
                    [members]\ntable = \"seat\"\ngroup = \"team\"\nuser = \"person\"\n";
            out += match self.members {
                Members::Where => "where = { kind = \"u\" }\n",
                Members::Marked => "remove = { column = \"gone\", value = 1 }\n",
                Members::None | Members::Plain => "",
            };
        }
        out
    }

    /// Who may sign in, as the application asks it: `login`.
    fn may_sign_in(&self) -> String {
        let rule = match self.active {
            Active::Values => "state = 'on'".to_owned(),
            Active::Flag => "enabled = 1".to_owned(),
            Active::Since => "locked_at = 0".to_owned(),
            Active::AbsentIn => format!(
                "NOT EXISTS (SELECT 1 FROM lockout l WHERE l.reason = 'scim' AND l.person = p.{})",
                self.key_column()
            ),
        };
        let gone = if self.delete == Deleted::Marked { " AND gone = 0" } else { "" };
        format!("SELECT login FROM person p WHERE plant = 7{gone} AND {rule}")
    }

    /// What is said of everybody: `login`, given name, family name, title, department.
    fn said(&self) -> String {
        let key = self.key_column();
        let (names, title) = match (self.names, self.title) {
            (Place::Own, Place::Own) => ("p", "p"),
            (Place::Own, Place::Beside) => ("p", "j"),
            (Place::Beside, Place::Own) => ("i", "p"),
            (Place::Beside, Place::Beside) => ("i", "j"),
        };
        let department = match self.department {
            Department::Kept => "NULL",
            Department::Text => "p.dept_name",
            Department::Lookup => "(SELECT d.name FROM dept d WHERE d.id = p.dept)",
        };
        let shown = if self.derived { "p.shown" } else { "NULL" };
        format!(
            "SELECT p.login, {names}.given, {names}.family, {title}.title, {department}, {shown} \
             FROM person p LEFT JOIN info i ON i.person = p.{key} LEFT JOIN job j ON j.person = p.{key} \
             WHERE p.plant = 7"
        )
    }

    /// The memberships that count: `team` and `person`.
    fn seats(&self) -> &'static str {
        match self.members {
            Members::None | Members::Plain | Members::Where => {
                "SELECT team, person FROM seat WHERE kind = 'u'"
            }
            Members::Marked => "SELECT team, person FROM seat WHERE kind = 'u' AND gone = 0",
        }
    }
}

/// Rows that no request is about.
const THEIRS: [&str; 3] = [
    "SELECT * FROM person WHERE plant <> 7",
    "SELECT * FROM lockout WHERE reason <> 'scim'",
    "SELECT * FROM ids WHERE name <> 'person'",
];

#[derive(Debug, Clone, PartialEq)]
struct Person {
    id: String,
    active: bool,
    given: Option<String>,
    family: Option<String>,
    title: Option<String>,
    department: Option<String>,
}

#[derive(Debug, Default)]
struct Model {
    people: BTreeMap<String, Person>,
    /// Teams with their members' ids.
    teams: BTreeMap<String, BTreeSet<String>>,
}

struct Run<'a> {
    app: &'a App,
    agent: &'a Agent,
    client: Client,
    model: Model,
    random: Random,
    made: usize,
}

impl Run<'_> {
    fn somebody(&mut self) -> Option<String> {
        let names: Vec<String> = self.model.people.keys().cloned().collect();
        (!names.is_empty()).then(|| self.random.pick(&names).clone())
    }

    fn team(&mut self) -> Option<String> {
        let teams: Vec<String> = self.model.teams.keys().cloned().collect();
        (!teams.is_empty()).then(|| self.random.pick(&teams).clone())
    }

    fn text(&mut self) -> String {
        (*self.random.pick(&["Lead", "Zoë", "O'Brien", "50%", "two words"])).to_owned()
    }

    async fn hire(&mut self) {
        self.made += 1;
        let name = format!("p{}@plant.example", self.made);
        let (given, family) = (self.text(), self.text());
        let title = self.random.flip().then(|| self.text());
        let department = self.random.flip().then(|| self.text());
        let active = self.random.below(4) > 0;
        let mut body = json!({
            "schemas": [USER],
            "userName": name,
            "name": { "givenName": given, "familyName": family },
            "active": active,
        });
        if let Some(title) = &title {
            body["title"] = json!(title);
        }
        if let Some(department) = &department {
            body[ENTERPRISE] = json!({ "department": department });
        }
        let id = self.client.post("/Users", &body).await.expect(201).id();
        let (given, family) = (Some(given), Some(family));
        let person = Person { id, active, given, family, title, department };
        self.model.people.insert(name, person);
    }

    async fn change(&mut self) {
        let Some(name) = self.somebody() else { return };
        let mut operations = Vec::new();
        for _ in 0..=self.random.below(3) {
            let (value, what) = (self.text(), self.random.below(5));
            let clears = self.random.below(3) == 0;
            let active = self.random.flip();
            let person = self.model.people.get_mut(&name).unwrap();
            let value = (!clears).then_some(value);
            let mut set = |path: String, held: &mut Option<String>| {
                held.clone_from(&value);
                operations.push(match &value {
                    Some(value) => json!({ "op": "Replace", "path": path, "value": value }),
                    None => json!({ "op": "Remove", "path": path }),
                });
            };
            match what {
                0 => {
                    person.active = active;
                    let text = if active { "True" } else { "False" };
                    operations.push(json!({ "op": "Replace", "path": "active", "value": text }));
                }
                1 => set("name.givenName".to_owned(), &mut person.given),
                2 => set("name.familyName".to_owned(), &mut person.family),
                3 => set("title".to_owned(), &mut person.title),
                _ => set(format!("{ENTERPRISE}:department"), &mut person.department),
            }
        }
        let path = format!("/Users/{}", self.model.people[&name].id);
        self.client.operations(&path, Value::Array(operations)).await.expect(200);
    }

    async fn dismiss(&mut self) {
        let Some(name) = self.somebody() else { return };
        let person = self.model.people.remove(&name).unwrap();
        self.client.delete(&format!("/Users/{}", person.id)).await.expect(204);
        for members in self.model.teams.values_mut() {
            members.remove(&person.id);
        }
    }

    async fn found(&mut self) {
        self.made += 1;
        let body = crate::support::group(&format!("Team {}", self.made));
        let id = self.client.post("/Groups", &body).await.expect(201).id();
        self.model.teams.insert(id, BTreeSet::new());
    }

    async fn seat(&mut self) {
        let (Some(team), Some(name)) = (self.team(), self.somebody()) else { return };
        let id = self.model.people[&name].id.clone();
        let joins = self.random.below(3) > 0;
        let members = self.model.teams.get_mut(&team).unwrap();
        let operation = if joins {
            members.insert(id.clone());
            json!([{ "op": "Add", "path": "members", "value": [{ "value": id }] }])
        } else {
            members.remove(&id);
            json!([{ "op": "Remove", "path": "members", "value": [{ "value": id }] }])
        };
        self.client.operations(&format!("/Groups/{team}"), operation).await.expect(204);
    }

    async fn close(&mut self) {
        let Some(team) = self.team() else { return };
        self.model.teams.remove(&team);
        self.client.delete(&format!("/Groups/{team}")).await.expect(204);
    }

    /// What SCIM shows is the model.
    async fn assert_shown(&self) {
        let shown = self.client.get("/Users?count=200").await.expect(200).resources();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let read = |user: &Value| {
            let person = Person {
                id: text(&user["id"]).unwrap(),
                active: user["active"] == true,
                given: text(&user["name"]["givenName"]),
                family: text(&user["name"]["familyName"]),
                title: text(&user["title"]),
                department: text(&user[ENTERPRISE]["department"]),
            };
            (text(&user["userName"]).unwrap(), person)
        };
        let own = ["old@plant.example", "other@plant.example"];
        let ours = |name: &String| !own.contains(&name.as_str());
        let found: BTreeMap<String, Person> =
            shown.iter().map(read).filter(|(name, _)| ours(name)).collect();
        assert_eq!(found, self.model.people, "{:?}", self.app);
        for (team, members) in &self.model.teams {
            let body = self.client.get(&format!("/Groups/{team}")).await.expect(200).body;
            let found = body["members"].as_array().cloned().unwrap_or_default();
            let found: BTreeSet<String> =
                found.iter().map(|member| text(&member["value"]).unwrap()).collect();
            assert_eq!(&found, members, "{:?}", self.app);
        }
    }

    /// What the tables hold is the model.
    async fn assert_held(&self) {
        let (app, database) = (self.app, self.agent.database());
        let rows = database.rows(&app.may_sign_in()).await;
        let may: BTreeSet<String> = rows.into_iter().filter_map(|row| row[0].clone()).collect();
        for (name, person) in &self.model.people {
            assert_eq!(may.contains(name), person.active, "{name}: {app:?}");
        }
        let ours = may.iter().filter(|name| name.starts_with('p')).count();
        let active = self.model.people.values().filter(|person| person.active).count();
        assert_eq!(ours, active, "somebody who is gone may sign in: {app:?}");
        for row in database.rows(&app.said()).await {
            let Some(person) = self.model.people.get(row[0].as_deref().unwrap()) else { continue };
            // What is cleared is NULL or the empty text.
            let held = |at: usize| row[at].clone().filter(|text| !text.is_empty());
            assert_eq!(
                [held(1), held(2)],
                [person.given.clone(), person.family.clone()],
                "{app:?}"
            );
            assert_eq!(held(3), person.title, "{app:?}");
            if app.department != Department::Kept {
                assert_eq!(held(4), person.department, "{app:?}");
            }
            if app.derived {
                let [given, family] =
                    [&person.given, &person.family].map(|it| it.clone().unwrap_or_default());
                let shown = format!("{family}, {given}");
                assert_eq!(held(5).as_deref(), Some(shown.trim()), "{app:?}");
            }
        }
        let seats = database.rows(app.seats()).await;
        let seats: BTreeSet<(String, String)> = seats
            .into_iter()
            .map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap()))
            .collect();
        let teams = self.model.teams.iter();
        let expected: BTreeSet<(String, String)> = teams
            .flat_map(|(team, members)| {
                members.iter().map(|member| (key(team).to_owned(), member.clone()))
            })
            .collect();
        assert_eq!(seats, expected, "{app:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_does_what_the_model_does() {
    for seed in 0..INSTALLS {
        let mut random = Random::new(seed);
        let app = App::random(&mut random);
        let database = Database::empty(Engine::Sqlite).await;
        database.execute(&app.tables()).await;
        let mut install = Install::with_profile(database, &app.profile());
        install.configure("[reconcile]\nfloor = 0\n");
        let agent = Agent::on(install).await;
        let mut theirs = Vec::new();
        for query in THEIRS {
            theirs.push(agent.database().rows(query).await);
        }
        let client = agent.client();
        let mut run =
            Run { app: &app, agent: &agent, client, model: Model::default(), random, made: 0 };
        for _ in 0..REQUESTS {
            let teams = app.members != Members::None;
            match run.random.below(10) {
                0..=2 => run.hire().await,
                3..=5 => run.change().await,
                6 => run.dismiss().await,
                7 if teams => run.found().await,
                9 if teams && run.random.below(3) == 0 => run.close().await,
                _ if teams => run.seat().await,
                _ => run.change().await,
            }
            run.assert_shown().await;
            run.assert_held().await;
        }
        for (query, before) in THEIRS.into_iter().zip(theirs) {
            assert_eq!(agent.database().rows(query).await, before, "{query}: {app:?}");
        }
        // Nothing of it is drift.
        let output = agent.install.run(&["reconcile", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(report["verdict"], "CLEAN", "{app:?} {report:#}");
    }
}
