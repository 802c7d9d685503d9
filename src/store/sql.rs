//! One body of SQL, carried out on whichever database this is.
//!
//! The schema knows two types, BIGINT and TEXT, so a statement is a text with `$1` and a list of numbers and
//! texts. What differs between the drivers is here: `on!` expands each way of asking once for each of them, and
//! nothing else in the store names a driver's type. Not sqlx's `Any`: it cannot read what either database has of
//! its own, and both sides' strengths (`BEGIN IMMEDIATE`, row locks, LISTEN) stay in reach this way.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{
    Database, Decode, PgConnection, PgPool, Postgres, Row as _, Sqlite, SqliteConnection, SqlitePool,
    Transaction, Type,
};

/// A transaction on the one database or the other.
pub(super) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Connection {
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
    }
}

/// Connections that only read.
#[derive(Debug, Clone)]
pub(super) enum Reader {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Reader {
    /// A transaction that sees the database as it is now, whatever is written meanwhile.
    pub(super) async fn snapshot(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Connection::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                Connection::Postgres(pool.begin_with(begin).await?)
            }
        })
    }

    /// Whether all connections are back.
    pub(super) fn is_at_rest(&self) -> bool {
        let (open, idle) = match self {
            Self::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Self::Postgres(pool) => (pool.size(), pool.num_idle()),
        };
        usize::try_from(open) == Ok(idle)
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Where a statement is carried out: inside a transaction, or by itself on any of a pool's connections.
pub(super) enum Target<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
    SqlitePool(&'c SqlitePool),
    PostgresPool(&'c PgPool),
}

impl<'c> From<&'c mut Connection> for Target<'c> {
    fn from(connection: &'c mut Connection) -> Self {
        match connection {
            Connection::Sqlite(transaction) => Self::Sqlite(transaction),
            Connection::Postgres(transaction) => Self::Postgres(transaction),
        }
    }
}

impl<'c> From<&'c Reader> for Target<'c> {
    fn from(reader: &'c Reader) -> Self {
        match reader {
            Reader::Sqlite(pool) => Self::SqlitePool(pool),
            Reader::Postgres(pool) => Self::PostgresPool(pool),
        }
    }
}

/// The same body for each driver. What asks with it is boxed: four bodies would make every future above it large.
macro_rules! on {
    ($target:expr, $executor:ident => $body:expr) => {
        match $target {
            Target::Sqlite($executor) => $body,
            Target::Postgres($executor) => $body,
            Target::SqlitePool($executor) => $body,
            Target::PostgresPool($executor) => $body,
        }
    };
}

/// What is bound to a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
}

macro_rules! values {
    ($($from:ty => $variant:ident),*) => { $(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some(value.into()))
            }
        }

        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map(Into::into))
            }
        }
    )* };
}

values!(i64 => Integer, String => Text, &str => Text);

/// A row of an answer.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

/// A type that both databases have: `i64`, `String`, and options of them.
pub(super) trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Sized
{
}

impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// The value of a column.
    pub(super) fn try_get<T: Column>(&self, name: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        }
    }

    fn first<T: Column>(&self) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(0),
            Self::Postgres(row) => row.try_get(0),
        }
    }
}

/// A statement with what is bound to it.
#[derive(Debug, Clone)]
pub(super) struct Query {
    text: &'static str,
    postgres: Option<&'static str>,
    values: Vec<Value>,
}

/// A statement that both databases understand.
pub(super) fn query(text: &'static str) -> Query {
    Query { text, postgres: None, values: Vec::new() }
}

/// A statement that answers with a single value, or with none.
pub(super) fn query_scalar(text: &'static str) -> Scalar {
    Scalar(query(text))
}

impl Query {
    /// What PostgreSQL is asked instead: only where the two have no word in common (locks, lists).
    pub(super) fn on_postgres(mut self, text: &'static str) -> Self {
        self.postgres = Some(text);
        self
    }

    /// Binds the next placeholder.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// How many rows it changed.
    pub(super) async fn execute(self, on: impl Into<Target<'_>>) -> Result<u64, sqlx::Error> {
        let on = on.into();
        let asking = async move {
            on!(on, executor => self.prepared().execute(executor).await.map(|done| done.rows_affected()))
        };
        Box::pin(asking).await
    }

    /// All rows.
    pub(super) async fn fetch_all(self, on: impl Into<Target<'_>>) -> Result<Vec<Row>, sqlx::Error> {
        let on = on.into();
        let asking = async move {
            on!(on, executor => {
                let rows = self.prepared().fetch_all(executor).await;
                rows.map(|rows| rows.into_iter().map(Row::from).collect())
            })
        };
        Box::pin(asking).await
    }

    /// The first row, if there is any.
    pub(super) async fn fetch_optional(self, on: impl Into<Target<'_>>) -> Result<Option<Row>, sqlx::Error> {
        let on = on.into();
        let asking = async move {
            on!(on, executor => self.prepared().fetch_optional(executor).await.map(|row| row.map(Row::from)))
        };
        Box::pin(asking).await
    }

    fn prepared<DB: Dialect>(&self) -> Prepared<DB> {
        let prepared = sqlx::query(DB::text(self));
        self.values.iter().cloned().fold(prepared, DB::bind)
    }
}

/// A statement that answers with a single value.
#[derive(Debug, Clone)]
pub(super) struct Scalar(Query);

impl Scalar {
    pub(super) fn bind(self, value: impl Into<Value>) -> Self {
        Self(self.0.bind(value))
    }

    /// The value of the first row, if there is any.
    pub(super) async fn fetch_optional<T: Column>(
        self,
        on: impl Into<Target<'_>>,
    ) -> Result<Option<T>, sqlx::Error> {
        self.0.fetch_optional(on).await?.map(|row| row.first()).transpose()
    }

    /// The values of all rows.
    pub(super) async fn fetch_all<T: Column>(self, on: impl Into<Target<'_>>) -> Result<Vec<T>, sqlx::Error> {
        self.0.fetch_all(on).await?.iter().map(Row::first).collect()
    }

    /// The value of the one row that there must be.
    pub(super) async fn fetch_one<T: Column>(self, on: impl Into<Target<'_>>) -> Result<T, sqlx::Error> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// What the two drivers do differently with one statement.
trait Dialect: Database {
    fn text(query: &Query) -> &'static str;
    fn bind(prepared: Prepared<Self>, value: Value) -> Prepared<Self>;
}

type Prepared<DB> = sqlx::query::Query<'static, DB, <DB as Database>::Arguments>;

macro_rules! dialect {
    ($database:ty, $query:ident => $text:expr) => {
        impl Dialect for $database {
            fn text($query: &Query) -> &'static str {
                $text
            }

            fn bind(prepared: Prepared<Self>, value: Value) -> Prepared<Self> {
                match value {
                    Value::Integer(value) => prepared.bind(value),
                    Value::Text(value) => prepared.bind(value),
                }
            }
        }
    };
}

dialect!(Sqlite, query => query.text);
dialect!(Postgres, query => query.postgres.unwrap_or(query.text));
