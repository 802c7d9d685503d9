//! Endings under the brake: asked in the database, so that no number of workers ends more than one would.

use serde_json::json;

use super::act::Work;
use super::context::Context;
use crate::domain::phase::{EndReason, Phase};
use crate::domain::plan::Event;
use crate::domain::record::Record;
use crate::domain::snapshot::Role;
use crate::store::{BrakeAnswer, MassEnding, StoreError};

/// Whether this may end now. Says so in the log, for somebody to look, where it may not.
pub async fn ask(context: &Context, ending: MassEnding) -> Result<bool, StoreError> {
    let (subject, cause) = (ending.subject.clone(), ending.cause.clone());
    match context.store.ask_brake(ending, context.policy.ending.brake).await? {
        BrakeAnswer::Go => Ok(true),
        BrakeAnswer::Held { newly: true } => {
            tracing::error!(
                subject,
                cause,
                "the brake holds an ending back: too many would end within an hour; look at \
                `countersign brake show`, then `countersign brake release`"
            );
            Ok(false)
        }
        BrakeAnswer::Held { newly: false } => Ok(false),
    }
}

/// Ends an active credential, or notes that the brake holds it back. Whether anything changed.
pub(super) async fn end(work: &mut Work<'_>, why: &EndReason) -> Result<bool, StoreError> {
    let (subject, cause) = (format!("{}/{}", work.claim.key, work.record.generation), cause(why));
    if ask(work.context, MassEnding { subject, cause }).await? {
        let from = work.record.phase.key();
        work.record.phase = Phase::Ending { since: work.context.now(), why: why.clone() };
        let detail = json!({"from": from, "to": work.record.phase, "generation": work.record.generation});
        work.commit(None, Event::new("phase.entered", detail)).await?;
        return Ok(true);
    }
    let mut newly = false;
    for leaver in &mut work.record.leavers {
        newly |= !leaver.held;
        leaver.held = true;
    }
    if newly {
        work.commit(None, Event::new("ending.held", json!({"why": why}))).await?;
    }
    Ok(newly)
}

/// What was held back and is not to end for that reason any more no longer holds the others back.
pub(super) async fn forget(work: &Work<'_>, before: Option<&Record>) -> Result<(), StoreError> {
    let is_held = |record: &Record| {
        matches!(record.phase, Phase::Active { .. }) && record.leavers.iter().any(|leaver| leaver.held)
    };
    match before.filter(|before| is_held(before) && !is_held(&work.record)) {
        Some(before) => {
            let subject = format!("{}/{}", work.claim.key, before.generation);
            work.context.store.forget_ending(subject).await
        }
        None => Ok(()),
    }
}

fn cause(why: &EndReason) -> String {
    match why {
        EndReason::Left { who: Role::Requester, .. } => "whoever has it has left".to_owned(),
        EndReason::Left { who: Role::Manager, .. } => "the manager who approved it has left".to_owned(),
        other => json!(other)["reason"].as_str().unwrap_or("unknown").to_owned(),
    }
}
