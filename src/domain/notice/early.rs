//! What whoever has a credential is told when an operator handles it, or when it ends before its day.
//!
//! What happened and why, what it means, and whom to ask. No secret, and nothing that asks for one.

use super::Facts;
use crate::domain::phase::EndReason;
use crate::domain::record::{ByHand, Deed};
use crate::domain::text;

/// "An operator switched your Zendesk API token for Zendesk Global off."
pub fn done_by_hand(done: &ByHand, ask: &str, facts: &Facts<'_>) -> String {
    let Facts { url, terms, zone, .. } = facts;
    let yours = yours(facts);
    let end = text::end(terms.ends_at, zone);
    let (what, means) = match done.deed {
        Deed::SwitchedOff => (
            format!("An operator switched {yours} off."),
            format!(
                "Until it is switched on again, whatever uses it fails. Keep the secret, it stays the same. It still ends \
                 on {end}."
            ),
        ),
        Deed::SwitchedOn => (
            format!("An operator switched {yours} on again."),
            format!("It works as before, with the same secret, until {end}."),
        ),
        Deed::Renamed => (
            format!("An operator gave {yours} its name at Zendesk back."),
            format!("Nothing changes for you: it works as before, until {end}."),
        ),
        Deed::Deleted => (format!("An operator deleted {yours}."), "It works no more.".to_owned()),
    };
    let why = text::one_line(&done.why);
    format!(
        "{what} Request: {url}\nWhy: {why}\n{means}\nIf that is a mistake, or you have a question, write on the issue or \
         ask {ask}."
    )
}

/// "An operator revoked your Zendesk API token for Zendesk Global." `None` where it ended on its day.
pub fn ended(why: &EndReason, (is_off, ask): (bool, &str), facts: &Facts<'_>) -> Option<String> {
    let yours = yours(facts);
    let what = match why {
        EndReason::Due => return None,
        EndReason::Revoked { .. } => format!("An operator revoked {yours}."),
        EndReason::RevokedByLabel { username, .. } => format!("@{username} revoked {yours}."),
        EndReason::Left { .. } => format!(
            "The manager who had approved {yours} has left, and nobody had it approved anew, so it ended before its day."
        ),
        EndReason::FoundGone => format!("Somebody deleted {yours} at Zendesk."),
    };
    let reason = match why {
        EndReason::Revoked { why } => format!("\nWhy: {}", text::one_line(why)),
        _ => String::new(),
    };
    let means = if is_off {
        "It works no more, and neither does whatever used it."
    } else {
        "It is being taken away now: do not count on it any more."
    };
    Some(format!(
        "{what} Request: {}{reason}\n{means} You can throw the secret away.\nIf you still need access, open a new \
         request. If that was a mistake, or you have a question, write on the issue or ask {ask}.",
        facts.url
    ))
}

fn yours(facts: &Facts<'_>) -> String {
    format!("your Zendesk {} for {}", facts.terms.kind.title(), facts.terms.instance_name)
}
