//! The campaign that moves API tokens to OAuth: whose each is, one issue for each, followed until the token is gone.
//!
//! The plan is here; `opening` has the issue of each opened once, `following` what became of them.

mod following;
mod opening;

use std::collections::BTreeMap;

use super::context::Context;
use super::inventory::{API_TOKENS, take};
use super::provisioners;
use crate::directory::Freshness;
use crate::domain::ids::UserId;
use crate::domain::inventory::{LastUse, Line, ListedKind, Standing};
use crate::domain::policy::Instance;
use crate::domain::record::Record;
use crate::domain::retirement::{Candidate, scopes_for};
use crate::domain::terms::Kind;
use crate::domain::text;
use crate::store::{Retirement, StoreError};
use crate::vendors::VendorError;
pub use following::{Followed, closed, follow};
pub use opening::{IssueState, Opened, open, prepared, state};

/// Why it did not go on. What was done is written down; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// No watched project was set up.
    #[error("no watched project is set up")]
    NoProject,
    /// A list could not be read.
    #[error("the API tokens of {instance} could not be read: {why}")]
    Unreadable {
        /// The instance's name.
        instance: String,
        /// Why, for people.
        why: String,
    },
    /// Nobody can log in with an API token there.
    #[error("access by API tokens is switched off for {0}")]
    SwitchedOff(String),
    /// The database.
    #[error("the database")]
    Store(#[from] StoreError),
    /// A vendor.
    #[error("{0}")]
    Vendor(#[from] VendorError),
}

/// What we use our own for.
const OWN_LOGIN: &str =
    "countersign itself logs in with it: its operator changes [instances.login] to OAuth.";

/// An API token, whose it is, and how far its retirement is.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What the issue says.
    pub candidate: Candidate,
    /// Who it is for: the owner, or the instance's provisioners.
    pub people: Vec<UserId>,
    /// Whether the first of them is the owner.
    pub owner: Option<UserId>,
    /// Its row, if it was taken up.
    pub row: Option<Retirement>,
}

/// Every API token of an instance that still works, with its owner.
pub async fn plan(context: &Context, instance: &Instance) -> Result<Vec<Planned>, RetireError> {
    let mut lines: Vec<Line> = Vec::new();
    let mut tell = |line: &Line| {
        if line.kind == ListedKind::ApiToken && line.active == Some(true) {
            lines.push(line.clone());
        }
    };
    let summary = take(context, instance, context.now(), &mut tell).await?;
    if summary.tokens_switched_off {
        return Err(RetireError::SwitchedOff(instance.name.clone()));
    }
    if let Some(list) = summary.unreadable.iter().find(|list| list.what == API_TOKENS) {
        let instance = instance.name.clone();
        return Err(RetireError::Unreadable { instance, why: list.why.clone() });
    }
    let rows = context.store.retirements().await?;
    let records = records(context).await?;
    let provisioners = provisioners::of(context, instance).await?;
    let mut planned = Vec::new();
    for line in lines {
        let row = rows.iter().find(|row| row.instance == instance.key && row.token == line.id).cloned();
        let record = line.issue.as_ref().and_then(|url| records.get(url));
        planned.push(one(context, (instance, &provisioners), line, (record, row)).await);
    }
    Ok(planned)
}

async fn records(context: &Context) -> Result<BTreeMap<String, Record>, StoreError> {
    let requests = context.store.requests().await?;
    Ok(requests
        .into_iter()
        .filter_map(|request| request.record)
        .map(|record| (record.url.clone(), record))
        .collect())
}

async fn one(
    context: &Context,
    (instance, provisioners): (&Instance, &[UserId]),
    line: Line,
    (record, row): (Option<&Record>, Option<Retirement>),
) -> Planned {
    let owner = owner(context, &line, record).await;
    let people = owner.map_or_else(|| provisioners.to_vec(), |owner| vec![owner]);
    let username = match owner {
        Some(owner) => context.gitlab.username(owner).await.ok(),
        None => None,
    };
    let fields = record.and_then(|record| record.issued.as_ref()).map(|terms| &terms.fields);
    let is_ours = line.standing == Standing::OwnLogin;
    let purpose = if is_ours {
        Some(OWN_LOGIN.to_owned())
    } else {
        fields.and_then(|fields| fields.get("purpose")).cloned()
    };
    let asked = fields.and_then(|fields| fields.get("scopes")).filter(|scopes| !scopes.trim().is_empty());
    let scopes = match asked {
        Some(scopes) => scopes.split_whitespace().map(str::to_owned).collect(),
        None if is_ours => vec!["read".to_owned(), "write".to_owned()],
        None => scopes_for(purpose.as_deref().unwrap_or(&line.name)),
    };
    let candidate = Candidate {
        instance: (instance.key.clone(), instance.name.clone()),
        token: line.id,
        name: line.name,
        issue: line.issue,
        purpose,
        last_used: match line.last_use {
            LastUse::At(at) => text::time(at),
            LastUse::Never => "never".to_owned(),
            LastUse::NotKnown => "not known".to_owned(),
        },
        scopes,
        groups: instance.provisioner_groups.clone(),
        oauth_client: instance.kinds.contains(&Kind::OauthClient),
        owner: owner.map(|owner| username.map_or_else(|| format!("user {owner}"), |name| format!("@{name}"))),
    };
    Planned { candidate, people, owner, row }
}

/// The ledger's holder, the author of the request that its name tells, or whoever created it at Zendesk, found in the
/// directory by the address they have there. Always somebody whose account GitLab knows by that number and calls
/// active.
async fn owner(context: &Context, line: &Line, record: Option<&Record>) -> Option<UserId> {
    let by_ledger = line.holder.or_else(|| record.map(|record| record.author));
    let found = match (by_ledger, &line.creator_email) {
        (Some(owner), _) => Some(owner),
        (None, Some(email)) => {
            let found = context.directory.person_by_email(email, Freshness::Cached).await;
            found.ok().map(|found| found.person.gitlab_id)
        }
        (None, None) => None,
    }?;
    let project = context.store.projects().await.ok()?.first()?.id;
    let account = context.gitlab.account(project, found).await.ok()?;
    (account.active && !account.bot).then_some(found)
}
