//! The client against a Zendesk of a few lines: what it sends, what it reads, what it refuses to believe.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Response;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::clock::AdjustableClock;
use crate::domain::ids::ZendeskUserId;
use crate::secret::Secret;
use crate::vendors::testing::{Log, answer, json as json_answer, lines, vendor};

const NOON: &str = "2026-11-22T12:00:00Z";
const SECRET: &str = "s3cr3t-of-the-minted-token";

pub(super) fn oauth() -> Login {
    Login::OAuth {
        client_id: "countersign".to_owned(),
        client_secret: Secret::new("hush".to_owned()),
        scope: "read write".to_owned(),
    }
}

fn api_token() -> Login {
    Login::ApiToken { email: Email("bot@example.com".to_owned()), token: Secret::new("hush".to_owned()) }
}

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

pub(super) fn zendesk(
    login: Login,
    reply: impl Fn(&str) -> Response<Bytes> + Clone + Send + Sync + 'static,
) -> (Zendesk, Log) {
    let (router, log) = vendor(reply);
    let base = "https://company.example/zendesk".parse().unwrap();
    (Zendesk::new(Transport::in_process(router), base, login, AdjustableClock::frozen(noon())), log)
}

/// An account that answers everything but the log-in with this.
pub(super) fn account(status: u16, body: &'static str) -> (Zendesk, Log) {
    zendesk(api_token(), move |_| answer(status, &[], body))
}

#[tokio::test]
async fn the_list_drops_both_token_fields() {
    let body = r#"{"api_tokens":[
        {"id":201,"user_id":101,"user_name":"A","description":"Legacy","active":true,
         "created_at":"2025-01-01T00:00:00Z","last_used":null,"visible_token":"sec","token":"secret-access-token"},
        {"id":202,"user_id":101,"description":"Old","active":false},
        {"id":203,"active":true,"last_used":"2026-12-01T08:00:00Z"},
        {"id":204,"active":true,"last_used_at":"2026-12-01T08:00:00Z"},
        {"id":205,"active":true,"last_used":1796000000}]}"#;
    let (zendesk, log) = account(200, body);
    let tokens = zendesk.list_api_tokens().await.unwrap();
    let first = ListedToken {
        id: CredentialId(201),
        name: "Legacy".to_owned(),
        creator: Some(ZendeskUserId(101)),
        active: true,
        created_at: Some("2025-01-01T00:00:00Z".parse().unwrap()),
        last_used: None,
    };
    assert_eq!(tokens[0], first);
    assert!(!tokens[1].active && tokens[1].created_at.is_none());
    let used: Vec<bool> = tokens.iter().map(|token| token.last_used.is_some()).collect();
    assert_eq!(used, [false, false, true, true, false], "whatever else it may be is not known");
    assert!(!format!("{tokens:?}").contains("secret-access-token"));
    assert_eq!(lines(&log), ["GET /zendesk/api/v2/api_tokens?include_users=true"]);
}

#[tokio::test]
async fn a_list_that_may_not_be_whole_is_malformed() {
    for body in [
        r#"{"api_tokens":[],"next_page":"https://company.example/2"}"#,
        r#"{"api_tokens":[],"meta":{"has_more":true}}"#,
        "{}",
        "",
        "<html>",
        r#"{"api_tokens":[{"id":1,"description":"no word on active"}]}"#,
    ] {
        let (zendesk, _) = account(200, body);
        assert_eq!(zendesk.list_api_tokens().await, Err(malformed()), "{body}");
    }
    let (zendesk, _) = account(200, r#"{"api_tokens":[],"next_page":null,"meta":{"has_more":false}}"#);
    assert_eq!(zendesk.list_api_tokens().await, Ok(Vec::new()));
}

#[tokio::test]
async fn switched_off_and_not_allowed_are_two_things() {
    let vendor = Vendor::Zendesk;
    let (off, _) = account(404, "");
    assert_eq!(off.list_api_tokens().await, Err(VendorError::NotFound { vendor }));
    let (hidden, _) = account(403, "");
    assert_eq!(hidden.list_api_tokens().await, Err(VendorError::Forbidden { vendor }));
}

#[tokio::test]
async fn a_minted_token_has_its_secret_under_either_name() {
    for body in [
        r#"{"api_token":{"id":7,"description":"url","created_at":"2026-11-22T12:00:00Z",
            "token":"s3cr3t-of-the-minted-token"}}"#,
        r#"{"api_token":{"id":7,"description":"url","created_at":"2026-11-22T12:00:00Z",
            "token":"s3cr","full_token":"s3cr3t-of-the-minted-token"}}"#,
    ] {
        let (zendesk, log) = account(201, body);
        let created = zendesk.create_api_token("url").await.unwrap();
        assert_eq!((created.id, created.name.as_str()), (CredentialId(7), "url"));
        assert_eq!(created.created_at, Some(noon()));
        assert_eq!(created.secret.expose(), SECRET);
        assert!(!format!("{created:?}").contains(SECRET));
        let log = log.lock().unwrap();
        assert_eq!(log[0].line, "POST /zendesk/api/v2/api_tokens");
        assert_eq!(log[0].json(), serde_json::json!({ "api_token": { "description": "url" } }));
    }
}

#[tokio::test]
async fn a_mint_without_a_readable_secret_is_unknown() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"api_token":{"id":7,"description":"url"}}"#,
        r#"{"api_token":{"id":7,"token":""}}"#,
        r#"{"api_token":{"id":7,"token":null}}"#,
        r#"{"api_token":{"token":"s3cr3t"}}"#,
    ] {
        let (zendesk, log) = account(201, body);
        let error = zendesk.create_api_token("url").await.unwrap_err();
        assert_eq!(error, VendorError::Unknown { vendor: Vendor::Zendesk }, "{body}");
        assert!(!error.is_definitely_not_done());
        assert_eq!(lines(&log).len(), 1);
    }
}

#[tokio::test]
async fn a_mint_is_never_repeated() {
    let (zendesk, log) = account(503, "");
    let error = zendesk.create_api_token("url").await.unwrap_err();
    assert!(!error.is_definitely_not_done());
    assert_eq!(lines(&log).len(), 1);
    let (zendesk, _) = account(422, r#"{"error":"RecordInvalid","description":"no more"}"#);
    let error = zendesk.create_api_token("url").await.unwrap_err();
    let code = "RecordInvalid".to_owned();
    assert_eq!(error, VendorError::Rejected { vendor: Vendor::Zendesk, status: 422, code });
}

#[tokio::test]
async fn an_ending_is_two_calls_with_json_as_their_type() {
    let (zendesk, log) = account(204, "");
    zendesk.deactivate_api_token(CredentialId(7)).await.unwrap();
    zendesk.delete_api_token(CredentialId(7)).await.unwrap();
    assert_eq!(lines(&log), ["PUT /zendesk/api/v2/api_tokens/7", "DELETE /zendesk/api/v2/api_tokens/7"]);
    let log = log.lock().unwrap();
    assert_eq!(log[0].json(), serde_json::json!({ "api_token": { "active": false } }));
    assert!(log.iter().all(|asked| asked.header("content-type") == "application/json"));
}

#[tokio::test]
async fn a_stranger_is_not_ourselves() {
    let (zendesk, _) = account(200, r#"{"user":{"id":29,"email":"bot@example.com"}}"#);
    let ourselves = zendesk.ourselves().await.unwrap();
    assert_eq!(ourselves, Ourselves { id: ZendeskUserId(29), email: Email("bot@example.com".to_owned()) });
    let (zendesk, _) =
        account(200, r#"{"user":{"id":null,"name":"Anonymous user","email":"x@example.com"}}"#);
    assert_eq!(zendesk.ourselves().await, Err(VendorError::Unauthorized { vendor: Vendor::Zendesk }));
}

#[tokio::test]
async fn a_minted_token_is_tried_as_basic_authentication() {
    let email = Email("me@example.com".to_owned());
    let secret = MintedSecret::new(SECRET.to_owned());
    let list = r#"{"api_tokens":[{"id":7,"user_id":29,"description":"x","active":true}]}"#;
    for (status, body, seen) in [(200, list, Some(vec![CredentialId(7)])), (401, "", None)] {
        let (zendesk, log) = zendesk(oauth(), move |_| answer(status, &[], body));
        let tokens = zendesk.list_api_tokens_with(&email, &secret).await.unwrap();
        assert_eq!(tokens.map(|tokens| tokens.iter().map(|token| token.id).collect::<Vec<_>>()), seen);
        let log = log.lock().unwrap();
        let basic = log[0].header("authorization").strip_prefix("Basic ").unwrap();
        let plain = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
        assert_eq!(plain, format!("me@example.com/token:{SECRET}"));
        assert!(log[0].parts.headers["authorization"].is_sensitive());
        assert_eq!(log.len(), 1, "our own login has no part in it");
    }
    for (status, body) in [(500, ""), (200, r#"{"user":{"id":null}}"#), (403, "")] {
        let (zendesk, _) = account(status, body);
        assert!(zendesk.list_api_tokens_with(&email, &secret).await.is_err());
    }
}

/// An account whose grants are numbered `t1`, `t2` and so on, and good for the `good` ones.
fn granting(
    expires_in: Value,
    good: &'static [&'static str],
) -> (Zendesk, Log, std::sync::Arc<AdjustableClock>) {
    let (router, log) = {
        let grants = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let log = Log::default();
        let written = log.clone();
        let router = axum::Router::new().fallback(move |request: Request<axum::body::Body>| {
            let (grants, log, expires_in) = (grants.clone(), written.clone(), expires_in.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 10_000).await.unwrap();
                let line = format!("{} {}", parts.method, parts.uri.path());
                let token =
                    parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
                let body = String::from_utf8(body.to_vec()).unwrap();
                log.lock().unwrap().push(crate::vendors::testing::Asked { line: line.clone(), parts, body });
                let reply = if line.ends_with("/oauth/tokens") {
                    let number = grants.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                    let mut grant = serde_json::json!({ "access_token": format!("t{number}") });
                    grant["expires_in"] = expires_in;
                    json_answer(&grant)
                } else if token.is_some_and(|token| good.iter().any(|good| token == format!("Bearer {good}")))
                {
                    json_answer(&serde_json::json!({ "api_tokens": [] }))
                } else {
                    answer(401, &[], "")
                };
                reply.map(axum::body::Body::from)
            }
        });
        (router, log)
    };
    let clock = AdjustableClock::frozen(noon());
    let base = "https://company.example".parse().unwrap();
    (Zendesk::new(Transport::in_process(router), base, oauth(), clock.clone()), log, clock)
}

const GRANT_LINE: &str = "POST /oauth/tokens";
const LIST_LINE: &str = "GET /api/v2/api_tokens";

#[tokio::test]
async fn an_access_token_is_kept_until_shortly_before_its_end() {
    // As asked, longer than asked, and without a word.
    for expires_in in [Value::from(1800), Value::from(172_799), Value::Null] {
        let (zendesk, log, clock) = granting(expires_in, &["t1", "t2"]);
        zendesk.list_api_tokens().await.unwrap();
        clock.advance(SignedDuration::from_mins(27));
        zendesk.list_api_tokens().await.unwrap();
        assert_eq!(lines(&log), [GRANT_LINE, LIST_LINE, LIST_LINE]);
        clock.advance(SignedDuration::from_mins(2));
        zendesk.list_api_tokens().await.unwrap();
        assert_eq!(lines(&log)[3..], [GRANT_LINE, LIST_LINE]);
        let log = log.lock().unwrap();
        assert_eq!(log[0].json()["grant_type"], "client_credentials");
        assert_eq!(log[0].json()["client_secret"], "hush");
        assert_eq!(log[0].json()["scope"], "read write");
        assert_eq!(log[0].json()["expires_in"], 1800);
        assert!(log[1].parts.headers["authorization"].is_sensitive());
    }
}

#[tokio::test]
async fn a_refused_access_token_is_fetched_anew_once() {
    let (zendesk, log, _) = granting(Value::from(1800), &["t2"]);
    zendesk.list_api_tokens().await.unwrap();
    assert_eq!(lines(&log), [GRANT_LINE, LIST_LINE, GRANT_LINE, LIST_LINE]);
    let (zendesk, log, _) = granting(Value::from(1800), &[]);
    let error = zendesk.list_api_tokens().await.unwrap_err();
    assert_eq!(error, VendorError::Unauthorized { vendor: Vendor::Zendesk });
    assert_eq!(lines(&log).len(), 4);
}

#[tokio::test]
async fn a_refused_api_token_of_ours_is_not_tried_again() {
    let (zendesk, log) = account(401, "");
    let error = zendesk.list_api_tokens().await.unwrap_err();
    assert_eq!(error, VendorError::Unauthorized { vendor: Vendor::Zendesk });
    assert_eq!(lines(&log).len(), 1);
}

#[tokio::test]
async fn no_failure_of_the_log_in_looks_like_one_of_the_call() {
    for (status, body) in
        [(500, ""), (503, ""), (200, "<html>"), (200, "{}"), (404, ""), (429, ""), (400, "")]
    {
        let (zendesk, log) = zendesk(oauth(), move |_| answer(status, &[("retry-after", "60")], body));
        let error = zendesk.create_api_token("url").await.unwrap_err();
        assert!(error.is_definitely_not_done(), "{status} {body}: {error}");
        assert_ne!(error, VendorError::NotFound { vendor: Vendor::Zendesk });
        assert!(lines(&log).iter().all(|line| line == "POST /zendesk/oauth/tokens"));
    }
}

#[tokio::test]
async fn a_mint_can_run_on_any_thread() {
    let (zendesk, _, _) = granting(Value::from(1800), &["t1"]);
    let listed = tokio::spawn(async move { zendesk.list_api_tokens().await }).await.unwrap();
    assert_eq!(listed, Ok(Vec::new()));
}
