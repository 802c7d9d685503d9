//! `countersign adopt`: a person says that an older issue is a request, or that this installation is the one to go on.

use serde_json::json;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, issue, load};
use crate::reconcile::adopt_all;
use crate::store::Entry;

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The issue: its URL, `PROJECT_ID#NUMBER`, or its number.
    #[arg(conflicts_with = "all")]
    issue: Option<String>,
    /// Go on after a twin or a restored backup was noticed: all comments become this installation's.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    if arguments.issue.is_none() && !arguments.all {
        return Err(Failure::usage("adopt what? Name the issue that is to be a request").hint(
            "after another installation or a restored backup was noticed it is `countersign adopt --all`; first read \
             docs/OPERATIONS.md, \"Halted\"",
        ));
    }
    let config = load::config(&arguments.config)?;
    let service = load::service(&config).await?;
    let Some(text) = arguments.issue else {
        let taken = adopt_all(&service.context, &load::operator()).await?;
        say("Issuing goes on. Make sure that no other installation watches these projects.");
        data(format_args!("{taken} comments taken over"));
        return Ok(ExitStatus::Done);
    };
    let store = service.context.store();
    let key = issue::find(store, &text).await?;
    store
        .adopt(
            key,
            Entry { kind: "request.adopted".into(), key: Some(key), detail: json!({"by": load::operator()}) },
        )
        .await?;
    say("It is looked at as a request from now on, if it carries the template's marker line.");
    data(key);
    Ok(ExitStatus::Done)
}
