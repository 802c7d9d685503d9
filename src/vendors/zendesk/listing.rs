//! API tokens with what the inventory tells of them, and what an operator may do to one that is not about to end.
//!
//! Source as in the parent module. Secrets have no field here; the beginning that Zendesk shows is taken, cut to ten
//! letters even where an answer holds more. "Never used" is only what Zendesk says outright.

use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::login::Login;
use super::shapes::beginning;
use super::{Ask, LIST, TOKENS, Zendesk, malformed};
use crate::domain::ids::{CredentialId, Email, ZendeskUserId};
use crate::domain::inventory::{LastUse, Listed, ListedKind};
use crate::vendors::VendorError;

/// Shorter beginnings fit too many.
const SHORTEST: usize = 4;

#[derive(Deserialize)]
struct TokenList {
    api_tokens: Vec<ApiToken>,
    next_page: Option<String>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct ApiToken {
    id: CredentialId,
    description: Option<String>,
    user_id: Option<ZendeskUserId>,
    user_name: Option<String>,
    user_email: Option<Email>,
    active: bool,
    created_at: Option<Timestamp>,
    #[serde(default, alias = "last_used_at", deserialize_with = "said")]
    last_used: Said,
    #[serde(default, rename = "visible_token", deserialize_with = "beginning")]
    visible: Option<String>,
}

/// A time that may be missing, null, or there: three different things.
type Said = Option<Option<Timestamp>>;

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Said, D::Error> {
    Option::<Timestamp>::deserialize(deserializer).map(Some)
}

impl Zendesk {
    /// All API tokens with what the inventory tells of them; refusals as with [`Zendesk::list_api_tokens`].
    pub async fn inventory_of_api_tokens(&self) -> Result<Vec<Listed>, VendorError> {
        let list: TokenList = self.read(Ask::get("list_api_tokens", LIST)).await?;
        if list.next_page.is_some() || list.meta.is_some_and(|meta| meta.has_more) {
            return Err(malformed());
        }
        Ok(list.api_tokens.into_iter().map(|token| self.api_token(token)).collect())
    }

    /// Whether this is the identifier of the OAuth client that we log in with ourselves.
    pub fn is_own_client(&self, identifier: &str) -> bool {
        matches!(self.session.login(), Login::OAuth { client_id, .. } if client_id == identifier)
    }

    /// Gives a token another name. The list proves it.
    pub async fn rename_api_token(&self, token: CredentialId, name: &str) -> Result<(), VendorError> {
        self.change(token, "rename_api_token", json!({ "description": name })).await
    }

    /// Switches a token on again. The list proves it.
    pub async fn reactivate_api_token(&self, token: CredentialId) -> Result<(), VendorError> {
        self.change(token, "reactivate_api_token", json!({ "active": true })).await
    }

    async fn change(
        &self,
        token: CredentialId,
        operation: &'static str,
        change: Value,
    ) -> Result<(), VendorError> {
        let (path, body) = (format!("{TOKENS}/{token}"), Some(json!({ "api_token": change })));
        self.send(&Ask { operation, method: Method::PUT, path: &path, body }).await?;
        Ok(())
    }

    fn api_token(&self, token: ApiToken) -> Listed {
        let own_login = match (self.session.login(), &token.visible) {
            (Login::ApiToken { token: own, .. }, Some(shown)) => {
                shown.len() >= SHORTEST && own.expose().starts_with(shown.as_str())
            }
            _ => false,
        };
        let last_use = match token.last_used {
            Some(Some(at)) => LastUse::At(at),
            Some(None) => LastUse::Never,
            None => LastUse::NotKnown,
        };
        Listed {
            kind: ListedKind::ApiToken,
            id: token.id,
            name: token.description.unwrap_or_default(),
            identifier: None,
            client: None,
            creator: token.user_id,
            creator_name: token.user_name,
            creator_email: token.user_email,
            active: token.active,
            created_at: token.created_at,
            last_use,
            expires_at: None,
            visible: token.visible,
            own_login,
        }
    }
}

#[cfg(test)]
mod tests;
