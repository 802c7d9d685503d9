//! "Look at everything that may still change": at start, where the clock was set back, and when a person has changed
//! something that every comment tells.
//!
//! In pages, each a transaction of its own. One statement over a million rows takes a minute: so long SQLite's only
//! writer takes no webhook, and PostgreSQL ends it before (`statement_timeout`), each time anew. That it is wanted is
//! written down in the transaction of the change, so that whoever dies half-way is followed by the next to come.

use super::Store;
use super::error::StoreError;
use super::marks;
use super::rows::{FIRST, PAGE, Reading};
use super::settings;
use super::sql::{Connection, query};
use crate::domain::ids::IssueKey;

/// The setting that says that somebody wants it and it is not done.
const WANTED: &str = "look_at_all";

macro_rules! unfinished {
    () => {
        "phase NOT IN ('ended', 'refused', 'no_request', 'denied', 'withdrawn')"
    };
}

/// What of a page ($2 to $5) is to be marked at $1: what is due and in nobody's hands is looked at anyway.
macro_rules! of_page {
    () => {
        concat!(
            "(project_id, iid) > ($2, $3) AND (project_id, iid) <= ($4, $5) AND ",
            unfinished!(),
            " AND (next_look_at IS NULL OR next_look_at > $1 OR lease_owner IS NOT NULL)"
        )
    };
}

macro_rules! mark {
    () => {
        "UPDATE requests
         SET marks = marks + 1,
             swept = CASE WHEN next_look_at <= $1 THEN swept ELSE 1 END,
             next_look_at = CASE WHEN next_look_at < $1 THEN next_look_at ELSE $1 END"
    };
}

impl Store {
    /// Whatever may still change is looked at, after what is due already. How many were marked.
    pub async fn mark_all_unfinished(&self) -> Result<u64, StoreError> {
        let wanted = self.setting(WANTED).await?;
        let (mut marked, mut after) = (0, FIRST);
        while let Some(last) = self.end_of_page(after).await? {
            let page = self.mark_page(after, last).await?;
            marks::wake(&self.inner.wake, usize::try_from(page).unwrap_or(usize::MAX));
            (marked, after) = (marked + page, last);
        }
        if let Some(wanted) = wanted {
            self.is_done(wanted).await?;
        }
        Ok(marked)
    }

    /// Goes on with what somebody wanted and did not finish.
    pub async fn mark_what_is_wanted(&self) -> Result<(), StoreError> {
        if self.setting(WANTED).await?.is_some() {
            self.mark_all_unfinished().await?;
        }
        Ok(())
    }

    /// After a change that wants it ([`want`]), which stands whatever becomes of this.
    pub(super) async fn mark_after_a_change(&self) {
        if let Err(error) = self.mark_all_unfinished().await {
            tracing::warn!(%error, "not everything could be marked for a look; the service goes on with it");
        }
    }

    /// The last issue of the page that comes after this one; none when there is no more.
    async fn end_of_page(&self, after: IssueKey) -> Result<Option<IssueKey>, StoreError> {
        let rows = query(concat!(
            "SELECT project_id, iid FROM requests WHERE (project_id, iid) > ($1, $2) AND ",
            unfinished!(),
            " ORDER BY project_id, iid LIMIT $3"
        ))
        .bind(after.project.0)
        .bind(after.iid)
        .bind(PAGE)
        .fetch_all(&self.inner.read)
        .await?;
        rows.last().map(|row| Reading::new(row, "requests").issue()).transpose()
    }

    /// Rows are locked in the order of a batch of marks, so that on PostgreSQL the two never wait for each other.
    async fn mark_page(&self, after: IssueKey, last: IssueKey) -> Result<u64, StoreError> {
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let marking = query(concat!(mark!(), " WHERE ", of_page!())).on_postgres(concat!(
                    // By key and not `IN`: for a page, the planner takes that for one row and reads it anew for each.
                    "WITH page AS MATERIALIZED (SELECT project_id, iid FROM requests WHERE ",
                    of_page!(),
                    " ORDER BY project_id, iid FOR UPDATE) ",
                    mark!(),
                    " FROM page WHERE requests.project_id = page.project_id AND requests.iid = page.iid"
                ));
                let marking = marking.bind(now).bind(after.project.0).bind(after.iid);
                let marking = marking.bind(last.project.0).bind(last.iid);
                Ok(marking.execute(connection).await?)
            })
        });
        work.await
    }

    /// Unless it was wanted anew meanwhile.
    async fn is_done(&self, wanted: String) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query("DELETE FROM settings WHERE name = $1 AND value = $2")
                    .bind(WANTED)
                    .bind(wanted)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        work.await
    }
}

/// In the transaction of a change that every comment tells: all that is unfinished is to be looked at.
pub(super) async fn want(connection: &mut Connection, why: &str, now: i64) -> Result<(), StoreError> {
    settings::set(connection, WANTED, &format!("{why} at {now}")).await
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{PAGE, WANTED};
    use crate::store::Release;
    use crate::store::testing::{Bench, entry, key, on_both, release_at};

    /// So many rows that wait for their manager, in as many phases of a look as there are.
    async fn waiting(bench: &Bench, rows: i64) {
        let rows = format!(
            "INSERT INTO requests (project_id, iid, phase, next_look_at, marks, updated_at)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
             SELECT 7, n, 'awaiting_manager', {}, 1, 0 FROM numbers",
            bench.now().as_millisecond() + 86_400_000
        );
        bench.raw().await.run(rows).await.unwrap();
    }

    async fn next_look(bench: &Bench, iid: i64) -> Option<jiff::Timestamp> {
        bench.store.request(key(iid)).await.unwrap().unwrap().next_look_at
    }

    #[tokio::test]
    async fn at_start_only_what_may_still_change_is_marked() {
        on_both(async |bench| {
            let phases =
                ["unseen", "active", "blocked", "ended", "no_request", "denied", "withdrawn", "refused"];
            for (iid, phase) in (0..).zip(phases) {
                bench.put(iid, phase).await;
            }
            bench.clock.advance(SignedDuration::from_secs(1));
            assert_eq!(bench.store.mark_all_unfinished().await.unwrap(), 3);
            for (iid, phase) in (0..).zip(phases) {
                assert_eq!(next_look(&bench, iid).await.is_some(), iid < 3, "{phase}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn every_page_is_marked_and_what_waits_for_its_look_already_is_not_written_again() {
        on_both(async |bench| {
            let rows = 2 * PAGE + 1;
            waiting(&bench, rows).await;
            let all = u64::try_from(rows).unwrap();
            assert_eq!(bench.store.mark_all_unfinished().await.unwrap(), all);
            for iid in [1, PAGE, PAGE + 1, rows] {
                assert_eq!(next_look(&bench, iid).await, Some(bench.now()), "{iid}");
            }
            assert_eq!(
                bench.store.mark_all_unfinished().await.unwrap(),
                0,
                "a second start, or a second process"
            );
            let claim = bench.claim(2).await;
            assert_eq!(
                bench.store.mark_all_unfinished().await.unwrap(),
                1,
                "what is being looked at is, again"
            );
            let tomorrow = bench.now() + SignedDuration::from_hours(24);
            bench.store.release(&claim, release_at(tomorrow)).await.unwrap();
            assert_eq!(next_look(&bench, 2).await, Some(bench.now()));
        })
        .await;
    }

    #[tokio::test]
    async fn a_change_stands_when_not_everything_could_be_marked_and_the_next_goes_on() {
        on_both(async |bench| {
            waiting(&bench, PAGE + 1).await;
            let last = format!("NEW.iid = {}", PAGE + 1);
            bench.requests_refuse(&last).await;
            bench.store.change_setting("paused", Some("why".to_owned()), entry("paused", 0)).await.unwrap();
            assert_eq!(bench.store.setting("paused").await.unwrap().as_deref(), Some("why"));
            let other = bench.reopen().await;
            other.mark_what_is_wanted().await.unwrap_err();
            assert!(next_look(&bench, PAGE + 1).await > Some(bench.now()), "it waits");
            bench.requests_are_taken().await;
            other.mark_what_is_wanted().await.unwrap();
            assert_eq!(next_look(&bench, PAGE + 1).await, Some(bench.now()));
            assert_eq!(bench.store.setting(WANTED).await.unwrap(), None);
            let claim = bench.claim(1).await;
            bench.store.release(&claim, Release::default()).await.unwrap();
            other.mark_what_is_wanted().await.unwrap();
            assert_eq!(next_look(&bench, 1).await, None, "once is enough");
        })
        .await;
    }
}
