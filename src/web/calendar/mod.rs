//! `GET /calendar/TOKEN.ics`: the end dates of an instance or of a person, for whoever has the address.
//!
//! The address is the only key, so it opens nothing but dates: no secret, no name, no purpose. An unknown address and a
//! revoked one are answered alike. The token is hashed before anything is compared, and is never logged. Calendars
//! fetch again when they like, up to a limit for each address; with `If-None-Match` an unchanged one costs a line.

mod rate;
mod render;

use async_trait::async_trait;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::domain::terms::hex;
use crate::store::{Scope, ShownDate, Store, StoreError};

pub(super) use rate::Rate;

/// Past dates stay for about a year, cancelled ones too: a calendar forgets only what it is told to.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Calendars could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the calendars could not be read")]
pub struct Unreadable;

/// Where calendars are.
#[async_trait]
pub trait Calendars: Send + Sync {
    /// What the token with this hash opens, with the dates from `since` on; `None`: nothing.
    async fn open(
        &self,
        token_hash: &str,
        since: Timestamp,
    ) -> Result<Option<(Scope, Vec<ShownDate>)>, Unreadable>;
}

#[async_trait]
impl Calendars for Store {
    async fn open(
        &self,
        token_hash: &str,
        since: Timestamp,
    ) -> Result<Option<(Scope, Vec<ShownDate>)>, Unreadable> {
        let unreadable = |error: StoreError| {
            tracing::error!(error = %error, "a calendar could not be read");
            Unreadable
        };
        let Some(feed) = self.feed_by_hash(token_hash).await.map_err(unreadable)? else { return Ok(None) };
        let dates = self.end_dates(&feed.scope, since).await.map_err(unreadable)?;
        Ok(Some((feed.scope, dates)))
    }
}

/// The hash a token is stored and found by.
pub fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

pub(super) async fn show(
    State(door): State<std::sync::Arc<super::Door>>,
    Path(file): Path<String>,
    Extension(rate): Extension<std::sync::Arc<Rate>>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(token) = file.strip_suffix(".ics") else { return StatusCode::NOT_FOUND.into_response() };
    let (token_hash, now) = (token_hash(token), door.clock.now());
    if let Some(seconds) = rate.wait(&token_hash, now) {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response();
    }
    let since = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    match door.calendars.open(&token_hash, since).await {
        Ok(Some((scope, dates))) => {
            rate.count(&token_hash, now);
            answer(render::render(&scope, &dates), &headers)
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(Unreadable) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn answer(calendar: String, headers: &HeaderMap) -> Response<Body> {
    let etag = format!("\"{}\"", &hex(&Sha256::digest(&calendar))[..32]);
    let common = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::HeaderName::from_static("x-robots-tag"), "noindex".to_owned()),
    ];
    if is_known(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")];
    (common, content_type, calendar).into_response()
}

/// `If-None-Match`, by weak comparison. Source: RFC 9110 section 13.1.2.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
