//! `countersign labels pin`: a person says that the labels of these titles are the approval labels.

use super::output::{ExitStatus, Failure, data};
use super::{ConfigFile, load, setup};

/// What to do with the approval labels.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Pin the labels that have the configured titles now, by their ids.
    Pin {
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitStatus, Failure> {
    let Command::Pin { config } = command;
    let config = load::config(&config)?;
    let service = load::service(&config).await?;
    let context = &service.context;
    for name in &context.policy().projects {
        let project = context.gitlab().project(name).await?;
        let pins = setup::pins(context.gitlab(), project.id, &config.labels).await?;
        setup::pin(context.store(), &project, pins.clone()).await?;
        for pin in crate::reconcile::all_pins(&pins) {
            data(format_args!("{}\t{}\t{}", project.path, pin.id, pin.name));
        }
    }
    Ok(ExitStatus::Done)
}
