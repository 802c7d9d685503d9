//! What we remember of a request between two looks, and the ledger of its attempts at minting.
//!
//! The record is written whole, as one document, in the transaction of the audit entries that explain it.
//! It holds no secret: there is no field a secret would fit in.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::form::Fault;
use super::ids::{EventId, IssueId, LabelId, NoteId, UserId};
use super::notice::Notice;
use super::phase::Phase;
use super::snapshot::{Doubt, Role};
use super::terms::{Difference, Digest, Terms};

mod attempt;

pub use attempt::{Attempt, AttemptState, Delivery, TakeAwayReason};

/// A request, as remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The issue's global id, fixed at first sight.
    pub issue: IssueId,
    /// Its address, fixed at first sight.
    pub url: String,
    /// Its author, fixed at first sight.
    pub author: UserId,
    /// The first look.
    pub first_seen_at: Timestamp,
    /// Grows with each reopening; starts at 1.
    pub generation: u32,
    /// When this generation began.
    pub generation_since: Timestamp,
    /// Label events up to this one belong to earlier generations.
    #[serde(default)]
    pub watermark: EventId,
    /// Where it stands.
    pub phase: Phase,
    /// The manager's approval.
    pub manager: Slot,
    /// The provisioner's approval.
    pub provisioner: Slot,
    /// When labels were taken off, for the limit of five an hour.
    pub removals: Vec<Timestamp>,
    /// What was approved, fixed when minting began; from then on nothing else counts.
    pub issued: Option<Terms>,
    /// The faults of the form at the last look.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What could not be known at the last look.
    #[serde(default)]
    pub doubts: Vec<Doubt>,
    /// Reminders sent in this generation.
    #[serde(default)]
    pub reminders: Vec<Reminder>,
    /// The label that revokes: what was spent, and why the last one did not count.
    #[serde(default)]
    pub revocation: Slot,
    /// What people were told while the credential lives.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// What an operator did to the credential at Zendesk by hand: the last switching, the last renaming.
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
    /// Whoever the credential rests on and seems to have left.
    #[serde(default)]
    pub leavers: Vec<Leaver>,
    /// When it was last asked whether they are still here.
    #[serde(default)]
    pub people_seen_at: Option<Timestamp>,
    /// The last comment of whoever said no.
    #[serde(default)]
    pub last_words: Option<String>,
    /// Attempts up to this number do not count towards the limit: a person said to try again.
    #[serde(default)]
    pub attempt_floor: u32,
    /// Our comment.
    pub note: Option<StatusNote>,
    /// A comment whose seal has a code was asked for: a seal without one is of somebody else from then on.
    #[serde(default)]
    pub seal_coded: bool,
    /// A comment that was asked for and of which GitLab did not tell what became of it. It may still come.
    #[serde(default)]
    pub note_asked: Option<AskedNote>,
}

/// Somebody was reminded, or called in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Whose approval is awaited: `manager`, `provisioner`, or `escalation` to the manager's manager.
    pub role: String,
    /// Who was told.
    pub to: Vec<UserId>,
    /// When.
    pub at: Timestamp,
}

/// What an operator does to a credential at Zendesk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It does not work until it is switched on again.
    SwitchedOff,
    /// It works again.
    SwitchedOn,
    /// It has the name again that its request gave it.
    Renamed,
    /// It is gone for good.
    Deleted,
}

impl Deed {
    /// As stored.
    pub fn key(self) -> &'static str {
        match self {
            Self::SwitchedOff => "switched_off",
            Self::SwitchedOn => "switched_on",
            Self::Renamed => "renamed",
            Self::Deleted => "deleted",
        }
    }

    fn is_switching(self) -> bool {
        matches!(self, Self::SwitchedOff | Self::SwitchedOn)
    }
}

/// A deed of an operator, seen to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// What.
    pub deed: Deed,
    /// Why, in their words.
    pub why: String,
    /// When the request took note of it.
    pub at: Timestamp,
}

/// Somebody an active credential rests on, and who seems to have left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaver {
    /// Which of them.
    pub who: Role,
    /// Their account.
    pub person: UserId,
    /// How it was seen.
    pub sign: Sign,
    /// When it was first seen.
    pub since: Timestamp,
    /// The brake holds the ending back.
    #[serde(default)]
    pub held: bool,
}

/// How it was seen that somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The directory says so.
    DirectoryInactive,
    /// The directory does not know them, and knows the other one.
    NotInDirectory,
    /// The GitLab account is blocked or deactivated.
    AccountInactive,
    /// The GitLab account does not exist, and the other one's does.
    NoAccount,
}

/// One of the two approvals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Slot {
    /// Events up to this one are spent.
    pub watermark: EventId,
    /// The approval that counts, with its evidence.
    pub bound: Option<Bound>,
    /// Why the last one did not count, for the comment.
    pub last_refusal: Option<Refusal>,
}

/// An approval bound to a digest: all its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The label event.
    pub event: EventId,
    /// The label's pinned id.
    pub label: LabelId,
    /// Who applied it.
    pub actor: UserId,
    /// Their user name at that time, for people to read.
    pub username: String,
    /// When they applied it.
    pub at: Timestamp,
    /// When we first saw it count.
    pub bound_at: Timestamp,
    /// What they approved.
    pub digest: Digest,
    /// The same, spelled out, to show what differs later.
    pub terms: Terms,
    /// Why this person may: the directory's answer or the instance's list.
    pub authority: Authority,
}

/// Why a person may approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Where it says so, e.g. `file directory.toml` or `instances.global.provisioners`.
    pub source: String,
    /// What it says, as it stands there.
    pub value: String,
    /// When it was read.
    pub read_at: Timestamp,
}

/// A label that did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The event, if there was one.
    pub event: Option<EventId>,
    /// Who applied it.
    pub username: Option<String>,
    /// Why it does not count.
    pub why: RefusalReason,
    /// When we saw it.
    pub at: Timestamp,
    /// The edit of the description that it is because of, where it is.
    #[serde(default)]
    pub edited: Option<Edited>,
}

/// An edit of the description after an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    /// When.
    pub at: Timestamp,
    /// By whom, where GitLab tells and knows their name.
    pub username: Option<String>,
}

/// Why a label does not count. Each is one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum RefusalReason {
    /// The label is there, but nobody was seen to put it there.
    NoEvent,
    /// The event says when, but no longer who.
    NoActor,
    /// By the author of the issue.
    Author,
    /// By the person the credential is for.
    Beneficiary,
    /// By ourselves.
    Ourselves,
    /// By a bot or service account.
    Bot,
    /// The account is blocked or deactivated.
    InactiveAccount,
    /// Not a member of the project, or expired, or with too small a role.
    NotAMember,
    /// Not the beneficiary's manager.
    NotTheManager,
    /// Not a provisioner of the instance.
    NotAProvisioner,
    /// Neither the requester nor their manager nor a provisioner: may not have it taken away.
    MayNotRevoke,
    /// Gave the manager's approval already.
    SamePerson,
    /// The manager's approval must come first.
    ManagerFirst,
    /// The description was edited after it, or less than two seconds before.
    EditedSince,
    /// The issue was closed after it, which takes it back, even if it was opened again unseen.
    ClosedSince,
    /// It was bound to other terms.
    TermsChanged {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// Older than the policy allows.
    TooOld,
    /// Taken off again.
    TakenOff,
    /// Somebody else had changed our comment, so that nobody knows what was read before it was applied.
    CommentChanged,
    /// The form has faults.
    FormFaults,
    /// It is left over from before the issue was reopened.
    EarlierGeneration,
    /// The event belongs to another issue, or is older than this one.
    Foreign,
}

/// What GitLab was asked for without an answer may come for so long.
pub const MAY_STILL_COME: SignedDuration = SignedDuration::from_hours(2);

/// So many earlier askings are remembered.
const MOST_ASKED: usize = 15;

/// What GitLab was asked to make of our comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedNote {
    /// Last when.
    pub at: Timestamp,
    /// Hashes of what it was to be, of each time, the last first.
    pub hashes: Vec<String>,
}

/// Our comment on the issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNote {
    /// Its id.
    pub id: NoteId,
    /// Hash of what GitLab kept of it when it was last written: what approvers were to read.
    #[serde(default)]
    pub written: Option<String>,
    /// Hash of what it was last asked to become: if no answer came, it may be that instead.
    #[serde(default)]
    pub asked: Option<String>,
    /// What it was asked to become before, without an answer: a call that was held up may still make it that.
    #[serde(default)]
    pub late: Option<AskedNote>,
}

impl AskedNote {
    /// Asked once more, at `at`, for what has this hash.
    pub fn again(earlier: Option<Self>, hash: String, at: Timestamp) -> Self {
        let mut hashes = earlier.map(|earlier| earlier.hashes).unwrap_or_default();
        hashes.retain(|one| *one != hash);
        hashes.truncate(MOST_ASKED);
        hashes.insert(0, hash);
        Self { at, hashes }
    }
}

impl StatusNote {
    /// As GitLab told that it is.
    pub fn told(id: NoteId, written: String) -> Self {
        Self { id, written: Some(written), asked: None, late: None }
    }

    /// The same comment, and what an earlier asking without an answer may still make of it.
    #[must_use]
    pub fn after(mut self, earlier: Option<Self>, now: Timestamp) -> Self {
        let Some(earlier) = earlier.filter(|earlier| earlier.id == self.id) else { return self };
        let mut late = earlier.late.filter(|late| now.duration_since(late.at) < MAY_STILL_COME);
        if let Some(hash) = earlier.asked {
            late = Some(AskedNote::again(late, hash, now));
        }
        self.late = late;
        self
    }

    /// Whether a comment of this hash is one that we wrote there.
    pub fn is_ours(&self, hash: &str) -> bool {
        let late = self.late.iter().flat_map(|late| &late.hashes);
        [&self.written, &self.asked].into_iter().flatten().chain(late).any(|known| known == hash)
    }
}

impl Record {
    /// Whether our comment, that is this one now, is none that we wrote. Another than the one we keep is ours only as one
    /// that we asked for without an answer.
    pub fn is_strange(&self, id: NoteId, hash: &str) -> bool {
        let asked = self.note_asked.as_ref();
        let is_asked = asked.is_some_and(|asked| asked.hashes.iter().any(|one| one == hash));
        match &self.note {
            Some(note) if note.id == id => !note.is_ours(hash),
            Some(_) => !is_asked,
            None => asked.is_some() && !is_asked,
        }
    }

    /// The last time that somebody switched it off or on by hand.
    pub fn switched(&self) -> Option<&ByHand> {
        self.by_hand.iter().find(|one| one.deed.is_switching())
    }

    /// Whether somebody switched off what is active: it is there, and does not work.
    pub fn is_switched_off(&self) -> bool {
        let off = self.switched().is_some_and(|one| one.deed == Deed::SwitchedOff);
        off && matches!(self.phase, Phase::Active { .. })
    }

    /// Notes a deed in place of the last one of its sort. Whether it is news.
    pub fn note_by_hand(&mut self, done: ByHand) -> bool {
        let same_sort = |one: &&mut ByHand| one.deed.is_switching() == done.deed.is_switching();
        match self.by_hand.iter_mut().find(same_sort) {
            Some(last) if last.deed == done.deed && done.deed.is_switching() => return false,
            Some(last) => *last = done,
            None => self.by_hand.push(done),
        }
        true
    }

    /// Until when our comment may still become what it was asked to, without an answer.
    pub fn may_change_until(&self) -> Option<Timestamp> {
        let late = self.note.as_ref().and_then(|note| note.late.as_ref());
        let last = self.note_asked.iter().chain(late).map(|asked| asked.at).max()?;
        last.checked_add(MAY_STILL_COME).ok()
    }

    /// When the manager's manager was called in, in this generation.
    pub fn escalated_at(&self) -> Option<Timestamp> {
        self.reminders.iter().find(|reminder| reminder.role == "escalation").map(|reminder| reminder.at)
    }
}

impl Slot {
    /// A slot that counts nothing up to `watermark`.
    pub fn above(watermark: EventId) -> Self {
        Self { watermark, ..Self::default() }
    }
}
