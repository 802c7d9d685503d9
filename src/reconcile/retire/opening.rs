//! One issue for each token of the campaign, however many open it at once and whoever dies over it.
//!
//! The row is claimed before the issue is opened. A row without an issue is looked for at GitLab by its mark before another
//! is opened, so that an answer that was lost makes no second one.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Planned, RetireError};
use crate::domain::ids::{IssueKey, ProjectId};
use crate::domain::observed::Issue;
use crate::domain::retirement::{issue, mark};
use crate::reconcile::context::Context;
use crate::store::{Claimed, Entry, Retirement};
use crate::vendors::VendorError;
use crate::vendors::error::ignoring_absence;
use crate::vendors::gitlab::NewIssue;

/// GitLab's clock may be behind ours by less than this.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// What came of opening the issue of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is there now.
    Now(Retirement),
    /// It was there and is open.
    Already(Retirement),
    /// Somebody had closed it although the token works.
    Again(Retirement),
    /// It was there, and GitLab shows it to us no more: deleted, moved or hidden.
    Hidden(Retirement),
    /// Another run is opening it, or died over it a moment ago.
    ByAnother,
}

/// How the issue of a row is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueState {
    /// Open.
    Open,
    /// Closed.
    Closed,
    /// GitLab has none that we may see.
    Hidden,
}

/// Opens the issue of one token that works, once; again where it was closed.
pub async fn open(context: &Context, planned: &Planned, by: &str) -> Result<Opened, RetireError> {
    let row = match &planned.row {
        Some(row) => row.clone(),
        None => fresh(context, planned).await?,
    };
    let (row, ours) = match context.store.claim_retirement(row).await? {
        Claimed::Opened(row) => return open_again(context, row, by).await,
        Claimed::Ours(row) => (row, true),
        Claimed::Anothers(row) => (row, false),
    };
    let issue = match (found(context, &row).await?, ours) {
        (Some(issue), _) => issue,
        (None, true) => create(context, planned, &row).await?,
        (None, false) => return Ok(Opened::ByAnother),
    };
    opened(context, (planned, row), (issue, by)).await.map(Opened::Now)
}

/// Title and text of the issue that is opened for a token.
pub fn prepared(context: &Context, planned: &Planned) -> (String, String) {
    issue(&planned.candidate, context.store.installation())
}

/// What certainly was not done leaves nobody waiting.
async fn create(
    context: &Context,
    planned: &Planned,
    row: &Retirement,
) -> Result<(IssueKey, String), RetireError> {
    let (title, description) = prepared(context, planned);
    let new = NewIssue { title: &title, description: &description, assignees: &planned.people };
    match context.gitlab.create_issue(row.project, new).await {
        Ok(created) => Ok(created),
        Err(error) => {
            if error.is_definitely_not_done() {
                context.store.release_retirement(row).await?;
            }
            Err(error.into())
        }
    }
}

async fn opened(
    context: &Context,
    (planned, mut row): (&Planned, Retirement),
    (issue, by): ((IssueKey, String), &str),
) -> Result<Retirement, RetireError> {
    (row.iid, row.url, row.opened_at) = (Some(issue.0.iid), Some(issue.1), Some(context.now()));
    let detail = json!({"instance": row.instance, "credential": row.token, "issue": row.url, "by": by,
        "assigned": planned.people, "owner_known": planned.owner.is_some()});
    keep(context, &row, ("retirement.opened", detail)).await?;
    Ok(row)
}

/// Writes down what became of a row, and tells the audit chain.
pub(super) async fn keep(
    context: &Context,
    row: &Retirement,
    (kind, detail): (&'static str, Value),
) -> Result<(), RetireError> {
    context.store.keep_retirement(row.clone()).await?;
    context.store.append(vec![Entry { kind: kind.into(), key: None, detail }]).await?;
    Ok(())
}

/// How the issue of a row is now.
pub async fn state(context: &Context, row: &Retirement) -> Result<IssueState, RetireError> {
    let Some(key) = row.key() else { return Ok(IssueState::Hidden) };
    match context.gitlab.issue(key).await {
        Ok(issue) if issue.open => Ok(IssueState::Open),
        Ok(_) => Ok(IssueState::Closed),
        Err(VendorError::NotFound { .. }) => Ok(IssueState::Hidden),
        Err(error) => Err(error.into()),
    }
}

async fn open_again(context: &Context, mut row: Retirement, by: &str) -> Result<Opened, RetireError> {
    match state(context, &row).await? {
        IssueState::Open => Ok(Opened::Already(row)),
        IssueState::Hidden => Ok(Opened::Hidden(row)),
        IssueState::Closed => {
            resume(context, &mut row, by).await?;
            Ok(Opened::Again(row))
        }
    }
}

/// The token works, so its issue is open and it counts as left.
pub(super) async fn resume(context: &Context, row: &mut Retirement, by: &str) -> Result<(), RetireError> {
    if let Some(key) = row.key() {
        ignoring_absence(context.gitlab.reopen_issue(key).await)?;
    }
    row.ended_at = None;
    let detail = json!({"instance": row.instance, "credential": row.token, "issue": row.url, "by": by});
    keep(context, row, ("retirement.resumed", detail)).await
}

async fn fresh(context: &Context, planned: &Planned) -> Result<Retirement, RetireError> {
    let projects = context.store.projects().await?;
    let watched = projects.iter().find(|one| context.policy.watches(one.id, &one.path));
    Ok(taken_up(context, planned, watched.ok_or(RetireError::NoProject)?.id))
}

fn taken_up(context: &Context, planned: &Planned, project: ProjectId) -> Retirement {
    let candidate = &planned.candidate;
    Retirement {
        instance: candidate.instance.0.clone(),
        token: candidate.token,
        name: candidate.name.clone(),
        owner: planned.owner,
        owner_name: candidate.owner.clone().unwrap_or_else(|| "provisioners".to_owned()),
        project,
        iid: None,
        url: None,
        intended_at: context.now(),
        opened_at: None,
        ended_at: None,
    }
}

/// The issue of an earlier try whose answer was lost.
async fn found(context: &Context, row: &Retirement) -> Result<Option<(IssueKey, String)>, RetireError> {
    let ourselves = context.ourselves().await?;
    let mark = mark(context.store.installation(), &row.instance, row.token);
    let since = row.intended_at.checked_sub(OVERLAP).ok();
    let keep = |issue: Issue| {
        let ours = issue.author == Some(ourselves) && issue.description.contains(&mark);
        ours.then_some((issue.key, issue.url))
    };
    let issues = context.gitlab.issues_updated_since(row.project, since, keep).await?;
    Ok(issues.into_iter().flatten().next())
}
