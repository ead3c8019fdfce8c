//! Which table holds the users: by names, columns, foreign keys and rows.

use super::names::{self, Rank};
use super::view::{self, Looked, View, is_mail, is_textual};
use super::words;
use crate::profile::catalogue::{Column, Kind};

/// A table that could hold the users.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'c> {
    pub looked: Looked<'c>,
    /// In hundredths.
    score: usize,
    rank: Rank,
    password: bool,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Found<'c> {
    pub looked: Looked<'c>,
    /// What else it could be.
    pub rivals: Vec<Looked<'c>>,
    /// Whether the name and the columns leave no doubt.
    pub plain: bool,
}

/// The users' table.
pub(super) fn users(view: View<'_>) -> Option<Found<'_>> {
    let mut candidates = candidates(view);
    if candidates.is_empty() {
        return None;
    }
    let top = candidates.remove(0);
    let rivals: Vec<Looked<'_>> = candidates
        .iter()
        .filter(|other| {
            let named = other.rank >= Rank::Last && other.rank >= top.rank;
            other.password || named || other.score + 60 >= top.score
        })
        .take(4)
        .map(|other| other.looked.clone())
        .collect();
    let plain = top.password && top.rank >= Rank::Last;
    Some(Found { looked: top.looked, rivals, plain })
}

/// The likeliest first.
pub(super) fn candidates(view: View<'_>) -> Vec<Candidate<'_>> {
    let mut found: Vec<Candidate<'_>> = view.tables().filter_map(weigh).collect();
    found.sort_by(|a, b| {
        b.score.cmp(&a.score).then_with(|| a.looked.table.name.cmp(&b.looked.table.name))
    });
    found
}

fn weigh(looked: Looked<'_>) -> Option<Candidate<'_>> {
    let parts = looked.parts();
    let (user, person) = (names::rank(&parts, words::USERS), names::rank(&parts, words::PEOPLE));
    let rank = user.max(person);
    // `user_sessions` holds something about users; `user_data` and `user_entity` users themselves.
    let about = parts.len() > 1
        && parts.last().is_some_and(|last| {
            words::ABOUT.iter().any(|word| last == word || names::singular(last) == *word)
        });
    let has = |list: &[&str]| looked.first(list, is_textual).is_some();
    let login = has(words::LOGIN);
    let mail = has(words::EMAIL) || has(words::EMAIL_PERHAPS);
    let password = looked.table.columns.iter().any(|column| view::is_password(&looked, column));
    let names_it = has(words::LOGIN_PERHAPS) || has(words::DISPLAY);
    let person_named = has(words::GIVEN) && has(words::FAMILY) || has(words::DISPLAY);
    if !(login || mail || password && names_it || person_named && rank == Rank::Whole) {
        return None;
    }
    // People, but not those who work here.
    let outside = parts.iter().any(|part| words::OUTSIDE.contains(&names::singular(part)));
    let of_rank = |rank: Rank, whole: usize| match rank {
        Rank::Whole => whole,
        Rank::Last => whole * 8 / 10,
        Rank::First => whole * 6 / 10,
        Rank::No => 0,
    };
    let mut score = of_rank(user, 120).max(of_rank(person, 80));
    for (holds, weight) in [
        (login, 60),
        (mail, 40),
        (password, 80),
        (person_named, 40),
        (looked.first(words::ENABLED, |_| true).is_some(), 20),
        (looked.has_rows(), 10),
        (holds_addresses(&looked), 20),
    ] {
        score += if holds { weight } else { 0 };
    }
    score += view_inbound(&looked) * 5;
    if about {
        score = score.saturating_sub(120);
    }
    if outside {
        score = score.saturating_sub(60);
    }
    (score >= 120).then_some(Candidate { looked, score, rank, password })
}

fn view_inbound(looked: &Looked<'_>) -> usize {
    looked.view().inbound(looked.table).min(12)
}

fn holds_addresses(looked: &Looked<'_>) -> bool {
    let mails = looked.first(words::EMAIL, is_textual);
    mails.and_then(|column| looked.seen(column)).is_some_and(|seen| seen.mostly(is_mail))
}

/// The column of a table that points at another table's key: by foreign key, else by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pointer<'c> {
    pub column: &'c Column,
    /// What says so.
    pub by: By,
}

/// What says that a column holds another table's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A foreign key.
    Key,
    /// Its name.
    Name,
    /// Its values alone.
    Values,
}

impl Pointer<'_> {
    pub fn by_key(&self) -> bool {
        self.by == By::Key
    }
}

/// The columns of a table that point at a target.
pub(super) fn pointers<'c>(from: &Looked<'c>, target: &Looked<'c>) -> Vec<Pointer<'c>> {
    let by_key =
        |name: &str| from.points_at(name).is_some_and(|table| table.name == target.table.name);
    let mut found: Vec<Pointer<'c>> = from
        .table
        .columns
        .iter()
        .filter(|column| by_key(&column.name))
        .map(|column| Pointer { column, by: By::Key })
        .collect();
    let named = from.table.columns.iter().filter(|column| {
        !by_key(&column.name)
            && from.points_at(&column.name).is_none()
            && names_target(from, column, target)
    });
    found.extend(named.map(|column| Pointer { column, by: By::Name }));
    // Whom a row is of comes before who wrote it, and what is part of a key before what isn't.
    let keyed = |name: &String| {
        let unique = from.table.indexes.iter().filter(|index| index.unique);
        from.table.primary_key.contains(name)
            || unique.into_iter().any(|it| it.columns.contains(name))
    };
    found.sort_by_key(|pointer| {
        let name = &pointer.column.name;
        (is_writer(pointer.column), !keyed(name), !pointer.by_key())
    });
    found
}

/// Whether a column says who wrote a row, and not whom it is of.
pub(super) fn is_writer(column: &Column) -> bool {
    let name = names::plain(&column.name);
    words::WRITERS.iter().any(|word| name.starts_with(word) || name.ends_with(word))
}

/// `team_id`, `teamid`, `fk_team`, `id_team`, `teams_id`, `team` point at `teams`, and so does a column
/// that is named as the target's key, unless that is just `id`.
fn names_target(from: &Looked<'_>, column: &Column, target: &Looked<'_>) -> bool {
    let Some(key) = target.key() else { return false };
    if !same_kind(column.kind, key.kind) {
        return false;
    }
    let (name, key_name) = (names::plain(&column.name), names::plain(&key.name));
    let users = names::rank(&target.parts(), words::USERS) > Rank::No;
    if users && matches!(name.as_str(), "uid" | "userid" | "usrid" | "useruid") {
        return true;
    }
    let idle = ["id", "name", "code", "key", "guid", "uuid", "rowid", "oid", "nr", "no"];
    if name == key_name && !idle.contains(&key_name.as_str()) {
        return true;
    }
    let whole = target.parts();
    let mut stems = vec![whole.concat(), names::plain(&target.table.name.name)];
    if let (Some(last), true) = (whole.last(), whole.len() > 1) {
        stems.push(last.clone());
    }
    if let (Some(first), true) = (whole.first(), whole.len() > 1) {
        stems.push(first.clone());
    }
    // A column that is part of the membership's own name: `ug_user` of `user_groups`.
    let parts = names::parts(&column.name);
    let kept: Vec<&String> = parts
        .iter()
        .filter(|part| {
            !["id", "fk", "uid", "uuid", "key", "ref", "nr", "no", "code", "idx", "guid", "num"]
                .contains(&part.as_str())
        })
        .collect();
    let joined: String = kept.iter().map(|part| part.as_str()).collect();
    let last = kept.last().map(|part| part.as_str()).unwrap_or_default();
    let own_prefix = kept.len() == 2 && from.forms(column).len() > 1;
    stems.iter().any(|stem| {
        let stem = names::singular(stem);
        names::same_stem(&joined, stem)
            || [
                format!("{stem}id"),
                format!("id{stem}"),
                format!("{stem}sid"),
                format!("{stem}uuid"),
            ]
            .contains(&name)
            || own_prefix && names::same_stem(last, stem)
    })
}

fn same_kind(one: Kind, other: Kind) -> bool {
    let number = |kind| matches!(kind, Kind::Int | Kind::Number);
    one == other || number(one) && number(other)
}
