//! `[users.attributes]` without `active`: what people sign in with, are called and are reached by.

use super::draft::{Line, Open};
use super::key;
use super::names;
use super::subject::Users;
use super::view::{
    is_copy, is_login_like, is_mail, is_phone, is_text, is_textual, is_words, value,
};
use super::words;
use crate::profile::catalogue::Column;
use crate::profile::evidence::Seen;
use crate::profile::read::{toml_key, toml_text};

pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const MAIL: &str = "emails[type eq \"work\"].value";

impl<'c> Users<'c, '_> {
    pub(super) fn user_name_and_mail(&mut self) {
        let logins = self.logins();
        let mails = self.free(&[words::EMAIL, words::EMAIL_PERHAPS]);
        let Some(chosen) = logins.first().copied().or(mails.first().copied()) else {
            let open =
                Open::new("no column looks like a login; name the one that people sign in with");
            self.draft.line(Line::question("userName", open.or("userName = \"…\"")));
            return;
        };
        let others: Vec<&Column> = logins
            .iter()
            .chain(&mails)
            .copied()
            .filter(|other| other.name != chosen.name)
            .collect();
        let open = match logins.first() {
            Some(login) => self.login_in_doubt(login, &logins),
            None => self.mail_in_doubt(chosen, &mails),
        };
        let key = self.looked.key().filter(|key| key.name != chosen.name && self.could_name(key));
        let open = open.map(|question| {
            let open = others.iter().fold(Open::new(question), |open, other| {
                open.or(format!("userName = {}    # {}", value(other), self.looked.facts(other)))
            });
            key.iter().fold(open, |open, key| {
                let name = toml_text(&key.name);
                open.or(format!(
                    "userName = {name}    # with key = {{ column = {name}, is = \"userName\" }}"
                ))
            })
        });
        self.map("userName", chosen, open);
        if let Some(mail) = mails.iter().find(|mail| mail.name != chosen.name).copied() {
            let question = self.mail_of_doubt(mail, &mails);
            let open = question.map(|question| self.alternatives(question, MAIL, &mails, mail));
            self.map(MAIL, mail, open);
        }
    }

    /// What could be the login, the likeliest first; mail addresses' columns left out.
    fn logins(&self) -> Vec<&'c Column> {
        let looked = &self.looked;
        let strong = looked.find(words::LOGIN, is_textual);
        let perhaps = looked.find(words::LOGIN_PERHAPS, |column| {
            let seen = looked.seen(column);
            let apart = looked.is_nearly_unique(&column.name)
                || !looked.unique_with(&column.name).is_empty()
                || seen.is_some_and(Seen::all_different);
            is_textual(column)
                && apart
                && seen.is_none_or(|seen| !seen.mostly(|v| !is_login_like(v)))
        });
        let mut scored: Vec<(usize, usize, &Column)> = Vec::new();
        for (at, column) in strong.iter().chain(&perhaps).enumerate() {
            let known = scored.iter().any(|(.., other)| other.name == column.name);
            if !known && !is_copy(column) {
                let bonus = if at < strong.len() { 4 } else { 0 };
                scored.push((self.weigh_login(column) + bonus, at, column));
            }
        }
        scored.sort_by_key(|(score, at, _)| (std::cmp::Reverse(*score), *at));
        scored.into_iter().map(|(.., column)| column).collect()
    }

    /// Whether a key holds what somebody could sign in with.
    fn could_name(&self, key: &Column) -> bool {
        let made = |value: &str| {
            key::is_uuid(value)
                || key::is_plain_uuid(value)
                || value.chars().all(|c| c.is_ascii_digit())
        };
        let seen = self.looked.seen(key);
        is_text(key) && seen.is_some_and(|it| it.mostly(is_login_like) && !it.mostly(made))
    }

    fn weigh_login(&self, column: &Column) -> usize {
        let looked = &self.looked;
        let unique = looked.is_nearly_unique(&column.name);
        let together = !looked.unique_with(&column.name).is_empty();
        let seen = looked.seen(column).filter(|seen| seen.rows() > 0);
        let mut score = if unique { 4 } else { usize::from(together) * 3 };
        if let Some(seen) = seen {
            score += usize::from(seen.all_different()) * 2
                + usize::from(seen.percent_filled() == 100)
                + usize::from(seen.mostly(is_login_like)) * 2;
            // What hardly anybody has nobody signs in with.
            if seen.percent_filled() < 50 {
                score = 0;
            }
        } else {
            score += 3;
        }
        score
    }

    /// Why the login isn't beyond doubt.
    fn login_in_doubt(&self, login: &Column, all: &[&'c Column]) -> Option<String> {
        let looked = &self.looked;
        let name = toml_text(&login.name);
        if !looked.is(login, words::LOGIN) {
            return Some(format!("is {name} what people sign in with? Its name doesn't say so"));
        }
        // A name that can't be empty and is the only one: what else is called so and is unique?
        let also = all
            .iter()
            .skip(1)
            .find(|other| looked.is(other, words::LOGIN) || looked.is_nearly_unique(&other.name));
        if let Some(other) = also {
            return Some(format!(
                "what do people sign in with, {name} or {}?",
                toml_text(&other.name)
            ));
        }
        let seen = looked.seen(login).filter(|seen| seen.rows() > 0);
        let Some(seen) = seen else {
            return Some(format!("is {name} what people sign in with? No rows were seen"));
        };
        let apart = looked.is_nearly_unique(&login.name)
            || !looked.unique_with(&login.name).is_empty()
            || seen.all_different();
        if !apart {
            return Some(format!("{name} isn't unique; is it what people sign in with?"));
        }
        if seen.percent_filled() < 100 || !seen.mostly(is_login_like) {
            return Some(format!("{name} isn't always filled like a login; is it one?"));
        }
        None
    }

    /// Why the mail address as login isn't beyond doubt: it is the only column that could be one.
    fn mail_in_doubt(&self, mail: &Column, mails: &[&'c Column]) -> Option<String> {
        let looked = &self.looked;
        let name = toml_text(&mail.name);
        let other_unique = looked.table.columns.iter().find(|column| {
            let key = looked.key().is_some_and(|key| key.name == column.name);
            !key && column.name != mail.name
                && is_textual(column)
                && !is_copy(column)
                && looked.is_nearly_unique(&column.name)
        });
        if let Some(other) = other_unique {
            return Some(format!(
                "do people sign in with the mail address {name}? {} is unique too",
                toml_text(&other.name)
            ));
        }
        let perhaps = looked.find(words::LOGIN_PERHAPS, |column| {
            is_textual(column) && !looked.is(column, words::NAME)
        });
        if mails.len() > 1 || !perhaps.is_empty() {
            return Some(format!("do people sign in with the mail address {name}?"));
        }
        if !looked.is_nearly_unique(&mail.name) {
            return Some(format!(
                "do people sign in with the mail address {name}? It isn't unique"
            ));
        }
        let seen = looked.seen(mail);
        let proved = seen.is_some_and(|seen| seen.percent_filled() == 100 && seen.mostly(is_mail));
        (!proved).then(|| format!("do people sign in with the mail address {name}?"))
    }

    /// Why a column isn't beyond doubt the mail address.
    fn mail_of_doubt(&self, mail: &Column, mails: &[&'c Column]) -> Option<String> {
        let looked = &self.looked;
        let name = toml_text(&mail.name);
        if mails.len() > 1 || !looked.is(mail, words::EMAIL) {
            return Some(format!("is {name} the address at work?"));
        }
        let seen = looked.seen(mail);
        (!seen.is_some_and(|seen| seen.mostly(is_mail)))
            .then(|| format!("does {name} hold the mail address?"))
    }

    pub(super) fn names(&mut self) {
        let given = self.free(&[words::GIVEN]);
        let family = self.free(&[words::FAMILY]);
        let (given_path, family_path) = ("name.givenName", "name.familyName");
        match (given.first().copied(), family.first().copied()) {
            (Some(first), Some(last)) => {
                self.named(given_path, first, &given);
                self.named(family_path, last, &family);
            }
            (Some(first), None) => {
                self.named(given_path, first, &given);
                let rest = [words::NAME_FAMILY, words::NAME, words::DISPLAY];
                self.one_of_a_pair(family_path, first, &rest);
            }
            (None, Some(last)) => {
                self.named(family_path, last, &family);
                let rest = [words::NAME, words::DISPLAY];
                self.one_of_a_pair(given_path, last, &rest);
            }
            (None, None) => {}
        }
        let shown = self.free(&[words::DISPLAY]);
        if let Some(column) = shown.first().copied() {
            self.named("displayName", column, &shown);
        } else if given.is_empty() && family.is_empty() {
            self.whole_name();
        }
    }

    /// A name whose column says so.
    fn named(&mut self, path: &str, column: &'c Column, all: &[&'c Column]) {
        let seen = self.looked.seen(column);
        let question = if all.len() > 1 {
            Some(format!("which column carries {path}?"))
        } else if seen.is_some_and(|seen| seen.mostly(is_words)) {
            None
        } else {
            Some(format!("does {} hold it? {}", column.name, self.looked.data(column)))
        };
        let open = question.map(|question| self.alternatives(question, path, all, column));
        self.map(path, column, open);
    }

    /// `realname` beside `firstname`, `name` beside `surname`: one name is told by the other.
    fn one_of_a_pair(&mut self, path: &str, beside: &Column, lists: &[&[&str]]) {
        let found = self.free(lists);
        let Some(column) = found.first().copied() else { return };
        let question = format!(
            "is {} {path}, as it stands beside {}? Or the whole name",
            toml_text(&column.name),
            toml_text(&beside.name)
        );
        let open = Open::new(question).or(format!("displayName = {}", value(column)));
        self.map(path, column, Some(open));
    }

    /// `name` alone is the whole name where its values are such.
    fn whole_name(&mut self) {
        let found = self.free(&[words::NAME, words::NAME_FAMILY]);
        let Some(column) = found.first().copied() else { return };
        let two_words = |value: &str| value.trim().contains(' ') && is_words(value);
        let seen = self.looked.seen(column);
        let whole = seen.and_then(|seen| seen.percent(two_words)).is_some_and(|it| it >= 60);
        let open = (!whole).then(|| {
            Open::new(format!("is {} the whole name?", toml_text(&column.name)))
                .or(format!("\"name.familyName\" = {}", value(column)))
        });
        self.map("displayName", column, open);
    }

    pub(super) fn title(&mut self) {
        let plain = self.free(&[words::JOB]);
        if let Some(column) = plain.first().copied() {
            return self.proved("title", column, &plain, is_words);
        }
        let perhaps = self.free(&[words::JOB_PERHAPS]);
        let Some(column) = perhaps.first().copied() else { return };
        let salutation = |value: &str| {
            words::SALUTATIONS.contains(&names::plain(value).as_str())
                || value
                    .split_whitespace()
                    .all(|it| words::SALUTATIONS.contains(&names::plain(it).as_str()))
        };
        let seen = self.looked.seen(column);
        if seen.is_some_and(|seen| seen.mostly(salutation)) {
            return self.map("name.honorificPrefix", column, None);
        }
        let job = seen.is_some_and(|seen| {
            seen.mostly(is_words) && seen.percent(salutation).is_none_or(|share| share == 0)
        });
        let name = toml_text(&column.name);
        // Of a forum's users it is a rank or a motto.
        let person = self.mapped.iter().any(|(path, _)| path == "name.givenName");
        let open = (!job || !person || perhaps.len() > 1).then(|| {
            let question = format!("is {name} the job title? {}", self.looked.data(column));
            let open = self.alternatives(question, "title", &perhaps, column);
            open.or(format!("\"name.honorificPrefix\" = {}    # Mr, Dr, …", value(column)))
        });
        self.map("title", column, open);
    }

    pub(super) fn reached(&mut self) {
        for (path, list) in [
            ("phoneNumbers[type eq \"work\"].value", words::PHONE),
            ("phoneNumbers[type eq \"mobile\"].value", words::MOBILE),
        ] {
            let found = self.free(&[list]);
            if let Some(column) = found.first().copied() {
                self.proved(path, column, &found, is_phone);
            }
        }
        let path = format!("{ENTERPRISE}:employeeNumber");
        let found = self.free(&[words::EMPLOYEE_NUMBER]);
        if let Some(column) = found.first().copied() {
            self.proved(&path, column, &found, |value| {
                !value.contains(' ') && value.chars().any(|c| c.is_ascii_digit())
            });
        }
    }

    /// A column whose name is plain, where its values are such too.
    pub(super) fn proved(
        &mut self,
        path: &str,
        column: &'c Column,
        all: &[&'c Column],
        holds: impl Fn(&str) -> bool,
    ) {
        let seen = self.looked.seen(column);
        let sure = all.len() == 1 && seen.is_some_and(|seen| seen.mostly(holds));
        let open = (!sure).then(|| {
            let what = path.rsplit(':').next().unwrap_or(path);
            let question =
                format!("is {} {what}? {}", toml_text(&column.name), self.looked.data(column));
            self.alternatives(question, path, all, column)
        });
        self.map(path, column, open);
    }

    /// The columns not used yet whose names are of these lists, in the lists' order.
    pub(super) fn free(&self, lists: &[&[&str]]) -> Vec<&'c Column> {
        let usable = |column: &Column| {
            is_textual(column)
                && column.enum_values.is_empty()
                && !column.computed
                && !self.filled.contains(&column.name)
                && !is_copy(column)
        };
        let mut found: Vec<&Column> = Vec::new();
        for list in lists {
            for column in self.looked.find(list, usable) {
                if !found.iter().any(|known| known.name == column.name) {
                    found.push(column);
                }
            }
        }
        found
    }

    /// A question with the other columns to uncomment.
    fn alternatives(
        &self,
        question: String,
        path: &str,
        all: &[&'c Column],
        chosen: &Column,
    ) -> Open {
        let others = all.iter().filter(|other| other.name != chosen.name);
        others.fold(Open::new(question), |open, other| {
            let facts = self.looked.facts(other);
            open.or(format!("{} = {}    # {facts}", toml_key(path), value(other)))
        })
    }

    /// Maps an attribute to a column as it is.
    pub(super) fn map(&mut self, path: &str, column: &'c Column, open: Option<Open>) {
        let facts = self.looked.facts(column);
        self.marked.extend(open.iter().map(|_| column.name.clone()));
        self.mapped.push((path.to_owned(), column));
        self.filled.insert(column.name.clone());
        self.draft.line(Line::new(path, value(column), facts).maybe(open));
    }
}
