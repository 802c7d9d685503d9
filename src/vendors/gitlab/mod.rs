//! GitLab: what a look at a request reads, and the few things we write.
//!
//! Endpoints come from the `gitlab` crate, which knows their paths and encodings; the calls go over our transport
//! (`session`), because that crate's own client has no time-outs and ends a list at the first short page. Lists
//! are read to their end or not at all. Answers become `domain::observed`, and a field whose absence would make an
//! approval easier is required.

use std::collections::BTreeMap;

use gitlab::api::common::{NameOrId, SortOrder};
use gitlab::api::groups::members::AllGroupMembers;
use gitlab::api::projects::Project as OneProject;
use gitlab::api::projects::issues::notes::{
    CreateIssueNote, DeleteIssueNote, EditIssueNote, IssueNotes, NoteOrderBy,
};
use gitlab::api::projects::issues::{
    EditIssue, Issue as OneIssue, IssueResourceLabelEvents, IssueStateEvent,
};
use gitlab::api::projects::labels::Labels;
use gitlab::api::projects::members::{AllProjectMember, AllProjectMembers};
use gitlab::api::projects::repository::branches::Branch as OneBranch;
use gitlab::api::users::{CurrentUser, User as OneUser, Users};
use jiff::Timestamp;
use url::Url;

use super::Vendor;
use super::error::{VendorError, ignoring_absence};
use super::http::Transport;
use crate::domain::ids::{IssueId, IssueKey, LabelId, NoteId, ProjectId, UserId};
use crate::domain::observed::{Account, Described, Issue, LabelEvent, Membership, Note, User};
use crate::secret::Secret;

mod edit;
mod endpoints;
mod new_issue;
mod session;
pub mod setup;
mod shapes;
pub mod sweep;

use endpoints::{GroupMember, OneNote, Question, StateEvents, UpdatedIssues};
pub use new_issue::NewIssue;
use session::built;

/// User names are at most this long at GitLab; anything longer names nobody.
const LONGEST_USERNAME: usize = 255;

/// A client with one access token. `Clone` shares the connections.
#[derive(Debug, Clone)]
pub struct GitLab {
    transport: Transport,
    base: Url,
    token: Secret,
}

/// A project, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Numeric id.
    pub id: ProjectId,
    /// Full path, `group/project`.
    pub path: String,
    /// The address people open.
    pub url: String,
    /// Absent while the repository is empty.
    pub default_branch: Option<String>,
}

/// A branch of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// A rule protects it, by its name or by a wildcard.
    pub protected: bool,
    /// The rule lets everybody with the Developer role push.
    pub developers_can_push: bool,
    /// The commit it stands at, 40 or 64 hexadecimal digits.
    pub commit: String,
}

/// A label that can be put on a project's issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Numeric id, which a rename does not change.
    pub id: LabelId,
    /// Its present title.
    pub name: String,
    /// The project's own: whoever may plan there can rename or delete it. Not so a group's label.
    pub project_label: bool,
}

impl GitLab {
    /// `base` is the instance's address without `/api/v4`; `token` a personal, project or group access token.
    pub fn new(transport: Transport, base: Url, token: Secret) -> Self {
        Self { transport, base, token }
    }

    /// Whether GitLab's last answer was dated minutes from our own time.
    pub fn clock_is_off(&self) -> bool {
        self.transport.clock_is_off()
    }

    /// The instance's address, without a slash at its end.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whose token this is. Without a membership: that belongs to a project.
    pub async fn current_user(&self) -> Result<Account, VendorError> {
        let endpoint = built(CurrentUser::builder().build());
        let user: shapes::User = self.ask("current_user", &endpoint).await?;
        user.account(None)
    }

    /// A project by full path or numeric id.
    pub async fn project(&self, path_or_id: &str) -> Result<Project, VendorError> {
        let endpoint = built(OneProject::builder().project(name_or_id(path_or_id)).build());
        let project: shapes::Project = self.ask("project", &endpoint).await?;
        Ok(project.into())
    }

    /// One issue. [`VendorError::NotFound`] when deleted, moved out of sight or hidden from us.
    pub async fn issue(&self, key: IssueKey) -> Result<Issue, VendorError> {
        let (project, iid) = numbers(key);
        let endpoint = built(OneIssue::builder().project(project).issue(iid).build());
        same(key, self.ask::<shapes::Issue>("issue", &endpoint).await?)
    }

    /// The same, tried once: whoever reads other things at the same time must know when this was read.
    pub async fn issue_at_once(&self, key: IssueKey) -> Result<Issue, VendorError> {
        let (project, iid) = numbers(key);
        let endpoint = built(OneIssue::builder().project(project).issue(iid).build());
        same(key, self.ask_once::<shapes::Issue>("issue", &endpoint).await?)
    }

    /// All label events of an issue, in the order GitLab lists them.
    pub async fn label_events(&self, key: IssueKey) -> Result<Vec<LabelEvent>, VendorError> {
        let (project, issue) = numbers(key);
        let endpoint = built(IssueResourceLabelEvents::builder().project(project).issue(issue).build());
        let events: Vec<shapes::LabelEvent> = self.ask_all("label_events", &endpoint).await?;
        Ok(events.into_iter().map(Into::into).collect())
    }

    /// When the issue was last closed; `None` only if GitLab lists no closing.
    pub async fn last_closing(&self, key: IssueKey) -> Result<Option<Timestamp>, VendorError> {
        let events: Vec<shapes::StateEvent> = self.ask_all("state_events", &StateEvents { key }).await?;
        let closings = events.into_iter().filter(|event| event.state == "closed");
        Ok(closings.map(|event| event.created_at).max())
    }

    /// The description with its last change, in one answer, and these people's accounts as far as we may see them.
    pub async fn described(&self, issue: IssueId, people: &[UserId]) -> Result<Described, VendorError> {
        let answer: edit::Answer = self.ask("described", &Question { issue: Some(issue), people }).await?;
        answer.described(issue)
    }

    /// These people's accounts, as far as we may see them.
    pub async fn people(&self, people: &[UserId]) -> Result<Vec<User>, VendorError> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let answer: edit::Answer = self.ask("people", &Question { issue: None, people }).await?;
        answer.people()
    }

    /// Which of these people are members of the project, inherited memberships included.
    ///
    /// GitLab lists the highest of a person's memberships; somebody listed twice is an answer that cannot be used.
    pub async fn memberships(
        &self,
        project: ProjectId,
        people: &[UserId],
    ) -> Result<BTreeMap<UserId, Membership>, VendorError> {
        if people.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut members = AllProjectMembers::builder();
        members.project(number(project.0)).user_ids(people.iter().map(|one| number(one.0)));
        let members: Vec<shapes::ListedMember> = self.ask_all("members", &built(members.build())).await?;
        let mut found = BTreeMap::new();
        for member in members {
            if found.insert(member.id, member.member.membership()).is_some() {
                return Err(malformed());
            }
        }
        Ok(found)
    }

    /// The notes of an issue that are wanted, system notes included, oldest first. All are read, and only these kept.
    pub async fn notes(
        &self,
        key: IssueKey,
        wanted: impl Fn(&Note) -> bool + Send + Sync,
    ) -> Result<Vec<Note>, VendorError> {
        let (project, issue) = numbers(key);
        let mut notes = IssueNotes::builder();
        notes.project(project).issue(issue).order_by(NoteOrderBy::CreatedAt).sort(SortOrder::Ascending);
        let keep = |note: shapes::Note| Some(Note::from(note)).filter(&wanted);
        self.ask_all_for("notes", &built(notes.build()), keep).await
    }

    /// One note.
    pub async fn note(&self, key: IssueKey, note: NoteId) -> Result<Note, VendorError> {
        let note: shapes::Note = self.ask("note", &OneNote { key, note }).await?;
        Ok(note.into())
    }

    /// Writes a comment. Not repeatable: after an unknown outcome, look through [`GitLab::notes`].
    pub async fn create_note(&self, key: IssueKey, body: &str) -> Result<Note, VendorError> {
        let (project, issue) = numbers(key);
        let endpoint = built(CreateIssueNote::builder().project(project).issue(issue).body(body).build());
        let note: shapes::Note = self.ask("create_note", &endpoint).await?;
        Ok(note.into())
    }

    /// Replaces the text of a comment of ours.
    pub async fn edit_note(&self, key: IssueKey, note: NoteId, body: &str) -> Result<Note, VendorError> {
        let (project, issue) = numbers(key);
        let mut edit = EditIssueNote::builder();
        edit.project(project).issue(issue).note(number(note.0)).body(body);
        let note: shapes::Note = self.ask("edit_note", &built(edit.build())).await?;
        Ok(note.into())
    }

    /// Deletes a comment of ours. One that is not there any more is deleted.
    pub async fn delete_note(&self, key: IssueKey, note: NoteId) -> Result<(), VendorError> {
        let (project, issue) = numbers(key);
        let mut delete = DeleteIssueNote::builder();
        delete.project(project).issue(issue).note(number(note.0));
        ignoring_absence(self.tell("delete_note", &built(delete.build())).await)
    }

    /// Takes a label off by its present name; nothing happens if it is not on. A name with a comma is refused:
    /// GitLab would read it as two.
    pub async fn remove_label(&self, key: IssueKey, name: &str) -> Result<(), VendorError> {
        if name.contains(',') {
            return Err(VendorError::refused_to_send(Vendor::GitLab, "a comma in a label's name"));
        }
        let (project, issue) = numbers(key);
        let mut edit = EditIssue::builder();
        edit.project(project).issue(issue).remove_label(name);
        self.tell("remove_label", &built(edit.build())).await
    }

    /// Closes an issue; a closed one stays so.
    pub async fn close_issue(&self, key: IssueKey) -> Result<(), VendorError> {
        let (project, issue) = numbers(key);
        let mut edit = EditIssue::builder();
        edit.project(project).issue(issue).state_event(IssueStateEvent::Close);
        self.tell("close_issue", &built(edit.build())).await
    }

    /// Opens a closed issue again; an open one stays so.
    pub async fn reopen_issue(&self, key: IssueKey) -> Result<(), VendorError> {
        let (project, issue) = numbers(key);
        let mut edit = EditIssue::builder();
        edit.project(project).issue(issue).state_event(IssueStateEvent::Reopen);
        self.tell("reopen_issue", &built(edit.build())).await
    }

    /// A person with their membership of the project, inherited ones included.
    pub async fn account(&self, project: ProjectId, user: UserId) -> Result<Account, VendorError> {
        let endpoint = built(OneUser::builder().user(number(user.0)).build());
        let mut member = AllProjectMember::builder();
        member.project(number(project.0)).user(number(user.0));
        let member = built(member.build());
        let (found, member) = tokio::join!(
            biased;
            self.ask::<shapes::User>("user", &endpoint),
            self.ask::<shapes::Member>("member", &member)
        );
        let found = found?;
        let membership = match member {
            Ok(member) => Some(member.membership()),
            Err(VendorError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let account = found.account(membership)?;
        if account.id == user { Ok(account) } else { Err(malformed()) }
    }

    /// The user name that an account has now.
    pub async fn username(&self, user: UserId) -> Result<String, VendorError> {
        let endpoint = built(OneUser::builder().user(number(user.0)).build());
        let found: shapes::User = self.ask("user", &endpoint).await?;
        if found.id == user { Ok(found.username) } else { Err(malformed()) }
    }

    /// Where a branch stands, and who may push to it.
    pub async fn branch(&self, project: ProjectId, name: &str) -> Result<Branch, VendorError> {
        let endpoint = built(OneBranch::builder().project(number(project.0)).branch(name).build());
        let branch: shapes::Branch = self.ask("branch", &endpoint).await?;
        branch.named(name)
    }

    /// A person's membership of a group, inherited ones included; `None`: not a member.
    pub async fn group_member(&self, group: &str, user: UserId) -> Result<Option<Membership>, VendorError> {
        let endpoint = GroupMember { group: group.to_owned(), user: number(user.0) };
        match self.ask::<shapes::Member>("group_member", &endpoint).await {
            Ok(member) => Ok(Some(member.membership())),
            // GitLab answers the same for a group that is not there or not for us to see: nobody is a member of it.
            Err(VendorError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All members of a group, inherited ones included; nobody if GitLab does not show it to us.
    pub async fn group_members(&self, group: &str) -> Result<Vec<(UserId, Membership)>, VendorError> {
        let endpoint = built(AllGroupMembers::builder().group(group).build());
        let keep = |one: shapes::ListedMember| Some((one.id, one.member.membership()));
        match self.ask_all_for("group_members", &endpoint, keep).await {
            Err(VendorError::NotFound { .. }) => Ok(Vec::new()),
            members => members,
        }
    }

    /// Who has exactly this user name now, without regard to case.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<UserId>, VendorError> {
        if username.is_empty() || username.len() > LONGEST_USERNAME {
            return Ok(None);
        }
        let endpoint = built(Users::builder().username(username).build());
        let users: Vec<shapes::User> = self.ask("user_by_name", &endpoint).await?;
        let found = users.iter().find(|user| user.username.eq_ignore_ascii_case(username));
        Ok(found.map(|user| user.id))
    }

    /// All labels usable in a project, those of its groups included.
    pub async fn labels(&self, project: ProjectId) -> Result<Vec<Label>, VendorError> {
        let mut labels = Labels::builder();
        labels.project(number(project.0)).include_ancestor_groups(true);
        let labels: Vec<shapes::Label> = self.ask_all("labels", &built(labels.build())).await?;
        Ok(labels.into_iter().map(Into::into).collect())
    }

    /// What `keep` makes of each issue of a project, in every state, oldest first, that changed at `since` or later.
    ///
    /// Ordered by creation, which a change during the listing does not alter: ordered by their change, an issue
    /// touched meanwhile would push its neighbour over a page's edge, unseen.
    pub async fn issues_updated_since<K>(
        &self,
        project: ProjectId,
        since: Option<Timestamp>,
        keep: impl Fn(Issue) -> K + Send + Sync,
    ) -> Result<Vec<K>, VendorError> {
        let endpoint = UpdatedIssues { project, since, created_after: None };
        let kept = |issue: shapes::Issue| Some(keep(issue.into()));
        self.ask_all_for("issues_updated_since", &endpoint, kept).await
    }
}

/// GitLab answers for a project's former path and id too; that would be another request's issue.
fn same(key: IssueKey, issue: shapes::Issue) -> Result<Issue, VendorError> {
    let issue = Issue::from(issue);
    if issue.key == key { Ok(issue) } else { Err(malformed()) }
}

fn malformed() -> VendorError {
    VendorError::Malformed { vendor: Vendor::GitLab }
}

/// The crate counts in `u64`. Zero names nothing at GitLab, so an impossible id is answered by 404.
fn number(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

fn numbers(key: IssueKey) -> (u64, u64) {
    (number(key.project.0), number(key.iid))
}

fn name_or_id(text: &str) -> NameOrId<'_> {
    text.parse::<u64>().map_or_else(|_| text.into(), Into::into)
}

#[cfg(test)]
mod tests;
