//! What one listed credential is, and what is wrong with it.
//!
//! The order matters: the id decides before any name does, so that a renamed credential of ours stays ours and
//! nothing becomes ours by being named so. What the policy excepts is no orphan. An orphan is named by the address of
//! an issue of a project set up here: an OAuth client's identifier alone may be another installation's.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::exceptions::{Excuse, excuse};
use super::{
    Exception, ExceptionUse, Expected, Finding, IDLE_WARNING, Known, LastUse, Listed, ListedKind, Standards,
    Standing, UNCLAIMED_AFTER,
};

/// What is said of one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// What it is.
    pub standing: Standing,
    /// What an exception is for.
    pub exception: Option<ExceptionUse>,
    /// What is wrong with it, sorted.
    pub findings: Vec<Finding>,
    /// The issue it was made for: the ledger's, or the one that its name tells.
    pub issue: Option<String>,
    /// For how long it has been unused; known of API tokens and where Zendesk says when it was used.
    pub idle_days: Option<i64>,
}

/// The policy's side of it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// How names look.
    pub standards: &'a Standards,
    /// What needs no request.
    pub exceptions: &'a [Exception],
}

/// Judges one credential. `known` is what the ledger knows under its id, or for an OAuth token under its client's.
pub fn judge(listed: &Listed, known: Option<&Known>, rules: Rules<'_>, now: Timestamp) -> Judgement {
    let mut judgement = match known {
        Some(known) => ours(listed, known),
        None => not_ours(listed, rules),
    };
    judgement.idle_days = idle(listed, now).map(|idle| idle.as_hours() / 24);
    judgement.findings.extend(of_use(listed, known, now));
    judgement.findings.sort_unstable();
    judgement.findings.dedup();
    judgement
}

fn plain(standing: Standing, findings: Vec<Finding>) -> Judgement {
    Judgement { standing, exception: None, findings, issue: None, idle_days: None }
}

fn ours(listed: &Listed, known: &Known) -> Judgement {
    let mut findings = Vec::new();
    let settled = known.expected != Expected::Passing;
    if settled && listed.kind != ListedKind::OauthToken && listed.name != known.name {
        findings.push(Finding::Renamed);
    }
    match known.expected {
        Expected::Gone => findings.push(Finding::Zombie),
        Expected::Live { .. } if !listed.active => findings.push(Finding::SwitchedOff),
        Expected::SwitchedOff { .. } if listed.active => findings.push(Finding::SwitchedOn),
        Expected::Live { .. } | Expected::SwitchedOff { .. } | Expected::Passing => {}
    }
    Judgement { issue: Some(known.url.clone()), ..plain(Standing::Ours, findings) }
}

fn not_ours(listed: &Listed, rules: Rules<'_>) -> Judgement {
    if listed.own_login {
        return plain(Standing::OwnLogin, Vec::new());
    }
    let excuse = excuse(rules.exceptions, listed);
    if let Excuse::Yes(purpose) = excuse {
        return Judgement { exception: Some(purpose), ..plain(Standing::Exception, Vec::new()) };
    }
    if let Some(issue) = rules.standards.issue_of(&listed.name) {
        return Judgement { issue: Some(issue), ..plain(Standing::Orphan, vec![Finding::Orphan]) };
    }
    match excuse {
        Excuse::OnlyByName => plain(Standing::Foreign, vec![Finding::Foreign, Finding::Disguised]),
        Excuse::Yes(_) | Excuse::No => plain(Standing::Foreign, vec![Finding::Foreign]),
    }
}

fn of_use(listed: &Listed, known: Option<&Known>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let unclaimed =
        known.filter(|known| known.is_live()).is_some_and(|known| is_unclaimed(listed, known, now));
    if unclaimed {
        findings.push(Finding::Unclaimed);
    }
    // What is being made was not used yet, and what ended need not be.
    let matters = known.is_none_or(Known::is_live) && !unclaimed;
    if listed.last_use == LastUse::Never && matters {
        findings.push(Finding::NeverUsed);
    }
    let may_end = listed.kind == ListedKind::ApiToken && listed.active;
    if may_end && idle(listed, now).is_some_and(|idle| idle >= IDLE_WARNING) {
        findings.push(Finding::Idle);
    }
    findings
}

/// Our own proof that it works came before the hand-over, so a use up to then is no use by its holder.
fn is_unclaimed(listed: &Listed, known: &Known, now: Timestamp) -> bool {
    let Some(delivered_at) = known.delivered_at else { return false };
    let unused = match listed.last_use {
        LastUse::Never => true,
        LastUse::At(at) => at <= delivered_at,
        LastUse::NotKnown => false,
    };
    unused && now.duration_since(delivered_at) >= UNCLAIMED_AFTER
}

/// How long it has not been used: since its last use, or its creation if it never was. Not known stays not known.
fn idle(listed: &Listed, now: Timestamp) -> Option<SignedDuration> {
    let since = match listed.last_use {
        LastUse::At(at) => at,
        LastUse::Never => listed.created_at?,
        LastUse::NotKnown => return None,
    };
    Some(now.duration_since(since).max(SignedDuration::ZERO))
}
