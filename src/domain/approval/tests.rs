//! Rule 4, clause by clause: what makes a label an approval.

use jiff::SignedDuration;

use super::{Approver, Verdict, may_deny};
use crate::domain::approval::Case;
use crate::domain::form::Field;
use crate::domain::ids::{EventId, IssueId, LabelId, UserId};
use crate::domain::observed::Edit;
use crate::domain::policy::Pin;
use crate::domain::record::{Bound, RefusalReason, Slot};
use crate::domain::snapshot::{Doubt, IssueView, Role, Vendor};
use crate::domain::testing::{
    AUTHOR, Look, MANAGER, MANAGER_LABEL, OURSELVES, PROVISIONER, STRANGER, pins, time,
};

const NOW: &str = "2026-12-01T09:00Z";
const LABELLED: &str = "2026-12-01T08:30:00Z";

fn by_manager() -> Look {
    Look::at(NOW).labelled(MANAGER, LABELLED)
}

/// A bystander whom the directory names as the manager, so that only the clause in question stands in the way.
fn managed_by(id: UserId) -> Look {
    Look::at(NOW).labelled(id, LABELLED).with(|look| look.snapshot.parties.manager.as_mut().unwrap().id = id)
}

fn bound(verdict: Verdict) -> Bound {
    match verdict {
        Verdict::Counts(bound) => *bound,
        other => panic!("it does not count: {other:?}"),
    }
}

fn why(verdict: Verdict) -> RefusalReason {
    match verdict {
        Verdict::Refused { why, .. } => why,
        other => panic!("it is not refused: {other:?}"),
    }
}

fn manager(look: &Look) -> Verdict {
    look.verdict(Approver::Manager)
}

fn provisioner(look: &Look) -> Verdict {
    look.verdict(Approver::Provisioner)
}

/// The manager's slot once its label was seen to count.
fn slot(look: &Look) -> Slot {
    Slot { bound: Some(bound(manager(look))), ..Slot::default() }
}

fn judged(look: &Look, slot: &Slot) -> Verdict {
    look.verdict_for(Approver::Manager, (slot, &Slot::default()))
}

#[test]
fn the_label_of_the_right_person_counts_and_is_bound_with_all_its_evidence() {
    let look = by_manager();
    let bound = bound(manager(&look));
    assert_eq!((bound.event, bound.label, bound.actor), (EventId(101), LabelId(1), MANAGER));
    assert_eq!((bound.at, bound.bound_at), (time(LABELLED), time(NOW)));
    assert_eq!((&bound.digest, &bound.terms), (&bound.terms.digest(), &look.terms().unwrap()));
    assert_eq!((bound.username.as_str(), bound.authority.source.as_str()), ("user20", "file"));
}

#[test]
fn rule_1_a_label_that_is_not_on_the_issue_is_absent_whatever_the_events_say() {
    assert_eq!(manager(&Look::at(NOW)), Verdict::Absent);
    assert_eq!(manager(&by_manager().with(|look| look.issue().labels.clear())), Verdict::Absent);
}

#[test]
fn rule_1_a_label_without_an_event_does_not_count() {
    let look = Look::at(NOW).with(|look| look.issue().labels.push(MANAGER_LABEL.to_owned()));
    assert_eq!(manager(&look), Verdict::Refused { event: None, why: RefusalReason::NoEvent });
}

#[test]
fn rule_1_the_last_event_decides_and_not_the_first() {
    let replaced = by_manager().labelled(STRANGER, "2026-12-01T08:40Z");
    assert_eq!(why(manager(&replaced)), RefusalReason::NotTheManager);
    let taken_off = by_manager()
        .unlabel(&pins().manager, MANAGER, "2026-12-01T08:40Z")
        .with(|look| look.issue().labels.push(MANAGER_LABEL.to_owned()));
    assert_eq!(why(manager(&taken_off)), RefusalReason::NoEvent);
}

#[test]
fn rule_1_the_last_event_is_the_one_with_the_highest_id_whatever_its_date_and_place() {
    let look = Look::at(NOW)
        .labelled(STRANGER, "2026-12-01T08:50Z")
        .labelled(MANAGER, "2026-12-01T08:30Z")
        .with(|look| look.snapshot.events.reverse());
    assert_eq!(bound(manager(&look)).event, EventId(102));
}

#[test]
fn rule_1_only_the_pinned_id_counts_and_not_another_label_of_that_title() {
    let other = Pin { id: LabelId(77), name: MANAGER_LABEL.to_owned() };
    let look = Look::at(NOW).label(&other, MANAGER, LABELLED);
    assert_eq!(why(manager(&look)), RefusalReason::NoEvent);
    let nameless = by_manager().with(|look| look.snapshot.events[0].label = None);
    assert_eq!(why(manager(&nameless)), RefusalReason::NoEvent);
}

#[test]
fn rule_1_an_event_of_another_issue_or_from_before_this_one_does_not_count() {
    let elsewhere = by_manager().with(|look| look.snapshot.events[0].issue = IssueId(1));
    assert_eq!(why(manager(&elsewhere)), RefusalReason::Foreign);
    let older = by_manager().with(|look| look.issue().created_at = time("2026-12-01T08:30:01Z"));
    assert_eq!(why(manager(&older)), RefusalReason::Foreign);
}

#[test]
fn rule_2_an_event_up_to_the_watermark_does_not_count_and_the_next_one_does() {
    let look = by_manager();
    assert_eq!(why(judged(&look, &Slot::above(EventId(101)))), RefusalReason::EarlierGeneration);
    assert_eq!(bound(judged(&look, &Slot::above(EventId(100)))).event, EventId(101));
}

#[test]
fn rule_3_nobody_approves_without_an_account() {
    let look = by_manager().with(|look| look.snapshot.events[0].actor = None);
    assert_eq!(why(manager(&look)), RefusalReason::NoActor);
}

#[test]
fn rule_3_the_author_the_beneficiary_and_we_ourselves_never_approve() {
    let for_another =
        |id| managed_by(id).with(|look| look.snapshot.parties.beneficiary.as_mut().unwrap().id = UserId(11));
    assert_eq!(why(manager(&for_another(AUTHOR))), RefusalReason::Author);
    let their_own =
        managed_by(STRANGER).with(|look| look.snapshot.parties.beneficiary.as_mut().unwrap().id = STRANGER);
    assert_eq!(why(manager(&their_own)), RefusalReason::Beneficiary);
    let ours = managed_by(OURSELVES).account(OURSELVES, |account| account.bot = false);
    assert_eq!(why(manager(&ours)), RefusalReason::Ourselves);
}

#[test]
fn rule_3_a_bot_and_a_blocked_account_do_not_approve() {
    let bot = by_manager().account(MANAGER, |account| account.bot = true);
    assert_eq!(why(manager(&bot)), RefusalReason::Bot);
    let blocked = by_manager().account(MANAGER, |account| account.active = false);
    assert_eq!(why(manager(&blocked)), RefusalReason::InactiveAccount);
}

#[test]
fn rule_3_only_a_member_with_the_configured_role_approves() {
    let level = |level| {
        by_manager().account(MANAGER, |account| account.membership.as_mut().unwrap().access_level = level)
    };
    assert_eq!(why(manager(&level(14))), RefusalReason::NotAMember);
    bound(manager(&level(15)));
    let outsider = by_manager().account(MANAGER, |account| account.membership = None);
    assert_eq!(why(manager(&outsider)), RefusalReason::NotAMember);
    let waiting =
        by_manager().account(MANAGER, |account| account.membership.as_mut().unwrap().active = false);
    assert_eq!(why(manager(&waiting)), RefusalReason::NotAMember);
}

#[test]
fn rule_3_a_membership_does_not_count_from_the_day_it_ends() {
    let until = |day: &str| {
        let day = day.parse().unwrap();
        by_manager().account(MANAGER, |one| one.membership.as_mut().unwrap().expires_on = Some(day))
    };
    bound(manager(&until("2026-12-02")));
    assert_eq!(why(manager(&until("2026-12-01"))), RefusalReason::NotAMember);
}

#[test]
fn rule_3_an_account_that_could_not_be_read_is_a_doubt_and_no_refusal() {
    let unread = Doubt::Unreachable { vendor: Vendor::GitLab };
    let missing = by_manager().with(|look| look.snapshot.accounts.clear());
    assert_eq!(manager(&missing), Verdict::Unknown(unread.clone()));
    let failed = by_manager().with(|look| {
        look.snapshot.accounts.insert(MANAGER, Err(unread.clone()));
    });
    assert_eq!(manager(&failed), Verdict::Unknown(unread));
}

#[test]
fn rule_4_only_the_beneficiarys_manager_gives_the_first_approval() {
    for other in [STRANGER, PROVISIONER] {
        assert_eq!(why(manager(&Look::at(NOW).labelled(other, LABELLED))), RefusalReason::NotTheManager);
    }
}

#[test]
fn rule_4_an_unknown_manager_or_beneficiary_is_a_doubt() {
    let doubt = Doubt::NotInDirectory { who: Role::Manager };
    let look = by_manager().with(|look| look.snapshot.parties.manager = Err(doubt.clone()));
    assert_eq!(manager(&look), Verdict::Unknown(doubt));
    let look = by_manager().with(|look| look.snapshot.parties.beneficiary = Err(Doubt::DirectoryUnreachable));
    assert_eq!(manager(&look), Verdict::Unknown(Doubt::DirectoryUnreachable));
}

#[test]
fn rule_4_only_a_provisioner_of_the_instance_gives_the_second_approval() {
    assert_eq!(bound(provisioner(&Look::approved(NOW))).actor, PROVISIONER);
    let stranger = by_manager().labelled_by_provisioner(STRANGER, "2026-12-01T08:40Z");
    assert_eq!(why(provisioner(&stranger)), RefusalReason::NotAProvisioner);
    let elsewhere = Look::approved(NOW).with(|look| look.policy.instances.swap(0, 1)).with(|look| {
        let provisioners = std::mem::take(&mut look.policy.instances[1].provisioners);
        look.policy.instances[0].provisioners = provisioners;
    });
    assert_eq!(why(provisioner(&elsewhere)), RefusalReason::NotAProvisioner);
}

#[test]
fn rule_4_one_person_does_not_give_both_approvals() {
    let look = by_manager().labelled_by_provisioner(MANAGER, "2026-12-01T08:40Z");
    assert_eq!(why(provisioner(&look)), RefusalReason::SamePerson);
}

#[test]
fn rule_4_the_provisioners_event_comes_after_the_managers() {
    let early = Look::at(NOW).labelled_by_provisioner(PROVISIONER, LABELLED).labelled(MANAGER, LABELLED);
    assert_eq!(why(provisioner(&early)), RefusalReason::ManagerFirst);
    let alone = Look::at(NOW).labelled_by_provisioner(PROVISIONER, LABELLED);
    assert_eq!(why(provisioner(&alone)), RefusalReason::ManagerFirst);
    let refused =
        Look::at(NOW).labelled(STRANGER, LABELLED).labelled_by_provisioner(PROVISIONER, "2026-12-01T08:40Z");
    assert_eq!(why(provisioner(&refused)), RefusalReason::ManagerFirst);
}

#[test]
fn rule_4_a_managers_approval_in_doubt_leaves_the_provisioners_in_doubt() {
    let look = Look::approved(NOW).with(|look| look.snapshot.parties.manager = Err(Doubt::NoManager));
    assert_eq!(provisioner(&look), Verdict::Unknown(Doubt::NoManager));
}

#[test]
fn rule_5_an_event_binds_only_if_the_description_was_edited_two_seconds_before_it_or_earlier() {
    let edited = |at: &str| {
        by_manager().with(|look| look.snapshot.last_edit = Some(Edit { at: time(at), by: Some(AUTHOR) }))
    };
    for early in ["2026-12-01T08:29:57Z", "2026-12-01T08:29:58Z"] {
        bound(manager(&edited(early)));
    }
    for late in [
        "2026-12-01T08:29:58.001Z",
        "2026-12-01T08:29:59Z",
        LABELLED,
        "2026-12-01T08:30:01Z",
        "2026-12-01T08:59Z",
    ] {
        assert_eq!(why(manager(&edited(late))), RefusalReason::EditedSince, "{late}");
    }
}

#[test]
fn rule_5_an_edit_by_the_approver_in_the_moment_of_the_label_is_no_approval_either() {
    let look = by_manager()
        .with(|look| look.snapshot.last_edit = Some(Edit { at: time(LABELLED), by: Some(MANAGER) }));
    assert_eq!(why(manager(&look)), RefusalReason::EditedSince);
}

#[test]
fn rule_5_nothing_is_bound_while_the_terms_are_in_doubt() {
    let look = by_manager().with(|look| look.snapshot.parties.slack = Err(Doubt::NotOnSlack));
    assert!(matches!(manager(&look), Verdict::Unknown(_)));
}

#[test]
fn rule_6_a_bound_event_counts_as_long_as_the_terms_are_those() {
    let first = by_manager();
    let later = first.clone().later("2026-12-02T09:00Z");
    assert_eq!(bound(judged(&later, &slot(&first))), bound(manager(&first)), "bound once, not anew");
}

#[test]
fn rule_6_other_terms_void_it_and_what_differs_is_named_field_by_field() {
    let first = by_manager();
    let edited = first.clone().edited(&[(Field::Purpose, "Delete everything")], "2026-12-01T08:50Z");
    let RefusalReason::TermsChanged { differences } = why(judged(&edited, &slot(&first))) else {
        panic!("the terms changed")
    };
    let told: Vec<[&str; 3]> =
        differences.iter().map(|one| [one.field.as_str(), one.was.as_str(), one.is.as_str()]).collect();
    assert_eq!(told, [["form: purpose", "Nightly export of tickets", "Delete everything"]]);
}

#[test]
fn rule_6_a_change_of_configuration_voids_it_as_an_edit_does() {
    let first = by_manager();
    let moved = first.clone().with(|look| look.policy.instances[0].url = "https://other.example".to_owned());
    assert!(matches!(why(judged(&moved, &slot(&first))), RefusalReason::TermsChanged { .. }));
}

#[test]
fn rule_6_a_newer_event_is_not_covered_by_the_binding_of_an_older_one() {
    let first = by_manager();
    let relabelled = first.clone().labelled(STRANGER, "2026-12-01T08:50Z");
    assert_eq!(why(judged(&relabelled, &slot(&first))), RefusalReason::NotTheManager);
}

#[test]
fn rule_7_an_approval_older_than_the_policy_allows_does_not_count() {
    let first = by_manager();
    let age = first.policy.approval_max_age;
    let fourteen_days = first.clone().with(|look| look.now = time(LABELLED) + age);
    bound(judged(&fourteen_days, &slot(&first)));
    let and_a_second =
        first.clone().with(|look| look.now = time(LABELLED) + age + SignedDuration::from_secs(1));
    assert_eq!(why(judged(&and_a_second, &slot(&first))), RefusalReason::TooOld);
}

#[test]
fn the_manager_and_the_provisioners_may_deny_and_nobody_else() {
    // The author and the beneficiary take back; they do not deny, even where they are provisioners.
    let look = Look::at(NOW).with(|look| {
        look.snapshot.parties.beneficiary.as_mut().unwrap().id = UserId(11);
        look.policy.instances[0].provisioners.extend([AUTHOR, UserId(11)]);
    });
    let terms = look.terms();
    let IssueView::Seen(issue) = &look.snapshot.issue else { panic!("it is seen") };
    let (snapshot, policy, now) = (&look.snapshot, &look.policy, look.now);
    let case = Case { snapshot, issue, author: AUTHOR, escalated: false, policy, terms: &terms, now };
    assert!(may_deny(&case, MANAGER) && may_deny(&case, PROVISIONER));
    assert!(!may_deny(&case, AUTHOR) && !may_deny(&case, UserId(11)));
    assert!(!may_deny(&case, STRANGER) && !may_deny(&case, OURSELVES));
}
