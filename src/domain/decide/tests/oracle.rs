//! Rule 4 once more, written from the page and not from the code: the judge of the properties.
//!
//! It keeps its own memory of what was seen when, and knows terms only as a text that a test gave them. It is told
//! of every look; what `approval` does, it does not know.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{EventId, LabelId, UserId};
use crate::domain::observed::LabelEvent;
use crate::domain::phase::Phase;
use crate::domain::snapshot::{IssueView, OrderKind, Snapshot};
use crate::domain::testing::{AUTHOR, Look, MANAGER_LABEL, OURSELVES, PROVISIONER_LABEL};

/// What the oracle knows of a request.
#[derive(Debug, Default, Clone)]
pub(super) struct Oracle {
    generation: u32,
    watermark: EventId,
    spent: BTreeSet<EventId>,
    bound: BTreeMap<EventId, (Role, Approved)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Manager,
    Provisioner,
}

/// What was approved: the text of the form, and everything else that shapes the terms.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Approved {
    text: String,
    rest: String,
}

/// The one thing that holds of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes(EventId, UserId),
    No,
}

impl Oracle {
    /// Both approvals count in this look.
    pub(super) fn look(&mut self, look: &Look, sound: bool) -> bool {
        let snapshot = &look.snapshot;
        let IssueView::Seen(issue) = &snapshot.issue else { return false };
        if !judging(snapshot) {
            return false;
        }
        let certain = certain(snapshot);
        let seen = approved(look);
        for (event, (_, bound)) in &self.bound {
            let differs = bound.text != seen.text || (certain && *bound != seen);
            if differs || !sound {
                self.spent.insert(*event);
            }
        }
        if !issue.open || !certain || !sound {
            return false;
        }
        let spends = !matches!(phase(snapshot), Some(Phase::Blocked { .. })) || retried(snapshot);
        let manager = self.judge(look, Role::Manager, None);
        self.note(look, (Role::Manager, manager), spends);
        let provisioner = self.judge(look, Role::Provisioner, Some(manager));
        self.note(look, (Role::Provisioner, provisioner), spends);
        matches!((manager, provisioner), (Says::Yes(..), Says::Yes(..)))
    }

    /// Whether a new generation began in this look; nothing of the earlier ones counts in it.
    pub(super) fn generation(&mut self, look: &Look, generation: u32) -> bool {
        let new = generation > self.generation && self.generation > 0;
        if new {
            let watermark = look.snapshot.events.iter().map(|event| event.id).max();
            *self = Self { watermark: watermark.unwrap_or_default(), ..Self::default() };
        }
        self.generation = generation;
        new
    }

    fn judge(&self, look: &Look, role: Role, manager: Option<Says>) -> Says {
        let snapshot = &look.snapshot;
        let IssueView::Seen(issue) = &snapshot.issue else { return Says::No };
        let Some(event) = last(snapshot, role) else { return Says::No };
        let Some(actor) = event.actor else { return Says::No };
        let Some(Ok(account)) = snapshot.accounts.get(&actor) else { return Says::No };
        let Ok(beneficiary) = &snapshot.parties.beneficiary else { return Says::No };
        let today = look.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let member = account.membership.as_ref().is_some_and(|one| {
            one.active && one.access_level >= 15 && one.expires_on.is_none_or(|day| day > today)
        });
        let fresh = event.added && event.id > self.watermark && !self.spent.contains(&event.id);
        let fits = member && account.active && !account.bot;
        let other = actor != AUTHOR && actor != beneficiary.id && actor != OURSELVES;
        let named = match (role, manager) {
            (Role::Manager, _) => snapshot.parties.manager.as_ref().is_ok_and(|one| one.id == actor),
            (Role::Provisioner, Some(Says::Yes(first, who))) => {
                look.policy.instances[0].provisioners.contains(&actor) && who != actor && event.id > first
            }
            (Role::Provisioner, _) => false,
        };
        let edited =
            snapshot.last_edit.map_or(i128::MAX, |edit| event.at.as_nanosecond() - edit.at.as_nanosecond());
        let settled = self.bound.contains_key(&event.id) || edited >= 2_000_000_000;
        let young = look.now.as_second() - event.at.as_second() <= 14 * 24 * 60 * 60;
        let here = issue.labels.iter().any(|name| name == label(role).1);
        let counts = here && fresh && fits && other && named && settled && young;
        if counts { Says::Yes(event.id, actor) } else { Says::No }
    }

    fn note(&mut self, look: &Look, (role, says): (Role, Says), spends: bool) {
        match says {
            Says::Yes(event, _) => {
                self.bound.entry(event).or_insert_with(|| (role, approved(look)));
            }
            Says::No if spends => {
                let IssueView::Seen(issue) = &look.snapshot.issue else { return };
                // An approval whose label is off, or another's in its place, is taken back.
                self.spent
                    .extend(self.bound.iter().filter(|(_, bound)| bound.0 == role).map(|(event, _)| *event));
                if issue.labels.iter().any(|name| name == label(role).1) {
                    self.spent.extend(last(&look.snapshot, role).map(|event| event.id));
                }
            }
            Says::No => {}
        }
    }
}

fn label(role: Role) -> (LabelId, &'static str) {
    match role {
        Role::Manager => (LabelId(1), MANAGER_LABEL),
        Role::Provisioner => (LabelId(2), PROVISIONER_LABEL),
    }
}

fn last(snapshot: &Snapshot, role: Role) -> Option<&LabelEvent> {
    let of_role = snapshot.events.iter().filter(|event| event.label == Some(label(role).0));
    of_role.max_by_key(|event| event.id)
}

fn phase(snapshot: &Snapshot) -> Option<&Phase> {
    snapshot.record.as_ref().map(|record| &record.phase)
}

fn retried(snapshot: &Snapshot) -> bool {
    snapshot.orders.iter().any(|order| order.kind == OrderKind::Retry)
}

/// Approvals are looked at before anything is minted, and after all that was minted is gone.
fn judging(snapshot: &Snapshot) -> bool {
    let settled = !snapshot.attempts.iter().any(crate::domain::record::Attempt::is_unsettled);
    let decided = matches!(
        phase(snapshot),
        Some(
            Phase::Active { .. }
                | Phase::Ending { .. }
                | Phase::Ended { .. }
                | Phase::Refused { .. }
                | Phase::Denied { .. }
                | Phase::Withdrawn { .. }
        )
    );
    settled && !decided
}

/// Nothing that a judgement takes is in doubt.
fn certain(snapshot: &Snapshot) -> bool {
    let parties = &snapshot.parties;
    parties.beneficiary.is_ok()
        && parties.manager.is_ok()
        && parties.slack.is_ok()
        && parties.owner.is_ok()
        && snapshot.project.pins.is_some()
        && [Role::Manager, Role::Provisioner].into_iter().all(|role| {
            let actor = last(snapshot, role).and_then(|event| event.actor);
            actor.is_none_or(|actor| snapshot.accounts.get(&actor).is_some_and(Result::is_ok))
        })
}

fn approved(look: &Look) -> Approved {
    let IssueView::Seen(issue) = &look.snapshot.issue else { panic!("no issue is seen") };
    let parties = &look.snapshot.parties;
    let people = (
        parties.beneficiary.as_ref().ok().map(|one| one.id),
        parties.slack.as_ref().ok().map(|one| one.id.clone()),
        parties.owner.as_ref().ok(),
    );
    Approved { text: issue.description.clone(), rest: format!("{people:?} {}", look.policy.instances[0].url) }
}
