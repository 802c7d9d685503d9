//! Conversations: opening a direct message, listing, reading back.
//!
//! One sees one's own direct messages and no others. The payload of a message's metadata is given only to who
//! asks with `include_all_metadata`.

use serde_json::{Value, json};

use super::{Desk, Outcome};
use crate::sandbox::world::{Channel, Message, World};

/// `conversations.open` with one user.
pub(crate) fn open(desk: &mut Desk<'_>) -> Outcome {
    let users = desk.call.list("users");
    if let Some(id) = desk.call.text("channel").filter(|_| users.is_none()) {
        let channel = visible(desk, &id).ok_or("channel_not_found")?;
        return Ok(json!({"no_op": true, "already_open": true, "channel": {"id": channel.id}}));
    }
    let users = users.filter(|users| !users.is_empty()).ok_or("users_list_not_supplied")?;
    let [other] = users.as_slice() else { return Err("too_many_users") };
    let person = desk.world.slack.people.iter().find(|person| person.id == *other).ok_or("user_not_found")?;
    if person.deleted {
        return Err("user_disabled");
    }
    let known = direct(desk.world, &desk.caller.id, other).map(|channel| channel.id.clone());
    let prevented = desk.call.flag("prevent_creation").unwrap_or(false) && known.is_none();
    if prevented {
        return Err("channel_not_found");
    }
    let already = known.is_some();
    let id = known.unwrap_or_else(|| create(desk.world, &[desk.caller.id.clone(), other.clone()]));
    let mut body = json!({"channel": {"id": id}});
    if already {
        body["no_op"] = true.into();
        body["already_open"] = true.into();
    }
    if desk.call.flag("return_im").unwrap_or(false) {
        body["channel"]["user"] = other.clone().into();
        body["channel"]["is_im"] = true.into();
    }
    Ok(body)
}

fn direct<'w>(world: &'w World, one: &str, other: &str) -> Option<&'w Channel> {
    let both = |channel: &&Channel| {
        channel.id.starts_with('D')
            && [one, other].iter().all(|id| channel.members.iter().any(|member| member == id))
    };
    world.slack.channels.iter().find(both)
}

fn create(world: &mut World, members: &[String; 2]) -> String {
    let id = format!("D{:09}A", world.slack.channels.len());
    let (created, members, name) = (world.now().as_second(), members.to_vec(), String::new());
    world.slack.channels.push(Channel { id: id.clone(), name, members, created, messages: Vec::new() });
    id
}

/// The conversation a message to `reference` goes to: a channel one sees, or a person's direct message.
pub(crate) fn reach(desk: &mut Desk<'_>, reference: &str) -> Result<usize, &'static str> {
    let person = desk.world.slack.people.iter().find(|person| person.id == reference && !person.deleted);
    if let Some(person) = person.map(|person| person.id.clone())
        && direct(desk.world, &desk.caller.id, &person).is_none()
    {
        create(desk.world, &[desk.caller.id.clone(), person]);
    }
    let id = direct(desk.world, &desk.caller.id, reference).map(|channel| channel.id.clone());
    let id = id.unwrap_or_else(|| reference.to_owned());
    let channel = visible(desk, &id).ok_or("channel_not_found")?;
    if !channel.members.contains(&desk.caller.id) {
        return Err("not_in_channel");
    }
    let deaf =
        |member: &String| desk.world.slack.people.iter().any(|person| person.id == *member && person.deleted);
    // What Slack says of a message to a deactivated person is not documented; this stands for it.
    if channel.id.starts_with('D') && channel.members.iter().any(deaf) {
        return Err("channel_not_found");
    }
    desk.world.slack.channels.iter().position(|channel| channel.id == id).ok_or("channel_not_found")
}

/// A channel that is public or that the caller is in.
pub(crate) fn visible<'d>(desk: &'d Desk<'_>, id: &str) -> Option<&'d Channel> {
    let channel = desk.world.slack.channels.iter().find(|channel| channel.id == id)?;
    (channel.id.starts_with('C') || channel.members.contains(&desk.caller.id)).then_some(channel)
}

/// `conversations.list`; without `types` only public channels.
pub(crate) fn list(desk: &Desk<'_>) -> Value {
    let types = desk.call.list("types").unwrap_or_else(|| vec!["public_channel".to_owned()]);
    let asked = |name: &str| types.iter().any(|kind| kind == name);
    let mine = |channel: &Channel| channel.members.contains(&desk.caller.id);
    let listed = |channel: &&Channel| {
        if channel.id.starts_with('D') { asked("im") && mine(channel) } else { asked("public_channel") }
    };
    let channels = desk.world.slack.channels.iter().filter(listed).map(|channel| {
        if channel.id.starts_with('C') {
            let name = &channel.name;
            return json!({"id": channel.id, "name": name, "is_channel": true, "created": channel.created});
        }
        let other = channel.members.iter().find(|member| **member != desk.caller.id);
        json!({"id": channel.id, "is_im": true, "user": other, "created": channel.created, "is_user_deleted": false})
    });
    json!({"channels": channels.collect::<Vec<_>>(), "response_metadata": {"next_cursor": ""}})
}

/// `conversations.history`: newest first.
pub(crate) fn history(desk: &Desk<'_>) -> Outcome {
    let call = desk.call;
    let channel = visible(desk, &call.text("channel").unwrap_or_default()).ok_or("channel_not_found")?;
    if !channel.members.contains(&desk.caller.id) {
        return Err("not_in_channel");
    }
    let (oldest, latest) = (call.text("oldest"), call.text("latest"));
    let inclusive = call.flag("inclusive").unwrap_or(false);
    let metadata = call.flag("include_all_metadata").unwrap_or(false);
    let within = |message: &&Message| {
        let ts = micros(&message.ts);
        let after =
            oldest.as_deref().map(micros).is_none_or(|bound| ts > bound || (inclusive && ts == bound));
        let before =
            latest.as_deref().map(micros).is_none_or(|bound| ts < bound || (inclusive && ts == bound));
        !message.deleted && after && before
    };
    let found: Vec<&Message> = channel.messages.iter().rev().filter(within).collect();
    let limit =
        call.number("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).clamp(1, 999);
    let skip =
        call.text("cursor").and_then(|cursor| cursor.strip_prefix("next_").and_then(|at| at.parse().ok()));
    let skip: usize = skip.unwrap_or(0);
    let more = found.len() > skip + limit;
    let shown = found.iter().skip(skip).take(limit).map(|message| shape(desk, message, metadata));
    let mut body = json!({"messages": shown.collect::<Vec<_>>(), "has_more": more, "pin_count": 0});
    if more {
        body["response_metadata"] = json!({"next_cursor": format!("next_{}", skip + limit)});
    }
    Ok(body)
}

/// A `ts` in microseconds; `1700000000` and `1700000000.5` are read as well.
fn micros(ts: &str) -> i64 {
    let (whole, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let whole: i64 = whole.parse().unwrap_or(0);
    whole.saturating_mul(1_000_000).saturating_add(fraction.parse().unwrap_or(0))
}

/// A message as it is shown.
pub(crate) fn shape(desk: &Desk<'_>, message: &Message, with_metadata: bool) -> Value {
    let mut shape = json!({
        "type": "message", "user": message.user, "text": message.text, "ts": message.ts,
        "team": desk.world.slack.team_id,
    });
    let author = desk.world.slack.people.iter().find(|person| person.id == message.user);
    if let Some(bot_id) = author.and_then(|person| person.bot_id.as_ref()) {
        shape["bot_id"] = bot_id.clone().into();
        shape["app_id"] = "A0COUNTERS".into();
    }
    if let Some(blocks) = &message.blocks {
        shape["blocks"] = blocks.clone();
    }
    if let Some(metadata) = &message.metadata {
        shape["metadata"] =
            if with_metadata { metadata.clone() } else { json!({"event_type": metadata["event_type"]}) };
    }
    if let Some(edited) = &message.edited {
        shape["edited"] = json!({"user": message.user, "ts": edited});
    }
    shape
}
