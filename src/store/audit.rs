//! The audit chain: what happened, append-only, each entry tied to the one before it.
//!
//! Appending and reading; `verify` recomputes it. The head is also published in the issues, and
//! [`Store::contains`] answers whether a published one is still ours.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Store;
use super::chain::{Chain, Link};
use super::error::StoreError;
use super::rows::{Reading, milliseconds_up};
use super::sql::{Connection, Query, Reader, Row, query, query_scalar};
use crate::domain::ids::{IssueKey, ProjectId};

const PAGE: i64 = 500;

/// Something to write down.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What happened, in one or two words.
    pub kind: Cow<'static, str>,
    /// To which request; none for what concerns the installation.
    pub key: Option<IssueKey>,
    /// The particulars. Never a secret.
    pub detail: serde_json::Value,
}

/// An entry as it is stored: enough for others to compute its hash.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredEntry {
    /// From 1, without gaps.
    pub seq: i64,
    /// When it was written, in milliseconds since 1970 (UTC): the number that is hashed.
    pub at: i64,
    /// What happened.
    pub kind: String,
    /// The project, if it concerns a request.
    pub project: Option<i64>,
    /// The issue's number.
    pub iid: Option<i64>,
    /// The particulars: JSON, to the byte as it was hashed.
    pub detail: String,
    /// The hash of the entry before.
    pub prev: String,
    /// This entry's hash.
    pub hash: String,
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Head {
    /// Of the last entry; 0 while there is none.
    pub seq: i64,
    /// Its hash; the genesis while there is none.
    pub hash: String,
}

impl Store {
    /// Writes entries that go with no other change. Those of a look go with [`Store::commit`].
    pub async fn append(&self, entries: Vec<Entry>) -> Result<Head, StoreError> {
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move { append(connection, &chain, entries, now).await })
        });
        work.await
    }

    /// The end of the chain, as last written.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let row =
            query("SELECT seq, hash FROM chain_head WHERE id = 1").fetch_optional(&self.inner.read).await?;
        read_head(row.as_ref())
    }

    /// Whether the chain has had this end; true of the genesis at 0.
    pub async fn contains(&self, seq: i64, hash: &str) -> Result<bool, StoreError> {
        if seq == 0 {
            return Ok(hash == self.inner.chain.genesis());
        }
        let found: Option<String> = query_scalar("SELECT hash FROM audit WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&self.inner.read)
            .await?;
        Ok(found.as_deref() == Some(hash))
    }

    /// What was written down about a request, oldest first.
    pub async fn history(&self, key: IssueKey) -> Result<Vec<StoredEntry>, StoreError> {
        history(&self.inner.read, key).await
    }

    /// The page of entries from `seq` on, at most 500; empty after the last.
    pub async fn entries_from(&self, seq: i64) -> Result<Vec<StoredEntry>, StoreError> {
        entries_from(&self.inner.read, seq).await
    }

    /// The first and the last entry of a stretch of time, both included: from the first one written at or after
    /// `from` to the last one written before `to`. All that stand between them belong to it, whatever the clock did.
    pub async fn stretch(&self, from: Timestamp, to: Timestamp) -> Result<Option<(i64, i64)>, StoreError> {
        stretch(&self.inner.read, from, to).await
    }
}

impl StoredEntry {
    /// The request it concerns.
    pub fn key(&self) -> Option<IssueKey> {
        Some(IssueKey { project: ProjectId(self.project?), iid: self.iid? })
    }

    /// When it was written.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let reading = Reading::new(row, "audit");
        Ok(Self {
            seq: reading.get("seq")?,
            at: reading.get("at")?,
            kind: reading.get("kind")?,
            project: reading.get("project_id")?,
            iid: reading.get("iid")?,
            detail: reading.get("detail")?,
            prev: reading.get("prev")?,
            hash: reading.get("hash")?,
        })
    }

    pub(super) fn link(&self) -> Link<'_> {
        Link {
            prev: &self.prev,
            seq: self.seq,
            at: self.at,
            kind: &self.kind,
            project: self.project,
            iid: self.iid,
            detail: &self.detail,
        }
    }
}

pub(super) fn page(from: i64) -> Query {
    query(concat!("SELECT ", columns!(audit), " FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2"))
        .bind(from)
        .bind(PAGE)
}

pub(super) fn read_head(row: Option<&Row>) -> Result<Head, StoreError> {
    let missing = || StoreError::Inconsistent {
        table: "chain_head",
        key: "1".to_owned(),
        what: "the row is missing".to_owned(),
    };
    let reading = Reading::new(row.ok_or_else(missing)?, "chain_head");
    Ok(Head { seq: reading.get("seq")?, hash: reading.get("hash")? })
}

/// The end of the chain, which nobody else can move until this transaction ends: an update of its row locks it on
/// PostgreSQL as well. Always the last lock that is taken, or the only one: two who wait for each other get nowhere.
pub(super) async fn lock(connection: &mut Connection) -> Result<Head, StoreError> {
    let row = query("UPDATE chain_head SET seq = seq WHERE id = 1 RETURNING seq, hash")
        .fetch_optional(connection)
        .await?;
    read_head(row.as_ref())
}

/// Appends inside a transaction.
pub(super) async fn append(
    connection: &mut Connection,
    chain: &Chain,
    entries: Vec<Entry>,
    now: i64,
) -> Result<Head, StoreError> {
    let mut head = lock(connection).await?;
    for entry in entries {
        let stored = tie(chain, head, entry, now);
        insert(connection, &stored).await?;
        head = Head { seq: stored.seq, hash: stored.hash };
    }
    query("UPDATE chain_head SET seq = $1, hash = $2 WHERE id = 1")
        .bind(head.seq)
        .bind(head.hash.as_str())
        .execute(connection)
        .await?;
    Ok(head)
}

fn tie(chain: &Chain, head: Head, entry: Entry, now: i64) -> StoredEntry {
    let mut stored = StoredEntry {
        seq: head.seq + 1,
        at: now,
        kind: entry.kind.into_owned(),
        project: entry.key.map(|key| key.project.0),
        iid: entry.key.map(|key| key.iid),
        detail: entry.detail.to_string(),
        prev: head.hash,
        hash: String::new(),
    };
    stored.hash = chain.hash(&stored.link());
    stored
}

async fn insert(connection: &mut Connection, entry: &StoredEntry) -> Result<(), StoreError> {
    query(
        "INSERT INTO audit (seq, at, kind, project_id, iid, detail, prev, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(entry.seq)
    .bind(entry.at)
    .bind(entry.kind.as_str())
    .bind(entry.project)
    .bind(entry.iid)
    .bind(entry.detail.as_str())
    .bind(entry.prev.as_str())
    .bind(entry.hash.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn history(read: &Reader, key: IssueKey) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = query(concat!(
        "SELECT ",
        columns!(audit),
        " FROM audit WHERE project_id = $1 AND iid = $2 ORDER BY seq"
    ))
    .bind(key.project.0)
    .bind(key.iid)
    .fetch_all(read)
    .await?;
    rows.iter().map(StoredEntry::read).collect()
}

pub(super) async fn entries_from(read: &Reader, seq: i64) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = page(seq).fetch_all(read).await?;
    rows.iter().map(StoredEntry::read).collect()
}

pub(super) async fn stretch(
    read: &Reader,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<(i64, i64)>, StoreError> {
    let first: Option<i64> = query_scalar("SELECT MIN(seq) FROM audit WHERE at >= $1")
        .bind(milliseconds_up(from))
        .fetch_one(read)
        .await?;
    let last: Option<i64> = query_scalar("SELECT MAX(seq) FROM audit WHERE at < $1")
        .bind(milliseconds_up(to))
        .fetch_one(read)
        .await?;
    Ok(first.zip(last).filter(|(first, last)| first <= last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::VerifyError;
    use crate::store::testing::{Bench, Raw, entry, key, on_both};

    async fn chain_of(bench: &Bench, length: i64) -> Head {
        for iid in 0..length {
            bench.store.append(vec![entry("looked", iid)]).await.unwrap();
        }
        bench.store.verify().await.unwrap()
    }

    async fn without_triggers(bench: &Bench) -> Raw {
        let mut raw = bench.raw().await;
        let sqlite = "DROP TRIGGER audit_refuses_update; DROP TRIGGER audit_refuses_delete;
                      DROP TRIGGER audit_refuses_replace";
        let postgres = "DROP TRIGGER audit_refuses_change ON audit";
        raw.run(if bench.is_sqlite() { sqlite } else { postgres }).await.unwrap();
        raw
    }

    async fn broken_at(bench: &Bench) -> i64 {
        match bench.store.verify().await {
            Err(VerifyError::Broken { seq, .. }) => seq,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_whole_chain_verifies_over_several_pages() {
        on_both(async |bench| {
            let empty = bench.store.verify().await.unwrap();
            assert_eq!(empty.seq, 0);
            assert!(bench.store.contains(0, &empty.hash).await.unwrap());
            let entries: Vec<_> = (0..1201).map(|iid| entry("looked", iid)).collect();
            let head = bench.store.append(entries).await.unwrap();
            assert_eq!(head.seq, 1201);
            assert_eq!(bench.store.verify().await.unwrap(), head);
            assert_eq!(bench.store.head().await.unwrap(), head);
            let last = bench.store.entries_from(1001).await.unwrap();
            assert_eq!((last.len(), last[0].seq), (201, 1001));
            assert_eq!(bench.reopen().await.verify().await.unwrap(), head);
        })
        .await;
    }

    #[tokio::test]
    async fn a_published_head_is_known_again() {
        on_both(async |bench| {
            let head = chain_of(&bench, 3).await;
            chain_of(&bench, 2).await;
            assert!(bench.store.contains(head.seq, &head.hash).await.unwrap());
            assert!(!bench.store.contains(head.seq + 1, &head.hash).await.unwrap());
            assert!(!bench.store.contains(99, &head.hash).await.unwrap());
            assert!(!bench.store.contains(0, &head.hash).await.unwrap());
        })
        .await;
    }

    #[tokio::test]
    async fn history_is_of_one_request() {
        on_both(async |bench| {
            let installation = Entry { key: None, ..entry("started", 0) };
            bench
                .store
                .append(vec![entry("a", 1), entry("b", 2), installation, entry("c", 1)])
                .await
                .unwrap();
            let history = bench.store.history(key(1)).await.unwrap();
            assert_eq!(history.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["a", "c"]);
            assert_eq!(history[0].key(), Some(key(1)));
            assert_eq!(history[0].time(), bench.now());
            bench.store.verify().await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn a_change_of_any_column_is_found() {
        on_both(async |bench| {
            chain_of(&bench, 5).await;
            let mut raw = without_triggers(&bench).await;
            raw.run("CREATE TABLE backup AS SELECT * FROM audit".to_owned()).await.unwrap();
            let changes = [
                "seq = seq + 100",
                "seq = -seq",
                "seq = 'one'",
                "at = at + 1",
                "kind = 'l' || substr('Xooked', 1)",
                "kind = CAST(kind AS BLOB)",
                "project_id = 8",
                "project_id = NULL",
                "iid = iid + 1",
                "iid = NULL",
                "detail = replace(detail, '{', '{ ')",
                "prev = '0' || substr(prev, 2) || 'a'",
                "prev = upper(prev)",
                "hash = upper(hash)",
                "hash = prev",
            ];
            // PostgreSQL's columns keep their type.
            let possible =
                |change: &&str| bench.is_sqlite() || !change.contains("'one'") && !change.contains("BLOB");
            for row in [1, 3, 5] {
                for change in changes.into_iter().filter(possible) {
                    raw.run(format!("UPDATE audit SET {change} WHERE seq = {row}")).await.unwrap();
                    let found = broken_at(&bench).await;
                    assert!((1..=row).contains(&found), "row {row}, {change}: found at {found}");
                    raw.run("DELETE FROM audit; INSERT INTO audit SELECT * FROM backup".to_owned())
                        .await
                        .unwrap();
                    bench.store.verify().await.unwrap();
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_row_that_is_deleted_swapped_or_added_is_found() {
        on_both(async |bench| {
            chain_of(&bench, 5).await;
            let mut raw = without_triggers(&bench).await;
            raw.run("CREATE TABLE backup AS SELECT * FROM audit".to_owned()).await.unwrap();
            let swap = "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
                    UPDATE audit SET seq = 3 WHERE seq = 99";
            let copy = "INSERT INTO audit SELECT seq + 1, at, kind, project_id, iid, detail, hash, hash
                    FROM audit WHERE seq = 5";
            let changes = [
                ("DELETE FROM audit WHERE seq = 5", 4),
                ("DELETE FROM audit WHERE seq = 1", 1),
                ("DELETE FROM audit WHERE seq = 3", 3),
                ("DELETE FROM audit", 0),
                (swap, 2),
                (copy, 6),
            ];
            for (change, at) in changes {
                raw.run(change.to_owned()).await.unwrap();
                assert_eq!(broken_at(&bench).await, at, "{change}");
                raw.run("DELETE FROM audit; INSERT INTO audit SELECT * FROM backup".to_owned())
                    .await
                    .unwrap();
                bench.store.verify().await.unwrap();
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_head_that_was_changed_is_found_and_nothing_is_written_over_an_entry() {
        on_both(async |bench| {
            let head = chain_of(&bench, 3).await;
            let mut raw = bench.raw().await;
            raw.run("UPDATE chain_head SET seq = 2".to_owned()).await.unwrap();
            assert_eq!(broken_at(&bench).await, 3);
            assert!(bench.store.append(vec![entry("again", 1)]).await.is_err());
            raw.run(format!("UPDATE chain_head SET seq = 3, hash = upper('{}')", head.hash)).await.unwrap();
            assert_eq!(broken_at(&bench).await, 3);
            raw.run("DELETE FROM chain_head".to_owned()).await.unwrap();
            assert_eq!(broken_at(&bench).await, 3);
            assert!(bench.store.append(vec![entry("again", 1)]).await.is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn a_genuine_entry_of_a_chain_that_was_cut_off_does_not_fit_into_the_new_one() {
        on_both(async |bench| {
            let head = chain_of(&bench, 3).await;
            bench.store.append(vec![entry("old", 1), entry("old", 2)]).await.unwrap();
            let mut raw = without_triggers(&bench).await;
            let cut = "CREATE TABLE backup AS SELECT * FROM audit; DELETE FROM audit WHERE seq > 3";
            raw.run(cut.to_owned()).await.unwrap();
            raw.run(format!("UPDATE chain_head SET seq = 3, hash = '{}'", head.hash)).await.unwrap();
            bench.store.append(vec![entry("new", 1), entry("new", 2)]).await.unwrap();
            bench.store.verify().await.unwrap();
            let splice =
                "DELETE FROM audit WHERE seq = 4; INSERT INTO audit SELECT * FROM backup WHERE seq = 4";
            raw.run(splice.to_owned()).await.unwrap();
            assert_eq!(broken_at(&bench).await, 5);
        })
        .await;
    }

    #[tokio::test]
    async fn a_gap_is_found_even_where_we_were_led_to_write_it() {
        on_both(async |bench| {
            chain_of(&bench, 3).await;
            let mut raw = bench.raw().await;
            raw.run("UPDATE chain_head SET seq = 13".to_owned()).await.unwrap();
            bench.store.append(vec![entry("looked", 1)]).await.unwrap();
            let error = bench.store.verify().await.unwrap_err();
            let said = "the audit chain is broken at entry 4: the numbers have a gap: it was removed, or stands elsewhere";
 assert_eq!(error.to_string(), said);
        })
        .await;
    }

    #[tokio::test]
    async fn the_table_refuses_update_delete_and_replace() {
        on_both(async |bench| {
            chain_of(&bench, 2).await;
            let mut raw = bench.raw().await;
            let sqlite =
                "REPLACE INTO audit SELECT seq, at, 'x', project_id, iid, detail, prev, hash FROM audit";
            let postgres = "INSERT INTO audit SELECT * FROM audit ON CONFLICT (seq) DO UPDATE SET kind = 'x'";
            for text in [
                "UPDATE audit SET kind = 'x' WHERE seq = 1",
                "DELETE FROM audit WHERE seq = 2",
                if bench.is_sqlite() { sqlite } else { postgres },
                if bench.is_sqlite() { "DELETE FROM audit" } else { "TRUNCATE audit" },
            ] {
                let error = raw.run(text.to_owned()).await.unwrap_err();
                assert!(error.to_string().contains("append-only"), "{text}: {error}");
            }
            bench.store.verify().await.unwrap();
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn appending_from_two_stores_at_once_makes_one_chain() {
        on_both(async |bench| {
            let stores = [bench.store.clone(), bench.reopen().await];
            let tasks: Vec<_> = (0..40)
                .map(|number: i64| {
                    let store = stores[usize::from(number % 2 == 0)].clone();
                    tokio::spawn(async move { store.append(vec![entry("looked", number)]).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            assert_eq!(bench.store.verify().await.unwrap().seq, 40);
        })
        .await;
    }
}
