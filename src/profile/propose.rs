//! Proposes a profile from a live database, for `profile init`: by what the catalogue says and by what
//! a bounded look at the rows tells.
//!
//! What name and values don't both speak for is marked: above such a line stands one that begins with
//! `# DECIDE:`, below it are the other answers, to be uncommented. Beside each line stands what speaks
//! for it. What the parser or the proof refuses is never proposed. Pure: what is to be looked at is said
//! ([`first_looks`], [`further_looks`]), and looked at by the store.

mod active;
mod draft;
mod find;
mod groupless;
mod key;
mod looks;
mod names;
mod people;
mod refused;
mod rest;
mod scope;
mod stamps;
mod subject;
mod teams;
mod users;
mod view;
// Lists of words, not one to a line.
#[rustfmt::skip]
mod words;

use super::catalogue::Catalogue;
use super::evidence::Evidence;

use draft::{Draft, Line, Open};
use view::View;

pub use looks::{first_looks, further_looks};

/// The proposal, as TOML with comments.
pub fn propose(catalogue: &Catalogue, evidence: &Evidence) -> String {
    let home = view::at_home(catalogue);
    let prefix = names::table_prefix(&home);
    let view = View { catalogue: &home, evidence, prefix: prefix.as_deref() };
    let mut draft = Draft::default();
    match find::users(view) {
        Some(found) => {
            let homeless = groupless::homeless(view, &found.looked);
            let found_teams = teams::find(view, &found.looked)
                .filter(|teams| teams.is_named() || homeless.is_none());
            let written = users::write(&mut draft, &found, found_teams.as_ref());
            match &found_teams {
                Some(teams) => teams::write(&mut draft, &found.looked, teams),
                None => groupless::none(&mut draft, Some(&found.looked), homeless.as_ref()),
            }
            rest::write(&mut draft, &found.looked, found_teams.as_ref(), &written);
        }
        None => no_users(&mut draft),
    }
    refused::take_back(&mut draft, catalogue);
    let left = match draft.questions() {
        0 => "Nothing was left open.".to_owned(),
        1 => "One line begins with `# DECIDE:`; answer it, and remove it.".to_owned(),
        count => format!("{count} lines begin with `# DECIDE:`; answer and remove them."),
    };
    format!(
        "# A profile proposed from the database's catalogue and a look at its rows. {}\n# {left}\n\
         # Behind a line stands what speaks for it, below a decision what else it could be.\n{}",
        "Prove it with `kpifire-scim check`.",
        draft.text()
    )
}

fn no_users(draft: &mut Draft) {
    draft.section("users");
    let open = Open::new(
        "no table of this database looks like users (a key, a login or e-mail column); name it, or the right database in `database.url`",
    );
    draft.line(Line::question("table", open.or("table = \"…\"").or("key = \"…\"")));
    groupless::none(draft, None, None);
}
