//! What the servers say in their own words and no list of `text` has: their troubles, and statements
//! that are wrong. All else that comes without a code is what a trigger or a procedure says.
//!
//! Only for PostgreSQL and SQLite: MariaDB tells the code when it is asked.

use super::text::has_shape;

/// `<>` is a hole. PostgreSQL's are those that name no place in a statement.
const SHAPES: &[&str] = &[
    // PostgreSQL: resources, files, its own state.
    "out of <>memory",
    "could not open <>",
    "could not read <>",
    "could not write <>",
    "could not extend <>",
    "could not access <>",
    "could not create <>",
    "could not fsync <>",
    "could not resize <>",
    "could not seek <>",
    "could not serialize <>",
    "could not connect <>",
    "could not determine <>",
    "could not identify <>",
    "could not find <>",
    "could not load <>",
    "could not load library <>",
    "invalid page <>",
    "invalid memory alloc request size <>",
    "missing chunk number <>",
    "unexpected chunk <>",
    "unexpected data beyond EOF <>",
    "cache lookup failed <>",
    "tuple concurrently <>",
    "stack depth limit exceeded",
    "disk full",
    "memory exhausted",
    "cached plan must not change result type",
    "prepared statement <>",
    "bind message supplies <>",
    "current transaction is aborted, commands ignored until end of transaction block",
    "cannot execute <>",
    "savepoint <>",
    "remaining connection slots are reserved <>",
    "sorry, too many clients already",
    "nextval: reached <>",
    "setval: value <>",
    "must be owner of <>",
    "index <>",
    // PostgreSQL: what a statement may not do here, and a broken trigger.
    "cannot insert into <>",
    "cannot update view <>",
    "cannot update table <>",
    "cannot delete from view <>",
    "cannot delete from table <>",
    "cannot insert a non-DEFAULT value into column <>",
    "column <>",
    "relation <>",
    "function <>",
    "record <>",
    "type <>",
    "there is no unique or exclusion constraint <>",
    "more than one row returned by a subquery used as an expression",
    "query returned <>",
    "control reached end of <>",
    "division by zero",
    "malformed <>",
    "infinite recursion detected <>",
    // SQLite: resources and its own state.
    "database or disk is full",
    "database disk image is malformed",
    "database schema has changed",
    "database schema is locked<>",
    "unable to open database<>",
    "file is not a database",
    "locking protocol",
    "interrupted",
    "string or blob too big",
    "access permission denied",
    "authorization denied",
    "not authorized<>",
    "bad parameter or other API misuse",
    "large file support is disabled",
    "unknown error",
    "no such savepoint: <>",
    "cannot commit<>",
    "cannot rollback<>",
    "cannot start a transaction <>",
    "cannot open savepoint <>",
    "attempt to write a readonly database",
    // SQLite: a statement that is wrong.
    "no such <>",
    "near <>",
    "incomplete input",
    "unrecognized token<>",
    "table <> has no column named <>",
    "table <> may not be modified",
    "cannot modify <> because it is a view",
    "cannot UPDATE generated column <>",
    "cannot INSERT into generated column <>",
    "ambiguous column name: <>",
    "foreign key mismatch - <>",
    "wrong number of arguments <>",
    "misuse of <>",
    "row value misused",
    "sub-select returns <>",
    "too many <>",
    "integer overflow",
    "malformed JSON",
    "recursive reference <>",
    "unsafe use of <>",
    "RETURNING may not <>",
    "table <> already exists",
];

/// Whether a message is the server's own.
pub(super) fn is_servers(message: &str) -> bool {
    SHAPES.iter().any(|shape| has_shape(shape, message))
}

#[cfg(test)]
mod tests {
    use super::is_servers;

    #[test]
    fn a_servers_trouble_is_told_from_a_rule() {
        for own in [
            "could not extend file \"base/5/1\": No space left on device",
            "out of shared memory",
            "cannot execute INSERT in a read-only transaction",
            "database or disk is full",
            "no such table: users",
            "cannot modify people because it is a view",
        ] {
            assert!(is_servers(own), "{own}");
        }
        for rule in [
            "the last administrator stays",
            "cannot deactivate the last administrator",
            "login must be in lower case",
            "new row violates check option for view \"people\"",
        ] {
            assert!(!is_servers(rule), "{rule}");
        }
    }
}
