//! What was approved: rows 4, 33 and 34.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, Gate, House, PROJECT};

fn longer() -> String {
    Form { remove_on: "2027-03-31", ..Form::default() }.text()
}

const EDITED: &str = "Nobody can tell which text was read";
const CHANGED: &str = "An approval is for exactly what was read, so it is needed anew";

#[tokio::test]
async fn t04a_the_form_is_edited_after_the_manager_approved() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.edits("requester", iid, &longer()).await;
    house.settle().await;
    house.refused(iid, CHANGED).await;
    insta::assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:01 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > After `@kim` had approved, this issue's text was edited by `@robin` (2026-12-01 09:01 UTC). An approval is for exactly what was read, so it is needed anew: the manager reads it again and, if they agree, puts the label ~"manager-approved" on again. What changed:
    > - ends: approved was `2027-01-01T00:00:00Z`, now it is `2027-04-01T00:00:00Z`
    > - Remove on: approved was `2026-12-31`, now it is `2027-03-31`

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2027-03-31, end of the day (2027-04-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    house.provisioner_approves(iid).await;
    house.refused(iid, "@kim, the manager, approves first").await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t04b_the_form_is_edited_between_the_two_while_nobody_looks() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.edits("requester", iid, &longer()).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.refused(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t04c_the_form_is_edited_after_both_and_before_the_look() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.edits("requester", iid, &longer()).await;
    house.settle().await;
    house.refused(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t04d_the_form_is_edited_while_zendesk_keeps_us_waiting() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.fault(json!({"vendor": "zendesk", "path": "api_tokens", "effect": "status:503", "times": 0})).await;
    house.provisioner_approves(iid).await;
    house.edits("requester", iid, &longer()).await;
    house.heal().await;
    house.later(SignedDuration::from_mins(6)).await;
    house.refused(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t04e_every_field_of_the_form_is_approved() {
    let house = House::open().await;
    let base = Form::default();
    for changed in [
        Form { purpose: "Delete all tickets.", ..base.clone() },
        Form { admin: "I want to.", ..base.clone() },
        Form { remove_on: "2026-12-30", ..base.clone() },
        Form { requester: "@casey", ..base.clone() },
        Form { instance: "Zendesk US Government", ..base.clone() },
    ] {
        let iid = house.managed().await;
        house.edits("requester", iid, &changed.text()).await;
        house.labels("provisioner", iid, PROVISIONER).await;
        house.settle().await;
        house.refused(iid, CHANGED).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn t04f_an_edit_that_takes_the_form_away_voids_and_does_not_set_free() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.edits("requester", iid, "Never mind.").await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "the template's marker line, which is gone").await;
    house.edits("requester", iid, &Form::default().text()).await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "@kim, the manager, approves first").await;
    house.leave().await;
}

#[tokio::test]
async fn t04g_an_edit_of_words_outside_of_the_form_changes_nothing() {
    let house = House::open().await;
    let iid = house.managed().await;
    let text = format!("{}\n\n### See also\n\nThe wiki.\n", Form::default().text());
    house.edits("requester", iid, &text).await;
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}

/// Where a label may count, the time of the last edit is asked for after the text: the other way round, an edit in
/// between would be approved by a label that came before it.
#[tokio::test]
async fn t04h_when_it_was_last_edited_is_asked_after_the_text_is_read() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    // What is read of the issue is read only at the second try: when it was edited, asked beside it, is asked before.
    let text = format!("/issues/{iid}");
    house
        .fault(
            json!({"vendor": "gitlab", "method": "GET", "path": text, "effect": "drop_request", "times": 4}),
        )
        .await;
    house.settle().await;
    let world = house.world();
    let answered = |call: &&Value| call["status"] == 200 || call["status"] == 201;
    let calls = world["calls"].as_array().unwrap().iter().filter(answered);
    let line =
        |call: &Value| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
    let calls: Vec<String> = calls.map(line).collect();
    let minted =
        calls.iter().position(|call| call.starts_with("POST") && call.ends_with("/api_tokens")).unwrap();
    let read = calls[..minted].iter().rposition(|call| call.ends_with(&text)).unwrap();
    for question in ["/graphql", "/resource_label_events", "/resource_state_events", "/notes"] {
        let after = calls[read..minted].iter().any(|call| call.ends_with(question));
        assert!(after, "{question} was asked before the text was read: {:#?}", &calls[..minted]);
    }
    house.leave().await;
}

#[tokio::test]
async fn t04i_an_edit_between_reading_the_last_edit_and_reading_the_text() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let iid = house.request().await;
    house.labels("manager", iid, MANAGER).await;
    house.sandbox.deliveries_settled().await;
    gate.hold(format!("/issues/{iid}"));
    let others = || house.calls("gitlab", "POST", "/graphql") + house.calls("gitlab", "GET", "/resource_");
    let (before, worker) = (others(), house.another_worker());
    let looking = tokio::spawn(async move { worker.step().await.unwrap() });
    while others() < before + 3 {
        assert!(!looking.is_finished(), "the text is read beside the rest");
        tokio::task::yield_now().await;
    }
    // In no time at all: neither the clock nor the margin between an edit and a label tells.
    let path = format!("projects/42/issues/{iid}");
    let (status, _) = house.gitlab("requester", Method::PUT, &path, json!({"description": longer()})).await;
    assert!(status.is_success());
    gate.open();
    looking.await.unwrap();
    house.settle().await;
    house.refused(iid, EDITED).await;
    house.leave().await;
}

#[tokio::test]
async fn t33a_labelled_for_one_form_and_edited_to_another_while_nobody_looked() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("manager", iid, MANAGER).await;
    house.edits("requester", iid, &longer()).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.refused(iid, EDITED).await;
    house.leave().await;
}

#[tokio::test]
async fn t33b_edited_and_edited_back_while_nobody_looked() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("manager", iid, MANAGER).await;
    house.edits("requester", iid, &longer()).await;
    house.edits("requester", iid, &Form::default().text()).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.refused(iid, EDITED).await;
    house.leave().await;
}

#[tokio::test]
async fn t33c_edited_and_edited_back_under_our_eyes() {
    let house = House::open().await;
    let iid = house.managed().await;
    // Nothing can be taken off, so that the label itself stays all the time.
    house.fault(json!({"vendor": "gitlab", "method": "PUT", "path": "/issues/", "effect": "drop_request", "times": 0})).await;
    house.heal().await;
    house.edits("requester", iid, &longer()).await;
    house.fault(json!({"vendor": "gitlab", "method": "PUT", "path": "/issues/", "effect": "drop_request", "times": 0})).await;
    house.settle().await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER]);
    house.heal().await;
    house.edits("requester", iid, &Form::default().text()).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.refused(iid, CHANGED).await;
    house.leave().await;
}

#[tokio::test]
async fn t33d_the_manager_approves_what_stood_there_only_after_the_edit() {
    let house = House::open().await;
    let iid = house.request().await;
    house.edits("requester", iid, &longer()).await;
    house.labels("manager", iid, MANAGER).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t34a_a_quick_action_in_the_managers_own_edit_labels_in_their_name() {
    let house = House::open().await;
    let iid = house.request().await;
    let crafted = format!("{}\n/label ~{MANAGER}\n", Form::default().text());
    house.edits("manager", iid, &crafted.replace("solved", "all")).await;
    house.settle().await;
    house.refused(iid, EDITED).await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t34b_a_quick_action_in_the_provisioners_own_edit_labels_in_their_name() {
    let house = House::open().await;
    let iid = house.managed().await;
    let crafted = format!("{}\n### Thanks\n\nto all.\n/label ~{PROVISIONER}\n", Form::default().text());
    house.edits("provisioner", iid, &crafted).await;
    house.settle().await;
    house.stopped(iid, EDITED).await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER], "no field of the form changed");
    house.leave().await;
}

/// Less than two seconds after an edit a label may be the edit's; from two seconds on it is a person's. GitLab tells
/// the edit's time without its fraction, so that two seconds may be little more than one.
#[tokio::test]
async fn t34c_the_margin_after_an_edit_is_two_seconds() {
    let house = House::open().await;
    for (after, counts) in [(1, false), (2, false), (3, true)] {
        let iid = house.request().await;
        house.edits("requester", iid, &longer()).await;
        house.clock.advance(SignedDuration::from_secs(after));
        let path = format!("projects/{PROJECT}/issues/{iid}");
        house.must("manager", Method::PUT, &path, json!({"add_labels": MANAGER})).await;
        house.settle().await;
        assert_eq!(house.phase(iid).await == "awaiting_provisioner", counts, "{after} s");
        house.nothing_issued(iid).await;
    }
    house.leave().await;
}
