//! The client credentials grant, and whose token one holds.
//!
//! The token acts as the user the client belongs to, for half an hour unless asked otherwise, and there is no
//! refresh token: one asks again.

use jiff::SignedDuration;
use serde_json::json;

use super::{Desk, error};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::{or_null, seconds};
use crate::sandbox::world::Bearer;

const DEFAULT_LIFE: u64 = 1_800;
/// Exclusive on both sides.
const LIFE: (u64, u64) = (300, 172_800);

fn refused(status: u16, name: &str) -> Answer {
    Answer::json(status, &json!({"error": name, "error_description": "The grant was refused"}))
}

/// `POST /oauth/tokens`, JSON or form. Zendesk's own client expects 200 where its OpenAPI text says 201.
pub(crate) fn grant(desk: &mut Desk<'_>) -> Reply {
    let call = desk.call;
    if call.text("grant_type").as_deref() != Some("client_credentials") {
        return Err(refused(400, "unsupported_grant_type"));
    }
    let life = call.number("expires_in").unwrap_or(DEFAULT_LIFE);
    if life <= LIFE.0 || life >= LIFE.1 {
        return Err(refused(400, "invalid_request"));
    }
    let scope = call.text("scope").filter(|scope| !scope.trim().is_empty());
    // No scope asked for is all of it.
    let scope = scope.unwrap_or_else(|| "read write".to_owned());
    let (now, token) = (desk.world.now(), desk.world.random_text(64));
    let account = desk.account()?;
    let client =
        account.clients.iter().find(|client| Some(&client.identifier) == call.text("client_id").as_ref());
    let client = client.filter(|client| Some(&client.secret) == call.text("client_secret").as_ref()).cloned();
    let client = client.ok_or_else(|| refused(401, "invalid_client"))?;
    let expires_at =
        now.saturating_add(SignedDuration::from_secs(i64::try_from(life).unwrap_or(0))).unwrap_or(now);
    let bearer = Bearer {
        id: account.fresh_id(),
        client_id: client.id,
        user_id: client.user_id,
        token: token.clone(),
        scopes: scope.split_whitespace().map(str::to_owned).collect(),
        created_at: now,
        expires_at,
        used_at: None,
    };
    account.bearers.push(bearer);
    Ok(Answer::ok(
        &json!({"access_token": token, "token_type": "bearer", "scope": scope, "expires_in": life}),
    ))
}

/// Whose live token it is, and its scopes.
pub(crate) fn holder(desk: &mut Desk<'_>, token: &str) -> Option<(u64, Vec<String>)> {
    let now = desk.world.now();
    let mut bearers = desk.account().ok()?.bearers.iter_mut();
    let bearer = bearers.find(|bearer| bearer.token == token && bearer.expires_at > now)?;
    bearer.used_at = Some(now);
    Some((bearer.user_id, bearer.scopes.clone()))
}

/// `GET /api/v2/oauth/tokens/current`
pub(crate) fn current(desk: &mut Desk<'_>) -> Reply {
    let url = desk.url();
    let given = desk.call.bearer();
    let bearer = desk.account()?.bearers.iter().find(|bearer| Some(bearer.token.as_str()) == given);
    let bearer = bearer.ok_or_else(|| error(404, "RecordNotFound"))?;
    Ok(Answer::ok(&json!({"token": {
        "id": bearer.id, "url": format!("{url}/api/v2/oauth/tokens/{}.json", bearer.id),
        "client_id": bearer.client_id, "user_id": bearer.user_id, "scopes": bearer.scopes,
        "token": bearer.token.chars().take(10).collect::<String>(), "refresh_token": null,
        "created_at": seconds(bearer.created_at), "expires_at": seconds(bearer.expires_at),
        "used_at": or_null(bearer.used_at, seconds),
    }})))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::{Seen, Stage};

    async fn grant(stage: &Stage, scope: &str, secret: Option<&str>) -> Seen {
        let world = stage.sandbox.world();
        let real = world.lock().unwrap().zendesk["global"].clients[0].secret.clone();
        let body = json!({
            "grant_type": "client_credentials", "client_id": "countersign", "scope": scope,
            "client_secret": secret.unwrap_or(&real),
        });
        let url = format!("{}/oauth/tokens", stage.sandbox.zendesk_url("global"));
        let request =
            stage.client.post(url).header("content-type", "application/json").body(body.to_string());
        stage.send(request).await.unwrap()
    }

    async fn get(stage: &Stage, path: &str, bearer: &Value) -> Seen {
        let url = format!("{}/api/v2/{path}", stage.sandbox.zendesk_url("global"));
        stage.send(stage.client.get(url).bearer_auth(bearer.as_str().unwrap())).await.unwrap()
    }

    #[tokio::test]
    async fn a_grant_acts_as_the_clients_user_for_half_an_hour() {
        let stage = Stage::set().await;
        let seen = grant(&stage, "read write", None).await;
        let bearer = &seen.body["access_token"];
        assert_eq!((seen.status, &seen.body["expires_in"]), (200, &json!(1800)));
        assert_eq!(get(&stage, "users/me", bearer).await.body["user"]["email"], "integration@example.com");
        let current = get(&stage, "oauth/tokens/current", bearer).await.body;
        assert_eq!(current["token"]["expires_at"], "2026-11-22T09:30:00Z");
        stage.clock.advance(jiff::SignedDuration::from_mins(30));
        assert_eq!(get(&stage, "users/me", bearer).await.status, 401);
    }

    #[tokio::test]
    async fn scopes_and_secrets_are_checked_and_a_404_is_access_switched_off() {
        let stage = Stage::set().await;
        assert_eq!(grant(&stage, "read", Some("wrong")).await.status, 401);
        let bearer = grant(&stage, "write", None).await.body["access_token"].clone();
        assert_eq!(get(&stage, "api_tokens", &bearer).await.status, 403);
        let bearer = grant(&stage, "read", None).await.body["access_token"].clone();
        assert_eq!(get(&stage, "api_tokens", &bearer).await.status, 200);
        stage.control("world", json!({"zendesk": {"global": {"api_token_access": false}}})).await;
        assert_eq!(get(&stage, "api_tokens", &bearer).await.status, 404);
        let settings = get(&stage, "account/settings", &bearer).await.body;
        assert_eq!(settings["settings"]["api"]["api_token_access"], "false");
    }
}
