//! One audit entry as a row of a file, and back again to the byte.
//!
//! The hash covers project, number, time in milliseconds, kind and detail, so each must be read back exactly as it was
//! hashed. The actor is taken from the detail for people to read; reading a row takes it again and compares.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::store::StoredEntry;

/// The columns, in their order.
pub(super) const COLUMNS: [&str; 8] =
    ["sequence", "time", "kind", "issue", "actor", "detail", "previous", "hash"];

/// A row, all text but its number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Row {
    pub(super) sequence: i64,
    /// UTC, to the millisecond: what is hashed.
    pub(super) time: String,
    pub(super) kind: String,
    /// `PROJECT_ID#NUMBER`; empty for what concerns the installation.
    pub(super) issue: String,
    /// Who did it, where somebody did; empty for the service itself.
    pub(super) actor: String,
    /// JSON.
    pub(super) detail: String,
    pub(super) previous: String,
    pub(super) hash: String,
}

impl Row {
    pub(super) fn of(entry: &StoredEntry) -> Self {
        Self {
            sequence: entry.seq,
            time: format!("{:.3}", entry.time()),
            kind: entry.kind.clone(),
            issue: issue(entry),
            actor: actor(&entry.detail),
            detail: entry.detail.clone(),
            previous: entry.prev.clone(),
            hash: entry.hash.clone(),
        }
    }

    /// The entry this was made of; `None`: it cannot have been made of one.
    pub(super) fn entry(self) -> Option<StoredEntry> {
        let time: Timestamp = self.time.parse().ok()?;
        // What is no number is none here, and the comparison below then fails.
        let (project, iid) = self.issue.split_once('#').unwrap_or_default();
        let entry = StoredEntry {
            seq: self.sequence,
            at: time.as_millisecond(),
            kind: self.kind.clone(),
            project: project.parse().ok(),
            iid: iid.parse().ok(),
            detail: self.detail.clone(),
            prev: self.previous.clone(),
            hash: self.hash.clone(),
        };
        (Self::of(&entry) == self).then_some(entry)
    }
}

/// Who did what an entry's detail tells of, where it tells: `kim (GitLab 12)`, or the account of a command.
pub(super) fn actor(detail: &str) -> String {
    let Ok(detail) = serde_json::from_str::<Value>(detail) else { return String::new() };
    if let Some(by) = detail["by"].as_str() {
        return by.to_owned();
    }
    let person = |name: &Value, id: &Value| Some(format!("{} (GitLab {})", name.as_str()?, id.as_i64()?));
    let (evidence, actor) = (&detail["evidence"], &detail["actor"]);
    person(&evidence["username"], &evidence["actor"])
        .or_else(|| person(&actor["username"], &actor["id"]))
        .or_else(|| Some(format!("GitLab {}", actor["id"].as_i64()?)))
        .unwrap_or_default()
}

fn issue(entry: &StoredEntry) -> String {
    if entry.project.is_none() && entry.iid.is_none() {
        return String::new();
    }
    let text = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    format!("{}#{}", text(entry.project), text(entry.iid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> StoredEntry {
        StoredEntry {
            seq: 7,
            at: 1_800_000_000_120,
            kind: "order.taken".to_owned(),
            project: Some(42),
            iid: Some(4),
            detail: json!({"by": "oda", "why": "=1+1"}).to_string(),
            prev: "a".to_owned(),
            hash: "b".to_owned(),
        }
    }

    #[test]
    fn a_row_is_read_back_to_the_byte() {
        let others = [
            StoredEntry { project: None, iid: None, ..entry() },
            StoredEntry { project: None, ..entry() },
            StoredEntry { detail: "no json".to_owned(), at: 0, ..entry() },
        ];
        for entry in others.into_iter().chain([entry()]) {
            assert_eq!(Row::of(&entry).entry(), Some(entry));
        }
        assert_eq!(Row::of(&entry()).time, "2027-01-15T08:00:00.120Z");
    }

    #[test]
    fn an_actor_that_the_detail_does_not_tell_of_is_not_taken() {
        let row = Row { actor: "somebody else".to_owned(), ..Row::of(&entry()) };
        assert_eq!(row.entry(), None);
    }

    #[test]
    fn the_actor_is_whoever_the_detail_names() {
        let bound = json!({"role": "manager", "evidence": {"actor": 12, "username": "kim"}});
        let refused = json!({"role": "manager", "actor": {"id": 13, "username": null}});
        for (detail, expected) in [
            (bound, "kim (GitLab 12)"),
            (refused, "GitLab 13"),
            (json!({"by": "oda"}), "oda"),
            (json!([]), ""),
        ] {
            assert_eq!(actor(&detail.to_string()), expected);
        }
    }
}
