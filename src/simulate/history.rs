//! A history: steps that can be taken one after another, each whole in itself.
//!
//! Every step carries its own seed, and a step about an issue that was never opened does nothing. So steps can be
//! left out without changing what the others mean, which is what finding the shortest history rests on.

use std::fmt;

use super::cast::Person;
use super::trouble::{Effect, Target};
use super::wish::Wish;

/// Names an issue within a history: the first is 0.
pub(super) type Name = u8;

/// Steps, in order.
pub(super) type History = Vec<Step>;

/// One thing that happens, and how far the world goes on before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) act: Act,
    pub(super) pace: Pace,
    pub(super) seed: u64,
}

/// How far the world goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Not at all: the next step comes at once.
    Hurry,
    /// So many turns of whoever can go on.
    Turns(u8),
    /// Until nobody has anything to do at this time.
    Settle,
}

/// An approval label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Manager,
    Provisioner,
    Denied,
}

impl Label {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Manager => "manager-approved",
            Self::Provisioner => "provisioner-approved",
            Self::Denied => "access-denied",
        }
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    // People at GitLab.
    Open {
        name: Name,
        by: Person,
        wish: Wish,
        label: Option<Label>,
    },
    Edit {
        name: Name,
        by: Person,
        wish: Wish,
        label: Option<Label>,
    },
    PutOn {
        name: Name,
        by: Person,
        label: Label,
    },
    TakeOff {
        name: Name,
        by: Person,
        label: Label,
    },
    Close {
        name: Name,
        by: Person,
    },
    Reopen {
        name: Name,
        by: Person,
    },
    Move {
        name: Name,
        by: Person,
    },
    Say {
        name: Name,
        by: Person,
    },
    /// A maintainer rewrites our comment.
    Tamper {
        name: Name,
    },
    /// A maintainer deletes our comment.
    Wipe {
        name: Name,
    },
    /// A hundred label events that we are not shown.
    Hidden {
        name: Name,
    },
    /// Another label gets an approval label's title, or the label its own id's title changed.
    Rename {
        label: Label,
    },
    // People themselves.
    Block {
        who: Person,
    },
    Unblock {
        who: Person,
    },
    LeaveSlack {
        who: Person,
    },
    // People at Zendesk and at the machine.
    HandMade {
        name: Name,
        longer: bool,
    },
    /// A client with a name like ours and an identifier of its own, and an access token of it.
    HandMadeClient {
        name: Name,
        ours: bool,
    },
    /// Whoever was handed a client fetches an access token with it.
    Fetch {
        name: Name,
    },
    DeleteByHand {
        name: Name,
    },
    Revoke {
        name: Name,
    },
    Retry {
        name: Name,
    },
    // The network.
    Fault {
        at: Target,
        effect: Effect,
        skip: u8,
        times: u8,
    },
    Outage {
        at: Target,
        effect: Effect,
        minutes: u16,
    },
    ListLag {
        seconds: u16,
    },
    SweepLag {
        minutes: u8,
    },
    Webhooks {
        fate: Fate,
        times: u8,
    },
    TokensOff {
        minutes: u16,
    },
    // Processes.
    Kill {
        process: u8,
        after: u8,
        back_after: u16,
    },
    Stall {
        process: u8,
        at: Target,
        seconds: u16,
    },
    Twin {
        seconds: u16,
    },
    // The calendar.
    Wait {
        seconds: u32,
    },
}

/// What becomes of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    Twice,
    /// After so many seconds, so that later ones overtake it.
    Late(u16),
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.act)?;
        match self.pace {
            Pace::Hurry => write!(formatter, " …"),
            Pace::Turns(turns) => write!(formatter, " ({turns} turns)"),
            Pace::Settle => Ok(()),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { name, by, wish, label } => {
                write!(out, "{by} opens #{name}: {wish}{}", with(*label, ", with the label "))
            }
            Self::Edit { name, by, wish, label } => {
                write!(out, "{by} edits #{name}: {wish}{}", with(*label, ", and in the text /label "))
            }
            Self::PutOn { name, by, label } => write!(out, "{by} puts {} on #{name}", label.title()),
            Self::TakeOff { name, by, label } => write!(out, "{by} takes {} off #{name}", label.title()),
            Self::Close { name, by } => write!(out, "{by} closes #{name}"),
            Self::Reopen { name, by } => write!(out, "{by} reopens #{name}"),
            Self::Move { name, by } => write!(out, "{by} moves #{name} to another project"),
            Self::Say { name, by } => write!(out, "{by} comments on #{name}"),
            Self::Tamper { name } => write!(out, "mika rewrites our comment on #{name}"),
            Self::Wipe { name } => write!(out, "mika deletes our comment on #{name}"),
            Self::Hidden { name } => {
                write!(out, "a hundred label events that we may not see come to #{name}")
            }
            Self::Rename { label } => write!(out, "mika renames the label {}", label.title()),
            Self::Block { who } => write!(out, "{who}'s GitLab account is blocked"),
            Self::Unblock { who } => write!(out, "{who}'s GitLab account is unblocked"),
            Self::LeaveSlack { who } => write!(out, "{who}'s Slack account is deactivated"),
            Self::HandMade { name, longer: false } => {
                write!(out, "an admin makes a token by hand, named like #{name}")
            }
            Self::HandMade { name, longer: true } => {
                write!(out, "an admin makes a token by hand, named like #{name} and a digit more")
            }
            Self::HandMadeClient { name, ours: false } => {
                write!(out, "an admin makes an OAuth client by hand, named like #{name}")
            }
            Self::HandMadeClient { name, ours: true } => {
                write!(out, "an admin makes an OAuth client of our own user's, named like #{name}")
            }
            Self::Fetch { name } => write!(out, "whoever has the client of #{name} fetches an access token"),
            Self::DeleteByHand { name } => write!(out, "an admin deletes the credential of #{name} by hand"),
            Self::Revoke { name } => write!(out, "an operator revokes #{name}"),
            Self::Retry { name } => write!(out, "an operator retries #{name}"),
            _ => self.write_rest(out),
        }
    }
}

impl Act {
    fn write_rest(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { at, effect, skip, times } => {
                write!(out, "{times} × {effect} at {at}, after {skip} that go well")
            }
            Self::Outage { at, effect, minutes } => write!(out, "for {minutes} minutes, {effect} at {at}"),
            Self::ListLag { seconds } => write!(out, "Zendesk's list is {seconds} s behind from now on"),
            Self::SweepLag { minutes } => {
                write!(out, "GitLab's list of issues is {minutes} minutes behind from now on")
            }
            Self::Webhooks { fate, times } => write!(out, "the next {times} webhooks are {fate}"),
            Self::TokensOff { minutes } => {
                write!(out, "token access at Zendesk is switched off for {minutes} minutes")
            }
            Self::Kill { process, after, back_after } => {
                write!(out, "process {process} is killed {after} moments on, and back {back_after} s later")
            }
            Self::Stall { process, at, seconds } => {
                write!(out, "process {process} stands still for {seconds} s when it comes to {at}")
            }
            Self::Twin { seconds } => write!(out, "a second process runs for {seconds} s"),
            Self::Wait { seconds } => write!(out, "{} pass", Span(*seconds)),
            _ => Ok(()),
        }
    }
}

fn with(label: Option<Label>, words: &str) -> String {
    label.map(|label| format!("{words}{}", label.title())).unwrap_or_default()
}

/// Seconds as people say them.
struct Span(u32);

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds < 120 => write!(out, "{seconds} seconds"),
            seconds if seconds < 7200 => write!(out, "{} minutes", seconds / 60),
            seconds if seconds < 172_800 => write!(out, "{} hours", seconds / 3600),
            seconds => write!(out, "{} days", seconds / 86_400),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => write!(out, "lost"),
            Self::Twice => write!(out, "sent twice"),
            Self::Late(seconds) => write!(out, "{seconds} s late"),
        }
    }
}
