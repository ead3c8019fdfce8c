//! `[groups]` and `[members]`: pairs of a membership table and the table of groups that it leads to, by
//! names, keys and values.

use std::collections::BTreeSet;

use super::draft::{Draft, Line, Open};
use super::find::{self, By, Pointer};
use super::key;
use super::names::{self, Rank};
use super::scope;
use super::stamps::{self, Rows};
use super::view::{Looked, View, is_text, is_textual, is_words};
use super::words;
use crate::profile::catalogue::{Column, Kind};
use crate::profile::evidence::Seen;
use crate::profile::read::{toml_key, toml_text};

/// A membership table with the table of groups.
#[derive(Debug, Clone)]
pub(super) struct Pair<'c> {
    pub groups: Looked<'c>,
    pub members: Looked<'c>,
    pub group: Pointer<'c>,
    pub user: Pointer<'c>,
    rank: Rank,
    score: usize,
    unique: bool,
    /// Whether another column too could say whom a membership is of, or of which group.
    several: bool,
}

/// The likeliest pair, and what else it could be.
#[derive(Debug, Clone)]
pub(super) struct Teams<'c> {
    pub pair: Pair<'c>,
    rivals: Vec<Pair<'c>>,
    /// Tables that say by their names that they hold memberships too.
    links: Vec<String>,
}

impl<'c> Teams<'c> {
    /// The tables that could hold the groups.
    pub fn groups(&self) -> impl Iterator<Item = &Looked<'c>> {
        [&self.pair].into_iter().chain(&self.rivals).map(|pair| &pair.groups)
    }

    /// Whether a table is one of the two.
    pub fn uses(&self, table: &Looked<'_>) -> bool {
        [&self.pair.groups, &self.pair.members].iter().any(|own| own.table.name == table.table.name)
    }
}

/// The pairs that could be it.
pub(super) fn find<'c>(view: View<'c>, users: &Looked<'c>) -> Option<Teams<'c>> {
    let mut pairs = pairs(view, users);
    pairs.sort_by(|a, b| {
        b.score.cmp(&a.score).then_with(|| a.members.table.name.cmp(&b.members.table.name))
    });
    if pairs.is_empty() {
        return None;
    }
    let pair = pairs.remove(0);
    // A role or a project is a rival only where nothing better is called a group.
    let near = |other: &Pair<'c>| {
        other.score + 45 >= pair.score || other.rank >= Rank::Last && other.unique
    };
    let rivals: Vec<Pair<'c>> = pairs.iter().filter(|other| near(other)).take(4).cloned().collect();
    let known = |table: &Looked<'_>| {
        [&pair].into_iter().chain(&rivals).any(|it| it.members.table.name == table.table.name)
    };
    let other_link = |table: &Looked<'c>| {
        let grouped = || {
            let parts = table.parts();
            parts.iter().any(|part| words::GROUPS.iter().any(|word| part.contains(word)))
        };
        is_link(table)
            && !known(table)
            && table.table.name != users.table.name
            && table.table.name != pair.groups.table.name
            && (!find::pointers(table, &pair.groups).is_empty()
                || !find::pointers(table, users).is_empty() && grouped())
    };
    let links = view.tables().filter(other_link).map(|table| table.name()).take(4).collect();
    Some(Teams { pair, rivals, links })
}

fn pairs<'c>(view: View<'c>, users: &Looked<'c>) -> Vec<Pair<'c>> {
    let groups: Vec<(Rank, usize, Looked<'c>)> = view
        .tables()
        .filter(|table| table.table.name != users.table.name)
        .filter_map(|table| {
            let parts = table.parts();
            let rank = names::rank(&parts, words::GROUPS);
            let like = names::rank(&parts, words::GROUPLIKE);
            let worth = match (rank, like) {
                (Rank::Whole, _) => 100,
                (Rank::Last, _) => 80,
                (Rank::First, _) => 50,
                (Rank::No, Rank::Whole | Rank::Last) => 40,
                (Rank::No, _) => return None,
            };
            let fits = table.key().is_some() && table.first(words::LABEL, is_textual).is_some();
            fits.then_some((rank, worth, table))
        })
        .collect();
    let mut found = Vec::new();
    for members in view.tables().filter(|table| table.table.name != users.table.name) {
        let user = pointers(&members, users);
        if user.is_empty() {
            continue;
        }
        for (rank, worth, groups) in &groups {
            if groups.table.name == members.table.name {
                continue;
            }
            let group = pointers(&members, groups);
            let best = group.iter().find_map(|group| {
                let user = user.iter().find(|user| user.column.name != group.column.name)?;
                Some((*group, *user))
            });
            let own = |list: &[Pointer<'_>]| {
                list.iter().filter(|pointer| !find::is_writer(pointer.column)).count()
            };
            let several = own(&group) > 1 || own(&user) > 1;
            let Some((group, user)) = best else { continue };
            let pair = Pair {
                groups: groups.clone(),
                members: members.clone(),
                group,
                user,
                rank: *rank,
                score: *worth,
                unique: false,
                several,
            };
            found.extend(weigh(pair));
        }
    }
    found
}

/// The columns that could be keys of a target: by foreign key or name, else by their values.
fn pointers<'c>(from: &Looked<'c>, target: &Looked<'c>) -> Vec<Pointer<'c>> {
    let found = find::pointers(from, target);
    if !found.is_empty() || !is_link(from) {
        return found;
    }
    let Some(key) = target.key() else { return found };
    let held = |column: &&Column| {
        let evidence = from.view().evidence;
        let held = evidence.held(&from.table.name, &column.name, &target.table.name, &key.name);
        held.is_some_and(|held| held.all(2))
            && !from.table.primary_key.starts_with(std::slice::from_ref(&column.name))
            && from.points_at(&column.name).is_none()
    };
    let column = from.table.columns.iter().filter(|it| may_hold(it, key)).find(held);
    column.map(|column| Pointer { column, by: By::Values }).into_iter().collect()
}

/// Whether a column could hold another's values.
pub(super) fn may_hold(column: &Column, key: &Column) -> bool {
    let number = |kind| matches!(kind, Kind::Int | Kind::Number);
    column.kind == key.kind || number(column.kind) && number(key.kind)
}

/// Whether a table's name says that it holds memberships.
pub(super) fn is_link(table: &Looked<'_>) -> bool {
    let name = table.parts().concat();
    [
        "member",
        "mitglied",
        "membre",
        "miembro",
        "membro",
        "usergroup",
        "groupuser",
        "userteam",
        "teamuser",
        "zuordnung",
        "affect",
        "zugehoer",
        "lid",
        "appartenance",
        "inteam",
        "ingroup",
        "usersgroup",
        "groupsuser",
        "usergrp",
    ]
    .iter()
    .any(|word| name.contains(word))
}

fn weigh(mut pair: Pair<'_>) -> Option<Pair<'_>> {
    let both = |columns: &[String]| {
        [&pair.group, &pair.user].iter().all(|it| columns.contains(&it.column.name))
    };
    let table = pair.members.table;
    let keys = || {
        let unique = table.indexes.iter().filter(|index| index.unique).map(|it| &it.columns);
        unique.chain([&table.primary_key])
    };
    let exact = keys().any(|columns| columns.len() == 2 && both(columns));
    let wider = keys().any(|columns| both(columns));
    let few = table.columns.len() <= 8;
    let named = is_link(&pair.members);
    let labelled = pair.members.first(words::LABEL, is_text).is_some();
    if !(exact || wider || (few || named) && !labelled) {
        return None;
    }
    let held = |pointer: &Pointer<'_>, target: &Looked<'_>| proved(&pair.members, pointer, target);
    for (holds, weight) in [
        (exact, 60),
        (wider, 30),
        (few, 15),
        (named, 30),
        (pair.group.by_key(), 15),
        (pair.user.by_key(), 15),
        (held(&pair.group, &pair.groups), 10),
        (pair.members.has_rows(), 10),
    ] {
        pair.score += if holds { weight } else { 0 };
    }
    if labelled {
        pair.score = pair.score.saturating_sub(40);
    }
    pair.unique = exact;
    (pair.score >= 80).then_some(pair)
}

/// Whether all of a column's values are keys of a target.
fn proved(from: &Looked<'_>, pointer: &Pointer<'_>, target: &Looked<'_>) -> bool {
    let evidence = from.view().evidence;
    let held = |key: &Column| {
        evidence.held(&from.table.name, &pointer.column.name, &target.table.name, &key.name)
    };
    target.key().and_then(held).is_some_and(|held| held.all(1))
}

/// Writes both sections.
pub(super) fn write(draft: &mut Draft, users: &Looked<'_>, teams: &Teams<'_>) {
    let pair = &teams.pair;
    let open = doubt(users, teams);
    groups(draft, users, teams, open.as_deref());
    draft.section("members");
    let rows = pair.members.rows();
    let unique = if pair.unique { "unique pair" } else { "the pair isn't unique" };
    let line = Line::new("table", toml_text(&pair.members.name()), format!("{rows}; {unique}"));
    let others = |open: Open| {
        let open = teams
            .links
            .iter()
            .fold(open, |open, name| open.or(format!("table = {}", toml_text(name))));
        teams.rivals.iter().fold(open, |open, other| {
            open.or(format!(
                "table = {}    # with {}",
                toml_text(&other.members.name()),
                other.groups.name()
            ))
        })
    };
    draft.line(line.maybe(open.as_ref().map(|why| others(Open::new(why.clone())))));
    for (key, pointer, target) in
        [("group", &pair.group, &pair.groups), ("user", &pair.user, users)]
    {
        let said = pointed(&pair.members, pointer, target);
        let line = Line::new(key, toml_text(&pointer.column.name), said);
        let sure =
            pointer.by_key() || pointer.by == By::Name && proved(&pair.members, pointer, target);
        let question = format!(
            "does {} hold a key of {}? No foreign key says so",
            toml_text(&pointer.column.name),
            target.name()
        );
        draft.line(line.maybe((!sure).then(|| Open::new(question))));
    }
    kinds(draft, pair);
    let mut filled: BTreeSet<String> =
        [&pair.group, &pair.user].iter().map(|it| it.column.name.clone()).collect();
    stamps::write(draft, Rows::Members, &pair.members, &mut filled, Vec::new());
}

/// What speaks for a column that points at a table.
fn pointed(from: &Looked<'_>, pointer: &Pointer<'_>, target: &Looked<'_>) -> String {
    if pointer.by_key() {
        return format!("foreign key to {}", target.name());
    }
    let evidence = from.view().evidence;
    let held = target.key().and_then(|key| {
        evidence.held(&from.table.name, &pointer.column.name, &target.table.name, &key.name)
    });
    match held {
        Some(held) => {
            format!("{} of {} values are keys of {}", held.found, held.asked, target.name())
        }
        None => format!("by its name a key of {}", target.name()),
    }
}

/// Why the pair isn't beyond doubt.
fn doubt(users: &Looked<'_>, teams: &Teams<'_>) -> Option<String> {
    let pair = &teams.pair;
    if !teams.rivals.is_empty() || !teams.links.is_empty() {
        return Some("which membership is meant by a SCIM group?".to_owned());
    }
    if pair.rank < Rank::Last {
        return Some(format!("are {} what a SCIM group shall be?", pair.groups.name()));
    }
    let told = |pointer: &Pointer<'_>, target: &Looked<'_>| {
        pointer.by_key() || proved(&pair.members, pointer, target)
    };
    if !(told(&pair.group, &pair.groups) && told(&pair.user, users)) {
        return Some(format!("are these the members of {}?", pair.groups.name()));
    }
    if pair.several || find::is_writer(pair.user.column) {
        return Some("which column says whom a membership is of? Several point there".to_owned());
    }
    if !pair.unique {
        return Some("are these the members? The pair of group and user isn't unique".to_owned());
    }
    if !pair.members.has_rows() {
        return Some(
            "are these the members? The table has no rows, or they can't be read".to_owned(),
        );
    }
    None
}

/// Asks which rows of the membership table count, where it may hold others too.
fn kinds(draft: &mut Draft, pair: &Pair<'_>) {
    let members = &pair.members;
    let used = |column: &Column| {
        column.name == pair.group.column.name || column.name == pair.user.column.name
    };
    let words: Vec<&str> =
        words::EDGE_KIND.iter().chain(words::DELETED).chain(words::SCOPE).copied().collect();
    let mut found = members.find(&words, |column| !used(column));
    // What makes the pair unique only together with it tells kinds apart as well.
    if !pair.unique {
        let wider = members.unique_with(&pair.user.column.name);
        found.extend(wider.into_iter().filter(|column| !used(column)));
    }
    // Beside a group's id and a user's, a third id tells of something else again.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    if found.is_empty() {
        return;
    }
    let shown: Vec<String> =
        found.iter().map(|it| format!("{}: {}", it.name, members.data(it))).collect();
    let mut open = Open::new(format!("is each row a membership that counts? {}", shown.join("; ")));
    for column in found {
        let name = toml_key(&column.name);
        let common = members.seen(column).map(|seen| seen.counts()).unwrap_or_default();
        let value = common.first().map(|(value, _)| *value);
        let time = super::view::holds_times(members, column);
        let zero = time && common.iter().any(|(value, _)| *value == "0");
        open = match (time, value, column.kind) {
            (true, ..) if zero => open.or(format!("where = {{ {name} = 0 }}")),
            (true, ..) | (_, None, _) => open.or(format!("where = {{ {name} = \"null\" }}")),
            (_, Some(value), Kind::Int) => open.or(format!("where = {{ {name} = {value} }}")),
            (_, Some(value), Kind::Bool) => {
                let value = matches!(value, "t" | "true" | "1");
                open.or(format!("where = {{ {name} = {value} }}"))
            }
            (_, Some(value), _) => open.or(format!("where = {{ {name} = {} }}", toml_text(value))),
        };
    }
    draft.line(Line::question("where", open));
}

fn groups(draft: &mut Draft, users: &Looked<'_>, teams: &Teams<'_>, doubt: Option<&str>) {
    let groups = &teams.pair.groups;
    draft.section("groups");
    let rows = groups.rows();
    let line = Line::new("table", toml_text(&groups.name()), rows);
    let others: BTreeSet<String> = teams.rivals.iter().map(|it| it.groups.name()).collect();
    let others = others.into_iter().filter(|name| *name != groups.name());
    let open = doubt.map(|why| {
        others.fold(Open::new(why), |open, name| open.or(format!("table = {}", toml_text(&name))))
    });
    draft.line(line.maybe(open));
    draft.line(key::line(groups, "displayName"));
    scope::rows(draft, groups, "groups", Some(users));
    let mut filled: BTreeSet<String> =
        groups.key().map(|key| key.name.clone()).into_iter().collect();
    draft.section("groups.attributes");
    label(draft, groups, &mut filled);
    stamps::write(draft, Rows::Groups, groups, &mut filled, Vec::new());
    delete(draft, users, teams);
}

fn label(draft: &mut Draft, groups: &Looked<'_>, filled: &mut BTreeSet<String>) {
    let key = groups.key().map(|key| key.name.clone());
    let labels = groups.find(words::LABEL, |column| {
        is_textual(column) && Some(&column.name) != key.as_ref() && !super::view::is_copy(column)
    });
    let Some(column) = labels.first().copied() else {
        let named = groups.key().filter(|key| is_text(key) && groups.is(key, words::LABEL));
        if let Some(key) = named {
            let name = toml_text(&key.name);
            let open = Open::new(format!("is {name} both the key and the group's name?"));
            return draft.line(Line::new("displayName", name, groups.facts(key)).open(open));
        }
        let open = Open::new("which column holds a group's name?");
        return draft.line(Line::question("displayName", open.or("displayName = \"…\"")));
    };
    let seen = groups.seen(column);
    let apart = groups.is_nearly_unique(&column.name)
        || !groups.unique_with(&column.name).is_empty()
        || seen.is_some_and(Seen::all_different);
    let sure = labels.len() == 1 && apart && seen.is_some_and(|seen| seen.mostly(is_words));
    let open = (!sure).then(|| {
        let open = Open::new(format!("is {} a group's name?", toml_text(&column.name)));
        labels.iter().skip(1).fold(open, |open, other| {
            open.or(format!(
                "displayName = {}    # {}",
                super::view::value(other),
                groups.facts(other)
            ))
        })
    });
    filled.insert(column.name.clone());
    let line = Line::new("displayName", super::view::value(column), groups.facts(column));
    draft.line(line.maybe(open));
}

fn delete(draft: &mut Draft, users: &Looked<'_>, teams: &Teams<'_>) {
    let (groups, members) = (&teams.pair.groups, &teams.pair.members);
    draft.section("groups.delete");
    let off: Vec<&Column> = groups.find(
        &[words::DELETED, words::ENABLED, words::DISABLED, words::STATUS].concat(),
        |column| !column.computed,
    );
    let archived = groups.first(&["isarchived", "archived", "archiviert", "archive"], |_| true);
    // A key without a foreign key would be left behind.
    let loose: Vec<String> = groups
        .view()
        .tables()
        .filter(|it| it.table.name != members.table.name && it.table.name != groups.table.name)
        .filter(|it| find::pointers(it, groups).iter().any(|pointer| !pointer.by_key()))
        .map(|it| it.name())
        .take(5)
        .collect();
    let loose_users = find::pointers(users, groups).iter().any(|pointer| !pointer.by_key());
    let cascade = format!("[{}]", toml_text(&members.name()));
    let line = Line::new("mode", "\"delete\"", "the row goes, with its memberships");
    let mut questions = Vec::new();
    if !off.is_empty() {
        let shown: Vec<String> =
            off.iter().map(|it| format!("{}: {}", it.name, groups.data(it))).collect();
        questions.push(format!("does the application keep a group's row? {}", shown.join("; ")));
    }
    if !loose.is_empty() || loose_users {
        questions.push(format!(
            "rows of {} may point at a group without a foreign key: may it go?",
            if loose.is_empty() { users.name() } else { loose.join(", ") }
        ));
    }
    let open = (!questions.is_empty()).then(|| {
        off.iter().fold(Open::new(questions.join("; ")), |open, column| {
            open.or(scope::marked(groups, column))
        })
    });
    draft.line(line.maybe(open));
    draft.line(Line::new("cascade", cascade, String::new()));
    if let Some(column) = archived {
        let value = if column.kind == Kind::Bool { "true" } else { "1" };
        draft.note(format!(
            "To keep the row instead: mode = \"deactivate\", column = {}, value = {value}",
            toml_text(&column.name)
        ));
    }
}

impl Teams<'_> {
    /// Whether the groups' table is called so.
    pub fn is_named(&self) -> bool {
        self.pair.rank > Rank::No
    }
}
