//! By what a leaked secret is known again, without keeping it.
//!
//! A keyed fingerprint: whoever has the database alone cannot try secrets against it. Beside it the beginning that
//! Zendesk itself shows to every admin, and nothing else.

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Row, query};
use crate::domain::ids::{CredentialId, IssueKey};

/// A credential that was minted, by what it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    /// The beginning that Zendesk shows, once it was listed.
    pub visible: Option<String>,
    /// The request.
    pub key: IssueKey,
    /// The attempt that made it.
    pub attempt: u32,
}

impl Store {
    /// The fingerprint of a secret: HMAC-SHA256 with a key derived from the audit key.
    pub fn fingerprint(&self, secret: &str) -> String {
        self.inner.chain.fingerprint(secret)
    }

    /// Keeps one. Again: the beginning is added where it was not known.
    pub async fn keep_fingerprint(&self, kept: Fingerprint) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                query(
                    "INSERT INTO fingerprints (fingerprint, visible, project_id, iid, number, kept_at)
                     VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (fingerprint) DO UPDATE
                     SET visible = COALESCE(fingerprints.visible, excluded.visible)",
                )
                .bind(kept.fingerprint)
                .bind(kept.visible)
                .bind(kept.key.project.0)
                .bind(kept.key.iid)
                .bind(i64::from(kept.attempt))
                .bind(now)
                .execute(connection)
                .await?;
                Ok(())
            })
        });
        work.await
    }

    /// Notes the beginning that Zendesk shows of an API token, where it was not known.
    pub async fn keep_visible(&self, credential: CredentialId, visible: &str) -> Result<(), StoreError> {
        let visible = visible.to_owned();
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query(
                    "UPDATE fingerprints SET visible = $2
                     WHERE visible IS NULL AND EXISTS (
                         SELECT 1 FROM attempts a
                         WHERE a.project_id = fingerprints.project_id AND a.iid = fingerprints.iid
                           AND a.number = fingerprints.number AND a.credential_id = $1)",
                )
                .bind(credential.0)
                .bind(visible)
                .execute(connection)
                .await?;
                Ok(())
            })
        });
        work.await
    }

    /// Those whose fingerprint begins so, or whose shown beginning and `text` begin alike. At most 20.
    pub async fn fingerprints_like(&self, text: &str) -> Result<Vec<Fingerprint>, StoreError> {
        let rows = query(
            concat!("SELECT ", columns!(fingerprints), " FROM fingerprints
             WHERE substr(fingerprint, 1, CAST($2 AS INTEGER)) = $1 OR substr(visible, 1, CAST($2 AS INTEGER)) = $1
                OR (length(visible) > 3 AND visible = substr($1, 1, length(visible)))
             ORDER BY kept_at DESC, fingerprint LIMIT 20"),
        )
        .bind(text)
        .bind(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Fingerprint, StoreError> {
    let reading = Reading::new(row, "fingerprints");
    Ok(Fingerprint {
        fingerprint: reading.get("fingerprint")?,
        visible: reading.get("visible")?,
        key: reading.issue()?,
        attempt: reading.number("number")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Attempt;
    use crate::store::Change;
    use crate::store::testing::{Bench, attempt, key, on_both, record};

    async fn minted(bench: &Bench) {
        bench.store.mark(key(1)).await.unwrap();
        let claim = bench.claim(1).await;
        let made = Attempt { credential: Some(CredentialId(77)), ..attempt(1) };
        let change = Change { record: Some(record()), attempts: vec![made], ..Change::default() };
        bench.store.commit(&claim, change).await.unwrap();
    }

    #[tokio::test]
    async fn a_secret_is_known_again_by_its_fingerprint_or_its_beginning_alone() {
        on_both(async |bench| {
            minted(&bench).await;
            let store = &bench.store;
            let fingerprint = store.fingerprint("abcdefghij-the-rest");
            assert_eq!(fingerprint.len(), 64);
            assert_ne!(fingerprint, store.fingerprint("abcdefghij-the-res"));
            assert_eq!(bench.reopen().await.fingerprint("abcdefghij-the-rest"), fingerprint);
            let kept =
                Fingerprint { fingerprint: fingerprint.clone(), visible: None, key: key(1), attempt: 1 };
            store.keep_fingerprint(kept.clone()).await.unwrap();
            assert_eq!(store.fingerprints_like("abcd").await.unwrap(), []);
            store.keep_visible(CredentialId(77), "abcdefghij").await.unwrap();
            store.keep_visible(CredentialId(77), "other").await.unwrap();
            let kept = [Fingerprint { visible: Some("abcdefghij".to_owned()), ..kept }];
            for text in ["abcd", "abcdefghij", "abcdefghijk", &fingerprint[..12], &fingerprint] {
                assert_eq!(store.fingerprints_like(text).await.unwrap(), kept, "{text}");
            }
            for text in ["bcde", "ABCD", "a%", "abcdefghiX"] {
                assert_eq!(store.fingerprints_like(text).await.unwrap(), [], "{text}");
            }
        })
        .await;
    }
}
