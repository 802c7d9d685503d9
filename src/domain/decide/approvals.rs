//! What a verdict on a label leads to: bound, voided, or spent and taken off.

use jiff::SignedDuration;
use serde_json::json;

use super::Draft;
use crate::domain::approval::{Approver, EDIT_MARGIN, Verdict, judge_manager, judge_provisioner, last_event};
use crate::domain::ids::EventId;
use crate::domain::observed::Issue;
use crate::domain::plan::Action;
use crate::domain::policy::Pin;
use crate::domain::record::{Bound, Edited, Refusal, RefusalReason, Slot};
use crate::domain::snapshot::{Doubt, FormReading};
use crate::domain::terms::{Difference, Terms};
use crate::planted::{self, Bug};

/// At most this many labels are taken off an issue within an hour; after that it is only said.
const REMOVALS_AN_HOUR: usize = 5;

impl Draft<'_> {
    pub(super) fn take(&mut self, role: Approver, pin: &Pin, verdict: &Verdict) {
        match verdict {
            Verdict::Counts(bound) => {
                let slot = self.slot(role);
                if slot.bound.as_ref() != Some(bound) {
                    slot.bound = Some(*bound.clone());
                    slot.last_refusal = None;
                    let seen = self.as_read(bound.actor);
                    self.event(
                        "approval.bound",
                        json!({"role": role.key(), "evidence": bound, "as_read": seen}),
                    );
                }
            }
            Verdict::Absent => self.taken_off(role, pin),
            Verdict::Refused { event, why } => self.refuse(role, pin, (*event, why)),
            Verdict::Unknown(_) => {}
        }
    }

    fn slot(&mut self, role: Approver) -> &mut Slot {
        match role {
            Approver::Manager => &mut self.record.manager,
            Approver::Provisioner => &mut self.record.provisioner,
        }
    }

    /// A label that was there and counted, and is not there any more.
    pub(super) fn taken_off(&mut self, role: Approver, pin: &Pin) {
        let at = self.now;
        // A last event that puts the label on came after the issue was read: the next look judges it.
        let removal = last_event(self.snapshot, pin).filter(|event| !event.added).map(|event| event.id);
        let slot = self.slot(role);
        let Some(bound) = slot.bound.take() else { return };
        slot.watermark = slot.watermark.max(removal.unwrap_or(bound.event)).max(bound.event);
        let (event, username) = (Some(bound.event), Some(bound.username));
        slot.last_refusal = Some(Refusal { event, username, why: RefusalReason::TakenOff, at, edited: None });
        self.event(
            "approval.voided",
            json!({"role": role.key(), "event": bound.event, "why": RefusalReason::TakenOff}),
        );
    }

    /// The event is spent, the label comes off, and the comment will say why.
    pub(super) fn refuse(
        &mut self,
        role: Approver,
        pin: &Pin,
        (event, why): (Option<EventId>, &RefusalReason),
    ) {
        self.spend(role, event, why);
        self.remove_label(pin);
    }

    /// Rule 4.6: one look at other terms voids what was bound, whatever else that look leaves in doubt.
    pub(super) fn void_what_changed(&mut self, reading: &FormReading, terms: &Result<Terms, Doubt>) {
        if planted::is(Bug::KeepApprovals) {
            return;
        }
        for role in [Approver::Manager, Approver::Provisioner] {
            let Some(bound) = &self.slot(role).bound else { continue };
            let event = bound.event;
            if let Some(why) = changed(bound, reading, terms) {
                self.spend(role, Some(event), &why);
            }
        }
    }

    fn spend(&mut self, role: Approver, event: Option<EventId>, why: &RefusalReason) {
        let username = self.actor_name(event);
        let at = self.now;
        let edited = self.edited_after(event);
        let slot = self.slot(role);
        let known = slot.last_refusal.as_ref().is_some_and(|last| last.event == event && last.why == *why);
        let was_bound = slot.bound.take().is_some();
        let edited = edited.filter(|_| is_of_an_edit(why, was_bound));
        slot.watermark = slot.watermark.max(event.unwrap_or_default());
        if was_bound || !known {
            slot.last_refusal = Some(Refusal { event, username, why: why.clone(), at, edited });
            let kind = if was_bound { "approval.voided" } else { "approval.refused" };
            let actor = self.actor_of(event);
            self.event(kind, json!({"role": role.key(), "event": event, "why": why, "actor": actor}));
        }
    }

    /// The last edit, where it came after this event or together with it.
    fn edited_after(&self, event: Option<EventId>) -> Option<Edited> {
        let event = self.snapshot.events.iter().find(|one| Some(one.id) == event)?;
        let edit = self.snapshot.last_edit?;
        let after = event.at.duration_since(edit.at) < EDIT_MARGIN;
        after.then(|| Edited { at: edit.at, username: edit.by.and_then(|by| self.username(by)) })
    }

    pub(super) fn actor_name(&self, event: Option<EventId>) -> Option<String> {
        let event = self.snapshot.events.iter().find(|one| Some(one.id) == event)?;
        self.username(event.actor?)
    }

    pub(super) fn remove_label(&mut self, pin: &Pin) {
        let hour_ago = self.now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(self.now);
        self.record.removals.retain(|at| *at > hour_ago);
        if self.record.removals.len() < REMOVALS_AN_HOUR {
            self.record.removals.push(self.now);
            self.actions.push(Action::RemoveLabel { name: pin.name.clone() });
        } else {
            self.status.removals_capped = true;
            self.look_in(SignedDuration::from_hours(1));
        }
    }

    /// Whether a provisioner put the label on after the one that was spent on what is blocked now.
    pub(super) fn provisioner_asks_again(&self, issue: &Issue, terms: &Result<Terms, Doubt>) -> bool {
        let Some(pins) = self.snapshot.project.pins.clone() else { return false };
        let slot = &self.record.provisioner;
        let spent = slot.bound.as_ref().map(|bound| bound.event).max(Some(slot.watermark));
        let newer = last_event(self.snapshot, &pins.provisioner)
            .filter(|event| Some(event.id) > spent && event.added);
        if newer.is_none() {
            return false;
        }
        let case = self.case(issue, terms);
        let manager = judge_manager(&case, &self.record.manager, &pins.manager);
        matches!(judge_provisioner(&case, slot, &pins.provisioner, &manager), Verdict::Counts(_))
    }
}

/// Whether somebody's edit is why it does not count: not so where only the policy or a person's account changed.
fn is_of_an_edit(why: &RefusalReason, was_bound: bool) -> bool {
    match why {
        RefusalReason::EditedSince => true,
        RefusalReason::FormFaults => was_bound,
        RefusalReason::TermsChanged { differences } => differences.iter().any(Difference::is_of_the_form),
        _ => false,
    }
}

/// How what is seen differs from what was approved, as far as it can be told.
fn changed(bound: &Bound, reading: &FormReading, terms: &Result<Terms, Doubt>) -> Option<RefusalReason> {
    let Ok(form) = reading else { return Some(RefusalReason::FormFaults) };
    let differences = match terms {
        Ok(terms) if terms.digest() == bound.digest => return None,
        Ok(terms) => bound.terms.differences(terms),
        Err(_) if form.fields == bound.terms.fields => return None,
        Err(_) => bound.terms.differences(&Terms { fields: form.fields.clone(), ..bound.terms.clone() }),
    };
    Some(RefusalReason::TermsChanged { differences })
}
