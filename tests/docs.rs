//! The runbook says what the program says: messages, commands, links between its pages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    assert!(pages.len() >= 4, "docs/ has {} pages", pages.len());
    pages
}

/// All sources as one text, strings that go on in the next line joined.
fn sources() -> String {
    fn collect(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(path).unwrap();
                let mut lines = source.split("\\\n");
                text.push_str(lines.next().unwrap());
                for line in lines {
                    text.push_str(line.trim_start());
                }
            }
        }
    }
    let mut text = String::new();
    collect(&root().join("src"), &mut text);
    text
}

/// Headings of the third level quote a message; `…` stands for what is put into it. What no program
/// of ours says is marked so in the first line below.
#[test]
fn every_message_of_the_troubleshooting_is_one_of_ours() {
    let sources = sources();
    let pages = pages();
    let (_, page) = pages.iter().find(|(name, _)| name == "troubleshooting.md").unwrap();
    let mut quoted = 0;
    for section in page.split("\n### ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap();
        if body.trim_start().starts_with("(Not a message of ours.)") {
            continue;
        }
        quoted += 1;
        let fixed = heading.split('…').map(|part| part.trim_end_matches([' ', ')']));
        for part in fixed.filter(|part| !part.is_empty()) {
            assert!(sources.contains(part), "no source says {part:?} ({heading})");
        }
    }
    assert!(quoted > 30, "{quoted} messages");
}

/// Every `kpifire-scim …` in a code block or between backticks names a subcommand that exists.
#[test]
fn every_command_of_the_runbook_exists() {
    let mut commands = BTreeSet::new();
    for (_, text) in pages() {
        for part in text.split("kpifire-scim ").skip(1) {
            let words: Vec<&str> = part.split_whitespace().take(2).collect();
            let word = |at: usize| {
                let word = words.get(at).copied().unwrap_or_default();
                let end = word.find(|c: char| !c.is_ascii_lowercase() && c != '-');
                word[..end.unwrap_or(word.len())].to_owned()
            };
            commands.insert((word(0), word(1)));
        }
    }
    let groups = ["token", "client", "profile", "drift", "cleanup", "guard", "notify"];
    let mut tried = 0;
    for (first, second) in commands {
        let known = [
            "demo",
            "serve",
            "check",
            "migrate",
            "export",
            "import",
            "reconcile",
            "report",
            "audit",
            "status",
        ];
        let mut arguments = vec![first.as_str()];
        if groups.contains(&first.as_str()) && !second.is_empty() && !second.starts_with('-') {
            arguments.push(&second);
        } else if !known.contains(&first.as_str()) {
            continue;
        }
        tried += 1;
        let output = Command::new(env!("CARGO_BIN_EXE_kpifire-scim"))
            .args(&arguments)
            .arg("--help")
            .output()
            .unwrap();
        assert!(output.status.success(), "kpifire-scim {}", arguments.join(" "));
    }
    assert!(tried > 15, "{tried} commands");
}

/// Links between the pages lead to a page, and to a heading of it.
#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let anchor = |heading: &str| -> String {
        heading
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect()
    };
    for (name, text) in &pages {
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { name.as_str() } else { file };
            let page = pages.iter().find(|(name, _)| name == file);
            let (_, page) = page.unwrap_or_else(|| panic!("{name}: no page for {link}"));
            let found = page
                .lines()
                .filter_map(|line| line.strip_prefix('#'))
                .any(|heading| anchor(heading.trim_start_matches('#').trim()) == wanted);
            assert!(wanted.is_empty() || found, "{name}: no heading for {link}");
        }
    }
}
