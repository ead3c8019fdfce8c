//! The README and the manual say what the program says: messages, commands, options, keys of the
//! configuration, the profile's language; and their links lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A page of Markdown, by its path from the project's folder.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        Self { path: PathBuf::from(path), text }
    }

    /// The text in its fenced blocks, each with the word behind the fence, and the text outside.
    fn split(&self) -> (Vec<(String, String)>, String) {
        let (mut blocks, mut outside) = (Vec::new(), String::new());
        let mut open: Option<(String, String)> = None;
        for line in self.text.lines() {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(language)) => open = Some((language.to_owned(), String::new())),
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some((_, block)), None) => *block += &format!("{}\n", line.trim_start()),
                (None, None) => outside += &format!("{line}\n"),
            }
        }
        assert!(open.is_none(), "{}: a block isn't closed", self.path.display());
        (blocks, outside)
    }

    fn blocks(&self, language: &str) -> Vec<String> {
        let blocks = self.split().0.into_iter();
        blocks.filter(|(found, _)| found == language).map(|(_, block)| block).collect()
    }

    /// What stands between single backticks, outside of the blocks.
    fn code(&self) -> Vec<String> {
        let outside = self.split().1;
        let spans = outside.split('`').skip(1).step_by(2);
        spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

/// The README and the manual.
fn manual() -> Vec<Page> {
    let mut paths: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 12, "docs/ has {} pages", paths.len());
    std::iter::once("README.md".to_owned()).chain(paths).map(|path| Page::read(&path)).collect()
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kpifire-scim")).args(arguments).output().unwrap()
}

#[test]
fn the_readme_is_short() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= 150, "{lines} lines: what only some readers need belongs into docs/");
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
    let page = Page::read("docs/troubleshooting.md");
    let mut quoted = 0;
    for section in page.text.split("\n### ").skip(1) {
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

/// The arguments of each command line of this program that a page shows.
fn command_lines(page: &Page) -> Vec<String> {
    let shell = page.blocks("sh");
    let typed = shell.iter().flat_map(|block| block.lines()).map(str::to_owned);
    let mut lines = Vec::new();
    for line in typed.chain(page.code()) {
        let line = line.replace("cargo run --release -- ", "kpifire-scim ");
        let Some((before, arguments)) = line.split_once("kpifire-scim ") else { continue };
        // The program's name stands in packages' and units' names as well.
        if before.is_empty() || before.ends_with([' ', '=']) {
            let end = [" #", " | ", " > ", ";"].iter().filter_map(|it| arguments.find(it)).min();
            lines.push(arguments[..end.unwrap_or(arguments.len())].trim().to_owned());
        }
    }
    lines.retain(|line| !line.is_empty() && !line.starts_with(['#', '|']));
    lines
}

/// What `--help` says of commands, asked once each.
#[derive(Default)]
struct Help(BTreeMap<Vec<String>, String>);

impl Help {
    fn of(&mut self, path: &[String]) -> &str {
        self.0.entry(path.to_vec()).or_insert_with(|| {
            let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
            let output = program(&arguments);
            assert!(output.status.success(), "kpifire-scim {} isn't there", path.join(" "));
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// The commands below this one.
    fn below(&mut self, path: &[String]) -> Vec<String> {
        let text = self.of(path).to_owned();
        let list = text.split("\nCommands:\n").nth(1).unwrap_or_default();
        let lines = list.lines().take_while(|line| !line.is_empty());
        let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
    }
}

/// Every command line in the README and the manual can be typed, as far as names and options go.
#[test]
fn every_command_exists_with_its_options() {
    let mut help = Help::default();
    let mut tried = BTreeSet::new();
    for page in manual() {
        for line in command_lines(&page) {
            let shown = format!("{}: kpifire-scim {line}", page.path.display());
            let words: Vec<&str> =
                line.split_whitespace().map(|word| word.trim_matches(['[', ']', ','])).collect();
            if words[0] == "help" {
                continue;
            }
            let mut path = vec![words[0].to_owned()];
            let below = help.below(&path);
            if let (false, Some(word)) = (below.is_empty(), words.get(1)) {
                assert!(
                    below.iter().any(|name| name == word),
                    "{shown}: no {word} among {below:?}"
                );
                path.push((*word).to_owned());
            }
            for word in words.iter().filter(|word| word.starts_with("--")) {
                let option = word.split('=').next().unwrap();
                let known = help.of(&path).split_whitespace().any(|it| it == option);
                assert!(known, "{shown}: there is no {option}");
            }
            tried.insert(path);
        }
    }
    assert!(tried.len() > 25, "{} commands", tried.len());
}

#[test]
fn every_command_is_listed() {
    let (mut help, page) = (Help::default(), Page::read("docs/commands.md"));
    for name in help.below(&[]) {
        let below = help.below(std::slice::from_ref(&name));
        let whole = below.iter().map(|sub| format!("kpifire-scim {name} {sub}"));
        let whole =
            if below.is_empty() { vec![format!("kpifire-scim {name}")] } else { whole.collect() };
        for command in whole {
            let code = page.code();
            let listed =
                code.iter().any(|it| *it == command || it.starts_with(&format!("{command} ")));
            assert!(listed, "docs/commands.md doesn't have {command}");
        }
    }
}

/// The keys of the configuration and their sections, as its commented file has them.
fn keys() -> BTreeSet<String> {
    let (mut keys, mut section) = (BTreeSet::new(), String::new());
    for line in Page::read("config/kpifire-scim.toml").text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
            keys.insert(name.to_owned());
        }
        for (before, _) in line.match_indices(" = ").map(|(at, _)| line.split_at(at)) {
            let word = before.rsplit([' ', '#']).next().unwrap();
            keys.insert(format!("{section}{word}"));
        }
    }
    let nested: Vec<_> = keys.iter().filter_map(|key| key.rsplit_once('.')).collect();
    let sections: Vec<String> = nested.into_iter().map(|(section, _)| section.to_owned()).collect();
    keys.extend(sections);
    assert!(keys.len() > 60 && keys.contains("guard.max_percent"), "{keys:?}");
    keys
}

/// The paths to a TOML table's values.
fn paths(table: &toml::Table, under: &str, into: &mut BTreeSet<String>) {
    for (name, value) in table {
        let path = format!("{under}{name}");
        match value {
            toml::Value::Table(table) => paths(table, &format!("{path}."), into),
            _ => drop(into.insert(path)),
        }
    }
}

/// A block of TOML is part of a profile or of the configuration.
fn is_profile(table: &toml::Table) -> bool {
    ["users", "groups", "members", "revoke", "ownership", "anonymise", "protect"]
        .iter()
        .any(|section| table.contains_key(*section))
}

#[test]
fn every_key_of_the_configuration_exists() {
    let keys = keys();
    let sections: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.split_once('.')).map(|(section, _)| section).collect();
    let mut named = BTreeSet::new();
    for page in manual() {
        let mut here = BTreeSet::new();
        for block in page.blocks("toml") {
            let table: toml::Table = block.parse().unwrap_or_else(|e| panic!("{e}:\n{block}"));
            if !is_profile(&table) {
                paths(&table, "", &mut here);
            }
        }
        for code in page.code() {
            let key = code.split(" = ").next().unwrap();
            let plain = key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
            let section = key.split_once('.').map(|(section, _)| section);
            if plain && section.is_some_and(|section| sections.contains(section)) {
                here.insert(key.to_owned());
            }
        }
        for variable in page.text.split("KPIFIRE_SCIM__").skip(1) {
            let end = variable.find(|c: char| !c.is_ascii_uppercase() && c != '_');
            let name = &variable[..end.unwrap_or(variable.len())];
            here.insert(name.to_lowercase().replace("__", "."));
        }
        for key in &here {
            assert!(keys.contains(key), "{}: there is no key {key}", page.path.display());
        }
        named.extend(here);
    }
    assert!(named.len() > 40, "{} keys", named.len());
}

/// Every profile in the manual, and every part of one laid over the built-in one, can be used.
#[test]
fn every_profile_can_be_read() {
    let builtin: toml::Table = Page::read("config/profiles/kpifire.toml").text.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "profile = \"p.toml\"\n[database]\nurl = \"sqlite:k.db\"\n").unwrap();
    let mut tried = 0;
    for block in manual().iter().flat_map(|page| page.blocks("toml")) {
        let part: toml::Table = block.parse().unwrap();
        if !is_profile(&part) {
            continue;
        }
        tried += 1;
        let whole = ["users", "groups", "members"].iter().all(|it| part.contains_key(*it));
        let profile = if whole { part } else { laid_over(builtin.clone(), part) };
        std::fs::write(folder.path().join("p.toml"), profile.to_string()).unwrap();
        let output = program(&["check", "--offline", "--config", config.to_str().unwrap()]);
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&said));
    }
    assert!(tried > 12, "{tried} profiles");
}

/// Single attributes take the place of those in `base`, other keys as they are.
fn laid_over(mut base: toml::Table, part: toml::Table) -> toml::Table {
    for (section, value) in part {
        let toml::Value::Table(keys) = value else {
            base.insert(section, value);
            continue;
        };
        let below = base.entry(section).or_insert_with(|| toml::Table::new().into());
        for (key, value) in keys {
            let below = below.as_table_mut().unwrap();
            match (key.as_str(), below.get_mut(&key), value) {
                ("attributes", Some(toml::Value::Table(all)), toml::Value::Table(own)) => {
                    all.extend(own);
                }
                (_, _, value) => drop(below.insert(key, value)),
            }
        }
    }
    base
}

/// A heading's name in a link, as the web pages of repositories make it.
fn anchor(heading: &str) -> String {
    let heading = heading.to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

/// Links to files of the project lead to a file, and to a heading of it.
#[test]
fn links_lead_somewhere() {
    let others = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "benches/README.md"];
    let mut followed = 0;
    for page in manual().into_iter().chain(others.map(Page::read)) {
        let outside = page.split().1;
        for link in outside.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            followed += 1;
            let shown = format!("{}: {link}", page.path.display());
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let from = page.path.parent().unwrap_or(Path::new(""));
            let target = if file.is_empty() { page.path.clone() } else { from.join(file) };
            assert!(root().join(&target).exists(), "{shown}: there is no such file");
            if !wanted.is_empty() {
                let target = Page::read(target.to_str().unwrap()).split().1;
                let mut headings = target.lines().filter_map(|line| line.strip_prefix('#'));
                let found = headings.any(|it| anchor(it.trim_start_matches('#').trim()) == wanted);
                assert!(found, "{shown}: there is no such heading");
            }
        }
    }
    assert!(followed > 50, "{followed} links");
}
