//! Vendors that ask to be left alone: whom that stops, whom it does not, and who goes first.

use countersign::domain::snapshot::OrderKind;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, House, at_sending, says};

fn us_government() -> Form {
    Form { instance: "Zendesk US Government", ..Form::default() }
}

fn lasting(vendor: &str, path: &str, effect: &str) -> Value {
    json!({"vendor": vendor, "path": path, "effect": effect, "times": 0})
}

impl House {
    async fn all_accounts_create(&self) {
        let accounts = json!({"zendesk": {"us-government": {"creates_api_tokens": true}}});
        self.control("world", accounts).await;
    }

    fn calls_to(&self, vendor: &str, path: &str) -> usize {
        ["GET", "POST", "PUT", "DELETE"].iter().map(|method| self.calls(vendor, method, path)).sum()
    }
}

#[tokio::test]
async fn t28r_one_account_that_asks_for_patience_stops_no_other() {
    let house = House::open().await;
    house.all_accounts_create().await;
    let stopped = house.approved_unseen().await;
    let mut limit = lasting("zendesk", "/api_tokens", "rate_limited:600");
    limit["instance"] = json!("global");
    house.fault(limit).await;
    house.settle().await;
    let asked = house.calls_to("zendesk", "/global/");
    let other = house.approved_form_unseen(&us_government()).await;
    house.settle().await;
    assert_eq!(house.phase(other).await, "active", "the other account is not concerned");
    house.later(SignedDuration::from_mins(6)).await;
    assert_eq!(house.calls_to("zendesk", "/global/"), asked, "it is left alone for as long as it asked");
    assert_eq!(house.phase(stopped).await, "awaiting_provisioner");
    house.heal().await;
    house.later(SignedDuration::from_mins(5)).await;
    assert_eq!(house.phase(stopped).await, "active");
    house.leave().await;
}

#[tokio::test]
async fn t28s_the_last_of_a_budget_is_for_endings() {
    let house = House::open().await;
    let alive = house.approved().await;
    let waiting = house.approved_unseen().await;
    house.fault(lasting("zendesk", "/api/v2/", "nearly_spent")).await;
    house.orders(alive, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(alive).await, "ended");
    assert_eq!(house.phase(waiting).await, "awaiting_provisioner", "minting waits");
    says(&house.comment(waiting).await, "Zendesk does not answer at the moment");
    house.heal().await;
    house.later(SignedDuration::from_mins(2)).await;
    assert_eq!(house.phase(waiting).await, "active");
    house.leave().await;
}

#[tokio::test]
async fn t28t_gitlab_is_left_alone_for_as_long_as_it_asks_and_no_longer() {
    for (said, wait) in [("120", 120), ("99999999999", 3600), ("unsaid", 10)] {
        let house = House::open().await;
        let iid = house.opens("requester", &Form::default().text()).await;
        house.settle().await;
        house.labels("manager", iid, "manager-approved").await;
        house.fault(lasting("gitlab", &format!("/issues/{iid}"), &format!("rate_limited:{said}"))).await;
        house.settle().await;
        house.heal().await;
        let asked = house.calls_so_far();
        house.later(SignedDuration::from_secs(wait - 1)).await;
        assert_eq!(house.gitlab_calls(asked), Vec::<String>::new(), "{said}");
        house.later(SignedDuration::from_secs(12)).await;
        assert_eq!(house.phase(iid).await, "awaiting_provisioner", "{said}: nobody had to wake it");
        house.leave().await;
    }
}

#[tokio::test]
async fn t28u_a_message_that_slack_puts_off_goes_later_with_the_same_secret() {
    let house = House::open().await;
    house.fault(at_sending("rate_limited:40")).await;
    let iid = house.approved().await;
    assert_eq!((house.messages("requester").await.len(), house.secrets().len()), (0, 1));
    house.later(SignedDuration::from_secs(41)).await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.secrets().len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn an_ending_that_zendesk_puts_off_is_done_as_soon_as_it_may_be() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.fault(json!({"vendor": "zendesk", "method": "PUT", "path": "/api_tokens/", "effect": "rate_limited:90"})).await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.phase(iid).await, "ending");
    house.later(SignedDuration::from_secs(91)).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn while_the_clocks_differ_nothing_is_issued_and_nothing_is_taken_from_anybody() {
    for off in ["900", "-900", "-99999999"] {
        let house = House::open().await;
        let alive = house.approved().await;
        let iid = house.approved_unseen().await;
        house.fault(lasting("gitlab", "/", &format!("date:{off}"))).await;
        house.settle().await;
        assert_eq!(house.creations(), 1, "{off}");
        says(&house.comment(iid).await, "minutes apart: an operator must set the service's clock");
        house.later(SignedDuration::from_hours(24 * 40)).await;
        assert_eq!(
            house.phase(iid).await,
            "awaiting_provisioner",
            "{off}: no approval is too old, none waited too long"
        );
        assert_eq!(house.phase(alive).await, "ended", "an ending that is due is not held up");
        house.heal().await;
        house.later(SignedDuration::from_mins(6)).await;
        assert_ne!(house.phase(iid).await, "awaiting_provisioner", "{off}: now it is decided");
        assert_eq!(house.creations(), 1, "the end date has passed");
        house.leave().await;
    }
}
