//! The form, and how a request ends before anything is issued.

use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, House, says};

impl House {
    async fn refused_nothing_made(&self, iid: i64) {
        self.nothing_issued(iid).await;
        assert_eq!(self.secrets(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_incomplete_form_is_closed_with_everything_that_is_missing() {
    let house = House::open().await;
    let form = Form { purpose: "", remove_on: "end of year", kind: "Integration", ..Form::default() };
    let iid = house.opens("requester", &form.text()).await;
    house.settle().await;
    assert_eq!(house.issue(iid).await["state"], "closed");
    assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Incomplete

    There is nothing to approve yet, so this issue was closed. Please **edit the description**, then **reopen the issue**:

    - **Business purpose** is empty; expected: `what will use the credential, and what for`
    - **Scopes** is empty; expected: `at least one scope, like tickets:read`
    - **Remove on** says `end of year`; expected: `the last day it should work, as YYYY-MM-DD`

    1. **Form**: ✗ needs a correction
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet
    ");
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_kind_that_the_instance_does_not_offer_is_a_fault_and_the_kinds_it_offers_are_named() {
    let house = House::open().await;
    let form = Form { instance: "Zendesk US Government", ..Form::oauth_client() };
    let iid = house.approved_form(&form).await;
    assert_eq!(house.phase(iid).await, "incomplete");
    says(
        &house.comment(iid).await,
        "- **Kind of credential** says `OAuth client`; expected: `one of: API token, OAuth access token`\n\n",
    );
    house.refused_nothing_made(iid).await;
    let mended = Form { instance: form.instance, ..Form::oauth_token() };
    house.changes("requester", iid, json!({"description": mended.text()})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "an access token is offered there");
    house.leave().await;
}

#[tokio::test]
async fn a_form_that_is_mended_and_reopened_goes_on() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form { purpose: "", ..Form::default() }.text()).await;
    house.settle().await;
    assert_eq!(house.issue(iid).await["state"], "closed");
    house.changes("requester", iid, json!({"description": Form::default().text()})).await;
    house.settle().await;
    assert!(house.comment(iid).await.contains("The form is complete now. **Reopen the issue** to go on."));
    assert_eq!(house.issue(iid).await["state"], "closed", "people reopen, not we");
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.tokens(iid).await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn a_form_reopened_without_being_mended_is_closed_again() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form { remove_on: "", ..Form::default() }.text()).await;
    house.settle().await;
    for _ in 0..3 {
        house.changes("requester", iid, json!({"state_event": "reopen"})).await;
        house.settle().await;
        assert_eq!(house.issue(iid).await["state"], "closed");
    }
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_small_fault_asks_and_leaves_the_issue_open() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form { kind: "Admin token", ..Form::default() }.text()).await;
    house.settle().await;
    assert_eq!(house.issue(iid).await["state"], "opened");
    assert_eq!(house.phase(iid).await, "incomplete");
    house.changes("requester", iid, json!({"description": Form::default().text()})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn the_policy_can_ask_instead_of_closing() {
    let ask = |text: &mut String| *text = format!("[policy]\non_incomplete = \"ask\"\n\n{text}");
    let house = House::open_with(ask).await;
    let iid = house.opens("requester", &Form { purpose: "", remove_on: "", ..Form::default() }.text()).await;
    house.settle().await;
    assert_eq!(house.issue(iid).await["state"], "opened");
    assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Incomplete

    Nobody can approve this yet. Please **edit the description**; this comment follows:

    - **Business purpose** is empty; expected: `what will use the credential, and what for`
    - **Remove on** is empty; expected: `the last day it should work, as YYYY-MM-DD`

    1. **Form**: ✗ needs a correction
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet
    ");
    house.changes("requester", iid, json!({"description": Form::default().text()})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn a_label_on_an_incomplete_form_comes_off_and_does_not_wait_there() {
    let ask = |text: &mut String| *text = format!("[policy]\non_incomplete = \"ask\"\n\n{text}");
    let house = House::open_with(ask).await;
    let iid = house.opens("requester", &Form { purpose: "", ..Form::default() }.text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    assert_eq!(house.issue_labels(iid).await, Vec::<String>::new());
    assert!(house.comment(iid).await.contains("the form has faults; there is nothing to approve yet"));
    house.changes("requester", iid, json!({"description": Form::default().text()})).await;
    house.provisioner_approves(iid).await;
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn admin_access_that_is_not_needed_is_denied() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form { admin: "Not needed.", ..Form::default() }.text()).await;
    house.settle().await;
    assert_eq!(
        (house.phase(iid).await.as_str(), &house.issue(iid).await["state"]),
        ("denied", &json!("closed"))
    );
    assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Denied

    The form says under “Why admin access is needed” that admin access is not needed. An API token always has it, so none is issued. Please ask for a kind with scopes: choose OAuth client or OAuth access token under “Kind of credential”, fill in “Scopes”, and reopen the issue. Or, if admin access is needed after all, change that part and reopen the issue.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet
    ");
    house.changes("requester", iid, json!({"description": Form::default().text()})).await;
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.tokens(iid).await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn labels_in_the_wrong_order_are_explained() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.provisioner_approves(iid).await;
    assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > The label ~"provisioner-approved" set by `@pat` does not count and was taken off (2026-12-01 09:01 UTC): @kim, the manager, approves first. Then put it on again.

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    assert_eq!(house.issue_labels(iid).await, Vec::<String>::new());
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn closed_by_its_author_is_withdrawn() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.changes("requester", iid, json!({"state_event": "close"})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "withdrawn");
    assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Withdrawn

    Closed by @robin before it was decided. Reopening begins anew.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @kim, 2026-12-01 09:01 UTC (terms `…`)
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    ");
    house.provisioner_approves(iid).await;
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn closed_by_the_manager_or_the_provisioner_is_denied() {
    let house = House::open().await;
    for (role, name) in [("manager", "@kim"), ("provisioner", "@pat")] {
        let iid = house.opens("requester", &Form::default().text()).await;
        house.settle().await;
        house.changes(role, iid, json!({"state_event": "close"})).await;
        house.settle().await;
        assert_eq!(house.phase(iid).await, "denied");
        let said = format!("{name} said no by closing this issue. Reopening begins anew.");
        assert!(house.comment(iid).await.contains(&said));
        house.refused_nothing_made(iid).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn closed_by_somebody_without_a_part_in_it_is_no_denial() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.changes("colleague", iid, json!({"state_event": "close"})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "withdrawn");
    assert!(house.comment(iid).await.contains("before it was decided"));
    house.leave().await;
}

#[tokio::test]
async fn denied_by_label_where_there_is_one() {
    let deny = |text: &mut String| *text = format!("[labels]\ndenied = \"denied\"\n\n{text}");
    let house = House::open_with(deny).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.labels("colleague", iid, "denied").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "not theirs to say");
    house.changes("colleague", iid, json!({"remove_labels": "denied"})).await;
    house.labels("manager", iid, "denied").await;
    house.settle().await;
    assert_eq!(
        (house.phase(iid).await.as_str(), &house.issue(iid).await["state"]),
        ("denied", &json!("closed"))
    );
    assert!(house.comment(iid).await.contains("@kim said no by label"));
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    assert_eq!(
        house.phase(iid).await,
        "awaiting_manager",
        "the old label says nothing about the new generation"
    );
    house.leave().await;
}

#[tokio::test]
async fn what_nobody_decides_is_withdrawn_in_the_end() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form { remove_on: "2027-03-31", ..Form::default() }.text()).await;
    house.settle().await;
    for _ in 0..29 {
        house.later(SignedDuration::from_hours(24)).await;
        assert_eq!(house.phase(iid).await, "awaiting_manager");
    }
    house.later(SignedDuration::from_hours(24)).await;
    assert_eq!(
        (house.phase(iid).await.as_str(), &house.issue(iid).await["state"]),
        ("withdrawn", &json!("closed"))
    );
    assert!(house.comment(iid).await.contains("Nobody decided in time. Reopening begins anew."));
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn a_date_that_passes_while_waiting_is_a_fault() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form { remove_on: "2026-12-03", ..Form::default() }.text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.later(SignedDuration::from_hours(48)).await;
    house.provisioner_approves(iid).await;
    assert!(house.comment(iid).await.contains("a day at least one whole day ahead"));
    house.refused_nothing_made(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn dates_that_are_none_or_too_far_are_faults() {
    let house = House::open().await;
    for (date, expected) in [
        ("31.12.2026", "as YYYY-MM-DD"),
        ("2026-12-31 or later", "as YYYY-MM-DD"),
        ("2026-02-30", "as YYYY-MM-DD"),
        ("2026-11-30", "a day at least one whole day ahead"),
        ("2026-12-01", "a day at least one whole day ahead"),
        ("2027-05-01", "a day not after 2027-04-30: on that day Zendesk ends all API tokens"),
        ("9998-12-31", "a day not after 2027-04-30"),
        ("9999-12-31", "as YYYY-MM-DD"),
    ] {
        let iid = house.opens("requester", &Form { remove_on: date, ..Form::default() }.text()).await;
        house.settle().await;
        let comment = house.comment(iid).await;
        assert!(comment.contains(expected), "{date}:\n{comment}");
        assert_eq!(house.phase(iid).await, "incomplete");
    }
    assert_eq!(house.secrets(), Vec::<String>::new());
    house.leave().await;
}

#[tokio::test]
async fn the_purpose_twice_or_in_a_comment_is_no_purpose() {
    let house = House::open().await;
    let twice = format!("{}\n### Business purpose\n\nAnother one.\n", Form::default().text());
    let iid = house.opens("requester", &twice).await;
    house.settle().await;
    assert!(house.comment(iid).await.contains("this part more than once"));
    let hidden = Form { purpose: "<!-- for the export -->", ..Form::default() }.text();
    let iid = house.opens("requester", &hidden).await;
    house.settle().await;
    assert_eq!(house.issue(iid).await["state"], "closed");
    assert_eq!(house.messages("requester").await, Vec::<Value>::new());
    house.leave().await;
}

#[tokio::test]
async fn scopes_that_are_missing_unknown_or_too_wide_are_faults_of_the_form() {
    let house = House::open().await;
    for (scopes, why) in [
        ("", "at least one scope, like tickets:read"),
        ("tickets:burn", "“tickets:burn” is not a scope of Zendesk"),
        ("write", "write is not given at this instance"),
        ("tickets:read impersonate", "impersonate is not given at this instance"),
    ] {
        for form in [Form { scopes, ..Form::oauth_client() }, Form { scopes, ..Form::oauth_token() }] {
            let iid = house.approved_form(&form).await;
            assert_eq!(house.phase(iid).await, "incomplete", "{scopes}");
            says(&house.comment(iid).await, why);
        }
    }
    house.no_oauth();
    house.leave().await;

    let allowed = "integration_user = 9003\nsensitive_scopes = [\"write\"]";
    let house = House::open_with(|config| *config = config.replace("integration_user = 9003", allowed)).await;
    let iid = house.approved_form(&Form { scopes: "write", ..Form::oauth_client() }).await;
    assert_eq!((house.phase(iid).await.as_str(), house.clients().len()), ("active", 1));
    let other = house.approved_form(&Form { scopes: "impersonate", ..Form::oauth_client() }).await;
    assert_eq!(house.phase(other).await, "incomplete", "one line of the policy allows what it names");
    house.leave().await;
}
