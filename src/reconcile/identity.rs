//! Links without a row, the rows that may be the ones meant, and rows of one name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::drift::{Finding, Kind};
use crate::mapper::LinkState;
use crate::scim::{ResourceType, fold};
use crate::store::snapshot::{Named, Stranded};

/// What becomes of links without a row: missing, or, with more than one unmanaged row of the
/// name, ambiguous. `candidates` are the rows of these names.
pub fn missing(kind: ResourceType, stranded: &[Stranded], candidates: &[Named]) -> Vec<Finding> {
    let by_name = sets(candidates.iter().filter(|row| row.state.is_none()));
    stranded.iter().map(|link| lost(kind, link, &by_name)).collect()
}

fn lost(kind: ResourceType, link: &Stranded, by_name: &BTreeMap<String, Vec<&Named>>) -> Finding {
    let attribute = kind.name_attribute();
    let name = link.baseline.get(attribute).and_then(Value::as_str);
    let rows = name.and_then(|name| by_name.get(&fold(name)));
    let rows: &[&Named] = rows.map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let (found, why) = match ids.as_slice() {
        [] => (Kind::Missing, "the row is gone from kpifire; nothing else has its name".to_owned()),
        [id] => (
            Kind::Missing,
            format!(
                "the row is gone from kpifire; row {id}, which Entra doesn't manage, has its name"
            ),
        ),
        _ => (
            Kind::Ambiguous,
            format!("the row is gone, and the rows {} could each be the one meant", ids.join(", ")),
        ),
    };
    let found = if kind == ResourceType::Group { Kind::TeamMissing } else { found };
    Finding {
        kind: found,
        resource: Some(kind),
        scim_id: Some(kind.id(&link.id)),
        attribute: (found == Kind::Ambiguous).then(|| attribute.to_owned()),
        external_id: link.external_id.clone(),
        name: name.map(str::to_owned),
        expected: name.into(),
        actual: if found == Kind::Ambiguous { ids.into() } else { Value::Null },
        why,
    }
}

/// One finding per set of rows of one name, under its lowest key; sets that an ambiguous
/// finding already speaks of left out. `rows` come in the key's order.
pub fn duplicates(rows: &[Named], ambiguous: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, set) in sets(rows.iter()) {
        let (Some(lowest), true) = (set.first(), set.len() > 1) else { continue };
        if ambiguous.contains(&name) && set.iter().all(|row| row.state.is_none()) {
            continue;
        }
        let described: Vec<String> = set.iter().map(|row| describe(row)).collect();
        let ids: Vec<&str> = set.iter().map(|row| row.id.as_str()).collect();
        found.push(Finding {
            kind: Kind::Duplicate,
            resource: Some(ResourceType::User),
            scim_id: Some(lowest.id.clone()),
            attribute: Some("userName".to_owned()),
            external_id: None,
            name: Some(lowest.name.clone()),
            expected: Value::Null,
            actual: ids.into(),
            why: format!(
                "one name, {} rows: {}; merge them in kpifire",
                set.len(),
                described.join(", ")
            ),
        });
    }
    found
}

fn describe(row: &Named) -> String {
    let state = row.state.map_or("unmanaged", LinkState::as_str);
    format!("{} `{}` ({state})", row.id, row.name)
}

fn sets<'a>(rows: impl Iterator<Item = &'a Named>) -> BTreeMap<String, Vec<&'a Named>> {
    let mut sets: BTreeMap<String, Vec<&Named>> = BTreeMap::new();
    for row in rows {
        sets.entry(fold(&row.name)).or_default().push(row);
    }
    sets
}
