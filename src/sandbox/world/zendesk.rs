//! What one Zendesk account remembers.
//!
//! Deleted tokens stay in the books: lists may lag behind, and a test wants to know every secret that ever was.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) last_id: u64,
    /// False: creation is refused, as everywhere since 2026-10-27.
    pub(crate) creates_api_tokens: bool,
    /// Zendesk's own limit: 256, or 2,048 where an account had more than that already.
    pub(crate) api_token_cap: usize,
    /// Account setting "token access"; off, the list is 404 and tokens do not log in.
    pub(crate) api_token_access: bool,
    /// Only the Enterprise plans have the audit log.
    pub(crate) has_audit_log: bool,
    /// How long lists go on showing what was.
    pub(crate) list_lag_seconds: i64,
    pub(crate) quirks: Quirks,
    pub(crate) agents: Vec<Agent>,
    pub(crate) tokens: BTreeMap<u64, ApiToken>,
    pub(crate) clients: BTreeMap<u64, Client>,
    pub(crate) bearers: BTreeMap<u64, Bearer>,
    pub(crate) audit_log: Vec<AuditLog>,
    /// Every secret ever minted through the API.
    pub(crate) ever_minted: Vec<String>,
}

/// What Zendesk's documents leave open, and what users have reported; all of it may be set while the world runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an oddity of its own")]
pub(crate) struct Quirks {
    /// Deleting a client ends its tokens. Not documented; here they live on unless this is set.
    pub(crate) deleting_a_client_ends_its_tokens: bool,
    /// So many deletions of an access token answer 204 and do nothing.
    pub(crate) false_deletions: u32,
    /// So many deactivations of an API token answer 200 and do nothing.
    pub(crate) false_api_token_deactivations: u32,
    /// So many deletions of an API token, be it active or not, answer 204 and do nothing.
    pub(crate) false_api_token_deletions: u32,
    /// So many deletions of an OAuth client answer 204 and do nothing.
    pub(crate) false_client_deletions: u32,
    /// OAuth clients are on no list; each is still there under its own address, and works.
    pub(crate) lists_no_clients: bool,
    /// Pages hold half of what they could.
    pub(crate) short_pages: bool,
    /// The audit log learns of nothing.
    pub(crate) logs_nothing: bool,
    /// The answer to a creation shows what was asked for, whatever was made.
    pub(crate) answers_as_asked: bool,
    /// What a new API token gets in place of its description and creator.
    pub(crate) token_description: Option<String>,
    pub(crate) token_user_id: Option<u64>,
    /// What a new client gets in place of what was asked for.
    pub(crate) client_user_id: Option<u64>,
    pub(crate) client_kind: Option<String>,
    pub(crate) client_name: Option<String>,
    /// Put behind the identifier that was asked for.
    pub(crate) client_identifier_suffix: String,
    /// The scopes a new access token gets, whatever was asked for.
    pub(crate) granted_scopes: Option<String>,
    /// The life a new access token gets, in seconds; 0 is one without an end.
    pub(crate) granted_life: Option<u64>,
}

/// A user of the account, of whatever role.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Agent {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email: String,
    /// `admin`, `agent` or `end-user`.
    pub(crate) role: String,
    pub(crate) verified: bool,
    pub(crate) suspended: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ApiToken {
    pub(crate) id: u64,
    pub(crate) user_id: u64,
    pub(crate) description: String,
    pub(crate) active: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) secret: String,
}

/// An OAuth client.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) identifier: String,
    /// `public` or `confidential`.
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) company: String,
    pub(crate) redirect_uri: Vec<String>,
    pub(crate) secret: String,
    pub(crate) user_id: u64,
    /// Set in Admin Center only; the API shows nothing of it.
    pub(crate) allowed_scopes: Option<Vec<String>>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
}

/// An OAuth access token.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bearer {
    pub(crate) id: u64,
    pub(crate) client_id: u64,
    pub(crate) user_id: u64,
    pub(crate) token: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: Timestamp,
    /// Tokens of clients made before 2026-04-30 have none unless asked for.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
}

/// One line of Zendesk's own audit log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuditLog {
    pub(crate) id: u64,
    /// `create`, `update`, `destroy`.
    pub(crate) action: String,
    pub(crate) actor_id: u64,
    pub(crate) source_type: String,
    pub(crate) source_id: u64,
    pub(crate) source_label: String,
    pub(crate) change_description: String,
    pub(crate) created_at: Timestamp,
}

/// What a line of the audit log is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) kind: &'static str,
    pub(crate) id: u64,
    pub(crate) label: &'a str,
    pub(crate) change: &'a str,
}

impl Bearer {
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.deleted_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

impl Account {
    /// A fresh id, larger than all before.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether a list that lags shows what was created and deleted then.
    pub(crate) fn lists(&self, now: Timestamp, created: Timestamp, deleted: Option<Timestamp>) -> bool {
        let lag = SignedDuration::from_secs(self.list_lag_seconds);
        let then = now.saturating_sub(lag).unwrap_or(now);
        created <= then && deleted.is_none_or(|at| at > then)
    }

    /// A line of the audit log.
    pub(crate) fn log(&mut self, by: (u64, Timestamp), action: &str, source: Source<'_>) {
        if self.quirks.logs_nothing {
            return;
        }
        let (actor_id, created_at) = by;
        let (action, change_description) = (action.to_owned(), source.change.to_owned());
        let (source_type, source_label) = (source.kind.to_owned(), source.label.to_owned());
        let (id, source_id) = (self.fresh_id(), source.id);
        let line = AuditLog {
            id,
            action,
            actor_id,
            source_type,
            source_id,
            source_label,
            change_description,
            created_at,
        };
        self.audit_log.push(line);
    }

    /// A user by id.
    pub(crate) fn agent(&self, id: u64) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == id)
    }
}
