//! Who a person is, and who manages them.
//!
//! One interface over every source, so that a rule never knows where an answer came from. An answer comes
//! with its evidence, for the audit; an error says what it means for the asker. An answer may be a few minutes
//! old where nothing is minted by it; a source that cannot be read is unreachable, never answered from older
//! memory, because doubt means no. Whoever can write the source decides who approves: that is the operator's to
//! guard, and here no search is answered by somebody who was not asked for.

mod cache;
mod entries;
mod file;
mod gitlab_file;
mod handbook;
mod ldap;
mod pins;
mod resolver;
mod scim;
#[cfg(test)]
mod testing;
mod yaml;

use jiff::Timestamp;

use crate::domain::ids::{Email, UserId};

pub use file::{File, FileFaults};
pub use gitlab_file::{GitLabFile, Repository, RepositorySettings};
pub use handbook::Handbook;
pub use ldap::{Attributes, Inactive, Ldap, LdapSettings, NoTls};
pub use pins::{Pin, Pinning, Pins, PinsUnavailable};
pub use resolver::{Parts, Resolver};
pub use scim::{Scim, ScimSettings};

/// A person as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As people call them.
    pub name: String,
    /// Where Slack knows them by; `None` where the directory has no address, or several and no first one.
    pub email: Option<Email>,
    /// Their GitLab account.
    pub gitlab_id: UserId,
    /// Their manager's GitLab account, or why it is not known; `None` for whoever has no manager.
    pub manager: Result<Option<UserId>, DirectoryError>,
    /// Whether they are still here.
    pub active: bool,
}

/// A person, and why we believe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub person: Person,
    /// Where it is written.
    pub source: String,
    /// The entry as it stands there.
    pub value: String,
    /// When it was seen to stand there.
    pub read_at: Timestamp,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// As old as the configuration allows.
    Cached,
    /// Read after the question was asked. For the look that mints.
    Now,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The source cannot be read or understood, or must not be believed. The log says which.
    #[error("the directory cannot be read")]
    Unreachable,
    /// The source is fine, and GitLab did not tell whose account is whose. Ask again later.
    #[error("GitLab did not tell whose account it is")]
    GitLabUnreachable,
    /// The source is fine and knows nobody of the kind.
    #[error("the directory does not know this person")]
    NotFound,
    /// Two entries fit, or one entry names two people. A person must settle it.
    #[error("the directory knows this person twice")]
    Ambiguous,
    /// The person's entry names no GitLab account, or one that does not exist.
    #[error("the directory's entry has no GitLab account")]
    Unmappable,
    /// The entry or its user name belonged to another account before. An operator must look.
    #[error("the user name changed hands")]
    ChangedHands,
    /// The managers lead back to somebody below them.
    #[error("the managers lead in a circle")]
    Cycle,
}

/// A source of people.
#[derive(Debug)]
pub enum Directory {
    /// A file of our own.
    File(File),
    /// A file of the same form in a GitLab repository.
    GitLabFile(GitLabFile),
    /// A source that knows people by user name.
    Resolved(Resolver),
}

impl Directory {
    /// Whether no file is being read.
    pub(crate) fn is_at_rest(&self) -> bool {
        if let Self::File(file) = self { file.is_at_rest() } else { true }
    }

    /// The one person with this GitLab account.
    pub async fn person_by_gitlab_id(
        &self,
        id: UserId,
        freshness: Freshness,
    ) -> Result<Found, DirectoryError> {
        match self {
            Self::File(file) => file.find(|person| person.gitlab_id == id).await,
            Self::GitLabFile(file) => file.find(|person| person.gitlab_id == id, freshness).await,
            Self::Resolved(resolver) => resolver.by_id(id, freshness).await,
        }
    }

    /// The one person with this address; case does not matter.
    pub async fn person_by_email(
        &self,
        email: &Email,
        freshness: Freshness,
    ) -> Result<Found, DirectoryError> {
        let wanted = |person: &Person| person.email.as_ref() == Some(email);
        match self {
            Self::File(file) => file.find(wanted).await,
            Self::GitLabFile(file) => file.find(wanted, freshness).await,
            Self::Resolved(resolver) => resolver.by_email(email, freshness).await,
        }
    }
}
