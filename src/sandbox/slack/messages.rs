//! Messages: `chat.postMessage`, `chat.update`, `chat.delete`.
//!
//! Where `text` is left out, Slack makes one from the blocks, and that one goes into notifications. The answer to
//! a post echoes the whole message.

use serde_json::{Value, json};

use super::conversations::{reach, shape, visible};
use super::{Desk, Outcome};
use crate::sandbox::world::{Message, World};

const LONGEST_TEXT: usize = 40_000;
const LONGEST_UPDATE: usize = 4_000;
const MOST_BLOCKS: usize = 50;
const LONGEST_SECTION: usize = 3_000;

/// What a message says.
#[derive(Debug)]
struct Content {
    text: String,
    blocks: Option<Value>,
    metadata: Option<Value>,
}

/// `chat.postMessage`
pub(crate) fn post(desk: &mut Desk<'_>) -> Outcome {
    let channel = desk.call.text("channel").ok_or("channel_not_found")?;
    let content = content(desk)?;
    let text = content.text.chars().take(LONGEST_TEXT).collect();
    let index = reach(desk, &channel)?;
    let ts = fresh_ts(desk.world);
    let message = Message {
        ts: ts.clone(),
        user: desk.caller.id.clone(),
        text,
        blocks: content.blocks,
        metadata: content.metadata,
        edited: None,
        deleted: false,
    };
    let channel = desk.world.slack.channels[index].id.clone();
    desk.world.slack.channels[index].messages.push(message.clone());
    Ok(json!({"channel": channel, "ts": ts, "message": shape(desk, &message, true)}))
}

fn content(desk: &Desk<'_>) -> Result<Content, &'static str> {
    let blocks = structured(desk, "blocks").map_err(|()| "invalid_blocks_format")?;
    let metadata = structured(desk, "metadata").map_err(|()| "invalid_metadata_format")?;
    if let Some(blocks) = &blocks {
        check_blocks(blocks)?;
    }
    if metadata.as_ref().is_some_and(|it| !it["event_type"].is_string() || !it["event_payload"].is_object()) {
        return Err("invalid_metadata_format");
    }
    let text = desk.call.text("text").filter(|text| !text.is_empty());
    let text = text.or_else(|| blocks.as_ref().map(text_of));
    Ok(Content { text: text.ok_or("no_text")?, blocks, metadata })
}

/// An object or array, or one written as text, as forms do.
fn structured(desk: &Desk<'_>, name: &str) -> Result<Option<Value>, ()> {
    match desk.call.value(name) {
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
        other => Ok(other.cloned()),
    }
}

fn check_blocks(blocks: &Value) -> Result<(), &'static str> {
    let blocks = blocks.as_array().ok_or("invalid_blocks_format")?;
    let sound = |block: &Value| {
        let length = block["text"]["text"].as_str().map_or(0, |text| text.chars().count());
        block["type"].is_string() && length <= LONGEST_SECTION
    };
    if blocks.len() > MOST_BLOCKS || !blocks.iter().all(sound) { Err("invalid_blocks") } else { Ok(()) }
}

/// All texts in the blocks, one after another.
fn text_of(blocks: &Value) -> String {
    match blocks {
        Value::Array(items) => {
            items.iter().map(text_of).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
        }
        Value::Object(members) => match members.get("text") {
            Some(Value::String(text)) => text.clone(),
            _ => members.values().map(text_of).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" "),
        },
        _ => String::new(),
    }
}

/// The time in microseconds, moved on where it was taken.
fn fresh_ts(world: &mut World) -> String {
    let micros = world.now().as_microsecond().max(world.slack.last_ts + 1);
    world.slack.last_ts = micros;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// One's own message in a conversation that is named by its id, not by a person's.
fn own(desk: &Desk<'_>, foreign: &'static str) -> Result<(usize, usize), &'static str> {
    let (channel, ts) =
        (desk.call.text("channel").unwrap_or_default(), desk.call.text("ts").unwrap_or_default());
    visible(desk, &channel).ok_or("channel_not_found")?;
    let channels = &desk.world.slack.channels;
    let index = channels.iter().position(|it| it.id == channel).ok_or("channel_not_found")?;
    let mut messages = channels[index].messages.iter();
    let message =
        messages.position(|message| message.ts == ts && !message.deleted).ok_or("message_not_found")?;
    let mine = channels[index].messages[message].user == desk.caller.id;
    mine.then_some((index, message)).ok_or(foreign)
}

/// `chat.update`: text without blocks takes the blocks away; metadata that is not given stays.
pub(crate) fn update(desk: &mut Desk<'_>) -> Outcome {
    let (index, position) = own(desk, "cant_update_message")?;
    let content = content(desk)?;
    if content.text.chars().count() > LONGEST_UPDATE {
        return Err("msg_too_long");
    }
    let edited = fresh_ts(desk.world);
    let channel = &mut desk.world.slack.channels[index];
    let message = &mut channel.messages[position];
    (message.text, message.blocks, message.edited) = (content.text, content.blocks, Some(edited));
    message.metadata = content.metadata.or(message.metadata.take());
    let (message, channel) = (message.clone(), channel.id.clone());
    let shown = shape(desk, &message, true);
    Ok(json!({"channel": channel, "ts": message.ts, "text": message.text, "message": shown}))
}

/// `chat.delete`
pub(crate) fn delete(desk: &mut Desk<'_>) -> Outcome {
    let (index, position) = own(desk, "cant_delete_message")?;
    let channel = &mut desk.world.slack.channels[index];
    channel.messages[position].deleted = true;
    Ok(json!({"channel": channel.id, "ts": channel.messages[position].ts}))
}
