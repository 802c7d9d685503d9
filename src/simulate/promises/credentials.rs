//! Promises 2 and 5: at most one credential of a request lives, the right one, and none beyond its end.

use super::super::facts::{Minted, Moment, Opened, Token};
use super::super::scene::Scene;
use super::super::watch::{ACTS_AS, INTEGRATION};
use super::super::wish::Kind;
use super::Promise;

/// A credential of ours as Zendesk has it.
struct Standing {
    token: Token,
    minted: Minted,
    alive: bool,
    there: bool,
}

impl Scene {
    fn standing_of(&self, issue: Opened) -> Vec<Standing> {
        let ours = self.facts.minted.iter().filter(|(_, minted)| minted.issue == issue.id);
        let found = ours.map(|(token, minted)| {
            let (alive, there) = (self.is_alive(token), self.is_there(token));
            Standing { token: token.clone(), minted: minted.clone(), alive, there }
        });
        found.collect()
    }

    /// Whatever is promised lives, and whatever is over does not. Patience begins anew with each call that failed: the
    /// last of a row of faults may have been used up only just now.
    pub(in super::super) fn promised_live_and_others_do_not(&mut self, patience: jiff::SignedDuration) {
        let (now, issues) = (self.now(), self.issues.values().copied().collect::<Vec<_>>());
        for issue in issues {
            for one in self.standing_of(issue) {
                self.checked(Promise::Ends);
                let since = one.minted.approved.ends_at.max(self.struck_at);
                let over = since.saturating_add(patience).unwrap_or(now);
                if one.alive && now > over {
                    let end = one.minted.approved.ends_at;
                    self.breaks(Promise::Ends, format!("token {} still lives, and ended {end}", one.token.1));
                }
            }
        }
    }

    /// At a quiet end: one credential at most, handed over and within its time; every other is deleted.
    pub(in super::super) fn one_at_most(&mut self) {
        for issue in self.issues.values().copied().collect::<Vec<_>>() {
            self.checked(Promise::One);
            let standing = self.standing_of(issue);
            let (alive, others): (Vec<_>, Vec<_>) = standing.iter().partition(|one| one.alive);
            if alive.len() > 1 {
                self.breaks(Promise::One, format!("#{} has {} live credentials", issue.iid, alive.len()));
            }
            let by_hand = standing.iter().any(|one| self.facts.deleted_by_hand.contains(&one.token));
            if alive.is_empty() && !by_hand && self.title(issue) == Some("Active") {
                self.breaks(Promise::One, format!("#{} says Active, and nothing of it lives", issue.iid));
            }
            for one in others.iter().filter(|one| one.there) {
                self.breaks(Promise::One, format!("token {} of #{} was not deleted", one.token.1, issue.iid));
            }
            for one in alive {
                self.nobody_else_gets_in(one);
                if !self.is_delivered(&one.token) {
                    self.breaks(Promise::One, format!("token {} lives, and nobody has it", one.token.1));
                }
                if self.title(issue) != Some("Active") {
                    let title = self.title(issue).unwrap_or("none").to_owned();
                    let what = format!(
                        "token {} of #{} lives, and its comment says {title}",
                        one.token.1, issue.iid
                    );
                    self.breaks(Promise::One, what);
                }
            }
        }
        self.no_orphans();
    }

    /// Beside what was handed over, no access token of a request lives but those that its holder fetched.
    fn nobody_else_gets_in(&mut self, one: &Standing) {
        let held = self.handed_over(&one.token);
        let theirs = |token: &String| {
            let fetched = one.minted.approved.kind == Kind::OauthClient && self.facts.fetched.contains(token);
            fetched || Some(token) == held.as_ref()
        };
        let others =
            self.access_tokens(&one.token).into_iter().filter(|bearer| !theirs(&bearer.token)).count();
        if others > 0 {
            let what = format!("{others} access tokens of client {} live that nobody has", one.token.1);
            self.breaks(Promise::One, what);
        }
    }

    /// Nothing of our user's lives that no request knows of.
    fn no_orphans(&mut self) {
        let known =
            |token: &Token| self.facts.minted.contains_key(token) || self.facts.foreign.contains(token);
        let ours = self.holdings().into_iter().filter(|one| [INTEGRATION, ACTS_AS].contains(&one.owner));
        let orphans: Vec<u64> = ours.filter(|one| !known(&one.token)).map(|one| one.token.1).collect();
        if !orphans.is_empty() {
            self.breaks(Promise::One, format!("tokens {orphans:?} live, and belong to no request"));
        }
    }

    /// From now on, what is Active and alive is promised until its end.
    pub(in super::super) fn promise_what_is_active(&mut self) {
        for issue in self.issues.values().copied().collect::<Vec<_>>() {
            if self.title(issue) != Some("Active") {
                continue;
            }
            let alive: Vec<Token> =
                self.standing_of(issue).into_iter().filter(|one| one.alive).map(|one| one.token).collect();
            if let [token] = alive.as_slice()
                && self.is_delivered(token)
                && let Some(minted) = self.facts.minted.get_mut(token)
            {
                minted.promised = true;
            }
        }
    }

    /// Once we made its comment say Ended, nothing lives of what was handed over by then, nor of what its holder fetched
    /// with it. What landed late is none of that: an edit of an earlier time may say so over a request that began anew.
    pub(in super::super) fn what_has_ended_is_dead(&mut self) {
        for issue in self.issues.values().copied().collect::<Vec<_>>() {
            let Some(said) = self.ended_at(issue) else { continue };
            for one in self.standing_of(issue).into_iter().filter(|one| one.minted.moment < said) {
                self.checked(Promise::Ends);
                if one.there && self.is_delivered(&one.token) {
                    let what = format!("#{} says Ended, and token {} lives", issue.iid, one.token.1);
                    self.breaks(Promise::Ends, what);
                }
            }
        }
    }

    /// When we made its comment say Ended, if it still does.
    fn ended_at(&self, issue: Opened) -> Option<Moment> {
        let (written, changes) = self.facts.titles.get(&issue.id)?;
        let says = written == "Ended" && self.title(issue) == Some("Ended");
        changes.last().copied().filter(|_| says)
    }

    /// After everything: nothing of ours is left.
    pub(in super::super) fn nothing_is_left(&mut self) {
        let ours = self.facts.minted.keys().filter(|token| self.is_there(token));
        let left: Vec<u64> = ours.map(|(_, id)| *id).collect();
        self.checked(Promise::Ends);
        if !left.is_empty() {
            self.breaks(Promise::Ends, format!("a year later tokens {left:?} are still there"));
        }
    }
}
