use super::*;
use crate::vendors::testing::{answer, lines};
use crate::vendors::zendesk::AuditQuery;
use crate::vendors::zendesk::tests::{account, oauth, zendesk};

const SECRET: &str = "s3cr3t-of-the-client";

const NEW: NewClient<'_> =
    NewClient { name: "n", identifier: "i_1", description: "https://issue", owner: ZendeskUserId(29) };

fn scopes() -> Vec<String> {
    vec!["tickets:read".to_owned(), "users:read".to_owned()]
}

#[tokio::test]
async fn lists_follow_the_cursor_and_hold_no_secret() {
    let (zendesk, log) = zendesk(oauth(), |line| {
        let second = line.contains("page%5Bafter%5D=c1");
        let (id, more) = if second { (2, "false") } else { (1, "true") };
        let thing = format!(
            r#"{{"id":{id},"name":"n","identifier":"i{id}","kind":"confidential","user_id":29,"secret":"hidden",
            "description":null,"client_id":7,"scopes":["read"],"token":"0123456789-hidden","refresh_token":"hidden",
            "expires_at":"2026-11-22T12:00:00Z"}}"#
        );
        let meta = format!(r#""meta":{{"has_more":{more},"after_cursor":"c1"}}"#);
        answer(200, &[], &format!(r#"{{"clients":[{thing}],"tokens":[{thing}],{meta},"access_token":"t"}}"#))
    });
    let clients = zendesk.list_clients().await.unwrap();
    let tokens = zendesk.list_access_tokens(Some(CredentialId(7))).await.unwrap();
    assert_eq!(clients.iter().map(|one| one.identifier.as_str()).collect::<Vec<_>>(), ["i1", "i2"]);
    assert_eq!((clients[0].confidential, clients[0].owner), (Some(true), Some(ZendeskUserId(29))));
    assert_eq!((tokens.len(), tokens[0].scopes.as_slice()), (2, ["read".to_owned()].as_slice()));
    assert!(!format!("{clients:?}{tokens:?}").contains("hidden"));
    assert_eq!(tokens[0].visible.as_deref(), Some("0123456789"), "ten letters, whatever the answer holds");
    assert!(zendesk.list_access_tokens(Some(CredentialId(8))).await.unwrap().is_empty(), "not this client's");
    let asked = lines(&log);
    assert_eq!(asked[1], "GET /zendesk/api/v2/oauth/clients?page%5Bsize%5D=100");
    assert_eq!(asked[2], "GET /zendesk/api/v2/oauth/clients?page%5Bsize%5D=100&page%5Bafter%5D=c1");
    assert_eq!(asked[3], "GET /zendesk/api/v2/oauth/tokens?all=true&client_id=7&page%5Bsize%5D=100");
}

#[tokio::test]
async fn a_page_that_does_not_say_whether_there_is_more_is_malformed() {
    let malformed = || VendorError::Malformed { vendor: Vendor::Zendesk };
    for body in [
        r#"{"clients":[]}"#,
        r#"{"clients":[],"next_page":"https://elsewhere.example"}"#,
        r#"{"clients":[],"meta":{"has_more":true}}"#,
        r#"{"clients":[],"meta":{"has_more":true,"after_cursor":"same"}}"#,
        r#"{"clients":[],"next_page":null,"count":5}"#,
        r#"{"tokens":[],"meta":{"has_more":false}}"#,
        "<html>",
    ] {
        assert_eq!(account(200, body).0.list_clients().await, Err(malformed()), "{body}");
    }
    for body in
        [r#"{"clients":[],"next_page":null,"count":0}"#, r#"{"clients":[],"meta":{"has_more":false}}"#]
    {
        assert_eq!(account(200, body).0.list_clients().await, Ok(Vec::new()), "{body}");
    }
    let vendor = Vendor::Zendesk;
    assert_eq!(account(404, "").0.list_clients().await, Err(VendorError::NotFound { vendor }));
    assert_eq!(account(403, "").0.list_access_tokens(None).await, Err(VendorError::Forbidden { vendor }));
}

#[tokio::test]
async fn a_client_is_asked_for_whole_and_read_back_as_it_was_made() {
    let body = r#"{"client":{"id":7,"name":"other","identifier":"i_1x","kind":"public","user_id":30,
        "description":"d","secret":"s3cr3t-of-the-client","created_at":"2026-11-22T12:00:00Z"}}"#;
    let (zendesk, log) = account(201, body);
    let made = zendesk.create_client(NEW).await.unwrap();
    assert_eq!((made.client.id, made.client.name.as_str()), (CredentialId(7), "other"));
    assert_eq!((made.client.identifier.as_str(), made.client.confidential), ("i_1x", Some(false)));
    assert_eq!((made.client.owner, made.secret.expose()), (Some(ZendeskUserId(30)), SECRET));
    assert!(!format!("{made:?}").contains(SECRET));
    let log = log.lock().unwrap();
    let asked = json!({"client": {"name": "n", "identifier": "i_1", "description": "https://issue",
        "kind": "confidential", "user_id": 29}});
    assert_eq!((log[0].line.as_str(), log[0].json()), ("POST /zendesk/api/v2/oauth/clients", asked));
}

#[tokio::test]
async fn a_client_or_token_without_a_readable_secret_is_unknown() {
    for body in ["", "{}", r#"{"client":{"id":7,"identifier":"i"}}"#, r#"{"client":{"secret":"x"}}"#] {
        let error = account(201, body).0.create_client(NEW).await.unwrap_err();
        assert!(!error.is_definitely_not_done(), "{body}");
        let secret = MintedSecret::new(SECRET.to_owned());
        let error = account(200, body).0.grant(("i", &secret), &scopes(), 600).await.unwrap_err();
        assert!(!error.is_definitely_not_done(), "{body}");
    }
}

#[tokio::test]
async fn a_grant_carries_the_clients_secret_and_no_login_of_ours() {
    let secret = MintedSecret::new(SECRET.to_owned());
    for status in [200, 201] {
        let (zendesk, log) =
            account(status, r#"{"access_token":"t0k3n","scope":"tickets:read users:read","expires_in":600}"#);
        let granted = zendesk.grant(("i_1", &secret), &scopes(), 600).await.unwrap();
        assert_eq!((granted.token.expose(), granted.expires_in), ("t0k3n", Some(600)));
        assert_eq!(granted.scope.as_deref(), Some("tickets:read users:read"));
        assert!(!format!("{granted:?}").contains("t0k3n"));
        let log = log.lock().unwrap();
        assert_eq!(
            (log[0].line.as_str(), log[0].header("authorization")),
            ("POST /zendesk/oauth/tokens", "")
        );
        let asked = json!({"grant_type": "client_credentials", "client_id": "i_1", "client_secret": SECRET,
            "scope": "tickets:read users:read", "expires_in": 600});
        assert_eq!(log[0].json(), asked);
    }
    let (zendesk, _) = account(400, r#"{"error":"invalid_scope","error_description":"no"}"#);
    let code = "invalid_scope".to_owned();
    let refused = VendorError::Rejected { vendor: Vendor::Zendesk, status: 400, code };
    assert_eq!(zendesk.grant(("i_1", &secret), &scopes(), 600).await.unwrap_err(), refused);
}

#[tokio::test]
async fn a_narrow_token_that_may_not_ask_who_it_is_works_all_the_same() {
    let token = MintedSecret::new("t0k3n".to_owned());
    let user = r#"{"user":{"id":29,"email":"me@example.com"}}"#;
    for (status, body, works) in [(200, user, true), (403, "", true), (401, "", false)] {
        let (zendesk, log) = account(status, body);
        assert_eq!(zendesk.bearer_works(&token).await, Ok(works));
        assert_eq!(log.lock().unwrap()[0].header("authorization"), "Bearer t0k3n");
    }
    assert!(account(500, "").0.bearer_works(&token).await.is_err());
}

#[tokio::test]
async fn an_ending_is_one_call_for_each_step() {
    let (zendesk, log) = account(204, "");
    zendesk.discard_client_secret(CredentialId(7)).await.unwrap();
    zendesk.delete_access_token(CredentialId(8)).await.unwrap();
    zendesk.delete_client(CredentialId(7)).await.unwrap();
    let expected = [
        "PUT /zendesk/api/v2/oauth/clients/7/generate_secret",
        "DELETE /zendesk/api/v2/oauth/tokens/8",
        "DELETE /zendesk/api/v2/oauth/clients/7",
    ];
    assert_eq!(lines(&log), expected);
}

#[tokio::test]
async fn the_audit_log_is_asked_with_both_ends_of_the_time() {
    let body = r#"{"audit_logs":[{"id":1,"action":"create","actor_id":29,"source_type":"apitoken","source_id":7,
        "source_label":"Zendesk API: Active API tokens","created_at":"2026-11-22T12:00:00Z"}],
        "meta":{"has_more":false}}"#;
    let (zendesk, log) = account(200, body);
    let query = AuditQuery {
        source_type: Some("apitoken"),
        from: "2026-11-21T00:00:00Z".parse().unwrap(),
        until: "2026-11-22T00:00:00Z".parse().unwrap(),
    };
    let page = zendesk.audit_log(query, None).await.unwrap();
    assert_eq!((page.items[0].source_id, page.next), (Some(7), None));
    assert_eq!(
        lines(&log),
        ["GET /zendesk/api/v2/audit_logs?filter%5Bcreated_at%5D=2026-11-21T00%3A00%3A00Z\
          &filter%5Bcreated_at%5D=2026-11-22T00%3A00%3A00Z&filter%5Bsource_type%5D=apitoken&page%5Bsize%5D=100"]
    );
}
