//! Identifiers, one type for each thing, so that a user id can never be compared with a label id.
//!
//! People are numeric GitLab ids throughout: user names and e-mail addresses change hands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

numeric_id!(
    /// A GitLab project.
    ProjectId
);
numeric_id!(
    /// An issue's global id; its number within the project is in [`IssueKey`].
    IssueId
);
numeric_id!(
    /// A GitLab user.
    UserId
);
numeric_id!(
    /// A GitLab label. Pinned: a title can be given to another label.
    LabelId
);
numeric_id!(
    /// A resource label event. Grows with time, and unlike the event's date cannot be chosen by anyone.
    EventId
);
numeric_id!(
    /// A note (comment) on an issue.
    NoteId
);
numeric_id!(
    /// A user of a Zendesk account.
    ZendeskUserId
);
numeric_id!(
    /// A credential at Zendesk: the id of an API token or of an OAuth client.
    CredentialId
);

/// Which issue: the project and the number people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssueKey {
    /// The project's numeric id.
    pub project: ProjectId,
    /// The number within the project, as in the URL.
    pub iid: i64,
}

impl fmt::Display for IssueKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.project, self.iid)
    }
}

/// The text is not of the form `PROJECT#NUMBER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an issue is written as its URL, as `PROJECT_ID#NUMBER` or, with one project, as its number")]
pub struct NoIssueKey;

impl FromStr for IssueKey {
    type Err = NoIssueKey;

    fn from_str(text: &str) -> Result<Self, NoIssueKey> {
        let (project, iid) = text.split_once('#').ok_or(NoIssueKey)?;
        let project = ProjectId(project.parse().map_err(|_| NoIssueKey)?);
        Ok(Self { project, iid: iid.parse().map_err(|_| NoIssueKey)? })
    }
}

/// A Slack user (`U…` or `W…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlackUserId(pub String);

impl fmt::Display for SlackUserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An e-mail address, compared without regard to case.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(pub String);

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
