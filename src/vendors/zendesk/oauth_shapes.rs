//! Zendesk's JSON about OAuth clients and access tokens, as little of it as we need.
//!
//! The shapes of lists have no field for a secret or a refresh token; of a token they take the beginning that Zendesk shows
//! to every admin, cut to ten letters even where an answer holds more. What is minted is read in two places only, the answer of a client's creation and that of a grant, and goes straight into a type that is wiped.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use super::pages::Paging;
use super::shapes::{beginning, secret};
use crate::domain::ids::{CredentialId, ZendeskUserId};
use crate::domain::observed::{ListedAccess, ListedClient};
use crate::secret::MintedSecret;

/// A client just made.
pub struct CreatedClient {
    /// As Zendesk made it, which need not be as it was asked for.
    pub client: ListedClient,
    /// Shown this once.
    pub secret: MintedSecret,
}

/// An access token just granted.
pub struct Granted {
    /// The token.
    pub token: MintedSecret,
    /// Separated by spaces, where the answer says so.
    pub scope: Option<String>,
    /// Seconds; `None` is a token without an end.
    pub expires_in: Option<i64>,
}

impl fmt::Debug for CreatedClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CreatedClient").field("client", &self.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Granted").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
pub(super) struct Clients {
    pub(super) clients: Vec<Client>,
    #[serde(flatten)]
    pub(super) paging: Paging,
}

#[derive(Deserialize)]
pub(super) struct OneClient {
    pub(super) client: Client,
}

#[derive(Deserialize)]
pub(super) struct Client {
    id: CredentialId,
    name: Option<String>,
    identifier: String,
    kind: Option<String>,
    user_id: Option<ZendeskUserId>,
    description: Option<String>,
    created_at: Option<Timestamp>,
}

impl From<Client> for ListedClient {
    fn from(client: Client) -> Self {
        Self {
            id: client.id,
            name: client.name.unwrap_or_default(),
            identifier: client.identifier,
            confidential: client.kind.map(|kind| kind == "confidential"),
            owner: client.user_id,
            description: client.description.unwrap_or_default(),
            created_at: client.created_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MadeClient {
    client: NewlyMade,
}

#[derive(Deserialize)]
struct NewlyMade {
    #[serde(flatten)]
    client: Client,
    #[serde(default, deserialize_with = "secret")]
    secret: Option<MintedSecret>,
}

impl MadeClient {
    /// The client, if its secret is there.
    pub(super) fn created(self) -> Option<CreatedClient> {
        Some(CreatedClient { client: self.client.client.into(), secret: self.client.secret? })
    }
}

#[derive(Deserialize)]
pub(super) struct Accesses {
    pub(super) tokens: Vec<Access>,
    #[serde(flatten)]
    pub(super) paging: Paging,
}

#[derive(Deserialize)]
pub(super) struct Access {
    id: CredentialId,
    client_id: Option<CredentialId>,
    user_id: Option<ZendeskUserId>,
    #[serde(default)]
    scopes: Vec<String>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
    #[serde(default, rename = "token", deserialize_with = "beginning")]
    visible: Option<String>,
}

impl From<Access> for ListedAccess {
    fn from(access: Access) -> Self {
        Self {
            id: access.id,
            client: access.client_id,
            user: access.user_id,
            scopes: access.scopes,
            created_at: access.created_at,
            expires_at: access.expires_at,
            used_at: access.used_at,
            visible: access.visible,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Grant {
    #[serde(default, deserialize_with = "secret")]
    access_token: Option<MintedSecret>,
    scope: Option<String>,
    expires_in: Option<i64>,
}

impl Grant {
    /// The token, if it is there.
    pub(super) fn granted(self) -> Option<Granted> {
        Some(Granted { token: self.access_token?, scope: self.scope, expires_in: self.expires_in })
    }
}
