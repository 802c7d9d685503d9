//! API tokens: list, create, deactivate, delete.
//!
//! The list is not paginated, may lag behind, and carries a `token` member that looks like the secret. An active
//! token cannot be deleted. A list answered 404 means that token access is switched off, 403 that the caller may
//! not look: neither means that a token is gone.

use serde_json::{Value, json};

use super::{Caller, Desk, admins_only, error, explained};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::{or_null, seconds};
use crate::sandbox::world::{Account, ApiToken, Source};

/// How the audit log names them; the label does not carry the description.
fn logged(id: u64, change: &str) -> Source<'_> {
    Source { kind: "apitoken", id, label: "Zendesk API: Active API tokens", change }
}

/// Routes below `/api/v2/api_tokens`.
pub(crate) fn route(desk: &mut Desk<'_>, caller: &Caller, segments: &[&str]) -> Reply {
    admins_only(caller)?;
    if !desk.account()?.api_token_access {
        return Err(explained(404, "RecordNotFound", "Not found"));
    }
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => list(desk),
        ("POST", []) => create(desk, caller),
        ("PUT", [id]) => change(desk, caller, id),
        ("DELETE", [id]) => delete(desk, caller, id),
        _ => Err(error(404, "InvalidEndpoint")),
    }
}

fn list(desk: &mut Desk<'_>) -> Reply {
    let (now, users) = (desk.world.now(), desk.call.flag("include_users").unwrap_or(false));
    let account = desk.account()?;
    let listed = |token: &&ApiToken| account.lists(now, token.created_at, token.deleted_at);
    let tokens: Vec<Value> =
        account.tokens.values().filter(listed).map(|token| shape(account, token, users)).collect();
    Ok(Answer::ok(&json!({"api_tokens": tokens})))
}

fn shape(account: &Account, token: &ApiToken, with_user: bool) -> Value {
    let visible: String = token.secret.chars().take(10).collect();
    let mut shape = json!({
        "id": token.id, "user_id": token.user_id, "description": token.description, "active": token.active,
        "created_at": seconds(token.created_at), "updated_at": seconds(token.updated_at),
        "last_used": or_null(token.last_used, seconds), "visible_token": format!("{visible}…"),
        // The vendor's list example has this member. Whether it is ever the secret is not known; here it is none.
        "token": format!("decoy-{visible}"),
    });
    if let Some(user) = account.agent(token.user_id).filter(|_| with_user) {
        shape["user_name"] = user.name.clone().into();
        shape["user_email"] = user.email.clone().into();
    }
    shape
}

/// Answers with the secret, this once.
fn create(desk: &mut Desk<'_>, caller: &Caller) -> Reply {
    let (now, secret) = (desk.world.now(), desk.world.random_text(40));
    let description =
        desk.call.value("api_token").and_then(|token| token["description"].as_str()).map(str::to_owned);
    let account = desk.account()?;
    if !account.creates_api_tokens {
        // No account can create one since 2026-10-27. The status and body of the real refusal are not known.
        let description = "API tokens can no longer be created. Use OAuth access tokens instead.";
        return Err(explained(403, "Forbidden", description));
    }
    let live = account.tokens.values().filter(|token| token.deleted_at.is_none()).count();
    if live >= account.api_token_cap {
        // The body of this refusal is not known either.
        let limit = account.api_token_cap;
        return Err(invalid(&format!("You have reached the limit of {limit} API tokens")));
    }
    let token = ApiToken {
        id: account.fresh_id(),
        user_id: caller.agent.id,
        description: description.unwrap_or_default(),
        active: true,
        created_at: now,
        updated_at: now,
        last_used: None,
        deleted_at: None,
        secret: secret.clone(),
    };
    let quirks = account.quirks.clone();
    let made = ApiToken {
        user_id: quirks.token_user_id.unwrap_or(token.user_id),
        description: quirks.token_description.unwrap_or_else(|| token.description.clone()),
        ..token.clone()
    };
    let mut shape = shape(account, if quirks.answers_as_asked { &token } else { &made }, false);
    shape["token"] = secret.clone().into();
    account.ever_minted.push(secret);
    let token = made;
    account.log((caller.agent.id, now), "create", logged(token.id, ""));
    account.tokens.insert(token.id, token);
    Ok(Answer::json(201, &json!({"api_token": shape})))
}

pub(super) fn invalid(description: &str) -> Answer {
    let details = json!({"base": [{"description": description}]});
    let body =
        json!({"error": "RecordInvalid", "description": "Record validation errors", "details": details});
    Answer::json(422, &body)
}

fn find<'a>(account: &'a mut Account, id: &str) -> Result<&'a mut ApiToken, Answer> {
    let token = id.parse().ok().and_then(|id: u64| account.tokens.get_mut(&id));
    let token = token.filter(|token| token.deleted_at.is_none());
    token.ok_or_else(|| explained(404, "RecordNotFound", "Not found"))
}

fn change(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Reply {
    let now = desk.world.now();
    let changes = desk.call.value("api_token").cloned().unwrap_or_default();
    let account = desk.account()?;
    let mut unchanged = find(account, id)?.clone();
    if changes["active"] == false && account.quirks.false_api_token_deactivations > 0 {
        account.quirks.false_api_token_deactivations -= 1;
        unchanged.active = false;
        return Ok(Answer::ok(&json!({"api_token": shape(account, &unchanged, false)})));
    }
    let token = find(account, id)?;
    token.active = changes["active"].as_bool().unwrap_or(token.active);
    if let Some(description) = changes["description"].as_str() {
        description.clone_into(&mut token.description);
    }
    token.updated_at = now;
    let token = token.clone();
    let change = if token.active { "active" } else { "inactive" };
    account.log((caller.agent.id, now), "update", logged(token.id, change));
    Ok(Answer::ok(&json!({"api_token": shape(account, &token, false)})))
}

/// Deactivate first. What deleting an active one answers is not known; a validation error stands for it.
fn delete(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Reply {
    let now = desk.world.now();
    let account = desk.account()?;
    find(account, id)?;
    if account.quirks.false_api_token_deletions > 0 {
        account.quirks.false_api_token_deletions -= 1;
        return Ok(Answer::empty());
    }
    let token = find(account, id)?;
    if token.active {
        return Err(invalid("An active API token cannot be deleted"));
    }
    token.deleted_at = Some(now);
    let id = token.id;
    account.log((caller.agent.id, now), "destroy", logged(id, ""));
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use crate::sandbox::testing::{Seen, Stage};

    async fn call(stage: &Stage, login: (&str, &str), (method, path): (&str, &str), body: Value) -> Seen {
        let url = format!("{}/api/v2/{path}", stage.sandbox.zendesk_url("global"));
        let request = stage.client.request(method.parse().unwrap(), url);
        let request = request.basic_auth(format!("{}/token", login.0), Some(login.1));
        let request = request.header("content-type", "application/json").body(body.to_string());
        stage.send(request).await.unwrap()
    }

    async fn admin(stage: &Stage, route: (&str, &str), body: Value) -> Seen {
        let admin = stage.instance("global");
        let login = (admin["admin_email"].as_str().unwrap(), admin["admin_api_token"].as_str().unwrap());
        call(stage, login, route, body).await
    }

    async fn mint(stage: &Stage) -> (String, String) {
        let seen = admin(stage, ("POST", "api_tokens"), json!({"api_token": {"description": "for x"}})).await;
        assert_eq!(seen.status, 201, "{}", seen.body);
        let token = &seen.body["api_token"];
        (format!("api_tokens/{}", token["id"]), token["token"].as_str().unwrap().to_owned())
    }

    async fn listed(stage: &Stage, path: &str) -> bool {
        let list = admin(stage, ("GET", "api_tokens.json?include_users=true"), Value::Null).await.body;
        list["api_tokens"]
            .as_array()
            .unwrap()
            .iter()
            .any(|token| format!("api_tokens/{}", token["id"]) == path)
    }

    #[tokio::test]
    async fn a_token_logs_anybody_in_until_it_is_deactivated() {
        let stage = Stage::set().await;
        let (path, secret) = mint(&stage).await;
        let me = ("GET", "users/me.json");
        let seen = call(&stage, ("kim@example.com", &secret), me, Value::Null).await;
        assert_eq!(seen.body["user"]["role"], "agent");
        assert_eq!(call(&stage, ("nobody@example.com", &secret), me, Value::Null).await.status, 401);
        assert_eq!(
            call(&stage, ("kim@example.com", &secret), ("GET", "api_tokens"), Value::Null).await.status,
            403
        );
        assert_eq!(admin(&stage, ("DELETE", &path), Value::Null).await.status, 422);
        admin(&stage, ("PUT", &path), json!({"api_token": {"active": false}})).await;
        let seen = call(&stage, ("kim@example.com", &secret), me, Value::Null).await;
        assert_eq!((seen.status, &seen.body["error"]), (401, &json!("Couldn't authenticate you")));
        assert_eq!(admin(&stage, ("DELETE", &path), Value::Null).await.status, 204);
        assert!(!listed(&stage, &path).await);
        assert_eq!(
            stage.sandbox.world().lock().unwrap().dump()["zendesk"]["global"]["ever_minted"],
            json!([secret])
        );
    }

    #[tokio::test]
    async fn an_answer_may_say_done_of_what_was_not_done() {
        let stage = Stage::set().await;
        let (path, secret) = mint(&stage).await;
        let quirks = json!({"false_api_token_deactivations": 1, "false_api_token_deletions": 1});
        stage.control("world", json!({"zendesk": {"global": {"quirks": quirks}}})).await;
        let off = json!({"api_token": {"active": false}});
        let works = async || {
            let me = ("GET", "users/me");
            call(&stage, ("kim@example.com", &secret), me, Value::Null).await.status == 200
        };
        let seen = admin(&stage, ("PUT", &path), off.clone()).await;
        assert_eq!((seen.status, &seen.body["api_token"]["active"]), (200, &json!(false)));
        assert_eq!(admin(&stage, ("DELETE", &path), Value::Null).await.status, 204);
        assert!(works().await && listed(&stage, &path).await, "a status proves nothing");
        admin(&stage, ("PUT", &path), off).await;
        assert_eq!(admin(&stage, ("DELETE", &path), Value::Null).await.status, 204);
        assert!(!works().await && !listed(&stage, &path).await);
    }

    #[tokio::test]
    async fn a_list_shows_no_secret_and_says_when_it_was_used() {
        let stage = Stage::set().await;
        let (path, secret) = mint(&stage).await;
        call(&stage, ("kim@example.com", &secret), ("GET", "users/me"), Value::Null).await;
        let list = admin(&stage, ("GET", "api_tokens?include_users=true"), Value::Null).await.body;
        assert!(!list.to_string().contains(&secret));
        let tokens = list["api_tokens"].as_array().unwrap();
        let token = tokens.iter().find(|token| path.ends_with(&token["id"].to_string())).unwrap();
        assert_eq!((&token["last_used"], &token["user_id"]), (&json!("2026-11-22T09:00:00Z"), &json!(9002)));
    }

    #[tokio::test]
    async fn a_lagging_list_hides_the_new_and_keeps_the_deleted() {
        let stage = Stage::set().await;
        stage.control("lists", json!({"vendor": "zendesk", "instance": "global", "lag_seconds": 30})).await;
        let (path, _) = mint(&stage).await;
        assert!(!listed(&stage, &path).await);
        stage.clock.advance(SignedDuration::from_secs(30));
        assert!(listed(&stage, &path).await);
        admin(&stage, ("PUT", &path), json!({"api_token": {"active": false}})).await;
        admin(&stage, ("DELETE", &path), Value::Null).await;
        assert!(listed(&stage, &path).await);
        stage.clock.advance(SignedDuration::from_secs(30));
        assert!(!listed(&stage, &path).await);
    }

    #[tokio::test]
    async fn creation_is_refused_where_it_has_ended() {
        let stage = Stage::set().await;
        stage.control("world", json!({"zendesk": {"global": {"creates_api_tokens": false}}})).await;
        let seen = admin(&stage, ("POST", "api_tokens"), json!({"api_token": {"description": "x"}})).await;
        assert_eq!((seen.status, &seen.body["error"]), (403, &json!("Forbidden")));
    }

    #[tokio::test]
    async fn the_two_hundred_and_fifty_seventh_is_refused() {
        let stage = Stage::set().await;
        for _ in 2..256 {
            mint(&stage).await;
        }
        let seen = admin(&stage, ("POST", "api_tokens"), json!({"api_token": {"description": "x"}})).await;
        assert_eq!((seen.status, &seen.body["error"]), (422, &json!("RecordInvalid")));
    }
}
