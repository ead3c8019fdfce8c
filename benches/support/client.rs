//! A caller of the agent: one keep-alive connection, Entra's requests, every answer checked.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::Result;
use super::world::{Status, Step, User};

const BASE: &str = "/scim/v2";

/// One connection with a token.
#[derive(Debug)]
pub struct Client {
    http: SendRequest<Full<Bytes>>,
    host: String,
    authorization: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(address: &str, token: &str) -> Result<Self> {
        let authorization = format!("Bearer {token}");
        Ok(Self { http: open(address).await?, host: address.to_owned(), authorization })
    }

    /// Asks for one step.
    ///
    /// # Errors
    /// A lost connection, or another answer than the step's.
    pub async fn run(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Match(user) | Step::MatchAsFound(user) => self.look_up(user, 1).await?,
            Step::Miss(user) => self.look_up(user, 0).await?,
            Step::Get(user) => {
                let path = format!("{BASE}/Users/{}", user.key());
                self.send(Method::GET, &path, None, StatusCode::OK).await?;
            }
            Step::Create(user) => {
                let body = newcomer(user);
                self.send(Method::POST, &format!("{BASE}/Users"), Some(&body), StatusCode::CREATED)
                    .await?;
            }
            Step::SetActive(user, status) => {
                let value = json!(status == Status::Active);
                let body = patch(&json!({ "op": "Replace", "path": "active", "value": value }));
                let path = format!("{BASE}/Users/{}", user.key());
                self.send(Method::PATCH, &path, Some(&body), StatusCode::OK).await?;
            }
            Step::Add(team, user) => self.members(team.key(), "Add", user).await?,
            Step::Remove(team, user) => self.members(team.key(), "Remove", user).await?,
        }
        Ok(())
    }

    /// Asks whether the agent is alive.
    ///
    /// # Errors
    /// As for a step.
    pub async fn health(&mut self) -> Result<()> {
        self.send(Method::GET, "/healthz", None, StatusCode::OK).await.map(drop)
    }

    /// Reads a group with all of its members.
    ///
    /// # Errors
    /// As for a step.
    pub async fn read_group(&mut self, key: u32) -> Result<()> {
        self.send(Method::GET, &format!("{BASE}/Groups/g-{key}"), None, StatusCode::OK)
            .await
            .map(drop)
    }

    async fn members(&mut self, group: u32, op: &str, user: User) -> Result<()> {
        let member = json!([{ "value": user.key().to_string() }]);
        let body = patch(&json!({ "op": op, "path": "members", "value": member }));
        let path = format!("{BASE}/Groups/g-{group}");
        self.send(Method::PATCH, &path, Some(&body), StatusCode::NO_CONTENT).await.map(drop)
    }

    async fn look_up(&mut self, user: User, wanted: u32) -> Result<()> {
        let path = format!("{BASE}/Users?filter=userName+eq+%22{}%22", user.email());
        let body = self.send(Method::GET, &path, None, StatusCode::OK).await?;
        let total = format!("\"totalResults\":{wanted}");
        if body.windows(total.len()).any(|part| part == total.as_bytes()) {
            return Ok(());
        }
        Err(format!("GET {path} finds another number of users than {wanted}").into())
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        expected: StatusCode,
    ) -> Result<Bytes> {
        if self.http.is_closed() {
            self.http = open(&self.host).await?;
        }
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("host", &self.host)
            .header("authorization", &self.authorization)
            .header("content-type", "application/scim+json; charset=utf-8");
        let body = body.map(Value::to_string).unwrap_or_default();
        self.http.ready().await?;
        let answer = self.http.send_request(request.body(Full::from(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status == expected {
            return Ok(body);
        }
        Err(format!("{method} {path}: {status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

/// Whether the daemon says that it is ready.
pub async fn is_ready(address: &str) -> bool {
    let asked = async {
        let mut http = open(address).await?;
        let request = Request::get("/readyz").header("host", address);
        let answer = http.send_request(request.body(Full::default())?).await?;
        Ok::<_, super::Failure>(answer.status() == StatusCode::OK)
    };
    let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
    matches!(answer, Ok(Ok(true)))
}

async fn open(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (http, connection) = handshake(TokioIo::new(stream)).await?;
    // Its error reaches the request that is under way.
    tokio::spawn(connection);
    Ok(http)
}

fn patch(operation: &Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation],
    })
}

/// A POST as kpifire's mappings in Entra make it.
fn newcomer(user: User) -> Value {
    let (given, family) = user.name();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise],
        "externalId": user.external_id(),
        "userName": user.email(),
        "active": true,
        "displayName": format!("{given} {family}"),
        "name": { "givenName": given, "familyName": family },
        "title": "Operator",
        "phoneNumbers": [{ "type": "work", "value": "+1 555 0100" }],
        (enterprise): { "department": "Assembly" },
        "meta": { "resourceType": "User" },
    })
}
