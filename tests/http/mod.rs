//! The wire: every clause of RFC 7643/7644 and every habit of Entra's that the agent promises.

mod bad_input;
mod create;
mod delete;
mod discovery;
mod entra;
mod entra_tokens;
mod etags;
mod filters;
mod groups;
mod lists;
mod members;
mod oauth;
mod parallel;
mod patch;
mod projection;
mod replace;
mod tokens;
mod unoffered;
