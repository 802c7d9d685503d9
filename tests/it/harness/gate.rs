//! A gate on the way to the vendors: one call can be held back while the others pass.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response};
use tokio::sync::Notify;

/// Where a call is held back, if anywhere.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    held: Arc<Mutex<Option<String>>>,
    opened: Arc<Notify>,
}

impl Gate {
    /// From now on, whoever reads the address that ends so waits until the gate is opened.
    pub(crate) fn hold(&self, path: String) {
        *self.held.lock().unwrap() = Some(path);
    }

    /// Lets go whoever waits, now or a moment later.
    pub(crate) fn open(&self) {
        *self.held.lock().unwrap() = None;
        self.opened.notify_one();
    }

    /// The way through: every call goes on to where its address says.
    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(pass).with_state((self.clone(), reqwest::Client::new()))
    }
}

async fn pass(State((gate, http)): State<(Gate, reqwest::Client)>, request: Request) -> Response<Body> {
    let held = gate.held.lock().unwrap().clone();
    let read = request.method() == Method::GET;
    if held.is_some_and(|path| read && request.uri().path().ends_with(&path)) {
        gate.opened.notified().await;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let onward = http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let answer = onward.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    response.headers_mut().unwrap().extend(answer.headers().clone());
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
