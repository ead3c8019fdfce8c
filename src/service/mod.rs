//! The operations: parse → map → one transaction → render, each a function that reads top to
//! bottom. Knows no HTTP and no SQL. ARCHITECTURE.md says how many statements each request sends.

mod actor;
pub mod audit;
pub mod auth;
pub mod clients;
mod conditions;
mod context;
pub mod credentials;
mod error;
pub mod guard;
mod left_out;
mod provider;
mod read;
mod representation;
mod secret;
mod trail;
mod within;
mod write;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use actor::{Actor, Came};
pub(crate) use actor::{Deed, done};
pub use auth::Token;
pub use conditions::{Conditions, EntityTags};
pub use context::{Caller, Reply, Scope};
pub use error::Error;
pub use left_out::{Absence, LeftOut};
pub use provider::{Paging, Service};

use crate::clock::stamp;
use crate::scim::discovery::Scheme;
use crate::scim::{self, ListQuery, Projection, ResourceType};
use crate::store::{Status, Store, access_tokens as rows};

impl Service {
    /// `POST /Users`, `POST /Groups` (RFC 7644 §3.3).
    ///
    /// # Errors
    /// 400, 409 `uniqueness`; the database's.
    pub async fn create(
        &self,
        caller: &Caller,
        kind: ResourceType,
        body: Value,
        projection: Projection,
    ) -> Result<Reply, Error> {
        let request = write::Request::new(caller, kind, None, projection, Conditions::default());
        write::run(self, request, write::Operation::Create(body)).await
    }

    /// `GET /Users/{id}` (RFC 7644 §3.4.1).
    ///
    /// # Errors
    /// 404; the database's.
    pub async fn get(
        &self,
        caller: &Caller,
        kind: ResourceType,
        id: &str,
        projection: Projection,
        conditions: Conditions,
    ) -> Result<Reply, Error> {
        read::get(self, caller, kind, id, projection, conditions).await
    }

    /// `GET /Users`, `POST /Users/.search` (RFC 7644 §3.4.2, §3.4.3).
    ///
    /// # Errors
    /// 400 `invalidFilter`, `invalidValue`; the database's.
    pub async fn list(
        &self,
        caller: &Caller,
        kind: ResourceType,
        query: ListQuery,
    ) -> Result<Reply, Error> {
        read::list(self, caller, kind, query).await
    }

    /// `POST /.search` (RFC 7644 §3.4.3) and `GET /` (§3.4.2.1): users and groups in one list; `query` is
    /// what is asked of each type.
    ///
    /// # Errors
    /// 400 where no resource type can answer; the database's.
    pub async fn search_all(
        &self,
        caller: &Caller,
        query: &(dyn Fn(ResourceType) -> Result<ListQuery, scim::Error> + Sync),
    ) -> Result<Reply, Error> {
        read::search_all(self, caller, query).await
    }

    /// `PUT /Users/{id}` (RFC 7644 §3.5.1). What the body leaves out is cleared, but for `active`
    /// and `members`, which stay: nobody is disabled or thrown out of a team by silence.
    ///
    /// # Errors
    /// 400, 403, 404, 409, 412; the database's.
    pub async fn replace(
        &self,
        caller: &Caller,
        kind: ResourceType,
        id: &str,
        body: Value,
        projection: Projection,
        conditions: Conditions,
    ) -> Result<Reply, Error> {
        let request = write::Request::new(caller, kind, Some(id), projection, conditions);
        write::run(self, request, write::Operation::Replace(body)).await
    }

    /// `PATCH /Users/{id}` (RFC 7644 §3.5.2).
    ///
    /// # Errors
    /// 400, 403, 404, 409, 412; the database's.
    pub async fn patch(
        &self,
        caller: &Caller,
        kind: ResourceType,
        id: &str,
        body: Value,
        projection: Projection,
        conditions: Conditions,
    ) -> Result<Reply, Error> {
        let request = write::Request::new(caller, kind, Some(id), projection, conditions);
        write::run(self, request, write::Operation::Patch(body)).await
    }

    /// `DELETE /Users/{id}` (RFC 7644 §3.6): leaves a tombstone.
    ///
    /// # Errors
    /// 403, 404, 409, 412; the database's.
    pub async fn delete(
        &self,
        caller: &Caller,
        kind: ResourceType,
        id: &str,
        conditions: Conditions,
    ) -> Result<Reply, Error> {
        let projection = Projection::default();
        let request = write::Request::new(caller, kind, Some(id), projection, conditions);
        write::run(self, request, write::Operation::Delete).await
    }

    /// Leaves the trace of a write that was refused before it came here: by the token's scope, for a
    /// body that can't be read. Of those who may not write at all, a few a minute. A failure of the
    /// database is logged.
    pub async fn refused(
        &self,
        caller: &Caller,
        operation: &str,
        kind: Option<ResourceType>,
        id: Option<&str>,
        error: &scim::Error,
    ) {
        if caller.scope == Scope::Provision || self.traced.admits(&caller.token) {
            write::refused(self, caller, &audit::Refusal { operation, kind, id, error }).await;
        }
    }

    /// Whether this was accepted as a token within the last hour. Asks the database nothing.
    pub fn knows(&self, presented: &str) -> bool {
        self.tokens.knows(presented)
    }

    /// The token that was presented, when it is one and still good.
    ///
    /// # Errors
    /// The database's; [`Error::Keys`] for a token of Entra's that nothing can be told of yet.
    pub async fn authenticate(
        &self,
        presented: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, Error> {
        let entra = self.entra.as_deref();
        auth::authenticate(&self.store, &self.tokens, entra, presented, stamp(now)).await
    }

    /// Begins a session in the console, eight hours at most, with a token that was just proved to be good:
    /// its text. `None` where the token's secret was replaced at this moment.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_in(
        &self,
        token: &Token,
        presented: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Error> {
        auth::sign_in(&self.store, token, presented, stamp(now)).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(&self, session: &str) -> Result<(), Error> {
        auth::sign_out(&self.store, &self.tokens, session).await
    }

    /// A token for an OAuth 2.0 client (RFC 6749 §4.4), with its own scope, which it may name.
    pub async fn issue(
        &self,
        credentials: &clients::Credentials,
        scope: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<clients::Issue, Error> {
        clients::issue(&self.store, credentials, scope, self.token_lifetime, now).await
    }

    /// The ways to authenticate here: OAuth 2.0 where there are clients. One statement.
    pub async fn schemes(&self, now: DateTime<Utc>) -> Result<Vec<Scheme>, Error> {
        let any = self.store.read(stamp(now), async |tx, now| rows::any(tx, *now).await).await?;
        let mut schemes = vec![Scheme::BearerToken];
        schemes.extend(any.then_some(Scheme::ClientCredentials));
        Ok(schemes)
    }

    /// Whether requests can be served: the database answers, has the sidecar tables and takes writes, and
    /// its tables fit the profile. The last two are asked only after something was refused.
    pub async fn ready(&self) -> Result<(), Error> {
        self.store.ping().await?;
        self.store.takes_writes().await?;
        if self.store.is_doubted() {
            self.fits().await?;
        }
        Ok(())
    }
}

/// The figures of `status`, with the outcomes of the last day.
pub async fn status(store: &Store, now: DateTime<Utc>) -> Result<Status, Error> {
    let day = chrono::TimeDelta::days(1);
    store.status(stamp(now - day)).await.map_err(Error::from)
}
