//! What the inventory reads of one account: API tokens in their one list, OAuth clients and tokens page by page.
//!
//! Source: Zendesk "OAuth Clients", "OAuth Tokens" and "Pagination" of the Ticketing API reference; the API tokens as
//! in the parent module. Secrets have no field here; the beginning that Zendesk shows is taken, cut to ten letters
//! even where an answer holds more. "Never used" is only what Zendesk says outright.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use url::form_urlencoded::byte_serialize;

use super::login::Login;
use super::{Ask, LIST, Zendesk, malformed};
use crate::domain::ids::{CredentialId, ZendeskUserId};
use crate::domain::inventory::{LastUse, Listed, ListedKind};
use crate::vendors::VendorError;

const CLIENTS: &str = "api/v2/oauth/clients?page[size]=100";
/// All users' tokens; without `all` it is our own.
const TOKENS: &str = "api/v2/oauth/tokens?all=true&page[size]=100";
/// As many letters of a token as Zendesk returns of an OAuth token.
const VISIBLE: usize = 10;
/// Shorter beginnings fit too many.
const SHORTEST: usize = 4;

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next one with; `None` after the last.
    pub next: Option<String>,
}

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
    after_cursor: Option<String>,
}

#[derive(Deserialize)]
struct ApiToken {
    id: CredentialId,
    description: Option<String>,
    user_id: Option<ZendeskUserId>,
    user_name: Option<String>,
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

/// The first letters, without the dots or stars that stand for the rest.
fn beginning<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let shown = Option::<String>::deserialize(deserializer)?.map(zeroize::Zeroizing::new);
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let kept = shown.map(|text| text.chars().take_while(plain).take(VISIBLE).collect::<String>());
    Ok(kept.filter(|text| !text.is_empty()))
}

#[derive(Deserialize)]
struct ClientList {
    clients: Vec<Client>,
    next_page: Option<String>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Client {
    id: CredentialId,
    name: Option<String>,
    identifier: Option<String>,
    user_id: Option<ZendeskUserId>,
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct GrantList {
    tokens: Vec<Grant>,
    next_page: Option<String>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Grant {
    id: CredentialId,
    client_id: Option<CredentialId>,
    user_id: Option<ZendeskUserId>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    /// Null both for "never" and for "not known".
    used_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "beginning")]
    token: Option<String>,
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

    /// A page of at most 100 OAuth clients; `after` is the page's before, or `None` for the first.
    pub async fn oauth_clients_page(&self, after: Option<&str>) -> Result<Page<Listed>, VendorError> {
        let page: ClientList = self.read(Ask::get("list_oauth_clients", &paged(CLIENTS, after))).await?;
        let next = next(page.meta, page.next_page.as_deref())?;
        Ok(Page { items: page.clients.into_iter().map(|client| self.oauth_client(client)).collect(), next })
    }

    /// A page of at most 100 OAuth tokens of all users.
    pub async fn oauth_tokens_page(&self, after: Option<&str>) -> Result<Page<Listed>, VendorError> {
        let page: GrantList = self.read(Ask::get("list_oauth_tokens", &paged(TOKENS, after))).await?;
        let next = next(page.meta, page.next_page.as_deref())?;
        Ok(Page { items: page.tokens.into_iter().map(oauth_token).collect(), next })
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
            active: token.active,
            created_at: token.created_at,
            last_use,
            expires_at: None,
            visible: token.visible,
            own_login,
        }
    }

    fn oauth_client(&self, client: Client) -> Listed {
        let own = match self.session.login() {
            Login::OAuth { client_id, .. } => client.identifier.as_ref() == Some(client_id),
            Login::ApiToken { .. } => false,
        };
        Listed {
            kind: ListedKind::OauthClient,
            id: client.id,
            name: client.name.unwrap_or_default(),
            identifier: client.identifier,
            client: None,
            creator: client.user_id,
            creator_name: None,
            active: true,
            created_at: client.created_at,
            last_use: LastUse::NotKnown,
            expires_at: None,
            visible: None,
            own_login: own,
        }
    }
}

fn oauth_token(grant: Grant) -> Listed {
    Listed {
        kind: ListedKind::OauthToken,
        id: grant.id,
        name: String::new(),
        identifier: None,
        client: grant.client_id,
        creator: grant.user_id,
        creator_name: None,
        active: true,
        created_at: grant.created_at,
        last_use: grant.used_at.map_or(LastUse::NotKnown, LastUse::At),
        expires_at: grant.expires_at,
        visible: grant.token,
        own_login: false,
    }
}

fn paged(path: &str, after: Option<&str>) -> String {
    match after {
        Some(cursor) => {
            format!("{path}&page[after]={}", byte_serialize(cursor.as_bytes()).collect::<String>())
        }
        None => path.to_owned(),
    }
}

/// A list that says there is more and not how to get it must not pass for the whole.
fn next(meta: Option<Meta>, next_page: Option<&str>) -> Result<Option<String>, VendorError> {
    match (meta, next_page) {
        (Some(Meta { has_more: true, after_cursor: Some(cursor) }), _) => Ok(Some(cursor)),
        (Some(Meta { has_more: true, .. }), _) | (None, Some(_)) => Err(malformed()),
        (Some(_), _) | (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
