//! Several processes on one database: they share the work, and none does twice what another has done.

use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::{Step, Worker};
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{House, at_creation};

/// All of them at once, until none finds anything to do.
async fn all_work(house: &House, workers: &[Worker]) {
    house.sandbox.deliveries_settled().await;
    let tasks = workers
        .iter()
        .cloned()
        .map(|worker| tokio::spawn(async move { while worker.step().await.unwrap() != Step::Idle {} }));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    house.settle().await;
}

async fn three_processes(house: &House) -> Vec<Worker> {
    let mut workers = vec![house.another_worker()];
    for _ in 0..2 {
        workers.push(house.another_process().await);
    }
    workers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t12_three_processes_share_six_requests_and_each_gets_one_credential() {
    let house = House::open().await;
    let mut iids = Vec::new();
    for _ in 0..6 {
        iids.push(house.approved_unseen().await);
    }
    let workers = three_processes(&house).await;
    all_work(&house, &workers).await;
    for _ in 0..3 {
        house.clock.advance(SignedDuration::from_mins(1));
        all_work(&house, &workers).await;
    }
    for iid in iids {
        assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("active", 1));
    }
    assert_eq!((house.creations(), house.alive().len(), house.messages("requester").await.len()), (6, 6, 6));
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t12_both_approvals_at_once_before_three_processes_make_one_credential() {
    let house = House::open().await;
    let iid = house.opens("requester", &crate::harness::Form::default().text()).await;
    house.settle().await;
    house.clock.advance(SignedDuration::from_mins(1));
    let workers = three_processes(&house).await;
    tokio::join!(
        house.labels("manager", iid, "manager-approved"),
        house.labels("provisioner", iid, "provisioner-approved"),
        all_work(&house, &workers),
    );
    all_work(&house, &workers).await;
    if house.creations() == 0 {
        // The provisioner's came first, and must come after the manager's.
        house.provisioner_approves(iid).await;
        all_work(&house, &workers).await;
    }
    house.has_exactly_one(iid).await;
    assert_eq!(house.creations(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t12_a_process_whose_lease_ran_out_takes_away_what_it_made_and_records_nothing() {
    let house = House::open().await;
    let iid = house.approved_unseen().await;
    let slow = house.another_process().await;
    let mut fault = at_creation("hang");
    fault["seconds"] = json!(1);
    house.fault(fault).await;
    let working = tokio::spawn(async move { slow.step_on(House::key(iid)).await });
    while house.creations() == 0 {
        tokio::task::yield_now().await;
    }
    house.clock.advance(SignedDuration::from_mins(6));
    house.settle().await;
    house.has_exactly_one(iid).await;
    assert_eq!(working.await.unwrap().unwrap(), Step::Looked(House::key(iid)));
    house.has_exactly_one(iid).await;
    assert_eq!(house.messages("requester").await.len(), 1);
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_before_three_processes_is_carried_out_once() {
    let house = House::open().await;
    let iid = house.approved().await;
    let workers = three_processes(&house).await;
    let order = countersign::store::NewOrder {
        key: House::key(iid),
        kind: OrderKind::Revoke,
        why: "because".to_owned(),
        by: "oda".to_owned(),
    };
    house.service().context.store().give_order(order).await.unwrap();
    all_work(&house, &workers).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ended");
    assert_eq!(house.entries(iid, "credential.gone").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t30_a_row_that_a_later_release_wrote_is_left_alone_and_the_others_go_on() {
    let house = House::open().await;
    let (later, ours) = (house.approved().await, house.approved().await);
    let before = house.calls("zendesk", "", "");
    let known = r#""generation":1"#;
    let more = format!(r#"{known},"of_a_later_release":{{"a":1}}"#);
    let write = |from: &str, to: &str| {
        format!("UPDATE requests SET record = replace(record, '{from}', '{to}') WHERE iid = {later}")
    };
    house.sql(&write(known, &more)).await;
    for iid in [later, ours] {
        house.service().context.store().mark(House::key(iid)).await.unwrap();
    }
    house.clock.advance(SignedDuration::from_hours(1));
    house.try_step().await.unwrap_err();
    assert_eq!(house.try_step().await.unwrap(), Step::Looked(House::key(ours)));
    assert_eq!(house.calls("zendesk", "", ""), before, "nothing is done about it");
    house.sql(&write(&more, known)).await;
    house.later(SignedDuration::from_mins(5)).await;
    assert_eq!((house.phase(later).await.as_str(), house.alive().len()), ("active", 2));
    house.leave().await;
}
