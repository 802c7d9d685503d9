//! The campaign to move every API token to OAuth: for which token which issue was opened, and how far it is.
//!
//! A row is written before its issue is opened, so that a token never gets two: a row without an issue is looked for
//! at GitLab before another is opened.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Row, query};
use crate::domain::ids::{CredentialId, IssueKey, ProjectId, UserId};

/// One token of the campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// The instance's key.
    pub instance: String,
    /// The API token.
    pub token: CredentialId,
    /// Its name when the campaign came to it.
    pub name: String,
    /// Its owner at GitLab; `None`: not known, so it is for the instance's provisioners.
    pub owner: Option<UserId>,
    /// The owner for people to read.
    pub owner_name: String,
    /// The project of its issue.
    pub project: ProjectId,
    /// Its issue's number, once opened.
    pub iid: Option<i64>,
    /// Its issue's address.
    pub url: Option<String>,
    /// When it was taken up.
    pub intended_at: Timestamp,
    /// When the issue was opened.
    pub opened_at: Option<Timestamp>,
    /// When the token was seen to be gone.
    pub ended_at: Option<Timestamp>,
}

impl Retirement {
    /// Its issue.
    pub fn key(&self) -> Option<IssueKey> {
        Some(IssueKey { project: self.project, iid: self.iid? })
    }
}

impl Store {
    /// All of an instance, or of all instances, by token.
    pub async fn retirements(&self) -> Result<Vec<Retirement>, StoreError> {
        let rows =
            query(concat!("SELECT ", columns!(retirements), " FROM retirements ORDER BY instance, token_id"))
                .fetch_all(&self.inner.read)
                .await?;
        rows.iter().map(read).collect()
    }

    /// Writes one, or what became of it.
    pub async fn keep_retirement(&self, one: Retirement) -> Result<(), StoreError> {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query(
                    "INSERT INTO retirements (instance, token_id, name, owner_id, owner, project_id, iid, url,
                                              intended_at, opened_at, ended_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                     ON CONFLICT (instance, token_id) DO UPDATE
                     SET iid = excluded.iid, url = excluded.url, opened_at = excluded.opened_at,
                         ended_at = excluded.ended_at",
                )
                .bind(one.instance)
                .bind(one.token.0)
                .bind(one.name)
                .bind(one.owner.map(|owner| owner.0))
                .bind(one.owner_name)
                .bind(one.project.0)
                .bind(one.iid)
                .bind(one.url)
                .bind(one.intended_at.as_millisecond())
                .bind(millis(one.opened_at))
                .bind(millis(one.ended_at))
                .execute(connection)
                .await?;
                Ok(())
            })
        });
        work.await
    }
}

fn read(row: &Row) -> Result<Retirement, StoreError> {
    let reading = Reading::new(row, "retirements");
    let owner: Option<i64> = reading.get("owner_id")?;
    Ok(Retirement {
        instance: reading.get("instance")?,
        token: CredentialId(reading.get("token_id")?),
        name: reading.get("name")?,
        owner: owner.map(UserId),
        owner_name: reading.get("owner")?,
        project: ProjectId(reading.get("project_id")?),
        iid: reading.get("iid")?,
        url: reading.get("url")?,
        intended_at: reading.time("intended_at")?,
        opened_at: reading.time_if_any("opened_at")?,
        ended_at: reading.time_if_any("ended_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::on_both;

    #[tokio::test]
    async fn a_token_has_one_row_and_it_remembers_its_issue() {
        on_both(async |bench| {
            let first = Retirement {
                instance: "global".to_owned(),
                token: CredentialId(5),
                name: "old".to_owned(),
                owner: Some(UserId(7)),
                owner_name: "ada".to_owned(),
                project: ProjectId(42),
                iid: None,
                url: None,
                intended_at: bench.now(),
                opened_at: None,
                ended_at: None,
            };
            bench.store.keep_retirement(first.clone()).await.unwrap();
            assert_eq!(first.key(), None);
            let opened = Retirement {
                iid: Some(9),
                url: Some("https://issue".to_owned()),
                opened_at: Some(bench.now()),
                ..first
            };
            bench.store.keep_retirement(opened.clone()).await.unwrap();
            assert_eq!(bench.store.retirements().await.unwrap(), [opened]);
        })
        .await;
    }
}
