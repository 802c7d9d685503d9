//! The row of one try at minting and handing over: what may exist at Zendesk because of it, and how far it came.
//!
//! It holds everything by which that can be found and taken away again, and never a secret. Fields that came later have
//! a default, so that rows of earlier releases are finished as they were begun.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{CredentialId, SlackUserId, ZendeskUserId};
use crate::domain::terms::Kind;

/// One try at minting and handing over. Its row is written before the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Unique within the request; starts at 1.
    pub number: u32,
    /// The generation it belongs to.
    pub generation: u32,
    /// Random; tells two attempts of the same name apart.
    pub nonce: String,
    /// The instance's key.
    pub instance: String,
    /// The kind of credential.
    pub kind: Kind,
    /// The exact name.
    pub name: String,
    /// What its OAuth client logs in with: made of the nonce, so that nobody can make one of that identifier first.
    #[serde(default)]
    pub identifier: Option<String>,
    /// Who owns it at Zendesk: for an API token our own user.
    pub owner: ZendeskUserId,
    /// What was listed under that name before.
    pub listed_before: Vec<CredentialId>,
    /// When the row was written.
    pub intent_at: Timestamp,
    /// When the create call has certainly ended.
    pub deadline: Timestamp,
    /// How far it came.
    pub state: AttemptState,
    /// Zendesk's id, once known: of the API token, or of the OAuth client.
    pub credential: Option<CredentialId>,
    /// Access tokens of its OAuth client that were seen. What else the client has is found by its id.
    #[serde(default)]
    pub tokens: Vec<CredentialId>,
    /// Since then its OAuth client has a new secret that nobody knows.
    #[serde(default)]
    pub secret_discarded_at: Option<Timestamp>,
    /// When the credential was created.
    pub minted_at: Option<Timestamp>,
    /// Whether it was ever seen in a list: only then does "not listed" mean gone at once.
    pub seen_listed: bool,
    /// We asked Zendesk to delete it.
    #[serde(default)]
    pub touched: bool,
    /// It was handed over, and since then it is not listed: perhaps somebody deleted it by hand.
    #[serde(default)]
    pub missing_since: Option<Timestamp>,
    /// It was seen to be switched off: its holder can do nothing with it any more, and it waits to be deleted.
    #[serde(default)]
    pub switched_off_at: Option<Timestamp>,
    /// It was gone before we took it away.
    #[serde(default)]
    pub found_gone: bool,
    /// The message that carries it.
    pub delivery: Option<Delivery>,
    /// Looks in this state for what an unanswered call may have done.
    pub looks: Vec<Timestamp>,
    /// Calls in a row that failed in this state.
    #[serde(default)]
    pub failures: u32,
    /// No call before this.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
}

/// How far an attempt came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AttemptState {
    /// The create call may be under way; if the process is gone, nobody knows.
    Intended,
    /// Zendesk definitely made nothing.
    NotMade,
    /// Looked for three times and not found; late looks go on for an hour.
    NotFound,
    /// It exists; the secret is in the memory of the process that made it.
    Minted,
    /// The message may be under way.
    Sending,
    /// Slack has the message.
    Delivered,
    /// To be taken away.
    TakingAway {
        /// Why, for people.
        why: TakeAwayReason,
    },
    /// Proven gone.
    Gone,
}

/// Why a minted credential is taken away before it was handed over, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeAwayReason {
    /// The process that held the secret ended.
    SecretLost,
    /// Slack refused for good.
    DeliveryRefused,
    /// Slack did not take it for ten minutes.
    DeliveryTooSlow,
    /// Nobody knows whether the message went, and it was not found.
    DeliveryUnknown,
    /// The credential has another name or does not work.
    WrongCredential,
    /// The create call was not answered; this was found afterwards.
    Unanswered,
    /// No access token came of its OAuth client.
    NoToken,
    /// The issue is gone or was taken back.
    RequestGone,
    /// Issuing was stopped, by a person or by a twin that was found, before it was handed over.
    Stopped,
    /// The end of an active credential.
    Ending,
}

/// The message that carries a secret. Not the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Random and opaque; in the message's metadata.
    pub id: String,
    /// The direct-message channel (`D…`).
    pub channel: String,
    /// To whom.
    pub slack_user: SlackUserId,
    /// When the send call was begun.
    pub sent_at: Timestamp,
    /// Slack's id of the message (`ts`), once known.
    pub message: Option<String>,
}

impl Attempt {
    /// Notes an access token that its client fetched, once.
    pub fn note_token(&mut self, token: CredentialId) {
        if !self.tokens.contains(&token) {
            self.tokens.push(token);
        }
    }

    /// Whether something of it may still be alive, or on its way.
    pub fn is_unsettled(&self) -> bool {
        !matches!(self.state, AttemptState::NotMade | AttemptState::NotFound | AttemptState::Gone)
    }

    /// Whether the ledger calls its credential live: handed over and not yet to be taken away.
    pub fn is_live(&self) -> bool {
        self.state == AttemptState::Delivered
    }
}

impl AttemptState {
    /// One word, as the database and the log have it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::NotMade => "not_made",
            Self::NotFound => "not_found",
            Self::Minted => "minted",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::TakingAway { .. } => "taking_away",
            Self::Gone => "gone",
        }
    }
}
