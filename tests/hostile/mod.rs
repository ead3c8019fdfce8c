//! Whoever means harm: what one stranger, or one client, can take from all others. Each attack is
//! bounded, and while it goes on somebody with a good token is answered.

mod corpus;
mod letter;
mod shares;
mod strangers;
mod traces;
