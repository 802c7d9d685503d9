//! By what a credential will be known again if it leaks: kept before it is handed over, or it is not handed over.

use super::act::Work;
use crate::store::{Fingerprint, StoreError};

/// Keeps the fingerprint of the secret in hand.
pub(super) async fn keep(work: &Work<'_>, attempt: u32) -> Result<(), StoreError> {
    let (store, key) = (&work.context.store, work.claim.key);
    let Some(secret) = work.context.hand.secret(key, attempt) else { return Ok(()) };
    let fingerprint = store.fingerprint(secret.expose());
    store.keep_fingerprint(Fingerprint { fingerprint, visible: None, key, attempt }).await
}
