//! A file of people in a GitLab repository, on a protected branch.
//!
//! Who may write the file decides who approves, so a branch that anybody with the Developer role may push to is
//! refused, however good the file is. The file is read at the commit that the branch was seen at: that commit
//! is the evidence, and as long as the branch stands there the file need not be read again.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::cache::is_young;
use super::entries::Entries;
use super::file::FileFaults;
use super::{DirectoryError, Found, Freshness, Person};
use crate::clock::SharedClock;
use crate::domain::ids::ProjectId;
use crate::reader::Fault;
use crate::vendors::VendorError;
use crate::vendors::gitlab::{Branch, GitLab};

/// Where the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// The project, by number: a path can be given up and taken by somebody else.
    pub project: ProjectId,
    /// From the repository's root.
    pub path: String,
    /// The protected branch.
    pub branch: String,
}

/// A file in a repository, understood as `T`.
#[derive(Debug)]
pub struct Repository<T> {
    gitlab: GitLab,
    settings: RepositorySettings,
    clock: SharedClock,
    keep: SignedDuration,
    parse: fn(&str, &str) -> Result<T, Vec<Fault>>,
    last: Mutex<Option<Reading<T>>>,
}

/// The file at a commit.
pub(super) struct Reading<T> {
    commit: String,
    pub(super) content: Arc<T>,
    pub(super) read_at: Timestamp,
}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        Self { commit: self.commit.clone(), content: Arc::clone(&self.content), read_at: self.read_at }
    }
}

impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reading").field("commit", &self.commit).finish_non_exhaustive()
    }
}

impl<T> Repository<T> {
    pub(super) fn new(
        (gitlab, settings): (GitLab, RepositorySettings),
        (clock, keep): (SharedClock, SignedDuration),
        parse: fn(&str, &str) -> Result<T, Vec<Fault>>,
    ) -> Self {
        Self { gitlab, settings, clock, keep, parse, last: Mutex::new(None) }
    }

    /// What the file says, with what it was read as.
    pub(super) async fn read(&self, freshness: Freshness) -> Result<Reading<T>, DirectoryError> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let young = |reading: &&Reading<T>| {
            freshness == Freshness::Cached && is_young(reading.read_at, now, self.keep)
        };
        if let Some(reading) = last.as_ref().filter(young) {
            return Ok(reading.clone());
        }
        // What cannot be read now is not answered from memory, not even by the next question.
        let before = last.take();
        let commit = self.commit().await?;
        let content = match before.filter(|reading| reading.commit == commit) {
            Some(reading) => reading.content,
            None => Arc::new(self.content(&commit).await?),
        };
        Ok(last.insert(Reading { commit, content, read_at: now }).clone())
    }

    /// As evidence.
    pub(super) fn source(&self, reading: &Reading<T>) -> String {
        let RepositorySettings { project, path, branch } = &self.settings;
        format!("GitLab project {project}, {path} at {} ({branch})", reading.commit)
    }

    /// The commit that the branch stands at, if the branch is protected.
    async fn commit(&self) -> Result<String, DirectoryError> {
        let RepositorySettings { project, branch: name, .. } = &self.settings;
        let branch = self.gitlab.branch(*project, name).await.map_err(|error| unreadable(&error))?;
        let Branch { protected, developers_can_push, commit } = branch;
        if !protected || developers_can_push {
            tracing::error!(
                %project, branch = name, protected, developers_can_push,
                "the directory's branch is not protected: whoever can push to it could make themselves a manager; \
                 nothing is issued until only maintainers may push to it"
            );
            return Err(DirectoryError::Unreachable);
        }
        Ok(commit)
    }

    async fn content(&self, commit: &str) -> Result<T, DirectoryError> {
        let RepositorySettings { project, path, .. } = &self.settings;
        let text = self.gitlab.file(*project, path, commit).await.map_err(|error| unreadable(&error))?;
        let Some(text) = text else {
            tracing::error!(%project, path, commit, "the directory's file is not in the repository");
            return Err(DirectoryError::Unreachable);
        };
        (self.parse)(&text, path).map_err(|faults| {
            let faults = FileFaults(faults);
            tracing::error!(%project, path, commit, "the directory cannot be read: {faults}");
            DirectoryError::Unreachable
        })
    }
}

fn unreadable(error: &VendorError) -> DirectoryError {
    tracing::error!(error = %error, "the directory's repository cannot be read");
    DirectoryError::Unreachable
}

/// People in the plain form, as in a file of our own.
#[derive(Debug)]
pub struct GitLabFile(Repository<Entries>);

impl GitLabFile {
    /// Reads nothing yet.
    pub fn new(
        gitlab: GitLab,
        settings: RepositorySettings,
        (clock, keep): (SharedClock, SignedDuration),
    ) -> Self {
        Self(Repository::new((gitlab, settings), (clock, keep), Entries::parse))
    }

    pub(super) async fn find(
        &self,
        wanted: impl Fn(&Person) -> bool,
        freshness: Freshness,
    ) -> Result<Found, DirectoryError> {
        let reading = self.0.read(freshness).await?;
        reading.content.answer(wanted, (self.0.source(&reading), reading.read_at))
    }
}

#[cfg(test)]
#[path = "gitlab_file_tests.rs"]
mod tests;
