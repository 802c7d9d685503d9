//! `countersign credential`: what an operator does by hand to an API token of the ledger or of an exception.

use std::sync::Arc;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, inventory, load};
use crate::domain::ids::CredentialId;
use crate::domain::inventory::deeds::{Deed, NotAllowed};
use crate::reconcile::inventory::{HandError, Handled, Wanted, handle};
use crate::reconcile::{Context, Worker};

/// What to do with one API token at Zendesk.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Give it a name: an exception's another one that fits, one of ours the name that its request gave it.
    Rename {
        #[command(flatten)]
        which: Which,
        /// The new name; not needed for one of ours.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Switch it off. It can be switched on again while its request lives.
    Deactivate {
        #[command(flatten)]
        which: Which,
    },
    /// Switch it on again.
    Reactivate {
        #[command(flatten)]
        which: Which,
    },
    /// Switch it off and delete it, for good.
    Delete {
        #[command(flatten)]
        which: Which,
    },
}

/// Which one, and why.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Which {
    /// The API token's id, as `countersign inventory` shows it.
    id: i64,
    /// The instance's key in the configuration.
    #[arg(long, value_name = "KEY")]
    instance: String,
    /// Why: kept in the audit chain; of one of ours also read by people, in the comment and in the holder's message.
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    config: ConfigFile,
}

/// A deed, as ordered.
#[derive(Debug, Clone)]
pub struct Order {
    /// The API token.
    pub id: i64,
    /// The instance's key.
    pub instance: String,
    /// What to do.
    pub deed: Deed,
    /// Why.
    pub why: String,
    /// Who says so.
    pub by: String,
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    let (which, deed) = match command {
        Command::Rename { which, name } => (which, Deed::Rename(name)),
        Command::Deactivate { which } => (which, Deed::Deactivate),
        Command::Reactivate { which } => (which, Deed::Reactivate),
        Command::Delete { which } => (which, Deed::Delete),
    };
    let config = load::config(&which.config)?;
    let service = load::service(&config).await?;
    let (by, why) = (load::operator(), which.why);
    let order = Order { id: which.id, instance: which.instance, deed, why, by };
    data(carry_out(&service.context, &order).await?);
    Ok(ExitStatus::Done)
}

/// Carries it out, and lets its people know; a line of what is so now.
pub async fn carry_out(context: &Arc<Context>, order: &Order) -> Result<String, Failure> {
    let why = &load::why(&order.why)?;
    let instance = inventory::chosen(context, Some(&order.instance))?[0];
    let wanted = Wanted { instance, credential: CredentialId(order.id), why, by: &order.by };
    let Handled { deed, news_for } =
        handle(context, &wanted, &order.deed).await.map_err(|error| failure(error, order))?;
    say("Zendesk's list shows it so.");
    if let Some(key) = news_for {
        // It is written down: whoever looks after the request tells them, if this does not.
        let stepped = Worker::new(Arc::clone(context)).step_on(key).await;
        if deed != Deed::Delete {
            say(match stepped {
                Ok(_) => "Whoever has it is told by Slack, and the issue's comment says it.",
                Err(_) => "Whoever has it will be told, once the database answers.",
            });
        }
    }
    let so = match deed {
        Deed::Rename(name) => format!("named {}", name.unwrap_or_default()),
        Deed::Deactivate => "switched off".to_owned(),
        Deed::Reactivate => "switched on".to_owned(),
        Deed::Delete => "gone".to_owned(),
    };
    Ok(format!("{}\t{}\t{so}", order.instance, order.id))
}

fn failure(error: HandError, order: &Order) -> Failure {
    let (id, instance) = (order.id, &order.instance);
    match error {
        HandError::Live { url } => Failure::usage(format!("API token {id} is live by the ledger"))
            .hint(format!("its request is what ends: countersign revoke {url} --why …")),
        HandError::Oauth { what, url } => {
            Failure::usage(format!("{id} is {what}; only API tokens are switched off or renamed by hand"))
                .hint(format!("its request is what ends: countersign revoke {url} --why …"))
        }
        HandError::NotListed => Failure::usage(format!("no API token {id} is listed at {instance}"))
            .hint(format!("`countersign inventory --instance {instance}` shows what is there")),
        HandError::NotAllowed(why) => {
            let failure = Failure::usage(format!("not done with API token {id}: {why}"));
            match hint(&why) {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        HandError::NotProven => Failure::not_true("Zendesk was asked, and its list does not show it yet")
            .hint(format!(
                "look again with `countersign inventory --instance {instance}`, and repeat the command"
            )),
        HandError::Halted(why) => load::halted(&why),
        HandError::Held => Failure::not_true("the brake holds it back"),
        HandError::NothingIssued => Failure::usage(error.to_string()).hint(load::RIGHT_DATABASE),
        HandError::Store(error) => error.into(),
        HandError::Vendor(error) => error.into(),
    }
}

fn hint(why: &NotAllowed) -> Option<&'static str> {
    Some(match why {
        NotAllowed::Nobodys => {
            "make it an exception in the configuration, tied to who created it; an orphan of ours is taken away by \
             `countersign inventory --take-away orphans`"
        }
        NotAllowed::Ended => "what has ended stays ended: ask for a new one with a new request",
        NotAllowed::NamedByRequest => "leave out --name to give it that name again",
        NotAllowed::NoName => "say --name",
        NotAllowed::NotExcused => "choose a name that fits a pattern of [[instances.exceptions]]",
        NotAllowed::OwnLogin => "change the login in the configuration first",
        NotAllowed::Passing | NotAllowed::Live | NotAllowed::NotOurOrphan | NotAllowed::TooYoung => {
            return None;
        }
    })
}
