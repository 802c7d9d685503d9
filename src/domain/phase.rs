//! Where a request stands: an enum whose variants carry what that phase has.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::UserId;
use super::record::Sign;
use super::snapshot::Role;
use super::terms::Kind;

/// The phases of the rules. `since` is when the phase was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Before the first look was recorded.
    New,
    /// The form has faults. Where we closed the issue, it must be reopened.
    Incomplete {
        /// Entered.
        since: Timestamp,
        /// Our closing, and whether it was seen to have happened.
        closing: Closing,
    },
    /// Waiting for the manager's label.
    AwaitingManager {
        /// Entered.
        since: Timestamp,
    },
    /// Waiting for the provisioner's label.
    AwaitingProvisioner {
        /// Entered.
        since: Timestamp,
    },
    /// Both approvals count; a credential is being minted.
    Issuing {
        /// Entered.
        since: Timestamp,
    },
    /// A credential exists and is on its way to its person.
    Delivering {
        /// Entered.
        since: Timestamp,
    },
    /// Handed over.
    Active {
        /// Entered.
        since: Timestamp,
        /// When it will be taken away.
        ends_at: Timestamp,
    },
    /// Being taken away, until that is proven.
    Ending {
        /// Entered.
        since: Timestamp,
        /// Why.
        why: EndReason,
    },
    /// Proven gone.
    Ended {
        /// Entered.
        since: Timestamp,
        /// Why.
        why: EndReason,
        /// It was gone before we took it away.
        found_gone: bool,
        /// Closing of the issue.
        closing: Closing,
    },
    /// A person must look.
    Blocked {
        /// Entered.
        since: Timestamp,
        /// Why.
        why: BlockReason,
    },
    /// Never to be issued: moved, cloned, or nobody's.
    Refused {
        /// Entered.
        since: Timestamp,
        /// Why.
        why: RefuseReason,
    },
    /// A person or the policy said no.
    Denied {
        /// Entered.
        since: Timestamp,
        /// Why.
        why: DenyReason,
        /// Closing of the issue.
        closing: Closing,
    },
    /// Taken back.
    Withdrawn {
        /// Entered.
        since: Timestamp,
        /// Why.
        why: WithdrawReason,
        /// Closing of the issue.
        closing: Closing,
    },
}

/// How far the closing of an issue has come. Reopening is only seen against a closing that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// It stays open.
    No,
    /// We want it closed and have not seen it so.
    Wanted,
    /// It was seen closed.
    Seen,
}

/// Why a credential ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum EndReason {
    /// Its end date came.
    Due,
    /// Somebody revoked it with `countersign revoke`.
    Revoked {
        /// Their words.
        why: String,
    },
    /// Somebody who may put the label on that revokes.
    RevokedByLabel {
        /// Who.
        by: UserId,
        /// Their user name at that time.
        username: String,
    },
    /// Somebody it rests on left, and did not come back in time.
    Left {
        /// Which of them.
        who: Role,
        /// How it was seen.
        sign: Sign,
    },
    /// It was found gone at Zendesk.
    FoundGone,
}

/// Why a person must look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum BlockReason {
    /// The issue is gone, hidden from us, moved or no issue any more.
    IssueGone,
    /// Zendesk refuses for good to create this kind.
    CreationRefused,
    /// Zendesk gave a credential that has another name or does not work.
    WrongCredential,
    /// Slack refuses for good to deliver.
    DeliveryRefused {
        /// Slack's error code.
        code: String,
    },
    /// Zendesk has a live credential of this name, made by us, that we do not remember.
    UnknownCredential,
    /// Three attempts of this generation failed.
    TooManyAttempts,
}

/// Why nothing will ever be issued for this issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefuseReason {
    /// It was moved here or away.
    Moved,
    /// It is a clone.
    Cloned,
    /// Its author's account does not exist.
    NoAuthor,
}

/// Why it was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum DenyReason {
    /// The requester says that admin access is not needed, which an API token always has.
    AdminNotNeeded {
        /// The kinds with scopes that the instance offered then.
        #[serde(default)]
        instead: Vec<Kind>,
    },
    /// The manager or a provisioner closed the issue.
    ClosedBy {
        /// Who.
        by: UserId,
    },
    /// The manager or a provisioner applied the label for it.
    LabelledBy {
        /// Who.
        by: UserId,
    },
}

/// Why it was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum WithdrawReason {
    /// Somebody closed the issue: its author, or a person with no part in it.
    ClosedBy {
        /// Who, where GitLab says so.
        by: Option<UserId>,
    },
    /// Nobody decided in time.
    TooLong,
    /// Somebody who may put the label on that revokes before anything was handed over.
    RevokedByLabel {
        /// Who.
        by: UserId,
        /// Their user name at that time.
        username: String,
    },
    /// Somebody ran `countersign revoke` before anything was issued.
    Revoked {
        /// Their words.
        why: String,
    },
}

impl Phase {
    /// One word, as the database, the log and `show` have it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Incomplete { .. } => "incomplete",
            Self::AwaitingManager { .. } => "awaiting_manager",
            Self::AwaitingProvisioner { .. } => "awaiting_provisioner",
            Self::Issuing { .. } => "issuing",
            Self::Delivering { .. } => "delivering",
            Self::Active { .. } => "active",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
            Self::Blocked { .. } => "blocked",
            Self::Refused { .. } => "refused",
            Self::Denied { .. } => "denied",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }

    /// Words for people.
    pub fn title(&self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Incomplete { .. } => "Incomplete",
            Self::AwaitingManager { .. } => "Waiting for the manager",
            Self::AwaitingProvisioner { .. } => "Waiting for the provisioner",
            Self::Issuing { .. } => "Issuing",
            Self::Delivering { .. } => "Handing over",
            Self::Active { .. } => "Active",
            Self::Ending { .. } => "Being taken away",
            Self::Ended { .. } => "Ended",
            Self::Blocked { .. } => "Blocked",
            Self::Refused { .. } => "Refused",
            Self::Denied { .. } => "Denied",
            Self::Withdrawn { .. } => "Withdrawn",
        }
    }

    /// When it was entered; `None` for a new request.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::New => None,
            Self::Incomplete { since, .. }
            | Self::AwaitingManager { since }
            | Self::AwaitingProvisioner { since }
            | Self::Issuing { since }
            | Self::Delivering { since }
            | Self::Active { since, .. }
            | Self::Ending { since, .. }
            | Self::Ended { since, .. }
            | Self::Blocked { since, .. }
            | Self::Refused { since, .. }
            | Self::Denied { since, .. }
            | Self::Withdrawn { since, .. } => Some(*since),
        }
    }

    /// Whether approvals are looked at in this phase.
    pub fn is_undecided(&self) -> bool {
        matches!(
            self,
            Self::New
                | Self::Incomplete { .. }
                | Self::AwaitingManager { .. }
                | Self::AwaitingProvisioner { .. }
        )
    }

    /// Notes how far the closing of the issue has come, in the phases that close it.
    pub fn set_closing(&mut self, to: Closing) {
        match self {
            Self::Incomplete { closing, .. }
            | Self::Ended { closing, .. }
            | Self::Denied { closing, .. }
            | Self::Withdrawn { closing, .. } => *closing = to,
            _ => {}
        }
    }
}
