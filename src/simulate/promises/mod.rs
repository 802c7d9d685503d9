//! The promises, checked against the vendors' own books: during a history, whenever it rests, and at its end.
//!
//! Each check says what must be true of the vendors' worlds; what the program's database says is compared with that,
//! and never the other way round.

mod comments;
mod credentials;
mod records;
mod secrets;

use std::fmt;

pub(super) use secrets::messages;

/// The promises of the design, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// 1: no two approvals, no credential.
    TwoApprovals,
    /// 2: one live credential for each request.
    One,
    /// 3: the secret is nowhere but in the requester's hands.
    Secret,
    /// 4: a webhook is a hint: acknowledged is durable, lost is found.
    Hint,
    /// 5: everything ends, at its time.
    Ends,
    /// 6: doubt means no.
    Doubt,
    /// 7: everything is written down.
    WrittenDown,
    /// 8: the comment says what happens next; what is no request is left alone.
    Comment,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::TwoApprovals,
        Self::One,
        Self::Secret,
        Self::Hint,
        Self::Ends,
        Self::Doubt,
        Self::WrittenDown,
        Self::Comment,
    ];

    /// As the counts name it.
    pub fn key(self) -> &'static str {
        match self {
            Self::TwoApprovals => "1_two_approvals",
            Self::One => "2_one_live_credential",
            Self::Secret => "3_secret_only_in_hands",
            Self::Hint => "4_a_webhook_is_a_hint",
            Self::Ends => "5_everything_ends",
            Self::Doubt => "6_doubt_means_no",
            Self::WrittenDown => "7_written_down",
            Self::Comment => "8_the_comment_says",
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TwoApprovals => "1, no two approvals, no credential",
            Self::One => "2, one live credential for each request",
            Self::Secret => "3, the secret is nowhere but in the requester's hands",
            Self::Hint => "4, a webhook is a hint: acknowledged is durable, lost is found",
            Self::Ends => "5, everything ends, at its time",
            Self::Doubt => "6, doubt means no",
            Self::WrittenDown => "7, everything is written down",
            Self::Comment => "8, the comment says what happens next, and other issues are left alone",
        })
    }
}
