//! A store of its own with a clock that stands still, for the tests of this module: on a file, or on PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use self::postgresql::Server;
use super::{Change, Claim, Entry, Location, NewOrder, Release, Store, StoreError};
use crate::clock::{AdjustableClock, Clock, SystemRandomness};
use crate::domain::ids::{EventId, IssueId, IssueKey, ProjectId, UserId, ZendeskUserId};
use crate::domain::phase::Phase;
use crate::domain::record::{Attempt, AttemptState, Record, Slot};
use crate::domain::snapshot::OrderKind;
use crate::domain::terms::Kind;
use crate::key::Key;

#[path = "../../tests/support/postgresql.rs"]
mod postgresql;

/// The audit key.
pub(crate) const KEY: &[u8] = b"the audit key of the tests";

pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// Tells the same story on a file and, where it is installed, on PostgreSQL.
pub(super) async fn on_both(story: impl AsyncFn(Bench)) {
    on_both_from_nothing(async |empty| story(empty.open().await).await).await;
}

/// The same before any store was opened.
pub(super) async fn on_both_from_nothing(story: impl AsyncFn(Empty)) {
    Box::pin(story(Empty::on_sqlite())).await;
    if let Some(empty) = Empty::on_postgres().await {
        Box::pin(story(empty)).await;
    }
}

/// Tells a story that is about PostgreSQL alone, where it is installed.
pub(super) async fn on_postgres(story: impl AsyncFn(Bench)) {
    if let Some(empty) = Empty::on_postgres().await {
        Box::pin(story(empty.open().await)).await;
    }
}

#[derive(Clone)]
enum Place {
    File(Arc<TempDir>),
    Database(String),
}

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(super) clock: Arc<AdjustableClock>,
    place: Place,
}

/// The place and the clock, before any store was opened.
pub(super) struct Empty {
    clock: Arc<AdjustableClock>,
    place: Place,
}

impl Empty {
    pub(super) fn on_sqlite() -> Self {
        Self::at(Place::File(Arc::new(TempDir::new().unwrap())))
    }

    /// `None` where it is not installed.
    pub(super) async fn on_postgres() -> Option<Self> {
        let server = Server::get()?;
        let name = server.fresh_name();
        let mut anywhere = PgConnection::connect(&server.url("postgres")).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut anywhere).await.unwrap();
        Some(Self::at(Place::Database(server.url(&name))))
    }

    fn at(place: Place) -> Self {
        let start = Timestamp::from_millisecond(1_800_000_000_000).unwrap();
        Self { clock: AdjustableClock::frozen(start), place }
    }

    pub(super) async fn open(self) -> Bench {
        Bench { store: self.try_open().await.unwrap(), clock: self.clock, place: self.place }
    }

    pub(super) fn location(&self) -> Location {
        self.place.location()
    }

    pub(super) fn try_open(&self) -> impl Future<Output = Result<Store, StoreError>> + Send + 'static {
        let (location, clock) = (self.location(), self.clock.clone());
        async move {
            let key = Key::of_bytes(KEY.to_vec());
            Store::open(location, clock, &SystemRandomness, key).await
        }
    }
}

impl Place {
    fn location(&self) -> Location {
        match self {
            Self::File(folder) => Location::Sqlite(folder.path().join("test.db")),
            Self::Database(url) => Location::Postgres { url: url.parse().unwrap(), password: None },
        }
    }
}

/// A connection that knows none of our rules.
pub(super) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub(super) async fn run(&mut self, text: impl Into<String>) -> Result<(), sqlx::Error> {
        let text = sqlx::raw_sql(AssertSqlSafe(text.into()));
        match self {
            Self::Sqlite(connection) => text.execute(connection).await.map(drop),
            Self::Postgres(connection) => text.execute(connection).await.map(drop),
        }
    }
}

impl Bench {
    /// On a file.
    pub(crate) async fn new() -> Self {
        Empty::on_sqlite().open().await
    }

    /// Another on the same kind of database, with nothing in it.
    pub(super) async fn beside(&self) -> Self {
        let empty = match self.place {
            Place::File(_) => Empty::on_sqlite(),
            Place::Database(_) => Empty::on_postgres().await.unwrap(),
        };
        empty.open().await
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    pub(super) fn location(&self) -> Location {
        self.place.location()
    }

    pub(super) fn path(&self) -> PathBuf {
        match self.location() {
            Location::Sqlite(path) => path,
            Location::Postgres { .. } => panic!("PostgreSQL has no file"),
        }
    }

    pub(super) async fn try_open(&self) -> Result<Store, StoreError> {
        Empty { clock: self.clock.clone(), place: self.place.clone() }.try_open().await
    }

    /// A second store on the same database.
    pub(super) async fn reopen(&self) -> Store {
        self.try_open().await.unwrap()
    }

    /// The database's name on the server.
    pub(super) fn database(&self) -> String {
        match self.location() {
            Location::Sqlite(_) => panic!("a file has no name on a server"),
            Location::Postgres { url, .. } => url.path().trim_start_matches('/').to_owned(),
        }
    }

    /// A connection that knows none of our rules.
    pub(super) async fn raw(&self) -> Raw {
        self.raw_at(&self.location()).await
    }

    /// The same as somebody else.
    pub(super) async fn raw_at(&self, location: &Location) -> Raw {
        match location {
            Location::Sqlite(path) => {
                Raw::Sqlite(SqliteConnectOptions::new().filename(path).connect().await.unwrap())
            }
            Location::Postgres { url, .. } => {
                Raw::Postgres(PgConnection::connect(url.as_str()).await.unwrap())
            }
        }
    }

    /// From now on the table of the audit refuses entries for which this holds.
    pub(super) async fn audit_refuses(&self, condition: &str) {
        self.refuses(("refuses", "INSERT ON audit"), condition).await;
    }

    /// From now on the table of requests refuses changes of rows for which this holds.
    pub(super) async fn requests_refuse(&self, condition: &str) {
        self.refuses(("refuse", "UPDATE ON requests"), condition).await;
    }

    async fn refuses(&self, (name, event): (&str, &str), condition: &str) {
        let trigger = if self.is_sqlite() {
            format!(
                "CREATE TRIGGER {name} BEFORE {event} WHEN {condition}
                 BEGIN SELECT RAISE(ABORT, 'no space'); END"
            )
        } else {
            format!(
                "CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW WHEN ({condition})
                 EXECUTE FUNCTION audit_refuses()"
            )
        };
        self.raw().await.run(trigger).await.unwrap();
    }

    /// It takes them again.
    pub(super) async fn requests_are_taken(&self) {
        let on = if self.is_sqlite() { "" } else { " ON requests" };
        self.raw().await.run(format!("DROP TRIGGER refuse{on}")).await.unwrap();
    }

    /// Somebody else is writing, for as long as the connection lives.
    pub(super) async fn writer_elsewhere(&self) -> Raw {
        let mut raw = self.raw().await;
        let begin = "BEGIN; LOCK TABLE requests, orders, settings, chain_head IN EXCLUSIVE MODE";
        raw.run(if self.is_sqlite() { "BEGIN IMMEDIATE" } else { begin }).await.unwrap();
        raw
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
        revocation: Slot::default(),
        notices: Vec::new(),
        by_hand: Vec::new(),
        leavers: Vec::new(),
        people_seen_at: None,
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
        note_asked: None,
        seal_coded: false,
    }
}

pub(super) fn attempt(number: u32) -> Attempt {
    Attempt {
        failures: 0,
        found_gone: false,
        missing_since: None,
        switched_off_at: None,
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
        secret_discarded_at: None,
        minted_at: None,
        seen_listed: false,
        delivery: None,
        looks: Vec::new(),
    }
}
