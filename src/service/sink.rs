//! The second place of the audit entries: JSON lines to a file or to standard output, for a log collector.
//!
//! Written after the commit, in order, at least once: the position is in the database and moves only after the place has
//! taken the lines, so a restart goes on without a gap. A place that takes nothing is alarmed and tried again for good; it
//! stops nothing else, since the entries themselves are safe in the chain, and what is due must go on.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::config::AuditSink;
use crate::evidence::line_of;
use crate::store::{Store, StoreError, StoredEntry};

/// How long a process that died keeps the others from writing.
const LEASE: SignedDuration = SignedDuration::from_mins(1);
/// How often it is looked for new entries.
const LOOK: Duration = Duration::from_secs(1);
/// How long until a place that failed is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// Why the entries did not get there.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The place takes nothing.
    #[error("it cannot be written to")]
    Place(#[source] io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A second place, and what is written to it.
#[derive(Debug, Clone)]
pub struct Sink {
    store: Store,
    place: AuditSink,
    owner: String,
}

impl Sink {
    /// `owner` is nobody else's: it holds the right to write.
    pub fn new(store: Store, place: AuditSink, owner: String) -> Self {
        Self { store, place, owner }
    }

    /// Writes everything that is not there yet. How many entries; 0 also where another process writes.
    pub async fn drain(&self) -> Result<u64, SinkError> {
        let name = self.place.to_string();
        let mut written = 0;
        while let Some(position) = self.store.claim_sink(&name, &self.owner, LEASE).await? {
            let entries = self.store.entries_from(position.saturating_add(1)).await?;
            let Some(last) = entries.last().map(|entry| entry.seq) else { break };
            written += entries.len() as u64;
            self.write(entries).await.map_err(SinkError::Place)?;
            if !self.store.advance_sink(&name, &self.owner, last).await? {
                break;
            }
        }
        Ok(written)
    }

    /// Writes until all others have ended, then what is left; and leaves the place to whoever comes next.
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            let last = stop.is_cancelled();
            let drained = self.drain().await;
            if let Err(error) = &drained {
                let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                tracing::error!(sink = %self.place, error = %error, cause,
                    "audit entries do not reach their second place; they are kept, and it is tried again");
            }
            if last {
                return self.leave().await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(if drained.is_ok() { LOOK } else { PAUSE }) => {}
            }
        }
    }

    async fn leave(&self) {
        if let Err(error) = self.store.release_sink(&self.place.to_string(), &self.owner).await {
            tracing::warn!(error = %error, "the second place of the audit entries is not free yet; it is in a minute");
        }
    }

    async fn write(&self, entries: Vec<StoredEntry>) -> io::Result<()> {
        let lines: String = entries.iter().map(|entry| line_of(entry) + "\n").collect();
        let place = self.place.clone();
        let writing = tokio::task::spawn_blocking(move || match place {
            AuditSink::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes()).and_then(|()| out.flush())
            }
            AuditSink::File(path) => append(&path, &lines),
        });
        writing.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Opened anew each time, so that a file that was rotated away is made again; on disk before it counts.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A process that died while it wrote left half a line: what follows begins on its own.
    let mut last = [b'\n'];
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let gap = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{gap}{lines}").as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_half_a_line_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        append(&path, "one\n").unwrap();
        append(&path, "tw").unwrap();
        append(&path, "two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntw\ntwo\n");
        assert!(append(folder.path(), "three\n").is_err());
    }
}
