//! Names that are code to something: to a browser, a spreadsheet, a terminal, an eye. They come out
//! harmless in every format, and whole where a program reads them.

use serde_json::Value;

use super::plant::Plant;
use crate::support::{Engine, key};

on_every_database!(reports_are_harmless, lists_are_harmless, plans_and_audits_are_harmless);

/// What people put into name fields. At most 100 characters, as the column takes them.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1:A9)",
        "\t=1+1",
        "\r=2+2",
        "a\",\"b\"\r\n=1+1",
        "\u{1b}[31mred\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31mred",
        "\u{7f}\u{8}\u{8}\u{8}gone",
        "photo\u{202e}gnp.exe",
        "\u{2066}isolated\u{2069}",
        "zero\u{200b}width\u{feff}",
        "two\nlines\u{2028}three",
        "$(rm -rf /); `id` 'x' \"y\" \\",
        "{{7*7}} %s %n ${jndi:ldap://x}",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "Jürgen O'Neil 山田 👩‍💻",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("🦊".repeat(100));
    names
}

/// A plant in which each of the names is a title that somebody typed, and some are more than that.
async fn hostile(engine: Engine) -> Plant {
    let plant = Plant::new(engine).await;
    for (at, name) in names().iter().enumerate() {
        let id = plant.hire(&format!("user{at}")).await;
        let name = name.replace('\'', "''");
        plant.natively(&format!("UPDATE users SET title = '{name}' WHERE user_id = {id}")).await;
        plant.insert_user(&format!("{name}@plant.example")).await;
    }
    let team = plant.entra.create_group("=1+1<b>\u{202e}").await;
    let team = key(&team);
    let name = "@x\u{1b}[31m";
    plant.natively(&format!("UPDATE teams SET name = '{name}' WHERE team_id = {team}")).await;
    plant
}

/// Nothing in it acts on a terminal or deceives an eye.
#[track_caller]
fn assert_quiet(text: &str) {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    for line in text.lines() {
        if let Some(c) = line.chars().find(|c| acts(*c)) {
            panic!("U+{:04X} in {line:?}", u32::from(c));
        }
    }
}

/// RFC 4180, as a spreadsheet reads it.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = csv.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(characters.next(), Some('\n'), "a bare CR");
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty(), "the last row ends");
    rows
}

/// Every row as long as the heading, no cell a formula.
#[track_caller]
fn assert_disarmed(csv: &str, rows: usize) -> Vec<Vec<String>> {
    // A quoted cell may have lines and tabs.
    assert_quiet(&csv.replace(['\r', '\t'], ""));
    let cells = cells(csv);
    assert_eq!(cells.len(), rows + 1);
    for row in &cells {
        assert_eq!(row.len(), cells[0].len(), "{row:?}");
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
    cells
}

/// Each title is there to the letter.
#[track_caller]
fn assert_whole(findings: &[Value]) {
    for name in names() {
        let told = findings.iter().any(|it| it["attribute"] == "title" && it["actual"] == *name);
        assert!(told, "{name:?}");
        let unmanaged = format!("{name}@plant.example");
        assert!(findings.iter().any(|it| it["name"] == *unmanaged), "{name:?}");
    }
}

async fn reports_are_harmless(engine: Engine) {
    let plant = hostile(engine).await;
    let run = plant.reconcile();
    let all = 2 * names().len() + 1;
    assert_eq!(run.list().len(), all, "{:#}", run.report);
    assert_whole(run.list());
    for finding in run.list() {
        let command = finding["command"].as_str().unwrap_or("kpifire-scim drift ignore 0");
        let id = command.strip_prefix("kpifire-scim drift ").expect("a command");
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' '));
    }
    let install = &plant.agent.install;
    let report = |format: &str| install.stdout(&["report", "--format", format]);
    assert_quiet(&report("json"));
    let text = report("text");
    assert_quiet(&text);
    assert!(text.lines().count() <= 80);
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    let ndjson = report("ndjson");
    assert_quiet(&ndjson);
    let lines: Vec<Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.len(), all + 1);
    assert_whole(&lines[1..]);
    assert_disarmed(&report("csv"), all);
    let ids: Vec<&str> = run.list().iter().map(|it| it["id"].as_str().unwrap()).collect();
    let output = install.run(&[&["drift", "restore"], &ids[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_quiet(&said);
    assert_quiet(&String::from_utf8_lossy(&output.stderr));
    // Unmanaged rows are nothing to restore.
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.matches("done:").count(), names().len() + 1, "{said}");
    assert_eq!(plant.reconcile().list().len(), names().len());
}

async fn lists_are_harmless(engine: Engine) {
    let plant = hostile(engine).await;
    let install = &plant.agent.install;
    assert_eq!(install.stdout(&["drift", "list"]), "No finding is open.\n");
    let run = plant.reconcile();
    let all = run.list().len();
    let reason = "=1+1\u{1b}[31m\u{202e}";
    install.stdout(&["drift", "ignore", &run.id("team_attribute"), "--reason", reason]);
    let list = |format: &str| install.stdout(&["drift", "list", "--format", format]);
    let text = list("text");
    assert_quiet(&text);
    assert_eq!(text.lines().count(), all + 1);
    let json = list("json");
    assert_quiet(&json);
    let found: Vec<Value> = serde_json::from_str(&json).expect(&json);
    assert_whole(&found);
    let ignored = found.iter().find(|it| it["ignored"] == true).expect("the ignored one");
    assert_eq!(ignored["ignoredReason"], reason);
    let ndjson = list("ndjson");
    assert_quiet(&ndjson);
    let lines: Vec<Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines, found);
    let csv = assert_disarmed(&list("csv"), all);
    // Nothing is an empty cell to a program, not a dash that had to be disarmed.
    assert!(csv.iter().flatten().all(|cell| cell != "'-" && cell != "-"), "{csv:?}");
    assert!(csv.iter().flatten().any(|cell| cell.starts_with("'=cmd|")));
}

/// What is due for people of such names, and what was written of them.
async fn plans_and_audits_are_harmless(engine: Engine) {
    let mut plant = Plant::new(engine).await;
    plant.agent.install.configure("[cleanup]\nstrip_after = \"0s\"\n[schedule]\ncleanup = \"\"\n");
    let team = plant.entra.create_group("Line 7").await;
    for (at, name) in names().iter().enumerate() {
        let mut body = crate::support::user(&format!("user{at}@plant.example"));
        body["title"] = name.as_str().into();
        let id = plant.entra.client.post("/Users", &body).await.expect(201).id();
        plant.entra.add_members(&team, &[&id]).await.expect(204);
        plant.entra.disable(&id).await;
        let name = name.replace('\'', "''");
        plant
            .natively(&format!(
                "UPDATE users SET email = '{name}@plant.example' WHERE user_id = {id}"
            ))
            .await;
        if at % 2 == 0 {
            plant.agent.install.stdout(&["cleanup", "hold", &id, "--reason", "\u{9b}31m\u{202e}"]);
        }
    }
    let path = "/Users/%1B%5B31m%C2%9B%E2%80%AE";
    plant.entra.client.operations(path, serde_json::json!([])).await;
    let id = "x\u{1b}[31m\u{202e}";
    plant
        .natively(&format!(
            "INSERT INTO scim_audit (id, at, request_id, token, operation, resource_type, resource, \
             outcome, detail) VALUES ('ffffffff', '2026-01-01 00:00:00', '{id}', '{id}', 'patch', \
             'User', '{id}', 'refused', '{id}')"
        ))
        .await;
    let install = &plant.agent.install;
    let of =
        |command: &[&str], format: &str| install.stdout(&[command, &["--format", format]].concat());
    for command in [&["cleanup", "plan"][..], &["audit"]] {
        assert_quiet(&of(command, "text"));
        let json = of(command, "json");
        assert_quiet(&json);
        let json: Value = serde_json::from_str(&json).expect(&json);
        let ndjson = of(command, "ndjson");
        assert_quiet(&ndjson);
        let lines: Vec<Value> =
            ndjson.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let csv = of(command, "csv");
        let rows = if command[0] == "audit" { lines.len() } else { lines.len() - 1 };
        assert_disarmed(&csv, rows);
        // A program reads what was written.
        for name in names() {
            let found = if command[0] == "audit" {
                let titles = json.as_array().unwrap().iter().map(|row| &row["after"]["title"]);
                titles.filter(|title| **title == *name).count()
            } else {
                let lists = ["steps", "deferred"].map(|list| json[list].as_array().unwrap());
                let steps = lists.into_iter().flatten().map(|step| &step["name"]);
                steps.filter(|step| **step == format!("{name}@plant.example")).count()
            };
            assert_eq!(found, 1, "{name:?}: {json:#}");
        }
    }
}
