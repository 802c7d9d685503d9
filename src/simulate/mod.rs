//! The simulation: random histories of people, network, processes and calendar, and every promise checked.
//!
//! The whole service runs, over the sandbox called in process, on a clock that only the simulation moves, and all
//! chance comes from the seed: the same seed is the same run. What is true is asked of the vendors' own worlds and of
//! a judge who saw what people did (`judge`), never of our database alone. `history` has what can happen,
//! `storyline` makes histories, `play` plays one, `scene` lets one thing happen after another, `promises` checks, and
//! `shrink` finds the shortest history that still fails.
//!
//! The databases are files in the machine's memory where it has such a place, so that `synchronous=FULL` costs nothing.

mod books;
mod cast;
mod chance;
mod facts;
mod gate;
mod hands;
mod history;
mod holdings;
mod judge;
mod log;
mod network;
mod people;
mod play;
mod processes;
mod promises;
mod report;
mod scene;
mod shrink;
mod storyline;
#[cfg(test)]
mod tests;
mod trace;
mod trouble;
mod watch;
mod weather;
mod wish;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub use promises::Promise;
pub use report::{Broken, Counts};

use chance::mixed;
use history::History;
use log::Log;
use play::{Outcome, Stagehand, play};
use scene::Fault;

use crate::clock::{SystemRandomness, random_id};

/// Histories played at most to find the shortest that fails.
const SHRINKING: usize = 400;

/// What to play.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// The first history.
    pub first: u64,
    /// How many.
    pub histories: u64,
    /// Played at the same time, each by a thread of its own.
    pub threads: usize,
    /// Whether a failing history is made as short as it can be.
    pub shrink: bool,
    /// Whether what happens is kept, to be read.
    pub traced: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Of all histories up to the one that failed.
    pub counts: Counts,
    /// Of everything that happened: two runs of a seed have the same.
    pub digest: String,
    /// The first history that broke a promise.
    pub failure: Option<Failure>,
    /// What happened in the histories that kept theirs, line by line, where that was asked for.
    pub trace: Vec<String>,
}

/// A history that broke a promise.
#[derive(Debug)]
pub struct Failure {
    /// Its number.
    pub history: u64,
    /// What broke.
    pub broken: Broken,
    /// How many steps it had.
    pub steps: usize,
    /// The shortest that still breaks that promise: its steps in words.
    pub shortest: Vec<String>,
    /// What happened in it, line by line.
    pub trace: Vec<String>,
}

/// The simulation itself could not go on.
#[derive(Debug, thiserror::Error)]
#[error("the simulation could not go on in history {history}: {why}")]
pub struct Stuck {
    /// Which history.
    pub history: u64,
    /// Why.
    pub why: String,
}

/// Plays histories until one breaks a promise, or all are played.
pub fn run(options: &Options) -> Result<Report, Stuck> {
    let shared = Shared {
        options,
        next: AtomicU64::new(options.first),
        failed: AtomicU64::new(u64::MAX),
        outcomes: Mutex::default(),
        folder: folder(),
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| shared.work());
        }
    });
    let report = shared.report();
    let _ = std::fs::remove_dir_all(&shared.folder);
    report
}

/// In memory where there is such a place, else where temporary files go.
fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    parent.join(format!("countersign-simulate-{}", random_id(&SystemRandomness)))
}

/// What the threads share.
struct Shared<'a> {
    options: &'a Options,
    next: AtomicU64,
    failed: AtomicU64,
    outcomes: Mutex<BTreeMap<u64, Result<Outcome, String>>>,
    folder: PathBuf,
}

impl Shared<'_> {
    fn work(&self) {
        let log = Log::default();
        tracing::subscriber::with_default(log.subscriber(), || {
            loop {
                let number = self.next.fetch_add(1, Ordering::SeqCst);
                let end = self.options.first.saturating_add(self.options.histories);
                if number >= end || number > self.failed.load(Ordering::SeqCst) {
                    return;
                }
                let outcome = self.in_a_runtime(number, &log, |seed, hand| async move {
                    play(seed, &storyline::history(seed), &hand).await
                });
                let outcome = outcome.map_err(|fault| fault.0);
                if outcome.as_ref().map_or(true, |outcome| outcome.broken.is_some()) {
                    self.failed.fetch_min(number, Ordering::SeqCst);
                }
                self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(number, outcome);
            }
        });
    }

    /// A runtime for each history: one thread, and nothing left of the history before.
    fn in_a_runtime<T, F: Future<Output = T>>(
        &self,
        number: u64,
        log: &Log,
        work: impl FnOnce(u64, Stagehand) -> F,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.expect("an operating system that gives no threads cannot run this program at all");
        let folder = self.folder.join(number.to_string());
        let hand = Stagehand { folder, log: log.clone(), kept: self.options.traced };
        runtime.block_on(work(mixed(self.options.seed, number), hand))
    }

    fn report(&self) -> Result<Report, Stuck> {
        let outcomes = std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut counts, mut digest, mut trace) = (Counts::default(), 0, Vec::new());
        for (history, outcome) in outcomes {
            let outcome = outcome.map_err(|why| Stuck { history, why })?;
            counts.add(&outcome.counts);
            digest = mixed(digest, outcome.digest);
            if let Some(broken) = outcome.broken {
                let failure = Some(self.explain(history, broken)?);
                return Ok(Report { counts, digest: format!("{digest:016x}"), failure, trace });
            }
            trace.extend(outcome.lines);
        }
        Ok(Report { counts, digest: format!("{digest:016x}"), failure: None, trace })
    }

    /// The shortest history that breaks the same promise, and its trace.
    fn explain(&self, number: u64, broken: Broken) -> Result<Failure, Stuck> {
        let whole = storyline::history(mixed(self.options.seed, number));
        let (steps, promise) = (whole.len(), broken.promise);
        let still_fails = |history: &History| {
            let played = self.again(number, history, false);
            played.is_ok_and(|outcome| outcome.broken.is_some_and(|other| other.promise == promise))
        };
        let budget = if self.options.shrink { SHRINKING } else { 0 };
        let shortest = shrink::shortest(whole, budget, still_fails);
        let played = self.again(number, &shortest, true);
        let outcome = played.map_err(|fault| Stuck { history: number, why: fault.0 })?;
        let broken = outcome.broken.unwrap_or(broken);
        let shortest = shortest.iter().map(ToString::to_string).collect();
        Ok(Failure { history: number, broken, steps, shortest, trace: outcome.lines })
    }

    /// Plays it as it was played first: in a thread and a runtime of its own, so that nothing of another is left.
    fn again(&self, number: u64, history: &History, kept: bool) -> Result<Outcome, Fault> {
        let playing = || {
            let log = Log::default();
            tracing::subscriber::with_default(log.subscriber(), || {
                self.in_a_runtime(number, &log, |seed, hand| async move {
                    play(seed, history, &Stagehand { kept, ..hand }).await
                })
            })
        };
        std::thread::scope(|scope| scope.spawn(playing).join())
            .unwrap_or_else(|_| Err(Fault("the thread that played it died".to_owned())))
    }
}

/// A thread for each processor, as far as the machine tells.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}
