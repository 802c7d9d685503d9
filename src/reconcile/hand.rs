//! The secrets this process holds between mint and hand-over: in memory, and nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::IssueKey;
use crate::secret::MintedSecret;

/// Secrets by request and number of the attempt. Dropping one wipes it.
#[derive(Debug, Default)]
pub(super) struct Hand(Mutex<HashMap<IssueKey, (u32, Arc<MintedSecret>)>>);

impl Hand {
    /// Takes hold of a secret; an earlier one of that request is wiped.
    pub(super) fn take(&self, key: IssueKey, attempt: u32, secret: MintedSecret) {
        self.lock().insert(key, (attempt, Arc::new(secret)));
    }

    /// The attempt whose secret is held for this request.
    pub(super) fn attempt(&self, key: IssueKey) -> Option<u32> {
        self.lock().get(&key).map(|(attempt, _)| *attempt)
    }

    /// The secret itself, for as long as it is being sent.
    pub(super) fn secret(&self, key: IssueKey, attempt: u32) -> Option<Arc<MintedSecret>> {
        self.lock().get(&key).filter(|(held, _)| *held == attempt).map(|(_, secret)| Arc::clone(secret))
    }

    /// Lets go of it: handed over, or to be taken away. Another attempt's secret stays.
    pub(super) fn drop_secret(&self, key: IssueKey, attempt: u32) {
        let mut held = self.lock();
        if held.get(&key).is_some_and(|(number, _)| *number == attempt) {
            held.remove(&key);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IssueKey, (u32, Arc<MintedSecret>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
