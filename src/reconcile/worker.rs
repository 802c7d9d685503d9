//! The loop around `reconcile`: claim what is due, look, wait for a wake or a moment, and again.
//!
//! [`Worker::step`] is the loop's body, callable by tests and the command line. Waking is only a hint: a worker
//! that missed it finds the row by polling.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::{LEASE, reconcile, take_away};
use crate::domain::ids::IssueKey;
use crate::store::StoreError;

/// How long a worker with nothing to do waits for a wake before it looks by itself.
const POLL: Duration = Duration::from_secs(2);
/// How long it waits after the database did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Looked at this one.
    Looked(IssueKey),
    /// Nothing was due.
    Idle,
}

/// A worker of this process.
#[derive(Debug, Clone)]
pub struct Worker {
    context: Arc<Context>,
    owner: String,
}

impl Worker {
    /// A worker that claims under a name of its own.
    pub fn new(context: Arc<Context>) -> Self {
        let owner = context.random_id();
        Self { context, owner }
    }

    /// Looks at the request that has been due longest. Where nothing can be written down, endings that are due go
    /// ahead all the same before the error is told.
    pub async fn step(&self) -> Result<Step, StoreError> {
        let step = self.look_at_one().await;
        if let Err(StoreError::Unavailable(_) | StoreError::Unproven(_) | StoreError::NoRights { .. }) = &step
        {
            take_away::without_memory(&self.context).await;
        }
        step
    }

    async fn look_at_one(&self) -> Result<Step, StoreError> {
        match self.context.store.claim(&self.owner, LEASE).await? {
            None => Ok(Step::Idle),
            Some(claim) => {
                let key = claim.key;
                overtaken_is_no_error(Box::pin(reconcile(&self.context, claim)).await)?;
                Ok(Step::Looked(key))
            }
        }
    }

    /// Looks at this request, due or not. `Idle` if it is unknown or somebody else has it.
    pub async fn step_on(&self, key: IssueKey) -> Result<Step, StoreError> {
        match self.context.store.claim_one(&self.owner, key, LEASE).await? {
            None => Ok(Step::Idle),
            Some(claim) => {
                overtaken_is_no_error(Box::pin(reconcile(&self.context, claim)).await)?;
                Ok(Step::Looked(key))
            }
        }
    }

    /// Steps until told to stop, and finishes the step in hand.
    pub async fn run(self, stop: CancellationToken) {
        let wake = self.context.store.wake();
        while !stop.is_cancelled() {
            // Interest is registered before looking, so that a mark between the two is not missed.
            let woken = wake.notified();
            let pause = match self.step().await {
                Ok(Step::Looked(_)) => continue,
                Ok(Step::Idle) => POLL,
                Err(error) => {
                    tracing::error!(error = %error, source = ?std::error::Error::source(&error), "a look failed");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = woken => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

fn overtaken_is_no_error(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(StoreError::Fenced) => {
            tracing::warn!("overtaken by another worker; it carries on");
            Ok(())
        }
        other => other,
    }
}
