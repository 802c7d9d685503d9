//! The sandbox without a server: whoever owns it makes the calls, and takes the webhooks that follow.
//!
//! The same world, faces and faults; no port, no task, no time but the clock's. Nothing is sent by itself, so that
//! a simulation can lose, repeat, delay and reorder what GitLab would send.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::http::{Request, Response};
use bytes::Bytes;

use super::answer::Answer;
use super::call::Call;
use super::faults::{self, Fault};
use super::world::World;
use super::{home, seed, server, webhooks};
use crate::clock::{AdjustableClock, SharedRandomness};

/// The three vendors, to be called directly.
#[derive(Debug)]
pub(crate) struct InProcess {
    pub(crate) world: World,
}

/// A fault for one call: its effect as `POST /control/faults` names it, and its seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble<'a> {
    pub(crate) effect: &'a str,
    pub(crate) seconds: u64,
}

impl InProcess {
    /// The default world, at an address that nobody listens at.
    pub(crate) fn new(clock: Arc<AdjustableClock>, randomness: SharedRandomness) -> Self {
        Self { world: seed::world("http://127.0.0.1:7999".to_owned(), clock, randomness) }
    }

    /// Writes what `serve` needs to run against it; see [`home::write`].
    pub(crate) fn write_home(&self, directory: &Path) -> io::Result<()> {
        home::write_for(&self.world, directory)
    }

    /// One call. `None`: no answer comes, whether or not the effect happened.
    pub(crate) fn call(
        &mut self,
        request: &Request<Bytes>,
        trouble: Option<Trouble<'_>>,
    ) -> Option<Response<Bytes>> {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let Some(call) = Call::new(method, request.uri(), headers, request.body()) else {
            return Some(response(Answer::text(400, "text/plain", "the body is not the JSON it says")));
        };
        if let Some(Trouble { effect, seconds }) = trouble {
            let vendor = call.segments.first().map(String::as_str).unwrap_or_default();
            self.world.faults.push(Fault::once(vendor, effect, seconds));
        }
        let outcome = server::run(&mut self.world, &call);
        self.world.faults.clear();
        (!outcome.cut).then(|| response(outcome.answer))
    }

    /// Lets every late effect happen whose time has come.
    pub(crate) fn land(&mut self) {
        faults::land(&mut self.world);
    }

    /// When the next late effect happens.
    pub(crate) fn next_landing(&self) -> Option<jiff::Timestamp> {
        self.world.late.iter().map(|late| late.due).min()
    }

    /// The webhooks that follow from what happened since the last time, signed now.
    pub(crate) fn take_webhooks(&mut self) -> Vec<Request<Bytes>> {
        let outbox = std::mem::take(&mut self.world.gitlab.outbox);
        outbox.into_iter().filter_map(|outgoing| self.signed(outgoing)).collect()
    }

    fn signed(&self, outgoing: webhooks::Outgoing) -> Option<Request<Bytes>> {
        let hook = self.world.gitlab.hooks.get(&outgoing.hook_id)?;
        let mut request = Request::post(&hook.url);
        for (name, value) in webhooks::headers(&self.world, &outgoing) {
            request = request.header(name, value);
        }
        request.body(Bytes::from(outgoing.body)).ok()
    }
}

fn response(answer: Answer) -> Response<Bytes> {
    let body = Bytes::from(answer.body.clone());
    let (parts, _) = Answer { body: Vec::new(), ..answer }.into_response().into_parts();
    Response::from_parts(parts, body)
}
