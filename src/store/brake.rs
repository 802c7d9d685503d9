//! The brake: how many credentials may end within an hour for a reason that concerns many at once.
//!
//! Whoever wants to end one asks here first. The answer is one transaction that begins by locking one row, so that
//! the count holds across workers, processes and restarts. Once it holds one back it holds all of them, until a
//! person releases exactly those that are held, or what is held is not to end any more. Time releases nothing. Whoever
//! asks twice for the same ending gets the same answer.

use jiff::{SignedDuration, Timestamp};

use super::Store;
use super::audit::{self, Entry};
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Connection, Row, query, query_scalar};
use super::unfinished;
use crate::domain::policy::Brake;

/// What is counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// So long somebody whom it let go on, or a person released, may take to end it.
const STANDS: SignedDuration = SignedDuration::from_hours(24);

/// An ending for a reason that concerns many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MassEnding {
    /// What would end: the request's key and generation (`7#12/1`), or another name that is its alone.
    pub subject: String,
    /// Why, for people.
    pub cause: String,
}

/// The brake's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrakeAnswer {
    /// End it.
    Go,
    /// A person must look first.
    Held {
        /// It was not held before.
        newly: bool,
    },
}

/// Something that is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEnding {
    /// What would end.
    pub subject: String,
    /// Why.
    pub cause: String,
    /// Since when it is held.
    pub since: Timestamp,
}

impl Store {
    /// Asks whether this may end now. The first that is held back is written into the audit chain.
    pub async fn ask_brake(&self, ending: MassEnding, brake: Brake) -> Result<BrakeAnswer, StoreError> {
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                query("UPDATE brake SET asked = asked + 1 WHERE id = 1").execute(&mut *connection).await?;
                let known = state_of(connection, &ending.subject, now).await?;
                let answer = match known.as_deref() {
                    Some("counted" | "released") => return Ok(BrakeAnswer::Go),
                    Some(_) => BrakeAnswer::Held { newly: false },
                    None if held(connection).await? > 0 => BrakeAnswer::Held { newly: true },
                    None if too_many(connection, brake, now).await? => {
                        let detail = serde_json::json!({"subject": ending.subject, "cause": ending.cause,
                            "most": brake.most, "percent": brake.percent});
                        let entry = Entry { kind: "brake.applied".into(), key: None, detail };
                        audit::append(connection, &chain, vec![entry], now).await?;
                        BrakeAnswer::Held { newly: true }
                    }
                    None => BrakeAnswer::Go,
                };
                note(connection, &ending, (answer, now)).await?;
                Ok(answer)
            })
        });
        work.await
    }

    /// It will not end for that reason, so it holds nothing else back either.
    pub async fn forget_ending(&self, subject: String) -> Result<(), StoreError> {
        let work = self.inner.writer.run(move |connection, _| {
            Box::pin(async move {
                query("DELETE FROM mass_endings WHERE subject = $1 AND state <> 'counted'")
                    .bind(subject)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        work.await
    }

    /// What is held back now, longest first.
    pub async fn held_endings(&self) -> Result<Vec<HeldEnding>, StoreError> {
        let rows = query(
            "SELECT subject, cause, since FROM mass_endings WHERE state = 'held' ORDER BY since, subject",
        )
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }

    /// A person says that what is held back may end. How many that is; they are looked at now.
    pub async fn release_brake(&self, entry: Entry) -> Result<u64, StoreError> {
        let chain = self.inner.chain.clone();
        let work = self.inner.writer.run(move |connection, now| {
            Box::pin(async move {
                query("UPDATE brake SET asked = asked + 1 WHERE id = 1").execute(&mut *connection).await?;
                let done =
                    query("UPDATE mass_endings SET state = 'released', asked_at = $1 WHERE state = 'held'")
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                unfinished::want(connection, entry.kind.as_ref(), now).await?;
                audit::append(connection, &chain, vec![entry], now).await?;
                Ok(done)
            })
        });
        let released = work.await?;
        self.mark_after_a_change().await;
        Ok(released)
    }
}

/// What was answered before about this subject, while that still stands.
async fn state_of(
    connection: &mut Connection,
    subject: &str,
    now: i64,
) -> Result<Option<String>, StoreError> {
    let query = query_scalar(
        "SELECT state FROM mass_endings WHERE subject = $1 AND (state = 'held' OR asked_at > $2)",
    );
    Ok(query.bind(subject).bind(before(now, STANDS)).fetch_optional(connection).await?)
}

async fn held(connection: &mut Connection) -> Result<i64, StoreError> {
    Ok(query_scalar("SELECT count(*) FROM mass_endings WHERE state = 'held'").fetch_one(connection).await?)
}

/// Whether one more is more than may be. One within the hour always may: it is no mass.
async fn too_many(connection: &mut Connection, brake: Brake, now: i64) -> Result<bool, StoreError> {
    let counted: i64 =
        query_scalar("SELECT count(*) FROM mass_endings WHERE state = 'counted' AND asked_at > $1")
            .bind(before(now, WINDOW))
            .fetch_one(&mut *connection)
            .await?;
    let active: i64 =
        query_scalar("SELECT count(*) FROM requests WHERE phase = 'active'").fetch_one(connection).await?;
    let one_more = counted + 1;
    let share = one_more * 100 > i64::from(brake.percent) * (active + counted);
    Ok(counted > 0 && (one_more > i64::from(brake.most) || share))
}

async fn note(
    connection: &mut Connection,
    ending: &MassEnding,
    (answer, now): (BrakeAnswer, i64),
) -> Result<(), StoreError> {
    let (state, again) = match answer {
        BrakeAnswer::Go => ("counted", false),
        BrakeAnswer::Held { newly } => ("held", !newly),
    };
    query(
        "INSERT INTO mass_endings (subject, cause, state, since, asked_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (subject) DO UPDATE
         SET cause = excluded.cause, state = excluded.state, asked_at = excluded.asked_at,
             since = CASE WHEN $5 = 1 THEN mass_endings.since ELSE excluded.since END",
    )
    .bind(ending.subject.as_str())
    .bind(ending.cause.as_str())
    .bind(state)
    .bind(now)
    .bind(i64::from(again))
    .execute(connection)
    .await?;
    Ok(())
}

fn before(now: i64, span: SignedDuration) -> i64 {
    now.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

fn read(row: &Row) -> Result<HeldEnding, StoreError> {
    let reading = Reading::new(row, "mass_endings");
    Ok(HeldEnding {
        subject: reading.get("subject")?,
        cause: reading.get("cause")?,
        since: reading.time("since")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Bench, entry, on_both};

    const BRAKE: Brake = Brake { most: 5, percent: 20 };
    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn ending(subject: &str) -> MassEnding {
        MassEnding { subject: subject.to_owned(), cause: "left".to_owned() }
    }

    async fn ask(store: &Store, subject: i64) -> BrakeAnswer {
        store.ask_brake(ending(&subject.to_string()), BRAKE).await.unwrap()
    }

    /// So many active ones.
    async fn living(bench: &Bench, count: i64) {
        for iid in 0..count {
            bench.put(iid, "active").await;
        }
    }

    #[tokio::test]
    async fn more_than_five_in_an_hour_are_held_back_and_so_is_all_that_follows() {
        on_both(async |bench| {
            living(&bench, 100).await;
            for subject in 1..=5 {
                assert_eq!(ask(&bench.store, subject).await, BrakeAnswer::Go);
            }
            assert_eq!(ask(&bench.store, 5).await, BrakeAnswer::Go, "the same one is not counted twice");
            assert_eq!(ask(&bench.store, 6).await, BrakeAnswer::Held { newly: true });
            assert_eq!(ask(&bench.store, 6).await, BrakeAnswer::Held { newly: false });
            bench.clock.advance(HOUR * 2);
            assert_eq!(
                ask(&bench.store, 7).await,
                BrakeAnswer::Held { newly: true },
                "time alone releases nothing"
            );
            let other = bench.reopen().await;
            assert_eq!(ask(&other, 8).await, BrakeAnswer::Held { newly: true }, "whoever asks");
            let held = other.held_endings().await.unwrap();
            assert_eq!(held.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["6", "7", "8"]);
            let kinds: Vec<_> =
                bench.store.entries_from(1).await.unwrap().into_iter().map(|entry| entry.kind).collect();
            assert_eq!(kinds, ["brake.applied"], "once");
        })
        .await;
    }

    #[tokio::test]
    async fn more_than_a_fifth_of_those_that_live_are_held_back_but_one_never_is() {
        on_both(async |bench| {
            living(&bench, 10).await;
            assert_eq!(ask(&bench.store, 1).await, BrakeAnswer::Go);
            assert_eq!(ask(&bench.store, 2).await, BrakeAnswer::Go);
            assert_eq!(ask(&bench.store, 3).await, BrakeAnswer::Held { newly: true });
        })
        .await;
    }

    #[tokio::test]
    async fn an_hour_later_it_counts_anew() {
        on_both(async |bench| {
            living(&bench, 100).await;
            for subject in 1..=12 {
                assert_eq!(ask(&bench.store, subject).await, BrakeAnswer::Go);
                bench.clock.advance(HOUR / 5);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_person_releases_what_is_held_and_nothing_more() {
        on_both(async |bench| {
            living(&bench, 4).await;
            for subject in 1..=3 {
                ask(&bench.store, subject).await;
            }
            assert_eq!(bench.store.release_brake(entry("brake.released", 0)).await.unwrap(), 2);
            assert_eq!(ask(&bench.store, 2).await, BrakeAnswer::Go);
            assert_eq!(ask(&bench.store, 3).await, BrakeAnswer::Go);
            assert_eq!(ask(&bench.store, 4).await, BrakeAnswer::Held { newly: true });
            assert_eq!(bench.store.held_endings().await.unwrap().len(), 1);
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_not_to_end_any_more_holds_nothing_else_back_and_time_releases_nothing() {
        on_both(async |bench| {
            living(&bench, 4).await;
            ask(&bench.store, 1).await;
            assert_eq!(ask(&bench.store, 2).await, BrakeAnswer::Held { newly: true });
            bench.clock.advance(HOUR * 24 * 30);
            assert_eq!(ask(&bench.store, 3).await, BrakeAnswer::Held { newly: true });
            bench.store.forget_ending("2".to_owned()).await.unwrap();
            bench.store.forget_ending("3".to_owned()).await.unwrap();
            assert!(bench.store.held_endings().await.unwrap().is_empty());
            assert_eq!(ask(&bench.store, 3).await, BrakeAnswer::Go);
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_workers_at_once_end_no_more_than_one_would() {
        on_both(async |bench| {
            living(&bench, 100).await;
            let stores = [bench.store.clone(), bench.reopen().await];
            let tasks: Vec<_> = (0..20_i64)
                .map(|subject| {
                    let store = stores[usize::try_from(subject % 2).unwrap()].clone();
                    tokio::spawn(async move { ask(&store, subject).await })
                })
                .collect();
            let mut gone = 0;
            for task in tasks {
                gone += usize::from(task.await.unwrap() == BrakeAnswer::Go);
            }
            assert_eq!(gone, 5);
        })
        .await;
    }

    #[tokio::test]
    async fn of_few_one_always_goes() {
        on_both(async |bench| {
            living(&bench, 2).await;
            assert_eq!(ask(&bench.store, 1).await, BrakeAnswer::Go);
            assert_eq!(ask(&bench.store, 2).await, BrakeAnswer::Held { newly: true });
        })
        .await;
    }
}
