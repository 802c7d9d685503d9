//! Opening an issue of our own. Not repeatable: after an unknown outcome, look for it before opening another.

use gitlab::api::projects::issues::CreateIssue;

use super::session::built;
use super::{GitLab, number, shapes};
use crate::domain::ids::{IssueKey, ProjectId, UserId};
use crate::domain::observed::Issue;
use crate::vendors::VendorError;

/// An issue to be opened; always confidential.
#[derive(Debug, Clone, Copy)]
pub struct NewIssue<'a> {
    /// One line.
    pub title: &'a str,
    /// Markdown. No line begins with a slash: GitLab would carry it out.
    pub description: &'a str,
    /// Whom it is for. GitLab's free edition takes the first alone.
    pub assignees: &'a [UserId],
}

impl GitLab {
    /// Opens an issue; its key and its address.
    pub async fn create_issue(
        &self,
        project: ProjectId,
        wanted: NewIssue<'_>,
    ) -> Result<(IssueKey, String), VendorError> {
        let mut issue = CreateIssue::builder();
        issue
            .project(number(project.0))
            .title(wanted.title)
            .description(wanted.description)
            .confidential(true)
            .assignee_ids(wanted.assignees.iter().map(|user| number(user.0)));
        let made: shapes::Issue = self.ask("create_issue", &built(issue.build())).await?;
        let made = Issue::from(made);
        Ok((made.key, made.url))
    }
}
