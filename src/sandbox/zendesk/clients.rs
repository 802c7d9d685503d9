//! OAuth clients: list, create, show, change, delete, and a new secret.
//!
//! The secret is shown whole at its making and by `generate_secret`, and cut everywhere else. A new secret ends none
//! of the access tokens, and deleting a client need not either: Zendesk's documents do not say, so the world decides.

use serde_json::{Value, json};

use super::pages::{Listing, Wish};
use super::{Caller, Desk, admins_only, error, explained};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::seconds;
use crate::sandbox::world::{Account, Client, Quirks, Source};

/// Routes below `/api/v2/oauth/clients`.
pub(crate) fn route(desk: &mut Desk<'_>, caller: &Caller, segments: &[&str]) -> Reply {
    admins_only(caller)?;
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => list(desk, None),
        ("POST", []) => create(desk, caller),
        ("GET", [id]) => show(desk, id),
        ("PUT", [id]) => change(desk, caller, id),
        ("DELETE", [id]) => delete(desk, caller, id),
        ("PUT", [id, "generate_secret"]) => generate(desk, caller, id),
        _ => Err(error(404, "InvalidEndpoint")),
    }
}

/// `GET /api/v2/oauth/clients`, or those of one user.
pub(crate) fn list(desk: &mut Desk<'_>, of: Option<u64>) -> Reply {
    let (now, url, short) = (desk.world.now(), desk.url(), desk.account()?.quirks.short_pages);
    let wish = Wish::of(desk, short);
    let account = desk.account()?;
    let hidden = account.quirks.lists_no_clients;
    let there = |client: &&Client| !hidden && account.lists(now, client.created_at, client.deleted_at);
    let theirs = |client: &&Client| of.is_none_or(|of| client.user_id == of);
    let items = account.clients.values().filter(there).filter(theirs).collect();
    let show = |client: &Client| shape(&url, client);
    wish.answer(&Listing { name: "clients", items, id: |client| client.id, show: &show })
}

/// As everybody sees it: the secret cut.
fn shape(url: &str, client: &Client) -> Value {
    json!({
        "id": client.id, "name": client.name, "identifier": client.identifier, "kind": client.kind,
        "description": client.description, "company": client.company, "redirect_uri": client.redirect_uri,
        "logo_url": null, "global": false, "user_id": client.user_id,
        "secret": client.secret.chars().take(10).collect::<String>(),
        "created_at": seconds(client.created_at), "updated_at": seconds(client.updated_at),
        "url": format!("{url}/api/v2/clients/{}", client.id),
    })
}

fn with_secret(url: &str, client: &Client) -> Value {
    let mut shape = shape(url, client);
    shape["secret"] = client.secret.clone().into();
    json!({"client": shape})
}

/// The source type is not in Zendesk's documents; the help article says only that such lines exist.
fn logged<'a>(client: &'a Client, change: &'a str) -> Source<'a> {
    Source { kind: "oauth_client", id: client.id, label: &client.name, change }
}

fn find<'a>(account: &'a mut Account, id: &str) -> Result<&'a mut Client, Answer> {
    let client = id.parse().ok().and_then(|id: u64| account.clients.get_mut(&id));
    client
        .filter(|client| client.deleted_at.is_none())
        .ok_or_else(|| explained(404, "RecordNotFound", "Not found"))
}

fn invalid(field: &str, code: &str, description: &str) -> Answer {
    let details = json!({field: [{"error": code, "description": description}]});
    Answer::json(
        422,
        &json!({"error": "RecordInvalid", "description": "Record validation errors", "details": details}),
    )
}

fn create(desk: &mut Desk<'_>, caller: &Caller) -> Reply {
    let (now, url, secret) = (desk.world.now(), desk.url(), desk.world.random_text(64));
    let wanted = desk.call.value("client").cloned().unwrap_or_default();
    let account = desk.account()?;
    let text = |field: &str| wanted[field].as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let required = |field: &str| {
        text(field).ok_or_else(|| invalid(field, "BlankValue", &format!("{field}: cannot be blank")))
    };
    let (name, identifier) = (required("name")?, required("identifier")?);
    let user_id = wanted["user_id"].as_u64().filter(|id| account.agent(*id).is_some());
    let user_id = user_id.ok_or_else(|| invalid("user_id", "BlankValue", "User: cannot be blank"))?;
    let quirks = account.quirks.clone();
    is_free(account, &(identifier.clone() + &quirks.client_identifier_suffix), 0)?;
    let asked = Client {
        id: account.fresh_id(),
        name,
        identifier,
        kind: kind(&wanted)?.unwrap_or_else(|| "confidential".to_owned()),
        description: text("description").unwrap_or_default(),
        company: text("company").unwrap_or_default(),
        redirect_uri: uris(&wanted["redirect_uri"]).unwrap_or_default(),
        secret: secret.clone(),
        user_id,
        allowed_scopes: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let made = made(asked.clone(), &quirks);
    account.ever_minted.push(secret);
    account.log((caller.agent.id, now), "create", logged(&made, ""));
    account.clients.insert(made.id, made.clone());
    Ok(Answer::json(201, &with_secret(&url, if quirks.answers_as_asked { &asked } else { &made })))
}

fn made(asked: Client, quirks: &Quirks) -> Client {
    let quirks = quirks.clone();
    Client {
        name: quirks.client_name.unwrap_or(asked.name),
        identifier: asked.identifier + &quirks.client_identifier_suffix,
        kind: quirks.client_kind.unwrap_or(asked.kind),
        user_id: quirks.client_user_id.unwrap_or(asked.user_id),
        ..asked
    }
}

fn is_free(account: &Account, identifier: &str, but: u64) -> Result<(), Answer> {
    let taken = account
        .clients
        .values()
        .any(|other| other.id != but && other.deleted_at.is_none() && other.identifier == identifier);
    let refusal = || invalid("identifier", "DuplicateValue", "Identifier: has already been taken");
    (!taken).then_some(()).ok_or_else(refusal)
}

/// The kind that was asked for, if one was.
fn kind(wanted: &Value) -> Result<Option<String>, Answer> {
    match wanted["kind"].as_str() {
        None => Ok(None),
        Some(kind @ ("public" | "confidential")) => Ok(Some(kind.to_owned())),
        Some(_) => Err(invalid("kind", "InvalidValue", "Kind: is invalid")),
    }
}

fn uris(value: &Value) -> Option<Vec<String>> {
    let uris = value.as_array()?.iter().filter_map(Value::as_str);
    Some(uris.map(str::to_owned).collect())
}

fn show(desk: &mut Desk<'_>, id: &str) -> Reply {
    let url = desk.url();
    let client = find(desk.account()?, id)?;
    Ok(Answer::ok(&json!({"client": shape(&url, client)})))
}

fn change(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Reply {
    let (now, url) = (desk.world.now(), desk.url());
    let wanted = desk.call.value("client").cloned().unwrap_or_default();
    let (kind, text) = (kind(&wanted)?, |field: &str| wanted[field].as_str().map(str::to_owned));
    let account = desk.account()?;
    let mut changed = find(account, id)?.clone();
    changed.name = text("name").unwrap_or(changed.name);
    changed.identifier = text("identifier").unwrap_or(changed.identifier);
    changed.description = text("description").unwrap_or(changed.description);
    changed.company = text("company").unwrap_or(changed.company);
    changed.redirect_uri = uris(&wanted["redirect_uri"]).unwrap_or(changed.redirect_uri);
    changed.user_id = wanted["user_id"].as_u64().unwrap_or(changed.user_id);
    changed.kind = kind.unwrap_or(changed.kind);
    changed.updated_at = now;
    is_free(account, &changed.identifier, changed.id)?;
    account.log((caller.agent.id, now), "update", logged(&changed, "changed"));
    account.clients.insert(changed.id, changed.clone());
    Ok(Answer::ok(&json!({"client": shape(&url, &changed)})))
}

/// The old secret fetches no more tokens; the tokens it fetched live on.
fn generate(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Reply {
    let (now, url, secret) = (desk.world.now(), desk.url(), desk.world.random_text(64));
    let account = desk.account()?;
    let client = find(account, id)?;
    (client.secret, client.updated_at) = (secret.clone(), now);
    let client = client.clone();
    account.ever_minted.push(secret);
    account.log((caller.agent.id, now), "update", logged(&client, "secret"));
    Ok(Answer::ok(&with_secret(&url, &client)))
}

fn delete(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Reply {
    let now = desk.world.now();
    let account = desk.account()?;
    find(account, id)?;
    if account.quirks.false_client_deletions > 0 {
        account.quirks.false_client_deletions -= 1;
        return Ok(Answer::empty());
    }
    let client = find(account, id)?;
    client.deleted_at = Some(now);
    let client = client.clone();
    if account.quirks.deleting_a_client_ends_its_tokens {
        let its = account.bearers.values_mut().filter(|bearer| bearer.client_id == client.id);
        its.for_each(|bearer| bearer.deleted_at = bearer.deleted_at.or(Some(now)));
    }
    account.log((caller.agent.id, now), "destroy", logged(&client, ""));
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests;
