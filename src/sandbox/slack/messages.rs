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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    async fn call(stage: &Stage, token: &str, method: &str, body: Value) -> Value {
        let request = stage.client.post(format!("{}/{method}", stage.sandbox.slack_url())).bearer_auth(token);
        let request =
            request.header("content-type", "application/json; charset=utf-8").body(body.to_string());
        let seen = stage.send(request).await.unwrap();
        assert_eq!(seen.status, 200);
        seen.body
    }

    fn bot(stage: &Stage) -> String {
        let world = stage.sandbox.world();
        let world = world.lock().unwrap();
        world.slack.people.iter().find(|person| person.bot_id.is_some()).unwrap().token.clone()
    }

    async fn direct(stage: &Stage) -> Value {
        let open = json!({"users": stage.person("requester")["slack_id"]});
        call(stage, &bot(stage), "conversations.open", open).await["channel"]["id"].clone()
    }

    #[tokio::test]
    async fn a_direct_message_is_read_by_its_two_and_nobody_else() {
        let stage = Stage::set().await;
        let channel = direct(&stage).await;
        let metadata = json!({"event_type": "handover", "event_payload": {"delivery_id": "d1"}});
        let message = json!({"channel": channel, "text": "Here", "metadata": metadata});
        let sent = call(&stage, &bot(&stage), "chat.postMessage", message).await;
        assert_eq!((&sent["ok"], &sent["message"]["text"]), (&json!(true), &json!("Here")));
        let token = |role: &str| stage.person(role)["slack_token"].as_str().unwrap().to_owned();
        let asked = json!({"channel": channel, "include_all_metadata": true});
        let seen = call(&stage, &token("requester"), "conversations.history", asked.clone()).await;
        assert_eq!((&seen["messages"][0]["ts"], &seen["messages"][0]["metadata"]), (&sent["ts"], &metadata));
        let seen = call(&stage, &token("manager"), "conversations.history", asked).await;
        assert_eq!(seen["error"], "channel_not_found");
        let seen = call(&stage, &bot(&stage), "conversations.history", json!({"channel": channel})).await;
        assert_eq!(seen["messages"][0]["metadata"], json!({"event_type": "handover"}));
        assert_eq!(direct(&stage).await, channel);
    }

    #[tokio::test]
    async fn a_text_left_out_is_made_from_the_blocks() {
        let stage = Stage::set().await;
        let channel = direct(&stage).await;
        let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "the secret"}}]);
        let sent =
            call(&stage, &bot(&stage), "chat.postMessage", json!({"channel": channel, "blocks": blocks}))
                .await;
        assert_eq!(sent["message"]["text"], "the secret");
        let update = json!({"channel": channel, "ts": sent["ts"], "text": "gone"});
        let seen = call(&stage, &bot(&stage), "chat.update", update).await;
        assert_eq!((&seen["text"], seen["message"].get("blocks")), (&json!("gone"), None));
        let seen =
            call(&stage, &bot(&stage), "chat.delete", json!({"channel": channel, "ts": sent["ts"]})).await;
        assert_eq!(seen["ok"], true);
        let seen = call(&stage, &bot(&stage), "conversations.history", json!({"channel": channel})).await;
        assert_eq!(seen["messages"], json!([]));
    }

    #[tokio::test]
    async fn errors_have_slacks_names() {
        let stage = Stage::set().await;
        let channel = direct(&stage).await;
        let cases = [
            ("chat.postMessage", json!({"channel": channel}), "no_text"),
            ("chat.postMessage", json!({"channel": "D0", "text": "x"}), "channel_not_found"),
            ("chat.postMessage", json!({"channel": "C00GENERAL", "text": "x"}), "not_in_channel"),
            (
                "chat.postMessage",
                json!({"channel": channel, "text": "x", "blocks": "{"}),
                "invalid_blocks_format",
            ),
            ("conversations.open", json!({"users": "U0"}), "user_not_found"),
            ("users.lookupByEmail", json!({"email": "robin@example.com"}), "invalid_arguments"),
            ("chat.update", json!({"channel": channel, "ts": "1.0", "text": "x"}), "message_not_found"),
            ("admin.all", json!({}), "unknown_method"),
        ];
        for (method, body, error) in cases {
            assert_eq!(call(&stage, &bot(&stage), method, body).await["error"], error, "{method}");
        }
        assert_eq!(call(&stage, "xoxb-wrong", "auth.test", json!({})).await["error"], "invalid_auth");
    }

    #[tokio::test]
    async fn people_are_found_with_what_is_wrong_with_them() {
        let stage = Stage::set().await;
        stage.control("people/101", json!({"slack": {"deleted": true}})).await;
        let look = |email: &str| {
            let url = format!("{}/users.lookupByEmail?email={email}", stage.sandbox.slack_url());
            stage.client.get(url).bearer_auth(bot(&stage))
        };
        let seen = stage.send(look("Robin@example.com")).await.unwrap().body;
        assert_eq!(
            (&seen["user"]["deleted"], &seen["user"]["profile"]["email"]),
            (&json!(true), &json!("robin@example.com"))
        );
        assert_eq!(stage.send(look("cory@example.com")).await.unwrap().body["user"]["is_restricted"], true);
        assert_eq!(stage.send(look("x@example.com")).await.unwrap().body["error"], "users_not_found");
        let open = json!({"users": stage.person("requester")["slack_id"]});
        assert_eq!(call(&stage, &bot(&stage), "conversations.open", open).await["error"], "user_disabled");
    }
}
