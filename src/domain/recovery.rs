//! Which credential at Zendesk is ours, after a call that was not answered. Only that is ever taken away.
//!
//! A name alone proves nothing: people name tokens by hand the same way, and issue 1 is a prefix of issue 12.

use jiff::SignedDuration;

use super::observed::ListedToken;
use super::record::Attempt;

/// How far Zendesk's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What `attempt` made, out of everything listed: exact name, created by our user, not there before, not created
/// before the intent, and not an attempt's whose credential is known.
pub fn ours<'a>(attempt: &Attempt, ledger: &[Attempt], listing: &'a [ListedToken]) -> Vec<&'a ListedToken> {
    let earliest = attempt.intent_at.saturating_sub(SKEW).unwrap_or(attempt.intent_at);
    let known = |token: &ListedToken| ledger.iter().any(|other| other.credential == Some(token.id));
    let is_ours = |token: &&ListedToken| {
        token.name == attempt.name
            && token.creator == Some(attempt.owner)
            && !attempt.listed_before.contains(&token.id)
            && token.created_at.is_some_and(|created| created >= earliest)
            && !known(token)
    };
    listing.iter().filter(is_ours).collect()
}
