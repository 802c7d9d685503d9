//! `countersign show`: where requests stand, from our own memory; asks no vendor.
//!
//! In words for an operator, or as JSON with everything that is kept. Neither holds a secret: the database has none.

mod words;

use serde_json::{Value, json};

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, issue, load};
use crate::config::Config;
use crate::domain::ids::IssueKey;
use crate::domain::record::{Attempt, Record};
use crate::domain::text;
use crate::reconcile;
use crate::store::{Store, StoredEntry, StoredRequest};

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The issue: its URL, `PROJECT_ID#NUMBER`, or its number. All requests without one.
    issue: Option<String>,
    /// As JSON, with everything that is kept: of one request also each try and the whole history.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// All that is kept of one request.
struct Shown {
    request: StoredRequest,
    record: Record,
    attempts: Vec<Attempt>,
    history: Vec<StoredEntry>,
    /// Why nothing is issued at the moment, if so.
    stopped: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let config = load::config(&arguments.config)?;
    let store = load::store(&config).await?;
    for line in load::notices(&config, &store).await? {
        say(line);
    }
    match (arguments.issue, arguments.json) {
        (None, false) => all(&store).await?,
        (None, true) => data(all_as_json(&store).await?),
        (Some(issue), false) => data(in_words(&store, &config, &issue).await?),
        (Some(issue), true) => data(as_json(&store, &config, &issue).await?),
    }
    Ok(ExitStatus::Done)
}

async fn all(store: &Store) -> Result<(), Failure> {
    let requests = store.requests().await?;
    if requests.is_empty() {
        say("No request was seen yet.");
    }
    for request in requests {
        let Some(record) = &request.record else { continue };
        let since = record.phase.since().map(text::time).unwrap_or_default();
        data(format_args!("{}\t{}\t{since}\t{}", request.key, request.phase, record.url));
    }
    Ok(())
}

async fn all_as_json(store: &Store) -> Result<String, Failure> {
    let requests = store.requests().await?;
    let line = |request: &StoredRequest| {
        let record = request.record.as_ref()?;
        Some(json!({"key": request.key.to_string(), "phase": request.phase, "since": record.phase.since(),
            "url": record.url, "next_look_at": request.next_look_at}))
    };
    let lines: Vec<Value> = requests.iter().filter_map(line).collect();
    Ok(pretty(&json!(lines)))
}

/// One request in words, for an operator.
pub async fn in_words(store: &Store, config: &Config, issue: &str) -> Result<String, Failure> {
    Ok(words::told(&shown(store, config, issue).await?, &config.policy.zone))
}

/// Everything that is kept of one request.
pub async fn as_json(store: &Store, config: &Config, issue: &str) -> Result<String, Failure> {
    let Shown { request, record, attempts, history, stopped } = shown(store, config, issue).await?;
    let entry = |entry: &StoredEntry| {
        let detail: Value =
            serde_json::from_str(&entry.detail).unwrap_or_else(|_| Value::String(entry.detail.clone()));
        json!({"seq": entry.seq, "at": entry.time(), "kind": entry.kind, "detail": detail, "hash": entry.hash})
    };
    let history: Vec<Value> = history.iter().map(entry).collect();
    Ok(pretty(&json!({
        "key": request.key.to_string(), "phase": request.phase, "adopted": request.adopted,
        "next_look_at": request.next_look_at, "failures": request.failures, "last_error": request.last_error,
        "nothing_is_issued": stopped, "record": record, "attempts": attempts, "history": history,
    })))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

async fn shown(store: &Store, config: &Config, text: &str) -> Result<Shown, Failure> {
    let key = issue::find(store, &config.gitlab.url, text).await?;
    let request = store.request(key).await?.ok_or_else(|| unseen(key))?;
    let record = request.record.clone().ok_or_else(|| unseen(key))?;
    let stopped = match (reconcile::halted(store).await?, reconcile::paused(store).await?) {
        (Some(why), _) => Some(why),
        (None, Some(pause)) => Some(super::pause::line(&pause)),
        (None, None) => None,
    };
    let (attempts, history) = (store.attempts(key).await?, store.history(key).await?);
    Ok(Shown { request, record, attempts, history, stopped })
}

fn unseen(key: IssueKey) -> Failure {
    Failure::usage(format!("{key} has not been seen as a request")).hint(
        "`countersign show` lists those that have; an issue older than `setup` needs `countersign adopt`",
    )
}
