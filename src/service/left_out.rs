//! What clients sent and the agent left out, counted since its start: for the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use strum::{IntoStaticStr, VariantArray};

use crate::scim::{Ignored, ResourceType};

/// How many attributes are counted by their names: clients may make up as many as they like.
const MOST: usize = 100;

/// The counts.
#[derive(Debug, Default)]
pub struct LeftOut {
    attributes: Mutex<BTreeMap<(ResourceType, String), u64>>,
    members: Mutex<BTreeMap<Absence, u64>>,
}

/// Why an id that the agent knows can't be a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Absence {
    /// It is a group's: groups in groups are not supported.
    Group,
    /// A client deleted the user.
    Deleted,
    /// The user's row is gone from kpifire.
    Gone,
}

impl Absence {
    /// Its name in the metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl LeftOut {
    /// Requests that named an attribute which no schema knows, by resource type and attribute; `other`
    /// stands for those that came once there were many.
    pub fn attributes(&self) -> BTreeMap<(ResourceType, String), u64> {
        self.attributes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Members that were left out, by why.
    pub fn members(&self) -> BTreeMap<Absence, u64> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count_members(&self, absent: &BTreeMap<String, Absence>) {
        if absent.is_empty() {
            return;
        }
        let mut counts = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        for absence in absent.values() {
            *counts.entry(*absence).or_default() += 1;
        }
    }

    pub(super) fn count_attributes(&self, kind: ResourceType, ignored: &Ignored) {
        if ignored.is_empty() {
            return;
        }
        let mut counts = self.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        for name in ignored.names() {
            let known = counts.contains_key(&(kind, name.to_owned()));
            let name = if known || counts.len() < MOST { name } else { "other" };
            *counts.entry((kind, name.to_owned())).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::parse_resource;

    #[test]
    fn names_are_counted_and_bounded() {
        let left_out = LeftOut::default();
        for at in 0..300 {
            let mut ignored = Ignored::default();
            let body = json!({ "colour": "red", format!("made-up-{at}"): 1 });
            parse_resource(ResourceType::User, &body, &mut ignored).unwrap();
            left_out.count_attributes(ResourceType::User, &ignored);
        }
        let counts = left_out.attributes();
        assert_eq!(counts.len(), MOST + 1);
        assert_eq!(counts.get(&(ResourceType::User, "colour".to_owned())), Some(&300));
        assert_eq!(counts.get(&(ResourceType::User, "other".to_owned())), Some(&201));
    }
}
