//! The predicate: which label event is an approval. One function a rule, in the order of the rules.
//!
//! It looks at GitLab's own events, read fresh, and at nothing else: not at a payload, and not at a label
//! merely being there. What it cannot know is [`Verdict::Unknown`], which changes nothing.

use jiff::{SignedDuration, Timestamp};

use super::ids::{EventId, UserId};
use super::observed::{Account, Issue, LabelEvent};
use super::policy::{Pin, Policy};
use super::record::{Authority, Bound, RefusalReason, Slot};
use super::snapshot::{Doubt, Snapshot};
use super::terms::Terms;
use crate::planted::{self, Bug};

/// An edit this shortly before a label may itself have set it: GitLab runs `/label` inside an edit in the
/// editor's name.
pub(super) const EDIT_MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// Which of the two approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approver {
    /// The beneficiary's manager, first.
    Manager,
    /// A provisioner of the instance, second.
    Provisioner,
}

impl Approver {
    /// As the audit and the comment write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Provisioner => "provisioner",
        }
    }
}

/// What a label amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The label is not on the issue.
    Absent,
    /// It counts, and is bound to these terms.
    Counts(Box<Bound>),
    /// It does not count. `event` is the last event of the label, where there is one.
    Refused {
        /// The event that is spent.
        event: Option<EventId>,
        /// Why.
        why: RefusalReason,
    },
    /// It cannot be told.
    Unknown(Doubt),
}

/// What a judgement rests on.
pub struct Case<'a> {
    /// The look.
    pub snapshot: &'a Snapshot,
    /// The issue of that look.
    pub issue: &'a Issue,
    /// The author as fixed at first sight.
    pub author: UserId,
    /// Whether the manager's manager was called in.
    pub escalated: bool,
    /// The configuration.
    pub policy: &'a Policy,
    /// What would be issued, or why that is not known.
    pub terms: &'a Result<Terms, Doubt>,
    /// The time of the look.
    pub now: Timestamp,
}

/// The manager's label.
pub fn judge_manager(case: &Case<'_>, slot: &Slot, pin: &Pin) -> Verdict {
    settle(judge(case, slot, pin, |actor| the_manager(case, actor)))
}

/// The provisioner's label, given what the manager's amounts to.
pub fn judge_provisioner(case: &Case<'_>, slot: &Slot, pin: &Pin, manager: &Verdict) -> Verdict {
    settle(judge(case, slot, pin, |actor| {
        let event = last_event(case.snapshot, pin).map(|event| event.id);
        after_the_manager(manager, actor, event)?;
        a_provisioner(case, actor)
    }))
}

/// A person who may deny: the manager, or a provisioner of the instance. Used for denial, not for approval.
pub fn may_deny(case: &Case<'_>, actor: UserId) -> bool {
    let excluded =
        actor == case.author || case.snapshot.parties.beneficiary.as_ref().is_ok_and(|one| one.id == actor);
    !excluded && (the_manager(case, actor).is_ok() || a_provisioner(case, actor).is_ok())
}

/// The last event of a pinned label, by id: dates can be chosen, ids cannot.
pub fn last_event<'a>(snapshot: &'a Snapshot, pin: &Pin) -> Option<&'a LabelEvent> {
    snapshot.events.iter().filter(|event| event.label == Some(pin.id)).max_by_key(|event| event.id)
}

enum No {
    Refused(Option<EventId>, RefusalReason),
    Unknown(Doubt),
    Absent,
}

impl From<RefusalReason> for No {
    fn from(why: RefusalReason) -> Self {
        Self::Refused(None, why)
    }
}

impl From<Doubt> for No {
    fn from(doubt: Doubt) -> Self {
        Self::Unknown(doubt)
    }
}

fn settle(judgement: Result<Bound, No>) -> Verdict {
    match judgement {
        Ok(bound) => Verdict::Counts(Box::new(bound)),
        Err(No::Refused(event, why)) => Verdict::Refused { event, why },
        Err(No::Unknown(doubt)) => Verdict::Unknown(doubt),
        Err(No::Absent) => Verdict::Absent,
    }
}

fn judge(
    case: &Case<'_>,
    slot: &Slot,
    pin: &Pin,
    authority: impl Fn(UserId) -> Result<Authority, No>,
) -> Result<Bound, No> {
    if !case.issue.labels.contains(&pin.name) {
        return Err(No::Absent);
    }
    let event = last_event(case.snapshot, pin).ok_or(RefusalReason::NoEvent)?;
    let spent = |no: No| match no {
        No::Refused(_, why) => No::Refused(Some(event.id), why),
        other => other,
    };
    let judged = || -> Result<Bound, No> {
        is_an_add(slot, event)?;
        is_of_this_issue(case.issue, event)?;
        is_after_the_last_closing(case.snapshot, event)?;
        let actor = event.actor.ok_or(RefusalReason::NoActor)?;
        let account = eligible(case, actor)?;
        let authority = authority(actor)?;
        bind(case, slot, event, Approval { pin, account, authority })
    };
    judged().map_err(spent)
}

/// Rules 4.1 and 4.2: the last event is an `add` above the watermark.
fn is_an_add(slot: &Slot, event: &LabelEvent) -> Result<(), No> {
    if !event.added {
        return Err(RefusalReason::NoEvent.into());
    }
    if event.id > slot.watermark {
        return Ok(());
    }
    let earlier = slot.last_refusal.as_ref().filter(|refusal| refusal.event == Some(event.id));
    Err(earlier.map_or(RefusalReason::EarlierGeneration, |refusal| refusal.why.clone()).into())
}

/// An event that came along from elsewhere is about something else.
fn is_of_this_issue(issue: &Issue, event: &LabelEvent) -> Result<(), No> {
    if event.issue == issue.id && event.at >= issue.created_at {
        Ok(())
    } else {
        Err(RefusalReason::Foreign.into())
    }
}

/// Closing says no or takes back. Where nobody looked before it was opened again, it still did.
fn is_after_the_last_closing(snapshot: &Snapshot, event: &LabelEvent) -> Result<(), No> {
    let forgotten = planted::is(Bug::ForgetGenerations);
    if forgotten || snapshot.last_closing.is_none_or(|closing| event.at > closing) {
        return Ok(());
    }
    Err(RefusalReason::ClosedSince.into())
}

/// Rule 4.3: who may approve anything at all.
fn eligible<'a>(case: &Case<'a>, actor: UserId) -> Result<&'a Account, No> {
    if actor == case.author {
        return Err(RefusalReason::Author.into());
    }
    let beneficiary = case.snapshot.parties.beneficiary.as_ref().map_err(Clone::clone)?;
    if actor == beneficiary.id {
        return Err(RefusalReason::Beneficiary.into());
    }
    if actor == case.snapshot.ourselves {
        return Err(RefusalReason::Ourselves.into());
    }
    let unread = Doubt::Unreachable { vendor: super::snapshot::Vendor::GitLab };
    let account = case.snapshot.accounts.get(&actor).ok_or(unread)?.as_ref().map_err(Clone::clone)?;
    if account.bot {
        return Err(RefusalReason::Bot.into());
    }
    if !account.active {
        return Err(RefusalReason::InactiveAccount.into());
    }
    if is_member(account, case) { Ok(account) } else { Err(RefusalReason::NotAMember.into()) }
}

fn is_member(account: &Account, case: &Case<'_>) -> bool {
    let Some(membership) = &account.membership else { return false };
    membership.is_in_force(case.now) && membership.access_level >= case.policy.minimum_access_level
}

/// Rule 4.4, the manager; or an ancestor or a dated delegate, where the policy allows.
fn the_manager(case: &Case<'_>, actor: UserId) -> Result<Authority, No> {
    let entitled = managers(case)?;
    let trusted = planted::is(Bug::TrustLabels);
    if let Some((_, authority)) = entitled.known.into_iter().find(|(id, _)| *id == actor || trusted) {
        return Ok(authority);
    }
    match entitled.unknown {
        Some(doubt) => Err(doubt.into()),
        None => Err(RefusalReason::NotTheManager.into()),
    }
}

/// Who may give the manager's approval: the manager, who is above them, and who stands in for one of those today.
pub struct Entitled {
    /// With the reason why they may; the manager first.
    pub known: Vec<(UserId, Authority)>,
    /// There may be more.
    pub unknown: Option<Doubt>,
}

/// Everybody who may give the manager's approval now.
pub fn managers(case: &Case<'_>) -> Result<Entitled, Doubt> {
    let parties = &case.snapshot.parties;
    let manager = parties.manager.as_ref().map_err(Clone::clone)?;
    let depth = if case.escalated { case.policy.absence.reach() } else { case.policy.absence.chain_depth };
    let above = usize::try_from(depth.saturating_sub(1)).unwrap_or(usize::MAX);
    let (ancestors, unknown) = match &parties.ancestors {
        Ok(ancestors) => (ancestors.as_slice(), None),
        Err(doubt) => (&[][..], (above > 0).then(|| doubt.clone())),
    };
    let chain: Vec<_> = std::iter::once(manager).chain(ancestors.iter().take(above)).collect();
    let mut known: Vec<_> = chain.iter().map(|one| (one.id, one.authority.clone())).collect();
    for one in &chain {
        known.extend(delegates(case, one.id));
    }
    Ok(Entitled { known, unknown })
}

fn delegates(case: &Case<'_>, of: UserId) -> impl Iterator<Item = (UserId, Authority)> {
    let today = case.now.to_zoned(case.policy.zone.clone()).date();
    let now = case.now;
    let standing_in = case
        .policy
        .absence
        .delegates
        .iter()
        .filter(move |one| one.of == of && one.from <= today && today <= one.until);
    standing_in.map(move |one| {
        let value = format!("{} stands in for {of} from {} until {}", one.to, one.from, one.until);
        (one.to, Authority { source: "absence.delegates".to_owned(), value, read_at: now })
    })
}

/// Rule 4.4, the provisioner: in the instance's set.
fn a_provisioner(case: &Case<'_>, actor: UserId) -> Result<Authority, No> {
    let terms = case.terms.as_ref().map_err(Clone::clone)?;
    let instance = case.policy.instance(&terms.instance).ok_or(RefusalReason::NotAProvisioner)?;
    if instance.provisioners.contains(&actor) || planted::is(Bug::TrustLabels) {
        let source = format!("instances.{}.provisioners", instance.key);
        return Ok(Authority { source, value: actor.to_string(), read_at: case.now });
    }
    match case.snapshot.groups.get(&actor) {
        Some(Ok(Some(group))) => {
            let source = format!("instances.{}.provisioner_groups", instance.key);
            Ok(Authority { source, value: format!("{actor} is a member of {group}"), read_at: case.now })
        }
        Some(Err(doubt)) => Err(doubt.clone().into()),
        Some(Ok(None)) | None => Err(RefusalReason::NotAProvisioner.into()),
    }
}

/// Rule 4.4, the order: after the manager's approval, and by another person.
fn after_the_manager(manager: &Verdict, actor: UserId, event: Option<EventId>) -> Result<(), No> {
    match manager {
        Verdict::Counts(approval) if approval.actor == actor => Err(RefusalReason::SamePerson.into()),
        Verdict::Counts(approval) if event.is_some_and(|event| event > approval.event) => Ok(()),
        Verdict::Unknown(doubt) => Err(doubt.clone().into()),
        Verdict::Counts(_) | Verdict::Absent | Verdict::Refused { .. } => {
            Err(RefusalReason::ManagerFirst.into())
        }
    }
}

struct Approval<'a> {
    pin: &'a Pin,
    account: &'a Account,
    authority: Authority,
}

/// Rules 4.5 to 4.7: bound once, to the terms of that look; ever after the terms must be those.
fn bind(case: &Case<'_>, slot: &Slot, event: &LabelEvent, approval: Approval<'_>) -> Result<Bound, No> {
    let terms = case.terms.as_ref().map_err(Clone::clone)?;
    let bound = slot.bound.as_ref().filter(|bound| bound.event == event.id);
    if let Some(bound) = bound {
        if bound.digest != terms.digest() && !planted::is(Bug::KeepApprovals) {
            return Err(RefusalReason::TermsChanged { differences: bound.terms.differences(terms) }.into());
        }
    } else if case.snapshot.last_edit.is_some_and(|edit| event.at.duration_since(edit.at) < EDIT_MARGIN) {
        return Err(RefusalReason::EditedSince.into());
    }
    if bound.is_none() && case.snapshot.comment_changed {
        return Err(RefusalReason::CommentChanged.into());
    }
    if case.now.duration_since(event.at) > case.policy.approval_max_age {
        return Err(RefusalReason::TooOld.into());
    }
    Ok(bound.cloned().unwrap_or_else(|| Bound {
        event: event.id,
        label: approval.pin.id,
        actor: approval.account.id,
        username: approval.account.username.clone(),
        at: event.at,
        bound_at: case.now,
        digest: terms.digest(),
        terms: terms.clone(),
        authority: approval.authority,
    }))
}

#[cfg(test)]
mod tests;
