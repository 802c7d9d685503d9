//! What is owed to credentials that may exist: found, delivered or taken away, whatever else is going on.

use jiff::SignedDuration;

use super::Draft;
use crate::domain::phase::{EndReason, Phase};
use crate::domain::plan::Action;
use crate::domain::record::{Attempt, AttemptState, TakeAwayReason};

/// After the call's own deadline, what it did may still be on its way for this long.
const LANDING: SignedDuration = SignedDuration::from_mins(1);
/// Between two looks for what an unanswered call did.
const BETWEEN_LOOKS: SignedDuration = SignedDuration::from_mins(1);
/// After three looks that found nothing, looks go on at this pace …
const LATE_LOOKS: SignedDuration = SignedDuration::from_mins(10);
/// … until one of them is this long after the call.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// What was handed over is missing for this long before that is believed.
const MISSING: SignedDuration = SignedDuration::from_mins(10);
/// A secret that Slack does not take is held for less than this.
const IN_HAND: SignedDuration = SignedDuration::from_mins(10);

impl Draft<'_> {
    pub(super) fn settle_attempts(&mut self) {
        // First what was handed over: it decides what the others are still for.
        let (live, others): (Vec<usize>, Vec<usize>) =
            (0..self.attempts.len()).partition(|place| self.attempts[*place].is_live());
        for place in live.into_iter().chain(others) {
            let attempt = self.attempts[place].clone();
            match attempt.state {
                AttemptState::Intended => self.look_after(&attempt, LANDING, BETWEEN_LOOKS),
                AttemptState::NotFound => self.late_look(&attempt),
                AttemptState::Minted => self.send_or_take_away(place),
                AttemptState::Sending => self.find_delivery(place),
                AttemptState::Delivered => self.keep_or_end(place),
                AttemptState::TakingAway { .. } => {
                    self.act_when_ready(&attempt, Action::TakeAway { attempt: attempt.number });
                }
                AttemptState::NotMade | AttemptState::Gone => {}
            }
        }
    }

    /// Whether something of this request may exist that is not settled: nothing new is begun before it is.
    pub(super) fn busy(&mut self) -> bool {
        let unsettled = |state: &AttemptState| -> Option<bool> {
            match state {
                AttemptState::Minted | AttemptState::Sending => Some(true),
                AttemptState::Intended | AttemptState::TakingAway { .. } => Some(false),
                _ => None,
            }
        };
        let Some(delivering) = self.attempts.iter().rev().find_map(|attempt| unsettled(&attempt.state))
        else {
            return false;
        };
        let since = self.now;
        self.enter(if delivering { Phase::Delivering { since } } else { Phase::Issuing { since } });
        true
    }

    /// Looks `first` after the call's deadline, and `then` after each look.
    fn look_after(&mut self, attempt: &Attempt, first: SignedDuration, then: SignedDuration) {
        let ready = match attempt.looks.last() {
            None => attempt.deadline.saturating_add(first),
            Some(last) => last.saturating_add(then),
        };
        let ready = ready.unwrap_or(self.now).max(attempt.not_before.unwrap_or(attempt.deadline));
        if ready <= self.now {
            self.actions.push(Action::LookForUnanswered { attempt: attempt.number });
        } else {
            self.look_at(ready);
        }
    }

    /// Counted by looks, not by the clock: whoever was down for that hour looks once more.
    fn late_look(&mut self, attempt: &Attempt) {
        let last = attempt.looks.last().map(|last| last.duration_since(attempt.deadline));
        if last.is_none_or(|last| last < LATE) {
            self.look_after(attempt, LATE_LOOKS, LATE_LOOKS);
        }
    }

    fn wanted(&self) -> bool {
        matches!(self.record.phase, Phase::Issuing { .. } | Phase::Delivering { .. })
    }

    fn send_or_take_away(&mut self, place: usize) {
        let (number, minted_at) =
            (self.attempts[place].number, self.attempts[place].minted_at.unwrap_or(self.now));
        if self.snapshot.in_hand != Some(number) {
            self.take_away(place, TakeAwayReason::SecretLost);
        } else if !self.wanted() {
            self.take_away(place, TakeAwayReason::RequestGone);
        } else if !self.snapshot.may_issue() {
            // Rule 8: nothing is issued. What nobody has yet is made anew when it goes on.
            self.take_away(place, TakeAwayReason::Stopped);
        } else if self.now.duration_since(minted_at) >= IN_HAND {
            self.take_away(place, TakeAwayReason::DeliveryTooSlow);
        } else {
            let attempt = self.attempts[place].clone();
            // Whatever wait Slack asks for: the secret is not held longer.
            self.look_at(minted_at.saturating_add(IN_HAND).unwrap_or(self.now));
            self.act_when_ready(&attempt, Action::Send { attempt: number });
        }
    }

    fn find_delivery(&mut self, place: usize) {
        if !self.wanted() {
            return self.take_away(place, TakeAwayReason::RequestGone);
        }
        let attempt = self.attempts[place].clone();
        let begun = attempt.delivery.as_ref().map_or(attempt.intent_at, |delivery| delivery.sent_at);
        let ready =
            attempt.looks.last().map_or(begun, |last| last.saturating_add(BETWEEN_LOOKS).unwrap_or(self.now));
        let ready = ready.max(attempt.not_before.unwrap_or(ready));
        if ready <= self.now {
            self.actions.push(Action::LookForDelivery { attempt: attempt.number });
        } else {
            self.look_at(ready);
        }
    }

    /// A delivered credential lives as long as its request is active.
    fn keep_or_end(&mut self, place: usize) {
        match self.record.phase {
            Phase::Active { .. } => self.notice_gone(place),
            Phase::Ending { .. } | Phase::Ended { .. } => self.take_away(place, TakeAwayReason::Ending),
            Phase::Issuing { .. } | Phase::Delivering { .. } => self.activate(place),
            _ => self.take_away(place, TakeAwayReason::RequestGone),
        }
    }

    /// Somebody deleted it by hand, it seems. One list may be wrong: it counts when it is still so ten minutes later.
    fn notice_gone(&mut self, place: usize) {
        let now = self.now;
        match (self.snapshot.handed_over_is_listed, self.attempts[place].missing_since) {
            (Some(true), Some(_)) => self.attempts[place].missing_since = None,
            (Some(false), None) => {
                self.attempts[place].missing_since = Some(now);
                let detail = serde_json::json!({"attempt": self.attempts[place].number});
                self.event("credential.missing", detail);
                self.look_in(MISSING);
            }
            (Some(false), Some(since)) if now.duration_since(since) >= MISSING => {
                self.enter(Phase::Ending { since: now, why: EndReason::FoundGone });
                self.take_away(place, TakeAwayReason::Ending);
            }
            // Not long enough, or it could not be seen this time.
            (_, Some(_)) => self.look_in(MISSING),
            _ => {}
        }
    }

    /// A credential whose end nobody knows is not kept.
    fn activate(&mut self, place: usize) {
        match self.record.issued.as_ref().map(|terms| terms.ends_at) {
            Some(ends_at) => self.enter(Phase::Active { since: self.now, ends_at }),
            None => self.take_away(place, TakeAwayReason::RequestGone),
        }
    }

    pub(super) fn take_away(&mut self, place: usize, why: TakeAwayReason) {
        let attempt = &mut self.attempts[place];
        attempt.state = AttemptState::TakingAway { why };
        (attempt.failures, attempt.not_before) = (0, None);
        attempt.looks.clear();
        let number = attempt.number;
        self.actions.push(Action::TakeAway { attempt: number });
        self.event("credential.taking_away", serde_json::json!({"attempt": number, "why": why}));
    }

    fn act_when_ready(&mut self, attempt: &Attempt, action: Action) {
        match attempt.not_before.filter(|ready| *ready > self.now) {
            Some(ready) => self.look_at(ready),
            None => self.actions.push(action),
        }
    }
}
