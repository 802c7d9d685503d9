//! `countersign simulate`: random histories against pretended vendors, with every promise checked.

use serde_json::json;

use super::output::{ExitStatus, Failure, data, say};
use crate::planted::{self, Bug};
use crate::simulate::{Options, Report, run as play, threads};

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A history is a few people, one or two requests, a network that loses, repeats, delays and \
    half does things, processes that are killed and stand still, and a calendar of hours to years. The whole service \
    runs on it, against the vendors of the sandbox. During each history and at its end every promise of the design is \
    checked against what the vendors have. The same seed is the same run.\n\n\
    Exit status: 0, every promise was kept; 1, one was not: what is printed plays it again; 3, the machine would not."
)]
pub(super) struct Arguments {
    /// Everything random follows from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many histories.
    #[arg(long, value_name = "M", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    histories: u64,
    /// Play only this one, and tell everything that happens in it.
    #[arg(long, value_name = "K")]
    history: Option<u64>,
    /// Played at the same time; all processors unless given. It changes nothing of what happens.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// End with one line of JSON: how many of what happened, and how often each promise was checked.
    #[arg(long)]
    json: bool,
    /// Leave a failing history as long as it is.
    #[arg(long)]
    no_shrink: bool,
    /// Plant a bug first, to see that it is found; `list` names them. Only in builds with the feature planted-bugs.
    #[arg(long, value_name = "NAME")]
    plant: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    if let Some(name) = &arguments.plant {
        if name == "list" {
            Bug::ALL.into_iter().for_each(data);
            return Ok(ExitStatus::Done);
        }
        plant(name)?;
    }
    let options = Options {
        seed: arguments.seed,
        first: arguments.history.unwrap_or(0),
        histories: arguments.history.map_or(arguments.histories, |_| 1),
        threads: arguments.threads.unwrap_or_else(threads),
        shrink: !arguments.no_shrink,
        traced: arguments.history.is_some(),
    };
    let played = tokio::task::spawn_blocking(move || play(&options)).await;
    let report = played.map_err(|error| Failure::unavailable("the simulation", &error))?;
    let report = report.map_err(|stuck| Failure::unavailable("the simulation", &stuck))?;
    tell(&report, &arguments);
    Ok(if report.failure.is_none() { ExitStatus::Done } else { ExitStatus::NotTrue })
}

fn plant(name: &str) -> Result<(), Failure> {
    if !planted::POSSIBLE {
        return Err(Failure::usage("--plant: this build cannot have a bug planted")
            .hint("build it with `--features planted-bugs`; such a build is for tests and never for use"));
    }
    let bug = Bug::named(name);
    let bug = bug.ok_or_else(|| {
        Failure::usage(format!("--plant: there is no bug {name}")).hint("`--plant list` names them all")
    })?;
    planted::plant(Some(bug));
    Ok(())
}

fn tell(report: &Report, arguments: &Arguments) {
    let counts = &report.counts;
    if let Some(failure) = &report.failure {
        if arguments.history.is_some() {
            failure.trace.iter().for_each(say);
        }
        say(format_args!("A promise was broken: {}.", failure.broken.promise));
        say(format_args!("  {}", failure.broken.what));
        let (short, long) = (failure.shortest.len(), failure.steps);
        say(format_args!("The shortest history that still breaks it ({short} of {long} steps):"));
        for (place, step) in failure.shortest.iter().enumerate() {
            say(format_args!("  {}. {step}", place + 1));
        }
        let (seed, history) = (arguments.seed, failure.history);
        let plant = arguments.plant.as_ref().map(|name| format!(" --plant {name}")).unwrap_or_default();
        say(format_args!(
            "Again, with everything that happens: countersign simulate --seed {seed} --history {history}{plant}"
        ));
    } else {
        report.trace.iter().for_each(say);
        say(format_args!(
            "Every promise was kept in {} histories: {} calls, {} faults, {} kills, {} credentials, {} of them handed over.",
            counts.histories,
            counts.calls,
            counts.faults.values().sum::<u64>(),
            counts.kills,
            counts.mints,
            counts.hand_overs
        ));
    }
    if arguments.json {
        let broken = report.failure.as_ref().map(|failure| {
            json!({"history": failure.history, "promise": failure.broken.promise.key(), "what": failure.broken.what,
                "steps": failure.shortest})
        });
        data(json!({"seed": arguments.seed, "digest": report.digest, "counts": counts, "broken": broken}));
    }
}
