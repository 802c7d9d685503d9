//! The binary: parse, run, print the failure once, exit.

use std::process::ExitCode;

use clap::Parser as _;
use countersign::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("an operating system that gives no threads cannot run this program at all");
    let ended = runtime.block_on(cli::run(arguments));
    // A call of the operating system that does not return, as writing to a pipe that nobody reads, is left.
    runtime.shutdown_background();
    match ended {
        Ok(status) => cli::output::in_the_end(status).into(),
        Err(failure) => {
            cli::output::fail(&failure);
            failure.status.into()
        }
    }
}
