//! `POST /hooks/gitlab`: verify, name the issue, leave a durable mark, answer.
//!
//! The answers are 204, 401, 413 and 503 and nothing else. Everything authentic that is of no interest is
//! 204 as well: GitLab switches a webhook off after a few refusals, and a deaf bot is worse than a busy
//! one. A method other than POST is unauthentic like anything else that GitLab does not send.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};

use super::body::{LIMITS, Received, receive as receive_body};
use super::payload::issue_of;
use super::signature::Unauthentic;
use super::{Door, NotDurable};

/// Why a webhook was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a webhook was refused: {0}")]
    Unauthentic(Unauthentic),
    #[error("a webhook was refused: it is larger than any that GitLab sends")]
    TooLarge,
    #[error("a webhook could not be made durable")]
    NotDurable,
}

impl From<Unauthentic> for Refusal {
    fn from(reason: Unauthentic) -> Self {
        Self::Unauthentic(reason)
    }
}

impl From<NotDurable> for Refusal {
    fn from(_: NotDurable) -> Self {
        Self::NotDurable
    }
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Unauthentic(_) => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotDurable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The handler: a status, never a body.
pub(super) async fn receive(State(door): State<Arc<Door>>, request: Request) -> StatusCode {
    match take(&door, request).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(refusal) => {
            tracing::warn!("{refusal}");
            refusal.status()
        }
    }
}

async fn take(door: &Door, request: Request) -> Result<(), Refusal> {
    if request.method() != Method::POST {
        return Err(Unauthentic::Method.into());
    }
    let check = door.authentication.begin(request.headers(), door.clock.now())?;
    match receive_body(request.into_body(), check, LIMITS).await? {
        Received::Whole(body) => mark_issue(door, &body).await,
        Received::TooLargeToParse => mark_all(door).await,
    }
}

async fn mark_issue(door: &Door, body: &[u8]) -> Result<(), Refusal> {
    let Some(key) = issue_of(body).filter(|key| door.watched.contains(key.project)) else {
        tracing::debug!("a webhook was of no interest");
        return Ok(());
    };
    door.marks.mark(key).await?;
    tracing::debug!(issue.key = %key, "a webhook marked an issue");
    Ok(())
}

/// The project's number is somewhere in a body that is not parsed, so it may be any of them.
async fn mark_all(door: &Door) -> Result<(), Refusal> {
    for project in door.watched.all() {
        door.marks.mark_for_sweep(project).await?;
    }
    tracing::info!("a webhook was too large to parse: all watched projects will be swept");
    Ok(())
}
