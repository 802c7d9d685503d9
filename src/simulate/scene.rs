//! The scene of one history: vendors, processes, people, what is on its way, and the clock that all of them share.
//!
//! A turn lets one thing happen: a call arrives, an answer comes, a webhook is delivered, a worker begins. Which one
//! is chosen by the step's own chance. Only the calendar moves the clock by more than a moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};

use super::books::Books;
use super::chance::Chance;
use super::facts::{Facts, Opened};
use super::gate::{Gate, Place};
use super::history::{Fate, Name};
use super::log::Log;
use super::processes::{Process, SWEEP_EVERY, SWEEPER, WORKERS};
use super::promises::Promise;
use super::report::{Broken, Counts, tally};
use super::trace::Trace;
use super::trouble::Planned;
use super::watch::Reading;
use crate::clock::{AdjustableClock, Clock as _};
use crate::config::Config;
use crate::sandbox::in_process::InProcess;

/// Turns in which a scene must have come to rest.
const TURNS: usize = 6000;
/// So many stops are made to the minute while time passes …
const PATIENT: usize = 16;
/// … and after them one this often at most.
const STRIDE: SignedDuration = SignedDuration::from_hours(12);

/// The simulation itself could not go on: no verdict about the program.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl Fault {
    pub(super) fn of(error: impl fmt::Debug) -> Self {
        Self(format!("{error:?}"))
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

/// A webhook on its way.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) request: Request<Bytes>,
    pub(super) due: Timestamp,
}

/// Everything of one history.
pub(super) struct Scene {
    pub(super) seed: u64,
    pub(super) clock: Arc<AdjustableClock>,
    pub(super) began: Timestamp,
    pub(super) sandbox: InProcess,
    pub(super) gate: Gate,
    pub(super) processes: Vec<Process>,
    pub(super) config: Config,
    pub(super) books: Books,
    pub(super) letters: Vec<Letter>,
    pub(super) fates: Vec<Fate>,
    pub(super) planned: Vec<Planned>,
    /// When one of them last befell a call.
    pub(super) struck_at: Timestamp,
    /// When somebody last did something.
    pub(super) acted_at: Timestamp,
    /// Until then token access is switched off.
    pub(super) tokens_back_at: Option<Timestamp>,
    pub(super) facts: Facts,
    pub(super) issues: BTreeMap<Name, Opened>,
    /// What each lane last read.
    pub(super) readings: BTreeMap<Place, Reading>,
    pub(super) counts: Counts,
    /// How often something happened that may give a worker something to do.
    pub(super) stirred: u64,
    pub(super) trace: Trace,
    pub(super) log: Log,
    pub(super) broken: Option<Broken>,
}

/// What may happen next.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Call(u64, Place),
    Begin(Place),
    Letter(usize),
}

impl Scene {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes a line of the trace.
    pub(super) fn tell(&mut self, what: fmt::Arguments<'_>) {
        let now = self.clock.now();
        self.trace.line(now, what);
    }

    /// A promise is not kept. The first one counts.
    pub(super) fn breaks(&mut self, promise: Promise, what: String) {
        self.tell(format_args!("BROKEN {promise}: {what}"));
        self.broken.get_or_insert(Broken { promise, what });
    }

    /// A promise was checked.
    pub(super) fn checked(&mut self, promise: Promise) {
        tally(&mut self.counts.promises, promise.key());
    }

    /// Lets one thing happen. False: there is nothing.
    pub(super) async fn turn(&mut self, chance: &mut Chance) -> Result<bool, Fault> {
        let turns = self.turns().await?;
        if turns.is_empty() || self.broken.is_some() {
            return Ok(false);
        }
        self.clock.advance(SignedDuration::from_millis(chance.between(1, 40)));
        self.land().await?;
        match chance.pick(&turns) {
            Turn::Call(number, place) => self.go_on(number, place, chance).await?,
            Turn::Letter(place) => self.deliver(place, chance).await?,
            Turn::Begin(place) => {
                self.begin(place);
                self.advance(place).await;
            }
        }
        Ok(true)
    }

    async fn turns(&mut self) -> Result<Vec<Turn>, Fault> {
        let now = self.now();
        let mut turns: Vec<Turn> = self
            .gate
            .ready(now)
            .into_iter()
            .map(|(number, place)| Turn::Call(number, place))
            .filter(|turn| self.moves(*turn))
            .collect();
        turns.extend(
            (0..self.letters.len()).filter(|place| self.letters[*place].due <= now).map(Turn::Letter),
        );
        // Asked only where somebody could begin: it is a question to the database for every turn.
        let due = self.somebody_is_free() && self.books.is_due(now).await?;
        for process in 0..self.processes.len() {
            let begins = (0..=SWEEPER).map(|lane| Place { process, lane });
            turns.extend(begins.filter(|place| self.may_begin(*place, due)).map(Turn::Begin));
        }
        Ok(turns)
    }

    /// Whether a worker would begin if anything were due.
    fn somebody_is_free(&self) -> bool {
        let places = (0..self.processes.len())
            .flat_map(|process| (0..WORKERS).map(move |lane| Place { process, lane }));
        places.into_iter().any(|place| self.may_begin(place, true))
    }

    fn moves(&self, turn: Turn) -> bool {
        match turn {
            Turn::Call(_, place) => self.processes[place.process].frozen_until.is_none(),
            Turn::Begin(_) | Turn::Letter(_) => true,
        }
    }

    fn may_begin(&self, place: Place, due: bool) -> bool {
        let process = &self.processes[place.process];
        let Some(running) = process.running.as_ref().filter(|_| process.frozen_until.is_none()) else {
            return false;
        };
        let lane = &running.lanes[place.lane];
        if lane.work.is_some() {
            return false;
        }
        if place.lane < WORKERS {
            return due && lane.idle_at != Some(self.stirred);
        }
        match running.swept {
            None => true,
            Some(swept) => self.may_find_more(swept) && self.now().duration_since(swept.0) >= SWEEP_EVERY,
        }
    }

    /// Goes on until nobody has anything to do at this time.
    pub(super) async fn settle(&mut self, chance: &mut Chance) -> Result<(), Fault> {
        for _ in 0..TURNS {
            if !self.turn(chance).await? {
                if self.broken.is_none() {
                    self.at_rest().await?;
                }
                return Ok(());
            }
        }
        self.breaks(Promise::Hint, "the service does not come to rest".to_owned());
        Ok(())
    }

    /// Lets time pass, and everything happen at its time.
    pub(super) async fn pass(&mut self, time: SignedDuration, chance: &mut Chance) -> Result<(), Fault> {
        let target = self.now().saturating_add(time).unwrap_or(Timestamp::MAX);
        // What was due already is no event that is still to come.
        self.move_clock(SignedDuration::ZERO).await?;
        self.settle(chance).await?;
        for stops in 0.. {
            if self.broken.is_some() {
                break;
            }
            let next = self.next_event().await?.filter(|next| *next < target);
            let stride = next.unwrap_or(target).max(self.soonest(stops)).min(target);
            // What lands late lands at its time: the looks for it do not go on for ever.
            let stop = self.sandbox.next_landing().map_or(stride, |landing| landing.min(stride));
            let ahead = stop.duration_since(self.now());
            self.move_clock(ahead.max(SignedDuration::ZERO)).await?;
            self.settle(chance).await?;
            if self.now() >= target {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What is tried every five minutes for a month is tried often enough: after a while, the clock goes in strides.
    fn soonest(&self, stops: usize) -> Timestamp {
        let now = self.now();
        if stops < PATIENT { now } else { now.saturating_add(STRIDE).unwrap_or(now) }
    }

    /// When something happens that nobody does.
    async fn next_event(&mut self) -> Result<Option<Timestamp>, Fault> {
        let now = self.now();
        let due = self.books.next_due(now).await?;
        let letters = self.letters.iter().map(|letter| letter.due);
        let processes = self.processes.iter().flat_map(|process| {
            let leaves_at = process.running.as_ref().and_then(|running| running.leaves_at);
            [process.returns_at, process.frozen_until, leaves_at, self.next_sweep(process)]
        });
        let answers = self.gate.each(|waiting| waiting.ready_at);
        let others = [due, self.sandbox.next_landing(), self.tokens_back_at];
        let all = letters.map(Some).chain(processes).chain(answers).chain(others);
        Ok(all.flatten().filter(|at| *at > now).min())
    }

    fn next_sweep(&self, process: &Process) -> Option<Timestamp> {
        let swept = process.running.as_ref()?.swept?;
        if self.may_find_more(swept) { swept.0.checked_add(SWEEP_EVERY).ok() } else { None }
    }

    /// Whether a sweep may find what the last one did not: somebody acted since, or GitLab's list did not yet show what
    /// they had done. Others would change nothing, and there are a hundred thousand in a year.
    fn may_find_more(&self, (at, acts): (Timestamp, u64)) -> bool {
        let lag = SignedDuration::from_secs(self.sandbox.world.gitlab.list_lag_seconds);
        self.counts.acts > acts || at <= self.acted_at.saturating_add(lag).unwrap_or(self.acted_at)
    }

    /// Somebody did something.
    pub(super) fn acted(&mut self) {
        self.counts.acts += 1;
        self.acted_at = self.now();
    }

    /// Moves the clock; what was waiting for that time happens.
    pub(super) async fn move_clock(&mut self, by: SignedDuration) -> Result<(), Fault> {
        self.clock.advance(by);
        self.stirred += 1;
        self.land().await?;
        let now = self.now();
        if self.tokens_back_at.is_some_and(|at| at <= now) {
            self.tokens_back_at = None;
            self.switch_tokens(true);
        }
        for number in 0..self.processes.len() {
            let process = &mut self.processes[number];
            if process.frozen_until.is_some_and(|at| at <= now) {
                process.frozen_until = None;
            }
            let leaves = process.running.as_ref().and_then(|running| running.leaves_at);
            if leaves.is_some_and(|at| at <= now) {
                self.kill(number).await;
                self.processes[number].returns_at = None;
            }
            if self.processes[number].returns_at.is_some_and(|at| at <= now) {
                self.start(number).await?;
            }
        }
        Ok(())
    }

    /// Effects that were held up until now. Before anything else happens, or they would be taken for a part of it.
    async fn land(&mut self) -> Result<(), Fault> {
        let now = self.now();
        if self.sandbox.next_landing().is_some_and(|at| at <= now) {
            let before = self.standing();
            self.sandbox.land();
            self.after_landing(&before).await?;
        }
        Ok(())
    }

    /// Token access at Zendesk, for whole accounts: one of them is where we log in with an API token ourselves.
    pub(super) fn switch_tokens(&mut self, on: bool) {
        for account in self.sandbox.world.zendesk.values_mut() {
            account.api_token_access = on;
        }
    }
}
