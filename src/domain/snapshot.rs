//! Everything that `decide` may look at, in one value: what the vendors say now, what the directory says now,
//! and what we remember.
//!
//! What could not be found out is a [`Doubt`] in its place, never a default. Doubt means no.

mod people;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::extension::Earlier;
use super::form::Form;
use super::ids::{Email, IssueKey, UserId, ZendeskUserId};
use super::observed::{Account, Edit, Issue, LabelEvent, Listed, SlackPerson};
use super::policy::Pins;
use super::record::{Attempt, Authority, Deed, Record};
pub use people::{People, Presence, Standing};

/// One look at one issue.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which issue.
    pub key: IssueKey,
    /// The project it is in.
    pub project: Project,
    /// A person said that this older issue is a request all the same.
    pub adopted: bool,
    /// Why nothing may be issued anywhere, if so.
    pub halted: Option<String>,
    /// GitLab's clock and ours are minutes apart: how old anything is cannot be told.
    pub clock_is_off: bool,
    /// A person stopped issuing for a while, if so.
    pub paused: Option<Pause>,
    /// Our own GitLab account.
    pub ourselves: UserId,
    /// The issue.
    pub issue: IssueView,
    /// All its label events.
    pub events: Vec<LabelEvent>,
    /// The last edit of its description, if it was ever edited.
    pub last_edit: Option<Edit>,
    /// When it was last closed, if it ever was; asked where a label may count.
    pub last_closing: Option<Timestamp>,
    /// Where it came from.
    pub origin: Origin,
    /// The accounts of everybody whose label event may matter.
    pub accounts: BTreeMap<UserId, Result<Account, Doubt>>,
    /// The provisioners' group that a person is a member of, for everybody whose second approval may matter; of the
    /// form's instance.
    pub groups: BTreeMap<UserId, Result<Option<String>, Doubt>>,
    /// Our comment is not what we last wrote: a Maintainer can edit anybody's.
    pub comment_changed: bool,
    /// The last comment of whoever said no.
    pub last_words: Option<String>,
    /// Who is concerned, as far as the form tells.
    pub parties: Parties,
    /// What we remember.
    pub record: Option<Record>,
    /// The ledger of attempts, by number.
    pub attempts: Vec<Attempt>,
    /// What a person told us to do.
    pub orders: Vec<Order>,
    /// What is listed at the instance, where this look needs to know.
    pub listing: Option<Result<Vec<Listed>, Doubt>>,
    /// When what an active request handed over was last used, where a reminder is due and Zendesk tells.
    pub last_used: Option<Timestamp>,
    /// Whether what an active request handed over is listed at Zendesk. `None`: not looked, or it cannot be seen.
    pub handed_over_is_listed: Option<bool>,
    /// Whether the people behind an active credential are still here, where this look asked.
    pub people: Option<People>,
    /// The members of the groups that provision it, where they are to be told: somebody behind what was issued was not
    /// seen to be here, or the second approval is waited for too long.
    pub group_provisioners: Vec<UserId>,
    /// The earlier request that the form names, if it names one.
    pub predecessor: Predecessor,
    /// Requests that extend this one and were handed over, oldest first.
    pub successors: Vec<Successor>,
    /// The attempt whose secret this process holds.
    pub in_hand: Option<u32>,
}

/// A person stopped issuing; endings go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Their words.
    pub why: String,
    /// Who, as the command line knew them.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// The earlier request that a form names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predecessor {
    /// None is named, or none of ours.
    None,
    /// One of ours.
    Found(Box<Earlier>),
}

/// A request that extends another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Its address.
    pub url: String,
    /// When its credential ends.
    pub ends_at: Timestamp,
}

/// The project of an issue.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// When the installation was set up there; `None`: not yet, and nothing is a request.
    pub set_up_at: Option<Timestamp>,
    /// The pinned labels, if they are what they were pinned as.
    pub pins: Option<Pins>,
    /// Why the pins do not count, where that is not known to be a change.
    pub pins_doubt: Option<Doubt>,
}

/// What was seen of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueView {
    /// It is there.
    Seen(Box<Issue>),
    /// Deleted, or hidden from us: GitLab answers both the same.
    Gone,
    /// GitLab did not answer. Nothing is decided; only what is due goes on.
    Unknown,
}

/// Where an issue came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Created here.
    Here,
    /// Moved here from another project.
    Moved,
    /// Cloned from another issue.
    Cloned,
}

/// The people a request concerns. Each is known, or it is known why not.
#[derive(Debug, Clone)]
pub struct Parties {
    /// Who the credential is for.
    pub beneficiary: Result<Person, Doubt>,
    /// Their manager.
    pub manager: Result<Manager, Doubt>,
    /// Who is above the manager, nearest first, as far as the policy lets them matter.
    pub ancestors: Result<Vec<Manager>, Doubt>,
    /// Their Slack account.
    pub slack: Result<SlackPerson, Doubt>,
    /// Our own user at the instance.
    pub owner: Result<ZendeskUserId, Doubt>,
    /// User names, to show; never to decide.
    pub names: BTreeMap<UserId, String>,
}

/// A person, by the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// At GitLab.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their address, which Slack knows them by.
    pub email: Email,
}

/// A manager, with the directory's answer as evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// At GitLab.
    pub id: UserId,
    /// The evidence.
    pub authority: Authority,
}

/// A person's order, given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// To mark it done.
    pub id: String,
    /// What to do.
    pub kind: OrderKind,
    /// Their words.
    pub why: String,
    /// Who gave it.
    pub by: String,
}

/// What a person can order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Take the credential away, or issue none.
    Revoke,
    /// Try again what is blocked.
    Retry,
    /// Tell of what an operator did to the credential at Zendesk. It is done; nothing is to be done any more.
    Tell(Deed),
}

/// Something that must be known and is not. Nothing is issued, and the comment says what and who can help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "doubt", rename_all = "snake_case")]
pub enum Doubt {
    /// The form could not be read, so nobody knows who is concerned.
    NoForm,
    /// The form names a requester that nobody can be found for.
    UnknownRequester {
        /// As typed.
        text: String,
    },
    /// The directory did not answer, or has faults.
    DirectoryUnreachable,
    /// A person is not in the directory.
    NotInDirectory {
        /// Which.
        who: Role,
    },
    /// A person is in the directory twice.
    AmbiguousInDirectory {
        /// Which.
        who: Role,
    },
    /// The directory says that a person left.
    InactiveInDirectory {
        /// Which.
        who: Role,
    },
    /// A person's entry in the directory has no GitLab account, or one that does not exist.
    NoAccountInDirectory {
        /// Which.
        who: Role,
    },
    /// A person's entry in the directory, or its user name, was another GitLab account before.
    ChangedHands {
        /// Which.
        who: Role,
    },
    /// The directory has no address of the requester, or several.
    NoAddressInDirectory,
    /// The directory names no manager.
    NoManager,
    /// The directory names the person themselves.
    OwnManager,
    /// The chain of managers leads back to somebody in it.
    ManagersInACircle,
    /// Whoever could give this approval is excluded from it.
    NobodyCanApprove {
        /// `manager` or `provisioner`.
        role: String,
    },
    /// Slack has nobody with that address.
    NotOnSlack,
    /// The Slack account is deactivated, a bot, a guest, in another workspace or has another address.
    UnfitSlackAccount,
    /// A vendor did not answer, or not now.
    Unreachable {
        /// Which.
        vendor: Vendor,
    },
    /// A vendor refuses us: an operator must mend our access.
    RefusesUs {
        /// Which.
        vendor: Vendor,
    },
    /// API token access is switched off in the Zendesk account.
    TokensSwitchedOff,
    /// The approval labels are not pinned, or are no longer what was pinned.
    LabelsChanged,
    /// The credential's name would be longer than Zendesk takes.
    NameTooLong,
    /// The instance of the form is not in the configuration any more.
    UnknownInstance,
    /// GitLab's clock and ours are minutes apart.
    ClocksDiffer,
}

/// Whom a doubt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Who the credential is for.
    Requester,
    /// Their manager.
    Manager,
}

/// The three vendors, and the directory where it is a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Where requests are.
    GitLab,
    /// Where credentials are.
    Zendesk,
    /// Where they are handed over.
    Slack,
    /// Where it is written who people are.
    Directory,
}

impl Vendor {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitLab => "GitLab",
            Self::Zendesk => "Zendesk",
            Self::Slack => "Slack",
            Self::Directory => "the directory",
        }
    }
}

impl Doubt {
    /// Whether it could not be asked, in contrast to an answer that does not help.
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::DirectoryUnreachable | Self::Unreachable { .. } | Self::RefusesUs { .. })
    }
}

impl std::fmt::Display for Vendor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl OrderKind {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Revoke,
        Self::Retry,
        Self::Tell(Deed::SwitchedOff),
        Self::Tell(Deed::SwitchedOn),
        Self::Tell(Deed::Renamed),
        Self::Tell(Deed::Deleted),
    ];

    /// One word.
    pub fn key(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Retry => "retry",
            Self::Tell(deed) => deed.key(),
        }
    }
}

impl Parties {
    /// Nobody is known, for one reason.
    pub fn unknown(doubt: &Doubt) -> Self {
        Self {
            beneficiary: Err(doubt.clone()),
            manager: Err(doubt.clone()),
            ancestors: Err(doubt.clone()),
            slack: Err(doubt.clone()),
            owner: Err(doubt.clone()),
            names: BTreeMap::new(),
        }
    }
}

impl Snapshot {
    /// Whether anything may be issued now: neither halted nor paused.
    pub fn may_issue(&self) -> bool {
        self.halted.is_none() && self.paused.is_none()
    }

    /// Whether the issue is there and open.
    pub fn open_issue(&self) -> Option<&Issue> {
        match &self.issue {
            IssueView::Seen(issue) if issue.open => Some(issue),
            _ => None,
        }
    }
}

/// A form with the text it was read from, or its faults; made once a look.
pub type FormReading = Result<Form, Vec<super::form::Fault>>;
