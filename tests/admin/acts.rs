//! What an operator does from the console: each act shown first, done once, audited with a name, and
//! refused to everybody else.

use serde_json::Value;

use super::operator::Operator;
use super::{Page, Watched};
use crate::support::{Database, Dialect, Engine, Install, user};

on_every_database!(
    findings_are_mended,
    cleanup_is_held_applied_and_undone,
    the_guard_and_tokens,
    nobody_else_acts,
);

impl Watched {
    /// Somebody whom Entra provisioned, with what was done to their row behind its back.
    async fn hire(&self, name: &str, natively: &str) -> String {
        let body = user(&format!("{name}@plant.example"));
        let id = self.agent.client().post("/Users", &body).await.expect(201).id();
        if !natively.is_empty() {
            self.natively(&id, natively).await;
        }
        id
    }

    async fn natively(&self, id: &str, set: &str) {
        self.agent
            .database()
            .execute(&format!("UPDATE users SET {set} WHERE user_id = {id}"))
            .await;
    }

    async fn column(&self, column: &str, id: &str) -> Option<String> {
        let sql = format!("SELECT {column} FROM users WHERE user_id = {id}");
        self.agent.database().value(&sql).await
    }

    /// The open finding of a kind and a resource.
    fn finding(&self, kind: &str, id: &str) -> String {
        let listed =
            self.agent.install.stdout(&["drift", "list", "--kind", kind, "--format", "json"]);
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        let found = listed.iter().find(|it| it["scimId"] == id);
        found.unwrap_or_else(|| panic!("{listed:#?}"))["id"].as_str().unwrap().to_owned()
    }

    /// The last audit row of an operation.
    fn audited(&self, operation: &str) -> Value {
        let rows = self.agent.audit(&[]);
        rows.into_iter().rev().find(|it| it["operation"] == operation).unwrap_or_default()
    }

    fn rows(&self, operation: &str) -> usize {
        self.agent.audit(&[]).iter().filter(|it| it["operation"] == operation).count()
    }
}

fn says(page: &Page, word: &str) {
    assert!(
        page.body.contains(&format!("<span class=\"verdict\">{word}</span>")),
        "{word}: {}",
        page.body
    );
}

async fn findings_are_mended(engine: Engine) {
    let watched = Watched::start(engine).await;
    let token = watched.agent.install.token("olga", &["--scope", "operator"]);
    let ana = watched.hire("ana", "first_name = 'Typed <b>Over</b>'").await;
    let ben = watched.hire("ben", "").await;
    let name = watched.column("last_name", &ben).await;
    watched.natively(&ben, "last_name = 'Boss'").await;
    let cy = watched.hire("cy", "last_name = 'Kept'").await;
    let dee = watched.hire("dee", "last_name = 'Set aside'").await;
    for name in ["eve", "fay"] {
        watched
            .agent
            .database()
            .execute(&format!(
                "INSERT INTO users (email, first_name, last_name, department_id, license_type, status, \
                 password_hash, created_at, updated_at) VALUES ('{name}@plant.example', 'x', 'y', 2, \
                 'View Only License', 'Active', 'x', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            ))
            .await;
    }
    watched.agent.install.run(&["reconcile"]);
    let olga = Operator::sign_in(&watched, &token).await;

    // Restored: shown, and not yet written; then written, and a second click does nothing.
    let finding = watched.finding("attribute", &ana);
    let page = format!("/finding?id={finding}");
    let asked = olga.ask_for(&page, &[("do", "restore")], &[]).await;
    for said in ["Typed &#60;b&#62;Over&#60;/b&#62;", "&#34;Ana&#34;", "name.givenName"] {
        assert!(asked.body.contains(said), "{said}: {}", asked.body);
    }
    assert_eq!(watched.column("first_name", &ana).await.as_deref(), Some("Typed <b>Over</b>"));
    assert_eq!(watched.rows("restore"), 0);
    let done = olga.agree(&asked).await;
    says(&done, "RESTORED");
    assert_eq!(watched.column("first_name", &ana).await.as_deref(), Some("Ana"));
    let row = watched.audited("restore");
    assert_eq!(row["token"], "operator:olga", "{row}");
    assert_eq!(
        (&row["before"]["name.givenName"], &row["after"]["name.givenName"]),
        (&"Typed <b>Over</b>".into(), &"Ana".into())
    );
    let request = done.head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    assert_eq!(row["requestId"].as_str().unwrap().to_lowercase(), request);
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    assert_eq!(watched.rows("restore"), 1);
    assert!(olga.page(&page).await.contains("restored"));
    // Who acts in the console is no client of whom Entra would be taken to have been heard.
    let status = watched.agent.install.stdout(&["status"]);
    assert!(!status.contains("operator:olga"), "{status}");

    // What changed since it was shown isn't written over.
    let finding = watched.finding("attribute", &ben);
    let asked = olga.ask_for(&format!("/finding?id={finding}"), &[("do", "restore")], &[]).await;
    watched.natively(&ben, "last_name = 'President'").await;
    let again = olga.agree(&asked).await;
    assert!(
        again.body.contains("as it was shown") && again.body.contains("President"),
        "{}",
        again.body
    );
    assert_eq!(watched.column("last_name", &ben).await.as_deref(), Some("President"));
    says(&olga.agree(&again).await, "RESTORED");
    assert_eq!(watched.column("last_name", &ben).await, name);

    // Adopted: kpifire's row stays, and no finding is left.
    let finding = watched.finding("attribute", &cy);
    let asked = olga.ask_for(&format!("/finding?id={finding}"), &[("do", "adopt")], &[]).await;
    says(&olga.agree(&asked).await, "ADOPTED");
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    assert_eq!(watched.column("last_name", &cy).await.as_deref(), Some("Kept"));
    assert_eq!(watched.audited("adopt")["token"], "operator:olga");

    // Ignored, one and all of a kind.
    let finding = watched.finding("attribute", &dee);
    let page = format!("/finding?id={finding}");
    let asked = olga.ask_for(&page, &[("do", "ignore")], &[("reason", "her \"own\" name")]).await;
    says(&olga.agree(&asked).await, "IGNORED");
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    assert_eq!(watched.audited("ignore")["after"]["reason"], "her \"own\" name");
    let kind = [("do", "ignore-kind"), ("kind", "unmanaged")];
    let asked = olga.ask_for("/drift?kind=unmanaged", &kind, &[("reason", "pilot")]).await;
    says(&olga.agree(&asked).await, "IGNORED");
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    let left = "scim_findings WHERE resolved IS NULL AND ignored IS NULL";
    assert_eq!(watched.agent.database().count(left).await, 0);
    watched.agent.install.run(&["reconcile"]);
    assert_eq!(watched.agent.database().count(left).await, 0);
}

async fn cleanup_is_held_applied_and_undone(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[cleanup]\nstrip_after = \"0s\"\nanonymise_after = \"900d\"\n");
    let watched = Watched::on(install).await;
    let token = watched.agent.install.token("olga", &["--scope", "operator"]);
    let entra = watched.agent.entra(Dialect::Classic);
    let team = entra.create_group("Line 7").await;
    let (ana, ben) = (watched.hire("ana", "").await, watched.hire("ben", "").await);
    entra.add_members(&team, &[&ana, &ben]).await.expect(204);
    entra.disable(&ana).await;
    entra.disable(&ben).await;
    watched.agent.install.run(&["reconcile"]);
    let olga = Operator::sign_in(&watched, &token).await;
    let edges = "team_members";
    let database = watched.agent.database();

    let person = format!("/person?id={ben}");
    let asked = olga.ask_for(&person, &[("do", "hold")], &[("reason", "a lawsuit")]).await;
    assert_eq!(database.count("scim_holds").await, 0);
    says(&olga.agree(&asked).await, "HELD");
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    assert_eq!(database.count("scim_holds WHERE reason = 'a lawsuit'").await, 1);
    assert_eq!(watched.audited("hold")["token"], "operator:olga");
    // Somebody else changes the reason: what was shown isn't so any more.
    let asked = olga.ask_for(&person, &[("do", "release")], &[]).await;
    watched.agent.install.stdout(&["cleanup", "hold", &ben, "--reason", "another lawsuit"]);
    let again = olga.agree(&asked).await;
    assert!(
        again.body.contains("another lawsuit") && again.body.contains("as it was shown"),
        "{}",
        again.body
    );
    assert_eq!(database.count("scim_holds").await, 1);

    // The plan with one account; then the hold goes, and the plan is another one.
    let apply = [("do", "apply")];
    let asked = olga.ask_for("/cleanup", &apply, &[]).await;
    assert!(asked.body.contains("ana@plant.example") && !asked.body.contains("ben@plant.example"));
    says(&olga.agree(&again).await, "RELEASED");
    says(&olga.agree(&again).await, "NOTHING TO DO");
    let before = database.count(edges).await;
    let changed = olga.agree(&asked).await;
    assert!(
        changed.body.contains("as it was shown") && changed.body.contains("ben@plant.example"),
        "{}",
        changed.body
    );
    assert_eq!(database.count(edges).await, before);
    says(&olga.agree(&changed).await, "APPLIED");
    assert_eq!(database.count(edges).await, before - 2);
    says(&olga.agree(&changed).await, "NOTHING TO DO");
    assert_eq!(watched.audited("strip")["token"], "operator:olga");
    assert_eq!(watched.rows("strip"), 2);

    let asked = olga.ask_for("/cleanup", &[("do", "undo")], &[]).await;
    assert!(asked.body.contains("team_members"), "{}", asked.body);
    says(&olga.agree(&asked).await, "UNDONE");
    assert_eq!(database.count(edges).await, before);
    let again = olga.agree(&asked).await;
    says(&again, "NOTHING TO DO");
    assert!(again.body.contains("it was undone before"), "{}", again.body);
    assert_eq!(watched.audited("undo")["token"], "operator:olga");
    assert_eq!((database.count(edges).await, watched.rows("undo")), (before, 2));
}

async fn the_guard_and_tokens(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[guard]\nmax_disables = 1\n");
    let watched = Watched::on(install).await;
    let token = watched.agent.install.token("olga", &["--scope", "operator"]);
    let olga = Operator::sign_in(&watched, &token).await;
    let database = watched.agent.database();

    let allowed = "scim_guard WHERE allowed_until IS NOT NULL";
    let asked = olga.ask_for("/", &[("do", "allow")], &[("for", "1h")]).await;
    assert_eq!(database.count(allowed).await, 0);
    says(&olga.agree(&asked).await, "ALLOWED");
    let until = database.value("SELECT allowed_until FROM scim_guard").await;
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    assert_eq!(database.value("SELECT allowed_until FROM scim_guard").await, until);
    assert_eq!(
        (watched.rows("guard_allow"), &watched.audited("guard_allow")["token"]),
        (1, &"operator:olga".into())
    );

    let new = [("name", "entra 2"), ("scope", "provision"), ("expires", "365d")];
    let asked = olga.ask_for("/new-token", &[("do", "token-create")], &new).await;
    let made = olga.agree(&asked).await;
    says(&made, "MADE");
    let secret = secret(&made);
    watched.agent.client_with(Some(&secret)).get("/Users").await.expect(200);
    let again = olga.agree(&asked).await;
    assert!(again.status == 409 && again.body.contains("already"), "{}", again.body);
    assert_eq!(watched.rows("token_create"), 1);
    assert_eq!(watched.audited("token_create")["token"], "operator:olga");
    // What another page shows of it is never its text.
    assert!(
        !olga.page("/tokens").await.contains(&secret)
            && !olga.page("/audit").await.contains(&secret)
    );

    let rotate = [("do", "token-rotate"), ("name", "entra 2")];
    let asked = olga.ask_for("/tokens", &rotate, &[]).await;
    let rotated = olga.agree(&asked).await;
    says(&rotated, "ROTATED");
    let another = self::secret(&rotated);
    watched.agent.client_with(Some(&another)).get("/Users").await.expect(200);
    let again = olga.agree(&asked).await;
    assert!(again.body.contains("as it was shown"), "{}", again.body);
    watched.agent.client_with(Some(&another)).get("/Users").await.expect(200);
    assert_eq!(watched.rows("token_rotate"), 1);
    let mut revoke = olga.form("/tokens", &rotate).await;
    revoke.insert("do".to_owned(), "token-revoke".to_owned());
    let asked = olga.click(&revoke).await;
    says(&olga.agree(&asked).await, "REVOKED");
    says(&olga.agree(&asked).await, "NOTHING TO DO");
    assert_eq!(watched.audited("token_revoke")["token"], "operator:olga");

    // Her own: the session ends with the text that it was begun with.
    let asked = olga.ask_for("/tokens", &[("do", "token-rotate"), ("name", "olga")], &[]).await;
    says(&olga.agree(&asked).await, "ROTATED");
    assert_eq!(database.count("scim_sessions").await, 0);
}

fn secret(page: &Page) -> String {
    let shown = page.body.split_once("<p class=\"secret\"><code>").unwrap().1;
    shown.split('<').next().unwrap().to_owned()
}

/// Every act, as far as a form has it without a key and a seal.
const ACTS: [(&str, &[(&str, &str)]); 12] = [
    ("restore", &[("id", "FINDING")]),
    ("adopt", &[("id", "FINDING")]),
    ("ignore", &[("id", "FINDING")]),
    ("ignore-kind", &[("kind", "attribute")]),
    ("hold", &[("id", "USER"), ("reason", "x")]),
    ("release", &[("id", "USER")]),
    ("apply", &[("plan", "x")]),
    ("undo", &[("run", "x")]),
    ("allow", &[("for", "1h")]),
    ("token-create", &[("name", "mine"), ("scope", "operator")]),
    ("token-rotate", &[("name", "reader")]),
    ("token-revoke", &[("name", "reader")]),
];

async fn nobody_else_acts(engine: Engine) {
    let watched = Watched::start(engine).await;
    let install = &watched.agent.install;
    let tokens = ["read", "admin", "operator"].map(|scope| {
        install.token(if scope == "read" { "reader" } else { scope }, &["--scope", scope])
    });
    let [reader, admin, operator] = &tokens;
    let ana = watched.hire("ana", "last_name = 'Boss'").await;
    install.run(&["reconcile"]);
    let finding = watched.finding("attribute", &ana);
    let told = watched.agent.audit(&[]).len();
    let database = watched.agent.database();
    let left = "scim_findings WHERE resolved IS NULL AND ignored IS NULL";
    let findings = database.count(left).await;
    let nobody = Operator { cookie: String::new(), ..Operator::sign_in(&watched, operator).await };
    let olga = Operator::sign_in(&watched, operator).await;
    let other = Operator::sign_in(&watched, operator).await;
    let reads = Operator::sign_in(&watched, admin).await;
    let key = |fields: &super::operator::Fields| fields["form"].clone();
    let page = format!("/finding?id={finding}");
    let (own, foreign) = (key(&olga.form(&page, &[]).await), key(&other.form(&page, &[]).await));
    assert_ne!(own, foreign);
    // Who only reads isn't offered anything, and is told how.
    for (who, said) in [(&nobody, "Sign in"), (&reads, "Sign in")] {
        let page = who.page(&page).await;
        assert!(page.contains(said) && !page.contains("action=\"act\""), "{page}");
    }
    let bearer = |token: &str| format!("{}Authorization: Bearer {token}\r\n", olga.own());
    let origin = |origin: &str| format!("Origin: {origin}\r\n");
    let cross =
        format!("{}Sec-Fetch-Site: cross-site\r\n", origin(&format!("http://{}", watched.admin)));
    for (act, fields) in ACTS {
        let fill = |value: &'static str| match value {
            "FINDING" => finding.clone(),
            "USER" => ana.clone(),
            other => other.to_owned(),
        };
        let mut fields: Vec<(&str, String)> =
            fields.iter().map(|(name, value)| (*name, fill(value))).collect();
        fields.push(("do", act.to_owned()));
        fields.push(("seal", "yes".to_owned()));
        let with = |form: &str| {
            let mut fields = fields.clone();
            fields.push(("form", form.to_owned()));
            fields
        };
        for (who, headers, form, why) in [
            (&nobody, olga.own(), own.as_str(), "nobody"),
            (&nobody, bearer(&watched.agent.token), &own, "provision"),
            (&nobody, bearer(reader), &own, "read"),
            (&nobody, bearer(admin), &own, "admin"),
            (&nobody, bearer("kps_wrong"), &own, "wrong"),
            (&reads, olga.own(), &own, "an admin's session"),
            (&olga, olga.own(), "", "no key"),
            (&olga, olga.own(), &foreign, "another session's key"),
            (&olga, String::new(), &own, "no origin"),
            (&olga, origin("null"), &own, "a hidden origin"),
            (&olga, origin("http://evil.example"), &own, "a foreign origin"),
            (&olga, origin(&format!("https://{}", watched.admin)), &own, "another scheme"),
            (&olga, cross.clone(), &own, "cross-site"),
        ] {
            let fields = with(form);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (*a, b.as_str())).collect();
            let answer = who.post("/act", &headers, &fields).await;
            let refused = if why == "wrong" { 401 } else { 403 };
            assert_eq!(answer.status, refused, "{act} by {why}: {}", answer.body);
            assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
        }
        let query = with(&own)
            .into_iter()
            .fold(String::new(), |query, (name, value)| format!("{query}{name}={value}&"));
        assert_eq!(olga.get(&format!("/act?{query}")).await.status, 405, "{act}");
    }
    assert_eq!(watched.column("last_name", &ana).await.as_deref(), Some("Boss"));
    assert_eq!(watched.agent.audit(&[]).len(), told);
    assert_eq!(database.count(left).await, findings);
    assert_eq!(
        database.count("scim_holds").await
            + database.count("scim_tokens WHERE name = 'mine'").await,
        0
    );

    // An operator's token is nothing in SCIM, and neither is a session.
    watched.agent.client_with(Some(operator)).get("/Users").await.expect(403);
    let session = olga.cookie.split_once('=').unwrap().1;
    watched.agent.client_with(Some(session)).get("/Users").await.expect(403);
    // Signing out ends the session, and not the other one.
    assert!(olga.page("/").await.contains("Sign out"));
    let out = olga.post("/sign-out", &olga.own(), &[("form", &own)]).await;
    assert!(out.status == 303 && out.head.contains("max-age=0"), "{}", out.head);
    assert!(
        olga.page("/").await.contains("href=\"sign-in\"")
            && other.page("/").await.contains("Sign out")
    );
    let late =
        olga.post("/act", &olga.own(), &[("form", &own), ("do", "allow"), ("for", "1h")]).await;
    assert_eq!(late.status, 401, "{}", late.body);
    // And so does the end of the token.
    install.stdout(&["token", "revoke", "operator"]);
    assert_eq!(database.count("scim_sessions").await, 1, "the admin's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_is_for_tokens_that_open_the_console() {
    let watched = Watched::start(Engine::Sqlite).await;
    let operator = watched.agent.install.token("olga", &["--scope", "operator"]);
    let nobody = Operator { cookie: String::new(), ..Operator::sign_in(&watched, &operator).await };
    let refused = nobody.try_sign_in(&watched.agent.token).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("scope is provision") && !refused.head.contains("set-cookie"),
        "{}",
        refused.body
    );
    let foreign =
        nobody.post("/sign-in", "Origin: http://evil.example\r\n", &[("token", &operator)]).await;
    assert!(foreign.status == 403 && !foreign.head.contains("set-cookie"), "{}", foreign.body);
    // Nobody is sent elsewhere.
    let away = nobody
        .post("/sign-in", &nobody.own(), &[("token", &operator), ("next", "//evil.example")])
        .await;
    assert!(away.head.contains("location: ./"), "{}", away.head);
    let mut answered = Vec::new();
    for _ in 0..22 {
        let wrong = nobody.try_sign_in("kps_wrong").await;
        assert!(!wrong.head.contains("www-authenticate"), "{}", wrong.head);
        answered.push(wrong.status);
    }
    assert_eq!((answered[0], answered[19], answered[20]), (403, 403, 429), "{answered:?}");
    // A good one is accepted all the same.
    Operator::sign_in(&watched, &operator).await;
    // The session is over when its time is.
    let olga = Operator::sign_in(&watched, &operator).await;
    watched
        .agent
        .database()
        .execute("UPDATE scim_sessions SET expires = '2024-01-01 00:00:00'")
        .await;
    assert!(olga.page("/").await.contains("href=\"sign-in\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_box_finds_persons_teams_and_findings() {
    let watched = Watched::start(Engine::Sqlite).await;
    let entra = watched.agent.entra(Dialect::Classic);
    let ana = watched.hire("ana", "last_name = 'Boss'").await;
    watched.hire("anatol", "").await;
    let team = entra.create_group("Line 7").await;
    watched.agent.install.run(&["reconcile"]);
    let finding = watched.finding("attribute", &ana);
    for (text, to) in [
        ("line+7", format!("team?id={team}")),
        (finding.as_str(), format!("finding?id={finding}")),
        (team.as_str(), format!("team?id={team}")),
        ("anatol", "person?id=".to_owned()),
    ] {
        let found = watched.get(&format!("/find?q={text}")).await;
        assert!(
            found.status == 303 && found.head.contains(&format!("location: {to}")),
            "{text}: {}",
            found.head
        );
    }
    let both = watched.page("/find?q=ana%40plant.example").await;
    assert!(
        both.contains(&format!("person?id={ana}"))
            && both.contains(&format!("finding?id={finding}")),
        "{both}"
    );
    assert!(watched.page("/find?q=nobody-at-all").await.contains("Nobody and nothing is called"));
    assert!(watched.page(&format!("/team?id={team}")).await.contains("Line 7"));
    let todo = watched.page("/").await;
    assert!(
        todo.contains("1 finding of the kind attribute") && todo.contains("drift?kind=attribute"),
        "{todo}"
    );
}
