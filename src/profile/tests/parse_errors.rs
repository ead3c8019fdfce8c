//! Bad profiles and what is said of them.
