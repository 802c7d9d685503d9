//! The command line: one file a command.
//!
//! Data goes to standard output, words to standard error, both through `output` alone. A command ends in a
//! [`Failure`] that carries its exit status and says what to do; it is printed once, in `main`.

mod adopt;
mod audit;
mod brake;
mod calendar;
pub mod credential;
mod demo;
mod directory;
mod explain;
pub mod inventory;
mod issue;
mod labels;
mod load;
mod orders;
pub mod output;
mod pause;
pub mod retire;
mod sandbox;
mod serve;
pub mod setup;
pub mod show;
mod simulate;
pub mod whose;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use output::{ExitStatus, Failure};

use crate::domain::snapshot::OrderKind;

/// Below the list of commands.
const NEW_HERE: &str = "New here? `countersign demo` tells the whole story with pretended vendors.\n\
                        A question about one request? `countersign show ISSUE`, then `countersign explain ISSUE`.";

/// Turns an approved access-request issue on GitLab into a Zendesk credential, and takes it away on its end date.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = NEW_HERE)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the whole story with pretended vendors; nothing to configure.
    Demo(demo::Arguments),
    /// Play random histories against pretended vendors, and check every promise.
    Simulate(simulate::Arguments),
    /// Run only the pretended vendors.
    Sandbox(sandbox::Arguments),
    /// Make what is missing in the GitLab project: labels, template, webhook.
    Setup(setup::Arguments),
    /// Run the service.
    Serve(serve::Arguments),
    /// List all requests, or tell one: where it stands, who approved, what was made, what comes next. Asks no vendor.
    Show(show::Arguments),
    /// Look at a request now, and say what would happen next and why. Changes nothing.
    Explain {
        /// The issue: its URL, `PROJECT_ID#NUMBER`, or its number.
        issue: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Take a request's credential away, or let none be issued.
    Revoke(orders::Arguments),
    /// Try again what is blocked.
    Retry(orders::Arguments),
    /// Issue nothing until `resume`. Approvals are taken and endings go on.
    Pause(pause::Arguments),
    /// Go on issuing.
    Resume {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Treat an older issue as a request, or go on after another installation was noticed.
    Adopt(adopt::Arguments),
    /// See what is held back because too many would end at once, and let it end.
    #[command(subcommand)]
    Brake(brake::Command),
    /// List every credential at Zendesk against the ledger and the naming standards. Reading changes nothing.
    Inventory(inventory::Arguments),
    /// Rename, switch off or on, or delete an API token of the ledger or of an exception.
    #[command(subcommand)]
    Credential(credential::Command),
    /// Find out to whom a leaked credential belongs, and revoke it now.
    Whose(whose::Arguments),
    /// Move API tokens to OAuth before Zendesk ends them: one issue for each, followed until it is gone.
    #[command(subcommand)]
    Retire(retire::Command),
    /// Pin the approval labels anew, once somebody knows why they changed.
    #[command(subcommand)]
    Labels(labels::Command),
    /// Let a user name of the directory belong to another account.
    #[command(subcommand)]
    Directory(directory::Command),
    /// Verify the audit chain, export it, or make an archive of one request for an auditor.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make, list and end addresses of calendars with the end dates.
    #[command(subcommand)]
    Calendar(calendar::Command),
}

/// Which configuration.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "countersign.toml")]
    config: PathBuf,
}

/// Runs a command. `Ok` is its exit status.
pub async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    match arguments.command {
        Command::Demo(arguments) => Box::pin(demo::run(arguments)).await,
        Command::Simulate(arguments) => simulate::run(arguments).await,
        Command::Sandbox(arguments) => sandbox::run(arguments).await,
        Command::Setup(arguments) => Box::pin(setup::run(arguments)).await,
        Command::Serve(arguments) => Box::pin(serve::run(arguments)).await,
        Command::Show(arguments) => show::run(arguments).await,
        Command::Explain { issue, config } => Box::pin(explain::run(issue, config)).await,
        Command::Revoke(arguments) => Box::pin(orders::run(OrderKind::Revoke, arguments)).await,
        Command::Retry(arguments) => Box::pin(orders::run(OrderKind::Retry, arguments)).await,
        Command::Pause(arguments) => pause::pause(arguments).await,
        Command::Resume { config } => pause::resume(config).await,
        Command::Adopt(arguments) => Box::pin(adopt::run(arguments)).await,
        Command::Brake(command) => brake::run(command).await,
        Command::Inventory(arguments) => Box::pin(inventory::run(arguments)).await,
        Command::Credential(command) => Box::pin(credential::run(command)).await,
        Command::Whose(arguments) => Box::pin(whose::run(arguments)).await,
        Command::Retire(command) => Box::pin(retire::run(command)).await,
        Command::Labels(command) => labels::run(command).await,
        Command::Directory(command) => directory::run(command).await,
        Command::Calendar(command) => calendar::run(command).await,
        Command::Audit(command) => audit::run(command).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Arguments::command().debug_assert();
    }
}
