//! The end of an OAuth client and of what it fetched: a new secret that nobody gets, its tokens, the client, a look.
//!
//! The secret goes first: between the deletion of the tokens and that of the client its holder could fetch one more,
//! which lives for two days. Deleting the client is not known to end its tokens, so each is deleted by its id.

use jiff::Timestamp;

use super::{Outcome, ignoring_absence, old_enough};
use crate::domain::ids::CredentialId;
use crate::domain::record::Attempt;
use crate::domain::terms::Kind;
use crate::planted::{self, Bug};
use crate::vendors::VendorError;
use crate::vendors::zendesk::Zendesk;

/// Lists in one try; a deletion that did nothing is asked for again.
const LISTS: u32 = 6;
/// Lists in a row that must be empty: one of them may be late.
const EMPTY: u32 = 2;

/// One try.
pub(super) async fn end(
    zendesk: &Zendesk,
    (attempt, client): (&mut Attempt, CredentialId),
    now: Timestamp,
) -> Result<Outcome, VendorError> {
    discard_secret(zendesk, (attempt, client), now).await?;
    if !without_tokens(zendesk, (attempt, client)).await? {
        return Ok(Outcome::NotYet);
    }
    if planted::is(Bug::KeepClient) && attempt.kind == Kind::OauthToken {
        return Ok(Outcome::Gone { already: !attempt.touched });
    }
    let proves = may_be_gone(attempt, now) || planted::is(Bug::NoGrace);
    if !is_there(zendesk, (attempt, client)).await? && proves {
        return Ok(Outcome::Gone { already: !attempt.touched });
    }
    attempt.touched = true;
    ignoring_absence(zendesk.delete_client(client).await)?;
    let there = is_there(zendesk, (attempt, client)).await?;
    // Not listed, and too young for that to mean anything: looked at again later.
    let gone =
        !there && (attempt.seen_listed || old_enough(attempt, now)) && no_tokens(zendesk, client).await?;
    Ok(if gone { Outcome::Gone { already: false } } else { Outcome::NotYet })
}

/// Whether not being there proves anything before we ask for its deletion: not of what is too young for the lists, and
/// not of what took a new secret from us, whatever the lists show.
fn may_be_gone(attempt: &Attempt, now: Timestamp) -> bool {
    let took_a_secret = attempt.secret_discarded_at.is_some();
    !took_a_secret && (old_enough(attempt, now) || (attempt.seen_listed && attempt.touched))
}

/// Done once: from then on nobody fetches another token.
async fn discard_secret(
    zendesk: &Zendesk,
    (attempt, client): (&mut Attempt, CredentialId),
    now: Timestamp,
) -> Result<(), VendorError> {
    if attempt.secret_discarded_at.is_some() {
        return Ok(());
    }
    match zendesk.discard_client_secret(client).await {
        Ok(()) => (attempt.secret_discarded_at, attempt.touched) = (Some(now), true),
        // Perhaps somebody deleted it by hand; the lists tell.
        Err(VendorError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn without_tokens(
    zendesk: &Zendesk,
    (attempt, client): (&mut Attempt, CredentialId),
) -> Result<bool, VendorError> {
    if planted::is(Bug::LeaveAccessTokens) {
        return Ok(true);
    }
    let note = |token| {
        attempt.touched = true;
        attempt.note_token(token);
    };
    delete_tokens(zendesk, client, note).await
}

/// Deletes what a client fetched, until two lists in a row show nothing; each is noted before. Whether nothing is left.
pub(in crate::reconcile) async fn delete_tokens(
    zendesk: &Zendesk,
    client: CredentialId,
    mut note: impl FnMut(CredentialId),
) -> Result<bool, VendorError> {
    let (mut empty, mut gone) = (0, Vec::new());
    for _ in 0..LISTS {
        let tokens = zendesk.list_access_tokens(Some(client)).await?;
        empty = if tokens.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY {
            return Ok(true);
        }
        // What is not there any more and is listed all the same: the list is late, and to ask again now is in vain.
        let left: Vec<_> = tokens.into_iter().map(|token| token.id).filter(|id| !gone.contains(id)).collect();
        if left.is_empty() && empty == 0 {
            return Ok(false);
        }
        for token in left {
            note(token);
            match zendesk.delete_access_token(token).await {
                Err(VendorError::NotFound { .. }) => gone.push(token),
                deleted => deleted?,
            }
        }
    }
    Ok(false)
}

/// Whether the list shows it; the list may be late or wrong, so what it does not show is asked for under its own address
/// as well.
async fn is_there(
    zendesk: &Zendesk,
    (attempt, client): (&mut Attempt, CredentialId),
) -> Result<bool, VendorError> {
    if zendesk.list_clients().await?.iter().any(|one| one.id == client) {
        attempt.seen_listed = true;
        return Ok(true);
    }
    if planted::is(Bug::NoGrace) {
        return Ok(false);
    }
    match zendesk.client(client).await {
        Ok(one) => Ok(one.id == client),
        Err(VendorError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn no_tokens(zendesk: &Zendesk, client: CredentialId) -> Result<bool, VendorError> {
    let tokens = zendesk.list_access_tokens(Some(client)).await?;
    Ok(tokens.is_empty() || planted::is(Bug::LeaveAccessTokens))
}
