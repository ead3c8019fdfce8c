//! What every act has: what it is asked with, what it shows, and what it says in the end.

use std::future::Future;

use askama::Template;
use serde_json::{Map, Value};

use super::super::{Frame, Request, render, shown};
use crate::admin::form::Form;
use crate::console::PATIENCE;
use crate::console::act::Actor;
use crate::http::error::chain;
use crate::http::response::Response;
use crate::report::words::value;
use crate::service::Error;

/// What a form asks for, as its field `do` names it.
pub(super) const RESTORE: &str = "restore";
pub(super) const ADOPT: &str = "adopt";
pub(super) const IGNORE: &str = "ignore";
pub(super) const IGNORE_KIND: &str = "ignore-kind";
pub(super) const HOLD: &str = "hold";
pub(super) const RELEASE: &str = "release";
pub(super) const APPLY: &str = "apply";
pub(super) const UNDO: &str = "undo";
pub(super) const ALLOW: &str = "allow";
pub(super) const CREATE: &str = "token-create";
pub(super) const ROTATE: &str = "token-rotate";
pub(super) const REVOKE: &str = "token-revoke";

/// What is shown before anything is written.
pub(super) struct Ask {
    /// What the button says.
    pub(super) verb: &'static str,
    pub(super) sentence: String,
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
    /// The form to be sent back, without its key.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What is agreed to.
    pub(super) seal: String,
    /// Whether something else was shown before.
    pub(super) changed: bool,
    /// Where to go without agreeing.
    pub(super) back: String,
}

/// Something as it is, and as it will be.
pub(super) struct Change {
    pub(super) what: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// What came of it.
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) sentence: String,
    pub(super) lines: Vec<String>,
    /// Shown once, and nowhere else.
    pub(super) secret: Option<String>,
    pub(super) back: String,
}

/// One of the two.
pub(super) enum Step {
    Ask(Ask),
    Said(Said),
}

/// What an act needs besides its form.
pub(super) struct Occasion<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) form: &'a Form,
    pub(super) actor: Actor,
    /// What was agreed to; `None`: it is to be shown.
    pub(super) seal: Option<&'a str>,
}

/// What an act comes to.
pub(super) type Answer = Result<Step, Response>;

/// The page of a step.
pub(super) fn page(request: &Request<'_>, step: Answer) -> Response {
    match step {
        Ok(Step::Ask(ask)) => {
            let frame = request.frame("", ask.verb);
            render(200, &AskPage { frame, ask })
        }
        Ok(Step::Said(said)) => {
            let frame = request.frame("", said.word);
            render(said.status, &SaidPage { frame, said })
        }
        Err(response) => response,
    }
}

#[derive(Template)]
#[template(path = "console/ask.html")]
struct AskPage {
    frame: Frame,
    ask: Ask,
}

#[derive(Template)]
#[template(path = "console/said.html")]
struct SaidPage {
    frame: Frame,
    said: Said,
}

impl Occasion<'_> {
    /// What is done comes to its end: a failure is told as it is, and who waits too long is told where
    /// to look.
    pub(super) async fn done<T>(
        &self,
        back: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Response> {
        let said = match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error @ Error::Unavailable { .. })) => {
                tracing::warn!(causes = %chain(&error), "an act failed");
                return Err(self.request.unavailable());
            }
            Ok(Err(error)) => {
                tracing::warn!(causes = %chain(&error), "an act failed");
                Said::refused(back, shown(&error.for_operator()))
            }
            Err(_) => Said {
                status: 202,
                class: "drift",
                word: "UNDER WAY",
                sentence:
                    "It takes longer than a page waits, and goes on. The audit trail shows what \
                           was done."
                        .to_owned(),
                lines: Vec::new(),
                secret: None,
                back: back.to_owned(),
            },
        };
        let frame = self.request.frame("", said.word);
        Err(render(said.status, &SaidPage { frame, said }))
    }
}

impl Said {
    pub(super) fn done(back: &str, word: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            status: 200,
            class: "clean",
            word,
            sentence: sentence.into(),
            lines: Vec::new(),
            secret: None,
            back: back.to_owned(),
        }
    }

    /// It is so already: a second click comes here.
    pub(super) fn nothing(back: &str, sentence: impl Into<String>) -> Self {
        Self { class: "plain", ..Self::done(back, "NOTHING TO DO", sentence) }
    }

    pub(super) fn refused(back: &str, sentence: impl Into<String>) -> Self {
        Self { status: 409, class: "drift", ..Self::done(back, "REFUSED", sentence) }
    }
}

/// What an audit row would have of it.
pub(super) fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let said = |side: Option<&Value>| side.map_or_else(String::new, |it| shown(&value(it)));
    let change = |name: &String| Change {
        what: shown(name),
        before: said(before.get(name)),
        after: said(after.get(name)),
    };
    names.into_iter().map(change).collect()
}
