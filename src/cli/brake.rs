//! `countersign brake`: what it holds back, and a person's word to let that end.

use serde_json::json;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::domain::ids::IssueKey;
use crate::domain::text;
use crate::store::{Entry, HeldEnding, Store};

/// What to do with the brake.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// What is held back, and why it would end.
    Show {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Let what is held back now end. Whatever comes after is counted anew.
    Release {
        /// Why, for the audit chain.
        #[arg(long, value_name = "TEXT")]
        why: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Show { config } => show(&load::store(&load::config(&config)?).await?).await,
        Command::Release { why, config } => {
            let why = load::why(&why)?;
            release(&load::store(&load::config(&config)?).await?, why).await
        }
    }
}

async fn show(store: &Store) -> Result<ExitStatus, Failure> {
    let held = store.held_endings().await?;
    if held.is_empty() {
        say("The brake holds nothing back.");
    }
    for ending in held {
        data(line(store, &ending).await?);
    }
    Ok(ExitStatus::Done)
}

/// `7#12/1`, since when, why, and the issue's address where it is a request.
async fn line(store: &Store, ending: &HeldEnding) -> Result<String, Failure> {
    let key: Option<IssueKey> = ending.subject.split_once('/').and_then(|(key, _)| key.parse().ok());
    let row = match key {
        Some(key) => store.request(key).await?,
        None => None,
    };
    let url = row.and_then(|row| row.record).map(|record| record.url).unwrap_or_default();
    Ok(format!("{}\t{}\t{}\t{url}", ending.subject, text::time(ending.since), ending.cause))
}

async fn release(store: &Store, why: String) -> Result<ExitStatus, Failure> {
    let held = store.held_endings().await?;
    if held.is_empty() {
        say("The brake holds nothing back; nothing was changed.");
        return Ok(ExitStatus::Done);
    }
    let subjects: Vec<&str> = held.iter().map(|one| one.subject.as_str()).collect();
    let detail = json!({"by": load::operator(), "why": why, "held": subjects});
    let entry = Entry { kind: "brake.released".into(), key: None, detail };
    let released = store.release_brake(entry).await?;
    store.close().await;
    say("What was held back ends now, if the reason for it is still seen.");
    data(format_args!("{released} released"));
    Ok(ExitStatus::Done)
}
