//! What the ledger knows of one credential, and what it expects to find of it at Zendesk.

use jiff::{SignedDuration, Timestamp};

use super::ListedKind;
use crate::domain::ids::{CredentialId, IssueKey, UserId};
use crate::domain::record::{Attempt, AttemptState, Record};
use crate::domain::terms::Kind;

/// How long after its end a credential may still be listed before that is worth a word.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// Tries at taking away that failed, from which on a person is called.
const ALARM: u32 = 3;

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// There, switched on, until then.
    Live {
        /// The end.
        ends_at: Option<Timestamp>,
    },
    /// Being made or taken away just now: there or not.
    Passing,
    /// Gone, or overdue.
    Gone,
}

/// A credential of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The request.
    pub key: IssueKey,
    /// Its issue's address.
    pub url: String,
    /// The attempt that made it.
    pub attempt: u32,
    /// What it is listed as.
    pub kind: ListedKind,
    /// Zendesk's id.
    pub credential: CredentialId,
    /// The name it was given.
    pub name: String,
    /// What is expected.
    pub expected: Expected,
    /// When it was handed over.
    pub delivered_at: Option<Timestamp>,
    /// Whom it is for.
    pub holder: Option<UserId>,
}

impl Known {
    /// What the ledger knows at `now`; `None` for an attempt whose credential never got an id.
    pub fn of(key: IssueKey, record: &Record, attempt: &Attempt, now: Timestamp) -> Option<Self> {
        let delivered = attempt.delivery.as_ref().filter(|delivery| delivery.message.is_some());
        Some(Self {
            key,
            url: record.url.clone(),
            attempt: attempt.number,
            kind: listed_kind(attempt),
            credential: attempt.credential?,
            name: attempt.name.clone(),
            expected: expected(record, attempt, now),
            delivered_at: delivered.map(|delivery| delivery.sent_at),
            holder: record.issued.as_ref().map(|terms| terms.beneficiary),
        })
    }

    /// The end that was promised, while it lives.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self.expected {
            Expected::Live { ends_at } => ends_at,
            Expected::Passing | Expected::Gone => None,
        }
    }

    /// Whether it should be there and work.
    pub fn is_live(&self) -> bool {
        matches!(self.expected, Expected::Live { .. })
    }
}

fn listed_kind(attempt: &Attempt) -> ListedKind {
    match attempt.kind {
        Kind::ApiToken => ListedKind::ApiToken,
        // An access token of ours has an OAuth client of its own, and that is what the ledger knows it by.
        Kind::OauthClient | Kind::OauthToken => ListedKind::OauthClient,
    }
}

fn expected(record: &Record, attempt: &Attempt, now: Timestamp) -> Expected {
    let of_this = record.issued.as_ref().filter(|terms| terms.generation == attempt.generation);
    let ends_at = of_this.map(|terms| terms.ends_at);
    let overdue = ends_at.is_some_and(|end| now.duration_since(end) >= LATE);
    match attempt.state {
        AttemptState::Delivered if !overdue => Expected::Live { ends_at },
        AttemptState::Delivered | AttemptState::Gone => Expected::Gone,
        AttemptState::TakingAway { .. } if overdue || attempt.failures >= ALARM => Expected::Gone,
        _ => Expected::Passing,
    }
}
