//! The client credentials grant, and the access tokens it gives: list, show, delete.
//!
//! A token acts as the user its client belongs to, for half an hour unless asked otherwise, and there is no refresh
//! token: one asks again. Lists show ten characters of it. A deletion may answer 204 and change nothing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::pages::{Listing, Wish};
use super::scopes;
use super::{Caller, Desk, admins_only, error, explained};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::times::{or_null, seconds};
use crate::sandbox::world::{Account, Bearer, Client};

const DEFAULT_LIFE: u64 = 1_800;
/// Exclusive on both sides.
const LIFE: (u64, u64) = (300, 172_800);
/// Tokens of clients made before this have no end unless one is asked for.
const LIVES_END_SINCE: &str = "2026-04-30T00:00:00Z";

fn refused(status: u16, name: &str) -> Answer {
    Answer::json(status, &json!({"error": name, "error_description": "The grant was refused"}))
}

/// `POST /oauth/tokens`, JSON or form. Zendesk's own client expects 200 where its OpenAPI text says 201.
pub(crate) fn grant(desk: &mut Desk<'_>) -> Reply {
    let call = desk.call;
    if call.text("grant_type").as_deref() != Some("client_credentials") {
        return Err(refused(400, "unsupported_grant_type"));
    }
    let (now, token) = (desk.world.now(), desk.world.random_text(64));
    let account = desk.account()?;
    let client = identified(account, call)?;
    let life = match call.number("expires_in") {
        Some(life) if life <= LIFE.0 || life >= LIFE.1 => return Err(refused(400, "invalid_request")),
        Some(life) => Some(life),
        None if client.created_at < LIVES_END_SINCE.parse().unwrap_or(Timestamp::MAX) => None,
        None => Some(DEFAULT_LIFE),
    };
    let life = match account.quirks.granted_life {
        Some(0) => None,
        other => other.or(life),
    };
    let scope = scope(account, &client, call)?;
    let end = |life: u64| now.saturating_add(SignedDuration::from_secs(i64::try_from(life).ok()?)).ok();
    let bearer = Bearer {
        id: account.fresh_id(),
        client_id: client.id,
        user_id: client.user_id,
        token: token.clone(),
        scopes: scope.split_whitespace().map(str::to_owned).collect(),
        created_at: now,
        expires_at: life.and_then(end),
        used_at: None,
        deleted_at: None,
    };
    account.ever_minted.push(token.clone());
    account.bearers.insert(bearer.id, bearer);
    Ok(Answer::ok(
        &json!({"access_token": token, "token_type": "bearer", "scope": scope, "expires_in": life}),
    ))
}

/// The client that the identifier and the secret name. Only confidential ones may use this grant.
fn identified(account: &Account, call: &Call) -> Result<Client, Answer> {
    let (identifier, secret) = (call.text("client_id"), call.text("client_secret"));
    let mut clients = account.clients.values().filter(|client| client.deleted_at.is_none());
    let client = clients.find(|client| Some(&client.identifier) == identifier.as_ref());
    let client = client.filter(|client| Some(&client.secret) == secret.as_ref());
    let client = client.ok_or_else(|| refused(401, "invalid_client"))?;
    if client.kind != "confidential" {
        return Err(refused(400, "unauthorized_client"));
    }
    Ok(client.clone())
}

/// No scope asked for is all of it; an unknown one, or one the client may not have, is refused.
fn scope(account: &Account, client: &Client, call: &Call) -> Result<String, Answer> {
    let asked = call.text("scope").filter(|scope| !scope.trim().is_empty());
    let asked = asked.unwrap_or_else(|| "read write".to_owned());
    let allowed =
        |scope: &str| client.allowed_scopes.as_ref().is_none_or(|list| list.iter().any(|one| one == scope));
    if asked.split_whitespace().any(|scope| !scopes::is_known(scope) || !allowed(scope)) {
        return Err(refused(400, "invalid_scope"));
    }
    Ok(account.quirks.granted_scopes.clone().unwrap_or(asked))
}

/// Whose live token it is, and its scopes.
pub(crate) fn holder(desk: &mut Desk<'_>, token: &str) -> Option<(u64, Vec<String>)> {
    let now = desk.world.now();
    let mut bearers = desk.account().ok()?.bearers.values_mut();
    let bearer = bearers.find(|bearer| bearer.token == token && bearer.is_live(now))?;
    bearer.used_at = Some(now);
    Some((bearer.user_id, bearer.scopes.clone()))
}

/// Routes below `/api/v2/oauth/tokens`.
pub(crate) fn route(desk: &mut Desk<'_>, caller: &Caller, segments: &[&str]) -> Reply {
    match (desk.call.method.as_str(), segments) {
        ("GET", ["current"]) => {
            let id = current(desk)?;
            show(desk, id)
        }
        ("DELETE", ["current"]) => {
            let id = current(desk)?;
            delete(desk, id)
        }
        ("GET", []) => list(desk, caller),
        ("GET", [id]) => {
            let id = visible(desk, caller, id)?;
            show(desk, id)
        }
        ("DELETE", [id]) => {
            let id = visible(desk, caller, id)?;
            delete(desk, id)
        }
        _ => Err(error(404, "InvalidEndpoint")),
    }
}

fn missing() -> Answer {
    explained(404, "RecordNotFound", "Not found")
}

/// The id of the token that the call came with.
fn current(desk: &mut Desk<'_>) -> Result<u64, Answer> {
    let given = desk.call.bearer();
    let bearer = desk.account()?.bearers.values().find(|bearer| Some(bearer.token.as_str()) == given);
    bearer.map(|bearer| bearer.id).ok_or_else(missing)
}

/// A token that the caller may see: their own, or any for an admin.
fn visible(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Result<u64, Answer> {
    let now = desk.world.now();
    let bearer = id.parse().ok().and_then(|id: u64| desk.account().ok()?.bearers.get(&id));
    let theirs = |bearer: &&Bearer| caller.agent.role == "admin" || bearer.user_id == caller.agent.id;
    bearer.filter(|bearer| bearer.is_live(now)).filter(theirs).map(|bearer| bearer.id).ok_or_else(missing)
}

/// The caller's own; `all` shows everybody's to an admin. `include_expired` needs `all`.
fn list(desk: &mut Desk<'_>, caller: &Caller) -> Reply {
    let (all, expired) =
        (desk.call.flag("all").unwrap_or(false), desk.call.flag("include_expired").unwrap_or(false));
    if all {
        admins_only(caller)?;
    }
    if expired && !all {
        return Err(error(400, "Invalid request"));
    }
    let client = desk.call.number("client_id");
    let global = desk.call.number("global_client_id");
    let (now, url, short) = (desk.world.now(), desk.url(), desk.account()?.quirks.short_pages);
    let wish = Wish::of(desk, short);
    let account = desk.account()?;
    let listed = |bearer: &&Bearer| {
        let there = account.lists(now, bearer.created_at, bearer.deleted_at);
        let alive = expired || bearer.expires_at.is_none_or(|end| end > now);
        let asked = client.is_none_or(|id| bearer.client_id == id) && global.is_none();
        there && alive && asked && (all || bearer.user_id == caller.agent.id)
    };
    let items = account.bearers.values().filter(listed).collect();
    let show = |bearer: &Bearer| shape(&url, bearer);
    wish.answer(&Listing { name: "tokens", items, id: |bearer| bearer.id, show: &show })
}

fn shape(url: &str, bearer: &Bearer) -> Value {
    json!({
        "id": bearer.id, "url": format!("{url}/api/v2/oauth/tokens/{}.json", bearer.id),
        "client_id": bearer.client_id, "user_id": bearer.user_id, "scopes": bearer.scopes,
        "token": bearer.token.chars().take(10).collect::<String>(), "refresh_token": null,
        "refresh_token_expires_at": null, "created_at": seconds(bearer.created_at),
        "expires_at": or_null(bearer.expires_at, seconds), "used_at": or_null(bearer.used_at, seconds),
    })
}

fn show(desk: &mut Desk<'_>, id: u64) -> Reply {
    let url = desk.url();
    let bearer = desk.account()?.bearers.get(&id).ok_or_else(missing)?;
    Ok(Answer::ok(&json!({"token": shape(&url, bearer)})))
}

fn delete(desk: &mut Desk<'_>, id: u64) -> Reply {
    let now = desk.world.now();
    let account = desk.account()?;
    if account.quirks.false_deletions > 0 {
        account.quirks.false_deletions -= 1;
        return Ok(Answer::empty());
    }
    account.bearers.get_mut(&id).ok_or_else(missing)?.deleted_at = Some(now);
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::{Seen, Stage};

    async fn grant(stage: &Stage, scope: &str, secret: Option<&str>) -> Seen {
        let world = stage.sandbox.world();
        let real = world.lock().unwrap().zendesk["global"].clients[&8001].secret.clone();
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
