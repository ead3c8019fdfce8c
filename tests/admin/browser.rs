//! The console in a real browser: keyboard only, narrow, light and dark, with hostile names.

use serde_json::{Value, json};

use super::Watched;
use crate::support::browser::{Browser, ENTER, FAINT, TAB};
use crate::support::{Database, Dialect, Engine, Install, user};

/// Names that want to be more than read.
const HOSTILE: [&str; 3] = [
    "<img src=x onerror=document.title=1>@plant.example",
    "\u{202e}elpmaxe.tnalp@\"><script>document.title=2</script>",
    "o'neill&amp;{{7*7}}@plant.example",
];

struct Open {
    watched: Watched,
    browser: Browser,
    /// A person whose name is hostile.
    id: String,
}

impl Open {
    async fn new() -> Self {
        let mut install = Install::new(Database::ready(Engine::Sqlite).await);
        install.configure("[cleanup]\nstrip_after = \"0s\"\n");
        let watched = Watched::on(install).await;
        let agent = &watched.agent;
        let entra = agent.entra(Dialect::Classic);
        let team = entra.create_group("<b>Line 7</b>").await;
        let mut ids = Vec::new();
        for name in HOSTILE {
            let mut person = user(name);
            person["name"]["givenName"] = "<svg onload=alert(1)>".into();
            ids.push(agent.client().post("/Users", &person).await.expect(201).id());
        }
        let members: Vec<&str> = ids.iter().map(String::as_str).collect();
        entra.add_members(&team, &members).await.expect(204);
        agent.client().post("/Users", &user(HOSTILE[0])).await.expect(409);
        entra.disable(&ids[1]).await;
        agent.install.token("<i>read</i>", &["--scope", "read"]);
        agent.database().execute("UPDATE users SET title = '<u>Boss</u>', last_name = 'x'").await;
        agent.install.run(&["reconcile"]);
        let browser = Browser::start().await;
        browser.resize(1280, 900).await;
        Self { watched, browser, id: ids.remove(0) }
    }

    fn pages(&self) -> Vec<String> {
        let person = format!("person?id={}", self.id);
        let find = "find?q=o";
        [
            "",
            "drift",
            "cleanup",
            "person",
            &person,
            "person?q=o",
            find,
            "audit",
            "tokens",
            "new-token",
            "sign-in",
            "nope",
        ]
        .map(|page| format!("http://{}/{page}", self.watched.admin))
        .to_vec()
    }

    /// Nothing went wrong, nothing came from elsewhere, and no name became a part of a page.
    async fn is_sound(&self) {
        let console = self.browser.console().await;
        // The page that isn't there is said to be missing.
        let console: Vec<_> = console.iter().filter(|it| !it.contains("/nope")).collect();
        assert!(console.is_empty(), "{console:?}");
        let own = format!("http://{}/", self.watched.admin);
        let requests = self.browser.requests().await;
        assert!(
            requests.len() > 1 && requests.iter().all(|url| url.starts_with(&own)),
            "{requests:?}"
        );
    }
}

const STRANGERS: &str = "document.querySelectorAll('img, iframe, script, object, base, b b, i i, u, [onload], \
    [onerror], [style]').length";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_sound_legible_and_fits() {
    let open = Open::new().await;
    let browser = &open.browser;
    for url in open.pages() {
        browser.visit(&url).await;
        assert_eq!(browser.value(STRANGERS).await, 0, "{url}");
        assert_eq!(
            browser
                .value("document.querySelectorAll('h1, main, nav[aria-label=Console]').length")
                .await,
            3,
            "{url}"
        );
        let title = browser.value("document.title").await;
        assert!(title.as_str().unwrap().ends_with("– kpifire-scim"), "{title}");
        let hidden = browser.value("document.body.innerText.includes('\\u202e')").await;
        assert_eq!(hidden, false, "{url}");
        let mut backgrounds = Vec::new();
        for scheme in ["light", "dark"] {
            let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            browser.devtools("Emulation.setEmulatedMedia", json!({ "features": scheme })).await;
            assert_eq!(browser.run(FAINT).await, json!([]), "{url} {scheme}");
            backgrounds
                .push(browser.value("getComputedStyle(document.body).backgroundColor").await);
        }
        assert_ne!(backgrounds[0], backgrounds[1], "{url}");
        let print = json!({ "media": "print", "features": [] });
        browser.devtools("Emulation.setEmulatedMedia", print).await;
        assert_eq!(browser.run(FAINT).await, json!([]), "{url} in print");
        let menu = "document.querySelector('nav.bar').checkVisibility()";
        assert_eq!(browser.value(menu).await, false, "{url} in print");
        browser
            .devtools("Emulation.setEmulatedMedia", json!({ "media": "", "features": [] }))
            .await;
        for width in [320, 400, 900, 1920] {
            browser.resize(width, 800).await;
            let widths = browser.value("[document.documentElement.scrollWidth, innerWidth]").await;
            let widths: [u32; 2] = serde_json::from_value(widths).unwrap();
            assert!(widths[0] <= widths[1], "{url} is {widths:?} at {width}");
        }
        browser.resize(1280, 900).await;
    }
    open.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyboard_is_enough() {
    let open = Open::new().await;
    let browser = &open.browser;
    browser.visit(&open.pages()[0]).await;
    browser.press(TAB).await;
    let focused = "document.activeElement.textContent";
    assert_eq!(browser.value(focused).await, "Skip to the content");
    let seen = "document.activeElement.getBoundingClientRect().left >= 0";
    assert_eq!(browser.value(seen).await, true);
    browser.press(ENTER).await;
    assert_eq!(browser.value("document.activeElement.id").await, "content");
    // Behind it comes what is to be done next: a call failed.
    browser.press(TAB).await;
    let href = "document.activeElement.getAttribute('href')";
    assert_eq!(browser.value(href).await, "audit?outcome=refused");
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.value(outline).await, "solid");

    // From the menu to the people, and to one of them by the first letters.
    browser.visit(&open.pages()[0]).await;
    let mut presses = 0;
    while browser.value(focused).await != "People" {
        browser.press(TAB).await;
        presses += 1;
        assert!(presses < 20, "the menu has no People");
    }
    browser.press(ENTER).await;
    browser.wait_for("location.pathname", "/person").await;
    presses = 0;
    while browser.value("document.activeElement.name ?? ''").await != "q" {
        browser.press(TAB).await;
        presses += 1;
        assert!(presses < 20, "the search isn't reached");
    }
    for key in ["o", "'", "n", ENTER] {
        browser.press(key).await;
    }
    // Only one begins so: the page is theirs.
    browser.wait_for("document.querySelector('h1 bdi').textContent", HOSTILE[2]).await;

    // Every control has a name, on every page.
    for url in open.pages() {
        browser.visit(&url).await;
        let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
        let nodes =
            tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
        for node in nodes {
            let role = node["role"]["value"].as_str().unwrap();
            let named = node["name"]["value"].as_str().is_some_and(|name| !name.trim().is_empty());
            let controls = [
                "button",
                "combobox",
                "link",
                "searchbox",
                "textbox",
                "table",
                "navigation",
                "progressbar",
            ];
            assert!(named || !controls.contains(&role), "{url}: {node}");
        }
        let current =
            browser.value("document.querySelectorAll('nav.bar [aria-current]').length").await;
        let apart = ["nope", "sign-in", "find?q=o"];
        let wanted = u8::from(!apart.iter().any(|page| url.ends_with(page)));
        assert_eq!(current, Value::from(wanted), "{url}");
    }
    open.is_sound().await;
}
