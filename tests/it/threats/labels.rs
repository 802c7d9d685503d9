//! Which label: rows 3 and 6.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, Gate, House};

const CHANGED: &str = "The approval labels are not the ones that were pinned";

#[tokio::test]
async fn t03a_another_label_that_the_manager_once_applied_is_renamed_to_the_approval() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("manager", iid, "looks-nice").await;
    house.settle().await;
    let (real, nice) = (house.label(MANAGER).await, house.label("looks-nice").await);
    let rename = |name: &str| json!({"new_name": name});
    house.in_project("colleague", Method::PUT, &format!("labels/{real}"), rename("was-approved")).await;
    house.in_project("colleague", Method::PUT, &format!("labels/{nice}"), rename(MANAGER)).await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, CHANGED).await;
    assert!(
        house.evidence(iid, "request.doubts").await.iter().any(|one| one[0]["doubt"] == "labels_changed")
    );
    house.leave().await;
}

#[tokio::test]
async fn t03b_the_label_is_deleted_and_made_again() {
    let house = House::open().await;
    let iid = house.managed().await;
    let label = house.label(MANAGER).await;
    house.in_project("colleague", Method::DELETE, &format!("labels/{label}"), Value::Null).await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t03c_the_label_is_promoted_to_the_group() {
    let house = House::open().await;
    let iid = house.managed().await;
    let label = house.label(PROVISIONER).await;
    house.in_project("maintainer", Method::PUT, &format!("labels/{label}/promote"), Value::Null).await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t03d_the_group_gets_a_label_of_the_same_title() {
    let house = House::open().await;
    let iid = house.managed().await;
    let label = json!({"name": MANAGER, "color": "#123456"});
    house.must("owner", Method::POST, "groups/7/labels", label).await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t03e_the_two_labels_swap_their_titles() {
    let house = House::open().await;
    let iid = house.managed().await;
    let (one, other) = (house.label(MANAGER).await, house.label(PROVISIONER).await);
    for (label, name) in [(one, "swap"), (other, MANAGER), (one, PROVISIONER)] {
        let body = json!({"new_name": name});
        house.in_project("colleague", Method::PUT, &format!("labels/{label}"), body).await;
    }
    house.labels("manager", iid, MANAGER).await;
    house.settle().await;
    house.stopped(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t03f_a_label_of_almost_the_same_title_is_another_label() {
    let house = House::open().await;
    let iid = house.request().await;
    for name in ["Manager-Approved", "manager-approve", "manager\u{2010}approved"] {
        house.labels("manager", iid, name).await;
    }
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.nothing_issued(iid).await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn t03g_labels_that_are_changed_and_changed_back_stay_distrusted_until_a_person_pins_them() {
    let house = House::open().await;
    let iid = house.managed().await;
    let label = house.label(PROVISIONER).await;
    let rename = |name: &str| json!({"new_name": name});
    house.in_project("colleague", Method::PUT, &format!("labels/{label}"), rename("something")).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.stopped(iid, CHANGED).await;
    let imposter = house.label(PROVISIONER).await;
    house.in_project("colleague", Method::DELETE, &format!("labels/{imposter}"), Value::Null).await;
    house.in_project("colleague", Method::PUT, &format!("labels/{label}"), rename(PROVISIONER)).await;
    house.provisioner_approves(iid).await;
    house.later(jiff::SignedDuration::from_mins(6)).await;
    house.stopped(iid, CHANGED).await;
    house.leave().await;
}

/// A hundred events that the bot may not see make the first page short: the removal is on the second one.
#[tokio::test]
async fn t06_a_short_page_of_label_events_is_not_the_last() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("colleague", iid, "secret").await;
    let hidden = house.label("secret").await;
    house.manager_approves(iid).await;
    for turn in 0..100 {
        let change =
            if turn % 2 == 0 { json!({"remove_labels": "secret"}) } else { json!({"add_labels": "secret"}) };
        house.changes("colleague", iid, change).await;
    }
    house.control(&format!("labels/{hidden}"), json!({"hidden": true})).await;
    house.changes("manager", iid, json!({"remove_labels": MANAGER})).await;
    house.labels("colleague", iid, MANAGER).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.nothing_issued(iid).await;
    house.says(iid, "only @kim, the manager, can give this approval").await;
    house.leave().await;
}

#[tokio::test]
async fn t03h_before_anybody_pinned_labels_nothing_is_a_request() {
    let house = House::before_setup(|_| {}).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.look(iid).await;
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    assert_eq!(house.notes(iid).await, Vec::<String>::new());
    house.set_up().await;
    house.sweep().await;
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new(), "it was opened before the set-up");
    house.leave().await;
}

/// Found by the simulation: reading had taken a minute, and the label of the right person came off.
#[tokio::test]
async fn a_label_that_was_put_right_while_we_read_stays_on() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let iid = house.request().await;
    house.manager_approves(iid).await;
    house.labels("colleague", iid, PROVISIONER).await;
    house.sandbox.deliveries_settled().await;
    let worker = house.another_worker();
    gate.hold("/api/users.lookupByEmail".to_owned());
    let looking = tokio::spawn(async move { worker.step_on(House::key(iid)).await.unwrap() });
    gate.holds_somebody().await;
    let (mut read, mut quiet) = (0, 0);
    while quiet < 1_000 {
        tokio::task::yield_now().await;
        quiet = if house.calls_so_far() == read { quiet + 1 } else { 0 };
        read = house.calls_so_far();
    }
    house.changes("colleague", iid, json!({"remove_labels": PROVISIONER})).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    gate.open();
    looking.await.unwrap();
    house.settle().await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER, PROVISIONER]);
    house.has_exactly_one(iid).await;
    house.leave().await;
}

/// Found by the simulation: the text was read before, and what happened to the labels after.
#[tokio::test]
async fn labels_that_were_put_right_between_the_text_and_what_happened_to_them_stay_on() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.labels("manager", iid, PROVISIONER).await;
    house.sandbox.deliveries_settled().await;
    let worker = house.another_worker();
    gate.hold("/resource_label_events".to_owned());
    let looking = tokio::spawn(async move { worker.step_on(House::key(iid)).await.unwrap() });
    gate.holds_somebody().await;
    house.changes("manager", iid, json!({"remove_labels": PROVISIONER, "add_labels": MANAGER})).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    gate.open();
    looking.await.unwrap();
    house.settle().await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER, PROVISIONER]);
    house.has_exactly_one(iid).await;
    house.leave().await;
}
