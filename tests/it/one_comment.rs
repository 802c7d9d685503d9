//! One comment for each request, whatever became of the answers to its writing.

use countersign::reconcile::Step;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Form, Gate, House, PROJECT, says};

/// A fault at the writing of a new comment.
fn at_writing(effect: &str, seconds: u64) -> Value {
    json!({"vendor": "gitlab", "method": "POST", "path": "notes", "effect": effect, "seconds": seconds})
}

impl House {
    /// A maintainer deletes our comment.
    async fn our_comment_is_deleted(&self, iid: i64) {
        let world = self.world();
        let notes = world["gitlab"]["notes"].as_object().unwrap().values();
        let ours = self.sealed_comment(iid).await;
        let note = notes.into_iter().find(|note| note["body"] == ours.as_str()).unwrap();
        let path = format!("projects/{PROJECT}/issues/{iid}/notes/{}", note["id"]);
        let (status, _) = self.gitlab("owner", Method::DELETE, &path, Value::Null).await;
        assert!(status.is_success(), "{status}");
    }
}

#[tokio::test]
async fn a_comment_that_was_deleted_and_whose_successors_answer_was_lost_is_written_once() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.our_comment_is_deleted(iid).await;
    house.fault(at_writing("lose_answer", 0)).await;
    house.look(iid).await;
    house.later(SignedDuration::from_mins(5)).await;
    says(&house.comment(iid).await, "Waiting for the manager");
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    says(&house.comment(iid).await, "Access request: Active");
    house.leave().await;
}

#[tokio::test]
async fn a_comment_that_comes_late_does_not_stay_beside_the_one_that_was_written_meanwhile() {
    let house = House::open().await;
    house.fault(at_writing("late_effect", 300)).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.later(SignedDuration::from_mins(2)).await;
    says(&house.comment(iid).await, "Waiting for the manager");
    house.later(SignedDuration::from_mins(4)).await;
    house.manager_approves(iid).await;
    says(&house.comment(iid).await, "Waiting for the provisioner");
    house.later(SignedDuration::from_hours(25)).await;
    let before = house.calls_so_far();
    house.look(iid).await;
    let read: Vec<String> = house.gitlab_calls(before);
    assert!(read.iter().any(|call| call.contains("/notes/")), "by its number alone, as ever: {read:#?}");
    house.leave().await;
}

#[tokio::test]
async fn a_comment_that_a_slow_worker_wrote_is_found_by_the_quick_one() {
    let house = House::open().await;
    let slow = house.another_process().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.sandbox.deliveries_settled().await;
    house.fault(at_writing("hang", 1)).await;
    let working = tokio::spawn(async move { slow.step_on(House::key(iid)).await });
    while written(&house) == 0 {
        tokio::task::yield_now().await;
    }
    house.clock.advance(SignedDuration::from_mins(6));
    house.settle().await;
    assert_eq!(working.await.unwrap().unwrap(), Step::Looked(House::key(iid)));
    assert_eq!(written(&house), 1);
    says(&house.comment(iid).await, "Waiting for the manager");
    house.leave().await;
}

#[tokio::test]
async fn the_comment_of_a_worker_that_lost_its_lease_is_taken_back_by_who_has_it_now() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let slow = house.another_process().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.sandbox.deliveries_settled().await;
    gate.hold_the_next_writing("/notes");
    let working = tokio::spawn(async move { slow.step_on(House::key(iid)).await });
    gate.holds_somebody().await;
    house.clock.advance(SignedDuration::from_mins(6));
    house.settle().await;
    assert_eq!(written(&house), 1, "the quick one's");
    gate.open();
    assert_eq!(working.await.unwrap().unwrap(), Step::Looked(House::key(iid)));
    assert_eq!(written(&house), 2, "both wrote one");
    house.settle().await;
    says(&house.comment(iid).await, "Waiting for the manager");
    house.leave().await;
}

#[tokio::test]
async fn what_a_slow_worker_makes_of_the_comment_in_the_end_is_no_strangers_change() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let slow = house.another_process().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.labels("manager", iid, "manager-approved").await;
    house.sandbox.deliveries_settled().await;
    gate.hold_the_next_writing("/notes");
    let working = tokio::spawn(async move { slow.step_on(House::key(iid)).await });
    gate.holds_somebody().await;
    house.clock.advance(SignedDuration::from_mins(6));
    house.settle().await;
    says(&house.comment(iid).await, "Waiting for the provisioner");
    gate.open();
    assert_eq!(working.await.unwrap().unwrap(), Step::Looked(House::key(iid)));
    house.provisioner_approves(iid).await;
    assert_eq!(house.issue_labels(iid).await, ["manager-approved", "provisioner-approved"]);
    says(&house.comment(iid).await, "Access request: Active");
    house.leave().await;
}

#[tokio::test]
async fn a_comment_too_many_that_could_not_be_deleted_is_deleted_by_the_next_look() {
    let house = House::open().await;
    house.fault(at_writing("late_effect", 300)).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.later(SignedDuration::from_mins(2)).await;
    house.clock.advance(SignedDuration::from_hours(3));
    house.fault(json!({"vendor": "gitlab", "method": "DELETE", "path": "notes", "effect": "html"})).await;
    house.look(iid).await;
    assert_eq!(house.calls("gitlab", "DELETE", "/notes/"), 1);
    house.later(SignedDuration::from_mins(1)).await;
    says(&house.comment(iid).await, "Waiting for the manager");
    assert_eq!(house.calls("gitlab", "DELETE", "/notes/"), 2);
    house.leave().await;
}

fn written(house: &House) -> usize {
    house.calls("gitlab", "POST", "/notes")
}

#[tokio::test]
async fn what_we_wrote_ourselves_without_an_answer_is_no_strangers_change() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.fault(json!({"vendor": "gitlab", "method": "PUT", "path": "notes", "effect": "lose_answer"})).await;
    house.manager_approves(iid).await;
    says(&house.comment(iid).await, "Waiting for the provisioner");
    house.provisioner_approves(iid).await;
    assert_eq!(house.issue_labels(iid).await, ["manager-approved", "provisioner-approved"]);
    says(&house.comment(iid).await, "Access request: Active");
    house.leave().await;
}

/// Found by the simulation: asked for twice in the same words, and the first asking came when nobody looked any more.
#[tokio::test]
async fn an_asking_that_was_repeated_to_the_letter_is_still_waited_for() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    let late = json!({"vendor": "gitlab", "method": "PUT", "path": "notes", "effect": "late_effect", "seconds": 1_800});
    house.fault(late).await;
    house.manager_approves(iid).await;
    house.later(SignedDuration::from_mins(2)).await;
    says(&house.comment(iid).await, "Waiting for the provisioner");
    house.changes("requester", iid, json!({"state_event": "close"})).await;
    house.settle().await;
    says(&house.comment(iid).await, "Access request: Withdrawn");
    house.later(SignedDuration::from_hours(3)).await;
    says(&house.comment(iid).await, "Access request: Withdrawn");
    house.leave().await;
}
