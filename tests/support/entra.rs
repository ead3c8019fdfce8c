//! Microsoft Entra ID's provisioning service, as far as a target sees it: its requests in both
//! PATCH dialects, its cycles, its retries after an answer that got lost.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{Answer, Client, ENTERPRISE, GROUP, USER};

/// How it writes a PATCH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Capitalised operations, booleans as strings, one path per operation.
    Classic,
    /// `aadOptscim062020`: lower case, pathless objects, value filters on members.
    Rfc,
}

/// What Entra holds about a person and maps to SCIM.
#[derive(Debug, Clone)]
pub struct Person {
    /// `userPrincipalName`
    pub user_name: String,
    /// `objectId`
    pub external_id: String,
    /// `givenName`
    pub given: String,
    /// `surname`
    pub family: String,
    /// `telephoneNumber`
    pub phone: String,
    /// `department`
    pub department: String,
    /// Not `accountEnabled = false`, not out of scope.
    pub active: bool,
}

impl Person {
    /// Someone with every mapped attribute.
    pub fn new(user_name: &str) -> Self {
        Self {
            user_name: user_name.to_owned(),
            external_id: uuid::Uuid::new_v4().to_string(),
            given: "Ana".to_owned(),
            family: "Silva".to_owned(),
            phone: "+1 555 0199".to_owned(),
            department: "Quality".to_owned(),
            active: true,
        }
    }

    /// The POST that creates them, with what Entra sends beyond the mapping.
    pub fn body(&self) -> Value {
        json!({
            "schemas": [USER, ENTERPRISE],
            "externalId": self.external_id,
            "userName": self.user_name,
            "active": self.active,
            "name": { "givenName": self.given, "familyName": self.family },
            "phoneNumbers": [{ "type": "work", "value": self.phone, "primary": false }],
            "meta": { "resourceType": "User" },
            "roles": [],
            "title": null,
            ENTERPRISE: { "department": self.department },
        })
    }

    /// A user reads as this person was sent.
    #[track_caller]
    pub fn assert_is(&self, user: &Value) {
        assert_eq!(user["userName"], self.user_name.as_str(), "{user}");
        assert_eq!(user["externalId"], self.external_id.as_str(), "{user}");
        assert_eq!(user["active"], self.active, "{user}");
        assert_eq!(user["name"]["givenName"], self.given.as_str(), "{user}");
        assert_eq!(user["name"]["familyName"], self.family.as_str(), "{user}");
        assert_eq!(work_phone(user), self.phone, "{user}");
        assert_eq!(user[ENTERPRISE]["department"], self.department.as_str(), "{user}");
    }
}

/// The provisioning service.
#[derive(Debug, Clone)]
pub struct Entra {
    /// The connection.
    pub client: Client,
    /// How it writes a PATCH.
    pub dialect: Dialect,
}

impl Entra {
    /// An Entra behind this client.
    pub fn new(client: Client, dialect: Dialect) -> Self {
        Self { client, dialect }
    }

    /// "Test Connection": a lookup of someone who can't exist finds nobody.
    pub async fn test_connection(&self) {
        let nobody = uuid::Uuid::new_v4();
        let path = format!("/Users?filter=userName+eq+%22{nobody}%22");
        let answer = self.client.get(&self.flagged(&path)).await.expect(200);
        assert_eq!(answer.body["totalResults"], 0, "{}", answer.text);
        assert_eq!(answer.body["schemas"], json!([super::LIST]), "{}", answer.text);
    }

    /// The user that this userName matches.
    pub async fn match_user(&self, user_name: &str) -> Option<Value> {
        let path = format!("/Users?filter=userName%20eq%20%22{}%22", encoded(user_name));
        let answer = self.client.get(&self.flagged(&path)).await.expect(200);
        let mut found = answer.resources();
        assert_eq!(answer.body["totalResults"], found.len(), "{}", answer.text);
        assert!(found.len() < 2, "two users match {user_name}: {}", answer.text);
        found.pop()
    }

    /// The group that this displayName matches, without its members.
    pub async fn match_group(&self, name: &str) -> Option<Value> {
        let path = format!(
            "/Groups?excludedAttributes=members&filter=displayName+eq+%22{}%22",
            encoded(name)
        );
        let answer = self.client.get(&self.flagged(&path)).await.expect(200);
        let mut found = answer.resources();
        assert!(found.iter().all(|group| group.get("members").is_none()), "{}", answer.text);
        found.pop()
    }

    /// Creates a user: 201, a Location, everything as sent.
    pub async fn create(&self, person: &Person) -> String {
        let answer = self.client.post(&self.flagged("/Users"), &person.body()).await.expect(201);
        let id = answer.id();
        let location = answer.header("location").expect("a Location").to_owned();
        assert!(location.ends_with(&format!("/scim/v2/Users/{id}")), "{location}");
        assert_eq!(answer.body["meta"]["location"], location);
        person.assert_is(&answer.body);
        id
    }

    /// Sends the attributes of a person who changed, as one PATCH.
    pub async fn update(&self, id: &str, person: &Person) {
        let operations = match self.dialect {
            Dialect::Classic => json!([
                { "op": "Replace", "path": "userName", "value": person.user_name },
                { "op": "Replace", "path": "name.givenName", "value": person.given },
                { "op": "Replace", "path": "name.familyName", "value": person.family },
                { "op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": person.phone },
                { "op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": person.department },
                { "op": "Replace", "path": "active", "value": if person.active { "True" } else { "False" } },
            ]),
            Dialect::Rfc => json!([
                { "op": "replace", "value": {
                    "userName": person.user_name,
                    "name.givenName": person.given,
                    "name.familyName": person.family,
                    format!("{ENTERPRISE}:department"): person.department,
                    "active": person.active,
                }},
                { "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": person.phone },
            ]),
        };
        let answer = self.patch_user(id, &operations).await.expect(200);
        person.assert_is(&answer.body);
    }

    /// Unassignment, leaving scope, soft deletion and blocked sign-in all look like this.
    pub async fn disable(&self, id: &str) -> Answer {
        self.switch(id, "False", false).await
    }

    /// Back in scope.
    pub async fn enable(&self, id: &str) -> Answer {
        self.switch(id, "True", true).await
    }

    async fn switch(&self, id: &str, classic: &str, rfc: bool) -> Answer {
        let operations = match self.dialect {
            Dialect::Classic => json!([{ "op": "Replace", "path": "active", "value": classic }]),
            Dialect::Rfc => json!([{ "op": "replace", "value": { "active": rfc } }]),
        };
        let answer = self.patch_user(id, &operations).await.expect(200);
        assert_eq!(answer.body["active"], rfc, "{}", answer.text);
        answer
    }

    /// Creates a group, empty as Entra does.
    pub async fn create_group(&self, name: &str) -> String {
        let body = json!({
            "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": uuid::Uuid::new_v4().to_string(),
            "displayName": name,
            "meta": { "resourceType": "Group" },
        });
        let answer = self.client.post(&self.flagged("/Groups"), &body).await.expect(201);
        assert_eq!(answer.body["displayName"], name);
        answer.id()
    }

    /// Renames a group.
    pub async fn rename_group(&self, id: &str, name: &str) {
        let operations = match self.dialect {
            Dialect::Classic => json!([{ "op": "Replace", "path": "displayName", "value": name }]),
            Dialect::Rfc => json!([{ "op": "replace", "value": { "displayName": name } }]),
        };
        self.patch_group(id, &operations).await.expect(204);
    }

    /// Adds members.
    pub async fn add_members(&self, group: &str, users: &[&str]) -> Answer {
        let values: Vec<_> = users.iter().map(|user| json!({ "value": user })).collect();
        let op = if self.dialect == Dialect::Classic { "Add" } else { "add" };
        self.patch_group(group, &json!([{ "op": op, "path": "members", "value": values }])).await
    }

    /// Removes members.
    pub async fn remove_members(&self, group: &str, users: &[&str]) -> Answer {
        let operations = match self.dialect {
            Dialect::Classic => {
                let values: Vec<_> = users.iter().map(|user| json!({ "value": user })).collect();
                json!([{ "op": "Remove", "path": "members", "value": values }])
            }
            Dialect::Rfc => users
                .iter()
                .map(|user| json!({ "op": "remove", "path": format!("members[value eq \"{user}\"]") }))
                .collect(),
        };
        self.patch_group(group, &operations).await
    }

    /// Whether a user is a member, the way Entra asks.
    pub async fn is_member(&self, group: &str, user: &str) -> bool {
        let filter = format!("id eq \"{group}\" and members eq \"{user}\"");
        let pairs = [("excludedAttributes", "members"), ("filter", filter.as_str())];
        let answer = self.client.query("/Groups", &pairs).await.expect(200);
        answer.body["totalResults"] == 1
    }

    /// Thirty days after the soft deletion.
    pub async fn hard_delete(&self, id: &str) {
        self.client.delete(&self.flagged(&format!("/Users/{id}"))).await.expect(204);
    }

    /// Sends a request and cuts the connection before the answer is read, once the agent has
    /// had time to carry it out. Entra knows nothing of what happened.
    pub async fn lose_answer(&self, method: &str, path: &str, body: &Value) {
        let authority = self.client.base.trim_start_matches("http://").split('/').next().unwrap();
        let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        let body = body.to_string();
        let token = self.client.token.as_deref().unwrap_or_default();
        let request = format!(
            "{method} /scim/v2{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        // The first byte of the answer says that the request is done; the rest is never read.
        tokio::time::timeout(std::time::Duration::from_secs(30), stream.readable())
            .await
            .expect("an answer to lose")
            .unwrap();
    }

    /// PATCH on a user.
    pub async fn patch_user(&self, id: &str, operations: &Value) -> Answer {
        let path = self.flagged(&format!("/Users/{id}"));
        self.client.patch(&path, &super::patch(operations)).await
    }

    /// PATCH on a group.
    pub async fn patch_group(&self, id: &str, operations: &Value) -> Answer {
        let path = self.flagged(&format!("/Groups/{id}"));
        self.client.patch(&path, &super::patch(operations)).await
    }

    /// A path with the query key by which an administrator chooses the dialect.
    fn flagged(&self, path: &str) -> String {
        match (self.dialect, path.contains('?')) {
            (Dialect::Classic, _) => path.to_owned(),
            (Dialect::Rfc, true) => format!("{path}&aadOptscim062020"),
            (Dialect::Rfc, false) => format!("{path}?aadOptscim062020"),
        }
    }
}

/// The work number of a user; empty when there is none.
pub fn work_phone(user: &Value) -> String {
    let numbers = user["phoneNumbers"].as_array().cloned().unwrap_or_default();
    numbers
        .iter()
        .find(|number| number["type"] == "work")
        .and_then(|number| number["value"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
