//! Rule 1 and the table of rule 5, row by row.

use crate::domain::form::Field;
use crate::domain::ids::IssueId;
use crate::domain::phase::{
    BlockReason, Closing, DenyReason, EndReason, Phase, RefuseReason, WithdrawReason,
};
use crate::domain::plan::Action;
use crate::domain::policy::OnIncomplete;
use crate::domain::record::{AttemptState, RefusalReason};
use crate::domain::snapshot::{Doubt, OrderKind, Origin, Vendor};
use crate::domain::testing::{
    AUTHOR, ENDS, Look, MANAGER, PROVISIONER, STRANGER, attempt, form, kinds, mints, removed, terms, time,
};

const NOW: &str = "2026-12-01T09:00:00Z";
const LATER: &str = "2026-12-01T09:10:00Z";

fn active() -> Phase {
    Phase::Active { since: time(NOW), ends_at: time(ENDS) }
}

fn blocked() -> Phase {
    Phase::Blocked { since: time(NOW), why: BlockReason::CreationRefused }
}

fn ended() -> Phase {
    Phase::Ended { since: time(NOW), why: EndReason::Due, found_gone: false, closing: Closing::Seen }
}

/// Withdrawn by its author, seen closed.
fn withdrawn() -> Look {
    Look::approved(NOW).with(|look| look.issue().labels.clear()).after(NOW).closed(AUTHOR).after(LATER)
}

#[test]
fn an_issue_that_is_no_request_is_left_alone() {
    let no_marker = Look::approved(NOW).described("### Remove on\n\n2027-03-01");
    let no_issue = Look::approved(NOW).with(|look| look.issue().is_issue = false);
    let not_set_up = Look::approved(NOW).with(|look| look.snapshot.project.set_up_at = None);
    let older = Look::approved(NOW).with(|look| look.snapshot.project.set_up_at = Some(time(LATER)));
    for look in [no_marker, no_issue, not_set_up, older].into_iter().chain([Look::at(NOW).gone()]) {
        let plan = look.decide();
        assert!(plan.record.is_none() && plan.actions.is_empty() && plan.events.is_empty(), "{plan:?}");
        assert_eq!(plan.next_look, None);
    }
}

#[test]
fn an_older_issue_is_a_request_once_it_was_adopted() {
    let older = Look::at(NOW).with(|look| look.snapshot.project.set_up_at = Some(time(LATER)));
    let adopted = older.with(|look| look.snapshot.adopted = true);
    assert!(matches!(adopted.phase(), Phase::AwaitingManager { .. }));
}

#[test]
fn an_issue_that_could_not_be_read_at_first_sight_is_looked_at_again() {
    let plan = Look::at(NOW).unanswered().decide();
    assert!(plan.record.is_none() && plan.actions.is_empty());
    assert!(plan.next_look.is_some(), "a mark was acknowledged; it is not dropped");
}

#[test]
fn once_a_request_always_one() {
    let look = Look::approved(NOW).after(LATER).described("nothing of it is left");
    let plan = look.decide();
    let record = plan.record.as_ref().unwrap();
    assert!(matches!(record.phase, Phase::Incomplete { closing: Closing::No, .. }));
    assert!(record.manager.bound.is_none() && record.provisioner.bound.is_none());
    assert!(!plan.actions.contains(&Action::CloseIssue));
}

#[test]
fn new_a_sound_request_awaits_its_manager() {
    let plan = Look::at(NOW).decide();
    assert_eq!(plan.record.unwrap().phase, Phase::AwaitingManager { since: time(NOW) });
    assert!(plan.actions.is_empty());
}

#[test]
fn new_a_moved_or_cloned_issue_is_refused() {
    for (origin, why) in [(Origin::Moved, RefuseReason::Moved), (Origin::Cloned, RefuseReason::Cloned)] {
        let look = Look::approved(NOW).with(|look| look.snapshot.origin = origin);
        assert_eq!(look.phase(), Phase::Refused { since: time(NOW), why });
        assert!(look.decide().actions.is_empty());
    }
    let moved_on = Look::approved(NOW).with(|look| look.issue().moved_to = Some(IssueId(1)));
    assert_eq!(moved_on.phase(), Phase::Refused { since: time(NOW), why: RefuseReason::Moved });
    let older_events = Look::approved(NOW).with(|look| look.issue().created_at = time("2026-12-01T08:15Z"));
    assert_eq!(older_events.phase(), Phase::Refused { since: time(NOW), why: RefuseReason::Cloned });
    let nobodys = Look::approved(NOW).with(|look| look.issue().author = None);
    assert_eq!(nobodys.phase(), Phase::Refused { since: time(NOW), why: RefuseReason::NoAuthor });
}

#[test]
fn new_a_form_without_purpose_or_end_date_is_incomplete_and_closed() {
    for field in [Field::Purpose, Field::RemoveOn] {
        let plan = Look::at(NOW).described(&form(&[(field, "")])).decide();
        let phase = plan.record.unwrap().phase;
        assert_eq!(phase, Phase::Incomplete { since: time(NOW), closing: Closing::Wanted });
        assert_eq!(plan.actions, [Action::CloseIssue]);
    }
}

#[test]
fn new_a_form_with_other_faults_or_a_policy_that_asks_stays_open() {
    let plan = Look::at(NOW).described(&form(&[(Field::RemoveOn, "soon")])).decide();
    assert_eq!(plan.record.unwrap().phase, Phase::Incomplete { since: time(NOW), closing: Closing::No });
    assert!(plan.actions.is_empty());
    let asks = Look::at(NOW)
        .described(&form(&[(Field::Purpose, "")]))
        .with(|look| look.policy.on_incomplete = OnIncomplete::Ask);
    assert!(asks.decide().actions.is_empty());
}

#[test]
fn new_admin_access_that_is_not_needed_is_denied() {
    let plan = Look::at(NOW).described(&form(&[(Field::AdminAccess, "not needed")])).decide();
    let phase = plan.record.unwrap().phase;
    assert!(matches!(phase, Phase::Denied { why: DenyReason::AdminNotNeeded { .. }, .. }));
    assert_eq!(plan.actions, [Action::CloseIssue]);
}

#[test]
fn incomplete_closed_by_us_it_waits_to_be_reopened_and_then_awaits_its_manager() {
    let closed = Look::at(NOW).described(&form(&[(Field::Purpose, "")])).carried_out(LATER);
    assert_eq!(closed.phase(), Phase::Incomplete { since: time(NOW), closing: Closing::Seen });
    assert!(closed.decide().actions.is_empty());
    let mended = closed.after(LATER).described(&form(&[])).after(LATER);
    assert!(matches!(mended.phase(), Phase::Incomplete { .. }), "until it is open");
    assert_eq!(mended.reopened().phase(), Phase::AwaitingManager { since: time(LATER) });
}

#[test]
fn incomplete_reopened_with_the_same_faults_it_is_closed_again() {
    let look = Look::at(NOW).described(&form(&[(Field::Purpose, "")])).carried_out(LATER).after(LATER);
    assert_eq!(look.reopened().decide().actions, [Action::CloseIssue]);
}

#[test]
fn incomplete_and_open_an_edit_is_enough() {
    let look = Look::at(NOW).described(&form(&[(Field::RemoveOn, "soon")])).after(LATER);
    assert!(matches!(look.described(&form(&[])).phase(), Phase::AwaitingManager { .. }));
}

#[test]
fn awaiting_manager_their_approval_leads_on_to_the_provisioner() {
    let look = Look::at(NOW).after(LATER).labelled(MANAGER, "2026-12-01T09:05Z");
    assert_eq!(look.phase(), Phase::AwaitingProvisioner { since: time(LATER) });
    assert_eq!(kinds(&look.decide()), ["approval.bound", "phase.entered"]);
}

#[test]
fn awaiting_provisioner_a_voided_approval_leads_back_to_the_first_that_is_missing() {
    let look = Look::at(NOW).labelled(MANAGER, "2026-12-01T08:30Z").after(LATER);
    let edited = look.edited(&[(Field::Purpose, "something else")], "2026-12-01T09:05Z");
    assert_eq!(edited.phase(), Phase::AwaitingManager { since: time(LATER) });
}

#[test]
fn awaiting_closed_by_its_author_it_is_withdrawn() {
    let plan = Look::at(NOW).after(LATER).closed(AUTHOR).decide();
    let why = WithdrawReason::ClosedBy { by: Some(AUTHOR) };
    let since = time(LATER);
    assert_eq!(plan.record.unwrap().phase, Phase::Withdrawn { since, why, closing: Closing::Seen });
    assert!(plan.actions.is_empty());
}

#[test]
fn awaiting_closed_by_the_manager_or_a_provisioner_it_is_denied() {
    for by in [MANAGER, PROVISIONER] {
        let phase = Look::at(NOW).after(LATER).closed(by).phase();
        assert!(matches!(phase, Phase::Denied { why: DenyReason::ClosedBy { by: who }, .. } if who == by));
    }
    let stranger = Look::at(NOW).after(LATER).closed(STRANGER).phase();
    assert!(matches!(stranger, Phase::Withdrawn { .. }));
}

#[test]
fn awaiting_the_denial_label_of_the_manager_or_a_provisioner_denies_and_closes() {
    for by in [MANAGER, PROVISIONER] {
        let plan = Look::approved(NOW).denied(by, "2026-12-01T08:30Z").decide();
        let phase = plan.record.unwrap().phase;
        assert!(matches!(phase, Phase::Denied { why: DenyReason::LabelledBy { by: who }, .. } if who == by));
        assert_eq!(plan.actions, [Action::CloseIssue]);
    }
    let stranger = Look::at(NOW).denied(STRANGER, "2026-12-01T08:30Z");
    assert!(matches!(stranger.phase(), Phase::AwaitingManager { .. }));
}

#[test]
fn awaiting_longer_than_the_policy_allows_it_is_withdrawn_and_closed() {
    let look = Look::at(NOW).after("2026-12-31T08:59:59Z");
    assert!(matches!(look.phase(), Phase::AwaitingManager { .. }));
    assert_eq!(look.decide().next_look, Some(time("2026-12-31T09:00:00Z")));
    let plan = look.later("2026-12-31T09:00:00Z").decide();
    let phase = plan.record.unwrap().phase;
    assert!(matches!(phase, Phase::Withdrawn { why: WithdrawReason::TooLong, .. }));
    assert_eq!(plan.actions, [Action::CloseIssue]);
}

#[test]
fn awaiting_provisioner_both_count_and_one_mint_is_begun() {
    let plan = Look::approved(NOW).decide();
    assert_eq!(plan.record.as_ref().unwrap().phase, Phase::Issuing { since: time(NOW) });
    assert_eq!(plan.record.as_ref().unwrap().issued, Some(terms()));
    assert_eq!(mints(&plan).len(), 1);
    let mint = mints(&plan)[0];
    assert_eq!((mint.number, mint.generation, &mint.terms), (1, 1, &terms()));
}

#[test]
fn both_count_but_nothing_is_minted_while_anything_is_in_doubt() {
    let doubts: [fn(&mut Look); 7] = [
        |look| look.snapshot.parties.manager = Err(Doubt::NoManager),
        |look| look.snapshot.parties.slack = Err(Doubt::UnfitSlackAccount),
        |look| look.snapshot.parties.owner = Err(Doubt::RefusesUs { vendor: Vendor::Zendesk }),
        |look| look.snapshot.parties.beneficiary = Err(Doubt::DirectoryUnreachable),
        |look| look.snapshot.listing = Some(Err(Doubt::TokensSwitchedOff)),
        |look| look.snapshot.listing = None,
        |look| look.snapshot.project.pins = None,
    ];
    for (place, doubt) in doubts.into_iter().enumerate() {
        for look in [Look::approved(NOW), Look::approved(NOW).after(LATER)] {
            let plan = look.with(doubt).decide();
            let record = plan.record.as_ref().unwrap();
            assert!(mints(&plan).is_empty() && !record.doubts.is_empty(), "doubt {place}: {plan:?}");
            assert!(removed(&plan).is_empty(), "a doubt takes no label off");
            assert!(plan.next_look.is_some());
        }
    }
}

#[test]
fn paused_nothing_is_minted_and_it_goes_on_afterwards() {
    let look = Look::approved(NOW).paused();
    let plan = look.decide();
    assert!(mints(&plan).is_empty() && plan.status.paused.is_some());
    let resumed = look.after(LATER).with(|look| look.snapshot.paused = None);
    assert_eq!(mints(&resumed.decide()).len(), 1);
}

#[test]
fn halted_nothing_is_minted_anywhere() {
    let look = Look::approved(NOW).halted();
    let plan = look.decide();
    assert!(mints(&plan).is_empty() && plan.status.halted);
    assert!(plan.next_look.is_some());
    let resumed = look.after(LATER).with(|look| look.snapshot.halted = None);
    assert_eq!(mints(&resumed.decide()).len(), 1);
}

#[test]
fn an_old_request_that_waits_to_be_issued_is_not_looked_at_without_pause() {
    let month_later = "2027-01-05T09:00:00Z";
    let relabel = |look: Look| {
        look.labelled(MANAGER, "2027-01-04T08:00Z").labelled_by_provisioner(PROVISIONER, "2027-01-04T08:10Z")
    };
    let look = relabel(Look::in_phase(NOW, Phase::Issuing { since: time(NOW) }, Vec::new()));
    let plan = look.halted().later(month_later).decide();
    assert!(matches!(plan.record.unwrap().phase, Phase::Issuing { .. }));
    assert!(plan.next_look.unwrap() > time(month_later), "{:?}", plan.next_look);
}

#[test]
fn delivering_an_attempt_that_was_handed_over_makes_the_request_active() {
    let delivering = Phase::Delivering { since: time(NOW) };
    let look = Look::in_phase(NOW, delivering, vec![attempt(1, AttemptState::Delivered)]);
    assert_eq!(look.phase(), active());
}

#[test]
fn before_active_an_issue_that_is_gone_moved_converted_or_another_is_blocked() {
    let losses: [fn(Look) -> Look; 4] = [
        Look::gone,
        |look| look.with(|look| look.issue().moved_to = Some(IssueId(1))),
        |look| look.with(|look| look.issue().is_issue = false),
        |look| look.with(|look| look.issue().id = IssueId(1)),
    ];
    for loss in losses {
        for phase in [
            Phase::AwaitingManager { since: time(NOW) },
            Phase::Incomplete { since: time(NOW), closing: Closing::No },
            Phase::Issuing { since: time(NOW) },
            Phase::Delivering { since: time(NOW) },
        ] {
            let plan = loss(Look::in_phase(NOW, phase, Vec::new())).decide();
            let phase = plan.record.as_ref().unwrap().phase.clone();
            assert!(matches!(phase, Phase::Blocked { why: BlockReason::IssueGone, .. }), "{phase:?}");
            assert!(mints(&plan).is_empty());
        }
    }
}

#[test]
fn before_active_what_was_minted_for_an_issue_that_is_gone_is_taken_away() {
    for state in [AttemptState::Minted, AttemptState::Sending, AttemptState::Delivered] {
        let delivering = Phase::Delivering { since: time(NOW) };
        let plan = Look::in_phase(NOW, delivering, vec![attempt(1, state)]).in_hand(1).gone().decide();
        assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
    }
}

#[test]
fn an_issue_that_could_not_be_read_changes_nothing_that_is_not_due() {
    let look = Look::approved(NOW).halted().after(LATER).unanswered();
    let plan = look.decide();
    assert_eq!(plan.record, look.snapshot.record);
    assert!(plan.actions.is_empty() && plan.events.is_empty() && plan.next_look.is_some());
}

#[test]
fn blocked_nothing_happens_by_itself() {
    let plan = Look::in_phase(NOW, blocked(), Vec::new()).later(LATER).decide();
    assert_eq!(plan.record.as_ref().unwrap().phase, blocked());
    assert!(plan.actions.is_empty() && plan.events.is_empty());
}

#[test]
fn blocked_an_order_to_retry_checks_everything_anew() {
    let look = Look::in_phase(NOW, blocked(), Vec::new()).later(LATER).ordered(OrderKind::Retry);
    let plan = look.decide();
    assert_eq!((mints(&plan).len(), plan.orders_done), (1, vec!["order0".to_owned()]));
    let edited = look.edited(&[(Field::Purpose, "something else")], "2026-12-01T09:05Z").decide();
    assert!(mints(&edited).is_empty());
}

#[test]
fn blocked_the_provisioners_label_put_on_anew_is_another_try() {
    let look = Look::in_phase(NOW, blocked(), Vec::new()).later(LATER);
    let again = look.clone().labelled_by_provisioner(PROVISIONER, "2026-12-01T09:05Z");
    assert_eq!(mints(&again.decide()).len(), 1);
    for other in [AUTHOR, STRANGER, MANAGER] {
        let theirs = look.clone().labelled_by_provisioner(other, "2026-12-01T09:05Z");
        assert_eq!(theirs.phase(), blocked());
    }
}

#[test]
fn blocked_because_the_issue_is_gone_a_retry_needs_it_back() {
    let gone = Look::at(NOW).after(LATER).gone().after(LATER);
    let retried = gone.ordered(OrderKind::Retry).decide();
    assert!(matches!(retried.record.unwrap().phase, Phase::Blocked { why: BlockReason::IssueGone, .. }));
}

#[test]
fn active_it_ends_at_its_instant_and_not_before() {
    let look = Look::in_phase(NOW, active(), vec![attempt(1, AttemptState::Delivered)]);
    let before = look.clone().later("2027-03-01T23:59:59Z").decide();
    assert_eq!(before.record.as_ref().unwrap().phase, active());
    assert_eq!((before.next_look, before.actions.len()), (Some(time(ENDS)), 0));
    let due = look.later(ENDS).decide();
    let phase = due.record.unwrap().phase;
    assert_eq!(phase, Phase::Ending { since: time(ENDS), why: EndReason::Due });
    assert_eq!(due.actions, [Action::TakeAway { attempt: 1 }]);
    assert!(due.events.iter().any(|event| event.kind == "credential.taking_away"));
}

#[test]
fn active_neither_edits_nor_labels_nor_closing_nor_deletion_change_anything() {
    let look = Look::in_phase(NOW, active(), vec![attempt(1, AttemptState::Delivered)]).later(LATER);
    let changes: [fn(Look) -> Look; 7] = [
        |look| look.described(""),
        |look| look.edited(&[(Field::RemoveOn, "2027-04-30")], LATER),
        |look| look.closed(AUTHOR),
        |look| look.denied(MANAGER, LATER),
        |look| look.labelled(STRANGER, LATER),
        |look| look.gone(),
        |look| look.with(|look| look.policy.instances.clear()),
    ];
    for change in changes {
        let look = change(look.clone());
        let plan = look.decide();
        assert_eq!(plan.record, look.snapshot.record);
        assert!(plan.actions.is_empty() && plan.events.is_empty() && plan.attempts.is_empty(), "{plan:?}");
        assert_eq!(plan.next_look, Some(time(ENDS)));
    }
}

#[test]
fn active_a_due_ending_waits_for_no_vendor_and_no_halt() {
    let look = Look::in_phase(NOW, active(), vec![attempt(1, AttemptState::Delivered)]);
    let plan = look.later(ENDS).unanswered().halted().decide();
    assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
}

#[test]
fn active_a_revocation_ends_it_at_once() {
    let look = Look::in_phase(NOW, active(), vec![attempt(1, AttemptState::Delivered)]).later(LATER);
    let plan = look.ordered(OrderKind::Revoke).decide();
    let phase = plan.record.unwrap().phase;
    assert!(matches!(phase, Phase::Ending { why: EndReason::Revoked { .. }, .. }), "{phase:?}");
    assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }], "once");
}

#[test]
fn revoked_before_anything_was_handed_over_it_is_withdrawn_and_what_exists_is_taken_away() {
    let delivering = Phase::Delivering { since: time(NOW) };
    let look = Look::in_phase(NOW, delivering, vec![attempt(1, AttemptState::Minted)]).in_hand(1);
    let plan = look.ordered(OrderKind::Revoke).decide();
    let phase = plan.record.unwrap().phase;
    assert!(matches!(phase, Phase::Withdrawn { why: WithdrawReason::Revoked { .. }, .. }));
    assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }, Action::CloseIssue]);
}

#[test]
fn ending_lasts_until_everything_was_seen_to_be_gone() {
    let ending = Phase::Ending { since: time(NOW), why: EndReason::Due };
    let why = crate::domain::record::TakeAwayReason::Ending;
    let under_way = vec![attempt(1, AttemptState::TakingAway { why })];
    let look = Look::in_phase(NOW, ending.clone(), under_way).later(LATER);
    assert_eq!(look.phase(), ending);
    let gone = look.ledger(vec![attempt(1, AttemptState::Gone)]).decide();
    assert!(matches!(gone.record.unwrap().phase, Phase::Ended { found_gone: false, .. }));
    assert_eq!(gone.actions, [Action::CloseIssue]);
}

#[test]
fn ended_what_was_gone_before_is_recorded_so() {
    let ending = Phase::Ending { since: time(NOW), why: EndReason::Due };
    let gone = crate::domain::record::Attempt { found_gone: true, ..attempt(1, AttemptState::Gone) };
    assert!(matches!(Look::in_phase(NOW, ending, vec![gone]).phase(), Phase::Ended { found_gone: true, .. }));
}

#[test]
fn reopened_a_new_generation_begins_above_every_event_and_takes_both_labels_off() {
    let look = Look::in_phase(NOW, ended(), vec![attempt(1, AttemptState::Gone)]).later(LATER);
    let plan = look.decide();
    let record = plan.record.as_ref().unwrap();
    let last = look.snapshot.events.last().unwrap().id;
    assert_eq!((record.generation, record.generation_since), (2, time(LATER)));
    assert_eq!((record.manager.watermark, record.provisioner.watermark), (last, last));
    assert!(record.manager.bound.is_none() && record.provisioner.bound.is_none() && record.issued.is_none());
    for slot in [&record.manager, &record.provisioner] {
        let why = slot.last_refusal.as_ref().map(|refusal| &refusal.why);
        assert_eq!(why, Some(&RefusalReason::EarlierGeneration));
    }
    assert_eq!(removed(&plan), ["manager-approved", "provisioner-approved"]);
    assert!(mints(&plan).is_empty());
}

#[test]
fn reopened_it_needs_two_new_approvals_and_the_old_denial_is_over() {
    let denied = Look::approved(NOW).denied(MANAGER, "2026-12-01T08:30Z").carried_out(LATER).after(LATER);
    let reopened = denied.reopened().carried_out(LATER);
    assert!(matches!(reopened.phase(), Phase::AwaitingManager { .. }));
    let again = reopened
        .labelled(MANAGER, "2026-12-01T09:20Z")
        .labelled_by_provisioner(PROVISIONER, "2026-12-01T09:21Z")
        .later("2026-12-01T09:30Z");
    let plan = again.decide();
    assert_eq!(mints(&plan).len(), 1);
    assert_eq!(mints(&plan)[0].generation, 2);
}

#[test]
fn reopened_nothing_begins_before_the_earlier_credential_is_gone() {
    let taking = AttemptState::TakingAway { why: crate::domain::record::TakeAwayReason::RequestGone };
    for state in [taking, AttemptState::Intended, AttemptState::Delivered] {
        let look = withdrawn().reopened().ledger(vec![attempt(1, state.clone())]);
        let plan = look.decide();
        assert_eq!(plan.record.as_ref().unwrap().generation, 1, "{state:?}");
        assert!(plan.status.waits_for_gone && plan.next_look.is_some());
        let gone = look.ledger(vec![attempt(1, AttemptState::Gone)]).decide();
        assert_eq!(gone.record.unwrap().generation, 2);
    }
}

#[test]
fn reopening_is_only_seen_against_a_closing_that_was_seen() {
    let denied = Look::approved(NOW).denied(MANAGER, "2026-12-01T08:30Z").after(LATER);
    let plan = denied.decide();
    assert_eq!(plan.record.as_ref().unwrap().generation, 1);
    assert_eq!(plan.actions, [Action::CloseIssue]);
}

#[test]
fn reopened_an_issue_that_was_moved_or_converted_meanwhile_begins_nothing() {
    let converted = withdrawn().reopened().with(|look| look.issue().is_issue = false);
    assert!(matches!(converted.phase(), Phase::Blocked { why: BlockReason::IssueGone, .. }));
    let moved = withdrawn().reopened().with(|look| look.snapshot.origin = Origin::Moved);
    assert!(matches!(moved.phase(), Phase::Refused { why: RefuseReason::Moved, .. }));
    assert!(moved.decide().actions.is_empty());
}

#[test]
fn refused_stays_refused_when_it_is_reopened() {
    let refused = Look::at(NOW).with(|look| look.snapshot.origin = Origin::Moved).after(LATER);
    let reopened = refused.closed(AUTHOR).after(LATER).reopened().with(|look| {
        look.snapshot.origin = Origin::Here;
    });
    assert!(matches!(reopened.phase(), Phase::Refused { .. }));
}

#[test]
fn issuing_for_too_long_and_then_awaiting_again_it_is_withdrawn_at_once() {
    let issuing = Look::in_phase(NOW, Phase::Issuing { since: time(NOW) }, Vec::new());
    for text in [form(&[]), form(&[(Field::Purpose, "")])] {
        let plan = issuing.clone().described(&text).later("2027-01-02T09:00:00Z").decide();
        let phase = plan.record.unwrap().phase;
        assert!(matches!(phase, Phase::Withdrawn { why: WithdrawReason::TooLong, .. }), "{phase:?}");
        let closes = plan.actions.iter().filter(|action| **action == Action::CloseIssue).count();
        assert_eq!(closes, 1);
    }
}

#[test]
fn both_count_and_the_doubt_that_stops_them_is_told_as_it_is() {
    let off = Look::approved(NOW).with(|look| look.snapshot.listing = Some(Err(Doubt::TokensSwitchedOff)));
    let record = off.decide().record.unwrap();
    assert_eq!(record.doubts, [Doubt::TokensSwitchedOff]);
    assert_eq!(record.phase, Phase::AwaitingProvisioner { since: time(NOW) });
}
