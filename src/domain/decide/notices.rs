//! Reminders of the end, and what becomes of notices: sent once, put off, or given up.
//!
//! Only the nearest reminder that is due is sent, so that whoever was down for a week is not told three times. None
//! of it delays an ending: that was decided before.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Draft;
use crate::domain::ids::UserId;
use crate::domain::notice::{self, About, Facts, Notice, NoticeState};
use crate::domain::phase::Phase;
use crate::domain::plan::Action;
use crate::domain::policy::Policy;
use crate::domain::record::Record;
use crate::domain::snapshot::Snapshot;

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

    /// Sends what is to be sent, while the credential is active.
    pub(super) fn send_notices(&mut self) {
        for place in 0..self.record.notices.len() {
            let notice = self.record.notices[place].clone();
            match notice.state {
                // Whoever tried is gone, or it would have been settled. It may have gone.
                NoticeState::Trying => self.record.notices[place].state = NoticeState::Told,
                NoticeState::Due { .. } if self.now.duration_since(notice.at) >= PATIENCE => {
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
        match &notice.about {
            About::End { last_used, by_us, .. } => {
                let used = notice::last_use(facts.terms.kind, *last_used, *by_us);
                Some(notice::end_is_near(&used, &facts))
            }
            About::Left { who } => {
                let leaver = self.record.leavers.iter().find(|leaver| leaver.who == *who)?;
                Some(notice::somebody_left(leaver, self.taken_away_at(leaver), &facts))
            }
        }
    }
}
