//! Which projects are watched, as numbers.
//!
//! The configuration may name projects by path; whoever resolves those to ids replaces the set, here and
//! now, without a restart of the door.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use crate::domain::ids::ProjectId;

/// The watched projects, shared between the door and whoever resolves their paths.
#[derive(Debug, Default)]
pub struct WatchedProjects(RwLock<HashSet<ProjectId>>);

impl WatchedProjects {
    /// These projects.
    pub fn new(projects: impl IntoIterator<Item = ProjectId>) -> Self {
        Self(RwLock::new(projects.into_iter().collect()))
    }

    /// From now on these, and no others.
    pub fn replace(&self, projects: impl IntoIterator<Item = ProjectId>) {
        let projects = projects.into_iter().collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = projects;
    }

    /// Whether this project is watched.
    pub fn contains(&self, project: ProjectId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&project)
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<ProjectId> {
        let set = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut projects: Vec<ProjectId> = set.iter().copied().collect();
        projects.sort_unstable();
        projects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_set_forgets_the_old_one() {
        let watched = WatchedProjects::new([ProjectId(1)]);
        watched.replace([ProjectId(3), ProjectId(2)]);
        assert!(!watched.contains(ProjectId(1)));
        assert_eq!(watched.all(), [ProjectId(2), ProjectId(3)]);
    }
}
