//! Promises 2 and 5: at most one credential of a request lives, the right one, and none beyond its end.

use super::super::facts::{Minted, Opened, Token};
use super::super::scene::Scene;
use super::super::watch::is_alive;
use super::Promise;

/// A credential of ours as Zendesk has it.
struct Standing {
    token: Token,
    minted: Minted,
    alive: bool,
    listed: bool,
}

impl Scene {
    fn standing(&self, issue: Opened) -> Vec<Standing> {
        let ours = self.facts.minted.iter().filter(|(_, minted)| minted.issue == issue.id);
        let found = ours.filter_map(|(token, minted)| {
            let (_, it) = self.tokens().find(|(other, _)| other == token)?;
            let (token, minted) = (token.clone(), minted.clone());
            Some(Standing { token, minted, alive: is_alive(it), listed: it.deleted_at.is_none() })
        });
        found.collect()
    }

    /// Whatever is promised lives, and whatever is over does not.
    pub(in super::super) fn promised_live_and_others_do_not(&mut self, patience: jiff::SignedDuration) {
        let (now, issues) = (self.now(), self.issues.values().copied().collect::<Vec<_>>());
        for issue in issues {
            for one in self.standing(issue) {
                self.checked(Promise::Ends);
                let over = one.minted.approved.ends_at.saturating_add(patience).unwrap_or(now);
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
            let standing = self.standing(issue);
            let (alive, others): (Vec<_>, Vec<_>) = standing.iter().partition(|one| one.alive);
            if alive.len() > 1 {
                self.breaks(Promise::One, format!("#{} has {} live credentials", issue.iid, alive.len()));
            }
            for one in others.iter().filter(|one| one.listed) {
                self.breaks(Promise::One, format!("token {} of #{} was not deleted", one.token.1, issue.iid));
            }
            for one in alive {
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

    /// Nothing of our user's lives that no request knows of.
    fn no_orphans(&mut self) {
        let known =
            |token: &Token| self.facts.minted.contains_key(token) || self.facts.foreign.contains(token);
        let ours = self
            .tokens()
            .filter(|(token, it)| it.user_id == super::super::watch::INTEGRATION && !known(token));
        let orphans: Vec<u64> = ours.filter(|(_, it)| it.id > 10_000).map(|((_, id), _)| id).collect();
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
                self.standing(issue).into_iter().filter(|one| one.alive).map(|one| one.token).collect();
            if let [token] = alive.as_slice()
                && self.is_delivered(token)
                && let Some(minted) = self.facts.minted.get_mut(token)
            {
                minted.promised = true;
            }
        }
    }

    /// After everything: nothing of ours is left.
    pub(in super::super) fn nothing_is_left(&mut self) {
        let left: Vec<u64> = self
            .tokens()
            .filter(|(token, it)| self.facts.minted.contains_key(token) && it.deleted_at.is_none())
            .map(|((_, id), _)| id)
            .collect();
        self.checked(Promise::Ends);
        if !left.is_empty() {
            self.breaks(Promise::Ends, format!("a year later tokens {left:?} are still there"));
        }
    }
}
