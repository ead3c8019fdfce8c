//! The operations in a transaction of the caller's, who decides what becomes of it: what a rehearsal
//! lives through. They run through the very functions that requests run through.

use serde_json::Value;

use super::write::{self, Operation, Request};
use super::{Caller, Conditions, Error, Reply, Service, read};
use crate::scim::{ListQuery, Projection, ResourceType};
use crate::store::Tx;

impl Service {
    /// [`Service::create`]: the new resource.
    ///
    /// # Errors
    /// As there.
    pub async fn create_within(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        kind: ResourceType,
        body: Value,
    ) -> Result<Value, Error> {
        self.written(tx, caller, kind, None, Operation::Create(body)).await
    }

    /// [`Service::patch`]: the resource as it then is.
    ///
    /// # Errors
    /// As there.
    pub async fn patch_within(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        kind: ResourceType,
        id: &str,
        body: Value,
    ) -> Result<Value, Error> {
        self.written(tx, caller, kind, Some(id), Operation::Patch(body)).await
    }

    /// [`Service::delete`].
    ///
    /// # Errors
    /// As there.
    pub async fn delete_within(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        kind: ResourceType,
        id: &str,
    ) -> Result<Value, Error> {
        self.written(tx, caller, kind, Some(id), Operation::Delete).await
    }

    /// [`Service::list`]: the resources of the page.
    ///
    /// # Errors
    /// As there.
    pub async fn list_within(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        kind: ResourceType,
        query: ListQuery,
    ) -> Result<Vec<Value>, Error> {
        read::list_within(self, tx, caller, kind, query).await
    }

    async fn written(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        kind: ResourceType,
        id: Option<&str>,
        operation: Operation,
    ) -> Result<Value, Error> {
        let conditions = Conditions::default();
        let request = Request::new(caller, kind, id, Projection::default(), conditions);
        Ok(match write::within(self, tx, request, operation).await? {
            Reply::Resource { body, .. } => body,
            Reply::NoContent { .. } | Reply::NotModified { .. } => Value::Null,
        })
    }
}
