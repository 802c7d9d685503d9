//! `countersign pause` and `resume`: a person stops issuing, never ending, and lets it go on.

use jiff::Timestamp;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::clock::{Clock as _, SystemClock};
use crate::domain::snapshot::Pause;
use crate::domain::text;
use crate::reconcile;

/// Arguments of `pause`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Why, for the audit chain and the comments.
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn pause(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let why = load::why(&arguments.why)?;
    let store = load::store(&load::config(&arguments.config)?).await?;
    let pause = Pause { why, by: load::operator(), since: now() };
    reconcile::pause(&store, pause.clone()).await?;
    store.close().await;
    say("Nothing is issued from now on; endings go on. `countersign resume` lets it go on.");
    data(line(&pause));
    Ok(ExitStatus::Done)
}

pub(super) async fn resume(config: ConfigFile) -> Result<ExitStatus, Failure> {
    let store = load::store(&load::config(&config)?).await?;
    let was_paused = reconcile::resume(&store, &load::operator()).await?;
    store.close().await;
    say(if was_paused {
        "Issuing goes on; what waited is looked at now."
    } else {
        "Nobody had paused it; nothing was changed."
    });
    Ok(ExitStatus::Done)
}

/// `paused since 2026-12-01 09:00 UTC: why`.
pub(super) fn line(pause: &Pause) -> String {
    format!("paused since {}: {}", text::time(pause.since), pause.why)
}

fn now() -> Timestamp {
    SystemClock.now()
}
