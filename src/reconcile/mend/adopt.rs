//! `adopt`: what kpifire has becomes what Entra asserted. Entra overwrites it at its next change.

use serde_json::{Map, Value};

use super::hand::{Hand, Mended, locked, membership, note, only};
use crate::drift::{Finding, Kind};
use crate::mapper::{self, Reading, Record};
use crate::scim::ResourceType;
use crate::service::Error;
use crate::store::{Tx, links, memberships};

/// Adopts one finding in the caller's transaction, which must be rolled back on an error.
pub async fn adopt(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    match finding.kind {
        Kind::Reactivated | Kind::Attribute | Kind::WronglyDisabled | Kind::TeamAttribute => {
            attribute(tx, hand, finding).await
        }
        Kind::Missing | Kind::TeamMissing => {
            if locked(tx, hand, finding).await?.is_some() {
                return Ok(Mended::no_longer("the row is there"));
            }
            forget(tx, hand, finding).await
        }
        Kind::Recycled => {
            if locked(tx, hand, finding).await?.is_none_or(|record| record.link.is_none()) {
                return Ok(Mended::no_longer("no link points at the row"));
            }
            forget(tx, hand, finding).await
        }
        Kind::Reused => keep(tx, hand, finding).await,
        Kind::MemberExtra => add_member(tx, hand, finding).await,
        Kind::MemberMissing => remove_member(tx, hand, finding).await,
        Kind::OrphanMember => Ok(Mended::refused(
            "a membership of nothing can't be adopted: `drift restore` removes it",
        )),
        Kind::InvalidValue => Ok(Mended::refused(
            "the agent can't read the value, so it can't take it over: correct it in kpifire, or \
             give it a meaning in the profile's `values`",
        )),
        Kind::Duplicate
        | Kind::Ambiguous
        | Kind::Unmanaged
        | Kind::OverdueCleanup
        | Kind::StaleSource
        | Kind::SourceMissing
        | Kind::SourceExtra
        | Kind::SourceAttribute => {
            Ok(Mended::refused("there is nothing to take over: `drift ignore` it instead"))
        }
    }
}

async fn attribute(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let (layout, kind) = (&hand.layout, finding.resource.unwrap_or(ResourceType::User));
    let name = finding.attribute.as_deref().unwrap_or_default();
    let Some(record) = locked(tx, hand, finding).await? else {
        return Ok(Mended::no_longer("the row is gone"));
    };
    if record.deleted() {
        // Entra no longer knows the user: the row becomes one that nobody manages.
        return forget(tx, hand, finding).await;
    }
    if layout.resource(kind).derived.iter().any(|it| it.column.name == name) {
        return Ok(Mended::refused(
            "the column follows from attributes by the profile's `derive`: `drift restore` writes it \
             anew, or change the profile",
        ));
    }
    let Some(value) = differing(hand, kind, &record, name) else {
        return Ok(Mended::no_longer("kpifire has what Entra asserted"));
    };
    let (Reading::Value(_) | Reading::Absent) = value else {
        return Ok(Mended::refused("the agent can't read the value"));
    };
    let value = value.to_value();
    let record_key = record.key_text();
    let Record { link: Some(mut link), .. } = record else {
        return Ok(Mended::no_longer("there is no link to it any more"));
    };
    let mut baseline = link.baseline.unwrap_or_default();
    let before = baseline.insert(name.to_owned(), value.clone()).unwrap_or_default();
    let rows = layout.resource(kind);
    for other in rows.named(name).into_iter().flat_map(|field| rows.beside(field)) {
        if let Some(asserted) = baseline.get_mut(&other.name) {
            asserted.clone_from(&value);
        }
    }
    link.baseline = Some(baseline);
    if finding.kind == Kind::Reactivated {
        link.disabled_at = None;
        memberships::restore_user(tx, layout, &record.key, hand.stamp()).await?;
    }
    link.version += 1;
    link.modified = hand.stamp();
    links::put(tx, kind, &record_key, Some(&link), &link).await?;
    let noted = note(tx, hand, "adopt", finding, only(name, &before), only(name, &value)).await?;
    Ok(noted.done(format!("{name}: {value} is now what Entra is taken to have asserted")))
}

/// What the row says of an asserted attribute, where it isn't what was asserted.
fn differing(hand: &Hand, kind: ResourceType, record: &Record, name: &str) -> Option<Reading> {
    let asserted = record.link.as_ref()?.baseline.as_ref()?.get(name)?;
    let field = hand.layout.resource(kind).named(name)?;
    let reading = mapper::reading(field, record);
    (!mapper::agrees(field, asserted, record, &reading)).then_some(reading)
}

/// Lets the link go: Entra's next lookup finds no such resource, or the row under its own name.
async fn forget(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let kind = finding.resource.unwrap_or(ResourceType::User);
    let id = finding.key().unwrap_or_default();
    let Some(link) = links::get(tx, kind, id).await? else {
        return Ok(Mended::no_longer("there is no link to it any more"));
    };
    links::remove(tx, kind, id).await?;
    memberships::forget(tx, kind, id).await?;
    let mut before = only("state", &link.state.as_str().into());
    before.insert("externalId".to_owned(), link.external_id.into());
    before.insert("baseline".to_owned(), link.baseline.map_or(Value::Null, Value::Object));
    let noted = note(tx, hand, "forget", finding, before, Map::new()).await?;
    Ok(noted.done("Entra's link to it is forgotten"))
}

/// The row is the user's, as it is.
async fn keep(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let (kind, id) = (ResourceType::User, finding.key().unwrap_or_default());
    let found = locked(tx, hand, finding).await?.filter(|record| !record.deleted());
    let Some(mut link) = found.and_then(|record| record.link) else {
        return Ok(Mended::no_longer("no link points at the row"));
    };
    let Some(former) = link.reused_from.take() else {
        return Ok(Mended::no_longer("the row is taken to be the user's"));
    };
    links::put(tx, kind, id, Some(&link), &link).await?;
    let (before, after) =
        (only("externalId", &former.into()), only("externalId", &link.external_id.into()));
    let noted = note(tx, hand, "adopt", finding, before, after).await?;
    Ok(noted.done("the row, with what it owns, is taken to be the user's"))
}

async fn add_member(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let it = membership(tx, hand, finding).await?;
    if it.desired || !it.legacy {
        return Ok(Mended::no_longer("the membership no longer differs"));
    }
    let ids = std::slice::from_ref(&it.user);
    memberships::add(tx, &hand.layout, &it.team, ids, hand.stamp()).await?;
    let after = only("desiredMembers", &vec![it.user.clone()].into());
    let noted = note(tx, hand, "adopt", finding, Map::new(), after).await?;
    Ok(noted.done(format!("user {} is now taken to be asserted by Entra", it.user)))
}

async fn remove_member(tx: &mut Tx, hand: &Hand, finding: &Finding) -> Result<Mended, Error> {
    let it = membership(tx, hand, finding).await?;
    if !it.desired || it.legacy {
        return Ok(Mended::no_longer("the membership no longer differs"));
    }
    let ids = std::slice::from_ref(&it.user);
    memberships::remove(tx, &hand.layout, &it.team, ids, hand.stamp()).await?;
    let before = only("desiredMembers", &vec![it.user.clone()].into());
    let noted = note(tx, hand, "adopt", finding, before, Map::new()).await?;
    Ok(noted.done(format!("user {} is no longer taken to be asserted by Entra", it.user)))
}
