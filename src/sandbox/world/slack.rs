//! What Slack remembers.

use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Slack {
    pub(crate) team_id: String,
    pub(crate) team: String,
    pub(crate) people: Vec<Person>,
    pub(crate) channels: Vec<Channel>,
    /// The last `ts` given, in microseconds; a `ts` is never given twice.
    pub(crate) last_ts: i64,
}

/// A person or a bot.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) real_name: String,
    pub(crate) email: String,
    /// The workspace of the account: another one's for a guest of a shared channel.
    pub(crate) team_id: String,
    pub(crate) token: String,
    /// Only for a bot.
    pub(crate) bot_id: Option<String>,
    pub(crate) deleted: bool,
    pub(crate) is_restricted: bool,
    pub(crate) is_ultra_restricted: bool,
    pub(crate) updated: i64,
}

/// A conversation: `D…` between two, or the public `C…`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    /// Empty for a direct message.
    pub(crate) name: String,
    pub(crate) members: Vec<String>,
    pub(crate) created: i64,
    pub(crate) messages: Vec<Message>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    pub(crate) ts: String,
    pub(crate) user: String,
    pub(crate) text: String,
    pub(crate) blocks: Option<Value>,
    pub(crate) metadata: Option<Value>,
    /// The `ts` of the last edit.
    pub(crate) edited: Option<String>,
    /// Deleted messages stay for the tests to see; no face shows them.
    pub(crate) deleted: bool,
}
