//! The inventory of one instance: what Zendesk lists, held against the ledger, the policy and the issues.
//!
//! Reading never changes anything. The API tokens are one list; OAuth clients are read, judged and told page by page;
//! of OAuth tokens, which belong to clients, only a few numbers each are kept until their client comes. A list that
//! cannot be read is said to be unreadable, never empty: then nothing of its kind is called missing either.

mod daily;
mod grants;
mod hands;
mod held;
mod ledger;
mod log;
mod oauth;
mod trace;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::context::Context;

use crate::domain::ids::{CredentialId, IssueKey, ZendeskUserId};
use crate::domain::inventory::{
    Exception, Finding, Judgement, Known, Line, Listed, ListedKind, Rules, Standards, Standing, Summary,
    judge, who_may_make,
};
use crate::domain::policy::Instance;
use crate::store::StoreError;
use crate::vendors::VendorError;
use crate::vendors::zendesk::Zendesk;
pub use daily::{daily, keep_daily, told};
pub use hands::{HandError, Handled, Wanted, handle, may_take_orphans, take_orphan_away};
pub use held::Orphans;
use ledger::Ledger;
use oauth::listed_client;
pub use trace::{Leaked, Owned, Trace, Traced, trace};

/// The lists, as they are called where they could not be read.
pub const API_TOKENS: &str = "API tokens";
const CLIENTS: &str = "OAuth clients";
const TOKENS: &str = "OAuth tokens";

/// Takes each line as it comes.
pub type Sink<'a> = &'a mut (dyn FnMut(&Line) + Send);

/// An inventory under way.
struct Taking<'a> {
    context: &'a Context,
    instance: &'a Instance,
    ledger: Ledger,
    standards: Standards,
    /// Live by the ledger, and their issue is gone.
    issues_gone: BTreeSet<IssueKey>,
    /// In the ledger, exceptions, and what we log in with; and who may have made it, where that is limited.
    accounted: BTreeMap<(ListedKind, CredentialId), Option<Vec<ZendeskUserId>>>,
    summary: Summary,
    tell: Sink<'a>,
}

/// Takes the inventory of an instance of the policy; every line goes to `tell`, the sums are returned. Zendesk's audit
/// log is looked through from `since` on.
pub async fn take(
    context: &Context,
    instance: &Instance,
    since: Timestamp,
    tell: Sink<'_>,
) -> Result<Summary, StoreError> {
    let mut taking = Taking {
        context,
        instance,
        ledger: Ledger::read(context, &instance.key).await?,
        standards: standards(context, instance).await?,
        issues_gone: BTreeSet::new(),
        accounted: BTreeMap::new(),
        summary: Summary::default(),
        tell,
    };
    taking.look_at_issues().await;
    if let Some(zendesk) = context.zendesk.get(&instance.key) {
        taking.api_tokens(zendesk).await?;
        taking.oauth(zendesk).await?;
        taking.audit_log(zendesk, since).await?;
    }
    Ok(taking.summary)
}

/// How names look at an instance, for projects that are watched.
pub(super) async fn standards(context: &Context, instance: &Instance) -> Result<Standards, StoreError> {
    let projects = context.store.projects().await?;
    let paths = projects.iter().map(|project| project.path.clone());
    let starts = paths.flat_map(|path| {
        let base = format!("{}/{path}", context.gitlab.address());
        [format!("{base}/-/issues/"), format!("{base}/-/work_items/")]
    });
    Ok(Standards { template: instance.name_template.clone(), issues: starts.collect() })
}

impl Taking<'_> {
    fn exceptions(&self) -> &[Exception] {
        &self.instance.exceptions
    }

    /// Whether the issues of what lives can still be seen; asked once for each.
    async fn look_at_issues(&mut self) {
        for key in self.ledger.live_issues() {
            match self.context.gitlab.issue(key).await {
                Ok(issue) if issue.moved_to.is_none() => {}
                Ok(_) | Err(VendorError::NotFound { .. }) => {
                    self.issues_gone.insert(key);
                }
                Err(error) => {
                    self.summary.could_not_read("the issues", error.to_string());
                    return;
                }
            }
        }
    }

    async fn api_tokens(&mut self, zendesk: &Zendesk) -> Result<(), StoreError> {
        let listing = match zendesk.inventory_of_api_tokens().await {
            Ok(listing) => listing,
            Err(error) => {
                self.summary.tokens_switched_off = matches!(error, VendorError::NotFound { .. });
                self.unreadable(API_TOKENS, &error);
                return Ok(());
            }
        };
        self.catch_up(&listing).await?;
        for listed in listing {
            self.tell_of(listed);
        }
        self.summary.tokens_counted();
        self.tell_missing(ListedKind::ApiToken).await
    }

    /// What would be a difference may have come about since the ledger was read.
    async fn catch_up(&mut self, listing: &[Listed]) -> Result<(), StoreError> {
        let differs = |listed: &Listed| {
            let known = self.ledger.of(listed);
            let rules = Rules { standards: &self.standards, exceptions: &self.instance.exceptions };
            let judgement = judge(listed, known.as_ref(), rules, self.context.now());
            judgement.findings.iter().any(|finding| finding.is_difference())
        };
        if listing.iter().any(differs) {
            self.ledger.catch_up(self.context).await?;
        }
        Ok(())
    }

    /// Judges and tells one; what was said of it.
    fn tell_of(&mut self, listed: Listed) -> (Judgement, Option<Known>) {
        self.tell_with(listed, None)
    }

    /// The same, with what listing it alone does not show.
    fn tell_with(&mut self, listed: Listed, also: Option<Finding>) -> (Judgement, Option<Known>) {
        let known = self.ledger.of(&listed);
        self.ledger.tick_off(&listed);
        let rules = Rules { standards: &self.standards, exceptions: self.exceptions() };
        let judgement = judge(&listed, known.as_ref(), rules, self.context.now());
        let accounted =
            known.is_some() || matches!(judgement.standing, Standing::Exception | Standing::OwnLogin);
        if accounted {
            let excused = judgement.standing == Standing::Exception;
            let makers = excused.then(|| who_may_make(self.exceptions(), &listed));
            self.accounted.insert((listed.kind, listed.id), makers);
        }
        let mut line = Line::of(&self.instance.key, listed, known.as_ref(), judgement.clone());
        if let Some(finding) = also {
            line.also(finding);
        }
        self.tell_line(line, known.as_ref());
        (judgement, known)
    }

    async fn tell_missing(&mut self, kind: ListedKind) -> Result<(), StoreError> {
        if !self.ledger.unseen(kind).is_empty() {
            self.ledger.catch_up(self.context).await?;
        }
        for known in self.ledger.unseen(kind) {
            let line = Line::missing(&self.instance.key, &known);
            self.tell_line(line, Some(&known));
        }
        Ok(())
    }

    fn tell_line(&mut self, mut line: Line, known: Option<&Known>) {
        if known.is_some_and(|known| known.is_live() && self.issues_gone.contains(&known.key)) {
            line.also(Finding::IssueGone);
        }
        self.summary.count(&line);
        (self.tell)(&line);
    }

    fn unreadable(&mut self, what: &'static str, error: &VendorError) {
        self.summary.could_not_read(what, why_unread(what, error));
    }
}

/// Why a list could not be read, for people.
pub(super) fn why_unread(what: &str, error: &VendorError) -> String {
    match error {
        VendorError::NotFound { .. } if what == API_TOKENS => {
            "access by API tokens is switched off for this account, so none of them works".to_owned()
        }
        VendorError::Forbidden { .. } => "our login may not see them".to_owned(),
        error => error.to_string(),
    }
}
