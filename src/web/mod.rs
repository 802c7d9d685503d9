//! The door: the webhook, the calendars and the health pages.
//!
//! A webhook is a hint. It names an issue to look at and decides nothing, so all that happens here is:
//! limit, verify, name the issue, make the mark durable, answer. Answers have no body, since GitLab shows
//! them to a project's maintainers, and no answer is a redirect, since GitLab takes one for a delivery.
//! Nothing of a request is logged but its method and path.

mod body;
mod calendar;
mod health;
mod marks;
mod payload;
mod signature;
mod watched;
mod webhook;

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{any, get};
use axum::{Extension, Router, extract};
use tower::limit::ConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::clock::SharedClock;
use crate::domain::ids::{IssueKey, ProjectId};

pub use calendar::{Calendars, Unreadable, token_hash};
pub use signature::Authentication;
pub use watched::WatchedProjects;

/// The mark could not be made durable; the sender should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mark could not be made durable")]
pub struct NotDurable;

/// Where the door leaves its marks. `Ok` means durable.
#[async_trait]
pub trait Marks: Send + Sync {
    /// This issue must be looked at, now.
    async fn mark(&self, key: IssueKey) -> Result<(), NotDurable>;

    /// Something in this project changed, and nobody knows what.
    async fn mark_for_sweep(&self, project: ProjectId) -> Result<(), NotDurable>;

    /// Whether the database answers.
    async fn answers(&self) -> bool;
}

/// What the door needs.
#[derive(Clone)]
pub struct Door {
    /// For the age of a signature.
    pub clock: SharedClock,
    /// How a webhook proves itself.
    pub authentication: Authentication,
    /// Where marks are left.
    pub marks: Arc<dyn Marks>,
    /// Where calendars are.
    pub calendars: Arc<dyn Calendars>,
    /// Whose issues are of interest.
    pub watched: Arc<WatchedProjects>,
}

/// Calendars read at the same time; the others wait. Nobody guesses an address, however fast.
const CALENDARS_AT_ONCE: usize = 8;

/// `POST /hooks/gitlab`, `GET /calendar/TOKEN.ics`, `GET /healthz`, `GET /readyz`.
pub fn router(door: Door) -> Router {
    Router::new()
        .route(
            "/calendar/{file}",
            get(calendar::show)
                .layer::<_, Infallible>(Extension(Arc::<calendar::Rate>::default()))
                .layer(ConcurrencyLimitLayer::new(CALENDARS_AT_ONCE)),
        )
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_failure(()))
        // No span: there is one path, and what is told of a webhook says so itself.
        .route("/hooks/gitlab", any(webhook::receive))
        .layer(CatchPanicLayer::custom(after_panic))
        .with_state(Arc::new(door))
}

type State = extract::State<Arc<Door>>;

/// Method and path; a query or a header may carry anything. What follows `/calendar` is a key.
fn span(request: &Request) -> tracing::Span {
    let path = request.uri().path();
    let path = if path.starts_with("/calendar") { "/calendar/…" } else { path };
    tracing::info_span!("http", method = %request.method(), path)
}

/// The process's panic hook has logged what happened.
fn after_panic(_panic: Box<dyn Any + Send>) -> Response<Body> {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests;
