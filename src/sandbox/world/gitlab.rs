//! What GitLab remembers.
//!
//! Ids of all kinds come from one counter, so an id of the wrong kind is never a right one by accident. A label
//! event keeps a label's id and nothing else, as GitLab's table does: that is why renaming a label rewrites
//! history and deleting one empties it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::sandbox::webhooks::Outgoing;

#[derive(Debug, Default, Serialize)]
pub(crate) struct GitLab {
    pub(crate) last_id: u64,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) tokens: Vec<AccessToken>,
    pub(crate) groups: BTreeMap<u64, Group>,
    pub(crate) projects: BTreeMap<u64, Project>,
    pub(crate) members: Vec<Member>,
    pub(crate) labels: BTreeMap<u64, Label>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) notes: BTreeMap<u64, Note>,
    pub(crate) label_events: BTreeMap<u64, LabelEvent>,
    pub(crate) state_events: BTreeMap<u64, StateEvent>,
    pub(crate) hooks: BTreeMap<u64, Hook>,
    pub(crate) deliveries: BTreeMap<u64, Delivery>,
    /// Webhooks that the server has yet to send.
    #[serde(skip)]
    pub(crate) outbox: Vec<Outgoing>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    /// `active` or `blocked`.
    pub(crate) state: String,
    pub(crate) bot: bool,
    /// GraphQL shows this account to nobody.
    pub(crate) unlisted: bool,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct AccessToken {
    pub(crate) id: u64,
    pub(crate) user_id: u64,
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
    /// A plain date.
    pub(crate) expires_at: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Group {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) group_id: u64,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) full_path: String,
    pub(crate) default_branch: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_iid: u64,
    /// The commit the default branch stands at.
    pub(crate) head: String,
    pub(crate) protected: bool,
    /// The default branch's files by path.
    pub(crate) files: BTreeMap<String, StoredFile>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct StoredFile {
    #[serde(skip)]
    pub(crate) content: Vec<u8>,
    pub(crate) commit: String,
}

/// A project or a group, as the owner of a label or of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    Project(u64),
    Group(u64),
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Member {
    pub(crate) of: Owner,
    pub(crate) user_id: u64,
    pub(crate) access_level: u8,
    /// A plain date; on that day the membership is over.
    pub(crate) expires_at: Option<String>,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
    pub(crate) of: Owner,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Events with this label are shown to nobody (a label of a group the reader cannot see), which makes short pages.
    pub(crate) hidden: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) iid: u64,
    pub(crate) project_id: u64,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) closed: bool,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) closed_by: Option<u64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) updated_by: Option<u64>,
    pub(crate) author_id: u64,
    pub(crate) assignee_ids: Vec<u64>,
    pub(crate) labels: Vec<u64>,
    /// `issue`, `incident`, `task`, …
    pub(crate) kind: String,
    pub(crate) confidential: bool,
    pub(crate) moved_to_id: Option<u64>,
    pub(crate) last_edited_at: Option<Timestamp>,
    pub(crate) last_edited_by: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Note {
    pub(crate) id: u64,
    pub(crate) issue_id: u64,
    pub(crate) author_id: u64,
    pub(crate) body: String,
    pub(crate) system: bool,
    pub(crate) internal: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    Add,
    Remove,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct LabelEvent {
    pub(crate) id: u64,
    pub(crate) issue_id: u64,
    pub(crate) user_id: u64,
    /// None once the label was deleted.
    pub(crate) label_id: Option<u64>,
    pub(crate) action: Effect,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct StateEvent {
    pub(crate) id: u64,
    pub(crate) issue_id: u64,
    pub(crate) user_id: u64,
    /// `closed` or `reopened`.
    pub(crate) state: &'static str,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hook {
    pub(crate) id: u64,
    pub(crate) project_id: u64,
    pub(crate) url: String,
    /// Name, description, filters: given back as they were given.
    pub(crate) details: BTreeMap<String, Value>,
    /// `push_events`, `issues_events`, …
    pub(crate) flags: BTreeMap<String, bool>,
    pub(crate) token: Option<String>,
    pub(crate) signing_token: Option<String>,
    pub(crate) created_at: Timestamp,
}

impl Hook {
    /// Switched off after failures, for a time or for good.
    pub(crate) fn is_off(&self) -> bool {
        self.details.get("alert_status").is_some_and(|status| status != "executable")
    }
}

/// One webhook as it was sent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Delivery {
    pub(crate) id: u64,
    pub(crate) hook_id: u64,
    pub(crate) url: String,
    pub(crate) webhook_id: String,
    /// `Issue Hook` or `Confidential Issue Hook`.
    pub(crate) event: String,
    pub(crate) body: String,
    pub(crate) request_headers: BTreeMap<String, String>,
    /// A status, or `internal error` where there was no answer.
    pub(crate) response_status: String,
    pub(crate) at: Timestamp,
}

impl GitLab {
    /// A fresh id, larger than all before.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A project by its number or its full path.
    pub(crate) fn project(&self, reference: &str) -> Option<&Project> {
        let id = reference.parse().ok();
        self.projects.values().find(|project| Some(project.id) == id || project.full_path == reference)
    }

    /// A group by its number or its path.
    pub(crate) fn group(&self, reference: &str) -> Option<&Group> {
        let id = reference.parse().ok();
        self.groups.values().find(|group| Some(group.id) == id || group.path == reference)
    }

    /// A project's issue by its iid.
    pub(crate) fn issue(&self, project_id: u64, iid: u64) -> Option<&Issue> {
        self.issues.values().find(|issue| issue.project_id == project_id && issue.iid == iid)
    }

    /// Labels usable in a project: its own and its group's.
    pub(crate) fn labels_of(&self, project_id: u64) -> impl Iterator<Item = &Label> {
        let group = self.projects.get(&project_id).map(|project| Owner::Group(project.group_id));
        self.labels
            .values()
            .filter(move |label| label.of == Owner::Project(project_id) || Some(label.of) == group)
    }

    /// A usable label by its name.
    pub(crate) fn label_named(&self, project_id: u64, name: &str) -> Option<u64> {
        self.labels_of(project_id).find(|label| label.name == name).map(|label| label.id)
    }
}
