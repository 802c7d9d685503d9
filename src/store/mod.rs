//! Every question asked of the database, one method each.
//!
//! The request's own row is the only queue: it carries its next look, its lease and its fence. Whatever a look
//! changes is written in one transaction with the audit entries that explain it, guarded by the fence, so a
//! slow worker can write nothing any more. Every write runs in a task of its own (`writer`), because callers'
//! futures are dropped at any await and must not leave a transaction open. The SQL is one body for SQLite and
//! PostgreSQL (`sql`): `$1` placeholders, BIGINT and TEXT. What either has of its own is in `sqlite`, `postgres`,
//! `wake`, the triggers, and wherever `on_postgres` is written.

#[macro_use]
mod columns;

mod attempts;
mod audit;
mod brake;
mod calendar;
mod chain;
mod commit;
mod connect;
mod directory_pins;
mod error;
mod extensions;
mod fingerprints;
mod inventory;
mod leases;
mod ledger;
mod marks;
mod migrations;
mod offline;
mod orders;
mod place;
mod postgres;
mod projects;
mod requests;
mod retirements;
mod rows;
mod seals;
mod settings;
mod sinks;
mod sql;
mod sqlite;
mod sweeps;
#[cfg(test)]
pub(crate) mod testing;
mod unfinished;
mod verify;
mod wake;
mod writer;

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

pub use audit::{Entry, Head, StoredEntry};
pub use brake::{BrakeAnswer, HeldEnding, MassEnding};
pub use calendar::{Feed, NewFeed, Scope, ShownDate};
pub use commit::Change;
pub use connect::Location;
pub use error::StoreError;
pub use fingerprints::Fingerprint;
pub use inventory::InventoryRun;
pub use leases::{Claim, Hold, Release};
pub use offline::AuditCopy;
pub use orders::{NewOrder, Order};
pub use projects::{NewProject, Project};
pub use requests::{DueEnding, Endings, StoredRequest};
pub use retirements::{Claimed, Retirement};
pub use sinks::Lacking;
pub use sweeps::{Listed, Place, Sweep};
pub use verify::{Verifier, VerifyError};

use chain::Chain;
use marks::WaitingMark;
use sql::Reader;
use wake::Bell;
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
    read: Reader,
    installation: String,
    chain: Arc<Chain>,
    marks: mpsc::Sender<WaitingMark>,
    wake: Bell,
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

    /// Told after marks were committed, on PostgreSQL by a replica as well. A hint: it can be missed, so workers
    /// also poll.
    pub fn wake(&self) -> Arc<Notify> {
        self.inner.wake.here()
    }

    /// Whether the file that was opened is still at its path. A server's database has no file of ours.
    pub fn is_in_place(&self) -> bool {
        self.inner.writer.in_place().is_ok()
    }

    /// Whether no statement is under way.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.inner.writer.is_at_rest() && self.inner.read.is_at_rest()
    }

    /// Waits for the writes under way, then closes the database; whatever is asked afterwards is `Unavailable`.
    pub async fn close(&self) {
        self.inner.wake.silence();
        self.inner.writer.close().await;
        self.inner.read.close().await;
    }
}
