//! What one Zendesk account remembers.
//!
//! Deleted tokens stay in the books: lists may lag behind, and a test wants to know every secret that ever was.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) last_id: u64,
    /// False: creation is refused, as everywhere since 2026-10-27.
    pub(crate) creates_api_tokens: bool,
    /// Account setting "token access"; off, the list is 404 and tokens do not log in.
    pub(crate) api_token_access: bool,
    /// How long lists go on showing what was.
    pub(crate) list_lag_seconds: i64,
    pub(crate) agents: Vec<Agent>,
    pub(crate) tokens: BTreeMap<u64, ApiToken>,
    pub(crate) clients: Vec<Client>,
    pub(crate) bearers: Vec<Bearer>,
    /// Every secret ever minted through the API.
    pub(crate) ever_minted: Vec<String>,
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
    pub(crate) identifier: String,
    pub(crate) secret: String,
    pub(crate) user_id: u64,
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
    pub(crate) expires_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
}

impl Account {
    /// A fresh id, larger than all before.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A user by id.
    pub(crate) fn agent(&self, id: u64) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == id)
    }
}
