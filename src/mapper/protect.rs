//! `[protect]`: accounts that neither cleanup nor a SCIM client may disable, and what else nobody
//! changes of them. Asked of a row as it is and as it shall be: by a change of its name no row leaves
//! protection, and none comes under it.

use std::fmt;

use serde_json::{Map, Value};

use super::layout::ResourceRelation;
use super::shared::same;
use crate::profile::model::Protect;
use crate::scim::{Resource, fold};

/// Why protection forbids a change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// A protected user would be disabled.
    Disabling,
    /// A protected user would be deleted.
    Deleting,
    /// This attribute of a protected user would change.
    Changing(String),
    /// The user would get a name that protects.
    NamedLikeProtected(String),
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabling => {
                f.write_str("the user is protected by the profile and can't be disabled")
            }
            Self::Deleting => {
                f.write_str("the user is protected by the profile and can't be deleted")
            }
            Self::Changing(attribute) => write!(
                f,
                "the user is protected by the profile, and so its {attribute} can't be changed"
            ),
            Self::NamedLikeProtected(name) => write!(
                f,
                "the userName `{name}` is one that the profile protects, and no user can be renamed to it"
            ),
        }
    }
}

/// Why protection forbids that the user with this id becomes another, if it does.
pub fn forbidden(
    protect: &Protect,
    id: &str,
    before: &Resource,
    after: &Resource,
) -> Option<Protection> {
    let (old, new) = (name(before), name(after));
    let renamed = old.map(fold) != new.map(fold);
    if !protected(protect, id, old) {
        let gained = new.filter(|name| renamed && is_named(protect, name));
        return gained.map(|name| Protection::NamedLikeProtected(name.to_owned()));
    }
    let active = |resource: &Resource| resource.get("active").and_then(Value::as_bool);
    if active(after) == Some(false) && active(before) != Some(false) {
        return Some(Protection::Disabling);
    }
    if renamed {
        return Some(Protection::Changing("userName".to_owned()));
    }
    if !agree(before.get("userType"), after.get("userType")) {
        return Some(Protection::Changing("userType".to_owned()));
    }
    let changed = protect.keep.iter().find(|path| !agree(path.get(before), path.get(after)));
    changed.map(|path| Protection::Changing(path.to_string()))
}

/// A protected user as a PUT wants it, with what the user has and the PUT doesn't say.
pub fn completed(rows: &ResourceRelation, before: &Resource, mut wanted: Resource) -> Resource {
    complete(&mut wanted, before);
    for field in &rows.fields {
        if is_absent(field.path.get(&wanted))
            && let Some(own) = field.path.get(before)
        {
            field.path.set(&mut wanted, Some(own.clone()));
        }
    }
    wanted
}

fn complete(wanted: &mut Map<String, Value>, before: &Map<String, Value>) {
    for (name, own) in before {
        match (wanted.get_mut(name), own) {
            (Some(Value::Object(parts)), Value::Object(own)) if !parts.is_empty() => {
                complete(parts, own);
            }
            (said, own) if is_absent(said.as_deref()) => {
                wanted.insert(name.clone(), own.clone());
            }
            _ => {}
        }
    }
}

fn is_absent(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(parts)) => parts.is_empty(),
        Some(_) => false,
    }
}

/// Whether two values are one but for case, or neither says anything.
fn agree(one: Option<&Value>, other: Option<&Value>) -> bool {
    same(one, other) || is_absent(one) && is_absent(other)
}

fn name(resource: &Resource) -> Option<&str> {
    resource.get("userName").and_then(Value::as_str)
}

/// Whether the user with this id and userName is protected.
pub fn protected(protect: &Protect, id: &str, user_name: Option<&str>) -> bool {
    protect.keys.iter().any(|key| key == id)
        || user_name.is_some_and(|name| is_named(protect, name))
}

fn is_named(protect: &Protect, name: &str) -> bool {
    let name = fold(name);
    protect.user_names.iter().any(|pattern| glob(&fold(pattern), &name))
}

/// `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::{AttributePath, ResourceType};

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("svc-*", "svc-reports@plant.example", true),
            ("svc-*", "ana@plant.example", false),
            ("*@plant.example", "ana@plant.example", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("ab*ba", "aba", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    fn protect() -> Protect {
        let keep = AttributePath::parse(ResourceType::User, "title").unwrap();
        Protect { keys: vec!["1".into()], user_names: vec!["SVC-*".into()], keep: vec![keep] }
    }

    #[test]
    fn it_is_asked_of_the_row_as_it_was_and_as_it_would_be() {
        let user = |value: Value| value.as_object().unwrap().clone();
        let svc =
            user(json!({"userName": "svc-a", "active": true, "userType": "Admin", "title": "T"}));
        let forbidden = |id: &str, before: &Resource, with: Value| {
            let mut after = before.clone();
            after.extend(user(with));
            forbidden(&protect(), id, before, &after)
        };
        let changing = |name: &str| Some(Protection::Changing(name.to_owned()));
        assert_eq!(forbidden("7", &svc, json!({"active": false})), Some(Protection::Disabling));
        assert_eq!(forbidden("7", &svc, json!({"userName": "b"})), changing("userName"));
        assert_eq!(forbidden("7", &svc, json!({"userName": "svc-b"})), changing("userName"));
        assert_eq!(forbidden("7", &svc, json!({"userName": "SVC-A"})), None);
        assert_eq!(forbidden("7", &svc, json!({"userType": null})), changing("userType"));
        assert_eq!(forbidden("7", &svc, json!({"title": "U"})), changing("title"));
        assert_eq!(forbidden("7", &svc, json!({"nickName": "N"})), None);
        let ana = user(json!({"userName": "ana", "active": true}));
        let named = Some(Protection::NamedLikeProtected("svc-me".to_owned()));
        assert_eq!(forbidden("7", &ana, json!({"userName": "svc-me", "active": false})), named);
        assert_eq!(forbidden("7", &ana, json!({"active": false, "title": "U"})), None);
        assert_eq!(forbidden("1", &ana, json!({"userName": "b"})), changing("userName"));
    }

    #[test]
    fn names_compare_folded() {
        let protect = protect();
        assert!(protected(&protect, "7", Some("svc-a")));
        assert!(protected(&protect, "1", None));
        assert!(!protected(&protect, "11", Some("other")));
    }
}
