//! Instants as the vendors write them.

use jiff::Timestamp;
use serde_json::Value;

/// GitLab's REST: `2026-11-22T05:03:35.123Z`.
pub(crate) fn millis(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// GitLab's GraphQL and Zendesk: `2026-11-22T05:03:35Z`.
pub(crate) fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// GitLab's webhooks: `2026-11-22 05:03:35 UTC`.
pub(crate) fn spoken(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The date of an instant: `2026-11-22`.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// One of the above, or null.
pub(crate) fn or_null(at: Option<Timestamp>, write: fn(Timestamp) -> String) -> Value {
    at.map(write).map_or(Value::Null, Value::String)
}

/// As a `Date` header has it (RFC 9110, 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}
