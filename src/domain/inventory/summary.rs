//! What an inventory comes to: how many of each, how near the limit, and what could not be read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::{CredentialId, ZendeskUserId};

use super::{Finding, Line, ListedKind, Standing};

/// The most API tokens of an account; one that had more keeps the larger limit. Source: "Managing API token access to
/// the Zendesk API".
const LIMITS: (usize, usize) = (256, 2048);

/// The sums of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many are listed, by kind.
    pub listed: BTreeMap<ListedKind, usize>,
    /// How many of each standing.
    pub standings: BTreeMap<Standing, usize>,
    /// How many have each finding.
    pub findings: BTreeMap<Finding, usize>,
    /// The lists that could not be read, and why.
    pub unreadable: Vec<Unreadable>,
    /// Access by API tokens is switched off for the account: none of them works, and none is listed.
    pub tokens_switched_off: bool,
    /// How far Zendesk's own audit log was read.
    pub audit_log: AuditLogRead,
    /// What it tells of what we did.
    pub of_ours: OfOurs,
    /// What it tells that we did not do; the first fifty.
    pub outside: Vec<Outside>,
}

/// How far Zendesk's own audit log was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditLogRead {
    /// Not at all, or not to its end.
    #[default]
    No,
    /// The account's plan has none.
    NotInPlan,
    /// To its end.
    Whole,
}

/// What Zendesk's audit log tells of credentials of the ledger, matched by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfOurs {
    /// Creations.
    pub created: usize,
    /// Deletions of what was to end.
    pub ended: usize,
    /// API tokens that the ledger calls live and handed over in that time, of whose creation it tells nothing.
    pub not_told: Vec<CredentialId>,
}

/// Something that Zendesk's audit log tells and that did not happen through us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outside {
    /// `create` or `destroy`.
    pub action: String,
    /// What kind of thing, in Zendesk's word.
    pub source_type: String,
    /// Its id.
    pub credential: Option<CredentialId>,
    /// Who.
    pub actor: Option<ZendeskUserId>,
    /// When.
    pub at: Timestamp,
}

/// A list that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Of what: `API tokens`.
    pub what: &'static str,
    /// Why, for people.
    pub why: String,
}

impl Summary {
    /// Counts one credential: a listed one by its kind and standing, and its findings in any case.
    pub fn count(&mut self, line: &Line) {
        if line.active.is_some() {
            *self.listed.entry(line.kind).or_default() += 1;
            *self.standings.entry(line.standing).or_default() += 1;
        }
        for finding in &line.findings {
            self.found(*finding);
        }
    }

    /// Counts a finding that belongs to no listed credential.
    pub fn found(&mut self, finding: Finding) {
        *self.findings.entry(finding).or_default() += 1;
    }

    /// Notes a list that could not be read: not empty, but unknown.
    pub fn could_not_read(&mut self, what: &'static str, why: String) {
        self.found(Finding::Unreadable);
        self.unreadable.push(Unreadable { what, why });
    }

    /// How many API tokens there are, and how many there may be. `None` where the list could not be read.
    pub fn tokens_of_limit(&self) -> Option<(usize, usize)> {
        let count = *self.listed.get(&ListedKind::ApiToken)?;
        Some((count, if count > LIMITS.0 { LIMITS.1 } else { LIMITS.0 }))
    }

    /// To be called once when the API tokens were all counted, even if there are none.
    pub fn tokens_counted(&mut self) {
        let count = *self.listed.entry(ListedKind::ApiToken).or_default();
        let limit = if count > LIMITS.0 { LIMITS.1 } else { LIMITS.0 };
        if count * 10 >= limit * 9 {
            self.found(Finding::NearLimit);
        }
    }

    /// Whether issues, ledger and Zendesk tell different stories.
    pub fn differs(&self) -> bool {
        self.findings.keys().any(|finding| finding.is_difference())
    }
}
