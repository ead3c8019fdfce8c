//! Texts of single values → values: addresses, durations, sizes. Pure.

use std::net::SocketAddr;
use std::time::Duration;

/// An IP address and a port.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "must be an IP address and a port such as 127.0.0.1:8642 or [::]:8642, not `{text}`"
        )
    })
}

/// A humantime duration in a range.
pub(super) fn parse_duration(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let range =
        || format!("{} to {}", humantime::format_duration(min), humantime::format_duration(max));
    let duration = humantime::parse_duration(text).map_err(|error| {
        format!("must be a duration such as \"30s\" or \"30d\", not `{text}`: {error}")
    })?;
    if duration < min || duration > max {
        return Err(format!("must be from {}, not `{text}`", range()));
    }
    Ok(duration)
}

/// A number of bytes with an optional unit.
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
    let digits = compact.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = compact.get(digits.len()..)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
