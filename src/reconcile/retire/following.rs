//! What became of the tokens of the campaign: it follows what is so now, and nothing is ended or left for ever.

use serde_json::json;

use super::RetireError;
use super::opening::{IssueState, keep, resume, state};
use crate::domain::observed::ListedToken;
use crate::reconcile::context::Context;
use crate::reconcile::inventory::{API_TOKENS, why_unread};
use crate::store::Retirement;
use crate::vendors::error::ignoring_absence;

/// How far the campaign is.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// All rows.
    pub rows: Vec<Retirement>,
    /// The keys of instances whose tokens could not be seen, and why: nothing of theirs has ended.
    pub unseen: Vec<(String, String)>,
}

/// What became of those that were opened: a token that is switched off or gone has its issue closed, one that works again
/// has it open again.
pub async fn follow(context: &Context) -> Result<Followed, RetireError> {
    let mut unseen = Vec::new();
    let mut rows = context.store.retirements().await?;
    for (key, zendesk) in &context.zendesk {
        let opened = |row: &&mut Retirement| row.instance == *key && row.iid.is_some();
        let mut these: Vec<&mut Retirement> = rows.iter_mut().filter(opened).collect();
        if these.is_empty() {
            continue;
        }
        // What cannot be read is neither gone nor back.
        match zendesk.list_api_tokens().await {
            Ok(listing) => {
                for row in these {
                    follow_one(context, row, &listing).await?;
                }
            }
            Err(error) => {
                let why = why_unread(API_TOKENS, &error);
                tracing::warn!(instance = key, why, "the API tokens could not be read; the campaign waits");
                if these.iter_mut().any(|row| row.ended_at.is_none()) {
                    unseen.push((key.clone(), why));
                }
            }
        }
    }
    Ok(Followed { rows, unseen })
}

async fn follow_one(
    context: &Context,
    row: &mut Retirement,
    listing: &[ListedToken],
) -> Result<(), RetireError> {
    let works = listing.iter().any(|token| token.id == row.token && token.active);
    match (works, row.ended_at) {
        (true, Some(_)) => resume(context, row, "countersign").await,
        (false, None) => end(context, row).await,
        _ => Ok(()),
    }
}

/// Those whose issue somebody closed although their token works.
pub async fn closed(context: &Context, rows: &[Retirement]) -> Result<Vec<Retirement>, RetireError> {
    let mut closed = Vec::new();
    for row in rows.iter().filter(|row| row.iid.is_some() && row.ended_at.is_none()) {
        if state(context, row).await? == IssueState::Closed {
            closed.push(row.clone());
        }
    }
    Ok(closed)
}

async fn end(context: &Context, row: &mut Retirement) -> Result<(), RetireError> {
    if let Some(key) = row.key() {
        ignoring_absence(context.gitlab.close_issue(key).await)?;
    }
    row.ended_at = Some(context.now());
    let detail = json!({"instance": row.instance, "credential": row.token, "issue": row.url});
    keep(context, row, ("retirement.ended", detail)).await
}
