//! While a credential lives: reminders of its end, the label that revokes, and people who leave; through the front door.

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Form, House, at_sending, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What the comment says besides the steps and the terms.
async fn next(house: &House, iid: i64) -> String {
    house.comment(iid).await.split("\n\n1. ").next().unwrap().to_owned()
}

impl House {
    /// Time passes up to that moment.
    async fn until(&self, at: &str) {
        self.later(at.parse::<Timestamp>().unwrap().duration_since(self.now())).await;
    }

    /// The entry of a person in the directory is edited.
    pub(crate) fn directory_says(&self, id: i64, line: &str) {
        let path = self.path("directory.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let plain =
            text.replace(&format!("gitlab_id = {id}\nactive = false\n"), &format!("gitlab_id = {id}\n"));
        let changed = plain.replace(&format!("gitlab_id = {id}\n"), &format!("gitlab_id = {id}\n{line}"));
        std::fs::write(path, changed).unwrap();
    }
}

#[tokio::test]
async fn the_holder_is_reminded_three_times_and_each_time_once() {
    let mut house = House::open().await;
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    house.until("2026-12-17T23:59:59Z").await;
    assert_eq!(house.messages("requester").await.len(), 1);
    assert!(house.works(&secret).await, "it is used");
    house.until("2026-12-18T00:00:00Z").await;
    let messages = house.messages("requester").await;
    assert_eq!(messages.len(), 2);
    assert_snapshot!(house.message_text(&messages[0]), @r#"
    notification: Your Zendesk API token for Zendesk Global ends in 14 days: 2026-12-31, end of the day (2027-01-01 00:00 UTC). Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    It was last used: 2026-12-17 23:59 UTC.
    Then it is taken away, and whatever still uses it stops working.
    If you need it for longer, open a new request and name this one under "Replaces": both people approve it anew, and you get a new credential while this one still works.
    If you need it no more, put the label revoke on the issue.
    Your Zendesk API token for Zendesk Global ends in 14 days: 2026-12-31, end of the day (2027-01-01 00:00 UTC). Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    It was last used: 2026-12-17 23:59 UTC.
    Then it is taken away, and whatever still uses it stops working.
    If you need it for longer, open a new request and name this one under "Replaces": both people approve it anew, and you get a new credential while this one still works.
    If you need it no more, put the label revoke on the issue.
    "#);
    assert_snapshot!(next(&house, iid).await, @r#"
    #### Access request: Active

    @robin has the credential; it came as a Slack direct message.

    @robin was reminded of the end on 2026-12-18 00:00 UTC (14 days before or less). The credential was last used: 2026-12-17 23:59 UTC. To keep access, open a new request that names this one as what it replaces.

    From here on, editing, closing, reopening or relabelling this issue changes nothing about it. To have it taken away early, the requester, the manager or a provisioner puts the label ~"revoke" on, or an operator runs `countersign revoke`.
    "#);
    house.restart().await;
    house.settle().await;
    house.look(iid).await;
    assert_eq!(house.messages("requester").await.len(), 2, "once");
    house.until("2026-12-29T00:00:00Z").await;
    house.until("2026-12-31T00:00:00Z").await;
    assert_eq!(house.messages("requester").await.len(), 4);
    let decided = house.entries(iid, "notice.decided").await;
    let days: Vec<&Value> = decided.iter().map(|entry| &entry["about"]["days"]).collect();
    assert_eq!(days, [14, 3, 1]);
    house.until("2027-01-01T00:00:00Z").await;
    house.all_is_dead().await;
    assert_eq!((house.phase(iid).await.as_str(), house.messages("requester").await.len()), ("ended", 4));
    house.leave().await;
}

#[tokio::test]
async fn a_reminder_waits_for_nobody_and_one_that_is_late_is_the_nearest_only() {
    let house = House::open().await;
    let iid = house.approved().await;
    // Nobody looks for four weeks.
    house.fault(json!({"vendor": "zendesk", "method": "GET", "path": "api_tokens", "effect": "status:503", "times": 0})).await;
    let mut down = at_sending("rate_limited");
    down["times"] = json!(0);
    house.fault(down).await;
    house.until("2026-12-30T12:00:00Z").await;
    assert_eq!(house.messages("requester").await.len(), 1, "Slack does not take it now");
    house.heal().await;
    house.later(SignedDuration::from_hours(1)).await;
    let messages = house.messages("requester").await;
    assert_eq!(messages.len(), 2, "of the two that are due, the nearer one");
    says(&house.message_text(&messages[0]), "ends in 2 days");
    says(&house.message_text(&messages[0]), "It was last used: not known, Zendesk does not tell.");
    house.fault(json!({"vendor": "slack", "effect": "status:503", "times": 0})).await;
    house.until("2027-01-01T00:00:00Z").await;
    assert_eq!(house.phase(iid).await, "ended", "no reminder delays an ending");
    house.heal().await;
    house.leave().await;
}

#[tokio::test]
async fn a_reminder_of_which_nobody_knows_whether_it_went_is_not_sent_twice() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.fault(at_sending("lose_answer")).await;
    house.until("2026-12-18T00:00:00Z").await;
    house.later(DAY).await;
    assert_eq!(house.messages("requester").await.len(), 2);
    assert_eq!(house.entries(iid, "notice.perhaps_sent").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn nobody_is_reminded_where_no_reminder_is_configured() {
    let house = House::open_with(|config| config.push_str("\n[ending]\nremind_days_before = []\n")).await;
    let iid = house.approved().await;
    house.until("2026-12-31T12:00:00Z").await;
    assert_eq!(house.messages("requester").await.len(), 1);
    assert!(!house.comment(iid).await.contains("reminded"));
    house.leave().await;
}

#[tokio::test]
async fn the_requester_the_manager_and_a_provisioner_revoke_by_a_label() {
    for role in ["requester", "manager", "provisioner"] {
        let house = House::open().await;
        let iid = house.approved().await;
        house.labels(role, iid, "revoke").await;
        house.settle().await;
        house.all_is_dead().await;
        assert_eq!(house.phase(iid).await, "ended", "{role}");
        let username = house.person(role)["username"].as_str().unwrap().to_owned();
        says(&house.comment(iid).await, &format!("@{username} revoked it with the label for that."));
        assert_eq!(house.entries(iid, "revocation.counted").await.len(), 1);
        house.changes("requester", iid, json!({"state_event": "reopen"})).await;
        house.settle().await;
        assert_eq!(house.phase(iid).await, "awaiting_manager", "the label is spent");
        assert!(house.issue_labels(iid).await.is_empty());
        house.leave().await;
    }
}

#[tokio::test]
async fn anybody_elses_label_comes_off_and_the_comment_says_who_could() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.labels("colleague", iid, "revoke").await;
    house.settle().await;
    house.has_exactly_one(iid).await;
    assert!(!house.issue_labels(iid).await.contains(&"revoke".to_owned()));
    assert_snapshot!(house.comment(iid).await.lines().find(|line| line.starts_with('>')).unwrap(), @r#"> The label ~"revoke" set by `@casey` does not count and was taken off (2026-12-01 09:02 UTC): only the requester, their manager or a provisioner of the instance can have it taken away: @robin or @kim or @pat."#);
    assert_eq!(house.entries(iid, "revocation.refused").await.len(), 1);
    house.labels("manager", iid, "revoke").await;
    house.settle().await;
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn another_label_of_that_title_revokes_nothing() {
    let house = House::open().await;
    let iid = house.approved().await;
    let labels = house
        .gitlab("maintainer", reqwest::Method::GET, "projects/42/labels?per_page=100", Value::Null)
        .await
        .1;
    let id = |name: &str| {
        let label = labels.as_array().unwrap().iter().find(|label| label["name"] == name).unwrap();
        label["id"].as_i64().unwrap()
    };
    let rename = |id: i64, name: &'static str| {
        let house = &house;
        async move {
            let path = format!("projects/42/labels/{id}");
            let (status, _) =
                house.gitlab("maintainer", reqwest::Method::PUT, &path, json!({"new_name": name})).await;
            assert!(status.is_success());
        }
    };
    rename(id("revoke"), "elsewhere").await;
    rename(id("bug"), "revoke").await;
    house.labels("manager", iid, "revoke").await;
    house.settle().await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn closing_the_issue_revokes_nothing_and_the_comment_says_so() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.changes("manager", iid, json!({"state_event": "close"})).await;
    house.settle().await;
    house.has_exactly_one(iid).await;
    says(&house.comment(iid).await, "closing, reopening or relabelling this issue changes nothing about it.");
    says(&house.comment(iid).await, "puts the label ~\"revoke\" on");
    house.leave().await;
}

#[tokio::test]
async fn a_holder_who_left_is_told_of_and_loses_it_after_three_days() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.directory_says(101, "active = false\n");
    house.later(DAY).await;
    assert_eq!(house.alive().len(), 1);
    let told = house.messages("provisioner").await;
    assert_eq!(told.len(), 1);
    assert_snapshot!(house.message_text(&told[0]), @"
    notification: Zendesk API token for Zendesk Global: the person who has it seems to have left. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    The directory says that they have left (seen 2026-12-02 09:01 UTC).
    It is taken away on 2026-12-05 09:01 UTC, unless that changes before.
    If that is a mistake, have the directory or the account corrected.
    To have it taken away now, put the label revoke on the issue.
    Zendesk API token for Zendesk Global: the person who has it seems to have left. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    The directory says that they have left (seen 2026-12-02 09:01 UTC).
    It is taken away on 2026-12-05 09:01 UTC, unless that changes before.
    If that is a mistake, have the directory or the account corrected.
    To have it taken away now, put the label revoke on the issue.
    ");
    assert_snapshot!(next(&house, iid).await, @r#"
    #### Access request: Active

    @robin has the credential; it came as a Slack direct message.

    **@robin, who has it, seems to have left.** The directory says that they have left (seen 2026-12-02 09:01 UTC). @pat: please look. It is taken away on 2026-12-05 09:01 UTC, unless that changes before.

    From here on, editing, closing, reopening or relabelling this issue changes nothing about it. To have it taken away early, the requester, the manager or a provisioner puts the label ~"revoke" on, or an operator runs `countersign revoke`.
    "#);
    house.later(DAY * 3 - SignedDuration::from_secs(1)).await;
    assert_eq!((house.alive().len(), house.messages("provisioner").await.len()), (1, 1));
    house.later(SignedDuration::from_secs(1)).await;
    house.all_is_dead().await;
    assert_eq!(house.phase(iid).await, "ended");
    says(
        &house.comment(iid).await,
        "The person who had it has left. The credential was taken away and seen to be gone.",
    );
    house.leave().await;
}

/// Nobody is on the list of provisioners; the members of a group are.
fn a_group_provisions(text: &mut String) {
    *text = text.replace("provisioners = [104]", "provisioners = []\nprovisioner_groups = [\"company\"]");
}

/// A request that a member of the group provisioned.
async fn provisioned_by_the_group(house: &House) -> i64 {
    let iid = house.opens("requester", &crate::harness::Form::default().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    house.labels("owner", iid, "provisioner-approved").await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "active");
    iid
}

#[tokio::test]
async fn where_a_group_provisions_its_members_are_told_and_the_group_is_named() {
    let house = House::open_with(a_group_provisions).await;
    let iid = provisioned_by_the_group(&house).await;
    house.directory_says(101, "active = false\n");
    house.later(DAY).await;
    let told = house.messages("owner").await;
    assert_eq!(told.len(), 1);
    says(&house.message_text(&told[0]), "the person who has it seems to have left");
    says(&next(&house, iid).await, "a member of `company`: please look. It is taken away on");
    house.later(DAY).await;
    assert_eq!(house.messages("owner").await.len(), 1, "once");
    house.labels("colleague", iid, "revoke").await;
    house.settle().await;
    says(
        &house.comment(iid).await,
        "or a provisioner of the instance can have it taken away: @robin or @kim or a member of `company`.",
    );
    house.later(DAY * 2).await;
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn a_group_that_cannot_be_read_delays_nothing_and_its_members_are_told_later() {
    let house = House::open_with(a_group_provisions).await;
    let iid = provisioned_by_the_group(&house).await;
    house.directory_says(101, "active = false\n");
    house
        .fault(
            json!({"vendor": "gitlab", "path": "groups/company/members", "effect": "status:500", "times": 0}),
        )
        .await;
    house.later(DAY).await;
    assert_eq!(house.entries(iid, "leaver.noticed").await.len(), 1);
    assert_eq!(house.messages("owner").await.len(), 0);
    says(&next(&house, iid).await, "a member of `company`: please look.");
    house.heal().await;
    house.later(DAY).await;
    assert_eq!(house.messages("owner").await.len(), 1);
    house.later(DAY * 2).await;
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn a_manager_who_left_is_named_although_nobody_can_be_told_yet() {
    let house = House::open_with(a_group_provisions).await;
    let iid = provisioned_by_the_group(&house).await;
    house.control("people/102", json!({"state": "blocked"})).await;
    house
        .fault(
            json!({"vendor": "gitlab", "path": "groups/company/members", "effect": "status:500", "times": 0}),
        )
        .await;
    house.later(DAY).await;
    says(&next(&house, iid).await, "**@kim, who approved it as the manager, seems to have left.**");
    house.heal().await;
    house.leave().await;
}

#[tokio::test]
async fn whoever_comes_back_in_time_keeps_it() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.control("people/101", json!({"state": "blocked"})).await;
    house.later(DAY).await;
    says(&next(&house, iid).await, "Their GitLab account is blocked or deactivated");
    house.control("people/101", json!({"state": "active"})).await;
    house.later(DAY * 3).await;
    house.has_exactly_one(iid).await;
    assert!(!next(&house, iid).await.contains("seems to have left"));
    assert_eq!(house.entries(iid, "leaver.came_back").await.len(), 1);
    house.leave().await;
}

#[tokio::test]
async fn whoever_is_blocked_in_gitlab_and_does_not_come_back_loses_it_after_three_days() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.control("people/101", json!({"state": "blocked"})).await;
    house.later(DAY).await;
    let told = house.messages("provisioner").await;
    assert_eq!(told.len(), 1);
    let message = house.message_text(&told[0]);
    says(&message, "the person who has it seems to have left");
    says(&message, "Their GitLab account is blocked or deactivated (seen 2026-12-02 09:01 UTC).");
    says(&message, "It is taken away on 2026-12-05 09:01 UTC, unless that changes before.");
    house.later(DAY * 3 - SignedDuration::from_secs(1)).await;
    house.has_exactly_one(iid).await;
    house.later(SignedDuration::from_secs(1)).await;
    house.all_is_dead().await;
    assert_eq!((house.phase(iid).await.as_str(), house.messages("provisioner").await.len()), ("ended", 1));
    says(&house.comment(iid).await, "The person who had it has left.");
    house.leave().await;
}

#[tokio::test]
async fn a_manager_who_is_blocked_in_gitlab_is_waited_for_a_month_and_the_provisioner_told() {
    let house = House::open().await;
    let iid = house.approved_form(&Form { remove_on: "2027-03-31", ..Form::default() }).await;
    house.control("people/102", json!({"state": "blocked"})).await;
    house.later(DAY).await;
    says(&next(&house, iid).await, "**@kim, who approved it as the manager, seems to have left.**");
    let told = house.messages("provisioner").await;
    assert_eq!(told.len(), 1);
    says(&house.message_text(&told[0]), "Their GitLab account is blocked or deactivated");
    house.later(DAY * 30 - SignedDuration::from_secs(1)).await;
    house.has_exactly_one(iid).await;
    house.later(SignedDuration::from_secs(1)).await;
    house.all_is_dead().await;
    assert_eq!((house.phase(iid).await.as_str(), house.messages("provisioner").await.len()), ("ended", 1));
    says(
        &house.comment(iid).await,
        "The manager who had approved it has left, and nobody had it approved anew.",
    );
    house.leave().await;
}

#[tokio::test]
async fn a_manager_who_left_is_waited_for_a_month() {
    let house = House::open().await;
    let iid = house.approved_form(&Form { remove_on: "2027-03-31", ..Form::default() }).await;
    house.directory_says(102, "active = false\n");
    house.later(DAY).await;
    says(&next(&house, iid).await, "**@kim, who approved it as the manager, seems to have left.**");
    let told = house.messages("provisioner").await;
    assert_eq!(told.len(), 1);
    assert_snapshot!(house.message_text(&told[0]), @"
    notification: Zendesk API token for Zendesk Global: the manager who approved it seems to have left. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    The directory says that they have left (seen 2026-12-02 09:01 UTC).
    It is taken away on 2027-01-01 09:01 UTC, unless that changes before.
    If that is a mistake, have the directory or the account corrected.
    To have it taken away now, put the label revoke on the issue.
    Zendesk API token for Zendesk Global: the manager who approved it seems to have left. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    The directory says that they have left (seen 2026-12-02 09:01 UTC).
    It is taken away on 2027-01-01 09:01 UTC, unless that changes before.
    If that is a mistake, have the directory or the account corrected.
    To have it taken away now, put the label revoke on the issue.
    ");
    house.later(DAY * 29).await;
    assert_eq!((house.alive().len(), house.messages("provisioner").await.len()), (1, 1));
    house.later(DAY).await;
    house.all_is_dead().await;
    says(
        &house.comment(iid).await,
        "The manager who had approved it has left, and nobody had it approved anew.",
    );
    house.leave().await;
}

#[tokio::test]
async fn t23_a_directory_that_cannot_be_read_or_is_empty_is_nobody_leaving() {
    for content in [
        None,
        Some("people = []\n"),
        Some("[[people]]\nname = \"Oda\"\nemail = \"oda@example.com\"\ngitlab_id = 107\n"),
        Some("nonsense"),
    ] {
        let house = House::open().await;
        let iid = house.approved_form(&Form { remove_on: "2027-03-31", ..Form::default() }).await;
        let before = std::fs::read(house.path("directory.toml")).unwrap();
        match content {
            Some(content) => std::fs::write(house.path("directory.toml"), content).unwrap(),
            None => std::fs::remove_file(house.path("directory.toml")).unwrap(),
        }
        for _ in 0..40 {
            house.later(DAY).await;
        }
        assert_eq!((house.phase(iid).await.as_str(), house.alive().len()), ("active", 1), "{content:?}");
        assert_eq!(house.messages("provisioner").await.len(), 0);
        std::fs::write(house.path("directory.toml"), before).unwrap();
        house.leave().await;
    }
}

#[tokio::test]
async fn t23_a_doubt_that_comes_before_the_wait_is_over_holds_the_ending_back() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.directory_says(101, "active = false\n");
    house.later(DAY).await;
    let text = std::fs::read(house.path("directory.toml")).unwrap();
    std::fs::remove_file(house.path("directory.toml")).unwrap();
    house.later(DAY * 5).await;
    assert_eq!((house.phase(iid).await.as_str(), house.alive().len()), ("active", 1));
    std::fs::write(house.path("directory.toml"), text).unwrap();
    house.later(DAY).await;
    house.all_is_dead().await;
    house.leave().await;
}

/// The holder's requests, all active.
async fn several(house: &House, count: usize) -> Vec<i64> {
    let mut issues = Vec::new();
    for _ in 0..count {
        issues.push(house.approved_form(&Form { remove_on: "2027-03-31", ..Form::default() }).await);
    }
    issues
}

impl House {
    async fn in_phase(&self, issues: &[i64], phase: &str) -> usize {
        let mut count = 0;
        for iid in issues {
            count += usize::from(self.phase(*iid).await == phase);
        }
        count
    }
}

#[tokio::test]
async fn t23_a_mistake_that_would_end_everything_is_stopped_by_the_brake() {
    let mut house = House::open().await;
    let soon = house.approved().await;
    let issues = several(&house, 7).await;
    house.directory_says(101, "active = false\n");
    house.later(DAY).await;
    house.later(DAY * 3).await;
    assert_eq!(
        house.in_phase(&issues, "active").await + usize::from(house.phase(soon).await == "active"),
        7,
        "one is no mass; two of eight are more than a fifth"
    );
    let held = issues.iter().copied().chain([soon]);
    let mut active = Vec::new();
    for iid in held {
        if house.phase(iid).await == "active" {
            active.push(iid);
        }
    }
    says(&next(&house, active[0]).await, "**the brake holds it back**");
    house.restart().await;
    house.later(DAY).await;
    assert_eq!(house.in_phase(&active, "active").await, 7, "neither time nor a restart lets it go on");
    // A person's word about one request, and the ledger's own dates, are never held back.
    house.labels("provisioner", active[0], "revoke").await;
    house.settle().await;
    assert_eq!(house.phase(active[0]).await, "ended");
    let store = house.service().context.store().clone();
    assert_eq!(store.held_endings().await.unwrap().len(), 6);
    let entry =
        countersign::store::Entry { kind: "brake.released".into(), key: None, detail: json!({"by": "oda"}) };
    assert_eq!(store.release_brake(entry).await.unwrap(), 6);
    house.settle().await;
    assert_eq!(house.in_phase(&issues, "ended").await, 7);
    house.all_is_dead().await;
    let kinds: Vec<String> =
        store.entries_from(1).await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "brake.applied").count(), 1);
    house.leave().await;
}

#[tokio::test]
async fn t23_more_than_five_at_once_are_held_back_where_any_share_may_end() {
    let house = House::open_with(|config| config.push_str("\n[ending]\nbrake_percent = 100\n")).await;
    let mut issues = several(&house, 4).await;
    for _ in 0..3 {
        let form = Form { remove_on: "2027-03-31", ..Form::default() };
        let iid = house.opens("colleague", &form.text()).await;
        house.settle().await;
        house.manager_approves(iid).await;
        house.provisioner_approves(iid).await;
        issues.push(iid);
    }
    assert_eq!(house.alive().len(), 7);
    house.directory_says(101, "active = false\n");
    house.directory_says(105, "active = false\n");
    house.later(DAY).await;
    house.later(DAY * 3).await;
    assert_eq!(
        (house.in_phase(&issues, "ended").await, house.in_phase(&issues, "active").await),
        (5, 2),
        "all seven may end by their share, and no more than five by their number"
    );
    let store = house.service().context.store().clone();
    assert_eq!((store.held_endings().await.unwrap().len(), house.alive().len()), (2, 2));
    let applied = house.chain("brake.applied").await;
    assert_eq!((applied.len(), &applied[0]["most"], &applied[0]["percent"]), (1, &json!(5), &json!(100)));
    house.later(DAY).await;
    assert_eq!(house.alive().len(), 2, "time lets nothing go on");
    house.leave().await;
}

#[tokio::test]
async fn t23_the_brake_holds_no_end_date_back_and_lets_go_when_they_come_back() {
    let house = House::open().await;
    let issues = several(&house, 3).await;
    let mut due = Vec::new();
    for _ in 0..4 {
        due.push(house.approved().await);
    }
    house.directory_says(101, "active = false\n");
    house.later(DAY).await;
    house.later(DAY * 3).await;
    let store = house.service().context.store().clone();
    let held = store.held_endings().await.unwrap().len();
    assert_eq!(held, 6);
    house.directory_says(101, "");
    house.later(SignedDuration::from_hours(1)).await;
    assert_eq!(store.held_endings().await.unwrap().len(), 0, "nothing holds the others back any more");
    house.until("2027-01-01T00:00:00Z").await;
    assert_eq!(house.in_phase(&due, "ended").await, 4);
    assert!(house.in_phase(&issues, "active").await >= 2);
    house.leave().await;
}

#[tokio::test]
async fn an_active_request_costs_little_when_nothing_happens() {
    let house = House::open().await;
    house.approved_form(&Form { remove_on: "2027-03-31", ..Form::default() }).await;
    house.later(DAY).await;
    let calls = || house.calls("gitlab", "GET", "") + house.calls("gitlab", "POST", "graphql");
    let (before, zendesk) = (calls(), house.calls("zendesk", "GET", ""));
    for _ in 0..5 {
        house.later(DAY).await;
    }
    assert!(calls() - before <= 5 * 8, "{} calls", calls() - before);
    let asked = house.calls("zendesk", "GET", "") - zendesk;
    assert!(asked <= 5, "{asked}: whether it is still there is asked once a day");
    house.leave().await;
}
