//! The configuration changes between an approval and the minting: row 35.

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, House};

/// A request for an OAuth client that both have approved, and that is not minted: issuing is paused.
async fn approved_and_not_minted(form: &Form) -> (House, i64) {
    let house = House::open_with(|config| {
        let user = "integration_user = 9003\n";
        *config = config.replace(user, &format!("{user}sensitive_scopes = [\"write\"]\n"));
    })
    .await;
    let iid = house.opens("requester", &form.text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.pauses().await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.phase(iid).await, "issuing");
    house.no_oauth();
    (house, iid)
}

impl House {
    /// Both right people approve what it is now, and it is made so.
    async fn goes_on_as_client(&self, iid: i64) {
        self.manager_approves(iid).await;
        self.provisioner_approves(iid).await;
        assert_eq!(self.phase(iid).await, "active");
        assert_eq!(self.clients()[0]["user_id"], 9002);
    }
}

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

#[tokio::test]
async fn t35k_the_kind_is_not_offered_any_more_once_both_have_approved() {
    let (mut house, iid) = approved_and_not_minted(&Form::oauth_client()).await;
    house.rewrite("countersign.toml", |text| {
        text.replace("kinds = [\"oauth_client\", ", "kinds = [").replace("integrations = true\n", "")
    });
    house.restart().await;
    house.settle().await;
    house
        .refused(iid, "**Kind of credential** says `OAuth client`; expected: `one of: OAuth access token")
        .await;
    assert_eq!(house.evidence(iid, "approval.voided").await.len(), 2, "both");
    house.resumes().await;
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn t35l_one_of_its_scopes_is_not_given_any_more_once_both_have_approved() {
    let form = Form { scopes: "tickets:read write", ..Form::oauth_client() };
    let (mut house, iid) = approved_and_not_minted(&form).await;
    house.rewrite("countersign.toml", |text| text.replace("sensitive_scopes = [\"write\"]\n", ""));
    house.restart().await;
    house.settle().await;
    house.refused(iid, "**Scopes** says `tickets:read write`; expected: ").await;
    assert_eq!(house.evidence(iid, "approval.voided").await.len(), 2, "both");
    house.resumes().await;
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn t35m_whom_it_would_act_as_is_another_once_both_have_approved() {
    let (mut house, iid) = approved_and_not_minted(&Form::oauth_client()).await;
    house.rewrite("countersign.toml", |text| {
        text.replace("integration_user = 9003", "integration_user = 9002")
    });
    house.restart().await;
    house.settle().await;
    house.refused(iid, CHANGED).await;
    house.says(iid, "> - owner: approved was `9003`, now it is `9002`").await;
    assert_eq!(house.evidence(iid, "approval.voided").await.len(), 2, "both");
    house.resumes().await;
    house.no_oauth();
    house.goes_on_as_client(iid).await;
    house.leave().await;
}
