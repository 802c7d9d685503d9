//! Small facts of the installation, by name: its id, whether it is paused, a twin that was found.

use super::Store;
use super::audit::{self, Entry};
use super::error::StoreError;
use super::sql::{Connection, query, query_scalar};
use super::unfinished;

impl Store {
    /// The value, if it was ever set.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let query = query_scalar("SELECT value FROM settings WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&self.inner.read).await?)
    }

    /// Sets it, whatever it was.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let work = self
            .inner
            .writer
            .run(move |connection, _| Box::pin(async move { set(connection, &name, &value).await }));
        work.await
    }

    /// Sets it, or removes it where there is no value, in one transaction with the entry that says who and why; all
    /// that is unfinished is looked at then, so that every comment says so. The change counts at once.
    pub async fn change_setting(
        &self,
        name: &str,
        value: Option<String>,
        entry: Entry,
    ) -> Result<(), StoreError> {
        let (name, chain) = (name.to_owned(), self.inner.chain.clone());
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                match value {
                    Some(value) => set(connection, &name, &value).await?,
                    None => remove(connection, &name).await?,
                }
                unfinished::want(connection, entry.kind.as_ref(), now).await?;
                audit::append(connection, &chain, vec![entry], now).await
            })
        });
        work.await?;
        self.mark_after_a_change().await;
        Ok(())
    }

    /// Removes it; that it was not there is fine.
    pub async fn remove_setting(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let work = self
            .inner
            .writer
            .run(move |connection, _| Box::pin(async move { remove(connection, &name).await }));
        work.await
    }
}

async fn remove(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
    query("DELETE FROM settings WHERE name = $1").bind(name).execute(connection).await?;
    Ok(())
}

pub(super) async fn get(connection: &mut Connection, name: &str) -> Result<Option<String>, StoreError> {
    let query = query_scalar("SELECT value FROM settings WHERE name = $1").bind(name);
    Ok(query.fetch_optional(connection).await?)
}

pub(super) async fn set(connection: &mut Connection, name: &str, value: &str) -> Result<(), StoreError> {
    query(
        "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use crate::store::testing::{entry, on_both};

    #[tokio::test]
    async fn a_change_is_written_down_and_looked_at_or_not_made_at_all() {
        on_both(async |bench| {
            bench.put(1, "awaiting_manager").await;
            bench.clock.advance(SignedDuration::from_secs(1));
            bench.store.change_setting("paused", Some("why".to_owned()), entry("paused", 0)).await.unwrap();
            assert_eq!(bench.store.setting("paused").await.unwrap().as_deref(), Some("why"));
            let row = bench.store.request(crate::store::testing::key(1)).await.unwrap().unwrap();
            assert_eq!(row.next_look_at, Some(bench.now()));
            bench.audit_refuses("NEW.seq > 0").await;
            bench.store.change_setting("paused", None, entry("resumed", 0)).await.unwrap_err();
            assert_eq!(bench.store.setting("paused").await.unwrap().as_deref(), Some("why"));
        })
        .await;
    }

    #[tokio::test]
    async fn a_setting_is_set_replaced_and_removed() {
        on_both(async |bench| {
            assert_eq!(bench.store.setting("paused").await.unwrap(), None);
            bench.store.set_setting("paused", "by root").await.unwrap();
            bench.store.set_setting("paused", "by nobody").await.unwrap();
            assert_eq!(bench.store.setting("paused").await.unwrap().as_deref(), Some("by nobody"));
            bench.store.remove_setting("paused").await.unwrap();
            bench.store.remove_setting("paused").await.unwrap();
            assert_eq!(bench.store.setting("paused").await.unwrap(), None);
        })
        .await;
    }
}
