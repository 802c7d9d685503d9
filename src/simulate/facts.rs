//! What people really did, and what was really minted: kept apart from everything the program believes.
//!
//! GitLab's own events are in the sandbox's world and are read there. What GitLab forgets is kept here: each text an
//! issue ever had, when an account was blocked, which tokens were made by hand. A moment is GitLab's last id at that
//! time: ids grow with everything that happens, so they order it even while the clock stands still.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::cast::Person;
use super::history::Label;
use super::wish::{Instance, Kind, Wish};

/// GitLab's last id when something happened.
pub(super) type Moment = u64;

/// An issue of the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) id: u64,
    pub(super) project: u64,
    pub(super) iid: u64,
    pub(super) author: Person,
}

/// One text of an issue.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) moment: Moment,
    pub(super) at: Timestamp,
    pub(super) wish: Wish,
    /// The day that was written.
    pub(super) last_day: Option<Date>,
    pub(super) text: String,
}

/// What changed about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Blocked,
    Unblocked,
    LeftSlack,
}

/// What two people approved, by the judge's own reading.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    pub(super) beneficiary: Person,
    pub(super) manager: Person,
    pub(super) instance: Instance,
    pub(super) kind: Kind,
    /// Sorted; empty for a kind that has none.
    pub(super) scopes: Vec<&'static str>,
    pub(super) ends_at: Timestamp,
}

/// A credential of ours.
#[derive(Debug, Clone)]
pub(super) struct Minted {
    pub(super) issue: u64,
    pub(super) moment: Moment,
    pub(super) approved: Approved,
    /// Its comment said Active while it was alive: from then on it is promised until its end.
    pub(super) promised: bool,
}

/// An API token or an OAuth client: the account's key and the id there, which no two things share.
pub(super) type Token = (String, u64);

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    ApiToken,
    /// The first that a client had.
    Client,
    /// One that it got later: nobody is to have it.
    Replaced,
    /// An access token.
    Access,
}

/// Of what a secret is one. That of an access token is its client's.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    pub(super) token: Token,
    pub(super) what: What,
}

/// Everything that is known besides the sandbox's world.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// By the issue's id.
    pub(super) versions: BTreeMap<u64, Vec<Version>>,
    pub(super) people: Vec<(Moment, Person, Change)>,
    /// The labels' ids at set-up.
    pub(super) labels: BTreeMap<Label, u64>,
    /// An approval label was renamed then.
    pub(super) relabelled: Option<Moment>,
    /// Issues on which somebody changed our comment.
    pub(super) tampered: BTreeSet<u64>,
    /// Those where that was when nothing was to happen any more: nobody looks there again.
    pub(super) tampered_at_rest: BTreeSet<u64>,
    /// Issues whose comment says that nothing is to happen any more, and when each last said otherwise again.
    pub(super) over: BTreeSet<u64>,
    pub(super) begun_anew: BTreeMap<u64, Moment>,
    /// The title of each issue's comment, and when it changed.
    pub(super) titles: BTreeMap<u64, (String, Vec<Moment>)>,
    /// Tokens and clients that are not ours.
    pub(super) foreign: BTreeSet<Token>,
    /// Every secret that Zendesk ever gave out.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// Access tokens that holders fetched.
    pub(super) fetched: BTreeSet<String>,
    /// Tokens of ours that somebody deleted.
    pub(super) deleted_by_hand: BTreeSet<Token>,
    /// Issues that an operator revoked.
    pub(super) revoked: BTreeSet<u64>,
    pub(super) minted: BTreeMap<Token, Minted>,
    /// What the last create call for an issue was rightly made for: it may take effect later.
    pub(super) asked_for: BTreeMap<u64, Approved>,
    /// Whose secret went out in a message.
    pub(super) sent: BTreeSet<Token>,
    /// Webhooks that were answered with success: the issue's number, and how many calls there had been.
    pub(super) acknowledged: Vec<(u64, usize)>,
}

impl Facts {
    /// The text an issue had at a moment.
    pub(super) fn version(&self, issue: u64, moment: Moment) -> Option<&Version> {
        self.versions.get(&issue)?.iter().rev().find(|version| version.moment <= moment)
    }

    /// Whether the account was in order.
    pub(super) fn active(&self, person: Person, moment: Moment) -> bool {
        let changes = self.people.iter().rev().filter(|(at, who, _)| *at <= moment && *who == person);
        let mut states = changes.map(|(_, _, change)| *change).filter(|change| *change != Change::LeftSlack);
        states.next() != Some(Change::Blocked)
    }

    /// Whether the holder or the manager who approved was ever blocked: credentials of leavers end early.
    pub(super) fn somebody_left(&self, approved: &Approved) -> bool {
        let concerned = [approved.beneficiary, approved.manager];
        self.people.iter().any(|(_, who, change)| *change == Change::Blocked && concerned.contains(who))
    }

    /// Whether Slack could reach them as a full member.
    pub(super) fn on_slack(&self, person: Person, moment: Moment) -> bool {
        let left = (person, Change::LeftSlack);
        person.on_slack()
            && !self.people.iter().any(|(at, who, change)| *at <= moment && (*who, *change) == left)
    }
}
