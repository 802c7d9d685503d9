//! The end of an API token: deactivate, see it inactive; delete, see it gone.
//!
//! Zendesk deletes no active token. The deactivation is what stops its holder; the rest is tidying up, and proof. So
//! the deletion may wait for some days after an end, in which Zendesk still shows what it was.

use jiff::{SignedDuration, Timestamp};

use super::{Outcome, ignoring_absence, old_enough};
use crate::domain::ids::CredentialId;
use crate::domain::record::Attempt;
use crate::planted::{self, Bug};
use crate::vendors::VendorError;
use crate::vendors::zendesk::Zendesk;

/// One try.
pub(super) async fn end(
    zendesk: &Zendesk,
    (attempt, credential): (&mut Attempt, CredentialId),
    (now, grace): (Timestamp, SignedDuration),
) -> Result<Outcome, VendorError> {
    match seen_or_switched_off(zendesk, credential).await? {
        None if planted::is(Bug::NoGrace) => return Ok(Outcome::Gone { already: !attempt.touched }),
        None => return unlisted(zendesk, (attempt, credential), (now, grace)).await,
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
    let until = attempt.switched_off_at.get_or_insert(now).saturating_add(grace).unwrap_or(now);
    if until > now {
        return Ok(Outcome::SwitchedOff { until });
    }
    ignoring_absence(zendesk.delete_api_token(credential).await)?;
    if planted::is(Bug::BelieveStatus) {
        return Ok(Outcome::Gone { already: false });
    }
    Ok(match active(zendesk, credential).await? {
        None => Outcome::Gone { already: false },
        Some(_) => Outcome::NotYet,
    })
}

/// The list might be wrong, or late: only what it does not show and nobody can switch off is gone, and of what is too
/// young for that to mean anything not even that. What is there all the same is ended all the same.
async fn unlisted(
    zendesk: &Zendesk,
    (attempt, credential): (&mut Attempt, CredentialId),
    (now, grace): (Timestamp, SignedDuration),
) -> Result<Outcome, VendorError> {
    let proves = old_enough(attempt, now) || (attempt.seen_listed && attempt.touched);
    match zendesk.deactivate_api_token(credential).await {
        Err(VendorError::NotFound { .. }) if proves => {
            return Ok(Outcome::Gone { already: !attempt.touched });
        }
        answer => ignoring_absence(answer)?,
    }
    attempt.touched = true;
    let waits = |at: Timestamp| at.saturating_add(grace).is_ok_and(|until| until > now);
    if !attempt.switched_off_at.is_some_and(waits) {
        ignoring_absence(zendesk.delete_api_token(credential).await)?;
    }
    Ok(Outcome::NotYet)
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

/// Whether it is listed, and if so whether it is active.
async fn active(zendesk: &Zendesk, credential: CredentialId) -> Result<Option<bool>, VendorError> {
    let listing = match zendesk.list_api_tokens().await {
        Err(_) if planted::is(Bug::UnreadableIsGone) => return Ok(None),
        listing => listing?,
    };
    Ok(listing.iter().find(|token| token.id == credential).map(|token| token.active))
}
