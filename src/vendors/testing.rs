//! What the clients' tests share: a vendor of a few lines, and a record of what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;

/// What a vendor was asked: method, path with query, headers and body.
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) parts: http::request::Parts,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.parts.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Everything asked so far, in order.
pub(crate) type Log = Arc<Mutex<Vec<Asked>>>;

/// The lines (`GET /path?query`) asked so far.
pub(crate) fn lines(log: &Log) -> Vec<String> {
    log.lock().unwrap().iter().map(|asked| asked.line.clone()).collect()
}

/// A vendor that answers each request by `reply`, which sees the request's line.
pub(crate) fn vendor(
    reply: impl Fn(&str) -> Response<Bytes> + Clone + Send + Sync + 'static,
) -> (Router, Log) {
    let log = Log::default();
    let written = log.clone();
    let router = Router::new().fallback(move |request: Request<Body>| {
        let (reply, log) = (reply.clone(), written.clone());
        async move {
            let (parts, body) = request.into_parts();
            let line = format!("{} {}", parts.method, parts.uri.path_and_query().unwrap());
            // The `gitlab` crate leaves a `?` behind where there is no query.
            let line = line.trim_end_matches('?').to_owned();
            let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            log.lock().unwrap().push(Asked { line: line.clone(), parts, body });
            reply(&line).map(Body::from)
        }
    });
    (router, log)
}

/// An answer in one line.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

/// A 200 with JSON.
pub(crate) fn json(body: &serde_json::Value) -> Response<Bytes> {
    answer(200, &[("content-type", "application/json")], &body.to_string())
}
