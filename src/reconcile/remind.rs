//! Reminders and notices: direct messages that hold no secret and decide nothing.

use jiff::SignedDuration;
use serde_json::json;

use super::LEASE;
use super::act::Work;
use crate::directory::Freshness;
use crate::domain::ids::UserId;
use crate::domain::message::{self, Message};
use crate::domain::notice::NoticeState;
use crate::domain::plan::Event;
use crate::store::StoreError;
use crate::vendors::slack::{OutgoingMessage, SlackError};

/// How long until somebody who could not be told is tried again.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// Tells each of them. That they were to be told is written down already; one that cannot be told is no harm.
pub(super) async fn remind(work: &Work<'_>, people: &[UserId], text: &str) {
    for person in people {
        if let Err(failure) = tell(work, *person, message::plain(text.to_owned())).await {
            let why = failure.to_string();
            tracing::warn!(issue.key = %work.claim.key, %person, why, "somebody could not be reminded");
        }
    }
}

/// Sends a notice, at most once: that it is tried is written down before.
pub(super) async fn tell_once(
    work: &mut Work<'_>,
    place: usize,
    (to, text): (UserId, &str),
) -> Result<bool, StoreError> {
    if !set(work, place, NoticeState::Trying) {
        return Ok(false);
    }
    work.commit_record().await?;
    work.context.store.renew(work.claim, LEASE).await?;
    let (state, kind) = match tell(work, to, message::plain(text.to_owned())).await {
        Ok(()) => (NoticeState::Told, "notice.sent"),
        Err(NotTold::Perhaps) => (NoticeState::Told, "notice.perhaps_sent"),
        Err(NotTold::No(why)) => {
            tracing::warn!(issue.key = %work.claim.key, person = %to, why, "somebody could not be told; it is tried again");
            (NoticeState::Due { not_before: work.context.now().checked_add(AGAIN).ok() }, "notice.not_sent")
        }
    };
    set(work, place, state);
    work.commit(None, Event::new(kind, json!({"to": to, "place": place}))).await?;
    Ok(true)
}

fn set(work: &mut Work<'_>, place: usize, state: NoticeState) -> bool {
    let notice = work.record.notices.get_mut(place);
    notice.map(|notice| notice.state = state).is_some()
}

/// Why somebody was not told.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    /// It certainly did not go.
    #[error("{0}")]
    No(String),
    /// Nobody knows whether it went.
    #[error("Slack did not say whether it went")]
    Perhaps,
}

impl NotTold {
    fn no(error: &impl ToString) -> Self {
        Self::No(error.to_string())
    }
}

async fn tell(work: &Work<'_>, person: UserId, message: Message) -> Result<(), NotTold> {
    let context = work.context;
    let found = context.directory.person_by_gitlab_id(person, Freshness::Cached).await;
    let found = found.map_err(|error| NotTold::no(&error))?;
    let email = found.person.email.ok_or_else(|| NotTold::no(&"the directory has no address of them"))?;
    let slack = context.slack.person_by_email(&email).await.map_err(|error| NotTold::no(&error))?;
    if slack.deleted || slack.bot {
        return Err(NotTold::no(&"the Slack account is a bot's or deactivated"));
    }
    let channel = context.slack.open_conversation(&slack.id).await.map_err(|error| NotTold::no(&error))?;
    let Message { text, blocks } = message;
    let outgoing = OutgoingMessage { channel, text, blocks, delivery_id: context.random_id() };
    context.slack.post(&outgoing).await.map(drop).map_err(|error| match error {
        SlackError::Ambiguous => NotTold::Perhaps,
        other => NotTold::no(&other),
    })
}
