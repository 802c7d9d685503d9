//! Who may stand in for a manager, who belongs to the provisioners' group, and who is reminded of what.

use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{Form, House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Everything below `[absence]` in the configuration.
fn absence(config: &mut String, keys: &str) {
    config.push_str("\n[absence]\n");
    config.push_str(keys);
}

async fn waiting(house: &House) -> i64 {
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    iid
}

/// The paragraph of the comment that says what is awaited.
async fn awaited(house: &House, iid: i64) -> String {
    house
        .comment(iid)
        .await
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with("1. "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn the_managers_manager_approves_only_where_the_chain_is_that_long() {
    let house = House::open().await;
    let iid = waiting(&house).await;
    house.labels("owner", iid, "manager-approved").await;
    house.settle().await;
    assert!(house.comment(iid).await.contains("only @kim, the manager, can give this approval"));
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;

    let house = House::open_with(|config| absence(config, "chain_depth = 2")).await;
    let iid = waiting(&house).await;
    house.labels("owner", iid, "manager-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    house.provisioner_approves(iid).await;
    assert_eq!(house.tokens(iid).await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn a_delegate_approves_in_their_time_and_not_outside_of_it() {
    let delegate = "delegates = [{ of = 102, to = 105, from = \"2026-12-02\", until = \"2026-12-03\" }]";
    let adjust: fn(&mut String) = |config| {
        absence(
            config,
            "delegates = [{ of = 102, to = 105, from = \"2026-12-02\", until = \"2026-12-03\" }]",
        );
    };
    assert!(delegate.contains("2026-12-02"));
    let house = House::open_with(adjust).await;
    let iid = waiting(&house).await;
    house.labels("colleague", iid, "manager-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "a day too early");
    house.later(DAY).await;
    house.labels("colleague", iid, "manager-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    house.later(DAY * 2).await;
    house.look(iid).await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "their time is over before anything was issued");
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_member_of_the_provisioners_group_is_a_provisioner_and_nobody_else() {
    let house = House::open_with(|config| {
        *config =
            config.replace("provisioners = [104]", "provisioners = []\nprovisioner_groups = [\"company\"]");
    })
    .await;
    let iid = waiting(&house).await;
    house.manager_approves(iid).await;
    assert!(awaited(&house, iid).await.contains("a member of `company`"));
    house.labels("colleague", iid, "provisioner-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    house.nothing_issued(iid).await;
    house.labels("owner", iid, "provisioner-approved").await;
    house.settle().await;
    assert_eq!(house.tokens(iid).await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn the_manager_is_reminded_once_and_then_their_manager_is_asked_in() {
    let house =
        House::open_with(|config| absence(config, "remind_after_days = 2\nescalate_after_days = 4")).await;
    let iid = waiting(&house).await;
    house.later(DAY * 2).await;
    house.later(DAY).await;
    let reminders = house.messages("manager").await;
    assert_eq!(reminders.len(), 1, "once");
    assert_snapshot!(house.message_text(&reminders[0]), @"
    notification: An access request for @robin has waited for the manager's approval since 2026-12-01 09:00 UTC: http://sandbox/gitlab/company/access-requests/-/issues/4
    It asks for an API token for Zendesk Global, until 2026-12-31, end of the day (2027-01-01 00:00 UTC). If you agree with all that the comment there says, apply the label “manager-approved”; if not, close the issue.
    An access request for @robin has waited for the manager's approval since 2026-12-01 09:00 UTC: http://sandbox/gitlab/company/access-requests/-/issues/4
    It asks for an API token for Zendesk Global, until 2026-12-31, end of the day (2027-01-01 00:00 UTC). If you agree with all that the comment there says, apply the label “manager-approved”; if not, close the issue.
    ");
    house.labels("owner", iid, "manager-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "not asked in yet");
    house.later(DAY).await;
    assert_eq!(house.messages("owner").await.len(), 1);
    assert_snapshot!(awaited(&house, iid).await, @r#"
    Waiting for @kim, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    @kim was reminded on 2026-12-03 09:00 UTC.

    @oda, who manages the manager, was asked in on 2026-12-05 09:01 UTC and may approve as well.
    "#);
    house.labels("owner", iid, "manager-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    house.leave().await;
}

#[tokio::test]
async fn where_a_group_provisions_its_members_are_reminded_once_and_the_group_is_named() {
    let house = House::open_with(|config| {
        *config =
            config.replace("provisioners = [104]", "provisioners = []\nprovisioner_groups = [\"company\"]");
        absence(config, "remind_after_days = 2");
    })
    .await;
    let iid = waiting(&house).await;
    house.manager_approves(iid).await;
    let unreadable =
        json!({"vendor": "gitlab", "path": "groups/company/members", "effect": "status:500", "times": 0});
    house.fault(unreadable).await;
    house.later(DAY * 2).await;
    assert_eq!(house.messages("owner").await.len(), 0, "nobody knows who is in the group");
    house.heal().await;
    house.later(DAY).await;
    house.later(DAY).await;
    let reminders = house.messages("owner").await;
    assert_eq!(reminders.len(), 1, "once");
    says(&house.message_text(&reminders[0]), "has waited for the provisioner's approval since");
    let who_may_not = ["requester", "manager"];
    for role in who_may_not {
        assert_eq!(house.messages(role).await.len(), 0, "{role}");
    }
    assert_snapshot!(awaited(&house, iid).await, @r#"
    Waiting for a member of `company`, the provisioner, since 2026-12-01 09:01 UTC. Whoever approves reads what would be issued, below, and sets the label ~"provisioner-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the provisioner has approved, the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    Reminded on 2026-12-04 09:01 UTC: the members of `company`.
    "#);
    house.leave().await;
}

#[tokio::test]
async fn it_is_said_at_once_when_nobody_could_give_an_approval() {
    let house =
        House::open_with(|config| *config = config.replace("provisioners = [104]", "provisioners = [102]"))
            .await;
    let iid = waiting(&house).await;
    assert_snapshot!(awaited(&house, iid).await, @"
    **Nothing can be issued now**, because something is missing. It is looked at again by itself:

    - Nobody can give the provisioner's approval: whoever could is the author, the requester, or already the other approver. An operator can name a delegate or another provisioner.
    ");
    let for_somebody_else = Form { requester: "robin@example.com", ..Form::default() };
    let by_the_manager = house.opens("manager", &for_somebody_else.text()).await;
    house.settle().await;
    assert!(awaited(&house, by_the_manager).await.contains("Nobody can give the manager's approval"));
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_denial_quotes_what_its_maker_wrote_last() {
    let house = House::open().await;
    let iid = waiting(&house).await;
    let path = format!("projects/{}/issues/{iid}/notes", crate::harness::PROJECT);
    let words = json!({"body": "Not this quarter.\n/close"});
    house.gitlab("manager", reqwest::Method::POST, &path, words).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "denied");
    assert_snapshot!(awaited(&house, iid).await, @"@kim said no by closing this issue. They wrote: `Not this quarter.`. Reopening begins anew.");
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    assert!(!house.comment(iid).await.contains("Not this quarter"), "a new generation begins anew");
    house.leave().await;
}

#[tokio::test]
async fn labels_that_were_seen_changed_stay_distrusted_until_a_person_pins_them() {
    let house = House::open().await;
    let iid = waiting(&house).await;
    let rename = |to: &str| json!({"new_name": to});
    let labels = format!("projects/{}/labels", crate::harness::PROJECT);
    let by_name = |name: &str| format!("{labels}/{name}");
    house.gitlab("owner", reqwest::Method::PUT, &by_name("manager-approved"), rename("something else")).await;
    house.sweep().await;
    house
        .gitlab("owner", reqwest::Method::PUT, &by_name("something%20else"), rename("manager-approved"))
        .await;
    house.manager_approves(iid).await;
    assert!(awaited(&house, iid).await.contains("countersign labels pin"));
    let store = house.service().context.store();
    countersign::reconcile::trust_labels(store, countersign::domain::ids::ProjectId(crate::harness::PROJECT))
        .await
        .unwrap();
    house.look(iid).await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner");
    house.leave().await;
}
