//! Slack: finding a person, and handing a credential over to them alone.
//!
//! The conversation is opened first and the message goes to its id, because only with that id can a message of which
//! we do not know whether it was sent be looked for. Posting is never repeated here. The answer of a post repeats
//! the whole message, secret included: no answer is logged, and each is wiped.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::http::Transport;
use super::{Call, Vendor, address};
use crate::domain::ids::{Email, SlackUserId};
use crate::domain::observed::SlackPerson;
use crate::secret::Secret;

mod error;
mod message;
mod shapes;

pub use error::SlackError;
pub use message::OutgoingMessage;

/// Looked for from this much before the post: the two clocks need not agree.
const SKEW: SignedDuration = SignedDuration::from_mins(1);
/// Messages asked for at a time, as Slack recommends.
const PAGE_SIZE: &str = "200";
/// A conversation with our bot that gained 10,000 messages since the post is none we understand.
const MOST_PAGES: usize = 50;

/// A client with one bot token.
#[derive(Debug, Clone)]
pub struct Slack {
    transport: Transport,
    base: Url,
    token: Secret,
}

/// A message Slack says it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The conversation.
    pub channel: String,
    /// The message's timestamp, its id within the conversation.
    pub ts: String,
}

impl Slack {
    /// `base` is `https://slack.com/api`; `token` the bot's.
    pub fn new(transport: Transport, base: Url, token: Secret) -> Self {
        Self { transport, base, token }
    }

    /// The id of the workspace the token belongs to.
    pub async fn team(&self) -> Result<String, SlackError> {
        let team: shapes::Team = self.ask("auth.test", self.posted("auth.test", &json!({}))?).await?;
        Ok(team.team_id)
    }

    /// Who has this address. The caller compares the address on the profile found.
    pub async fn person_by_email(&self, email: &Email) -> Result<SlackPerson, SlackError> {
        let method = "users.lookupByEmail";
        let found: shapes::Found = self.ask(method, self.got(method, &[("email", &email.0)])?).await?;
        Ok(found.user.into())
    }

    /// One account.
    pub async fn person(&self, user: &SlackUserId) -> Result<SlackPerson, SlackError> {
        let found: shapes::Found =
            self.ask("users.info", self.got("users.info", &[("user", &user.0)])?).await?;
        Ok(found.user.into())
    }

    /// The id of our direct conversation with a person; made if there is none yet.
    pub async fn open_conversation(&self, user: &SlackUserId) -> Result<String, SlackError> {
        let method = "conversations.open";
        let opened: shapes::Opened =
            self.ask(method, self.posted(method, &json!({ "users": user.0 }))?).await?;
        Ok(opened.channel.id)
    }

    /// Sends a message, once. After [`SlackError::Ambiguous`]: [`Slack::find_delivery`].
    pub async fn post(&self, message: &OutgoingMessage) -> Result<Posted, SlackError> {
        let call = Call { vendor: Vendor::Slack, operation: "chat.postMessage" };
        let request = self.request_with_body(call.operation, message.body()?)?;
        let answer = error::accepted(self.transport.send(call, request).await)?;
        let posted: shapes::Posted = parsed(&answer)?;
        Ok(Posted { channel: posted.channel, ts: posted.ts })
    }

    /// The timestamp of the message with this delivery id, among those since `since` (less a minute). `None` only
    /// after the whole conversation since then was read.
    pub async fn find_delivery(
        &self,
        channel: &str,
        delivery_id: &str,
        since: Timestamp,
    ) -> Result<Option<String>, SlackError> {
        let oldest = since.saturating_sub(SKEW).unwrap_or(since).as_second().to_string();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let page = self.history(channel, &oldest, &cursor).await?;
            if let Some(ts) = page.delivery(delivery_id) {
                return Ok(Some(ts.to_owned()));
            }
            match page.next() {
                Ok(Some(next)) => cursor = next,
                Ok(None) => return Ok(None),
                Err(()) => break,
            }
        }
        tracing::warn!("Slack's conversation has no readable end");
        Err(SlackError::Ambiguous)
    }

    async fn history(
        &self,
        channel: &str,
        oldest: &str,
        cursor: &str,
    ) -> Result<shapes::History, SlackError> {
        let method = "conversations.history";
        let mut query = vec![
            ("channel", channel),
            ("oldest", oldest),
            ("inclusive", "true"),
            ("include_all_metadata", "true"),
            ("limit", PAGE_SIZE),
        ];
        if !cursor.is_empty() {
            query.push(("cursor", cursor));
        }
        self.ask(method, self.got(method, &query)?).await
    }

    /// Asks what may be asked twice.
    async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<T, SlackError> {
        let call = Call { vendor: Vendor::Slack, operation };
        parsed(&error::accepted(self.transport.send_repeatable(call, request).await)?)
    }

    fn got(&self, method: &str, query: &[(&str, &str)]) -> Result<Request<Bytes>, SlackError> {
        let query = Serializer::new(String::new()).extend_pairs(query).finish();
        let request = Request::get(format!("{}?{query}", address(&self.base, method)));
        request.header(header::AUTHORIZATION, self.bearer()?).body(Bytes::new()).map_err(|_| unbuilt())
    }

    fn posted(&self, method: &str, body: &Value) -> Result<Request<Bytes>, SlackError> {
        self.request_with_body(method, body.to_string().into())
    }

    fn request_with_body(&self, method: &str, body: Bytes) -> Result<Request<Bytes>, SlackError> {
        Request::post(address(&self.base, method))
            .header(header::AUTHORIZATION, self.bearer()?)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body)
            .map_err(|_| unbuilt())
    }

    fn bearer(&self) -> Result<HeaderValue, SlackError> {
        let text = Zeroizing::new(format!("Bearer {}", self.token.expose()));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| SlackError::Operator { code: "token_is_no_header_value".to_owned() })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A success that cannot be read: what was asked for was perhaps done.
fn parsed<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, SlackError> {
    serde_json::from_slice(answer.body()).map_err(|_| SlackError::Ambiguous)
}

fn unbuilt() -> SlackError {
    SlackError::Ours { code: "request_could_not_be_built".to_owned() }
}

#[cfg(test)]
mod tests;
