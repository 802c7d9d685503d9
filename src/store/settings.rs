//! Small facts of the installation, by name: its id, whether it is paused, a twin that was found.

use super::Store;
use super::error::StoreError;
use super::sql::{Connection, query, query_scalar};

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

    /// Removes it; that it was not there is fine.
    pub async fn remove_setting(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query("DELETE FROM settings WHERE name = $1").bind(name).execute(connection).await?;
                Ok(())
            })
        });
        work.await
    }
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
    use crate::store::testing::on_both;

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
