//! What goes wrong on demand.
//!
//! A fault is chosen by vendor, method and a part of the path, strikes a number of times and keeps count. The
//! two that matter most are the ones no status shows: the effect that happened although the answer was lost,
//! and the effect that happens only later.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::sandbox::answer::Answer;
use crate::sandbox::call::Call;
use crate::sandbox::server;
use crate::sandbox::world::World;

/// A fault laid out by `POST /control/faults`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    pub(crate) vendor: String,
    pub(crate) method: Option<String>,
    pub(crate) path: String,
    pub(crate) instance: Option<String>,
    pub(crate) effect: String,
    /// 0 = until cleared.
    pub(crate) times: u64,
    /// For `hang` (real time) and `late_effect` (the sandbox's clock).
    pub(crate) seconds: u64,
    pub(crate) hits: u64,
}

/// A call whose effect is still to come.
#[derive(Debug)]
pub(crate) struct LateCall {
    pub(crate) due: Timestamp,
    pub(crate) call: Call,
}

/// What becomes of an answer.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// Close the connection instead of answering.
    pub(crate) cut: bool,
    /// Real time to wait first.
    pub(crate) hold: Option<Duration>,
}

impl Outcome {
    pub(crate) fn plain(answer: Answer) -> Self {
        Self { answer, cut: false, hold: None }
    }

    fn cut() -> Self {
        Self { answer: Answer::empty(), cut: true, hold: None }
    }
}

const LONGEST_HANG: u64 = 120;

impl Fault {
    /// Reads `{vendor, method, path, instance, effect, times, seconds}`; the error says what is wrong.
    pub(crate) fn read(call: &Call) -> Result<Self, String> {
        let effect = call.text("effect").ok_or("effect is missing")?;
        let plain = [
            "rate_limited",
            "lose_answer",
            "drop_request",
            "hang",
            "html",
            "half_body",
            "redirect",
            "late_effect",
        ];
        let known = plain.contains(&effect.as_str())
            || effect.strip_prefix("status:").is_some_and(|code| code.parse::<u16>().is_ok())
            || effect.starts_with("slack_error:");
        if !known {
            return Err(format!("unknown effect {effect}"));
        }
        Ok(Self {
            vendor: call.text("vendor").ok_or("vendor is missing")?,
            method: call.text("method"),
            path: call.text("path").unwrap_or_default(),
            instance: call.text("instance"),
            effect,
            times: call.number("times").unwrap_or(1),
            seconds: call.number("seconds").unwrap_or(60),
            hits: 0,
        })
    }

    fn strikes(&self, call: &Call) -> bool {
        let segment = |index: usize| call.segments.get(index).map(String::as_str);
        let decoded = call.segments.join("/");
        (self.times == 0 || self.hits < self.times)
            && segment(0) == Some(self.vendor.as_str())
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()))
            && self.instance.as_deref().is_none_or(|instance| segment(1) == Some(instance))
            && (call.path.contains(&self.path) || format!("/{decoded}").contains(&self.path))
    }

    fn befall(&self, world: &mut World, call: &Call) -> Outcome {
        match self.effect.split_once(':').unwrap_or((&self.effect, "")) {
            ("status", code) => Outcome::plain(refusal(call, code.parse().unwrap_or(503))),
            ("slack_error", code) => Outcome::plain(Answer::ok(&json!({"ok": false, "error": code}))),
            ("rate_limited", _) => Outcome::plain(throttled(&self.vendor)),
            ("html", _) => {
                Outcome::plain(Answer::text(200, "text/html", "<!doctype html><title>Sign in</title>"))
            }
            ("redirect", _) => {
                let target = format!("{}/elsewhere{}", world.base_url, call.path);
                Outcome::plain(Answer::text(302, "text/html", "").with("location", target))
            }
            ("drop_request", _) => Outcome::cut(),
            ("late_effect", _) => {
                let delay = SignedDuration::from_secs(i64::try_from(self.seconds).unwrap_or(i64::MAX));
                let due = world.now().saturating_add(delay).unwrap_or(Timestamp::MAX);
                world.late.push(LateCall { due, call: call.clone() });
                Outcome::cut()
            }
            (effect, _) => self.after_the_fact(effect, server::face(world, call)),
        }
    }

    fn after_the_fact(&self, effect: &str, mut answer: Answer) -> Outcome {
        match effect {
            "hang" => {
                let hold = Some(Duration::from_secs(self.seconds.min(LONGEST_HANG)));
                Outcome { answer, cut: false, hold }
            }
            "half_body" => {
                answer.body.truncate(answer.body.len() / 2);
                Outcome::plain(answer)
            }
            _ => Outcome { answer, cut: true, hold: None },
        }
    }
}

/// Runs the call past the faults; without one, straight to its face.
pub(crate) fn perform(world: &mut World, call: &Call) -> Outcome {
    let Some(index) = world.faults.iter().position(|fault| fault.strikes(call)) else {
        return Outcome::plain(server::face(world, call));
    };
    world.faults[index].hits += 1;
    world.faults[index].clone().befall(world, call)
}

/// Lets every late effect happen whose time has come.
pub(crate) fn land(world: &mut World) {
    let now = world.now();
    let (due, later): (Vec<_>, Vec<_>) =
        std::mem::take(&mut world.late).into_iter().partition(|late| late.due <= now);
    world.late = later;
    for late in due {
        server::face(world, &late.call);
    }
}

/// Zendesk's limit is answered as plain text, GitLab's too; Slack's as JSON, the one thing not under a 200.
fn throttled(vendor: &str) -> Answer {
    let answer = match vendor {
        "zendesk" => Answer::text(429, "text/plain", "Number of allowed API requests per minute exceeded"),
        "slack" => Answer::json(429, &json!({"ok": false, "error": "ratelimited"})),
        _ => Answer::text(429, "text/plain", "Retry later"),
    };
    answer.with("retry-after", 1)
}

fn refusal(call: &Call, status: u16) -> Answer {
    match call.segments.first().map(String::as_str) {
        Some("zendesk") => Answer::json(status, &json!({"error": "InternalServerError"})),
        Some("slack") => Answer::json(status, &json!({"ok": false, "error": "service_unavailable"})),
        _ => Answer::json(status, &json!({"message": format!("{status} Service Unavailable")})),
    }
}
