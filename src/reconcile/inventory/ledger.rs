//! What the ledger knows at one instance, to be ticked off as it is seen.
//!
//! Credentials are minted and taken away while the lists are read. So whatever looks like a difference is held against
//! the newest state of the ledger before it is told; nothing is called missing that came after the first reading.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{CredentialId, IssueKey};
use crate::domain::inventory::{Known, Listed, ListedKind, known};
use crate::domain::record::{Attempt, AttemptState, Record};
use crate::domain::recovery::{self, SKEW};
use crate::reconcile::context::Context;
use crate::store::StoreError;

/// Late looks for what was not found go on for an hour; twice that is on the safe side.
const LATE_LOOKS: SignedDuration = SignedDuration::from_hours(2);

/// What is younger may not be in Zendesk's audit log yet; and no hand-over comes so long after the creation.
const LATE: SignedDuration = SignedDuration::from_hours(1);

type Place = (ListedKind, CredentialId);

pub(super) struct Ledger {
    instance: String,
    known: BTreeMap<Place, Known>,
    /// What may have been made although nobody has its id: its request looks for it.
    pending: Vec<Pending>,
    /// Live when it was first read.
    live: BTreeSet<Place>,
    seen: BTreeSet<Place>,
    /// The last audit entry before it was read: every change of an attempt writes one.
    seq: i64,
    /// When it was read.
    at: Timestamp,
}

/// An attempt whose credential has no id yet.
struct Pending {
    key: IssueKey,
    record: Record,
    attempt: Attempt,
}

impl Ledger {
    pub(super) async fn read(context: &Context, instance: &str) -> Result<Self, StoreError> {
        let (mut known, mut pending) = (BTreeMap::new(), Vec::new());
        let (now, seq) = (context.now(), context.store.head().await?.seq);
        let each = |key, record: &Record, attempt: Attempt| {
            if attempt.instance != instance {
                return;
            }
            match Known::of(key, record, &attempt, now) {
                Some(one) => {
                    known.insert((one.kind, one.credential), one);
                }
                None if may_exist(&attempt, now) => {
                    pending.push(Pending { key, record: record.clone(), attempt });
                }
                None => {}
            }
        };
        context.store.each_attempt(each).await?;
        let live = known.iter().filter(|(_, known)| known.is_live()).map(|(place, _)| *place).collect();
        let instance = instance.to_owned();
        Ok(Self { instance, known, pending, live, seen: BTreeSet::new(), seq, at: now })
    }

    /// Its newest state, if anything was written down since it was read.
    pub(super) async fn catch_up(&mut self, context: &Context) -> Result<(), StoreError> {
        if context.store.head().await?.seq == self.seq {
            return Ok(());
        }
        let newest = Self::read(context, &self.instance).await?;
        (self.known, self.pending, self.seq, self.at) = (newest.known, newest.pending, newest.seq, newest.at);
        Ok(())
    }

    pub(super) fn find(&self, kind: ListedKind, id: CredentialId) -> Option<&Known> {
        self.known.get(&(kind, id))
    }

    /// What is known of something listed: by its id, or as exactly what a creation without an answer made.
    pub(super) fn of(&self, listed: &Listed) -> Option<Known> {
        self.find(listed.kind, listed.id).cloned().or_else(|| self.just_made(listed))
    }

    fn just_made(&self, listed: &Listed) -> Option<Known> {
        if self.pending.is_empty() {
            return None;
        }
        let thing = [listed.as_observed()];
        let made = |one: &&Pending| {
            known::listed_kind(one.attempt.kind) == listed.kind
                && !recovery::ours(&one.attempt, &[], &thing).is_empty()
        };
        let one = self.pending.iter().find(made)?;
        Some(Known::with_id(one.key, (&one.record, &one.attempt), listed.id, self.at))
    }

    /// Whether it may be what a creation without an answer made: an OAuth client by its identifier, which holds the
    /// attempt's nonce, an API token by its name. Whoever made it, and whenever: such a one is never taken away by hand.
    pub(super) fn is_pending(&self, listed: &Listed) -> bool {
        self.pending.iter().any(|Pending { attempt, .. }| {
            let named = match &attempt.identifier {
                Some(_) => attempt.identifier == listed.identifier,
                None => listed.identifier.is_none() && attempt.name == listed.name,
            };
            known::listed_kind(attempt.kind) == listed.kind && named
        })
    }

    /// Whether a creation at that time may be one whose id is not written down yet.
    pub(super) fn may_have_made(&self, kind: ListedKind, at: Timestamp) -> bool {
        self.pending.iter().any(|Pending { attempt, .. }| {
            let since = attempt.intent_at.saturating_sub(SKEW).unwrap_or(attempt.intent_at);
            known::listed_kind(attempt.kind) == kind && at >= since
        })
    }

    /// Ticks off what was seen.
    pub(super) fn tick_off(&mut self, listed: &Listed) {
        self.seen.insert((listed.kind, listed.id));
    }

    /// What was there from the beginning, is live even now, and was not seen.
    pub(super) fn unseen(&self, kind: ListedKind) -> Vec<Known> {
        let unseen = self.live.iter().filter(|place| place.0 == kind && !self.seen.contains(place));
        unseen.filter_map(|place| self.known.get(place)).filter(|known| known.is_live()).cloned().collect()
    }

    /// The API tokens that live and were handed over since then, but for these; for those of the first hour, which may
    /// have been made before; and for those of the last, of which a log may not tell yet.
    pub(super) fn handed_over(&self, since: Timestamp, but: &BTreeSet<CredentialId>) -> Vec<CredentialId> {
        let lately = |at: Timestamp| at.duration_since(since) >= LATE && self.at.duration_since(at) >= LATE;
        let tokens =
            self.known.values().filter(|known| known.kind == ListedKind::ApiToken && known.is_live());
        let untold =
            tokens.filter(|known| known.delivered_at.is_some_and(lately) && !but.contains(&known.credential));
        untold.map(|known| known.credential).collect()
    }

    /// The issues of what lives.
    pub(super) fn live_issues(&self) -> Vec<IssueKey> {
        let live = self.known.values().filter(|known| known.is_live()).map(|known| known.key);
        live.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What a call that was not answered may have made, as long as its request goes on looking for it.
fn may_exist(attempt: &Attempt, now: Timestamp) -> bool {
    match attempt.state {
        AttemptState::NotMade => false,
        AttemptState::NotFound => now.duration_since(attempt.deadline) < LATE_LOOKS,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::LastUse;
    use crate::domain::terms::Kind;
    use crate::domain::testing::{Look, URL, attempt, time};

    /// A ledger in which this attempt has no id yet.
    fn with_pending(attempt: Attempt) -> Ledger {
        let look = Look::at("2026-12-01T09:00Z");
        let record = look.decide().record.unwrap();
        Ledger {
            instance: "global".to_owned(),
            known: BTreeMap::new(),
            pending: vec![Pending { key: look.snapshot.key, record, attempt }],
            live: BTreeSet::new(),
            seen: BTreeSet::new(),
            seq: 0,
            at: time("2026-12-01T09:00:30Z"),
        }
    }

    fn listed(kind: ListedKind, name: &str, identifier: Option<&str>) -> Listed {
        Listed {
            kind,
            id: CredentialId(900),
            name: name.to_owned(),
            identifier: identifier.map(str::to_owned),
            client: None,
            creator: None,
            creator_name: None,
            creator_email: None,
            active: true,
            created_at: None,
            last_use: LastUse::NotKnown,
            expires_at: None,
            visible: None,
            own_login: false,
        }
    }

    #[test]
    fn a_client_is_left_alone_by_the_nonce_in_its_identifier_and_a_token_by_its_name() {
        let client = Attempt {
            kind: Kind::OauthClient,
            identifier: Some("countersign_1".to_owned()),
            ..attempt(1, AttemptState::Intended)
        };
        let (ledger, oauth) = (with_pending(client), ListedKind::OauthClient);
        assert!(ledger.is_pending(&listed(oauth, "another", Some("countersign_1"))));
        assert!(!ledger.is_pending(&listed(oauth, URL, Some("countersign_11"))));
        assert!(!ledger.is_pending(&listed(ListedKind::ApiToken, URL, None)));
        let ledger = with_pending(attempt(1, AttemptState::Intended));
        assert!(ledger.is_pending(&listed(ListedKind::ApiToken, URL, None)));
        assert!(!ledger.is_pending(&listed(ListedKind::ApiToken, &format!("{URL}2"), None)));
        assert!(!ledger.is_pending(&listed(oauth, URL, Some("countersign_1"))));
    }

    #[test]
    fn nobody_looks_for_what_was_not_found_hours_ago_or_was_never_made() {
        let late = time("2026-12-01T11:00:31Z");
        let in_state =
            |state| may_exist(&Attempt { deadline: time("2026-12-01T09:00:30Z"), ..attempt(1, state) }, late);
        assert!(in_state(AttemptState::Intended));
        assert!(!in_state(AttemptState::NotFound) && !in_state(AttemptState::NotMade));
    }
}
