//! One look: the vendors, the directory and our own memory, read into a snapshot. Changes nothing.
//!
//! Reads that do not depend on each other go out together. What could not be read is a doubt in its place; an
//! issue that GitLab does not show us is told apart from one it cannot show us now.

use std::collections::BTreeMap;

use super::context::Context;
use super::{approvers, parties};
use crate::domain::comment::{Seal, read_seal};
use crate::domain::form::carries_marker;
use crate::domain::ids::{IssueKey, NoteId, UserId};
use crate::domain::observed::{Edit, Issue, LabelEvent, Note};
use crate::domain::phase::Phase;
use crate::domain::policy::Pin;
use crate::domain::record::Record;
use crate::domain::snapshot::{Doubt, IssueView, Order, Origin, Parties, Project, Snapshot, Vendor};
use crate::store::{Claim, Entry, StoreError};
use crate::vendors::VendorError;

/// Setting: why nothing may be issued anywhere.
pub(super) const HALTED: &str = "halted";

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
        ourselves: UserId::default(),
        issue: IssueView::Unknown,
        events: Vec::new(),
        last_edit: None,
        origin: Origin::Here,
        accounts: BTreeMap::new(),
        parties: Parties::unknown(&Doubt::NoForm),
        record: claim.record,
        attempts: store.attempts(claim.key).await?,
        orders: orders.map(|one| Order { id: one.id, kind: one.kind, why: one.why, by: one.by }).collect(),
        groups: BTreeMap::new(),
        last_words: None,
        listing: None,
        in_hand: context.hand.attempt(claim.key),
    })
}

async fn look(context: &Context, snapshot: &mut Snapshot) -> Result<(Comment, Vec<Seal>), VendorError> {
    snapshot.ourselves = only_the_issue_is_gone(context.ourselves().await)?;
    let Some(seen) = read(context, snapshot).await? else { return Ok((Comment::Unknown, Vec::new())) };
    let Seen { issue, events, edit, comment, origin } = seen;
    (snapshot.events, snapshot.last_edit, snapshot.origin) = (events, edit, origin);
    if is_undecided(snapshot) {
        approvers::find(context, snapshot, &issue).await;
        parties::find(context, snapshot, &issue).await;
    } else {
        snapshot.parties.names = names_of_record(context, snapshot).await;
    }
    let mut seals = seal_of(&comment).into_iter().collect();
    if snapshot.listing.is_some() {
        // A twin that began at the same moment has a comment of its own, which nobody else would ever read.
        let notes = only_the_issue_is_gone(context.gitlab.notes(snapshot.key).await)?;
        seals = notes.iter().filter_map(|note| our_seal(snapshot, note)).collect();
    }
    snapshot.issue = IssueView::Seen(Box::new(issue));
    Ok((comment, seals))
}

fn seal_of(comment: &Comment) -> Option<Seal> {
    match comment {
        Comment::Found { body, .. } => read_seal(body),
        Comment::Missing | Comment::Unknown => None,
    }
}

/// The seal of a comment that our own account wrote; anybody can copy one.
fn our_seal(snapshot: &Snapshot, note: &Note) -> Option<Seal> {
    let ours = !note.system && note.author == Some(snapshot.ourselves);
    read_seal(&note.body).filter(|_| ours)
}

/// What GitLab shows of an issue.
struct Seen {
    issue: Issue,
    events: Vec<LabelEvent>,
    edit: Option<Edit>,
    comment: Comment,
    origin: Origin,
}

/// Reads it, in one round of parallel calls where its id is known. `None`: it is no request; nothing more is read.
async fn read(context: &Context, snapshot: &mut Snapshot) -> Result<Option<Seen>, VendorError> {
    let gitlab = &context.gitlab;
    let key = snapshot.key;
    if let Some(id) = snapshot.record.as_ref().map(|record| record.issue) {
        let (issue, events, edit, notes) = tokio::join!(
            gitlab.issue(key),
            gitlab.label_events(key),
            gitlab.last_edit(id),
            comment_and_origin(context, snapshot)
        );
        let (issue, (comment, origin)) = (issue?, only_the_issue_is_gone(notes)?);
        let (events, edit) = (only_the_issue_is_gone(events)?, only_the_issue_is_gone(edit)?);
        return Ok(Some(Seen { issue, events, edit, comment, origin }));
    }
    let issue = gitlab.issue(key).await?;
    if !carries_marker(&issue.description, &context.policy.marker) {
        snapshot.issue = IssueView::Seen(Box::new(issue));
        return Ok(None);
    }
    let (events, edit, notes) = tokio::join!(
        gitlab.label_events(key),
        gitlab.last_edit(issue.id),
        comment_and_origin(context, snapshot)
    );
    let (comment, origin) = only_the_issue_is_gone(notes)?;
    let (events, edit) = (only_the_issue_is_gone(events)?, only_the_issue_is_gone(edit)?);
    Ok(Some(Seen { issue, events, edit, comment, origin }))
}

/// A 404 for anything but the issue itself tells nothing about the issue: it is an answer that cannot be used.
fn only_the_issue_is_gone<T>(answer: Result<T, VendorError>) -> Result<T, VendorError> {
    answer.map_err(|error| match error {
        VendorError::NotFound { vendor } => VendorError::Malformed { vendor },
        other => other,
    })
}

/// Whether approvals may matter in this look. From minting on, the ledger alone counts.
fn is_undecided(snapshot: &Snapshot) -> bool {
    let over = |record: &Record| {
        matches!(
            record.phase,
            Phase::Active { .. } | Phase::Ending { .. } | Phase::Delivering { .. } | Phase::Refused { .. }
        )
    };
    !snapshot.record.as_ref().is_some_and(over)
}

/// The comment by its stored id; before there is one, all notes, which also tell where the issue came from.
async fn comment_and_origin(
    context: &Context,
    snapshot: &Snapshot,
) -> Result<(Comment, Origin), VendorError> {
    let key = snapshot.key;
    if let Some(note) = snapshot.record.as_ref().and_then(|record| record.note.as_ref()) {
        return match context.gitlab.note(key, note.id).await {
            Ok(note) => Ok((Comment::Found { id: note.id, body: note.body }, Origin::Here)),
            Err(VendorError::NotFound { .. }) => Ok((Comment::Missing, Origin::Here)),
            Err(error) => Err(error),
        };
    }
    let notes = context.gitlab.notes(key).await?;
    let comment = notes.iter().find(|note| our_seal(snapshot, note).is_some());
    let found = |note: &Note| Comment::Found { id: note.id, body: note.body.clone() };
    Ok((comment.map_or(Comment::Missing, found), origin(&notes)))
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

async fn names_of_record(context: &Context, snapshot: &Snapshot) -> BTreeMap<UserId, String> {
    let terms = snapshot.record.as_ref().and_then(|record| record.issued.as_ref());
    let people: Vec<UserId> = terms.map(|terms| terms.beneficiary).into_iter().collect();
    context.names(snapshot.key.project, &people).await
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
