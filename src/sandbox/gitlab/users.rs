//! Users, and one's own token.

use serde_json::{Value, json};

use super::access::not_found;
use super::{Desk, pages, shapes};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::{millis, or_null};
use crate::sandbox::world::User;

/// `GET /user`: oneself, with the e-mail address.
pub(crate) fn me(desk: &Desk<'_>) -> Reply {
    let user = desk.world.gitlab.users.get(&desk.actor).ok_or_else(|| not_found("User"))?;
    let mut shape = public(desk, user);
    shape["email"] = user.email.clone().into();
    shape["commit_email"] = user.email.clone().into();
    shape["two_factor_enabled"] = true.into();
    shape["external"] = false.into();
    shape["identities"] = json!([]);
    Ok(Answer::ok(&shape))
}

/// `GET /users?username=`: exact, whatever the case. Addresses are not shown.
pub(crate) fn list(desk: &Desk<'_>) -> Answer {
    let users = desk.world.gitlab.users.values();
    let username = desk.call.text("username");
    let search = desk.call.text("search");
    let wanted = |user: &&User| {
        username.as_ref().is_none_or(|name| user.username.eq_ignore_ascii_case(name))
            && search.as_ref().is_none_or(|text| user.username.contains(text) || user.name.contains(text))
    };
    let users: Vec<&User> = users.filter(wanted).collect();
    pages::answer(desk, &users, |user| Some(shapes::user_basic(desk.world, user.id)))
}

/// `GET /users/:id`
pub(crate) fn show(desk: &Desk<'_>, id: &str) -> Reply {
    let user = id.parse().ok().and_then(|id: u64| desk.world.gitlab.users.get(&id));
    user.map(|user| Answer::ok(&public(desk, user))).ok_or_else(|| not_found("User"))
}

fn public(desk: &Desk<'_>, user: &User) -> Value {
    let mut shape = shapes::user_basic(desk.world, user.id);
    shape["created_at"] = millis(user.created_at).into();
    shape["bot"] = user.bot.into();
    for name in ["bio", "location", "linkedin", "twitter", "website_url", "organization"] {
        shape[name] = "".into();
    }
    shape["job_title"] = "".into();
    shape["followers"] = 0.into();
    shape["following"] = 0.into();
    shape
}

/// `GET /personal_access_tokens/self`
pub(crate) fn own_token(desk: &Desk<'_>) -> Reply {
    let given = desk.call.header("private-token").or_else(|| desk.call.bearer());
    let token = desk.world.gitlab.tokens.iter().find(|token| Some(token.token.as_str()) == given);
    let token = token.ok_or_else(|| not_found("Token"))?;
    Ok(Answer::ok(&json!({
        "id": token.id, "name": token.name, "revoked": false, "created_at": millis(token.created_at),
        "description": null, "scopes": token.scopes, "user_id": token.user_id,
        "last_used_at": or_null(token.last_used_at, millis), "active": true, "granular": false,
        "expires_at": token.expires_at, "last_used_ips": ["127.0.0.1"],
    })))
}
