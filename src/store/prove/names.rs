//! Names that no client writes so: with blanks at an end, or with characters of a compatibility form. By the
//! rule on names they are other names than those that clients send.

use std::sync::Arc;

use super::super::error::Error;
use super::super::relation::{self, there};
use super::super::sql::Sql;
use super::super::transaction::Tx;
use super::proven::{ok, wrong};
use crate::mapper::Layout;
use crate::profile::catalogue::Catalogue;
use crate::profile::model::Profile;
use crate::profile::proof::{Finding, Severity};
use crate::scim::{ResourceType, is_plain};

/// Names that a finding spells out.
const NAMED: usize = 3;

/// Where the names of a resource type lie.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// The profile's key of them.
    key: String,
    /// Asks for all of them.
    all: Sql,
}

/// Where names lie; nowhere in a profile that doesn't fit.
pub(super) fn wanted(profile: &Profile, catalogue: &Catalogue) -> Vec<Named> {
    let Ok(layout) = Layout::new(Arc::new(profile.clone()), catalogue) else { return Vec::new() };
    let kinds = [(ResourceType::User, "users"), (ResourceType::Group, "groups")];
    let of = |(kind, section): (ResourceType, &str)| {
        let rows = layout.resource(kind);
        let name = rows.name().filter(|_| layout.offers(kind))?;
        let all = Sql::new("SELECT ")
            .shown(name)
            .append(relation::from(&rows.relation, "r", Sql::default()))
            .append(there(rows.mark(), Some("r")))
            .raw("1 = 1");
        Some(Named { key: format!("{section}.attributes.{}", name.name), all })
    };
    kinds.into_iter().filter_map(of).collect()
}

/// How many there are. What can't be read is told of by its grants.
///
/// # Errors
/// When the database goes away.
pub(super) async fn prove(tx: &mut Tx, it: &Named) -> Result<Option<Finding>, Error> {
    let (mut count, mut some) = (0_u64, Vec::new());
    let mut see = |row: super::Row| {
        if let Some(name) = row.text(0).filter(|name| !is_plain(name)) {
            count += 1;
            if some.len() < NAMED {
                some.push(format!("{name:?}"));
            }
        }
    };
    match tx.each_row(it.all.clone(), &mut see).await {
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => return Ok(None),
        Ok(()) => {}
    }
    if count == 0 {
        return Ok(Some(ok(&it.key, "no name has blanks at an end or compatibility forms")));
    }
    let more = if count > NAMED as u64 { ", …" } else { "" };
    Ok(Some(wrong(
        Severity::Warning,
        &it.key,
        format!(
            "{count} names have blanks at an end or characters of a compatibility form: {}{more}",
            some.join(", ")
        ),
        "clients send such names without them, and find nobody: a POST makes the person a second time, and \
         a run of the reconciler then tells the two rows as `duplicate`",
        "correct them in kpifire before the first cycle",
    )))
}
