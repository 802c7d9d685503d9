//! The door's marks, made durable by the store.

use async_trait::async_trait;

use super::{Marks, NotDurable};
use crate::domain::ids::{IssueKey, ProjectId};
use crate::store::{Store, StoreError};

#[async_trait]
impl Marks for Store {
    async fn mark(&self, key: IssueKey) -> Result<(), NotDurable> {
        Self::mark(self, key).await.map_err(|error| not_durable(&error))
    }

    async fn mark_for_sweep(&self, project: ProjectId) -> Result<(), NotDurable> {
        Self::mark_for_sweep(self, project).await.map_err(|error| not_durable(&error))
    }

    async fn answers(&self) -> bool {
        self.is_in_place() && self.head().await.is_ok()
    }
}

fn not_durable(error: &StoreError) -> NotDurable {
    tracing::error!(error = %error, "a mark could not be made durable");
    NotDurable
}
