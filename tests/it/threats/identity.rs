//! Who people are: rows 7 and 26.

use serde_json::{Value, json};

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, House};

#[tokio::test]
async fn t07a_the_manager_who_also_provisions_fills_one_role_only() {
    let house =
        House::open_with(|text| *text = text.replace("provisioners = [104]", "provisioners = [104, 102]"))
            .await;
    let iid = house.managed().await;
    house.labels("manager", iid, PROVISIONER).await;
    house.settle().await;
    house.stopped(iid, "the two approvals must come from two people").await;
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t07b_the_manager_who_also_provisions_applies_both_at_once() {
    let house =
        House::open_with(|text| *text = text.replace("provisioners = [104]", "provisioners = [102]")).await;
    let iid = house.request().await;
    house.labels("manager", iid, &format!("{MANAGER},{PROVISIONER}")).await;
    house.settle().await;
    house.stopped(iid, "the two approvals must come from two people").await;
    house.leave().await;
}

#[tokio::test]
async fn t07c_the_one_it_is_for_approves_nothing_though_another_opened_it() {
    let house =
        House::open_with(|text| *text = text.replace("provisioners = [104]", "provisioners = [104, 101]"))
            .await;
    let form = Form { requester: "robin@example.com", ..Form::default() };
    let iid = house.opens("colleague", &form.text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.labels("requester", iid, PROVISIONER).await;
    house.settle().await;
    house.stopped(iid, "nobody approves a credential for themselves").await;
    house.labels("colleague", iid, PROVISIONER).await;
    house.settle().await;
    house.stopped(iid, "nobody approves an issue that they opened").await;
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    assert_eq!(house.messages("colleague").await, Vec::<Value>::new(), "it goes to the one it is for");
    house.leave().await;
}

#[tokio::test]
async fn t07d_the_manager_asks_for_themselves_and_is_not_their_own_manager() {
    let house = House::open().await;
    let iid = house.opens("manager", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.says(iid, "Waiting for @oda, the manager").await;
    house.leave().await;
}

#[tokio::test]
async fn t07e_a_manager_entered_in_another_spelling_of_the_requester_is_the_same_person() {
    let house = House::open().await;
    let same = |text: &str| text.replacen("manager = 102", "manager = 101", 1);
    house.rewrite("directory.toml", same);
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.labels("requester", iid, MANAGER).await;
    house.settle().await;
    house.nothing_issued(iid).await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.says(iid, "The directory").await;
    house.leave().await;
}

#[tokio::test]
async fn t07f_somebody_twice_in_the_directory_is_nobody() {
    let house = House::open().await;
    let twin = "\n[[people]]\nname = \"Robin Again\"\nemail = \"ROBIN@example.com\"\ngitlab_id = 105105\nmanager = 105\n";
    house.rewrite("directory.toml", |text| format!("{text}{twin}"));
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, "The directory has the requester twice").await;
    house.leave().await;
}

#[tokio::test]
async fn t07g_without_a_manager_or_a_directory_nobody_can_approve() {
    let house = House::open().await;
    let iid = house.opens("newcomer", &Form::default().text()).await;
    house.settle().await;
    house.says(iid, "The directory names no manager for the requester").await;
    let other = house.request().await;
    let people = std::fs::read(house.path("directory.toml")).unwrap();
    std::fs::write(house.path("directory.toml"), "[[people").unwrap();
    for issue in [iid, other] {
        house.manager_approves(issue).await;
        house.provisioner_approves(issue).await;
        house.nothing_issued(issue).await;
    }
    house.says(other, "The directory cannot be read: an operator must mend it").await;
    std::fs::write(house.path("directory.toml"), people).unwrap();
    house.later(jiff::SignedDuration::from_mins(6)).await;
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    house.issued_once(other).await;
    house.leave().await;
}

#[tokio::test]
async fn t07h_a_requester_who_cannot_be_told_for_certain_gets_nothing() {
    let house = House::open().await;
    for (typed, found) in [
        ("Robin", "Nobody is known as `Robin`"),
        ("@robin2", "Nobody is known as `@robin2`"),
        ("@robin or @casey", "Nobody is known as `@robin or @casey`"),
        ("robin@example.com.evil.example", "Nobody is known as `robin@example.com.evil.example`"),
        ("robin@example.com, casey@example.com", "Nobody is known as"),
    ] {
        let iid = house.opens("colleague", &Form { requester: typed, ..Form::default() }.text()).await;
        house.settle().await;
        house.manager_approves(iid).await;
        house.provisioner_approves(iid).await;
        house.stopped(iid, found).await;
        house.says(iid, "**Form**: ✗ needs a correction: **Requester** says `").await;
    }
    house.leave().await;
}

/// The Slack account becomes unfit before the request; nobody can approve it into being sent there.
async fn unfit(change: Value, back: Value, sentence: &str) {
    let house = House::open().await;
    house.person_becomes("requester", json!({"slack": change})).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.says(iid, sentence).await;
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    assert_eq!(house.secrets(), Vec::<String>::new(), "Slack is asked before anything is made");
    house.person_becomes("requester", json!({"slack": back})).await;
    house.later(jiff::SignedDuration::from_mins(6)).await;
    house.issued_once(iid).await;
    house.leave().await;
}

const UNFIT: &str = "a secret is not sent there";

#[tokio::test]
async fn t26a_a_deactivated_account_gets_no_secret() {
    unfit(json!({"deleted": true}), json!({"deleted": false}), UNFIT).await;
}

#[tokio::test]
async fn t26b_a_guest_gets_no_secret() {
    unfit(json!({"is_restricted": true}), json!({"is_restricted": false}), UNFIT).await;
}

#[tokio::test]
async fn t26c_a_guest_of_one_channel_gets_no_secret() {
    unfit(json!({"is_ultra_restricted": true}), json!({"is_ultra_restricted": false}), UNFIT).await;
}

#[tokio::test]
async fn t26d_a_bot_gets_no_secret() {
    unfit(json!({"bot_id": "B0IMPOSTER"}), json!({"bot_id": Value::Null}), UNFIT).await;
}

#[tokio::test]
async fn t26e_an_account_of_another_workspace_gets_no_secret() {
    unfit(json!({"team_id": "T0STRANGER"}), json!({"team_id": "T0COMPANY0"}), UNFIT).await;
}

#[tokio::test]
async fn t26f_who_is_not_on_slack_under_that_address_gets_no_secret() {
    let (away, back) = (json!({"email": "robin@elsewhere.example"}), json!({"email": "robin@example.com"}));
    unfit(away, back, "Slack has nobody with the requester's address in the directory").await;
}

#[tokio::test]
async fn t26g_an_address_that_changed_hands_after_the_approvals_voids_them() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.person_becomes("requester", json!({"slack": {"email": "old-robin@example.com"}})).await;
    house.person_becomes("colleague", json!({"slack": {"email": "robin@example.com"}})).await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "What would be issued has changed since").await;
    house.says(iid, "Slack user: approved was `U0000ROBIN`, now it is `U0000CASEY`").await;
    assert_eq!(house.messages("colleague").await, Vec::<Value>::new());
    house.leave().await;
}
