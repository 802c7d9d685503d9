//! What a person told a request to do. The order is durable before anything is done about it.
//!
//! Giving an order also marks the request, in the same transaction. An order is open until the commit that
//! fulfils it, so it survives any crash in between, and it is kept afterwards.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::marks;
use super::rows::Reading;
use super::sql::{Row, query, query_scalar};
use crate::domain::ids::IssueKey;
use crate::domain::snapshot::OrderKind;

/// An order to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// To which request.
    pub key: IssueKey,
    /// What to do.
    pub kind: OrderKind,
    /// Why, in their words.
    pub why: String,
    /// Who, as the command line knows them.
    pub by: String,
}

/// An order that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The issue's key, a slash and the number of the order: `7#12/1`.
    pub id: String,
    /// To which request.
    pub key: IssueKey,
    /// What to do.
    pub kind: OrderKind,
    /// Why, in their words.
    pub why: String,
    /// Who, as the command line knew them.
    pub by: String,
    /// When.
    pub given_at: Timestamp,
}

impl Store {
    /// Gives an order and marks the request for a look; the order's id.
    pub async fn give_order(&self, order: NewOrder) -> Result<String, StoreError> {
        let NewOrder { key, kind, why, by } = order;
        let stored = stored(kind);
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                // First the mark: it locks the request's row, so nobody else counts its orders now.
                marks::upsert(connection, key, now).await?;
                let before: i64 =
                    query_scalar("SELECT count(*) FROM orders WHERE project_id = $1 AND iid = $2")
                        .bind(key.project.0)
                        .bind(key.iid)
                        .fetch_one(&mut *connection)
                        .await?;
                let id = format!("{key}/{}", before + 1);
                query(
                    "INSERT INTO orders (id, project_id, iid, kind, why, by_whom, given_at, deed)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(id.clone())
                .bind(key.project.0)
                .bind(key.iid)
                .bind(stored.0)
                .bind(why)
                .bind(by)
                .bind(now)
                .bind(stored.1)
                .execute(connection)
                .await?;
                Ok(id)
            })
        });
        let id = work.await?;
        marks::wake(&self.inner.wake, 1);
        Ok(id)
    }

    /// Orders not fulfilled yet, oldest first.
    pub async fn open_orders(&self, key: IssueKey) -> Result<Vec<Order>, StoreError> {
        let rows = query(concat!(
            "SELECT ",
            columns!(orders),
            " FROM orders WHERE project_id = $1 AND iid = $2 AND done_at IS NULL
             ORDER BY given_at, length(id), id"
        ))
        .bind(key.project.0)
        .bind(key.iid)
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }
}

/// Its columns `kind` and `deed`. To tell of a deed is `retry` for a release that knows no deeds.
fn stored(kind: OrderKind) -> (&'static str, Option<&'static str>) {
    match kind {
        OrderKind::Revoke | OrderKind::Retry => (kind.key(), None),
        OrderKind::Tell(deed) => (OrderKind::Retry.key(), Some(deed.key())),
    }
}

fn read(row: &Row) -> Result<Order, StoreError> {
    let reading = Reading::new(row, "orders");
    let (kind, deed): (String, Option<String>) = (reading.get("kind")?, reading.get("deed")?);
    let kind = OrderKind::ALL.into_iter().find(|known| stored(*known) == (kind.as_str(), deed.as_deref()));
    Ok(Order {
        id: reading.get("id")?,
        key: reading.issue()?,
        kind: kind.ok_or_else(|| reading.broken("its kind is unknown".to_owned()))?,
        why: reading.get("why")?,
        by: reading.get("by_whom")?,
        given_at: reading.time("given_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{key, on_both, order};

    #[tokio::test]
    async fn an_order_is_open_and_marks_its_request() {
        on_both(async |bench| {
            let mut ids = Vec::new();
            for _ in 0..11 {
                ids.push(bench.store.give_order(order(1, OrderKind::Revoke)).await.unwrap());
            }
            bench.store.give_order(order(11, OrderKind::Retry)).await.unwrap();
            for kind in OrderKind::ALL {
                bench.store.give_order(order(12, kind)).await.unwrap();
            }
            let all = bench.store.open_orders(key(12)).await.unwrap();
            assert_eq!(all.iter().map(|order| order.kind).collect::<Vec<_>>(), OrderKind::ALL);
            let open = bench.store.open_orders(key(1)).await.unwrap();
            assert_eq!(open.iter().map(|order| order.id.clone()).collect::<Vec<_>>(), ids);
            let expected = Order {
                id: "7#1/1".to_owned(),
                key: key(1),
                kind: OrderKind::Revoke,
                why: "a person said so".to_owned(),
                by: "root".to_owned(),
                given_at: bench.now(),
            };
            assert_eq!(open[0], expected);
            assert_eq!(bench.claim(1).await.marks, 11);
        })
        .await;
    }
}
