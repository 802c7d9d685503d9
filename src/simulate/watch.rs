//! Looks at every call as it takes effect: what was made, sent, taken away, and on what ground.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;

use super::facts::{Approved, Minted, Moment, Opened, Token, What};
use super::gate::Place;
use super::holdings::{Holding, Key};
use super::judge::Judge;
use super::promises::{Promise, messages};
use super::report::tally;
use super::scene::{Fault, Scene};
use super::trouble::{Target, issue_of};
use super::wish::Kind;
use crate::sandbox::seed::{BOT, PROJECT};
use crate::sandbox::world::Bearer;

/// Our own user at Zendesk.
pub(super) const INTEGRATION: u64 = 9001;
/// Whom OAuth credentials act as.
pub(super) const ACTS_AS: u64 = 9003;

/// What a lane has read since it last changed anything: what it decides on.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    iid: Option<u64>,
    /// When the first of it was read.
    began: Option<(Moment, Timestamp)>,
    /// When the text of the issue was read.
    texts: Vec<Moment>,
    /// Slack said who the person is, and Zendesk what tokens or clients there are.
    person: bool,
    tokens: bool,
    clients: bool,
}

/// A call may be held up so long before it arrives.
const HELD_UP: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// How things stood before a call.
#[derive(Debug)]
pub(super) struct Before {
    known: BTreeSet<Token>,
    keys: BTreeSet<Key>,
    moment: Moment,
    messages: usize,
    /// When the call was made.
    made: Timestamp,
}

impl Scene {
    /// Kept only for calls that may change something that is watched.
    pub(super) fn before(&self, request: &Request<Bytes>, made: Timestamp) -> Option<Before> {
        let path = request.uri().path();
        let watched = request.method() != http::Method::GET
            && (Target::Create.has("POST", path)
                || Target::Grant.has("POST", path)
                || Target::TakeAway.has("PUT", path)
                || Target::Change.has("PUT", path)
                || Target::Send.has("POST", path));
        watched.then(|| Before { made, ..self.standing() })
    }

    /// How things stand now.
    pub(super) fn standing(&self) -> Before {
        Before {
            known: self.holdings().into_iter().map(|holding| holding.token).collect(),
            keys: self.keys(),
            moment: self.sandbox.world.gitlab.last_id,
            messages: messages(&self.sandbox.world).count(),
            made: self.now(),
        }
    }

    /// A call has taken effect, or not.
    pub(super) async fn after(
        &mut self,
        place: Place,
        request: &Request<Bytes>,
        (before, answer): (Option<Before>, Option<&Response<Bytes>>),
    ) -> Result<(), Fault> {
        self.note_reading(place, request, answer);
        let Some(before) = before else { return Ok(()) };
        self.note_question(place, request);
        self.note_secrets();
        self.what_was_made(Some(place), &before).await?;
        self.what_was_fetched(&before);
        self.what_was_taken(&before);
        self.what_was_sent(&before);
        self.what_was_changed(&before);
        // To log in is to change nothing, and happens in the middle of a look.
        if !Target::Grant.has(request.method().as_str(), request.uri().path()) {
            self.begins_to_read(place);
        }
        Ok(())
    }

    /// Calls whose effect came late have landed.
    pub(super) async fn after_landing(&mut self, before: &Before) -> Result<(), Fault> {
        self.collect_webhooks();
        self.note_secrets();
        self.what_was_made(None, before).await?;
        self.what_was_fetched(before);
        self.what_was_taken(before);
        Ok(())
    }

    fn note_reading(&mut self, place: Place, request: &Request<Bytes>, answer: Option<&Response<Bytes>>) {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let (moment, at) = (self.sandbox.world.gitlab.last_id, self.now());
        let reading = self.readings.entry(place).or_default();
        if !answer.is_some_and(|answer| answer.status().is_success()) {
            return;
        }
        reading.began.get_or_insert((moment, at));
        if Target::Issue.has(method, path) {
            reading.iid = issue_of(path).map(|(_, iid, _)| iid);
            reading.texts.push(moment);
        } else if path.ends_with("/graphql") {
            reading.texts.push(moment);
        }
        reading.person |= Target::Lookup.has(method, path);
        let listed = Target::List.has(method, path);
        reading.tokens |= listed && path.ends_with("/api_tokens");
        reading.clients |= listed && path.ends_with("/clients");
    }

    /// A create call was made, whatever becomes of it: it may take effect later.
    fn note_question(&mut self, place: Place, request: &Request<Bytes>) {
        if !Target::Create.has(request.method().as_str(), request.uri().path()) {
            return;
        }
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let name = body["api_token"]["description"].as_str().or_else(|| body["client"]["name"].as_str());
        let Some(issue) = name.and_then(|name| self.issue_named(name)) else { return };
        let approved = self.readings.get(&place).and_then(|reading| self.approved_since(issue, reading).ok());
        if let Some(approved) = approved {
            self.facts.asked_for.insert(issue.id, approved);
        }
    }

    /// What was read before a change says nothing of what is after it.
    pub(super) fn begins_to_read(&mut self, place: Place) {
        self.readings.insert(place, Reading::default());
    }

    async fn what_was_made(&mut self, place: Option<Place>, before: &Before) -> Result<(), Fault> {
        let is_new = |holding: &Holding| {
            [INTEGRATION, ACTS_AS].contains(&holding.owner)
                && !before.known.contains(&holding.token)
                && !self.facts.foreign.contains(&holding.token)
        };
        let new: Vec<Holding> = self.holdings().into_iter().filter(is_new).collect();
        for holding in new {
            self.counts.mints += 1;
            self.tell(format_args!("minted {} {}", holding.token.0, holding.token.1));
            self.judge_mint(place, holding).await?;
        }
        Ok(())
    }

    async fn judge_mint(&mut self, place: Option<Place>, holding: Holding) -> Result<(), Fault> {
        let Holding { token, is_client, name, .. } = holding;
        self.checked(Promise::TwoApprovals);
        let Some(issue) = self.issue_named(&name) else {
            self.breaks(
                Promise::TwoApprovals,
                format!("a credential was made that is named {name}, after no request"),
            );
            return Ok(());
        };
        // A late effect comes from a call that was judged when it was made.
        let reading = place.and_then(|place| self.readings.get(&place).cloned());
        let approved = match (&reading, self.facts.asked_for.get(&issue.id)) {
            (Some(reading), _) if reading.iid == Some(issue.iid) => self.approved_since(issue, reading),
            (None, Some(approved)) => Ok(approved.clone()),
            _ => Err("nobody had looked at the issue".to_owned()),
        };
        match approved {
            Ok(approved) => {
                if approved.instance.key() != token.0 {
                    self.breaks(
                        Promise::TwoApprovals,
                        format!("made at {}, not where it was approved for", token.0),
                    );
                }
                if approved.kind.is_oauth() != is_client {
                    let what =
                        format!("another kind than {} was made for #{}", approved.kind.key(), issue.iid);
                    self.breaks(Promise::TwoApprovals, what);
                }
                tally(&mut self.counts.mints_by_kind, approved.kind.key());
                let moment = self.sandbox.world.gitlab.last_id;
                let minted = Minted { issue: issue.id, moment, approved, promised: false };
                self.facts.minted.insert(token, minted);
            }
            Err(why) => {
                self.breaks(
                    Promise::TwoApprovals,
                    format!("a credential was made for #{}: {why}", issue.iid),
                );
            }
        }
        if place.is_some() {
            self.certain(issue, is_client, reading.as_ref());
        }
        self.intended(issue).await
    }

    /// Two right approvals at some moment between the look that decided and now, of a text that was read in it.
    fn approved_since(&self, issue: Opened, reading: &Reading) -> Result<Approved, String> {
        let judge = Judge { facts: &self.facts, world: &self.sandbox.world, issue };
        let Some((began, at)) = reading.began else {
            return Err("nobody had looked at the issue".to_owned());
        };
        let version = |moment: Moment| self.facts.version(issue.id, moment).map(|version| version.moment);
        let read: Vec<_> = reading.texts.iter().map(|moment| version(*moment)).collect();
        let mut why = "the form that was approved had not been read";
        for moment in began..=self.sandbox.world.gitlab.last_id {
            match judge.approved(moment, at) {
                Ok(approved) if read.contains(&version(moment)) => return Ok(approved),
                Ok(_) => {}
                Err(wrong) => why = wrong,
            }
        }
        Err(why.to_owned())
    }

    /// Doubt means no: the look that decided knew the person at Slack, and what Zendesk had.
    fn certain(&mut self, issue: Opened, is_client: bool, reading: Option<&Reading>) {
        self.checked(Promise::Doubt);
        let Some(reading) = reading else { return };
        let list = if is_client { reading.clients } else { reading.tokens };
        if !reading.person || !list {
            let what = if reading.person { "what Zendesk had" } else { "whether Slack reaches the person" };
            self.breaks(
                Promise::Doubt,
                format!("a credential was made for #{} without knowing {what}", issue.iid),
            );
        }
    }

    /// Every create call was written down before it was made.
    async fn intended(&mut self, issue: Opened) -> Result<(), Fault> {
        self.checked(Promise::WrittenDown);
        let intents = self.books.entries((issue.project, issue.iid), "mint.intended").await?.len();
        let made = self.facts.minted.values().filter(|minted| minted.issue == issue.id).count();
        if intents < made {
            self.breaks(
                Promise::WrittenDown,
                format!(
                    "{made} credentials were made for #{}, and {intents} intents written down",
                    issue.iid
                ),
            );
        }
        Ok(())
    }

    /// What is fetched for a request may do what was approved, and lives no longer: but for the time that the call was
    /// held up, which costs it its answer.
    fn what_was_fetched(&mut self, before: &Before) {
        let ours = |bearer: &Bearer, token: &Token| {
            !before.keys.contains(&(token.clone(), bearer.token.clone()))
                && !self.facts.fetched.contains(&bearer.token)
        };
        let mut wrong = Vec::new();
        let mut fetched = 0;
        for (token, minted) in &self.facts.minted {
            for bearer in self.access_tokens(token).into_iter().filter(|bearer| ours(bearer, token)) {
                fetched += 1;
                let mut scopes: Vec<&str> = bearer.scopes.iter().map(String::as_str).collect();
                scopes.sort_unstable();
                let over = |end: Timestamp| end.duration_since(minted.approved.ends_at);
                let held_up = HELD_UP.max(self.now().duration_since(before.made));
                let in_time = bearer.expires_at.is_some_and(|end| over(end) <= held_up);
                if scopes != minted.approved.scopes || (minted.approved.kind == Kind::OauthToken && !in_time)
                {
                    wrong.push(format!("an access token of client {} is not what was approved", token.1));
                }
            }
        }
        for _ in 0..fetched {
            self.checked(Promise::TwoApprovals);
        }
        for what in wrong {
            self.breaks(Promise::TwoApprovals, what);
        }
    }

    fn what_was_taken(&mut self, before: &Before) {
        let now = self.keys();
        let gone: Vec<Key> = before.keys.difference(&now).cloned().collect();
        let mut ended = BTreeSet::new();
        for (token, secret) in gone {
            self.tell(format_args!("taken away {} {}", token.0, token.1));
            self.checked(Promise::Ends);
            let Some(minted) = self.facts.minted.get(&token).cloned() else {
                self.breaks(Promise::Ends, format!("token {} is not ours and was taken away", token.1));
                continue;
            };
            if self.is_early(&minted, &secret) && !self.facts.deleted_by_hand.contains(&token) {
                let end = minted.approved.ends_at;
                self.breaks(Promise::Ends, format!("token {} was taken away before its end {end}", token.1));
            }
            if !self.is_alive(&token) && ended.insert(token) {
                self.counts.endings += 1;
                tally(&mut self.counts.endings_by_kind, minted.approved.kind.key());
            }
        }
    }

    /// Whether somebody lost what they were promised. What proved a client, or is dropped, is nobody's loss.
    fn is_early(&self, minted: &Minted, secret: &str) -> bool {
        let what = self.facts.secrets.get(secret).map(|secret| secret.what);
        let in_use = match minted.approved.kind {
            Kind::ApiToken => true,
            Kind::OauthClient => what == Some(What::Client) || self.facts.fetched.contains(secret),
            Kind::OauthToken => what == Some(What::Access),
        };
        in_use
            && minted.promised
            && !self.facts.revoked.contains(&minted.issue)
            && !self.facts.somebody_left(&minted.approved)
            && self.now() < minted.approved.ends_at
    }

    fn what_was_changed(&mut self, before: &Before) {
        self.note_beginnings();
        self.only_requests_are_touched(before.moment);
        self.only_wrong_labels_come_off(before.moment, before.made);
    }

    fn what_was_sent(&mut self, before: &Before) {
        if messages(&self.sandbox.world).count() > before.messages {
            self.judge_message();
        }
    }

    /// The issue of that address, if it is one of the history.
    pub(super) fn issue_named(&self, name: &str) -> Option<Opened> {
        let named = |issue: &&Opened| issue.project == PROJECT && self.address(**issue) == name;
        self.issues.values().find(named).copied()
    }

    /// What we did at GitLab since then, other than comments: label events of ours, by id.
    pub(super) fn our_label_events(&self, since: Moment) -> Vec<(u64, u64, Option<u64>)> {
        let events = self.sandbox.world.gitlab.label_events.range(since + 1..);
        let ours = events.filter(|(_, event)| event.user_id == BOT);
        ours.map(|(id, event)| (*id, event.issue_id, event.label_id)).collect()
    }
}
