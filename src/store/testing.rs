//! A store in a folder of its own with a clock that stands still, for the tests of this module.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;

use super::{Change, Claim, Entry, NewOrder, Release, Store, StoreError};
use crate::clock::{AdjustableClock, Clock, SystemRandomness};
use crate::domain::ids::{EventId, IssueId, IssueKey, ProjectId, UserId, ZendeskUserId};
use crate::domain::phase::Phase;
use crate::domain::record::{Attempt, AttemptState, Record, Slot};
use crate::domain::snapshot::OrderKind;
use crate::domain::terms::Kind;
use crate::key::Key;

/// The audit key.
pub(crate) const KEY: &[u8] = b"the audit key of the tests";

pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(super) clock: Arc<AdjustableClock>,
    folder: Arc<TempDir>,
}

/// The folder and the clock, before any store was opened.
pub(super) struct Empty {
    clock: Arc<AdjustableClock>,
    folder: Arc<TempDir>,
}

impl Empty {
    pub(super) fn try_open(&self) -> impl Future<Output = Result<Store, StoreError>> + Send + 'static {
        let (path, clock) = (self.folder.path().join("test.db"), self.clock.clone());
        async move {
            let key = Key::of_bytes(KEY.to_vec());
            Store::open(&path, clock, &SystemRandomness, key).await
        }
    }
}

impl Bench {
    pub(super) fn empty() -> Empty {
        let start = Timestamp::from_millisecond(1_800_000_000_000).unwrap();
        Empty { clock: AdjustableClock::frozen(start), folder: Arc::new(TempDir::new().unwrap()) }
    }

    pub(crate) async fn new() -> Self {
        let empty = Self::empty();
        Self { store: empty.try_open().await.unwrap(), clock: empty.clock, folder: empty.folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    pub(super) async fn try_open(&self) -> Result<Store, StoreError> {
        Empty { clock: self.clock.clone(), folder: self.folder.clone() }.try_open().await
    }

    /// A second store on the same file.
    pub(super) async fn reopen(&self) -> Store {
        self.try_open().await.unwrap()
    }

    /// A connection that knows none of our rules.
    pub(super) async fn raw(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) async fn claim(&self, iid: i64) -> Claim {
        self.store.claim_one("worker", key(iid), LEASE).await.unwrap().unwrap()
    }

    /// Marks these issues.
    pub(super) async fn mark(&self, iids: std::ops::Range<i64>) {
        for iid in iids {
            self.store.mark(key(iid)).await.unwrap();
        }
    }

    /// A row in that phase that is not due.
    pub(super) async fn put(&self, iid: i64, phase: &str) {
        self.store.mark(key(iid)).await.unwrap();
        let claim = self.claim(iid).await;
        let change = Change { phase: phase.to_owned(), ..Change::default() };
        self.store.commit(&claim, change).await.unwrap();
        self.store.release(&claim, Release::default()).await.unwrap();
    }

    /// Gives the row a record and one attempt, in the phase it has.
    pub(super) async fn remember(&self, iid: i64, record: Record) {
        let claim = self.claim(iid).await;
        let phase = claim.phase.clone();
        let change = Change { phase, record: Some(record), attempts: vec![attempt(1)], ..Change::default() };
        self.store.commit(&claim, change).await.unwrap();
        self.store.release(&claim, Release::default()).await.unwrap();
    }
}

pub(super) fn key(iid: i64) -> IssueKey {
    IssueKey { project: ProjectId(7), iid }
}

pub(super) fn release_at(next_look: Timestamp) -> Release {
    Release { next_look: Some(next_look), ..Release::default() }
}

pub(super) fn entry(kind: &'static str, iid: i64) -> Entry {
    Entry { kind: kind.into(), key: Some(key(iid)), detail: serde_json::json!({ "number": iid }) }
}

pub(super) fn order(iid: i64, kind: OrderKind) -> NewOrder {
    NewOrder { key: key(iid), kind, why: "a person said so".to_owned(), by: "root".to_owned() }
}

pub(super) fn record() -> Record {
    Record {
        faults: Vec::new(),
        doubts: Vec::new(),
        attempt_floor: 0,
        reminders: Vec::new(),
        last_words: None,
        issue: IssueId(70),
        url: "https://gitlab.example/g/p/-/issues/1".to_owned(),
        author: UserId(3),
        first_seen_at: Timestamp::UNIX_EPOCH,
        generation: 1,
        watermark: EventId(0),
        generation_since: Timestamp::UNIX_EPOCH,
        phase: Phase::AwaitingManager { since: Timestamp::UNIX_EPOCH },
        manager: Slot::default(),
        provisioner: Slot::default(),
        removals: Vec::new(),
        issued: None,
        note: None,
    }
}

pub(super) fn attempt(number: u32) -> Attempt {
    Attempt {
        failures: 0,
        found_gone: false,
        touched: false,
        not_before: None,
        number,
        generation: 1,
        nonce: "nonce".to_owned(),
        instance: "global".to_owned(),
        kind: Kind::ApiToken,
        name: "https://gitlab.example/g/p/-/issues/1".to_owned(),
        identifier: None,
        owner: ZendeskUserId(9),
        listed_before: Vec::new(),
        intent_at: Timestamp::UNIX_EPOCH,
        deadline: Timestamp::UNIX_EPOCH,
        state: AttemptState::Intended,
        credential: None,
        tokens: Vec::new(),
        secret_discarded: false,
        minted_at: None,
        seen_listed: false,
        delivery: None,
        looks: Vec::new(),
    }
}
