//! What a bearer token is worth, once it is found to be good.

use crate::service::context::Scope;

/// A good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
}
