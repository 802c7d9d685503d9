//! A person says that this installation is the one to go on: every comment of ours gets our own seal.
//!
//! Only then is the halt lifted, so that no comment of the other one can halt us again.

use serde_json::json;

use super::context::Context;
use super::observe::HALTED;
use crate::domain::comment::{read_seal, sealed, unsealed};
use crate::domain::form::carries_marker;
use crate::domain::observed::{Issue, Note};
use crate::store::{Entry, StoreError};
use crate::vendors::VendorError;

/// Why not everything could be taken over. What was is; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// GitLab.
    #[error(transparent)]
    Vendor(#[from] VendorError),
}

/// Takes over every comment that another installation, or a later state of this one, wrote. How many. `by`: who says so.
pub async fn adopt_all(context: &Context, by: &str) -> Result<usize, AdoptError> {
    let ourselves = context.ourselves().await?;
    let entry = Entry { kind: "installation.adopted".into(), key: None, detail: json!({"by": by}) };
    let head = context.store.append(vec![entry]).await?;
    let installation = context.store.installation();
    let mut taken = 0;
    for project in context.store.projects().await? {
        let marked = |issue: Issue| (issue.key, carries_marker(&issue.description, &context.policy.marker));
        for (key, marked) in context.gitlab.issues_updated_since(project.id, None, marked).await? {
            if !marked && context.store.request(key).await?.is_none_or(|row| row.record.is_none()) {
                continue;
            }
            let foreign = |note: &Note| {
                let seal = read_seal(&note.body).filter(|_| !note.system && note.author == Some(ourselves));
                seal.is_some_and(|seal| seal.installation != installation || seal.sequence > head.seq)
            };
            for note in context.gitlab.notes(key, foreign).await? {
                let own = context.store.seal(key).await?;
                context.gitlab.edit_note(key, note.id, &sealed(unsealed(&note.body), &own)).await?;
                taken += 1;
            }
        }
    }
    context.store.remove_setting(HALTED).await?;
    // What was held back goes on now, and every comment says so.
    context.store.mark_all_unfinished().await?;
    Ok(taken)
}
