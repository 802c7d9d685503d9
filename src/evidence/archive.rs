//! One request with all that proves it, as one tar archive for an auditor.
//!
//! Made from the request's audit entries alone, so it can be made from a copy of the database, and every statement in it
//! stands in an entry whose hash the audit key proves. The same entries give the same bytes: names in a fixed order,
//! owners and times that do not depend on where it is made. So an archive is verified by making it anew from its
//! entries; the manifest has no key and proves nothing.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::export::{line_of, read_line};
use super::readme::readme;
use super::row::actor;
use crate::domain::ids::{IssueKey, ProjectId};
use crate::domain::terms::{Terms, hex};
use crate::key::Key;
use crate::store::{StoredEntry, Verifier};

/// No archive is larger; one that is was not made here.
const LARGEST: u64 = 256 * 1024 * 1024;
const ENTRIES: &str = "entries.jsonl";
const MANIFEST: &str = "MANIFEST.sha256";

/// Which entries make which file, by how their kinds begin.
const PARTS: [(&str, &[&str]); 5] = [
    ("refusals.json", &["approval.refused", "approval.voided", "form.", "request.doubts", "labels."]),
    ("mint.json", &["mint."]),
    ("delivery.json", &["delivery."]),
    ("end.json", &["credential.", "order."]),
    ("phases.json", &["request.seen", "phase.", "generation.", "issue."]),
];

/// Why an archive does not prove what it says.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// It cannot be read as an archive.
    #[error("the archive cannot be read")]
    File(#[source] io::Error),
    /// A file is not what the entries make of it, or is missing, or is there besides.
    #[error("{name} is not what its entries make of it")]
    Different {
        /// Which.
        name: String,
    },
    /// It proves nothing.
    #[error("there is no entry in it")]
    Empty,
    /// Entries are of one issue, each once and oldest first.
    #[error("entry {line} of {ENTRIES} is out of order, or of another issue")]
    Stray {
        /// Counted from 1.
        line: usize,
    },
    /// An entry is not what was written.
    #[error("entry {line} of {ENTRIES} is not what was written to the chain, or the key is another")]
    Entry {
        /// Counted from 1.
        line: usize,
    },
}

/// The archive of a request. `entries`: all of that request, oldest first; at least one.
pub fn archive(key: IssueKey, entries: &[StoredEntry]) -> io::Result<Vec<u8>> {
    let mut files = files(key, entries);
    let line = |(name, content): (&String, &Vec<u8>)| format!("{}  {name}", hex(&Sha256::digest(content)));
    let manifest = files.iter().map(line).collect::<Vec<_>>().join("\n") + "\n";
    files.insert(MANIFEST.to_owned(), manifest.into_bytes());
    let written = entries.last().map_or(0, |entry| entry.time().as_second());
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in &files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(written).unwrap_or(0));
        let path = format!("countersign-evidence-{}-{}/{name}", key.project, key.iid);
        archive.append_data(&mut header, path, content.as_slice())?;
    }
    archive.into_inner()
}

/// Whether every entry is what was written, all are of one issue, and every file is what they make of it, to the byte.
/// The issue and its entries. That none was left out, they cannot tell.
pub fn verify_archive(file: impl Read, key: &Key) -> Result<(IssueKey, Vec<StoredEntry>), Unproven> {
    let found = unpacked(file).map_err(Unproven::File)?;
    let is_entries = |path: &&String| path.split_once('/').is_some_and(|(_, name)| name == ENTRIES);
    let path = found.keys().find(is_entries).ok_or(Unproven::Empty)?;
    let entries = entries_of(&String::from_utf8_lossy(&found[path]), key)?;
    let issue = entries.first().and_then(issue_of).ok_or(Unproven::Empty)?;
    let made =
        archive(issue, &entries).and_then(|bytes| unpacked(bytes.as_slice())).map_err(Unproven::File)?;
    // A manifest differs wherever another file does, and says less.
    let names = || made.keys().chain(found.keys());
    let mut names = names().filter(|name| !name.ends_with(MANIFEST)).chain(names());
    match names.find(|name| made.get(*name) != found.get(*name)) {
        Some(name) => Err(Unproven::Different { name: name.clone() }),
        None => Ok((issue, entries)),
    }
}

/// The entries, each as it was written; of one issue, and oldest first.
fn entries_of(lines: &str, key: &Key) -> Result<Vec<StoredEntry>, Unproven> {
    let mut entries: Vec<StoredEntry> = Vec::new();
    for (line, text) in (1..).zip(lines.lines()) {
        let entry = read_line(text).ok_or(Unproven::Entry { line })?;
        Verifier::of_part(key.clone()).follow(&entry).map_err(|_| Unproven::Entry { line })?;
        let follows = |last: &StoredEntry| last.seq < entry.seq && issue_of(last) == issue_of(&entry);
        if issue_of(&entry).is_none() || !entries.last().is_none_or(follows) {
            return Err(Unproven::Stray { line });
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn issue_of(entry: &StoredEntry) -> Option<IssueKey> {
    Some(IssueKey { project: ProjectId(entry.project?), iid: entry.iid? })
}

/// The files by their whole paths. No name is there twice: which one would be read is not ours to say.
fn unpacked(file: impl Read) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(file.take(LARGEST)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if files.insert(path, content).is_some() {
            return Err(io::Error::other("a file is there twice"));
        }
    }
    Ok(files)
}

fn files(key: IssueKey, entries: &[StoredEntry]) -> BTreeMap<String, Vec<u8>> {
    let lines: String = entries.iter().map(|entry| line_of(entry) + "\n").collect();
    let mut files = BTreeMap::from([
        (ENTRIES.to_owned(), lines.into_bytes()),
        ("README.txt".to_owned(), readme(key, entries).into_bytes()),
        ("timeline.txt".to_owned(), timeline(entries).into_bytes()),
    ]);
    for (name, kinds) in PARTS {
        let of_part = |entry: &&StoredEntry| kinds.iter().any(|kind| entry.kind.starts_with(kind));
        let part: Vec<Value> = entries.iter().filter(of_part).map(told).collect();
        files.insert(name.to_owned(), pretty(&Value::Array(part)));
    }
    for entry in entries.iter().filter(|entry| entry.kind == "approval.bound") {
        files.extend(approval(entry));
    }
    files
}

/// What was approved, by whom, on whose authority, and what was read then.
fn approval(entry: &StoredEntry) -> Vec<(String, Vec<u8>)> {
    let detail = detail(entry);
    let (evidence, seen) = (&detail["evidence"], &detail["as_read"]);
    let folder = format!("approvals/{:06}-{}", entry.seq, detail["role"].as_str().unwrap_or("unknown"));
    let mut approval = evidence.clone();
    if let Some(members) = approval.as_object_mut() {
        members.remove("terms");
    }
    let mut files = vec![
        ("approval.json", pretty(&approval)),
        ("terms.json", pretty(&evidence["terms"])),
        ("label-events.json", pretty(&seen["label_events"])),
        ("directory.json", pretty(&seen["directory"])),
        (
            "account.json",
            pretty(
                &json!({"account": seen["account"], "last_edit": seen["last_edit"], "read_at": seen["at"]}),
            ),
        ),
    ];
    if let Some(text) = seen["form"]["text"].as_str() {
        files.push(("form.md", text.as_bytes().to_vec()));
        files.push((
            "form.json",
            pretty(&json!({"bytes": seen["form"]["bytes"], "sha256": seen["form"]["sha256"]})),
        ));
    }
    if let Ok(terms) = serde_json::from_value::<Terms>(evidence["terms"].clone()) {
        files.push(("terms.canonical.json", terms.canonical()));
    }
    files.into_iter().map(|(name, content)| (format!("{folder}/{name}"), content)).collect()
}

fn told(entry: &StoredEntry) -> Value {
    json!({"sequence": entry.seq, "time": entry.time(), "kind": entry.kind, "actor": actor(&entry.detail), "detail": detail(entry)})
}

fn timeline(entries: &[StoredEntry]) -> String {
    let line = |entry: &StoredEntry| {
        let who = actor(&entry.detail);
        let who = if who.is_empty() { "countersign" } else { &who };
        format!("{:>8}  {:.3}  {:<24}  {who}\n", entry.seq, entry.time(), entry.kind)
    };
    entries.iter().map(line).collect()
}

/// An entry's detail as JSON; text that is none as text.
pub(super) fn detail(entry: &StoredEntry) -> Value {
    serde_json::from_str(&entry.detail).unwrap_or_else(|_| Value::String(entry.detail.clone()))
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
