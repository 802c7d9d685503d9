//! Extending: a new request that names an earlier one in its form.
//!
//! Nothing of the earlier one carries over but what approvers compare with. It must be a request of ours, for the same
//! person at the same instance, active or ended not long before; anything else is a fault of the form. What it was is
//! taken from the ledger, never from the earlier issue's text, and its digest is part of what is approved. The earlier
//! credential still ends on its own day: an end belongs to a credential, not to a person.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::form::{Fault, Field, Form};
use super::ids::{IssueId, IssueKey};
use super::phase::Phase;
use super::policy::Policy;
use super::snapshot::{Predecessor, Snapshot};
use super::terms::{Difference, Digest, Terms};

/// So long after its end a request can still be extended, counted to the first sight of the new one.
const ENDED_LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What differs between any two requests and tells an approver nothing.
const ALWAYS_DIFFERENT: [&str; 7] =
    ["issue", "generation", "name", "form: replaces", "form: remove on", "policy", "installation"];

/// What a request extends: part of its terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extends {
    /// The earlier request.
    pub key: IssueKey,
    /// Its address.
    pub url: String,
    /// Its generation.
    pub generation: u32,
    /// The digest of what was issued for it.
    pub digest: Digest,
    /// When its own credential ends.
    pub ends_at: Timestamp,
}

/// An earlier request, as remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Which.
    pub key: IssueKey,
    /// The issue's global id.
    pub issue: IssueId,
    /// Its address.
    pub url: String,
    /// Its generation.
    pub generation: u32,
    /// Where it stands.
    pub phase: Phase,
    /// What was issued for it in that generation.
    pub issued: Option<Terms>,
}

/// How a form names an earlier issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By its number in the same project.
    Number(i64),
    /// By its full address.
    Address {
        /// Everything before `/-/`.
        project: String,
        /// The number.
        iid: i64,
    },
}

/// Reads `7`, `#7` or a full address of an issue; nothing else names one.
pub fn reference(text: &str) -> Option<Reference> {
    // A Markdown link is read as its address and its words; GitLab shows references with a closing `+` as well.
    let word = text.split_whitespace().next()?.trim_end_matches(['+', '.', ',', ')', '>']);
    let digits = word.strip_prefix('#').unwrap_or(word);
    if let Some(iid) = number(digits) {
        return Some(Reference::Number(iid));
    }
    let (project, rest) = word.split_once("/-/")?;
    let (kind, iid) = rest.split_once('/')?;
    let iid: String = iid.chars().take_while(char::is_ascii_digit).collect();
    let is_issue = matches!(kind, "issues" | "work_items") && project.starts_with("http");
    is_issue.then(|| Some(Reference::Address { project: project.to_owned(), iid: number(&iid)? })).flatten()
}

fn number(digits: &str) -> Option<i64> {
    let fits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

/// What the form extends; `Ok(None)`: nothing. `Err`: what is wrong with it.
pub fn check(
    form: &Form,
    snapshot: &Snapshot,
    (policy, now): (&Policy, Timestamp),
) -> Result<Option<Extends>, Vec<Fault>> {
    let Some(named) = form.fields.get(Field::Replaces.key()) else { return Ok(None) };
    let refused = |expected: &str| Err(vec![fault(Field::Replaces, named, expected.to_owned())]);
    let Predecessor::Found(earlier) = &snapshot.predecessor else {
        return refused("the link to an earlier access request, or its number in this project; or nothing");
    };
    if earlier.key == snapshot.key {
        return refused("another request than this one; or nothing");
    }
    let Some(issued) = earlier.issued.as_ref().filter(|_| is_recent(earlier, snapshot, now)) else {
        return refused("a request whose credential is active, or ended in the last 30 days; or nothing");
    };
    let mut faults = Vec::new();
    if issued.instance != form.instance {
        let found = policy.instance(&form.instance).map_or(form.instance.clone(), |one| one.name.clone());
        faults.push(fault(
            Field::Instance,
            &found,
            format!("{}, as in the request it extends", issued.instance_name),
        ));
    }
    let beneficiary = snapshot.parties.beneficiary.as_ref().map(|person| person.id);
    if beneficiary.is_ok_and(|person| person != issued.beneficiary) {
        let found = form.requester.clone().unwrap_or_else(|| "the author".to_owned());
        faults.push(fault(Field::Requester, &found, "the person of the request it extends".to_owned()));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let Earlier { key, url, generation, .. } = *earlier.clone();
    Ok(Some(Extends { key, url, generation, digest: issued.digest(), ends_at: issued.ends_at }))
}

/// Counted to when this request began, so that waiting for its approvals does not end it.
fn is_recent(earlier: &Earlier, snapshot: &Snapshot, now: Timestamp) -> bool {
    let since = snapshot.record.as_ref().map_or(now, |record| record.generation_since);
    match &earlier.phase {
        Phase::Active { .. } | Phase::Ending { .. } => true,
        Phase::Ended { since: ended, .. } => since.duration_since(*ended) <= ENDED_LATELY,
        _ => false,
    }
}

fn fault(field: Field, found: &str, expected: String) -> Fault {
    Fault { field: Some(field), found: found.to_owned(), expected, essential: false }
}

/// What approvers compare: how the new terms differ from what was issued before.
pub fn differences(earlier: &Terms, now: &Terms) -> Vec<Difference> {
    let all = earlier.differences(now).into_iter();
    all.filter(|one| !ALWAYS_DIFFERENT.contains(&one.field.as_str()) && !one.field.starts_with("extends"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_issue_is_named_by_its_number_or_its_address() {
        let address =
            |iid| Some(Reference::Address { project: "https://gitlab.example/a/b".to_owned(), iid });
        for (text, expected) in [
            ("7", Some(Reference::Number(7))),
            ("#7", Some(Reference::Number(7))),
            ("#7+", Some(Reference::Number(7))),
            ("https://gitlab.example/a/b/-/issues/7", address(7)),
            ("https://gitlab.example/a/b/-/work_items/7#note_3 the old one", address(7)),
            ("https://gitlab.example/a/b/-/issues/7 #7", address(7)),
            ("https://gitlab.example/a/b/-/merge_requests/7", None),
            ("https://gitlab.example/a/b/issues/7", None),
            ("a/b#7", None),
            ("the one of last year", None),
            ("99999999999999999999", None),
            ("-7", None),
            ("", None),
        ] {
            assert_eq!(reference(text), expected, "{text}");
        }
    }
}
