//! Extending: a new request that names an earlier one; and a whole year of one credential after the other.

use countersign::domain::snapshot::OrderKind;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{Form, House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn extending(form: &Form, earlier: &str) -> String {
    format!("{}\n### Replaces\n\n{earlier}\n", form.text())
}

fn longer() -> Form {
    Form { remove_on: "2027-03-31", purpose: "Export solved tickets every hour.", ..Form::default() }
}

impl House {
    /// A request that names an earlier one, looked at.
    async fn extends(&self, form: &Form, earlier: &str) -> i64 {
        let iid = self.opens("requester", &extending(form, earlier)).await;
        self.settle().await;
        iid
    }

    async fn both_sign(&self, iid: i64) {
        self.manager_approves(iid).await;
        self.provisioner_approves(iid).await;
    }
}

#[tokio::test]
async fn an_extension_needs_both_approvals_and_shows_what_differs() {
    let house = House::open().await;
    let first = house.approved().await;
    let second = house.extends(&longer(), &house.url(first).await).await;
    assert_snapshot!(house.comment(second).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:02 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/5`
    - for @robin, by Slack direct message
    - until 2027-03-31, end of the day (2027-04-01 00:00 UTC)
    - Business purpose: `Export solved tickets every hour.`
    - Why admin access is needed: `The export reads tickets of all groups.`
    - Replaces: `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - extends http://sandbox/gitlab/company/access-requests/-/issues/4: the credential of that request still ends on its own day at the latest (2026-12-31, end of the day (2027-01-01 00:00 UTC)), whatever becomes of this one

    **Compared with the earlier one**

    - ends: was `2027-01-01T00:00:00Z`, would be `2027-04-01T00:00:00Z`
    - Business purpose: was `Export solved tickets every night.`, would be `Export solved tickets every hour.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    house.both_sign(second).await;
    assert_eq!((house.phase(first).await.as_str(), house.phase(second).await.as_str()), ("active", "active"));
    assert_eq!(house.alive().len(), 2, "the earlier one still works while people change over");
    says(
        &house.comment(first).await,
        &format!("It is extended by http://sandbox/gitlab/company/access-requests/-/issues/{second}"),
    );
    says(
        &house.comment(second).await,
        "- extends http://sandbox/gitlab/company/access-requests/-/issues/4: the credential of that request still ends on its own day",
    );
    let message = house.message_text(&house.messages("requester").await[0]);
    says(
        &message,
        "It extends http://sandbox/gitlab/company/access-requests/-/issues/4. The credential of that request ends on its own day, 2026-12-31",
    );
    house.leave().await;
}

#[tokio::test]
async fn t21_an_old_end_date_leaves_the_newer_credential_alone() {
    let house = House::open().await;
    let first = house.approved().await;
    let second = house.extends(&longer(), "#4").await;
    house.both_sign(second).await;
    let newer = House::secret_in(&house.messages("requester").await[0]);
    house.later("2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap().duration_since(house.now())).await;
    assert_eq!((house.phase(first).await.as_str(), house.phase(second).await.as_str()), ("ended", "active"));
    assert_eq!(house.alive().len(), 1);
    assert!(house.works(&newer).await);
    house.leave().await;
}

#[tokio::test]
async fn t21_revoking_the_earlier_one_while_both_work_leaves_the_newer_one_alone() {
    let house = House::open().await;
    let first = house.approved().await;
    let older = House::secret_in(&house.messages("requester").await[0]);
    let second = house.extends(&longer(), "#4").await;
    house.both_sign(second).await;
    let newer = House::secret_in(&house.messages("requester").await[0]);
    assert!(house.works(&older).await && house.works(&newer).await, "both work while people change over");
    house.labels("requester", first, "revoke").await;
    house.settle().await;
    assert_eq!((house.phase(first).await.as_str(), house.phase(second).await.as_str()), ("ended", "active"));
    assert_eq!((house.works(&older).await, house.works(&newer).await), (false, true));
    let named = |token: &serde_json::Value| token["description"].clone();
    assert_eq!(house.alive().iter().map(named).collect::<Vec<_>>(), [json!(house.url(second).await)]);
    house.later(DAY).await;
    assert!(house.works(&newer).await, "nor does it go later");
    house.leave().await;
}

#[tokio::test]
async fn revoking_the_newer_one_leaves_the_earlier_one_to_its_own_day() {
    let house = House::open().await;
    let first = house.approved().await;
    let older = House::secret_in(&house.messages("requester").await[0]);
    let second = house.extends(&longer(), "4").await;
    house.both_sign(second).await;
    house.orders(second, OrderKind::Revoke).await;
    house.later(DAY).await;
    assert!(house.works(&older).await);
    assert!(!house.comment(first).await.contains("is extended by"), "by nothing that lives");
    house.leave().await;
}

#[tokio::test]
async fn what_is_no_request_of_ours_of_the_same_person_and_instance_cannot_be_extended() {
    let house = House::open().await;
    let first = house.approved().await;
    let url = house.url(first).await;
    let elsewhere = Form { instance: "Zendesk US Government", ..longer() };
    let another = Form { requester: "@casey", ..longer() };
    for (form, earlier, why) in [
        (longer(), "the one of last year".to_owned(), "the link to an earlier access request"),
        (longer(), url.replace("/4", "/1"), "the link to an earlier access request"),
        (longer(), url.replace("127.0.0.1", "gitlab.example"), "the link to an earlier access request"),
        (longer(), "99".to_owned(), "the link to an earlier access request"),
        (
            elsewhere,
            url.clone(),
            "**Zendesk instance** says `Zendesk US Government`; expected: `Zendesk Global, as in the request it extends`",
        ),
        (
            another,
            url.clone(),
            "**Requester** says `@casey`; expected: `the person of the request it extends`",
        ),
    ] {
        let iid = house.extends(&form, &earlier).await;
        assert_eq!(house.phase(iid).await, "incomplete", "{earlier}");
        says(&house.comment(iid).await, why);
        house.manager_approves(iid).await;
        house.provisioner_approves(iid).await;
        assert_eq!(house.creations(), 1);
    }
    house.leave().await;
}

#[tokio::test]
async fn only_what_is_active_or_ended_lately_can_be_extended() {
    let house = House::open().await;
    let waiting = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    let early = house.extends(&longer(), &format!("#{waiting}")).await;
    says(&house.comment(early).await, "a request whose credential is active, or ended in the last 30 days");
    house.manager_approves(waiting).await;
    house.provisioner_approves(waiting).await;
    house.orders(waiting, OrderKind::Revoke).await;
    let lately = house.extends(&longer(), &format!("#{waiting}")).await;
    assert_eq!(house.phase(lately).await, "awaiting_manager");
    house.later(DAY * 31).await;
    let late = house.extends(&longer(), &format!("#{waiting}")).await;
    says(&house.comment(late).await, "a request whose credential is active, or ended in the last 30 days");
    house.leave().await;
}

#[tokio::test]
async fn an_earlier_request_that_becomes_another_one_voids_the_approvals() {
    let house = House::open().await;
    let first = house.approved().await;
    house.orders(first, OrderKind::Revoke).await;
    let second = house.extends(&longer(), "#4").await;
    house.manager_approves(second).await;
    house.changes("requester", first, json!({"state_event": "reopen"})).await;
    house.settle().await;
    house.look(second).await;
    assert_eq!(house.phase(second).await, "incomplete", "what was compared is not there any more");
    house.provisioner_approves(second).await;
    assert_eq!(house.creations(), 1);
    house.leave().await;
}

#[tokio::test]
async fn a_whole_year_of_one_credential_after_the_other() {
    let house = House::open_at("2026-05-03T09:00:00Z").await;
    let until = async |at: &str| {
        let end: Timestamp = at.parse().unwrap();
        while house.now() < end {
            house.later(DAY.min(end.duration_since(house.now()))).await;
        }
    };
    let first = house.approved_form(&Form { remove_on: "2026-11-30", ..Form::default() }).await;
    until("2026-11-20T00:00:00Z").await;
    assert_eq!(house.entries(first, "notice.sent").await.len(), 1, "two weeks before");
    let second =
        house.extends(&Form { remove_on: "2027-04-28", ..Form::default() }, &house.url(first).await).await;
    house.both_sign(second).await;
    assert_eq!(house.alive().len(), 2);
    until("2026-12-01T00:00:00Z").await;
    assert_eq!(house.phase(first).await, "ended");
    assert_eq!(house.entries(first, "notice.sent").await.len(), 3);
    let reminder = house.messages("requester").await[0].clone();
    says(
        &house.message_text(&reminder),
        &format!("It is extended by http://sandbox/gitlab/company/access-requests/-/issues/{second}"),
    );
    house.has_exactly_one(second).await;
    until("2027-04-29T00:00:00Z").await;
    assert_eq!(
        (house.phase(second).await.as_str(), house.entries(second, "notice.sent").await.len()),
        ("ended", 3)
    );
    house.all_is_dead().await;
    let asked = house.entries(second, "leaver.noticed").await;
    assert!(asked.is_empty(), "nobody left in all that time");
    house.leave().await;
}
