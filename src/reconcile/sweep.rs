//! The sweep: marks whatever a lost webhook would have marked.
//!
//! It lists issues in every state by their last change, with an hour's overlap and without a label filter, and
//! marks those that are or may be requests. A mark is a hint; marking too many costs a look, no more.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::approvers;
use super::context::Context;
use crate::domain::form::carries_marker;
use crate::domain::ids::IssueKey;
use crate::domain::observed::Issue;
use crate::planted::{self, Bug};
use crate::store::{Project, StoreError};

/// GitLab's index and our clock may disagree by less than this.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// How often it is looked whether somebody asked for a sweep.
const ASKED: std::time::Duration = std::time::Duration::from_secs(2);

/// Sweeps on a timer and when asked.
#[derive(Debug)]
pub struct Sweeper {
    /// What it may touch.
    pub context: Arc<Context>,
    /// How long between two sweeps.
    pub every: SignedDuration,
}

impl Sweeper {
    /// Marks all that is unfinished, sweeps, and goes on sweeping until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        if let Err(error) = self.context.store.mark_all_unfinished().await {
            tracing::error!(error = %error, "unfinished requests could not be marked");
        }
        let mut last: Option<Timestamp> = None;
        while !stop.is_cancelled() {
            let now = self.context.now();
            let due = last.is_none_or(|last| now.duration_since(last) >= self.every);
            if due {
                sweep(&self.context, false).await;
                last = Some(now);
            } else {
                sweep(&self.context, true).await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ASKED) => {}
            }
        }
    }
}

/// Sweeps every project, or only those for which it was asked for.
pub async fn sweep(context: &Context, only_wanted: bool) {
    let projects =
        if only_wanted { context.store.sweep_wanted().await } else { context.store.projects().await };
    let projects = projects.unwrap_or_else(|error| {
        tracing::error!(error = %error, "the projects could not be read");
        Vec::new()
    });
    for project in projects.into_iter().filter(|one| context.policy.watches(one.id, &one.path)) {
        if let Err(error) = sweep_project(context, &project).await {
            tracing::error!(project = project.path, error = %error, "a project could not be swept");
        }
    }
}

async fn sweep_project(context: &Context, project: &Project) -> Result<(), StoreError> {
    let begun = context.now();
    // A change is alarmed and kept; that the labels cannot be read is found by the listing below as well.
    let _ = approvers::pins_hold(context, project.id, &project.pins).await;
    let overlap = if planted::is(Bug::ForgetOverlap) { SignedDuration::ZERO } else { OVERLAP };
    let since = project.swept_to.unwrap_or(project.set_up_at).checked_sub(overlap).ok();
    // Only what is needed is kept of each: the texts of a whole project may be more than there is memory.
    let marker = &context.policy.marker;
    let may_be_new = |issue: Issue| {
        (issue.key, issue.created_at >= project.set_up_at && carries_marker(&issue.description, marker))
    };
    let issues = match context.gitlab.issues_updated_since(project.id, since, may_be_new).await {
        Ok(issues) => issues,
        Err(error) => {
            tracing::warn!(project = project.path, error = %error, "GitLab could not be swept");
            return Ok(());
        }
    };
    let mut keys = Vec::new();
    for (key, may_be_new) in &issues {
        if *may_be_new || is_remembered(context, *key).await? {
            keys.push(*key);
        }
    }
    context.store.mark_many(&keys).await?;
    tracing::debug!(project = project.path, seen = issues.len(), marked = keys.len(), "swept");
    context.store.swept(project, begun).await
}

async fn is_remembered(context: &Context, key: IssueKey) -> Result<bool, StoreError> {
    Ok(context.store.request(key).await?.is_some_and(|row| row.record.is_some() || row.adopted))
}
