//! SQLite's statements can be ended from outside: every so many steps of its machine it asks whether
//! to go on.
//!
//! diesel offers no way to say so, which makes this the only place that calls SQLite itself. A handler
//! is installed on every connection as it is opened; it looks at what the thread that runs the
//! statement has been given, so that nothing here outlives or points into anything.
#![expect(unsafe_code, reason = "two functions of SQLite's that diesel doesn't offer")]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use libsqlite3_sys as sqlite;

/// Steps of SQLite's machine between two looks: well under a millisecond.
const STEPS: c_int = 4000;

thread_local! {
    /// What ends the statement that this thread runs.
    static END: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// From now on every connection that this process opens can be interrupted.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `opened` has the signature that SQLite calls, and lives as long as the process.
        unsafe { sqlite::sqlite3_auto_extension(Some(opened)) };
    });
}

/// Runs `work`, whose statements fail as interrupted once `end` is set.
pub(super) fn until<T>(end: Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            END.with_borrow_mut(|it| *it = None);
        }
    }
    END.with_borrow_mut(|it| *it = Some(end));
    let _reset = Reset;
    work()
}

unsafe extern "C" fn opened(
    connection: *mut sqlite::sqlite3,
    _message: *mut *mut c_char,
    _routines: *const sqlite::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite hands the connection that it is opening, and `ends` takes no pointer from here.
    unsafe {
        sqlite::sqlite3_progress_handler(connection, STEPS, Some(ends), std::ptr::null_mut());
    }
    sqlite::SQLITE_OK
}

/// Other than 0: the statement ends.
unsafe extern "C" fn ends(_nothing: *mut c_void) -> c_int {
    // Never across a panic, and never while the thread is ending.
    let end = END.try_with(|it| {
        it.try_borrow().is_ok_and(|it| it.as_ref().is_some_and(|end| end.load(Ordering::Relaxed)))
    });
    c_int::from(end.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    #[test]
    fn a_statement_ends_when_it_shall_and_the_next_one_runs() {
        install();
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let end = Arc::new(AtomicBool::new(true));
        let ended = until(Arc::clone(&end), || connection.batch_execute(ENDLESS));
        assert_eq!(ended.unwrap_err().to_string(), "interrupted");
        until(Arc::default(), || connection.batch_execute("SELECT 1")).unwrap();
        // Outside, nothing ends it.
        connection.batch_execute("SELECT 1").unwrap();
    }
}
