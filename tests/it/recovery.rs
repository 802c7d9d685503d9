//! Recovery: whatever call is lost and wherever the process dies, in the end one credential is alive, and it is
//! the one whose secret is in the newest message.

use countersign::reconcile::Step;
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, House, at_creation, says};

/// Long enough for every wait of recovery, looked at as often as a worker would.
async fn minutes_pass(house: &House, minutes: u32) {
    for _ in 0..minutes {
        house.later(SignedDuration::from_mins(1)).await;
    }
}

/// Any call lets the sandbox carry out what was on its way.
async fn lands(house: &House) {
    house.http.get(house.sandbox.gitlab_url()).send().await.unwrap();
}

fn lasting(mut fault: Value) -> Value {
    fault["times"] = json!(0);
    fault
}

#[tokio::test]
async fn t18_a_create_call_whose_answer_is_lost_is_found_taken_away_and_made_anew() {
    for effect in ["lose_answer", "half_body"] {
        let house = House::open().await;
        house.fault(at_creation(effect)).await;
        let iid = house.approved().await;
        assert_eq!(house.phase(iid).await, "issuing");
        says(&house.comment(iid).await, "Zendesk did not answer when the credential was to be made");
        house.later(SignedDuration::from_secs(89)).await;
        assert_eq!(house.alive().len(), 1, "the call's deadline and a minute are waited out");
        house.later(SignedDuration::from_secs(1)).await;
        house.has_exactly_one(iid).await;
        assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (2, 1), "{effect}");
        house.leave().await;
    }
}

#[tokio::test]
async fn t18_a_create_call_that_never_arrived_is_looked_for_three_times_and_made_anew() {
    for effect in ["drop_request", "status:503", "status:500", "html"] {
        let house = House::open().await;
        house.fault(at_creation(effect)).await;
        let iid = house.approved().await;
        house.later(SignedDuration::from_secs(90)).await;
        house.later(SignedDuration::from_secs(60)).await;
        assert_eq!(house.entries(iid, "mint.not_found_yet").await.len(), 2);
        house.later(SignedDuration::from_secs(59)).await;
        assert_eq!(house.creations(), 1, "not before the third look");
        house.later(SignedDuration::from_secs(1)).await;
        house.has_exactly_one(iid).await;
        assert_eq!((house.creations(), house.secrets().len()), (2, 1), "{effect}");
        house.leave().await;
    }
}

#[tokio::test]
async fn t38_a_create_call_that_lands_after_the_second_is_taken_away_and_the_second_stays() {
    let house = House::open().await;
    let mut late = at_creation("late_effect");
    late["seconds"] = json!(400);
    house.fault(late).await;
    let iid = house.approved().await;
    minutes_pass(&house, 5).await;
    house.has_exactly_one(iid).await;
    let kept = house.alive();
    minutes_pass(&house, 2).await;
    lands(&house).await;
    assert_eq!(house.alive().len(), 2, "the first one landed");
    minutes_pass(&house, 15).await;
    assert_eq!(house.alive(), kept);
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t38_a_create_call_that_lands_while_the_process_is_down_is_found_at_the_next_start() {
    let mut house = House::open().await;
    let mut late = at_creation("late_effect");
    late["seconds"] = json!(1200);
    house.fault(late).await;
    let iid = house.approved().await;
    minutes_pass(&house, 5).await;
    house.has_exactly_one(iid).await;
    let kept = house.alive();
    house.clock.advance(SignedDuration::from_mins(20));
    lands(&house).await;
    assert_eq!(house.alive().len(), 2, "the first one landed");
    house.clock.advance(SignedDuration::from_hours(5));
    house.restart().await;
    house.settle().await;
    assert_eq!(house.alive(), kept);
    house.leave().await;
}

#[tokio::test]
async fn t38_a_list_that_lags_hides_nothing_for_good() {
    let house = House::open().await;
    house.control("lists", json!({"instance": "global", "lag_seconds": 400})).await;
    house.fault(at_creation("lose_answer")).await;
    let iid = house.approved().await;
    minutes_pass(&house, 40).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_lagging_list_alone_changes_nothing() {
    let house = House::open().await;
    house.control("lists", json!({"instance": "global", "lag_seconds": 300})).await;
    let iid = house.approved().await;
    assert_eq!(house.messages("requester").await.len(), 0, "what no list shows yet was not read back");
    minutes_pass(&house, 30).await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.secrets().len(), 1);
    house.leave().await;
}

/// Dies during that call, after its effect; what is true when all has settled.
async fn dies_and_recovers(vendor: &str, method: &str, path: &str) -> (House, i64) {
    let mut house = House::open().await;
    let iid = house.approved_unseen().await;
    house.dies_during(vendor, method, path).await;
    house.settle().await;
    minutes_pass(&house, 20).await;
    house.has_exactly_one(iid).await;
    (house, iid)
}

#[tokio::test]
async fn t18_died_before_the_intent() {
    let (house, _) = dies_and_recovers("zendesk", "GET", "api_tokens").await;
    assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (1, 1));
    house.leave().await;
}

#[tokio::test]
async fn t18_died_between_create_and_its_id() {
    let (house, _) = dies_and_recovers("zendesk", "POST", "api_tokens").await;
    assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (2, 1));
    house.leave().await;
}

#[tokio::test]
async fn t18_died_between_the_id_and_the_message() {
    // The list is read before the creation, and again to prove the secret.
    for (call @ (vendor, _, path), after) in
        [(("zendesk", "GET", "global/api/v2/api_tokens"), 1), (("slack", "POST", "conversations.open"), 0)]
    {
        let mut house = House::open().await;
        let iid = house.approved_unseen().await;
        if vendor == "slack" {
            // Nobody remembers the webhook, so that the conversation is not opened beside the reading.
            house.restart().await;
        }
        house.dies_during_another(call, after).await;
        assert_eq!(house.secrets().len(), 1, "{path}");
        house.settle().await;
        house.has_exactly_one(iid).await;
        assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (2, 1));
        assert_eq!(house.entries(iid, "credential.taking_away").await[0]["why"], "secret_lost");
        house.leave().await;
    }
}

#[tokio::test]
async fn t18_died_between_sending_and_its_outcome() {
    let (house, iid) = dies_and_recovers("slack", "POST", "chat.postMessage").await;
    assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (1, 1));
    assert_eq!(house.entries(iid, "delivery.found").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t18_died_between_the_message_row_and_sending() {
    let mut house = House::open().await;
    let iid = house.approved_unseen().await;
    house.fault(json!({"vendor": "slack", "path": "chat.postMessage", "effect": "drop_request"})).await;
    house.audit_refuses("NEW.kind = 'delivery.unknown'").await;
    house.try_step().await.unwrap_err();
    house.audit_writes().await;
    house.restart().await;
    minutes_pass(&house, 5).await;
    house.has_exactly_one(iid).await;
    let messages = house.messages("requester").await;
    assert_eq!((house.secrets().len(), messages.len()), (2, 1));
    says(&house.message_text(&messages[0]), "If you got an earlier message");
    house.leave().await;
}

#[tokio::test]
async fn t18_died_while_taking_away() {
    for (method, path) in [("PUT", "api_tokens/"), ("DELETE", "api_tokens/")] {
        let mut house = House::open().await;
        house.fault(json!({"vendor": "slack", "path": "chat.postMessage", "effect": "slack_error:restricted_action"})).await;
        let iid = house.approved_unseen().await;
        house.dies_during("zendesk", method, path).await;
        house.settle().await;
        minutes_pass(&house, 3).await;
        house.all_is_dead().await;
        assert_eq!(house.phase(iid).await, "blocked");
        house.leave().await;
    }
}

#[tokio::test]
async fn t12_a_slow_worker_takes_away_what_it_made_and_the_quick_ones_stays() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    let mut slow = at_creation("hang");
    slow["seconds"] = json!(1);
    house.fault(slow).await;
    let worker = house.another_worker();
    let working = tokio::spawn(async move { worker.step_on(House::key(iid)).await });
    while house.creations() == 0 {
        tokio::task::yield_now().await;
    }
    house.clock.advance(SignedDuration::from_mins(6));
    house.settle().await;
    house.has_exactly_one(iid).await;
    assert!(matches!(working.await.unwrap(), Ok(Step::Looked(_))));
    house.has_exactly_one(iid).await;
    minutes_pass(&house, 15).await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.messages("requester").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t12_a_worker_that_was_overtaken_during_the_call_takes_away_what_it_made_at_once() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    let once_intended = (
        "AFTER UPDATE OF lease_until ON requests",
        "EXISTS (SELECT 1 FROM attempts WHERE state = 'intended')",
    );
    house.database.trigger("overtakes", once_intended, "UPDATE requests SET fence = fence + 1").await;
    assert_eq!(house.try_step().await.unwrap(), Step::Looked(House::key(iid)));
    assert_eq!((house.creations(), house.secrets().len()), (1, 1));
    house.all_is_dead().await;
    assert_eq!(house.calls("slack", "POST", "chat.postMessage"), 0);
    house.database.no_trigger("overtakes").await;
    minutes_pass(&house, 10).await;
    house.has_exactly_one(iid).await;
    assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (2, 1));
    house.leave().await;
}

#[tokio::test]
async fn t12_a_worker_that_was_overtaken_before_the_call_does_not_make_it() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    let when_intended = ("AFTER INSERT ON audit", "NEW.kind = 'mint.intended'");
    house.database.trigger("overtakes", when_intended, "UPDATE requests SET fence = fence + 1").await;
    house.try_step().await.unwrap();
    assert_eq!(house.creations(), 0);
    house.database.no_trigger("overtakes").await;
    minutes_pass(&house, 10).await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.creations(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t12_two_workers_at_the_same_moment_make_one_credential() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    let (one, other) = (house.another_worker(), house.another_worker());
    let (one, other) = tokio::join!(one.step_on(House::key(iid)), other.step_on(House::key(iid)));
    assert_ne!(one.unwrap(), other.unwrap(), "one of them looked");
    house.settle().await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.creations(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t37_a_token_made_by_hand_with_the_same_description_is_never_touched() {
    for effect in ["lose_answer", "drop_request"] {
        let house = House::open().await;
        let iid = house.approved_unseen().await;
        let url = house.url(iid).await;
        let before = house.made_by_hand(&url).await;
        house.fault(at_creation(effect)).await;
        house.settle().await;
        let meanwhile = house.made_by_hand(&url).await;
        minutes_pass(&house, 15).await;
        assert_eq!(house.phase(iid).await, "active");
        for secret in [&before, &meanwhile] {
            assert!(house.works(secret).await, "it is somebody else's");
        }
        assert_eq!(house.alive().len(), 3, "theirs and one of ours");
        house.later(SignedDuration::from_hours(24 * 31)).await;
        assert_eq!(house.phase(iid).await, "ended");
        assert_eq!(house.alive().len(), 2);
        for secret in [&before, &meanwhile] {
            assert!(house.works(secret).await, "it is somebody else's");
        }
        house.leave().await;
    }
}

/// One that watches other projects logs in as the same user and names its tokens after its own issues.
#[tokio::test]
async fn t37_another_installations_tokens_of_the_same_user_are_never_touched() {
    for effect in ["lose_answer", "drop_request"] {
        let house = House::open().await;
        let iid = house.approved_unseen().await;
        let url = house.url(iid).await;
        let theirs =
            [url.replace("/access-requests/", "/other-requests/"), format!("{url}1"), format!("{url} ")];
        house.made_by_our_login(&theirs[0]).await;
        house.fault(at_creation(effect)).await;
        house.settle().await;
        for name in &theirs[1..] {
            house.made_by_our_login(name).await;
        }
        minutes_pass(&house, 15).await;
        assert_eq!(house.phase(iid).await, "active");
        assert_eq!(house.alive().len(), 4, "theirs and one of ours");
        house.later(SignedDuration::from_hours(24 * 31)).await;
        assert_eq!(house.phase(iid).await, "ended");
        let left = house.alive();
        let mut names: Vec<_> = left.iter().map(|token| token["description"].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = theirs.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{effect}");
        house.leave().await;
    }
}

#[tokio::test]
async fn t37_the_token_of_issue_forty_is_not_taken_for_the_one_of_issue_four() {
    for effect in ["lose_answer", "drop_request"] {
        let house = House::open().await;
        let first = house.approved_unseen().await;
        house.fault(at_creation(effect)).await;
        house.settle().await;
        let mut other = 0;
        while other != first * 10 {
            other = house.opens("requester", "Nothing to do with credentials.").await;
        }
        house.changes("requester", other, json!({"description": Form::default().text()})).await;
        house.labels("manager", other, "manager-approved").await;
        house.sandbox.deliveries_settled().await;
        house.look(other).await;
        house.labels("provisioner", other, "provisioner-approved").await;
        house.sandbox.deliveries_settled().await;
        house.look(other).await;
        let theirs = house.alive().pop().unwrap();
        minutes_pass(&house, 15).await;
        assert_eq!(
            (house.phase(first).await.as_str(), house.phase(other).await.as_str()),
            ("active", "active")
        );
        let alive = house.alive();
        assert!(alive.iter().any(|token| token["id"] == theirs["id"]), "it was never touched");
        let mut names: Vec<_> = alive.iter().map(|token| token["description"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, [house.url(first).await, house.url(other).await]);
        house.leave().await;
    }
}

#[tokio::test]
async fn t31_a_refusal_to_create_is_final_and_no_storm() {
    let house = House::open().await;
    let form = Form { instance: "Zendesk US Government", ..Form::default() };
    let iid = house.approved_form_unseen(&form).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "blocked");
    assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Blocked

    Zendesk refuses to create this credential: no account can create API tokens since 2026-10-27, and no account can hold more than its limit. Nothing was issued, and trying again will not help by itself. What this instance can issue instead: OAuth access token. To have that, open a new request. If Zendesk allows it again, ask an operator to run `countersign retry`.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @kim, 2026-12-01 09:01 UTC (terms `…`)
    1. **Provisioner**: ✓ approved by @pat, 2026-12-01 09:01 UTC (terms `…`)
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `…`)

    - API token for Zendesk US Government (http://sandbox/zendesk/us-government)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    ");
    for _ in 0..48 {
        house.later(SignedDuration::from_mins(30)).await;
        house.look(iid).await;
    }
    assert_eq!(house.creations(), 1);
    house.nothing_issued(iid).await;
    assert_eq!(house.entries(iid, "mint.refused").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t28_zendesk_that_is_busy_is_asked_again_ever_more_seldom() {
    let house = House::open().await;
    house.fault(lasting(at_creation("rate_limited"))).await;
    let iid = house.approved().await;
    for _ in 0..360 {
        house.later(SignedDuration::from_secs(10)).await;
    }
    assert!(house.creations() < 15, "{} calls within an hour", house.creations());
    says(&house.comment(iid).await, "it takes no calls just now");
    house.heal().await;
    house.later(SignedDuration::from_hours(2)).await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.secrets().len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn three_attempts_that_fail_block_the_request_until_a_person_says_so() {
    let house = House::open().await;
    house.fault(lasting(at_creation("lose_answer"))).await;
    let iid = house.approved().await;
    minutes_pass(&house, 60).await;
    assert_eq!(house.phase(iid).await, "blocked");
    assert_eq!((house.creations(), house.secrets().len()), (3, 3));
    house.all_is_dead().await;
    says(&house.comment(iid).await, "Three attempts failed.");
    house.heal().await;
    house.later(SignedDuration::from_hours(24)).await;
    assert_eq!(house.creations(), 3);
    house.orders(iid, countersign::domain::snapshot::OrderKind::Retry).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

/// Every call to Zendesk that is made on the way from the second label to the hand-over and to the end.
const CALLS: [(&str, &str); 5] = [
    ("POST", "oauth/tokens"),
    ("GET", "users/me"),
    ("GET", "api_tokens"),
    ("PUT", "api_tokens"),
    ("DELETE", "api_tokens"),
];

async fn goes_well_after(effect: &str) {
    for (method, path) in CALLS {
        let house = House::open().await;
        // Twice in a row: a call that may be repeated is, within the transport.
        house
            .fault(json!({"vendor": "zendesk", "method": method, "path": path, "effect": effect, "times": 2}))
            .await;
        let iid = house.approved().await;
        minutes_pass(&house, 20).await;
        house.has_exactly_one(iid).await;
        house.later(SignedDuration::from_hours(24 * 31)).await;
        minutes_pass(&house, 20).await;
        assert_eq!(house.phase(iid).await, "ended", "{effect} at {method} {path}");
        house.all_is_dead().await;
        for method in ["GET", "PUT", "POST", "DELETE"] {
            assert_eq!(house.calls("elsewhere", method, ""), 0, "no call follows a redirect");
        }
        house.leave().await;
    }
}

#[tokio::test]
async fn t28_a_busy_zendesk() {
    goes_well_after("rate_limited").await;
}

#[tokio::test]
async fn t28_a_zendesk_that_is_not_available() {
    goes_well_after("status:503").await;
}

#[tokio::test]
async fn t28_a_zendesk_that_answers_a_web_page() {
    goes_well_after("html").await;
}

#[tokio::test]
async fn t28_a_zendesk_that_answers_half() {
    goes_well_after("half_body").await;
}

#[tokio::test]
async fn t28_a_zendesk_that_redirects() {
    goes_well_after("redirect").await;
}

#[tokio::test]
async fn t28_a_redirect_at_the_creation_is_final() {
    let house = House::open().await;
    house.fault(at_creation("redirect")).await;
    let iid = house.approved().await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("blocked", 1));
    house.nothing_issued(iid).await;
    house.orders(iid, countersign::domain::snapshot::OrderKind::Retry).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t28_a_zendesk_that_loses_answers() {
    goes_well_after("lose_answer").await;
}
