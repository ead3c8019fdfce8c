//! Names by one rule, the database's own: filters, uniqueness and lookups say the same of every pair of
//! names, and it is what the database says.

use serde_json::json;

use crate::support::random::Random;
use crate::support::{Agent, Engine, user};

on_every_database!(
    filters_and_uniqueness_agree_with_the_database,
    random_names_do_too,
    what_is_stored_is_found_by_its_parts,
    blanks_at_the_ends_are_no_case,
    a_rename_is_asked_by_the_same_rule,
);
// On SQLite the install's own key holds them to be the same.
on_servers!(the_very_spelling_is_the_answer_alone);

/// Spellings that some definition of case, blanks or compatibility takes for one.
const SPELLINGS: [&str; 22] = [
    "ana@plant.example",
    "ANA@Plant.Example",
    "ana@plant.example ",
    " ana@plant.example",
    "ana@plant.example\t",
    "ana@plant.example\u{a0}",
    "zoë@plant.example",
    "ZOË@plant.example",
    "zoe@plant.example",
    "ΟΔΟΣ",
    "οδος",
    "οδοσ",
    "STRAẞE",
    "straße",
    "STRASSE",
    "İpek",
    "i̇pek",
    "ipek",
    "ﬁn",
    "fin",
    "ｆｉｎ",
    "\u{212a}elvin",
];

/// Whether the database holds two texts to be one name: its own word, asked beside the agent.
async fn same(agent: &Agent, engine: Engine, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let (one, other) = (quoted(one), quoted(other));
    let sql = match engine {
        // SQLite's own `lower` knows ASCII alone; what Unicode says is the agent's.
        Engine::Sqlite => return lower(&one) == lower(&other),
        Engine::Postgres => format!("SELECT 1 WHERE lower({one}) = lower({other})"),
        Engine::Mariadb | Engine::Mysql => {
            let fold =
                |text: &str| format!("LOWER(CONVERT({text} USING utf8mb4) COLLATE utf8mb4_bin)");
            format!("SELECT 1 WHERE BINARY {} = BINARY {}", fold(&one), fold(&other))
        }
    };
    !agent.database().rows(&sql).await.is_empty()
}

/// One character at a time, and never from beyond ASCII into it.
fn lower(text: &str) -> String {
    let one = |character: char| -> String {
        let lower: String = character.to_lowercase().collect();
        if !character.is_ascii() && lower.is_ascii() { character.to_string() } else { lower }
    };
    text.chars().map(one).collect()
}

async fn filters_and_uniqueness_agree_with_the_database(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for stored in SPELLINGS {
        let created = client.post("/Users", &user(stored)).await.expect(201);
        let path = format!("/Users/{}", created.id());
        assert_eq!(created.body["userName"], stored);
        for asked in SPELLINGS {
            assert_agrees(&agent, engine, (&created.id(), stored), asked).await;
        }
        agent
            .database()
            .execute(&format!("DELETE FROM users WHERE user_id = {}", created.id()))
            .await;
        client.get(&path).await.refused(404, "");
    }
}

/// A filter and a POST hold two names to be one where the database does.
async fn assert_agrees(agent: &Agent, engine: Engine, (id, stored): (&str, &str), asked: &str) {
    let client = agent.client();
    let expected = same(agent, engine, stored, asked).await;
    let filter = format!("userName eq {}", json!(asked));
    let found = client.ids("/Users", &filter).await.iter().any(|it| it == id);
    assert_eq!(found, expected, "{stored:?} asked as {asked:?}");
    let posted = client.post("/Users", &user(asked)).await;
    // A unique key of the install's own may hold more to be the same.
    if expected || !engine.speaks_mysql() {
        let status = if expected { 409 } else { 201 };
        assert_eq!(posted.status, status, "{stored:?} then {asked:?}");
    }
    if posted.status == 201 {
        let sql = format!("DELETE FROM users WHERE user_id = {}", posted.id());
        agent.database().execute(&sql).await;
    }
}

/// Texts that some definition of case, blanks or compatibility takes for one, set by set.
const RELATIVES: [&[&str]; 13] = [
    &["a", "A", "ａ"],
    &["σ", "ς", "Σ"],
    &["ß", "ẞ", "ss", "SS"],
    &["i", "İ", "ı", "I", "i\u{307}"],
    &["é", "É", "e\u{301}", "E\u{301}", "e"],
    &[" ", "\u{a0}", "\t", "", "\u{3000}"],
    &["ﬁ", "fi", "FI"],
    &["k", "K", "\u{212a}"],
    &["ǆ", "ǅ", "Ǆ"],
    &["µ", "μ", "Μ"],
    &["ſ", "s", "S"],
    &["å", "Å", "\u{212b}", "a\u{30a}"],
    &["Ω", "ω", "\u{2126}"],
];

async fn random_names_do_too(engine: Engine) {
    let agent = Agent::start(engine).await;
    let mut random = Random::new(1);
    for _ in 0..80 {
        let (mut stored, mut asked) = ("x".to_owned(), "x".to_owned());
        for _ in 0..=random.below(4) {
            let set = *random.pick(&RELATIVES);
            let (one, other) = (*random.pick(set), *random.pick(set));
            stored.push_str(one);
            asked.push_str(if random.flip() { one } else { other });
        }
        let created = agent.client().post("/Users", &user(&stored)).await.expect(201).id();
        for asked in [&asked, &stored.to_uppercase(), &stored.to_lowercase()] {
            assert_agrees(&agent, engine, (&created, &stored), asked).await;
        }
        let sql = format!("DELETE FROM users WHERE user_id = {created}");
        agent.database().execute(&sql).await;
    }
}

async fn the_very_spelling_is_the_answer_alone(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    if engine.speaks_mysql() {
        agent.database().execute("ALTER TABLE teams DROP INDEX name").await;
    }
    // Two teams of one name but for case, as kpifire's own screens can make them.
    agent
        .database()
        .execute(
            "INSERT INTO teams (name, created_at, updated_at) VALUES \
             ('NIGHT', '2020-01-01 00:00:00', '2020-01-01 00:00:00'), \
             ('Night', '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
        )
        .await;
    assert_eq!(client.ids("/Groups", "displayName eq \"Night\"").await, ["g-4"]);
    assert_eq!(client.ids("/Groups", "displayName eq \"NIGHT\"").await, ["g-3"]);
    assert_eq!(client.ids("/Groups", "displayName eq \"night\"").await, ["g-3", "g-4"]);
    let count =
        client.query("/Groups", &[("filter", "displayName eq \"Night\""), ("count", "0")]).await;
    assert!(count.expect(200).body["totalResults"].as_u64().unwrap() >= 1);
    // A write to each works by its id.
    for id in ["g-3", "g-4"] {
        let members = json!([{ "op": "add", "path": "members", "value": [{ "value": "3" }] }]);
        client.operations(&format!("/Groups/{id}"), members).await.expect(204);
    }
    client.post("/Groups", &crate::support::group("nIGHT")).await.refused(409, "uniqueness");
}

async fn what_is_stored_is_found_by_its_parts(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    for title in ["ΟΔΟΣΑ ΟΔΟΣ", "STRAẞE", "İpek", "Zoë's 50% \\ ! _", "ana "] {
        let mut body = user(&format!("part-{}@plant.example", title.len()));
        body["title"] = json!(title);
        let id = client.post("/Users", &body).await.expect(201).id();
        let characters: Vec<char> = title.chars().collect();
        for cut in 1..characters.len() {
            let (start, end) = characters.split_at(cut);
            let text = |part: &[char]| json!(part.iter().collect::<String>());
            for filter in [
                format!("title sw {}", text(start)),
                format!("title ew {}", text(end)),
                format!("title co {}", text(&characters[cut - 1..=cut])),
            ] {
                assert!(client.ids("/Users", &filter).await.contains(&id), "{filter} of {title:?}");
            }
        }
        client.delete(&format!("/Users/{id}")).await.expect(204);
    }
}

async fn blanks_at_the_ends_are_no_case(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let odd = ["blank@plant.example ", "tab@plant.example\t", "nbsp@plant.example\u{a0}"];
    for name in odd {
        let sql = format!(
            "INSERT INTO users (email, first_name, last_name, department_id, status, password_hash, \
             created_at, updated_at) VALUES ('{name}', 'A', 'B', 1, 'Active', 'x', \
             '2020-01-01 00:00:00', '2020-01-01 00:00:00')"
        );
        agent.database().execute(&sql).await;
        assert_eq!(
            client.ids("/Users", &format!("userName eq {}", json!(name.trim()))).await,
            [""; 0]
        );
        assert_eq!(client.ids("/Users", &format!("userName eq {}", json!(name))).await.len(), 1);
    }
}

async fn a_rename_is_asked_by_the_same_rule(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let rename = |name: &str| json!([{ "op": "replace", "path": "userName", "value": name }]);
    client.operations("/Users/3", rename("ADMIN@plant.example")).await.refused(409, "uniqueness");
    let own = client.operations("/Users/3", rename("QUALITY.lead@plant.example")).await.expect(200);
    assert_eq!(own.body["userName"], "QUALITY.lead@plant.example");
}
