//! The wire: every clause of RFC 7643/7644 and every habit of Entra's that the agent promises.

mod admin;
mod bad_input;
mod create;
mod delete;
mod discovery;
mod entra;
mod entra_tokens;
mod etags;
mod filters;
mod groups;
mod hostile;
mod lists;
mod members;
mod oauth;
mod parallel;
mod patch;
mod projection;
mod refusals;
mod reload;
mod replace;
mod requests;
mod systemd;
mod throttle;
mod tls;
mod tokens;
mod unoffered;
