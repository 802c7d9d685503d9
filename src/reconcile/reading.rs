//! Reading an issue: its text, and everything else that GitLab shows of it.
//!
//! Where a label may count, what was read must hang together: an edit that the text shows and the last edit does not
//! would let an approval count for a text that came after it. Two ways lead there. In order: the text first, the rest
//! after it. Or all at once, where GitLab's own answers prove that nothing came between ([`agree`]); whatever does not
//! prove it is read again in order. See decision 22.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::approvers;
use super::context::Context;
use super::observe::{Comment, carries};
use crate::domain::comment::{Seal, read_seal};
use crate::domain::form::carries_marker;
use crate::domain::ids::{IssueId, NoteId, UserId};
use crate::domain::observed::{Account, Described, Issue, LabelEvent, Note};
use crate::domain::phase::Phase;
use crate::domain::policy::{Pin, Pins};
use crate::domain::record::Record;
use crate::domain::snapshot::{Origin, Snapshot};
use crate::vendors::VendorError;
use crate::vendors::gitlab::Label;

/// Reading all at once may take no longer. What changes within it is closer together than an edit and a label may
/// be (rule 4.5), so that nobody has read a text and approved it in between.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);

/// What there is.
pub(super) enum Reading {
    /// No request: what it is all the same.
    NoRequest(Issue),
    /// A request, or one that was.
    Request(Issue, Box<Rest>),
}

/// What GitLab shows of an issue besides its text.
pub(super) struct Rest {
    pub(super) events: Vec<LabelEvent>,
    /// The text once more, with its last edit. Not asked at a first look where no label is on.
    pub(super) described: Option<Described>,
    pub(super) closing: Option<Timestamp>,
    pub(super) notes: Notes,
    /// All labels of the project, where one of them may count.
    pub(super) labels: Option<Result<Vec<Label>, VendorError>>,
    /// Those of the people that were expected to matter whose account and membership could be read.
    pub(super) accounts: BTreeMap<UserId, Account>,
}

/// What the notes of an issue tell.
pub(super) struct Notes {
    pub(super) comment: Comment,
    /// Comments of this installation besides that one: an answer was lost, or two of us were at it.
    pub(super) extra: Vec<NoteId>,
    /// Of every comment of ours that was read.
    pub(super) seals: Vec<Seal>,
    pub(super) origin: Origin,
}

impl Notes {
    /// Of an issue that is none of ours, or could not be read.
    pub(super) const NONE: Self =
        Self { comment: Comment::Unknown, extra: Vec::new(), seals: Vec::new(), origin: Origin::Here };
}

/// How much is read besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Never seen before, and no label is on: where it came from.
    First,
    /// Nothing may be approved by this look.
    Little,
    /// A label may count: also the last closing and all notes, since GitLab moves in the background and its note
    /// may come after our first look, and a twin has a comment of its own.
    Great,
}

/// Reads an issue. `expected`: somebody has just changed it, and these people may have approved it.
pub(super) async fn read(
    context: &Context,
    snapshot: &Snapshot,
    expected: Option<&[UserId]>,
) -> Result<Reading, VendorError> {
    let known = snapshot.record.as_ref().map(|record| record.issue);
    if let (Some(id), Some(people)) = (known, expected)
        && let Some((issue, rest)) = at_once(context, snapshot, (id, people)).await?
    {
        return Ok(Reading::Request(issue, Box::new(rest)));
    }
    let people = expected.unwrap_or_default();
    let reading = Reader { context, snapshot, people };
    if let Some(id) = known {
        let (issue, quick) =
            tokio::join!(biased; context.gitlab.issue(snapshot.key), reading.rest(id, Care::Little));
        let issue = issue?;
        let (issue, rest) = if may_count(snapshot, &issue) {
            reading.in_order(issue).await?
        } else {
            (issue, only_the_issue_is_gone(quick)?)
        };
        return Ok(Reading::Request(issue, Box::new(rest)));
    }
    let issue = context.gitlab.issue(snapshot.key).await?;
    if !carries_marker(&issue.description, &context.policy.marker) {
        return Ok(Reading::NoRequest(issue));
    }
    let (issue, rest) = if may_count(snapshot, &issue) {
        reading.in_order(issue).await?
    } else {
        let rest = reading.rest(issue.id, Care::First).await;
        (issue, only_the_issue_is_gone(rest)?)
    };
    Ok(Reading::Request(issue, Box::new(rest)))
}

/// Everything at the same time, in one try. `None`: it does not hang together, or took too long; or no answer came,
/// and whoever asks in order will see why.
async fn at_once(
    context: &Context,
    snapshot: &Snapshot,
    (id, people): (IssueId, &[UserId]),
) -> Result<Option<(Issue, Rest)>, VendorError> {
    let began = context.now();
    let reading = Reader { context, snapshot, people };
    let (issue, rest) =
        tokio::join!(biased; context.gitlab.issue_at_once(snapshot.key), reading.rest(id, Care::Great));
    let (Ok(issue), Ok(rest)) = (issue, rest) else { return Ok(None) };
    let took = context.now().duration_since(began);
    let quick = (SignedDuration::ZERO..=AT_ONCE).contains(&took);
    let one = !may_count(snapshot, &issue) || (quick && agree(snapshot, &issue, &rest));
    Ok(one.then_some((issue, rest)))
}

/// Whether the answers show one state of the issue: the text is the one whose last edit was told, in one answer; and
/// each label that is on was put on by its last event, before the text was read, and each that is off was not.
fn agree(snapshot: &Snapshot, issue: &Issue, rest: &Rest) -> bool {
    let same_text = rest.described.as_ref().is_some_and(|described| described.text == issue.description);
    let Some(pins) = &snapshot.project.pins else { return false };
    let before = |pin: &Pin| last_event(pin, &rest.events).is_none_or(|event| event.at <= issue.updated_at);
    same_text && approvers::all(pins).all(before) && labels_are_explained(pins, issue, &rest.events)
}

/// Whether each label that is on was put on by its last event, and each that is off was not.
fn labels_are_explained(pins: &Pins, issue: &Issue, events: &[LabelEvent]) -> bool {
    approvers::all(pins).all(|pin| {
        let put_on = last_event(pin, events).is_some_and(|event| event.added);
        carries(issue, Some(pin)) == put_on
    })
}

fn last_event<'a>(pin: &Pin, events: &'a [LabelEvent]) -> Option<&'a LabelEvent> {
    events.iter().filter(|event| event.label == Some(pin.id)).max_by_key(|event| event.id)
}

struct Reader<'a> {
    context: &'a Context,
    snapshot: &'a Snapshot,
    people: &'a [UserId],
}

impl Reader<'_> {
    /// The text was read, and the rest comes after it. Where that took long the labels may be others by then: a label
    /// that was put right in between would be held against those that were on before, so both are read once more.
    async fn in_order(&self, issue: Issue) -> Result<(Issue, Rest), VendorError> {
        let rest = only_the_issue_is_gone(self.rest(issue.id, Care::Great).await)?;
        let explained = |pins| labels_are_explained(pins, &issue, &rest.events);
        if self.snapshot.project.pins.as_ref().is_none_or(explained) {
            return Ok((issue, rest));
        }
        let issue = self.context.gitlab.issue(self.snapshot.key).await?;
        let rest = only_the_issue_is_gone(self.rest(issue.id, Care::Great).await)?;
        Ok((issue, rest))
    }

    async fn rest(&self, id: IssueId, care: Care) -> Result<Rest, VendorError> {
        let Self { context, snapshot, people } = *self;
        let (gitlab, key) = (&context.gitlab, snapshot.key);
        let great = care == Care::Great;
        let people = if great { people } else { &[] };
        let described = async {
            if care == Care::First { Ok(None) } else { gitlab.described(id, people).await.map(Some) }
        };
        let closing = async { if great { gitlab.last_closing(key).await } else { Ok(None) } };
        let labels = async { if great { Some(gitlab.labels(key.project).await) } else { None } };
        let (events, described, closing, notes, labels, members) = tokio::join!(
            biased;
            gitlab.label_events(key),
            described,
            closing,
            self.notes(care),
            labels,
            gitlab.memberships(key.project, people),
        );
        let mut described = described?;
        let known = described.as_mut().map(|one| std::mem::take(&mut one.people)).unwrap_or_default();
        let accounts = members.map_or_else(
            |_| BTreeMap::new(),
            |mut members| {
                known.into_iter().map(|one| (one.id, one.clone().with(members.remove(&one.id)))).collect()
            },
        );
        Ok(Rest { events: events?, described, closing: closing?, notes: notes?, labels, accounts })
    }

    /// The comment by its stored id; all notes where there is none, where another may have come, and where care is
    /// taken.
    async fn notes(&self, care: Care) -> Result<Notes, VendorError> {
        let record = self.snapshot.record.as_ref();
        let stored = record.and_then(|record| record.note.as_ref()).map(|note| note.id);
        let alone = record.is_none_or(|record| record.note_asked.is_none());
        if let Some(id) = stored.filter(|_| care == Care::Little && alone) {
            match self.context.gitlab.note(self.snapshot.key, id).await {
                Ok(note) => {
                    let seals = read_seal(&note.body).into_iter().collect();
                    return Ok(Notes { comment: found(&note), seals, ..Notes::NONE });
                }
                Err(VendorError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.all_notes(stored).await
    }

    async fn all_notes(&self, stored: Option<NoteId>) -> Result<Notes, VendorError> {
        let (context, snapshot) = (self.context, self.snapshot);
        // What others wrote is not kept: it may be more than there is memory.
        let wanted = |note: &Note| note.system || note.author == Some(snapshot.ourselves);
        let notes = context.gitlab.notes(snapshot.key, wanted).await?;
        let sealed: Vec<(&Note, Seal)> =
            notes.iter().filter_map(|note| Some((note, our_seal(snapshot, note)?))).collect();
        let known = notes.iter().find(|note| Some(note.id) == stored);
        let comment = known.or_else(|| sealed.first().map(|(note, _)| *note));
        let installation = context.store.installation();
        let others = sealed.iter().filter(|(note, seal)| {
            seal.installation == installation && comment.is_some_and(|comment| comment.id != note.id)
        });
        Ok(Notes {
            comment: comment.map_or(Comment::Missing, found),
            extra: others.map(|(note, _)| note.id).collect(),
            seals: sealed.iter().map(|(_, seal)| seal.clone()).collect(),
            origin: origin(&notes),
        })
    }
}

fn found(note: &Note) -> Comment {
    Comment::Found { id: note.id, body: note.body.clone() }
}

/// A 404 for anything but the issue itself tells nothing about the issue: it is an answer that cannot be used.
pub(super) fn only_the_issue_is_gone<T>(answer: Result<T, VendorError>) -> Result<T, VendorError> {
    answer.map_err(|error| match error {
        VendorError::NotFound { vendor } => VendorError::Malformed { vendor },
        other => other,
    })
}

/// Whether approvals may matter in this look. From minting on, the ledger alone counts.
pub(super) fn is_undecided(snapshot: &Snapshot) -> bool {
    let over = |record: &Record| {
        matches!(
            record.phase,
            Phase::Active { .. } | Phase::Ending { .. } | Phase::Delivering { .. } | Phase::Refused { .. }
        )
    };
    !snapshot.record.as_ref().is_some_and(over)
}

/// The seal of a comment that our own account wrote; anybody can copy one.
fn our_seal(snapshot: &Snapshot, note: &Note) -> Option<Seal> {
    let ours = !note.system && note.author == Some(snapshot.ourselves);
    read_seal(&note.body).filter(|_| ours)
}

/// Whether a label is on that this look may take for an approval.
fn may_count(snapshot: &Snapshot, issue: &Issue) -> bool {
    let Some(pins) = &snapshot.project.pins else { return false };
    let any = || approvers::all(pins).any(|pin| carries(issue, Some(pin)));
    if is_undecided(snapshot) { any() } else { carries(issue, pins.revoke.as_ref()) }
}

/// GitLab's own notes on a move or a clone.
fn origin(notes: &[Note]) -> Origin {
    let says =
        |words: &str| notes.iter().any(|note| note.system && note.body.trim_start().starts_with(words));
    match (says("moved from"), says("cloned from")) {
        (true, _) => Origin::Moved,
        (false, true) => Origin::Cloned,
        (false, false) if says("promoted") => Origin::Moved,
        (false, false) => Origin::Here,
    }
}
