//! Who approves: rows 1, 2, 8, 9, 10 and 11.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MANAGER, PROVISIONER};
use crate::harness::{Form, House, PROJECT};

#[tokio::test]
async fn t01a_a_colleague_applies_the_managers_label() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("colleague", iid, MANAGER).await;
    house.settle().await;
    house.refused(iid, "only @kim, the manager, can give this approval").await;
    insta::assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    > The label ~"manager-approved" set by `@casey` does not count and was taken off (2026-12-01 09:01 UTC): only @kim, the manager, can give this approval.

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t01b_the_author_applies_both_labels() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("requester", iid, &format!("{MANAGER},{PROVISIONER}")).await;
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t01c_maintainer_and_owner_may_label_and_do_not_count() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("owner", iid, MANAGER).await;
    house.settle().await;
    house.refused(iid, "only @kim, the manager, can give this approval").await;
    house.manager_approves(iid).await;
    house.labels("maintainer", iid, PROVISIONER).await;
    house.settle().await;
    house.stopped(iid, "only a provisioner of the instance can give it: @pat").await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER]);
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t01d_the_author_applies_the_provisioners_label_after_the_manager() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("requester", iid, PROVISIONER).await;
    house.settle().await;
    house.stopped(iid, "nobody approves an issue that they opened").await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER]);
    house.leave().await;
}

#[tokio::test]
async fn t01e_who_labels_again_and_again_is_refused_without_end_but_not_without_measure() {
    let house = House::open().await;
    let iid = house.request().await;
    for _ in 0..8 {
        house.labels("colleague", iid, MANAGER).await;
        house.settle().await;
        house.nothing_issued(iid).await;
        house.changes("colleague", iid, json!({"remove_labels": MANAGER})).await;
    }
    house.labels("colleague", iid, MANAGER).await;
    house.settle().await;
    house.stopped(iid, "Labels were taken off five times within the hour").await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER]);
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.nothing_issued(iid).await;
    house.later(jiff::SignedDuration::from_mins(61)).await;
    assert_eq!(house.issue_labels(iid).await, Vec::<String>::new(), "an hour later they come off");
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t02a_an_issue_is_born_with_both_labels() {
    let house = House::open().await;
    let both = format!("{MANAGER},{PROVISIONER}");
    let iid = house.opens_labelled("guest", &Form::default().text(), &both).await;
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.leave().await;
}

#[tokio::test]
async fn t02b_the_description_labels_the_issue_it_makes() {
    let house = House::open().await;
    let text = format!("{}\n/label ~{MANAGER} ~{PROVISIONER}\n", Form::default().text());
    let iid = house.opens("guest", &text).await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER, PROVISIONER], "GitLab lets a Guest do this");
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.leave().await;
}

#[tokio::test]
async fn t02c_the_manager_opens_a_crafted_link_that_labels_and_asks_for_somebody_else() {
    let house = House::open().await;
    let form = Form { requester: "@robin", ..Form::default() };
    let text = format!("{}\n/label ~{MANAGER}\n", form.text());
    let iid = house.opens("manager", &text).await;
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.labels("manager", iid, MANAGER).await;
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.leave().await;
}

#[tokio::test]
async fn t08_an_empty_list_of_provisioners_is_nobody() {
    let house =
        House::open_with(|text| *text = text.replace("provisioners = [104]", "provisioners = []")).await;
    let iid = house.managed().await;
    house.says(iid, "Nobody can give the provisioner's approval").await;
    for role in ["provisioner", "maintainer", "owner"] {
        house.labels(role, iid, PROVISIONER).await;
        house.settle().await;
        house.stopped(iid, "only a provisioner of the instance can give it").await;
    }
    assert_eq!(house.issue_labels(iid).await, [MANAGER]);
    house.leave().await;
}

/// With countersign's own token: whoever stole it, or a bug of ours.
async fn as_the_bot(house: &House, iid: i64, label: &str) {
    house.clock.advance(jiff::SignedDuration::from_secs(30));
    let token = std::fs::read_to_string(house.path("gitlab.token")).unwrap();
    let url = format!("{}/api/v4/projects/{PROJECT}/issues/{iid}", house.sandbox.gitlab_url());
    let request = house.http.put(url).header("PRIVATE-TOKEN", token.trim());
    let answer = request.json(&json!({"add_labels": label})).send().await.unwrap();
    assert!(answer.status().is_success());
    house.settle().await;
}

#[tokio::test]
async fn t09a_our_own_account_approves_nothing_even_where_it_stands_on_the_list() {
    let house =
        House::open_with(|text| *text = text.replace("provisioners = [104]", "provisioners = [104, 150]"))
            .await;
    let iid = house.managed().await;
    as_the_bot(&house, iid, PROVISIONER).await;
    house.stopped(iid, "a bot cannot approve").await;
    assert_eq!(house.evidence(iid, "approval.refused").await[0]["why"]["reason"], "ourselves");
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t09b_another_bot_approves_nothing_even_as_somebodys_manager() {
    let house = House::open().await;
    let iid = house.request().await;
    house.person_becomes("manager", json!({"bot": true})).await;
    house.manager_approves(iid).await;
    house.refused(iid, "a bot cannot approve").await;
    assert_eq!(house.evidence(iid, "approval.refused").await[0]["why"]["reason"], "bot");
    house.leave().await;
}

#[tokio::test]
async fn t09c_what_we_do_ourselves_wakes_us_into_no_loop() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.issued_once(iid).await;
    let (written, read) =
        (house.calls("gitlab", "PUT", "/issues/"), house.calls("gitlab", "GET", "/issues/"));
    house.settle().await;
    assert_eq!(
        (house.calls("gitlab", "PUT", "/issues/"), house.calls("gitlab", "GET", "/issues/")),
        (written, read)
    );
    house.leave().await;
}

#[tokio::test]
async fn t10a_whoever_lost_their_standing_before_labelling_does_not_count() {
    let house = House::open().await;
    for (change, sentence) in [
        (json!({"membership": {"access_level": 10}}), "not a member of this project with the role it takes"),
        (
            json!({"membership": {"access_level": 20, "expires_at": "2026-12-31"}, "bot": true}),
            "a bot cannot approve",
        ),
    ] {
        let iid = house.request().await;
        house.labels("manager", iid, MANAGER).await;
        house.person_becomes("manager", change).await;
        house.settle().await;
        house.refused(iid, sentence).await;
        let back = json!({"membership": {"access_level": 30}, "bot": false, "state": "active"});
        house.person_becomes("manager", back).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn t10b_whoever_loses_their_standing_after_approving_counts_no_more() {
    let house = House::open().await;
    let expired = json!({"membership": {"access_level": 30, "expires_at": "2026-12-01"}});
    for (change, sentence) in [
        (json!({"state": "blocked"}), "that account is blocked or deactivated"),
        (json!({"state": "deactivated"}), "that account is blocked or deactivated"),
        (json!({"membership": Value::Null}), "not a member of this project with the role it takes"),
        (json!({"membership": {"access_level": 5}}), "not a member of this project with the role it takes"),
        (expired, "not a member of this project with the role it takes"),
    ] {
        let iid = house.managed().await;
        house.person_becomes("manager", change).await;
        house.provisioner_approves(iid).await;
        house.refused(iid, sentence).await;
        assert_eq!(house.evidence(iid, "approval.voided").await.len(), 1);
        house.person_becomes("manager", json!({"state": "active", "membership": {"access_level": 30}})).await;
        house.nothing_issued(iid).await;
    }
    house.leave().await;
}

#[tokio::test]
async fn t10c_a_provisioner_who_is_blocked_before_the_look_does_not_count() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.person_becomes("provisioner", json!({"state": "blocked"})).await;
    house.settle().await;
    house.stopped(iid, "that account is blocked or deactivated").await;
    house.leave().await;
}

#[tokio::test]
async fn t10d_a_manager_whom_the_directory_no_longer_names_counts_no_more() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.rewrite("directory.toml", |text| text.replacen("manager = 102", "manager = 107", 1));
    house.provisioner_approves(iid).await;
    house.refused(iid, "only @oda, the manager, can give this approval").await;
    house.leave().await;
}

#[tokio::test]
async fn t11a_the_manager_takes_the_label_off_again_and_nobody_else_puts_it_back() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.changes("manager", iid, json!({"remove_labels": MANAGER})).await;
    house.settle().await;
    house.says(iid, "The approval by `@kim` was taken back").await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.labels("colleague", iid, MANAGER).await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "only @kim, the manager, can give this approval").await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t11b_taken_off_and_put_back_by_others_while_nobody_looked() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.changes("manager", iid, json!({"remove_labels": MANAGER})).await;
    house.labels("requester", iid, MANAGER).await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.leave().await;
}

#[tokio::test]
async fn t11c_an_earlier_generation_does_not_carry_over() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.changes("requester", iid, json!({"state_event": "close"})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "withdrawn");
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.settle().await;
    house.refused(iid, "left over from before this issue was reopened").await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "@kim, the manager, approves first").await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t11d_the_manager_says_no_by_closing_and_the_author_reopens_before_anybody_looks() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.changes("manager", iid, json!({"state_event": "close"})).await;
    house.changes("requester", iid, json!({"state_event": "reopen"})).await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "the issue was closed after it").await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t11e_an_approval_does_not_keep_for_ever() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.later(jiff::SignedDuration::from_hours(15 * 24)).await;
    house.says(iid, "it is too old. Put it on again").await;
    house.provisioner_approves(iid).await;
    house.refused(iid, "@kim, the manager, approves first").await;
    house.leave().await;
}

#[tokio::test]
async fn t11f_the_provisioner_before_the_manager_is_the_wrong_order() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("provisioner", iid, PROVISIONER).await;
    house.labels("manager", iid, MANAGER).await;
    house.settle().await;
    house.stopped(iid, "@kim, the manager, approves first").await;
    assert_eq!(house.issue_labels(iid).await, [MANAGER], "the manager's counts");
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t11g_whoever_deletes_their_account_leaves_no_approval() {
    let house = House::open().await;
    let iid = house.request().await;
    house.labels("colleague", iid, MANAGER).await;
    let path = format!("issues/{iid}/resource_label_events");
    let events = house.in_project("owner", Method::GET, &path, Value::Null).await;
    assert_eq!(events[0]["user"]["username"], "casey");
    house.person_becomes("colleague", json!({"state": "ghost"})).await;
    house.settle().await;
    house.refused(iid, "that account is blocked or deactivated").await;
    house.leave().await;
}
