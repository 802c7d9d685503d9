//! Slack's JSON, as little of it as we need. Source: Slack "Web API methods".

use serde::Deserialize;
use serde_json::Value;

use super::message::EVENT_TYPE;
use crate::domain::ids::{Email, SlackUserId};
use crate::domain::observed::SlackPerson;

/// Slack's own helper is the one bot that is not marked as one.
const SLACKBOT: &str = "USLACKBOT";

#[derive(Deserialize)]
pub(super) struct Team {
    pub(super) team_id: String,
}

#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) user: User,
}

#[expect(clippy::struct_excessive_bools, reason = "these are Slack's own marks, each by itself")]
#[derive(Deserialize)]
pub(super) struct User {
    id: SlackUserId,
    team_id: String,
    deleted: bool,
    is_bot: bool,
    /// Left out for accounts that are deleted.
    #[serde(default)]
    is_restricted: bool,
    #[serde(default)]
    is_ultra_restricted: bool,
    profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    email: Option<Email>,
}

impl From<User> for SlackPerson {
    fn from(user: User) -> Self {
        Self {
            bot: user.is_bot || user.id.0 == SLACKBOT,
            id: user.id,
            team: user.team_id,
            email: user.profile.email,
            deleted: user.deleted,
            guest: user.is_restricted || user.is_ultra_restricted,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Opened {
    pub(super) channel: Channel,
}

#[derive(Deserialize)]
pub(super) struct Channel {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct History {
    messages: Vec<Message>,
    #[serde(default)]
    has_more: bool,
    response_metadata: Option<Cursor>,
}

#[derive(Deserialize)]
struct Cursor {
    #[serde(default)]
    next_cursor: String,
}

#[derive(Deserialize)]
struct Message {
    ts: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    event_type: Option<String>,
    #[serde(default)]
    event_payload: Value,
}

impl History {
    /// The timestamp of the message that carries this delivery.
    pub(super) fn delivery(&self, delivery_id: &str) -> Option<&str> {
        let carries = |metadata: &Metadata| {
            metadata.event_type.as_deref() == Some(EVENT_TYPE)
                && metadata.event_payload["delivery_id"].as_str() == Some(delivery_id)
        };
        let found = self.messages.iter().find(|message| message.metadata.as_ref().is_some_and(carries));
        found.map(|message| message.ts.as_str())
    }

    /// `Ok(None)` at the end; `Err` where Slack says there is more and not where.
    pub(super) fn next(self) -> Result<Option<String>, ()> {
        let cursor = self.response_metadata.map(|metadata| metadata.next_cursor).unwrap_or_default();
        match (self.has_more, cursor.is_empty()) {
            (_, false) => Ok(Some(cursor)),
            (false, true) => Ok(None),
            (true, true) => Err(()),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Posted {
    pub(super) channel: String,
    pub(super) ts: String,
}
