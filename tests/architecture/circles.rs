//! Which file of `src` needs which, and that no two need each other, nor any two rooms.
//!
//! A name is followed through `pub use` to the file that defines it: a file that only declares its
//! children and passes their names on needs none of them. What a file needs is read off its imports
//! and its paths (`child::function`); a method's home is not looked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::{Source, sources};

/// A file's place below the crate's root; `mod.rs` is its folder's.
type Module = Vec<String>;

/// Who needs whom, and for which names.
type Needs<Node> = BTreeMap<Node, BTreeMap<Node, BTreeSet<String>>>;

#[test]
fn no_circle_of_files_or_rooms() {
    let needs = needs(&modules(&sources()));
    assert!(needs.len() > 100, "read only {} files", needs.len());
    let mut found = circles(&rooms(&needs));
    found.extend(circles(&by_path(&needs)));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_and_told_with_the_names_that_tie_it() {
    let told = told(&[
        ("a.rs", "use crate::b::{B, C as Other};\npub struct A;"),
        ("b.rs", "use crate::c::D;\npub struct B; pub enum C {}"),
        ("c.rs", "pub struct D;\nfn f() { crate::a::A; }"),
    ]);
    assert_eq!(told, ["a → b (B, C) → c (D) → a (A)"]);
}

#[test]
fn a_name_is_followed_to_the_file_that_defines_it() {
    let inner = ("room/inner.rs", "use crate::other::Other;\npub struct Thing;");
    let other = ("other.rs", "use crate::room::Thing;\npub struct Other;");
    let told = told(&[("room/mod.rs", "mod inner;\npub use inner::Thing;"), inner, other]);
    assert_eq!(told, ["other → room::inner (Thing) → other (Other)"]);
}

#[test]
fn a_parent_that_passes_names_on_needs_no_child() {
    let mother = ("room/mod.rs", "mod one;\nmod two;\npub use one::One;\npub use two::Two;");
    let one = ("room/one.rs", "pub struct One;");
    let two = ("room/two.rs", "use super::One;\npub struct Two;");
    assert_eq!(told(&[mother, one, two]), [""; 0]);
}

#[test]
fn a_parent_that_calls_a_child_needs_it() {
    let mother = "mod child;\npub struct Parent;\nfn f() { child::run(); }";
    let child = "use super::Parent;\npub(super) fn run() {}";
    let told = told(&[("room.rs", mother), ("room/child.rs", child)]);
    assert_eq!(told, ["room → room::child (run) → room (Parent)"]);
}

#[test]
fn a_module_under_its_own_name_counts_by_what_is_taken_from_it() {
    let told = told(&[
        ("a.rs", "use crate::room::{self, b as other};\nfn f() { other::g(); room::h(); }"),
        ("room/mod.rs", "pub mod b;\npub fn h() {}"),
        ("room/b.rs", "pub fn g() { crate::a::f(); }"),
    ]);
    assert_eq!(told, ["a → room::b (g) → a (f)"]);
}

#[test]
fn what_is_only_said_needs_nobody() {
    let a = "pub struct A;\n/* crate::b::B */ const S: &str = \"use crate::b::B;\"; // crate::b::B\n\
             const R: &str = r#\"crate::b::B \" \"#; const C: char = '\"'; fn f<'a>(_: &'a str) {}";
    let told = told(&[("a.rs", a), ("b.rs", "use crate::a::A;\npub struct B;")]);
    assert_eq!(told, [""; 0]);
}

/// The circles of an invented tree, by files.
fn told(files: &[(&str, &str)]) -> Vec<String> {
    let source = |(name, text): &(&str, &str)| Source {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
        code: (*text).to_owned(),
    };
    let files: Vec<Source> = files.iter().map(source).collect();
    circles(&by_path(&needs(&modules(&files))))
}

fn by_path(needs: &Needs<Module>) -> Needs<String> {
    merged(needs, |module| module.join("::"))
}

fn rooms(needs: &Needs<Module>) -> Needs<String> {
    merged(needs, |module| module[0].clone())
}

/// The same between what `node` makes of the files.
fn merged(needs: &Needs<Module>, node: impl Fn(&Module) -> String) -> Needs<String> {
    let mut merged = Needs::<String>::new();
    for (from, all) in needs {
        for (to, names) in all {
            if node(from) != node(to) {
                let into = merged.entry(node(from)).or_default().entry(node(to)).or_default();
                into.extend(names.iter().cloned());
            }
        }
    }
    merged
}

/// The shortest circle through each node, each circle once.
fn circles(needs: &Needs<String>) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut told = Vec::new();
    for node in needs.keys() {
        let Some(circle) = circle(needs, node) else { continue };
        if !known.insert(circle.iter().cloned().collect::<BTreeSet<_>>()) {
            continue;
        }
        let mut text = node.clone();
        for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
            let names: Vec<_> = needs[from][to].iter().map(String::as_str).collect();
            write!(text, " → {to} ({})", names.join(", ")).unwrap();
        }
        told.push(text);
    }
    told
}

/// The shortest way from a node back to it, without its end.
fn circle(needs: &Needs<String>, start: &String) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![start.clone()]]);
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| needs.get(last)).into_iter().flat_map(BTreeMap::keys)
        {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back(way.iter().chain([next]).cloned().collect());
            }
        }
    }
    None
}

/// What a file says of others.
#[derive(Default)]
struct File {
    imports: Vec<Import>,
    /// Items of its own.
    defines: BTreeSet<String>,
    /// Paths outside of imports.
    paths: Vec<Vec<String>>,
    /// Every word outside of imports.
    words: BTreeSet<String>,
}

struct Import {
    name: String,
    path: Vec<String>,
    /// Whether the name is passed on.
    public: bool,
}

type Modules = BTreeMap<Module, File>;

fn modules(sources: &[Source]) -> Modules {
    let shipped = sources.iter().filter(|source| !source.is_test());
    let files = shipped.map(|source| (module(&source.name), File::read(&source.code)));
    files.filter(|(module, _)| !module.is_empty()).collect()
}

fn module(name: &str) -> Module {
    let mut module: Module = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

fn needs(modules: &Modules) -> Needs<Module> {
    let mut needs = Needs::new();
    for (from, file) in modules {
        let into: &mut BTreeMap<Module, BTreeSet<String>> = needs.entry(from.clone()).or_default();
        let mut note = |found: Option<(Module, Option<String>)>| {
            if let Some((to, Some(name))) = found
                && to != *from
                && !to.is_empty()
            {
                into.entry(to).or_default().insert(name);
            }
        };
        let mut aliases = BTreeMap::new();
        for import in &file.imports {
            match absolute(modules, from, &import.path).and_then(|path| resolve(modules, &path, 0))
            {
                Some((module, None)) => drop(aliases.insert(&import.name, module)),
                found if !import.public || file.words.contains(&import.name) => note(found),
                _ => {}
            }
        }
        for path in &file.paths {
            let full = match aliases.get(&path[0]) {
                Some(module) => Some([module, &path[1..]].concat()),
                None => absolute(modules, from, path),
            };
            note(full.and_then(|path| resolve(modules, &path, 0)));
        }
    }
    needs
}

/// A path of `from`'s from the crate's root on; `None` for another crate's.
fn absolute(modules: &Modules, from: &Module, path: &[String]) -> Option<Vec<String>> {
    let up = path.iter().take_while(|part| *part == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (&[][..], &path[1..]),
        "self" => (&from[..], &path[1..]),
        "super" => (&from[..from.len().checked_sub(up)?], &path[up..]),
        child if modules.contains_key(&[from, &[child.to_owned()][..]].concat()) => {
            (&from[..], path)
        }
        _ => return None,
    };
    Some([base, rest].concat())
}

/// The file in which a path ends, and the item it names there; no item where it names the module.
fn resolve(modules: &Modules, path: &[String], depth: usize) -> Option<(Module, Option<String>)> {
    assert!(depth < 16, "{path:?} is imported in a ring");
    let mut at = Module::new();
    for (index, part) in path.iter().enumerate() {
        let inner = [&at[..], &path[index..=index]].concat();
        if modules.contains_key(&inner) {
            at = inner;
            continue;
        }
        let file = modules.get(&at)?;
        let passed = file.imports.iter().find(|import| import.name == *part);
        return match passed.filter(|_| !file.defines.contains(part)) {
            Some(import) => {
                let full = absolute(modules, &at, &import.path)?;
                resolve(modules, &[&full[..], &path[index + 1..]].concat(), depth + 1)
            }
            None => Some((at, Some(part.clone()))),
        };
    }
    Some((at, None))
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Mark(char),
}

impl File {
    fn read(code: &str) -> Self {
        const ITEMS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "const", "static"];
        let tokens = tokens(code);
        let word = |at: usize| match tokens.get(at) {
            Some(Token::Word(word)) => Some(word.as_str()),
            _ => None,
        };
        let mut file = Self::default();
        let (mut at, mut depth, mut public) = (0, 0_usize, false);
        while at < tokens.len() {
            match &tokens[at] {
                Token::Word(it) if it == "pub" => {
                    public = true;
                    if tokens.get(at + 1) == Some(&Token::Mark('(')) {
                        let rest = &tokens[at..];
                        at += rest.iter().position(|it| *it == Token::Mark(')')).unwrap();
                    }
                    at += 1;
                    continue;
                }
                Token::Word(it) if it == "use" && tokens.get(at + 1) != Some(&Token::Mark('<')) => {
                    at += 1;
                    file.import(&tokens, &mut at, &[], public);
                }
                Token::Word(it) => {
                    if depth == 0 && ITEMS.contains(&it.as_str()) {
                        file.defines.extend(word(at + 1).map(str::to_owned));
                    }
                    let begins = at == 0 || tokens[at - 1] != Token::Colons;
                    let mut path = vec![it.clone()];
                    while tokens.get(at + 1) == Some(&Token::Colons)
                        && let Some(next) = word(at + 2)
                    {
                        path.push(next.to_owned());
                        at += 2;
                    }
                    file.words.extend(path.iter().cloned());
                    if path.len() > 1 && begins {
                        file.paths.push(path);
                    }
                }
                Token::Mark('{') => depth += 1,
                Token::Mark('}') => depth = depth.saturating_sub(1),
                Token::Mark(_) | Token::Colons => {}
            }
            public = false;
            at += 1;
        }
        file
    }

    /// Reads one tree of a `use`, up to what stands behind it.
    fn import(&mut self, tokens: &[Token], at: &mut usize, before: &[String], public: bool) {
        let mut path = before.to_vec();
        let mut name = None;
        loop {
            match tokens.get(*at) {
                Some(Token::Word(it)) if it == "as" => {
                    *at += 1;
                    if let Some(Token::Word(alias)) = tokens.get(*at) {
                        name = Some(alias.clone());
                    }
                }
                Some(Token::Word(it)) => path.push(it.clone()),
                Some(Token::Colons) => {}
                Some(Token::Mark('*')) => path.push("*".to_owned()),
                Some(Token::Mark('{')) => {
                    *at += 1;
                    while tokens.get(*at).is_some_and(|it| *it != Token::Mark('}')) {
                        if tokens[*at] == Token::Mark(',') {
                            *at += 1;
                        } else {
                            self.import(tokens, at, &path, public);
                        }
                    }
                    *at += 1;
                    return;
                }
                _ => break,
            }
            *at += 1;
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.imports.push(Import { name, path, public });
        }
    }
}

/// Words, paths' colons and marks, without comments, strings and numbers.
fn tokens(code: &str) -> Vec<Token> {
    let letters: Vec<char> = code.chars().collect();
    let is = |at: usize, letter: char| letters.get(at) == Some(&letter);
    let until = |from: usize, end: &[char]| {
        let rest = letters.get(from..).unwrap_or_default();
        rest.windows(end.len())
            .position(|it| it == end)
            .map_or(letters.len(), |n| from + n + end.len())
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        match letter {
            '/' if is(at + 1, '/') => at = until(at, &['\n']),
            '/' if is(at + 1, '*') => at = until(at + 2, &['*', '/']),
            '"' => {
                at += 1;
                while at < letters.len() && !is(at, '"') {
                    at += if is(at, '\\') { 2 } else { 1 };
                }
                at += 1;
            }
            '\'' if is(at + 1, '\\') => at = until(at + 3, &['\'']),
            // Otherwise a lifetime, whose name is a word like others.
            '\'' if is(at + 2, '\'') => at += 3,
            ':' if is(at + 1, ':') => {
                tokens.push(Token::Colons);
                at += 2;
            }
            _ if letter.is_alphanumeric() || letter == '_' => {
                let rest = &letters[at..];
                let word: String =
                    rest.iter().take_while(|it| it.is_alphanumeric() || **it == '_').collect();
                at += word.chars().count();
                let hashes = letters[at..].iter().take_while(|it| **it == '#').count();
                if word.ends_with('r') && word.len() <= 2 && is(at + hashes, '"') {
                    let end: Vec<char> =
                        ['"'].into_iter().chain(std::iter::repeat_n('#', hashes)).collect();
                    at = until(at + hashes + 1, &end);
                } else if !letter.is_numeric() {
                    tokens.push(Token::Word(word));
                }
            }
            _ => {
                if !letter.is_whitespace() {
                    tokens.push(Token::Mark(letter));
                }
                at += 1;
            }
        }
    }
    tokens
}
