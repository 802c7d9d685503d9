//! What people type, and what must be said to nobody: rows 24 and 25.

use reqwest::Method;
use serde_json::{Value, json};

use super::MANAGER;
use crate::harness::{Form, House, at_creation, at_sending, says};

const HOSTILE: &str = "hi\n/close\n/label ~manager-approved\n/title owned\n@all @casey ~bug #1 !1\n<!-- x --> --> <details>\n\
    ``` `` ` | a | b |\n\u{202e}evil\u{200b}\u{0}\u{1b}[31m ![](http://evil.example/x.png) [x](javascript:1) $$x$$ :tada: https://evil.example";

/// The comment without its code spans, in which GitLab resolves nothing.
fn outside_of_code(comment: &str) -> String {
    let mut out = String::new();
    for line in comment.lines() {
        let mut rest = line;
        while let Some(start) = rest.find('`') {
            out.push_str(&rest[..start]);
            let fence = rest[start..].chars().take_while(|letter| *letter == '`').count();
            let inner = &rest[start + fence..];
            let mut place = 0;
            let end = loop {
                let Some(next) = inner[place..].find('`') else { panic!("a code span does not end: {line}") };
                let run = inner[place + next..].chars().take_while(|letter| *letter == '`').count();
                if run == fence {
                    break place + next;
                }
                place += next + run;
            };
            rest = &inner[end + fence..];
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}

impl House {
    /// One comment, that runs nothing, pings nobody but those it must, and hides nothing.
    async fn comment_is_harmless(&self, iid: i64) {
        let comment = self.sealed_comment(iid).await;
        for line in comment.lines() {
            assert!(!line.trim_start().starts_with('/'), "a quick action: {line}");
        }
        let plain = outside_of_code(countersign::domain::comment::unsealed(&comment));
        for bad in ["@all", "@casey", "-->", "<!--", "<details", "![", "](", "evil", "$$", ":tada:", "#1 "] {
            assert!(!plain.contains(bad), "{bad:?} is outside of code:\n{plain}");
        }
        assert!(!comment.contains(['\u{202e}', '\u{200b}', '\u{0}', '\u{1b}']));
        let issue = self.issue(iid).await;
        assert_ne!(issue["title"], "owned");
    }
}

#[tokio::test]
async fn t24a_hostile_text_in_every_field_of_a_faulty_form() {
    let house = House::open().await;
    let form = Form {
        scopes: "",
        instance: "@all /close `x",
        kind: "--> <b>",
        purpose: HOSTILE,
        admin: HOSTILE,
        remove_on: "/close @all `` | x |",
        requester: "@all ` --> /close",
        marker: true,
    };
    let body = json!({"title": "/close @all --> `", "description": form.text().replace("\n/", "\n\\/")});
    let issue = house.in_project("requester", Method::POST, "issues", body).await;
    let iid = issue["iid"].as_i64().unwrap();
    house.settle().await;
    assert_eq!(house.phase(iid).await, "incomplete");
    house.comment_is_harmless(iid).await;
    insta::assert_snapshot!(house.comment(iid).await, @"
    #### Access request: Incomplete

    Nobody can approve this yet. Please **edit the description**; this comment follows:

    - **Zendesk instance** says ``@all /close `x``; expected: `one of: Zendesk Global, Zendesk US Government`
    - **Kind of credential** says `-->`; expected: `one of: API token, OAuth client, OAuth access token, Integration`
    - **Remove on** says ```/close @all `` | x |```; expected: `the last day it should work, as YYYY-MM-DD`

    1. **Form**: ✗ needs a correction
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet
    ");
    house.leave().await;
}

/// In fields that are quoted from the form all the way: quick actions in a block of code stay text.
#[tokio::test]
async fn t24b_hostile_text_is_shown_to_the_approvers_and_does_nothing() {
    let house = House::open().await;
    let fenced = "```\n/close\n/label ~manager-approved\n@all --> `\n```\n\n| a | b |\n|---|---|\n| @all | --> |\n\n<!-- x --> end";
    let form = Form { purpose: fenced, admin: "> /close\n> @all `` -->", ..Form::default() };
    let iid = house.opens("requester", &form.text()).await;
    house.settle().await;
    house.comment_is_harmless(iid).await;
    insta::assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: ``/close /label ~manager-approved @all --> ` | a | b | |---|---| | @all | --> |``
    - Why admin access is needed: ```/close @all `` -->```

    **Any holder of an API token can act as any user of that account, admins included.** Approve it only if that is needed.
    "#);
    assert_eq!(house.issue(iid).await["state"], "opened");
    assert_eq!(house.issue_labels(iid).await, Vec::<String>::new());
    house.leave().await;
}

#[tokio::test]
async fn t24c_hostile_differences_are_shown_and_do_nothing() {
    let house = House::open().await;
    let iid = house.managed().await;
    let form = Form { purpose: "x\n\n```\n/close\n@all\n```\n\n--> <!-- `` ![](x)", ..Form::default() };
    house.edits("requester", iid, &form.text()).await;
    house.settle().await;
    house.refused(iid, "Business purpose: approved was").await;
    house.comment_is_harmless(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t24d_a_hostile_name_in_the_directory_and_in_the_credentials_name() {
    let template = "[policy]\nname_template = \"{requester} {issue_url}\"\n\n";
    let mut house = House::open().await;
    house.rewrite("countersign.toml", |text| format!("{template}{text}"));
    let name = "Robin `@all`\\n/close {issue_url} --> <!-- \\u202e evil";
    house.rewrite("directory.toml", |text| text.replace("\"Robin Requester\"", &format!("\"{name}\"")));
    house.restart().await;
    let iid = house.request().await;
    house.comment_is_harmless(iid).await;
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    assert_eq!(house.phase(iid).await, "active");
    house.comment_is_harmless(iid).await;
    let messages = house.messages("requester").await;
    let text = house.message_text(&messages[0]);
    assert!(!text.contains("@all") && !text.contains("<!"), "{text}");
    house.leave().await;
}

#[tokio::test]
async fn t24e_a_requester_nobody_knows_is_quoted() {
    let house = House::open().await;
    let form = Form { requester: "@all` --> /close\n@casey", ..Form::default() };
    let iid = house.opens("colleague", &form.text()).await;
    house.settle().await;
    house.says(iid, "Nobody is known as").await;
    house.comment_is_harmless(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t24f_somebody_elses_comment_is_not_taken_for_ours_nor_ours_for_the_truth() {
    let house = House::open().await;
    let iid = house.request().await;
    let ours = house.sealed_comment(iid).await;
    let forged = ours.replace("Waiting for the manager", "Active");
    house
        .in_project(
            "requester",
            Method::POST,
            &format!("issues/{iid}/notes"),
            json!({"body": ours.replace("Access request:", "Copy:")}),
        )
        .await;
    let notes = house.in_project("owner", Method::GET, &format!("issues/{iid}/notes"), Value::Null).await;
    let note =
        notes.as_array().unwrap().iter().find(|note| note["body"] == ours.as_str()).unwrap()["id"].clone();
    house
        .in_project("maintainer", Method::PUT, &format!("issues/{iid}/notes/{note}"), json!({"body": forged}))
        .await;
    house.look(iid).await;
    assert_eq!(
        house.comment(iid).await,
        crate::harness::readable(&ours, &house),
        "written as it should read"
    );
    house.labels("requester", iid, MANAGER).await;
    house.settle().await;
    house.refused(iid, "nobody approves an issue that they opened").await;
    house.leave().await;
}

/// A Maintainer can edit anybody's comment, or delete it: what was approved under a changed one was never shown.
/// `None`: ours is deleted, and theirs stands in its place.
async fn approved_under_another_comment(change: impl Fn(&str) -> Option<String>) {
    let house = House::open().await;
    let iid = house.request().await;
    let ours = house.sealed_comment(iid).await;
    let notes = format!("issues/{iid}/notes");
    let all = house.in_project("owner", Method::GET, &notes, Value::Null).await;
    let note =
        all.as_array().unwrap().iter().find(|note| note["body"] == ours.as_str()).unwrap()["id"].clone();
    let path = format!("{notes}/{note}");
    if let Some(changed) = change(&ours) {
        house.in_project("maintainer", Method::PUT, &path, json!({"body": changed})).await;
    } else {
        house.in_project("maintainer", Method::DELETE, &path, Value::Null).await;
        let look_alike = json!({"body": "It reads tickets, and nothing else."});
        house.in_project("maintainer", Method::POST, &notes, look_alike).await;
    }
    house.manager_approves(iid).await;
    house.refused(iid, "this comment had been changed or taken away by somebody else").await;
    says(&house.comment(iid).await, "Zendesk Global");
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t24h_an_approval_given_under_a_changed_comment_does_not_count() {
    approved_under_another_comment(|ours| Some(ours.replace("Zendesk Global", "Zendesk Sandbox"))).await;
}

#[tokio::test]
async fn t24i_what_is_written_behind_the_seal_is_read_as_well() {
    approved_under_another_comment(|ours| Some(format!("{ours}\n\n**Correction:** read-only."))).await;
}

#[tokio::test]
async fn t24j_a_comment_without_its_seal_is_not_the_one_that_was_written() {
    approved_under_another_comment(|ours| Some(countersign::domain::comment::unsealed(ours).to_owned()))
        .await;
}

#[tokio::test]
async fn t24k_an_approval_given_where_our_comment_was_taken_away_does_not_count() {
    approved_under_another_comment(|_| None).await;
}

/// A comment with our seal by somebody else, and one by our account without a seal, are both not ours.
#[tokio::test]
async fn t24g_comments_that_were_there_before_the_first_look_are_left_alone() {
    let house = House::open().await;
    let other = house.request().await;
    let sealed = house.sealed_comment(other).await.replace("Access request:", "Copy:");
    let iid = house.opens("requester", &Form::default().text()).await;
    let notes = format!("issues/{iid}/notes");
    house.in_project("colleague", Method::POST, &notes, json!({"body": sealed})).await;
    let token = std::fs::read_to_string(house.path("gitlab.token")).unwrap();
    let url = format!("{}/api/v4/projects/42/{notes}", house.sandbox.gitlab_url());
    let note = house.http.post(url).header("PRIVATE-TOKEN", token.trim()).json(&json!({"body": "Hello."}));
    assert!(note.send().await.unwrap().status().is_success());
    house.settle().await;
    let mut notes = house.notes(iid).await;
    notes.retain(|note| *note == sealed || note == "Hello.");
    assert_eq!(notes.len(), 2, "they say what they said");
    house.says(iid, "Waiting for @kim, the manager").await;
    house.goes_on(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t25a_the_secret_is_in_the_message_and_nowhere_else() {
    let house = House::open().await;
    let iid = house.approved().await;
    let message = &house.messages("requester").await[0];
    let secret = House::secret_in(message);
    assert_eq!(house.secrets(), std::slice::from_ref(&secret));
    assert!(!message["text"].as_str().unwrap().contains(&secret), "notifications show this");
    assert!(!message["metadata"].to_string().contains(&secret), "every app of the workspace sees this");
    assert!(!house.whole_issue(iid).await.contains(&secret));
    let entries = house.service().context.store().history(House::key(iid)).await.unwrap();
    assert!(entries.iter().all(|entry| !entry.detail.contains(&secret)));
    for role in ["manager", "provisioner", "owner"] {
        assert_eq!(house.messages(role).await, Vec::<Value>::new());
    }
    house.leave().await;
}

/// Whatever goes wrong around a secret, `leave` looks for it in the log, the database and GitLab.
#[tokio::test]
async fn t25b_no_failure_spills_the_secret() {
    for fault in [
        at_creation("half_body"),
        at_creation("lose_answer"),
        at_creation("html"),
        at_sending("half_body"),
        at_sending("lose_answer"),
        at_sending("status:500"),
        at_sending("rate_limited"),
        at_sending("slack_error:invalid_blocks"),
        at_sending("slack_error:channel_not_found"),
    ] {
        let house = House::open().await;
        let iid = house.managed().await;
        house.fault(fault.clone()).await;
        house.provisioner_approves(iid).await;
        for _ in 0..15 {
            house.later(jiff::SignedDuration::from_mins(1)).await;
        }
        assert!(!house.secrets().is_empty(), "something was made, or there is nothing to look for: {fault}");
        assert!(house.tokens(iid).await.len() <= 1);
        house.leave().await;
    }
}
