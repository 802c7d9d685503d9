//! `countersign calendar`: addresses of calendars with the end dates.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::clock::{Randomness as _, SystemRandomness, random_id};
use crate::config::Config;
use crate::domain::ids::UserId;
use crate::store::{NewFeed, Scope, Store};
use crate::vendors::gitlab::GitLab;
use crate::web::token_hash;

/// What to do with the calendars.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make an address of a calendar with all end dates of an instance or of a person. It is shown once.
    Add {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// List the addresses ever made, without what opens them.
    List {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// End an address for good.
    Revoke {
        /// Its id, as `calendar list` shows it.
        id: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

/// Whose end dates.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Of {
    /// The instance's key in the configuration.
    #[arg(long, value_name = "KEY")]
    instance: Option<String>,
    /// The person's user name or number at GitLab.
    #[arg(long, value_name = "USER")]
    person: Option<String>,
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Add { of, config } => {
            let config = load::config(&config)?;
            add(&config, scope(&config, of).await?).await
        }
        Command::List { config } => list(&load::store(&load::config(&config)?).await?).await,
        Command::Revoke { id, config } => {
            let store = load::store(&load::config(&config)?).await?;
            if !store.revoke_feed(&id, &load::operator()).await? {
                return Err(Failure::usage(format!("`{id}` is no address that still opens a calendar"))
                    .hint("`countersign calendar list` shows them"));
            }
            say("The address opens nothing any more. Calendars that have it keep what they last read.");
            Ok(ExitStatus::Done)
        }
    }
}

async fn scope(config: &Config, of: Of) -> Result<Scope, Failure> {
    if let Some(key) = of.instance {
        let known = config.instances.iter().any(|instance| instance.key == key);
        let unknown = || Failure::usage(format!("there is no instance `{key}` in the configuration"));
        return if known { Ok(Scope::Instance(key)) } else { Err(unknown()) };
    }
    let person = of.person.unwrap_or_default();
    if let Ok(id) = person.parse() {
        return Ok(Scope::Person(UserId(id)));
    }
    let gitlab =
        GitLab::new(load::world(config)?.transport, config.gitlab.url.clone(), config.gitlab.token.clone());
    let found = gitlab.user_by_name(person.trim_start_matches('@')).await?;
    found
        .map(Scope::Person)
        .ok_or_else(|| Failure::usage(format!("GitLab knows nobody by the name `{person}`")))
}

async fn add(config: &Config, scope: Scope) -> Result<ExitStatus, Failure> {
    let store = load::store(config).await?;
    let mut bytes = [0; 32];
    SystemRandomness.fill(&mut bytes);
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let id = random_id(&SystemRandomness);
    let feed = NewFeed { id: id.clone(), token_hash: token_hash(&token), scope, by: load::operator() };
    store.add_feed(feed).await?;
    say(format_args!(
        "Put your service's public address before this path, e.g. https://countersign.example.com/calendar/… It is shown \
         only this once; `calendar revoke {id}` ends it:"
    ));
    data(format_args!("/calendar/{token}.ics"));
    Ok(ExitStatus::Done)
}

async fn list(store: &Store) -> Result<ExitStatus, Failure> {
    for feed in store.feeds().await? {
        let (kind, subject) = feed.scope.parts();
        let state = feed.revoked_at.map_or_else(|| "open".to_owned(), |at| format!("revoked {at}"));
        data(format_args!(
            "{}  {kind} {subject}  made {} by {}  {state}",
            feed.id, feed.made_at, feed.made_by
        ));
    }
    Ok(ExitStatus::Done)
}
