//! `countersign audit verify`: whether the chain is whole.

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::store::VerifyError;

/// As many digits of a hash as the visible line of a comment shows.
const SHORTEST: usize = 12;

/// What to do with the audit chain.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Compute every entry's hash anew, from the first to the last.
    Verify {
        /// A head that was published in a comment, as SEQUENCE:HASH; it must be in the chain; at least the hash's first 12 digits. May be repeated.
        #[arg(long, value_name = "SEQ:HASH")]
        head: Vec<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    let Command::Verify { head: published, config } = command;
    let store = load::store(&load::config(&config)?).await?;
    let head = store.verify().await.map_err(|error| match error {
        VerifyError::Broken { .. } => Failure::not_true(error.to_string())
            .hint("somebody changed the database: keep a copy of it, and compare with the heads in the issues' comments"),
        VerifyError::Unread(error) => Failure::from(error),
    })?;
    for text in published {
        let (sequence, hash) =
            text.split_once(':').ok_or_else(|| Failure::usage("--head is SEQUENCE:HASH"))?;
        let sequence = sequence.parse().map_err(|_| Failure::usage("--head is SEQUENCE:HASH"))?;
        if hash.len() < SHORTEST || !hash.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Failure::usage(
                "--head is SEQUENCE:HASH, the hash with at least its first 12 digits",
            ));
        }
        let entries = store.entries_from(sequence).await?;
        let entry = entries.first().filter(|entry| entry.seq == sequence);
        if !entry.is_some_and(|entry| entry.hash.starts_with(&hash.to_ascii_lowercase())) {
            return Err(Failure::not_true(format!("entry {sequence} is not what was published"))
                .hint("the chain was cut or written anew, or the database is an older copy"));
        }
    }
    say("The chain is whole.");
    data(format_args!("{}:{}", head.seq, head.hash));
    Ok(ExitStatus::Done)
}
