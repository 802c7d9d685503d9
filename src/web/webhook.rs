//! `POST /hooks/gitlab`: verify, name the issue, leave a durable mark, answer.
//!
//! The answers are 204, 401, 413 and 503 and nothing else. Everything authentic that is of no interest is
//! 204 as well: GitLab switches a webhook off after a few refusals, and a deaf bot is worse than a busy
//! one. A method other than POST is unauthentic like anything else that GitLab does not send.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use tokio::sync::Semaphore;

use super::body::{LIMITS, Received, receive as receive_body};
use super::payload::issue_of;
use super::signature::Unauthentic;
use super::{Door, NotDurable};
use crate::domain::ids::IssueKey;

/// Webhooks read at the same time; the others wait. Each may hold a megabyte before it is known to be genuine.
static READING: Semaphore = Semaphore::const_new(256);

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
    match read(door, request).await? {
        Hint::Issue(key) => {
            door.marks.mark(key).await?;
            tracing::debug!(issue.key = %key, "a webhook marked an issue");
            Ok(())
        }
        Hint::Somewhere => mark_all(door).await,
        Hint::Nothing => {
            tracing::debug!("a webhook was of no interest");
            Ok(())
        }
    }
}

/// What an authentic webhook is about.
enum Hint {
    Issue(IssueKey),
    /// The project's number is somewhere in a body that is not parsed, so it may be any of them.
    Somewhere,
    Nothing,
}

/// The turn ends with the body: whoever waits for a disk keeps nobody from being read.
async fn read(door: &Door, request: Request) -> Result<Hint, Refusal> {
    if request.method() != Method::POST {
        return Err(Unauthentic::Method.into());
    }
    let check = door.authentication.begin(request.headers(), door.clock.now())?;
    let _turn = READING.acquire().await;
    Ok(match receive_body(request.into_body(), check, LIMITS).await? {
        Received::Whole(body) => issue_of(&body)
            .filter(|key| door.watched.contains(key.project))
            .map_or(Hint::Nothing, Hint::Issue),
        Received::TooLargeToParse => Hint::Somewhere,
    })
}

async fn mark_all(door: &Door) -> Result<(), Refusal> {
    for project in door.watched.all() {
        door.marks.mark_for_sweep(project).await?;
    }
    tracing::info!("a webhook was too large to parse: all watched projects will be swept");
    Ok(())
}
