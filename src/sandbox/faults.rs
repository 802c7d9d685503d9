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
use crate::sandbox::times::http_date;
use crate::sandbox::world::World;

/// A fault laid out by `POST /control/faults`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    pub(crate) vendor: String,
    pub(crate) method: Option<String>,
    pub(crate) path: String,
    /// A part of the query as it was sent.
    pub(crate) query: String,
    pub(crate) instance: Option<String>,
    pub(crate) effect: String,
    /// So many such calls pass first.
    pub(crate) after: u64,
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
    /// A fault was at work: the answer may not be the vendor's own.
    pub(crate) struck: bool,
}

impl Outcome {
    pub(crate) fn plain(answer: Answer) -> Self {
        Self { answer, cut: false, hold: None, struck: false }
    }

    fn cut() -> Self {
        Self { answer: Answer::empty(), cut: true, hold: None, struck: true }
    }
}

const LONGEST_HANG: u64 = 120;

impl Fault {
    /// Reads `{vendor, method, path, query, instance, effect, after, times, seconds}`; the error says what is wrong.
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
            "nearly_spent",
        ];
        let known = plain.contains(&effect.as_str())
            || effect.strip_prefix("status:").is_some_and(|code| code.parse::<u16>().is_ok())
            || ["slack_error:", "rate_limited:", "date:"].iter().any(|kind| effect.starts_with(kind));
        if !known {
            return Err(format!("unknown effect {effect}"));
        }
        Ok(Self {
            vendor: call.text("vendor").ok_or("vendor is missing")?,
            method: call.text("method"),
            path: call.text("path").unwrap_or_default(),
            query: call.text("query").unwrap_or_default(),
            instance: call.text("instance"),
            effect,
            after: call.number("after").unwrap_or(0),
            times: call.number("times").unwrap_or(1),
            seconds: call.number("seconds").unwrap_or(60),
            hits: 0,
        })
    }

    /// One that strikes the next call to a vendor, whatever it is.
    pub(crate) fn once(vendor: &str, effect: &str, seconds: u64) -> Self {
        let (vendor, effect) = (vendor.to_owned(), effect.to_owned());
        Self {
            vendor,
            method: None,
            path: String::new(),
            query: String::new(),
            instance: None,
            effect,
            after: 0,
            times: 1,
            seconds,
            hits: 0,
        }
    }

    fn strikes(&self, call: &Call) -> bool {
        let segment = |index: usize| call.segments.get(index).map(String::as_str);
        let decoded = call.segments.join("/");
        (self.times == 0 || self.hits < self.times)
            && segment(0) == Some(self.vendor.as_str())
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()))
            && self.instance.as_deref().is_none_or(|instance| segment(1) == Some(instance))
            && call.query.contains(&self.query)
            && (call.path.contains(&self.path) || format!("/{decoded}").contains(&self.path))
    }

    fn befall(&self, world: &mut World, call: &Call) -> Outcome {
        match self.effect.split_once(':').unwrap_or((&self.effect, "")) {
            ("status", code) => Outcome::plain(refusal(call, code.parse().unwrap_or(503))),
            ("slack_error", code) => Outcome::plain(Answer::ok(&json!({"ok": false, "error": code}))),
            ("rate_limited", wait) => Outcome::plain(throttled(&self.vendor, wait)),
            ("date", seconds) => {
                let off = SignedDuration::from_secs(seconds.parse().unwrap_or_default());
                let date = http_date(world.now().saturating_add(off).unwrap_or_default());
                Outcome::plain(server::face(world, call).with("date", date))
            }
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
                Outcome { answer, cut: false, hold, struck: true }
            }
            "half_body" => {
                answer.body.truncate(answer.body.len() / 2);
                Outcome::plain(answer)
            }
            "nearly_spent" => Outcome::plain(nearly_spent(answer, &self.vendor)),
            _ => Outcome { answer, cut: true, hold: None, struck: true },
        }
    }
}

/// The answer says that hardly anything is left of this minute's calls.
fn nearly_spent(answer: Answer, vendor: &str) -> Answer {
    match vendor {
        "zendesk" => answer.with("x-rate-limit", 400).with("x-rate-limit-remaining", 3),
        _ => answer
            .with("ratelimit-name", "throttle_authenticated_api")
            .with("ratelimit-limit", 2000)
            .with("ratelimit-remaining", 3),
    }
}

/// Runs the call past the faults; without one, straight to its face.
pub(crate) fn perform(world: &mut World, call: &Call) -> Outcome {
    let Some(index) = world.faults.iter().position(|fault| fault.strikes(call)) else {
        return Outcome::plain(server::face(world, call));
    };
    if world.faults[index].after > 0 {
        world.faults[index].after -= 1;
        return Outcome::plain(server::face(world, call));
    }
    world.faults[index].hits += 1;
    Outcome { struck: true, ..world.faults[index].clone().befall(world, call) }
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

/// `rate_limited`, `rate_limited:SECONDS` or `rate_limited:unsaid`. Zendesk's limit is answered as plain text, GitLab's too; Slack's as JSON, the one thing not under a 200.
fn throttled(vendor: &str, wait: &str) -> Answer {
    let answer = match vendor {
        "zendesk" => Answer::text(429, "text/plain", "Number of allowed API requests per minute exceeded"),
        "slack" => Answer::json(429, &json!({"ok": false, "error": "ratelimited"})),
        _ => Answer::text(429, "text/plain", "Retry later"),
    };
    match wait {
        "" => answer.with("retry-after", 1),
        "unsaid" => answer,
        wait => answer.with("retry-after", wait),
    }
}

fn refusal(call: &Call, status: u16) -> Answer {
    match call.segments.first().map(String::as_str) {
        Some("zendesk") => Answer::json(status, &json!({"error": "InternalServerError"})),
        Some("slack") => Answer::json(status, &json!({"ok": false, "error": "service_unavailable"})),
        _ => Answer::json(status, &json!({"message": format!("{status} Service Unavailable")})),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::{Seen, Stage};

    async fn open(stage: &Stage) -> Option<Seen> {
        let url = format!("{}/api/v4/projects/42/issues", stage.sandbox.gitlab_url());
        let token = stage.person("requester")["gitlab_token"].as_str().unwrap();
        let request = stage.client.post(url).header("private-token", token);
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body("title=faulty");
        stage.send(request).await
    }

    async fn opened(stage: &Stage) -> usize {
        let list = stage.gitlab("bot", ("GET", "issues?per_page=100"), Value::Null).await;
        list.body.as_array().unwrap().iter().filter(|issue| issue["title"] == "faulty").count()
    }

    #[tokio::test]
    async fn a_lost_answer_has_had_its_effect_and_a_dropped_request_none() {
        let stage = Stage::set().await;
        stage.fault("gitlab", "/issues", "lose_answer").await;
        assert!(open(&stage).await.is_none());
        assert_eq!(opened(&stage).await, 1);
        stage.fault("gitlab", "/issues", "drop_request").await;
        assert!(open(&stage).await.is_none());
        assert_eq!(opened(&stage).await, 1);
    }

    #[tokio::test]
    async fn a_late_effect_lands_when_its_time_has_come() {
        let stage = Stage::set().await;
        let fault = json!({"vendor": "gitlab", "method": "post", "path": "issues", "effect": "late_effect", "seconds": 90});
        stage.control("faults", fault).await;
        assert!(open(&stage).await.is_none());
        stage.clock.advance(jiff::SignedDuration::from_secs(89));
        assert_eq!(opened(&stage).await, 0);
        stage.control("clock", json!({"advance_seconds": 1})).await;
        assert_eq!(opened(&stage).await, 1);
    }

    #[tokio::test]
    async fn answers_can_be_of_every_bad_kind() {
        let stage = Stage::set().await;
        let expected = [
            ("status:503", 503, "application/json; charset=utf-8"),
            ("rate_limited", 429, "text/plain"),
            ("html", 200, "text/html"),
            ("redirect", 302, "text/html"),
            ("half_body", 201, "application/json; charset=utf-8"),
            ("slack_error:fatal_error", 200, "application/json; charset=utf-8"),
        ];
        for (effect, status, content_type) in expected {
            stage.fault("gitlab", "company%2Fnothing", effect).await;
            stage.fault("gitlab", "42/issues", effect).await;
            let seen = open(&stage).await.unwrap();
            let shown = seen.headers["content-type"].to_str().unwrap();
            assert_eq!((effect, seen.status, shown), (effect, status, content_type));
        }
        assert_eq!(opened(&stage).await, 1, "only the half body had an effect");
    }

    #[tokio::test]
    async fn faults_count_their_hits_and_can_be_cleared() {
        let stage = Stage::set().await;
        let url = format!("{}/control/faults", stage.sandbox.base_url());
        let fault = json!({"vendor": "gitlab", "path": "/issues", "effect": "status:500", "times": 0});
        stage.control("faults", fault).await;
        assert_eq!(open(&stage).await.unwrap().status, 500);
        assert_eq!(open(&stage).await.unwrap().status, 500);
        assert_eq!(stage.send(stage.client.get(&url)).await.unwrap().body["faults"][0]["hits"], 2);
        assert_eq!(stage.send(stage.client.delete(&url)).await.unwrap().status, 204);
        assert_eq!(open(&stage).await.unwrap().status, 201);
        assert_eq!(stage.control("faults", json!({"vendor": "slack", "effect": "magic"})).await.status, 400);
        let calls = stage
            .send(stage.client.get(format!("{}/control/calls", stage.sandbox.base_url())))
            .await
            .unwrap();
        let statuses: Vec<_> =
            calls.body["calls"].as_array().unwrap().iter().map(|call| &call["status"]).collect();
        assert_eq!(statuses, [500, 500, 201]);
    }
}
