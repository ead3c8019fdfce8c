//! What the pages of a person and of a team have in common: the row and its link, what is open of it, and
//! what happened to it.

use super::Console;
use crate::drift::Item;
use crate::mapper::{Layout, Link, Record};
use crate::scim::ResourceType;
use crate::service::Error;
use crate::service::audit::AuditRow;
use crate::store::console::{self, Search};
use crate::store::resources::{self, Beside, Lock};
use crate::store::{self, Tx, links, reports};

/// Findings and rows of history that a page lists.
const LISTED: usize = 50;

/// A resource's row and link, whichever of them are there; `None` where neither is. At most two statements.
pub(super) async fn row_and_link(
    tx: &mut Tx,
    layout: &Layout,
    kind: ResourceType,
    id: &str,
    beside: Beside,
) -> Result<Option<(Option<Record>, Option<Link>)>, store::Error> {
    let record = match layout.key(kind, id) {
        Some(key) => resources::by_key_with(tx, layout, kind, &key, Lock::None, beside).await?,
        None => None,
    };
    let link = match &record {
        Some(record) => record.link.clone(),
        None => links::find(tx, kind, key(kind, id)).await?,
    };
    Ok((record.is_some() || link.is_some()).then_some((record, link)))
}

/// Open findings of a resource. One statement.
pub(super) async fn open(
    tx: &mut Tx,
    kind: ResourceType,
    id: &str,
) -> Result<Vec<Item>, store::Error> {
    let limit = i64::try_from(LISTED).unwrap_or(i64::MAX);
    let open = console::findings_of(tx, kind, key(kind, id), limit).await?;
    Ok(open.into_iter().map(reports::standing).collect())
}

/// The key's text, also of an id that isn't one of this type.
fn key(kind: ResourceType, id: &str) -> &str {
    kind.key(id).unwrap_or(id)
}

impl Console {
    /// The newest rows of the audit trail about a resource.
    pub(super) async fn history(
        &self,
        kind: ResourceType,
        id: &str,
    ) -> Result<Vec<AuditRow>, Error> {
        let search = Search { resource: Some((kind, id.to_owned())), ..Search::default() };
        Ok(self.audit(search, LISTED).await?.rows)
    }
}
