//! Requests that are told of, and answers that are what Entra needs. Knows no user and no group.

use serde_json::Value;

use crate::cli::demo::narrate::Narrator;
use crate::cli::error::Error;
use crate::http::client::{self, Answer, Client};

/// Entra's side of the conversation.
pub struct Talk<'a> {
    /// Its connection.
    pub client: &'a Client,
    /// Whom it is told to.
    pub narrator: &'a Narrator,
}

impl Talk<'_> {
    /// `GET /Users?filter=userName eq "…"`, or the like for groups, without their members. Takes
    /// attributes with their values; all have to hold.
    ///
    /// # Errors
    /// When it isn't answered with a list.
    pub async fn look_up(&self, endpoint: &str, wanted: &[(&str, &str)]) -> Result<Value, Error> {
        // A JSON string is how RFC 7644 §3.4.2.2 writes a filter's value.
        let filter = wanted
            .iter()
            .map(|(attribute, value)| format!("{attribute} eq {}", Value::from(*value)))
            .collect::<Vec<_>>()
            .join(" and ");
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut without = "";
        if endpoint == "Groups" {
            query.append_pair("excludedAttributes", "members");
            without = "excludedAttributes=members&";
        }
        query.append_pair("filter", &filter);
        let shown = format!("/{endpoint}?{without}filter={filter}");
        let path = format!("/{endpoint}?{}", query.finish());
        let answer = self.client.get(&path).await;
        let answer = expect("GET", &shown, answer, &[200])?;
        let count = answer.body.get("totalResults").and_then(Value::as_u64);
        let count =
            count.ok_or_else(|| unexpected("GET", &shown, "the answer has no totalResults"))?;
        self.narrator.detail(&format!("GET {shown}: {}, {count} found", answer.status))?;
        Ok(answer.body)
    }

    /// Sends a POST; the resource that was made.
    ///
    /// # Errors
    /// When it isn't answered 201.
    pub async fn post(&self, path: &str, body: &Value, whom: &str) -> Result<Value, Error> {
        let answer = expect("POST", path, self.client.post(path, body).await, &[201])?;
        self.narrator.detail(&format!(
            "POST {path}: {}, {whom} is {}",
            answer.status,
            id_of(&answer.body)?
        ))?;
        Ok(answer.body)
    }

    /// Sends a PATCH; the resource, where the answer has one.
    ///
    /// # Errors
    /// When it isn't answered 200 or 204.
    pub async fn patch(&self, path: &str, body: &Value, whom: &str) -> Result<Value, Error> {
        let answer = expect("PATCH", path, self.client.patch(path, body).await, &[200, 204])?;
        let operations = body.get("Operations").map(Value::to_string).unwrap_or_default();
        self.narrator.detail(&format!("PATCH {path}: {}, {whom}: {operations}", answer.status))?;
        Ok(answer.body)
    }
}

/// The one resource that a lookup found.
pub fn found(list: &Value) -> Option<&Value> {
    list.pointer("/Resources/0")
}

/// A resource's id.
///
/// # Errors
/// When it has none.
pub fn id_of(resource: &Value) -> Result<String, Error> {
    resource
        .get("id")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Error::refused(format!("a resource came without an id: {resource}")))
}

/// An answer that Entra couldn't go on with.
pub fn unexpected(method: &str, path: &str, what: &str) -> Error {
    Error::refused(format!("the demo's Entra stopped at {method} {path}: {what}"))
}

fn expect(
    method: &str,
    path: &str,
    answer: Result<Answer, client::Error>,
    wanted: &[u16],
) -> Result<Answer, Error> {
    let answer = answer.map_err(|error| {
        Error::failed(format!("the demo's Entra stopped at {method} {path}"), error)
    })?;
    if wanted.contains(&answer.status) {
        return Ok(answer);
    }
    let detail = answer.body.get("detail").and_then(Value::as_str).unwrap_or("no detail");
    Err(unexpected(method, path, &format!("answered {}: {detail}", answer.status)))
}
