//! The configuration changes between an approval and the minting: row 35.

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, House};

const CHANGED: &str = "What would be issued has changed since";

/// The manager approves, the configuration is edited and the service restarted, the provisioner approves.
async fn between(change: fn(&str) -> String, sentence: &str) {
    let mut house = House::open().await;
    let iid = house.managed().await;
    house.rewrite("countersign.toml", change);
    house.restart().await;
    house.provisioner_approves(iid).await;
    house.refused(iid, sentence).await;
    house.leave().await;
}

#[tokio::test]
async fn t35a_the_instance_gets_another_address() {
    between(
        |text| text.replace("127.0.0.1", "localhost").replace("listen = \"localhost", "listen = \"127.0.0.1"),
        CHANGED,
    )
    .await;
}

#[tokio::test]
async fn t35b_names_are_made_another_way() {
    between(
        |text| format!("[policy]\nname_template = \"{{issue_url}} until {{expires_on}}\"\n\n{text}"),
        CHANGED,
    )
    .await;
}

#[tokio::test]
async fn t35c_credentials_may_live_for_another_time() {
    between(|text| format!("[policy]\nmax_lifetime_days = 90\n\n{text}"), CHANGED).await;
}

#[tokio::test]
async fn t35d_days_end_in_another_zone() {
    between(|text| format!("[policy]\nzone = \"America/New_York\"\n\n{text}"), CHANGED).await;
}

#[tokio::test]
async fn t35e_an_instance_of_that_name_is_another_one_now() {
    let swapped = |text: &str| {
        let text = text.replace("name = \"Zendesk Global\"", "name = \"X\"");
        let text = text.replace("name = \"Zendesk US Government\"", "name = \"Zendesk Global\"");
        text.replace("name = \"X\"", "name = \"Zendesk US Government\"")
    };
    between(swapped, CHANGED).await;
}

#[tokio::test]
async fn t35f_approvers_need_another_role() {
    between(|text| format!("[policy]\nminimum_access_level = 20\n\n{text}"), CHANGED).await;
}

#[tokio::test]
async fn t35g_the_instance_is_not_offered_any_more() {
    let gone = |text: &str| {
        let (before, after) = text.split_once("\n[[instances]]\nkey = \"global\"").unwrap();
        let (_, kept) = after.split_once("\n[[instances]]").unwrap();
        format!("{before}\n[[instances]]{kept}")
    };
    between(gone, "one of: Zendesk US Government").await;
}

#[tokio::test]
async fn t35h_whoever_provisions_is_somebody_else_now() {
    let mut house = House::open().await;
    let iid = house.managed().await;
    house.rewrite("countersign.toml", |text| text.replace("provisioners = [104]", "provisioners = [108]"));
    house.restart().await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, "only a provisioner of the instance can give it: @mika").await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER], "who may is asked at each look, not approved");
    house.labels("maintainer", iid, PROVISIONER).await;
    house.settle().await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t35i_zendesk_answers_late_and_the_configuration_changed_meanwhile() {
    let mut house = House::open().await;
    let iid = house.managed().await;
    house
        .fault(serde_json::json!({"vendor": "zendesk", "path": "api_tokens", "effect": "rate_limited"}))
        .await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.nothing_issued(iid).await;
    house.rewrite("countersign.toml", |text| format!("[policy]\nmax_lifetime_days = 90\n\n{text}"));
    house.restart().await;
    house.settle().await;
    house.refused(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t35j_a_restart_with_the_same_configuration_voids_nothing() {
    let mut house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.restart().await;
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}
