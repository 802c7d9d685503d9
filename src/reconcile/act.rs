//! Carries out a plan: one function for each action, written down before and after.
//!
//! An action that changed anything ends the round: the next look decides what follows, from what is then true.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::context::Context;
use super::observe::{Observation, is_fresh, is_stopped};
use super::{brake, credentials, entries, mint, remind, take_away};
use crate::domain::ids::EventId;
use crate::domain::phase::{Closing, Phase};
use crate::domain::plan::{Action, Event, Mint, Plan};
use crate::domain::record::{Attempt, AttemptState, Record, TakeAwayReason};
use crate::domain::recovery::ours;
use crate::store::{Change, Claim, StoreError};
use crate::vendors::VendorError;

/// Looks for what an unanswered call did, before it is taken for not found.
const LOOKS: usize = 3;
/// A delivery that Slack will not let us look for is given up after this, and its credential taken away.
const UNSEEN: SignedDuration = SignedDuration::from_mins(10);

/// One round of work on a claimed request: what is remembered, as it changes.
pub(super) struct Work<'a> {
    pub(super) context: &'a Context,
    pub(super) claim: &'a mut Claim,
    pub(super) record: Record,
    pub(super) attempts: Vec<Attempt>,
    /// Something at GitLab could not be done; it is tried again soon.
    pub(super) unfinished: bool,
    /// When the look began that this rests on.
    looked_at: Timestamp,
    /// The last label event that it saw.
    last_label: Option<EventId>,
}

impl<'a> Work<'a> {
    pub(super) fn new(context: &'a Context, claim: &'a mut Claim, seen: &Observation, plan: &Plan) -> Self {
        let record = plan.record.clone().expect("a plan without a record is not carried out");
        let mut attempts = seen.snapshot.attempts.clone();
        for changed in &plan.attempts {
            put(&mut attempts, changed);
        }
        let last_label = seen.snapshot.events.iter().map(|event| event.id).max();
        Self { context, claim, record, attempts, unfinished: false, looked_at: seen.begun, last_label }
    }

    /// Writes down what was decided, if anything was.
    pub(super) async fn remember(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let same = self.claim.record.as_ref() == Some(&self.record);
        if same && plan.attempts.is_empty() && plan.orders_done.is_empty() && plan.events.is_empty() {
            return Ok(());
        }
        let before = self.claim.record.clone();
        let (attempts, orders_done) = (plan.attempts.clone(), plan.orders_done.clone());
        self.write(Change {
            attempts,
            orders_done,
            audit: entries(self.claim, &plan.events),
            ..Change::default()
        })
        .await?;
        brake::forget(self, before.as_ref()).await
    }

    /// Writes down what an action led to.
    pub(super) async fn commit(&mut self, attempt: Option<Attempt>, event: Event) -> Result<(), StoreError> {
        if let Some(attempt) = &attempt {
            put(&mut self.attempts, attempt);
        }
        let attempts = attempt.into_iter().collect();
        let audit = entries(self.claim, &[event]);
        self.write(Change { attempts, audit, ..Change::default() }).await
    }

    /// Writes down the record alone: nothing that an auditor would ask for.
    pub(super) async fn commit_record(&mut self) -> Result<(), StoreError> {
        self.write(Change::default()).await
    }

    async fn write(&mut self, change: Change) -> Result<(), StoreError> {
        let (phase, record) = (self.record.phase.key().to_owned(), Some(self.record.clone()));
        // On the heap: it is a part of every step there is.
        Box::pin(self.context.store.commit(self.claim, Change { phase, record, ..change })).await?;
        self.tell_the_earlier_one().await?;
        self.claim.record = Some(self.record.clone());
        self.record.phase.key().clone_into(&mut self.claim.phase);
        Ok(())
    }

    /// Once it was handed over, the comment of the request that this one extends says so.
    async fn tell_the_earlier_one(&self) -> Result<(), StoreError> {
        let begins = matches!(self.record.phase, Phase::Active { .. }) && self.claim.phase != "active";
        let issued = self.record.issued.as_ref().filter(|_| begins);
        match issued.and_then(|terms| terms.extends.as_ref()) {
            Some(extends) => self.context.store.mark(extends.key).await,
            None => Ok(()),
        }
    }

    pub(super) fn attempt(&self, number: u32) -> Option<Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number).cloned()
    }

    /// Carries out actions up to the first one that changed something. Whether any did.
    pub(super) async fn carry_out(&mut self, actions: &[Action]) -> Result<bool, StoreError> {
        for action in actions {
            tracing::info!(issue.key = %self.claim.key, action = name(action), "carrying out");
            let changed = match action {
                Action::Remind { to, text } => {
                    remind::remind(self, to, text).await;
                    false
                }
                Action::Tell { place, to, text } => remind::tell_once(self, *place, (*to, text)).await?,
                Action::EndUnderBrake { why } => brake::end(self, why).await?,
                Action::RemoveLabel { name } => self.remove_label(name).await,
                Action::CloseIssue => self.close_issue().await?,
                Action::Mint(mint) => Box::pin(self.mint_and_send(mint)).await?,
                Action::Send { attempt } => Box::pin(mint::send(self, *attempt)).await?,
                Action::LookForDelivery { attempt } => self.look_for_delivery(*attempt).await?,
                Action::LookForUnanswered { attempt } => self.look_for_unanswered(*attempt).await?,
                Action::TakeAway { attempt } => take_away::take_away(self, *attempt).await?,
            };
            if changed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was minted right after the look that decided it is sent without another one; otherwise the next look
    /// decides whether it is still wanted. A person's stop that is written down is seen before either.
    async fn mint_and_send(&mut self, plan: &Mint) -> Result<bool, StoreError> {
        if is_stopped(self.context, self.claim.key).await? {
            return Ok(true);
        }
        let changed = mint::mint(self, plan).await?;
        let minted = self.attempt(plan.number).is_some_and(|attempt| attempt.state == AttemptState::Minted);
        let in_hand = self.context.hand.attempt(self.claim.key) == Some(plan.number);
        if !(minted && in_hand && self.is_fresh()) {
            return Ok(changed);
        }
        let now = self.context.now();
        let (from, to) = (self.record.phase.key(), Phase::Delivering { since: now });
        let detail = json!({"from": from, "to": to, "generation": self.record.generation});
        self.record.phase = to;
        self.commit(None, Event::new("phase.entered", detail)).await?;
        Box::pin(mint::send(self, plan.number)).await?;
        Ok(true)
    }

    fn is_fresh(&self) -> bool {
        is_fresh(self.looked_at, self.context.now())
    }

    /// The decision was written down with its reason; the call itself is safe to repeat. Where reading took long, the
    /// right person may have put the label on meanwhile: then the next look decides.
    async fn remove_label(&mut self, name: &str) -> bool {
        let removed = match self.labels_changed().await {
            Ok(true) => return true,
            Ok(false) => self.context.gitlab.remove_label(self.claim.key, name).await,
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(issue.key = %self.claim.key, error = %error, "a label could not be taken off");
                self.unfinished = true;
                false
            }
        }
    }

    /// Whether any label was put on or taken off since an old look; a fresh one is not asked.
    async fn labels_changed(&self) -> Result<bool, VendorError> {
        if self.is_fresh() {
            return Ok(false);
        }
        let events = self.context.gitlab.label_events(self.claim.key).await?;
        Ok(events.iter().map(|event| event.id).max() > self.last_label)
    }

    async fn close_issue(&mut self) -> Result<bool, StoreError> {
        if let Err(error) = self.context.gitlab.close_issue(self.claim.key).await {
            tracing::warn!(issue.key = %self.claim.key, error = %error, "the issue could not be closed");
            self.unfinished = true;
            return Ok(false);
        }
        self.record.phase.set_closing(Closing::Seen);
        self.commit(None, Event::new("issue.closed", json!({"phase": self.record.phase.key()}))).await?;
        Ok(true)
    }

    /// Whether a message that may have gone is in the conversation.
    async fn look_for_delivery(&mut self, number: u32) -> Result<bool, StoreError> {
        let Some((mut attempt, delivery)) =
            self.attempt(number).and_then(|one| Some((one.clone(), one.delivery?)))
        else {
            return Ok(false);
        };
        let now = self.context.now();
        let since = delivery.sent_at.checked_sub(SignedDuration::from_mins(1)).unwrap_or(delivery.sent_at);
        let event = match self.context.slack.find_delivery(&delivery.channel, &delivery.id, since).await {
            Ok(Some(message)) => {
                delivered(&mut attempt, &message);
                self.activate(now);
                "delivery.found"
            }
            Ok(None) => {
                attempt.looks.push(now);
                if attempt.looks.len() >= LOOKS { given_up(&mut attempt) } else { "delivery.not_found_yet" }
            }
            Err(_) if now.duration_since(delivery.sent_at) > UNSEEN => given_up(&mut attempt),
            Err(error) => {
                tracing::warn!(issue.key = %self.claim.key, error = %error, "the conversation could not be read");
                put_off(&mut attempt, now, None);
                "delivery.not_looked"
            }
        };
        self.commit(Some(attempt), Event::new(event, json!({"attempt": number, "delivery": delivery.id})))
            .await?;
        Ok(true)
    }

    pub(super) fn activate(&mut self, now: Timestamp) {
        if let Some(terms) = &self.record.issued {
            self.record.phase = Phase::Active { since: now, ends_at: terms.ends_at };
        }
    }

    /// Whether a call that was not answered made something all the same.
    async fn look_for_unanswered(&mut self, number: u32) -> Result<bool, StoreError> {
        let Some(mut attempt) = self.attempt(number) else { return Ok(false) };
        let Some(zendesk) = self.context.zendesk.get(&attempt.instance) else { return Ok(false) };
        let now = self.context.now();
        let event = match credentials::list(zendesk, attempt.kind).await {
            Ok(listing) => match ours(&attempt, &self.attempts, &listing).first() {
                Some(token) => {
                    (attempt.credential, attempt.minted_at, attempt.seen_listed) =
                        (Some(token.id), token.created_at, true);
                    attempt.state = AttemptState::TakingAway { why: TakeAwayReason::Unanswered };
                    attempt.not_before = None;
                    "mint.found"
                }
                None => not_found(&mut attempt, now),
            },
            Err(error) => {
                tracing::warn!(issue.key = %self.claim.key, error = %error, "Zendesk's list could not be read");
                put_off(&mut attempt, now, error.retry_after());
                "mint.not_looked"
            }
        };
        let credential = attempt.credential;
        self.commit(Some(attempt), Event::new(event, json!({"attempt": number, "credential": credential})))
            .await?;
        Ok(true)
    }
}

pub(super) fn put(attempts: &mut Vec<Attempt>, changed: &Attempt) {
    match attempts.iter_mut().find(|attempt| attempt.number == changed.number) {
        Some(place) => place.clone_from(changed),
        None => attempts.push(changed.clone()),
    }
}

pub(super) fn delivered(attempt: &mut Attempt, message: &str) {
    attempt.state = AttemptState::Delivered;
    (attempt.failures, attempt.not_before) = (0, None);
    if let Some(delivery) = &mut attempt.delivery {
        delivery.message = Some(message.to_owned());
    }
}

fn given_up(attempt: &mut Attempt) -> &'static str {
    attempt.state = AttemptState::TakingAway { why: TakeAwayReason::DeliveryUnknown };
    (attempt.failures, attempt.not_before) = (0, None);
    "delivery.given_up"
}

fn not_found(attempt: &mut Attempt, now: Timestamp) -> &'static str {
    attempt.looks.push(now);
    (attempt.failures, attempt.not_before) = (0, None);
    if attempt.looks.len() < LOOKS {
        return "mint.not_found_yet";
    }
    attempt.state = AttemptState::NotFound;
    "mint.not_found"
}

/// What a first failure waits where the vendor says nothing.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Another failure: not again before the vendor's own wait, or half a minute; doubled with each, up to a day.
pub(super) fn put_off(attempt: &mut Attempt, now: Timestamp, after: Option<SignedDuration>) {
    attempt.failures = attempt.failures.saturating_add(1);
    // A vendor that says "one second" for an hour is not to be asked 3,600 times.
    let first = after.unwrap_or(FIRST_WAIT).max(SignedDuration::from_secs(1));
    let doubled = first.saturating_mul(1 << attempt.failures.min(18).saturating_sub(1));
    attempt.not_before = now.checked_add(doubled.min(LONGEST_WAIT)).ok();
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::Remind { .. } => "remind",
        Action::Tell { .. } => "tell",
        Action::EndUnderBrake { .. } => "end_under_brake",
        Action::RemoveLabel { .. } => "remove_label",
        Action::CloseIssue => "close_issue",
        Action::Mint(_) => "mint",
        Action::Send { .. } => "send",
        Action::LookForDelivery { .. } => "look_for_delivery",
        Action::LookForUnanswered { .. } => "look_for_unanswered",
        Action::TakeAway { .. } => "take_away",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{attempt, time};

    /// How long each of so many failures in a row waits.
    fn waits(count: usize, after: Option<SignedDuration>) -> Vec<SignedDuration> {
        let now = time("2027-01-01T00:00:00Z");
        let mut attempt = attempt(1, AttemptState::TakingAway { why: TakeAwayReason::Ending });
        let wait = |_| {
            put_off(&mut attempt, now, after);
            attempt.not_before.unwrap().duration_since(now)
        };
        (0..count).map(wait).collect()
    }

    #[test]
    fn a_wait_begins_with_half_a_minute_is_doubled_and_never_longer_than_a_day() {
        let seconds: Vec<i64> = waits(15, None).iter().map(SignedDuration::as_secs).collect();
        let doubled = (0..12).map(|power| 30 << power);
        assert_eq!(seconds, doubled.chain([86_400; 3]).collect::<Vec<i64>>());
        assert_eq!(waits(5000, None).last(), Some(&LONGEST_WAIT), "however often it fails");
    }

    #[test]
    fn the_vendors_own_wait_comes_first_but_for_no_second_and_for_more_than_a_day() {
        let first = |seconds: i64| waits(2, Some(SignedDuration::from_secs(seconds)))[..].to_vec();
        assert_eq!(first(90), [90, 180].map(SignedDuration::from_secs));
        assert_eq!(first(0), [1, 2].map(SignedDuration::from_secs), "nobody is asked without any wait");
        assert_eq!(
            first(200_000),
            [LONGEST_WAIT; 2],
            "an ending is tried once a day, whatever the vendor says"
        );
    }
}
