//! What a look will probably need, asked for beside the first reading and not after it.
//!
//! A guess decides nothing. What it brings is used only where the look, having read the issue, would have asked
//! exactly that; anything else is asked again. It is made only for a request that a webhook has just told us to look
//! at, so that looks which find nothing new stay cheap. None of its calls changes anything that anybody sees: opening a
//! conversation sends nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::Context;
use super::parties::{self, AtInstance, Place, Question};
use crate::directory::Freshness;
use crate::domain::form::Field;
use crate::domain::ids::{IssueKey, SlackUserId, UserId};
use crate::domain::phase::Phase;
use crate::domain::record::Bound;
use crate::domain::snapshot::{Parties, Snapshot};

/// More people than this are not asked for on a guess.
const PEOPLE: usize = 4;
/// More webhooks than this are not remembered: who comes so often is not in a hurry.
const TOLD: usize = 1024;

/// The issues that a webhook has just named. In memory: whoever does not know of one is slower, and no less right.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<HashSet<IssueKey>>>);

impl Told {
    /// A webhook named it.
    pub fn note(&self, key: IssueKey) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD {
            told.insert(key);
        }
    }

    /// Whether one did since the last time this was asked.
    pub(super) fn take(&self, key: IssueKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }
}

/// What is expected of a look.
pub(super) struct Guess {
    /// Whose approval may be on it.
    pub(super) people: Vec<UserId>,
    /// What would be handed over, to whom: as the manager approved it.
    handing_over: Option<HandingOver>,
}

struct HandingOver {
    question: Question,
    place: Place,
    slack_user: SlackUserId,
}

/// What was found out on a guess.
pub(super) struct Early {
    pub(super) question: Question,
    /// Read anew.
    pub(super) parties: Parties,
    pub(super) place: Place,
    pub(super) there: AtInstance,
}

/// A guess, where a webhook has just named a request that may be approved.
pub(super) fn guess(context: &Context, snapshot: &Snapshot) -> Option<Guess> {
    let told = context.told.take(snapshot.key);
    let record = snapshot.record.as_ref().filter(|_| told)?;
    let bound = match record.phase {
        Phase::New | Phase::Incomplete { .. } | Phase::AwaitingManager { .. } => None,
        Phase::AwaitingProvisioner { .. } => record.manager.bound.as_ref(),
        _ => return None,
    };
    let mut people: Vec<UserId> = match bound {
        Some(bound) => vec![bound.actor],
        None => context.manager_of(record.author).into_iter().collect(),
    };
    let instance = bound.and_then(|bound| context.policy.instance(&bound.terms.instance));
    for one in instance.into_iter().flat_map(|instance| instance.provisioners.iter().copied()) {
        if !people.contains(&one) {
            people.push(one);
        }
    }
    people.truncate(PEOPLE);
    Some(Guess { people, handing_over: bound.map(|bound| handing_over(record.author, bound)) })
}

fn handing_over(author: UserId, bound: &Bound) -> HandingOver {
    let requester = bound.terms.fields.get(Field::Requester.key()).filter(|text| !text.is_empty()).cloned();
    HandingOver {
        question: Question { author, requester },
        place: Place { instance: bound.terms.instance.clone(), kind: bound.terms.kind },
        slack_user: bound.terms.slack_user.clone(),
    }
}

/// Asks for all of it at once.
pub(super) async fn ask(context: &Context, key: IssueKey, guess: Option<&Guess>) -> Option<Early> {
    let HandingOver { question, place, slack_user } = guess?.handing_over.as_ref()?;
    let opened = async {
        if let Ok(channel) = context.slack.open_conversation(slack_user).await {
            context.keep_channel(key, slack_user.clone(), channel);
        }
    };
    let (parties, there, ()) = tokio::join!(
        biased;
        parties::concerned(context, question, Freshness::Now),
        parties::at_instance(context, place, true),
        opened,
    );
    Some(Early { question: question.clone(), parties, place: place.clone(), there })
}
