//! The report's page in a real browser: what an operator does with it, in every light and width.

// The reports are those of the unit tests, which say `super::kpifire_scim`.
extern crate kpifire_scim;

use std::path::PathBuf;

use kpifire_scim::drift::{Item, Report};
use kpifire_scim::report::{Format, render};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::browser::{Browser, ENTER, FAINT};

#[path = "../../src/report/tests/fixture.rs"]
mod fixture;

/// What the page says of how many findings it shows.
const SHOWN: &str = "document.querySelector('.filter output').textContent";
/// The names of the findings that are shown, in their order.
const NAMES: &str = "[...document.querySelectorAll('#list tbody tr')].filter((row) => !row.hidden)\
    .map((row) => row.querySelector('strong').textContent)";

/// A browser with a report open in it.
struct Page {
    browser: Browser,
    file: PathBuf,
    _folder: TempDir,
}

impl Page {
    async fn open(report: &Report) -> Self {
        let page = Self::closed(report).await;
        page.browser.open(&page.file).await;
        page
    }

    async fn closed(report: &Report) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("report.html");
        std::fs::write(&file, render(report, Format::Html)).unwrap();
        let browser = Browser::start().await;
        browser.resize(1280, 900).await;
        Self { browser, file, _folder: folder }
    }

    /// Nothing went wrong, nothing was loaded but the file, and no name became a part of the page.
    async fn is_sound(&self) {
        assert_eq!(self.browser.console().await, Vec::<String>::new());
        let file = format!("file://{}", self.file.display());
        let requests = self.browser.requests().await;
        assert!(requests.contains(&file), "{requests:?}");
        assert!(requests.iter().all(|url| *url == file), "{requests:?}");
        let strangers = "document.querySelectorAll('img, iframe, object, link, base').length";
        assert_eq!(self.browser.value(strangers).await, 0);
        assert_eq!(self.browser.value("document.scripts.length").await, 1);
    }

    async fn names(&self) -> Vec<String> {
        serde_json::from_value(self.browser.value(NAMES).await).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_and_filters_narrow_the_findings() {
    let page = Page::open(&fixture::every_kind()).await;
    let browser = &page.browser;
    browser.wait_for(SHOWN, "All 32 shown").await;
    let all = page.names().await;

    browser.enter("[name=search]", "USER2@plant  recycled").await;
    browser.wait_for(SHOWN, "1 of 32 shown").await;
    assert_eq!(page.names().await, ["user2@plant.example"]);
    browser.click("[type=reset]").await;
    browser.wait_for(SHOWN, "All 32 shown").await;
    assert_eq!(page.names().await, all);

    browser.enter("[name=search]", "山田").await;
    browser.wait_for(SHOWN, "1 of 32 shown").await;
    browser.click("[type=reset]").await;
    browser.enter("[name=search]", "no such thing").await;
    browser.wait_for(SHOWN, "0 of 32 shown").await;
    browser.click("[type=reset]").await;

    browser.click("[data-severity=warning]").await;
    browser.wait_for(SHOWN, "9 of 32 shown").await;
    browser.click("[name=age] [value=new]").await;
    browser.wait_for(SHOWN, "3 of 32 shown").await;
    browser.click("[name=age] [value=persisting]").await;
    browser.wait_for(SHOWN, "6 of 32 shown").await;

    // A kind in the counts, and the number of new ones, set the filters.
    browser.click("[data-kind=attribute]").await;
    browser.wait_for(SHOWN, "13 of 32 shown").await;
    let focus = "document.activeElement.id";
    assert_eq!(browser.value(focus).await, "findings");
    browser.click(".tile [data-age=new]").await;
    browser.wait_for(SHOWN, "11 of 32 shown").await;
    page.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_sort_up_down_and_back() {
    let page = Page::open(&fixture::blocked()).await;
    let browser = &page.browser;
    let as_reported = page.names().await;
    let mut by_number: Vec<String> =
        (1..=31).map(|number| format!("user{number}@plant.example")).collect();
    assert_ne!(as_reported, by_number);
    let state = "document.querySelector('[data-sort=name]').ariaSort";
    assert_eq!(browser.value(state).await, "none");

    browser.click("[data-sort=name] button").await;
    assert_eq!(browser.value(state).await, "ascending");
    assert_eq!(page.names().await, by_number);
    // The same from the keyboard.
    browser.enter("[data-sort=name] button", ENTER).await;
    assert_eq!(browser.value(state).await, "descending");
    by_number.reverse();
    assert_eq!(page.names().await, by_number);
    browser.enter("[data-sort=name] button", ENTER).await;
    assert_eq!(browser.value(state).await, "none");
    assert_eq!(page.names().await, as_reported);

    browser.click("[data-sort=seen] button").await;
    let seen = "[...document.querySelectorAll('#list time')].map((time) => time.dateTime)";
    let seen: Vec<String> = serde_json::from_value(browser.value(seen).await).unwrap();
    assert!(seen.is_sorted(), "{seen:?}");
    page.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_copied() {
    let page = Page::open(&fixture::one()).await;
    let browser = &page.browser;
    let granted = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    browser.devtools("Browser.grantPermissions", granted).await;
    browser.click(".copy").await;
    browser.wait_for("document.querySelector('.copy').textContent", "copied").await;
    let command = browser.value("document.querySelector('#list code.c').textContent").await;
    assert!(command.as_str().unwrap().starts_with("kpifire-scim drift restore "));
    assert_eq!(browser.run("return navigator.clipboard.readText();").await, command);
    page.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ten_thousand_findings_list_is_searched_while_one_types() {
    let report = fixture::many(10_000);
    let named = |item: &&Item| item.finding.name.as_deref().is_some_and(|it| it.contains("user77"));
    let (all, found) = (report.findings.len(), report.findings.iter().filter(named).count());
    assert!((1_000..10_000).contains(&all) && found > 0, "{found} of {all}");
    let page = Page::open(&report).await;
    let browser = &page.browser;
    let thousands = format!("{},{:03}", all / 1000, all % 1000);
    browser.wait_for(SHOWN, format!("All {thousands} shown")).await;
    // Long enough for a busy machine, and too short for a page that lays every row out.
    let took = "const begun = performance.now();
        const form = document.querySelector('form.filter');
        form.elements.search.value = 'user77';
        form.dispatchEvent(new Event('input'));
        await new Promise((done) => setTimeout(done, 100));
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        return performance.now() - begun;";
    let took = browser.run(took).await.as_f64().unwrap();
    browser.wait_for(SHOWN, format!("{found} of {thousands} shown")).await;
    assert!(took < 3000.0, "{took} ms");
    page.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readable_without_script() {
    let page = Page::closed(&fixture::every_kind()).await;
    let browser = &page.browser;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&page.file).await;
    let text = browser.value("document.body.innerText").await;
    let text = text.as_str().unwrap();
    for said in ["DRIFT", "11 of them new", "user2@plant.example", "The person can sign in."] {
        assert!(text.contains(said), "{said}");
    }
    // What only works with script isn't offered.
    let offered = "[...document.querySelectorAll('button, input, select')]\
        .filter((control) => control.checkVisibility()).length";
    assert_eq!(browser.value(offered).await, 0);
    let rows = "[...document.querySelectorAll('#list tbody tr')]\
        .filter((row) => row.checkVisibility()).length";
    assert_eq!(browser.value(rows).await, 32);
    assert_eq!(browser.value("document.querySelectorAll('.copy').length").await, 0);
    page.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn light_and_dark_have_contrast_and_print_is_light() {
    for report in [
        fixture::every_kind(),
        fixture::incomplete(),
        fixture::unconfirmed(),
        fixture::clean_first(),
    ] {
        let page = Page::open(&report).await;
        let browser = &page.browser;
        let mut backgrounds = Vec::new();
        for scheme in ["light", "dark"] {
            let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            browser.devtools("Emulation.setEmulatedMedia", json!({ "features": scheme })).await;
            assert_eq!(browser.run(FAINT).await, json!([]), "{scheme}");
            backgrounds
                .push(browser.value("getComputedStyle(document.body).backgroundColor").await);
        }
        assert_ne!(backgrounds[0], backgrounds[1]);

        let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        let print = json!({ "media": "print", "features": dark });
        browser.devtools("Emulation.setEmulatedMedia", print).await;
        assert_eq!(browser.run(FAINT).await, json!([]));
        let paper = browser.value("getComputedStyle(document.body).backgroundColor").await;
        assert_eq!(paper, "rgb(255, 255, 255)");
        let controls = "[...document.querySelectorAll('.filter, .copy')]\
            .filter((control) => control.checkVisibility()).length";
        assert_eq!(browser.value(controls).await, 0);
        page.is_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_wider_than_its_place() {
    let page = Page::closed(&fixture::every_kind()).await;
    let browser = &page.browser;
    for report in
        [fixture::every_kind(), fixture::clean_first(), fixture::incomplete(), fixture::blocked()]
    {
        std::fs::write(&page.file, render(&report, Format::Html)).unwrap();
        for width in [320, 400, 800, 1100, 1920] {
            browser.resize(width, 800).await;
            browser.open(&page.file).await;
            // Every row is laid out, as if one had scrolled to it. A row cuts off what is too wide
            // for it, which then is no wider than the window, and can't be read.
            let widest = "
                const over = [...document.querySelectorAll('#list tr')].map((row) => {
                    row.scrollIntoView();
                    return row.scrollWidth - row.clientWidth;
                });
                const { scrollWidth } = document.documentElement;
                return [scrollWidth + Math.max(0, ...over), innerWidth];";
            let widest: [u32; 2] = serde_json::from_value(browser.run(widest).await).unwrap();
            assert!(widest[0] <= widest[1], "{widest:?} at {width} ({})", report.verdict.as_str());
        }
    }
    page.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assistive_technology_is_told_what_is_what() {
    let page = Page::open(&fixture::every_kind()).await;
    let browser = &page.browser;
    for width in [1280, 400] {
        browser.resize(width, 900).await;
        let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
        let nodes: Vec<&Value> = tree["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| node["ignored"] == false)
            .collect();
        let count = |role: &str| nodes.iter().filter(|node| node["role"]["value"] == role).count();
        for landmark in ["banner", "main", "contentinfo", "search"] {
            assert_eq!(count(landmark), 1, "{landmark} at {width}");
        }
        // 32 findings, 20 kinds with their sum, 2 deferrals, and the heads of the three tables.
        assert!(count("row") >= 32 + 21 + 2, "{} rows at {width}", count("row"));
        assert!(count("columnheader") >= 6, "{} heads at {width}", count("columnheader"));
        assert_eq!(count("rowheader"), 21, "at {width}");
        for node in nodes {
            let role = node["role"]["value"].as_str().unwrap();
            let controls = [
                "button",
                "checkbox",
                "combobox",
                "image",
                "link",
                "searchbox",
                "table",
                "textbox",
            ];
            let named = !node["name"]["value"].as_str().unwrap_or_default().trim().is_empty();
            assert!(named || !controls.contains(&role), "{node}");
        }
    }
    page.is_sound().await;
}
