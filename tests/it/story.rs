//! The story that everything is for, and the ones in which nothing may be issued.

use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{Form, House};

#[tokio::test]
async fn two_people_countersign_and_the_requester_gets_a_token_named_with_the_issue() {
    let house = House::open().await;
    let iid = house.approved().await;
    let tokens = house.tokens(iid).await;
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0]["description"], house.url(iid).await.as_str());
    let messages = house.messages("requester").await;
    assert_eq!(messages.len(), 1);
    let secret = House::secret_in(&messages[0]);
    assert!(house.works(&secret).await);
    assert_snapshot!(house.message_text(&messages[0]), @"
    notification: Your Zendesk API token is here. Open the message to read it. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Your Zendesk API token for Zendesk Global (http://sandbox/zendesk/global), as asked for in http://sandbox/gitlab/company/access-requests/-/issues/4:
    [the secret]
    Use it as the password of basic authentication, with YOUR_EMAIL/token as the user name. It works until 2026-12-31, end of the day (2027-01-01 00:00 UTC). It can act as any user of the account: keep it in a password manager, never in code or in an issue. It cannot be shown again; delete this message once you have stored it.
    ");
    assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Active

    @robin has the credential; it came as a Slack direct message.

    From here on, editing, closing, reopening or relabelling this issue changes nothing about it. To have it taken away early, the requester, the manager or a provisioner puts the label ~"revoke" on, or an operator runs `countersign revoke`.

    1. **Form**: ✓ complete
    1. **Manager**: ✓ approved by @kim, 2026-12-01 09:01 UTC (terms `…`)
    1. **Provisioner**: ✓ approved by @pat, 2026-12-01 09:01 UTC (terms `…`)
    1. **Hand-over**: ✓ by Slack direct message, 2026-12-01 09:01 UTC
    1. **Taken away**: on 2026-12-31, end of the day (2027-01-01 00:00 UTC)

    **What was issued** (terms `…`)

    - API token for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`
    - Why admin access is needed: `The export reads tickets of all groups.`

    **Any holder of an API token can act as any user of that account, admins included.**
    "#);
    assert_eq!(house.phase(iid).await, "active");
    house.leave().await;
}

#[tokio::test]
async fn an_unchanged_undecided_request_costs_four_reads_of_gitlab_a_look() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.look(iid).await;
    let calls = || house.calls("gitlab", "GET", "") + house.calls("gitlab", "POST", "graphql");
    let before = calls();
    house.look(iid).await;
    assert_eq!(calls() - before, 4);
    house.leave().await;
}

#[tokio::test]
async fn a_webhook_that_came_while_gitlab_could_not_be_read_is_not_lost() {
    let house = House::open().await;
    house.fault(json!({"vendor": "gitlab", "method": "GET", "path": "/issues/", "effect": "status:503", "times": 0})).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    house.heal().await;
    assert_eq!(house.notes(iid).await, Vec::<String>::new());
    house.later(SignedDuration::from_mins(1)).await;
    assert!(house.comment(iid).await.contains("Waiting for the manager"));
    house.leave().await;
}
