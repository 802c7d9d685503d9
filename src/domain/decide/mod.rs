//! Snapshot, policy and time in; a plan out. Pure, and the same for the same input.
//!
//! The order is the order of what must never be held up: a person's orders, what is owed to credentials that
//! may exist (`attempts`), endings that are due, and only then what is new (`undecided`). Deciding again on
//! what a plan led to yields nothing more to do.

mod approvals;
mod attempts;
mod by_hand;
mod endings;
mod evidence;
mod leavers;
mod notices;
mod reminders;
mod revocation;
#[cfg(test)]
mod tests;
mod undecided;

pub use leavers::{people_behind, wants_people};
pub use notices::wants_last_use;
pub use reminders::wants_group;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::form::carries_marker;
use super::ids::EventId;
use super::observed::Issue;
use super::phase::{BlockReason, EndReason, Phase, RefuseReason, WithdrawReason};
use super::plan::{Action, Event, Plan, Status};
use super::policy::Policy;
use super::record::{Attempt, Record, Slot};
use super::snapshot::{IssueView, Order, OrderKind, Origin, Snapshot};

/// A request that nothing happens to is looked at this often all the same.
const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// How long until what could not be known is asked again.
const DOUBT: SignedDuration = SignedDuration::from_mins(5);
/// How long until a closing that was asked for is looked at.
const CLOSING: SignedDuration = SignedDuration::from_mins(1);

/// Decides.
pub fn decide(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Plan {
    let Some(record) = snapshot.record.clone().or_else(|| first_sight(snapshot, policy, now)) else {
        return silence(snapshot, now);
    };
    let mut draft = Draft::new(snapshot, policy, now, record);
    draft.orders();
    draft.revoked_by_label();
    draft.notice_loss();
    draft.settle_attempts();
    draft.move_phase();
    draft.finish()
}

/// Rule 1: is it a request at all?
fn first_sight(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Option<Record> {
    let IssueView::Seen(issue) = &snapshot.issue else { return None };
    let set_up_at = snapshot.project.set_up_at?;
    let in_time = snapshot.adopted || issue.created_at >= set_up_at;
    let is_request = issue.is_issue && carries_marker(&issue.description, &policy.marker);
    (in_time && is_request).then(|| new_record(issue, now))
}

fn new_record(issue: &Issue, now: Timestamp) -> Record {
    Record {
        issue: issue.id,
        url: issue.url.clone(),
        author: issue.author.unwrap_or_default(),
        first_seen_at: now,
        generation: 1,
        generation_since: now,
        watermark: EventId::default(),
        phase: Phase::New,
        manager: Slot::default(),
        provisioner: Slot::default(),
        removals: Vec::new(),
        issued: None,
        faults: Vec::new(),
        doubts: Vec::new(),
        attempt_floor: 0,
        reminders: Vec::new(),
        revocation: Slot::default(),
        notices: Vec::new(),
        by_hand: Vec::new(),
        leavers: Vec::new(),
        people_seen_at: None,
        last_words: None,
        note: None,
        note_asked: None,
        seal_coded: false,
    }
}

/// Not a request, as far as can be seen. What could not be read may yet be one.
fn silence(snapshot: &Snapshot, now: Timestamp) -> Plan {
    let unread = snapshot.record.is_none() && snapshot.issue == IssueView::Unknown;
    let next_look = if unread { now.checked_add(DOUBT).ok() } else { None };
    let (attempts, actions, orders_done, events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let status = Status::default();
    Plan { record: None, attempts, actions, orders_done, events, status, next_look }
}

/// A plan in the making.
struct Draft<'a> {
    snapshot: &'a Snapshot,
    policy: &'a Policy,
    now: Timestamp,
    record: Record,
    attempts: Vec<Attempt>,
    actions: Vec<Action>,
    orders_done: Vec<String>,
    events: Vec<Event>,
    status: Status,
    next_look: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    fn new(snapshot: &'a Snapshot, policy: &'a Policy, now: Timestamp, record: Record) -> Self {
        let mut draft = Self {
            snapshot,
            policy,
            now,
            record,
            attempts: snapshot.attempts.clone(),
            actions: Vec::new(),
            orders_done: Vec::new(),
            events: Vec::new(),
            status: Status { names: snapshot.parties.names.clone(), ..Status::default() },
            next_look: None,
        };
        draft.status.halted = snapshot.halted.is_some();
        draft.status.paused.clone_from(&snapshot.paused);
        draft.status.successors.clone_from(&snapshot.successors);
        if snapshot.record.is_none() {
            let detail = json!({"url": draft.record.url, "author": draft.record.author});
            draft.event("request.seen", detail);
        }
        draft
    }

    fn event(&mut self, kind: &'static str, detail: serde_json::Value) {
        self.events.push(Event::new(kind, detail));
    }

    fn look_at(&mut self, at: Timestamp) {
        self.next_look = Some(self.next_look.map_or(at, |earlier| earlier.min(at)));
    }

    fn look_in(&mut self, delay: SignedDuration) {
        self.look_at(self.now.saturating_add(delay).unwrap_or(self.now));
    }

    /// Enters a phase, once: entering the phase one is in, for the same reason, changes nothing.
    fn enter(&mut self, phase: Phase) {
        if self.record.phase.key() == phase.key() {
            return;
        }
        let detail = json!({
            "from": self.record.phase.key(), "to": phase, "generation": self.record.generation,
        });
        self.event("phase.entered", detail);
        self.record.phase = phase;
    }

    fn orders(&mut self) {
        for order in &self.snapshot.orders {
            match order.kind {
                OrderKind::Revoke => self.revoke(order),
                OrderKind::Retry => self.retry(),
                OrderKind::Tell(deed) => self.done_by_hand(deed, order),
            }
            self.orders_done.push(order.id.clone());
            self.event("order.taken", json!({"kind": order.kind.key(), "by": order.by, "why": order.why}));
        }
    }

    fn revoke(&mut self, order: &Order) {
        let why = order.why.clone();
        self.end_at_a_word(EndReason::Revoked { why: why.clone() }, WithdrawReason::Revoked { why });
    }

    fn retry(&mut self) {
        if matches!(self.record.phase, Phase::Blocked { .. }) {
            self.unblock();
        }
    }

    fn unblock(&mut self) {
        self.record.attempt_floor = self.attempts.iter().map(|attempt| attempt.number).max().unwrap_or(0);
        self.enter(Phase::AwaitingManager { since: self.now });
    }

    fn move_phase(&mut self) {
        match self.record.phase.clone() {
            Phase::Active { since, ends_at } => self.active(since, ends_at),
            Phase::Ending { since, why } => {
                self.tell_of_an_early_end(since, &why);
                self.ending();
                self.send_notices();
            }
            Phase::Ended { .. } => {
                self.over();
                self.send_notices();
            }
            Phase::Denied { .. } | Phase::Withdrawn { .. } => self.over(),
            Phase::Refused { .. } => {}
            Phase::Blocked { .. } => self.blocked(),
            _ => self.before_active(),
        }
    }

    /// An issue that went away, or never was from here: nothing goes on for it, whatever was begun.
    fn notice_loss(&mut self) {
        let begun = matches!(self.record.phase, Phase::Issuing { .. } | Phase::Delivering { .. });
        if !begun && !self.record.phase.is_undecided() {
            return;
        }
        let since = self.now;
        match &self.snapshot.issue {
            IssueView::Unknown => {}
            IssueView::Gone => self.enter(Phase::Blocked { since, why: BlockReason::IssueGone }),
            IssueView::Seen(issue) => {
                if let Some(why) = self.refused_for(issue) {
                    self.enter(Phase::Refused { since, why });
                } else if issue.moved_to.is_some() || !issue.is_issue || issue.id != self.record.issue {
                    self.enter(Phase::Blocked { since, why: BlockReason::IssueGone });
                }
            }
        }
    }

    fn before_active(&mut self) {
        let snapshot = self.snapshot;
        match &snapshot.issue {
            IssueView::Seen(issue) if !self.busy() => self.undecided(issue),
            IssueView::Unknown => self.look_in(DOUBT),
            IssueView::Seen(_) | IssueView::Gone => {}
        }
    }

    /// Where it came from, told at first sight; what is moved later is gone from here.
    fn refused_for(&self, issue: &Issue) -> Option<RefuseReason> {
        let origin = match self.snapshot.origin {
            Origin::Moved => Some(RefuseReason::Moved),
            Origin::Cloned => Some(RefuseReason::Cloned),
            Origin::Here => None,
        };
        let older_event = self.snapshot.events.iter().any(|event| event.at < issue.created_at);
        let at_first = matches!(self.record.phase, Phase::New);
        origin
            .or(older_event.then_some(RefuseReason::Cloned))
            .or((at_first && issue.moved_to.is_some()).then_some(RefuseReason::Moved))
            .or((at_first && issue.author.is_none()).then_some(RefuseReason::NoAuthor))
    }

    fn finish(mut self) -> Plan {
        if let Some(Phase::AwaitingManager { .. } | Phase::AwaitingProvisioner { .. }) =
            Some(&self.record.phase)
        {
            self.look_in(IDLE);
        }
        let terms = self.status.terms.as_ref().or(self.record.issued.as_ref());
        let instance = terms.and_then(|terms| self.policy.instance(&terms.instance));
        self.status.kinds = instance.map(|instance| instance.kinds.clone()).unwrap_or_default();
        let ends = self.record.leavers.iter().map(|leaver| self.taken_away_at(leaver));
        self.status.leavers_end = ends.collect();
        let before = &self.snapshot.attempts;
        let changed =
            |attempt: &Attempt| before.iter().find(|one| one.number == attempt.number) != Some(attempt);
        let attempts = self.attempts.iter().filter(|attempt| changed(attempt)).cloned().collect();
        Plan {
            record: Some(self.record),
            attempts,
            actions: self.actions,
            orders_done: self.orders_done,
            events: self.events,
            status: self.status,
            next_look: self.next_look,
        }
    }
}
