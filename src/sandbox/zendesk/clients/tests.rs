use serde_json::{Value, json};

use crate::sandbox::testing::{Seen, Stage};

async fn made(stage: &Stage) -> Value {
    let client = json!({"name": "n", "identifier": "i", "user_id": 9001, "description": "why"});
    let seen = stage.admin(("POST", "oauth/clients"), json!({"client": client})).await;
    assert_eq!(seen.status, 201, "{}", seen.body);
    seen.body["client"].clone()
}

async fn fetch(stage: &Stage, secret: &Value, form: bool) -> Seen {
    let url = format!("{}/oauth/tokens", stage.sandbox.zendesk_url("global"));
    let secret = secret.as_str().unwrap();
    let (kind, body) = if form {
        let body =
            format!("grant_type=client_credentials&client_id=i&client_secret={secret}&scope=tickets%3Aread");
        ("application/x-www-form-urlencoded", body)
    } else {
        let body = json!({"grant_type": "client_credentials", "client_id": "i", "client_secret": secret,
            "scope": "tickets:read", "expires_in": 600});
        ("application/json", body.to_string())
    };
    stage.send(stage.client.post(url).header("content-type", kind).body(body)).await.unwrap()
}

async fn works(stage: &Stage, bearer: &Value, path: &str) -> u16 {
    let url = format!("{}/api/v2/{path}", stage.sandbox.zendesk_url("global"));
    stage.send(stage.client.get(url).bearer_auth(bearer.as_str().unwrap())).await.unwrap().status
}

#[tokio::test]
async fn the_secret_is_whole_at_its_making_and_at_its_change_only() {
    let stage = Stage::set().await;
    let client = made(&stage).await;
    let path = format!("oauth/clients/{}", client["id"]);
    assert_eq!(
        (client["kind"].as_str(), client["secret"].as_str().unwrap().len()),
        (Some("confidential"), 64)
    );
    for route in [path.as_str(), "oauth/clients", "oauth/clients?page[size]=5"] {
        let seen = stage.admin(("GET", route), Value::Null).await.body.to_string();
        assert!(!seen.contains(client["secret"].as_str().unwrap()), "{seen}");
    }
    let renewed = stage.admin(("PUT", &format!("{path}/generate_secret")), Value::Null).await;
    assert_eq!((renewed.status, renewed.body["client"]["secret"].as_str().unwrap().len()), (200, 64));
    assert_eq!(fetch(&stage, &client["secret"], false).await.body["error"], "invalid_client");
    assert_eq!(fetch(&stage, &renewed.body["client"]["secret"], true).await.status, 200);
    let minted = stage.sandbox.world().lock().unwrap().dump()["zendesk"]["global"]["ever_minted"].clone();
    assert_eq!(minted.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn name_identifier_and_user_are_required_and_the_identifier_is_unique() {
    let stage = Stage::set().await;
    made(&stage).await;
    for client in [
        json!({"identifier": "j", "user_id": 9001}),
        json!({"name": "n", "user_id": 9001}),
        json!({"name": "n", "identifier": "j"}),
        json!({"name": "n", "identifier": "j", "user_id": 1}),
        json!({"name": "n", "identifier": "i", "user_id": 9001}),
        json!({"name": "n", "identifier": "j", "user_id": 9001, "kind": "secret"}),
    ] {
        let seen = stage.admin(("POST", "oauth/clients"), json!({"client": client})).await;
        assert_eq!((seen.status, &seen.body["error"]), (422, &json!("RecordInvalid")), "{client}");
    }
}

#[tokio::test]
async fn tokens_live_on_when_the_secret_changes_or_the_client_goes() {
    let stage = Stage::set().await;
    let client = made(&stage).await;
    let path = format!("oauth/clients/{}", client["id"]);
    let bearer = fetch(&stage, &client["secret"], false).await.body["access_token"].clone();
    assert_eq!(works(&stage, &bearer, "tickets").await, 200);
    assert_eq!(works(&stage, &bearer, "users/me").await, 403, "out of its scopes");
    stage.admin(("PUT", &format!("{path}/generate_secret")), Value::Null).await;
    assert_eq!(stage.admin(("DELETE", &path), Value::Null).await.status, 204);
    assert_eq!(stage.admin(("GET", &path), Value::Null).await.status, 404);
    assert_eq!(works(&stage, &bearer, "tickets").await, 200);
    let list = format!("oauth/tokens?all=true&client_id={}", client["id"]);
    let tokens = stage.admin(("GET", &list), Value::Null).await.body["tokens"].clone();
    assert_eq!(tokens[0]["scopes"], json!(["tickets:read"]));
    assert_eq!(tokens[0]["token"].as_str().unwrap().len(), 10);
    let one = format!("oauth/tokens/{}", tokens[0]["id"]);
    stage.control("world", json!({"zendesk": {"global": {"quirks": {"false_deletions": 1}}}})).await;
    assert_eq!(stage.admin(("DELETE", &one), Value::Null).await.status, 204);
    assert_eq!(works(&stage, &bearer, "tickets").await, 200, "a status proves nothing");
    assert_eq!(stage.admin(("DELETE", &one), Value::Null).await.status, 204);
    assert_eq!(works(&stage, &bearer, "tickets").await, 401);
    assert_eq!(stage.admin(("GET", &list), Value::Null).await.body["tokens"], json!([]));
}

#[tokio::test]
async fn a_grant_outside_of_what_is_allowed_is_refused() {
    let stage = Stage::set().await;
    let client = made(&stage).await;
    let id = client["id"].to_string();
    stage.control("world", json!({"zendesk": {"global": {"allowed_scopes": {id: ["users:read"]}}}})).await;
    let seen = fetch(&stage, &client["secret"], false).await;
    assert_eq!((seen.status, &seen.body["error"]), (400, &json!("invalid_scope")));
}

#[tokio::test]
async fn pages_hold_a_hundred_and_only_their_links_say_whether_there_is_more() {
    let stage = Stage::set().await;
    stage.control("fill", json!({"instance": "global", "clients": 249, "tokens_of_each_client": 1})).await;
    for (start, short) in [("oauth/clients?page[size]=100", false), ("oauth/clients?page[size]=100", true)] {
        stage.control("world", json!({"zendesk": {"global": {"quirks": {"short_pages": short}}}})).await;
        let (mut path, mut seen) = (start.to_owned(), Vec::new());
        loop {
            let page = stage.admin(("GET", &path), Value::Null).await.body;
            seen.extend(page["clients"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()));
            assert!(page["clients"].as_array().unwrap().len() <= 100);
            let Some(next) = page["links"]["next"].as_str() else { break };
            path = next.split("/api/v2/").nth(1).unwrap().to_owned();
        }
        let all = seen.len();
        seen.dedup();
        assert_eq!((all, seen.len()), (250, 250));
    }
    stage.control("world", json!({"zendesk": {"global": {"quirks": {}}}})).await;
    let third = stage.admin(("GET", "oauth/tokens?all=true&per_page=50&page=5"), Value::Null).await.body;
    assert_eq!((third["tokens"].as_array().unwrap().len(), &third["next_page"]), (49, &Value::Null));
    assert_eq!(stage.admin(("GET", "oauth/clients?page=101"), Value::Null).await.status, 400);
}
