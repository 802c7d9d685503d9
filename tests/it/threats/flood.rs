//! Too much of everything: row 29, and what large texts do to whoever reads them back.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use super::MANAGER;
use crate::harness::{Form, House};

impl House {
    /// How many sweeps of projects are asked for.
    pub(super) async fn wanted(&self) -> usize {
        self.service().context.store().sweep_wanted().await.unwrap().len()
    }

    /// The sweep that a webhook asked for.
    pub(super) async fn sweep_wanted(&self) {
        countersign::reconcile::sweep(&self.service().context, true).await;
        self.settle().await;
    }
}

/// A million characters, which is the most that GitLab takes, and more bytes.
fn megabyte() -> &'static str {
    Box::leak("Viel Text über Größe. ".repeat(45_000).into_boxed_str())
}

/// A whole form with as much below it.
fn with_a_megabyte() -> String {
    format!("{}\n\n### Notes\n\n{}", Form::default().text(), megabyte())
}

#[tokio::test]
async fn t29d_a_request_of_a_megabyte_is_found_by_the_sweep_and_goes_its_way() {
    let house = House::open().await;
    let iid = house.opens("requester", &with_a_megabyte()).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen", "its webhook is larger than what is parsed");
    assert_eq!(house.wanted().await, 1);
    house.sweep_wanted().await;
    house.labels("manager", iid, MANAGER).await;
    house.settle().await;
    house.sweep_wanted().await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    assert!(house.sealed_comment(iid).await.len() < 10_000);
    house.provisioner_approves(iid).await;
    house.sweep_wanted().await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t29e_a_dozen_issues_of_a_megabyte_do_not_blind_the_sweep() {
    let house = House::open().await;
    for _ in 0..12 {
        house.opens("guest", megabyte()).await;
    }
    for _ in 0..90 {
        house.opens("guest", "Small.").await;
        house.settle().await;
    }
    let iid = house.opens("requester", &with_a_megabyte()).await;
    house.settle().await;
    let before = house.calls("gitlab", "GET", "/projects/42/issues");
    house.sweep_wanted().await;
    let pages = house.calls("gitlab", "GET", "/projects/42/issues") - before;
    assert!(pages < 60, "small pages only where they must be, not {pages}");
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn t29f_a_dozen_comments_of_a_megabyte_do_not_hide_a_request() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    let notes = format!("issues/{iid}/notes");
    for _ in 0..12 {
        house.in_project("colleague", Method::POST, &notes, json!({"body": megabyte()})).await;
    }
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t29g_hundreds_of_label_events_are_all_read() {
    let house = House::open().await;
    let iid = house.request().await;
    for turn in 0..250 {
        let change = if turn % 2 == 0 { "add_labels" } else { "remove_labels" };
        house.in_project("colleague", Method::PUT, &format!("issues/{iid}"), json!({change: "noise"})).await;
    }
    house.clock.advance(SignedDuration::from_secs(30));
    house.goes_on(iid).await;
    house.leave().await;
}
