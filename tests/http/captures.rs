//! What clients were seen to send, by public reports of people who run them: `captures/` has a file for
//! each, with the report's address. The requests are written anew; what they need back is the file's word.
//!
//! A file names `client`, what it `does` and `needs`, the `source`, and `requests` in their order: each
//! a `request` (method and path), a `query`, a `body`, the `status` that must come, the `answer` (what it
//! must have; a list has as many elements, in any order), and pointers that must be `absent`. `id`
//! remembers the answer's id under a name: `{ana}`. `{it}` is the capture's own, so that all of them
//! run beside each other on one database.

use std::collections::BTreeMap;

use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::support::client::with_query;
use crate::support::{Agent, Client, Engine};

on_every_database!(clients_get_what_they_need);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capture {
    client: String,
    does: String,
    needs: String,
    source: String,
    requests: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    request: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    body: Option<Value>,
    status: u16,
    id: Option<String>,
    #[serde(default)]
    answer: Value,
    #[serde(default)]
    absent: Vec<String>,
}

/// Every capture, by its file's name.
fn captures() -> BTreeMap<String, Capture> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/captures");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let capture = serde_json::from_str(&text);
            let capture = capture.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), capture)
        })
        .collect()
}

#[test]
fn every_capture_says_whose_it_is() {
    let captures = captures();
    assert!(captures.len() >= 60, "{}", captures.len());
    for (name, it) in &captures {
        for said in [&it.client, &it.does, &it.needs] {
            assert!(!said.trim().is_empty(), "{name}");
        }
        assert!(it.source.starts_with("https://") && !it.requests.is_empty(), "{name}");
    }
}

async fn clients_get_what_they_need(engine: Engine) {
    let agent = Agent::start(engine).await;
    let client = agent.client();
    let mut failed = Vec::new();
    for (number, (name, capture)) in captures().into_iter().enumerate() {
        if let Err(why) = play(&client, &format!("c{number}"), &capture).await {
            let Capture { client, does, needs, source, .. } = &capture;
            failed.push(format!("{name}: {client} {does}; needs {needs} ({source})\n  {why}"));
        }
    }
    assert!(failed.is_empty(), "{} captures failed:\n{}", failed.len(), failed.join("\n"));
}

async fn play(client: &Client, it: &str, capture: &Capture) -> Result<(), String> {
    let mut names = BTreeMap::from([("it".to_owned(), it.to_owned())]);
    for step in &capture.requests {
        let filled = |text: &str| {
            names.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        let (method, path) = step.request.split_once(' ').expect("a method and a path");
        let query: Vec<(String, String)> =
            step.query.iter().map(|(key, value)| (key.clone(), filled(value))).collect();
        let query: Vec<(&str, &str)> =
            query.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let path = filled(path);
        let path = if query.is_empty() { path } else { with_query(&path, &query) };
        let body = step.body.as_ref().map(|body| filled(&body.to_string()));
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = client.try_send(method, &path, &[], body).await?;
        let told = |why: String| {
            format!("{}\n  → {} {}\n  {why}", answer.request, answer.status, answer.text)
        };
        if answer.status != step.status {
            return Err(told(format!("{} was due", step.status)));
        }
        if let Some(name) = &step.id {
            let id = answer.body["id"].as_str().ok_or_else(|| told("no id".to_owned()))?;
            names.insert(name.clone(), id.to_owned());
        }
        let filled = |text: &str| {
            names.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        let wanted: Value = serde_json::from_str(&filled(&step.answer.to_string())).expect("JSON");
        lacks(&wanted, &answer.body).map_or(Ok(()), |why| Err(told(why)))?;
        let there = step.absent.iter().find(|it| answer.body.pointer(it).is_some());
        there.map_or(Ok(()), |it| Err(told(format!("{it} is there"))))?;
    }
    Ok(())
}

/// What the actual value lacks of the wanted one.
pub(super) fn lacks(wanted: &Value, actual: &Value) -> Option<String> {
    match (wanted, actual) {
        (Value::Null, _) => None,
        (Value::Object(parts), Value::Object(_)) => parts.iter().find_map(|(name, wanted)| {
            lacks(wanted, &actual[name]).map(|why| format!("{name}: {why}"))
        }),
        (Value::Array(wanted), Value::Array(actual)) if wanted.len() == actual.len() => {
            let missing =
                wanted.iter().find(|it| actual.iter().all(|has| lacks(it, has).is_some()));
            missing.map(|it| format!("no element has {it}"))
        }
        _ if wanted == actual => None,
        _ => Some(format!("{wanted} was due, not {actual}")),
    }
}
