//! Planted bugs: switches that break one rule each, so that it can be shown that the simulation finds it.
//!
//! They exist in builds with the feature `planted-bugs` alone, which is for tests and never shipped. Without it
//! `is` is a constant `false`, and nothing of a bug is left in the program. One bug at a time, for the whole
//! process.

use std::fmt;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The create call goes out before its row is written.
    SkipIntentRow,
    /// A mark that came while the request was looked at is forgotten with that look.
    ClearMarks,
    /// A create call that was not answered is made again at once.
    RetryCreate,
    /// A write that finds its fence gone is taken for done.
    DropFence,
    /// Whoever Slack finds gets the message, guest or deactivated.
    SkipSlackCheck,
    /// A list that cannot be read is an empty list.
    UnreadableIsGone,
    /// A page that is not full is the last one.
    ShortPages,
    /// What was approved before a closing counts after the reopening.
    ForgetGenerations,
    /// An approval stays when the form changes.
    KeepApprovals,
    /// A deletion answered 204 was one.
    BelieveStatus,
    /// A label that is there is an approval, whoever put it there.
    TrustLabels,
    /// The sweep begins where the last one did.
    ForgetOverlap,
    /// A message whose fate is not known is sent again.
    SendTwice,
    /// A credential ends when the issue now says so.
    EndByText,
    /// What is not listed right after it was made is gone.
    NoGrace,
    /// Whatever carries our name, or a longer one, is ours.
    OursByPrefix,
    /// A call that was not answered is looked for only three times.
    NoLateLooks,
    /// What was minted is written into the log.
    LogSecret,
    /// Changes are written without their audit entries.
    SkipAudit,
    /// Every issue is a request.
    EveryIssue,
    /// A comment that differs is written beside the old one.
    NewComments,
    /// An end date that has come is noticed at the next sweep of everything only.
    ForgetDueDates,
    /// An access token is deleted, and its client stays.
    KeepClient,
    /// A client is deleted, and what it fetched lives on.
    LeaveAccessTokens,
    /// A client is ours by its name, whatever its identifier.
    ClientByName,
}

impl Bug {
    /// All of them, in the order of this file.
    pub const ALL: [Self; 25] = [
        Self::SkipIntentRow,
        Self::ClearMarks,
        Self::RetryCreate,
        Self::DropFence,
        Self::SkipSlackCheck,
        Self::UnreadableIsGone,
        Self::ShortPages,
        Self::ForgetGenerations,
        Self::KeepApprovals,
        Self::BelieveStatus,
        Self::TrustLabels,
        Self::ForgetOverlap,
        Self::SendTwice,
        Self::EndByText,
        Self::NoGrace,
        Self::OursByPrefix,
        Self::NoLateLooks,
        Self::LogSecret,
        Self::SkipAudit,
        Self::EveryIssue,
        Self::NewComments,
        Self::ForgetDueDates,
        Self::KeepClient,
        Self::LeaveAccessTokens,
        Self::ClientByName,
    ];

    /// As `simulate --plant` names it: `skip-intent-row`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The bug of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.name() == name)
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// Whether this build can have a bug planted at all.
pub const POSSIBLE: bool = cfg!(feature = "planted-bugs");

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Bug;

    static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

    pub(super) fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(usize::MAX, |bug| bug as usize), Ordering::SeqCst);
    }

    pub(super) fn is(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as usize
    }
}

/// Plants a bug, or none; where no bug can be planted nothing happens.
pub fn plant(bug: Option<Bug>) {
    #[cfg(feature = "planted-bugs")]
    switch::plant(bug);
    #[cfg(not(feature = "planted-bugs"))]
    let _ = bug;
}

/// Whether this bug is planted.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is(bug: Bug) -> bool {
    switch::is(bug)
}

/// Never: this build has no planted bugs.
#[cfg(not(feature = "planted-bugs"))]
#[inline]
pub(crate) const fn is(_bug: Bug) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_a_name_of_its_own() {
        for bug in Bug::ALL {
            assert_eq!(Bug::named(&bug.name()), Some(bug));
        }
        assert_eq!(Bug::SkipIntentRow.name(), "skip-intent-row");
    }

    #[test]
    #[cfg(not(feature = "planted-bugs"))]
    fn nothing_can_be_planted_here() {
        plant(Some(Bug::TrustLabels));
        assert!(!is(Bug::TrustLabels) && !POSSIBLE);
    }
}
