//! Cleanup: holds, the plan that is shown, a run taken back.

use super::super::{person_link, shown};
use super::step::{APPLY, Answer, Ask, Change, HOLD, Occasion, RELEASE, Said, Step, UNDO};
use crate::console::act::{Applied, Came, Kept, LOOKED_AT, Outcome, Undone, Why};
use crate::drift::plan::{Plan, Readiness, Step as Planned, counted};
use crate::report::words::{number, plural, value};

/// Steps that are shown before they are agreed to.
const SHOWN: usize = 200;

/// Leaves an account alone.
pub(super) async fn hold(it: &Occasion<'_>) -> Answer {
    let Some(reason) = it.form.given("reason") else {
        return Err(it.request.refused("A hold has a reason, for those who come after."));
    };
    put(it, Some(reason)).await
}

/// Lets cleanup have it again.
pub(super) async fn release(it: &Occasion<'_>) -> Answer {
    put(it, None).await
}

async fn put(it: &Occasion<'_>, reason: Option<&str>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let id = it.form.text("id");
    let back = person_link(id);
    let mut changed = false;
    if let Some(seal) = it.seal {
        let Ok(seen) = serde_json::from_str::<Why>(seal) else {
            return Err(it.request.refused("The form's seal is not one."));
        };
        let came = match reason {
            Some(reason) => it.done(&back, console.hold(id, reason, &seen, &it.actor, now)).await?,
            None => it.done(&back, console.release(id, &seen, &it.actor, now)).await?,
        };
        let (word, said) = match reason {
            Some(_) => ("HELD", "Cleanup leaves the account alone until it is released."),
            None => ("RELEASED", "Cleanup has the account again."),
        };
        match came {
            Came::Done(()) => return Ok(Step::Said(Said::done(&back, word, said))),
            Came::Already(why) => {
                return Ok(Step::Said(Said::nothing(&back, format!("The account {why}."))));
            }
            Came::Changed => changed = true,
        }
    }
    if it.request.read(console.meant(id)).await?.as_slice() != [id] {
        return Ok(Step::Said(Said::refused("person", "kpifire has no user of this id.")));
    }
    let held = it.request.read(console.held(id)).await?;
    let (verb, named, sentence) = match reason {
        Some(_) => ("Hold", HOLD, "Cleanup leaves the account alone until it is released."),
        None if held.is_none() => {
            return Ok(Step::Said(Said::nothing(&back, "The account was not on hold.")));
        }
        None => ("Release", RELEASE, "Cleanup has the account again: what is due for it is done."),
    };
    let side = |why: Option<&str>| {
        why.map_or_else(|| "no hold".to_owned(), |why| format!("held: {}", shown(why)))
    };
    Ok(Step::Ask(Ask {
        verb,
        sentence: sentence.to_owned(),
        changes: vec![Change {
            what: format!("User {}", shown(id)),
            before: side(held.as_deref()),
            after: side(reason),
        }],
        notes: Vec::new(),
        fields: vec![
            ("do", named.to_owned()),
            ("id", id.to_owned()),
            ("reason", reason.unwrap_or_default().to_owned()),
        ],
        seal: serde_json::to_string(&held).unwrap_or_default(),
        changed,
        back,
    }))
}

/// Does what the plan says that is shown.
pub(super) async fn apply(it: &Occasion<'_>) -> Answer {
    let console = &it.request.admin.console;
    let mut changed = false;
    if let Some(seal) = it.seal {
        match it.done("cleanup", console.apply(seal.to_owned(), it.actor.clone())).await? {
            Outcome::Applied(applied) => return Ok(Step::Said(came(&applied))),
            Outcome::Empty => return Ok(Step::Said(Said::nothing("cleanup", "Nothing is due."))),
            Outcome::Blocked(plan) => return Ok(Step::Said(blocked(&plan))),
            Outcome::Held { by, .. } => {
                let said = format!("Cleanup is under way already, by {}.", shown(&by));
                return Ok(Step::Said(Said::nothing("cleanup", said)));
            }
            Outcome::Differs(_) => changed = true,
        }
    }
    let (plan, _) = it.request.read(console.cleanup(it.request.now)).await?;
    match plan.verdict {
        Readiness::Empty => return Ok(Step::Said(Said::nothing("cleanup", "Nothing is due."))),
        Readiness::Blocked => return Ok(Step::Said(blocked(&plan))),
        Readiness::Ready => {}
    }
    // The page may have shown an earlier one.
    changed |= it.form.text("plan") != plan.hash;
    let step = |step: &Planned| Change {
        what: format!(
            "{} {} (User {})",
            step.stage.as_str(),
            shown(step.name.as_deref().unwrap_or_default()),
            shown(&step.scim_id)
        ),
        before: String::new(),
        after: shown(&step.detail),
    };
    let more = plan.steps.len().saturating_sub(SHOWN) as u64;
    let mut notes = vec![
        "Each account is asked about again, under lock, before its row is touched. What \
                          is not a deletion can be undone."
            .to_owned(),
    ];
    if more > 0 {
        notes.push(format!("and {} more, which `kpifire-scim cleanup plan` lists.", number(more)));
    }
    Ok(Step::Ask(Ask {
        verb: "Apply",
        sentence: format!(
            "Plan {}: {}.",
            shown(&plan.hash),
            plural(plan.steps.len() as u64, "step")
        ),
        changes: plan.steps.iter().take(SHOWN).map(step).collect(),
        notes,
        fields: vec![("do", APPLY.to_owned()), ("plan", plan.hash.clone())],
        seal: plan.hash.clone(),
        changed,
        back: "cleanup".to_owned(),
    }))
}

fn blocked(plan: &Plan) -> Said {
    let mut said = Said::refused("cleanup", "The plan may not be applied: nothing was written.");
    (said.class, said.word) = ("blocked", "BLOCKED");
    said.lines = plan.reasons.iter().map(|reason| shown(reason)).collect();
    said
}

fn came(applied: &Applied) -> Said {
    let done = counted(&applied.done);
    let done = if done.is_empty() { "nothing" } else { &done };
    let said = format!("Done: {done}. The run is {}.", shown(&applied.run));
    let mut said = Said::done("cleanup", "APPLIED", said);
    if let Some(why) = &applied.stopped {
        (said.class, said.word) = ("incomplete", "STOPPED");
        said.lines.push(format!("Stopped before the end: {}.", shown(why)));
    }
    said.lines.extend(applied.deferred.iter().map(|it| {
        let name = it.name.as_deref().unwrap_or("-");
        shown(&format!("deferred: {} {} {name}: {}", it.stage.as_str(), it.scim_id, it.reason))
    }));
    said
}

/// Takes a run back.
pub(super) async fn undo(it: &Occasion<'_>) -> Answer {
    let (console, now) = (&it.request.admin.console, it.request.now);
    let run = it.form.text("run");
    if it.seal.is_some() {
        let undone = console.undo(run.to_owned(), it.actor.clone(), now);
        return Ok(Step::Said(taken_back(&it.done("cleanup", undone).await?)));
    }
    let steps = it.request.read(console.steps_of(run)).await?;
    if steps.is_empty() {
        return Ok(Step::Said(Said::refused("cleanup", "Cleanup has no such run.")));
    }
    let left: Vec<&Kept> = steps.iter().filter(|step| !step.undone).collect();
    if left.is_empty() {
        return Ok(Step::Said(Said::nothing("cleanup", "The run was undone before.")));
    }
    let changes = left.iter().flat_map(|step| back(step)).take(SHOWN).collect();
    let mut notes = vec!["What has changed since stays as it is, row by row. Every account that is taken \
                          back is put on hold, or the next run would do it again. A deleted row can't be \
                          brought back."
        .to_owned()];
    if steps.len() as u64 >= LOOKED_AT.unsigned_abs() {
        notes.push("There are more steps than are shown; all are undone.".to_owned());
    }
    Ok(Step::Ask(Ask {
        verb: "Undo",
        sentence: format!("Run {}: {} taken back.", shown(run), plural(left.len() as u64, "step")),
        changes,
        notes,
        fields: vec![("do", UNDO.to_owned()), ("run", run.to_owned())],
        seal: "yes".to_owned(),
        changed: false,
        back: "cleanup".to_owned(),
    }))
}

fn back(step: &Kept) -> Vec<Change> {
    let whose = format!("{} of User {}", shown(&step.step), shown(&step.id));
    if step.back.is_empty() {
        return vec![Change { what: whose, before: String::new(), after: String::new() }];
    }
    let change = |(what, now, then): &(String, _, _)| Change {
        what: format!("{whose}: {}", shown(what)),
        before: shown(&value(now)),
        after: shown(&value(then)),
    };
    step.back.iter().map(change).collect()
}

fn taken_back(steps: &[Undone]) -> Said {
    let undone = steps.iter().filter(|step| step.refused.is_none()).count() as u64;
    let line = |step: &Undone| {
        let outcome = match &step.refused {
            None if step.left.is_empty() => "undone; the account is on hold".to_owned(),
            None => format!("undone, and the account is on hold, but {}", step.left.join("; ")),
            Some(why) => format!("left as it is: {why}"),
        };
        shown(&format!("{} of User {}: {outcome}", step.step, step.id))
    };
    let said = format!("{} of {} taken back.", number(undone), plural(steps.len() as u64, "step"));
    let mut said = if undone == 0 {
        Said::nothing("cleanup", said)
    } else {
        Said::done("cleanup", "UNDONE", said)
    };
    said.lines = steps.iter().map(line).collect();
    said
}
