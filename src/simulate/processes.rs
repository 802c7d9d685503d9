//! The processes: each the whole service, from the same configuration, on the same database.
//!
//! A worker and a sweeper, as `serve` has them, but nothing of them runs unless it is polled here. A process dies
//! at a moment that was set beforehand, counted in answers received and looks at the clock, of which there is one in
//! every transaction: so it can die between any two effects. What it had sent to the database is carried out.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use axum::Router;
use jiff::{SignedDuration, Timestamp};

use super::chance::{Seeded, mixed};
use super::gate::Place;
use super::scene::{Fault, Scene};
use super::trouble::Target;
use crate::clock::{AdjustableClock, Clock};
use crate::reconcile::{Rounds, Step, Sweeper, Worker};
use crate::service::{Service, World};
use crate::vendors::http::Transport;

/// One worker, then the sweeper. Two in one process would wait for each other inside it, where nobody sees that they
/// only wait; two processes are the harder case anyway.
pub(super) const WORKERS: usize = 1;
/// The lane of the sweeper.
pub(super) const SWEEPER: usize = WORKERS;
/// How often `serve` sweeps.
pub(super) const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// How much longer a process lives.
#[derive(Debug)]
pub(super) struct Breath(AtomicI64);

const IMMORTAL: i64 = i64::MAX / 2;

impl Breath {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(IMMORTAL)))
    }

    /// It dies so many moments from now.
    pub(super) fn limit(&self, moments: i64) {
        self.0.store(moments, Ordering::SeqCst);
    }

    pub(super) fn spend(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn is_out(&self) -> bool {
        self.0.load(Ordering::SeqCst) < 0
    }

    fn renew(&self) {
        self.0.store(IMMORTAL, Ordering::SeqCst);
    }
}

/// A process's clock: everybody's, and each transaction's look at it is a moment of its life. A transaction is a task of
/// its own, and whoever asked for it is not woken before it is done: so what died there died at the same place in
/// every run. Other looks do not count, since what follows them may be one poll or two.
#[derive(Debug)]
struct OwnClock {
    clock: Arc<AdjustableClock>,
    breath: Arc<Breath>,
}

impl Clock for OwnClock {
    fn now(&self) -> Timestamp {
        if tokio::task::try_id().is_some() {
            self.breath.spend();
        }
        self.clock.now()
    }
}

/// How a piece of work came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It looked at something.
    Looked,
    /// There was nothing to look at for it.
    ToNothing,
    /// It swept.
    Swept,
    /// The database did not do it.
    ToGrief,
}

type Work = Pin<Box<dyn Future<Output = Came> + Send>>;

/// One of the things a process does at the same time.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) work: Option<Work>,
    /// Found nothing when the scene had been stirred so often.
    pub(super) idle_at: Option<u64>,
}

/// A process that runs.
pub(super) struct Running {
    pub(super) service: Service,
    pub(super) door: Router,
    pub(super) lanes: Vec<Lane>,
    workers: Vec<Worker>,
    rounds: Arc<Mutex<Rounds>>,
    /// Begun sweeping then, and how often people had done something until then.
    pub(super) swept: Option<(Timestamp, u64)>,
    /// Ends by itself then.
    pub(super) leaves_at: Option<Timestamp>,
}

/// A place for a process.
pub(super) struct Process {
    pub(super) running: Option<Running>,
    pub(super) breath: Arc<Breath>,
    pub(super) starts: u64,
    pub(super) returns_at: Option<Timestamp>,
    /// After its death it is back after this.
    pub(super) back_after: SignedDuration,
    pub(super) frozen_until: Option<Timestamp>,
    /// Where it will stand still, and how long.
    pub(super) stalls: Vec<(Target, SignedDuration)>,
}

impl Process {
    pub(super) fn nobody() -> Self {
        Self {
            running: None,
            breath: Breath::new(),
            starts: 0,
            returns_at: None,
            back_after: SignedDuration::from_secs(5),
            frozen_until: None,
            stalls: Vec::new(),
        }
    }
}

/// What polling a lane came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Waits,
    Done(Came),
    Dies,
}

impl Scene {
    /// Starts a process, as `serve` does.
    pub(super) async fn start(&mut self, number: usize) -> Result<(), Fault> {
        let process = &mut self.processes[number];
        process.starts += 1;
        process.returns_at = None;
        process.breath.renew();
        let seed = mixed(self.seed, mixed(process.starts, u64::try_from(number).unwrap_or(0)));
        let clock = Arc::new(OwnClock { clock: self.clock.clone(), breath: process.breath.clone() });
        let transport = Transport::in_process(self.gate.router());
        let world = World { clock, randomness: Arc::new(Seeded::new(seed)), transport };
        let service = Service::assemble(&self.config, world).await.map_err(Fault::of)?;
        let workers = (0..WORKERS).map(|_| Worker::new(Arc::clone(&service.context))).collect();
        let lanes = (0..=SWEEPER).map(|_| Lane::default()).collect();
        let door = crate::web::router(service.door.clone());
        let running =
            Running { service, door, lanes, workers, rounds: Arc::default(), swept: None, leaves_at: None };
        self.processes[number].running = Some(running);
        self.counts.starts += 1;
        self.stirred += 1;
        self.tell(format_args!("process {number} starts"));
        Ok(())
    }

    /// Ends a process where it stands: all that was only in memory is gone.
    pub(super) async fn kill(&mut self, number: usize) {
        let now = self.now();
        let process = &mut self.processes[number];
        process.breath.renew();
        (process.frozen_until, process.stalls) = (None, Vec::new());
        process.returns_at = now.checked_add(process.back_after).ok();
        let Some(mut running) = process.running.take() else { return };
        // Whatever it was doing is dropped where it waits, before anything else of it.
        running.lanes.clear();
        self.gate.forget(number);
        running.service.context.store().close().await;
        self.counts.kills += 1;
        self.stirred += 1;
        self.tell(format_args!("process {number} is dead"));
    }

    /// Begins the next piece of work of a lane.
    pub(super) fn begin(&mut self, place: Place) {
        let (now, people) = (self.now(), self.counts.acts);
        let Some(running) = self.processes[place.process].running.as_mut() else { return };
        let context = Arc::clone(&running.service.context);
        let work: Work = if place.lane == SWEEPER {
            running.swept = Some((now, people));
            self.counts.sweeps += 1;
            let (sweeper, kept) = (Sweeper { context, every: SWEEP_EVERY }, Arc::clone(&running.rounds));
            Box::pin(tokio::task::unconstrained(async move {
                let mut rounds = *kept.lock().unwrap_or_else(PoisonError::into_inner);
                sweeper.round(&mut rounds).await;
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = rounds;
                Came::Swept
            }))
        } else {
            let worker = running.workers[place.lane].clone();
            Box::pin(tokio::task::unconstrained(async move {
                match worker.step().await {
                    Ok(Step::Looked(_)) => Came::Looked,
                    Ok(Step::Idle) => Came::ToNothing,
                    Err(_) => Came::ToGrief,
                }
            }))
        };
        running.lanes[place.lane].work = Some(work);
        self.begins_to_read(place);
    }

    /// Lets a lane go on until all it can do is wait at the gate.
    pub(super) async fn advance(&mut self, place: Place) {
        match self.poll(place).await {
            Moved::Waits => self.stall_if_planned(place),
            Moved::Dies => self.kill(place.process).await,
            Moved::Done(came) => self.done(place, came),
        }
    }

    async fn poll(&mut self, place: Place) -> Moved {
        let (gate, now) = (self.gate.clone(), self.now());
        let process = &mut self.processes[place.process];
        let breath = Arc::clone(&process.breath);
        let Some(running) = process.running.as_mut() else { return Moved::Waits };
        let Some(work) = running.lanes[place.lane].work.as_mut() else { return Moved::Waits };
        let parts = Arc::clone(&running.service.context);
        poll_fn(|context| {
            if breath.is_out() {
                return Poll::Ready(Moved::Dies);
            }
            gate.enter(place, now);
            let rested = parts.is_at_rest();
            match work.as_mut().poll(context) {
                Poll::Ready(came) => Poll::Ready(Moved::Done(came)),
                Poll::Pending if !gate.has(place) => Poll::Pending,
                Poll::Pending if rested && parts.is_at_rest() => Poll::Ready(Moved::Waits),
                // Beside what waits at the gate, the database or the file of the directory is still at work: nothing
                // else happens meanwhile, or two runs of a seed would depend on how fast they are. Its threads may need
                // this processor for it.
                Poll::Pending => {
                    std::thread::yield_now();
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn done(&mut self, place: Place, came: Came) {
        let stirred = self.stirred;
        if let Some(running) = self.processes[place.process].running.as_mut() {
            let lane = &mut running.lanes[place.lane];
            lane.work = None;
            lane.idle_at = matches!(came, Came::ToNothing | Came::ToGrief).then_some(stirred);
        }
        match came {
            Came::Looked => self.counts.looks += 1,
            Came::ToGrief => self.counts.store_errors += 1,
            Came::ToNothing | Came::Swept => {}
        }
        if came != Came::ToNothing {
            self.stirred += 1;
        }
        self.tell(format_args!("process {} lane {} {came:?}", place.process, place.lane));
    }

    /// It may be planned that the process stands still at what it has come to.
    fn stall_if_planned(&mut self, place: Place) {
        let now = self.now();
        let calls = self.gate.each(|waiting| {
            let request = waiting.request.as_ref().filter(|_| waiting.place == place)?;
            Some((request.method().to_string(), request.uri().path().to_owned()))
        });
        let process = &mut self.processes[place.process];
        let hit = |(at, _): &(Target, SignedDuration)| {
            calls.iter().flatten().any(|(method, path)| at.has(method, path))
        };
        let Some(index) = process.stalls.iter().position(hit) else { return };
        let (at, time) = process.stalls.remove(index);
        process.frozen_until = now.checked_add(time).ok();
        self.counts.stalls += 1;
        self.tell(format_args!("process {} stands still before {at}", place.process));
    }
}
