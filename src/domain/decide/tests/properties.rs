//! What holds of every look at every history, however odd.

use std::cell::Cell;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::oracle::Oracle;
use crate::domain::form::Field;
use crate::domain::ids::{EventId, UserId};
use crate::domain::notice::About;
use crate::domain::observed::Edit;
use crate::domain::phase::{BlockReason, Closing, EndReason, Phase, WithdrawReason};
use crate::domain::plan::{Action, Plan};
use crate::domain::policy::{Ending, Pin, Policy};
use crate::domain::record::{Attempt, AttemptState, Record, TakeAwayReason};
use crate::domain::snapshot::{Doubt, IssueView, OrderKind, People, Presence, Standing, Vendor};
use crate::domain::testing::{
    AUTHOR, ENDS, Look, MANAGER, OURSELVES, PROVISIONER, STRANGER, attempt, form, intended, mints, pins,
    policy_of_every_kind, time,
};

/// The forms of the histories: the first five are sound.
const SOUND: usize = 5;

fn text(variant: usize) -> String {
    match variant {
        0 => form(&[]),
        1 => form(&[(Field::Purpose, "something else")]),
        2 => form(&[(Field::RemoveOn, "2027-04-01")]),
        3 => form(&[(Field::Kind, "- [x] OAuth client"), (Field::Scopes, "tickets:read")]),
        4 => form(&[(Field::Kind, "- [x] Integration"), (Field::Scopes, "users:read tickets:read")]),
        5 => form(&[(Field::RemoveOn, "soon")]),
        6 => form(&[(Field::Kind, "- [x] OAuth client"), (Field::Scopes, "impersonate")]),
        7 => form(&[(Field::Purpose, "")]),
        _ => "nothing".to_owned(),
    }
}

/// What can happen between two looks.
#[derive(Debug, Clone)]
enum Happens {
    Time(i64),
    Edited(usize),
    Labelled(bool, UserId),
    Unlabelled(bool),
    /// Both right people, one after the other, read in between.
    Approved,
    /// A label is there or not there, and no event says why.
    Shown(bool, bool),
    /// The label that revokes is put on.
    Revoked(UserId),
    /// It is handed over, and then somebody is seen to have left for so many days.
    Left(u8, i64),
    /// The people behind an active credential are asked about.
    People(u8, u8),
    Doubt(u8, bool),
    Account(UserId, u8),
    Configured(u8),
    Closed(UserId),
    Reopened,
    Gone(u8),
    Halted(bool),
    Paused(bool),
    Ordered(OrderKind),
    /// The last attempt comes to this.
    Attempt(usize),
    /// A phase and a ledger that no history explains.
    Odd(usize, Vec<usize>),
    /// A look; whether its plan is carried out.
    Look(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    let person = || {
        prop::sample::select(vec![MANAGER, MANAGER, PROVISIONER, PROVISIONER, AUTHOR, STRANGER, OURSELVES])
    };
    let order = prop::sample::select(vec![OrderKind::Retry, OrderKind::Retry, OrderKind::Revoke]);
    prop_oneof![
        8 => prop::sample::select(vec![1, 1, 3, 60, 3600, 86_400, 8 * 86_400]).prop_map(Happens::Time),
        3 => prop_oneof![3 => 0..SOUND, 1 => SOUND..9].prop_map(Happens::Edited),
        6 => (any::<bool>(), person()).prop_map(|(first, by)| Happens::Labelled(first, by)),
        1 => any::<bool>().prop_map(Happens::Unlabelled),
        6 => Just(Happens::Approved),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(first, there)| Happens::Shown(first, there)),
        1 => person().prop_map(Happens::Revoked),
        2 => (0..4_u8, 1..5_i64).prop_map(|(who, days)| Happens::Left(who, days)),
        3 => (0..5_u8, 0..5_u8).prop_map(|(requester, manager)| Happens::People(requester, manager)),
        2 => (0..7_u8, prop::bool::weighted(0.4)).prop_map(|(which, there)| Happens::Doubt(which, there)),
        2 => (person(), 0..8_u8).prop_map(|(who, what)| Happens::Account(who, what)),
        1 => (0..4_u8).prop_map(Happens::Configured),
        1 => person().prop_map(Happens::Closed),
        2 => Just(Happens::Reopened),
        1 => (0..4_u8).prop_map(Happens::Gone),
        1 => prop::bool::weighted(0.3).prop_map(Happens::Halted),
        1 => prop::bool::weighted(0.3).prop_map(Happens::Paused),
        2 => order.prop_map(Happens::Ordered),
        4 => (0..10_usize).prop_map(Happens::Attempt),
        1 => (0..11_usize, prop::collection::vec(0..10_usize, 0..4)).prop_map(|(phase, ledger)| Happens::Odd(phase, ledger)),
        12 => prop::bool::weighted(0.8).prop_map(Happens::Look),
    ]
}

/// The shipped policy of what happens while a credential lives.
fn lively() -> Policy {
    let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
    let ending = Ending {
        remind_days_before: vec![14, 3, 1],
        leavers_every: days(1),
        requester_left: days(3),
        manager_left: days(30),
        ..Ending::quiet()
    };
    Policy { ending, ..policy_of_every_kind() }
}

fn presence(which: u8) -> Presence {
    let (directory, account) = match which {
        0 => (Standing::Here, Standing::Here),
        1 => (Standing::Inactive, Standing::Here),
        2 => (Standing::Here, Standing::Inactive),
        3 => (Standing::Absent, Standing::Absent),
        _ => (Standing::Unknown, Standing::Unknown),
    };
    Presence { directory, account }
}

fn state(index: usize) -> AttemptState {
    let taking = |why| AttemptState::TakingAway { why };
    match index {
        0 => AttemptState::Intended,
        1 => AttemptState::NotMade,
        2 => AttemptState::NotFound,
        3 => AttemptState::Minted,
        4 => AttemptState::Sending,
        5 => AttemptState::Delivered,
        6 => taking(TakeAwayReason::SecretLost),
        7 => taking(TakeAwayReason::Ending),
        _ => AttemptState::Gone,
    }
}

fn phase(index: usize, look: &Look) -> Phase {
    let since = look.now;
    match index {
        0 => Phase::AwaitingManager { since },
        1 => Phase::AwaitingProvisioner { since },
        2 => Phase::Issuing { since },
        3 => Phase::Delivering { since },
        4 => Phase::Active { since, ends_at: time(ENDS) },
        5 => Phase::Ending { since, why: EndReason::Due },
        6 => Phase::Ended { since, why: EndReason::Due, found_gone: false, closing: Closing::Seen },
        7 => Phase::Blocked { since, why: BlockReason::CreationRefused },
        8 => Phase::Withdrawn { since, why: WithdrawReason::TooLong, closing: Closing::Wanted },
        9 => Phase::Withdrawn { since, why: WithdrawReason::TooLong, closing: Closing::Seen },
        _ => Phase::Incomplete { since, closing: Closing::Seen },
    }
}

/// A history: the look as it is now, what the oracle saw, and what came of it all.
struct History<'c> {
    look: Look,
    variant: usize,
    oracle: Oracle,
    hidden: Option<IssueView>,
    counts: &'c Counts,
}

#[derive(Debug, Default)]
struct Counts {
    minted: Cell<u32>,
    not_minted: Cell<u32>,
    labelled_in_vain: Cell<u32>,
    generations: Cell<u32>,
    active: Cell<u32>,
    under_brake: Cell<u32>,
}

fn more(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

impl<'c> History<'c> {
    fn new(counts: &'c Counts) -> Self {
        let look = Look::at("2026-12-01T09:00Z").with(|look| look.policy = lively());
        Self { look, variant: 0, oracle: Oracle::default(), hidden: None, counts }
    }

    fn pin(first: bool) -> Pin {
        if first { pins().manager } else { pins().provisioner }
    }

    fn change(&mut self, change: impl FnOnce(Look) -> Look) {
        self.look = change(self.look.clone());
    }

    fn pass(&mut self, seconds: i64) {
        self.look.now += SignedDuration::from_secs(seconds);
    }

    fn label(&mut self, first: bool, by: UserId) {
        let at = self.look.now.to_string();
        if self.hidden.is_none() {
            self.change(|look| look.label(&Self::pin(first), by, &at));
        }
    }

    fn happen(&mut self, what: &Happens) -> Result<(), TestCaseError> {
        let at = self.look.now.to_string();
        let visible = self.hidden.is_none();
        match what {
            Happens::Time(seconds) => self.pass(*seconds),
            Happens::Edited(variant) if visible => {
                self.variant = *variant;
                self.look.snapshot.last_edit = Some(Edit { at: self.look.now, by: Some(AUTHOR) });
                self.change(|look| look.described(&text(*variant)));
            }
            Happens::Labelled(first, by) => self.label(*first, *by),
            Happens::Unlabelled(first) if visible => {
                self.change(|look| look.unlabel(&Self::pin(*first), MANAGER, &at));
            }
            Happens::Approved => {
                for (first, by) in [(true, MANAGER), (false, PROVISIONER)] {
                    self.pass(5);
                    self.label(first, by);
                    self.looked(true)?;
                }
            }
            Happens::Shown(first, there) if visible => {
                let pin = Self::pin(*first);
                self.look.issue().labels.retain(|name| *name != pin.name);
                if *there {
                    self.look.issue().labels.push(pin.name);
                }
            }
            Happens::Revoked(by) if visible => self.change(|look| look.revoked(*by, &at)),
            Happens::Left(who, days) => self.left(*who, *days)?,
            Happens::People(requester, manager) => {
                let (requester, manager) = (presence(*requester), presence(*manager));
                self.look.snapshot.people = Some(People { requester, manager });
            }
            Happens::Doubt(which, there) => self.doubt(*which, *there),
            Happens::Account(who, what) => self.account(*who, *what),
            Happens::Configured(what) => self.configure(*what),
            Happens::Closed(by) if visible => self.change(|look| look.closed(*by)),
            Happens::Reopened if visible => self.change(Look::reopened),
            Happens::Gone(what) => self.hide(*what),
            Happens::Halted(halted) => self.look.snapshot.halted = halted.then(|| "a twin".to_owned()),
            Happens::Paused(true) => self.change(Look::paused),
            Happens::Paused(false) => self.look.snapshot.paused = None,
            Happens::Ordered(kind) => self.change(|look| look.ordered(*kind)),
            Happens::Attempt(to) => self.attempt(*to),
            Happens::Odd(to, ledger) => self.odd(*to, ledger),
            Happens::Look(carried_out) => self.looked(*carried_out)?,
            _ => {}
        }
        Ok(())
    }

    fn left(&mut self, who: u8, days: i64) -> Result<(), TestCaseError> {
        self.happen(&Happens::Approved)?;
        self.attempt(5);
        self.happen(&Happens::People(who, 0))?;
        for _ in 0..=days {
            self.looked(true)?;
            self.pass(86_400);
        }
        self.looked(true)
    }

    fn doubt(&mut self, which: u8, there: bool) {
        let sound = Look::at("2026-12-01T09:00Z").snapshot;
        let snapshot = &mut self.look.snapshot;
        let (parties, doubt) = (&mut snapshot.parties, Doubt::Unreachable { vendor: Vendor::GitLab });
        match (which, there) {
            (0, true) => parties.beneficiary = Err(doubt),
            (1, true) => parties.manager = Err(doubt),
            (2, true) => parties.slack = Err(doubt),
            (3, true) => parties.owner = Err(doubt),
            (4, true) => snapshot.listing = Some(Err(doubt)),
            (5, true) => snapshot.project.pins = None,
            (6, true) => drop(snapshot.accounts.insert(MANAGER, Err(doubt))),
            _ => {
                (snapshot.parties, snapshot.listing) = (sound.parties, sound.listing);
                snapshot.project = sound.project;
                snapshot.accounts.entry(MANAGER).and_modify(|account| {
                    if account.is_err() {
                        *account = Ok(crate::domain::testing::account(MANAGER));
                    }
                });
            }
        }
    }

    fn account(&mut self, who: UserId, what: u8) {
        let now = self.look.now;
        self.change(|look| {
            look.account(who, |account| {
                let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
                match (what, account.membership.as_mut()) {
                    (0, _) => account.bot = true,
                    (1, _) => account.active = false,
                    (2, _) => account.membership = None,
                    (3, Some(membership)) => membership.access_level = 10,
                    (4, Some(membership)) => membership.expires_on = Some(today),
                    _ => {}
                }
            })
        });
    }

    fn configure(&mut self, what: u8) {
        let instance = &mut self.look.policy.instances[0];
        match what {
            0 => "https://other.example".clone_into(&mut instance.url),
            1 => instance.provisioners.clear(),
            2 => instance.provisioners.push(STRANGER),
            _ => self.look.policy = lively(),
        }
    }

    /// The issue goes away, or is not to be read, or comes back.
    fn hide(&mut self, what: u8) {
        match (what, self.hidden.take()) {
            (0 | 1, None) => {
                let view = if what == 0 { IssueView::Unknown } else { IssueView::Gone };
                self.hidden = Some(std::mem::replace(&mut self.look.snapshot.issue, view));
            }
            (_, Some(issue)) => self.look.snapshot.issue = issue,
            (_, None) => {}
        }
    }

    fn attempt(&mut self, to: usize) {
        let now = self.look.now;
        let Some(last) = self.look.snapshot.attempts.last_mut() else { return };
        let (number, generation) = (last.number, last.generation);
        *last = Attempt { generation, intent_at: now, deadline: now, ..attempt(number, state(to)) };
        let active = last.state == AttemptState::Delivered;
        self.look.snapshot.in_hand = (last.state == AttemptState::Minted).then_some(number);
        if let (true, Some(record)) = (active, self.look.snapshot.record.as_mut())
            && let Some(terms) = &record.issued
        {
            record.phase = Phase::Active { since: now, ends_at: terms.ends_at };
        }
    }

    fn odd(&mut self, to: usize, ledger: &[usize]) {
        let phase = phase(to, &self.look);
        let Some(record) = self.look.snapshot.record.as_mut() else { return };
        record.phase = phase;
        let generation = record.generation;
        let numbered = (1_u32..).zip(ledger);
        let row = |(number, index): (u32, &usize)| Attempt { generation, ..attempt(number, state(*index)) };
        self.look.snapshot.attempts = numbered.map(row).collect();
    }

    /// One look: the oracle sees it, the plan is held against what must hold, and the next look is made.
    fn looked(&mut self, carried_out: bool) -> Result<(), TestCaseError> {
        let plan = self.look.decide();
        let agreed = self.oracle.look(&self.look, self.variant < SOUND);
        let record = plan.record.clone();
        let new = record.as_ref().is_some_and(|record| self.oracle.generation(&self.look, record.generation));
        self.holds(&plan, agreed && !new)?;
        self.again(&plan)?;
        if new {
            more(&self.counts.generations);
        }
        let now = self.look.now.to_string();
        self.change(|look| match (carried_out, look.snapshot.issue.clone()) {
            (true, IssueView::Seen(_)) => look.carried_out(&now),
            _ => look.after(&now),
        });
        if !mints(&plan).is_empty()
            && !matches!(self.look.snapshot.attempts.last(), Some(last) if last.state == AttemptState::Intended)
        {
            let row = intended(mints(&plan)[0], self.look.now);
            self.look.snapshot.attempts.push(row);
        }
        Ok(())
    }

    fn holds(&self, plan: &Plan, agreed: bool) -> Result<(), TestCaseError> {
        let snapshot = &self.look.snapshot;
        let minting = mints(plan);
        prop_assert!(minting.len() <= 1);
        if let [mint] = minting.as_slice() {
            more(&self.counts.minted);
            prop_assert!(agreed, "minted what the rules do not allow");
            prop_assert!(snapshot.halted.is_none() && snapshot.paused.is_none(), "minted while stopped");
            prop_assert!(!snapshot.attempts.iter().any(Attempt::is_unsettled), "minted beside another");
            prop_assert!(snapshot.attempts.iter().all(|one| one.number < mint.number));
            prop_assert!(matches!(snapshot.listing, Some(Ok(_))));
            prop_assert!(mint.terms.ends_at > self.look.now);
        } else {
            more(&self.counts.not_minted);
            let labelled = matches!(&snapshot.issue, IssueView::Seen(issue) if issue.labels.len() == 2);
            if labelled {
                more(&self.counts.labelled_in_vain);
            }
        }
        let sends = plan.actions.iter().any(|action| matches!(action, Action::Send { .. }));
        prop_assert!(!sends || snapshot.may_issue(), "sent while stopped");
        self.ends_in_time(plan)
    }

    fn ends_in_time(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let before = self.look.snapshot.record.as_ref().map(|record| record.phase.clone());
        let Some(Phase::Active { ends_at, .. }) = before else { return Ok(()) };
        more(&self.counts.active);
        let ordered = self.look.snapshot.orders.iter().any(|order| order.kind == OrderKind::Revoke);
        let revoked = ordered || self.revoked_by_label();
        self.ends_for_leavers_alone(plan)?;
        let after = plan.record.as_ref().map(|record| record.phase.clone());
        if revoked || ends_at <= self.look.now {
            prop_assert!(matches!(after, Some(Phase::Ending { .. } | Phase::Ended { .. })), "{after:?}");
        } else {
            prop_assert_eq!(after, before);
            let reminders = |record: &Record| {
                record.notices.iter().filter(|one| matches!(one.about, About::End { .. })).count()
            };
            let counted = |record: Option<&Record>| record.map_or(0, reminders);
            let new = counted(plan.record.as_ref()) - counted(self.look.snapshot.record.as_ref());
            prop_assert!(new <= 1, "reminded twice at once");
            let live = |number: &u32| {
                self.look.snapshot.attempts.iter().any(|one| one.number == *number && one.is_live())
            };
            let taken = plan
                .actions
                .iter()
                .any(|action| matches!(action, Action::TakeAway { attempt } if live(attempt)));
            prop_assert!(!taken, "an active credential was taken away");
        }
        Ok(())
    }

    /// Whoever may put the label on that revokes has done so, and that is known.
    fn revoked_by_label(&self) -> bool {
        let snapshot = &self.look.snapshot;
        let (IssueView::Seen(issue), Some(record), Some(pins)) =
            (&snapshot.issue, &snapshot.record, &snapshot.project.pins)
        else {
            return false;
        };
        let pin = pins.revoke.as_ref().expect("the tests pin one");
        let last =
            snapshot.events.iter().filter(|event| event.label == Some(pin.id)).max_by_key(|event| event.id);
        let spent = record.watermark.max(record.revocation.watermark);
        let Some(event) = last.filter(|event| event.added && event.id > spent) else { return false };
        let Some(actor) = event.actor.filter(|_| issue.labels.contains(&pin.name)) else { return false };
        let fit = snapshot
            .accounts
            .get(&actor)
            .is_some_and(|account| account.as_ref().is_ok_and(|account| account.active && !account.bot));
        let asked = crate::domain::form::read(&issue.description, &self.look.policy.titles);
        let asked = crate::domain::form::check(&asked, &self.look.policy, self.look.now);
        let issued = record.issued.as_ref().map(|terms| terms.instance.clone());
        // Where nothing was issued yet, the instance is the form's.
        let issued = issued.or(asked.ok().map(|form| form.instance));
        let provisioners = self.look.policy.instances.iter().find(|one| Some(&one.key) == issued.as_ref());
        let approved = record.manager.bound.as_ref().is_some_and(|bound| bound.actor == actor);
        let is_manager = snapshot.parties.manager.as_ref().is_ok_and(|one| one.id == actor);
        let provisions = provisioners.is_some_and(|one| one.provisioners.contains(&actor));
        fit && (actor == AUTHOR || approved || is_manager || provisions)
    }

    /// Leaving alone never ends anything at once: the brake is asked, and only after the wait and on a sight, not a doubt.
    fn ends_for_leavers_alone(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let asks = plan.actions.iter().any(|action| matches!(action, Action::EndUnderBrake { .. }));
        if !asks {
            return Ok(());
        }
        more(&self.counts.under_brake);
        let people =
            self.look.snapshot.people.expect("nobody was asked about, and somebody was taken for gone");
        let record = self.look.snapshot.record.as_ref().expect("an active request is remembered");
        let wait = SignedDuration::from_hours(3 * 24);
        let waited = record.leavers.iter().any(|leaver| self.look.now.duration_since(leaver.since) >= wait);
        let seen = [people.requester, people.manager]
            .iter()
            .any(|one| one.directory == Standing::Inactive || one.account == Standing::Inactive);
        let absent = [people.requester, people.manager].iter().any(|one| one.directory == Standing::Absent);
        let known = [people.requester, people.manager].iter().any(|one| one.directory == Standing::Here);
        prop_assert!(waited && (seen || (absent && known)), "{people:?}");
        Ok(())
    }

    /// Deciding again on what a plan led to yields nothing more to write down and nothing more to mint.
    fn again(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let now = self.look.now.to_string();
        let mut next = self.look.clone().after(&now);
        next.snapshot.attempts.extend(mints(plan).into_iter().map(|mint| intended(mint, self.look.now)));
        let again = next.decide();
        prop_assert!(again.events.is_empty(), "{:?} after {:?}", again.events, plan.events);
        prop_assert!(mints(&again).is_empty() && again.attempts.is_empty());
        Ok(())
    }
}

#[test]
fn no_history_leads_to_what_the_rules_do_not_allow() {
    let counts = Counts::default();
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(happens(), 1..40), |all| {
        let mut history = History::new(&counts);
        for what in &all {
            history.happen(what)?;
        }
        history.looked(false)
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
    let enough = |count: &Cell<u32>, least: u32| {
        assert!(count.get() >= least, "too few to prove anything: {counts:?}");
    };
    enough(&counts.minted, 80);
    enough(&counts.not_minted, 1000);
    enough(&counts.labelled_in_vain, 300);
    enough(&counts.generations, 8);
    enough(&counts.active, 40);
    enough(&counts.under_brake, 3);
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_action_is_taken_on_an_issue_that_is_no_request(
        which in 0..4_u8, labels in any::<bool>(), open in any::<bool>(), variant in 0..6_usize, order in any::<bool>(),
    ) {
        let mut look = if labels { Look::approved("2026-12-01T09:00Z") } else { Look::at("2026-12-01T09:00Z") };
        look = look.described(&text(variant));
        look.issue().open = open;
        if order {
            look = look.ordered(OrderKind::Revoke);
        }
        match which {
            0 => look.snapshot.project.set_up_at = None,
            1 => look.snapshot.project.set_up_at = Some(time("2026-12-01T08:00:01Z")),
            2 => look.issue().is_issue = false,
            _ => look = look.described("a bug report"),
        }
        let plan = look.decide();
        prop_assert!(plan.record.is_none() && plan.actions.is_empty() && plan.events.is_empty());
        prop_assert!(plan.attempts.is_empty() && plan.orders_done.is_empty() && plan.next_look.is_none());
    }

    #[test]
    fn the_order_in_which_events_come_does_not_matter(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let look = Look::at("2026-12-01T09:00Z")
            .labelled(AUTHOR, "2026-12-01T08:01Z")
            .unlabel(&pins().manager, OURSELVES, "2026-12-01T08:02Z")
            .labelled(MANAGER, "2026-12-01T08:03Z")
            .labelled_by_provisioner(STRANGER, "2026-12-01T08:04Z")
            .unlabel(&pins().provisioner, OURSELVES, "2026-12-01T08:05Z")
            .labelled_by_provisioner(PROVISIONER, "2026-12-01T08:06Z");
        let shuffled = look.clone().with(|look| {
            look.snapshot.events = order.iter().map(|place| look.snapshot.events[*place].clone()).collect();
        });
        prop_assert_eq!(mints(&look.decide()).len(), 1);
        prop_assert_eq!(shuffled.decide(), look.decide());
        prop_assert!(shuffled.snapshot.events.iter().any(|event| event.id == EventId(106)));
    }
}
