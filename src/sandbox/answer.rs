//! What a face answers, before it is HTTP.
//!
//! Faces are plain functions from the world and a call to an [`Answer`]; that is what lets a fault run one and
//! then lose its answer, or run it an hour later.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use serde_json::Value;

use crate::sandbox::webhooks::Outgoing;

/// A face's answer; refusals are answers too, so that `?` ends a handler.
pub(crate) type Reply = Result<Answer, Answer>;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// A delivery whose status is the answer (GitLab's "resend").
    pub(crate) after: Option<Box<Outgoing>>,
}

impl Answer {
    /// A JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    /// 200 and a JSON body.
    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// Any other body.
    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: body.into(), after: None }
    }

    /// 204 and nothing.
    pub(crate) fn empty() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new(), after: None }
    }

    /// One header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// As HTTP. Headers that HTTP cannot carry are left out.
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain"));
        response
    }
}
