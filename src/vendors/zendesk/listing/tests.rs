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
async fn clients_and_tokens_come_in_pages_that_are_followed_by_their_cursor() {
    let (zendesk, log) = account(by_client(), |line| match line {
        line if line.contains("after") => json!({"clients": [], "meta": {"has_more": false}}),
        line if line.contains("clients") => json!({
            "clients": [{"id": 7, "name": "n", "identifier": "countersign", "user_id": 5, "secret": "s3cr3t"}],
            "meta": {"has_more": true, "after_cursor": "x=&y"},
        }),
        _ => {
            json!({"tokens": [{"id": 9, "client_id": 7, "token": "af3345kdj3", "used_at": null}], "meta": null})
        }
    });
    let first = zendesk.oauth_clients_page(None).await.unwrap();
    assert!(first.items[0].own_login);
    assert!(!format!("{first:?}").contains("s3cr3t"));
    let second = zendesk.oauth_clients_page(first.next.as_deref()).await.unwrap();
    assert!(second.items.is_empty() && second.next.is_none());
    let tokens = zendesk.oauth_tokens_page(None).await.unwrap();
    assert_eq!(
        (tokens.items[0].client, tokens.items[0].last_use),
        (Some(CredentialId(7)), LastUse::NotKnown)
    );
    let asked: Vec<String> = lines(&log).into_iter().filter(|line| line.starts_with("GET")).collect();
    assert_eq!(
        asked,
        [
            "GET /api/v2/oauth/clients?page[size]=100",
            "GET /api/v2/oauth/clients?page[size]=100&page[after]=x%3D%26y",
            "GET /api/v2/oauth/tokens?all=true&page[size]=100",
        ]
    );
}

#[tokio::test]
async fn a_list_that_may_not_be_whole_is_no_list() {
    for rest in [
        json!({"meta": {"has_more": true}}),
        json!({"next_page": "https://company.example/2"}),
        json!({"next_page": "https://company.example/2", "meta": null}),
    ] {
        let (zendesk, _) = account(by_client(), move |_| {
            let mut body = json!({"clients": [], "tokens": [], "api_tokens": []});
            body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            body
        });
        assert_eq!(zendesk.oauth_clients_page(None).await.unwrap_err(), malformed());
        assert_eq!(zendesk.oauth_tokens_page(None).await.unwrap_err(), malformed());
        assert_eq!(zendesk.inventory_of_api_tokens().await.unwrap_err(), malformed());
    }
}
