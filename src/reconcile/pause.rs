//! Pausing: a person stops issuing for a while. Endings go on, and so does every look.
//!
//! It is a setting of the database, so that it holds for every process and survives a restart; each change is one
//! transaction with its audit entry. What cannot be read counts as paused: an error ends the look before it decides.

use jiff::Timestamp;
use serde_json::json;

use crate::domain::snapshot::Pause;
use crate::store::{Entry, Store, StoreError};

const PAUSED: &str = "paused";

/// Whether a person stopped issuing, and why.
pub async fn paused(store: &Store) -> Result<Option<Pause>, StoreError> {
    let Some(text) = store.setting(PAUSED).await? else { return Ok(None) };
    // What cannot be understood still says that somebody paused.
    let unreadable = |_| Pause { why: text.clone(), by: "unknown".to_owned(), since: Timestamp::UNIX_EPOCH };
    Ok(Some(serde_json::from_str(&text).unwrap_or_else(unreadable)))
}

/// Stops issuing. A second pause replaces the first one's reason.
pub async fn pause(store: &Store, pause: Pause) -> Result<(), StoreError> {
    let value = json!(pause);
    let entry = Entry { kind: "installation.paused".into(), key: None, detail: value.clone() };
    store.change_setting(PAUSED, Some(value.to_string()), entry).await
}

/// Goes on issuing. `false`: nobody had paused it.
pub async fn resume(store: &Store, by: &str) -> Result<bool, StoreError> {
    if store.setting(PAUSED).await?.is_none() {
        return Ok(false);
    }
    let entry = Entry { kind: "installation.resumed".into(), key: None, detail: json!({"by": by}) };
    store.change_setting(PAUSED, None, entry).await?;
    Ok(true)
}
