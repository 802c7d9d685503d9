//! GitLab's JSON, as little of it as we need, and its translation. Source: GitLab "REST API resources".
//!
//! What GitLab may leave out or set to null is an `Option`; everything else is required, and an answer without it
//! is malformed.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::{malformed, setup};
use crate::domain::ids::{EventId, IssueId, IssueKey, LabelId, NoteId, ProjectId, UserId};
use crate::domain::observed;
use crate::vendors::error::VendorError;

/// Anything of which only the id counts.
#[derive(Deserialize)]
pub(super) struct Identified<T> {
    id: T,
}

fn id<T>(thing: Option<Identified<T>>) -> Option<T> {
    thing.map(|thing| thing.id)
}

#[derive(Deserialize)]
pub(super) struct Project {
    id: ProjectId,
    path_with_namespace: String,
    web_url: String,
    default_branch: Option<String>,
}

impl From<Project> for super::Project {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            path: project.path_with_namespace,
            url: project.web_url,
            default_branch: project.default_branch,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Issue {
    id: IssueId,
    iid: i64,
    project_id: ProjectId,
    title: String,
    description: Option<String>,
    state: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "issue_type")]
    older_kind: Option<String>,
    author: Option<Identified<UserId>>,
    created_at: Timestamp,
    updated_at: Timestamp,
    closed_by: Option<Identified<UserId>>,
    labels: Vec<String>,
    web_url: String,
    moved_to_id: Option<IssueId>,
}

impl Issue {
    /// Both spellings of the type say `issue`; one of them at least is there.
    fn is_issue(&self) -> bool {
        let mut said = [&self.kind, &self.older_kind].into_iter().flatten().peekable();
        said.peek().is_some() && said.all(|kind| kind.eq_ignore_ascii_case("issue"))
    }
}

impl From<Issue> for observed::Issue {
    fn from(issue: Issue) -> Self {
        Self {
            is_issue: issue.is_issue(),
            id: issue.id,
            key: IssueKey { project: issue.project_id, iid: issue.iid },
            url: issue.web_url,
            title: issue.title,
            description: issue.description.unwrap_or_default(),
            open: issue.state == "opened",
            author: id(issue.author),
            created_at: issue.created_at,
            updated_at: issue.updated_at,
            closed_by: id(issue.closed_by),
            labels: issue.labels,
            moved_to: issue.moved_to_id,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct LabelEvent {
    id: EventId,
    user: Option<Identified<UserId>>,
    created_at: Timestamp,
    resource_id: IssueId,
    label: Option<Identified<LabelId>>,
    action: Action,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Action {
    Add,
    Remove,
}

impl From<LabelEvent> for observed::LabelEvent {
    fn from(event: LabelEvent) -> Self {
        Self {
            id: event.id,
            issue: event.resource_id,
            actor: id(event.user),
            at: event.created_at,
            label: id(event.label),
            added: event.action == Action::Add,
        }
    }
}

/// Source: GitLab "Resource state events API".
#[derive(Deserialize)]
pub(super) struct StateEvent {
    pub(super) created_at: Timestamp,
    pub(super) state: String,
}

#[derive(Deserialize)]
pub(super) struct Note {
    id: NoteId,
    body: String,
    author: Option<Identified<UserId>>,
    system: bool,
}

impl From<Note> for observed::Note {
    fn from(note: Note) -> Self {
        Self { id: note.id, body: note.body, author: id(note.author), system: note.system }
    }
}

#[derive(Deserialize)]
pub(super) struct Branch {
    name: String,
    protected: bool,
    developers_can_push: bool,
    commit: Identified<String>,
}

impl Branch {
    /// A commit is an address in later calls, so it must look like one.
    pub(super) fn named(self, name: &str) -> Result<super::Branch, VendorError> {
        let Self { protected, developers_can_push, commit: Identified { id: commit }, .. } = self;
        let is_hash = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.name != name || !is_hash {
            return Err(malformed());
        }
        Ok(super::Branch { protected, developers_can_push, commit })
    }
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) username: String,
    state: String,
    /// Only in the answer for one user, not in lists.
    bot: Option<bool>,
}

impl User {
    /// An answer that does not say whether this is a bot is no answer: a bot's label must never count.
    pub(super) fn account(
        self,
        membership: Option<observed::Membership>,
    ) -> Result<observed::Account, VendorError> {
        let bot = self.bot.ok_or_else(malformed)?;
        let active = self.state == "active";
        Ok(observed::Account { id: self.id, username: self.username, bot, active, membership })
    }
}

#[derive(Deserialize)]
pub(super) struct Member {
    access_level: i64,
    expires_at: Option<Date>,
    state: String,
    membership_state: Option<String>,
}

/// A member in a list, with whose membership it is.
#[derive(Deserialize)]
pub(super) struct ListedMember {
    pub(super) id: UserId,
    #[serde(flatten)]
    pub(super) member: Member,
}

impl Member {
    pub(super) fn membership(self) -> observed::Membership {
        let active = self.state == "active" && self.membership_state.is_none_or(|state| state == "active");
        observed::Membership { access_level: self.access_level, expires_on: self.expires_at, active }
    }
}

#[derive(Deserialize)]
pub(super) struct Label {
    id: LabelId,
    name: String,
    #[serde(rename = "is_project_label")]
    of_project: bool,
}

impl From<Label> for super::Label {
    fn from(label: Label) -> Self {
        Self { id: label.id, name: label.name, project_label: label.of_project }
    }
}

#[derive(Deserialize)]
pub(super) struct Hook {
    id: i64,
    url: String,
    issues_events: bool,
    confidential_issues_events: Option<bool>,
    push_events: bool,
    enable_ssl_verification: bool,
    signing_token_present: Option<bool>,
    token_present: Option<bool>,
    alert_status: Option<String>,
}

impl From<Hook> for setup::Hook {
    fn from(hook: Hook) -> Self {
        Self {
            id: setup::HookId(hook.id),
            url: hook.url,
            issues_events: hook.issues_events,
            confidential_issues_events: hook.confidential_issues_events.unwrap_or(false),
            push_events: hook.push_events,
            ssl_verification: hook.enable_ssl_verification,
            signing_token_present: hook.signing_token_present.unwrap_or(false),
            token_present: hook.token_present.unwrap_or(false),
            enabled: hook.alert_status.is_none_or(|status| status == "executable"),
        }
    }
}
