//! What is new: the form, the two approvals, and whether to mint.

use jiff::Timestamp;
use serde_json::json;

use super::{DOUBT, Draft};
use crate::domain::approval::{
    Approver, Case, Verdict, judge_manager, judge_provisioner, last_event, may_deny,
};
use crate::domain::extension;
use crate::domain::form::{self, Fault, Form};
use crate::domain::ids::CredentialId;
use crate::domain::naming;
use crate::domain::observed::{Issue, Listed};
use crate::domain::phase::{BlockReason, Closing, DenyReason, Phase, WithdrawReason};
use crate::domain::plan::{Action, Mint};
use crate::domain::policy::{OnIncomplete, Pin};
use crate::domain::record::{AttemptState, RefusalReason};
use crate::domain::recovery::ours;
use crate::domain::snapshot::{Doubt, Predecessor, Vendor};
use crate::domain::terms::Terms;

/// Attempts of one generation; after that a person must look.
const ATTEMPTS: usize = 3;

impl Draft<'_> {
    pub(super) fn undecided(&mut self, issue: &Issue) {
        if self.snapshot.clock_is_off {
            return self.wait_for_the_clock();
        }
        let reading = self.read_form(issue);
        let terms = self.terms(&reading);
        // Nothing of an earlier attempt is left, so what it was for binds nobody.
        self.record.issued = None;
        if let Ok(terms) = &terms {
            self.show(terms);
        }
        self.void_what_changed(&reading, &terms);
        if self.is_over(issue, &reading, &terms) {
            return;
        }
        match reading {
            Err(faults) => self.incomplete(issue, faults),
            Ok(form) => {
                self.record.faults.clear();
                self.approvals(issue, &form, &terms);
            }
        }
        // What was being issued until this look may have waited too long already.
        self.waited_too_long();
    }

    /// How old an approval is, whether a day lies ahead and whether a request waited too long: nothing of it can be
    /// told by a clock that is wrong, so nothing is issued by it and nothing is taken from anybody either.
    fn wait_for_the_clock(&mut self) {
        let phase = match self.record.phase.clone() {
            Phase::New => Phase::AwaitingManager { since: self.now },
            phase => phase,
        };
        self.wait(phase, vec![Doubt::ClocksDiffer]);
    }

    pub(super) fn read_form(&self, issue: &Issue) -> Result<Form, Vec<Fault>> {
        let expected = "the template's marker line, which is gone: paste the template again".to_owned();
        if !form::carries_marker(&issue.description, &self.policy.marker) {
            return Err(vec![Fault { field: None, found: String::new(), expected, essential: false }]);
        }
        let form = form::check(&form::read(&issue.description, &self.policy.titles), self.policy, self.now)?;
        extension::check(&form, self.snapshot, (self.policy, self.now)).map(|_| form)
    }

    /// What would be issued, or the first thing that is not known.
    pub(super) fn terms(&self, reading: &Result<Form, Vec<Fault>>) -> Result<Terms, Doubt> {
        let form = reading.as_ref().map_err(|_| Doubt::NoForm)?;
        let parties = &self.snapshot.parties;
        let instance = self.policy.instance(&form.instance).ok_or(Doubt::UnknownInstance)?;
        let beneficiary = parties.beneficiary.as_ref().map_err(Clone::clone)?;
        let slack = parties.slack.as_ref().map_err(Clone::clone)?;
        let owner = parties.owner.as_ref().map_err(Clone::clone)?;
        let name =
            naming::render(&instance.name_template, &self.record.url, &beneficiary.name, form.remove_on)
                .ok_or(Doubt::NameTooLong)?;
        Ok(Terms {
            installation: self.policy.installation.clone(),
            issue: self.record.issue,
            generation: self.record.generation,
            instance: instance.key.clone(),
            instance_name: instance.name.clone(),
            instance_url: instance.url.clone(),
            kind: form.kind,
            name,
            owner: *owner,
            scopes: form.scopes.clone(),
            integration: form.integration,
            ends_at: form.ends_at,
            beneficiary: beneficiary.id,
            slack_user: slack.id.clone(),
            fields: form.fields.clone(),
            policy: self.policy.version(instance),
            extends: extension::check(form, self.snapshot, (self.policy, self.now))
                .unwrap_or_default()
                .map(Box::new),
        })
    }

    fn show(&mut self, terms: &Terms) {
        self.status.terms = Some(terms.clone());
        if let Predecessor::Found(earlier) = &self.snapshot.predecessor {
            let before = earlier.issued.as_ref().filter(|_| terms.extends.is_some());
            self.status.compared = before.map(|before| extension::differences(before, terms));
        }
        let instance = self.policy.instance(&terms.instance);
        self.status.provisioners = instance.map(|one| one.provisioners.clone()).unwrap_or_default();
        self.status.provisioner_groups =
            instance.map(|one| one.provisioner_groups.clone()).unwrap_or_default();
    }

    /// Closed by somebody, denied by a label, waited too long, or asking for more than is needed.
    fn is_over(
        &mut self,
        issue: &Issue,
        reading: &Result<Form, Vec<Fault>>,
        terms: &Result<Terms, Doubt>,
    ) -> bool {
        let end = if issue.open { self.said_no(issue, reading, terms) } else { self.closed(issue, terms) };
        let Some(phase) = end else { return self.waited_too_long() };
        if matches!(phase, Phase::Denied { .. }) {
            self.record.last_words.clone_from(&self.snapshot.last_words);
        }
        self.leave(phase);
        true
    }

    fn leave(&mut self, phase: Phase) {
        self.enter(phase);
        if self.closing() == Closing::Wanted {
            self.over();
        }
    }

    fn closed(&mut self, issue: &Issue, terms: &Result<Terms, Doubt>) -> Option<Phase> {
        if matches!(self.record.phase, Phase::Incomplete { closing: Closing::Wanted | Closing::Seen, .. }) {
            self.set_closing(Closing::Seen);
            return None;
        }
        let (since, closing) = (self.now, Closing::Seen);
        let denier = issue.closed_by.filter(|actor| may_deny(&self.case(issue, terms), *actor));
        Some(match denier {
            Some(by) => Phase::Denied { since, why: DenyReason::ClosedBy { by }, closing },
            None => {
                Phase::Withdrawn { since, why: WithdrawReason::ClosedBy { by: issue.closed_by }, closing }
            }
        })
    }

    fn said_no(
        &self,
        issue: &Issue,
        reading: &Result<Form, Vec<Fault>>,
        terms: &Result<Terms, Doubt>,
    ) -> Option<Phase> {
        let (since, closing) = (self.now, Closing::Wanted);
        if let Some(form) = reading.as_ref().ok().filter(|form| form.asks_for_too_much()) {
            let offered = self.policy.instance(&form.instance).into_iter().flat_map(|one| &one.kinds);
            let instead = offered.copied().filter(|kind| kind.is_oauth()).collect();
            return Some(Phase::Denied { since, why: DenyReason::AdminNotNeeded { instead }, closing });
        }
        let pin = self.snapshot.project.pins.as_ref()?.denied.as_ref()?;
        let event =
            last_event(self.snapshot, pin).filter(|event| event.added && issue.labels.contains(&pin.name))?;
        let above = event.id > self.record.watermark;
        let by = event.actor.filter(|actor| above && may_deny(&self.case(issue, terms), *actor))?;
        Some(Phase::Denied { since, why: DenyReason::LabelledBy { by }, closing })
    }

    /// Withdraws what nobody decided in time. What is being issued was decided.
    fn waited_too_long(&mut self) -> bool {
        let deadline = self.record.generation_since.saturating_add(self.policy.pending_max);
        let (Ok(deadline), true) = (deadline, self.record.phase.is_undecided()) else { return false };
        self.look_at(deadline.max(self.now));
        if self.now < deadline {
            return false;
        }
        let (since, why) = (self.now, WithdrawReason::TooLong);
        self.leave(Phase::Withdrawn { since, why, closing: Closing::Wanted });
        true
    }

    pub(super) fn case<'c>(&'c self, issue: &'c Issue, terms: &'c Result<Terms, Doubt>) -> Case<'c> {
        let (snapshot, policy) = (self.snapshot, self.policy);
        let (author, escalated) = (self.record.author, self.record.escalated_at().is_some());
        Case { snapshot, issue, author, escalated, policy, terms, now: self.now }
    }

    fn incomplete(&mut self, issue: &Issue, faults: Vec<Fault>) {
        let close =
            faults.iter().any(|fault| fault.essential) && self.policy.on_incomplete == OnIncomplete::Close;
        if self.record.faults != faults {
            self.event("form.faults", json!(faults));
        }
        self.record.faults = faults;
        self.record.doubts.clear();
        if let Some(pins) = self.snapshot.project.pins.clone() {
            self.refuse_if_there(issue, Approver::Manager, &pins.manager);
            self.refuse_if_there(issue, Approver::Provisioner, &pins.provisioner);
        }
        let seen = if issue.open { Closing::No } else { Closing::Seen };
        let closing = if close && issue.open { Closing::Wanted } else { seen };
        self.enter(Phase::Incomplete { since: self.now, closing });
        self.set_closing(closing);
        if closing == Closing::Wanted {
            self.actions.push(Action::CloseIssue);
            self.look_in(super::CLOSING);
        }
    }

    fn refuse_if_there(&mut self, issue: &Issue, role: Approver, pin: &Pin) {
        let event = last_event(self.snapshot, pin).map(|event| event.id);
        if issue.labels.contains(&pin.name) {
            self.refuse(role, pin, (event, &RefusalReason::FormFaults));
        } else {
            self.taken_off(role, pin);
        }
    }

    fn approvals(&mut self, issue: &Issue, form: &Form, terms: &Result<Terms, Doubt>) {
        if !issue.open {
            // Closed by us for its faults and mended since: it goes on when it is opened again.
            return;
        }
        let Some(pins) = self.snapshot.project.pins.clone() else {
            return self.wait(
                Phase::AwaitingManager { since: self.now },
                vec![self.snapshot.project.pins_doubt.clone().unwrap_or(Doubt::LabelsChanged)],
            );
        };
        let manager = judge_manager(&self.case(issue, terms), &self.record.manager, &pins.manager);
        let case = self.case(issue, terms);
        let provisioner = judge_provisioner(&case, &self.record.provisioner, &pins.provisioner, &manager);
        self.take(Approver::Manager, &pins.manager, &manager);
        self.take(Approver::Provisioner, &pins.provisioner, &provisioner);
        let mut doubts = self.doubts(terms, [&manager, &provisioner]);
        doubts.extend(self.possible(issue, terms));
        self.go_on(form, terms, ([&manager, &provisioner], doubts));
    }

    fn go_on(
        &mut self,
        form: &Form,
        terms: &Result<Terms, Doubt>,
        (verdicts, doubts): ([&Verdict; 2], Vec<Doubt>),
    ) {
        let since = self.now;
        let next = match verdicts {
            [Verdict::Counts(_), Verdict::Counts(_)] if doubts.is_empty() => Phase::Issuing { since },
            [Verdict::Counts(_), _] => Phase::AwaitingProvisioner { since },
            // What cannot be told just now is no reason to go back.
            [Verdict::Unknown(_), _] if self.record.manager.bound.is_some() => {
                Phase::AwaitingProvisioner { since }
            }
            _ => Phase::AwaitingManager { since },
        };
        if let (Phase::Issuing { .. }, Ok(terms)) = (&next, terms) {
            return self.issue(form, terms);
        }
        self.wait(next, doubts);
    }

    /// Everything that is not known and that the people should be told of, each once.
    fn doubts(&self, terms: &Result<Terms, Doubt>, verdicts: [&Verdict; 2]) -> Vec<Doubt> {
        let parties = &self.snapshot.parties;
        let listing = match &self.snapshot.listing {
            Some(Err(doubt)) => Some(doubt.clone()),
            _ => None,
        };
        let from_verdicts = verdicts.into_iter().filter_map(|verdict| match verdict {
            Verdict::Unknown(doubt) => Some(doubt.clone()),
            _ => None,
        });
        let mut doubts: Vec<Doubt> = Vec::new();
        let known = [terms.as_ref().err().cloned(), parties.manager.as_ref().err().cloned()];
        let others = [parties.slack.as_ref().err().cloned(), parties.owner.as_ref().err().cloned(), listing];
        for doubt in known.into_iter().chain(others).flatten().chain(from_verdicts) {
            if !doubts.contains(&doubt) {
                doubts.push(doubt);
            }
        }
        doubts
    }

    fn wait(&mut self, phase: Phase, doubts: Vec<Doubt>) {
        if !doubts.is_empty() {
            self.look_in(DOUBT);
        }
        if self.record.doubts != doubts {
            self.event("request.doubts", json!(doubts));
        }
        let certain = doubts.is_empty();
        self.record.doubts = doubts;
        self.enter(phase);
        if certain {
            self.remind();
        }
    }

    /// Both count. Everything is checked that can still stop it; then one attempt is begun.
    fn issue(&mut self, form: &Form, terms: &Terms) {
        let since = self.now;
        let instance = self.policy.instance(&form.instance);
        if !instance.is_some_and(|instance| instance.kinds.contains(&form.kind)) {
            return self.wait(Phase::AwaitingProvisioner { since }, vec![Doubt::UnknownInstance]);
        }
        let Some(Ok(listing)) = &self.snapshot.listing else {
            return self.wait(
                Phase::AwaitingProvisioner { since },
                vec![Doubt::Unreachable { vendor: Vendor::Zendesk }],
            );
        };
        if let Some(attempt) = self.landed_late(listing) {
            return self.actions.push(Action::LookForUnanswered { attempt });
        }
        if self.is_there_already(listing, terms) {
            return self.enter(Phase::Blocked { since, why: BlockReason::UnknownCredential });
        }
        let listed_before: Vec<CredentialId> =
            listing.iter().filter(|token| token.name == terms.name).map(|token| token.id).collect();
        self.wait(Phase::Issuing { since }, Vec::new());
        if !self.snapshot.may_issue() {
            return self.look_in(DOUBT);
        }
        if self.tried_enough() {
            return self.enter(Phase::Blocked { since, why: BlockReason::TooManyAttempts });
        }
        if let Some(ready) = self.put_off() {
            return self.look_at(ready);
        }
        let number = self.attempts.iter().map(|attempt| attempt.number).max().unwrap_or(0) + 1;
        self.record.issued = Some(terms.clone());
        let (generation, terms) = (self.record.generation, terms.clone());
        self.actions.push(Action::Mint(Box::new(Mint { number, generation, terms, listed_before })));
    }

    /// An attempt that was given up as not found, and whose credential is listed now all the same.
    fn landed_late(&self, listing: &[Listed]) -> Option<u32> {
        let given_up = self.attempts.iter().filter(|attempt| attempt.state == AttemptState::NotFound);
        let mut landed = given_up.filter(|attempt| !ours(attempt, &self.attempts, listing).is_empty());
        landed.next().map(|attempt| attempt.number)
    }

    /// A live credential of exactly this name, made by our own user, that the ledger does not know: after a restored
    /// backup it is the one that was handed over. A second one is not made beside it.
    fn is_there_already(&self, listing: &[Listed], terms: &Terms) -> bool {
        let known = |token: &Listed| self.attempts.iter().any(|attempt| attempt.credential == Some(token.id));
        let alive =
            |token: &&Listed| token.active && token.name == terms.name && token.creator == Some(terms.owner);
        listing.iter().filter(alive).any(|token| !known(token))
    }

    /// Until when Zendesk is not to be asked again. Neither an earlier generation's wait counts, nor one that a person
    /// ended by saying "try again".
    fn put_off(&self) -> Option<Timestamp> {
        let last = self.attempts.last()?;
        let counts = last.generation == self.record.generation && last.number > self.record.attempt_floor;
        last.not_before.filter(|ready| counts && *ready > self.now)
    }

    fn tried_enough(&self) -> bool {
        let counts = self.attempts.iter().filter(|attempt| {
            let this_generation = attempt.generation == self.record.generation;
            this_generation
                && attempt.number > self.record.attempt_floor
                && attempt.state != AttemptState::NotMade
        });
        counts.count() >= ATTEMPTS
    }
}
