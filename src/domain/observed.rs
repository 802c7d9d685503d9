//! What was seen at the vendors, in our own words: the parts a snapshot is made of.
//!
//! The clients in `vendors/` translate the vendors' JSON into these and into nothing else, so that no
//! decision ever depends on a field whose meaning was guessed.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::ids::{
    CredentialId, Email, EventId, IssueId, IssueKey, LabelId, NoteId, SlackUserId, UserId, ZendeskUserId,
};

/// An issue as the REST API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The global id.
    pub id: IssueId,
    /// Project and number.
    pub key: IssueKey,
    /// The address people open; also the credential's name.
    pub url: String,
    /// Title, as typed by people.
    pub title: String,
    /// Markdown, as typed by people. Empty where GitLab says null.
    pub description: String,
    /// Whether the state is `opened`.
    pub open: bool,
    /// Whether the type is `issue`: not an incident, a task or another work item.
    pub is_issue: bool,
    /// Null for a deleted account.
    pub author: Option<UserId>,
    /// When it was created. Kept by a move, so no proof of origin.
    pub created_at: Timestamp,
    /// Last change of anything.
    pub updated_at: Timestamp,
    /// Who closed it, while it is closed.
    pub closed_by: Option<UserId>,
    /// Names of the labels on it now.
    pub labels: Vec<String>,
    /// Set on the source of a move.
    pub moved_to: Option<IssueId>,
}

/// A label was put on or taken off. Source: GitLab "Resource label events API".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelEvent {
    /// Grows with time.
    pub id: EventId,
    /// The issue it belongs to, by global id.
    pub issue: IssueId,
    /// Null once the account is deleted.
    pub actor: Option<UserId>,
    /// When; owners can backdate it.
    pub at: Timestamp,
    /// Null once the label is deleted. The name is left out on purpose: it is the label's present one.
    pub label: Option<LabelId>,
    /// Put on (`add`) or taken off (`remove`).
    pub added: bool,
}

/// The last change of an issue's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// When.
    pub at: Timestamp,
    /// By whom; null for a deleted account.
    pub by: Option<UserId>,
}

/// A description together with its last change: of one answer, so that they belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Markdown, as typed by people. Empty where GitLab says null.
    pub text: String,
    /// When this text was last changed; `None`: never since the creation.
    pub last_edit: Option<Edit>,
    /// Those of the people asked for that GitLab shows us.
    pub people: Vec<User>,
}

/// A GitLab account by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Numeric id.
    pub id: UserId,
    /// Present user name.
    pub username: String,
    /// A bot or service account.
    pub bot: bool,
    /// State `active`; not blocked, banned or deactivated.
    pub active: bool,
}

/// A GitLab account with its membership of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Numeric id.
    pub id: UserId,
    /// Present user name, for the comment only.
    pub username: String,
    /// A bot or service account.
    pub bot: bool,
    /// State `active`; not blocked, banned or deactivated.
    pub active: bool,
    /// `None`: not a member, inherited memberships included.
    pub membership: Option<Membership>,
}

impl User {
    /// With its membership of a project; `None`: not a member.
    pub fn with(self, membership: Option<Membership>) -> Account {
        let Self { id, username, bot, active } = self;
        Account { id, username, bot, active, membership }
    }
}

/// A membership of the project, inherited ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// 10 Guest, 15 Planner, 20 Reporter, 30 Developer, 40 Maintainer, 50 Owner.
    pub access_level: i64,
    /// The day it ends; from that day on it does not count.
    pub expires_on: Option<Date>,
    /// Not awaiting, not blocked.
    pub active: bool,
}

impl Membership {
    /// Whether it is in force at `now`: GitLab ends it at midnight UTC at the start of its last day.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        let today = now.to_zoned(TimeZone::UTC).date();
        self.active && self.expires_on.is_none_or(|day| today < day)
    }
}

/// A comment on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Numeric id.
    pub id: NoteId,
    /// Markdown.
    pub body: String,
    /// Null for a deleted account.
    pub author: Option<UserId>,
    /// Written by GitLab itself.
    pub system: bool,
}

/// An API token in Zendesk's list. Both token fields of the answer are dropped unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Numeric id.
    pub id: CredentialId,
    /// Its description: the name we gave it, if it is ours.
    pub name: String,
    /// Who created it; not who it authenticates as.
    pub creator: Option<ZendeskUserId>,
    /// Not deactivated.
    pub active: bool,
    /// When, if said.
    pub created_at: Option<Timestamp>,
    /// When it was last used, if said. Nothing said is "not known", never "never used".
    pub last_used: Option<Timestamp>,
}

/// What stands for a credential in Zendesk's lists, of whatever kind: what a decision may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Numeric id.
    pub id: CredentialId,
    /// The description of an API token, the name of an OAuth client.
    pub name: String,
    /// Of an OAuth client.
    pub identifier: Option<String>,
    /// Who created an API token; who owns an OAuth client.
    pub creator: Option<ZendeskUserId>,
    /// Not deactivated.
    pub active: bool,
    /// When, if said.
    pub created_at: Option<Timestamp>,
    /// The last authentication. `None`: never, or the list does not say: that of OAuth clients never does.
    pub last_used: Option<Timestamp>,
}

impl From<ListedToken> for Listed {
    fn from(token: ListedToken) -> Self {
        let ListedToken { id, name, creator, active, created_at, last_used } = token;
        Self { id, name, identifier: None, creator, active, created_at, last_used }
    }
}

impl From<ListedClient> for Listed {
    fn from(client: ListedClient) -> Self {
        let ListedClient { id, name, identifier, owner, created_at, .. } = client;
        let identifier = Some(identifier);
        Self { id, name, identifier, creator: owner, active: true, created_at, last_used: None }
    }
}

/// An OAuth client in Zendesk's list. Its secret is dropped unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedClient {
    /// Numeric id.
    pub id: CredentialId,
    /// What Admin Center shows: the name we gave it, if it is ours.
    pub name: String,
    /// What it logs in with; unique within the account.
    pub identifier: String,
    /// Whether it has a secret of its own. `None`: the answer does not say.
    pub confidential: Option<bool>,
    /// Whom its tokens act as.
    pub owner: Option<ZendeskUserId>,
    /// The link to the request, if it is ours.
    pub description: String,
    /// When, if said.
    pub created_at: Option<Timestamp>,
}

/// An OAuth access token in Zendesk's list. The refresh token is dropped unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAccess {
    /// Numeric id.
    pub id: CredentialId,
    /// The client it was given to.
    pub client: Option<CredentialId>,
    /// Whom it acts as.
    pub user: Option<ZendeskUserId>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When, if said.
    pub created_at: Option<Timestamp>,
    /// `None`: it has no end, or the answer does not say.
    pub expires_at: Option<Timestamp>,
    /// The last authentication. `None`: never, or the answer does not say.
    pub used_at: Option<Timestamp>,
    /// Its first letters, which Zendesk shows to every admin: ten at most.
    pub visible: Option<String>,
}

/// A line of Zendesk's own audit log: a change of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Numeric id.
    pub id: i64,
    /// `create`, `update`, `destroy`, `login` or `exported`.
    pub action: String,
    /// Who did it.
    pub actor: Option<ZendeskUserId>,
    /// What kind of thing it was done to; API tokens are `apitoken`.
    pub source_type: String,
    /// Its id. The label need not carry the thing's own name, so that this is what lines are matched by.
    pub source_id: Option<i64>,
    /// What Zendesk calls it.
    pub source_label: String,
    /// When.
    pub created_at: Timestamp,
}

/// A Slack account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackPerson {
    /// `U…` or `W…`.
    pub id: SlackUserId,
    /// Their workspace.
    pub team: String,
    /// The address on their profile.
    pub email: Option<Email>,
    /// Deactivated.
    pub deleted: bool,
    /// A bot or an app.
    pub bot: bool,
    /// A guest of one or several channels.
    pub guest: bool,
}
