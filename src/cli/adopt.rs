//! `countersign adopt`: a person says that an older issue is a request, or that this installation is the one to go on.

use serde_json::json;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, issue, load};
use crate::domain::form::carries_marker;
use crate::domain::ids::IssueKey;
use crate::domain::text::counted;
use crate::reconcile::{self, Context, adopt_all};
use crate::store::Entry;
use crate::vendors::VendorError;

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
        let halted = reconcile::halted(service.context.store()).await?.is_some();
        let taken = adopt_all(&service.context, &load::operator()).await?;
        say(if halted || taken > 0 {
            "Issuing goes on. Make sure that no other installation watches these projects."
        } else {
            "Nothing was halted, and every comment was this installation's: there was nothing to do."
        });
        data(format_args!("{} taken over", counted(taken, "comment")));
        return Ok(ExitStatus::Done);
    };
    let store = service.context.store();
    let key = issue::find(store, &config.gitlab.url, &text).await?;
    is_a_request(&service.context, key).await?;
    store
        .adopt(
            key,
            Entry { kind: "request.adopted".into(), key: Some(key), detail: json!({"by": load::operator()}) },
        )
        .await?;
    say("It is looked at as a request from now on.");
    data(key);
    Ok(ExitStatus::Done)
}

/// Whether there is something to adopt: an issue that carries the marker, or was a request before.
async fn is_a_request(context: &Context, key: IssueKey) -> Result<(), Failure> {
    let issue = match context.gitlab().issue(key).await {
        Err(VendorError::NotFound { .. }) => {
            let gone = format!("{key} does not exist or is hidden from us; nothing was adopted");
            return Err(Failure::usage(gone));
        }
        read => read?,
    };
    let known = context.store().request(key).await?.is_some_and(|request| request.record.is_some());
    if known || carries_marker(&issue.description, &context.policy().marker) {
        return Ok(());
    }
    Err(Failure::usage(format!("{key} does not carry the template's marker line; nothing was adopted"))
        .hint("open a request from the template, or add that line to the description and adopt it then"))
}
