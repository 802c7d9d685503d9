//! What happens by the clock and to no request in particular: the sweep, the look at labels and webhooks, and what
//! follows where the clock itself was set back.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::inspect::inspect;
use super::sweep::{sweep, sweep_due};

/// How often it is looked whether somebody asked for a sweep.
const ASKED: Duration = Duration::from_secs(2);
/// How often labels and webhooks are looked at. They are for people to mend, and their calls are no sweep's.
const INSPECT_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// A clock that goes back by less was corrected; by more, what was planned by it is planned anew.
const SET_BACK: SignedDuration = SignedDuration::from_secs(10);

/// Sweeps on a timer and when asked.
#[derive(Debug)]
pub struct Sweeper {
    /// What it may touch.
    pub context: Arc<Context>,
    /// How long between two sweeps.
    pub every: SignedDuration,
}

/// When what was done last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rounds {
    swept: Option<Timestamp>,
    inspected: Option<Timestamp>,
    last: Option<Timestamp>,
    started: bool,
    calendars_filled: bool,
}

impl Sweeper {
    /// Marks all that is unfinished, sweeps, and goes on sweeping until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut rounds = Rounds::default();
        while !stop.is_cancelled() {
            self.round(&mut rounds).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ASKED) => {}
            }
        }
    }

    /// One round: the loop's body, for tests and for the loop.
    pub async fn round(&self, rounds: &mut Rounds) {
        let now = self.context.now();
        self.plan_anew(rounds, now).await;
        self.fill_calendars(rounds).await;
        let due = |last: Option<Timestamp>, every| last.is_none_or(|last| now.duration_since(last) >= every);
        if due(rounds.inspected, INSPECT_EVERY) {
            inspect(&self.context).await;
            rounds.inspected = Some(now);
        }
        if rounds.swept.is_none() {
            sweep(&self.context, false).await;
            rounds.swept = Some(now);
        } else if due(rounds.swept, self.every) {
            // Where several processes share a database, one of them has perhaps just swept.
            sweep_due(&self.context, self.every / 2).await;
            rounds.swept = Some(now);
        }
        sweep(&self.context, true).await;
    }

    /// At start, and where the clock was set back: whatever was planned by the old time is looked at now, or it
    /// would wait until the clock is there again. Tried again until it is written down.
    async fn plan_anew(&self, rounds: &mut Rounds, now: Timestamp) {
        if rounds.last.is_some_and(|last| last.duration_since(now) > SET_BACK) {
            tracing::error!("the clock was set back; everything unfinished is looked at anew");
            *rounds = Rounds::default();
        }
        rounds.last = Some(now);
        let marked = if rounds.started {
            self.context.store.mark_what_is_wanted().await
        } else {
            self.context.store.mark_all_unfinished().await.map(drop)
        };
        match marked {
            Ok(()) => rounds.started = true,
            Err(error) => tracing::error!(error = %error, "unfinished requests could not be marked"),
        }
    }

    /// At start: what an earlier release handed over is in the calendars as well.
    async fn fill_calendars(&self, rounds: &mut Rounds) {
        if rounds.calendars_filled {
            return;
        }
        match self.context.store.add_missing_dates().await {
            Ok(added) => {
                rounds.calendars_filled = true;
                if added > 0 {
                    tracing::info!(added, "end dates of an earlier release are in the calendars now");
                }
            }
            Err(error) => tracing::error!(error = %error, "end dates may be missing in the calendars"),
        }
    }
}
