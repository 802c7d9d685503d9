//! Rule 6: what is owed to credentials that may exist.

use jiff::Timestamp;

use crate::domain::ids::{CredentialId, ZendeskUserId};
use crate::domain::observed::Listed;
use crate::domain::phase::{BlockReason, Closing, EndReason, Phase, WithdrawReason};
use crate::domain::plan::Action;
use crate::domain::record::{Attempt, AttemptState, TakeAwayReason};
use crate::domain::snapshot::OrderKind;
use crate::domain::testing::{ENDS, Look, attempt, mints, time, token};

const NOW: &str = "2026-12-01T09:00:00Z";

fn issuing(attempts: Vec<Attempt>) -> Look {
    Look::in_phase(NOW, Phase::Issuing { since: time(NOW) }, attempts)
}

fn taking(why: TakeAwayReason) -> AttemptState {
    AttemptState::TakingAway { why }
}

fn looked(state: AttemptState, looks: &[&str]) -> Attempt {
    Attempt { looks: looks.iter().map(|at| time(at)).collect(), ..attempt(1, state) }
}

/// What is done at that time, and when the next look is.
fn at(look: &Look, now: &str) -> (Vec<Action>, Option<Timestamp>) {
    let plan = look.clone().later(now).decide();
    assert!(mints(&plan).is_empty(), "an attempt is not settled");
    (plan.actions, plan.next_look)
}

/// A credential of that name that our own user did not make.
fn by_hand(id: i64) -> Listed {
    Listed { creator: Some(ZendeskUserId(7)), ..token(id) }
}

#[test]
fn what_was_listed_under_the_name_before_is_written_down() {
    let other = Listed { name: "other".to_owned(), ..token(2) };
    let inactive = Listed { active: false, ..token(4) };
    let listing = vec![by_hand(1), other, by_hand(3), inactive];
    let look = Look::approved(NOW).with(|look| look.snapshot.listing = Some(Ok(listing)));
    assert_eq!(mints(&look.decide())[0].listed_before, [CredentialId(1), CredentialId(3), CredentialId(4)]);
}

#[test]
fn beside_a_live_credential_of_ours_that_nobody_remembers_no_second_one_is_made() {
    let look = Look::approved(NOW).with(|look| look.snapshot.listing = Some(Ok(vec![token(1)])));
    let plan = look.decide();
    assert!(mints(&plan).is_empty());
    let phase = plan.record.unwrap().phase;
    assert!(matches!(phase, Phase::Blocked { why: BlockReason::UnknownCredential, .. }), "{phase:?}");
}

#[test]
fn what_an_attempt_that_was_given_up_made_after_all_is_taken_away_first() {
    let late = Listed { created_at: Some(time("2026-12-01T09:03:40Z")), ..token(1) };
    let missing = looked(AttemptState::NotFound, &["2026-12-01T09:03:30Z"]);
    let look = issuing(vec![missing]).with(|look| look.snapshot.listing = Some(Ok(vec![late])));
    let plan = look.later("2026-12-01T09:04:00Z").decide();
    assert!(mints(&plan).is_empty());
    assert_eq!(plan.actions, [Action::LookForUnanswered { attempt: 1 }]);
}

#[test]
fn a_call_that_was_not_answered_is_waited_out_and_then_looked_for() {
    let look = issuing(vec![attempt(1, AttemptState::Intended)]);
    // Its deadline is 09:00:30; a minute later it has landed or never will.
    assert_eq!(at(&look, "2026-12-01T09:01:29Z"), (vec![], Some(time("2026-12-01T09:01:30Z"))));
    let looks = vec![Action::LookForUnanswered { attempt: 1 }];
    assert_eq!(at(&look, "2026-12-01T09:01:30Z").0, looks);
}

#[test]
fn looks_for_an_unanswered_call_are_a_minute_apart() {
    let look = issuing(vec![looked(AttemptState::Intended, &["2026-12-01T09:01:30Z"])]);
    assert_eq!(at(&look, "2026-12-01T09:02:29Z"), (vec![], Some(time("2026-12-01T09:02:30Z"))));
    assert_eq!(at(&look, "2026-12-01T09:02:30Z").0, [Action::LookForUnanswered { attempt: 1 }]);
}

#[test]
fn not_found_it_is_minted_anew_and_looked_for_for_an_hour_more() {
    let missing = looked(AttemptState::NotFound, &["2026-12-01T09:03:30Z"]);
    let plan = issuing(vec![missing.clone()]).later("2026-12-01T09:03:31Z").decide();
    assert_eq!(mints(&plan).len(), 1);
    assert_eq!(mints(&plan)[0].number, 2);
    let active = Phase::Active { since: time(NOW), ends_at: time(ENDS) };
    let beside = |missing: Attempt| {
        Look::in_phase(NOW, active.clone(), vec![missing, attempt(2, AttemptState::Delivered)])
    };
    let both = beside(missing);
    assert_eq!(at(&both, "2026-12-01T09:13:29Z"), (vec![], Some(time("2026-12-01T09:13:30Z"))));
    assert_eq!(at(&both, "2026-12-01T09:13:30Z").0, [Action::LookForUnanswered { attempt: 1 }]);
    let late = "2026-12-01T15:00:00Z";
    assert_eq!(at(&both, late).0, [Action::LookForUnanswered { attempt: 1 }], "nobody looked after the hour");
    let before = beside(looked(AttemptState::NotFound, &["2026-12-01T10:00:29Z"]));
    assert_eq!(at(&before, late).0, [Action::LookForUnanswered { attempt: 1 }]);
    let after = beside(looked(AttemptState::NotFound, &["2026-12-01T10:00:30Z"]));
    assert_eq!(at(&after, late), (vec![], Some(time(ENDS))));
}

#[test]
fn what_a_late_look_found_is_taken_away_while_the_newer_one_lives_on() {
    let active = Phase::Active { since: time(NOW), ends_at: time(ENDS) };
    let found = attempt(1, taking(TakeAwayReason::Unanswered));
    let look = Look::in_phase(NOW, active.clone(), vec![found, attempt(2, AttemptState::Delivered)]);
    assert_eq!(at(&look, NOW).0, [Action::TakeAway { attempt: 1 }]);
    assert_eq!(look.phase(), active);
}

#[test]
fn a_secret_in_hand_is_sent() {
    let look = issuing(vec![attempt(1, AttemptState::Minted)]).in_hand(1);
    assert_eq!(at(&look, NOW).0, [Action::Send { attempt: 1 }]);
    assert!(matches!(look.phase(), Phase::Delivering { .. }));
}

#[test]
fn a_secret_in_hand_is_not_sent_once_issuing_is_stopped_but_taken_away() {
    for stop in [Look::halted, Look::paused] {
        let look = stop(issuing(vec![attempt(1, AttemptState::Minted)]).in_hand(1));
        let plan = look.decide();
        assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
        assert_eq!(plan.attempts[0].state, taking(TakeAwayReason::Stopped));
    }
}

#[test]
fn a_wait_that_zendesk_asked_an_earlier_generation_or_try_for_is_over() {
    let busy = Attempt { not_before: Some(time("2026-12-02T09:00Z")), ..attempt(1, AttemptState::NotMade) };
    let waits = issuing(vec![busy.clone()]);
    assert!(mints(&waits.decide()).is_empty());
    let retried = waits.clone().with(|look| {
        look.snapshot.record.as_mut().expect("it is remembered").attempt_floor = 1;
    });
    assert_eq!(mints(&retried.decide()).len(), 1);
    let earlier = issuing(vec![Attempt { generation: 0, ..busy }]);
    assert_eq!(mints(&earlier.decide()).len(), 1);
}

#[test]
fn a_secret_that_is_in_no_hand_is_taken_away() {
    for hand in [None, Some(2)] {
        let look = issuing(vec![attempt(1, AttemptState::Minted)]);
        let plan = look.with(|look| look.snapshot.in_hand = hand).decide();
        assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
        assert_eq!(plan.attempts[0].state, taking(TakeAwayReason::SecretLost));
    }
}

#[test]
fn a_message_that_slack_does_not_take_is_tried_for_ten_minutes() {
    let waiting = Attempt {
        not_before: Some(time("2026-12-01T09:05Z")),
        failures: 1,
        ..attempt(1, AttemptState::Minted)
    };
    let look = issuing(vec![waiting]).in_hand(1);
    assert_eq!(at(&look, "2026-12-01T09:04:59Z"), (vec![], Some(time("2026-12-01T09:05Z"))));
    assert_eq!(at(&look, "2026-12-01T09:09:59Z").0, [Action::Send { attempt: 1 }]);
    let too_slow = look.later("2026-12-01T09:10:00Z").decide();
    assert_eq!(too_slow.attempts[0].state, taking(TakeAwayReason::DeliveryTooSlow));
    assert_eq!(too_slow.attempts[0].not_before, None);
    assert_eq!(too_slow.actions, [Action::TakeAway { attempt: 1 }]);
}

#[test]
fn a_message_that_may_have_gone_is_looked_for_a_minute_apart() {
    let look = issuing(vec![attempt(1, AttemptState::Sending)]);
    assert_eq!(at(&look, "2026-12-01T09:00:10Z").0, [Action::LookForDelivery { attempt: 1 }]);
    let again = issuing(vec![looked(AttemptState::Sending, &["2026-12-01T09:00:10Z"])]);
    assert_eq!(at(&again, "2026-12-01T09:01:09Z"), (vec![], Some(time("2026-12-01T09:01:10Z"))));
    assert_eq!(at(&again, "2026-12-01T09:01:10Z").0, [Action::LookForDelivery { attempt: 1 }]);
}

#[test]
fn taking_away_is_tried_again_when_it_is_ready_in_every_phase() {
    let since = time(NOW);
    let put_off = Attempt {
        not_before: Some(time("2026-12-01T09:05Z")),
        failures: 9,
        ..attempt(1, taking(TakeAwayReason::SecretLost))
    };
    for phase in [
        Phase::Issuing { since },
        Phase::Active { since, ends_at: time(ENDS) },
        Phase::Ending { since, why: EndReason::Due },
        Phase::Blocked { since, why: BlockReason::TooManyAttempts },
        Phase::Withdrawn { since, why: WithdrawReason::TooLong, closing: Closing::Seen },
    ] {
        let look = Look::in_phase(NOW, phase, vec![put_off.clone()]).closed(crate::domain::testing::AUTHOR);
        assert_eq!(at(&look, "2026-12-01T09:04:59Z"), (vec![], Some(time("2026-12-01T09:05Z"))));
        assert_eq!(at(&look, "2026-12-01T09:05:00Z").0, [Action::TakeAway { attempt: 1 }]);
        assert_eq!(at(&look.unanswered(), "2026-12-01T09:05:00Z").0, [Action::TakeAway { attempt: 1 }]);
    }
}

#[test]
fn nothing_is_minted_while_an_attempt_is_not_settled() {
    for state in [
        AttemptState::Intended,
        AttemptState::Minted,
        AttemptState::Sending,
        AttemptState::Delivered,
        taking(TakeAwayReason::SecretLost),
    ] {
        for phase in [Phase::Issuing { since: time(NOW) }, Phase::AwaitingProvisioner { since: time(NOW) }] {
            let look = Look::in_phase(NOW, phase, vec![attempt(1, state.clone())]);
            assert!(mints(&look.decide()).is_empty(), "{state:?}");
        }
    }
}

#[test]
fn a_credential_that_no_active_request_has_is_taken_away() {
    let since = time(NOW);
    for phase in [
        Phase::AwaitingManager { since },
        Phase::Blocked { since, why: BlockReason::TooManyAttempts },
        Phase::Withdrawn { since, why: WithdrawReason::TooLong, closing: Closing::Seen },
    ] {
        let look = Look::in_phase(NOW, phase.clone(), vec![attempt(1, AttemptState::Delivered)]);
        let plan = look.decide();
        assert!(plan.actions.contains(&Action::TakeAway { attempt: 1 }), "{phase:?}: {plan:?}");
    }
}

#[test]
fn once_the_lost_one_is_gone_another_is_minted() {
    let plan = issuing(vec![attempt(1, AttemptState::Gone)]).decide();
    assert_eq!(mints(&plan)[0].number, 2);
}

#[test]
fn three_attempts_of_a_generation_are_enough() {
    let gone = |count: u32| (1..=count).map(|number| attempt(number, AttemptState::Gone)).collect::<Vec<_>>();
    assert_eq!(mints(&issuing(gone(2)).decide()).len(), 1);
    let three = issuing(gone(3));
    let why = BlockReason::TooManyAttempts;
    assert_eq!(three.phase(), Phase::Blocked { since: time(NOW), why });
    assert!(mints(&three.decide()).is_empty());
    let earlier = gone(3).into_iter().map(|one| Attempt { generation: 0, ..one }).collect();
    assert_eq!(mints(&issuing(earlier).decide()).len(), 1);
}

#[test]
fn after_three_attempts_an_order_gives_three_more() {
    let gone: Vec<Attempt> = (1..=3).map(|number| attempt(number, AttemptState::Gone)).collect();
    let blocked = issuing(gone).after(NOW).ordered(OrderKind::Retry);
    let plan = blocked.decide();
    assert_eq!((mints(&plan).len(), plan.record.as_ref().unwrap().attempt_floor), (1, 3));
    let six: Vec<Attempt> = (1..=6).map(|number| attempt(number, AttemptState::Gone)).collect();
    assert!(matches!(blocked.after(NOW).ledger(six).phase(), Phase::Blocked { .. }));
}

#[test]
fn a_create_that_zendesk_put_off_is_tried_again_when_it_said() {
    let put_off =
        Attempt { not_before: Some(time("2026-12-01T09:05Z")), ..attempt(1, AttemptState::NotMade) };
    let look = issuing(vec![put_off]);
    assert_eq!(at(&look, "2026-12-01T09:04:59Z"), (vec![], Some(time("2026-12-01T09:05Z"))));
    assert_eq!(mints(&look.later("2026-12-01T09:05Z").decide()).len(), 1);
}

#[test]
fn what_was_handed_over_decides_what_an_older_attempt_is_for() {
    let plan = issuing(vec![attempt(1, AttemptState::Sending), attempt(2, AttemptState::Delivered)]).decide();
    assert!(matches!(plan.record.unwrap().phase, Phase::Active { .. }));
    assert_eq!(plan.actions, [Action::TakeAway { attempt: 1 }]);
}

#[test]
fn t19_what_was_handed_over_and_is_missing_ten_minutes_later_is_found_gone() {
    let ends_at = time("2027-03-02T00:00Z");
    let active = Phase::Active { since: time("2026-12-01T09:10Z"), ends_at };
    let delivered = vec![attempt(1, AttemptState::Delivered)];
    let look = Look::in_phase("2026-12-05T09:00Z", active, delivered);
    let seen = |look: &Look, listed: Option<bool>| {
        look.clone().with(|look| look.snapshot.handed_over_is_listed = listed)
    };
    let first = seen(&look, Some(false));
    assert_eq!(first.phase().key(), "active");
    assert_eq!(first.decide().next_look, Some(time("2026-12-05T09:10Z")));
    let young = first.clone().after("2026-12-05T09:09:59Z");
    assert!(young.decide().actions.is_empty());
    let unseen = seen(&first.clone().after("2026-12-05T10:00Z"), None);
    assert_eq!(unseen.phase().key(), "active", "what cannot be seen is not gone");
    let back = seen(&unseen.after("2026-12-05T10:10Z"), Some(true)).after("2026-12-05T11:00Z");
    assert_eq!(seen(&back, Some(false)).phase().key(), "active", "it was there in between");
    let gone = first.after("2026-12-05T09:10Z");
    let phase = gone.phase();
    assert!(matches!(phase, Phase::Ending { why: EndReason::FoundGone, .. }), "{phase:?}");
    assert_eq!(gone.decide().actions, [Action::TakeAway { attempt: 1 }]);
}
