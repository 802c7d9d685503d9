//! A line of the inventory: what is listed or missed, with what is said of it. Plain data for table, JSON and CSV.

use jiff::Timestamp;
use serde::Serialize;

use super::{ExceptionUse, Finding, Judgement, Known, LastUse, Listed, ListedKind, Standing};
use crate::domain::ids::{CredentialId, Email, UserId, ZendeskUserId};

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The instance's key.
    pub instance: String,
    /// What it is.
    pub kind: ListedKind,
    /// Zendesk's id.
    pub id: CredentialId,
    /// What it is to us.
    pub standing: Standing,
    /// What its exception is for.
    pub exception: Option<ExceptionUse>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// Its name at Zendesk; the ledger's where it is missing there.
    pub name: String,
    /// A client's identifier.
    pub identifier: Option<String>,
    /// An OAuth token's client.
    pub client: Option<CredentialId>,
    /// Who created it, at Zendesk.
    pub creator: Option<ZendeskUserId>,
    /// Their name.
    pub creator_name: Option<String>,
    /// Their address: to find whose it is, and not shown.
    #[serde(skip)]
    pub creator_email: Option<Email>,
    /// The beginning that Zendesk shows: to know it again, and not shown.
    #[serde(skip)]
    pub visible: Option<String>,
    /// Switched on; `None` where it is not listed.
    pub active: Option<bool>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The last use.
    pub last_use: LastUse,
    /// Days without use.
    pub idle_days: Option<i64>,
    /// Its end: by the ledger, or by Zendesk itself.
    pub ends_at: Option<Timestamp>,
    /// The issue it was made for.
    pub issue: Option<String>,
    /// Whom it is for, at GitLab.
    pub holder: Option<UserId>,
    /// What the ledger expects of it: `live`, `switched_off`, `passing` or `gone`.
    pub expected: Option<&'static str>,
    /// From when on it is deleted, while it waits for that, switched off.
    pub deleted_from: Option<Timestamp>,
    /// The name it was given, where it has another now.
    pub given_name: Option<String>,
}

impl Line {
    /// Of what is listed.
    pub fn of(instance: &str, listed: Listed, known: Option<&Known>, judgement: Judgement) -> Self {
        let renamed = judgement.findings.contains(&Finding::Renamed);
        Self {
            instance: instance.to_owned(),
            kind: listed.kind,
            id: listed.id,
            standing: judgement.standing,
            exception: judgement.exception,
            findings: judgement.findings,
            name: listed.name,
            identifier: listed.identifier,
            client: listed.client,
            creator: listed.creator,
            creator_name: listed.creator_name,
            creator_email: listed.creator_email,
            visible: listed.visible,
            active: Some(listed.active),
            created_at: listed.created_at,
            last_use: listed.last_use,
            idle_days: judgement.idle_days,
            ends_at: listed.expires_at.or_else(|| known?.ends_at()),
            issue: judgement.issue,
            holder: known.and_then(|known| known.holder),
            expected: known.map(|known| known.expected.key()),
            deleted_from: known.and_then(Known::deleted_from),
            given_name: known.filter(|_| renamed).map(|known| known.name.clone()),
        }
    }

    /// Of what the ledger calls live and Zendesk does not list.
    pub fn missing(instance: &str, known: &Known) -> Self {
        Self {
            instance: instance.to_owned(),
            kind: known.kind,
            id: known.credential,
            standing: Standing::Ours,
            exception: None,
            findings: vec![Finding::Missing],
            name: known.name.clone(),
            identifier: None,
            client: None,
            creator: None,
            creator_name: None,
            creator_email: None,
            visible: None,
            active: None,
            created_at: None,
            last_use: LastUse::NotKnown,
            idle_days: None,
            ends_at: known.ends_at(),
            issue: Some(known.url.clone()),
            holder: known.holder,
            expected: Some(known.expected.key()),
            deleted_from: None,
            given_name: None,
        }
    }

    /// Adds a finding that listing alone does not show.
    pub fn also(&mut self, finding: Finding) {
        self.findings.push(finding);
        self.findings.sort_unstable();
        self.findings.dedup();
    }
}
