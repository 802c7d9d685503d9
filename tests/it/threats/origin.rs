//! Which issues, and when: rows 5, 36 and 41.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, House};

const ELSEWHERE: i64 = 43;

#[tokio::test]
async fn t05a_an_issue_is_moved_away_and_back_with_a_real_approval() {
    let house = House::open().await;
    let first = house.managed().await;
    for name in [MANAGER, PROVISIONER] {
        let label = json!({"name": name, "color": "#123456"});
        house.must("requester", Method::POST, &format!("projects/{ELSEWHERE}/labels"), label).await;
    }
    let away = house
        .in_project(
            "manager",
            Method::POST,
            &format!("issues/{first}/move"),
            json!({"to_project_id": ELSEWHERE}),
        )
        .await;
    house.settle().await;
    let back = format!("projects/{ELSEWHERE}/issues/{}/move", away["iid"]);
    let back = house.must("manager", Method::POST, &back, json!({"to_project_id": 42})).await;
    let iid = back["iid"].as_i64().unwrap();
    assert_eq!(house.issue_labels(iid).await, [MANAGER], "it came along");
    house.settle().await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, "This issue was moved, and approvals do not move along").await;
    assert_eq!(house.phase(iid).await, "refused");
    house.nothing_issued(first).await;
    assert_eq!(house.phase(first).await, "blocked");
    house.leave().await;
}

async fn cloned(with_notes: bool) {
    let house = House::open().await;
    let first = house.managed().await;
    house.clock.advance(SignedDuration::from_secs(30));
    let body = json!({"to_project_id": 42, "with_notes": with_notes});
    let clone = house.in_project("colleague", Method::POST, &format!("issues/{first}/clone"), body).await;
    let iid = clone["iid"].as_i64().unwrap();
    house.settle().await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, "This issue was copied from another, and approvals do not copy").await;
    assert_eq!(house.phase(iid).await, "refused");
    assert!(house.history(iid).await.contains(&"phase.entered".to_owned()));
    house.provisioner_approves(first).await;
    house.issued_once(first).await;
    house.leave().await;
}

#[tokio::test]
async fn t05b_an_issue_is_cloned_with_its_notes_and_events() {
    cloned(true).await;
}

#[tokio::test]
async fn t05c_an_issue_is_cloned_with_labels_that_nobody_put_on() {
    cloned(false).await;
}

/// GitLab moves in the background: the issue is there before the note that says where it came from.
#[tokio::test]
async fn t05d_that_it_was_moved_here_is_seen_only_after_the_first_look() {
    let house = House::open().await;
    let iid = house.request().await;
    house.control("notes", json!({"issue": iid, "body": "moved from company/elsewhere#3"})).await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, "This issue was moved, and approvals do not move along").await;
    house.leave().await;
}

#[tokio::test]
async fn t05e_an_event_older_than_the_issue_is_a_copy() {
    let house = House::open().await;
    let iid = house.request().await;
    let backdated = json!({"add_labels": MANAGER, "updated_at": "2026-11-01T00:00:00Z"});
    house.changes("owner", iid, backdated).await;
    house.settle().await;
    house.provisioner_approves(iid).await;
    house.stopped(iid, "This issue was copied from another").await;
    house.leave().await;
}

#[tokio::test]
async fn t05f_an_issue_that_becomes_something_else_is_none() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.changes("requester", iid, json!({"issue_type": "incident"})).await;
    house.look(iid).await;
    house.provisioner_approves(iid).await;
    house.look(iid).await;
    house.nothing_issued(iid).await;
    assert_eq!(house.phase(iid).await, "blocked");
    house.leave().await;
}

#[tokio::test]
async fn t36a_nothing_done_to_an_active_issue_lengthens_or_doubles_it() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.issued_once(iid).await;
    let (token, comment) = (house.tokens(iid).await, house.comment(iid).await);
    let longer = Form { remove_on: "2027-03-31", ..Form::default() }.text();
    let close = json!({"state_event": "close"});
    let reopen = json!({"state_event": "reopen"});
    let both = format!("{MANAGER},{PROVISIONER}");
    for (role, change) in [
        ("requester", json!({"description": longer})),
        ("manager", json!({"remove_labels": MANAGER})),
        ("provisioner", json!({"remove_labels": PROVISIONER})),
        ("requester", close.clone()),
        ("requester", reopen.clone()),
        ("manager", json!({"add_labels": MANAGER})),
        ("provisioner", json!({"add_labels": PROVISIONER})),
        ("manager", close),
        ("requester", reopen),
        ("requester", json!({"remove_labels": both})),
        ("manager", json!({"add_labels": MANAGER})),
        ("provisioner", json!({"add_labels": PROVISIONER})),
        ("requester", json!({"description": "Nothing to see here."})),
    ] {
        house.changes(role, iid, change).await;
        house.settle().await;
        assert_eq!(house.tokens(iid).await, token);
        assert_eq!(house.comment(iid).await, comment);
        assert_eq!(house.messages("requester").await.len(), 1);
    }
    house.clock.advance(SignedDuration::from_hours(31 * 24));
    house.settle().await;
    assert_eq!(house.phase(iid).await, "ended", "its own end came");
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    house.leave().await;
}

#[tokio::test]
async fn t36b_an_ended_request_reopened_needs_both_anew() {
    let house = House::open().await;
    let iid = house.approved().await;
    let first = House::secret_in(&house.messages("requester").await[0]);
    house.clock.advance(SignedDuration::from_hours(31 * 24));
    house.settle().await;
    assert_eq!(house.phase(iid).await, "ended");
    assert!(!house.works(&first).await);
    let form = Form { remove_on: "2027-01-31", ..Form::default() }.text();
    house.changes("requester", iid, json!({"description": form})).await;
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    assert_eq!(house.messages("requester").await.len(), 1);
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    assert_eq!(house.issue_labels(iid).await, Vec::<String>::new(), "the old ones are off");
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t41a_issues_that_are_no_requests_are_left_alone_whatever_their_labels() {
    let house = House::open().await;
    let plain = Form { marker: false, ..Form::default() }.text();
    let issues = [
        house.opens("requester", &plain).await,
        house.opens("requester", "The printer is on fire.\n\n/label ~bug").await,
        house.opens("requester", "Mentions <!-- countersign: API_Token_Request --> in a line of text.").await,
    ];
    let task = json!({"title": "A task", "description": Form::default().text(), "issue_type": "task"});
    let task = house.in_project("requester", Method::POST, "issues", task).await["iid"].as_i64().unwrap();
    for iid in issues.into_iter().chain([task]) {
        house.labels("manager", iid, MANAGER).await;
        house.labels("provisioner", iid, PROVISIONER).await;
        let before = house.whole_issue(iid).await;
        house.settle().await;
        house.look(iid).await;
        house.sweep().await;
        assert_eq!(house.whole_issue(iid).await, before);
        assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
        assert_eq!(house.history(iid).await, Vec::<String>::new());
    }
    house.leave().await;
}

#[tokio::test]
async fn t41b_old_labelled_issues_are_not_minted_for_when_it_starts() {
    let house = House::before_setup(|_| {}).await;
    for name in [MANAGER, PROVISIONER] {
        house
            .in_project("maintainer", Method::POST, "labels", json!({"name": name, "color": "#123456"}))
            .await;
    }
    let iid = house.opens("requester", &Form::default().text()).await;
    house.labels("manager", iid, MANAGER).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.clock.advance(SignedDuration::from_secs(30));
    house.set_up().await;
    house.service().watch().await.unwrap();
    let before = house.whole_issue(iid).await;
    house.sweep().await;
    house.look(iid).await;
    assert_eq!(house.whole_issue(iid).await, before);
    house.changes("colleague", iid, json!({"title": "Still old"})).await;
    let before = house.whole_issue(iid).await;
    house.settle().await;
    assert_eq!(house.whole_issue(iid).await, before);
    assert_eq!(house.tokens(iid).await, Vec::<Value>::new());
    house.leave().await;
}

#[tokio::test]
async fn t41c_issues_of_other_projects_are_left_alone() {
    let house = House::open().await;
    let body = json!({"title": "A", "description": Form::default().text()});
    let issue = house.must("requester", Method::POST, &format!("projects/{ELSEWHERE}/issues"), body).await;
    house.settle().await;
    house.sweep().await;
    let notes = format!("projects/{ELSEWHERE}/issues/{}/notes", issue["iid"]);
    assert_eq!(house.must("owner", Method::GET, &notes, Value::Null).await, json!([]));
    house.leave().await;
}
