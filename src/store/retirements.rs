//! The campaign to move every API token to OAuth: for which token which issue was opened, and how far it is.
//!
//! A row is written, and with it claimed, before its issue is opened, so that a token never gets two: one of those who
//! claim it at once has it, and a row without an issue is looked for at GitLab before another is opened.

use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Connection, Row, query};
use crate::domain::ids::{CredentialId, IssueKey, ProjectId, UserId};

/// So long a claim stands: longer than any call that opens an issue.
const STANDS: SignedDuration = SignedDuration::from_mins(5);

/// What a claim came to. The row is as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Whoever asked may open the issue.
    Ours(Retirement),
    /// Somebody else is opening it, or died over it less than five minutes ago.
    Anothers(Retirement),
    /// It has its issue.
    Opened(Retirement),
}

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

    /// Claims the opening of a token's issue; the row is written if there was none.
    pub async fn claim_retirement(&self, one: Retirement) -> Result<Claimed, StoreError> {
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let place = (one.instance.clone(), one.token);
                let ours = insert(connection, one, now).await? || take_over(connection, &place, now).await?;
                let row = get(connection, &place).await?;
                Ok(match (row.iid, ours) {
                    (Some(_), _) => Claimed::Opened(row),
                    (None, true) => Claimed::Ours(row),
                    (None, false) => Claimed::Anothers(row),
                })
            })
        });
        work.await
    }

    /// Gives a claim back that certainly led to no issue, so that nobody has to wait for it.
    pub async fn release_retirement(&self, one: &Retirement) -> Result<(), StoreError> {
        let (instance, token) = (one.instance.clone(), one.token.0);
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query("UPDATE retirements SET claimed_at = 0 WHERE instance = $1 AND token_id = $2 AND iid IS NULL")
                    .bind(instance)
                    .bind(token)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        work.await
    }

    /// Writes what became of one: its issue and its end.
    pub async fn keep_retirement(&self, one: Retirement) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query(
                    "UPDATE retirements SET iid = $3, url = $4, opened_at = $5, ended_at = $6
                     WHERE instance = $1 AND token_id = $2",
                )
                .bind(one.instance)
                .bind(one.token.0)
                .bind(one.iid)
                .bind(one.url)
                .bind(one.opened_at.map(Timestamp::as_millisecond))
                .bind(one.ended_at.map(Timestamp::as_millisecond))
                .execute(connection)
                .await?;
                Ok(())
            })
        });
        work.await
    }
}

/// Whether it was written: nobody had taken it up.
async fn insert(connection: &mut Connection, one: Retirement, now: i64) -> Result<bool, StoreError> {
    let done = query(
        "INSERT INTO retirements (instance, token_id, name, owner_id, owner, project_id, intended_at, claimed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (instance, token_id) DO NOTHING",
    )
    .bind(one.instance)
    .bind(one.token.0)
    .bind(one.name)
    .bind(one.owner.map(|owner| owner.0))
    .bind(one.owner_name)
    .bind(one.project.0)
    .bind(one.intended_at.as_millisecond())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(done == 1)
}

/// Whether a claim that led to nothing could be taken over.
async fn take_over(
    connection: &mut Connection,
    (instance, token): &(String, CredentialId),
    now: i64,
) -> Result<bool, StoreError> {
    let stands = i64::try_from(STANDS.as_millis()).unwrap_or(i64::MAX);
    let done = query(
        "UPDATE retirements SET claimed_at = $3
         WHERE instance = $1 AND token_id = $2 AND iid IS NULL AND COALESCE(claimed_at, intended_at) <= $4",
    )
    .bind(instance.as_str())
    .bind(token.0)
    .bind(now)
    .bind(now.saturating_sub(stands))
    .execute(connection)
    .await?;
    Ok(done == 1)
}

async fn get(
    connection: &mut Connection,
    (instance, token): &(String, CredentialId),
) -> Result<Retirement, StoreError> {
    let row = query(concat!(
        "SELECT ",
        columns!(retirements),
        " FROM retirements WHERE instance = $1 AND token_id = $2"
    ))
    .bind(instance.as_str())
    .bind(token.0)
    .fetch_optional(connection)
    .await?;
    read(&row.ok_or(sqlx::Error::RowNotFound)?)
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

    fn fresh(now: Timestamp) -> Retirement {
        Retirement {
            instance: "global".to_owned(),
            token: CredentialId(5),
            name: "old".to_owned(),
            owner: Some(UserId(7)),
            owner_name: "ada".to_owned(),
            project: ProjectId(42),
            iid: None,
            url: None,
            intended_at: now,
            opened_at: None,
            ended_at: None,
        }
    }

    #[tokio::test]
    async fn a_token_has_one_row_and_it_remembers_its_issue() {
        on_both(async |bench| {
            let first = fresh(bench.now());
            assert_eq!(
                bench.store.claim_retirement(first.clone()).await.unwrap(),
                Claimed::Ours(first.clone())
            );
            assert_eq!(first.key(), None);
            let opened = Retirement {
                iid: Some(9),
                url: Some("https://issue".to_owned()),
                opened_at: Some(bench.now()),
                ..first.clone()
            };
            bench.store.keep_retirement(opened.clone()).await.unwrap();
            assert_eq!(bench.store.retirements().await.unwrap(), std::slice::from_ref(&opened));
            bench.store.release_retirement(&opened).await.unwrap();
            assert_eq!(bench.store.claim_retirement(first).await.unwrap(), Claimed::Opened(opened));
        })
        .await;
    }

    #[tokio::test]
    async fn one_has_the_claim_until_it_is_given_back_or_too_old() {
        on_both(async |bench| {
            let (first, other) = (fresh(bench.now()), bench.reopen().await);
            let claim = async |store: &Store| store.claim_retirement(fresh(bench.now())).await.unwrap();
            assert_eq!(claim(&bench.store).await, Claimed::Ours(first.clone()));
            assert_eq!(claim(&other).await, Claimed::Anothers(first.clone()));
            bench.clock.advance(SignedDuration::from_mins(5));
            assert_eq!(claim(&other).await, Claimed::Ours(first.clone()), "what was first intended stays");
            assert_eq!(claim(&bench.store).await, Claimed::Anothers(first.clone()));
            other.release_retirement(&first).await.unwrap();
            assert_eq!(claim(&bench.store).await, Claimed::Ours(first));
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_who_claim_at_once_one_has_it() {
        on_both(async |bench| {
            let stores = [bench.store.clone(), bench.reopen().await];
            let now = bench.now();
            let tasks: Vec<_> = (0..10)
                .map(|number| {
                    let store = stores[number % 2].clone();
                    tokio::spawn(async move { store.claim_retirement(fresh(now)).await.unwrap() })
                })
                .collect();
            let mut ours = 0;
            for task in tasks {
                ours += usize::from(matches!(task.await.unwrap(), Claimed::Ours(_)));
            }
            assert_eq!(ours, 1);
        })
        .await;
    }
}
