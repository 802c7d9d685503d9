//! The inventory of one instance: what Zendesk lists, held against the ledger, the policy and the issues.
//!
//! Reading never changes anything. The API tokens are one list; OAuth clients are read, judged and told page by page;
//! of OAuth tokens, which belong to clients, only a few numbers each are kept until their client comes. A list that
//! cannot be read is said to be unreadable, never empty: then nothing of its kind is called missing either.

mod daily;
mod grants;
mod hands;
mod ledger;
mod log;
mod trace;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::context::Context;

use crate::domain::ids::{CredentialId, IssueKey};
use crate::domain::inventory::{
    Exception, Finding, Judgement, Known, LastUse, Line, Listed, ListedKind, Rules, Standards, Standing,
    Summary, judge,
};
use crate::domain::observed::ListedClient;
use crate::domain::policy::Instance;
use crate::store::StoreError;
use crate::vendors::VendorError;
use crate::vendors::zendesk::Zendesk;
pub use daily::{daily, keep_daily, told};
use grants::{Grants, Pages};
pub use hands::{HandError, Wanted, handle, take_orphan_away};
use ledger::Ledger;
pub use trace::{Leaked, Owned, Trace, Traced, trace};

/// The identifiers of our OAuth clients: this and the attempt's nonce.
const IDENTIFIERS: &str = "countersign_*";

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
    /// Exceptions, and what we log in with.
    excused: BTreeSet<(ListedKind, CredentialId)>,
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
        excused: BTreeSet::new(),
        summary: Summary::default(),
        tell,
    };
    taking.look_at_issues().await;
    if let Some(zendesk) = context.zendesk.get(&instance.key) {
        taking.api_tokens(zendesk).await;
        taking.oauth(zendesk).await;
        taking.audit_log(zendesk, since).await;
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
    Ok(Standards {
        template: instance.name_template.clone(),
        issues: starts.collect(),
        identifiers: vec![IDENTIFIERS.to_owned()],
    })
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

    async fn api_tokens(&mut self, zendesk: &Zendesk) {
        let listing = match zendesk.inventory_of_api_tokens().await {
            Ok(listing) => listing,
            Err(error) => return self.unreadable("API tokens", &error),
        };
        for listed in listing {
            self.tell_of(listed);
        }
        self.summary.tokens_counted();
        self.tell_missing(ListedKind::ApiToken);
    }

    async fn oauth(&mut self, zendesk: &Zendesk) {
        let mut grants = match Grants::read(zendesk).await {
            Ok(grants) => grants,
            Err(error) => {
                self.unreadable("OAuth tokens", &error);
                Grants::default()
            }
        };
        let (mut after, mut pages) = (None, Pages::default());
        loop {
            let page = match zendesk.clients(after.as_ref()).await {
                Ok(page) => page,
                Err(error) => return self.unreadable("OAuth clients", &error),
            };
            for client in page.items {
                self.tell_client(zendesk, client, &mut grants);
            }
            after = match pages.next(page.next) {
                Ok(next) => next,
                Err(error) => return self.unreadable("OAuth clients", &error),
            };
            if after.is_none() {
                break;
            }
        }
        self.tell_missing(ListedKind::OauthClient);
        for token in grants.rest() {
            self.tell_of(token);
        }
    }

    /// A client, and its tokens below it.
    fn tell_client(&mut self, zendesk: &Zendesk, client: ListedClient, grants: &mut Grants) {
        let id = client.id;
        let tokens = grants.of(id);
        let listed = Listed { last_use: grants.last_use(&tokens), ..listed_client(zendesk, client) };
        let own_login = listed.own_login;
        let known = self.ledger.find(ListedKind::OauthClient, id).cloned();
        let judgement = self.tell_of(listed);
        for token in tokens {
            let listed = Listed { own_login, ..token.listed(id) };
            self.tell_token(listed, known.as_ref(), &judgement);
        }
    }

    /// Judges and tells one; what was said of it.
    fn tell_of(&mut self, listed: Listed) -> Judgement {
        let known = self.ledger.seen(listed.kind, listed.id);
        let rules = Rules { standards: &self.standards, exceptions: self.exceptions() };
        let judgement = judge(&listed, known.as_ref(), rules, self.context.now());
        if matches!(judgement.standing, Standing::Exception | Standing::OwnLogin) {
            self.excused.insert((listed.kind, listed.id));
        }
        let line = Line::of(&self.instance.key, listed, known.as_ref(), judgement.clone());
        self.tell_line(line, known.as_ref());
        judgement
    }

    /// An OAuth token is what its client is: it has no name of its own.
    fn tell_token(&mut self, listed: Listed, known: Option<&Known>, client: &Judgement) {
        let rules = Rules { standards: &self.standards, exceptions: &[] };
        let mut judgement = judge(&listed, known, rules, self.context.now());
        judgement.standing = client.standing;
        judgement.exception = client.exception;
        judgement.issue.clone_from(&client.issue);
        judgement.findings.retain(|finding| *finding != Finding::Foreign && *finding != Finding::Unclaimed);
        let line = Line::of(&self.instance.key, listed, known, judgement);
        self.tell_line(line, None);
    }

    fn tell_missing(&mut self, kind: ListedKind) {
        for known in self.ledger.unseen(kind) {
            let line = Line::missing(&self.instance.key, &known);
            self.tell_line(line, Some(&known));
        }
    }

    fn tell_line(&mut self, mut line: Line, known: Option<&Known>) {
        if known.is_some_and(|known| known.is_live() && self.issues_gone.contains(&known.key)) {
            line.also(Finding::IssueGone);
        }
        self.summary.count(&line);
        (self.tell)(&line);
    }

    fn unreadable(&mut self, what: &'static str, error: &VendorError) {
        let why = match error {
            VendorError::NotFound { .. } if what == "API tokens" => {
                "access by API tokens is switched off for this account".to_owned()
            }
            VendorError::Forbidden { .. } => "our login may not see them".to_owned(),
            error => error.to_string(),
        };
        self.summary.could_not_read(what, why);
    }
}

/// A client as it is listed, but for the use of its tokens.
fn listed_client(zendesk: &Zendesk, client: ListedClient) -> Listed {
    Listed {
        kind: ListedKind::OauthClient,
        id: client.id,
        name: client.name,
        own_login: zendesk.is_own_client(&client.identifier),
        identifier: Some(client.identifier),
        client: None,
        creator: client.owner,
        creator_name: None,
        creator_email: None,
        active: true,
        created_at: client.created_at,
        last_use: LastUse::NotKnown,
        expires_at: None,
        visible: None,
    }
}
