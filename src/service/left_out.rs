//! What clients sent and the agent left out, counted since its start: for the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::scim::{Ignored, ResourceType};

/// How many attributes are counted by their names: clients may make up as many as they like.
const MOST: usize = 100;

/// The counts.
#[derive(Debug, Default)]
pub struct LeftOut {
    attributes: Mutex<BTreeMap<(ResourceType, String), u64>>,
}

impl LeftOut {
    /// Requests that named an attribute which no schema knows, by resource type and attribute; `other`
    /// stands for those that came once there were many.
    pub fn attributes(&self) -> BTreeMap<(ResourceType, String), u64> {
        self.attributes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self, kind: ResourceType, ignored: &Ignored) {
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
            left_out.count(ResourceType::User, &ignored);
        }
        let counts = left_out.attributes();
        assert_eq!(counts.len(), MOST + 1);
        assert_eq!(counts.get(&(ResourceType::User, "colour".to_owned())), Some(&300));
        assert_eq!(counts.get(&(ResourceType::User, "other".to_owned())), Some(&201));
    }
}
