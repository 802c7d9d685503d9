//! Recomputing the audit chain: in the database, in a copy of it, or entry by entry from an exported file.
//!
//! Every changed, swapped, inserted, missing or newly chained entry is found, and the first one is named. One thing
//! no chain can show by itself: somebody who cuts off the end and sets `chain_head` back to match, since that is a
//! chain that once was. That is what the heads in the issues' comments are for.

use super::Store;
use super::audit::{Head, StoredEntry, page, read_head};
use super::chain::Chain;
use super::error::StoreError;
use super::sql::{Reader, Row, query};
use crate::key::Key;

/// Why the chain was not found whole.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// Somebody changed it.
    #[error("the audit chain is broken at entry {seq}: {what}")]
    Broken {
        /// The first entry that is not as it must be.
        seq: i64,
        /// What is wrong.
        what: &'static str,
    },
    /// It could not be read; nothing is known.
    #[error("the audit chain could not be read")]
    Unread(#[source] StoreError),
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unread(error.into())
    }
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        Self::Unread(error)
    }
}

impl Store {
    /// Recomputes the whole chain and compares it with its recorded head; that head.
    pub async fn verify(&self) -> Result<Head, VerifyError> {
        let (read, chain) = (self.inner.read.clone(), self.inner.chain.clone());
        // In a task of its own, like every transaction.
        let task = tokio::spawn(async move { verify(&read, &chain).await });
        task.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }
}

/// Follows a part of a chain from its first entry on, in order.
pub struct Verifier {
    chain: Chain,
    head: Option<Head>,
}

impl Verifier {
    /// Of a part that may begin anywhere: its first entry is proven by its own hash, which only the key makes.
    pub fn of_part(key: Key) -> Self {
        Self { chain: Chain::new(key, ""), head: None }
    }

    /// Takes the next entry, or says what is wrong with it. After an error the rest means nothing.
    pub fn follow(&mut self, entry: &StoredEntry) -> Result<(), VerifyError> {
        let before = self.head.take();
        let before =
            before.unwrap_or_else(|| Head { seq: entry.seq.saturating_sub(1), hash: entry.prev.clone() });
        self.head = Some(follows(&self.chain, &before, entry)?);
        Ok(())
    }

    /// The last entry so far.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Verifier").field("head", &self.head).finish_non_exhaustive()
    }
}

/// One transaction, so that what is appended meanwhile is either all seen or not at all.
pub(super) async fn verify(read: &Reader, chain: &Chain) -> Result<Head, VerifyError> {
    let mut snapshot = read.snapshot().await?;
    let mut head = Head { seq: 0, hash: chain.genesis().to_owned() };
    let mut from = i64::MIN;
    loop {
        let rows = page(from).fetch_all(&mut snapshot).await?;
        for row in &rows {
            head = follows_row(chain, &head, row)?;
        }
        match rows.last().map(|row| row.try_get::<i64>("seq")) {
            Some(Ok(last)) if last < i64::MAX => from = last + 1,
            _ => break,
        }
    }
    let recorded =
        query("SELECT seq, hash FROM chain_head WHERE id = 1").fetch_optional(&mut snapshot).await?;
    match read_head(recorded.as_ref()) {
        Ok(recorded) if recorded == head => Ok(head),
        _ => Err(VerifyError::Broken {
            seq: head.seq,
            what: "it is the last one there, and not the recorded end of the chain",
        }),
    }
}

fn follows_row(chain: &Chain, head: &Head, row: &Row) -> Result<Head, VerifyError> {
    let unreadable = VerifyError::Broken { seq: head.seq + 1, what: "a column is of another type" };
    let entry = StoredEntry::read(row).map_err(|_| unreadable)?;
    follows(chain, head, &entry)
}

fn follows(chain: &Chain, head: &Head, entry: &StoredEntry) -> Result<Head, VerifyError> {
    let seq = head.seq.saturating_add(1);
    let broken = |what| VerifyError::Broken { seq, what };
    if entry.seq != seq {
        return Err(broken("the numbers have a gap: it was removed, or stands elsewhere"));
    }
    if entry.prev != head.hash {
        return Err(broken("it does not follow the one before it"));
    }
    if chain.hash(&entry.link()) != entry.hash {
        return Err(broken("it is not what was written: changed, or chained anew without the key"));
    }
    Ok(Head { seq, hash: entry.hash.clone() })
}
