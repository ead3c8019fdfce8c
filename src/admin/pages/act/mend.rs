//! Findings: restored, adopted, ignored.

use super::super::{link, shown};
use super::step::{
    ADOPT, Answer, Ask, Change, IGNORE, IGNORE_KIND, Occasion, RESTORE, Said, Step, changes,
};
use crate::console::act::{Action, Came, Mended, Written};
use crate::drift::Kind;
use crate::report::words::plural;
use crate::scim::ResourceType;

fn finding_link(id: &str) -> String {
    link("finding", &[("id", id)])
}

/// Writes the baseline, or takes it over.
pub(super) async fn mend(it: &Occasion<'_>, action: Action) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let id = it.form.text("id");
    let back = finding_link(id);
    let Some(seal) = it.seal else {
        return look(it, action, id, false).await;
    };
    let came = it.done(&back, console.mend(action, (id, seal), &it.actor, now)).await?;
    Ok(match came {
        Came::Done(Mended::Done(written)) => {
            let word = match action {
                Action::Restore => "RESTORED",
                Action::Adopt => "ADOPTED",
            };
            Step::Said(Said::done("drift", word, format!("{}.", shown(&written.what))))
        }
        Came::Done(Mended::NoLonger(why)) => {
            Step::Said(Said::nothing("drift", format!("{}.", shown(&why))))
        }
        Came::Done(Mended::Refused(why)) => {
            Step::Said(Said::refused(&back, format!("{}.", shown(&why))))
        }
        Came::Already(why) => Step::Said(Said::nothing(&back, shown(&why))),
        Came::Changed => return look(it, action, id, true).await,
    })
}

/// What it would come to now, to be agreed to.
async fn look(it: &Occasion<'_>, action: Action, id: &str, changed: bool) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let back = finding_link(id);
    let whose = it.request.read(console.finding(id)).await?.map(|found| {
        let finding = found.item.finding;
        let resource = finding.resource.map_or("", ResourceType::as_str);
        let id = finding.scim_id.unwrap_or_default();
        let name = finding.name.unwrap_or_default();
        shown(&format!("{name} ({resource} {id})"))
    });
    Ok(match it.done(&back, console.look(action, id, now)).await? {
        Mended::Done(written) => {
            Step::Ask(ask(action, id, &whose.unwrap_or_default(), &written, changed))
        }
        Mended::NoLonger(why) => Step::Said(Said::nothing("drift", format!("{}.", shown(&why)))),
        Mended::Refused(why) => Step::Said(Said::refused(&back, format!("{}.", shown(&why)))),
    })
}

fn ask(action: Action, id: &str, whose: &str, written: &Written, changed: bool) -> Ask {
    let (verb, named, note) = match action {
        Action::Restore => (
            "Restore",
            RESTORE,
            "This is written into kpifire's tables: they will say what Entra wrote.",
        ),
        Action::Adopt => (
            "Adopt",
            ADOPT,
            "Nothing is written into kpifire's tables: what they say is taken to be what Entra wrote, \
             until Entra next changes it.",
        ),
    };
    Ask {
        verb,
        sentence: format!("{whose}: {}", shown(&written.what)),
        changes: changes(&written.before, &written.after),
        notes: vec![note.to_owned()],
        fields: vec![("do", named.to_owned()), ("id", id.to_owned())],
        seal: written.seal(),
        changed,
        back: finding_link(id),
    }
}

/// Takes a finding off the list.
pub(super) async fn ignore(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let (id, reason) = (it.form.text("id"), it.form.given("reason"));
    let back = finding_link(id);
    if it.seal.is_none() {
        let Some(found) = it.request.read(console.finding(id)).await? else {
            return Ok(Step::Said(Said::refused("drift", "There is no finding of this id.")));
        };
        let before = match &found.ignored {
            None => "listed".to_owned(),
            Some((_, why)) => ignored(why.as_deref()),
        };
        return Ok(Step::Ask(Ask {
            verb: "Ignore",
            sentence: "The finding is counted and no longer listed, until it ends by itself."
                .to_owned(),
            changes: vec![Change {
                what: format!("{} {}", found.item.finding.kind.as_str(), shown(&found.item.id)),
                before,
                after: ignored(reason),
            }],
            notes: vec!["Nothing is written into kpifire's tables.".to_owned()],
            fields: vec![
                ("do", IGNORE.to_owned()),
                ("id", id.to_owned()),
                ("reason", reason.unwrap_or_default().to_owned()),
            ],
            seal: "yes".to_owned(),
            changed: false,
            back,
        }));
    }
    let reason = reason.map(str::to_owned);
    let mended = it.done(&back, console.ignore(id, reason, &it.actor, now)).await?;
    Ok(Step::Said(match mended {
        Mended::Done(written) => {
            Said::done("drift", "IGNORED", format!("{}.", shown(&written.what)))
        }
        Mended::NoLonger(why) => Said::nothing("drift", format!("{}.", shown(&why))),
        Mended::Refused(why) => Said::refused("drift", format!("{}.", shown(&why))),
    }))
}

fn ignored(reason: Option<&str>) -> String {
    reason.map_or_else(|| "ignored".to_owned(), |why| format!("ignored: {}", shown(why)))
}

/// Takes all of a kind off the list.
pub(super) async fn ignore_kind(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let Ok(kind) = it.form.text("kind").parse::<Kind>() else {
        return Err(it.request.refused("There is no such kind of finding."));
    };
    let reason = it.form.given("reason");
    let back = link("drift", &[("kind", kind.as_str())]);
    let mut changed = false;
    if let Some(seal) = it.seal {
        let seen = seal.parse().unwrap_or_default();
        let why = reason.map(str::to_owned);
        let came = console.ignore_kind((kind, seen), why, it.actor.clone(), now);
        match it.done(&back, came).await? {
            Came::Done(ignored) => {
                let said =
                    format!("{} ignored until they end by themselves.", plural(ignored, "finding"));
                return Ok(Step::Said(Said::done("drift", "IGNORED", said)));
            }
            Came::Already(why) => return Ok(Step::Said(Said::nothing("drift", format!("{why}.")))),
            Came::Changed => changed = true,
        }
    }
    let open = it.request.read(console.open_of(kind)).await?;
    if open == 0 {
        return Ok(Step::Said(Said::nothing("drift", "No finding of the kind is left to ignore.")));
    }
    Ok(Step::Ask(Ask {
        verb: "Ignore all of them",
        sentence: format!(
            "{} of the kind {} are counted and no longer listed, until each ends by itself. Those that \
             come later are listed.",
            plural(open, "finding"),
            kind.as_str()
        ),
        changes: vec![Change {
            what: kind.as_str().to_owned(),
            before: format!("{} listed", plural(open, "finding")),
            after: ignored(reason),
        }],
        notes: vec!["Nothing is written into kpifire's tables.".to_owned()],
        fields: vec![
            ("do", IGNORE_KIND.to_owned()),
            ("kind", kind.as_str().to_owned()),
            ("reason", reason.unwrap_or_default().to_owned()),
        ],
        seal: open.to_string(),
        changed,
        back,
    }))
}
