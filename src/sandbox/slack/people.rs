//! Who there is: `auth.test`, `users.lookupByEmail`, `users.info`.
//!
//! A deactivated person is still found; only `deleted` tells.

use serde_json::{Value, json};

use super::{Desk, Outcome};
use crate::sandbox::world::Person;

/// `auth.test`
pub(crate) fn whoami(desk: &Desk<'_>) -> Value {
    let (slack, caller) = (&desk.world.slack, &desk.caller);
    let mut body = json!({
        "url": "https://company.slack.com/", "team": slack.team, "team_id": slack.team_id,
        "user": caller.name, "user_id": caller.id, "is_enterprise_install": false,
    });
    if let Some(bot_id) = &caller.bot_id {
        body["bot_id"] = bot_id.clone().into();
    }
    body
}

/// `users.lookupByEmail`; a JSON body is not read.
pub(crate) fn by_email(desk: &Desk<'_>) -> Outcome {
    let email = unless_json(desk, "email").ok_or("invalid_arguments")?;
    let mut people = desk.world.slack.people.iter();
    let person = people.find(|person| person.email.eq_ignore_ascii_case(&email)).ok_or("users_not_found")?;
    Ok(json!({"user": user(person)}))
}

/// `users.info`; a JSON body is not read.
pub(crate) fn info(desk: &Desk<'_>) -> Outcome {
    let id = unless_json(desk, "user").ok_or("user_not_found")?;
    let person = desk.world.slack.people.iter().find(|person| person.id == id).ok_or("user_not_found")?;
    Ok(json!({"user": user(person)}))
}

fn unless_json(desk: &Desk<'_>, name: &str) -> Option<String> {
    desk.call.text(name).filter(|_| !desk.call.is_json)
}

fn user(person: &Person) -> Value {
    let is_bot = person.bot_id.is_some();
    let mut profile = json!({
        "real_name": person.real_name, "real_name_normalized": person.real_name, "display_name": person.name,
        "display_name_normalized": person.name, "team": person.team_id, "status_text": "",
        "status_emoji": "", "avatar_hash": "ge3b51ca72de",
    });
    if !is_bot {
        profile["email"] = person.email.clone().into();
    }
    json!({
        "id": person.id, "team_id": person.team_id, "name": person.name, "deleted": person.deleted,
        "color": "9f69e7", "real_name": person.real_name, "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0,
        "profile": profile, "is_admin": false, "is_owner": false, "is_primary_owner": false,
        "is_restricted": person.is_restricted, "is_ultra_restricted": person.is_ultra_restricted,
        "is_bot": is_bot, "is_app_user": false, "updated": person.updated, "has_2fa": true,
    })
}
