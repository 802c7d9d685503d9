//! Plays one history: builds the scene, takes the steps, heals everything, lets it come to a quiet end, and checks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::books::Books;
use super::chance::{Chance, Seeded, mixed};
use super::facts::Facts;
use super::gate::{Gate, Place};
use super::history::{Act, History, Label, Pace, Step};
use super::log::Log;
use super::processes::Process;
use super::report::{Broken, Counts};
use super::scene::{Fault, Scene};
use super::trace::Trace;
use super::trouble::Planned;
use crate::cli::setup::{Wish, set_up};
use crate::clock::{AdjustableClock, Clock as _};
use crate::config::{Config, Environment};
use crate::sandbox::in_process::InProcess;
use crate::sandbox::seed::PROJECT;
use crate::secret::Secret;
use crate::vendors::gitlab::GitLab;
use crate::vendors::http::Transport;

/// When every history begins.
const MORNING: &str = "2026-12-01T09:00:00Z";
/// As long as anything that was given up for now is tried again.
const QUIET: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Longer than anything lives.
const ALL_ENDS: SignedDuration = SignedDuration::from_hours(400 * 24);
/// An ending that is due is under way for so long at most, whatever went wrong: the longest wait between two tries.
const ENDING: SignedDuration = SignedDuration::from_hours(26);

/// What came of a history.
pub(super) struct Outcome {
    pub(super) broken: Option<Broken>,
    pub(super) counts: Counts,
    pub(super) digest: u64,
    pub(super) lines: Vec<String>,
}

/// What a history is played with.
pub(super) struct Stagehand {
    /// For this history alone; made and removed.
    pub(super) folder: PathBuf,
    pub(super) log: Log,
    /// Whether the trace is kept to be read.
    pub(super) kept: bool,
}

/// Plays it.
pub(super) async fn play(seed: u64, history: &History, hand: &Stagehand) -> Result<Outcome, Fault> {
    hand.log.clear();
    let mut scene = build(seed, hand).await?;
    let played = scene.whole(history).await;
    let outcome = scene.leave().await;
    let _ = std::fs::remove_dir_all(&hand.folder);
    played.map(|()| outcome)
}

async fn build(seed: u64, hand: &Stagehand) -> Result<Scene, Fault> {
    let began: Timestamp = MORNING.parse().map_err(Fault::of)?;
    let clock = AdjustableClock::frozen(began);
    let sandbox = InProcess::new(clock.clone(), Arc::new(Seeded::new(mixed(seed, 2))));
    let config = configured(&sandbox, &hand.folder)?;
    let (gate, mut sandbox) = (Gate::default(), sandbox);
    prepare(&config, &hand.folder, (&gate, &mut sandbox), &clock).await?;
    let books = Books::open(&hand.folder.join("countersign.db")).await?;
    let mut scene = Scene {
        seed,
        began,
        clock,
        sandbox,
        gate,
        processes: (0..2).map(|_| Process::nobody()).collect(),
        config,
        books,
        letters: Vec::new(),
        fates: Vec::new(),
        planned: Vec::new(),
        struck_at: began,
        acted_at: began,
        tokens_back_at: None,
        facts: Facts::default(),
        issues: BTreeMap::new(),
        readings: BTreeMap::new(),
        counts: Counts { histories: 1, ..Counts::default() },
        stirred: 0,
        trace: Trace::new(hand.kept),
        log: hand.log.clone(),
        broken: None,
    };
    scene.know_the_beginning();
    scene.start(0).await?;
    Ok(scene)
}

/// The configuration that the sandbox writes, with the label that denies.
fn configured(sandbox: &InProcess, folder: &Path) -> Result<Config, Fault> {
    sandbox.write_home(folder).map_err(Fault::of)?;
    let file = folder.join("countersign.toml");
    let mut text = std::fs::read_to_string(&file).map_err(Fault::of)?;
    text.extend(["\n[labels]\ndenied = \"", Label::Denied.title(), "\"\n"]);
    std::fs::write(&file, text).map_err(Fault::of)?;
    Config::load(&file, &Environment::from_pairs::<String, String>([])).map_err(Fault::of)
}

/// What `countersign setup` does, with nothing in its way.
async fn prepare(
    config: &Config,
    folder: &Path,
    (gate, sandbox): (&Gate, &mut InProcess),
    clock: &Arc<AdjustableClock>,
) -> Result<(), Fault> {
    let token = std::fs::read_to_string(folder.join("maintainer.token")).map_err(Fault::of)?;
    let token = Secret::new(token.trim().to_owned());
    let gitlab = GitLab::new(Transport::in_process(gate.router()), config.gitlab.url.clone(), token);
    let webhook_url = "http://127.0.0.1:8080/hooks/gitlab".parse().map_err(Fault::of)?;
    let wish = Wish { webhook_url, dry_run: false, clock: clock.clone() };
    let mut setting_up = Box::pin(set_up(config, &gitlab, wish));
    let here = Place::default();
    loop {
        gate.enter(here, clock.now());
        let done = std::future::poll_fn(|context| match setting_up.as_mut().poll(context) {
            std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
            std::task::Poll::Pending if gate.has(here) => std::task::Poll::Ready(None),
            std::task::Poll::Pending => std::task::Poll::Pending,
        });
        if let Some(done) = done.await {
            return done.map(drop).map_err(|failure| Fault(failure.message));
        }
        for number in gate.each(|waiting| waiting.number) {
            let Some(mut waiting) = gate.take(number) else { continue };
            let answer = waiting.request.take().and_then(|request| sandbox.call(&request, None));
            waiting.deliver(answer);
        }
    }
}

impl Scene {
    /// Labels and tokens as they are before anybody does anything.
    fn know_the_beginning(&mut self) {
        // Whether an operator renews our token in time is no part of a history.
        for token in &mut self.sandbox.world.gitlab.tokens {
            "2099-12-31".clone_into(&mut token.expires_at);
        }
        for label in [Label::Manager, Label::Provisioner, Label::Denied] {
            if let Some(id) = self.sandbox.world.gitlab.label_named(PROJECT, label.title()) {
                self.facts.labels.insert(label, id);
            }
        }
        let there = self.holdings().into_iter().map(|holding| holding.token);
        self.facts.foreign.extend(there);
        // Zendesk's documents leave it open; so it is now this way and now that.
        let ends = Chance::new(mixed(self.seed, 4)).percent(50);
        for account in self.sandbox.world.zendesk.values_mut() {
            account.quirks.deleting_a_client_ends_its_tokens = ends;
        }
        self.note_secrets();
    }

    async fn whole(&mut self, history: &History) -> Result<(), Fault> {
        let mut chance = Chance::new(mixed(self.seed, 3));
        self.settle(&mut chance).await?;
        for step in history {
            self.take(step).await?;
            if self.broken.is_some() {
                return Ok(());
            }
        }
        self.end(&mut chance).await
    }

    async fn take(&mut self, step: &Step) -> Result<(), Fault> {
        let mut chance = Chance::new(step.seed);
        self.counts.steps += 1;
        self.tell(format_args!("── {step}"));
        if let Act::Wait { seconds } = &step.act {
            self.pass(SignedDuration::from_secs(i64::from(*seconds)), &mut chance).await?;
            self.promised_live_and_others_do_not(self.patience());
        } else {
            self.act(step, &mut chance).await?;
            self.lay_out(&step.act).await?;
        }
        match step.pace {
            Pace::Hurry => {}
            Pace::Turns(turns) => {
                for _ in 0..turns {
                    if !self.turn(&mut chance).await? {
                        break;
                    }
                }
            }
            Pace::Settle => self.settle(&mut chance).await?,
        }
        Ok(())
    }

    /// While Zendesk cannot be reached or nobody works, an ending may take longer.
    fn patience(&self) -> SignedDuration {
        let undisturbed = self.planned.is_empty()
            && self.tokens_back_at.is_none()
            && self.processes[0].running.is_some()
            && self.processes.iter().all(|process| process.frozen_until.is_none());
        if undisturbed { ENDING } else { ALL_ENDS }
    }

    /// The steps that are nobody's doing.
    async fn lay_out(&mut self, act: &Act) -> Result<(), Fault> {
        let now = self.now();
        let after = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).ok();
        match act {
            Act::Fault { at, effect, skip, times } => {
                let (at, effect, skip, times) = (*at, *effect, *skip, *times);
                self.planned.push(Planned { at, effect, skip, times, until: None });
            }
            Act::Outage { at, effect, minutes } => {
                let (at, effect, until) = (*at, *effect, after(i64::from(*minutes) * 60));
                self.planned.push(Planned { at, effect, skip: 0, times: 0, until });
            }
            Act::ListLag { seconds } => self.lag_tokens(i64::from(*seconds)),
            Act::SweepLag { minutes } => {
                self.sandbox.world.gitlab.list_lag_seconds = i64::from(*minutes) * 60;
            }
            Act::Webhooks { fate, times } => {
                self.fates = (0..*times).map(|_| *fate).collect();
            }
            Act::TokensOff { minutes } => {
                self.switch_tokens(false);
                self.tokens_back_at = after(i64::from(*minutes) * 60);
            }
            Act::Kill { process, after, back_after } => {
                let process = &mut self.processes[usize::from(*process)];
                process.back_after = SignedDuration::from_secs(i64::from(*back_after));
                process.breath.limit(i64::from(*after));
            }
            Act::Stall { process, at, seconds } => {
                let process = &mut self.processes[usize::from(*process)];
                process.stalls.push((*at, SignedDuration::from_secs(i64::from(*seconds))));
            }
            Act::Twin { seconds } if self.processes[1].running.is_none() => {
                self.start(1).await?;
                self.counts.twins += 1;
                if let Some(running) = self.processes[1].running.as_mut() {
                    running.leaves_at = after(i64::from(*seconds));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn lag_tokens(&mut self, seconds: i64) {
        for account in self.sandbox.world.zendesk.values_mut() {
            account.list_lag_seconds = seconds;
        }
    }

    /// All is well again: no faults, no lag, the one process runs.
    async fn heal(&mut self) -> Result<(), Fault> {
        self.tell(format_args!("── all is well again"));
        self.planned.clear();
        self.fates.clear();
        self.lag_tokens(0);
        self.sandbox.world.gitlab.list_lag_seconds = 0;
        self.switch_tokens(true);
        self.tokens_back_at = None;
        for process in &mut self.processes {
            (process.frozen_until, process.stalls) = (None, Vec::new());
        }
        if self.processes[0].running.is_none() {
            self.start(0).await?;
        }
        self.acted();
        Ok(())
    }

    /// A quiet end, and then the end of everything.
    async fn end(&mut self, chance: &mut Chance) -> Result<(), Fault> {
        self.heal().await?;
        self.pass(SignedDuration::from_hours(2), chance).await?;
        self.acted();
        self.pass(QUIET, chance).await?;
        if self.broken.is_some() {
            return Ok(());
        }
        self.nothing_is_owed();
        self.one_at_most();
        self.promised_live_and_others_do_not(SignedDuration::from_hours(1));
        self.comments_are_there();
        self.looking_again_changes_nothing().await?;
        if self.broken.is_some() {
            return Ok(());
        }
        self.give_up_what_waits();
        self.pass(ALL_ENDS, chance).await?;
        if self.broken.is_some() {
            return Ok(());
        }
        self.nothing_is_left();
        self.everything_is_written_down().await?;
        self.secrets_are_nowhere().await;
        Ok(())
    }

    /// Issues that still wait are closed by their authors, so that nobody is reminded for a month.
    fn give_up_what_waits(&mut self) {
        let waiting: Vec<_> = self.issues.iter().map(|(name, issue)| (*name, issue.author)).collect();
        for (name, by) in waiting {
            self.closes(name, by);
        }
        self.acted();
        self.collect_webhooks();
    }

    async fn leave(mut self) -> Outcome {
        let hours = self.now().duration_since(self.began).as_hours();
        self.counts.hours = u64::try_from(hours).unwrap_or(0);
        for number in 0..self.processes.len() {
            if let Some(mut running) = self.processes[number].running.take() {
                running.lanes.clear();
                running.service.context.store().close().await;
            }
        }
        self.books.close().await;
        Outcome {
            broken: self.broken,
            counts: self.counts,
            digest: self.trace.digest(),
            lines: self.trace.into_lines(),
        }
    }
}
