//! One look: the vendors, the directory and our own memory, read into a snapshot. Changes nothing.
//!
//! Reads that do not depend on each other go out together. What could not be read is a doubt in its place; an
//! issue that GitLab does not show us is told apart from one it cannot show us now.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::context::Context;
use super::pause::paused;
use super::{approvers, life, parties};
use crate::domain::comment::{Seal, fingerprint, read_seal};
use crate::domain::form::carries_marker;
use crate::domain::ids::{IssueId, IssueKey, NoteId, UserId};
use crate::domain::observed::{Edit, Issue, LabelEvent, Note};
use crate::domain::phase::Phase;
use crate::domain::policy::Pin;
use crate::domain::record::Record;
use crate::domain::snapshot::{Doubt, IssueView, Order, Origin, Parties, Project, Snapshot, Vendor};
use crate::store::{Claim, Entry, StoreError};
use crate::vendors::VendorError;

/// Setting: why nothing may be issued anywhere.
pub(super) const HALTED: &str = "halted";

/// Why nothing may be issued anywhere until a person adopts, if so.
pub async fn halted(store: &crate::store::Store) -> Result<Option<String>, StoreError> {
    store.setting(HALTED).await
}

/// A snapshot, and our comment as it stands.
#[derive(Debug)]
pub struct Observation {
    /// What a decision may look at.
    pub snapshot: Snapshot,
    /// The comment, which no decision looks at.
    pub comment: Comment,
}

/// Our comment as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comment {
    /// There is none.
    Missing,
    /// It says this.
    Found {
        /// Its id.
        id: NoteId,
        /// All of it.
        body: String,
    },
    /// It could not be read; leave it.
    Unknown,
}

/// Looks.
pub async fn observe(context: &Context, claim: &Claim) -> Result<Observation, StoreError> {
    let mut snapshot = remembered(context, Memory::of(claim)).await?;
    let (comment, seals) = look_or_doubt(context, &mut snapshot).await;
    life::find(context, &mut snapshot).await;
    for seal in seals {
        recognise_twin(context, &mut snapshot, seal).await?;
    }
    Ok(Observation { snapshot, comment })
}

/// Looks without a claim and writes nothing: to tell a person what would happen.
pub async fn look_only(context: &Context, key: IssueKey) -> Result<Snapshot, StoreError> {
    let row = context.store.request(key).await?;
    let (adopted, record) = row.map_or((false, None), |row| (row.adopted, row.record));
    let mut snapshot = remembered(context, Memory { key, adopted, record }).await?;
    look_or_doubt(context, &mut snapshot).await;
    life::find(context, &mut snapshot).await;
    Ok(snapshot)
}

/// What a row of the database says.
struct Memory {
    key: IssueKey,
    adopted: bool,
    record: Option<Record>,
}

impl Memory {
    fn of(claim: &Claim) -> Self {
        Self { key: claim.key, adopted: claim.adopted, record: claim.record.clone() }
    }
}

/// Our comment, and the seals that were read: its own, and where this look may mint those of every comment of ours.
async fn look_or_doubt(context: &Context, snapshot: &mut Snapshot) -> (Comment, Vec<Seal>) {
    match look(context, snapshot).await {
        Ok(seen) => return seen,
        Err(VendorError::NotFound { .. }) => snapshot.issue = IssueView::Gone,
        Err(error) => {
            tracing::warn!(issue.key = %snapshot.key, error = %error, "GitLab could not be read");
            snapshot.issue = IssueView::Unknown;
        }
    }
    (Comment::Unknown, Vec::new())
}

/// What we know ourselves; everything that must be asked for is doubted until it was.
async fn remembered(context: &Context, claim: Memory) -> Result<Snapshot, StoreError> {
    let store = &context.store;
    let watched = |one: &crate::store::Project| {
        one.id == claim.key.project && context.policy.watches(one.id, &one.path)
    };
    let project = store.projects().await?.into_iter().find(watched);
    let project = match project {
        None => Project::default(),
        Some(one) => {
            let changed = approvers::labels_changed(store, one.id).await?;
            Project { set_up_at: Some(one.set_up_at), pins: (!changed).then_some(one.pins), pins_doubt: None }
        }
    };
    let orders = store.open_orders(claim.key).await?.into_iter();
    Ok(Snapshot {
        key: claim.key,
        project,
        adopted: claim.adopted,
        halted: store.setting(HALTED).await?,
        clock_is_off: false,
        paused: paused(store).await?,
        ourselves: UserId::default(),
        issue: IssueView::Unknown,
        events: Vec::new(),
        last_edit: None,
        last_closing: None,
        origin: Origin::Here,
        accounts: BTreeMap::new(),
        parties: Parties::unknown(&Doubt::NoForm),
        record: claim.record,
        attempts: store.attempts(claim.key).await?,
        orders: orders.map(|one| Order { id: one.id, kind: one.kind, why: one.why, by: one.by }).collect(),
        groups: BTreeMap::new(),
        comment_changed: false,
        last_words: None,
        listing: None,
        people: None,
        successors: Vec::new(),
        in_hand: context.hand.attempt(claim.key),
    })
}

async fn look(context: &Context, snapshot: &mut Snapshot) -> Result<(Comment, Vec<Seal>), VendorError> {
    snapshot.ourselves = only_the_issue_is_gone(context.ourselves().await)?;
    let Some((issue, rest)) = read(context, snapshot).await? else {
        return Ok((Comment::Unknown, Vec::new()));
    };
    let Rest { events, edit, closing, notes } = rest;
    (snapshot.events, snapshot.last_edit, snapshot.last_closing) = (events, edit, closing);
    snapshot.origin = notes.origin;
    snapshot.comment_changed = is_changed(snapshot, &notes.comment);
    if is_undecided(snapshot) {
        approvers::find(context, snapshot, &issue).await;
        parties::find(context, snapshot, &issue).await;
    } else {
        approvers::find_revoker(context, snapshot, &issue).await;
    }
    snapshot.issue = IssueView::Seen(Box::new(issue));
    snapshot.clock_is_off = context.gitlab.clock_is_off();
    Ok((notes.comment, notes.seals))
}

/// Whether our comment is not what we last wrote.
fn is_changed(snapshot: &Snapshot, comment: &Comment) -> bool {
    let written = snapshot.record.as_ref().and_then(|record| record.note.as_ref()?.written.as_ref());
    match (written, comment) {
        (Some(written), Comment::Found { body, .. }) => fingerprint(body) != *written,
        _ => false,
    }
}

/// What GitLab shows of an issue besides its text.
struct Rest {
    events: Vec<LabelEvent>,
    edit: Option<Edit>,
    closing: Option<Timestamp>,
    notes: Notes,
}

/// What the notes of an issue tell.
struct Notes {
    comment: Comment,
    /// Of every comment of ours that was read.
    seals: Vec<Seal>,
    origin: Origin,
}

/// Reads a known issue in one round of parallel calls. Where a label may count, and at first sight, the rest is read
/// after the text: an edit or a closing that the text does not show yet can then only make an approval count less,
/// never count for a text that came after it. `None`: it is no request.
async fn read(context: &Context, snapshot: &mut Snapshot) -> Result<Option<(Issue, Rest)>, VendorError> {
    let key = snapshot.key;
    if let Some(id) = snapshot.record.as_ref().map(|record| record.issue) {
        let (issue, quick) =
            tokio::join!(context.gitlab.issue(key), rest(context, snapshot, id, Care::Little));
        let issue = issue?;
        let careful = may_count(snapshot, &issue);
        let rest = if careful { rest(context, snapshot, id, Care::Great).await } else { quick };
        return Ok(Some((issue, only_the_issue_is_gone(rest)?)));
    }
    let issue = context.gitlab.issue(key).await?;
    if !carries_marker(&issue.description, &context.policy.marker) {
        snapshot.issue = IssueView::Seen(Box::new(issue));
        return Ok(None);
    }
    let rest = only_the_issue_is_gone(rest(context, snapshot, issue.id, Care::Great).await)?;
    Ok(Some((issue, rest)))
}

/// How much is read besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Nothing may be approved by this look.
    Little,
    /// A label may count: also the last closing and all notes, since GitLab moves in the background and its note
    /// may come after our first look, and a twin has a comment of its own.
    Great,
}

async fn rest(context: &Context, snapshot: &Snapshot, id: IssueId, care: Care) -> Result<Rest, VendorError> {
    let (gitlab, key) = (&context.gitlab, snapshot.key);
    let closing = async { if care == Care::Great { gitlab.last_closing(key).await } else { Ok(None) } };
    let (events, edit, closing, notes) =
        tokio::join!(gitlab.label_events(key), gitlab.last_edit(id), closing, notes(context, snapshot, care));
    Ok(Rest { events: events?, edit: edit?, closing: closing?, notes: notes? })
}

/// A 404 for anything but the issue itself tells nothing about the issue: it is an answer that cannot be used.
fn only_the_issue_is_gone<T>(answer: Result<T, VendorError>) -> Result<T, VendorError> {
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

/// The comment by its stored id; all notes before there is one, and where care is taken.
async fn notes(context: &Context, snapshot: &Snapshot, care: Care) -> Result<Notes, VendorError> {
    let key = snapshot.key;
    let stored = snapshot.record.as_ref().and_then(|record| record.note.as_ref());
    if let Some(note) = stored.filter(|_| care == Care::Little) {
        let (comment, seals) = match context.gitlab.note(key, note.id).await {
            Ok(note) => {
                let seals = read_seal(&note.body).into_iter().collect();
                (Comment::Found { id: note.id, body: note.body }, seals)
            }
            Err(VendorError::NotFound { .. }) => (Comment::Missing, Vec::new()),
            Err(error) => return Err(error),
        };
        return Ok(Notes { comment, seals, origin: Origin::Here });
    }
    // What others wrote is not kept: it may be more than there is memory.
    let wanted = |note: &Note| note.system || note.author == Some(snapshot.ourselves);
    let notes = context.gitlab.notes(key, wanted).await?;
    let ours = |note: &&Note| match stored {
        Some(stored) => note.id == stored.id,
        None => our_seal(snapshot, note).is_some(),
    };
    let found = |note: &Note| Comment::Found { id: note.id, body: note.body.clone() };
    let comment = notes.iter().find(ours).map_or(Comment::Missing, found);
    let seals = notes.iter().filter_map(|note| our_seal(snapshot, note)).collect();
    Ok(Notes { comment, seals, origin: origin(&notes) })
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

/// Our own comment, written by another installation or by a later state of this one: nothing is issued any more.
async fn recognise_twin(context: &Context, snapshot: &mut Snapshot, seal: Seal) -> Result<(), StoreError> {
    let head = context.store.head().await?;
    let other = seal.installation != context.store.installation();
    let later = seal.sequence > head.seq;
    if (!other && !later) || snapshot.halted.is_some() {
        return Ok(());
    }
    let why = if other {
        "another installation wrote the comment"
    } else {
        "the comment is ahead of this database"
    };
    tracing::error!(issue.key = %snapshot.key, "{why}: nothing is issued until `countersign adopt --all`");
    let detail =
        serde_json::json!({"why": why, "installation": seal.installation, "sequence": seal.sequence});
    context
        .store
        .append(vec![Entry { kind: "installation.halted".into(), key: Some(snapshot.key), detail }])
        .await?;
    context.store.set_setting(HALTED, why).await?;
    snapshot.halted = Some(why.to_owned());
    Ok(())
}

/// What is listed at an instance, where this look may mint.
pub(super) async fn listing(
    context: &Context,
    instance: &str,
) -> Option<Result<Vec<crate::domain::observed::ListedToken>, Doubt>> {
    let zendesk = context.zendesk.get(instance)?;
    Some(zendesk.list_api_tokens().await.map_err(|error| zendesk_doubt(&error)))
}

pub(super) fn zendesk_doubt(error: &VendorError) -> Doubt {
    let vendor = Vendor::Zendesk;
    match error {
        VendorError::NotFound { .. } => Doubt::TokensSwitchedOff,
        VendorError::Unauthorized { .. } | VendorError::Forbidden { .. } | VendorError::Rejected { .. } => {
            Doubt::RefusesUs { vendor }
        }
        _ => Doubt::Unreachable { vendor },
    }
}

/// Whether a label of that title is on the issue.
pub(super) fn carries(issue: &Issue, pin: Option<&Pin>) -> bool {
    pin.is_some_and(|pin| issue.labels.contains(&pin.name))
}
