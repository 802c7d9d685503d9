//! Reading one row: typed, by column name, and with an error that names the row but never quotes it.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::StoreError;
use super::sql::{Column, Row};
use crate::domain::ids::{IssueKey, ProjectId};

/// Before every issue: where reading page by page begins.
pub(super) const FIRST: IssueKey = IssueKey { project: ProjectId(i64::MIN), iid: i64::MIN };
/// So many rows at once: a few hundredths of a second.
pub(super) const PAGE: i64 = 250;

/// A row of a table, and what to call it if it cannot be read.
pub(super) struct Reading<'r> {
    row: &'r Row,
    table: &'static str,
    key: String,
}

impl<'r> Reading<'r> {
    pub(super) fn new(row: &'r Row, table: &'static str) -> Self {
        let mut reading = Self { row, table, key: "?".to_owned() };
        for name in ["seq", "id", "iid"] {
            if let Ok(value) = row.try_get::<i64>(name) {
                reading.key = value.to_string();
            }
        }
        if let Ok(key) = reading.issue() {
            reading.key = key.to_string();
        }
        reading
    }

    pub(super) fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|_| self.broken(format!("column {column} is of another type")))
    }

    pub(super) fn issue(&self) -> Result<IssueKey, StoreError> {
        Ok(IssueKey { project: ProjectId(self.get("project_id")?), iid: self.get("iid")? })
    }

    pub(super) fn number(&self, column: &'static str) -> Result<u32, StoreError> {
        let value: i64 = self.get(column)?;
        u32::try_from(value).map_err(|_| self.broken(format!("column {column} is out of range")))
    }

    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.get(column).and_then(|value| self.instant(column, value))
    }

    pub(super) fn time_if_any(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let value: Option<i64> = self.get(column)?;
        value.map(|value| self.instant(column, value)).transpose()
    }

    pub(super) fn document<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        let Some(text) = text else { return Ok(None) };
        // The error's own text can quote a value.
        serde_json::from_str(&text).map(Some).map_err(|error| {
            self.broken(format!("column {column} cannot be read from its character {}", error.column()))
        })
    }

    /// A document that is acted upon and written again: one that says more than we know is not ours to touch. A later
    /// release wrote it, and would miss what we leave out.
    pub(super) fn whole_document<T: DeserializeOwned + Serialize>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let document: Option<T> = self.document(column)?;
        let again = serde_json::to_value(&document).unwrap_or_default();
        let stored = self.document(column)?.unwrap_or_default();
        if says_more(&stored, &again) {
            return Err(self.broken(format!("column {column} was written by a later release")));
        }
        Ok(document)
    }

    pub(super) fn broken(&self, what: String) -> StoreError {
        StoreError::Inconsistent { table: self.table, key: self.key.clone(), what }
    }

    fn instant(&self, column: &'static str, value: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(value).map_err(|_| self.broken(format!("column {column} is no time")))
    }
}

/// Whether there is anything in `stored` that is not in `known`.
fn says_more(stored: &Value, known: &Value) -> bool {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(inside) => inside.is_empty(),
        Value::Object(inside) => inside.is_empty(),
        _ => false,
    };
    match (stored, known) {
        (Value::Object(stored), Value::Object(known)) => stored
            .iter()
            .any(|(name, value)| known.get(name).map_or(!is_nothing(value), |known| says_more(value, known))),
        (Value::Array(stored), Value::Array(known)) => {
            stored.len() > known.len()
                || stored.iter().zip(known).any(|(stored, known)| says_more(stored, known))
        }
        _ => false,
    }
}

/// A time as stored, never earlier than `at`: a look a fraction of a millisecond too soon would find nothing due.
pub(super) fn milliseconds_up(at: Timestamp) -> i64 {
    let rest = at.subsec_nanosecond() % 1_000_000;
    at.as_millisecond() + i64::from(rest > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_time_is_rounded_up() {
        let whole = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        let more = Timestamp::new(1_800_000_000, 123_000_001).unwrap();
        assert_eq!(milliseconds_up(whole), 1_800_000_000_123);
        assert_eq!(milliseconds_up(more), 1_800_000_000_124);
    }
}
