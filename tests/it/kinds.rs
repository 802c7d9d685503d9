//! Each kind of credential from the form to its end: what approvers read, what arrives, what it can do, that it ends.

use countersign::domain::snapshot::OrderKind;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Form, House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn until(house: &House, instant: &str) {
    let instant: Timestamp = instant.parse().unwrap();
    house.later(instant.duration_since(house.now())).await;
}

/// Long enough for every wait of recovery, looked at as often as a worker would.
async fn minutes_pass(house: &House, minutes: u32) {
    for _ in 0..minutes {
        house.later(SignedDuration::from_mins(1)).await;
    }
}

/// Another request came and went, so that the next grant is not that of our own log-in.
async fn logged_in(house: &House) {
    let earlier = house.approved_form(&Form::oauth_token()).await;
    house.orders(earlier, OrderKind::Revoke).await;
    house.no_oauth();
}

/// One client of ours is there, and it is the one whose secret is in the newest message.
async fn has_exactly_one_client(house: &House, iid: i64) {
    assert_eq!(house.phase(iid).await, "active");
    let clients = house.clients();
    assert_eq!(clients.len(), 1, "{clients:#?}");
    assert_eq!(clients[0]["secret"], House::secret_in(&house.messages("requester").await[0]).as_str());
    assert_eq!(clients[0]["description"], house.url(iid).await.as_str());
}

/// One access token lives, and it is the one in the newest message.
async fn has_exactly_one_token(house: &House, iid: i64) {
    assert_eq!(house.phase(iid).await, "active");
    let bearers = house.bearers();
    assert_eq!((house.clients().len(), bearers.len()), (1, 1), "{bearers:#?}");
    assert_eq!(bearers[0]["token"], House::secret_in(&house.messages("requester").await[0]).as_str());
}

#[tokio::test]
async fn an_oauth_client_from_the_form_to_its_end() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::oauth_client().text()).await;
    house.settle().await;
    assert_snapshot!(house.comment(iid).await, @r#"
    #### Access request: Waiting for the manager

    Waiting for @kim, the manager, since 2026-12-01 09:00 UTC. Whoever approves reads what would be issued, below, and sets the label ~"manager-approved" (in the sidebar, under Labels) if they agree with all of it. If not, they close the issue.

    @robin has nothing to do now: when the manager has approved, a provisioner does, and the credential comes as a Slack direct message. Editing the description asks for the approvals anew.

    1. **Form**: ✓ complete
    1. **Manager**: not yet
    1. **Provisioner**: not yet
    1. **Hand-over**: not yet
    1. **Taken away**: not yet

    **What would be issued** (terms `…`)

    - OAuth client for Zendesk Global (http://sandbox/zendesk/global)
    - named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - scopes: `tickets:read`
    - for @robin, by Slack direct message
    - until 2026-12-31, end of the day (2027-01-01 00:00 UTC)
    - Business purpose: `Export solved tickets every night.`

    Whoever holds this client can fetch access tokens that act as Zendesk user 9003. **Zendesk's API cannot limit a client to the scopes above: it can also fetch tokens for anything that user may do**, unless an admin sets its allowed scopes in Admin Center. Each token lives for less than 48 hours; all of them end with the client.
    "#);
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    has_exactly_one_client(&house, iid).await;
    let client = house.clients()[0].clone();
    assert_eq!((&client["kind"], &client["user_id"]), (&json!("confidential"), &json!(9003)));
    assert_eq!(house.bearers(), Vec::<Value>::new(), "what proved that it works is gone");
    let message = house.messages("requester").await[0].clone();
    let text = house.message_text(&message).replace(client["identifier"].as_str().unwrap(), "countersign_…");
    assert_snapshot!(text, @r#"
    notification: Your Zendesk OAuth client is here. Open the message to read it. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Your Zendesk OAuth client for Zendesk Global (http://sandbox/zendesk/global), as asked for in http://sandbox/gitlab/company/access-requests/-/issues/4:
    Its identifier is countersign_…, and this is its secret:
    [the secret]
    read -rs SECRET && printf %s "$SECRET" | curl -sS http://sandbox/zendesk/global/oauth/tokens -d grant_type=client_credentials -d client_id=countersign_… --data-urlencode 'scope=tickets:read' -d expires_in=1800 --data-urlencode client_secret@-
    This command asks for the secret and fetches an access token with what was approved; it works for half an hour, then fetch another. Send it as “Authorization: Bearer TOKEN”. The client works until 2026-12-31, end of the day (2027-01-01 00:00 UTC), and whatever it fetched ends with it. It cannot be shown again: keep it in a password manager, never in code or in an issue, and delete this message once you have stored it.
    "#);

    let (status, grant) = house.fetches(&message).await;
    assert_eq!((status, &grant["scope"]), (200, &json!("tickets:read")));
    let token = grant["access_token"].as_str().unwrap();
    assert_eq!((house.bears(token, "tickets").await, house.bears(token, "users/me").await), (200, 403));

    until(&house, "2026-12-31T23:59:59Z").await;
    let (status, grant) = house.fetches(&message).await;
    assert_eq!(status, 200, "it lives to the end of its last day");
    let before = house.all_calls();
    until(&house, "2027-01-01T00:00:00Z").await;
    assert_eq!(house.phase(iid).await, "ended");
    house.no_oauth();
    assert_eq!(house.bears(grant["access_token"].as_str().unwrap(), "tickets").await, 401);
    assert_eq!(house.fetches(&message).await.0, 401);
    let expected = [
        "PUT clients/ID/generate_secret 200",
        "GET tokens 200",
        "DELETE tokens/ID 204",
        "GET tokens 200",
        "GET tokens 200",
        "GET clients 200",
        "DELETE clients/ID 204",
        "GET clients 200",
        "GET clients/ID 404",
        "GET tokens 200",
    ];
    assert_eq!(house.oauth_calls(before), expected);
    house.leave().await;
}

#[tokio::test]
async fn an_access_token_from_the_form_to_its_end() {
    let house = House::open().await;
    let iid = house.opens("requester", &Form::oauth_token().text()).await;
    house.settle().await;
    house.manager_approves(iid).await;
    says(&house.comment(iid).await, "Zendesk itself ends it");
    house.provisioner_approves(iid).await;
    has_exactly_one_token(&house, iid).await;
    let bearer = house.bearers()[0].clone();
    assert_eq!(bearer["scopes"], json!(["tickets:read"]));
    let end: Timestamp = bearer["expires_at"].as_str().unwrap().parse().unwrap();
    let promised: Timestamp = "2026-12-03T00:00:00Z".parse().unwrap();
    assert!(end <= promised && promised.duration_since(end) < SignedDuration::from_mins(5), "{end}");
    let message = house.messages("requester").await[0].clone();
    assert_snapshot!(house.message_text(&message), @r#"
    notification: Your Zendesk OAuth access token is here. Open the message to read it. Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    Your Zendesk OAuth access token for Zendesk Global (http://sandbox/zendesk/global), as asked for in http://sandbox/gitlab/company/access-requests/-/issues/4:
    [the secret]
    read -rs TOKEN && printf 'header = "Authorization: Bearer %s"' "$TOKEN" | curl -sS -K - http://sandbox/zendesk/global/api/v2/tickets.json
    This command asks for the token and uses it; an answer with status 403 means that its scopes do not cover that call. Send it as “Authorization: Bearer TOKEN”. It works until 2026-12-02, end of the day (2026-12-03 00:00 UTC), when Zendesk ends it; there is no way to lengthen it. It cannot be shown again: keep it in a password manager, never in code or in an issue, and delete this message once you have stored it.
    "#);
    let token = House::secret_in(&message);
    assert_eq!((house.bears(&token, "tickets").await, house.bears(&token, "users/me").await), (200, 403));
    until(&house, "2026-12-03T00:00:00Z").await;
    assert_eq!(house.phase(iid).await, "ended");
    assert_eq!(house.bears(&token, "tickets").await, 401);
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn the_command_of_the_message_fetches_a_token_with_all_that_was_approved() {
    let house = House::open().await;
    house.approved_form(&Form { scopes: "tickets:read users:read", ..Form::oauth_client() }).await;
    let (status, grant) = house.fetches(&house.messages("requester").await[0]).await;
    assert_eq!((status, &grant["scope"]), (200, &json!("tickets:read users:read")));
    let token = grant["access_token"].as_str().unwrap();
    assert_eq!((house.bears(token, "tickets").await, house.bears(token, "users/me").await), (200, 200));
    house.leave().await;
}

#[tokio::test]
async fn a_revoked_access_token_is_dead_at_once() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_token()).await;
    let token = House::secret_in(&house.messages("requester").await[0]);
    assert_eq!(house.bears(&token, "tickets").await, 200);
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.bears(&token, "tickets").await, 401);
    assert_eq!(house.phase(iid).await, "ended");
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn an_integration_is_made_as_the_integration_bot_and_approvers_are_warned() {
    let house = House::open().await;
    let form = Form { kind: "Integration", ..Form::oauth_client() };
    let iid = house.opens("requester", &form.text()).await;
    house.settle().await;
    let comment = house.comment(iid).await;
    says(&comment, "- OAuth client, for an integration for Zendesk Global");
    says(&comment, "integrations are harder to revoke");
    house.manager_approves(iid).await;
    house.provisioner_approves(iid).await;
    has_exactly_one_client(&house, iid).await;
    assert_eq!(house.clients()[0]["user_id"], 9003);
    house.leave().await;
}

#[tokio::test]
async fn an_integration_where_none_are_made_is_a_fault_of_the_form() {
    let house = House::open().await;
    let form = Form { kind: "Integration", instance: "Zendesk US Government", ..Form::oauth_client() };
    let iid = house.approved_form(&form).await;
    assert_eq!(house.phase(iid).await, "incomplete");
    says(&house.comment(iid).await, "integrations are not made for Zendesk US Government");
    house.nothing_issued(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn what_did_not_stick_at_its_making_is_taken_away_and_never_handed_over() {
    for quirk in [
        json!({"client_user_id": 9002}),
        json!({"client_kind": "public"}),
        json!({"client_name": "another"}),
        json!({"client_identifier_suffix": "x"}),
        json!({"granted_scopes": "read write"}),
        json!({"granted_life": 0}),
        json!({"granted_life": 172_799}),
    ] {
        for form in [Form::oauth_client(), Form::oauth_token()] {
            // A client's proof is deleted at once; how long it would have lived says nothing of the client.
            if quirk["granted_life"] == 172_799 && form.kind == "OAuth client" {
                continue;
            }
            let house = House::open().await;
            house.quirk(quirk.clone()).await;
            let iid = house.approved_form(&form).await;
            assert_eq!(house.phase(iid).await, "blocked", "{} {quirk}", form.kind);
            says(&house.comment(iid).await, "is not what was approved");
            house.no_oauth();
            house.nothing_issued(iid).await;
            house.leave().await;
        }
    }
}

#[tokio::test]
async fn what_did_not_stick_is_seen_although_the_answer_says_what_was_asked_for() {
    let (client, access, token) = (Form::oauth_client, Form::oauth_token, Form::default);
    for (form, name, value) in [
        (client(), "client_user_id", json!(9002)),
        (client(), "client_kind", json!("public")),
        (client(), "client_name", json!("another")),
        // A public client fetches no access token at all.
        (access(), "client_user_id", json!(9002)),
        (access(), "client_name", json!("another")),
        (token(), "token_user_id", json!(9002)),
        (token(), "token_description", json!("another")),
    ] {
        let house = House::open().await;
        house.quirk(json!({"answers_as_asked": true, name: value})).await;
        let iid = house.approved_form(&form).await;
        assert_eq!(house.phase(iid).await, "blocked", "{} {name}", form.kind);
        says(&house.comment(iid).await, "is not what was approved");
        house.no_oauth();
        house.nothing_issued(iid).await;
        house.leave().await;
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_making_of_a_client_is_found_by_its_identifier() {
    for effect in ["lose_answer", "half_body"] {
        for form in [Form::oauth_client(), Form::oauth_token()] {
            let house = House::open().await;
            let fault =
                json!({"vendor": "zendesk", "method": "POST", "path": "oauth/clients", "effect": effect});
            house.fault(fault).await;
            let iid = house.approved_form(&form).await;
            assert_eq!((house.phase(iid).await.as_str(), house.clients().len()), ("issuing", 1));
            minutes_pass(&house, 3).await;
            assert_eq!(house.phase(iid).await, "active", "{effect}");
            assert_eq!((house.clients().len(), house.messages("requester").await.len()), (1, 1));
            house.leave().await;
        }
    }
}

#[tokio::test]
async fn a_lost_grant_leaves_no_token_behind() {
    for effect in ["lose_answer", "drop_request", "status:503", "rate_limited"] {
        let house = House::open().await;
        let fault =
            json!({"vendor": "zendesk", "method": "POST", "path": "global/oauth/tokens", "effect": effect});
        logged_in(&house).await;
        let iid = house.approved_form_unseen(&Form::oauth_token()).await;
        house.fault(fault).await;
        house.settle().await;
        assert_eq!(house.entries(iid, "mint.no_token").await.len(), 1, "{effect}");
        minutes_pass(&house, 3).await;
        has_exactly_one_token(&house, iid).await;
        let messages = house.messages("requester").await;
        let with_secret = messages.iter().filter(|message| House::has_secret(message));
        assert_eq!(with_secret.count(), 2, "{effect}");
        house.leave().await;
    }
}

#[tokio::test]
async fn scopes_that_zendesk_does_not_give_are_a_final_answer() {
    let house = House::open().await;
    logged_in(&house).await;
    let iid = house.approved_form_unseen(&Form::oauth_token()).await;
    let path = "global/oauth/tokens";
    house.fault(json!({"vendor": "zendesk", "method": "POST", "path": path, "effect": "status:400"})).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "blocked");
    let comment = house.comment(iid).await;
    says(&comment, "it gives no access token with these scopes");
    says(&comment, "What this instance can issue instead: OAuth client or API token.");
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn t18_wherever_the_process_dies_one_oauth_credential_is_alive_in_the_end() {
    let steps = [
        ("zendesk", "GET", "api/v2/oauth/clients"),
        ("zendesk", "POST", "api/v2/oauth/clients"),
        ("zendesk", "POST", "global/oauth/tokens"),
        ("zendesk", "GET", "api/v2/oauth/tokens"),
        ("slack", "POST", "conversations.open"),
        ("slack", "POST", "chat.postMessage"),
    ];
    for (vendor, method, path) in steps {
        for form in [Form::oauth_client(), Form::oauth_token()] {
            let mut house = House::open().await;
            let iid = house.approved_form_unseen(&form).await;
            house.dies_during(vendor, method, path).await;
            house.settle().await;
            minutes_pass(&house, 20).await;
            if form.kind == "OAuth client" {
                has_exactly_one_client(&house, iid).await;
            } else {
                has_exactly_one_token(&house, iid).await;
            }
            assert_eq!(house.messages("requester").await.len(), 1, "{method} {path}");
            house.leave().await;
        }
    }
}

#[tokio::test]
async fn t18_wherever_the_process_dies_an_ending_is_ended() {
    for (method, path) in [
        ("PUT", "generate_secret"),
        ("GET", "api/v2/oauth/tokens"),
        ("DELETE", "api/v2/oauth/tokens"),
        ("DELETE", "api/v2/oauth/clients"),
    ] {
        let mut house = House::open().await;
        let iid = house.approved_form(&Form::oauth_client()).await;
        let message = house.messages("requester").await[0].clone();
        until(&house, "2026-12-31T23:59:00Z").await;
        assert_eq!(house.fetches(&message).await.0, 200);
        house.clock.advance(SignedDuration::from_mins(2));
        house.dies_during("zendesk", method, path).await;
        house.settle().await;
        minutes_pass(&house, 3).await;
        assert_eq!(house.phase(iid).await, "ended", "{method} {path}");
        house.no_oauth();
        house.leave().await;
    }
}

#[tokio::test]
async fn t22_a_deletion_that_says_done_and_does_nothing_is_asked_for_until_it_is_seen() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_client()).await;
    let message = house.messages("requester").await[0].clone();
    let token = house.fetches(&message).await.1["access_token"].as_str().unwrap().to_owned();
    house.quirk(json!({"false_deletions": 2})).await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.phase(iid).await, "ended");
    assert_eq!(house.bears(&token, "tickets").await, 401);
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn t22_a_client_that_is_there_after_a_204_is_deleted_again_until_no_list_shows_it() {
    for form in [Form::oauth_client(), Form::oauth_token()] {
        let house = House::open().await;
        let iid = house.approved_form(&form).await;
        let message = house.messages("requester").await[0].clone();
        let bearer = if form.kind == "OAuth client" {
            house.fetches(&message).await.1["access_token"].as_str().unwrap().to_owned()
        } else {
            House::secret_in(&message)
        };
        house.quirk(json!({"false_client_deletions": 2})).await;
        house.orders(iid, OrderKind::Revoke).await;
        assert_eq!((house.phase(iid).await.as_str(), house.clients().len()), ("ending", 1));
        assert_eq!(house.bears(&bearer, "tickets").await, 401, "what it fetched went first");
        if form.kind == "OAuth client" {
            assert_eq!(house.fetches(&message).await.0, 401, "and its secret before that");
        }
        minutes_pass(&house, 5).await;
        assert_eq!(house.phase(iid).await, "ended", "{}", form.kind);
        assert_eq!(house.calls("zendesk", "DELETE", "oauth/clients/"), 3);
        house.no_oauth();
        house.leave().await;
    }
}

#[tokio::test]
async fn t20_a_token_that_will_not_go_is_never_given_up() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_token()).await;
    house.quirk(json!({"false_deletions": 10_000})).await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.phase(iid).await, "ending");
    says(&house.comment(iid).await, "It is tried again until it is seen to be gone.");
    // Zendesk itself ends it on its day.
    house.later(DAY + DAY).await;
    house.later(DAY).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn t40_nobody_fetches_one_more_token_while_the_others_are_deleted() {
    for path in ["api/v2/oauth/tokens/", "api/v2/oauth/clients/"] {
        let house = House::open().await;
        let iid = house.approved_form(&Form::oauth_client()).await;
        let message = house.messages("requester").await[0].clone();
        assert_eq!(house.fetches(&message).await.0, 200);
        let stuck = json!({"vendor": "zendesk", "method": "DELETE", "path": path, "effect": "status:503", "times": 0});
        house.fault(stuck).await;
        house.orders(iid, OrderKind::Revoke).await;
        assert_eq!(house.phase(iid).await, "ending");
        assert_eq!(house.fetches(&message).await.0, 401, "the secret went first");
        house.heal().await;
        house.later(DAY).await;
        assert_eq!(house.phase(iid).await, "ended");
        house.no_oauth();
        house.leave().await;
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_seen_is_no_proof() {
    for status in ["status:403", "status:404", "html"] {
        let house = House::open().await;
        let iid = house.approved_form(&Form::oauth_client()).await;
        let message = house.messages("requester").await[0].clone();
        let blind = json!({"vendor": "zendesk", "method": "GET", "path": "api/v2/oauth/", "effect": status, "times": 0});
        house.fault(blind).await;
        house.orders(iid, OrderKind::Revoke).await;
        house.later(DAY).await;
        assert_eq!(house.phase(iid).await, "ending", "{status}");
        assert_eq!(house.fetches(&message).await.0, 401, "what can be done blindly is done");
        house.heal().await;
        house.later(DAY).await;
        assert_eq!(house.phase(iid).await, "ended");
        house.no_oauth();
        house.leave().await;
    }
}

#[tokio::test]
async fn lists_that_lag_or_come_in_short_pages_hide_nothing() {
    let house = House::open().await;
    house.control("fill", json!({"instance": "global", "clients": 120})).await;
    house.quirk(json!({"short_pages": true})).await;
    house.control("lists", json!({"instance": "global", "lag_seconds": 45})).await;
    let fault =
        json!({"vendor": "zendesk", "method": "POST", "path": "oauth/clients", "effect": "lose_answer"});
    house.fault(fault).await;
    let iid = house.approved_form(&Form::oauth_token()).await;
    minutes_pass(&house, 10).await;
    assert_eq!((house.phase(iid).await.as_str(), house.bearers().len()), ("active", 1));
    assert_eq!(house.clients().len(), 121);
    house.orders(iid, OrderKind::Revoke).await;
    minutes_pass(&house, 15).await;
    assert_eq!((house.phase(iid).await.as_str(), house.bearers().len()), ("ended", 0));
    assert_eq!(house.clients().len(), 120);
    house.leave().await;
}

#[tokio::test]
async fn what_a_late_list_still_shows_is_not_deleted_again_and_again() {
    let house = House::open().await;
    house.control("lists", json!({"instance": "global", "lag_seconds": 45})).await;
    let iid = house.approved_form(&Form::oauth_token()).await;
    minutes_pass(&house, 10).await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!((house.phase(iid).await.as_str(), house.bearers().len()), ("ending", 0));
    assert_eq!(house.calls("zendesk", "DELETE", "/oauth/tokens/"), 2, "the second one says that it is gone");
    minutes_pass(&house, 15).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.no_oauth();
    house.leave().await;
}

#[tokio::test]
async fn t31_an_account_that_creates_no_api_tokens_says_so_once_and_names_what_there_is() {
    for limit in [json!({"creates_api_tokens": false}), json!({"api_token_cap": 1})] {
        let house = House::open().await;
        house.control("world", json!({"zendesk": {"global": limit}})).await;
        let iid = house.approved().await;
        assert_eq!(house.phase(iid).await, "blocked");
        says(
            &house.comment(iid).await,
            "What this instance can issue instead: OAuth client or OAuth access token. To have that, open a new request.",
        );
        house.later(DAY).await;
        house.sweep().await;
        assert_eq!(house.creations(), 1, "no storm");
        house.nothing_issued(iid).await;
        house.leave().await;
    }
}

/// A hand at Zendesk deletes what was handed over.
async fn deletes_by_hand(house: &House, path: &str) {
    let admin = &house.cast["instances"][0];
    let text = |name: &str| admin[name].as_str().unwrap().to_owned();
    let request = house.http.delete(format!("{}/api/v2/{path}", text("url")));
    let login = format!("{}/token", text("admin_email"));
    let answer = request.basic_auth(login, Some(text("admin_api_token"))).send().await.unwrap();
    assert!(answer.status().is_success());
}

#[tokio::test]
async fn t19_what_somebody_deleted_by_hand_is_noticed_and_ends_as_found_gone() {
    for form in [Form::default(), Form::oauth_client(), Form::oauth_token()] {
        let house = House::open().await;
        let iid = house.approved_form(&form).await;
        house.later(SignedDuration::from_mins(20)).await;
        if form.kind == "API token" {
            house.deleted_by_hand(&house.alive()[0]["id"]).await;
        } else {
            deletes_by_hand(&house, &format!("oauth/clients/{}", house.clients()[0]["id"])).await;
        }
        house.look(iid).await;
        assert_eq!(house.phase(iid).await, "active", "one list may be wrong");
        assert_eq!(house.entries(iid, "credential.missing").await.len(), 1);
        minutes_pass(&house, 12).await;
        assert_eq!(house.phase(iid).await, "ended", "{}", form.kind);
        says(&house.comment(iid).await, "Somebody deleted it at Zendesk before its end.");
        house.no_oauth();
        house.leave().await;
    }
}

#[tokio::test]
async fn t19_a_list_that_is_wrong_or_not_to_be_seen_for_a_while_ends_nothing() {
    for (effect, path) in
        [("status:404", "oauth/clients"), ("status:503", "oauth/clients"), ("status:404", "api_tokens")]
    {
        let house = House::open().await;
        let client = path == "oauth/clients";
        let form = if client { Form::oauth_client() } else { Form::default() };
        let iid = house.approved_form(&form).await;
        house.later(SignedDuration::from_mins(20)).await;
        house
            .fault(json!({"vendor": "zendesk", "method": "GET", "path": path, "effect": effect, "times": 0}))
            .await;
        for _ in 0..3 {
            house.look(iid).await;
            house.later(SignedDuration::from_mins(20)).await;
        }
        assert_eq!(house.phase(iid).await, "active", "{effect} {path}");
        house.heal().await;
        house.look(iid).await;
        assert_eq!((house.phase(iid).await.as_str(), house.clients().len()), ("active", usize::from(client)));
        house.leave().await;
    }
}

#[tokio::test]
async fn an_api_token_is_switched_off_on_its_day_and_deleted_a_week_later() {
    let week =
        |config: &mut String| *config = config.replace("delete_after_days = 0", "delete_after_days = 7");
    let house = House::open_with(week).await;
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    until(&house, "2027-01-01T00:00:00Z").await;
    assert!(!house.works(&secret).await);
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ending", 1));
    says(
        &house.comment(iid).await,
        "was switched off on 2027-01-01 00:00 UTC and works no more. It stays so and is deleted on 2027-01-08 00:00 UTC; it cannot be switched on again.",
    );
    until(&house, "2027-01-07T23:59:00Z").await;
    assert_eq!(house.phase(iid).await, "ending");
    until(&house, "2027-01-08T00:00:00Z").await;
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ended", 0));
    house.leave().await;
}

#[tokio::test]
async fn where_nothing_is_configured_an_api_token_is_deleted_a_week_after_its_end() {
    let house = House::open_with(|config| *config = config.replace("delete_after_days = 0\n", "")).await;
    assert!(!std::fs::read_to_string(house.path("countersign.toml")).unwrap().contains("delete_after_days"));
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    until(&house, "2027-01-01T00:00:00Z").await;
    assert!(!house.works(&secret).await);
    says(&house.comment(iid).await, "It stays so and is deleted on 2027-01-08 00:00 UTC");
    until(&house, "2027-01-07T23:59:59Z").await;
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ending", 1));
    until(&house, "2027-01-08T00:00:00Z").await;
    assert_eq!((house.phase(iid).await.as_str(), house.tokens(iid).await.len()), ("ended", 0));
    house.leave().await;
}

#[tokio::test]
async fn a_client_that_no_list_shows_and_whose_secret_can_be_renewed_is_alive_until_it_is_deleted() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_client()).await;
    house.later(DAY).await;
    house.quirk(json!({"lists_no_clients": true})).await;
    let refusal = json!({"vendor": "zendesk", "method": "DELETE", "path": "oauth/clients", "effect": "status:500", "times": 0});
    house.fault(refusal).await;
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!((house.phase(iid).await.as_str(), house.clients().len()), ("ending", 1));
    house.heal().await;
    house.later(DAY).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.no_oauth();
    house.leave().await;
}
