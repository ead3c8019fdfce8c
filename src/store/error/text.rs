//! What a database's message means where its code was lost on the way.
//!
//! diesel keeps a kind of some codes (`DatabaseErrorKind`); of the rest, and of what breaks in
//! MariaDB's driver, only the text arrives. Those are listed here, each as a whole: with what stands in
//! a message's own words at both of its ends. What a message quotes (a value that a client sent, a
//! name that somebody gave a column) fills a hole, so that it can't be taken for another message. An unknown text is
//! [`ErrorKind::Other`], which is never tried again.

use super::ErrorKind::{
    self, Conflict, Denied, Invalid, Lost, ReadOnly, Stale, Timeout, TooBig, Unfit, Unique,
};
use super::Subject;

/// The messages of PostgreSQL 13 to 18, MariaDB 10.6 to 12, MySQL 8 and SQLite 3 in their own
/// words; `<>` is a hole, `<n>` one of digits, the rest say what fills them. The client's mistakes
/// stand first.
const TEXTS: &[(ErrorKind, &str)] = &[
    // PostgreSQL.
    (Invalid, "invalid input syntax for <>"),
    (Invalid, "invalid input value for enum <>"),
    (Invalid, "value too long for type <>"),
    (Invalid, "value \"<>\" is out of range for type <>"),
    (Invalid, "\"<>\" is out of range for type <>"),
    (Invalid, "smallint out of range"),
    (Invalid, "integer out of range"),
    (Invalid, "bigint out of range"),
    (Invalid, "numeric field overflow"),
    (Invalid, "value out of range: <>"),
    (Invalid, "date out of range: <>"),
    (Invalid, "timestamp out of range<>"),
    (Invalid, "interval out of range"),
    (Invalid, "date/time field value out of range: <>"),
    (Invalid, "interval field value out of range: <>"),
    (Invalid, "time zone displacement out of range: <>"),
    (Invalid, "bit string length <n> does not match type bit(<n>)"),
    (Invalid, "bit string too long for type <>"),
    (Invalid, "invalid byte sequence for encoding <>"),
    (Invalid, "character with byte sequence <> in encoding <> has no equivalent in encoding <>"),
    (Invalid, "unsupported Unicode escape sequence"),
    (Conflict, "deadlock detected"),
    (Conflict, "canceling statement due to lock timeout"),
    (Timeout, "canceling statement due to statement timeout"),
    (Timeout, "canceling statement due to user request"),
    (Lost, "terminating connection due to administrator command"),
    (Lost, "terminating connection due to conflict with recovery"),
    (Lost, "terminating connection due to idle-in-transaction timeout"),
    (Lost, "terminating connection due to idle-session timeout"),
    (Lost, "terminating connection due to transaction timeout"),
    (Lost, "terminating connection due to immediate shutdown command"),
    (Lost, "terminating connection due to unexpected postmaster exit"),
    (Lost, "terminating connection because of crash of another server process"),
    (Lost, "the database system is starting up"),
    (Lost, "the database system is shutting down"),
    (Lost, "the database system is in recovery mode"),
    (Lost, "the database system is not accepting connections"),
    (Lost, "the database system is not yet accepting connections"),
    (ReadOnly, "cannot execute <> in a read-only transaction"),
    (ReadOnly, "cannot execute <> during recovery"),
    (ReadOnly, "could not extend file \"<>\": <>"),
    (ReadOnly, "could not write to file \"<>\": No space left on device"),
    (ReadOnly, "could not write block <n> of temporary file: No space left on device"),
    (TooBig, "row is too big: size <n>, maximum size <n>"),
    (TooBig, "invalid memory alloc request size <n>"),
    (Invalid, "index row size <n> exceeds <>"),
    (Invalid, "index row requires <n> bytes, maximum size is <n>"),
    (Stale, "cached plan must not change result type"),
    (Stale, "prepared statement \"<>\" does not exist"),
    (Stale, "prepared statement \"<>\" already exists"),
    (Stale, "cache lookup failed for <>"),
    (Stale, "could not open relation with OID <>"),
    (Stale, "type with OID <> does not exist"),
    (Unfit, "column <> does not exist"),
    (Unfit, "column \"<>\" of relation \"<>\" does not exist"),
    (Unfit, "relation \"<>\" does not exist"),
    (Unfit, "operator does not exist: <>"),
    (Denied, "permission denied for schema <schema>"),
    (Denied, "new row violates row-level security policy<policy>"),
    (Denied, "permission denied <>"),
    // MariaDB and MySQL.
    (Invalid, "Incorrect <> value: '<>' for column `<>`.`<table>`.`<column>` at row <n>"),
    (Invalid, "Incorrect <> value: '<>' for column '<column>' at row <n>"),
    (Invalid, "Truncated incorrect <> value: '<>'"),
    (Invalid, "Data too long for column '<column>' at row <n>"),
    (Invalid, "Data truncated for column '<column>' at row <n>"),
    (Invalid, "Out of range value for column '<column>' at row <n>"),
    (Invalid, "BIGINT value is out of range in '<>'"),
    (Invalid, "BIGINT UNSIGNED value is out of range in '<>'"),
    (Invalid, "DECIMAL value is out of range in '<>'"),
    (Invalid, "DOUBLE value is out of range in '<>'"),
    (Invalid, "Column '<column>' cannot be null"),
    (Invalid, "Field '<column>' doesn't have a default value"),
    (Invalid, "CONSTRAINT `<check>` failed for `<>`.`<>`"),
    (Invalid, "Check constraint '<check>' is violated."),
    (Unique, "Duplicate entry '<>' for key '<unique>'"),
    (Conflict, "Deadlock found when trying to get lock; try restarting transaction"),
    (Conflict, "Lock wait timeout exceeded; try restarting transaction"),
    (Conflict, "Record has changed since last read in table '<>'"),
    (Stale, "Prepared statement needs to be re-prepared"),
    (Stale, "Unknown prepared statement handler (<n>) given to <>"),
    (Stale, "Table definition has changed, please retry transaction"),
    (Unfit, "Unknown column '<>' in '<>'"),
    (Unfit, "Table '<>' doesn't exist"),
    (Unfit, "Table '<>' doesn't exist in engine"),
    (ReadOnly, "The table '<>' is full"),
    (ReadOnly, "Disk full (<>); waiting for someone to free some space... (errno: <>)"),
    (ReadOnly, "Disk got full writing '<>' (Errcode: <>)"),
    (ReadOnly, "Error writing file '<>' (errno: 28 <>)"),
    (ReadOnly, "Got error 28 <>"),
    (ReadOnly, "Cannot execute statement in a READ ONLY transaction"),
    (ReadOnly, "Table '<>' is read only"),
    (Timeout, "Query execution was interrupted (max_statement_time exceeded)"),
    (Timeout, "Query execution was interrupted"),
    (Timeout, "Query execution was interrupted, maximum statement execution time exceeded"),
    (
        ReadOnly,
        "The <> server is running with the --<>read-only option so it cannot execute this statement",
    ),
    (Lost, "Connection was killed"),
    (Lost, "The client was disconnected by the server because of inactivity. <>"),
    (Lost, "The server is currently in offline mode"),
    (Conflict, "Plugin instructed the server to rollback the current transaction."),
    (Lost, "Server shutdown in progress"),
    (Lost, "WSREP has not yet prepared node for application use"),
    (Denied, "<right> command denied to user <>"),
    (Denied, "Access denied<>"),
    (TooBig, "Got a packet bigger than 'max_allowed_packet' bytes"),
    // MariaDB's driver.
    (TooBig, "Input/output error: <>packet too large"),
    (Lost, "Input/output error: <>"),
    (Lost, "Driver error: `Connection to the server is closed.'"),
    (Lost, "Driver error: `Packet out of order.'"),
    // SQLite.
    (Invalid, "CHECK constraint failed: <check>"),
    (Invalid, "NOT NULL constraint failed: <table>.<column>"),
    (Invalid, "cannot store <> value in <> column <table>.<column>"),
    (Invalid, "datatype mismatch"),
    (Unique, "UNIQUE constraint failed: <unique>"),
    (Conflict, "database is locked"),
    (Conflict, "database table is locked"),
    (Conflict, "database table is locked: <>"),
    (ReadOnly, "attempt to write a readonly database"),
    (TooBig, "string or blob too big"),
    (ReadOnly, "database or disk is full"),
    (ReadOnly, "unable to open database file"),
    (Stale, "database schema has changed"),
    (Timeout, "interrupted"),
    (Unfit, "no such table: <>"),
    (Unfit, "no such column: <>"),
    (Unfit, "table <> has no column named <>"),
    (Lost, "disk I/O error"),
];

/// What the message means, and what it is about.
pub(super) fn read(message: &str) -> Option<(ErrorKind, Option<Subject>)> {
    TEXTS.iter().find_map(|(kind, shape)| Some((*kind, subject(&holes(shape, message)?))))
}

/// Whether the whole message has the shape.
pub(super) fn has_shape(shape: &str, message: &str) -> bool {
    holes(shape, message).is_some()
}

/// What fills the holes of a shape, by name, when the whole message has that shape. Read from its
/// end: what a client sent stands before the names that a database puts behind it. Where a filling has
/// the words that stand before its hole, the hole begins at the last of them with which all others fit.
fn holes<'a>(shape: &'a str, message: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let Some((before, hole)) = shape.rsplit_once('<') else {
        return (shape == message).then(Vec::new);
    };
    let (name, after) = hole.split_once('>')?;
    let rest = message.strip_suffix(after)?;
    let words = before.rsplit_once('>').map_or(before, |(_, words)| words);
    rest.rmatch_indices(words).find_map(|(at, _)| {
        let (words, filling) = rest.split_at_checked(at + words.len())?;
        let mut found = holes(before, words).filter(|_| fills(name, filling))?;
        found.push((name, filling));
        Some(found)
    })
}

/// Whether a hole of this name may hold the text.
fn fills(name: &str, filling: &str) -> bool {
    match name {
        "n" => !filling.is_empty() && filling.bytes().all(|it| it.is_ascii_digit()),
        "right" => filling.bytes().all(|it| it.is_ascii_uppercase() || it == b' ' || it == b','),
        _ => true,
    }
}

fn subject(holes: &[(&str, &str)]) -> Option<Subject> {
    let of = |name| holes.iter().find(|(it, _)| *it == name).map(|(_, text)| (*text).to_owned());
    let column = || Some(Subject::Column { column: of("column")?, table: of("table") });
    column()
        .or_else(|| of("check").map(Subject::Check))
        .or_else(|| of("unique").map(Subject::Unique))
        .or_else(|| of("right").map(Subject::Right))
        .or_else(|| of("schema").map(Subject::Schema))
        .or_else(|| of("policy").map(|_| Subject::Policy))
}
