//! Every question asked of the database, one method each.
//!
//! The request's own row is the only queue: it carries its next look, its lease and its fence. Whatever a look
//! changes is written in one transaction with the audit entries that explain it, guarded by the fence, so a
//! slow worker can write nothing any more. Every write runs in a task of its own (`writer`), because callers'
//! futures are dropped at any await and must not leave a transaction open. The SQL is one body for SQLite and
//! PostgreSQL: `$1` placeholders, BIGINT and TEXT, no dialect outside `connect` and the triggers.

mod attempts;
mod audit;
mod chain;
mod commit;
mod connect;
mod directory_pins;
mod error;
mod fingerprints;
mod inventory;
mod leases;
mod ledger;
mod marks;
mod offline;
mod orders;
mod projects;
mod requests;
mod retirements;
mod rows;
mod settings;
mod sweeps;
#[cfg(test)]
pub(crate) mod testing;
mod verify;
mod writer;

use std::fmt;
use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{Notify, mpsc};

pub use audit::{Entry, Head, StoredEntry};
pub use commit::Change;
pub use error::StoreError;
pub use fingerprints::Fingerprint;
pub use inventory::InventoryRun;
pub use leases::{Claim, Hold, Release};
pub use offline::AuditCopy;
pub use orders::{NewOrder, Order};
pub use projects::{NewProject, Project};
pub use requests::{DueEnding, Endings, StoredRequest};
pub use retirements::Retirement;
pub use sweeps::{Listed, Place, Sweep};
pub use verify::{Verifier, VerifyError};

use chain::Chain;
use marks::WaitingMark;
use writer::Writer;

/// The phase of a row that was marked and not looked at yet.
pub const UNSEEN: &str = "unseen";
/// The phase of an issue that is no request.
pub const NO_REQUEST: &str = "no_request";

/// The database. A clone is the same database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    read: SqlitePool,
    installation: String,
    chain: Arc<Chain>,
    marks: mpsc::Sender<WaitingMark>,
    wake: Arc<Notify>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("installation", &self.inner.installation)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// This installation's id, made at first start (UUID).
    pub fn installation(&self) -> &str {
        &self.inner.installation
    }

    /// Told after marks were committed. A hint: other processes' marks are not told, so workers also poll.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.inner.wake)
    }

    /// Waits for the writes under way, then closes the file; whatever is asked afterwards is `Unavailable`.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.read.close().await;
    }
}
