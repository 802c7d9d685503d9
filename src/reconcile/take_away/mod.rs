//! Taking a credential away, and proving it. Each kind has its own steps, next door; what is common is here.
//!
//! A status code proves nothing (deletions have answered 204 and the token went on working), so every step is
//! looked at in the list. A list that cannot be read is "cannot see", never "gone". It is never given up.

mod api_token;
mod oauth;

pub(super) use oauth::delete_tokens;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::act::{Work, put_off};
use super::context::Context;
use crate::domain::plan::Event;
use crate::domain::record::{Attempt, AttemptState, TakeAwayReason};
use crate::domain::terms::Kind;
use crate::store::{DueEnding, StoreError};
use crate::vendors::error::ignoring_absence;
use crate::vendors::{VendorError, gate};

/// A list may not show a new credential yet: before this age, not being listed proves nothing.
const GRACE: SignedDuration = SignedDuration::from_mins(10);
/// From this failure on, a person is called.
const ALARM: u32 = 3;

/// What a vendor's budget by the minute takes to be there again.
const AFTER_NO_TOKEN: SignedDuration = SignedDuration::from_mins(1);

/// What one try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Seen to be gone.
    Gone {
        /// Before we did anything.
        already: bool,
    },
    /// Seen to be switched off; it is deleted from then on.
    SwitchedOff {
        /// When.
        until: Timestamp,
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
            (attempt.failures, attempt.not_before) = (0, next_attempt(&attempt, now));
            attempt.state = AttemptState::Gone;
            attempt.found_gone = already;
            Event::new(
                "credential.gone",
                json!({"attempt": number, "credential": attempt.credential, "found_gone": already}),
            )
        }
        Ok(Outcome::SwitchedOff { until }) => {
            (attempt.failures, attempt.not_before) = (0, Some(until));
            let detail = json!({"attempt": number, "credential": attempt.credential, "deleted_from": until});
            Event::new("credential.switched_off", detail)
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

/// When another one may be made. Zendesk gave no token a moment ago, and would not now: that is not three attempts.
fn next_attempt(attempt: &Attempt, now: Timestamp) -> Option<Timestamp> {
    let refused = attempt.state == AttemptState::TakingAway { why: TakeAwayReason::NoToken };
    refused.then(|| now.saturating_add(AFTER_NO_TOKEN).unwrap_or(now))
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
    match attempt.kind {
        Kind::ApiToken => {
            // What reached nobody is of no use to anybody; only an end can be a mistake.
            let handed_over = attempt.delivery.as_ref().is_some_and(|delivery| delivery.message.is_some());
            let instance = context.policy.instance(&attempt.instance).filter(|_| handed_over);
            let grace = instance.map_or(0, |instance| instance.delete_after_days);
            let grace = SignedDuration::from_hours(grace * 24);
            api_token::end(zendesk, (attempt, credential), (now, grace)).await
        }
        Kind::OauthClient | Kind::OauthToken => oauth::end(zendesk, (attempt, credential), now).await,
    }
}

pub(super) fn old_enough(attempt: &Attempt, now: Timestamp) -> bool {
    now.duration_since(attempt.minted_at.unwrap_or(attempt.intent_at)) >= GRACE
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
    let mut after = None;
    while let Ok(endings) = context.store.due_endings(context.now(), after).await {
        for error in &endings.unreadable {
            tracing::error!(error = %error, "an ending may be due and cannot be read");
        }
        end_all(context, endings.due).await;
        after = endings.go_on_after;
        if after.is_none() {
            return;
        }
    }
}

async fn end_all(context: &Context, all: Vec<DueEnding>) {
    for due in all {
        for mut attempt in due.attempts.into_iter().filter(|one| one.is_live() || one.is_unsettled()) {
            let ended = end(context, &mut attempt, context.now()).await;
            tracing::error!(issue.key = %due.key, token.id = ?attempt.credential, outcome = ?ended,
                "taking away a credential that is due, although nothing can be written down");
        }
    }
}
