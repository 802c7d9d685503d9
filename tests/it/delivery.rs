//! Handing over: to the right person or not at all, once, and never into a notification.

use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::Step;
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, Gate, House, at_sending, says};

/// What Slack says of the person, and what the comment says of it.
async fn nothing_is_minted_for(house: House, requester: &str, reason: &str) {
    let iid = house.opens(requester, &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.creations(), 0, "Slack is asked before anything is minted");
    assert_eq!(house.calls("slack", "POST", "chat.postMessage"), 0);
    says(&house.comment(iid).await, "**Nothing can be issued now**");
    says(&house.comment(iid).await, reason);
    let doubts = house.entries(iid, "request.doubts").await;
    assert!(!doubts.is_empty(), "the refusal is in the chain");
    house.leave().await;
}

const UNFIT: &str = "Slack account is deactivated, a guest's, a bot's or has another address";

#[tokio::test]
async fn t26_nothing_is_minted_for_somebody_who_is_not_on_slack() {
    let house = House::open().await;
    house.fault(json!({"vendor": "slack", "path": "lookupByEmail", "effect": "slack_error:users_not_found", "times": 0})).await;
    nothing_is_minted_for(house, "requester", "Slack has nobody with the requester's address").await;
}

#[tokio::test]
async fn t26_nothing_is_minted_for_a_guest() {
    nothing_is_minted_for(House::open().await, "contractor", UNFIT).await;
}

#[tokio::test]
async fn t26_nothing_is_minted_for_a_deactivated_account() {
    let house = House::open().await;
    house.control("people/101", json!({"slack": {"deleted": true}})).await;
    nothing_is_minted_for(house, "requester", UNFIT).await;
}

/// Found by the simulation: Slack was asked on a guess, the rest was read when she was gone, and each was true once.
#[tokio::test]
async fn t26_nothing_is_minted_for_somebody_who_left_slack_while_gitlab_was_slow() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    let asked = || house.calls("slack", "GET", "users.lookupByEmail");
    let (before, worker) = (asked(), house.another_worker());
    house.changes("requester", iid, json!({"title": "Zendesk access, please"})).await;
    house.sandbox.deliveries_settled().await;
    gate.hold(format!("/issues/{iid}"));
    let looking = tokio::spawn(async move { worker.step_on(House::key(iid)).await.unwrap() });
    gate.holds_somebody().await;
    while asked() == before {
        tokio::task::yield_now().await;
    }
    house.control("people/101", json!({"slack": {"deleted": true}})).await;
    house.labels("provisioner", iid, "provisioner-approved").await;
    gate.open();
    looking.await.unwrap();
    house.settle().await;
    assert_eq!(house.creations(), 0);
    says(&house.comment(iid).await, UNFIT);
    house.leave().await;
}

#[tokio::test]
async fn t26_nothing_is_minted_for_a_bot() {
    let house = House::open().await;
    house.control("people/101", json!({"slack": {"bot_id": "B0ROBIN"}})).await;
    nothing_is_minted_for(house, "requester", UNFIT).await;
}

#[tokio::test]
async fn t26_nothing_is_minted_while_slack_does_not_answer_and_it_goes_on_by_itself() {
    let house = House::open().await;
    house.fault(json!({"vendor": "slack", "effect": "status:503", "times": 0})).await;
    let iid = house.approved().await;
    assert_eq!(house.creations(), 0);
    says(&house.comment(iid).await, "Slack does not answer at the moment");
    house.heal().await;
    house.later(SignedDuration::from_mins(5)).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn slack_refuses_for_good_and_the_credential_is_taken_away_at_once() {
    let house = House::open().await;
    house.fault(at_sending("slack_error:restricted_action")).await;
    let iid = house.approved().await;
    assert_eq!(house.phase(iid).await, "blocked");
    house.all_is_dead().await;
    house.nothing_issued(iid).await;
    assert_eq!(house.secrets().len(), 1);
    assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Blocked

    Slack refuses to deliver the message (`restricted_action`). The credential is taken away; nobody has it. A person must look: an operator runs `countersign retry`, or the provisioner takes the label ~"provisioner-approved" off and puts it on again.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @kim, 2026-12-01 09:01 UTC (terms `…`)
    1. **Provisioner**: ✓ approved by @pat, 2026-12-01 09:01 UTC (terms `…`)
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > Attempt 1 made a credential that reached nobody for certain; it was taken away and is dead.

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    house.later(SignedDuration::from_hours(24)).await;
    assert_eq!(house.creations(), 1, "nothing is tried again before a person says so");
    house.orders(iid, OrderKind::Retry).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_provisioner_who_puts_the_label_on_anew_leaves_the_block() {
    let house = House::open().await;
    house.fault(at_sending("slack_error:restricted_action")).await;
    let iid = house.approved().await;
    house.changes("provisioner", iid, json!({"remove_labels": "provisioner-approved"})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "blocked", "taking it off alone is no wish");
    house.provisioner_approves(iid).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn nobody_but_a_provisioner_leaves_the_block_with_a_label() {
    let house = House::open().await;
    house.fault(at_sending("slack_error:restricted_action")).await;
    let iid = house.approved().await;
    house.changes("colleague", iid, json!({"remove_labels": "provisioner-approved"})).await;
    house.labels("colleague", iid, "provisioner-approved").await;
    house.settle().await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("blocked", 1));
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_conversation_that_cannot_be_opened_is_a_refusal_too() {
    let house = House::open().await;
    house
        .fault(
            json!({"vendor": "slack", "path": "conversations.open", "effect": "slack_error:user_disabled", "times": 0}),
        )
        .await;
    let iid = house.approved().await;
    assert_eq!(house.phase(iid).await, "blocked");
    house.all_is_dead().await;
    assert_eq!(house.calls("slack", "POST", "chat.postMessage"), 0);
    says(&house.comment(iid).await, "`user_disabled`");
    house.leave().await;
}

#[tokio::test]
async fn t27_a_message_put_off_is_sent_once_with_the_same_credential() {
    for effect in ["rate_limited", "slack_error:ratelimited", "slack_error:request_timeout"] {
        let house = House::open().await;
        let mut fault = at_sending(effect);
        fault["times"] = json!(2);
        house.fault(fault).await;
        let iid = house.approved().await;
        assert_eq!(house.phase(iid).await, "delivering");
        for _ in 0..4 {
            house.later(SignedDuration::from_mins(1)).await;
        }
        house.has_exactly_one(iid).await;
        assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (1, 1), "{effect}");
        house.leave().await;
    }
}

#[tokio::test]
async fn t18_another_process_leaves_alone_what_this_one_holds_the_secret_of() {
    let house = House::open().await;
    house.fault(at_sending("slack_error:ratelimited")).await;
    let iid = house.approved().await;
    house.clock.advance(SignedDuration::from_mins(1));
    let other = house.another_process().await;
    assert_eq!(other.step_on(House::key(iid)).await.unwrap(), Step::Idle);
    assert_eq!(other.step().await.unwrap(), Step::Idle);
    house.settle().await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.secrets().len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t18_another_process_takes_over_once_this_one_had_its_time() {
    let house = House::open().await;
    house.fault(at_sending("slack_error:ratelimited")).await;
    let iid = house.approved().await;
    house.clock.advance(SignedDuration::from_mins(2));
    let other = house.another_process().await;
    while other.step().await.unwrap() != Step::Idle {}
    house.has_exactly_one(iid).await;
    assert_eq!(house.secrets().len(), 2, "it cannot know the first one's secret");
    house.later(SignedDuration::from_mins(5)).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_secret_that_slack_does_not_take_for_ten_minutes_is_taken_away_then() {
    let house = House::open().await;
    let mut fault = at_sending("slack_error:ratelimited");
    fault["times"] = json!(0);
    house.fault(fault).await;
    let iid = house.approved().await;
    house.later(SignedDuration::from_secs(599)).await;
    assert_eq!(house.alive().len(), 1, "ten minutes it is held");
    house.fault(json!({"vendor": "zendesk", "method": "POST", "path": "api_tokens", "effect": "rate_limited", "times": 0})).await;
    house.later(SignedDuration::from_secs(1)).await;
    house.all_is_dead().await;
    house.heal().await;
    house.later(SignedDuration::from_mins(5)).await;
    house.has_exactly_one(iid).await;
    assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (2, 1));
    house.leave().await;
}

#[tokio::test]
async fn t27_a_message_that_went_although_slack_failed_is_found_and_not_sent_again() {
    for effect in ["lose_answer", "half_body"] {
        let house = House::open().await;
        house.fault(at_sending(effect)).await;
        let iid = house.approved().await;
        house.has_exactly_one(iid).await;
        assert_eq!((house.secrets().len(), house.messages("requester").await.len()), (1, 1), "{effect}");
        assert_eq!(house.entries(iid, "delivery.found").await.len(), 1);
        house.leave().await;
    }
}

#[tokio::test]
async fn t27_a_message_that_is_not_found_after_three_looks_costs_its_credential() {
    for effect in ["drop_request", "slack_error:fatal_error", "status:503", "html"] {
        let house = House::open().await;
        house.fault(at_sending(effect)).await;
        let iid = house.approved().await;
        assert_eq!(house.phase(iid).await, "delivering", "{effect}");
        assert_eq!(house.entries(iid, "delivery.not_found_yet").await.len(), 1);
        house.later(SignedDuration::from_secs(59)).await;
        assert_eq!(house.entries(iid, "delivery.not_found_yet").await.len(), 1, "a minute apart");
        house.later(SignedDuration::from_secs(1)).await;
        assert_eq!((house.alive().len(), house.secrets().len()), (1, 1));
        house.later(SignedDuration::from_mins(1)).await;
        house.has_exactly_one(iid).await;
        let messages = house.messages("requester").await;
        assert_eq!((house.secrets().len(), messages.len()), (2, 1), "{effect}");
        says(
            &house.message_text(&messages[0]),
            "If you got an earlier message for this request: that credential is dead",
        );
        says(&house.comment(iid).await, "Attempt 1 made a credential that reached nobody for certain");
        house.leave().await;
    }
}

#[tokio::test]
async fn t27_a_message_that_shows_up_only_after_it_was_given_up_holds_a_dead_credential() {
    let house = House::open().await;
    let mut late = at_sending("late_effect");
    late["seconds"] = json!(600);
    house.fault(late).await;
    let iid = house.approved().await;
    for _ in 0..12 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    let messages = house.messages("requester").await;
    assert_eq!(messages.len(), 2, "the first one landed after all");
    let alive = house.alive();
    assert_eq!(alive.len(), 1);
    let working: Vec<&Value> =
        messages.iter().filter(|message| alive[0]["secret"] == House::secret_in(message).as_str()).collect();
    says(&house.message_text(working[0]), "that credential is dead, use this one");
    assert_eq!(house.phase(iid).await, "active");
    house.leave().await;
}

#[tokio::test]
async fn t27_a_conversation_that_cannot_be_read_is_given_up_after_ten_minutes() {
    let house = House::open().await;
    house.fault(at_sending("drop_request")).await;
    house.fault(json!({"vendor": "slack", "path": "conversations.history", "method": "GET", "effect": "status:503", "times": 0})).await;
    let iid = house.approved_unseen().await;
    house.settle().await;
    for _ in 0..9 {
        house.later(SignedDuration::from_mins(1)).await;
        assert_eq!(house.alive().len(), 1);
    }
    for _ in 0..10 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    house.heal().await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.secrets().len(), 2);
    house.leave().await;
}

#[tokio::test]
async fn t25_the_message_tells_the_secret_to_its_reader_alone() {
    let house = House::open().await;
    let iid = house.approved().await;
    let message = &house.messages("requester").await[0];
    let secret = House::secret_in(message);
    assert!(!message["text"].as_str().unwrap().contains(&secret), "notifications show the text");
    assert!(
        !message["metadata"].to_string().contains(&secret),
        "any app of the workspace reads the metadata"
    );
    let keys: Vec<&String> = message["metadata"]["event_payload"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["delivery_id"]);
    let id = message["metadata"]["event_payload"]["delivery_id"].as_str().unwrap();
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4, "nothing can be read from it");
    let blocks = message["blocks"].to_string();
    assert_eq!(blocks.matches(&secret).count(), 1);
    assert_snapshot!(house.message_text(message), @"
    notification: Your Zendesk API token is here. Open the message to read it. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Your Zendesk API token for Zendesk Global (http://sandbox/zendesk/global), as asked for in http://sandbox/gitlab/company/access-requests/-/issues/4:
    [the secret]
    Use it as the password of basic authentication, with YOUR_EMAIL/token as the user name. It works until 2026-12-31, end of the day (2027-01-01 00:00 UTC). It can act as any user of the account: keep it in a password manager, never in code or in an issue. It cannot be shown again; delete this message once you have stored it.
    ");
    assert_eq!(house.phase(iid).await, "active");
    house.leave().await;
}
