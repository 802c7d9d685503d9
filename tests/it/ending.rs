//! Endings: on the day, at a person's word, whatever anybody does to the issue; proven by looking, never given up.

use countersign::domain::snapshot::OrderKind;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Form, House, PROJECT, at_creation, at_sending, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The instant the default form promises.
fn end() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

/// Moves to the promised end, and lets happen what is due then.
async fn the_end_comes(house: &House) {
    house.later(end().duration_since(house.now())).await;
}

fn at_tokens(method: &str, effect: &str) -> Value {
    json!({"vendor": "zendesk", "method": method, "path": "api_tokens", "effect": effect, "times": 0})
}

#[tokio::test]
async fn a_credential_lives_to_the_end_of_its_last_day_and_not_a_second_longer() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.later(end().duration_since(house.now()) - SignedDuration::from_secs(1)).await;
    house.has_exactly_one(iid).await;
    house.later(SignedDuration::from_secs(1)).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ended");
    assert_eq!(house.issue(iid).await["state"], "closed");
    assert_eq!(house.last_token_calls(5), ["GET 200", "PUT 200", "GET 200", "DELETE 204", "GET 200"]);
    assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Ended

    Its end date came. The credential was taken away and seen to be gone. To ask for a new one, reopen this issue: both approvals are then needed anew.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @kim, 2026-12-01 09:01 UTC (terms `…`)
    1. **Provisioner**: ✓ approved by @pat, 2026-12-01 09:01 UTC (terms `…`)
    1. **Hand-over**: ✓ by Slack direct message, 2026-12-01 09:01 UTC
    1. **Taken away**: ✓ seen to be gone, 2027-01-01 00:00 UTC

    **What was issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.**
    ");
    house.leave().await;
}

#[tokio::test]
async fn revoking_an_active_credential_ends_it_at_once() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.orders(iid, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ended");
    says(&house.comment(iid).await, "An operator revoked it: `because`.");
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.leave().await;
}

#[tokio::test]
async fn revoking_what_waits_for_approval_withdraws_it() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.phase(iid).await, "withdrawn");
    assert_eq!(house.issue(iid).await["state"], "closed");
    says(&house.comment(iid).await, "An operator withdrew this request: `because`. Nothing was handed over.");
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn revoking_on_the_way_takes_away_what_was_minted() {
    let house = House::open().await;
    let mut busy = at_sending("rate_limited");
    busy["times"] = json!(0);
    house.fault(busy).await;
    let iid = house.approved().await;
    assert_eq!(house.phase(iid).await, "delivering");
    house.fault(at_tokens("DELETE", "status:503")).await;
    house.orders(iid, OrderKind::Revoke).await;
    house.all_is_dead().await;
    let row = house.service().context.store().request(House::key(iid)).await.unwrap().unwrap();
    assert_eq!(row.held_by, None, "the secret is let go of: nobody need wait for this process");
    house.heal().await;
    house.later(DAY).await;
    assert_eq!(house.phase(iid).await, "withdrawn");
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn revoking_while_nobody_knows_what_was_minted_takes_it_away_once_it_is_found() {
    for effect in ["lose_answer", "late_effect"] {
        let house = House::open().await;
        let mut lost = at_creation(effect);
        lost["seconds"] = json!(500);
        house.fault(lost).await;
        let iid = house.approved().await;
        house.orders(iid, OrderKind::Revoke).await;
        assert_eq!(house.phase(iid).await, "withdrawn");
        for _ in 0..30 {
            house.later(SignedDuration::from_mins(1)).await;
        }
        assert_eq!(house.secrets().len(), 1, "{effect}");
        house.all_is_dead().await;
        house.nothing_issued(iid).await;
        house.leave().await;
    }
}

#[tokio::test]
async fn revoking_while_the_message_may_have_gone_takes_it_away() {
    let house = House::open().await;
    house.fault(at_sending("drop_request")).await;
    let iid = house.approved().await;
    assert_eq!(house.phase(iid).await, "delivering");
    house.orders(iid, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "withdrawn");
    house.leave().await;
}

#[tokio::test]
async fn t22_a_deletion_that_answers_204_and_does_nothing_is_seen_through() {
    let house = House::open().await;
    let iid = house.approved().await;
    // A list that goes on showing what was looks the same as a deletion that did nothing.
    house.control("lists", json!({"instance": "global", "lag_seconds": 7200})).await;
    the_end_comes(&house).await;
    assert_eq!(house.phase(iid).await, "ending");
    says(&house.comment(iid).await, "Zendesk has not let go of it in 1 tries");
    for _ in 0..8 {
        house.later(SignedDuration::from_mins(10)).await;
        assert_eq!(house.phase(iid).await, "ending");
    }
    house.later(SignedDuration::from_hours(3)).await;
    assert_eq!(house.phase(iid).await, "ended");
    says(&house.comment(iid).await, "The credential was taken away and seen to be gone");
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn t22_a_deactivation_that_answers_200_and_does_nothing_is_asked_for_until_it_is_seen() {
    for days in [0, 7] {
        let grace = format!("delete_after_days = {days}");
        let house =
            House::open_with(|config| *config = config.replace("delete_after_days = 0", &grace)).await;
        let iid = house.approved().await;
        let secret = House::secret_in(&house.messages("requester").await[0]);
        house.quirk(json!({"false_api_token_deactivations": 3})).await;
        the_end_comes(&house).await;
        assert!(house.works(&secret).await, "whatever Zendesk answered");
        assert_eq!(house.phase(iid).await, "ending");
        says(&house.comment(iid).await, "Zendesk has not let go of it in 1 tries");
        assert_eq!(house.calls("zendesk", "DELETE", "api_tokens"), 0, "never deleted while active");
        assert!(house.entries(iid, "credential.switched_off").await.is_empty());
        for _ in 0..5 {
            house.later(SignedDuration::from_mins(1)).await;
        }
        assert!(!house.works(&secret).await);
        assert_eq!(house.calls("zendesk", "PUT", "api_tokens/"), 4);
        house.later(DAY * days).await;
        assert_eq!(house.phase(iid).await, "ended");
        house.all_is_dead().await;
        house.leave().await;
    }
}

#[tokio::test]
async fn t22_a_deletion_that_answers_204_and_leaves_the_token_there_is_asked_for_until_it_is_seen() {
    let house = House::open().await;
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    house.quirk(json!({"false_api_token_deletions": 2})).await;
    the_end_comes(&house).await;
    assert!(!house.works(&secret).await, "it was switched off first");
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ending", 1));
    for _ in 0..5 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ended", 0));
    assert_eq!(house.calls("zendesk", "DELETE", "api_tokens/"), 3);
    house.leave().await;
}

#[tokio::test]
async fn t22_an_unlisted_token_that_works_on_after_a_204_is_not_called_gone() {
    let house = House::open().await;
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    house.control("lists", json!({"instance": "global", "lag_seconds": 480})).await;
    // One of their lists does not have it yet, and neither the switching off nor the deletion does what it answers.
    house.quirk(json!({"false_api_token_deactivations": 3, "false_api_token_deletions": 3})).await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.last_token_calls(3), ["GET 200", "PUT 200", "DELETE 204"]);
    assert!(house.works(&secret).await, "whatever Zendesk answered");
    assert_eq!(house.phase(iid).await, "ending");
    for _ in 0..40 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    assert!(!house.works(&secret).await);
    assert_eq!(house.phase(iid).await, "ended");
    house.all_is_dead().await;
    house.leave().await;
}

/// Found by the simulation: their lists do not all tell the same.
#[tokio::test]
async fn t22_a_token_that_a_list_showed_and_another_does_not_is_not_called_gone_while_it_is_there() {
    let house = House::open().await;
    let iid = house.approved().await;
    house
        .fault(
            json!({"vendor": "zendesk", "method": "DELETE", "path": "api_tokens", "effect": "drop_request"}),
        )
        .await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ending", 1));
    house.control("lists", json!({"instance": "global", "lag_seconds": 480})).await;
    for _ in 0..3 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    assert_eq!(house.phase(iid).await, "ended");
    house.control("lists", json!({"instance": "global", "lag_seconds": 0})).await;
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    house.leave().await;
}

#[tokio::test]
async fn t19_a_token_deleted_by_hand_ends_as_found_gone() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.later(DAY).await;
    house.deleted_by_hand(&house.alive()[0]["id"]).await;
    the_end_comes(&house).await;
    assert_eq!(house.phase(iid).await, "ended");
    says(&house.comment(iid).await, "It was found gone at Zendesk already");
    assert_eq!(house.entries(iid, "credential.gone").await[0]["found_gone"], true);
    house.leave().await;
}

#[tokio::test]
async fn t19_a_young_token_that_is_not_listed_is_not_taken_for_gone() {
    let house = House::open().await;
    let iid = house.approved().await;
    // One of their lists has it, and another one not yet.
    house.control("lists", json!({"instance": "global", "lag_seconds": 480})).await;
    house.orders(iid, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ending", "not being listed proves nothing yet");
    for _ in 0..40 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    assert_eq!(house.phase(iid).await, "ended");
    says(&house.comment(iid).await, "The credential was taken away and seen to be gone");
    house.leave().await;
}

#[tokio::test]
async fn t20_a_list_that_cannot_be_read_is_never_gone_and_it_goes_on_for_ever() {
    for effect in ["status:403", "status:404", "status:503", "html", "redirect", "rate_limited"] {
        let house = House::open().await;
        let iid = house.approved().await;
        house.fault(at_tokens("GET", effect)).await;
        the_end_comes(&house).await;
        let before = house.calls("zendesk", "GET", "api_tokens");
        for _ in 0..30 {
            house.later(DAY).await;
            assert_eq!(house.phase(iid).await, "ending", "{effect}");
        }
        let looks = house.calls("zendesk", "GET", "api_tokens") - before;
        assert!((30..=200).contains(&looks), "about once a day in the end, {effect}: {looks}");
        says(&house.comment(iid).await, "It is tried again until it is seen to be gone.");
        house.all_is_dead().await;
        house.heal().await;
        house.later(DAY).await;
        assert_eq!(house.phase(iid).await, "ended");
        house.leave().await;
    }
}

#[tokio::test]
async fn t20_a_refusal_to_deactivate_or_delete_is_never_given_up() {
    for (method, effect) in
        [("PUT", "status:403"), ("PUT", "status:404"), ("DELETE", "status:422"), ("DELETE", "status:404")]
    {
        let house = House::open().await;
        let iid = house.approved().await;
        house.fault(at_tokens(method, effect)).await;
        the_end_comes(&house).await;
        for _ in 0..10 {
            house.later(DAY).await;
            assert_eq!(house.phase(iid).await, "ending", "{method} {effect}");
        }
        assert_eq!(house.alive().len(), usize::from(method == "PUT"), "what could be done was done");
        assert_eq!(
            house.calls("zendesk", "DELETE", "api_tokens") > 0,
            method == "DELETE",
            "never deleted while active"
        );
        house.heal().await;
        house.later(DAY).await;
        assert_eq!(house.phase(iid).await, "ended");
        house.all_is_dead().await;
        house.leave().await;
    }
}

#[tokio::test]
async fn t20_a_refusal_is_answered_with_a_few_tries_on_the_first_day_and_one_a_day_from_then_on() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.fault(at_tokens("PUT", "status:403")).await;
    the_end_comes(&house).await;
    let tries = || house.calls("zendesk", "PUT", "api_tokens/");
    for _ in 0..24 * 60 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    assert!((8..=14).contains(&tries()), "on the first day: {}", tries());
    for _ in 0..2 {
        house.later(DAY).await;
    }
    let before = tries();
    for _ in 0..20 * 24 {
        house.later(SignedDuration::from_hours(1)).await;
    }
    assert!((19..=21).contains(&(tries() - before)), "in twenty days: {}", tries() - before);
    assert_eq!(house.phase(iid).await, "ending", "it is never given up");
    house.heal().await;
    house.later(DAY).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn an_ending_that_is_due_goes_ahead_while_gitlab_is_down() {
    for effect in ["status:503", "status:404", "drop_request"] {
        let house = House::open().await;
        let iid = house.approved().await;
        house.fault(json!({"vendor": "gitlab", "effect": effect, "times": 0})).await;
        the_end_comes(&house).await;
        house.all_is_dead().await;
        assert_eq!(house.phase(iid).await, "ended");
        house.heal().await;
        for _ in 0..10 {
            house.later(SignedDuration::from_mins(5)).await;
        }
        if effect != "status:404" {
            assert_eq!(house.issue(iid).await["state"], "closed");
            says(&house.comment(iid).await, "seen to be gone");
        }
        house.leave().await;
    }
}

#[tokio::test]
async fn an_ending_that_is_due_goes_ahead_after_the_issue_was_deleted() {
    let house = House::open().await;
    let iid = house.approved().await;
    let (status, _) =
        house.gitlab("owner", Method::DELETE, &format!("projects/{PROJECT}/issues/{iid}"), Value::Null).await;
    assert!(status.is_success());
    house.settle().await;
    assert_eq!(house.alive().len(), 1, "deleting the issue does not end it");
    the_end_comes(&house).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ended");
    house.leave().await;
}

#[tokio::test]
async fn t36_nothing_done_to_the_issue_changes_an_active_credential() {
    let house = House::open().await;
    let iid = house.approved().await;
    let alive = house.alive();
    let longer = Form { remove_on: "2027-03-31", purpose: "Something else.", ..Form::default() };
    let none = Form { remove_on: "", purpose: "", marker: false, ..Form::default() };
    let doings = [
        ("requester", json!({"description": longer.text()})),
        ("requester", json!({"description": none.text()})),
        ("manager", json!({"remove_labels": "manager-approved"})),
        ("provisioner", json!({"remove_labels": "provisioner-approved"})),
        ("manager", json!({"add_labels": "manager-approved"})),
        ("provisioner", json!({"add_labels": "provisioner-approved"})),
        ("manager", json!({"state_event": "close"})),
        ("requester", json!({"state_event": "reopen"})),
        ("manager", json!({"add_labels": "manager-approved"})),
        ("provisioner", json!({"add_labels": "provisioner-approved"})),
    ];
    let comment = house.comment(iid).await;
    says(&comment, "editing, closing, reopening or relabelling this issue changes nothing");
    for (role, doing) in doings {
        house.changes(role, iid, doing).await;
        house.settle().await;
        house.sweep().await;
        house.has_exactly_one(iid).await;
        assert_eq!(house.comment(iid).await, comment);
    }
    let without_use = |token: &Value| (token["id"].clone(), token["description"].clone());
    assert_eq!(without_use(&house.alive()[0]), without_use(&alive[0]));
    assert_eq!(house.creations(), 1);
    the_end_comes(&house).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ended");
    house.leave().await;
}

#[tokio::test]
async fn t11_reopening_after_the_end_begins_anew_and_needs_both_approvals() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.orders(iid, OrderKind::Revoke).await;
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    assert_eq!(house.issue_labels(iid).await, Vec::<String>::new(), "both labels are taken off");
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:02 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > The label ~"manager-approved" set by `@kim` does not count and was taken off (2026-12-01 09:02 UTC): it is left over from before this issue was reopened.

    > The label ~"provisioner-approved" set by `@pat` does not count and was taken off (2026-12-01 09:02 UTC): it is left over from before this issue was reopened.

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    house.provisioner_approves(iid).await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.manager_approves(iid).await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("awaiting_provisioner", 1));
    house.provisioner_approves(iid).await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.creations(), 2);
    the_end_comes(&house).await;
    house.all_is_dead().await;
    assert_eq!(house.entries(iid, "generation.begun").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t36_an_issue_reopened_while_its_credential_is_not_gone_begins_nothing() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.fault(at_tokens("DELETE", "status:503")).await;
    house.orders(iid, OrderKind::Revoke).await;
    house.changes("manager", iid, json!({"state_event": "close"})).await;
    house.settle().await;
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.changes("manager", iid, json!({"remove_labels": "manager-approved"})).await;
    house.manager_approves(iid).await;
    house.changes("provisioner", iid, json!({"remove_labels": "provisioner-approved"})).await;
    house.provisioner_approves(iid).await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("ending", 1));
    house.heal().await;
    house.later(DAY).await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("ended", 1));
    house.leave().await;
}

#[tokio::test]
async fn an_ending_survives_a_death_at_each_of_its_calls() {
    for (method, path) in [("GET", "api_tokens"), ("PUT", "api_tokens/"), ("DELETE", "api_tokens/")] {
        let mut house = House::open().await;
        let iid = house.approved().await;
        house.clock.advance(end().duration_since(house.now()));
        house.dies_during("zendesk", method, path).await;
        house.settle().await;
        house.later(SignedDuration::from_mins(2)).await;
        assert_eq!(house.phase(iid).await, "ended", "{method}");
        house.all_is_dead().await;
        house.leave().await;
    }
}
