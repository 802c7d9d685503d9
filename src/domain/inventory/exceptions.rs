//! What may be at an instance without a request, as the process has it.
//!
//! The team's own tokens (`Name - use`), targets (`Target - name`) and the team's scripts. Each is a pattern of the
//! name *and* the users who may have created it: anybody can choose a name (threat 42).

use serde::Serialize;

use super::Listed;
use super::names::matches;
use crate::domain::ids::ZendeskUserId;

/// What an exception is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionUse {
    /// A token of a person of the team.
    Person,
    /// A target or webhook of the account itself.
    Target,
    /// A script or automation of the team.
    Script,
}

impl ExceptionUse {
    /// As configuration writes it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Target => "target",
            Self::Script => "script",
        }
    }
}

/// One exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// What for.
    pub purpose: ExceptionUse,
    /// The whole name; `*` stands for any text.
    pub pattern: String,
    /// Who may have created it: users of that account. Nobody else is excused.
    pub creators: Vec<ZendeskUserId>,
}

/// How a name and a creator fare before the exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// Excused.
    Yes(ExceptionUse),
    /// The name fits and the creator does not.
    OnlyByName,
    /// No name fits.
    No,
}

/// Whether one of `exceptions` covers it: by the name, and for clients also by the identifier.
pub fn excuse(exceptions: &[Exception], listed: &Listed) -> Excuse {
    let mut by_name = exceptions.iter().filter(|exception| fits(exception, listed)).peekable();
    if by_name.peek().is_none() {
        return Excuse::No;
    }
    let by_creator =
        |exception: &&Exception| listed.creator.is_some_and(|creator| exception.creators.contains(&creator));
    by_name.find(by_creator).map_or(Excuse::OnlyByName, |exception| Excuse::Yes(exception.purpose))
}

/// Who may have made what is named so. Of an OAuth client the list shows whom it acts as, which whoever makes it
/// chooses; who really made it only Zendesk's audit log tells.
pub fn who_may_make(exceptions: &[Exception], listed: &Listed) -> Vec<ZendeskUserId> {
    let fitting = exceptions.iter().filter(|exception| fits(exception, listed));
    fitting.flat_map(|exception| exception.creators.iter().copied()).collect()
}

fn fits(exception: &Exception, listed: &Listed) -> bool {
    let is_like = |text: &str| matches(&exception.pattern, text);
    is_like(&listed.name) || listed.identifier.as_deref().is_some_and(is_like)
}
