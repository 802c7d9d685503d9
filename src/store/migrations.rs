//! The list of migrations, one for both databases, and how they are carried out.
//!
//! Several releases run on one database during a rolling upgrade. So a migration only adds: a table, an index, a
//! column that may be empty or has a default; never does it rename, drop or give another meaning. A release that
//! finds migrations of a later one goes on. When one must not (a contraction, a release later), that migration sets
//! `oldest_schema` to the number that a release has to know.

use std::collections::BTreeMap;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use super::error::StoreError;
use super::settings;
use super::sql::{Connection, Target, query, query_scalar};

/// The table that sqlx keeps.
const TABLE: &str = "_sqlx_migrations";
/// The setting that names the migration a release must know to run on this database.
const OLDEST_SCHEMA: &str = "oldest_schema";

struct Texts {
    sqlite: &'static str,
    postgres: &'static str,
}

const fn both(text: &'static str) -> Texts {
    Texts { sqlite: text, postgres: text }
}

/// By number and name. Published numbers and texts never change.
const ALL: &[(i64, &str, Texts)] = &[
    (1, "tables", both(include_str!("migrations/0001_tables.sql"))),
    (
        2,
        "audit is append-only",
        Texts {
            sqlite: include_str!("migrations/0002_audit_is_append_only.sqlite.sql"),
            postgres: include_str!("migrations/0002_audit_is_append_only.postgres.sql"),
        },
    ),
    (3, "directory pins", both(include_str!("migrations/0003_directory_pins.sql"))),
    (10, "life", both(include_str!("migrations/0010_life.sql"))),
    (11, "extensions", both(include_str!("migrations/0011_extensions.sql"))),
    (12, "audit sinks", both(include_str!("migrations/0012_audit_sinks.sql"))),
    (13, "calendar", both(include_str!("migrations/0013_calendar.sql"))),
    (14, "inventory", both(include_str!("migrations/0014_inventory.sql"))),
    (15, "retirements", both(include_str!("migrations/0015_retirements.sql"))),
    (16, "sweeps", both(include_str!("migrations/0016_sweeps.sql"))),
    (20, "turns", both(include_str!("migrations/0020_turns.sql"))),
    (23, "retirement claims", both(include_str!("migrations/0023_retirement_claims.sql"))),
    (24, "deeds", both(include_str!("migrations/0024_deeds.sql"))),
];

/// Migrates inside a transaction that other processes wait for.
pub(super) async fn run(connection: &mut Connection) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(transaction) => {
            migrator(|texts| texts.sqlite).run_direct(None, &mut **transaction, false).await?;
        }
        Connection::Postgres(_) => run_on_postgres(connection).await?,
    }
    let oldest = settings::get(connection, OLDEST_SCHEMA).await?;
    let newest = ALL.iter().map(|(number, ..)| *number).max().unwrap_or_default();
    match oldest.map(|oldest| oldest.parse::<i64>().unwrap_or(i64::MAX)) {
        Some(oldest) if oldest > newest => Err(MigrateError::VersionMissing(oldest).into()),
        _ => Ok(()),
    }
}

/// Without anything to do nothing is done, so that the service's role needs no right to change tables.
async fn run_on_postgres(connection: &mut Connection) -> Result<(), StoreError> {
    // Whoever comes second waits for the first to migrate, longer than for any row; then as usual.
    query("SET LOCAL lock_timeout = '60s'").execute(&mut *connection).await?;
    query("SET LOCAL statement_timeout = '10min'").execute(&mut *connection).await?;
    query("SELECT pg_advisory_xact_lock(2026112201)").execute(&mut *connection).await?;
    query("SET LOCAL lock_timeout = '5s'").execute(&mut *connection).await?;
    let begun = is_begun(&mut *connection).await?;
    let Connection::Postgres(transaction) = connection else { return Ok(()) };
    let migrator = migrator(|texts| texts.postgres);
    if !begun || is_behind(&migrator, &mut **transaction).await? {
        migrator.run_direct(None, &mut **transaction, false).await?;
    }
    Ok(())
}

/// Whether any migration was ever made.
pub(super) async fn is_begun(on: impl Into<Target<'_>>) -> Result<bool, StoreError> {
    let on = on.into();
    let table = match on {
        Target::Sqlite(_) | Target::SqlitePool(_) => {
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'"
        }
        Target::Postgres(_) | Target::PostgresPool(_) => "SELECT count(to_regclass('_sqlx_migrations'))",
    };
    Ok(query_scalar(table).fetch_one::<i64>(on).await? > 0)
}

async fn is_behind<C: Migrate>(migrator: &Migrator, connection: &mut C) -> Result<bool, MigrateError> {
    let applied = connection.list_applied_migrations(TABLE).await?;
    let applied: BTreeMap<_, _> = applied.into_iter().map(|one| (one.version, one.checksum)).collect();
    let dirty = connection.dirty_version(TABLE).await?.is_some();
    Ok(dirty || migrator.iter().any(|one| applied.get(&one.version) != Some(&one.checksum)))
}

fn migrator(text: impl Fn(&Texts) -> &'static str) -> Migrator {
    let migration = |(number, name, texts): &(i64, &'static str, Texts)| {
        let sql = text(texts).into_sql_str();
        Migration::new(*number, (*name).into(), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations(ALL.iter().map(migration).collect());
    migrator.set_ignore_missing(true);
    // The lock is ours; sqlx's would stay with the connection if this transaction were taken back.
    migrator.set_locking(false);
    migrator
}

#[cfg(test)]
mod tests {
    use crate::store::StoreError;
    use crate::store::testing::{Bench, key, on_both};

    async fn is_migrated_by_a_later_release(bench: &Bench) {
        let blob = if bench.is_sqlite() { "x'00'" } else { "'\\x00'" };
        let applied = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', TRUE, {blob}, 0);
             ALTER TABLE requests ADD COLUMN later TEXT DEFAULT 'later';
             CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY);"
        );
        bench.raw().await.run(applied).await.unwrap();
    }

    #[tokio::test]
    async fn t30_this_release_goes_on_beside_a_later_one_that_migrated() {
        on_both(async |bench| {
            bench.put(1, "unseen").await;
            for _ in 0..9 {
                bench.store.request(key(1)).await.unwrap();
                bench.store.claim("worker", crate::store::testing::LEASE).await.unwrap();
            }
            is_migrated_by_a_later_release(&bench).await;
            let opened_later = bench.reopen().await;
            for store in [&bench.store, &opened_later] {
                store.mark(key(1)).await.unwrap();
                assert_eq!(store.request(key(1)).await.unwrap().unwrap().key, key(1));
            }
            bench.put(1, "active").await;
        })
        .await;
    }

    #[tokio::test]
    async fn t30_a_database_that_needs_a_later_release_is_refused() {
        on_both(async |bench| {
            for oldest in ["9999", "not a number"] {
                bench.store.set_setting("oldest_schema", oldest).await.unwrap();
                assert!(matches!(bench.try_open().await, Err(StoreError::OtherRelease(_))), "{oldest}");
            }
            bench.store.set_setting("oldest_schema", "1").await.unwrap();
            bench.reopen().await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_migration_whose_text_was_changed_is_refused() {
        on_both(async |bench| {
            let blob = if bench.is_sqlite() { "x'00'" } else { "'\\x00'" };
            let changed = format!("UPDATE _sqlx_migrations SET checksum = {blob} WHERE version = 1");
            bench.raw().await.run(changed).await.unwrap();
            assert!(matches!(bench.try_open().await, Err(StoreError::OtherRelease(_))));
        })
        .await;
    }
}
