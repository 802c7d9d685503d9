//! Promise 8: the comment is there, once, and says what is so; what is no request is left alone.

use super::super::facts::{Moment, Opened};
use super::super::history::Label;
use super::super::judge::{Judge, is_surely_complete};
use super::super::people::REWRITTEN;
use super::super::report::tally;
use super::super::scene::Scene;
use super::Promise;
use crate::sandbox::seed::BOT;
use crate::sandbox::world::{Effect, Note};

/// A label so long after an edit was no part of it, whatever GitLab leaves out of the edit's time.
const SURELY_APART: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// Titles of comments on requests for which nothing is to happen any more, or not before a person says so.
const OVER: [&str; 5] = ["Ended", "Refused", "Denied", "Withdrawn", "Blocked"];

const OPENING: &str = "#### Access request: ";

impl Scene {
    /// Our comments on an issue, oldest first. One that was rewritten before we had its number is nobody's any more:
    /// nothing tells it from any other text, and another takes its place.
    fn comments(&self, issue: u64) -> impl Iterator<Item = &Note> {
        let notes = self.sandbox.world.gitlab.notes.values();
        let ours = notes.filter(move |note| note.issue_id == issue && note.author_id == BOT && !note.system);
        let (whole, rewritten): (Vec<_>, Vec<_>) = ours.partition(|note| note.body != REWRITTEN);
        let rewritten = if whole.is_empty() { rewritten } else { Vec::new() };
        whole.into_iter().chain(rewritten)
    }

    /// What the comment says of the request, in its title.
    pub(in super::super) fn title(&self, issue: Opened) -> Option<&str> {
        self.comments(issue.id).next()?.body.strip_prefix(OPENING)?.lines().next()
    }

    /// Whether its comment says that nothing is to happen any more, or not before a person says so.
    pub(in super::super) fn is_over(&self, issue: Opened) -> bool {
        self.title(issue).is_some_and(|title| OVER.contains(&title))
    }

    /// Whether nobody will look at it unless somebody does something there.
    pub(in super::super) fn is_at_rest(&self, issue: Opened) -> bool {
        self.is_over(issue) || self.title(issue) == Some("Incomplete")
    }

    /// The comment as it stands; empty where there is none.
    pub(in super::super) fn comment(&self, issue: Opened) -> String {
        self.comments(issue.id).next().map(|note| note.body.clone()).unwrap_or_default()
    }

    /// Whether an issue is a request by what people wrote: the marker, at any time.
    fn is_request(&self, issue: u64) -> bool {
        let versions = self.facts.versions.get(&issue);
        versions.is_some_and(|versions| versions.iter().any(|version| version.wish.marked))
    }

    /// Whether it stopped being a request before we looked: nobody ever wrote there.
    fn was_never_seen(&self, issue: u64) -> bool {
        let marked = self.facts.version(issue, Moment::MAX).is_some_and(|version| version.wish.marked);
        !marked && !self.facts.tampered.contains(&issue) && !self.facts.titles.contains_key(&issue)
    }

    /// At a quiet end every request has one comment, and no other issue has any.
    pub(in super::super) fn comments_are_there(&mut self) {
        for issue in self.issues.values().copied().collect::<Vec<_>>() {
            self.checked(Promise::Comment);
            let there = self.sandbox.world.gitlab.issues.get(&issue.id);
            let Some(there) = there else { continue };
            let left_alone = there.moved_to_id.is_some()
                || self.facts.tampered_at_rest.contains(&issue.id)
                || self.was_never_seen(issue.id);
            let count = self.comments(issue.id).count();
            let title = self.title(issue).unwrap_or("none").to_owned();
            if self.is_request(issue.id) {
                tally(&mut self.counts.ends, &title);
                if (count != 1 || title == "none") && !left_alone {
                    self.breaks(
                        Promise::Comment,
                        format!("#{} has {count} comments of ours; the first: {title}", issue.iid),
                    );
                }
            } else if count > 0 {
                self.breaks(
                    Promise::Comment,
                    format!("#{} is no request and has a comment of ours", issue.iid),
                );
            }
            self.says_what_is_so(issue, &title);
        }
        let opened: Vec<u64> = self.issues.values().map(|issue| issue.id).collect();
        let strange = self.sandbox.world.gitlab.notes.values();
        let strange =
            strange.filter(|note| note.author_id == BOT && !note.system && !opened.contains(&note.issue_id));
        // What was moved elsewhere took its comments along.
        let here = strange.filter(|note| {
            let issue = self.sandbox.world.gitlab.issues.get(&note.issue_id);
            issue.is_some_and(|issue| issue.project_id == crate::sandbox::seed::PROJECT)
        });
        if here.count() > 0 {
            self.breaks(Promise::Comment, "an issue that is no request has a comment of ours".to_owned());
        }
    }

    /// The title against what people did: a request that waits for what it has, misleads.
    fn says_what_is_so(&mut self, issue: Opened, title: &str) {
        if self.facts.tampered.contains(&issue.id) || self.facts.relabelled.is_some() {
            return;
        }
        let (now, moment) = (self.now(), self.sandbox.world.gitlab.last_id);
        let judge = Judge { facts: &self.facts, world: &self.sandbox.world, issue };
        let manager = judge.manager(moment, now).is_ok();
        let both = judge.approved(moment, now).is_ok();
        let certain = !self.comment_doubts(issue);
        if title == "Waiting for the manager" && manager && certain {
            self.breaks(Promise::Comment, format!("#{} waits for the manager, who approved", issue.iid));
        }
        if title == "Waiting for the provisioner" && both && certain {
            self.breaks(Promise::Comment, format!("#{} waits for the provisioner, who approved", issue.iid));
        }
    }

    /// Whether the comment says that something is not certain.
    fn comment_doubts(&self, issue: Opened) -> bool {
        self.comments(issue.id).any(|note| note.body.contains("Nothing can be issued now"))
    }

    /// We label, close and reopen nothing that is no request.
    pub(in super::super) fn only_requests_are_touched(&mut self, since: Moment) {
        let world = &self.sandbox.world.gitlab;
        let labels = world.label_events.range(since + 1..).map(|(_, event)| (event.user_id, event.issue_id));
        let states = world.state_events.range(since + 1..).map(|(_, event)| (event.user_id, event.issue_id));
        let notes = world.notes.range(since + 1..).map(|(_, note)| (note.author_id, note.issue_id));
        let touched =
            labels.chain(states).chain(notes).filter(|(who, _)| *who == BOT).map(|(_, issue)| issue);
        let strange: Vec<u64> = touched.filter(|issue| !self.is_request(*issue)).collect();
        self.checked(Promise::Comment);
        if !strange.is_empty() {
            self.breaks(
                Promise::Comment,
                format!("an issue that is no request was touched (id {})", strange[0]),
            );
        }
    }

    /// A request begins anew once its comment does not say any more that it is over.
    pub(in super::super) fn note_beginnings(&mut self) {
        let moment = self.sandbox.world.gitlab.last_id;
        for issue in self.issues.values().copied().collect::<Vec<_>>() {
            if let Some(title) = self.title(issue).map(str::to_owned) {
                let (last, changes) = self.facts.titles.entry(issue.id).or_default();
                if *last != title {
                    *last = title;
                    changes.push(moment);
                }
            }
            if self.is_over(issue) {
                self.facts.over.insert(issue.id);
            } else if self.facts.over.remove(&issue.id) {
                self.facts.begun_anew.insert(issue.id, moment);
            }
        }
    }

    /// A label that was right all along does not come off; `made`: when the call was made, which could not know of any
    /// that came after.
    pub(in super::super) fn only_wrong_labels_come_off(&mut self, since: Moment, made: jiff::Timestamp) {
        for (event, issue, label) in self.our_label_events(since) {
            let Some(issue) = self.issues.values().find(|one| one.id == issue).copied() else { continue };
            let label = self.facts.labels.iter().find(|(_, id)| Some(**id) == label).map(|(label, _)| *label);
            let removed = self.sandbox.world.gitlab.label_events.get(&event);
            let removed = removed.is_some_and(|event| event.action == Effect::Remove);
            if let Some(label) = label.filter(|_| removed && !self.facts.tampered.contains(&issue.id)) {
                self.checked(Promise::Comment);
                if self.was_right(issue, label, (event - 1, made)) {
                    let what = format!("{} was taken off #{}, where it was right", label.title(), issue.iid);
                    self.breaks(Promise::Comment, what);
                }
            }
        }
    }

    /// GitLab tells an edit's time in whole seconds: a label within a second more than the margin may have come with it.
    /// One that was edited after, if only by a line break, may not have counted before.
    fn is_clear_of_edits(&self, issue: Opened, event: u64) -> bool {
        let Some(event) = self.sandbox.world.gitlab.label_events.get(&event) else { return false };
        let edits = self.facts.versions.get(&issue.id).into_iter().flatten().skip(1);
        let after = |at: jiff::Timestamp| event.created_at.duration_since(at);
        edits.map(|edit| after(edit.at)).all(|time| time >= SURELY_APART)
    }

    /// Whether our comment had told of the last opening before this event.
    fn is_after_the_opening(&self, issue: Opened, event: Moment) -> bool {
        let states = self.sandbox.world.gitlab.state_events.values();
        let mut opened = states.filter(|one| one.issue_id == issue.id && one.state == "reopened");
        let Some(opened) = opened.next_back().map(|one| one.id) else { return true };
        let told = self.facts.titles.get(&issue.id).map(|(_, changes)| changes.as_slice());
        told.unwrap_or_default().iter().find(|change| **change > opened).is_some_and(|told| *told < event)
    }

    /// Right at every moment since it was put on, and not left over: a request that is opened again begins anew with
    /// the look that sees it, and labels from before come off.
    fn was_right(&self, issue: Opened, label: Label, (until, made): (Moment, jiff::Timestamp)) -> bool {
        let now = self.now();
        let judge = Judge { facts: &self.facts, world: &self.sandbox.world, issue };
        let at = |moment: Moment| {
            let manager = judge.manager(moment, now).ok()?;
            match label {
                Label::Manager => Some((manager.event, manager.event)),
                Label::Provisioner => {
                    judge.provisioner(moment, now, manager).ok().map(|one| (one.event, manager.event))
                }
                Label::Denied => None,
            }
        };
        let Some((event, manager)) = at(until) else { return false };
        let events = &self.sandbox.world.gitlab.label_events;
        let known = [event, manager].iter().all(|id| events.get(id).is_some_and(|one| one.created_at < made));
        let version = self.facts.version(issue.id, until);
        let complete = version.is_some_and(|version| is_surely_complete(version, now));
        let anew = self.facts.begun_anew.get(&issue.id).is_some_and(|begun| event < *begun);
        complete
            && !anew
            && known
            && !self.is_over(issue)
            && self.is_after_the_opening(issue, event)
            && self.is_clear_of_edits(issue, event)
            && (event..=until).all(|moment| at(moment) == Some((event, manager)))
    }
}
