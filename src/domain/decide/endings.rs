//! Active, ending, and after the end: closing, reopening, blocked. None of it depends on the issue's text.

use serde_json::json;

use super::{CLOSING, Draft};
use crate::domain::ids::EventId;
use crate::domain::phase::{Closing, EndReason, Phase};
use crate::domain::plan::Action;
use crate::domain::record::{Attempt, AttemptState, Slot, TakeAwayReason};
use crate::domain::snapshot::IssueView;
use crate::planted::{self, Bug};

impl Draft<'_> {
    pub(super) fn active(&mut self, since: jiff::Timestamp, ends_at: jiff::Timestamp) {
        let ends_at = if planted::is(Bug::EndByText) { self.end_in_the_text(ends_at) } else { ends_at };
        if ends_at <= self.now {
            return self.end(EndReason::Due);
        }
        if !planted::is(Bug::ForgetDueDates) {
            self.look_at(ends_at);
        }
        let issued = self.record.issued.as_ref().and_then(|terms| self.policy.instance(&terms.instance));
        self.status.provisioners = issued.map(|one| one.provisioners.clone()).unwrap_or_default();
        self.status.provisioner_groups = issued.map(|one| one.provisioner_groups.clone()).unwrap_or_default();
        self.remind_of_the_end(since, ends_at);
        self.watch_people(since);
        self.send_notices();
    }

    /// Only for [`Bug::EndByText`]: what the issue says now, where it says anything.
    fn end_in_the_text(&self, ends_at: jiff::Timestamp) -> jiff::Timestamp {
        let IssueView::Seen(issue) = &self.snapshot.issue else { return ends_at };
        self.read_form(issue).map_or(ends_at, |form| form.ends_at)
    }

    fn end(&mut self, why: EndReason) {
        self.enter(Phase::Ending { since: self.now, why });
        for place in 0..self.attempts.len() {
            if self.attempts[place].state == AttemptState::Delivered {
                self.take_away(place, TakeAwayReason::Ending);
            }
        }
    }

    /// Ended once nothing of it is alive: looked at, not believed.
    pub(super) fn ending(&mut self) {
        let alive = |attempt: &Attempt| attempt.is_live() || attempt.is_unsettled();
        if self.attempts.iter().any(alive) {
            return;
        }
        let Phase::Ending { why, .. } = self.record.phase.clone() else { return };
        let found_gone = self.attempts.iter().rev().find(|attempt| attempt.credential.is_some());
        let found_gone = found_gone.is_some_and(|attempt| attempt.found_gone);
        self.enter(Phase::Ended { since: self.now, why, found_gone, closing: Closing::Wanted });
        self.over();
    }

    /// Denied, withdrawn or ended: see the issue closed, and notice when it is opened again.
    pub(super) fn over(&mut self) {
        let snapshot = self.snapshot;
        let IssueView::Seen(issue) = &snapshot.issue else { return self.look_for_closing() };
        match (self.closing(), issue.open) {
            (Closing::Wanted, true) => {
                self.actions.retain(|action| *action != Action::CloseIssue);
                self.actions.push(Action::CloseIssue);
                self.look_in(CLOSING);
            }
            (Closing::Wanted | Closing::No, false) => self.set_closing(Closing::Seen),
            (Closing::Seen, true) => self.reopened(),
            (Closing::Seen, false) | (Closing::No, true) => {}
        }
    }

    fn look_for_closing(&mut self) {
        if self.closing() == Closing::Wanted && self.snapshot.issue == IssueView::Unknown {
            self.look_in(super::DOUBT);
        }
    }

    pub(super) fn closing(&self) -> Closing {
        match &self.record.phase {
            Phase::Incomplete { closing, .. }
            | Phase::Ended { closing, .. }
            | Phase::Denied { closing, .. }
            | Phase::Withdrawn { closing, .. } => *closing,
            _ => Closing::No,
        }
    }

    pub(super) fn set_closing(&mut self, to: Closing) {
        self.record.phase.set_closing(to);
    }

    /// A new generation: nothing carries over, and an earlier credential must be proven gone first.
    fn reopened(&mut self) {
        if self.attempts.iter().any(Attempt::is_unsettled) {
            self.status.waits_for_gone = true;
            return self.look_in(CLOSING);
        }
        let mut watermark = self.snapshot.events.iter().map(|event| event.id).max().unwrap_or(EventId(0));
        if planted::is(Bug::ForgetGenerations) {
            watermark = EventId(0);
        }
        self.record.generation += 1;
        self.record.generation_since = self.now;
        self.record.watermark = watermark;
        self.record.manager = Slot::above(watermark);
        self.record.provisioner = Slot::above(watermark);
        self.record.issued = None;
        self.record.revocation = Slot::above(watermark);
        self.record.reminders.clear();
        self.record.notices.clear();
        self.record.by_hand.clear();
        self.record.leavers.clear();
        self.record.people_seen_at = None;
        self.record.last_words = None;
        self.event("generation.begun", json!({"generation": self.record.generation, "watermark": watermark}));
        self.enter(Phase::New);
        self.notice_loss();
        self.move_phase();
    }

    /// A provisioner who puts the label on anew asks for another try.
    pub(super) fn blocked(&mut self) {
        let snapshot = self.snapshot;
        let IssueView::Seen(issue) = &snapshot.issue else { return };
        let reading = self.read_form(issue);
        let terms = self.terms(&reading);
        self.void_what_changed(&reading, &terms);
        let usable =
            issue.open && issue.is_issue && issue.moved_to.is_none() && issue.id == self.record.issue;
        if usable && self.provisioner_asks_again(issue, &terms) {
            self.unblock();
            self.before_active();
        }
    }
}
