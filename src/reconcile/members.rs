//! Memberships that differ, as findings. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::drift::finding::{Finding, Kind, member_field};
use crate::scim::ResourceType;
use crate::store::snapshot::{Edge, Label};

/// Memberships in which kpifire differs from what Entra asserted.
#[derive(Debug, Default)]
pub struct Differing {
    /// kpifire's, not asserted, in managed teams.
    pub extra: Vec<Edge>,
    /// Asserted, not kpifire's.
    pub lacking: Vec<Edge>,
    /// kpifire's, of a user that doesn't exist.
    pub userless: Vec<Edge>,
    /// kpifire's, of a team that doesn't exist.
    pub teamless: Vec<Edge>,
}

/// Who the memberships are of.
#[derive(Debug, Default)]
pub struct Labels {
    /// Teams by id.
    pub teams: BTreeMap<String, Label>,
    /// Users by id.
    pub users: BTreeMap<String, Label>,
}

/// Links whose rows are gone: their memberships are part of that finding.
#[derive(Debug, Default)]
pub struct Gone {
    /// Teams.
    pub teams: BTreeSet<String>,
    /// Users.
    pub users: BTreeSet<String>,
}

/// How a membership differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is of a user that doesn't exist.
    Userless,
    /// It is of a team that doesn't exist.
    Teamless,
    /// kpifire has it, and Entra didn't assert it.
    Extra,
    /// Entra asserted it, and kpifire lacks it.
    Lacking,
}

/// Which memberships there is something to tell of, each once: an edge to nothing is no other kind's.
pub fn told<'a>(differing: &'a Differing, gone: &Gone) -> Vec<(How, &'a Edge)> {
    let explained = |(team, user): &&Edge| gone.teams.contains(team) || gone.users.contains(user);
    let userless: BTreeSet<&Edge> = differing.userless.iter().collect();
    let teamless: BTreeSet<&Edge> = differing.teamless.iter().collect();
    let broken: BTreeSet<&Edge> = userless.union(&teamless).copied().collect();
    let extra: BTreeSet<&Edge> = differing.extra.iter().collect();
    let lacking: BTreeSet<&Edge> = differing.lacking.iter().collect();
    let orphans = broken.iter().map(|edge| {
        let how = if userless.contains(edge) { How::Userless } else { How::Teamless };
        (how, *edge)
    });
    let extra = extra.difference(&broken).map(|edge| (How::Extra, *edge));
    let lacking = lacking.into_iter().map(|edge| (How::Lacking, edge));
    orphans.chain(extra).chain(lacking).filter(|(_, edge)| !explained(edge)).collect()
}

/// What is told of a membership.
pub fn finding(how: How, edge: &Edge, labels: &Labels) -> Finding {
    let (team, user) = edge;
    let called = || user_name(labels, user);
    let why = match how {
        How::Userless => "the user of this membership does not exist in kpifire".to_owned(),
        How::Teamless => "the team of this membership does not exist in kpifire".to_owned(),
        How::Extra => format!("added in kpifire: Entra has not put {} into this team", called()),
        How::Lacking if labels.users.contains_key(user) => {
            format!("removed in kpifire: Entra has put {} into this team", called())
        }
        How::Lacking => {
            format!("Entra has put user {user} into this team, whose row is gone from kpifire")
        }
    };
    let kind = match how {
        How::Userless | How::Teamless => Kind::OrphanMember,
        How::Extra => Kind::MemberExtra,
        How::Lacking => Kind::MemberMissing,
    };
    let label = labels.teams.get(team);
    let member = labels.users.get(user).and_then(|it| it.name.clone());
    let shown: Value = json!(member.unwrap_or_else(|| user.clone()));
    let (expected, actual) = match how {
        How::Lacking => (shown, Value::Null),
        How::Userless | How::Teamless | How::Extra => (Value::Null, shown),
    };
    Finding {
        kind,
        resource: Some(ResourceType::Group),
        scim_id: Some(ResourceType::Group.id(team)),
        attribute: Some(member_field(user)),
        external_id: label.and_then(|it| it.external_id.clone()),
        name: label.and_then(|it| it.name.clone()),
        expected,
        actual,
        why,
    }
}

fn user_name(labels: &Labels, id: &str) -> String {
    labels.users.get(id).and_then(|it| it.name.clone()).unwrap_or_else(|| format!("user {id}"))
}
