//! The world behind the three faces: plain data.
//!
//! Everything a vendor would remember is here, under one lock, and changes only by a call to a face or to the
//! control. Nothing checks anything: what is allowed is the faces' business. The whole world can be written out
//! as JSON, secrets included, since nothing in it is real.

mod gitlab;
mod slack;
mod zendesk;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::gitlab::{
    AccessToken, Delivery, Effect, GitLab, Group, Hook, Issue, Label, LabelEvent, Member, Note, Owner,
    Project, StateEvent, StoredFile, User,
};
pub(crate) use self::slack::{Channel, Message, Person, Slack};
pub(crate) use self::zendesk::{Account, Agent, ApiToken, AuditLog, Bearer, Client, Quirks, Source};
use crate::clock::{AdjustableClock, Clock as _, SharedRandomness};
use crate::sandbox::faults::{Fault, LateCall};
use crate::sandbox::record::Record;

/// All that the three vendors know.
#[derive(Debug, Serialize)]
pub struct World {
    #[serde(skip)]
    pub(crate) clock: Arc<AdjustableClock>,
    #[serde(skip)]
    pub(crate) randomness: SharedRandomness,
    /// `http://127.0.0.1:PORT`
    pub(crate) base_url: String,
    pub(crate) gitlab: GitLab,
    /// By the key that is in the address: `/zendesk/KEY`.
    pub(crate) zendesk: BTreeMap<String, Account>,
    pub(crate) slack: Slack,
    pub(crate) calls: Vec<LoggedCall>,
    pub(crate) faults: Vec<Fault>,
    #[serde(skip)]
    pub(crate) late: Vec<LateCall>,
    /// Whoever wants to know what is said.
    #[serde(skip)]
    pub(crate) record: Option<Record>,
}

/// One line of the log of calls; bodies are left out.
#[derive(Debug, Serialize)]
pub(crate) struct LoggedCall {
    pub(crate) vendor: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// What the face answered; 0 where no face was reached or its answer was lost.
    pub(crate) status: u16,
    pub(crate) at: Timestamp,
}

impl World {
    /// Everything, as JSON; what `GET /control/world` answers.
    pub fn dump(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// How many messages Slack has taken.
    pub fn messages(&self) -> usize {
        self.slack.channels.iter().map(|channel| channel.messages.len()).sum()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `length` random letters and digits.
    pub(crate) fn random_text(&self, length: usize) -> String {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut bytes = vec![0; length];
        self.randomness.fill(&mut bytes);
        bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
    }

    /// Thirty-two random bytes in base64.
    pub(crate) fn random_key(&self) -> String {
        let mut bytes = [0; 32];
        self.randomness.fill(&mut bytes);
        STANDARD.encode(bytes)
    }
}
