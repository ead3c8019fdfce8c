//! What Entra writes: resources and PATCH bodies, in both of its dialects. Sends nothing.

use serde_json::{Value, json};

use crate::cli::demo::entra::{Dialect, Group, Person};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const WORK_PHONE: &str = r#"phoneNumbers[type eq "work"].value"#;

/// A new account.
pub fn user(person: &Person) -> Value {
    let facts = &person.at_first;
    let phones: Vec<Value> = facts
        .phone
        .iter()
        .map(|phone| json!({ "type": "work", "value": phone, "primary": true }))
        .collect();
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": person.external_id,
        "userName": person.user_name,
        "active": true,
        "displayName": format!("{} {}", person.given, person.family),
        "meta": { "resourceType": "User" },
        "name": { "givenName": person.given, "familyName": person.family },
        "title": facts.title,
        "phoneNumbers": phones,
        "roles": [],
        ENTERPRISE: { "department": facts.department },
    })
}

/// A new group, empty: members follow.
pub fn group(group: &Group) -> Value {
    json!({
        "schemas": [
            GROUP,
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
        ],
        "externalId": group.external_id,
        "displayName": group.display_name,
        "meta": { "resourceType": "Group" },
    })
}

/// The operations, in the classic dialect, that make a resource what the person is now.
pub fn differences(person: &Person, resource: &Value) -> Vec<Value> {
    let facts = &person.now;
    let department = format!("{ENTERPRISE}:department");
    let wanted = [
        ("externalId", Some(person.external_id), text(resource, &["externalId"])),
        ("name.givenName", Some(person.given), text(resource, &["name", "givenName"])),
        ("name.familyName", Some(person.family), text(resource, &["name", "familyName"])),
        ("title", Some(facts.title), text(resource, &["title"])),
        (WORK_PHONE, facts.phone, work_phone(resource)),
        (&department, Some(facts.department), text(resource, &[ENTERPRISE, "department"])),
    ];
    wanted
        .into_iter()
        .filter(|(_, wanted, has)| wanted.is_some() && wanted != has)
        .map(|(path, wanted, has)| {
            let op = if has.is_some() { "Replace" } else { "Add" };
            json!({ "op": op, "path": path, "value": wanted })
        })
        .collect()
}

fn text<'a>(resource: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(resource, |value, name| value.get(name))?.as_str()
}

fn work_phone(resource: &Value) -> Option<&str> {
    let phones = resource.get("phoneNumbers")?.as_array()?;
    let work = phones.iter().find(|phone| text(phone, &["type"]) == Some("work"))?;
    text(work, &["value"])
}

/// A PATCH of these operations.
pub fn patch(operations: &[Value]) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

/// The classic way to disable: a boolean as a string.
pub fn disable() -> Value {
    patch(&[json!({ "op": "Replace", "path": "active", "value": "False" })])
}

/// A PATCH that adds members.
pub fn add_members(dialect: Dialect, ids: &[&str]) -> Value {
    let op = match dialect {
        Dialect::Classic => "Add",
        Dialect::Rfc => "add",
    };
    patch(&[json!({ "op": op, "path": "members", "value": values(ids) })])
}

/// A PATCH that removes members.
pub fn remove_members(dialect: Dialect, ids: &[&str]) -> Value {
    match dialect {
        Dialect::Classic => {
            patch(&[json!({ "op": "Remove", "path": "members", "value": values(ids) })])
        }
        Dialect::Rfc => {
            let remove = |id: &&str| {
                let path = format!("members[value eq {}]", Value::from(*id));
                json!({ "op": "remove", "path": path })
            };
            patch(&ids.iter().map(remove).collect::<Vec<_>>())
        }
    }
}

fn values(ids: &[&str]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::entra::PEOPLE;

    #[test]
    fn a_new_account_lacks_only_what_has_changed_since() {
        let unchanged = PEOPLE.iter().filter(|person| person.at_first == person.now);
        for person in unchanged {
            assert_eq!(differences(person, &user(person)), Vec::<Value>::new(), "{person:?}");
        }
        let ana = &PEOPLE[2];
        assert_eq!(
            differences(ana, &user(ana)),
            [
                json!({ "op": "Replace", "path": "title", "value": "Shift Supervisor" }),
                json!({ "op": "Add", "path": WORK_PHONE, "value": "+1 555 0110" }),
            ]
        );
    }

    #[test]
    fn both_dialects_remove_only_whom_they_name() {
        assert_eq!(
            remove_members(Dialect::Classic, &["7"])["Operations"],
            json!([{ "op": "Remove", "path": "members", "value": [{ "value": "7" }] }])
        );
        assert_eq!(
            remove_members(Dialect::Rfc, &["7"])["Operations"],
            json!([{ "op": "remove", "path": "members[value eq \"7\"]" }])
        );
    }
}
