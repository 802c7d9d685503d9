//! The judge: whether two approvals are right, from what people really did. Written apart from `domain/approval`.
//!
//! It knows everything at every moment and so asks less than the rules do: it says what must at least have been true
//! for a credential to be made. Where it says yes without reserve at every moment, the program must not say no.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::cast::Person;
use super::facts::{Approved, Facts, Moment, Opened, Version};
use super::history::Label;
use super::wish::Kind;
use crate::sandbox::world::{Effect, LabelEvent, World};

/// The least role of who approves.
const PLANNER: u8 = 15;
/// Approvals older than this count no more.
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);
/// A label within this of an edit may be the edit's own.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// The longest life that may be asked for, in days.
const LONGEST: i16 = 365;
/// Zendesk ends all API tokens with this day.
const LAST_OF_API_TOKENS: Date = jiff::civil::date(2027, 4, 30);
/// No access token lives so long.
const LIFE_OF_ACCESS: SignedDuration = SignedDuration::from_hours(48);
/// An access token with so much left is one that may surely be asked for.
const ENOUGH_OF_ACCESS: SignedDuration = SignedDuration::from_hours(2);

/// What is judged by.
pub(super) struct Judge<'a> {
    pub(super) facts: &'a Facts,
    pub(super) world: &'a World,
    pub(super) issue: Opened,
}

/// An approval: the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Approval {
    pub(super) event: u64,
    pub(super) by: Person,
    at: Timestamp,
}

/// Why not, in words.
type Wrong = &'static str;

impl Judge<'_> {
    /// What was approved, as things stood at that moment; `now` is the time of that moment.
    pub(super) fn approved(&self, moment: Moment, now: Timestamp) -> Result<Approved, Wrong> {
        let manager = self.manager(moment, now)?;
        let provisioner = self.provisioner(moment, now, manager)?;
        let version = self.facts.version(self.issue.id, moment).ok_or("there is no such issue")?;
        let wish = version.wish;
        self.same_text(provisioner, moment)?;
        let beneficiary = self.beneficiary(moment)?;
        if !self.facts.on_slack(beneficiary, moment) {
            return Err("the person could not be reached at Slack");
        }
        let (scopes, ends_at) = possible(version, now)?;
        let (instance, kind) = (wish.instance, wish.kind);
        Ok(Approved { beneficiary, manager: manager.by, instance, kind, scopes, ends_at })
    }

    /// The manager's approval.
    pub(super) fn manager(&self, moment: Moment, now: Timestamp) -> Result<Approval, Wrong> {
        self.open(moment)?;
        let manager = self.beneficiary(moment)?.manager().ok_or("the requester has no manager")?;
        let approval = self.on(Label::Manager, moment, now)?;
        if approval.by != manager {
            return Err("the manager's label was not put on by the manager");
        }
        self.same_text(approval, moment)?;
        Ok(approval)
    }

    /// The provisioner's, who comes after the manager and is somebody else.
    pub(super) fn provisioner(
        &self,
        moment: Moment,
        now: Timestamp,
        manager: Approval,
    ) -> Result<Approval, Wrong> {
        self.open(moment)?;
        let approval = self.on(Label::Provisioner, moment, now)?;
        if !approval.by.provisions() {
            return Err("the provisioner's label was not put on by a provisioner");
        }
        if approval.by == manager.by {
            return Err("one person gave both approvals");
        }
        if approval.event < manager.event {
            return Err("the provisioner's approval was before the manager's");
        }
        self.same_text(approval, moment)?;
        Ok(approval)
    }

    fn beneficiary(&self, moment: Moment) -> Result<Person, Wrong> {
        let version = self.facts.version(self.issue.id, moment).ok_or("there is no such issue")?;
        if !version.wish.marked {
            return Err("the issue was no request");
        }
        Ok(version.wish.on_behalf_of.unwrap_or(self.issue.author))
    }

    fn open(&self, moment: Moment) -> Result<(), Wrong> {
        if self.facts.relabelled.is_some_and(|at| at <= moment) {
            return Err("the labels were not the pinned ones any more");
        }
        match self.last_state(moment) {
            Some((_, true)) => Err("the issue was closed"),
            _ => Ok(()),
        }
    }

    /// The last change of state: its event, and whether it was a closing.
    fn last_state(&self, moment: Moment) -> Option<(u64, bool)> {
        let of_issue = |id: u64| id == self.issue.id;
        let mut events = self.world.gitlab.state_events.range(..=moment).rev();
        events.find(|(_, event)| of_issue(event.issue_id)).map(|(id, event)| (*id, event.state == "closed"))
    }

    /// The label is on, put there by somebody who may approve something, since the last closing.
    fn on(&self, label: Label, moment: Moment, now: Timestamp) -> Result<Approval, Wrong> {
        let event = self.last_event(label, moment).filter(|event| event.action == Effect::Add);
        let event = event.ok_or("a label was not on")?;
        let by = Person::by_id(event.user_id).ok_or("a label was put on by a bot")?;
        let closed = |(id, state): (&u64, &crate::sandbox::world::StateEvent)| {
            state.issue_id == self.issue.id && state.state == "closed" && *id > event.id
        };
        if self.world.gitlab.state_events.range(..=moment).any(closed) {
            return Err("the issue was closed after an approval");
        }
        if by == self.issue.author || Ok(by) == self.beneficiary(moment) {
            return Err("the requester approved");
        }
        if !self.facts.active(by, moment) || by.level() < PLANNER {
            return Err("an approver's account was not in order");
        }
        if now.duration_since(event.created_at) > OLDEST {
            return Err("an approval was too old");
        }
        Ok(Approval { event: event.id, by, at: event.created_at })
    }

    fn last_event(&self, label: Label, moment: Moment) -> Option<&LabelEvent> {
        let id = self.facts.labels.get(&label).copied();
        let mut events = self.world.gitlab.label_events.range(..=moment).rev().map(|(_, event)| event);
        events.find(|event| event.issue_id == self.issue.id && event.label_id == id)
    }

    /// The text that was approved is the text at that moment, and the label was no part of the edit.
    fn same_text(&self, approval: Approval, moment: Moment) -> Result<(), Wrong> {
        let then = self.facts.version(self.issue.id, approval.event).ok_or("there was no text")?;
        let now = self.facts.version(self.issue.id, moment).ok_or("there was no text")?;
        // Quick actions are taken out with the line breaks around them.
        if then.text.trim_end() != now.text.trim_end() {
            return Err("the form changed after an approval");
        }
        if approval.at.duration_since(then.at) < MARGIN && then.at != self.opened_at() {
            return Err("a label came with an edit");
        }
        Ok(())
    }

    fn opened_at(&self) -> Timestamp {
        self.facts
            .versions
            .get(&self.issue.id)
            .and_then(|all| all.first())
            .map_or(Timestamp::MIN, |first| first.at)
    }
}

/// What a form asks for, if it can be given at that time: the scopes and the end.
fn possible(version: &Version, now: Timestamp) -> Result<(Vec<&'static str>, Timestamp), Wrong> {
    let wish = version.wish;
    let last_day = version.last_day.ok_or("the form has no end")?;
    let ends_at = end_of(last_day).ok_or("the form has no end")?;
    if !wish.instance.makes(wish.kind) {
        return Err("that instance makes none of that kind");
    }
    let scopes = wish.given_scopes().ok_or("its scopes are not given")?;
    if wish.purpose.is_none() || (wish.kind == Kind::ApiToken && !wish.admin_needed) {
        return Err("the form was not complete");
    }
    let longest = now.to_zoned(TimeZone::UTC).date().saturating_add(LONGEST.days());
    if last_day > longest {
        return Err("its end was too far away");
    }
    if wish.kind == Kind::ApiToken && last_day > LAST_OF_API_TOKENS {
        return Err("Zendesk ends all API tokens before");
    }
    if wish.kind == Kind::OauthToken && ends_at.duration_since(now) >= LIFE_OF_ACCESS {
        return Err("no access token lives so long");
    }
    if ends_at <= now {
        return Err("its end had passed");
    }
    Ok((scopes, ends_at))
}

/// Whether nothing at all is wrong with a form, now and at every time since it was written.
pub(super) fn is_surely_complete(version: &Version, now: Timestamp) -> bool {
    let Ok((_, ends_at)) = possible(version, now) else { return false };
    let fresh = now.duration_since(version.at) < SignedDuration::from_hours(24);
    let in_time = match version.wish.kind {
        Kind::OauthToken => {
            ends_at.duration_since(version.at) < LIFE_OF_ACCESS
                && ends_at.duration_since(now) > ENOUGH_OF_ACCESS
        }
        Kind::ApiToken | Kind::OauthClient => version.wish.days.is_some_and(|days| days > 3),
    };
    fresh && in_time
}

/// The instant at which a day is over, in UTC.
fn end_of(day: Date) -> Option<Timestamp> {
    Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
