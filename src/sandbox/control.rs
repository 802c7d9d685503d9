//! The hands of a test: faults, the clock, people, lists, and a look at everything.
//!
//! No vendor has this face and it asks nobody who they are: the sandbox listens on loopback.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::faults::Fault;
use crate::sandbox::world::{Account, Member, Owner, Person, Quirks, World};
use crate::sandbox::{gitlab, seed, times};

/// The project whose memberships `people/:id` changes.
const PROJECT: u64 = 42;

/// Answers below `/control`.
pub(crate) fn answer(world: &mut World, call: &Call) -> Answer {
    let segments: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    let reply = match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["faults"]) => Ok(Answer::ok(&json!({"faults": world.faults}))),
        ("POST", ["faults"]) => lay_fault(world, call),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(Answer::empty())
        }
        ("GET", ["clock"]) => Ok(clock(world)),
        ("POST", ["clock"]) => advance(world, call),
        ("POST", ["lists"]) => lag_lists(world, call),
        ("GET", ["world"]) => Ok(Answer::ok(&world.dump())),
        ("POST", ["world"]) => change_accounts(world, call),
        ("POST", ["fill"]) => fill_account(world, call),
        ("GET", ["calls"]) => Ok(Answer::ok(&json!({"calls": world.calls}))),
        ("POST", ["people", id]) => change_person(world, call, id),
        ("POST", ["projects", id]) => change_project(world, call, id),
        ("POST", ["hooks", id]) => change_hook(world, call, id),
        ("POST", ["labels", id]) => hide_label(world, call, id),
        ("POST", ["notes"]) => write_late(world, call),
        _ => Err(wrong("no such control")),
    };
    reply.unwrap_or_else(|refusal| refusal)
}

fn wrong(what: &str) -> Answer {
    Answer::json(400, &json!({"error": what}))
}

fn lay_fault(world: &mut World, call: &Call) -> Reply {
    let fault = Fault::read(call).map_err(|problem| wrong(&problem))?;
    world.faults.push(fault);
    Ok(Answer::json(201, &json!({"faults": world.faults})))
}

fn clock(world: &World) -> Answer {
    Answer::ok(&json!({"now": times::millis(world.now())}))
}

fn advance(world: &mut World, call: &Call) -> Reply {
    let seconds = call.text("advance_seconds").and_then(|text| text.parse::<i64>().ok());
    world
        .clock
        .advance(SignedDuration::from_secs(seconds.ok_or_else(|| wrong("advance_seconds is no number"))?));
    Ok(clock(world))
}

fn account<'w>(world: &'w mut World, key: &str) -> Result<&'w mut Account, Answer> {
    world.zendesk.get_mut(key).ok_or_else(|| wrong("no such instance"))
}

fn lag_lists(world: &mut World, call: &Call) -> Reply {
    let lag = call.number("lag_seconds").and_then(|lag| i64::try_from(lag).ok());
    let lag = lag.ok_or_else(|| wrong("lag_seconds is no number"))?;
    if call.text("vendor").is_some_and(|vendor| vendor == "gitlab") {
        world.gitlab.list_lag_seconds = lag;
        return Ok(Answer::empty());
    }
    account(world, &call.text("instance").unwrap_or_default())?.list_lag_seconds = lag;
    Ok(Answer::empty())
}

/// `{"zendesk": {"global": {"creates_api_tokens", "api_token_access", "api_token_cap", "has_audit_log", "quirks": {…},
/// "allowed_scopes": {"CLIENT ID": ["read"] | null}, "revived_api_tokens": {"ID": active}, "revived_clients": [ID],
/// "revived_bearers_of": CLIENT ID}}}`
fn change_accounts(world: &mut World, call: &Call) -> Reply {
    for (key, changes) in call.value("zendesk").and_then(Value::as_object).into_iter().flatten() {
        let account = account(world, key)?;
        if let Some(creates) = changes["creates_api_tokens"].as_bool() {
            account.creates_api_tokens = creates;
        }
        if let Some(access) = changes["api_token_access"].as_bool() {
            account.api_token_access = access;
        }
        if let Some(cap) = changes["api_token_cap"].as_u64() {
            account.api_token_cap = usize::try_from(cap).unwrap_or(usize::MAX);
        }
        account.has_audit_log = changes["has_audit_log"].as_bool().unwrap_or(account.has_audit_log);
        if let Some(quirks) = changes.get("quirks") {
            account.quirks = Quirks::deserialize(quirks).map_err(|problem| wrong(&problem.to_string()))?;
        }
        // Deletions that answered 204 and did not last.
        for (id, active) in changes["revived_api_tokens"].as_object().into_iter().flatten() {
            let token = id.parse().ok().and_then(|id: u64| account.tokens.get_mut(&id));
            let token = token.ok_or_else(|| wrong("no such token"))?;
            (token.deleted_at, token.active) = (None, active.as_bool().unwrap_or(false));
        }
        for id in changes["revived_clients"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
            let client = account.clients.get_mut(&id).ok_or_else(|| wrong("no such client"))?;
            client.deleted_at = None;
        }
        if let Some(client) = changes["revived_bearers_of"].as_u64() {
            let theirs = account.bearers.values_mut().filter(|bearer| bearer.client_id == client);
            theirs.for_each(|bearer| bearer.deleted_at = None);
        }
        for (id, scopes) in changes["allowed_scopes"].as_object().into_iter().flatten() {
            let client = id.parse().ok().and_then(|id: u64| account.clients.get_mut(&id));
            client.ok_or_else(|| wrong("no such client"))?.allowed_scopes =
                Deserialize::deserialize(scopes).map_err(|_| wrong("allowed_scopes is no list"))?;
        }
    }
    Ok(Answer::empty())
}

/// `{"instance", "api_tokens", "clients", "tokens_of_each_client"}`: so many more, ninety days old and all different.
/// `{"instance", "of_client": ID, "tokens"}`: so many access tokens of one client.
fn fill_account(world: &mut World, call: &Call) -> Reply {
    let number = |name: &str| call.number(name).unwrap_or(0);
    let key = call.text("instance").unwrap_or_default();
    account(world, &key)?;
    for _ in 0..number("api_tokens") {
        let id = account(world, &key)?.fresh_id();
        let token = seed::token(world, (id, 9002), &format!("Seeded {id}"));
        account(world, &key)?.tokens.insert(id, token);
    }
    for _ in 0..number("tokens") {
        let bearer = account(world, &key)?.fresh_id();
        let bearer = seed::bearer(world, (bearer, number("of_client"), 9002));
        account(world, &key)?.bearers.insert(bearer.id, bearer);
    }
    for _ in 0..number("clients") {
        let id = account(world, &key)?.fresh_id();
        let client = seed::client(world, (id, 9002), &format!("seeded_{id}"));
        account(world, &key)?.clients.insert(id, client);
        for _ in 0..number("tokens_of_each_client") {
            let bearer = account(world, &key)?.fresh_id();
            let bearer = seed::bearer(world, (bearer, id, 9002));
            account(world, &key)?.bearers.insert(bearer.id, bearer);
        }
    }
    Ok(Answer::empty())
}

/// `{"alert_status": "disabled"}`: GitLab has switched the webhook off; what it would have sent is not sent.
fn change_hook(world: &mut World, call: &Call, id: &str) -> Reply {
    let hook = id.parse().ok().and_then(|id: u64| world.gitlab.hooks.get_mut(&id));
    let hook = hook.ok_or_else(|| wrong("no such hook"))?;
    let status = call.text("alert_status").ok_or_else(|| wrong("alert_status is missing"))?;
    hook.details.insert("alert_status".to_owned(), status.into());
    Ok(Answer::empty())
}

/// `{"protected": false}`: anybody may push to the default branch.
fn change_project(world: &mut World, call: &Call, id: &str) -> Reply {
    let project = id.parse().ok().and_then(|id: u64| world.gitlab.projects.get_mut(&id));
    let project = project.ok_or_else(|| wrong("no such project"))?;
    project.protected = call.flag("protected").unwrap_or(project.protected);
    Ok(Answer::empty())
}

/// `{"state": …, "bot": …, "unlisted": …, "username": …, "slack": {…}, "membership": {"access_level", "expires_at"} | null}`
fn change_person(world: &mut World, call: &Call, id: &str) -> Reply {
    let user = id.parse().ok().and_then(|id: u64| world.gitlab.users.get_mut(&id));
    let user = user.ok_or_else(|| wrong("no such person"))?;
    if let Some(state) = call.text("state") {
        user.state = state;
    }
    user.bot = call.flag("bot").unwrap_or(user.bot);
    user.unlisted = call.flag("unlisted").unwrap_or(user.unlisted);
    // Slack knows them by the name they had when the world began, or by the last one.
    let (id, known_as) = (user.id, user.username.clone());
    if let Some(username) = call.text("username") {
        user.username = username;
    }
    let email = user.email.clone();
    if let Some(membership) = call.parameters.get("membership") {
        change_membership(world, id, membership);
    }
    let changes = call.value("slack").cloned().unwrap_or_default();
    for person in
        world.slack.people.iter_mut().filter(|person| person.name == known_as || person.email == email)
    {
        change_on_slack(person, &changes);
    }
    Ok(Answer::empty())
}

/// `{"deleted", "is_restricted", "is_ultra_restricted", "bot_id" | null, "email", "team_id"}`
fn change_on_slack(person: &mut Person, changes: &Value) {
    let flag = |name: &str, now: bool| changes[name].as_bool().unwrap_or(now);
    let text = |name: &str, now: &str| changes[name].as_str().unwrap_or(now).to_owned();
    person.deleted = flag("deleted", person.deleted);
    person.is_restricted = flag("is_restricted", person.is_restricted);
    person.is_ultra_restricted = flag("is_ultra_restricted", person.is_ultra_restricted);
    person.email = text("email", &person.email);
    person.team_id = text("team_id", &person.team_id);
    if let Some(bot_id) = changes.get("bot_id") {
        person.bot_id = bot_id.as_str().map(str::to_owned);
    }
}

fn change_membership(world: &mut World, user_id: u64, membership: &Value) {
    let created_at = world.now();
    world.gitlab.members.retain(|member| member.user_id != user_id || member.of != Owner::Project(PROJECT));
    let level = membership["access_level"].as_u64().and_then(|level| u8::try_from(level).ok());
    if let Some(access_level) = level {
        let expires_at = membership["expires_at"].as_str().map(str::to_owned);
        let of = Owner::Project(PROJECT);
        world.gitlab.members.push(Member { of, user_id, access_level, expires_at, created_at });
    }
}

fn hide_label(world: &mut World, call: &Call, id: &str) -> Reply {
    let label = id.parse().ok().and_then(|id: u64| world.gitlab.labels.get_mut(&id));
    label.ok_or_else(|| wrong("no such label"))?.hidden = call.flag("hidden").unwrap_or(true);
    Ok(Answer::empty())
}

/// `{"issue": IID, "body": …}`: what GitLab itself writes under an issue only now, as a move in the background does.
fn write_late(world: &mut World, call: &Call) -> Reply {
    let issue = call.number("issue").and_then(|iid| world.gitlab.issue(PROJECT, iid));
    let issue = issue.map(|issue| (issue.id, issue.author_id)).ok_or_else(|| wrong("no such issue"))?;
    let body = call.text("body").ok_or_else(|| wrong("body is missing"))?;
    let at = world.now();
    gitlab::system_note(world, gitlab::Mark { actor: issue.1, at }, issue.0, body);
    Ok(Answer::empty())
}
