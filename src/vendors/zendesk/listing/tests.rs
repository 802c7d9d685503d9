//! What is read of the lists, and what is not believed.

use http::Response;
use serde_json::json;

use super::*;
use crate::clock::AdjustableClock;
use crate::domain::ids::Email;
use crate::secret::Secret;
use crate::vendors::http::Transport;
use crate::vendors::testing::{Log, json as json_answer, lines, vendor};

fn account(
    login: Login,
    reply: impl Fn(&str) -> serde_json::Value + Clone + Send + Sync + 'static,
) -> (Zendesk, Log) {
    let (router, log) = vendor(move |line| -> Response<bytes::Bytes> {
        if line.ends_with("/oauth/tokens") {
            return json_answer(&json!({"access_token": "t"}));
        }
        json_answer(&reply(line))
    });
    let base = "https://company.example".parse().unwrap();
    let clock = AdjustableClock::frozen("2026-12-01T09:00:00Z".parse().unwrap());
    (Zendesk::new(Transport::in_process(router), base, login, clock), log)
}

fn by_token() -> Login {
    let token = Secret::new("hush-hush-hush".to_owned());
    Login::ApiToken { email: Email("bot@example.com".to_owned()), token }
}

fn by_client() -> Login {
    let client_secret = Secret::new("hush".to_owned());
    Login::OAuth { client_id: "countersign".to_owned(), client_secret, scope: "read write".to_owned() }
}

#[tokio::test]
async fn never_used_is_what_zendesk_says_and_not_what_it_leaves_out() {
    let (zendesk, log) = account(by_token(), |_| {
        json!({"api_tokens": [
            {"id": 1, "description": "a", "user_id": 5, "user_name": "Ada", "active": true, "last_used": null},
            {"id": 2, "description": "b", "user_id": 5, "active": true},
            {"id": 3, "active": false, "last_used_at": "2026-11-01T00:00:00Z"},
        ]})
    });
    let listed = zendesk.inventory_of_api_tokens().await.unwrap();
    let used: Vec<LastUse> = listed.iter().map(|one| one.last_use).collect();
    let at = LastUse::At("2026-11-01T00:00:00Z".parse().unwrap());
    assert_eq!(used, [LastUse::Never, LastUse::NotKnown, at]);
    assert_eq!(listed[0].creator_name.as_deref(), Some("Ada"));
    assert_eq!(lines(&log), ["GET /api/v2/api_tokens?include_users=true"]);
}

#[tokio::test]
async fn no_more_than_ten_letters_of_a_token_are_kept() {
    let (zendesk, _) = account(by_token(), |_| {
        json!({"api_tokens": [
            {"id": 1, "active": true, "visible_token": "a-whole-secret-by-mistake", "token": "a-whole-secret"},
            {"id": 2, "active": true, "visible_token": "hush…"},
            {"id": 3, "active": true, "visible_token": "other*****"},
        ]})
    });
    let listed = zendesk.inventory_of_api_tokens().await.unwrap();
    let shown: Vec<_> = listed.iter().map(|one| (one.visible.as_deref(), one.own_login)).collect();
    assert_eq!(shown, [(Some("a-whole-se"), false), (Some("hush"), true), (Some("other"), false)]);
    assert!(!format!("{listed:?}").contains("a-whole-secret"));
}

#[tokio::test]
async fn our_own_client_is_known_by_its_identifier() {
    let (zendesk, _) = account(by_client(), |_| json!({}));
    assert!(zendesk.is_own_client("countersign") && !zendesk.is_own_client("countersign2"));
    assert!(!account(by_token(), |_| json!({})).0.is_own_client("countersign"));
}

#[tokio::test]
async fn a_rename_and_a_reactivation_change_one_thing_each() {
    let (zendesk, log) = account(by_token(), |_| json!({}));
    zendesk.rename_api_token(CredentialId(7), "new").await.unwrap();
    zendesk.reactivate_api_token(CredentialId(7)).await.unwrap();
    let log = log.lock().unwrap();
    assert!(log.iter().all(|asked| asked.line == "PUT /api/v2/api_tokens/7"));
    assert_eq!(log[0].json(), json!({"api_token": {"description": "new"}}));
    assert_eq!(log[1].json(), json!({"api_token": {"active": true}}));
}

#[tokio::test]
async fn a_list_that_may_not_be_whole_is_no_list() {
    for rest in [json!({"meta": {"has_more": true}}), json!({"next_page": "https://company.example/2"})] {
        let (zendesk, _) = account(by_client(), move |_| {
            let mut body = json!({"api_tokens": []});
            body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            body
        });
        assert_eq!(zendesk.inventory_of_api_tokens().await.unwrap_err(), malformed());
    }
}
