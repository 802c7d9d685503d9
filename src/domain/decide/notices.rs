//! Reminders of the end, and what becomes of notices: sent once, put off, or given up.
//!
//! Only the nearest reminder that is due is sent, so that whoever was down for a week is not told three times. None
//! of it delays an ending: that was decided before.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Draft;
use crate::domain::ids::UserId;
use crate::domain::notice::{self, About, Facts, Notice, NoticeState, early};
use crate::domain::phase::{EndReason, Phase};
use crate::domain::plan::Action;
use crate::domain::policy::Policy;
use crate::domain::record::{Attempt, Record};
use crate::domain::snapshot::{Role, Snapshot};
use crate::domain::terms::Terms;
use crate::domain::text;

/// A notice that could not be sent for this long is given up: the comment says the same.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Whether a reminder is due, so that it matters when the credential was last used.
pub fn wants_last_use(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> bool {
    snapshot.record.as_ref().is_some_and(|record| due(record, policy, now).is_some())
}

/// The nearest reminder that is due and was not decided on yet, in days before the end.
fn due(record: &Record, policy: &Policy, now: Timestamp) -> Option<u32> {
    let Phase::Active { since, ends_at } = record.phase else { return None };
    if ends_at <= now {
        return None;
    }
    let moments = moments(policy, since, ends_at);
    let nearest = moments.filter(|(at, _)| *at <= now).map(|(_, days)| days).min()?;
    let known =
        record.notices.iter().any(|one| matches!(one.about, About::End { days, .. } if days <= nearest));
    (!known).then_some(nearest)
}

/// When somebody is reminded, and how many days before the end that is; not of what was before the hand-over.
fn moments(
    policy: &Policy,
    since: Timestamp,
    ends_at: Timestamp,
) -> impl Iterator<Item = (Timestamp, u32)> + '_ {
    policy.ending.remind_days_before.iter().filter_map(move |days| {
        let at = ends_at.checked_sub(SignedDuration::from_hours(24 * i64::from(*days))).ok()?;
        (at > since).then_some((at, *days))
    })
}

impl Draft<'_> {
    pub(super) fn remind_of_the_end(&mut self, since: Timestamp, ends_at: Timestamp) {
        let now = self.now;
        if let Some(days) = due(&self.record, self.policy, now)
            && let Some(terms) = &self.record.issued
        {
            let (to, last_used, by_us) = (terms.beneficiary, self.snapshot.last_used, self.last_used_by_us());
            for notice in &mut self.record.notices {
                if matches!(notice.about, About::End { .. })
                    && matches!(notice.state, NoticeState::Due { .. })
                {
                    notice.state = NoticeState::GivenUp;
                }
            }
            self.notify(About::End { days, last_used, by_us }, to);
        }
        let next = moments(self.policy, since, ends_at).map(|(at, _)| at).filter(|at| *at > now).min();
        if let Some(at) = next {
            self.look_at(at);
        }
    }

    /// Whether the last use was our own, when it was tried out before it was handed over.
    fn last_used_by_us(&self) -> bool {
        let live = self.attempts.iter().find(|attempt| attempt.is_live());
        let sent_at = live.and_then(|attempt| attempt.delivery.as_ref()).map(|delivery| delivery.sent_at);
        self.snapshot.last_used.zip(sent_at).is_some_and(|(used, sent)| used <= sent)
    }

    /// Decides to tell somebody something.
    pub(super) fn notify(&mut self, about: About, to: UserId) {
        self.event("notice.decided", json!({"about": about, "to": to}));
        let state = NoticeState::Due { not_before: None };
        self.record.notices.push(Notice { about, to, at: self.now, state });
    }

    /// Tells whoever has it that it ends before its day, once, unless it was themselves or they are gone.
    pub(super) fn tell_of_an_early_end(&mut self, since: Timestamp, why: &EndReason) {
        let Some(holder) = self.record.issued.as_ref().map(|terms| terms.beneficiary) else { return };
        let is_news = match why {
            EndReason::Revoked { .. } | EndReason::FoundGone => true,
            EndReason::RevokedByLabel { by, .. } => *by != holder,
            EndReason::Left { who, .. } => *who == Role::Manager,
            EndReason::Due => false,
        };
        let told = self.record.notices.iter().any(|notice| notice.about == About::Ended);
        // What ended under an earlier release was not decided on then, and is no news now.
        if is_news && !told && self.now.duration_since(since) < PATIENCE {
            self.tell_the_holder(About::Ended);
        }
    }

    /// Sends what is to be sent; of what has ended nothing but that. What is to be taken away goes first.
    pub(super) fn send_notices(&mut self) {
        if self.actions.iter().any(|action| matches!(action, Action::TakeAway { .. })) {
            return;
        }
        for place in 0..self.record.notices.len() {
            let notice = self.record.notices[place].clone();
            match notice.state {
                // Whoever tried is gone, or it would have been settled. It may have gone.
                NoticeState::Trying => self.record.notices[place].state = NoticeState::Told,
                NoticeState::Due { .. } if self.is_overtaken(&notice) => {
                    self.record.notices[place].state = NoticeState::GivenUp;
                }
                NoticeState::Due { not_before: Some(at) } if at > self.now => self.look_at(at),
                NoticeState::Due { .. } => {
                    if let Some(text) = self.text_of(&notice) {
                        self.actions.push(Action::Tell { place, to: notice.to, text });
                    }
                }
                NoticeState::Told | NoticeState::GivenUp => {}
            }
        }
    }

    fn is_overtaken(&self, notice: &Notice) -> bool {
        let lives = matches!(self.record.phase, Phase::Active { .. });
        (!lives && notice.about != About::Ended) || self.now.duration_since(notice.at) >= PATIENCE
    }

    /// Whom the holder can ask: the provisioners whose names are known, and the groups.
    fn whom_to_ask(&self, terms: &Terms) -> String {
        let instance = self.policy.instance(&terms.instance);
        let people = instance.map(|one| one.provisioners.as_slice()).unwrap_or_default();
        let groups = instance.map(|one| one.provisioner_groups.as_slice()).unwrap_or_default();
        let names = people.iter().filter_map(|person| self.status.names.get(person));
        let names = names.map(|name| format!("@{name}"));
        let all: Vec<String> =
            names.chain(groups.iter().map(|group| format!("a member of {group}"))).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        match text::either(&all) {
            nobody if nobody.is_empty() => format!("whoever provisions {}", terms.instance_name),
            people => format!("{people}, who provisions {}", terms.instance_name),
        }
    }

    fn text_of(&self, notice: &Notice) -> Option<String> {
        let revoke = self.snapshot.project.pins.as_ref().and_then(|pins| pins.revoke.as_ref());
        let facts = Facts {
            url: &self.record.url,
            terms: self.record.issued.as_ref()?,
            zone: &self.policy.zone,
            revoke_label: revoke.map(|pin| pin.name.as_str()),
            extended_by: self.snapshot.successors.last().map(|one| (one.url.as_str(), one.ends_at)),
            now: self.now,
        };
        let ask = self.whom_to_ask(facts.terms);
        match &notice.about {
            About::End { last_used, by_us, .. } => {
                let used = notice::last_use(facts.terms.kind, *last_used, *by_us);
                Some(notice::end_is_near(&used, &facts))
            }
            About::Left { who } => {
                let leaver = self.record.leavers.iter().find(|leaver| leaver.who == *who)?;
                Some(notice::somebody_left(leaver, self.taken_away_at(leaver), &facts))
            }
            About::ByHand { deed } => {
                let done = self.record.by_hand.iter().find(|one| one.deed == *deed)?;
                Some(early::done_by_hand(done, &ask, &facts))
            }
            About::Ended => {
                let (Phase::Ending { why, .. } | Phase::Ended { why, .. }) = &self.record.phase else {
                    return None;
                };
                let off = |one: &Attempt| !one.is_unsettled() || one.switched_off_at.is_some();
                early::ended(why, (self.attempts.iter().all(off), &ask), &facts)
            }
        }
    }
}
