//! The network: calls arrive or do not, answers come or do not, webhooks go their ways.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::SignedDuration;
use tower::ServiceExt as _;

use super::chance::Chance;
use super::gate::{Place, Reply, Waiting};
use super::history::Fate;
use super::report::tally;
use super::scene::{Fault, Letter, Scene};
use super::trouble::{Effect, strike};
use crate::sandbox::in_process::Trouble;

/// Nobody waits longer for an answer: the transport's own limit.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

impl Scene {
    /// A call arrives, or its answer does.
    pub(super) async fn go_on(
        &mut self,
        number: u64,
        place: Place,
        chance: &mut Chance,
    ) -> Result<(), Fault> {
        if self.processes[place.process].breath.is_out() {
            self.kill(place.process).await;
            return Ok(());
        }
        let Some(mut waiting) = self.gate.take(number) else { return Ok(()) };
        if let Some(request) = waiting.request.take() {
            self.arrive(&mut waiting, &request).await?;
            // Now and then somebody else is quicker than the answer.
            if waiting.ready_at.is_some() || chance.percent(15) {
                self.gate.put(waiting);
                return Ok(());
            }
        }
        let late = self.now().duration_since(waiting.since) >= PATIENCE;
        let answer = waiting.answer.take().filter(|_| !late);
        self.processes[place.process].breath.spend();
        waiting.deliver(answer);
        self.advance(place).await;
        Ok(())
    }

    /// The call is at the vendor, with what befalls it there.
    async fn arrive(&mut self, waiting: &mut Waiting, request: &Request<Bytes>) -> Result<(), Fault> {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let now = self.now();
        let effect = strike(&mut self.planned, (&method, &path), now);
        if effect.is_some() {
            self.struck_at = now;
        }
        let before = self.before(request, waiting.since);
        waiting.answer = self.perform(request, effect);
        if let Some(Effect::Slow(seconds)) = effect {
            let wait = SignedDuration::from_secs(i64::from(seconds)).min(PATIENCE);
            waiting.ready_at = self.now().checked_add(wait).ok();
        }
        self.counts.calls += 1;
        let status = waiting.answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        match effect {
            None => self.tell(format_args!("{} {method} {path} → {status}", waiting.place.process)),
            Some(effect) => {
                tally(&mut self.counts.faults, effect.kind());
                self.tell(format_args!("{} {method} {path} → {status}: {effect}", waiting.place.process));
            }
        }
        self.collect_webhooks();
        self.after(waiting.place, request, (before, waiting.answer.as_ref())).await
    }

    fn perform(&mut self, request: &Request<Bytes>, effect: Option<Effect>) -> Reply {
        let mut with =
            |effect: &str, seconds: u64| self.sandbox.call(request, Some(Trouble { effect, seconds }));
        match effect {
            None | Some(Effect::Slow(_)) => self.sandbox.call(request, None),
            Some(Effect::Dropped) => with("drop_request", 0),
            Some(Effect::AnswerLost) => with("lose_answer", 0),
            Some(Effect::Late(seconds)) => with("late_effect", u64::from(seconds)),
            Some(Effect::RateLimited) => with("rate_limited", 0),
            Some(Effect::Status(status)) => with(&format!("status:{status}"), 0),
            Some(Effect::Html) => with("html", 0),
            Some(Effect::HalfBody) => with("half_body", 0),
            Some(Effect::SlackError(code)) => with(&format!("slack_error:{code}"), 0),
            Some(Effect::BadGateway) => {
                self.sandbox.call(request, None).map(|_| empty(StatusCode::BAD_GATEWAY))
            }
            Some(Effect::Hollow) => Some(hollow(request)),
        }
    }

    /// What GitLab has to tell goes on its way.
    pub(super) fn collect_webhooks(&mut self) {
        for request in self.sandbox.take_webhooks() {
            let now = self.now();
            let fate = if self.fates.is_empty() { None } else { Some(self.fates.remove(0)) };
            let kind = match fate {
                None => "sent",
                Some(Fate::Lost) => "lost",
                Some(Fate::Twice) => "repeated",
                Some(Fate::Late(_)) => "late",
            };
            tally(&mut self.counts.webhooks, kind);
            match fate {
                Some(Fate::Lost) => {}
                Some(Fate::Late(seconds)) => {
                    let due =
                        now.saturating_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(now);
                    self.letters.push(Letter { request, due });
                }
                Some(Fate::Twice) => {
                    self.letters.push(Letter { request: request.clone(), due: now });
                    self.letters.push(Letter { request, due: now });
                }
                None => self.letters.push(Letter { request, due: now }),
            }
        }
    }

    /// A webhook arrives at a process that runs, if there is one. GitLab sends it once.
    pub(super) async fn deliver(&mut self, place: usize, chance: &mut Chance) -> Result<(), Fault> {
        let letter = self.letters.remove(place);
        let open = |number: &usize| {
            let process = &self.processes[*number];
            process.running.is_some() && process.frozen_until.is_none()
        };
        let doors: Vec<usize> = (0..self.processes.len()).filter(open).collect();
        if doors.is_empty() {
            tally(&mut self.counts.webhooks, "nobody_there");
            return Ok(());
        }
        let number = chance.pick(&doors);
        let Some(door) = self.processes[number].running.as_ref().map(|running| running.door.clone()) else {
            return Ok(());
        };
        let body = letter.request.body().clone();
        let answer = door.oneshot(letter.request.map(axum::body::Body::from)).await.map_err(Fault::of)?;
        let kind = match answer.status() {
            StatusCode::NO_CONTENT => "acknowledged",
            _ => "refused",
        };
        tally(&mut self.counts.webhooks, kind);
        self.tell(format_args!("webhook → {}", answer.status()));
        self.stirred += 1;
        if kind == "acknowledged" {
            self.note_acknowledged(&body);
        }
        Ok(())
    }

    fn note_acknowledged(&mut self, body: &[u8]) {
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return };
        let iid = body["object_attributes"]["iid"].as_u64().filter(|_| body["object_kind"] == "issue");
        if let Some(iid) = iid {
            self.facts.acknowledged.push((iid, self.sandbox.world.calls.len()));
        }
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

/// What a vendor says when it did what it was asked for.
fn hollow(request: &Request<Bytes>) -> Response<Bytes> {
    if request.method() == http::Method::DELETE {
        empty(StatusCode::NO_CONTENT)
    } else {
        empty(StatusCode::OK)
    }
}
