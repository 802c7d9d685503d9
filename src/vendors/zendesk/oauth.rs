//! OAuth clients and their access tokens. Source: Zendesk, "OAuth Clients", "OAuth Tokens", "OAuth Tokens for Grant Types".
//!
//! As with API tokens nothing is believed because of a status: lists prove what is there and what is gone. A client that
//! goes does not take its tokens along as far as is documented, so each is deleted by its id.

use bytes::Bytes;
use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use super::login::{GRANT, bearer_of};
use super::oauth_shapes::{Accesses, Clients, CreatedClient, Grant, Granted, MadeClient, OneClient};
use super::pages::{self, Cursor, Gathered, Page};
use super::{Ask, Zendesk, malformed, parsed};
use crate::domain::ids::{CredentialId, ZendeskUserId};
use crate::domain::observed::{ListedAccess, ListedClient};
use crate::secret::MintedSecret;
use crate::vendors::error::{VendorError, accepted};
use crate::vendors::{Call, Vendor, address};

const CLIENTS: &str = "api/v2/oauth/clients";
const TOKENS: &str = "api/v2/oauth/tokens";
const ME: &str = "api/v2/users/me";
/// Pages of expired access tokens that are read of one client: it may have fetched one every few minutes for a year.
const MOST_HISTORY: usize = 20;

/// A confidential client to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewClient<'a> {
    /// What Admin Center shows.
    pub name: &'a str,
    /// What it logs in with. Unique within the account.
    pub identifier: &'a str,
    /// The link to the request.
    pub description: &'a str,
    /// Whom its tokens act as.
    pub owner: ZendeskUserId,
}

impl Zendesk {
    /// Some of the account's OAuth clients, from `after` on.
    pub async fn clients(&self, after: Option<&Cursor>) -> Result<Page<ListedClient>, VendorError> {
        let path = pages::address(CLIENTS, &[], after);
        let list: Clients = self.read(Ask::get("list_oauth_clients", &path)).await?;
        list.paging.page(list.clients.into_iter().map(Into::into).collect())
    }

    /// All OAuth clients of the account. [`VendorError::Forbidden`] and [`VendorError::NotFound`]: we cannot see them.
    pub async fn list_clients(&self) -> Result<Vec<ListedClient>, VendorError> {
        let mut list = Gathered::none();
        while !list.is_whole() {
            let page = self.clients(list.next()).await?;
            list.take(page)?;
        }
        Ok(list.items())
    }

    /// One client. [`VendorError::NotFound`] is no proof that it is gone: the list is.
    pub async fn client(&self, id: CredentialId) -> Result<ListedClient, VendorError> {
        let path = format!("{CLIENTS}/{id}");
        let one: OneClient = self.read(Ask::get("show_oauth_client", &path)).await?;
        Ok(one.client.into())
    }

    /// Makes a client. Not repeatable: whatever is not [`VendorError::is_definitely_not_done`] may have left one behind,
    /// which its identifier finds.
    pub async fn create_client(&self, wanted: NewClient<'_>) -> Result<CreatedClient, VendorError> {
        let body = json!({ "client": {
            "name": wanted.name, "identifier": wanted.identifier, "description": wanted.description,
            "kind": "confidential", "user_id": wanted.owner,
        }});
        let operation = "create_oauth_client";
        let ask = Ask { operation, method: Method::POST, path: CLIENTS, body: Some(body) };
        let answer = self.send(&ask).await?;
        // A success that cannot be read made a client whose secret nobody has.
        let created = serde_json::from_slice(answer.body()).ok().and_then(MadeClient::created);
        created.ok_or(VendorError::Unknown { vendor: Vendor::Zendesk })
    }

    /// Gives a client a new secret that nobody gets, so that the old one fetches no more tokens.
    pub async fn discard_client_secret(&self, id: CredentialId) -> Result<(), VendorError> {
        let path = format!("{CLIENTS}/{id}/generate_secret");
        let (operation, method) = ("discard_client_secret", Method::PUT);
        self.send(&Ask { operation, method, path: &path, body: None }).await?;
        Ok(())
    }

    /// Deletes a client. The list proves it; its tokens may live on.
    pub async fn delete_client(&self, id: CredentialId) -> Result<(), VendorError> {
        let path = format!("{CLIENTS}/{id}");
        let (operation, method) = ("delete_oauth_client", Method::DELETE);
        self.send(&Ask { operation, method, path: &path, body: None }).await?;
        Ok(())
    }

    /// Some of the access tokens that are not expired: one client's, or the whole account's.
    pub async fn access_tokens(
        &self,
        of: Option<CredentialId>,
        after: Option<&Cursor>,
    ) -> Result<Page<ListedAccess>, VendorError> {
        let client = of.map(|client| client.to_string());
        let mut query = vec![("all", "true")];
        query.extend(client.as_deref().map(|client| ("client_id", client)));
        let path = pages::address(TOKENS, &query, after);
        let list: Accesses = self.read(Ask::get("list_oauth_tokens", &path)).await?;
        list.paging.page(list.tokens.into_iter().map(Into::into).collect())
    }

    /// All access tokens that are not expired: one client's, or the whole account's.
    pub async fn list_access_tokens(
        &self,
        of: Option<CredentialId>,
    ) -> Result<Vec<ListedAccess>, VendorError> {
        let mut list = Gathered::none();
        while !list.is_whole() {
            let page = self.access_tokens(of, list.next()).await?;
            list.take(page)?;
        }
        // Should the filter ever be ignored, another client's tokens must not be taken for this one's.
        Ok(list.items().into_iter().filter(|token| of.is_none() || token.client == of).collect())
    }

    /// When any access token of a client was last used, expired ones included, but for those of `except`. `None`:
    /// never, or Zendesk does not say; a client itself has no such time. A history longer than we read is an error.
    pub async fn last_use_of_client(
        &self,
        client: CredentialId,
        except: &[CredentialId],
    ) -> Result<Option<Timestamp>, VendorError> {
        let of = client.to_string();
        let query = [("all", "true"), ("client_id", of.as_str()), ("include_expired", "true")];
        let mut list = Gathered::none();
        for _ in 0..MOST_HISTORY {
            let path = pages::address(TOKENS, &query, list.next());
            let page: Accesses = self.read(Ask::get("list_expired_oauth_tokens", &path)).await?;
            list.take(page.paging.page(page.tokens.into_iter().map(ListedAccess::from).collect())?)?;
            if list.is_whole() {
                let theirs =
                    |token: &ListedAccess| token.client == Some(client) && !except.contains(&token.id);
                return Ok(list.items().into_iter().filter(theirs).filter_map(|token| token.used_at).max());
            }
        }
        Err(malformed())
    }

    /// Deletes an access token. Has answered 204 and changed nothing: the list proves it.
    pub async fn delete_access_token(&self, id: CredentialId) -> Result<(), VendorError> {
        let path = format!("{TOKENS}/{id}");
        let (operation, method) = ("delete_oauth_token", Method::DELETE);
        self.send(&Ask { operation, method, path: &path, body: None }).await?;
        Ok(())
    }

    /// Fetches an access token with a client's own identifier and secret, for so many seconds.
    ///
    /// [`VendorError::Unauthorized`]: Zendesk does not know them. [`VendorError::Rejected`] with the code
    /// `invalid_scope`: not with these scopes. Not repeatable; an unanswered one is found in the client's list.
    pub async fn grant(
        &self,
        (identifier, secret): (&str, &MintedSecret),
        scopes: &[String],
        expires_in: i64,
    ) -> Result<Granted, VendorError> {
        let body = json!({
            "grant_type": "client_credentials", "client_id": identifier, "client_secret": secret.expose(),
            "scope": scopes.join(" "), "expires_in": expires_in,
        });
        let body = Zeroizing::new(body.to_string().into_bytes());
        let request = Request::post(address(&self.base, GRANT))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from_owner(body))
            .map_err(|_| VendorError::refused_to_send(Vendor::Zendesk, "the request could not be built"))?;
        let call = Call { vendor: Vendor::Zendesk, operation: "grant_oauth_token" };
        let answer = accepted(Vendor::Zendesk, self.transport.send(call, request).await)?;
        let granted = serde_json::from_slice(answer.body()).ok().and_then(Grant::granted);
        granted.ok_or(VendorError::Unknown { vendor: Vendor::Zendesk })
    }

    /// Whether an access token is one: a refusal for want of a scope knows it, too.
    pub async fn bearer_works(&self, token: &MintedSecret) -> Result<bool, VendorError> {
        match self.attempt(&Ask::get("bearer_works", ME), bearer_of(token)?).await {
            Ok(answer) => Ok(parsed::<super::shapes::Me>(&answer)?.ourselves().is_some()),
            Err(VendorError::Forbidden { .. }) => Ok(true),
            Err(VendorError::Unauthorized { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
