//! From a source that knows people by user name to people known by numeric GitLab id.
//!
//! GitLab says whose a user name is, at the moment it is asked; the pins say whether it always was. Everything
//! in between is exact: one entry or an error, and the entry must say what was asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;

use super::cache::Cache;
use super::pins::{Pin, Pinning, Pins};
use super::{DirectoryError, Found, Freshness, Person};
use crate::clock::SharedClock;
use crate::domain::ids::{Email, UserId};
use crate::vendors::VendorError;
use crate::vendors::gitlab::GitLab;

/// How far up the managers are followed to see whether they lead in a circle.
const LEVELS: usize = 16;

/// A value that an entry may have once; sources have it never or several times as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Single<T> {
    None,
    One(T),
    Several,
}

impl<T> Single<T> {
    pub(super) fn of(values: impl IntoIterator<Item = T>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(one), None) => Self::One(one),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// What a source says of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What the source knows the entry by; compared with other keys of the same source.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) username: Single<String>,
    pub(super) email: Single<Email>,
    /// What finds the manager's entry by [`Wanted::Key`].
    pub(super) manager: Single<String>,
    pub(super) active: bool,
    pub(super) source: String,
    /// As it stands there, as far as it was read.
    pub(super) value: String,
}

/// Whose entry is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    Username(&'a str),
    Email(&'a Email),
    /// As another entry names its manager.
    Key(&'a str),
}

impl Wanted<'_> {
    /// Whether the entry says of itself what it was asked for by. A server that answers with somebody else
    /// does not know the filter, and nothing it says can be believed.
    pub(super) fn check(&self, entry: &Entry) -> Result<(), DirectoryError> {
        match self.same(entry) {
            Some(true) => Ok(()),
            Some(false) => {
                tracing::error!(
                    source = entry.source,
                    "the directory answers with another person than asked for"
                );
                Err(DirectoryError::Unreachable)
            }
            None => Err(DirectoryError::Ambiguous),
        }
    }

    /// Whether an entry is the one that is wanted; never by its key, which each source compares in its own way.
    pub(super) fn fits(&self, entry: &Entry) -> bool {
        !matches!(self, Self::Key(_)) && self.same(entry) == Some(true)
    }

    /// `None` where the entry has several values, of which one may be meant.
    fn same(&self, entry: &Entry) -> Option<bool> {
        match self {
            Self::Key(_) => Some(true),
            Self::Username(name) => is(&entry.username, |one| one.eq_ignore_ascii_case(name)),
            Self::Email(email) => is(&entry.email, |one| one == *email),
        }
    }
}

/// `None` where there are several, of which one may be meant.
fn is<T>(value: &Single<T>, wanted: impl Fn(&T) -> bool) -> Option<bool> {
    match value {
        Single::None => Some(false),
        Single::One(one) => Some(wanted(one)),
        Single::Several => None,
    }
}

/// A source that knows people by user name.
#[async_trait]
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// `ldap`, `scim`, `gitlab_file`
    fn kind(&self) -> &'static str;

    /// The one entry, checked against `wanted`.
    async fn find(&self, wanted: Wanted<'_>, freshness: Freshness) -> Result<Entry, DirectoryError>;
}

/// What a resolver needs besides its source.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Whose user name is whose.
    pub gitlab: GitLab,
    /// Whose it was.
    pub pins: Arc<dyn Pins>,
    /// The time.
    pub clock: SharedClock,
    /// How old an answer may be where nothing is minted by it.
    pub cache_for: SignedDuration,
}

/// A source with what it takes to know its people by number.
#[derive(Debug)]
pub struct Resolver {
    source: Box<dyn Source>,
    parts: Parts,
    answers: Cache<Asked, Found>,
    entries: Cache<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    Id(i64),
    Email(String),
}

impl Resolver {
    pub(super) fn new(source: impl Source + 'static, parts: Parts) -> Self {
        let (answers, entries) = (Cache::new(parts.cache_for), Cache::new(parts.cache_for));
        Self { source: Box::new(source), parts, answers, entries }
    }

    pub(super) async fn by_id(&self, id: UserId, freshness: Freshness) -> Result<Found, DirectoryError> {
        let asked = Asked::Id(id.0);
        if let Some(found) = self.remembered(&asked, freshness) {
            return Ok(found);
        }
        let username = self.parts.gitlab.username(id).await.map_err(|error| match error {
            VendorError::NotFound { .. } => DirectoryError::NotFound,
            other => no_gitlab(&other),
        })?;
        let entry = self.source.find(Wanted::Username(&username), freshness).await?;
        self.pin(&entry, &username, id).await?;
        self.answer(asked, (entry, id), freshness).await
    }

    pub(super) async fn by_email(
        &self,
        email: &Email,
        freshness: Freshness,
    ) -> Result<Found, DirectoryError> {
        let asked = Asked::Email(email.0.to_ascii_lowercase());
        if let Some(found) = self.remembered(&asked, freshness) {
            return Ok(found);
        }
        let entry = self.source.find(Wanted::Email(email), freshness).await?;
        let id = self.account(&entry).await?;
        self.answer(asked, (entry, id), freshness).await
    }

    fn remembered(&self, asked: &Asked, freshness: Freshness) -> Option<Found> {
        match freshness {
            Freshness::Cached => self.answers.get(asked, self.parts.clock.now()),
            Freshness::Now => {
                // If there is no new answer now, the older one is not good enough for later either.
                self.answers.forget(asked);
                None
            }
        }
    }

    async fn answer(
        &self,
        asked: Asked,
        (entry, id): (Entry, UserId),
        freshness: Freshness,
    ) -> Result<Found, DirectoryError> {
        let read_at = self.parts.clock.now();
        let manager = self.manager(&entry, id, freshness).await;
        let email = match entry.email {
            Single::One(email) => Some(email),
            Single::None | Single::Several => None,
        };
        let person = Person { name: entry.name, email, gitlab_id: id, manager, active: entry.active };
        let found = Found { person, source: entry.source, value: entry.value, read_at };
        if found.person.manager.is_ok() {
            self.answers.put(asked, found.clone(), read_at);
        }
        Ok(found)
    }

    async fn manager(
        &self,
        entry: &Entry,
        id: UserId,
        freshness: Freshness,
    ) -> Result<Option<UserId>, DirectoryError> {
        let link = match &entry.manager {
            Single::None => return Ok(None),
            Single::Several => return Err(DirectoryError::Ambiguous),
            Single::One(link) => link,
        };
        let manager = self.source.find(Wanted::Key(link), freshness).await?;
        if manager.key == entry.key {
            return Ok(Some(id));
        }
        self.refuse_circle(entry, &manager).await?;
        self.account(&manager).await.map(Some)
    }

    /// Follows the managers upward. Whoever is their own manager is the top; so is whoever cannot be read, since
    /// nobody up there is asked to approve.
    async fn refuse_circle(&self, entry: &Entry, manager: &Entry) -> Result<(), DirectoryError> {
        let mut seen = BTreeSet::from([entry.key.clone(), manager.key.clone()]);
        let mut below = manager.clone();
        for _ in 0..LEVELS {
            let Single::One(link) = &below.manager else { return Ok(()) };
            let Ok(above) = self.entry(link).await else { return Ok(()) };
            if above.key == below.key {
                return Ok(());
            }
            if !seen.insert(above.key.clone()) {
                return Err(DirectoryError::Cycle);
            }
            below = above;
        }
        Ok(())
    }

    async fn entry(&self, link: &str) -> Result<Entry, DirectoryError> {
        let now = self.parts.clock.now();
        if let Some(entry) = self.entries.get(&link.to_owned(), now) {
            return Ok(entry);
        }
        let entry = self.source.find(Wanted::Key(link), Freshness::Cached).await?;
        self.entries.put(link.to_owned(), entry.clone(), now);
        Ok(entry)
    }

    /// The account that has the entry's user name.
    async fn account(&self, entry: &Entry) -> Result<UserId, DirectoryError> {
        let Single::One(username) = &entry.username else { return Err(DirectoryError::Unmappable) };
        let user = self.parts.gitlab.user_by_name(username).await.map_err(|error| no_gitlab(&error))?;
        let id = user.ok_or(DirectoryError::Unmappable)?;
        self.pin(entry, username, id).await?;
        Ok(id)
    }

    async fn pin(&self, entry: &Entry, username: &str, id: UserId) -> Result<(), DirectoryError> {
        let (source, key, username) = (self.source.kind(), entry.key.clone(), username.to_ascii_lowercase());
        let pin = Pin { source, key, username, id };
        match self.parts.pins.pin(&pin).await {
            Ok(Pinning::Holds) => Ok(()),
            Ok(Pinning::Was(before)) => {
                let Pin { key, username, id, .. } = pin;
                tracing::error!(
                    key, username, account = %id, before = %before,
                    "an entry of the directory or its user name was another account before; if that is right, run \
                     `countersign directory forget {before}`"
                );
                Err(DirectoryError::ChangedHands)
            }
            Err(_) => Err(DirectoryError::Unreachable),
        }
    }
}

fn no_gitlab(error: &VendorError) -> DirectoryError {
    tracing::warn!(error = %error, "GitLab does not tell whose account it is");
    DirectoryError::GitLabUnreachable
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
