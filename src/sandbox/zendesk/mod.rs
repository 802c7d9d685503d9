//! Zendesk's face, one account below each `/zendesk/KEY`.
//!
//! Written from Zendesk's OpenAPI text, its help articles and public code that follows them. What matters most:
//! an API token logs in *any* verified user of the account, by whatever address is written before `/token`.

mod audit;
mod clients;
mod oauth;
mod pages;
mod scopes;
mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::world::{Account, Agent, World};

/// One call to one account.
#[derive(Debug)]
pub(crate) struct Desk<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) call: &'w Call,
    pub(crate) instance: &'w str,
}

impl Desk<'_> {
    pub(crate) fn account(&mut self) -> Result<&mut Account, Answer> {
        self.world.zendesk.get_mut(self.instance).ok_or_else(|| error(404, "Invalid URI endpoint"))
    }

    /// The account's address.
    pub(crate) fn url(&self) -> String {
        format!("{}/zendesk/{}", self.world.base_url, self.instance)
    }
}

/// Who calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) agent: Agent,
    /// The OAuth token's scopes; an API token may do all that its user may.
    scopes: Option<Vec<String>>,
}

/// `{"error": …}`
pub(crate) fn error(status: u16, name: &str) -> Answer {
    Answer::json(status, &json!({"error": name}))
}

/// `{"error": …, "description": …}`
pub(crate) fn explained(status: u16, name: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": name, "description": description}))
}

/// Answers below `/zendesk/KEY`; paths may end in `.json`.
pub(crate) fn answer(world: &mut World, call: &Call, (instance, segments): (&str, &[&str])) -> Answer {
    let mut desk = Desk { world, call, instance };
    let mut segments = segments.to_vec();
    if let Some(last) = segments.last_mut() {
        *last = last.strip_suffix(".json").unwrap_or(last);
    }
    let reply = match (call.method.as_str(), segments.as_slice()) {
        ("POST", ["oauth", "tokens"]) => oauth::grant(&mut desk),
        (_, ["api", "v2", rest @ ..]) => api(&mut desk, rest),
        _ => Err(error(404, "Invalid URI endpoint")),
    };
    reply.unwrap_or_else(|refusal| refusal)
}

fn api(desk: &mut Desk<'_>, segments: &[&str]) -> Reply {
    let caller = authenticate(desk)?;
    scopes::allow(desk, &caller, segments)?;
    match (desk.call.method.as_str(), segments) {
        (_, ["api_tokens", rest @ ..]) => tokens::route(desk, &caller, rest),
        ("GET", ["users", "me"]) => Ok(Answer::ok(&json!({"user": user(desk, &caller.agent)}))),
        ("GET", ["users", id]) => show_user(desk, id),
        ("GET", ["account", "settings"]) => settings(desk, &caller),
        ("GET", ["users", "me", "oauth", "clients"]) => {
            admins_only(&caller)?;
            clients::list(desk, Some(caller.agent.id))
        }
        (_, ["oauth", "clients", rest @ ..]) => clients::route(desk, &caller, rest),
        (_, ["oauth", "tokens", rest @ ..]) => oauth::route(desk, &caller, rest),
        (_, ["audit_logs", rest @ ..]) => audit::route(desk, &caller, rest),
        // A thing to read with what was handed over.
        ("GET", ["tickets"]) => Ok(Answer::ok(&json!({"tickets": [], "next_page": null, "count": 0}))),
        _ => Err(error(404, "InvalidEndpoint")),
    }
}

fn unauthenticated() -> Answer {
    error(401, "Couldn't authenticate you")
}

fn authenticate(desk: &mut Desk<'_>) -> Result<Caller, Answer> {
    desk.account()?;
    if let Some(bearer) = desk.call.bearer() {
        let (user_id, scopes) = oauth::holder(desk, bearer).ok_or_else(unauthenticated)?;
        let agent = desk.account()?.agent(user_id).filter(|agent| !agent.suspended).cloned();
        return agent.map(|agent| Caller { agent, scopes: Some(scopes) }).ok_or_else(unauthenticated);
    }
    let basic = desk.call.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let basic = basic.and_then(|encoded| STANDARD.decode(encoded.trim()).ok());
    let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(unauthenticated)?;
    // Passwords are no longer taken: only `EMAIL/token:SECRET`.
    let (email, secret) = basic.split_once("/token:").ok_or_else(unauthenticated)?;
    let now = desk.world.now();
    let account = desk.account()?;
    let agent = account.agents.iter().find(|agent| agent.email.eq_ignore_ascii_case(email));
    let agent =
        agent.filter(|agent| agent.verified && !agent.suspended).cloned().ok_or_else(unauthenticated)?;
    let access = account.api_token_access;
    let token = account.tokens.values_mut().find(|token| token.secret == secret);
    let token = token.filter(|token| access && token.active && token.deleted_at.is_none());
    token.ok_or_else(unauthenticated)?.last_used = Some(now);
    Ok(Caller { agent, scopes: None })
}

/// Refuses who is no admin.
pub(crate) fn admins_only(caller: &Caller) -> Result<(), Answer> {
    let refusal = || explained(403, "Forbidden", "You do not have access to this page.");
    (caller.agent.role == "admin").then_some(()).ok_or_else(refusal)
}

fn user(desk: &Desk<'_>, agent: &Agent) -> Value {
    json!({
        "id": agent.id, "url": format!("{}/api/v2/users/{}.json", desk.url(), agent.id), "name": agent.name,
        "email": agent.email, "role": agent.role, "active": true, "verified": agent.verified,
        "suspended": agent.suspended, "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
        "time_zone": "UTC", "locale": "en-US", "tags": [],
    })
}

fn show_user(desk: &mut Desk<'_>, id: &str) -> Reply {
    let agent = id.parse().ok().and_then(|id| desk.account().ok()?.agent(id).cloned());
    let agent = agent.ok_or_else(|| explained(404, "RecordNotFound", "Not found"))?;
    Ok(Answer::ok(&json!({"user": user(desk, &agent)})))
}

/// For agents; `api_token_access` is a string there.
fn settings(desk: &mut Desk<'_>, caller: &Caller) -> Reply {
    if caller.agent.role == "end-user" {
        return Err(explained(403, "Forbidden", "You do not have access to this page."));
    }
    let access = desk.account()?.api_token_access.to_string();
    Ok(Answer::ok(&json!({"settings": {"api": {
        "accepted_api_agreement": true, "api_password_access": "false", "api_token_access": access,
        "api_password_access_end_users": false,
    }}})))
}
