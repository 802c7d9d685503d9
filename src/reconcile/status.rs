//! Keeps the one comment as it should read: rendered whole, written only where it differs.

use super::act::Work;
use super::observe::{Comment, Observation};
use crate::domain::comment::{Seal, View, fingerprint, render, sealed, unsealed};
use crate::domain::observed::Note;
use crate::domain::plan::Status;
use crate::domain::record::StatusNote;
use crate::domain::snapshot::IssueView;
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
    let body = body(work, seen, status);
    match &seen.comment {
        Comment::Found { body: present, id } if unsealed(present) == body => {
            keep(work, StatusNote { id: *id, written: Some(fingerprint(present)) }).await
        }
        Comment::Found { id, .. } => {
            let written = work.context.gitlab.edit_note(work.claim.key, *id, &seal(work, &body).await?).await;
            keep_written(work, written).await
        }
        Comment::Missing => {
            let written = work.context.gitlab.create_note(work.claim.key, &seal(work, &body).await?).await;
            keep_written(work, written).await
        }
        Comment::Unknown => Ok(()),
    }
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

async fn seal(work: &Work<'_>, body: &str) -> Result<String, StoreError> {
    let head = work.context.store.head().await?;
    let installation = work.context.store.installation().to_owned();
    Ok(sealed(body, &Seal { installation, sequence: head.seq, head: head.hash }))
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
        Some(note) => keep(work, StatusNote { id: note.id, written: Some(fingerprint(&note.body)) }).await,
        None => Ok(()),
    }
}

async fn keep(work: &mut Work<'_>, note: StatusNote) -> Result<(), StoreError> {
    if work.record.note.as_ref() == Some(&note) {
        return Ok(());
    }
    work.record.note = Some(note);
    work.commit_record().await
}
