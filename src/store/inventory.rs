//! The daily inventory of each instance: who takes it, and what it found.
//!
//! One a day for an instance, whoever comes first. One that was begun and not finished within the hour belonged to a
//! process that died; another may take it.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::audit::{self, Entry};
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Row, query};

/// After this a run that was not finished is nobody's.
const ABANDONED: SignedDuration = SignedDuration::from_hours(1);

/// What a finished run found.
#[derive(Debug, Clone, PartialEq)]
pub struct InventoryRun {
    /// The instance's key.
    pub instance: String,
    /// Its day (UTC).
    pub day: Date,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// What it found.
    pub document: serde_json::Value,
}

impl Store {
    /// Whether the run of this day is ours to do. False: it was done, or somebody else is at it.
    pub async fn begin_inventory(&self, instance: &str, day: Date) -> Result<bool, StoreError> {
        let (instance, day) = (instance.to_owned(), day.to_string());
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let abandoned = now - i64::try_from(ABANDONED.as_millis()).unwrap_or(0);
                let done = query(
                    "INSERT INTO inventory_runs (instance, day, begun_at) VALUES ($1, $2, $3)
                     ON CONFLICT (instance, day) DO UPDATE SET begun_at = excluded.begun_at
                     WHERE inventory_runs.finished_at IS NULL AND inventory_runs.begun_at <= $4",
                )
                .bind(instance)
                .bind(day)
                .bind(now)
                .bind(abandoned)
                .execute(connection)
                .await?;
                Ok(done > 0)
            })
        });
        work.await
    }

    /// Writes down what the run of this day found, with its audit entry.
    pub async fn finish_inventory(
        &self,
        (instance, day): (&str, Date),
        document: &serde_json::Value,
        entry: Entry,
    ) -> Result<(), StoreError> {
        let (instance, day, document) = (instance.to_owned(), day.to_string(), document.to_string());
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                query(
                    "UPDATE inventory_runs SET finished_at = $3, document = $4 WHERE instance = $1 AND day = $2",
                )
                .bind(instance)
                .bind(day)
                .bind(now)
                .bind(document)
                .execute(&mut *connection)
                .await?;
                audit::append(connection, &chain, vec![entry], now).await?;
                Ok(())
            })
        });
        work.await
    }

    /// The last finished run of every instance.
    pub async fn last_inventories(&self) -> Result<Vec<InventoryRun>, StoreError> {
        let rows = query(concat!(
            "SELECT ",
            columns!(inventory_runs),
            " FROM inventory_runs r
             WHERE finished_at IS NOT NULL AND day = (
                 SELECT max(day) FROM inventory_runs other
                 WHERE other.instance = r.instance AND other.finished_at IS NOT NULL)
             ORDER BY instance"
        ))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The last finished run of an instance.
    pub async fn last_inventory(&self, instance: &str) -> Result<Option<InventoryRun>, StoreError> {
        let row = query(concat!(
            "SELECT ",
            columns!(inventory_runs),
            " FROM inventory_runs WHERE instance = $1 AND finished_at IS NOT NULL
             ORDER BY day DESC LIMIT 1"
        ))
        .bind(instance)
        .fetch_optional(&self.inner.read)
        .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &Row) -> Result<InventoryRun, StoreError> {
    let reading = Reading::new(row, "inventory_runs");
    let day: String = reading.get("day")?;
    Ok(InventoryRun {
        instance: reading.get("instance")?,
        day: day.parse().map_err(|_| reading.broken("column day is no date".to_owned()))?,
        begun_at: reading.time("begun_at")?,
        document: reading
            .document("document")?
            .ok_or_else(|| reading.broken("it has no document".to_owned()))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::on_both;
    use jiff::civil::date;
    use serde_json::json;

    #[tokio::test]
    async fn a_day_is_taken_once_and_an_abandoned_one_again() {
        on_both(async |bench| {
            let (store, day) = (&bench.store, date(2026, 12, 1));
            assert!(store.begin_inventory("global", day).await.unwrap());
            assert!(!store.begin_inventory("global", day).await.unwrap());
            assert!(store.begin_inventory("other", day).await.unwrap());
            bench.clock.advance(ABANDONED);
            assert!(store.begin_inventory("global", day).await.unwrap());
            assert_eq!(store.last_inventory("global").await.unwrap(), None);
            let entry = Entry { kind: "inventory.taken".into(), key: None, detail: json!({}) };
            store.finish_inventory(("global", day), &json!({"a": 1}), entry).await.unwrap();
            bench.clock.advance(ABANDONED * 3);
            assert!(!store.begin_inventory("global", day).await.unwrap());
            let last = store.last_inventory("global").await.unwrap().unwrap();
            assert_eq!((last.day, &last.document), (day, &json!({"a": 1})));
            assert_eq!(store.last_inventories().await.unwrap(), [last]);
            assert_eq!(store.verify().await.unwrap().seq, 1);
        })
        .await;
    }
}
