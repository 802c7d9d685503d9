//! One look: the vendors, the directory and our own memory, read into a snapshot. Changes nothing.
//!
//! Reads that do not depend on each other go out together. What could not be read is a doubt in its place; an
//! issue that GitLab does not show us is told apart from one it cannot show us now.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::pause::paused;
use super::reading::{self, Notes, Reading, Rest, is_undecided, only_the_issue_is_gone};
use super::{approvers, credentials, extension, foresight, life, parties};
use crate::domain::comment::{Seal, Writer, fingerprint};
use crate::domain::ids::{IssueKey, NoteId, UserId};
use crate::domain::observed::{Issue, Listed};
use crate::domain::phase::Phase;
use crate::domain::policy::Pin;
use crate::domain::record::Record;
use crate::domain::snapshot::{
    Doubt, IssueView, Order, Origin, Parties, Predecessor, Project, Snapshot, Vendor,
};
use crate::domain::terms::Kind;
use crate::store::{Claim, Entry, StoreError};
use crate::vendors::VendorError;

/// So old a look may be for what it decided to be minted and sent. Whatever changes later is as if it had come after
/// the message.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
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
    /// Comments of ours besides it.
    pub extra: Vec<NoteId>,
    /// When the look began.
    pub begun: Timestamp,
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

/// Whether what was read since then still stands together, now.
pub(super) fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..=FRESH).contains(&now.duration_since(since))
}

/// Looks.
pub async fn observe(context: &Context, claim: &Claim) -> Result<Observation, StoreError> {
    let begun = context.now();
    let mut snapshot = remembered(context, Memory::of(claim)).await?;
    let Notes { comment, extra, seals, .. } = look_or_doubt(context, &mut snapshot).await;
    life::find(context, &mut snapshot).await;
    extension::find(context, &mut snapshot).await?;
    for seal in seals {
        recognise_twin(context, &mut snapshot, seal).await?;
    }
    Ok(Observation { snapshot, comment, extra, begun })
}

/// Looks without a claim and writes nothing: to tell a person what would happen.
pub async fn look_only(context: &Context, key: IssueKey) -> Result<Snapshot, StoreError> {
    let row = context.store.request(key).await?;
    let (adopted, record) = row.map_or((false, None), |row| (row.adopted, row.record));
    let mut snapshot = remembered(context, Memory { key, adopted, record }).await?;
    look_or_doubt(context, &mut snapshot).await;
    life::find(context, &mut snapshot).await;
    extension::find(context, &mut snapshot).await?;
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
async fn look_or_doubt(context: &Context, snapshot: &mut Snapshot) -> Notes {
    match Box::pin(look(context, snapshot)).await {
        Ok(seen) => return seen,
        Err(VendorError::NotFound { .. }) => snapshot.issue = IssueView::Gone,
        Err(error) => {
            tracing::warn!(issue.key = %snapshot.key, error = %error, "GitLab could not be read");
            snapshot.issue = IssueView::Unknown;
        }
    }
    Notes::NONE
}

/// Whether a person has stopped issuing, or given an order for this request, by what is written down now.
pub(super) async fn is_stopped(context: &Context, key: IssueKey) -> Result<bool, StoreError> {
    let store = &context.store;
    Ok(store.setting(HALTED).await?.is_some()
        || paused(store).await?.is_some()
        || !store.open_orders(key).await?.is_empty())
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
        last_used: None,
        group_provisioners: Vec::new(),
        handed_over_is_listed: None,
        people: None,
        predecessor: Predecessor::None,
        successors: store.successors(claim.key).await?,
        in_hand: context.hand.attempt(claim.key),
    })
}

async fn look(context: &Context, snapshot: &mut Snapshot) -> Result<Notes, VendorError> {
    snapshot.ourselves = only_the_issue_is_gone(context.ourselves().await)?;
    context.forget_channel(snapshot.key);
    let (guess, begun) = (foresight::guess(context, snapshot), context.now());
    let expected = guess.as_ref().map(|guess| guess.people.as_slice());
    // `biased`, here and wherever calls go out together: in this order each time, so that a simulation is repeatable.
    let (reading, early) = tokio::join!(
        biased;
        reading::read(context, snapshot, expected),
        foresight::ask(context, snapshot.key, guess.as_ref()),
    );
    // Slack's answer and GitLab's must hold at one moment.
    let early = early.filter(|_| is_fresh(begun, context.now()));
    let (issue, rest) = match reading? {
        Reading::Request(issue, rest) => (issue, *rest),
        Reading::NoRequest(issue) => {
            snapshot.issue = IssueView::Seen(Box::new(issue));
            return Ok(Notes::NONE);
        }
    };
    let Rest { events, described, closing, notes, labels, accounts } = rest;
    snapshot.last_edit = described.and_then(|described| described.last_edit);
    (snapshot.events, snapshot.last_closing) = (events, closing);
    snapshot.origin = notes.origin;
    snapshot.comment_changed = is_changed(snapshot, &notes.comment);
    if is_undecided(snapshot) {
        for account in accounts.values() {
            context.note_name(account.id, &account.username);
        }
        snapshot.accounts = accounts.into_iter().map(|(id, account)| (id, Ok(account))).collect();
        approvers::find(context, snapshot, &issue, labels).await;
        parties::find(context, snapshot, &issue, early).await;
    } else {
        approvers::find_revoker(context, snapshot, &issue, labels).await;
        snapshot.handed_over_is_listed = handed_over_is_listed(context, snapshot).await;
    }
    snapshot.issue = IssueView::Seen(Box::new(issue));
    snapshot.clock_is_off = context.gitlab.clock_is_off();
    Ok(notes)
}

/// Whether our comment is not what we wrote: changed, taken away, or another in its place.
fn is_changed(snapshot: &Snapshot, comment: &Comment) -> bool {
    let Some(record) = &snapshot.record else { return false };
    match comment {
        Comment::Found { id, body } => record.is_strange(*id, &fingerprint(body)),
        Comment::Missing => record.note.is_some(),
        Comment::Unknown => false,
    }
}

/// Our own comment, written by another installation or by a later state of this one: nothing is issued any more. One that
/// only claims so is a changed comment, like any other that somebody wrote over.
async fn recognise_twin(context: &Context, snapshot: &mut Snapshot, seal: Seal) -> Result<(), StoreError> {
    if snapshot.halted.is_some() {
        return Ok(());
    }
    let coded = snapshot.record.as_ref().is_some_and(|record| record.seal_coded);
    let why = match context.store.writer_of(snapshot.key, &seal, coded).await? {
        Writer::NotAhead => return Ok(()),
        Writer::Forger => {
            tracing::warn!(issue.key = %snapshot.key, "somebody changed the seal of our comment");
            return Ok(());
        }
        Writer::Another => "another installation wrote the comment",
        Writer::Later => "the comment is ahead of this database",
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

/// Whether what an active request handed over is still there. Not for a young one: lists lag.
async fn handed_over_is_listed(context: &Context, snapshot: &Snapshot) -> Option<bool> {
    // Once its end has come it is taken away, there or not.
    let goes_on = |phase: &Phase| matches!(phase, Phase::Active { ends_at, .. } if *ends_at > context.now());
    let active = snapshot.record.as_ref().is_some_and(|record| goes_on(&record.phase));
    let attempt = snapshot.attempts.iter().find(|attempt| active && attempt.is_live())?;
    let credential = attempt.credential?;
    let lately = attempt.missing_since.is_none() && context.was_just_listed(&attempt.instance, credential);
    if lately || !super::take_away::old_enough(attempt, context.now()) {
        return None;
    }
    let zendesk = context.zendesk.get(&attempt.instance)?;
    match credentials::is_listed(zendesk, attempt.kind, credential).await {
        Ok(true) => {
            context.note_listed(&attempt.instance, credential);
            Some(true)
        }
        Ok(false) => Some(false),
        Err(error) => {
            tracing::warn!(issue.key = %snapshot.key, error = %error, "whether the credential is still there cannot be seen");
            None
        }
    }
}

/// What is listed of a kind at an instance, where this look may mint.
pub(super) async fn listing(
    context: &Context,
    (instance, kind): (&str, Kind),
) -> Option<Result<Vec<Listed>, Doubt>> {
    let zendesk = context.zendesk.get(instance)?;
    let listed = credentials::list(zendesk, kind).await;
    Some(listed.map_err(|error| credentials::unlisted(&error, kind)))
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
