//! `demo` from outside: what it prints can be opened, and pasted into a shell.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::admin::fetch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kpifire-scim");

#[tokio::test]
async fn what_it_prints_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(PROGRAM)
        .args(["demo", "--listen", "127.0.0.1:0", "--dir"])
        .arg(folder.path().join("it's a demo"))
        // This suite's own: with it the demo would say `cargo run`.
        .env_remove("CARGO")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let last = line.starts_with("Serving on");
        said.push(line);
        if last {
            break;
        }
    }

    let console = said.iter().find_map(|line| line.strip_prefix("console ")).unwrap();
    let console = console.split_whitespace().next().unwrap();
    assert!(said.last().unwrap().contains(console), "{said:?}");
    let address = console.trim_start_matches("http://").trim_end_matches('/');
    let page = fetch(address, "GET", "/").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("<title>"), "{}", page.body);

    let pasted = said.iter().map(|line| line.trim()).filter(|line| line.starts_with(PROGRAM));
    let mut codes = Vec::new();
    for line in pasted {
        let output = Command::new("sh").args(["-c", line]).output().await.unwrap();
        let name = line[PROGRAM.len()..].split_whitespace().next().unwrap().to_owned();
        codes.push((name, output.status.code().unwrap()));
    }
    let wanted = [("status", 0), ("audit", 0), ("drift", 0), ("reconcile", 2)];
    assert_eq!(codes, wanted.map(|(name, code)| (name.to_owned(), code)));
}
