//! `countersign revoke` and `countersign retry`: a person's order, written down, then carried out at once.
//!
//! The order is durable before anything is done, so a running service would carry it out as well. The command
//! does not wait for one: it works under the same lease, and says when the credential is proven gone.

use std::time::Duration;

use jiff::Timestamp;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, issue, load};
use crate::domain::ids::IssueKey;
use crate::domain::phase::Phase;
use crate::domain::record::Attempt;
use crate::domain::snapshot::OrderKind;
use crate::domain::text;
use crate::reconcile::Worker;
use crate::service::Service;
use crate::store::{NewOrder, Store};

/// How long the command stays with it; after that the service, or the next start of it, goes on.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at what became of it.
const PAUSE: Duration = Duration::from_millis(200);

/// Arguments of `revoke` and `retry`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The issue: its URL, `PROJECT_ID#NUMBER`, or its number.
    issue: String,
    /// Why: kept in the audit chain. That of a revocation is read by people, in the comment and in the holder's message.
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(kind: OrderKind, arguments: Arguments) -> Result<ExitStatus, Failure> {
    let why = load::why(&arguments.why)?;
    let config = load::config(&arguments.config)?;
    let service = load::service(&config).await?;
    let store = service.context.store();
    let key = issue::find(store, &config.gitlab.url, &arguments.issue).await?;
    let Some(record) = store.request(key).await?.and_then(|request| request.record) else {
        return Err(Failure::usage(format!(
            "{key} is no request that was seen; there is nothing to {}",
            kind.key()
        )));
    };
    if kind == OrderKind::Retry && !matches!(record.phase, Phase::Blocked { .. }) {
        return Err(Failure::usage(format!("{key} is not blocked: there is nothing to try again")).hint(
            format!("it is {}; `countersign explain {key}` says what it waits for", record.phase.key()),
        ));
    }
    order(&service, (key, kind), why).await
}

/// Writes an order down and carries it out, unless all of it has ended already.
pub(super) async fn order(
    service: &Service,
    (key, kind): (IssueKey, OrderKind),
    why: String,
) -> Result<ExitStatus, Failure> {
    if kind == OrderKind::Revoke
        && let Some(since) = ended(service.context.store(), key).await?
    {
        say(format_args!("{key} ended on {} already; nothing was changed.", text::time(since)));
        return Ok(ExitStatus::Done);
    }
    let order = NewOrder { key, kind, why, by: load::operator() };
    service.context.store().give_order(order).await?;
    say("The order is written down.");
    carry_out(service, key, kind).await
}

/// Since when nothing is left that an order could end.
async fn ended(store: &Store, key: IssueKey) -> Result<Option<Timestamp>, Failure> {
    let record = store.request(key).await?.and_then(|request| request.record);
    let Some(Phase::Ended { since, .. }) = record.map(|record| record.phase) else { return Ok(None) };
    let unsettled = store.attempts(key).await?.iter().any(Attempt::is_unsettled);
    Ok((!unsettled).then_some(since))
}

async fn carry_out(service: &Service, key: IssueKey, kind: OrderKind) -> Result<ExitStatus, Failure> {
    let worker = Worker::new(std::sync::Arc::clone(&service.context));
    let work = async {
        loop {
            worker.step_on(key).await?;
            if let Some(outcome) = outcome(service.context.store(), key, kind).await? {
                return Ok::<_, Failure>(outcome);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, Box::pin(work)).await {
        Ok(outcome) => {
            data(outcome?);
            Ok(ExitStatus::Done)
        }
        Err(_) => Err(Failure::not_true("It is not proven gone yet.").hint(
            "the order stands: the service tries again until it is gone. `countersign show` tells how far it is",
        )),
    }
}

/// What came of it; `None` while it is under way.
async fn outcome(store: &Store, key: IssueKey, kind: OrderKind) -> Result<Option<String>, Failure> {
    if !store.open_orders(key).await?.is_empty() {
        return Ok(None);
    }
    let Some(record) = store.request(key).await?.and_then(|request| request.record) else { return Ok(None) };
    if kind == OrderKind::Retry {
        return Ok(Some(format!("{}\t{}", record.phase.key(), record.url)));
    }
    let attempts = store.attempts(key).await?;
    let unsettled: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.is_unsettled()).collect();
    if unsettled.is_empty() {
        let settled = !matches!(record.phase, Phase::Ending { .. });
        return Ok(settled.then(|| format!("{}\t{}", record.phase.key(), record.url)));
    }
    // Switched off is what was asked for; that it is deleted later is the service's.
    if unsettled.iter().any(|attempt| attempt.switched_off_at.is_none()) {
        return Ok(None);
    }
    let deleted = unsettled.iter().filter_map(|attempt| attempt.not_before).max();
    let deleted = deleted.map(|at| at.strftime(", deleted on %Y-%m-%d").to_string()).unwrap_or_default();
    Ok(Some(format!("switched off{deleted}\t{}", record.url)))
}
