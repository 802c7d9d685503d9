//! Who a person is, and who manages them.
//!
//! One interface over every source, so that a rule never knows where an answer came from. An answer comes
//! with its evidence, for the audit; an error says what it means for the asker. There is no old answer:
//! a source that cannot be read now is unreachable, because doubt means no.

mod entries;
mod file;

use jiff::Timestamp;

use crate::domain::ids::{Email, UserId};

pub use file::{File, FileFaults};

/// A person as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As people call them.
    pub name: String,
    /// Where Slack knows them by.
    pub email: Email,
    /// Their GitLab account.
    pub gitlab_id: UserId,
    /// Their manager's GitLab account; `None` for whoever has no manager.
    pub manager: Option<UserId>,
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

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The source cannot be read, or cannot be understood. Ask again later.
    #[error("the directory cannot be read")]
    Unreachable,
    /// The source is fine and knows nobody of the kind.
    #[error("the directory does not know this person")]
    NotFound,
    /// Two entries claim one account or one address. A person must settle it.
    #[error("the directory knows this person twice")]
    Ambiguous,
}

/// A source of people.
#[derive(Debug)]
pub enum Directory {
    /// A file of our own.
    File(File),
}

impl Directory {
    /// The one person with this GitLab account.
    pub async fn person_by_gitlab_id(&self, id: UserId) -> Result<Found, DirectoryError> {
        match self {
            Self::File(file) => file.find(|person| person.gitlab_id == id).await,
        }
    }

    /// The one person with this address; case does not matter.
    pub async fn person_by_email(&self, email: &Email) -> Result<Found, DirectoryError> {
        match self {
            Self::File(file) => file.find(|person| person.email == *email).await,
        }
    }
}
