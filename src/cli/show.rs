//! `countersign show`: where requests stand, from our own memory; asks no vendor.

use url::Url;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, issue, load};
use crate::domain::record::{Attempt, Record, Slot};
use crate::domain::text;
use crate::store::{Store, StoredEntry, StoredRequest};

pub(super) async fn run(issue: Option<String>, config: ConfigFile) -> Result<ExitStatus, Failure> {
    let config = load::config(&config)?;
    let store = load::store(&config).await?;
    for line in load::notices(&config, &store).await? {
        say(line);
    }
    match issue {
        None => all(&store).await?,
        Some(text) => one(&store, &config.gitlab.url, &text).await?,
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

async fn one(store: &Store, gitlab: &Url, text: &str) -> Result<(), Failure> {
    let key = issue::find(store, gitlab, text).await?;
    let request = store.request(key).await?.filter(|request| request.record.is_some());
    let request = request.ok_or_else(|| {
        Failure::usage(format!("{key} has not been seen as a request")).hint(
            "`countersign show` lists those that have; an issue older than `setup` needs `countersign adopt`",
        )
    })?;
    if let Some(record) = &request.record {
        describe(&request, record);
    }
    for attempt in store.attempts(key).await? {
        data(line(&attempt));
    }
    data("history:");
    for entry in store.history(key).await? {
        data(history(&entry));
    }
    Ok(())
}

fn describe(request: &StoredRequest, record: &Record) {
    let since = record.phase.since().map(text::time).unwrap_or_default();
    data(format_args!("issue:       {}", record.url));
    data(format_args!("phase:       {} since {since}", request.phase));
    data(format_args!("generation:  {}", record.generation));
    data(format_args!("manager:     {}", approval(&record.manager)));
    data(format_args!("provisioner: {}", approval(&record.provisioner)));
    if let Some(terms) = &record.issued {
        data(format_args!(
            "issued:      {} at {}, until {}",
            terms.kind.title(),
            terms.instance_name,
            text::time(terms.ends_at)
        ));
        data(format_args!("named:       {}", terms.name));
    }
    if let Some(next) = request.next_look_at {
        data(format_args!("next look:   {}", text::time(next)));
    }
    if let Some(error) = &request.last_error {
        data(format_args!("last error:  {error}"));
    }
}

fn approval(slot: &Slot) -> String {
    match &slot.bound {
        Some(bound) => format!(
            "@{} ({}), {}, terms {}",
            bound.username,
            bound.actor,
            text::time(bound.at),
            bound.digest.short()
        ),
        None => "not yet".to_owned(),
    }
}

fn line(attempt: &Attempt) -> String {
    let credential = attempt.credential.map_or("none".to_owned(), |id| id.to_string());
    format!(
        "attempt {}:   {}, credential {credential} at {}",
        attempt.number,
        attempt.state.key(),
        attempt.instance
    )
}

fn history(entry: &StoredEntry) -> String {
    format!("{}\t{}\t{}\t{}", entry.seq, text::time(entry.time()), entry.kind, entry.detail)
}
