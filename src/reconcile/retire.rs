//! The campaign that moves API tokens to OAuth: whose each is, one issue for each, followed until the token is gone.
//!
//! The row is written before the issue is opened; a row without an issue is looked for at GitLab by its mark before
//! another is opened, so that an answer that was lost makes no second one.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;

use super::context::Context;
use super::inventory::{take, why_unread};
use super::provisioners;
use crate::directory::Freshness;
use crate::domain::ids::{IssueKey, ProjectId, UserId};
use crate::domain::inventory::{LastUse, Line, ListedKind, Standing};
use crate::domain::observed::Issue;
use crate::domain::policy::Instance;
use crate::domain::record::Record;
use crate::domain::retirement::{Candidate, issue, mark, scopes_for};
use crate::domain::terms::Kind;
use crate::domain::text;
use crate::store::{Entry, Retirement, StoreError};
use crate::vendors::VendorError;
use crate::vendors::gitlab::NewIssue;

/// GitLab's clock may be behind ours by less than this.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

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
        let counts = line.kind == ListedKind::ApiToken && line.active == Some(true);
        if counts && line.standing != Standing::OwnLogin {
            lines.push(line.clone());
        }
    };
    let summary = take(context, instance, context.now(), &mut tell).await?;
    if summary.tokens_switched_off {
        return Err(RetireError::SwitchedOff(instance.name.clone()));
    }
    if let Some(list) = summary.unreadable.iter().find(|list| list.what == "API tokens") {
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
    let purpose = fields.and_then(|fields| fields.get("purpose")).cloned();
    let asked = fields.and_then(|fields| fields.get("scopes")).filter(|scopes| !scopes.trim().is_empty());
    let scopes = match asked {
        Some(scopes) => scopes.split_whitespace().map(str::to_owned).collect(),
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

/// Opens the issue of one token, once. The row, with its issue.
pub async fn open(context: &Context, planned: &Planned, by: &str) -> Result<Retirement, RetireError> {
    if let Some(row) = planned.row.clone().filter(|row| row.iid.is_some()) {
        return Ok(row);
    }
    let project = context.store.projects().await?;
    let watched = project.iter().find(|one| context.policy.watches(one.id, &one.path));
    let mut row = match planned.row.clone() {
        Some(row) => row,
        None => fresh(context, planned, watched.ok_or(RetireError::NoProject)?.id),
    };
    context.store.keep_retirement(row.clone()).await?;
    let (title, description) = issue(&planned.candidate, context.store.installation());
    let found = if let Some(found) = found(context, &row).await? {
        found
    } else {
        let new = NewIssue { title: &title, description: &description, assignees: &planned.people };
        context.gitlab.create_issue(row.project, new).await?
    };
    (row.iid, row.url, row.opened_at) = (Some(found.0.iid), Some(found.1), Some(context.now()));
    context.store.keep_retirement(row.clone()).await?;
    let detail = json!({"instance": row.instance, "credential": row.token, "issue": row.url, "by": by,
        "assigned": planned.people, "owner_known": planned.owner.is_some()});
    let entry = Entry { kind: "retirement.opened".into(), key: None, detail };
    context.store.append(vec![entry]).await?;
    Ok(row)
}

fn fresh(context: &Context, planned: &Planned, project: ProjectId) -> Retirement {
    let candidate = &planned.candidate;
    Retirement {
        instance: candidate.instance.0.clone(),
        token: candidate.token,
        name: candidate.name.clone(),
        owner: planned.owner,
        owner_name: candidate.owner.clone().unwrap_or_else(|| "provisioners".to_owned()),
        project,
        iid: None,
        url: None,
        intended_at: context.now(),
        opened_at: None,
        ended_at: None,
    }
}

/// The issue of an earlier try whose answer was lost.
async fn found(context: &Context, row: &Retirement) -> Result<Option<(IssueKey, String)>, RetireError> {
    let ourselves = context.ourselves().await?;
    let mark = mark(context.store.installation(), &row.instance, row.token);
    let since = row.intended_at.checked_sub(OVERLAP).ok();
    let keep = |issue: Issue| {
        let ours = issue.author == Some(ourselves) && issue.description.contains(&mark);
        ours.then_some((issue.key, issue.url))
    };
    let issues = context.gitlab.issues_updated_since(row.project, since, keep).await?;
    Ok(issues.into_iter().flatten().next())
}

/// How far the campaign is.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// All rows.
    pub rows: Vec<Retirement>,
    /// The keys of instances whose tokens could not be seen, and why: nothing of theirs has ended.
    pub unseen: Vec<(String, String)>,
}

/// What became of those that were opened: a token that is switched off or gone has its issue closed.
pub async fn follow(context: &Context) -> Result<Followed, RetireError> {
    let mut unseen = Vec::new();
    let mut rows = context.store.retirements().await?;
    let open = |row: &Retirement| row.ended_at.is_none() && row.iid.is_some();
    for (key, zendesk) in &context.zendesk {
        if !rows.iter().any(|row| row.instance == *key && open(row)) {
            continue;
        }
        // What cannot be read is not gone.
        let listing = match zendesk.list_api_tokens().await {
            Ok(listing) => listing,
            Err(error) => {
                let why = why_unread("API tokens", &error);
                tracing::warn!(instance = key, why, "the API tokens could not be read; the campaign waits");
                unseen.push((key.clone(), why));
                continue;
            }
        };
        for row in rows.iter_mut().filter(|row| row.instance == *key && open(row)) {
            if listing.iter().any(|token| token.id == row.token && token.active) {
                continue;
            }
            end(context, row).await?;
        }
    }
    Ok(Followed { rows, unseen })
}

async fn end(context: &Context, row: &mut Retirement) -> Result<(), RetireError> {
    if let Some(key) = row.key() {
        match context.gitlab.close_issue(key).await {
            Ok(()) | Err(VendorError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    row.ended_at = Some(context.now());
    context.store.keep_retirement(row.clone()).await?;
    let detail = json!({"instance": row.instance, "credential": row.token, "issue": row.url});
    let entry = Entry { kind: "retirement.ended".into(), key: None, detail };
    context.store.append(vec![entry]).await?;
    Ok(())
}
