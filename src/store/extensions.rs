//! Which request extends which: written when the newer one's credential was handed over, in that same transaction.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::rows::{Reading, milliseconds_up};
use super::sql::{Connection, query};
use crate::domain::ids::IssueKey;
use crate::domain::phase::Phase;
use crate::domain::record::Record;
use crate::domain::snapshot::Successor;

impl Store {
    /// The requests that extend this one and whose own credential is active, the last to end last.
    pub async fn successors(&self, key: IssueKey) -> Result<Vec<Successor>, StoreError> {
        let rows = query(
            "SELECT extensions.url, extensions.ends_at FROM extensions
             JOIN requests ON requests.project_id = extensions.project_id AND requests.iid = extensions.iid
             WHERE extensions.earlier_project_id = $1 AND extensions.earlier_iid = $2 AND requests.phase = 'active'
             ORDER BY extensions.ends_at, extensions.project_id, extensions.iid, extensions.generation",
        )
        .bind(key.project.0)
        .bind(key.iid)
        .fetch_all(&self.inner.read)
        .await?;
        let successor = |row| {
            let reading = Reading::new(row, "extensions");
            let ends_at: Timestamp = reading.time("ends_at")?;
            Ok(Successor { url: reading.get("url")?, ends_at })
        };
        rows.iter().map(successor).collect()
    }
}

/// That an active request extends another.
pub(super) struct Extension {
    generation: u32,
    earlier: IssueKey,
    url: String,
    ends_at: Timestamp,
}

/// What a record says of it, once its credential was handed over.
pub(super) fn of(record: &Record) -> Option<Extension> {
    let extends = record.issued.as_ref()?.extends.as_ref()?;
    let Phase::Active { ends_at, .. } = record.phase else { return None };
    Some(Extension { generation: record.generation, earlier: extends.key, url: record.url.clone(), ends_at })
}

/// Notes it, once for each generation.
pub(super) async fn note(
    connection: &mut Connection,
    key: IssueKey,
    extension: Extension,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO extensions (project_id, iid, generation, earlier_project_id, earlier_iid, url, ends_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (project_id, iid, generation) DO NOTHING",
    )
    .bind(key.project.0)
    .bind(key.iid)
    .bind(i64::from(extension.generation))
    .bind(extension.earlier.project.0)
    .bind(extension.earlier.iid)
    .bind(extension.url)
    .bind(milliseconds_up(extension.ends_at))
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::extension::Extends;
    use crate::domain::testing::terms;
    use crate::store::testing::{key, on_both, record};

    #[tokio::test]
    async fn an_extension_is_known_while_its_own_credential_is_active() {
        on_both(async |bench| {
            let now = bench.now();
            let mut extending = terms();
            extending.extends = Some(Box::new(Extends {
                key: key(1),
                url: "https://gitlab.example/1".to_owned(),
                generation: 1,
                digest: terms().digest(),
                ends_at: now,
            }));
            bench.put(2, "active").await;
            let active = Record {
                phase: Phase::Active { since: now, ends_at: now },
                issued: Some(extending),
                ..record()
            };
            bench.remember(2, active.clone()).await;
            bench.remember(2, active.clone()).await;
            let found = bench.store.successors(key(1)).await.unwrap();
            assert_eq!(found, [Successor { url: active.url.clone(), ends_at: now }]);
            assert!(bench.store.successors(key(2)).await.unwrap().is_empty());
            let ending = Phase::Ending { since: now, why: crate::domain::phase::EndReason::Due };
            bench.remember(2, Record { phase: ending, ..active }).await;
            assert!(bench.store.successors(key(1)).await.unwrap().is_empty());
        })
        .await;
    }
}
