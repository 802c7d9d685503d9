//! Reminders: a direct message to whoever's approval is awaited. It holds no secret, and decides nothing.

use super::act::Work;
use crate::directory::Freshness;
use crate::domain::ids::UserId;
use crate::domain::message;
use crate::vendors::slack::OutgoingMessage;

/// Tells each of them. That they were to be told is written down already; one that cannot be told is no harm.
pub(super) async fn remind(work: &Work<'_>, people: &[UserId]) {
    for person in people {
        if let Err(why) = tell(work, *person).await {
            tracing::warn!(issue.key = %work.claim.key, %person, why, "somebody could not be reminded");
        }
    }
}

async fn tell(work: &Work<'_>, person: UserId) -> Result<(), String> {
    let context = work.context;
    let found = context.directory.person_by_gitlab_id(person, Freshness::Cached).await;
    let found = found.map_err(|error| error.to_string())?;
    let email = found.person.email.ok_or_else(|| "the directory has no address of them".to_owned())?;
    let slack = context.slack.person_by_email(&email).await.map_err(|error| error.to_string())?;
    if slack.deleted || slack.bot {
        return Err("the Slack account is a bot's or deactivated".to_owned());
    }
    let channel = context.slack.open_conversation(&slack.id).await.map_err(|error| error.to_string())?;
    let message = message::reminder(&work.record.url);
    let (text, blocks, delivery_id) = (message.text, message.blocks, context.random_id());
    let outgoing = OutgoingMessage { channel, text, blocks, delivery_id };
    context.slack.post(&outgoing).await.map(drop).map_err(|error| error.to_string())
}
