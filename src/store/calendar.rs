//! Addresses of calendars, and the end dates they show.
//!
//! An address is a token that nobody can guess; only its hash is stored, and it is found by that hash, so the time of
//! the look-up tells nothing about the token. A date is written in the transaction that hands over or ends a credential,
//! and its sequence and time of change move only when what it shows does: the same state renders to the same bytes.

use jiff::Timestamp;
use serde_json::json;

use super::Store;
use super::audit::{self, Entry};
use super::error::StoreError;
use super::rows::{FIRST, PAGE, Reading};
use super::sql::{Connection, Query, Row, query};
use crate::domain::calendar::{EndDate, end_date};
use crate::domain::ids::{IssueKey, UserId};
use crate::domain::record::Record;

/// Whose end dates a calendar shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of an instance, by its key.
    Instance(String),
    /// All of one person.
    Person(UserId),
}

/// A calendar's address, without what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// For people, to revoke it.
    pub id: String,
    /// What it shows.
    pub scope: Scope,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: String,
    /// Since when it opens nothing any more.
    pub revoked_at: Option<Timestamp>,
}

/// A new address.
#[derive(Debug, Clone)]
pub struct NewFeed {
    /// For people, to revoke it.
    pub id: String,
    /// SHA-256 of the token: hexadecimal.
    pub token_hash: String,
    /// What it shows.
    pub scope: Scope,
    /// Who makes it.
    pub by: String,
}

/// An end date with what a calendar needs to know that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownDate {
    /// The date.
    pub date: EndDate,
    /// From 0; grows with each change.
    pub sequence: i64,
    /// The last change.
    pub changed_at: Timestamp,
}

macro_rules! insert_date {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO calendar_dates
                 (uid, instance, person, summary, url, last_day, ends_at, cancelled, sequence, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)
             ON CONFLICT (uid) ",
            $conflict
        )
    };
}

impl Scope {
    /// As stored: `instance` or `person`, and which.
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Instance(key) => ("instance", key.clone()),
            Self::Person(id) => ("person", id.to_string()),
        }
    }
}

impl Store {
    /// Makes an address, and writes down who did.
    pub async fn add_feed(&self, feed: NewFeed) -> Result<(), StoreError> {
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let (scope, subject) = feed.scope.parts();
                query(
                    "INSERT INTO calendar_feeds (id, token_hash, scope, subject, made_at, made_by)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(feed.id.as_str())
                .bind(feed.token_hash)
                .bind(scope)
                .bind(subject.as_str())
                .bind(now)
                .bind(feed.by.as_str())
                .execute(&mut *connection)
                .await?;
                let detail = json!({"calendar": feed.id, "scope": scope, "of": subject, "by": feed.by});
                let entry = Entry { kind: "calendar.added".into(), key: None, detail };
                audit::append(connection, &chain, vec![entry], now).await
            })
        });
        work.await.map(|_| ())
    }

    /// Ends an address for good. Whether there was one that was still open.
    pub async fn revoke_feed(&self, id: &str, by: &str) -> Result<bool, StoreError> {
        let (id, by, chain) = (id.to_owned(), by.to_owned(), self.inner.chain.clone());
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                let ended =
                    query("UPDATE calendar_feeds SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
                        .bind(id.as_str())
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                if ended == 0 {
                    return Ok(false);
                }
                let detail = json!({"calendar": id, "by": by});
                let entry = Entry { kind: "calendar.revoked".into(), key: None, detail };
                audit::append(connection, &chain, vec![entry], now).await?;
                Ok(true)
            })
        });
        work.await
    }

    /// All addresses ever made, oldest first.
    pub async fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        let query =
            query(concat!("SELECT ", columns!(calendar_feeds), " FROM calendar_feeds ORDER BY made_at, id"));
        query.fetch_all(&self.inner.read).await?.iter().map(feed).collect()
    }

    /// What the token with this hash opens; `None`: nothing, or nothing any more.
    pub async fn feed_by_hash(&self, token_hash: &str) -> Result<Option<Feed>, StoreError> {
        let query = query(concat!(
            "SELECT ",
            columns!(calendar_feeds),
            " FROM calendar_feeds WHERE token_hash = $1 AND revoked_at IS NULL"
        ))
        .bind(token_hash);
        query.fetch_optional(&self.inner.read).await?.as_ref().map(feed).transpose()
    }

    /// The end dates from `since` on, in their order.
    pub async fn end_dates(&self, scope: &Scope, since: Timestamp) -> Result<Vec<ShownDate>, StoreError> {
        let since = since.as_millisecond();
        let query = match scope {
            Scope::Instance(key) => query(concat!(
                "SELECT ",
                columns!(calendar_dates),
                " FROM calendar_dates WHERE instance = $1 AND ends_at >= $2 ORDER BY ends_at, uid"
            ))
            .bind(key.clone()),
            Scope::Person(id) => query(concat!(
                "SELECT ",
                columns!(calendar_dates),
                " FROM calendar_dates WHERE person = $1 AND ends_at >= $2 ORDER BY ends_at, uid"
            ))
            .bind(id.0),
        };
        query.bind(since).fetch_all(&self.inner.read).await?.iter().map(shown_date).collect()
    }

    /// Adds the end dates of what an earlier release, which knew no calendars, handed over and which has not ended. How
    /// many. A row that cannot be read hides no other.
    pub async fn add_missing_dates(&self) -> Result<u64, StoreError> {
        let (mut added, mut after) = (0, Some(FIRST));
        while let Some(key) = after {
            let page = self.inner.writer.run(move |connection, now| {
                Box::pin(async move { add_missing_after(connection, key, now).await })
            });
            let (more, last) = page.await?;
            (added, after) = (added + more, last);
        }
        Ok(added)
    }
}

/// The next few hundred: how many were added, and where the page after them begins. A transaction for each page, so that
/// webhooks are written down in between.
async fn add_missing_after(
    connection: &mut Connection,
    after: IssueKey,
    now: i64,
) -> Result<(u64, Option<IssueKey>), StoreError> {
    let rows = query(
        "SELECT project_id, iid, record FROM requests
         WHERE phase IN ('active', 'ending') AND record IS NOT NULL
             AND (project_id, iid) > ($1, $2)
         ORDER BY project_id, iid LIMIT $3",
    );
    let rows = rows.bind(after.project.0).bind(after.iid).bind(PAGE).fetch_all(&mut *connection).await?;
    let (mut added, mut last) = (0, None);
    for row in &rows {
        let reading = Reading::new(row, "requests");
        last = Some(reading.issue()?);
        match reading.document("record") {
            Ok(Some(record)) => added += add_missing(connection, &record, now).await?,
            Ok(None) => {}
            Err(error) => tracing::error!(error = %error, "an end date is in no calendar"),
        }
    }
    Ok((added, last))
}

/// Keeps the end date of a record, if it has one: in the transaction that changes the record.
pub(super) async fn keep(connection: &mut Connection, record: &Record, now: i64) -> Result<(), StoreError> {
    let Some(date) = end_date(record) else { return Ok(()) };
    let query = query(insert_date!(
        "DO UPDATE SET
             summary = excluded.summary, url = excluded.url, last_day = excluded.last_day, ends_at = excluded.ends_at,
             cancelled = excluded.cancelled, sequence = calendar_dates.sequence + 1, changed_at = excluded.changed_at
         WHERE calendar_dates.last_day <> excluded.last_day OR calendar_dates.ends_at <> excluded.ends_at
             OR calendar_dates.cancelled <> excluded.cancelled"
    ));
    bound(query, date, now).execute(connection).await?;
    Ok(())
}

/// Adds the end date of a record that an earlier release handed over. One that is there already is newer.
async fn add_missing(connection: &mut Connection, record: &Record, now: i64) -> Result<u64, StoreError> {
    let Some(date) = end_date(record) else { return Ok(0) };
    Ok(bound(query(insert_date!("DO NOTHING")), date, now).execute(connection).await?)
}

fn bound(query: Query, date: EndDate, now: i64) -> Query {
    query
        .bind(date.uid)
        .bind(date.instance)
        .bind(date.person.0)
        .bind(date.summary)
        .bind(date.url)
        .bind(date.last_day)
        .bind(date.ends_at.as_millisecond())
        .bind(i64::from(date.cancelled))
        .bind(now)
}

fn feed(row: &Row) -> Result<Feed, StoreError> {
    let reading = Reading::new(row, "calendar_feeds");
    let (scope, subject): (String, String) = (reading.get("scope")?, reading.get("subject")?);
    let person = || subject.parse().map_err(|_| reading.broken("column subject is no number".to_owned()));
    let scope =
        if scope == "person" { Scope::Person(UserId(person()?)) } else { Scope::Instance(subject.clone()) };
    Ok(Feed {
        id: reading.get("id")?,
        scope,
        made_at: reading.time("made_at")?,
        made_by: reading.get("made_by")?,
        revoked_at: reading.time_if_any("revoked_at")?,
    })
}

fn shown_date(row: &Row) -> Result<ShownDate, StoreError> {
    let reading = Reading::new(row, "calendar_dates");
    let date = EndDate {
        uid: reading.get("uid")?,
        instance: reading.get("instance")?,
        person: UserId(reading.get("person")?),
        summary: reading.get("summary")?,
        url: reading.get("url")?,
        last_day: reading.get("last_day")?,
        ends_at: reading.time("ends_at")?,
        cancelled: reading.get::<i64>("cancelled")? != 0,
    };
    Ok(ShownDate { date, sequence: reading.get("sequence")?, changed_at: reading.time("changed_at")? })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::phase::{EndReason, Phase};
    use crate::domain::testing::terms;
    use crate::store::testing::{on_both, record};

    fn active() -> Record {
        let terms = terms();
        let phase = Phase::Active { since: Timestamp::UNIX_EPOCH, ends_at: terms.ends_at };
        Record { issued: Some(terms), phase, ..record() }
    }

    #[tokio::test]
    async fn a_date_changes_only_when_what_it_shows_does() {
        on_both(async |bench| {
            let shown = async || {
                let (date, store) = (end_date(&active()).unwrap(), &bench.store);
                let all =
                    store.end_dates(&Scope::Instance(date.instance), Timestamp::UNIX_EPOCH).await.unwrap();
                let mine = store.end_dates(&Scope::Person(date.person), Timestamp::UNIX_EPOCH).await.unwrap();
                assert_eq!(all, mine);
                assert!(
                    store
                        .end_dates(&Scope::Person(UserId(0)), Timestamp::UNIX_EPOCH)
                        .await
                        .unwrap()
                        .is_empty()
                );
                all.first().map(|one| (one.sequence, one.changed_at, one.date.cancelled))
            };
            bench.store.mark(crate::store::testing::key(1)).await.unwrap();
            bench.remember(1, record()).await;
            assert_eq!(shown().await, None);
            let began = bench.now();
            for _ in 0..2 {
                bench.remember(1, active()).await;
                assert_eq!(shown().await, Some((0, began, false)));
                bench.clock.advance(SignedDuration::from_hours(1));
            }
            let why = EndReason::Revoked { why: "lost".to_owned() };
            let ended = bench.now();
            bench.remember(1, Record { phase: Phase::Ending { since: ended, why }, ..active() }).await;
            assert_eq!(shown().await, Some((1, ended, true)));
            bench.remember(1, Record { issued: None, phase: Phase::New, ..active() }).await;
            assert_eq!(shown().await, Some((1, ended, true)));
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_handed_over_before_there_were_calendars_is_added_once_and_never_written_over() {
        on_both(async |bench| {
            let (store, date) = (&bench.store, end_date(&active()).unwrap());
            let shown =
                async || store.end_dates(&Scope::Person(date.person), Timestamp::UNIX_EPOCH).await.unwrap();
            store.mark(crate::store::testing::key(1)).await.unwrap();
            bench.remember(1, active()).await;
            let before = shown().await;
            bench.raw().await.run("DELETE FROM calendar_dates").await.unwrap();
            bench.raw().await.run("INSERT INTO requests (project_id, iid, phase, record, updated_at) VALUES (7, 99, 'active', 'no record', 0)").await.unwrap();
            assert_eq!(store.add_missing_dates().await.unwrap(), 1);
            assert_eq!(shown().await, before);
            let changed = bench.raw().await.run("UPDATE calendar_dates SET cancelled = 1, sequence = 4").await;
            changed.unwrap();
            assert_eq!(store.add_missing_dates().await.unwrap(), 0);
            assert_eq!(shown().await[0].sequence, 4);
        })
        .await;
    }

    #[tokio::test]
    async fn an_address_opens_until_it_is_revoked() {
        on_both(async |bench| {
            let (store, scope) = (&bench.store, Scope::Person(UserId(12)));
            let feed = |id: &str| NewFeed {
                id: id.to_owned(),
                token_hash: format!("hash of {id}"),
                scope: scope.clone(),
                by: "root".to_owned(),
            };
            store.add_feed(feed("a")).await.unwrap();
            store.add_feed(feed("b")).await.unwrap();
            assert_eq!(store.feed_by_hash("hash of a").await.unwrap().unwrap().scope, scope);
            assert!(store.revoke_feed("a", "root").await.unwrap());
            assert!(!store.revoke_feed("a", "root").await.unwrap());
            assert_eq!(store.feed_by_hash("hash of a").await.unwrap(), None);
            assert!(store.feed_by_hash("hash of b").await.unwrap().is_some());
            assert_eq!(store.feeds().await.unwrap().len(), 2);
            assert_eq!(store.verify().await.unwrap().seq, 3);
        })
        .await;
    }
}
