//! `countersign demo`: sandbox, service and the story in one process, with nothing to configure.
//!
//! It is the real thing: the service is the one that `serve` runs, from the configuration that `sandbox` writes,
//! set up by what `setup` does; the people act over HTTP with their own tokens. Only the vendors are pretended.

mod people;
mod stage;
mod story;

use std::time::Duration;

use clap::ValueEnum;

use super::output::{ExitStatus, Failure, data};
use crate::domain::snapshot::Vendor;
use crate::shutdown;
use stage::Stage;
use story::Story;

/// Time to read between two steps, at speed 1.
const PAUSE: Duration = Duration::from_millis(1500);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after the story; the exit status is 0 only if it came true.
    #[arg(long)]
    once: bool,
    /// How fast the story is told; with --once there is no pause unless this is given.
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// Let this vendor refuse at its step, and see what becomes of it.
    #[arg(long = "break", value_name = "VENDOR")]
    broken: Option<Broken>,
}

/// A vendor that refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Broken {
    /// GitLab does not show who labelled.
    Gitlab,
    /// Zendesk creates no API token.
    Zendesk,
    /// Slack delivers no message.
    Slack,
}

impl From<Broken> for Vendor {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Gitlab => Self::GitLab,
            Broken::Zendesk => Self::Zendesk,
            Broken::Slack => Self::Slack,
        }
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let stop = shutdown::on_signal();
    let stage = Stage::build().await?;
    let pause = match arguments.speed {
        Some(speed) if speed > 0.0 && speed.is_finite() => PAUSE.div_f64(speed.clamp(0.01, 1000.0)),
        Some(_) => return Err(Failure::usage("--speed: a number above 0")),
        None if arguments.once => Duration::ZERO,
        None => PAUSE,
    };
    let story = Story { stage: &stage, pause };
    let told = tokio::select! {
        told = story.tell(arguments.broken.map(Vendor::from)) => told.map(Some),
        () = stop.cancelled() => Ok(None),
    };
    if let Ok(Some(request)) = &told
        && !arguments.once
        && !stop.is_cancelled()
    {
        for line in stage.where_to_look(request) {
            data(line);
        }
        stop.cancelled().await;
    }
    stage.clear().await;
    told.map(|told| if told.is_some() { ExitStatus::Done } else { ExitStatus::NotTrue })
}
