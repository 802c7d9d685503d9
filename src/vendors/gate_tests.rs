use super::*;
use crate::clock::AdjustableClock;
use crate::vendors::testing::answer;

const LIST: Call = Call { vendor: Vendor::Zendesk, operation: "list_api_tokens" };
const READ: Call = Call { vendor: Vendor::GitLab, operation: "issue" };
const NOTE: Call = Call { vendor: Vendor::GitLab, operation: "create_note" };
const POST: Call = Call { vendor: Vendor::Slack, operation: "chat.postMessage" };
const FIND: Call = Call { vendor: Vendor::Slack, operation: "users.lookupByEmail" };

fn start() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A gate that heard this; when it opens again for ordinary calls and for endings.
fn opens(call: Call, status: u16, headers: &[(&str, &str)]) -> (Option<i64>, Option<i64>) {
    let mut patience = Patience::default();
    patience.heard(call, &answer(status, headers, "slow down"), start());
    let seconds =
        |urgent| patience.opens(call, start(), urgent).map(|at| at.duration_since(start()).as_secs());
    (seconds(false), seconds(true))
}

#[test]
fn a_wait_is_taken_as_the_vendor_says_it_and_never_as_nothing() {
    for (said, seconds) in [
        ("30", 30),
        ("0", 1),
        ("86400", 3600),
        ("99999999999999", 3600),
        ("Tue, 01 Dec 2026 09:02:00 GMT", 120),
        ("Mon, 30 Nov 2026 09:02:00 GMT", 1),
        ("-5", 10),
        ("soon", 10),
        ("", 10),
    ] {
        let headers = [("retry-after", said), ("date", "Tue, 01 Dec 2026 09:00:00 GMT")];
        assert_eq!(opens(LIST, 429, &headers), (Some(seconds + 2), Some(seconds)), "{said}");
    }
    assert_eq!(opens(LIST, 429, &[]), (Some(12), Some(10)));
    assert_eq!(opens(LIST, 503, &[("retry-after", "60")]), (Some(62), Some(60)));
    assert_eq!(opens(LIST, 503, &[]), (None, None), "an outage is not a wish");
}

#[test]
fn refusals_without_a_wait_are_answered_with_growing_ones() {
    let mut patience = Patience::default();
    let mut now = start();
    let mut waits = Vec::new();
    for _ in 0..7 {
        patience.heard(LIST, &answer(429, &[], ""), now);
        let opens = patience.opens(LIST, now, true).unwrap();
        waits.push(opens.duration_since(now).as_secs());
        now = opens;
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    patience.heard(LIST, &answer(200, &[], ""), now);
    assert_eq!(patience.opens(LIST, now, false), None);
    patience.heard(LIST, &answer(429, &[], ""), now);
    assert_eq!(patience.opens(LIST, now, true), Some(now + UNSAID), "an answer begins anew");
}

#[test]
fn what_is_limited_by_itself_stops_nothing_else() {
    let mut patience = Patience::default();
    patience.heard(POST, &answer(429, &[("retry-after", "30")], ""), start());
    assert!(patience.opens(POST, start(), true).is_some());
    assert_eq!(patience.opens(FIND, start(), false), None, "Slack counts each method");
    patience.heard(NOTE, &answer(429, &[], "This endpoint has been requested too many times"), start());
    assert!(patience.opens(NOTE, start(), false).is_some());
    assert_eq!(patience.opens(READ, start(), false), None, "a limit of GitLab's notes is one of notes");
    let named = [("retry-after", "9"), ("ratelimit-name", "throttle_authenticated_api")];
    patience.heard(NOTE, &answer(429, &named, "Retry later"), start());
    assert!(patience.opens(READ, start(), false).is_some(), "this one is of everything");
    let other = Patience::default();
    assert_eq!(other.opens(READ, start(), false), None, "another account has its own gate");
}

#[test]
fn an_ending_is_held_only_by_what_it_was_refused_itself() {
    let mut patience = Patience::default();
    patience.heard(LIST, &answer(429, &[("retry-after", "30")], ""), start());
    let switch_off = Call { vendor: Vendor::Zendesk, operation: "deactivate_api_token" };
    assert!(patience.opens(switch_off, start(), false).is_some());
    assert_eq!(patience.opens(switch_off, start(), true), None);
    assert!(patience.opens(LIST, start(), true).is_some());
}

#[test]
fn the_last_tenth_of_a_budget_is_for_endings() {
    let zendesk = |left| vec![("x-rate-limit", "400"), ("x-rate-limit-remaining", left)];
    assert_eq!(opens(LIST, 200, &zendesk("40")), (None, None));
    assert_eq!(opens(LIST, 200, &zendesk("39")), (Some(10), None));
    let resets = [("ratelimit-limit", "100"), ("ratelimit-remaining", "5"), ("ratelimit-reset", "41")];
    assert_eq!(opens(LIST, 200, &resets), (Some(41), None));
    let reset = after(25).as_second().to_string();
    let gitlab = [
        ("ratelimit-limit", "2000"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", reset.as_str()),
        ("ratelimit-name", "throttle_authenticated_api"),
        ("date", "Tue, 01 Dec 2026 09:00:00 GMT"),
    ];
    assert_eq!(opens(READ, 200, &gitlab), (Some(25), None));
    for strange in ["-1", "many", "9999999999999"] {
        assert_eq!(
            opens(LIST, 200, &[("x-rate-limit", "400"), ("x-rate-limit-remaining", strange)]),
            (None, None)
        );
    }
}

#[test]
fn a_wait_of_a_clock_that_was_set_back_ends() {
    let mut patience = Patience::default();
    patience.heard(LIST, &answer(429, &[("retry-after", "30")], ""), after(86_400));
    assert_eq!(patience.opens(LIST, start(), false), None);
}

#[tokio::test]
async fn whoever_asks_is_answered_at_once_and_told_until_when() {
    let clock = AdjustableClock::frozen(start());
    let gate = Gate::new(clock.clone());
    assert!(gate.refusal(LIST).is_none());
    gate.heard(LIST, &answer(429, &[("retry-after", "30")], ""), start());
    let refused = minding_waits(async {
        let refusal = gate.refusal(LIST).unwrap();
        assert_eq!(
            (refusal.status(), &refusal.headers()["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"33".parse().unwrap())
        );
        told_to_wait_until()
    });
    assert_eq!(refused.await, Some(after(32)));
    assert_eq!(told_to_wait_until(), None);
    clock.advance(SignedDuration::from_secs(30));
    assert!(gate.refusal(LIST).is_some());
    assert!(first(async { gate.refusal(LIST) }).await.is_none(), "endings go first");
    clock.advance(SignedDuration::from_secs(2));
    assert!(gate.refusal(LIST).is_none());
}

#[test]
fn clocks_that_are_minutes_apart_are_noticed_and_a_slow_answer_is_not_taken_for_one() {
    let clock = AdjustableClock::frozen(start());
    let gate = Gate::new(clock.clone());
    let dated = |date: &str| answer(200, &[("date", date)], "");
    for (date, off) in [
        ("Tue, 01 Dec 2026 09:00:00 GMT", false),
        ("Tue, 01 Dec 2026 09:05:01 GMT", true),
        ("Tue, 01 Dec 2026 09:04:59 GMT", false),
        ("Tue, 01 Dec 2026 08:54:59 GMT", true),
        ("Mon, 01 Jan 2001 00:00:00 GMT", true),
    ] {
        gate.heard(READ, &dated(date), start());
        assert_eq!(gate.clock_is_off(), off, "{date}");
    }
    clock.advance(SignedDuration::from_mins(20));
    gate.heard(READ, &dated("Tue, 01 Dec 2026 09:00:01 GMT"), start());
    assert!(!gate.clock_is_off(), "it was answered when it was asked, and took its time");
}
