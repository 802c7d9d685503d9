//! Keeps the one comment as it should read: rendered whole, written only where it differs.

use super::act::Work;
use super::observe::{Comment, Observation};
use crate::domain::comment::{View, fingerprint, render, sealed, unsealed};
use crate::domain::ids::NoteId;
use crate::domain::observed::Note;
use crate::domain::plan::Status;
use crate::domain::record::{AskedNote, MAY_STILL_COME, StatusNote};
use crate::domain::snapshot::IssueView;
use crate::planted::{self, Bug};
use crate::store::StoreError;
use crate::vendors::VendorError;

/// Writes the comment if it does not say what it should. A failure is left to the next look.
pub(super) async fn write(
    work: &mut Work<'_>,
    seen: &Observation,
    status: &Status,
) -> Result<(), StoreError> {
    if !matches!(seen.snapshot.issue, IssueView::Seen(_)) || seen.comment == Comment::Unknown {
        return Ok(());
    }
    if take_back_what_is_extra(work, seen).await {
        forget_what_never_came(work, seen);
    } else {
        read_all_again(work);
    }
    let body = body(work, seen, status);
    match &seen.comment {
        Comment::Found { body: present, id } if unsealed(present) == body && may_stay(seen) => {
            keep_as_told(work, *id, present).await
        }
        Comment::Found { id, body: present } if !planted::is(Bug::NewComments) => {
            let ours = !seen.snapshot.comment_changed;
            edit(work, (*id, ours.then(|| fingerprint(present))), &body).await
        }
        Comment::Missing | Comment::Found { .. } => create(work, &body).await,
        Comment::Unknown => Ok(()),
    }
}

/// Whether what it says besides is what we wrote. While nothing may be issued, another's seal stays to be looked at.
fn may_stay(seen: &Observation) -> bool {
    !seen.snapshot.comment_changed || seen.snapshot.halted.is_some()
}

/// Writes a new one. That it was asked for is written down before: if no answer comes it may be there all the same, or
/// come later, and the looks that follow read all notes until that cannot be any more.
async fn create(work: &mut Work<'_>, body: &str) -> Result<(), StoreError> {
    let body = seal(work, body).await?;
    let before = work.record.note_asked.clone();
    let asked = AskedNote::again(before.clone(), fingerprint(&body), work.context.now());
    work.record.note_asked = Some(asked);
    work.commit_record().await?;
    let created = work.context.gitlab.create_note(work.claim.key, &body).await;
    if created.as_ref().map_or_else(VendorError::is_definitely_not_done, |_| true) {
        work.record.note_asked = before;
    }
    let id = created.as_ref().ok().map(|note| note.id);
    let kept = keep_written(work, created).await;
    if let (Err(StoreError::Fenced), Some(id)) = (&kept, id) {
        leave_to_the_other(work, id).await?;
    }
    kept
}

/// Writes it anew. What it is to be is written down before: if no answer comes it may be that, and nobody else's.
async fn edit(
    work: &mut Work<'_>,
    (id, present): (NoteId, Option<String>),
    body: &str,
) -> Result<(), StoreError> {
    let body = seal(work, body).await?;
    let earlier = work.record.note.take().filter(|note| note.id == id);
    let known = earlier.as_ref().and_then(|note| note.written.clone());
    let asked = Some(fingerprint(&body));
    let note = StatusNote { id, written: present.or(known), asked, late: None };
    keep(work, note.after(earlier, work.context.now())).await?;
    let edited = work.context.gitlab.edit_note(work.claim.key, id, &body).await;
    if edited.is_ok()
        && let Some(note) = &mut work.record.note
    {
        note.asked = None;
    }
    keep_written(work, edited).await
}

/// What was asked for so long ago has come by now or never will: this look read all notes.
fn forget_what_never_came(work: &mut Work<'_>, seen: &Observation) {
    let asked = work.record.note_asked.as_ref();
    if asked.is_some_and(|asked| seen.begun.duration_since(asked.at) >= MAY_STILL_COME) {
        work.record.note_asked = None;
    }
}

/// One comment is kept; another of this installation's tells people the same or something old. While nothing may be
/// issued until a person has looked, all stay as they are. Whether there is no other now.
async fn take_back_what_is_extra(work: &mut Work<'_>, seen: &Observation) -> bool {
    if seen.snapshot.halted.is_some() {
        return seen.extra.is_empty();
    }
    let mut alone = true;
    for id in &seen.extra {
        alone &= take_back(work, *id).await;
    }
    alone
}

async fn take_back(work: &mut Work<'_>, id: NoteId) -> bool {
    let deleted = work.context.gitlab.delete_note(work.claim.key, id).await;
    noted(work, deleted).is_some()
}

/// There is a comment too many: the next look must see it, too.
fn read_all_again(work: &mut Work<'_>) {
    let (at, hashes) = (work.context.now(), Vec::new());
    work.record.note_asked.get_or_insert(AskedNote { at, hashes });
}

/// We were too slow, and another worker looks after the request. As long as it is written down that this comment was
/// asked for, it reads all notes: it keeps this one or takes it back, and whether it has found it already is not for us
/// to guess. So it looks once more. Later nobody would find it but us.
async fn leave_to_the_other(work: &mut Work<'_>, id: NoteId) -> Result<(), StoreError> {
    let row = work.context.store.request(work.claim.key).await?;
    let record = row.and_then(|row| row.record);
    if record.as_ref().is_some_and(|record| record.note_asked.is_some()) {
        return work.context.store.mark(work.claim.key).await;
    }
    if record.and_then(|record| record.note).is_none_or(|note| note.id != id) {
        take_back(work, id).await;
    }
    Ok(())
}

/// Its pinned title; none while nobody pinned it.
fn revoke_label(seen: &Observation) -> Option<&str> {
    seen.snapshot.project.pins.as_ref()?.revoke.as_ref().map(|pin| pin.name.as_str())
}

fn body(work: &Work<'_>, seen: &Observation, status: &Status) -> String {
    let context = work.context;
    render(&View {
        record: &work.record,
        attempts: &work.attempts,
        status,
        manager_label: &context.labels.manager,
        provisioner_label: &context.labels.provisioner,
        revoke_label: revoke_label(seen),
        titles: &context.policy.titles,
        zone: &context.policy.zone,
    })
}

async fn seal(work: &mut Work<'_>, body: &str) -> Result<String, StoreError> {
    // Written down with what is asked for: from now on a seal without a code is not ours here.
    work.record.seal_coded = true;
    Ok(sealed(body, &work.context.store.seal(work.claim.key).await?))
}

fn noted<T>(work: &mut Work<'_>, written: Result<T, VendorError>) -> Option<T> {
    let failed = |error: &VendorError| {
        tracing::warn!(issue.key = %work.claim.key, error = %error, "the comment could not be written");
        work.unfinished = true;
    };
    written.inspect_err(failed).ok()
}

/// What GitLab kept of it, which need not be what we sent to the letter.
async fn keep_written(work: &mut Work<'_>, written: Result<Note, VendorError>) -> Result<(), StoreError> {
    match noted(work, written) {
        Some(note) => keep_as_told(work, note.id, &note.body).await,
        None => Ok(()),
    }
}

async fn keep_as_told(work: &mut Work<'_>, id: NoteId, body: &str) -> Result<(), StoreError> {
    let earlier = work.record.note.take();
    let note = StatusNote::told(id, fingerprint(body)).after(earlier, work.context.now());
    keep(work, note).await
}

async fn keep(work: &mut Work<'_>, note: StatusNote) -> Result<(), StoreError> {
    work.record.note = Some(note);
    if work.claim.record.as_ref() == Some(&work.record) {
        return Ok(());
    }
    work.commit_record().await
}
