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

/// One finding per membership: an edge to nothing is `orphan_member` alone.
pub fn findings(differing: &Differing, labels: &Labels, gone: &Gone) -> Vec<Finding> {
    let explained = |(team, user): &&Edge| gone.teams.contains(team) || gone.users.contains(user);
    let orphans: BTreeSet<&Edge> =
        differing.userless.iter().chain(&differing.teamless).filter(|it| !explained(it)).collect();
    let broken: BTreeSet<&Edge> = differing.userless.iter().chain(&differing.teamless).collect();
    let mut found: Vec<Finding> = orphans
        .into_iter()
        .map(|edge| {
            let what = if differing.userless.contains(edge) { "user" } else { "team" };
            let why = format!("the {what} of this membership does not exist in kpifire");
            finding(Kind::OrphanMember, edge, labels, &why)
        })
        .collect();
    for edge in differing.extra.iter().filter(|it| !explained(it) && !broken.contains(it)) {
        let user = user_name(labels, &edge.1);
        let why = format!("added in kpifire: Entra has not put {user} into this team");
        found.push(finding(Kind::MemberExtra, edge, labels, &why));
    }
    for edge in differing.lacking.iter().filter(|it| !explained(it)) {
        let why = if labels.users.contains_key(&edge.1) {
            let user = user_name(labels, &edge.1);
            format!("removed in kpifire: Entra has put {user} into this team")
        } else {
            format!("Entra has put user {} into this team, whose row is gone from kpifire", edge.1)
        };
        found.push(finding(Kind::MemberMissing, edge, labels, &why));
    }
    found
}

fn user_name(labels: &Labels, id: &str) -> String {
    labels.users.get(id).and_then(|it| it.name.clone()).unwrap_or_else(|| format!("user {id}"))
}

fn finding(kind: Kind, (team, user): &Edge, labels: &Labels, why: &str) -> Finding {
    let label = labels.teams.get(team);
    let member = labels.users.get(user).and_then(|it| it.name.clone());
    let shown: Value = json!(member.unwrap_or_else(|| user.clone()));
    let (expected, actual) = match kind {
        Kind::MemberMissing => (shown, Value::Null),
        _ => (Value::Null, shown),
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
        why: why.to_owned(),
    }
}
