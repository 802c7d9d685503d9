//! A plan: what to remember, what to do, what to write down, what to show, and when to look again.
//!
//! It leaves no choices to whoever carries it out, except for identifiers that must be random.

use jiff::Timestamp;
use serde_json::Value;

use super::ids::{CredentialId, UserId};
use super::phase::EndReason;
use super::record::{Attempt, Record};
use super::snapshot::{Doubt, Pause, Successor};
use super::terms::{Difference, Kind, Terms};

/// What follows from one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to remember. `None`: this issue is no request, and is left alone.
    pub record: Option<Record>,
    /// Rows of the ledger that change.
    pub attempts: Vec<Attempt>,
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// Orders that were carried out, or had nothing to do.
    pub orders_done: Vec<String>,
    /// What to write down, in the transaction of the record.
    pub events: Vec<Event>,
    /// What the comment shows besides the record.
    pub status: Status,
    /// When to look again if nothing happens before. `None`: only if something happens.
    pub next_look: Option<Timestamp>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Tell people by Slack that their approval is awaited.
    Remind {
        /// Whom, by GitLab id.
        to: Vec<UserId>,
        /// What.
        text: String,
    },
    /// Tell one person something by Slack, once.
    Tell {
        /// Which of the record's notices.
        place: usize,
        /// Whom, by GitLab id.
        to: UserId,
        /// What.
        text: String,
    },
    /// End an active credential, if the brake lets it.
    EndUnderBrake {
        /// Why.
        why: EndReason,
    },
    /// Take a label off the issue.
    RemoveLabel {
        /// Its title.
        name: String,
    },
    /// Close the issue.
    CloseIssue,
    /// Make a credential and send it.
    Mint(Box<Mint>),
    /// Send the secret that this process holds.
    Send {
        /// Number of the attempt.
        attempt: u32,
    },
    /// Look in the conversation for a message that may have gone.
    LookForDelivery {
        /// Number of the attempt.
        attempt: u32,
    },
    /// Look at Zendesk for what an unanswered call may have made.
    LookForUnanswered {
        /// Number of the attempt.
        attempt: u32,
    },
    /// Take a credential away, and prove it gone.
    TakeAway {
        /// Number of the attempt.
        attempt: u32,
    },
}

/// What to mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// Number of the attempt.
    pub number: u32,
    /// Its generation.
    pub generation: u32,
    /// What both people approved.
    pub terms: Terms,
    /// What is listed under that name already.
    pub listed_before: Vec<CredentialId>,
}

/// Something for the audit chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Dotted, e.g. `approval.bound`.
    pub kind: &'static str,
    /// Its particulars. Never a secret.
    pub detail: Value,
}

impl Event {
    /// An event with its particulars.
    pub fn new(kind: &'static str, detail: Value) -> Self {
        Self { kind, detail }
    }
}

/// What the comment shows besides the record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// What would be issued, as far as it is known.
    pub terms: Option<Terms>,
    /// Who may give the manager's approval; the manager first.
    pub managers: Vec<UserId>,
    /// The kinds that the instance offers.
    pub kinds: Vec<Kind>,
    /// The provisioners of the instance.
    pub provisioners: Vec<UserId>,
    /// Groups whose members are provisioners of the instance.
    pub provisioner_groups: Vec<String>,
    /// Nothing may be issued anywhere.
    pub halted: bool,
    /// A person stopped issuing for a while.
    pub paused: Option<Pause>,
    /// Labels are no longer taken off for a while.
    pub removals_capped: bool,
    /// An earlier credential must be gone before anything new can begin.
    pub waits_for_gone: bool,
    /// It cannot be told whether the label that revokes counts.
    pub revocation_unknown: Option<Doubt>,
    /// How the terms differ from those of the request that this one extends.
    pub compared: Option<Vec<Difference>>,
    /// Requests that extend this one.
    pub successors: Vec<Successor>,
    /// When the credential of each who left is taken away, in the order of the record; `None`: it is only told.
    pub leavers_end: Vec<Option<Timestamp>>,
    /// User names, to show.
    pub names: std::collections::BTreeMap<UserId, String>,
}
