//! People who left: the one who has the credential, and the manager who approved it.
//!
//! Told first, and only after a set time taken away, under the brake; whoever comes back in time cancels it. A doubt
//! is never "left": a directory that cannot be read changes nothing, and neither does one that knows nobody, which
//! looks just like a file that was emptied by mistake.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Draft;
use crate::domain::ids::UserId;
use crate::domain::notice::{About, Notice, NoticeState};
use crate::domain::phase::{EndReason, Phase};
use crate::domain::plan::Action;
use crate::domain::policy::Policy;
use crate::domain::record::{Leaver, Record, Sign};
use crate::domain::snapshot::{People, Presence, Role, Snapshot, Standing};

/// How long until it is asked again what must be known before somebody's credential is taken away.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// Whether it is time to ask whether the people behind an active credential are still here.
pub fn wants_people(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> bool {
    let Some(record) = &snapshot.record else { return false };
    let Phase::Active { since, ends_at } = record.phase else { return false };
    let overdue = |leaver: &Leaver| end_of_wait(leaver, policy).is_some_and(|at| at <= now);
    let asked = next_asking(record, policy, since).is_some_and(|at| at <= now);
    ends_at > now && (asked || (policy.ending.leavers_every.is_some() && record.leavers.iter().any(overdue)))
}

/// Whom the look must ask about: who has it, and the manager who approved it.
pub fn people_behind(record: &Record) -> Option<(UserId, UserId)> {
    Some((record.issued.as_ref()?.beneficiary, record.manager.bound.as_ref()?.actor))
}

fn next_asking(record: &Record, policy: &Policy, since: Timestamp) -> Option<Timestamp> {
    let last = record.people_seen_at.unwrap_or(since).max(since);
    last.checked_add(policy.ending.leavers_every?).ok()
}

/// When the credential of somebody who left is taken away; `None`: it is only told.
fn end_of_wait(leaver: &Leaver, policy: &Policy) -> Option<Timestamp> {
    let wait = match leaver.who {
        Role::Requester => policy.ending.requester_left,
        Role::Manager => policy.ending.manager_left,
    };
    leaver.since.checked_add(wait?).ok()
}

/// What a look says of a person.
enum Seen {
    Here,
    Left(Sign),
    Unknown,
}

/// Not to be found means something only beside somebody who is.
fn seen(person: Presence, other: Presence) -> Seen {
    let answers = |standing: Standing| matches!(standing, Standing::Here | Standing::Inactive);
    match (person.directory, person.account) {
        (Standing::Inactive, _) => Seen::Left(Sign::DirectoryInactive),
        (_, Standing::Inactive) => Seen::Left(Sign::AccountInactive),
        (Standing::Absent, _) if answers(other.directory) => Seen::Left(Sign::NotInDirectory),
        (_, Standing::Absent) if answers(other.account) => Seen::Left(Sign::NoAccount),
        (Standing::Here, Standing::Here) => Seen::Here,
        _ => Seen::Unknown,
    }
}

impl Draft<'_> {
    pub(super) fn watch_people(&mut self, since: Timestamp) {
        let Some((requester, manager)) = people_behind(&self.record) else { return };
        if let Some(People { requester: first, manager: second }) = self.snapshot.people {
            self.record.people_seen_at = Some(self.now);
            let both = [
                (Role::Requester, requester, seen(first, second)),
                (Role::Manager, manager, seen(second, first)),
            ];
            for (role, person, seen) in both {
                self.note(role, person, seen);
            }
        }
        if let Some(at) = next_asking(&self.record, self.policy, since) {
            self.look_at(at.max(self.now.saturating_add(super::DOUBT).unwrap_or(at)));
        }
        for leaver in self.record.leavers.clone() {
            if let Some(at) = end_of_wait(&leaver, self.policy).filter(|at| *at > self.now) {
                self.look_at(at);
            }
        }
    }

    fn note(&mut self, who: Role, person: UserId, seen: Seen) {
        let known = self.record.leavers.iter().position(|leaver| leaver.who == who);
        match (seen, known) {
            (Seen::Here, Some(place)) => self.came_back(place),
            (Seen::Left(sign), None) => {
                self.noticed(Leaver { who, person, sign, since: self.now, held: false });
            }
            (Seen::Left(_), Some(place)) => {
                self.tell_provisioners(place);
                self.wait_is_over(place);
            }
            (Seen::Unknown, Some(_)) => self.look_in(ASK_AGAIN),
            (Seen::Here | Seen::Unknown, None) => {}
        }
    }

    fn noticed(&mut self, leaver: Leaver) {
        self.event("leaver.noticed", json!(leaver));
        self.record.leavers.push(leaver);
        self.tell_provisioners(self.record.leavers.len() - 1);
    }

    /// Each provisioner once, those as well who could not be asked for when it was noticed, or became one since.
    fn tell_provisioners(&mut self, place: usize) {
        let leaver = self.record.leavers[place].clone();
        let about = About::Left { who: leaver.who };
        let instance = self.record.issued.as_ref().and_then(|terms| self.policy.instance(&terms.instance));
        let mut people = instance.map(|instance| instance.provisioners.clone()).unwrap_or_default();
        people.extend(&self.snapshot.group_provisioners);
        for person in people.into_iter().filter(|person| *person != leaver.person) {
            let theirs = |one: &Notice| one.to == person && one.about == about && one.at >= leaver.since;
            if !self.record.notices.iter().any(theirs) {
                self.notify(about.clone(), person);
            }
        }
    }

    fn came_back(&mut self, place: usize) {
        let leaver = self.record.leavers.remove(place);
        self.event("leaver.came_back", json!(leaver));
        for notice in &mut self.record.notices {
            if notice.about == (About::Left { who: leaver.who })
                && matches!(notice.state, NoticeState::Due { .. })
            {
                notice.state = NoticeState::GivenUp;
            }
        }
    }

    /// This very look says that they are gone, and the time is up.
    fn wait_is_over(&mut self, place: usize) {
        let leaver = self.record.leavers[place].clone();
        if end_of_wait(&leaver, self.policy).is_none_or(|at| at > self.now) {
            return;
        }
        let why = EndReason::Left { who: leaver.who, sign: leaver.sign };
        self.actions.retain(|action| !matches!(action, Action::EndUnderBrake { .. }));
        self.actions.push(Action::EndUnderBrake { why });
        self.look_in(ASK_AGAIN);
    }

    pub(super) fn taken_away_at(&self, leaver: &Leaver) -> Option<Timestamp> {
        let at = end_of_wait(leaver, self.policy)?;
        let ends_at = self.record.issued.as_ref().map_or(at, |terms| terms.ends_at);
        Some(at.min(ends_at))
    }
}
