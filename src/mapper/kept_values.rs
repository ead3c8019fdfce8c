//! The values that a link keeps, as they can be asked for by `eq`: each as a token that stands for the
//! attribute and the value. The same rule makes the tokens of a document and those of a filter. Pure;
//! where tokens lie is the store's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::field::scim_text;
use super::record::{Link, LinkState};
use crate::digest;
use crate::scim::schema::{self, Returned};
use crate::scim::{AttributeKind, Resolved, ResourceType, fold};

/// What stands for one value of one attribute: 32 hexadecimal digits of a hash. The agent's tables hold
/// it beside the document, and nobody reads a mail address in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// The token of a value of this attribute, in the element of this `type` or wherever it lies.
    pub fn of(resolved: Resolved, element: Option<&str>, value: &Value) -> Self {
        let text = scim_text(value);
        // Attributes without case compare by the agent's folding: both sides are its own.
        let text = if resolved.leaf().case_exact { text } else { fold(&text) };
        let parts = [resolved.to_string(), element.map(fold).unwrap_or_default(), text];
        Self(digest::of_parts(parts.iter().map(String::as_str), 16))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the link keeps this attribute where no column carries it.
pub fn can_be_kept(kind: ResourceType, resolved: Resolved) -> bool {
    let Resolved { schema, attribute, .. } = resolved;
    let own = ["id", "schemas", "meta", "groups", "members", "externalId"];
    let of_service = schema.is_none() && own.contains(&attribute.name)
        || kind == ResourceType::User && schema.is_none() && attribute.name == "active";
    let leaf = resolved.leaf();
    let written = |it: &schema::Attribute| !it.is_read_only() && it.returned != Returned::Never;
    !of_service && written(attribute) && written(leaf) && leaf.kind != AttributeKind::Complex
}

/// The tokens of all that a link keeps; a tombstone is asked for nothing.
pub fn tokens(kind: ResourceType, link: Option<&Link>) -> BTreeSet<Token> {
    let mut found = BTreeSet::new();
    let Some(link) = link.filter(|link| link.state != LinkState::Deleted) else { return found };
    for (name, value) in &link.kept {
        match (schema::extension(kind, name), value) {
            (Some(extension), Value::Object(attributes)) => {
                for (name, value) in attributes {
                    let Some(attribute) = extension.attribute(name) else { continue };
                    let of = Resolved { schema: Some(extension.id), attribute, sub: None };
                    whole(of, value, &mut found);
                }
            }
            _ => {
                if let Some(of) = schema::find(kind, None, name) {
                    whole(of, value, &mut found);
                }
            }
        }
    }
    found
}

fn whole(of: Resolved, value: &Value, found: &mut BTreeSet<Token>) {
    match value {
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(parts) => element(of, parts, found),
                    value => one(of, None, value, found),
                }
            }
        }
        Value::Object(parts) => {
            for (of, value) in parts_of(of, parts) {
                one(of, None, value, found);
            }
        }
        value => one(of, None, value, found),
    }
}

fn element(of: Resolved, parts: &Map<String, Value>, found: &mut BTreeSet<Token>) {
    let of_type = parts.get("type").and_then(Value::as_str);
    // An element whose value a column carries is there when that has one: its type says nothing here.
    let in_column = parts.values().any(Value::is_null);
    for (of, value) in parts_of(of, parts) {
        let is_type = of.sub.is_some_and(|sub| sub.name == "type");
        if is_type && in_column {
            continue;
        }
        one(of, None, value, found);
        if let (Some(of_type), false) = (of_type, is_type) {
            one(of, Some(of_type), value, found);
        }
    }
}

fn parts_of(of: Resolved, parts: &Map<String, Value>) -> impl Iterator<Item = (Resolved, &Value)> {
    parts
        .iter()
        .filter_map(move |(name, value)| Some((of.with_sub(Some(of.attribute.sub(name)?)), value)))
}

fn one(of: Resolved, element: Option<&str>, value: &Value, found: &mut BTreeSet<Token>) {
    let says = !value.is_null() && !value.is_object() && !value.is_array();
    if says && value.as_str() != Some("") {
        found.insert(Token::of(of, element, value));
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;
    use serde_json::json;

    use super::*;

    fn kept(document: &Value) -> Link {
        Link {
            state: LinkState::Managed,
            external_id: None,
            baseline: None,
            kept: document.as_object().unwrap().clone(),
            version: 1,
            created: NaiveDateTime::default(),
            modified: NaiveDateTime::default(),
            disabled_at: None,
            deleted_at: None,
            replaced: None,
            reused_from: None,
        }
    }

    fn asked(name: &str, sub: Option<&str>, element: Option<&str>, value: &Value) -> Token {
        let of = schema::find(ResourceType::User, None, name).unwrap();
        let sub = sub.map(|sub| of.attribute.sub(sub).unwrap());
        Token::of(of.with_sub(sub), element, value)
    }

    #[test]
    fn values_are_found_as_filters_ask_for_them() {
        let link = kept(&json!({
            "nickName": "Zed",
            "name": { "formatted": "Zoë Ünal" },
            "emails": [
                { "type": "home", "value": "Ana@Home.example", "primary": true },
                { "type": "work", "value": null, "display": "at work" },
            ],
        }));
        let tokens = tokens(ResourceType::User, Some(&link));
        for (name, sub, element, value) in [
            ("nickName", None, None, json!("zED")),
            ("name", Some("formatted"), None, json!("zoë ünal")),
            ("emails", Some("value"), None, json!("ana@home.example")),
            ("emails", Some("value"), Some("HOME"), json!("ANA@home.example")),
            ("emails", Some("type"), None, json!("home")),
            ("emails", Some("primary"), Some("home"), json!(true)),
            ("emails", Some("display"), Some("work"), json!("At Work")),
        ] {
            let token = asked(name, sub, element, &value);
            assert!(tokens.contains(&token), "{name} {sub:?} {element:?} {value}");
        }
        for (name, sub, element, value) in [
            ("nickName", None, None, json!("zedd")),
            ("emails", Some("value"), Some("work"), json!("ana@home.example")),
            ("emails", Some("type"), None, json!("work")),
            ("name", Some("familyName"), None, json!("zoë ünal")),
        ] {
            let token = asked(name, sub, element, &value);
            assert!(!tokens.contains(&token), "{name} {sub:?} {element:?} {value}");
        }
    }

    #[test]
    fn a_tombstone_has_none() {
        let gone = Link { state: LinkState::Deleted, ..kept(&json!({ "nickName": "Zed" })) };
        assert!(tokens(ResourceType::User, Some(&gone)).is_empty());
        assert!(tokens(ResourceType::User, None).is_empty());
    }
}
