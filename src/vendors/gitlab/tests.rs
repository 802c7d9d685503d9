//! The client against a GitLab of a few lines: what it sends, what it reads, what it refuses to believe.

use bytes::Bytes;
use http::Response;
use jiff::civil::date;
use serde_json::{Value, json};

use super::setup::{HookId, HookSettings, NewFile, NewLabel};
use super::*;
use crate::domain::ids::EventId;
use crate::domain::observed::Edit;
use crate::vendors::testing::{Log, answer, json as json_answer, lines, vendor};

const KEY: IssueKey = IssueKey { project: ProjectId(5), iid: 7 };
const AT: &str = "2026-11-22T12:00:00.000Z";

fn at() -> Timestamp {
    AT.parse().unwrap()
}

fn gitlab(reply: impl Fn(&str) -> Response<Bytes> + Clone + Send + Sync + 'static) -> (GitLab, Log) {
    let (router, log) = vendor(reply);
    let base = "https://host.example/gitlab".parse().unwrap();
    (GitLab::new(Transport::in_process(router), base, Secret::new("glpat-1".to_owned())), log)
}

fn always(body: Value) -> (GitLab, Log) {
    gitlab(move |_| json_answer(&body))
}

fn page(next: &str, body: &Value) -> Response<Bytes> {
    answer(200, &[("x-next-page", next)], &body.to_string())
}

fn issue() -> Value {
    json!({
        "id": 70, "iid": 7, "project_id": 5, "title": "Token", "description": null, "state": "opened",
        "type": "ISSUE", "issue_type": "issue", "author": { "id": 11, "username": "ann" }, "created_at": AT,
        "updated_at": AT, "closed_by": null, "labels": ["one", "two"], "web_url": "https://host.example/i/7",
        "moved_to_id": null,
    })
}

fn issue_with(field: &str, value: Value) -> Value {
    let mut issue = issue();
    issue[field] = value;
    issue
}

#[tokio::test]
async fn an_issue_is_read_as_it_is() {
    let (gitlab, log) = always(issue());
    let issue = gitlab.issue(KEY).await.unwrap();
    let expected = Issue {
        id: IssueId(70),
        key: KEY,
        url: "https://host.example/i/7".to_owned(),
        title: "Token".to_owned(),
        description: String::new(),
        open: true,
        is_issue: true,
        author: Some(UserId(11)),
        created_at: at(),
        updated_at: at(),
        closed_by: None,
        labels: vec!["one".to_owned(), "two".to_owned()],
        moved_to: None,
    };
    assert_eq!(issue, expected);
    assert_eq!(lines(&log), ["GET /gitlab/api/v4/projects/5/issues/7"]);
    let log = log.lock().unwrap();
    assert_eq!(log[0].header("private-token"), "glpat-1");
    assert!(log[0].parts.headers["private-token"].is_sensitive());
}

#[tokio::test]
async fn only_what_both_names_call_an_issue_is_one() {
    for (kind, issue_type, expected) in [
        (json!("ISSUE"), json!("issue"), true),
        (json!(null), json!("issue"), true),
        (json!("INCIDENT"), json!("incident"), false),
        (json!("TASK"), json!("issue"), false),
        (json!(null), json!(null), false),
    ] {
        let mut body = issue_with("type", kind);
        body["issue_type"] = issue_type;
        let (gitlab, _) = always(body.clone());
        assert_eq!(gitlab.issue(KEY).await.unwrap().is_issue, expected, "{body}");
    }
}

#[tokio::test]
async fn another_issues_answer_is_malformed() {
    for (field, value) in
        [("project_id", json!(6)), ("iid", json!(8)), ("labels", json!(null)), ("id", json!("x"))]
    {
        let (gitlab, _) = always(issue_with(field, value));
        assert_eq!(gitlab.issue(KEY).await, Err(malformed()), "{field}");
    }
}

fn event(id: i64, more: &Value) -> Value {
    let mut event = json!({
        "id": id, "user": { "id": 12 }, "created_at": AT, "resource_type": "Issue", "resource_id": 70,
        "label": { "id": 73, "name": "approved" }, "action": "add",
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

#[tokio::test]
async fn label_events_are_read_past_short_and_empty_pages() {
    let (gitlab, log) = gitlab(|line| match line.split("page=").nth(1).unwrap().split('&').next().unwrap() {
        "1" => page("2", &json!([event(1, &json!({}))])),
        "2" => page("4", &json!([])),
        "4" => page("", &json!([event(2, &json!({ "action": "remove", "user": null, "label": null }))])),
        other => answer(404, &[], other),
    });
    let events = gitlab.label_events(KEY).await.unwrap();
    let first = LabelEvent {
        id: EventId(1),
        issue: IssueId(70),
        actor: Some(UserId(12)),
        at: at(),
        label: Some(LabelId(73)),
        added: true,
    };
    let second = LabelEvent { id: EventId(2), actor: None, label: None, added: false, ..first.clone() };
    assert_eq!(events, [first, second]);
    assert!(lines(&log)[0].ends_with("/projects/5/issues/7/resource_label_events?page=1&per_page=100"));
}

#[tokio::test]
async fn a_list_without_a_readable_end_is_an_error() {
    let no_header = gitlab(|_| answer(200, &[], "[]")).0;
    assert_eq!(no_header.label_events(KEY).await, Err(malformed()));
    let circle = gitlab(|_| page("1", &json!([]))).0;
    assert_eq!(circle.label_events(KEY).await, Err(malformed()));
    let (endless, log) = gitlab(|line| {
        let number: u64 = line.split("page=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        page(&(number + 1).to_string(), &json!([]))
    });
    assert_eq!(endless.label_events(KEY).await, Err(malformed()));
    assert_eq!(lines(&log).len(), 200);
    let broken = gitlab(|line| {
        if line.contains("page=1&") {
            page("2", &json!([event(1, &json!({}))]))
        } else {
            answer(403, &[], "")
        }
    });
    assert_eq!(broken.0.label_events(KEY).await, Err(VendorError::Forbidden { vendor: Vendor::GitLab }));
}

#[tokio::test]
async fn an_event_that_is_neither_add_nor_remove_is_malformed() {
    let (gitlab, _) = gitlab(|_| page("", &json!([event(1, &json!({ "action": "renamed" }))])));
    assert_eq!(gitlab.label_events(KEY).await, Err(malformed()));
}

fn work_item(widgets: &Value) -> Value {
    json!({ "data": { "workItem": { "id": "gid://gitlab/WorkItem/70", "widgets": widgets } } })
}

async fn last_edit(gitlab: &GitLab, issue: i64) -> Result<Option<Edit>, VendorError> {
    gitlab.described(IssueId(issue), &[]).await.map(|described| described.last_edit)
}

#[tokio::test]
async fn a_description_comes_with_its_last_edit_and_with_people_where_some_are_asked_for() {
    let mut body = work_item(&json!([{ "description": "text", "lastEditedAt": null }]));
    body["data"]["users"] = json!({ "nodes": [
        { "id": "gid://gitlab/User/12", "username": "ann", "bot": false, "state": "active" },
        { "id": "gid://gitlab/User/13", "username": "robot", "bot": true, "state": "blocked" },
    ]});
    let (gitlab, log) = always(body.clone());
    let described = gitlab.described(IssueId(70), &[UserId(12), UserId(13)]).await.unwrap();
    let seen: Vec<_> = described.people.iter().map(|one| (one.id.0, one.bot, one.active)).collect();
    assert_eq!((described.text.as_str(), seen), ("text", vec![(12, false, true), (13, true, false)]));
    assert_eq!(gitlab.people(&[UserId(12)]).await.unwrap().len(), 2);
    assert_eq!(gitlab.people(&[]).await, Ok(Vec::new()));
    let asked: Vec<Value> = log.lock().unwrap().iter().map(crate::vendors::testing::Asked::json).collect();
    assert_eq!(asked.len(), 2, "asked for nobody, GitLab would list everybody");
    assert_eq!(asked[0]["variables"]["people"], json!(["gid://gitlab/User/12", "gid://gitlab/User/13"]));
    body["data"]["users"]["nodes"][0]["bot"] = Value::Null;
    let unsaid = always(body).0.described(IssueId(70), &[UserId(12)]).await;
    assert_eq!(unsaid, Err(malformed()), "who may be a bot is nobody");
}

#[tokio::test]
async fn memberships_are_of_those_who_are_listed_once() {
    let member = |id: i64| json!({ "id": id, "access_level": 15, "state": "active", "expires_at": null });
    let (gitlab, log) = gitlab(move |_| page("", &json!([member(12)])));
    let found = gitlab.memberships(ProjectId(5), &[UserId(12), UserId(13)]).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&UserId(12)]);
    assert!(
        lines(&log)[0].contains("/projects/5/members/all?user_ids%5B%5D=12&user_ids%5B%5D=13"),
        "{:?}",
        lines(&log)
    );
    assert_eq!(gitlab.memberships(ProjectId(5), &[]).await, Ok(BTreeMap::new()));
    let twice = self::gitlab(move |_| page("", &json!([member(12), member(12)]))).0;
    assert_eq!(twice.memberships(ProjectId(5), &[UserId(12)]).await, Err(malformed()));
}

#[tokio::test]
async fn a_last_edit_has_its_time_and_its_editor() {
    let edited = json!([{}, { "lastEditedAt": AT, "lastEditedBy": { "id": "gid://gitlab/User/12" } }]);
    let (gitlab, log) = always(work_item(&edited));
    let edit = last_edit(&gitlab, 70).await.unwrap();
    assert_eq!(edit, Some(Edit { at: at(), by: Some(UserId(12)) }));
    assert_eq!(lines(&log), ["POST /gitlab/api/graphql"]);
    assert_eq!(log.lock().unwrap()[0].json()["variables"]["id"], "gid://gitlab/WorkItem/70");
    let by_a_ghost = always(work_item(&json!([{ "lastEditedAt": AT, "lastEditedBy": null }]))).0;
    assert_eq!(last_edit(&by_a_ghost, 70).await, Ok(Some(Edit { at: at(), by: None })));
}

#[tokio::test]
async fn never_edited_is_believed_only_when_said() {
    let said = json!([{}, { "lastEditedAt": null, "lastEditedBy": null }]);
    assert_eq!(last_edit(&always(work_item(&said)).0, 70).await, Ok(None));
    assert_eq!(last_edit(&always(work_item(&said)).0, 71).await, Err(malformed()));
    let gone = always(json!({ "data": { "workItem": null } })).0;
    assert_eq!(last_edit(&gone, 70).await, Err(VendorError::NotFound { vendor: Vendor::GitLab }));
    let mut with_error = work_item(&said);
    with_error["errors"] = json!([{ "message": "Timeout" }]);
    for body in [
        with_error,
        work_item(&json!([{}])),
        work_item(&json!([{ "lastEditedAt": "yesterday" }])),
        work_item(&json!([{ "lastEditedAt": AT, "lastEditedBy": { "id": "12x" } }])),
        json!({ "data": null }),
        json!({ "data": null, "errors": [{ "message": "no" }] }),
        json!([]),
    ] {
        assert_eq!(last_edit(&always(body.clone()).0, 70).await, Err(malformed()), "{body}");
    }
}

fn note() -> Value {
    json!({ "id": 9, "body": "text", "author": { "id": 12 }, "system": false })
}

#[tokio::test]
async fn notes_are_listed_read_and_written() {
    let expected = Note { id: NoteId(9), body: "text".to_owned(), author: Some(UserId(12)), system: false };
    let (gitlab, log) = gitlab(|line| {
        if line.contains("per_page") {
            page("", &json!([note(), { "id": 10, "body": "", "author": null, "system": true }]))
        } else {
            json_answer(&note())
        }
    });
    let notes = gitlab.notes(KEY, |_| true).await.unwrap();
    assert_eq!(notes[0], expected);
    assert_eq!((notes[1].author, notes[1].system), (None, true));
    assert_eq!(gitlab.note(KEY, NoteId(9)).await.unwrap(), expected);
    assert_eq!(gitlab.create_note(KEY, "a & b").await.unwrap(), expected);
    assert_eq!(gitlab.edit_note(KEY, NoteId(9), "new").await.unwrap(), expected);
    let issue = "/gitlab/api/v4/projects/5/issues/7/notes";
    let expected = [
        format!("GET {issue}?order_by=created_at&sort=asc&page=1&per_page=100"),
        format!("GET {issue}/9"),
        format!("POST {issue}"),
        format!("PUT {issue}/9"),
    ];
    assert_eq!(lines(&log), expected);
    assert_eq!(log.lock().unwrap()[2].body, "body=a+%26+b");
}

#[tokio::test]
async fn a_comment_is_never_written_twice() {
    let (gitlab, log) = gitlab(|_| answer(503, &[], ""));
    let error = gitlab.create_note(KEY, "text").await.unwrap_err();
    assert!(!error.is_definitely_not_done());
    assert_eq!(lines(&log).len(), 1);
    gitlab.issue(KEY).await.unwrap_err();
    assert_eq!(lines(&log).len(), 4, "a question is repeated");
    last_edit(&gitlab, 70).await.unwrap_err();
    assert_eq!(lines(&log).len(), 7, "also when it is a POST");
}

#[tokio::test]
async fn labels_come_off_and_issues_close() {
    let (gitlab, log) = always(issue());
    gitlab.remove_label(KEY, "manager-approved").await.unwrap();
    gitlab.close_issue(KEY).await.unwrap();
    let error = gitlab.remove_label(KEY, "one,two").await.unwrap_err();
    assert!(error.is_final() && error.is_definitely_not_done());
    assert_eq!(lines(&log), ["PUT /gitlab/api/v4/projects/5/issues/7"; 2]);
    let log = log.lock().unwrap();
    assert_eq!(log[0].body, "remove_labels=manager-approved");
    assert_eq!(log[1].body, "state_event=close");
}

fn person(state: &str) -> Value {
    json!({ "id": 12, "username": "ann", "state": state, "bot": false })
}

fn project_of(user: Value, member: Response<Bytes>) -> GitLab {
    gitlab(move |line| if line.contains("/members/all/12") { member.clone() } else { json_answer(&user) }).0
}

#[tokio::test]
async fn an_account_comes_with_its_membership() {
    let member = json!({ "id": 12, "access_level": 15, "state": "active", "expires_at": "2027-01-31" });
    let account = project_of(person("active"), json_answer(&member)).account(ProjectId(5), UserId(12)).await;
    let membership = Membership { access_level: 15, expires_on: Some(date(2027, 1, 31)), active: true };
    let expected = Account {
        id: UserId(12),
        username: "ann".to_owned(),
        bot: false,
        active: true,
        membership: Some(membership),
    };
    assert_eq!(account, Ok(expected));
    let awaiting = json!({ "access_level": 15, "state": "active", "membership_state": "awaiting" });
    let account =
        project_of(person("blocked"), json_answer(&awaiting)).account(ProjectId(5), UserId(12)).await;
    let account = account.unwrap();
    assert!(!account.active && !account.membership.unwrap().active);
}

#[tokio::test]
async fn only_a_404_means_no_member() {
    let stranger = project_of(person("active"), answer(404, &[], "")).account(ProjectId(5), UserId(12)).await;
    assert_eq!(stranger.unwrap().membership, None);
    let hidden = project_of(person("active"), answer(403, &[], "")).account(ProjectId(5), UserId(12)).await;
    assert_eq!(hidden, Err(VendorError::Forbidden { vendor: Vendor::GitLab }));
}

#[tokio::test]
async fn an_account_that_may_be_a_bot_or_another_is_malformed() {
    let member = json!({ "access_level": 15, "state": "active" });
    for (field, value) in [("bot", Value::Null), ("id", json!(13))] {
        let mut person = person("active");
        person[field] = value;
        let gitlab = project_of(person, json_answer(&member));
        assert_eq!(gitlab.account(ProjectId(5), UserId(12)).await, Err(malformed()), "{field}");
    }
}

#[tokio::test]
async fn a_user_name_is_looked_up_exactly() {
    let similar = json!({ "id": 13, "username": "ann2", "state": "active" });
    let ann = json!({ "id": 12, "username": "Ann", "state": "active" });
    let (gitlab, log) = always(json!([similar, ann]));
    assert_eq!(gitlab.user_by_name("ann").await, Ok(Some(UserId(12))));
    assert_eq!(gitlab.user_by_name("an").await, Ok(None));
    assert_eq!(gitlab.user_by_name("").await, Ok(None));
    assert_eq!(gitlab.user_by_name(&"x".repeat(100_000)).await, Ok(None));
    assert_eq!(
        lines(&log),
        ["GET /gitlab/api/v4/users?username=ann", "GET /gitlab/api/v4/users?username=an"]
    );
}

#[tokio::test]
async fn a_user_name_is_believed_of_the_account_that_was_asked_for_alone() {
    let (gitlab, log) = always(json!({ "id": 12, "username": "ann", "state": "active", "bot": false }));
    assert_eq!(gitlab.username(UserId(12)).await, Ok("ann".to_owned()));
    assert_eq!(gitlab.username(UserId(13)).await, Err(malformed()));
    assert_eq!(lines(&log)[0], "GET /gitlab/api/v4/users/12");
}

#[tokio::test]
async fn a_branch_says_where_it_stands_and_who_may_push() {
    let branch = json!({
        "name": "a/b", "protected": true, "developers_can_push": false, "commit": { "id": "a".repeat(40) },
    });
    let (gitlab, log) = always(branch.clone());
    let expected = Branch { protected: true, developers_can_push: false, commit: "a".repeat(40) };
    assert_eq!(gitlab.branch(ProjectId(5), "a/b").await, Ok(expected));
    assert_eq!(lines(&log), ["GET /gitlab/api/v4/projects/5/repository/branches/a%2Fb"]);
    assert_eq!(gitlab.branch(ProjectId(5), "other").await, Err(malformed()));
    for (field, value) in [
        ("protected", json!(null)),
        ("developers_can_push", json!(null)),
        ("commit", json!({ "id": "main" })),
        ("commit", json!({ "id": "../".repeat(20) })),
    ] {
        let mut branch = branch.clone();
        branch[field] = value;
        let (gitlab, _) = always(branch);
        assert_eq!(gitlab.branch(ProjectId(5), "a/b").await, Err(malformed()), "{field}");
    }
}

#[tokio::test]
async fn projects_and_labels_are_read() {
    let body = json!({
        "id": 5, "path_with_namespace": "company/requests", "web_url": "https://host.example/p",
        "default_branch": "main",
    });
    let (by_path, log) = always(body);
    let project = by_path.project("company/requests").await.unwrap();
    assert_eq!((project.id, project.path.as_str()), (ProjectId(5), "company/requests"));
    by_path.project("5").await.unwrap();
    let expected = ["GET /gitlab/api/v4/projects/company%2Frequests", "GET /gitlab/api/v4/projects/5"];
    assert_eq!(lines(&log), expected);
    let (gitlab, log) =
        gitlab(|_| page("", &json!([{ "id": 73, "name": "approved", "is_project_label": false }])));
    let label = Label { id: LabelId(73), name: "approved".to_owned(), project_label: false };
    assert_eq!(gitlab.labels(ProjectId(5)).await, Ok(vec![label]));
    assert!(lines(&log)[0].contains("include_ancestor_groups=true"));
}

#[tokio::test]
async fn the_sweep_lists_every_state_since_a_time() {
    let (gitlab, log) = gitlab(|_| page("", &json!([issue_with("state", json!("closed"))])));
    let issues = gitlab.issues_updated_since(ProjectId(5), Some(at()), |issue| issue).await.unwrap();
    assert!(!issues[0].open);
    gitlab.issues_updated_since(ProjectId(5), None, drop).await.unwrap();
    let line = lines(&log)[0].clone();
    for part in ["scope=all", "state=all", "sort=asc", "updated_after=2026-11-22T12%3A00%3A00Z", "page=1"] {
        assert!(line.contains(part), "{line} {part}");
    }
    assert!(!lines(&log)[1].contains("updated_after"));
}

#[tokio::test]
async fn a_hook_is_saved_with_its_signing_token() {
    let hook = json!({
        "id": 3, "url": "https://us.example/hook", "issues_events": true, "confidential_issues_events": true,
        "push_events": false, "enable_ssl_verification": true,
    });
    let (gitlab, log) =
        gitlab(
            move |line| if line.starts_with("GET") { page("", &json!([hook])) } else { json_answer(&hook) },
        );
    let signing_token = Some(Secret::new("whsec_x".to_owned()));
    let settings =
        HookSettings { url: "https://us.example/hook".parse().unwrap(), signing_token, token: None };
    let saved = gitlab.create_hook(ProjectId(5), &settings).await.unwrap();
    assert!(!saved.signing_token_present, "an old GitLab does not say, and does not sign");
    gitlab.edit_hook(ProjectId(5), saved.id, &settings).await.unwrap();
    assert_eq!(gitlab.hooks(ProjectId(5)).await.unwrap()[0].id, HookId(3));
    let hooks = "/gitlab/api/v4/projects/5/hooks";
    let expected =
        [format!("POST {hooks}"), format!("PUT {hooks}/3"), format!("GET {hooks}?page=1&per_page=100")];
    assert_eq!(lines(&log), expected);
    let sent = json!({
        "url": "https://us.example/hook", "signing_token": "whsec_x", "issues_events": true,
        "confidential_issues_events": true, "push_events": false, "enable_ssl_verification": true,
    });
    assert_eq!(log.lock().unwrap()[0].json(), sent);
}

#[tokio::test]
async fn files_and_labels_are_set_up() {
    let (gitlab, log) = gitlab(|line| match line {
        line if line.contains("missing") => answer(404, &[], ""),
        line if line.contains("/raw") => answer(200, &[], "the text"),
        line if line.ends_with("/labels") => {
            json_answer(&json!({ "id": 1, "name": "a", "is_project_label": true }))
        }
        _ => json_answer(&json!({ "file_path": "a/b.md", "branch": "main" })),
    });
    let project = ProjectId(5);
    assert_eq!(gitlab.file(project, "a/b.md", "main").await, Ok(Some("the text".to_owned())));
    assert_eq!(gitlab.file(project, "missing", "main").await, Ok(None));
    let file = NewFile { path: "a/b.md", branch: "main", content: "new", message: "why" };
    gitlab.create_file(project, file).await.unwrap();
    gitlab.update_file(project, file).await.unwrap();
    let label = NewLabel { name: "a", color: "#112233", description: "b" };
    assert!(gitlab.create_label(project, label).await.unwrap().project_label);
    let files = "/gitlab/api/v4/projects/5/repository/files";
    let lines = lines(&log);
    assert_eq!(lines[0], format!("GET {files}/a%2Fb.md/raw?ref=main"));
    assert_eq!(lines[2..4], [format!("POST {files}/a%2Fb.md"), format!("PUT {files}/a%2Fb.md")]);
}

#[tokio::test]
async fn the_token_goes_to_the_configured_instance_only() {
    let (gitlab, log) = always(json!({}));
    for address in [
        "https://host.example.evil.example/gitlab/api/v4/user",
        "https://host.example:444/gitlab/api/v4/user",
        "http://host.example/gitlab/api/v4/user",
        "https://host.example/other/api/v4/user",
    ] {
        let request = http::Request::builder().method("GET").uri(address);
        let error = gitlab.elsewhere(request).await.unwrap_err();
        assert!(error.is_final(), "{address}");
    }
    assert_eq!(lines(&log), [""; 0]);
}

#[tokio::test]
async fn each_refusal_keeps_its_meaning_through_the_crate() {
    let vendor = Vendor::GitLab;
    for (status, expected) in [
        (301, VendorError::Rejected { vendor, status: 301, code: "redirect".to_owned() }),
        (401, VendorError::Unauthorized { vendor }),
        (403, VendorError::Forbidden { vendor }),
        (404, VendorError::NotFound { vendor }),
        (429, VendorError::RateLimited { vendor, after: Some(jiff::SignedDuration::from_secs(60)) }),
        (500, VendorError::Unavailable { vendor, after: Some(jiff::SignedDuration::from_secs(60)) }),
        (200, VendorError::Malformed { vendor }),
    ] {
        let (gitlab, log) = gitlab(move |_| answer(status, &[("retry-after", "60")], "Retry later"));
        assert_eq!(gitlab.issue(KEY).await, Err(expected.clone()));
        assert_eq!(gitlab.label_events(KEY).await, Err(expected.clone()));
        if status != 200 {
            assert_eq!(gitlab.close_issue(KEY).await, Err(expected));
        }
        assert!(lines(&log).iter().all(|line| line.contains("/projects/5/issues/7")));
    }
}

#[tokio::test]
async fn a_look_can_run_on_any_thread() {
    let (gitlab, _) = gitlab(|_| page("", &json!([])));
    let events = tokio::spawn(async move { gitlab.label_events(KEY).await }).await.unwrap();
    assert_eq!(events, Ok(Vec::new()));
    let (gitlab, _) = always(work_item(&json!([{ "lastEditedAt": null }])));
    let edit = tokio::spawn(async move { last_edit(&gitlab, 70).await }).await.unwrap();
    assert_eq!(edit, Ok(None));
}
