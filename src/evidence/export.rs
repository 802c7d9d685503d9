//! The audit chain as a file: CSV for spreadsheets, or JSON with one object a line; and proof that it is whole.
//!
//! Written row by row, so that memory does not grow with the chain. In CSV every cell is quoted, and one that a
//! spreadsheet would take for a formula (`= + - @`, a tab or a carriage return in front) gets a `'` in front, as does
//! one that begins with `'`, so that reading takes exactly one away again. Source: OWASP "CSV Injection".

use std::io::{self, BufRead, BufReader, Read, Write};

use serde_json::{Value, json};

use super::row::{COLUMNS, Row};
use crate::key::Key;
use crate::store::{Head, StoredEntry, Verifier, VerifyError};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table with a line of titles.
    Csv,
    /// One JSON object a line.
    Json,
}

/// What a file holds, once it was found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many entries.
    pub entries: u64,
    /// The first one's number; 0 where there is none.
    pub first: i64,
    /// The last one.
    pub last: Option<Head>,
    /// Those of the numbers asked for that are there, with their hashes.
    pub found: Vec<(i64, String)>,
}

/// Why a file could not be found whole.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The file itself.
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    /// A line that no export writes.
    #[error("line {line} is no row of an export: it was changed, or the file is another")]
    Row {
        /// Counted from 1; in CSV the titles are line 1.
        line: u64,
    },
    /// An entry is not what was written.
    #[error(transparent)]
    Chain(#[from] VerifyError),
}

/// Writes entries to a file.
pub struct Writer<W: Write> {
    sink: Sink<W>,
}

enum Sink<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json(W),
}

impl<W: Write> Writer<W> {
    /// Begins; CSV with its line of titles.
    pub fn new(format: Format, writer: W) -> io::Result<Self> {
        let sink = match format {
            Format::Json => Sink::Json(writer),
            Format::Csv => {
                let mut builder = csv::WriterBuilder::new();
                let mut table = builder.quote_style(csv::QuoteStyle::Always).from_writer(writer);
                table.write_record(COLUMNS)?;
                Sink::Csv(Box::new(table))
            }
        };
        Ok(Self { sink })
    }

    /// Writes one more.
    pub fn write(&mut self, entry: &StoredEntry) -> io::Result<()> {
        let row = Row::of(entry);
        match &mut self.sink {
            Sink::Json(writer) => writeln!(writer, "{}", line(row)),
            Sink::Csv(table) => {
                let sequence = row.sequence.to_string();
                let cells = [&sequence, &row.time, &row.kind, &row.issue, &row.actor, &row.detail];
                let cells = cells.into_iter().chain([&row.previous, &row.hash]);
                Ok(table.write_record(cells.map(|cell| guarded(cell)))?)
            }
        }
    }

    /// Hands everything on.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Csv(table) => table.flush(),
            Sink::Json(writer) => writer.flush(),
        }
    }
}

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// One entry as the line of JSON that an export has for it.
pub fn line_of(entry: &StoredEntry) -> String {
    line(Row::of(entry)).to_string()
}

/// The detail stands in it as JSON where that gives the same text again, else as text.
fn line(row: Row) -> Value {
    let detail = serde_json::from_str::<Value>(&row.detail).ok();
    let same = |value: &Value| serde_json::to_string(value).is_ok_and(|text| text == row.detail);
    let detail = detail.filter(|value| same(value) && !value.is_string());
    json!({
        "sequence": row.sequence, "time": row.time, "kind": row.kind, "issue": row.issue, "actor": row.actor,
        "detail": detail.unwrap_or(Value::String(row.detail)), "previous": row.previous, "hash": row.hash,
    })
}

/// Follows an exported file from its first entry to its last. `wanted`: numbers whose hashes are asked for.
pub fn verify(file: impl Read, key: Key, wanted: &[i64]) -> Result<Exported, Unreadable> {
    let mut file = BufReader::new(file);
    let first = file.fill_buf().map_err(Unreadable::File)?.first().copied();
    // A JSON export of no entry is empty.
    let is_json = first.is_none_or(|first| first == b'{');
    let mut check = Check {
        verifier: Verifier::of_part(key.clone()),
        key,
        wanted,
        seen: Exported { entries: 0, first: 0, last: None, found: Vec::new() },
    };
    let read = if is_json { lines(file, &mut check) } else { table(file, &mut check) };
    read?;
    check.seen.last = check.verifier.head().cloned();
    Ok(check.seen)
}

struct Check<'a> {
    key: Key,
    verifier: Verifier,
    wanted: &'a [i64],
    seen: Exported,
}

impl Check<'_> {
    fn take(&mut self, row: Row, line: u64) -> Result<(), Unreadable> {
        let entry = row.entry().ok_or(Unreadable::Row { line })?;
        if self.verifier.head().is_some_and(|head| entry.seq <= head.seq) {
            // A second place has every entry at least once; what comes again must be genuine as well.
            return Ok(Verifier::of_part(self.key.clone()).follow(&entry)?);
        }
        self.verifier.follow(&entry)?;
        if self.seen.entries == 0 {
            self.seen.first = entry.seq;
        }
        self.seen.entries += 1;
        if self.wanted.contains(&entry.seq) {
            self.seen.found.push((entry.seq, entry.hash));
        }
        Ok(())
    }
}

fn lines(file: impl BufRead, check: &mut Check<'_>) -> Result<(), Unreadable> {
    for (text, line) in file.lines().zip(1..) {
        let text = text.map_err(Unreadable::File)?;
        check.take(row(&text).ok_or(Unreadable::Row { line })?, line)?;
    }
    Ok(())
}

/// The entry of one line of JSON; `None`: no export writes such a line.
pub(super) fn read_line(text: &str) -> Option<StoredEntry> {
    row(text)?.entry()
}

fn row(text: &str) -> Option<Row> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    if let Some(detail) = value.get_mut("detail").filter(|detail| !detail.is_string()) {
        *detail = Value::String(detail.to_string());
    }
    serde_json::from_value(value).ok()
}

fn table(file: impl Read, check: &mut Check<'_>) -> Result<(), Unreadable> {
    let mut table = csv::Reader::from_reader(file);
    let titles = table.headers().map_err(|_| Unreadable::Row { line: 1 })?;
    if titles.iter().ne(COLUMNS) {
        return Err(Unreadable::Row { line: 1 });
    }
    for (record, line) in table.records().zip(2..) {
        let unreadable = || Unreadable::Row { line };
        let record = record.map_err(|_| unreadable())?;
        let cells: Vec<String> = record.iter().map(|cell| bare(cell).to_owned()).collect();
        let [sequence, time, kind, issue, actor, detail, previous, hash] =
            <[String; 8]>::try_from(cells).map_err(|_| unreadable())?;
        let sequence = sequence.parse().map_err(|_| unreadable())?;
        check.take(Row { sequence, time, kind, issue, actor, detail, previous, hash }, line)?;
    }
    Ok(())
}

/// A cell that no spreadsheet takes for a formula: with `'` in front of what begins like one.
pub fn guarded(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']) { "'" } else { "" };
    format!("{guard}{cell}")
}

fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::{IssueKey, ProjectId};
    use crate::store::Entry;
    use crate::store::testing::{Bench, KEY};

    fn key() -> Key {
        Key::of_bytes(KEY.to_vec())
    }

    async fn chain() -> Vec<StoredEntry> {
        let bench = Bench::new().await;
        let entry = |number: i64, why: &str| Entry {
            kind: "order.taken".into(),
            key: (number > 0).then_some(IssueKey { project: ProjectId(7), iid: number }),
            detail: json!({"by": why, "number": number, "odd": 0.1}),
        };
        let hostile = ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(A1)", "'quoted", "a,\"b\"\r\n;c", "\tx"];
        let entries = hostile.iter().zip(0..).map(|(why, number)| entry(number, why)).collect();
        bench.store.append(entries).await.unwrap();
        bench.store.entries_from(1).await.unwrap()
    }

    fn written(format: Format, entries: &[StoredEntry]) -> String {
        let mut file = Vec::new();
        let mut writer = Writer::new(format, &mut file).unwrap();
        for entry in entries {
            writer.write(entry).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        String::from_utf8(file).unwrap()
    }

    #[tokio::test]
    async fn what_is_written_is_found_whole_again_from_anywhere() {
        let entries = chain().await;
        for format in [Format::Csv, Format::Json] {
            for part in [&entries[..], &entries[2..5], &entries[6..], &[]] {
                let found = verify(written(format, part).as_bytes(), key(), &[4]).unwrap();
                assert_eq!(found.entries, part.len() as u64);
                assert_eq!(found.last.map(|head| head.hash), part.last().map(|entry| entry.hash.clone()));
                assert_eq!(found.found.len(), usize::from(part.iter().any(|entry| entry.seq == 4)));
            }
        }
    }

    #[tokio::test]
    async fn a_spreadsheet_finds_no_formula_in_it() {
        let file = written(Format::Csv, &chain().await);
        let mut table = csv::Reader::from_reader(file.as_bytes());
        let cells: Vec<String> = table
            .records()
            .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(cells.iter().any(|cell| cell.starts_with("'=HYPERLINK")));
        assert!(!cells.iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])));
    }

    #[tokio::test]
    async fn a_changed_removed_swapped_or_newly_chained_entry_is_named() {
        let entries = chain().await;
        let mut changed = entries.clone();
        changed[3].detail = changed[3].detail.replace("-1", "-2").replace("SUM", "MAX");
        let mut removed = entries.clone();
        removed.remove(3);
        let mut swapped = entries.clone();
        swapped.swap(3, 4);
        let mut anew = entries.clone();
        anew[3].kind = "order.forged".to_owned();
        anew[3].hash = "ab".repeat(32);
        anew[4].prev = anew[3].hash.clone();
        for (what, entries) in
            [("changed", changed), ("removed", removed), ("swapped", swapped), ("anew", anew)]
        {
            for format in [Format::Csv, Format::Json] {
                let error = verify(written(format, &entries).as_bytes(), key(), &[]).unwrap_err();
                assert!(
                    matches!(error, Unreadable::Chain(VerifyError::Broken { seq: 4, .. })),
                    "{what} {format:?}: {error}"
                );
            }
        }
        let other = Key::of_bytes(b"another key".to_vec());
        let error = verify(written(Format::Csv, &entries).as_bytes(), other, &[]).unwrap_err();
        assert!(matches!(error, Unreadable::Chain(VerifyError::Broken { seq: 1, .. })), "{error}");
    }

    #[tokio::test]
    async fn every_cell_counts_also_those_that_only_people_read() {
        let file = written(Format::Csv, &chain().await[..1]);
        let forged = file.replace("\"'=HYPERLINK(\"\"x\"\")\"", "\"somebody else\"");
        assert_ne!(forged, file);
        let error = verify(forged.as_bytes(), key(), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 is no row of an export: it was changed, or the file is another"
        );
    }

    proptest! {
        #[test]
        fn a_guard_is_taken_off_again_and_no_file_is_a_panic(cell in ".*", file in prop::collection::vec(any::<u8>(), 0..200)) {
            let guarded = guarded(&cell);
            prop_assert_eq!(bare(&guarded), cell);
            let _ = verify(file.as_slice(), key(), &[]);
        }
    }
}
