//! A headless Chromium, driven over `WebDriver` (W3C) by chromedriver. Knows no page.
//!
//! What is needed of the protocol is a dozen requests over HTTP and JSON, both of which the suite
//! speaks already. No browser fails the test, it isn't skipped.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where `WebDriver` puts the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long a page may take to become what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The Tab key, to be pressed.
pub const TAB: &str = "\u{e004}";
/// The Enter key, to be typed.
pub const ENTER: &str = "\u{e007}";

/// Text that stands on something with less contrast than WCAG 2.2 AA asks for (4.5 to 1).
pub const FAINT: &str = "
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [red, green, blue] = channels(colour).map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const background = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if ((channels(colour)[3] ?? 1) === 1) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const faint = new Set();
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest('svg, option')) continue;
        const [text, behind] = [getComputedStyle(element).color, background(element)];
        const [one, other] = [luminance(text), luminance(behind)].sort((a, b) => b - a);
        const contrast = (one + 0.05) / (other + 0.05);
        if (contrast < 4.5) faint.add(`${element.localName}.${element.className} ${contrast}`);
    }
    return [...faint];";

/// One window with a profile of its own; gone when dropped. Wants a runtime of several threads.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    base: String,
    session: String,
    /// The browser's own folder, until it is gone.
    profile: TempDir,
}

impl Browser {
    /// Starts chromedriver and, through it, the browser.
    pub async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "chromedriver doesn't start ({error}): this test wants Chromium; install it \
                     (apt-get install chromium chromium-driver) or run `tests/run test` as root"
                )
            });
        let port = port(&mut driver);
        let profile = TempDir::new().unwrap();
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let base = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, http, base, session: String::new(), profile };
        let folder = browser.profile.path().display().to_string();
        let arguments = [
            "--headless=new".to_owned(),
            // Root may not use the sandbox, and the only pages are the suite's own.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--user-data-dir={folder}"),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        }}});
        let made = browser.send(Method::POST, "", &wanted).await;
        browser.session = format!("/{}", made["sessionId"].as_str().unwrap());
        browser
    }

    /// Opens a file and waits until it is loaded.
    pub async fn open(&self, file: &Path) {
        self.visit(&format!("file://{}", file.display())).await;
    }

    /// Goes to an address and waits until it is loaded.
    pub async fn visit(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    /// Presses a key where the focus is.
    pub async fn press(&self, key: &str) {
        let actions = json!([
            { "type": "keyDown", "value": key },
            { "type": "keyUp", "value": key },
        ]);
        let keyboard = json!([{ "type": "key", "id": "keyboard", "actions": actions }]);
        self.post("/actions", &json!({ "actions": keyboard })).await;
    }

    /// What an expression is in the page.
    pub async fn value(&self, expression: &str) -> Value {
        self.run(&format!("return {expression};")).await
    }

    /// Runs a function's body in the page: what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// Waits until an expression has a value.
    pub async fn wait_for(&self, expression: &str, wanted: impl Into<Value>) {
        let (wanted, begun) = (wanted.into(), Instant::now());
        loop {
            let value = self.value(expression).await;
            if value == wanted {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{expression} is {value}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Clicks as a person does: the element must be there to be clicked.
    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Types into an element.
    pub async fn enter(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    async fn find(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.post("/element", &wanted).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// A command of the `DevTools` protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    /// Makes the page as wide and high as this.
    pub async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the console said, policy violations and uncaught errors included.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" })).await;
        entries.as_array().unwrap().iter().map(ToString::to_string).collect()
    }

    /// Every URL that was asked for so far, by any page but the browser's own.
    pub async fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "performance" })).await;
        let entries = entries.as_array().unwrap().iter();
        let events = entries.map(|entry| -> Value {
            serde_json::from_str(entry["message"].as_str().unwrap()).unwrap()
        });
        let events = events.map(|mut event| event["message"].take());
        let sent = events.filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| event["params"].clone())
            .filter(|sent| !sent["documentURL"].as_str().unwrap().starts_with("chrome://"))
            .map(|sent| sent["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Method::POST, path, body).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let what = format!("{method} {path} {body}");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{}{path}", self.base, self.session))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()))
            .unwrap();
        let answer = self.http.request(request).await.unwrap();
        let failed = !answer.status().is_success();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let mut answer: Value = serde_json::from_slice(&text).unwrap();
        let value = answer["value"].take();
        assert!(!failed, "{what}: {}: {}", value["error"], value["message"]);
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without a goodbye the browser would outlive its driver.
        if !self.session.is_empty() {
            let request = Request::delete(format!("{}{}", self.base, self.session));
            let goodbye = self.http.request(request.body(Full::default()).unwrap());
            tokio::task::block_in_place(|| {
                drop(tokio::runtime::Handle::current().block_on(goodbye));
            });
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The port that the driver chose.
fn port(driver: &mut Child) -> u16 {
    let output = BufReader::new(driver.stdout.take().unwrap());
    let mut said = String::new();
    for line in output.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
        said.push_str(&line);
    }
    panic!("chromedriver names no port: {said}");
}
