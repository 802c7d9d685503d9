//! Revocation by label: who may have a credential taken away by putting a label on its issue.
//!
//! The same care as for approvals: GitLab's own last event of the pinned label, by id, of somebody known by number,
//! active and not a bot. Unlike an approval it needs no order, no digest and no age: whoever may say no may say it
//! at any time. What cannot be told is [`Verdict::Unknown`], and changes nothing.

use super::approval::last_event;
use super::ids::UserId;
use super::observed::{Issue, LabelEvent};
use super::policy::{Pin, Policy};
use super::record::{Record, RefusalReason};
use super::snapshot::{Doubt, Snapshot, Vendor};

/// What the label amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The label is not on the issue.
    Absent,
    /// It is to be taken away.
    Counts {
        /// Whose word it is.
        by: UserId,
        /// Their user name, for people to read.
        username: String,
    },
    /// It does not count.
    Refused {
        /// The event that is spent, where there is one.
        event: Option<super::ids::EventId>,
        /// Why.
        why: RefusalReason,
    },
    /// It cannot be told now.
    Unknown(Doubt),
}

/// What a judgement rests on.
pub struct Case<'a> {
    /// The look.
    pub snapshot: &'a Snapshot,
    /// The issue of that look.
    pub issue: &'a Issue,
    /// What is remembered.
    pub record: &'a Record,
    /// The key of the instance, as far as it is known.
    pub instance: Option<&'a str>,
    /// The configuration.
    pub policy: &'a Policy,
}

enum No {
    Refused(RefusalReason),
    Unknown(Doubt),
}

impl From<RefusalReason> for No {
    fn from(why: RefusalReason) -> Self {
        Self::Refused(why)
    }
}

/// The label that revokes.
pub fn judge(case: &Case<'_>, pin: &Pin) -> Verdict {
    if !case.issue.labels.contains(&pin.name) {
        return Verdict::Absent;
    }
    let Some(event) = last_event(case.snapshot, pin) else {
        return Verdict::Refused { event: None, why: RefusalReason::NoEvent };
    };
    match judge_event(case, event) {
        Ok((by, username)) => Verdict::Counts { by, username },
        Err(No::Refused(why)) => Verdict::Refused { event: Some(event.id), why },
        Err(No::Unknown(doubt)) => Verdict::Unknown(doubt),
    }
}

fn judge_event(case: &Case<'_>, event: &LabelEvent) -> Result<(UserId, String), No> {
    let slot = &case.record.revocation;
    if !event.added {
        return Err(RefusalReason::NoEvent.into());
    }
    if event.id <= slot.watermark.max(case.record.watermark) {
        let earlier = slot.last_refusal.as_ref().filter(|refusal| refusal.event == Some(event.id));
        let why = earlier.map_or(RefusalReason::EarlierGeneration, |refusal| refusal.why.clone());
        return Err(why.into());
    }
    if event.issue != case.issue.id || event.at < case.issue.created_at {
        return Err(RefusalReason::Foreign.into());
    }
    let actor = event.actor.ok_or(RefusalReason::NoActor)?;
    let username = able(case, actor)?;
    entitled(case, actor)?;
    Ok((actor, username))
}

/// Who may do anything at all.
fn able(case: &Case<'_>, actor: UserId) -> Result<String, No> {
    if actor == case.snapshot.ourselves {
        return Err(RefusalReason::Ourselves.into());
    }
    let unread = Doubt::Unreachable { vendor: Vendor::GitLab };
    let account = case.snapshot.accounts.get(&actor).ok_or(No::Unknown(unread))?;
    let account = account.as_ref().map_err(|doubt| No::Unknown(doubt.clone()))?;
    if account.bot {
        return Err(RefusalReason::Bot.into());
    }
    if !account.active {
        return Err(RefusalReason::InactiveAccount.into());
    }
    Ok(account.username.clone())
}

/// The author, whoever it is for, whoever approved as the manager, their manager now, or a provisioner.
fn entitled(case: &Case<'_>, actor: UserId) -> Result<(), No> {
    let Case { snapshot, record, .. } = case;
    let parties = &snapshot.parties;
    let beneficiary = record.issued.as_ref().map(|terms| terms.beneficiary);
    let beneficiary = beneficiary.or(parties.beneficiary.as_ref().ok().map(|one| one.id));
    let approved = record.manager.bound.as_ref().map(|bound| bound.actor);
    if actor == record.author || [beneficiary, approved].contains(&Some(actor)) {
        return Ok(());
    }
    let instance = case.instance.and_then(|key| case.policy.instance(key));
    if instance.is_some_and(|one| one.provisioners.contains(&actor)) {
        return Ok(());
    }
    let group = snapshot.groups.get(&actor);
    if matches!(group, Some(Ok(Some(_)))) || parties.manager.as_ref().is_ok_and(|one| one.id == actor) {
        return Ok(());
    }
    // Only what could not be asked leaves it open; that there is no manager is an answer.
    let doubts = [group.and_then(|group| group.as_ref().err()), parties.manager.as_ref().err()];
    match doubts.into_iter().flatten().find(|doubt| doubt.is_unasked()) {
        Some(doubt) => Err(No::Unknown(doubt.clone())),
        None => Err(RefusalReason::MayNotRevoke.into()),
    }
}
