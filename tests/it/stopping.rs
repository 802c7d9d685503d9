//! Pausing: a person stops issuing, and never ending.

use countersign::domain::snapshot::{OrderKind, Pause};
use countersign::reconcile::{pause, resume};
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{Form, House, at_sending, says};

impl House {
    async fn pauses(&self) {
        let (why, by) = ("incident 42 /close".to_owned(), "oda".to_owned());
        let store = self.service().context.store();
        pause(store, Pause { why, by, since: self.now() }).await.unwrap();
        self.settle().await;
    }

    async fn resumes(&self) {
        assert!(resume(self.service().context.store(), "oda").await.unwrap());
        self.settle().await;
    }
}

#[tokio::test]
async fn paused_approvals_are_taken_nothing_is_issued_and_endings_go_on() {
    let mut house = House::open().await;
    let first = house.approved().await;
    let waiting = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.pauses().await;
    says(&house.comment(waiting).await, "**Issuing is paused** by an operator since");
    assert!(!house.comment(first).await.contains("paused"), "it has what it asked for");
    let second = house.approved().await;
    assert_eq!((house.phase(second).await.as_str(), house.creations()), ("issuing", 1));
    assert_snapshot!(house.comment(second).await.split("\n\n1. ").next().unwrap(), @"
    #### Access request: Issuing

    Both approved.

    **Issuing is paused** by an operator since 2026-12-01 09:02 UTC: `incident 42 /close`. Nothing is lost: approvals are taken as usual, and it goes on by itself after `countersign resume`.
    ");
    house.restart().await;
    house.later(SignedDuration::from_hours(24)).await;
    assert_eq!(house.creations(), 1, "a restart does not end a pause");
    house.orders(first, OrderKind::Revoke).await;
    assert_eq!(house.phase(first).await, "ended");
    house.all_is_dead().await;
    house.resumes().await;
    house.has_exactly_one(second).await;
    assert!(!house.comment(second).await.contains("paused"));
    assert!(!resume(house.service().context.store(), "oda").await.unwrap(), "nobody has paused it");
    let entries = house.service().context.store().entries_from(1).await.unwrap();
    let kinds = entries.iter().map(|entry| entry.kind.as_str());
    let kinds: Vec<_> = kinds.filter(|kind| kind.starts_with("installation.")).collect();
    assert_eq!(kinds, ["installation.paused", "installation.resumed"]);
    house.leave().await;
}

#[tokio::test]
async fn what_was_minted_and_not_sent_when_a_person_pauses_is_taken_away_and_made_anew() {
    let house = House::open().await;
    let mut busy = at_sending("rate_limited");
    busy["times"] = json!(0);
    house.fault(busy).await;
    let iid = house.approved().await;
    assert_eq!((house.phase(iid).await.as_str(), house.alive().len()), ("delivering", 1));
    house.pauses().await;
    house.heal().await;
    house.later(SignedDuration::from_hours(1)).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "issuing");
    assert_eq!(house.messages("requester").await.len(), 0);
    house.resumes().await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}
