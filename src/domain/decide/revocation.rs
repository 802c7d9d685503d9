//! What the label that revokes leads to: the ending of this one request, or the label taken off again.
//!
//! A person's word about one request is held back by nothing: not by the brake, a pause, a halt or a doubt about
//! anything else.

use serde_json::json;

use super::Draft;
use crate::domain::phase::{Closing, EndReason, Phase, WithdrawReason};
use crate::domain::record::{Refusal, RefusalReason};
use crate::domain::revocation::{Case, Verdict, judge};
use crate::domain::snapshot::IssueView;

impl Draft<'_> {
    pub(super) fn revoked_by_label(&mut self) {
        let snapshot = self.snapshot;
        let IssueView::Seen(issue) = &snapshot.issue else { return };
        let Some(pin) = snapshot.project.pins.as_ref().and_then(|pins| pins.revoke.as_ref()) else { return };
        if self.is_over_or_ending() || issue.id != self.record.issue {
            return;
        }
        let form = self.read_form(issue).ok();
        let issued = self.record.issued.as_ref().map(|terms| terms.instance.as_str());
        let instance = issued.or(form.as_ref().map(|form| form.instance.as_str()));
        let case = Case { snapshot, issue, record: &self.record, instance, policy: self.policy };
        match judge(&case, pin) {
            Verdict::Absent => {}
            Verdict::Counts { by, username } => {
                self.event("revocation.counted", json!({"by": by, "username": username}));
                self.record.revocation.last_refusal = None;
                let withdrawn = WithdrawReason::RevokedByLabel { by, username: username.clone() };
                self.end_at_a_word(EndReason::RevokedByLabel { by, username }, withdrawn);
            }
            Verdict::Refused { event, why } => {
                let at = self.now;
                let username = self.actor_name(event);
                let slot = &mut self.record.revocation;
                let known = slot.last_refusal.as_ref().is_some_and(|last| last.event == event);
                slot.watermark = slot.watermark.max(event.unwrap_or_default());
                if !known && why != RefusalReason::EarlierGeneration {
                    slot.last_refusal = Some(Refusal { event, username, why: why.clone(), at, edited: None });
                    self.event("revocation.refused", json!({"event": event, "why": why}));
                }
                self.remove_label(pin);
            }
            Verdict::Unknown(doubt) => {
                self.status.revocation_unknown = Some(doubt);
                self.look_in(super::DOUBT);
            }
        }
    }

    fn is_over_or_ending(&self) -> bool {
        matches!(
            self.record.phase,
            Phase::Ending { .. }
                | Phase::Ended { .. }
                | Phase::Refused { .. }
                | Phase::Denied { .. }
                | Phase::Withdrawn { .. }
        )
    }

    /// A person said so: what is active ends, what is not yet is withdrawn, what is over stays over.
    pub(super) fn end_at_a_word(&mut self, ending: EndReason, withdrawal: WithdrawReason) {
        let since = self.now;
        match self.record.phase {
            // What it has is taken away with the other attempts.
            Phase::Active { .. } => self.enter(Phase::Ending { since, why: ending }),
            _ if self.is_over_or_ending() => {}
            _ => self.enter(Phase::Withdrawn { since, why: withdrawal, closing: Closing::Wanted }),
        }
    }
}
