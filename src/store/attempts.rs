//! The ledger of attempts: one row each, written before the call it describes.
//!
//! The document is the truth; the columns beside it are for people with a database shell. Rows are never
//! deleted, since what was minted once must be findable for ever.

use super::Store;
use super::commit::text;
use super::error::StoreError;
use super::rows::Reading;
use super::sql::{Connection, Row, query};
use crate::domain::ids::IssueKey;
use crate::domain::record::{Attempt, AttemptState};

impl Store {
    /// All attempts of a request, of all generations, by their number.
    pub async fn attempts(&self, key: IssueKey) -> Result<Vec<Attempt>, StoreError> {
        let rows = query(concat!(
            "SELECT ",
            columns!(attempts),
            " FROM attempts WHERE project_id = $1 AND iid = $2 ORDER BY number"
        ))
        .bind(key.project.0)
        .bind(key.iid)
        .fetch_all(&self.inner.read)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Attempt, StoreError> {
    let reading = Reading::new(row, "attempts");
    reading.whole_document("document")?.ok_or_else(|| reading.broken("it has no document".to_owned()))
}

pub(super) async fn upsert(
    connection: &mut Connection,
    key: IssueKey,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO attempts (project_id, iid, number, generation, state, credential_id, name, document)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (project_id, iid, number) DO UPDATE
         SET generation = excluded.generation, state = excluded.state,
             credential_id = excluded.credential_id, name = excluded.name, document = excluded.document",
    )
    .bind(key.project.0)
    .bind(key.iid)
    .bind(i64::from(attempt.number))
    .bind(i64::from(attempt.generation))
    .bind(state_key(&attempt.state))
    .bind(attempt.credential.map(|credential| credential.0))
    .bind(attempt.name.as_str())
    .bind(text(attempt, key)?)
    .execute(connection)
    .await?;
    Ok(())
}

fn state_key(state: &AttemptState) -> &'static str {
    match state {
        AttemptState::Intended => "intended",
        AttemptState::NotMade => "not_made",
        AttemptState::NotFound => "not_found",
        AttemptState::Minted => "minted",
        AttemptState::Sending => "sending",
        AttemptState::Delivered => "delivered",
        AttemptState::TakingAway { .. } => "taking_away",
        AttemptState::Gone => "gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::TakeAwayReason;

    #[test]
    fn the_column_says_the_same_as_the_document() {
        let states = [
            AttemptState::Intended,
            AttemptState::NotMade,
            AttemptState::NotFound,
            AttemptState::Minted,
            AttemptState::Sending,
            AttemptState::Delivered,
            AttemptState::TakingAway { why: TakeAwayReason::Ending },
            AttemptState::Gone,
        ];
        for state in states {
            assert_eq!(serde_json::to_value(&state).unwrap()["state"], state_key(&state));
        }
    }
}
