//! `countersign sandbox`: only the vendors, for trying things by hand or with public client libraries.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::output::{ExitStatus, Failure, data, say};
use crate::clock::{AdjustableClock, Clock as _, Pace, SystemClock, SystemRandomness};
use crate::sandbox::{Options, Sandbox, home};
use crate::shutdown;

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to write countersign.toml, maintainer.token and people.json.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// Write what `serve` and the vendors say to each other to this file, one JSON object a line, without secrets.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Let time run this many times as fast, from now on; countersign.toml says so too.
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pace: u32,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let stop = shutdown::on_signal();
    let options = Options {
        listen: arguments.listen,
        clock: clock(arguments.pace),
        randomness: Arc::new(SystemRandomness),
    };
    let sandbox = Sandbox::start(options).await.map_err(|error| {
        Failure::unavailable(format_args!("cannot listen on {}", arguments.listen), &error)
    })?;
    home::write(&sandbox, &arguments.home).map_err(|error| {
        Failure::unavailable(format_args!("cannot write to {}", arguments.home.display()), &error)
    })?;
    if let Some(path) = &arguments.record {
        record(&sandbox, path)?;
    }
    say(format_args!(
        "The sandbox is up; its people and their tokens are in {}.",
        arguments.home.join("people.json").display()
    ));
    data(json!({
        "listening": sandbox.base_url(), "gitlab": sandbox.gitlab_url(), "slack": sandbox.slack_url(),
        "zendesk": {"global": sandbox.zendesk_url("global"), "us-government": sandbox.zendesk_url("us-government")},
        "home": arguments.home,
    }));
    stop.cancelled().await;
    sandbox.stop().await;
    Ok(ExitStatus::Done)
}

fn record(sandbox: &Sandbox, path: &Path) -> Result<(), Failure> {
    let mut file = File::create(path)
        .map_err(|error| Failure::unavailable(format_args!("cannot write to {}", path.display()), &error))?;
    sandbox.record(move |exchange| {
        if let Err(error) = writeln!(file, "{exchange}") {
            tracing::warn!(%error, "an exchange could not be recorded");
        }
    });
    Ok(())
}

fn clock(times: u32) -> Arc<AdjustableClock> {
    match times {
        1 => AdjustableClock::running(),
        times => AdjustableClock::paced(Pace { times, since: SystemClock.now() }),
    }
}
