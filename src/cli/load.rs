//! From a configuration file to what a command works with.

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;

use super::ConfigFile;
use super::output::{ExitStatus, Failure};
use crate::clock::{AdjustableClock, SharedClock, SystemClock, SystemRandomness};
use crate::config::{Config, Environment};
use crate::domain::text;
use crate::reconcile;
use crate::service::{AssemblyError, Service, World};
use crate::store::{Lacking, Store};
use crate::vendors::http::Transport;

/// What the second place of the audit entries lacks for longer than this is told.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// The configuration, or all its faults.
pub(super) fn config(file: &ConfigFile) -> Result<Config, Failure> {
    config_at(&file.config)
}

pub(super) fn config_at(path: &Path) -> Result<Config, Failure> {
    Config::load(path, &Environment::of_process()).map_err(|faults| {
        let failure = Failure::usage(faults.to_string());
        match path.try_exists() {
            Ok(false) => failure.hint("start from deploy/config.example.toml, or name one with --config"),
            _ => failure,
        }
    })
}

/// How a halt is lifted.
const LIFTED: &str = "Look, then run `countersign adopt --all`";

/// What to do where a database does not know what it should.
pub(super) const RIGHT_DATABASE: &str =
    "look at `[store]` in the configuration, and at the folder this runs in";

/// What is not done while nothing is issued anywhere.
pub(super) fn halted(why: &str) -> Failure {
    Failure::usage(format!("nothing is issued anywhere: {why}; what this database does not know may live"))
        .hint(format!("{LIFTED}: docs/OPERATIONS.md, \"Halted\""))
}

/// Whether there is a database of ours where the configuration says so. Makes none.
pub(super) async fn has_database(config: &Config) -> Result<bool, Failure> {
    Ok(Store::is_begun(crate::service::location(&config.store)).await?)
}

/// Only `setup` and `serve` begin a database; opening one would make it.
async fn needs_database(config: &Config) -> Result<(), Failure> {
    if has_database(config).await? {
        return Ok(());
    }
    let what = "there is no database here, so nothing is known that was issued: is it the right one?";
    Err(Failure::usage(what).hint(RIGHT_DATABASE))
}

/// The real world.
pub(super) fn world(config: &Config) -> Result<World, Failure> {
    Ok(World { clock: clock(config), randomness: Arc::new(SystemRandomness), transport: transport()? })
}

/// The way out.
pub(super) fn transport() -> Result<Transport, Failure> {
    Transport::over_network().map_err(|error| Failure::unavailable("no connection can be made", &error))
}

/// The machine's clock, unless the configuration has another.
pub(super) fn clock(config: &Config) -> SharedClock {
    match config.clock.pace {
        Some(pace) => AdjustableClock::paced(pace),
        None => Arc::new(SystemClock),
    }
}

/// The service, put together on a database that is there.
pub(super) async fn service(config: &Config) -> Result<Service, Failure> {
    needs_database(config).await?;
    service_or_new(config).await
}

/// The service, put together on a database that is made where there is none.
pub(super) async fn service_or_new(config: &Config) -> Result<Service, Failure> {
    Service::assemble(config, world(config)?).await.map_err(|error| assembly(&error))
}

pub(super) fn assembly(error: &AssemblyError) -> Failure {
    match error {
        AssemblyError::Store(error) => Failure::from(error.clone()),
        AssemblyError::Directory(faults) => {
            Failure { status: ExitStatus::Usage, message: faults.to_string(), hint: None }
        }
    }
}

/// The database alone, which must be there.
pub(super) async fn store(config: &Config) -> Result<Store, Failure> {
    needs_database(config).await?;
    store_at(config, clock(config)).await
}

/// The database alone, made where there is none, by another clock than the machine's.
pub(super) async fn store_at(config: &Config, clock: SharedClock) -> Result<Store, Failure> {
    let location = crate::service::location(&config.store);
    Ok(Store::open(location, clock, &SystemRandomness, config.audit.key.clone()).await?)
}

/// What an operator should know whatever they look at: one line each.
pub(super) async fn notices(config: &Config, store: &Store) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    if let Some(why) = reconcile::halted(store).await? {
        lines.push(format!("Nothing is issued anywhere: {why}. {LIFTED}."));
    }
    if let Some(pause) = reconcile::paused(store).await? {
        lines.push(format!("Issuing is {}. `countersign resume` lets it go on.", super::pause::line(&pause)));
    }
    lines.extend(store.last_inventories().await?.iter().filter_map(reconcile::inventory::told));
    let held = store.held_endings().await?.len();
    if held > 0 {
        lines.push(format!(
            "The brake holds {} back. Look at `countersign brake show`, then `countersign brake release`.",
            text::counted(held, "ending")
        ));
    }
    lines.extend(second_place(config, store).await?);
    Ok(lines)
}

/// What the second place of the audit entries lacks, if it is more than what is just being written.
async fn second_place(config: &Config, store: &Store) -> Result<Option<String>, Failure> {
    let Some(place) = &config.audit.sink else { return Ok(None) };
    let late = |lacking: &Lacking| clock(config).now().duration_since(lacking.since) > LATE;
    Ok(store.lacking(&place.to_string()).await?.filter(late).map(|Lacking { entries, since }| {
        let since = text::time(since);
        format!(
            "The second place of the audit entries ({place}) lacks {entries} of them, the first since {since}. They are \
             kept, and written there by `countersign serve`; its log says what hinders it."
        )
    }))
}

/// A reason as given with `--why`.
pub(super) fn why(text: &str) -> Result<String, Failure> {
    match text.trim() {
        "" => Err(Failure::usage("--why: say in a few words why; it is kept in the audit chain")),
        why => Ok(why.to_owned()),
    }
}

/// Who runs the command, as the environment has it: whoever runs it can set that to anything. So it is a note in the
/// audit chain, and decides nothing.
pub(super) fn operator() -> String {
    operator_in(&Environment::of_process())
}

fn operator_in(environment: &Environment) -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"].iter().filter_map(|name| environment.get(name));
    let name = names.map(str::trim).find(|name| !name.is_empty());
    format!("command line ({})", name.unwrap_or("unknown account"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_the_first_account_that_has_a_name() {
        let named = |pairs: &[(&str, &str)]| operator_in(&Environment::from_pairs(pairs.iter().copied()));
        assert_eq!(named(&[("SUDO_USER", ""), ("USER", " "), ("LOGNAME", "kim")]), "command line (kim)");
        assert_eq!(named(&[("SUDO_USER", "robin"), ("USER", "root")]), "command line (robin)");
        assert_eq!(named(&[("USER", "")]), "command line (unknown account)");
    }
}
