//! Each message of a driver, and the same with a hostile text in every place that a client or an
//! administrator fills.

use super::*;

/// What a client may send and an administrator may call a column: the databases' own words for
/// another trouble.
const HOSTILE: &[&str] = &[
    "Broken pipe",
    "deadlock detected",
    "Deadlock found when trying to get lock; try restarting transaction",
    "Lock wait timeout exceeded; try restarting transaction",
    "canceling statement due to lock timeout",
    "canceling statement due to statement timeout",
    "terminating connection due to administrator command",
    "the database system is shutting down",
    "Input/output error: Broken pipe (os error 32)",
    "Driver error: `Connection to the server is closed.'",
    "Connection was killed",
    "Server shutdown in progress",
    "database is locked",
    "disk I/O error",
    "attempt to write a readonly database",
    "permission denied for schema public",
    "SELECT command denied to user 'x'@'y'",
    "invalid input syntax for type integer: \"x\"",
    "Data too long for column 'title' at row 1",
    "' for column `plant`.`users`.`title` at row 1",
    "\" is out of range for type integer",
    "x' at row 2",
    "connection closed",
    "'",
    "",
];

/// A message and its kind: `{}` is a value, `{name}` a column's or a constraint's.
const MESSAGES: &[(&str, ErrorKind)] = &[
    ("invalid input syntax for type integer: \"{}\"", ErrorKind::Invalid),
    ("invalid input syntax for type uuid: \"{}\"", ErrorKind::Invalid),
    ("invalid input value for enum {name}: \"{}\"", ErrorKind::Invalid),
    ("value \"{}\" is out of range for type integer", ErrorKind::Invalid),
    ("\"{}\" is out of range for type double precision", ErrorKind::Invalid),
    ("date/time field value out of range: \"{}\"", ErrorKind::Invalid),
    ("time zone displacement out of range: \"{}\"", ErrorKind::Invalid),
    (
        "Incorrect integer value: '{}' for column `plant`.`users`.`{name}` at row 1",
        ErrorKind::Invalid,
    ),
    ("Incorrect string value: '{}' for column '{name}' at row 12", ErrorKind::Invalid),
    ("Truncated incorrect DOUBLE value: '{}'", ErrorKind::Invalid),
    ("Data too long for column '{name}' at row 1", ErrorKind::Invalid),
    ("Data truncated for column '{name}' at row 1", ErrorKind::Invalid),
    ("Out of range value for column '{name}' at row 1", ErrorKind::Invalid),
    ("Column '{name}' cannot be null", ErrorKind::Invalid),
    ("Field '{name}' doesn't have a default value", ErrorKind::Invalid),
    ("CONSTRAINT `{name}` failed for `plant`.`users`", ErrorKind::Invalid),
    ("CHECK constraint failed: {name}", ErrorKind::Invalid),
    ("NOT NULL constraint failed: users.{name}", ErrorKind::Invalid),
    ("cannot store TEXT value in INTEGER column users.{name}", ErrorKind::Invalid),
    ("Record has changed since last read in table '{name}'", ErrorKind::Conflict),
    ("database table is locked: {name}", ErrorKind::Conflict),
    ("permission denied for table {name}", ErrorKind::Denied),
    (
        "SELECT command denied to user 'kpifire'@'localhost' for table `plant`.`{name}`",
        ErrorKind::Denied,
    ),
    // What quotes something and is none of the above, a trigger's own signal among them.
    ("relation \"{name}\" does not exist", ErrorKind::Unfit),
    ("column \"{name}\" does not exist", ErrorKind::Unfit),
    ("no such column: {name}", ErrorKind::Unfit),
    ("Unknown column '{name}' in 'SET'", ErrorKind::Unfit),
    ("Table 'plant.{name}' doesn't exist", ErrorKind::Unfit),
    ("Incorrect key file for table '{name}'; try to repair it", ErrorKind::Other),
    ("the value {} is not one of the plant's", ErrorKind::Other),
    ("not one of the plant's: {}", ErrorKind::Other),
];

fn said(kind: DatabaseErrorKind, text: &str) -> Error {
    Error::from(Diesel::DatabaseError(kind, Box::new(text.to_owned())))
}

#[test]
fn no_quoted_text_makes_one_failure_another() {
    for (message, kind) in MESSAGES {
        for hostile in HOSTILE {
            let text = message.replace("{}", hostile).replace("{name}", "title");
            assert_eq!(said(DatabaseErrorKind::Unknown, &text).kind(), *kind, "{text}");
            let text = message.replace("{}", "7").replace("{name}", hostile);
            assert_eq!(said(DatabaseErrorKind::Unknown, &text).kind(), *kind, "{text}");
        }
    }
}

#[test]
fn a_triggers_signal_that_begins_with_the_value_is_its_own() {
    for hostile in HOSTILE.iter().filter(|it| !it.starts_with("Input/output error: ")) {
        let text = format!("{hostile} is none of the plant's");
        let kind = said(DatabaseErrorKind::Unknown, &text).kind();
        // Shapes that end in a hole can't be told: a client's mistake at worst.
        let open = ["invalid input syntax", "permission denied", "SELECT command denied"];
        if !open.iter().any(|it| hostile.starts_with(it)) {
            assert_eq!(kind, ErrorKind::Other, "{text}");
        }
        assert!(!matches!(kind, ErrorKind::Conflict | ErrorKind::Lost), "{text}");
    }
}

#[test]
fn a_quoted_text_is_never_the_subject() {
    for hostile in HOSTILE {
        for (message, table) in [
            (
                "Incorrect integer value: '{}' for column `plant`.`users`.`title` at row 1",
                Some("users"),
            ),
            ("Incorrect integer value: '{}' for column 'title' at row 1", None),
        ] {
            let text = message.replace("{}", hostile);
            let column =
                Subject::Column { table: table.map(str::to_owned), column: "title".to_owned() };
            assert_eq!(said(DatabaseErrorKind::Unknown, &text).subject(), Some(column), "{text}");
        }
        for message in [
            "Data too long for column '{}' at row 1",
            "Column '{}' cannot be null",
            "Field '{}' doesn't have a default value",
            "Incorrect uuid value: 'x' for column `plant`.`users`.`{}` at row 1",
            "cannot store TEXT value in INTEGER column users.{}",
        ] {
            let text = message.replace("{}", hostile);
            // SQLite doesn't quote its names: one with a dot is ambiguous.
            if hostile.contains('.') || hostile.contains("for column `") {
                continue;
            }
            let subject = said(DatabaseErrorKind::Unknown, &text).subject();
            let found =
                matches!(&subject, Some(Subject::Column { column, .. }) if column == hostile);
            assert!(found, "{text}: {subject:?}");
        }
    }
}

#[test]
fn a_kind_that_diesel_knows_goes_before_any_text() {
    for hostile in HOSTILE {
        for (kind, ours) in [
            (DatabaseErrorKind::UniqueViolation, ErrorKind::Unique),
            (DatabaseErrorKind::ExclusionViolation, ErrorKind::Unique),
            (DatabaseErrorKind::ForeignKeyViolation, ErrorKind::ForeignKey),
            (DatabaseErrorKind::RestrictViolation, ErrorKind::ForeignKey),
            (DatabaseErrorKind::NotNullViolation, ErrorKind::Invalid),
            (DatabaseErrorKind::CheckViolation, ErrorKind::Invalid),
            (DatabaseErrorKind::SerializationFailure, ErrorKind::Conflict),
            (DatabaseErrorKind::ReadOnlyTransaction, ErrorKind::ReadOnly),
            (DatabaseErrorKind::ClosedConnection, ErrorKind::Lost),
            (DatabaseErrorKind::UnableToSendCommand, ErrorKind::Lost),
        ] {
            assert_eq!(said(kind, hostile).kind(), ours, "{hostile}");
        }
    }
}

#[test]
fn every_message_without_a_hole_is_read_as_a_whole() {
    for (text, kind) in [
        ("integer out of range", ErrorKind::Invalid),
        ("numeric field overflow", ErrorKind::Invalid),
        ("invalid byte sequence for encoding \"UTF8\": 0xff", ErrorKind::Invalid),
        ("BIGINT UNSIGNED value is out of range in '`a`.`b` - 1'", ErrorKind::Invalid),
        ("datatype mismatch", ErrorKind::Invalid),
        ("canceling statement due to lock timeout", ErrorKind::Conflict),
        ("Lock wait timeout exceeded; try restarting transaction", ErrorKind::Conflict),
        ("canceling statement due to statement timeout", ErrorKind::Timeout),
        ("Query execution was interrupted (max_statement_time exceeded)", ErrorKind::Timeout),
        ("Query execution was interrupted", ErrorKind::Timeout),
        ("canceling statement due to user request", ErrorKind::Timeout),
        ("interrupted", ErrorKind::Timeout),
        ("Got a packet bigger than 'max_allowed_packet' bytes", ErrorKind::TooBig),
        ("Input/output error: Input/output error: packet too large", ErrorKind::TooBig),
        ("cached plan must not change result type", ErrorKind::Stale),
        ("prepared statement \"s2\" already exists", ErrorKind::Stale),
        ("Prepared statement needs to be re-prepared", ErrorKind::Stale),
        ("database or disk is full", ErrorKind::ReadOnly),
        ("The table 'users' is full", ErrorKind::ReadOnly),
        ("could not extend file \"base/5/16384\": No space left on device", ErrorKind::ReadOnly),
        ("attempt to write a readonly database", ErrorKind::ReadOnly),
        (
            "The MariaDB server is running with the --read-only option so it cannot execute this statement",
            ErrorKind::ReadOnly,
        ),
        ("Connection was killed", ErrorKind::Lost),
        ("WSREP has not yet prepared node for application use", ErrorKind::Lost),
        ("Input/output error: Input/output error: unexpected end of file", ErrorKind::Lost),
        ("Driver error: `Connection to the server is closed.'", ErrorKind::Lost),
        ("disk I/O error", ErrorKind::Lost),
        ("permission denied for schema plant", ErrorKind::Denied),
    ] {
        assert_eq!(said(DatabaseErrorKind::Unknown, text).kind(), kind, "{text}");
    }
}

#[test]
fn failures_are_sorted_by_what_can_be_done() {
    let said = |text: &str| {
        let information = Box::new(text.to_owned());
        Error::from(Diesel::DatabaseError(DatabaseErrorKind::Unknown, information)).kind()
    };
    for (text, kind) in [
        ("Deadlock found when trying to get lock; try restarting transaction", ErrorKind::Conflict),
        ("deadlock detected", ErrorKind::Conflict),
        ("database is locked", ErrorKind::Conflict),
        ("terminating connection due to administrator command", ErrorKind::Lost),
        ("Input/output error: Broken pipe (os error 32)", ErrorKind::Lost),
        ("the database system is shutting down", ErrorKind::Lost),
        ("value too long for type character varying(100)", ErrorKind::Invalid),
        ("CONSTRAINT `users.status` failed for `kpifire`.`users`", ErrorKind::Invalid),
        ("relation \"users\" does not exist", ErrorKind::Unfit),
    ] {
        assert_eq!(said(text), kind, "{text}");
    }
}

#[test]
fn a_refused_value_has_a_subject() {
    use Subject::{Check, Column};
    let subject = |text: &str| {
        let information = Box::new(text.to_owned());
        Error::from(Diesel::DatabaseError(DatabaseErrorKind::CheckViolation, information)).subject()
    };
    let of = |table: Option<&str>, column: &str| {
        Some(Column { table: table.map(str::to_owned), column: column.to_owned() })
    };
    let check = |text: &str| Some(Check(text.to_owned()));
    for (text, found) in [
        ("CONSTRAINT `users.status` failed for `plant`.`users`", check("users.status")),
        ("CHECK constraint failed: status IN ('A', 'B')", check("status IN ('A', 'B')")),
        ("NOT NULL constraint failed: users.title", of(Some("users"), "title")),
        ("Data too long for column 'title' at row 1", of(None, "title")),
        ("Column 'title' cannot be null", of(None, "title")),
        ("Field 'title' doesn't have a default value", of(None, "title")),
        (
            "Incorrect string value: 'column `x`' for column `plant`.`users`.`title` at row 1",
            of(Some("users"), "title"),
        ),
        ("value too long for type character varying(100)", None),
        ("datatype mismatch", None),
    ] {
        assert_eq!(subject(text), found, "{text}");
    }
}
