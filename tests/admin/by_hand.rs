//! The demo, mended in a real browser by the keyboard alone.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::browser::{Browser, ENTER, FAINT, TAB};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kpifire-scim");

/// A demo whose drift is there, its console's address and the token to sign in with.
struct Demo {
    _process: Child,
    _folder: tempfile::TempDir,
    console: String,
    operator: String,
}

impl Demo {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(PROGRAM)
            .args(["demo", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder.path().join("demo"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut console, mut operator) = (String::new(), String::new());
        while let Some(line) = lines.next_line().await.unwrap() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("console"), Some(address)) => address.clone_into(&mut console),
                (Some("operator"), Some(token)) => token.clone_into(&mut operator),
                (Some("Serving"), _) => break,
                _ => {}
            }
        }
        Self { _process: process, _folder: folder, console, operator }
    }
}

/// Presses Tab until the focus is where it is wanted, and says on what.
async fn tab_to(browser: &Browser, wanted: &str) {
    for _ in 0..250 {
        browser.press(TAB).await;
        if browser.value(&format!("((it) => Boolean({wanted}))(document.activeElement)")).await
            == true
        {
            return;
        }
    }
    let page = browser.value("document.body.innerText").await;
    panic!("no Tab leads to {wanted} on {page}");
}

async fn type_in(browser: &Browser, text: &str) {
    for letter in text.chars() {
        browser.press(&letter.to_string()).await;
    }
}

/// A link or button whose words begin so.
fn called(words: &str) -> String {
    format!("['A', 'BUTTON'].includes(it.tagName) && it.textContent.startsWith('{words}')")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_the_demo_has_is_mended_by_the_keyboard() {
    let demo = Demo::start().await;
    let browser = Browser::start().await;
    browser.resize(400, 900).await;
    browser.visit(&demo.console).await;
    tab_to(&browser, &called("Sign in")).await;
    browser.press(ENTER).await;
    browser.wait_for("document.activeElement.name ?? ''", "token").await;
    type_in(&browser, &demo.operator).await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('.who small')?.textContent ?? ''", "operator").await;

    let mut mended = Vec::new();
    loop {
        browser.visit(&format!("{}drift", demo.console)).await;
        let left = browser.value("document.querySelectorAll('a[href^=\"finding?\"]').length").await;
        if left == 0 {
            break;
        }
        assert!(mended.len() < 20, "{mended:?}");
        tab_to(&browser, "it.getAttribute('href')?.startsWith('finding?')").await;
        browser.press(ENTER).await;
        browser.wait_for("location.pathname", "/finding").await;
        let kind = browser.value("document.querySelector('h1 .verdict').textContent").await;
        let restores = browser.value("document.querySelectorAll('[value=restore]').length").await;
        let (verb, word) =
            if restores == 1 { ("Restore", "RESTORED") } else { ("Ignore", "IGNORED") };
        assert_eq!(browser.run(FAINT).await, serde_json::json!([]));
        tab_to(&browser, &called(verb)).await;
        browser.press(ENTER).await;
        browser
            .wait_for("document.querySelector('h1 .verdict').textContent", format!("{verb}?"))
            .await;
        assert_eq!(browser.value("document.documentElement.scrollWidth <= innerWidth").await, true);
        tab_to(&browser, &called(verb)).await;
        browser.press(ENTER).await;
        browser.wait_for("document.querySelector('h1 .verdict').textContent", word).await;
        mended.push(format!("{} {verb}", kind.as_str().unwrap()));
    }
    mended.sort();
    let wanted = [
        "attribute Restore",
        "attribute Restore",
        "member_extra Restore",
        "member_missing Restore",
        "reactivated Restore",
        "unmanaged Ignore",
        "unmanaged Ignore",
        "wrongly_disabled Restore",
    ];
    assert_eq!(mended, wanted);
    browser.visit(&demo.console).await;
    let todo = browser.value("document.querySelector('[aria-labelledby=todo]').innerText").await;
    assert!(todo.as_str().unwrap().contains("Nothing:"), "{todo}");
    // Signing out by the keyboard too.
    tab_to(&browser, &called("Sign out")).await;
    browser.press(ENTER).await;
    browser.wait_for("document.querySelector('.who a')?.textContent ?? ''", "Sign in").await;
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:?}");
}
