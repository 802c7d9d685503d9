//! `countersign audit`: whether the chain is whole, and the chain as a file.
//!
//! All of it works offline: on the configured database, on a copy of it with the key alone, on an exported file.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::domain::ids::IssueKey;
use crate::domain::terms::hex;
use crate::evidence::{self, Exported, Format, Unreadable};
use crate::key::Key;
use crate::store::{AuditCopy, Head, Store, StoreError, StoredEntry, VerifyError};

/// As many digits of a hash as the visible line of a comment shows.
const SHORTEST: usize = 12;

/// What to do with the audit chain.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Compute every entry's hash anew, from the first to the last, and name the first bad one. Works offline.
    Verify {
        /// A head that was published in a comment, as SEQUENCE:HASH; it must be in the chain; at least the hash's first 12 digits. May be repeated.
        #[arg(long, value_name = "SEQ:HASH")]
        head: Vec<String>,
        /// A file that `audit export` wrote, instead of a database.
        #[arg(long, value_name = "FILE", conflicts_with = "database")]
        export: Option<PathBuf>,
        /// An archive that `audit evidence` made; with a database, also whether it has all entries of its issue.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["export", "head"])]
        evidence: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Make one archive of a request with all that proves it, for an auditor.
    Evidence {
        /// The issue: its URL, `PROJECT_ID#NUMBER`, or its number; of a copy only `PROJECT_ID#NUMBER`.
        issue: String,
        /// Write here instead of to `countersign-evidence-PROJECT-NUMBER.tar`.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Write all entries of a stretch of time, refusals too, oldest first.
    Export {
        /// From this day (UTC) or instant on; from the first entry unless given.
        #[arg(long, value_name = "DATE", value_parser = beginning)]
        from: Option<Timestamp>,
        /// To the end of this day (UTC), or up to this instant; to the last entry unless given.
        #[arg(long, value_name = "DATE", value_parser = end)]
        to: Option<Timestamp>,
        /// A table, or one JSON object a line.
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
        /// Write here instead of to standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the chain is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// A database file, e.g. a copy, instead of the configured one. It is only read.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// The file with the audit key; then no configuration is needed.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

/// A chain that can be read.
enum Chain {
    Live(Store, Url),
    Copy(AuditCopy),
}

impl Place {
    async fn chain(&self) -> Result<Chain, Failure> {
        let Some(file) = &self.database else {
            let config = load::config(&self.config)?;
            return Ok(Chain::Live(load::store(&config).await?, config.gitlab.url));
        };
        Ok(Chain::Copy(AuditCopy::open(file).await.map_err(|error| {
            Failure::unavailable(format_args!("{} is no database of countersign", file.display()), &error)
        })?))
    }

    /// The chain that is named, or that the configuration has; `None`: neither is at hand, only a key.
    async fn at_hand(&self) -> Result<Option<Chain>, Failure> {
        let at_hand = match (&self.database, &self.key_file) {
            (Some(_), _) => true,
            (None, Some(_)) => false,
            (None, None) => load::has_database(&load::config(&self.config)?).await?,
        };
        if at_hand {
            return self.chain().await.map(Some);
        }
        Ok(None)
    }

    fn key(&self) -> Result<Key, Failure> {
        let Some(file) = &self.key_file else { return Ok(load::config(&self.config)?.audit.key) };
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        Key::of_base64(text.trim_end())
            .map_err(|error| Failure::usage(format!("{}: the audit key {error}", file.display())))
    }
}

impl Chain {
    async fn verify(&self, place: &Place) -> Result<Head, Failure> {
        let found = match self {
            Self::Live(store, _) => store.verify().await,
            Self::Copy(copy) => copy.verify(place.key()?).await,
        };
        found.map_err(|error| broken(&error))
    }

    async fn entries_from(&self, seq: i64) -> Result<Vec<StoredEntry>, StoreError> {
        match self {
            Self::Live(store, _) => store.entries_from(seq).await,
            Self::Copy(copy) => copy.entries_from(seq).await,
        }
    }

    async fn key(&self, issue: &str) -> Result<IssueKey, Failure> {
        let of_copy = || Failure::usage(format!("of a copy, `{issue}` must be PROJECT_ID#NUMBER"));
        match self {
            Self::Live(store, gitlab) => super::issue::find(store, gitlab, issue).await,
            Self::Copy(_) => issue.parse().map_err(|_| of_copy()),
        }
    }

    async fn history(&self, key: IssueKey) -> Result<Vec<StoredEntry>, StoreError> {
        match self {
            Self::Live(store, _) => store.history(key).await,
            Self::Copy(copy) => copy.history(key).await,
        }
    }

    async fn stretch(&self, from: Timestamp, to: Timestamp) -> Result<Option<(i64, i64)>, StoreError> {
        match self {
            Self::Live(store, _) => store.stretch(from, to).await,
            Self::Copy(copy) => copy.stretch(from, to).await,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Verify { evidence: Some(file), place, .. } => verify_evidence(&file, &place).await,
        Command::Evidence { issue, output, place } => evidence(&place.chain().await?, &issue, output).await,
        Command::Verify { head, export: Some(file), place, .. } => {
            verify_export(&file, &place, &published(&head)?)
        }
        Command::Verify { head, export: None, place, .. } => verify(&place, &published(&head)?).await,
        Command::Export { from, to, format, output, place } => {
            let stretch = (from.unwrap_or(Timestamp::MIN), to.unwrap_or(Timestamp::MAX));
            export(&place.chain().await?, stretch, (format, output.as_deref())).await
        }
    }
}

async fn verify(place: &Place, published: &[Published]) -> Result<ExitStatus, Failure> {
    let chain = place.chain().await?;
    let head = chain.verify(place).await?;
    for one in published {
        let entries = chain.entries_from(one.sequence).await?;
        let entry = entries.first().filter(|entry| entry.seq == one.sequence);
        one.compare(entry.map(|entry| entry.hash.as_str()))?;
    }
    say("The chain is whole.");
    data(format_args!("{}:{}", head.seq, head.hash));
    Ok(ExitStatus::Done)
}

fn verify_export(file: &Path, place: &Place, published: &[Published]) -> Result<ExitStatus, Failure> {
    let wanted: Vec<i64> = published.iter().map(|one| one.sequence).collect();
    let key = place.key()?;
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    let found = evidence::verify(opened, key, &wanted).map_err(|error| match error {
        Unreadable::File(error) => unreadable(file, &error),
        Unreadable::Row { .. } => Failure::not_true(error.to_string()).hint("export it anew and compare"),
        Unreadable::Chain(error) => broken(&error),
    })?;
    for one in published {
        let hash = found.found.iter().find(|(sequence, _)| *sequence == one.sequence);
        one.compare(hash.map(|(_, hash)| hash.as_str()))?;
    }
    summary(&found);
    Ok(ExitStatus::Done)
}

fn summary(found: &Exported) {
    let Some(last) = &found.last else { return say("The file holds no entry.") };
    say(format_args!("Entries {} to {}, {} in all, are whole.", found.first, last.seq, found.entries));
    say(
        "That none is missing before the first or after the last, only a head from a comment tells (--head).",
    );
    data(format_args!("{}:{}", last.seq, last.hash));
}

async fn export(
    chain: &Chain,
    (from, to): (Timestamp, Timestamp),
    (format, output): (Format, Option<&Path>),
) -> Result<ExitStatus, Failure> {
    let cannot = |error: io::Error| Failure::unavailable("the export cannot be written", &error);
    let target: Box<dyn Write + Send> = match output {
        Some(path) => Box::new(File::create(path).map_err(cannot)?),
        None => Box::new(io::stdout()),
    };
    let mut writer = evidence::Writer::new(format, BufWriter::new(target)).map_err(cannot)?;
    let (mut next, last) = chain.stretch(from, to).await?.unwrap_or((1, 0));
    let (first, mut end) = (next, None);
    while next <= last {
        let page = chain.entries_from(next).await?;
        for entry in page.iter().filter(|entry| entry.seq <= last) {
            match writer.write(entry) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitStatus::Done),
                written => written.map_err(cannot)?,
            }
        }
        let Some(final_one) = page.last() else { break };
        next = final_one.seq.saturating_add(1);
        end = page.into_iter().rfind(|entry| entry.seq <= last);
    }
    match writer.flush() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitStatus::Done),
        flushed => flushed.map_err(cannot)?,
    }
    match end {
        Some(end) => {
            say(format_args!("Entries {first} to {}; the last is {}:{}", end.seq, end.seq, end.hash));
        }
        None => say("No entry of that time."),
    }
    Ok(ExitStatus::Done)
}

async fn evidence(chain: &Chain, issue: &str, output: Option<PathBuf>) -> Result<ExitStatus, Failure> {
    let key = chain.key(issue).await?;
    let entries = chain.history(key).await?;
    if entries.is_empty() {
        return Err(Failure::usage(format!("nothing was ever written down about {key}")));
    }
    let cannot = |error: io::Error| Failure::unavailable("the archive cannot be written", &error);
    let archive = evidence::archive(key, &entries).map_err(cannot)?;
    let usual = || PathBuf::from(format!("countersign-evidence-{}-{}.tar", key.project, key.iid));
    let file = output.unwrap_or_else(usual);
    std::fs::write(&file, &archive).map_err(cannot)?;
    say(format_args!("{} entries about {key} are in {}", entries.len(), file.display()));
    data(format_args!("{}  {}", hex(&Sha256::digest(&archive)), file.display()));
    Ok(ExitStatus::Done)
}

async fn verify_evidence(file: &Path, place: &Place) -> Result<ExitStatus, Failure> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    let (issue, entries) = evidence::verify_archive(opened, &place.key()?).map_err(|error| {
        let hint = "make it anew and compare; an archive is verified by the release that made it";
        Failure::not_true(error.to_string()).hint(hint)
    })?;
    let count = entries.len();
    say(format_args!(
        "All {count} entries about {issue} are what was written, and every file is what they make of it."
    ));
    let Some(chain) = place.at_hand().await? else {
        say("That none is left out, only the database tells: add --database FILE, a copy of it is enough.");
        return Ok(ExitStatus::Done);
    };
    chain.verify(place).await?;
    let history = chain.history(issue).await?;
    if let Some(missing) = history.iter().find(|one| !entries.contains(one)) {
        let what = format!(
            "entry {} ({}) is in the database and not in the archive: it was made before that, or left it out",
            missing.seq, missing.kind
        );
        return Err(Failure::not_true(what).hint("make it anew and compare"));
    }
    if let Some(unknown) = entries.iter().find(|one| !history.contains(one)) {
        let what = format!("entry {} of the archive is not in the database", unknown.seq);
        return Err(Failure::not_true(what).hint("the database is older than the archive, or another one"));
    }
    say("The chain in the database is whole, and has no other entry about it.");
    Ok(ExitStatus::Done)
}

/// A head as a comment shows it.
struct Published {
    sequence: i64,
    hash: String,
}

impl Published {
    fn compare(&self, found: Option<&str>) -> Result<(), Failure> {
        if found.is_some_and(|hash| hash.starts_with(&self.hash)) {
            return Ok(());
        }
        let what = format!("entry {} is not what was published", self.sequence);
        Err(Failure::not_true(what)
            .hint("the chain was cut or written anew, or this is an older copy or another stretch of it"))
    }
}

fn published(texts: &[String]) -> Result<Vec<Published>, Failure> {
    let malformed = || Failure::usage("--head is SEQUENCE:HASH, the hash with at least its first 12 digits");
    let read = |text: &String| {
        let (sequence, hash) = text.split_once(':')?;
        let sequence = sequence.parse().ok()?;
        let is_hash = hash.len() >= SHORTEST && hash.chars().all(|digit| digit.is_ascii_hexdigit());
        is_hash.then(|| Published { sequence, hash: hash.to_ascii_lowercase() })
    };
    texts.iter().map(|text| read(text).ok_or_else(malformed)).collect()
}

fn broken(error: &VerifyError) -> Failure {
    match error {
        VerifyError::Broken { .. } => Failure::not_true(error.to_string()).hint(
            "somebody changed it, or the key is another: keep a copy, and compare with the heads in the issues' comments",
        ),
        VerifyError::Unread(error) => Failure::from(error.clone()),
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{}: {}", file.display(), crate::reader::why_unreadable(error)))
}

/// A day is meant from its beginning.
fn beginning(text: &str) -> Result<Timestamp, String> {
    instant(text, Some)
}

/// A day is meant to its end.
fn end(text: &str) -> Result<Timestamp, String> {
    instant(text, |day| day.checked_add(1.day()).ok())
}

fn instant(text: &str, of_day: impl Fn(Date) -> Option<Date>) -> Result<Timestamp, String> {
    let from_day = || {
        let day = of_day(text.parse::<Date>().ok()?)?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    // A date with a time of day also reads as a date, so the instant goes first.
    text.parse::<Timestamp>()
        .ok()
        .or_else(from_day)
        .ok_or_else(|| "write a day, like 2026-12-31, or an instant, like 2026-12-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_meant_whole_and_instants_exactly() {
        let text = |read: Result<Timestamp, String>| read.map(|at| at.to_string());
        assert_eq!(text(beginning("2026-12-31")).unwrap(), "2026-12-31T00:00:00Z");
        assert_eq!(text(end("2026-12-31")).unwrap(), "2027-01-01T00:00:00Z");
        for read in [beginning, end] {
            assert_eq!(text(read("2026-12-31T12:00:00+02:00")).unwrap(), "2026-12-31T10:00:00Z");
            assert!(read("31.12.2026").is_err() && read("").is_err());
        }
    }

    #[test]
    fn a_head_needs_its_number_and_twelve_digits() {
        let head = |text: &str| published(&[text.to_owned()]).map(|mut all| all.remove(0));
        assert_eq!(head("7:ABCDEF012345").unwrap().hash, "abcdef012345");
        for bad in ["7", "x:abcdef012345", "7:abcdef01234", "7:zbcdef012345"] {
            assert!(head(bad).is_err(), "{bad}");
        }
    }
}
