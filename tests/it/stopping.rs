//! Pausing: a person stops issuing, and never ending.

use countersign::domain::snapshot::{OrderKind, Pause};
use countersign::reconcile::{Step, pause, resume};
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{Form, Gate, House, at_sending, says};

impl House {
    pub(crate) async fn pauses(&self) {
        self.pauses_unseen().await;
        self.settle().await;
    }

    async fn pauses_unseen(&self) {
        let (why, by) = ("incident 42 /close".to_owned(), "oda".to_owned());
        let store = self.service().context.store();
        pause(store, Pause { why, by, since: self.now() }).await.unwrap();
    }

    /// A person pauses while a worker waits for the answer to this question, once `begun` says so.
    async fn pauses_during(&self, gate: &Gate, question: String, begun: impl Fn() -> bool) {
        gate.hold(question);
        self.pauses_once(gate, begun).await;
    }

    /// A person pauses as soon as that has begun, and whoever waits at the gate goes on then.
    async fn pauses_once(&self, gate: &Gate, begun: impl Fn() -> bool) {
        let worker = self.another_worker();
        let working = tokio::spawn(async move { while worker.step().await.unwrap() != Step::Idle {} });
        while !begun() {
            assert!(!working.is_finished(), "it is never asked");
            tokio::task::yield_now().await;
        }
        self.pauses_unseen().await;
        gate.open();
        working.await.unwrap();
        self.settle().await;
    }

    pub(crate) async fn resumes(&self) {
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
    #### Access request: Approved, and issuing is paused

    Both approved.

    **Issuing is paused** by an operator since 2026-12-01 09:02 UTC: `incident 42 /close`. Nothing is lost: approvals are taken as usual, and it goes on by itself when the operator lets it (`countersign resume`). What was handed over still ends on its day.
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

#[tokio::test]
async fn what_a_person_pauses_after_the_look_that_decided_it_is_not_minted() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let iid = house.approved_unseen().await;
    let asked = || house.calls("gitlab", "POST", "/graphql");
    let before = asked();
    house.pauses_during(&gate, format!("/issues/{iid}"), || asked() > before).await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("issuing", 0));
    says(&house.comment(iid).await, "**Issuing is paused**");
    house.resumes().await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn what_a_person_pauses_between_its_making_and_the_message_is_taken_away_and_made_anew() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let iid = house.approved_unseen().await;
    // The list is read before the creation, and again to prove what was made.
    gate.hold_the_second_reading("/api_tokens".to_owned());
    house.pauses_once(&gate, || house.creations() > 0).await;
    assert_eq!((house.phase(iid).await.as_str(), house.creations()), ("issuing", 1));
    house.all_is_dead().await;
    assert_eq!(house.messages("requester").await.len(), 0);
    house.resumes().await;
    house.has_exactly_one(iid).await;
    assert_eq!(house.creations(), 2);
    house.leave().await;
}
