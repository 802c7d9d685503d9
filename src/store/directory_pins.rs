//! Which GitLab account each entry of a directory was, ever since it was first seen.
//!
//! An entry or a user name that was another account is told, and nothing is kept of it; only a person's
//! [`Store::forget_account`] clears the way. What is kept and what is forgotten goes into the audit chain with it.

use async_trait::async_trait;
use serde_json::json;

use super::Store;
use super::audit::{self, Entry};
use super::chain::Chain;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Connection, Target, query};
use crate::directory::{Pin, Pinning, Pins, PinsUnavailable};
use crate::domain::ids::UserId;

#[async_trait]
impl Pins for Store {
    async fn pin(&self, pin: &Pin) -> Result<Pinning, PinsUnavailable> {
        self.pin_account(pin.clone()).await.map_err(|error| {
            tracing::error!(error = %error, "the accounts that were seen before could not be read");
            PinsUnavailable
        })
    }
}

impl Store {
    async fn pin_account(&self, pin: Pin) -> Result<Pinning, StoreError> {
        if let Some(known) = known(&self.inner.read, &pin).await? {
            return Ok(known);
        }
        let chain = self.inner.chain.clone();
        let work = self
            .inner
            .writer
            .run(move |connection, now| Box::pin(async move { keep(connection, &chain, (&pin, now)).await }));
        work.await
    }

    /// Forgets what a GitLab account was in the directory, because a person says so; how much there was.
    pub async fn forget_account(&self, id: UserId) -> Result<u64, StoreError> {
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let query = query("DELETE FROM directory_pins WHERE gitlab_id = $1").bind(id.0);
                let forgotten = query.execute(&mut *connection).await?;
                let detail = json!({"gitlab_id": id, "entries": forgotten});
                let entry = Entry { kind: "directory.forgotten".into(), key: None, detail };
                audit::append(connection, &chain, vec![entry], now).await?;
                Ok(forgotten)
            })
        });
        work.await
    }
}

/// What is known of a pin; `None` if it is new.
async fn known(on: impl Into<Target<'_>>, pin: &Pin) -> Result<Option<Pinning>, StoreError> {
    let rows = query(
        "SELECT source, entry_key, username, gitlab_id FROM directory_pins
         WHERE (source = $1 AND entry_key = $2) OR username = $3 ORDER BY pinned_at",
    )
    .bind(pin.source)
    .bind(pin.key.clone())
    .bind(pin.username.clone())
    .fetch_all(on)
    .await?;
    let mut holds = false;
    for row in &rows {
        let reading = Reading::new(row, "directory_pins");
        let (id, key): (i64, String) = (reading.get("gitlab_id")?, reading.get("entry_key")?);
        let (source, username): (String, String) = (reading.get("source")?, reading.get("username")?);
        if id != pin.id.0 {
            return Ok(Some(Pinning::Was(UserId(id))));
        }
        holds |= source == pin.source && key == pin.key && username == pin.username;
    }
    Ok(holds.then_some(Pinning::Holds))
}

/// Looks again, inside the transaction: another worker may have seen the same entry meanwhile. The chain's end is
/// locked first, so that on PostgreSQL as well there is no other who looks and writes between the two.
async fn keep(
    connection: &mut Connection,
    chain: &Chain,
    (pin, now): (&Pin, i64),
) -> Result<Pinning, StoreError> {
    audit::lock(connection).await?;
    if let Some(known) = known(&mut *connection, pin).await? {
        return Ok(known);
    }
    query(
        "INSERT INTO directory_pins (source, entry_key, username, gitlab_id, pinned_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(pin.source)
    .bind(pin.key.clone())
    .bind(pin.username.clone())
    .bind(pin.id.0)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let Pin { source, key, username, id } = pin;
    let detail = json!({"source": source, "entry": key, "username": username, "gitlab_id": id});
    let entry = Entry { kind: "directory.pinned".into(), key: None, detail };
    audit::append(connection, chain, vec![entry], now).await?;
    Ok(Pinning::Holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Bench, on_both};

    fn pin(key: &str, username: &str, id: i64) -> Pin {
        Pin { source: "ldap", key: key.to_owned(), username: username.to_owned(), id: UserId(id) }
    }

    async fn outcome(bench: &Bench, pin: Pin) -> Pinning {
        Pins::pin(&bench.store, &pin).await.unwrap()
    }

    #[tokio::test]
    async fn an_entry_or_a_name_that_was_somebody_else_is_told() {
        on_both(async |bench| {
            for _ in 0..2 {
                assert_eq!(outcome(&bench, pin("uid=kim", "kim", 102)).await, Pinning::Holds);
            }
            assert_eq!(outcome(&bench, pin("uid=kim", "kim", 900)).await, Pinning::Was(UserId(102)));
            assert_eq!(outcome(&bench, pin("uid=kim", "new", 900)).await, Pinning::Was(UserId(102)));
            assert_eq!(outcome(&bench, pin("uid=new", "kim", 900)).await, Pinning::Was(UserId(102)));
            let elsewhere = Pin { source: "scim", ..pin("1", "kim", 900) };
            assert_eq!(outcome(&bench, elsewhere).await, Pinning::Was(UserId(102)));
            let elsewhere = Pin { source: "scim", ..pin("uid=kim", "other", 900) };
            assert_eq!(outcome(&bench, elsewhere).await, Pinning::Holds);
        })
        .await;
    }

    #[tokio::test]
    async fn a_name_that_was_given_up_is_still_known() {
        on_both(async |bench| {
            assert_eq!(outcome(&bench, pin("uid=kim", "kim", 102)).await, Pinning::Holds);
            assert_eq!(outcome(&bench, pin("uid=kim", "kim.b", 102)).await, Pinning::Holds);
            assert_eq!(outcome(&bench, pin("uid=k2", "kim", 900)).await, Pinning::Was(UserId(102)));
            assert_eq!(bench.store.forget_account(UserId(102)).await.unwrap(), 2);
            assert_eq!(outcome(&bench, pin("uid=k2", "kim", 900)).await, Pinning::Holds);
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_kept_or_forgotten_is_in_the_audit_chain() {
        on_both(async |bench| {
            for _ in 0..2 {
                outcome(&bench, pin("uid=kim", "kim", 102)).await;
            }
            bench.store.forget_account(UserId(102)).await.unwrap();
            bench.store.verify().await.unwrap();
            let entries = bench.store.entries_from(1).await.unwrap();
            let told: Vec<(&str, &str)> =
                entries.iter().map(|entry| (entry.kind.as_str(), entry.detail.as_str())).collect();
            let pinned = r#"{"entry":"uid=kim","gitlab_id":102,"source":"ldap","username":"kim"}"#;
            let expected =
                [("directory.pinned", pinned), ("directory.forgotten", r#"{"entries":1,"gitlab_id":102}"#)];
            assert_eq!(told[told.len() - 2..], expected);
            assert_eq!(told.iter().filter(|(kind, _)| *kind == "directory.pinned").count(), 1);
        })
        .await;
    }
}
