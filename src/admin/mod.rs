//! What an operator's tools ask of a running daemon. Knows no SCIM and needs no token, so nothing
//! here may say more than whether the daemon works.

pub mod health;
