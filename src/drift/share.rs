//! A share of a whole, and when there are enough for one to mean something. Pure.

/// From so many managed users on a share of them counts: of a few, one is many percent.
pub const MANY_USERS: u64 = 100;

/// The share in percent; 100 of nothing.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 100.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let share = part as f64 / whole as f64;
    share * 100.0
}
