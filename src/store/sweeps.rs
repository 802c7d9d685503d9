//! Sweeps under way: how far each has come, who makes it, and what it has found.
//!
//! The place is kept with the marks of each page in one transaction, so that a sweep that is stopped anywhere goes
//! on from there and marks nothing it has not kept. A lease keeps a second process from making the same sweep; it
//! is no more than thrift, since a mark too many costs a look. Only [`Store::finish_sweep`] moves what a project
//! was swept to: a list that ends half-way is no finished sweep.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::error::StoreError;
use super::marks;
use super::projects::Project;
use super::rows::Reading;
use super::sql::{Connection, Row, query, query_scalar};
use crate::domain::ids::{IssueKey, ProjectId};

/// A process that has not kept a page for so long has died.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// GitLab's largest page: so many issues are asked for at once.
const AT_ONCE: usize = 100;

/// A place in the list of a project's issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// GitLab's time when the list was begun; none before its first page.
    pub begun_at: Option<Timestamp>,
    /// Only issues created after this are listed any more; none: all.
    pub created_after: Option<Timestamp>,
    /// The page, from 1.
    pub page: u64,
    /// How long a page is.
    pub page_size: u64,
    /// How many issues GitLab said there were.
    pub total: Option<u64>,
}

/// A sweep of one project in the hands of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Which.
    pub project: ProjectId,
    /// Issues that changed since then; none: all.
    pub since: Option<Timestamp>,
    /// What is to be read next.
    pub place: Place,
    owner: String,
    wanted: i64,
}

/// What is known of an issue that a sweep found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Something is remembered of it, or a person adopted it.
    pub remembered: bool,
    /// How it was listed at its last complete look.
    pub seen: Option<String>,
}

impl Store {
    /// Begins a sweep, or goes on with the one that was stopped. None while another process makes it.
    pub async fn begin_sweep(
        &self,
        project: &Project,
        owner: &str,
        since: Option<Timestamp>,
    ) -> Result<Option<Sweep>, StoreError> {
        let (id, wanted, owner) = (project.id.0, project.sweep_wanted, owner.to_owned());
        let since = since.map(Timestamp::as_millisecond);
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                // A lease that ends later than any can was given by a clock that has been set back since.
                let query = query(concat!(
                    "INSERT INTO sweeps (project_id, owner, lease_until, since, page, page_size, wanted)
                     VALUES ($1, $2, $3, $4, 1, $5, $6)
                     ON CONFLICT (project_id) DO UPDATE
                     SET owner = excluded.owner, lease_until = excluded.lease_until
                     WHERE sweeps.owner = excluded.owner OR sweeps.lease_until <= $7
                        OR sweeps.lease_until > excluded.lease_until
                     RETURNING ",
                    columns!(sweeps)
                ));
                let query = query.bind(id).bind(owner).bind(until(now)).bind(since);
                let query = query.bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX)).bind(wanted).bind(now);
                Ok(query.fetch_optional(connection).await?)
            })
        });
        work.await?.as_ref().map(read).transpose()
    }

    /// What is known of these issues of a project, at most a page of them, by their number.
    pub async fn listed(&self, project: ProjectId, iids: &[i64]) -> Result<HashMap<i64, Listed>, StoreError> {
        static QUESTION: LazyLock<String> = LazyLock::new(|| {
            let places: Vec<String> = (2..AT_ONCE + 2).map(|number| format!("${number}")).collect();
            format!(
                "SELECT iid, seen, CAST(CASE WHEN record IS NULL AND adopted = 0 THEN 0 ELSE 1 END AS BIGINT) AS remembered
                 FROM requests WHERE project_id = $1 AND iid IN ({})",
                places.join(", ")
            )
        });
        let mut found = HashMap::new();
        for page in iids.chunks(AT_ONCE) {
            let mut query = query(QUESTION.as_str()).bind(project.0);
            for place in 0..AT_ONCE {
                query = query.bind(page.get(place).copied());
            }
            for row in query.fetch_all(&self.inner.read).await? {
                let reading = Reading::new(&row, "requests");
                let remembered = reading.get::<i64>("remembered")? == 1;
                found.insert(reading.get("iid")?, Listed { remembered, seen: reading.get("seen")? });
            }
        }
        Ok(found)
    }

    /// Keeps the marks of a page and the place that comes after it. `Fenced`: another process makes this sweep now.
    pub async fn advance_sweep(
        &self,
        sweep: &Sweep,
        place: Place,
        keys: Vec<IssueKey>,
    ) -> Result<(), StoreError> {
        let (sweep, woken) = (sweep.clone(), keys.len());
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let query = query(
                    "UPDATE sweeps SET lease_until = $3, begun_at = $4, created_after = $5, page = $6,
                         page_size = $7, total = $8
                     WHERE project_id = $1 AND owner = $2",
                );
                let query = query
                    .bind(sweep.project.0)
                    .bind(sweep.owner)
                    .bind(until(now))
                    .bind(place.begun_at.map(Timestamp::as_millisecond))
                    .bind(place.created_after.map(Timestamp::as_millisecond))
                    .bind(stored(place.page))
                    .bind(stored(place.page_size))
                    .bind(place.total.map(stored));
                ours(query.execute(&mut *connection).await?)?;
                mark(connection, keys, now).await
            })
        });
        work.await?;
        marks::wake(&self.inner.wake, woken);
        Ok(())
    }

    /// The last page: its marks, and that everything before `to` (GitLab's time) was seen. What was asked for since
    /// the sweep began stays wanted.
    pub async fn finish_sweep(
        &self,
        sweep: &Sweep,
        to: Timestamp,
        keys: Vec<IssueKey>,
    ) -> Result<(), StoreError> {
        let (sweep, woken) = (sweep.clone(), keys.len());
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let gone = query("DELETE FROM sweeps WHERE project_id = $1 AND owner = $2")
                    .bind(sweep.project.0)
                    .bind(sweep.owner)
                    .execute(&mut *connection)
                    .await?;
                ours(gone)?;
                mark(connection, keys, now).await?;
                query(
                    "UPDATE projects
                     SET swept_to = $2, swept_at = $4,
                         sweep_wanted = CASE WHEN sweep_wanted > $3 THEN sweep_wanted - $3 ELSE 0 END
                     WHERE id = $1",
                )
                .bind(sweep.project.0)
                .bind(to.as_millisecond())
                .bind(sweep.wanted)
                .bind(now)
                .execute(connection)
                .await?;
                Ok(())
            })
        });
        work.await?;
        marks::wake(&self.inner.wake, woken);
        Ok(())
    }

    /// Projects whose sweep was stopped half-way, by whomever.
    pub async fn unfinished_sweeps(&self) -> Result<Vec<ProjectId>, StoreError> {
        let ids: Vec<i64> = query_scalar("SELECT project_id FROM sweeps ORDER BY project_id")
            .fetch_all(&self.inner.read)
            .await?;
        Ok(ids.into_iter().map(ProjectId).collect())
    }
}

async fn mark(connection: &mut Connection, keys: Vec<IssueKey>, now: i64) -> Result<(), StoreError> {
    // In the order of a batch of marks, so that on PostgreSQL the two never wait for each other.
    for key in BTreeSet::from_iter(keys) {
        marks::upsert_swept(connection, key, now).await?;
    }
    Ok(())
}

fn ours(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

fn until(now: i64) -> i64 {
    now.saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<Sweep, StoreError> {
    let reading = Reading::new(row, "sweeps");
    let number = |column| reading.get::<i64>(column).map(|value| u64::try_from(value).unwrap_or(0));
    let total = reading.get::<Option<i64>>("total")?;
    Ok(Sweep {
        project: ProjectId(reading.get("project_id")?),
        since: reading.time_if_any("since")?,
        place: Place {
            begun_at: reading.time_if_any("begun_at")?,
            created_after: reading.time_if_any("created_after")?,
            page: number("page")?,
            page_size: number("page_size")?,
            total: total.and_then(|total| u64::try_from(total).ok()),
        },
        owner: reading.get("owner")?,
        wanted: reading.get("wanted")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::LabelId;
    use crate::domain::policy::{Pin, Pins};
    use crate::store::testing::{Bench, LEASE as LOOK, key, on_both, record, release_at};
    use crate::store::{NewProject, Release};

    async fn set_up(bench: &Bench) -> Project {
        let pin = |id: i64| Pin { id: LabelId(id), name: format!("label {id}") };
        let pins = Pins { manager: pin(1), provisioner: pin(2), denied: None, revoke: None };
        let project = NewProject { id: ProjectId(7), path: "path".to_owned(), pins };
        bench.store.set_up_project(project).await.unwrap();
        watched(bench).await
    }

    async fn watched(bench: &Bench) -> Project {
        bench.store.projects().await.unwrap().remove(0)
    }

    fn page(page: u64, sweep: &Sweep) -> Place {
        Place { page, total: Some(300), begun_at: Timestamp::from_second(1).ok(), ..sweep.place }
    }

    #[tokio::test]
    async fn a_sweep_goes_on_where_it_was_stopped() {
        on_both(async |bench| {
            let project = set_up(&bench).await;
            let since = Some(bench.now());
            let sweep = bench.store.begin_sweep(&project, "one", since).await.unwrap().unwrap();
            assert_eq!((sweep.place.page, sweep.place.page_size, sweep.since), (1, 100, since));
            let second = page(2, &sweep);
            bench.store.advance_sweep(&sweep, second, vec![key(1), key(2)]).await.unwrap();
            assert_eq!(bench.store.unfinished_sweeps().await.unwrap(), [ProjectId(7)]);
            bench.store.close().await;
            let again = bench.reopen().await;
            assert!(again.begin_sweep(&project, "two", None).await.unwrap().is_none(), "one may still live");
            bench.clock.advance(LEASE);
            let resumed = again.begin_sweep(&project, "two", None).await.unwrap().unwrap();
            assert_eq!((resumed.place, resumed.since), (second, since));
            let too_late = again.advance_sweep(&sweep, page(3, &sweep), vec![key(3)]).await;
            assert!(matches!(too_late, Err(StoreError::Fenced)));
            assert!(again.request(key(3)).await.unwrap().is_none(), "nothing of it was kept");
            assert_eq!(watched_in(&again).await.swept_to, None, "it is not finished");
            again.finish_sweep(&resumed, bench.now(), vec![key(4)]).await.unwrap();
            assert_eq!(watched_in(&again).await.swept_to, Some(bench.now()));
            assert!(again.request(key(4)).await.unwrap().is_some());
            assert!(again.unfinished_sweeps().await.unwrap().is_empty());
        })
        .await;
    }

    async fn watched_in(store: &Store) -> Project {
        store.projects().await.unwrap().remove(0)
    }

    #[tokio::test]
    async fn a_lease_from_the_future_holds_nobody_up() {
        on_both(async |bench| {
            let project = set_up(&bench).await;
            bench.clock.advance(SignedDuration::from_hours(48));
            bench.store.begin_sweep(&project, "one", None).await.unwrap().unwrap();
            bench.clock.advance(SignedDuration::from_hours(-48));
            assert!(bench.store.begin_sweep(&project, "two", None).await.unwrap().is_some());
        })
        .await;
    }

    #[tokio::test]
    async fn a_sweep_asked_for_during_a_sweep_is_not_lost() {
        on_both(async |bench| {
            set_up(&bench).await;
            assert!(bench.store.sweep_wanted().await.unwrap().is_empty());
            bench.store.mark_for_sweep(ProjectId(7)).await.unwrap();
            bench.store.mark_for_sweep(ProjectId(8)).await.unwrap();
            let sweep = bench.store.begin_sweep(&watched(&bench).await, "one", None).await.unwrap().unwrap();
            bench.store.mark_for_sweep(ProjectId(7)).await.unwrap();
            bench.store.finish_sweep(&sweep, bench.now(), Vec::new()).await.unwrap();
            let during = bench.store.sweep_wanted().await.unwrap().remove(0);
            assert_eq!(during.swept_to, Some(bench.now()));
            let sweep = bench.store.begin_sweep(&during, "one", None).await.unwrap().unwrap();
            bench.store.finish_sweep(&sweep, bench.now(), Vec::new()).await.unwrap();
            assert!(bench.store.sweep_wanted().await.unwrap().is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_seen_and_what_is_remembered_is_told_of_many_at_once() {
        Box::pin(on_both(async |bench| {
            bench.mark(1..251).await;
            bench.remember(1, record()).await;
            let claim = bench.claim(2).await;
            let release = Release { seen: Some("so".to_owned()), ..Release::default() };
            bench.store.release(&claim, release).await.unwrap();
            let iids: Vec<i64> = (1..=300).collect();
            let listed = bench.store.listed(ProjectId(7), &iids).await.unwrap();
            assert_eq!(listed.len(), 250);
            assert!(listed[&1].remembered && !listed[&2].remembered);
            assert_eq!((listed[&1].seen.as_deref(), listed[&2].seen.as_deref()), (None, Some("so")));
            let claim = bench.claim(2).await;
            bench.store.release(&claim, Release::default()).await.unwrap();
            assert_eq!(bench.store.listed(ProjectId(7), &[2]).await.unwrap()[&2].seen.as_deref(), Some("so"));
        }))
        .await;
    }

    #[tokio::test]
    async fn what_a_sweep_marked_stands_behind_what_happened() {
        on_both(async |bench| {
            let project = set_up(&bench).await;
            let sweep = bench.store.begin_sweep(&project, "one", None).await.unwrap().unwrap();
            bench.store.mark(key(1)).await.unwrap();
            bench.clock.advance(SignedDuration::from_secs(1));
            let found = vec![key(1), key(2), key(3)];
            bench.store.advance_sweep(&sweep, page(2, &sweep), found).await.unwrap();
            bench.clock.advance(SignedDuration::from_secs(1));
            bench.store.mark(key(4)).await.unwrap();
            bench.store.mark(key(3)).await.unwrap();
            let mut order = Vec::new();
            while let Some(claim) = bench.store.claim("worker", LOOK).await.unwrap() {
                order.push(claim.key.iid);
                bench.store.release(&claim, Release::default()).await.unwrap();
            }
            assert_eq!(
                order,
                [1, 3, 4, 2],
                "a webhook's mark takes a swept one forward, never the other way"
            );
        })
        .await;
    }

    #[tokio::test]
    async fn a_look_of_its_own_time_is_not_behind_a_sweeps() {
        on_both(async |bench| {
            let project = set_up(&bench).await;
            let sweep = bench.store.begin_sweep(&project, "one", None).await.unwrap().unwrap();
            bench.store.advance_sweep(&sweep, page(2, &sweep), vec![key(1), key(2)]).await.unwrap();
            let claim = bench.claim(2).await;
            let later = bench.now() + SignedDuration::from_secs(5);
            bench.store.release(&claim, release_at(later)).await.unwrap();
            bench.clock.advance(SignedDuration::from_secs(5));
            assert_eq!(bench.store.claim("worker", LOOK).await.unwrap().unwrap().key, key(2));
        })
        .await;
    }
}
