//! What the ledger knows of one credential, and what it expects to find of it at Zendesk.

use jiff::{SignedDuration, Timestamp};

use super::ListedKind;
use crate::domain::ids::{CredentialId, IssueKey, UserId};
use crate::domain::phase::Phase;
use crate::domain::record::{Attempt, AttemptState, Record};
use crate::domain::terms::Kind;

/// How long after its end a credential may still be listed before that is worth a word.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// Lists lag, and an access token ends a few minutes before what was promised.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);
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
    /// Its end came: there, switched off, and deleted from then on.
    SwitchedOff {
        /// From when on it is deleted.
        deleted_from: Timestamp,
    },
    /// Being made or taken away just now: there or not.
    Passing,
    /// Gone, or overdue.
    Gone,
}

impl Expected {
    /// One word, for machines.
    pub fn key(self) -> &'static str {
        match self {
            Self::Live { .. } => "live",
            Self::SwitchedOff { .. } => "switched_off",
            Self::Passing => "passing",
            Self::Gone => "gone",
        }
    }
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
    /// What was handed over is an access token of the client, and not the client itself.
    pub access_token: bool,
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
        Some(Self::with_id(key, (record, attempt), attempt.credential?, now))
    }

    /// The same of what an attempt made, under the id that it is listed with.
    pub fn with_id(
        key: IssueKey,
        (record, attempt): (&Record, &Attempt),
        credential: CredentialId,
        now: Timestamp,
    ) -> Self {
        let delivered = attempt.delivery.as_ref().filter(|delivery| delivery.message.is_some());
        Self {
            key,
            url: record.url.clone(),
            attempt: attempt.number,
            kind: listed_kind(attempt.kind),
            access_token: attempt.kind == Kind::OauthToken,
            credential,
            name: attempt.name.clone(),
            expected: expected(record, attempt, now),
            delivered_at: delivered.map(|delivery| delivery.sent_at),
            holder: record.issued.as_ref().map(|terms| terms.beneficiary),
        }
    }

    /// The end that was promised, while it lives.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self.expected {
            Expected::Live { ends_at } => ends_at,
            Expected::SwitchedOff { .. } | Expected::Passing | Expected::Gone => None,
        }
    }

    /// From when on it is deleted, while it waits for that, switched off.
    pub fn deleted_from(&self) -> Option<Timestamp> {
        match self.expected {
            Expected::SwitchedOff { deleted_from } => Some(deleted_from),
            Expected::Live { .. } | Expected::Passing | Expected::Gone => None,
        }
    }

    /// Whether an access token of it should be listed: handed over long enough ago for lists to show it, and not so near
    /// its end that Zendesk may have ended it already.
    pub fn has_a_token(&self, now: Timestamp) -> bool {
        let (Some(since), Some(ends_at)) = (self.delivered_at, self.ends_at()) else { return false };
        self.access_token && now.duration_since(since) >= MARGIN && ends_at.duration_since(now) >= MARGIN
    }

    /// Whether its end has come, whoever was there to take it away.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    /// Whether it should be there and work.
    pub fn is_live(&self) -> bool {
        matches!(self.expected, Expected::Live { .. })
    }
}

/// What a credential of a kind is listed as.
pub fn listed_kind(kind: Kind) -> ListedKind {
    match kind {
        Kind::ApiToken => ListedKind::ApiToken,
        // An access token of ours has an OAuth client of its own, and that is what the ledger knows it by.
        Kind::OauthClient | Kind::OauthToken => ListedKind::OauthClient,
    }
}

fn expected(record: &Record, attempt: &Attempt, now: Timestamp) -> Expected {
    let of_this = record.issued.as_ref().filter(|terms| terms.generation == attempt.generation);
    let ends_at = of_this.map(|terms| terms.ends_at);
    let overdue = ends_at.is_some_and(|end| now.duration_since(end) >= LATE);
    let ending = matches!(record.phase, Phase::Ending { .. }) && attempt.generation == record.generation;
    match attempt.state {
        AttemptState::Delivered if ending => going(attempt, overdue, now),
        AttemptState::Delivered if !overdue => Expected::Live { ends_at },
        AttemptState::Delivered | AttemptState::Gone => Expected::Gone,
        AttemptState::TakingAway { .. } => going(attempt, overdue, now),
        _ => Expected::Passing,
    }
}

/// What is to be taken away: switched off on its day, some credentials wait for their deletion, which is no fault.
fn going(attempt: &Attempt, overdue: bool, now: Timestamp) -> Expected {
    match (attempt.switched_off_at, attempt.not_before) {
        (Some(_), Some(deleted_from)) if attempt.failures == 0 && now.duration_since(deleted_from) < LATE => {
            Expected::SwitchedOff { deleted_from }
        }
        (Some(_), _) if (1..ALARM).contains(&attempt.failures) => Expected::Passing,
        _ if overdue || attempt.failures >= ALARM => Expected::Gone,
        _ => Expected::Passing,
    }
}
