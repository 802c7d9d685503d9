//! `countersign directory forget`: a person says that a user name rightly belongs to another account now.

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::domain::ids::UserId;

/// What to do with what is remembered of the directory.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Forget which entries of the directory a GitLab account was, so that another account can be them.
    Forget {
        /// The account's number, as the log names it.
        account: i64,
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    let Command::Forget { account, config } = command;
    let store = load::store(&load::config(&config)?).await?;
    let forgotten = store.forget_account(UserId(account)).await?;
    if forgotten == 0 {
        say(format_args!("Nothing is remembered of the account {account}: there was nothing to forget."));
        return Ok(ExitStatus::Done);
    }
    say("The next look takes the accounts as GitLab and the directory have them then, and remembers those.");
    let entries = if forgotten == 1 { "entry" } else { "entries" };
    data(format_args!("{forgotten} {entries} forgotten"));
    Ok(ExitStatus::Done)
}
