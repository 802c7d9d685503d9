//! Zendesk's own audit log, where the plan has it: who created and deleted credentials, matched with the ledger by id.
//!
//! The label of an entry need not carry a token's name, so that only ids count. A plan without the log answers 403,
//! which is no finding. An OAuth client that an exception covers by whom it acts as is outside if somebody else made it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Taking;
use crate::domain::ids::CredentialId;
use crate::domain::inventory::summary::{AuditLogRead, Outside};
use crate::domain::inventory::{Finding, Known, ListedKind};
use crate::domain::observed::AuditLine;
use crate::store::StoreError;
use crate::vendors::VendorError;
use crate::vendors::zendesk::{AuditQuery, Zendesk};

/// As many entries are told; the sums are of all.
const KEPT: usize = 50;
/// More pages than this are left for the next run, and said to be.
const MOST_PAGES: usize = 50;

impl Taking<'_> {
    /// Looks through the log from `since` on. Creations that are neither ours nor excused, and deletions of what lives
    /// by the ledger, are findings.
    pub(super) async fn audit_log(&mut self, zendesk: &Zendesk, since: Timestamp) -> Result<(), StoreError> {
        let query = AuditQuery { source_type: None, from: since, until: self.context.now() };
        let (mut after, mut seen, mut made) = (None, BTreeSet::new(), BTreeSet::new());
        for _ in 0..MOST_PAGES {
            let page = match zendesk.audit_log(query, after.as_ref()).await {
                Ok(page) => page,
                Err(VendorError::Forbidden { .. } | VendorError::NotFound { .. }) => {
                    self.summary.audit_log = AuditLogRead::NotInPlan;
                    return Ok(());
                }
                Err(error) => {
                    self.unreadable("Zendesk's audit log", &error);
                    return Ok(());
                }
            };
            if page.items.iter().any(|line| self.is_outside(line)) {
                self.ledger.catch_up(self.context).await?;
            }
            for line in page.items {
                if !seen.insert(line.id) {
                    continue;
                }
                if self.is_outside(&line) {
                    self.summary.found(Finding::Outside);
                    self.tell_outside(line);
                } else if let Some(credential) = self.match_ours(&line) {
                    made.insert(credential);
                }
            }
            after = page.next;
            if after.is_none() {
                self.summary.audit_log = AuditLogRead::Whole;
                self.summary.of_ours.not_told = self.ledger.handed_over(since, &made);
                return Ok(());
            }
        }
        let why = "it has more than 5,000 entries since the last look".to_owned();
        self.summary.could_not_read("Zendesk's audit log", why);
        Ok(())
    }

    fn is_outside(&self, line: &AuditLine) -> bool {
        let (Some(kind), Some(id)) = (kind(line), line.source_id.map(CredentialId)) else { return false };
        let known = self.ledger.find(kind, id);
        match line.action.as_str() {
            "create" => {
                let excused = match self.accounted.get(&(kind, id)) {
                    Some(Some(makers)) => line.actor.is_none_or(|actor| makers.contains(&actor)),
                    accounted => accounted.is_some(),
                };
                known.is_none() && !excused && !self.ledger.may_have_made(kind, line.created_at)
            }
            "destroy" => known.is_some_and(Known::is_live),
            _ => false,
        }
    }

    /// Counts what was made or ended by us; the API token that was made, if it is one.
    fn match_ours(&mut self, line: &AuditLine) -> Option<CredentialId> {
        let (kind, id) = (kind(line)?, CredentialId(line.source_id?));
        self.ledger.find(kind, id)?;
        match line.action.as_str() {
            "create" => self.summary.of_ours.created += 1,
            "destroy" => self.summary.of_ours.ended += 1,
            _ => return None,
        }
        (kind == ListedKind::ApiToken && line.action == "create").then_some(id)
    }

    fn tell_outside(&mut self, line: AuditLine) {
        if self.summary.outside.len() < KEPT {
            self.summary.outside.push(Outside {
                action: line.action,
                source_type: line.source_type,
                credential: line.source_id.map(CredentialId),
                actor: line.actor,
                at: line.created_at,
            });
        }
    }
}

/// What kind of credential an entry is about. The name of the OAuth kinds is not published; all that is known speak of
/// "oauth".
fn kind(line: &AuditLine) -> Option<ListedKind> {
    match line.source_type.to_ascii_lowercase() {
        text if text == "apitoken" || text == "api_token" => Some(ListedKind::ApiToken),
        text if text.contains("oauth") && !text.contains("token") => Some(ListedKind::OauthClient),
        _ => None,
    }
}
