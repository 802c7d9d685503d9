//! What whoever has a credential is told when an operator handles it or ends it early, each once; through the front door.

use countersign::domain::inventory::deeds::Deed;
use countersign::domain::snapshot::OrderKind;
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, House, at_sending, says};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl House {
    /// The messages without a secret to the requester, oldest first, as read in the conversation.
    async fn told(&self) -> Vec<String> {
        let mut messages = self.messages("requester").await;
        messages.reverse();
        let words = messages.iter().filter(|message| !Self::has_secret(message));
        words.map(|message| self.plain(message["text"].as_str().unwrap())).collect()
    }

    fn plain(&self, text: &str) -> String {
        text.replace(&self.sandbox.base_url(), "http://sandbox")
    }

    /// What the comment says besides the steps and the terms.
    async fn opening(&self, iid: i64) -> String {
        self.comment(iid).await.split("\n\n1. ").next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn whoever_has_a_token_is_told_once_that_an_operator_switched_it_off_and_on() {
    let mut house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.credential(&id, Deed::Deactivate).await.unwrap();
    assert_snapshot!(house.told().await.join("\n\n"), @"
    An operator switched your Zendesk API token for Zendesk Global off. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Why: because
    Until it is switched on again, whatever uses it fails. Keep the secret, it stays the same. It still ends on 2026-12-31, end of the day (2027-01-01 00:00 UTC).
    If that is a mistake, or you have a question, write on the issue or ask @pat, who provisions Zendesk Global.
    ");
    assert_snapshot!(house.opening(iid).await, @r#"
    #### Access request: Switched off

    @robin has the credential; it came as a Slack direct message.

    **An operator switched it off on 2026-12-01 09:01 UTC**: `because`. It does not work until an operator switches it on again, and still ends on its day. @robin was told by Slack.

    From here on, editing, closing, reopening or relabelling this issue changes nothing about it. To have it taken away early, the requester, the manager or a provisioner puts the label ~"revoke" on, or an operator runs `countersign revoke`.
    "#);
    // Said again, and looked at again: nothing new.
    house.credential(&id, Deed::Deactivate).await.unwrap();
    house.restart().await;
    house.settle().await;
    assert_eq!(house.told().await.len(), 1);
    house.credential(&id, Deed::Reactivate).await.unwrap();
    assert_snapshot!(house.told().await[1], @"
    An operator switched your Zendesk API token for Zendesk Global on again. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Why: because
    It works as before, with the same secret, until 2026-12-31, end of the day (2027-01-01 00:00 UTC).
    If that is a mistake, or you have a question, write on the issue or ask @pat, who provisions Zendesk Global.
    ");
    assert_snapshot!(house.opening(iid).await, @r#"
    #### Access request: Active

    @robin has the credential; it came as a Slack direct message.

    An operator switched it on again on 2026-12-01 09:07 UTC: `because`. It works as before. @robin was told by Slack.

    From here on, editing, closing, reopening or relabelling this issue changes nothing about it. To have it taken away early, the requester, the manager or a provisioner puts the label ~"revoke" on, or an operator runs `countersign revoke`.
    "#);
    house.credential(&id, Deed::Reactivate).await.unwrap();
    house.credential(&id, Deed::Rename(None)).await.unwrap();
    assert_eq!(house.told().await.len(), 2, "it is on, and has its name");
    house.changed_by_hand(&id, json!({"description": "mine now"})).await;
    house.credential(&id, Deed::Rename(None)).await.unwrap();
    assert_snapshot!(house.told().await[2], @"
    An operator gave your Zendesk API token for Zendesk Global its name at Zendesk back. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Why: because
    Nothing changes for you: it works as before, until 2026-12-31, end of the day (2027-01-01 00:00 UTC).
    If that is a mistake, or you have a question, write on the issue or ask @pat, who provisions Zendesk Global.
    ");
    says(&house.opening(iid).await, "An operator gave it its name at Zendesk back");
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn whoever_has_a_token_is_told_once_that_an_operator_revoked_it() {
    let mut house = House::open().await;
    let iid = house.approved().await;
    house.orders(iid, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_snapshot!(house.told().await.join("\n\n"), @"
    An operator revoked your Zendesk API token for Zendesk Global. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Why: because
    It works no more, and neither does whatever used it. You can throw the secret away.
    If you still need access, open a new request. If that was a mistake, or you have a question, write on the issue or ask @pat, who provisions Zendesk Global.
    ");
    assert_snapshot!(house.opening(iid).await, @"
    #### Access request: Ended

    An operator revoked it: `because`. The credential was taken away and seen to be gone. @robin was told by Slack. To ask for a new one, reopen this issue: both approvals are then needed anew.
    ");
    house.restart().await;
    house.later(HOUR * 200).await;
    assert_eq!((house.phase(iid).await.as_str(), house.told().await.len()), ("ended", 1));
    house.leave().await;
}

#[tokio::test]
async fn whoever_has_a_token_is_told_by_whom_else_it_was_revoked_and_not_what_they_did_themselves() {
    for (role, count) in [("manager", 1), ("provisioner", 1), ("requester", 0)] {
        let house = House::open().await;
        let iid = house.approved().await;
        house.labels(role, iid, "revoke").await;
        house.settle().await;
        house.all_is_dead().await;
        let told = house.told().await;
        assert_eq!(told.len(), count, "{role}: {told:#?}");
        let name = house.person(role)["username"].as_str().unwrap().to_owned();
        assert!(told.iter().all(|text| text.starts_with(&format!("@{name} revoked your Zendesk API token"))));
        house.leave().await;
    }
}

#[tokio::test]
async fn what_ends_on_its_day_is_no_news() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.later(HOUR * 24 * 40).await;
    assert_eq!(house.phase(iid).await, "ended");
    let told = house.told().await;
    assert!(!told.iter().any(|text| text.contains("It works no more")), "{told:#?}");
    house.leave().await;
}

#[tokio::test]
async fn no_ending_waits_for_its_message_and_a_late_one_says_what_is_so_then() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    let mut busy = at_sending("slack_error:ratelimited");
    busy["times"] = json!(0);
    house.fault(busy).await;
    house.credential(&id, Deed::Deactivate).await.unwrap();
    house.orders(iid, OrderKind::Revoke).await;
    house.all_is_dead().await;
    assert_eq!(house.told().await, Vec::<String>::new());
    house.heal().await;
    house.later(HOUR * 2).await;
    let told = house.told().await;
    assert_eq!(told.len(), 1, "that it was switched off is overtaken: {told:#?}");
    says(&told[0], "An operator revoked your Zendesk API token for Zendesk Global.");
    house.leave().await;
}

#[tokio::test]
async fn a_message_of_which_nobody_knows_whether_it_went_is_not_sent_twice() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.fault(at_sending("lose_answer")).await;
    house.orders(iid, OrderKind::Revoke).await;
    house.later(HOUR * 2).await;
    assert_eq!(house.told().await.len(), 1);
    assert_eq!(house.entries(iid, "notice.perhaps_sent").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn a_token_whose_request_ended_and_that_is_deleted_by_hand_is_seen_to_be_gone_at_once() {
    let house =
        House::open_with(|config| *config = config.replace("delete_after_days = 0", "delete_after_days = 7"))
            .await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.phase(iid).await, "ending");
    house.credential(&id, Deed::Delete).await.unwrap();
    assert_eq!(house.phase(iid).await, "ended");
    let entries: Vec<Value> = house.entries(iid, "notice.sent").await;
    assert_eq!((house.told().await.len(), entries.len()), (1, 1), "they were told that it was revoked");
    house.leave().await;
}

/// An edit of a comment makes a to-do item for whoever was not mentioned before: GitLab, "Comments and threads".
#[tokio::test]
async fn whoever_is_to_approve_is_mentioned_when_it_is_their_turn_and_not_before() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    let first = house.comment(iid).await;
    assert!(first.contains("Waiting for @kim") && !first.contains("@pat"), "{first}");
    house.manager_approves(iid).await;
    says(&house.comment(iid).await, "Waiting for @pat, the provisioner,");
    house.leave().await;
}
