//! What lets clients in: the guard, and tokens.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::super::shown;
use super::step::{ALLOW, Answer, Ask, CREATE, Change, Occasion, REVOKE, ROTATE, Said, Step};
use crate::console::act::Came;
use crate::service::Scope;

/// For so long at most the guard is told to let everything through.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// Lets clients disable more users than the limits say.
pub(super) async fn allow(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let until = match it.seal {
        Some(seal) => seal.parse().ok(),
        None => length(it.form.text("for")).and_then(|length| now.checked_add_signed(length)),
    };
    let until = until.filter(|until: &DateTime<Utc>| *until > now && *until <= now + LONGEST);
    let Some(until) = until else {
        return Err(it.request.refused("The time is over, or longer than a day."));
    };
    if it.seal.is_some() {
        return Ok(Step::Said(match it.done("./", console.allow(until, &it.actor, now)).await? {
            Came::Done(()) | Came::Changed => Said::done(
                "./",
                "ALLOWED",
                format!(
                    "Clients may disable users without a limit until {}.",
                    it.request.when(until)
                ),
            ),
            Came::Already(why) => Said::nothing("./", format!("Already so: {why}.")),
        }));
    }
    let Some(figures) = console.figures(now).await else { return Err(it.request.unavailable()) };
    let before = figures.guard.allowed_until.filter(|at| *at > now);
    Ok(Step::Ask(Ask {
        verb: "Let them through",
        sentence: "Clients may disable and delete users without a limit for a time. Is the scope in Entra \
                   right, and are they meant to go?"
            .to_owned(),
        changes: vec![Change {
            what: "without a limit until".to_owned(),
            before: before.map_or_else(|| "the limits count".to_owned(), |at| it.request.when(at)),
            after: it.request.when(until),
        }],
        notes: vec!["After that the limits count again.".to_owned()],
        fields: vec![("do", ALLOW.to_owned())],
        seal: until.to_rfc3339_opts(SecondsFormat::Secs, true),
        changed: false,
        back: "./".to_owned(),
    }))
}

fn length(text: &str) -> Option<TimeDelta> {
    humantime::parse_duration(text).ok().and_then(|it: Duration| TimeDelta::from_std(it).ok())
}

/// Makes a token.
pub(super) async fn create(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let (name, lasts) = (it.form.text("name"), it.form.given("expires"));
    let Ok(scope) = it.form.text("scope").parse::<Scope>() else {
        return Err(it.request.refused("There is no such scope."));
    };
    let expires = match lasts {
        None => None,
        Some(text) => match length(text).and_then(|length| now.checked_add_signed(length)) {
            Some(at) => Some(at),
            None => return Err(it.request.refused("The duration is none such as 365d.")),
        },
    };
    if name.is_empty() {
        return Err(it.request.refused("A token has a name, for the log and the audit trail."));
    }
    if it.seal.is_some() {
        let made = console.make_token(name, scope, expires, &it.actor, now);
        let secret = it.done("tokens", made).await?.text;
        let said = format!("The token {} of the scope {}.", shown(name), scope.as_str());
        return Ok(Step::Said(Said { secret: Some(secret), ..Said::done("tokens", "MADE", said) }));
    }
    let there = it.request.read(console.tokens()).await?;
    if there.iter().any(|token| token.name == name) {
        let said =
            format!("There is a token {} already: rotate it, or choose another name.", shown(name));
        return Ok(Step::Said(Said::refused("tokens", said)));
    }
    let change =
        |what: &str, after: String| Change { what: what.to_owned(), before: String::new(), after };
    let end = expires.map_or_else(|| "never".to_owned(), |at| it.request.when(at));
    Ok(Step::Ask(Ask {
        verb: "Make the token",
        sentence: format!("A token {}: {}.", shown(name), meaning(scope)),
        changes: vec![
            change("name", shown(name)),
            change("scope", scope.as_str().to_owned()),
            change("expires", end),
        ],
        notes: vec!["Its text is shown once, on the next page, and is not kept.".to_owned()],
        fields: vec![
            ("do", CREATE.to_owned()),
            ("name", name.to_owned()),
            ("scope", scope.as_str().to_owned()),
            ("expires", lasts.unwrap_or_default().to_owned()),
        ],
        seal: "yes".to_owned(),
        changed: false,
        back: "new-token".to_owned(),
    }))
}

/// What a scope is good for.
pub(in super::super) fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::Provision => "whoever has it reads and changes users and groups, as Entra does",
        Scope::Read => "whoever has it reads users and groups, and changes nothing",
        Scope::Admin => "whoever has it reads this console and the metrics",
        Scope::Operator => "whoever has it reads this console, and mends from it as you do",
    }
}

/// Gives a token another text.
pub(super) async fn rotate(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let name = it.form.text("name");
    let mut changed = false;
    if let Some(seal) = it.seal {
        match it.done("tokens", console.rotate((name, seal), &it.actor, now)).await? {
            Came::Done(secret) => {
                let said = format!("The token {} has another text; the old one ends.", shown(name));
                let said = Said::done("tokens", "ROTATED", said);
                return Ok(Step::Said(Said { secret: Some(secret.text), ..said }));
            }
            Came::Already(why) => return Ok(Step::Said(Said::nothing("tokens", why))),
            Came::Changed => changed = true,
        }
    }
    let (token, version) = it.done("tokens", console.token(name)).await?;
    let mut notes = vec![
        "The old text ends within five seconds: whoever uses it is refused until they have the new one."
            .to_owned(),
        "The new text is shown once, on the next page, and is not kept.".to_owned(),
    ];
    if token.revoked.is_some() {
        notes.push("It is revoked, and works again with the new text.".to_owned());
    }
    if it.request.visitor.name() == Some(name) {
        notes.push(
            "It is the token that you are signed in with: sign in again with the new one."
                .to_owned(),
        );
    }
    Ok(Step::Ask(Ask {
        verb: "Rotate",
        sentence: format!("The token {} of the scope {}.", shown(name), token.scope.as_str()),
        changes: vec![Change {
            what: "text".to_owned(),
            before: "the present one".to_owned(),
            after: "a new one".to_owned(),
        }],
        notes,
        fields: vec![("do", ROTATE.to_owned()), ("name", name.to_owned())],
        seal: version,
        changed,
        back: "tokens".to_owned(),
    }))
}

/// Ends a token.
pub(super) async fn revoke(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let name = it.form.text("name");
    if it.seal.is_some() {
        return Ok(Step::Said(
            match it.done("tokens", console.revoke(name, &it.actor, now)).await? {
                Came::Done(()) | Came::Changed => Said::done(
                    "tokens",
                    "REVOKED",
                    format!("The token {} ends within five seconds.", shown(name)),
                ),
                Came::Already(_) => Said::nothing("tokens", "The token is revoked already."),
            },
        ));
    }
    let (token, _) = it.done("tokens", console.token(name)).await?;
    if token.revoked.is_some() {
        return Ok(Step::Said(Said::nothing("tokens", "The token is revoked already.")));
    }
    Ok(Step::Ask(Ask {
        verb: "Revoke",
        sentence: format!(
            "The token {} of the scope {}: whoever uses it is refused.",
            shown(name),
            token.scope.as_str()
        ),
        changes: vec![Change {
            what: "state".to_owned(),
            before: "good".to_owned(),
            after: "revoked".to_owned(),
        }],
        notes: vec!["Rotating it makes it work again, with another text.".to_owned()],
        fields: vec![("do", REVOKE.to_owned()), ("name", name.to_owned())],
        seal: "yes".to_owned(),
        changed: false,
        back: "tokens".to_owned(),
    }))
}
