//! The message that hands a credential over, on its way to Slack.
//!
//! The secret is in the blocks and nowhere else: `text` is what notifications and lock screens show, and the metadata
//! can be read by every app of the workspace, so that holds a random delivery id only. The blocks are a type that
//! cannot be shown and is wiped; so is the request's body that they are written into.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::json;
use zeroize::Zeroizing;

use super::error::SlackError;
use crate::secret::MintedSecret;

/// The type of the metadata by which a delivery is found again.
pub(super) const EVENT_TYPE: &str = "countersign_delivery";

/// A message that has not been sent.
pub struct OutgoingMessage {
    /// The conversation (`D…`), from [`super::Slack::open_conversation`].
    pub channel: String,
    /// Shown in notifications and read aloud: no secret, below 4,000 characters.
    pub text: String,
    /// What is shown in the conversation: a JSON array of Block Kit blocks, the secret among them.
    pub blocks: MintedSecret,
    /// A random UUID, by which the message is found again.
    pub delivery_id: String,
}

impl OutgoingMessage {
    /// The body of `chat.postMessage`, wiped when the last of its readers is done.
    pub(super) fn body(&self) -> Result<Bytes, SlackError> {
        let blocks = self.blocks.expose().trim();
        if !blocks.starts_with('[') || serde_json::from_str::<IgnoredAny>(blocks).is_err() {
            return Err(SlackError::Ours { code: "invalid_blocks".to_owned() });
        }
        let rest = json!({
            "channel": self.channel,
            "text": self.text,
            "metadata": { "event_type": EVENT_TYPE, "event_payload": { "delivery_id": self.delivery_id } },
            // Not documented as an argument, yet the method has errors for it: a second belt against doubles.
            "client_msg_id": self.delivery_id,
            "unfurl_links": false,
            "unfurl_media": false,
        })
        .to_string();
        // Written once into a buffer that never grows, so that no copy of the secret is left behind in memory.
        let mut body = Vec::with_capacity(rest.len() + blocks.len() + 16);
        body.extend_from_slice(br#"{"blocks":"#);
        body.extend_from_slice(blocks.as_bytes());
        body.push(b',');
        body.extend_from_slice(&rest.as_bytes()[1..]);
        Ok(Bytes::from_owner(Zeroizing::new(body)))
    }
}
