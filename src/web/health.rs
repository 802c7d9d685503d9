//! Whether the process is up, and whether it can work.
//!
//! Two questions on purpose: a process whose database is gone must not be killed for it, only left out.
//! Vendors are asked about neither here: their outage is no reason to take the door away.

use axum::http::StatusCode;

use super::State;

/// `GET /healthz`: the process is up.
pub(super) async fn alive() -> StatusCode {
    StatusCode::OK
}

/// `GET /readyz`: the database answers.
pub(super) async fn ready(door: State) -> StatusCode {
    if door.marks.answers().await { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
