//! Taking a credential away, and proving it: deactivate, see it inactive; delete, see it gone.
//!
//! A status code proves nothing (deletions have answered 204 and the token went on working), so every step is
//! looked at in the list. A list that cannot be read is "cannot see", never "gone". It is never given up.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::act::{Work, put_off};
use super::context::Context;
use crate::domain::ids::CredentialId;
use crate::domain::plan::Event;
use crate::domain::record::{Attempt, AttemptState};
use crate::store::StoreError;
use crate::vendors::zendesk::Zendesk;
use crate::vendors::{VendorError, gate};

/// A list may not show a new credential yet: before this age, not being listed proves nothing.
const GRACE: SignedDuration = SignedDuration::from_mins(10);
/// From this failure on, a person is called.
const ALARM: u32 = 3;

/// What one try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Seen to be gone.
    Gone {
        /// Before we did anything.
        already: bool,
    },
    /// Everything was asked for, and it cannot be proven yet.
    NotYet,
}

/// One try. The ledger says afterwards whether it is gone, or when to try again.
pub(super) async fn take_away(work: &mut Work<'_>, number: u32) -> Result<bool, StoreError> {
    let Some(mut attempt) = work.attempt(number) else { return Ok(false) };
    work.context.hand.drop_secret(work.claim.key, number);
    let now = work.context.now();
    let event = match end(work.context, &mut attempt, now).await {
        Ok(Outcome::Gone { already }) => {
            attempt.state = AttemptState::Gone;
            attempt.found_gone = already;
            (attempt.failures, attempt.not_before) = (0, None);
            Event::new(
                "credential.gone",
                json!({"attempt": number, "credential": attempt.credential, "found_gone": already}),
            )
        }
        Ok(Outcome::NotYet) => {
            put_off(&mut attempt, now, None);
            Event::new("credential.not_gone_yet", json!({"attempt": number, "failures": attempt.failures}))
        }
        Err(error) => {
            put_off(&mut attempt, now, error.retry_after());
            Event::new(
                "credential.not_taken",
                json!({"attempt": number, "failures": attempt.failures, "error": error.to_string()}),
            )
        }
    };
    if attempt.failures >= ALARM {
        tracing::error!(issue.key = %work.claim.key, token.id = ?attempt.credential, failures = attempt.failures,
            "a credential could not be taken away; it is tried again, and somebody should look");
    }
    work.commit(Some(attempt), event).await?;
    Ok(true)
}

/// Before everybody else: what a vendor's budget still allows is for endings.
async fn end(context: &Context, attempt: &mut Attempt, now: Timestamp) -> Result<Outcome, VendorError> {
    Box::pin(gate::first(end_by_steps(context, attempt, now))).await
}

async fn end_by_steps(
    context: &Context,
    attempt: &mut Attempt,
    now: Timestamp,
) -> Result<Outcome, VendorError> {
    let (Some(zendesk), Some(credential)) = (context.zendesk.get(&attempt.instance), attempt.credential)
    else {
        tracing::error!(instance = attempt.instance, "no instance of that key is configured any more");
        return Ok(Outcome::NotYet);
    };
    match seen_or_switched_off(zendesk, credential).await? {
        None if (attempt.seen_listed && attempt.touched) || old_enough(attempt, now) => {
            return Ok(Outcome::Gone { already: !attempt.touched });
        }
        // Not listed, and too young for that to mean anything: do it all the same, and look again later.
        None => {
            attempt.touched = true;
            ignoring_absence(zendesk.deactivate_api_token(credential).await)?;
            ignoring_absence(zendesk.delete_api_token(credential).await)?;
            return Ok(Outcome::NotYet);
        }
        Some(is_active) => {
            attempt.seen_listed = true;
            if is_active {
                zendesk.deactivate_api_token(credential).await?;
                if active(zendesk, credential).await? == Some(true) {
                    return Ok(Outcome::NotYet);
                }
            }
        }
    }
    attempt.touched = true;
    ignoring_absence(zendesk.delete_api_token(credential).await)?;
    Ok(match active(zendesk, credential).await? {
        None => Outcome::Gone { already: false },
        Some(_) => Outcome::NotYet,
    })
}

/// Whether it is listed and active. Where that cannot be seen it is switched off all the same: it is ours by the
/// ledger, and only the proof has to wait.
async fn seen_or_switched_off(
    zendesk: &Zendesk,
    credential: CredentialId,
) -> Result<Option<bool>, VendorError> {
    let seen = active(zendesk, credential).await;
    if seen.is_err() && zendesk.deactivate_api_token(credential).await.is_ok() {
        tracing::warn!(token.id = %credential, "switched off without seeing it; the list cannot be read");
    }
    seen
}

fn old_enough(attempt: &Attempt, now: Timestamp) -> bool {
    now.duration_since(attempt.minted_at.unwrap_or(attempt.intent_at)) >= GRACE
}

/// Whether it is listed, and if so whether it is active.
async fn active(zendesk: &Zendesk, credential: CredentialId) -> Result<Option<bool>, VendorError> {
    let listing = zendesk.list_api_tokens().await?;
    Ok(listing.iter().find(|token| token.id == credential).map(|token| token.active))
}

fn ignoring_absence(answer: Result<(), VendorError>) -> Result<(), VendorError> {
    match answer {
        Err(VendorError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

/// We have just minted, and could not write it down: our fence is gone, or the database. Unless the ledger calls it
/// live, nobody will know of it but us.
pub(super) async fn unremembered(work: &Work<'_>, attempt: &Attempt) {
    let ledger = work.context.store.attempts(work.claim.key).await;
    let live = ledger
        .is_ok_and(|ledger| ledger.iter().any(|one| one.is_live() && one.credential == attempt.credential));
    if live {
        return;
    }
    let mut attempt = attempt.clone();
    match end(work.context, &mut attempt, work.context.now()).await {
        Ok(_) => {
            tracing::warn!(issue.key = %work.claim.key, "what was made could not be written down, and was taken away");
        }
        // The attempt's row says `intended`: whoever has the request next finds it by name and takes it away.
        Err(error) => {
            tracing::error!(issue.key = %work.claim.key, error = %error, "what was made could not be written down");
        }
    }
}

/// Endings that are due, while nothing can be written down: they go ahead, and are found gone afterwards.
pub(super) async fn without_memory(context: &Context) {
    let Ok(endings) = context.store.due_endings(context.now()).await else { return };
    for error in &endings.unreadable {
        tracing::error!(error = %error, "an ending may be due and cannot be read");
    }
    for due in endings.due {
        for mut attempt in due.attempts.into_iter().filter(|one| one.is_live() || one.is_unsettled()) {
            let ended = end(context, &mut attempt, context.now()).await;
            tracing::error!(issue.key = %due.key, token.id = ?attempt.credential, outcome = ?ended,
                "taking away a credential that is due, although nothing can be written down");
        }
    }
}
