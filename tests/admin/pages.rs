//! What stands on the console's pages, on every database.

use serde_json::json;

use super::Watched;
use crate::reconcile::plant::Plant;
use crate::support::{Database, Dialect, Engine, Install, user};

on_every_database!(every_page_says_how_things_stand, pages_go_on_by_key);

async fn every_page_says_how_things_stand(engine: Engine) {
    let mut install = Install::new(Database::ready(engine).await);
    install.configure("[cleanup]\nstrip_after = \"0s\"\nanonymise_after = \"900d\"\n");
    let watched = Watched::on(install).await;
    let agent = &watched.agent;
    let empty = watched.page("/").await;
    assert!(
        empty.contains("WAITING") && empty.contains("Entra has never been heard of."),
        "{empty}"
    );
    assert!(watched.page("/drift").await.contains("No run yet"));

    let entra = agent.entra(Dialect::Classic);
    let ana = agent.client().post("/Users", &user("ana@plant.example")).await.expect(201).id();
    agent.client().post("/Users", &user("ANA@plant.example")).await.expect(409);
    let team = entra.create_group("Line 7").await;
    entra.add_members(&team, &[&ana]).await.expect(204);
    let gone = agent.client().post("/Users", &user("leaver@plant.example")).await.expect(201).id();
    entra.add_members(&team, &[&gone]).await.expect(204);
    entra.disable(&gone).await;
    agent
        .database()
        .execute("UPDATE users SET first_name = 'Anna' WHERE email = 'ana@plant.example'")
        .await;
    agent.install.run(&["reconcile"]);
    agent.install.stdout(&["cleanup", "hold", "ana@plant.example", "--reason", "a lawsuit"]);

    // The figures may be some seconds old.
    let begun = std::time::Instant::now();
    let overview = loop {
        let overview = watched.page("/").await;
        if overview.contains("create User: refused 409") {
            break overview;
        }
        assert!(begun.elapsed().as_secs() < 20, "{overview}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    for said in [
        "ALIVE",
        "less than a minute ago",
        "cycle: under way",
        "1 of 7 calls failed",
        "drift?kind=attribute",
        "off: no limit is set; 1 user disabled",
        "Next run",
    ] {
        assert!(overview.contains(said), "{said} isn't in {overview}");
    }

    let drift = watched.page("/drift").await;
    for said in
        ["DRIFT", "name.givenName", "\"Anna\"", &format!("person?id={ana}"), "attribute (1)"]
    {
        let said = said.replace('"', "&#34;");
        assert!(drift.contains(&said), "{said} isn't in {drift}");
    }
    let unmanaged = watched.page("/drift?kind=unmanaged").await;
    assert!(!unmanaged.contains("name.givenName") && unmanaged.contains("unmanaged"));

    let cleanup = watched.page("/cleanup").await;
    for said in ["READY", "1 to strip", "leaver@plant.example", "cleanup apply --plan"] {
        assert!(cleanup.contains(said), "{said} isn't in {cleanup}");
    }

    for path in [
        "/person?q=ana%40plant.example",
        "/person?q=ANA%40Plant.example",
        &format!("/person?id={ana}"),
    ] {
        let person = watched.page(path).await;
        for said in [
            "1 attribute differs",
            "differs",
            "&#34;Anna&#34;",
            "&#34;Ana&#34;",
            "Line 7",
            "kpifire and Entra",
            "held: a lawsuit",
            "create",
        ] {
            assert!(person.contains(said), "{said} isn't in {path}: {person}");
        }
    }
    let begins = watched.page("/person?q=ana").await;
    assert!(begins.contains(&format!("person?id={ana}")), "{begins}");
    let near = watched.page("/person?q=k").await;
    assert!(near.contains("leaver@plant.example"), "{near}");
    assert_eq!(watched.get("/person?id=987654").await.status, 404);
    assert!(watched.page("/person?q=987654").await.contains("Nobody has"));

    let audit = watched.page("/audit").await;
    assert!(audit.contains("refused 409") && audit.contains("entra"), "{audit}");
    for (query, there, not) in [
        ("outcome=refused", "\">refused 409", "<td role=\"cell\">done"),
        ("operation=create&outcome=done", "ana@plant.example", "\">refused 409"),
        ("user=ana%40plant.example", "ana@plant.example", "leaver@plant.example"),
        ("since=2999-01-01", "Nothing was found.", "ana@plant.example"),
    ] {
        let audit = watched.page(&format!("/audit?{query}")).await;
        assert!(audit.contains(there) && !audit.contains(not), "{query}: {audit}");
    }

    let tokens = watched.page("/tokens").await;
    assert!(
        tokens.contains("entra") && tokens.contains("provision") && !tokens.contains(&agent.token)
    );
}

async fn pages_go_on_by_key(engine: Engine) {
    let watched = Watched::start(engine).await;
    let client = watched.agent.client();
    let id = client.post("/Users", &user("busy@plant.example")).await.expect(201).id();
    for round in 0..60 {
        let operations =
            json!([{ "op": "replace", "path": "title", "value": format!("Round {round}") }]);
        client.operations(&format!("/Users/{id}"), operations).await.expect(200);
    }
    let mut path = format!("/audit?user={id}&operation=update");
    let mut rounds = Vec::new();
    for size in [50, 10] {
        let page = watched.page(&path).await;
        // Each is in its own row as what it became, and in the next one as what it was.
        let became = page.split("→ <bdi>&#34;Round ").skip(1);
        let these: Vec<u32> =
            became.map(|it| it.split('&').next().unwrap().parse().unwrap()).collect();
        assert_eq!(these.len(), size, "{page}");
        rounds.extend(these);
        let Some((_, rest)) = page.split_once("class=\"more\" href=\"") else { break };
        path = format!("/{}", rest.split('"').next().unwrap().replace("&#38;", "&"));
    }
    let all: Vec<u32> = (0..60).rev().collect();
    assert_eq!(rounds, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_by_the_hundred() {
    let watched = Watched::start(Engine::Sqlite).await;
    let entra = watched.agent.entra(Dialect::Classic);
    let plant = Plant { agent: watched.agent, entra };
    plant.crowd(250, "Lead", "Boss").await;
    plant.agent.install.run(&["reconcile"]);
    let watched = Watched { agent: plant.agent, admin: watched.admin };
    let mut path = "/drift?kind=attribute".to_owned();
    let mut seen = 0;
    for size in [100, 100, 50] {
        let page = watched.page(&path).await;
        assert!(page.contains("attribute (250)"), "{page}");
        seen += page.matches("Boss&#34;").count();
        assert_eq!(page.matches("<tr role=row").count(), size);
        let next =
            page.split_once("\">next page").map(|(before, _)| before.rsplit('"').next().unwrap());
        let Some(next) = next else { break };
        path = format!("/{}", next.replace("&#38;", "&").replace("#findings", ""));
    }
    assert_eq!(seen, 250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_said() {
    let watched = Watched::start(Engine::Sqlite).await;
    for (path, status, said) in [
        ("/nope", 404, "No such page"),
        ("/drift?kind=nope", 400, "There is no kind of finding"),
        ("/audit?since=yesterday", 400, "since is"),
        ("/audit?user=%zz", 400, "percent sign"),
        ("/person?q=%00", 400, "NUL"),
    ] {
        let page = watched.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.body.contains(said), "{path}: {}", page.body);
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in ["/", "/tokens", "/person", "/console.css"] {
            let page = watched.send(method, path).await;
            assert_eq!(page.status, 405, "{method} {path}");
            assert!(page.head.contains("allow: get, head"), "{}", page.head);
        }
    }
    assert_eq!(watched.send("HEAD", "/").await.body, "");
    for path in ["/", "/nope", "/console.css"] {
        let head = watched.get(path).await.head;
        for header in [
            "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path} lacks {header}: {head}");
        }
    }
    // The console is the admin listener's alone.
    for path in ["/", "/metrics", "/audit", "/console.css"] {
        assert_eq!(watched.agent.server.status(path).await, Some(404), "{path}");
    }
}
