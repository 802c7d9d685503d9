//! While a credential lives: reminders of the end, people who left, and the label that revokes.

use jiff::SignedDuration;

use crate::domain::ids::{EventId, UserId};
use crate::domain::notice::{About, NoticeState};
use crate::domain::phase::{EndReason, Phase, WithdrawReason};
use crate::domain::plan::{Action, Plan};
use crate::domain::policy::Ending;
use crate::domain::record::{AttemptState, RefusalReason, Sign};
use crate::domain::snapshot::{Doubt, Manager, People, Presence, Role, Standing, Vendor};
use crate::domain::testing::{
    AUTHOR, ENDS, Look, MANAGER, OURSELVES, PROVISIONER, STRANGER, attempt, authority, kinds, pins, removed,
    time,
};

const NOW: &str = "2026-12-01T09:00:00Z";
const LATER: &str = "2026-12-01T09:10:00Z";

/// Handed over, with the shipped policy: it ends at midnight before 2027-03-02.
fn active() -> Look {
    let phase = Phase::Active { since: time(NOW), ends_at: time(ENDS) };
    let hours = |hours| Some(SignedDuration::from_hours(hours));
    Look::in_phase(NOW, phase, vec![attempt(1, AttemptState::Delivered)]).with(|look| {
        look.policy.ending = Ending {
            remind_days_before: vec![14, 3, 1],
            leavers_every: hours(24),
            requester_left: hours(3 * 24),
            manager_left: hours(30 * 24),
            ..Ending::quiet()
        };
    })
}

/// The reminders of the end that a plan remembers, in days before.
fn reminders(plan: &Plan) -> Vec<u32> {
    let notices = plan.record.as_ref().unwrap().notices.iter();
    let days = notices.filter_map(|one| match one.about {
        About::End { days, .. } => Some(days),
        About::Left { .. } | About::ByHand { .. } | About::Ended => None,
    });
    days.collect()
}

fn told(plan: &Plan) -> Vec<UserId> {
    let people = plan.actions.iter().filter_map(|action| match action {
        Action::Tell { to, .. } => Some(*to),
        _ => None,
    });
    people.collect()
}

/// The look after its notices were sent.
fn sent(look: Look, now: &str) -> Look {
    look.after(now).with(|look| {
        for notice in &mut look.snapshot.record.as_mut().unwrap().notices {
            notice.state = NoticeState::Told;
        }
    })
}

#[test]
fn each_reminder_of_the_end_is_sent_once_and_the_next_one_is_waited_for() {
    let look = active().with(|look| look.policy.ending.leavers_every = None);
    let before = look.clone().later("2027-02-15T23:59:59Z").decide();
    assert_eq!((reminders(&before), before.next_look), (vec![], Some(time("2027-02-16T00:00:00Z"))));
    let first = look.later("2027-02-16T00:00:00Z");
    assert_eq!((reminders(&first.decide()), told(&first.decide())), (vec![14], vec![AUTHOR]));
    let second = sent(first, "2027-02-26T23:59:59Z");
    assert_eq!(
        (told(&second.decide()), second.decide().next_look),
        (vec![], Some(time("2027-02-27T00:00:00Z")))
    );
    let third = sent(second.later("2027-02-27T00:00:00Z"), "2027-03-01T00:00:00Z");
    assert_eq!((reminders(&third.decide()), told(&third.decide()).len()), (vec![14, 3, 1], 1));
    assert_eq!(third.decide().next_look, Some(time(ENDS)));
}

#[test]
fn whoever_was_down_for_long_sends_only_the_nearest_reminder() {
    let plan = active().later("2027-02-28T12:00:00Z").decide();
    assert_eq!((reminders(&plan), told(&plan).len()), (vec![3], 1));
    let late = active().later("2027-03-01T23:59:00Z").decide();
    assert_eq!(reminders(&late), [1]);
}

#[test]
fn an_unsent_reminder_is_overtaken_by_the_nearer_one() {
    let look = active().later("2027-02-16T00:00:00Z").after("2027-02-28T00:00:00Z");
    let plan = look.decide();
    assert_eq!((reminders(&plan), told(&plan).len()), (vec![14, 3], 1));
    assert_eq!(plan.record.unwrap().notices[0].state, NoticeState::GivenUp);
}

#[test]
fn a_reminder_that_would_have_been_before_the_hand_over_is_none() {
    let short = Phase::Active { since: time("2027-02-20T09:00:00Z"), ends_at: time(ENDS) };
    let look = active().with(|look| look.snapshot.record.as_mut().unwrap().phase = short);
    let plan = look.later("2027-02-20T09:00:01Z").decide();
    assert!(reminders(&plan).is_empty());
}

#[test]
fn no_reminder_is_sent_where_none_is_wanted_and_none_delays_the_end() {
    let none = active().with(|look| look.policy.ending.remind_days_before.clear());
    assert!(reminders(&none.later("2027-03-01T12:00:00Z").decide()).is_empty());
    let plan = active().later(ENDS).decide();
    assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }], "late by a moment, it only ends");
}

#[test]
fn a_reminder_says_when_it_was_last_used_only_if_zendesk_says_so() {
    let used = |last_used| {
        let look = active().with(|look| look.snapshot.last_used = last_used);
        let plan = look.later("2027-02-16T00:00:00Z").decide();
        let [Action::Tell { text, .. }] = plan.actions.as_slice() else { panic!("{:?}", plan.actions) };
        text.clone()
    };
    assert!(used(Some(time("2027-02-15T08:30:00Z"))).contains("It was last used: 2027-02-15 08:30 UTC."));
    let unknown = used(None);
    assert!(unknown.contains("It was last used: not known, Zendesk does not tell."), "{unknown}");
    assert!(!unknown.contains("never"));
}

#[test]
fn a_notice_of_which_nobody_knows_whether_it_went_is_not_sent_again() {
    let look = active().later("2027-02-16T00:00:00Z").after("2027-02-16T00:00:00Z").with(|look| {
        look.snapshot.record.as_mut().unwrap().notices[0].state = NoticeState::Trying;
    });
    assert_eq!(told(&look.decide()), []);
    assert_eq!(look.decide().record.unwrap().notices[0].state, NoticeState::Told);
}

#[test]
fn a_notice_that_could_not_be_sent_waits_and_is_given_up_after_a_day() {
    let put_off = NoticeState::Due { not_before: Some(time("2027-02-16T01:00:00Z")) };
    let look = active().later("2027-02-16T00:00:00Z").after("2027-02-16T00:30:00Z").with(|look| {
        look.policy.ending.leavers_every = None;
        look.snapshot.record.as_mut().unwrap().notices[0].state = put_off;
    });
    assert_eq!((told(&look.decide()), look.decide().next_look), (vec![], Some(time("2027-02-16T01:00:00Z"))));
    assert_eq!(told(&look.clone().later("2027-02-16T01:00:00Z").decide()), [AUTHOR]);
    let plan = look.later("2027-02-17T00:00:00Z").decide();
    assert_eq!((told(&plan), plan.record.unwrap().notices[0].state), (vec![], NoticeState::GivenUp));
}

fn presence(directory: Standing, account: Standing) -> Presence {
    Presence { directory, account }
}

const HERE: Presence = Presence { directory: Standing::Here, account: Standing::Here };

fn asked(look: Look, requester: Presence, manager: Presence) -> Look {
    look.with(|look| look.snapshot.people = Some(People { requester, manager }))
}

/// The holder is seen to have left at that time.
fn left(now: &str) -> Look {
    asked(active().later(now), presence(Standing::Inactive, Standing::Here), HERE)
}

fn brakes(plan: &Plan) -> Vec<EndReason> {
    let endings = plan.actions.iter().filter_map(|action| match action {
        Action::EndUnderBrake { why } => Some(why.clone()),
        _ => None,
    });
    endings.collect()
}

#[test]
fn somebody_who_left_is_told_of_and_only_taken_away_from_after_the_wait() {
    let seen = left("2026-12-02T09:00:00Z");
    let plan = seen.decide();
    assert_eq!(kinds(&plan)[..2], ["leaver.noticed", "notice.decided"]);
    assert_eq!(told(&plan), [PROVISIONER, MANAGER], "whoever is a provisioner of the instance");
    assert!(brakes(&plan).is_empty());
    let waiting = sent(seen, "2026-12-05T08:59:59Z").decide();
    assert!(brakes(&waiting).is_empty() && waiting.events.is_empty());
    assert_eq!(waiting.next_look, Some(time("2026-12-05T09:00:00Z")));
    let over = sent(left("2026-12-02T09:00:00Z"), "2026-12-05T09:00:00Z");
    let why = EndReason::Left { who: Role::Requester, sign: Sign::DirectoryInactive };
    assert_eq!(brakes(&over.decide()), [why]);
    assert!(matches!(over.phase(), Phase::Active { .. }), "the brake is asked first");
}

#[test]
fn whoever_comes_back_in_time_cancels_it() {
    let seen = sent(left("2026-12-02T09:00:00Z"), "2026-12-05T09:00:00Z");
    let back = asked(seen, HERE, HERE);
    let plan = back.decide();
    assert!(brakes(&plan).is_empty() && plan.record.as_ref().unwrap().leavers.is_empty());
    assert_eq!(kinds(&plan), ["leaver.came_back"]);
    let again = asked(back.after("2026-12-06T09:00:00Z"), presence(Standing::Here, Standing::Inactive), HERE);
    let leaver = again.decide().record.unwrap().leavers[0].clone();
    assert_eq!((leaver.since, leaver.sign), (time("2026-12-06T09:00:00Z"), Sign::AccountInactive));
}

#[test]
fn a_doubt_is_never_left_neither_at_first_nor_at_the_end_of_the_wait() {
    let unknown = presence(Standing::Unknown, Standing::Unknown);
    let empty = presence(Standing::Absent, Standing::Absent);
    for (requester, manager) in [(unknown, HERE), (unknown, unknown), (empty, empty), (empty, unknown)] {
        let look = asked(active().later("2026-12-02T09:00:00Z"), requester, manager);
        assert!(look.decide().record.unwrap().leavers.is_empty(), "{requester:?} {manager:?}");
        let over = asked(sent(left("2026-12-02T09:00:00Z"), "2026-12-05T09:00:00Z"), requester, manager);
        assert!(brakes(&over.decide()).is_empty(), "{requester:?} {manager:?}");
        assert_eq!(over.decide().record.unwrap().leavers.len(), 1, "nor have they come back");
    }
    let not_asked =
        sent(left("2026-12-02T09:00:00Z"), "2026-12-05T09:00:00Z").with(|look| look.snapshot.people = None);
    assert!(brakes(&not_asked.decide()).is_empty());
}

#[test]
fn not_to_be_found_is_left_only_beside_somebody_who_is() {
    let absent = presence(Standing::Absent, Standing::Here);
    let look = asked(active().later("2026-12-02T09:00:00Z"), HERE, absent);
    let leavers = look.decide().record.unwrap().leavers;
    assert_eq!(
        (leavers[0].who, leavers[0].person, leavers[0].sign),
        (Role::Manager, MANAGER, Sign::NotInDirectory)
    );
    assert_eq!(told(&look.decide()), [PROVISIONER], "not the one who left");
    let no_account =
        asked(active().later("2026-12-02T09:00:00Z"), presence(Standing::Here, Standing::Absent), HERE);
    assert_eq!(no_account.decide().record.unwrap().leavers[0].sign, Sign::NoAccount);
}

#[test]
fn a_manager_who_left_is_waited_for_longer_and_zero_days_is_only_told() {
    let gone =
        || asked(active().later("2026-12-02T09:00:00Z"), HERE, presence(Standing::Inactive, Standing::Here));
    let month = sent(gone(), "2027-01-01T08:59:59Z");
    assert!(brakes(&month.decide()).is_empty());
    assert_eq!(brakes(&month.later("2027-01-01T09:00:00Z").decide()).len(), 1);
    let never = sent(gone(), "2027-02-01T09:00:00Z").with(|look| look.policy.ending.manager_left = None);
    assert!(brakes(&never.decide()).is_empty());
}

#[test]
fn the_end_date_comes_whatever_is_known_of_the_people() {
    let plan = left(ENDS).decide();
    assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
    assert!(matches!(plan.record.unwrap().phase, Phase::Ending { why: EndReason::Due, .. }));
}

fn labelled(by: UserId) -> Look {
    active().later(LATER).revoked(by, "2026-12-01T09:05Z")
}

#[test]
fn the_label_revokes_if_the_requester_the_manager_or_a_provisioner_puts_it_on() {
    for by in [AUTHOR, MANAGER, PROVISIONER] {
        let plan = labelled(by).decide();
        let phase = plan.record.as_ref().unwrap().phase.clone();
        let Phase::Ending { why: EndReason::RevokedByLabel { by: named, .. }, .. } = phase else {
            panic!("{phase:?}")
        };
        assert_eq!(named, by);
        assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
    }
}

#[test]
fn the_manager_now_may_revoke_as_well_as_the_one_who_approved() {
    let new = labelled(STRANGER).with(|look| {
        look.snapshot.parties.manager = Ok(Manager { id: STRANGER, authority: authority() });
    });
    assert!(matches!(new.phase(), Phase::Ending { .. }));
}

#[test]
fn nobody_else_revokes_and_the_label_comes_off() {
    let cases: Vec<(Look, RefusalReason)> = vec![
        (labelled(STRANGER), RefusalReason::MayNotRevoke),
        (labelled(OURSELVES), RefusalReason::Ourselves),
        (labelled(AUTHOR).account(AUTHOR, |account| account.bot = true), RefusalReason::Bot),
        (
            labelled(MANAGER).account(MANAGER, |account| account.active = false),
            RefusalReason::InactiveAccount,
        ),
        (
            labelled(AUTHOR).with(|look| look.snapshot.events.last_mut().unwrap().actor = None),
            RefusalReason::NoActor,
        ),
        (labelled(AUTHOR).with(|look| look.snapshot.events.clear()), RefusalReason::NoEvent),
    ];
    for (look, why) in cases {
        let plan = look.decide();
        assert!(matches!(plan.record.as_ref().unwrap().phase, Phase::Active { .. }), "{why:?}");
        assert_eq!(removed(&plan), ["revoke"], "{why:?}");
        assert_eq!(plan.record.unwrap().revocation.last_refusal.unwrap().why, why);
        assert!(kinds(&look.decide()).contains(&"revocation.refused"));
        assert!(look.after(LATER).decide().events.is_empty(), "said once");
    }
}

#[test]
fn a_label_that_cannot_be_judged_changes_nothing() {
    let unreachable = || Doubt::Unreachable { vendor: Vendor::GitLab };
    let unread =
        labelled(STRANGER).with(|look| drop(look.snapshot.accounts.insert(STRANGER, Err(unreachable()))));
    let no_directory =
        labelled(STRANGER).with(|look| look.snapshot.parties.manager = Err(Doubt::DirectoryUnreachable));
    let no_group =
        labelled(STRANGER).with(|look| drop(look.snapshot.groups.insert(STRANGER, Err(unreachable()))));
    for look in [unread, no_directory, no_group] {
        let plan = look.decide();
        assert!(matches!(plan.record.as_ref().unwrap().phase, Phase::Active { .. }));
        assert!(removed(&plan).is_empty() && plan.status.revocation_unknown.is_some());
    }
    let changed = labelled(AUTHOR).with(|look| look.snapshot.project.pins = None);
    assert!(matches!(changed.phase(), Phase::Active { .. }), "labels that changed say nothing");
}

#[test]
fn a_label_of_an_earlier_generation_or_one_that_was_refused_does_not_revoke_later() {
    let earlier =
        labelled(AUTHOR).with(|look| look.snapshot.record.as_mut().unwrap().watermark = EventId(999));
    assert!(matches!(earlier.phase(), Phase::Active { .. }));
    let refused = labelled(STRANGER).after(LATER).with(|look| {
        look.snapshot.parties.manager = Ok(Manager { id: STRANGER, authority: authority() });
    });
    assert!(matches!(refused.phase(), Phase::Active { .. }), "spent");
    let again = refused.unlabel(&pins().revoke.unwrap(), OURSELVES, LATER).revoked(STRANGER, LATER);
    assert!(matches!(again.phase(), Phase::Ending { .. }), "put on anew it counts");
}

#[test]
fn before_the_hand_over_the_label_withdraws() {
    let waiting = Look::at(NOW).revoked(AUTHOR, "2026-12-01T08:30Z");
    let phase = waiting.phase();
    assert!(
        matches!(phase, Phase::Withdrawn { why: WithdrawReason::RevokedByLabel { .. }, .. }),
        "{phase:?}"
    );
    let delivering = Phase::Delivering { since: time(NOW) };
    let way = Look::in_phase(NOW, delivering, vec![attempt(1, AttemptState::Minted)]).in_hand(1);
    let plan = way.revoked(PROVISIONER, "2026-12-01T08:30Z").decide();
    assert_eq!(plan.actions[0], Action::TakeAway { attempt: 1 });
}

#[test]
fn closing_the_issue_revokes_nothing() {
    assert!(matches!(active().later(LATER).closed(AUTHOR).phase(), Phase::Active { .. }));
}
