//! Vendors that do not answer as they should, and webhooks that never come: rows 16, 17 and 28.

use countersign::reconcile::{Rounds, Sweeper};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, House};

const EFFECTS: [&str; 7] =
    ["status:500", "status:503", "html", "half_body", "redirect", "drop_request", "status:403"];

/// Both labels are on, and this read goes wrong in every way: nothing is issued wrongly, and it goes on afterwards.
async fn at_each_read_of(vendor: &str, path: &str) {
    at_each_read_in(House::open().await, vendor, path).await;
}

async fn at_each_read_in(house: House, vendor: &str, path: &str) {
    for effect in EFFECTS {
        let iid = house.managed().await;
        house.labels("provisioner", iid, PROVISIONER).await;
        house
            .fault(json!({"vendor": vendor, "method": "GET", "path": path, "effect": effect, "times": 0}))
            .await;
        house.settle().await;
        house.heal().await;
        assert_eq!(house.tokens(iid).await, Vec::<Value>::new(), "{effect} at {path}");
        let voided = house.history(iid).await.contains(&"approval.voided".to_owned());
        assert!(!voided, "{effect} at {path} took an approval away");
        house.later(SignedDuration::from_mins(6)).await;
        house.issued_once(iid).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn t28a_gitlab_does_not_show_the_issue() {
    let house = House::open().await;
    for effect in EFFECTS {
        let iid = house.managed().await;
        house.labels("provisioner", iid, PROVISIONER).await;
        let path = format!("/issues/{iid}");
        house
            .fault(json!({"vendor": "gitlab", "method": "GET", "path": path, "effect": effect, "times": 0}))
            .await;
        house.settle().await;
        house.heal().await;
        assert_eq!(house.tokens(iid).await, Vec::<Value>::new(), "{effect}");
        house.later(SignedDuration::from_mins(6)).await;
        house.issued_once(iid).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn t28b_gitlab_does_not_list_label_events() {
    at_each_read_of("gitlab", "resource_label_events").await;
}

#[tokio::test]
async fn t28c_gitlab_does_not_show_an_account() {
    let house = House::open().await;
    // What GraphQL does not show is asked for by itself.
    let provisioner = house.person("provisioner")["gitlab_id"].clone();
    house.control(&format!("people/{provisioner}"), json!({"unlisted": true})).await;
    at_each_read_in(house, "gitlab", "/users/").await;
}

#[tokio::test]
async fn t28d_gitlab_does_not_show_a_membership() {
    at_each_read_of("gitlab", "/members/all").await;
}

#[tokio::test]
async fn t28e_gitlab_does_not_list_labels() {
    at_each_read_of("gitlab", "/projects/42/labels").await;
}

#[tokio::test]
async fn t28f_gitlab_does_not_show_notes() {
    at_each_read_of("gitlab", "/notes").await;
}

#[tokio::test]
async fn t28g_gitlab_does_not_list_when_it_was_closed() {
    at_each_read_of("gitlab", "resource_state_events").await;
}

#[tokio::test]
async fn t28h_zendesk_does_not_list_its_tokens() {
    at_each_read_of("zendesk", "/api_tokens").await;
}

#[tokio::test]
async fn t28i_slack_does_not_find_people() {
    at_each_read_of("slack", "users.lookupByEmail").await;
}

#[tokio::test]
async fn t28j_gitlab_does_not_tell_the_last_edit() {
    let house = House::open().await;
    for effect in EFFECTS {
        let iid = house.managed().await;
        house.labels("provisioner", iid, PROVISIONER).await;
        house.fault(json!({"vendor": "gitlab", "path": "/api/graphql", "effect": effect, "times": 0})).await;
        house.settle().await;
        assert_eq!(house.tokens(iid).await, Vec::<Value>::new(), "{effect}");
        house.heal().await;
        house.later(SignedDuration::from_mins(6)).await;
        house.issued_once(iid).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn t28k_the_comment_tells_an_outage_from_an_attack() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    let labels = json!({"vendor": "gitlab", "method": "GET", "path": "/projects/42/labels", "effect": "status:503", "times": 0});
    house.fault(labels).await;
    house.settle().await;
    house.stopped(iid, "GitLab does not answer at the moment").await;
    let comment = house.comment(iid).await;
    assert!(!comment.contains("not the ones that were pinned"), "{comment}");
    house.heal().await;
    house.later(SignedDuration::from_mins(6)).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t28l_the_comment_cannot_be_written_and_there_is_one_all_the_same() {
    for effect in ["lose_answer", "status:503", "html", "half_body", "rate_limited"] {
        let house = House::open().await;
        house.fault(json!({"vendor": "gitlab", "method": "POST", "path": "/notes", "effect": effect})).await;
        let iid = house.request().await;
        house.later(SignedDuration::from_mins(6)).await;
        house.goes_on(iid).await;
        assert_eq!(house.notes(iid).await.len(), 1, "{effect}");
        house.leave().await;
    }
}

#[tokio::test]
async fn t28p_what_cannot_be_read_at_first_sight_is_looked_at_again() {
    let house = House::open().await;
    for (number, path) in ["resource_label_events", "/notes", "/api/graphql", "/user"].into_iter().enumerate()
    {
        house.fault(json!({"vendor": "gitlab", "path": path, "effect": "status:500", "times": 0})).await;
        let iid = house.opens("requester", &Form::default().text()).await;
        house.settle().await;
        house.heal().await;
        house.later(SignedDuration::from_mins(6)).await;
        assert_eq!(house.phase(iid).await, "awaiting_manager", "{number}: {path}");
    }
    house.leave().await;
}

#[tokio::test]
async fn t28m_a_label_that_cannot_be_taken_off_still_does_not_count() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("colleague", iid, MANAGER).await;
    let put =
        json!({"vendor": "gitlab", "method": "PUT", "path": "/issues/", "effect": "status:403", "times": 0});
    house.fault(put).await;
    house.settle().await;
    house.heal().await;
    house.nothing_issued(iid).await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER]);
    house.provisioner_approves(iid).await;
    house.refused(iid, "only @kim, the manager, can give this approval").await;
    house.leave().await;
}

#[tokio::test]
async fn t28n_no_credential_of_ours_follows_a_redirect() {
    let house = House::open().await;
    for (vendor, path) in
        [("gitlab", "/issues"), ("zendesk", "/api_tokens"), ("slack", "users.lookupByEmail")]
    {
        house.fault(json!({"vendor": vendor, "method": "GET", "path": path, "effect": "redirect"})).await;
    }
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.later(SignedDuration::from_mins(6)).await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.later(SignedDuration::from_mins(6)).await;
    house.issued_once(iid).await;
    assert_eq!(house.calls("elsewhere", "GET", ""), 0);
    house.leave().await;
}

async fn a_read_hangs(vendor: &str, path: &str) {
    let house = House::impatient(std::time::Duration::from_millis(500)).await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.fault(json!({"vendor": vendor, "path": path, "effect": "hang", "seconds": 2, "times": 0})).await;
    house.settle().await;
    house.heal().await;
    assert_eq!(house.messages("requester").await, Vec::<Value>::new(), "{path}");
    house.later(SignedDuration::from_mins(6)).await;
    house.issued_once(iid).await;
    house.leave().await;
}

/// All at once, each in a house of its own: what hangs hangs in real time.
#[tokio::test]
async fn t28o_a_vendor_that_never_answers() {
    tokio::join!(
        a_read_hangs("gitlab", "/issues/"),
        a_read_hangs("gitlab", "resource_label_events"),
        a_read_hangs("gitlab", "resource_state_events"),
        a_read_hangs("gitlab", "/api/graphql"),
        a_read_hangs("gitlab", "/members/all"),
        a_read_hangs("gitlab", "/projects/42/labels"),
        a_read_hangs("zendesk", "/api_tokens"),
        a_read_hangs("slack", "users.lookupByEmail"),
    );
}

/// Slack answers badly while it is asked to deliver: whatever came of it, one message has a credential that works.
#[tokio::test]
async fn t28t_slack_answers_the_message_badly() {
    for effect in ["redirect", "status:500", "status:403", "half_body", "html", "rate_limited:unsaid"] {
        let house = House::open().await;
        house
            .fault(json!({"vendor": "slack", "method": "POST", "path": "chat.postMessage", "effect": effect}))
            .await;
        let iid = house.managed().await;
        house.provisioner_approves(iid).await;
        for _ in 0..20 {
            house.later(SignedDuration::from_mins(1)).await;
        }
        if house.phase(iid).await == "blocked" {
            house.nothing_issued(iid).await;
            house.orders(iid, countersign::domain::snapshot::OrderKind::Retry).await;
        }
        house.has_exactly_one(iid).await;
        assert_eq!(house.messages("requester").await.len(), 1, "{effect}");
        assert_eq!(house.calls("elsewhere", "POST", "") + house.calls("elsewhere", "GET", ""), 0, "{effect}");
        house.leave().await;
    }
}

/// Slack's limits are each method's own; nothing is minted for somebody who cannot be looked up meanwhile.
#[tokio::test]
async fn t28u_slack_puts_a_look_at_people_off() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.fault(json!({"vendor": "slack", "path": "users.lookupByEmail", "effect": "rate_limited:30", "times": 0})).await;
    house.settle().await;
    assert_eq!(house.creations(), 0);
    house.heal().await;
    house.later(SignedDuration::from_mins(6)).await;
    house.issued_once(iid).await;
    house.leave().await;
}

/// The wait that GitLab asks for is waited out in real time, so once is enough.
#[tokio::test]
async fn t28q_gitlab_asks_to_slow_down_in_plain_text() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.fault(json!({"vendor": "gitlab", "path": "/issues/", "effect": "rate_limited", "times": 0})).await;
    house.settle().await;
    house.heal().await;
    house.nothing_issued(iid).await;
    house.later(SignedDuration::from_mins(6)).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t16a_the_hook_is_off_and_the_sweep_finds_everything() {
    let house = House::open().await;
    let hook = house.hooks().await[0]["id"].clone();
    let off = json!({"issues_events": false, "confidential_issues_events": false});
    house.in_project("maintainer", Method::PUT, &format!("hooks/{hook}"), off).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen");
    house.sweep().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.labels("manager", iid, MANAGER).await;
    house.sweep().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.sweep().await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t16b_what_happened_while_it_was_down_is_seen_when_it_is_up() {
    let mut house = House::open().await;
    let iid = house.managed().await;
    house
        .in_project(
            "maintainer",
            Method::DELETE,
            &format!("hooks/{}", house.hooks().await[0]["id"]),
            Value::Null,
        )
        .await;
    house.labels("provisioner", iid, PROVISIONER).await;
    let other = house.opens("requester", &Form::default().text()).await;
    house.restart().await;
    house.settle().await;
    house.issued_once(iid).await;
    house.sweep().await;
    assert_eq!(house.phase(other).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn t16c_a_closed_issue_and_a_long_outage_are_swept_too() {
    let house = House::open().await;
    let hook = house.hooks().await[0]["id"].clone();
    house.in_project("maintainer", Method::DELETE, &format!("hooks/{hook}"), Value::Null).await;
    let faulty = house.opens("requester", &Form { purpose: "", ..Form::default() }.text()).await;
    house.sweep().await;
    assert_eq!(house.issue(faulty).await["state"], "closed");
    let list = json!({"vendor": "gitlab", "method": "GET", "path": "/projects/42/issues", "effect": "status:503", "times": 0});
    house.fault(list).await;
    house.edits("requester", faulty, &Form::default().text()).await;
    for _ in 0..3 {
        house.later(SignedDuration::from_hours(6)).await;
        house.sweep().await;
    }
    house.heal().await;
    house.changes("requester", faulty, json!({"state_event": "reopen"})).await;
    house.sweep().await;
    assert_eq!(house.phase(faulty).await, "awaiting_manager");
    house.leave().await;
}

/// GitLab does not send a webhook again that nobody took; the round of the start finds what it said.
#[tokio::test]
async fn t16e_webhooks_that_found_nobody_are_made_up_for_at_the_next_start() {
    let mut house = House::open().await;
    let iid = house.managed().await;
    house.goes_down().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    let other = house.opens("requester", &Form::default().text()).await;
    house.sandbox.deliveries_settled().await;
    house.restart().await;
    let context = std::sync::Arc::clone(&house.service().context);
    let sweeper = Sweeper { context, every: SignedDuration::from_mins(5) };
    sweeper.round(&mut Rounds::default()).await;
    house.settle().await;
    house.issued_once(iid).await;
    assert_eq!(house.phase(other).await, "awaiting_manager");
    house.leave().await;
}

/// The limit that makes GitLab drop webhooks holds for our sweep as well.
#[tokio::test]
async fn t16f_a_sweep_that_gitlab_puts_off_finds_it_later() {
    let house = House::open().await;
    let hook = house.hooks().await[0]["id"].clone();
    house.in_project("maintainer", Method::DELETE, &format!("hooks/{hook}"), Value::Null).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    let list = json!({"vendor": "gitlab", "method": "GET", "path": "/projects/42/issues", "effect": "rate_limited:60", "times": 0});
    house.fault(list).await;
    house.sweep().await;
    house.heal().await;
    assert_eq!(house.phase(iid).await, "unseen");
    house.later(SignedDuration::from_mins(6)).await;
    house.sweep().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn t17_confidential_issues_switched_off_are_found_and_put_right_by_setup() {
    let house = House::open().await;
    let hook = house.hooks().await[0]["id"].clone();
    let off = json!({"confidential_issues_events": false});
    house.in_project("maintainer", Method::PUT, &format!("hooks/{hook}"), off).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen", "confidential issues do not arrive");
    let said = house.set_up().await;
    let hook = said.iter().find(|line| line.contains("webhook")).unwrap();
    assert!(hook.ends_with("corrected"), "{hook}");
    house.manager_approves(iid).await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    let again = house.set_up().await;
    assert!(again.iter().all(|line| line.ends_with("already there")), "{again:#?}");
    house.leave().await;
}
