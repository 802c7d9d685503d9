//! Absence: who could approve at all, who is reminded, and when the manager's manager is called in.
//!
//! A reminder is remembered before it is sent, so that nobody is reminded twice; one that did not arrive is no harm.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Draft;
use crate::domain::approval::managers;
use crate::domain::ids::UserId;
use crate::domain::message::{self, Awaited};
use crate::domain::observed::Issue;
use crate::domain::phase::Phase;
use crate::domain::plan::Action;
use crate::domain::policy::{Instance, Policy};
use crate::domain::record::{Record, Reminder};
use crate::domain::snapshot::{Doubt, Snapshot};
use crate::domain::terms::Terms;

const ESCALATION: &str = "escalation";
const PROVISIONER: &str = "provisioner";
/// How long until a group is asked again who is in it.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// The instance whose groups of provisioners are to be reminded now, so that the look must ask who is in them.
pub fn wants_group<'a>(snapshot: &Snapshot, policy: &'a Policy, now: Timestamp) -> Option<&'a Instance> {
    let record = snapshot.record.as_ref()?;
    let Phase::AwaitingProvisioner { since } = record.phase else { return None };
    let due = since.checked_add(policy.absence.remind_after?).is_ok_and(|at| at <= now);
    let instance = policy.instance(&record.manager.bound.as_ref()?.terms.instance)?;
    let wanted = due && !instance.provisioner_groups.is_empty() && !is_done(record, PROVISIONER);
    wanted.then_some(instance)
}

fn is_done(record: &Record, role: &str) -> bool {
    record.reminders.iter().any(|done| done.role == role)
}

impl Draft<'_> {
    /// Notes who may approve, for the comment; and says at once if nobody could.
    pub(super) fn possible(&mut self, issue: &Issue, terms: &Result<Terms, Doubt>) -> Vec<Doubt> {
        let case = self.case(issue, terms);
        let Ok(entitled) = managers(&case) else { return Vec::new() };
        let excluded = |person: &UserId| {
            let beneficiary = self.snapshot.parties.beneficiary.as_ref().ok().map(|one| one.id);
            *person == self.record.author
                || Some(*person) == beneficiary
                || *person == self.snapshot.ourselves
        };
        let mut firsts: Vec<UserId> =
            entitled.known.iter().map(|(id, _)| *id).filter(|id| !excluded(id)).collect();
        firsts.dedup();
        let seconds: Vec<UserId> =
            self.status.provisioners.iter().copied().filter(|id| !excluded(id)).collect();
        let more_firsts = entitled.unknown.is_some();
        let more_seconds = !self.status.provisioner_groups.is_empty();
        let mut doubts = Vec::new();
        if firsts.is_empty() && !more_firsts {
            doubts.push(Doubt::NobodyCanApprove { role: "manager".to_owned() });
        }
        let one_for_both =
            !more_firsts && firsts.len() == 1 && seconds.iter().all(|second| firsts.contains(second));
        if terms.is_ok() && !more_seconds && (seconds.is_empty() || one_for_both) {
            doubts.push(Doubt::NobodyCanApprove { role: "provisioner".to_owned() });
        }
        self.status.managers = firsts;
        doubts
    }

    /// Reminds whoever is awaited, once; and calls in the manager's manager, once.
    pub(super) fn remind(&mut self) {
        let (role, since, to) = match self.record.phase {
            Phase::AwaitingManager { since } => ("manager", since, self.status.managers.clone()),
            Phase::AwaitingProvisioner { since } => (PROVISIONER, since, self.may_provision()),
            _ => return,
        };
        let absence = &self.policy.absence;
        let (remind_after, escalate_after) = (absence.remind_after, absence.escalate_after);
        self.once(role, remind_after.and_then(|wait| since.checked_add(wait).ok()), to);
        if role == "manager" {
            let above = self.snapshot.parties.ancestors.as_ref().ok().and_then(|ancestors| ancestors.first());
            let above: Vec<UserId> = above.map(|one| one.id).into_iter().collect();
            if !above.is_empty() {
                self.once(ESCALATION, escalate_after.and_then(|wait| since.checked_add(wait).ok()), above);
            }
        }
    }

    /// Those of the list and the members of the groups, but whoever may not give the second approval here.
    fn may_provision(&self) -> Vec<UserId> {
        let beneficiary = self.snapshot.parties.beneficiary.as_ref().ok().map(|one| one.id);
        let manager = self.record.manager.bound.as_ref().map(|bound| bound.actor);
        let mut people = self.status.provisioners.clone();
        people.extend(&self.snapshot.group_provisioners);
        people.retain(|person| {
            *person != self.record.author && ![beneficiary, manager].contains(&Some(*person))
        });
        let mut seen = BTreeSet::new();
        people.retain(|person| seen.insert(*person));
        people
    }

    fn once(&mut self, role: &str, at: Option<Timestamp>, to: Vec<UserId>) {
        let Some(at) = at.filter(|_| !is_done(&self.record, role)) else { return };
        let unread = to.is_empty() && role == PROVISIONER && !self.status.provisioner_groups.is_empty();
        if to.is_empty() && !unread {
            return;
        }
        if at > self.now {
            return self.look_at(at);
        }
        if unread {
            return self.look_at(self.now.saturating_add(ASK_AGAIN).unwrap_or(at));
        }
        self.event("request.reminded", json!({"role": role, "to": to}));
        self.record.reminders.push(Reminder { role: role.to_owned(), to: to.clone(), at: self.now });
        let text = self.reminder(role).unwrap_or_else(|| message::short_reminder(&self.record.url));
        self.actions.push(Action::Remind { to, text });
    }

    fn reminder(&self, role: &str) -> Option<String> {
        let pins = self.snapshot.project.pins.as_ref()?;
        let (role, label) =
            if role == PROVISIONER { (role, &pins.provisioner) } else { ("manager", &pins.manager) };
        let terms = self.status.terms.as_ref()?;
        let awaited = Awaited {
            issue_url: &self.record.url,
            holder: self.status.names.get(&terms.beneficiary)?,
            terms,
            role,
            since: self.record.phase.since()?,
            label: &label.name,
        };
        Some(message::reminder(&awaited, &self.policy.zone))
    }
}
