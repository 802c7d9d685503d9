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
    held: Arc<Mutex<Option<Held>>>,
    waits: Arc<Notify>,
    opened: Arc<Notify>,
}

#[derive(Clone)]
enum Held {
    /// Whoever reads the address that ends so, once so many have passed.
    Reading(String, usize),
    /// The first that writes to the address that ends so, or changes what is below it.
    Writing(String),
}

impl Held {
    fn is(&self, method: &Method, path: &str) -> bool {
        match self {
            Self::Reading(end, _) => method == Method::GET && path.ends_with(end),
            Self::Writing(end) => {
                (method == Method::POST && path.ends_with(end))
                    || (method == Method::PUT && path.contains(end))
            }
        }
    }
}

impl Gate {
    /// From now on, whoever reads the address that ends so waits until the gate is opened.
    pub(crate) fn hold(&self, path: String) {
        *self.held.lock().unwrap() = Some(Held::Reading(path, 0));
    }

    /// The same, and the first one passes.
    pub(crate) fn hold_the_second_reading(&self, path: String) {
        *self.held.lock().unwrap() = Some(Held::Reading(path, 1));
    }

    /// From now on the first that writes there waits before it arrives, and the others pass once it does.
    pub(crate) fn hold_the_next_writing(&self, path: &str) {
        *self.held.lock().unwrap() = Some(Held::Writing(path.to_owned()));
    }

    /// Waits until somebody waits.
    pub(crate) async fn holds_somebody(&self) {
        self.waits.notified().await;
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
    let held = {
        let mut held = gate.held.lock().unwrap();
        let hit = held.as_ref().is_some_and(|held| held.is(request.method(), request.uri().path()));
        match &mut *held {
            Some(Held::Reading(_, passing @ 1..)) if hit => {
                *passing -= 1;
                false
            }
            Some(Held::Writing(_)) if hit => {
                *held = None;
                true
            }
            _ => hit,
        }
    };
    if held {
        gate.waits.notify_one();
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
