//! The gate: every call of a simulated process stops here until the simulation lets it go on.
//!
//! A process runs only while it is polled, and is polled until all it can do is wait here. So there is never more
//! than one thing going on, who goes on is the simulation's choice, and a process can be killed between any two
//! calls by dropping it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::vendors::http::TransportError;

/// Larger than anything that is sent.
const LARGEST: usize = 32 * 1024 * 1024;

/// A lane of a process: one of the things it does at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub(super) process: usize,
    pub(super) lane: usize,
}

/// An answer, or that there will be none.
pub(super) type Reply = Option<Response<Bytes>>;

/// A call at the gate.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) place: Place,
    /// Method, address and body.
    name: Vec<u8>,
    /// Until it has arrived at the vendor.
    pub(super) request: Option<http::Request<Bytes>>,
    /// From then on.
    pub(super) answer: Reply,
    /// When it was made.
    pub(super) since: Timestamp,
    /// The answer comes no sooner.
    pub(super) ready_at: Option<Timestamp>,
    reply: oneshot::Sender<Reply>,
}

impl Waiting {
    /// Gives the answer to whoever waits for it, if they still do.
    pub(super) fn deliver(self, answer: Reply) {
        let _ = self.reply.send(answer);
    }
}

#[derive(Debug, Default)]
struct Queue {
    current: Place,
    now: Timestamp,
    numbers: u64,
    waiting: Vec<Waiting>,
}

/// Shared by the simulation and the routers of its processes.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<Mutex<Queue>>);

impl Gate {
    /// What a process's transport calls.
    pub(super) fn router(&self) -> Router {
        Router::new().fallback(stop).with_state(self.clone())
    }

    /// From now on calls come from there.
    pub(super) fn enter(&self, place: Place, now: Timestamp) {
        let mut queue = self.lock();
        (queue.current, queue.now) = (place, now);
    }

    /// Whether a lane has come to the gate.
    pub(super) fn has(&self, place: Place) -> bool {
        self.lock().waiting.iter().any(|waiting| waiting.place == place)
    }

    /// Takes a call out of the queue.
    pub(super) fn take(&self, number: u64) -> Option<Waiting> {
        let mut queue = self.lock();
        let place = queue.waiting.iter().position(|waiting| waiting.number == number)?;
        Some(queue.waiting.remove(place))
    }

    /// Puts it back.
    pub(super) fn put(&self, waiting: Waiting) {
        let mut queue = self.lock();
        let place = queue.waiting.partition_point(|other| other.number < waiting.number);
        queue.waiting.insert(place, waiting);
    }

    /// Something of each call that waits, in the order in which they were made.
    pub(super) fn each<T>(&self, what: impl FnMut(&Waiting) -> T) -> Vec<T> {
        self.lock().waiting.iter().map(what).collect()
    }

    /// The calls that can go on. Those that a lane makes at the same time come by their names: which of them came to
    /// the gate first may depend on which of two readings of the database was quicker.
    pub(super) fn ready(&self, now: Timestamp) -> Vec<(u64, Place)> {
        let queue = self.lock();
        let ready = |waiting: &&Waiting| waiting.ready_at.is_none_or(|at| at <= now);
        let mut all: Vec<&Waiting> = queue.waiting.iter().filter(ready).collect();
        all.sort_by(|one, other| {
            (one.place, &one.name, one.number).cmp(&(other.place, &other.name, other.number))
        });
        all.into_iter().map(|waiting| (waiting.number, waiting.place)).collect()
    }

    /// Forgets the calls of a process that is dead.
    pub(super) fn forget(&self, process: usize) {
        self.lock().waiting.retain(|waiting| waiting.place.process != process);
    }

    fn arrive(&self, request: http::Request<Bytes>) -> oneshot::Receiver<Reply> {
        let (reply, answered) = oneshot::channel();
        let mut queue = self.lock();
        queue.numbers += 1;
        let (number, place, since) = (queue.numbers, queue.current, queue.now);
        let name =
            [format!("{} {} ", request.method(), request.uri()).as_bytes(), request.body().as_ref()].concat();
        let (request, answer, ready_at) = (Some(request), None, None);
        queue.waiting.push(Waiting { number, place, name, request, answer, since, ready_at, reply });
        answered
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn stop(State(gate): State<Gate>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let answer = gate.arrive(http::Request::from_parts(parts, body)).await;
    match answer {
        Ok(Some(answer)) => answer.map(Body::from),
        Ok(None) => lost(),
        // The process is dead and will be dropped.
        Err(_) => std::future::pending().await,
    }
}

fn lost() -> Response<Body> {
    let mut nothing = Response::new(Body::empty());
    nothing.extensions_mut().insert(TransportError::Unknown);
    nothing
}
