//! Which credential at Zendesk is ours, after a call that was not answered. Only that is ever taken away.
//!
//! A name alone proves nothing: people name tokens by hand the same way, and issue 1 is a prefix of issue 12.

use jiff::SignedDuration;

use super::observed::Listed;
use super::record::Attempt;
use crate::planted::{self, Bug};

/// How far Zendesk's clock may be behind ours.
pub const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What `attempt` made, out of everything listed: exact name and created by our user, or the exact identifier with its
/// nonce; not there before, not created before the intent, and not an attempt's whose credential is known.
pub fn ours<'a>(attempt: &Attempt, ledger: &[Attempt], listing: &'a [Listed]) -> Vec<&'a Listed> {
    let earliest = attempt.intent_at.saturating_sub(SKEW).unwrap_or(attempt.intent_at);
    let known = |token: &Listed| ledger.iter().any(|other| other.credential == Some(token.id));
    let is_ours = |token: &&Listed| {
        let named = match &attempt.identifier {
            // Whoever owns it: an owner that did not stick is no reason to leave it there.
            Some(_) if planted::is(Bug::ClientByName) => {
                token.identifier.is_some() && token.name == attempt.name
            }
            Some(_) => token.identifier == attempt.identifier,
            None => {
                token.identifier.is_none()
                    && (token.name == attempt.name
                        || (planted::is(Bug::OursByPrefix) && token.name.starts_with(&attempt.name)))
                    && token.creator == Some(attempt.owner)
            }
        };
        named
            && !attempt.listed_before.contains(&token.id)
            && token.created_at.is_some_and(|created| created >= earliest)
            && !known(token)
    };
    listing.iter().filter(is_ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{CredentialId, ZendeskUserId};
    use crate::domain::record::AttemptState;
    use crate::domain::testing::{URL, attempt, time, token};

    /// What of these is ours, after one unanswered call at nine o'clock.
    fn found(listing: &[Listed]) -> Vec<i64> {
        let attempt = attempt(1, AttemptState::Intended);
        ours(&attempt, std::slice::from_ref(&attempt), listing).iter().map(|token| token.id.0).collect()
    }

    #[test]
    fn what_the_call_made_is_ours_whether_it_is_active_or_not() {
        assert_eq!(found(&[token(1), Listed { active: false, ..token(2) }]), [1, 2]);
        assert_eq!(found(&[]), [0_i64; 0]);
    }

    #[test]
    fn only_the_exact_name_is_ours() {
        for name in [&format!("{URL}2"), &URL[..URL.len() - 1], &format!("{URL} "), &URL.to_uppercase(), ""] {
            assert_eq!(found(&[Listed { name: name.to_owned(), ..token(1) }]), [0_i64; 0], "{name}");
        }
    }

    #[test]
    fn only_what_our_own_user_created_is_ours() {
        for creator in [None, Some(ZendeskUserId(501))] {
            assert_eq!(found(&[Listed { creator, ..token(1) }]), [0_i64; 0]);
        }
    }

    #[test]
    fn a_client_is_ours_by_its_identifier_alone_whoever_owns_it_and_whatever_its_name() {
        let identifier = |text: &str| Some(text.to_owned());
        let intended = attempt(1, AttemptState::Intended);
        let attempt = Attempt { identifier: identifier("countersign_1"), ..intended };
        let made = Listed { identifier: identifier("countersign_1"), ..token(1) };
        let found = |listed: Listed| !ours(&attempt, &[], &[listed]).is_empty();
        assert!(found(made.clone()));
        assert!(found(Listed { creator: None, name: "another".to_owned(), ..made.clone() }));
        for other in ["countersign_2", "countersign_11", "countersign_", ""] {
            assert!(!found(Listed { identifier: identifier(other), ..made.clone() }), "{other}");
        }
        assert!(!found(token(1)), "a token of that name");
        assert!(!found(Listed { created_at: None, ..made }));
    }

    #[test]
    fn what_was_listed_before_is_not_ours() {
        let attempt = Attempt { listed_before: vec![CredentialId(1)], ..attempt(1, AttemptState::Intended) };
        let ids: Vec<i64> = ours(&attempt, &[], &[token(1), token(2)]).iter().map(|one| one.id.0).collect();
        assert_eq!(ids, [2]);
    }

    #[test]
    fn what_was_created_before_the_intent_is_not_ours_but_for_a_minute_of_skew() {
        let created = |at: Option<&str>| Listed { created_at: at.map(time), ..token(1) };
        assert_eq!(found(&[created(Some("2026-12-01T08:59:00Z"))]), [1]);
        assert_eq!(found(&[created(Some("2026-12-01T08:58:59Z"))]), [0_i64; 0]);
        assert_eq!(found(&[created(None)]), [0_i64; 0]);
    }

    #[test]
    fn what_another_attempt_is_known_to_have_made_is_not_ours() {
        let lost = attempt(1, AttemptState::NotFound);
        let live = Attempt { credential: Some(CredentialId(2)), ..attempt(2, AttemptState::Delivered) };
        let ledger = [lost.clone(), live];
        let ids: Vec<i64> = ours(&lost, &ledger, &[token(1), token(2)]).iter().map(|one| one.id.0).collect();
        assert_eq!(ids, [1]);
    }
}
