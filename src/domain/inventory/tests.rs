//! What the inventory says of each thing, one reason at a time; and what holds whatever is listed.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::judge::Rules;
use super::*;
use crate::domain::ids::{IssueKey, ProjectId};
use crate::domain::naming::render;
use crate::domain::record::{Attempt, AttemptState, Record, TakeAwayReason};
use crate::domain::terms::Terms;
use crate::domain::testing::{Look, URL, attempt, terms, time};

const NOW: &str = "2026-12-31T09:00:00Z";
const DELIVERED: &str = "2026-12-01T09:00:10Z";

pub(super) fn standards() -> Standards {
    Standards {
        template: "{requester} {issue_url} until {expires_on}".to_owned(),
        issues: vec!["https://gitlab.example/team/access/-/issues/".to_owned()],
    }
}

pub(super) fn exceptions() -> Vec<Exception> {
    let exception = |purpose, pattern: &str, creator| Exception {
        purpose,
        pattern: pattern.to_owned(),
        creators: vec![ZendeskUserId(creator)],
    };
    vec![
        exception(ExceptionUse::Person, "Ada Admin - *", 11),
        exception(ExceptionUse::Target, "Target - *", 12),
        exception(ExceptionUse::Script, "Script - *", 12),
    ]
}

pub(super) fn listed(name: &str, creator: i64) -> Listed {
    Listed {
        kind: ListedKind::ApiToken,
        id: CredentialId(900),
        name: name.to_owned(),
        identifier: None,
        client: None,
        creator: Some(ZendeskUserId(creator)),
        creator_name: None,
        creator_email: None,
        active: true,
        created_at: Some(time("2026-12-01T09:00:05Z")),
        last_use: LastUse::At(time("2026-12-31T08:00:00Z")),
        expires_at: None,
        visible: None,
        own_login: false,
    }
}

pub(super) fn known(expected: Expected) -> Known {
    Known {
        key: IssueKey { project: ProjectId(1), iid: 7 },
        url: URL.to_owned(),
        attempt: 1,
        kind: ListedKind::ApiToken,
        access_token: false,
        credential: CredentialId(900),
        name: URL.to_owned(),
        expected,
        delivered_at: Some(time(DELIVERED)),
        holder: None,
    }
}

const LIVE: Expected = Expected::Live { ends_at: None };

fn judged(listed: &Listed, known: Option<&Known>) -> Judgement {
    let (standards, exceptions) = (standards(), exceptions());
    judge(listed, known, Rules { standards: &standards, exceptions: &exceptions }, time(NOW))
}

fn told(listed: &Listed, known: Option<&Known>) -> (Standing, Vec<Finding>) {
    let judgement = judged(listed, known);
    (judgement.standing, judgement.findings)
}

#[test]
fn what_the_ledger_expects_and_finds_is_ours_without_a_word() {
    assert_eq!(told(&listed(URL, 5), Some(&known(LIVE))), (Standing::Ours, vec![]));
    assert_eq!(judged(&listed(URL, 5), Some(&known(LIVE))).issue.as_deref(), Some(URL));
    assert_eq!(told(&listed(URL, 5), Some(&known(Expected::Passing))), (Standing::Ours, vec![]));
}

#[test]
fn ours_by_id_stays_ours_under_any_name_and_is_called_renamed() {
    for name in ["", "Ada Admin - sync", &format!("{URL}2")] {
        assert_eq!(told(&listed(name, 11), Some(&known(LIVE))), (Standing::Ours, vec![Finding::Renamed]));
    }
}

#[test]
fn what_should_be_gone_is_a_zombie_switched_on_or_off() {
    for active in [true, false] {
        let listed = Listed { active, ..listed(URL, 5) };
        assert_eq!(told(&listed, Some(&known(Expected::Gone))), (Standing::Ours, vec![Finding::Zombie]));
    }
    let off = Listed { active: false, ..listed(URL, 5) };
    assert_eq!(told(&off, Some(&known(LIVE))).1, [Finding::SwitchedOff]);
}

#[test]
fn what_waits_switched_off_for_its_deletion_is_fine_until_it_works_again() {
    let waits = known(Expected::SwitchedOff { deleted_from: time("2027-01-08T00:00:00Z") });
    let off = Listed { active: false, ..listed(URL, 5) };
    assert_eq!(told(&off, Some(&waits)), (Standing::Ours, vec![]));
    assert_eq!(told(&listed(URL, 5), Some(&waits)), (Standing::Ours, vec![Finding::SwitchedOn]));
}

#[test]
fn what_is_being_made_has_no_name_of_its_own_yet() {
    let passing = known(Expected::Passing);
    let made = Some(time("2026-12-31T08:59:59Z"));
    let never = Listed { last_use: LastUse::Never, created_at: made, ..listed("another", 5) };
    assert_eq!(told(&never, Some(&passing)), (Standing::Ours, vec![]));
}

/// What the ledger expects at `now` of an attempt that ended on the first of January, with these changes.
fn expected(now: &str, change: impl FnOnce(&mut Attempt)) -> Expected {
    let ending = AttemptState::TakingAway { why: TakeAwayReason::Ending };
    let mut attempt = attempt(1, ending);
    attempt.credential = Some(CredentialId(900));
    change(&mut attempt);
    let issued = Terms { ends_at: time("2027-01-01T00:00:00Z"), ..terms() };
    let record = Look::at("2026-12-01T09:00Z").decide().record.unwrap();
    let record = Record { issued: Some(issued), ..record };
    let key = IssueKey { project: ProjectId(1), iid: 7 };
    Known::of(key, &record, &attempt, time(now)).unwrap().expected
}

#[test]
fn a_deletion_that_is_waited_for_is_expected_and_one_that_does_not_come_is_overdue() {
    let waits = |attempt: &mut Attempt| {
        attempt.switched_off_at = Some(time("2027-01-01T00:00:00Z"));
        attempt.not_before = Some(time("2027-01-08T00:00:00Z"));
    };
    let off = Expected::SwitchedOff { deleted_from: time("2027-01-08T00:00:00Z") };
    assert_eq!(expected("2027-01-01T00:00:01Z", waits), off);
    assert_eq!(expected("2027-01-08T00:59:59Z", waits), off);
    assert_eq!(expected("2027-01-08T01:00:00Z", waits), Expected::Gone);
    let failing = |failures| {
        move |attempt: &mut Attempt| {
            waits(attempt);
            attempt.failures = failures;
        }
    };
    assert_eq!(expected("2027-01-08T00:30:00Z", failing(2)), Expected::Passing);
    assert_eq!(expected("2027-01-08T00:30:00Z", failing(3)), Expected::Gone);
    // What was never seen to be switched off waits for nothing.
    assert_eq!(expected("2027-01-01T00:59:59Z", |_| {}), Expected::Passing);
    assert_eq!(expected("2027-01-01T01:00:00Z", |_| {}), Expected::Gone);
}

#[test]
fn our_name_without_our_ledger_is_an_orphan() {
    let filled = format!("Ada {URL} until 2027-03-01");
    for name in [URL, &filled] {
        let judgement = judged(&listed(name, 11), None);
        assert_eq!((judgement.standing, judgement.findings), (Standing::Orphan, vec![Finding::Orphan]));
        assert_eq!(judgement.issue.as_deref(), Some(URL));
    }
    for name in [
        "https://gitlab.example/other/-/issues/7",
        &format!("{URL} "),
        "https://gitlab.example/team/access/-/issues/",
    ] {
        assert_eq!(told(&listed(name, 5), None).0, Standing::Foreign, "{name}");
    }
    let client = Listed { identifier: Some("countersign_1f".to_owned()), ..listed("x", 5) };
    assert_eq!(told(&client, None).0, Standing::Foreign, "it may be another installation's");
}

#[test]
fn an_issues_whole_number_is_read() {
    assert_eq!(judged(&listed(&format!("{URL}2"), 5), None).issue, Some(format!("{URL}2")));
}

#[test]
fn a_name_excuses_only_the_creators_it_is_tied_to() {
    assert_eq!(told(&listed("Ada Admin - sync", 11), None), (Standing::Exception, vec![]));
    assert_eq!(judged(&listed("Target - billing", 12), None).exception, Some(ExceptionUse::Target));
    let disguised = (Standing::Foreign, vec![Finding::Foreign, Finding::Disguised]);
    assert_eq!(told(&listed("Ada Admin - sync", 12), None), disguised);
    let nobody = Listed { creator: None, ..listed("Script - nightly", 12) };
    assert_eq!(told(&nobody, None), disguised);
    assert_eq!(told(&listed("Ada Admin", 11), None), (Standing::Foreign, vec![Finding::Foreign]));
}

#[test]
fn our_own_login_is_neither_foreign_nor_an_exception() {
    let own = Listed { own_login: true, ..listed("whatever", 5) };
    assert_eq!(told(&own, None), (Standing::OwnLogin, vec![]));
}

#[test]
fn idle_is_warned_of_from_the_twentieth_day_and_not_known_is_not_idle() {
    let used = |days: i64| {
        let at = time(NOW) - SignedDuration::from_hours(24 * days);
        Listed { last_use: LastUse::At(at), ..listed("Ada Admin - sync", 11) }
    };
    assert_eq!(told(&used(19), None).1, []);
    assert_eq!(told(&used(20), None).1, [Finding::Idle]);
    assert_eq!(judged(&used(25), None).idle_days, Some(25));
    assert_eq!(told(&Listed { active: false, ..used(25) }, None).1, [], "Zendesk ended it already");
    let never = Listed { last_use: LastUse::Never, ..used(0) };
    assert_eq!(told(&never, None).1, [Finding::NeverUsed, Finding::Idle], "since it was created");
    let unknown = Listed { last_use: LastUse::NotKnown, ..used(0) };
    assert_eq!((judged(&unknown, None).idle_days, judged(&unknown, None).findings), (None, vec![]));
}

#[test]
fn a_use_before_the_hand_over_was_our_own_proof() {
    let used = |at: &str| Listed { last_use: LastUse::At(time(at)), ..listed(URL, 5) };
    let unclaimed = told(&used("2026-12-01T09:00:08Z"), Some(&known(LIVE))).1;
    assert_eq!(unclaimed, [Finding::Unclaimed, Finding::Idle]);
    assert_eq!(told(&used("2026-12-20T09:00:00Z"), Some(&known(LIVE))).1, []);
    let unknown = Listed { last_use: LastUse::NotKnown, ..listed(URL, 5) };
    assert_eq!(told(&unknown, Some(&known(LIVE))).1, []);
}

#[test]
fn the_days_to_the_last_day_never_fall_below_none() {
    assert_eq!(days_left(time("2026-12-01T09:00:00Z")), 150);
    assert_eq!(days_left(time("2027-04-30T23:59:59Z")), 0);
    assert_eq!(days_left(time("2030-01-01T00:00:00Z")), 0);
}

#[test]
fn the_larger_limit_is_for_accounts_that_have_passed_the_smaller() {
    let with = |count: usize| {
        let mut summary = Summary::default();
        for _ in 0..count {
            let listed = listed("Ada Admin - x", 11);
            let judgement = judged(&listed, None);
            summary.count(&Line::of("global", listed, None, judgement));
        }
        summary.tokens_counted();
        (summary.tokens_of_limit().unwrap(), summary.findings.contains_key(&Finding::NearLimit))
    };
    assert_eq!(with(0), ((0, 256), false));
    assert_eq!(with(231), ((231, 256), true));
    assert_eq!(with(256), ((256, 256), true));
    assert_eq!(with(257), ((257, 2048), false));
    assert_eq!(Summary::default().tokens_of_limit(), None, "a list that was not read is not empty");
}

prop_compose! {
    fn anything()(
        name in prop_oneof![
            any::<String>(), Just(URL.to_owned()), Just("Ada Admin - x".to_owned()),
            "Target - [a-z]{0,5}", Just(format!("{URL}2")),
        ],
        creator in prop::option::of(9_i64..14),
        active in any::<bool>(),
        age in prop::option::of(0_i64..400),
        used in prop_oneof![Just(None), (0_i64..400).prop_map(Some)],
        said in any::<bool>(),
    ) -> Listed {
        let ago = |days: i64| time(NOW) - SignedDuration::from_hours(24 * days);
        let last_use = match (used, said) {
            (Some(days), _) => LastUse::At(ago(days)),
            (None, true) => LastUse::Never,
            (None, false) => LastUse::NotKnown,
        };
        let creator = creator.map(ZendeskUserId);
        Listed { creator, active, created_at: age.map(ago), last_use, ..listed(&name, 0) }
    }
}

proptest! {
    #[test]
    fn ours_is_what_the_ledger_has_and_nothing_else(listed in anything(), has in any::<bool>()) {
        let known = known(LIVE);
        let judgement = judged(&listed, has.then_some(&known));
        prop_assert_eq!(judgement.standing == Standing::Ours, has);
    }

    #[test]
    fn nobody_is_excused_whom_no_exception_names(listed in anything()) {
        let judgement = judged(&listed, None);
        let named = listed.creator.is_some_and(|creator| {
            exceptions().iter().any(|one| one.creators.contains(&creator) && names::matches(&one.pattern, &listed.name))
        });
        prop_assert_eq!(judgement.standing == Standing::Exception, named);
    }

    #[test]
    fn what_is_not_known_is_never_called_unused(listed in anything(), has in any::<bool>()) {
        let listed = Listed { last_use: LastUse::NotKnown, ..listed };
        let known = known(LIVE);
        let findings = judged(&listed, has.then_some(&known)).findings;
        for about_use in [Finding::NeverUsed, Finding::Unclaimed, Finding::Idle] {
            prop_assert!(!findings.contains(&about_use));
        }
    }

    #[test]
    fn every_name_that_the_template_makes_is_known_as_the_issues(
        requester in prop::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter),
        iid in 1_u32..100_000,
    ) {
        let url = format!("https://gitlab.example/team/access/-/issues/{iid}");
        let name = render(&standards().template, &url, &requester, jiff::civil::date(2027, 3, 1)).unwrap();
        // A requester whose name is itself an address of an issue leads to that one.
        prop_assume!(!requester.contains("https://gitlab.example"));
        prop_assert_eq!(standards().issue_of(&name), Some(url));
    }

    #[test]
    fn a_pattern_fits_what_it_was_filled_with(parts in prop::collection::vec("[a-c ]{0,4}", 1..4), fill in "[a-c]{0,3}") {
        let pattern = parts.join("*");
        prop_assert!(names::matches(&pattern, &parts.join(&fill)));
    }
}
