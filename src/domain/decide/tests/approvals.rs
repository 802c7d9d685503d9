//! What a verdict leads to: bound, voided, spent and taken off, said once.

use crate::domain::form::Field;
use crate::domain::ids::EventId;
use crate::domain::phase::{BlockReason, Phase};
use crate::domain::record::RefusalReason;
use crate::domain::snapshot::{Doubt, OrderKind};
use crate::domain::testing::{
    AUTHOR, Look, MANAGER, PROVISIONER, STRANGER, form, kinds, mints, pins, removed, time,
};

const NOW: &str = "2026-12-01T09:00:00Z";
const LATER: &str = "2026-12-01T09:10:00Z";
const LAST: &str = "2026-12-01T09:20:00Z";
const OTHER: &[(Field, &str)] = &[(Field::Purpose, "something else")];

/// Why the last manager's label did not count.
fn why_manager(look: &Look) -> RefusalReason {
    let record = look.decide().record.unwrap();
    record.manager.last_refusal.expect("it was refused").why
}

/// Both labels bound; nothing minted, because a twin was seen.
fn bound() -> Look {
    Look::approved(NOW).halted().after(LATER)
}

#[test]
fn a_label_by_the_wrong_person_is_taken_off_and_said_once() {
    let look = Look::at(NOW).labelled(AUTHOR, "2026-12-01T08:30Z");
    let plan = look.decide();
    assert_eq!(removed(&plan), ["manager-approved"]);
    assert_eq!(kinds(&plan), ["request.seen", "approval.refused", "phase.entered"]);
    let refusal = plan.record.unwrap().manager.last_refusal.unwrap();
    assert_eq!((refusal.why, refusal.username.as_deref()), (RefusalReason::Author, Some("user10")));
    let again = look.after(LATER).decide();
    assert_eq!((kinds(&again), removed(&again)), (vec![], vec!["manager-approved"]), "it is still there");
}

#[test]
fn a_later_label_by_the_right_person_counts_on_its_own() {
    let look = Look::at(NOW).labelled(AUTHOR, "2026-12-01T08:30Z").carried_out(LATER);
    let right = look.labelled(MANAGER, "2026-12-01T09:05Z");
    assert!(matches!(right.phase(), Phase::AwaitingProvisioner { .. }));
}

#[test]
fn the_provisioner_before_the_manager_is_taken_off_and_may_come_again() {
    let early = Look::at(NOW).labelled_by_provisioner(PROVISIONER, "2026-12-01T08:30Z");
    assert_eq!(removed(&early.decide()), ["provisioner-approved"]);
    let both = early.clone().labelled(MANAGER, "2026-12-01T08:40Z");
    assert_eq!(removed(&both.decide()), ["provisioner-approved"]);
    assert!(mints(&both.decide()).is_empty());
    let again = both.carried_out(LATER).labelled_by_provisioner(PROVISIONER, "2026-12-01T09:05Z");
    assert_eq!(mints(&again.decide()).len(), 1);
}

#[test]
fn five_labels_are_taken_off_within_an_hour_and_then_it_is_only_said() {
    let mut look = Look::at(NOW);
    for _ in 0..5 {
        look = look.labelled(AUTHOR, "2026-12-01T08:30Z");
        assert_eq!(removed(&look.decide()).len(), 1);
        look = look.carried_out(NOW);
    }
    look = look.labelled(AUTHOR, "2026-12-01T08:30Z");
    let capped = look.decide();
    assert!(removed(&capped).is_empty() && capped.status.removals_capped);
    assert!(kinds(&capped).contains(&"approval.refused"), "the refusal stands all the same");
    assert!(capped.next_look.unwrap() <= time("2026-12-01T10:00:00Z"));
    let hour_later = look.later("2026-12-01T10:00:00Z").decide();
    assert_eq!(removed(&hour_later).len(), 1);
}

#[test]
fn an_approval_is_bound_once_and_written_down_once() {
    let look = Look::at(NOW).labelled(MANAGER, "2026-12-01T08:30Z");
    assert!(kinds(&look.decide()).contains(&"approval.bound"));
    let again = look.after(LATER);
    assert!(kinds(&again.decide()).is_empty());
    assert_eq!(again.decide().record.unwrap().manager.bound.unwrap().bound_at, time(NOW));
}

#[test]
fn a_first_look_that_comes_late_does_not_bind_what_was_edited_since() {
    for (edit, counts) in
        [("2026-12-01T08:29:57Z", true), ("2026-12-01T08:29:59Z", false), ("2026-12-01T08:31Z", false)]
    {
        let look = Look::at(NOW).edited(OTHER, edit).labelled(MANAGER, "2026-12-01T08:30Z");
        assert_eq!(matches!(look.phase(), Phase::AwaitingProvisioner { .. }), counts, "{edit}");
        assert_eq!(removed(&look.decide()).len(), usize::from(!counts));
    }
}

#[test]
fn an_edit_after_binding_voids_for_good_even_when_it_is_taken_back() {
    let edited = bound().edited(OTHER, LATER);
    let plan = edited.decide();
    assert!(mints(&plan).is_empty());
    assert_eq!(kinds(&plan).iter().filter(|kind| **kind == "approval.voided").count(), 2);
    let back = edited.after(LAST).edited(&[], LAST).with(|look| look.snapshot.halted = None);
    assert!(mints(&back.decide()).is_empty());
    assert!(matches!(why_manager(&back), RefusalReason::TermsChanged { .. }));
    assert!(matches!(back.phase(), Phase::AwaitingManager { .. }));
}

#[test]
fn both_approvals_are_told_what_differs() {
    let record = bound().edited(OTHER, LATER).decide().record.unwrap();
    for slot in [record.manager, record.provisioner] {
        let why = slot.last_refusal.unwrap().why;
        assert!(matches!(why, RefusalReason::TermsChanged { .. }), "{why:?}");
    }
}

#[test]
fn an_edit_is_seen_while_the_labels_are_not_the_pinned_ones() {
    for text in [form(OTHER), "not even a form".to_owned()] {
        let without = |look: &mut Look| look.snapshot.project.pins = None;
        let with = |look: &mut Look| look.snapshot.project.pins = Some(pins());
        let edited = bound().described(&text).with(without).after(LAST);
        let back = edited.edited(&[], LATER).with(with).with(|look| look.snapshot.halted = None);
        assert!(mints(&back.decide()).is_empty(), "one look differed: {text}");
    }
}

#[test]
fn an_edit_is_seen_while_the_directory_does_not_answer() {
    let edited = bound().edited(OTHER, LATER).with(|look| {
        look.snapshot.parties.beneficiary = Err(Doubt::DirectoryUnreachable);
        look.snapshot.parties.manager = Err(Doubt::DirectoryUnreachable);
    });
    let back = edited.after(LAST).edited(&[], LATER).with(|look| {
        look.snapshot.parties = Look::at(NOW).snapshot.parties;
        look.snapshot.halted = None;
    });
    assert!(mints(&back.decide()).is_empty());
}

#[test]
fn a_doubt_alone_voids_nothing() {
    let doubted = bound().with(|look| {
        look.snapshot.parties.beneficiary = Err(Doubt::DirectoryUnreachable);
        look.snapshot.parties.manager = Err(Doubt::DirectoryUnreachable);
    });
    let plan = doubted.decide();
    assert!(removed(&plan).is_empty() && !kinds(&plan).contains(&"approval.voided"));
    let record = plan.record.unwrap();
    assert!(matches!(record.phase, Phase::AwaitingProvisioner { .. }), "no step back for a doubt");
    let known = doubted.after(LAST).with(|look| {
        look.snapshot.parties = Look::at(NOW).snapshot.parties;
        look.snapshot.halted = None;
    });
    assert_eq!(mints(&known.decide()).len(), 1);
}

#[test]
fn an_edit_is_seen_while_the_request_is_blocked() {
    let blocked = bound().with(|look| {
        let record = look.snapshot.record.as_mut().unwrap();
        record.phase = Phase::Blocked { since: time(NOW), why: BlockReason::CreationRefused };
        look.snapshot.halted = None;
    });
    let retried = blocked.clone().ordered(OrderKind::Retry);
    assert_eq!(mints(&retried.decide()).len(), 1);
    let back = blocked.edited(OTHER, LATER).after(LAST).edited(&[], LAST).ordered(OrderKind::Retry);
    assert!(mints(&back.decide()).is_empty());
}

#[test]
fn a_form_with_faults_voids_both_and_the_labels_come_off() {
    let faulty = bound().edited(&[(Field::RemoveOn, "soon")], LATER);
    assert_eq!(removed(&faulty.decide()), ["manager-approved", "provisioner-approved"]);
    assert_eq!(why_manager(&faulty), RefusalReason::FormFaults);
    let back = faulty.after(LAST).edited(&[], LAST).with(|look| look.snapshot.halted = None);
    assert!(mints(&back.decide()).is_empty());
}

#[test]
fn an_end_date_that_passed_while_waiting_is_a_fault_at_minting() {
    let near = [(Field::RemoveOn, "2026-12-02")];
    let look = Look::at(NOW)
        .described(&form(&near))
        .labelled(MANAGER, "2026-12-01T08:30Z")
        .after(NOW)
        .labelled_by_provisioner(PROVISIONER, "2026-12-01T08:40Z");
    assert_eq!(mints(&look.decide()).len(), 1);
    let late = look.later("2026-12-02T09:00Z").decide();
    assert!(mints(&late).is_empty());
    assert!(matches!(late.record.unwrap().phase, Phase::Incomplete { .. }));
}

#[test]
fn an_approval_taken_back_is_voided() {
    let look = bound().unlabel(&pins().manager, MANAGER, LATER);
    assert_eq!(why_manager(&look), RefusalReason::TakenOff);
    assert_eq!(look.decide().record.unwrap().manager.watermark, EventId(103));
    let forged = look.after(LAST).with(|look| look.issue().labels.push(pins().manager.name));
    assert!(mints(&forged.with(|look| look.snapshot.halted = None).decide()).is_empty());
}

#[test]
fn a_label_put_on_again_while_we_were_reading_is_not_lost() {
    // The issue was read between the removal and the new label, the events after both.
    let mut look = Look::at(NOW)
        .labelled(MANAGER, "2026-12-01T08:30Z")
        .after(LATER)
        .unlabel(&pins().manager, MANAGER, "2026-12-01T09:05Z")
        .labelled(MANAGER, "2026-12-01T09:06Z");
    look.issue().labels.clear();
    assert_eq!(why_manager(&look), RefusalReason::TakenOff);
    let next = look.after(LAST).with(|look| look.issue().labels.push(pins().manager.name));
    assert!(matches!(next.phase(), Phase::AwaitingProvisioner { .. }));
    assert!(removed(&next.decide()).is_empty());
}

#[test]
fn another_persons_label_in_place_of_the_bound_one_voids_it() {
    let look = bound()
        .unlabel(&pins().manager, MANAGER, LATER)
        .labelled(STRANGER, LATER)
        .with(|look| look.snapshot.halted = None);
    assert!(mints(&look.decide()).is_empty());
    assert_eq!(why_manager(&look), RefusalReason::NotTheManager);
}

#[test]
fn an_approval_that_grew_too_old_is_voided() {
    let look = bound().later("2026-12-15T08:15:00Z");
    assert_eq!(why_manager(&look), RefusalReason::TooOld);
    assert_eq!(removed(&look.decide()), ["manager-approved", "provisioner-approved"]);
}

#[test]
fn a_denial_made_in_doubt_is_heard_when_the_doubt_is_gone() {
    let doubted = Look::at(NOW)
        .denied(PROVISIONER, "2026-12-01T08:30Z")
        .labelled(AUTHOR, "2026-12-01T08:31Z")
        .labelled_by_provisioner(AUTHOR, "2026-12-01T08:32Z")
        .with(|look| look.snapshot.parties.owner = Err(Doubt::UnknownInstance));
    let known =
        doubted.carried_out(LATER).with(|look| look.snapshot.parties = Look::at(NOW).snapshot.parties);
    assert!(matches!(known.phase(), Phase::Denied { .. }), "{:?}", known.phase());
}

#[test]
fn what_was_issued_once_is_not_shown_to_those_who_approve_anew() {
    let failed = Look::approved(NOW)
        .carried_out(LATER)
        .with(|look| look.snapshot.attempts[0].state = crate::domain::record::AttemptState::NotMade);
    let edited = failed.edited(OTHER, LATER).decide();
    let record = edited.record.unwrap();
    assert!(matches!(record.phase, Phase::AwaitingManager { .. }));
    assert_eq!(record.issued, None);
    assert_eq!(edited.status.terms.unwrap().fields["purpose"], "something else");
}
