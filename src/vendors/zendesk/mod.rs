//! Zendesk: the API tokens, OAuth clients, access tokens and audit log of one account. Source of the paths: Zendesk
//! "Ticketing API", as far as documented.
//!
//! One client is one account, with its address and our own login there. Nothing is believed because of a status: an
//! ending is proven by [`Zendesk::list_api_tokens`], and a list that may not be the whole one is an error. Zendesk's
//! list can contain every token's secret, so both token fields are dropped unread and each answer is wiped.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use self::login::{Session, basic};
use super::error::{VendorError, accepted};
use super::http::Transport;
use super::{Call, Vendor, address};
use crate::clock::SharedClock;
use crate::domain::ids::{CredentialId, Email};
use crate::domain::observed::ListedToken;
use crate::planted::{self, Bug};
use crate::secret::MintedSecret;

mod audit_log;
mod listing;
mod login;
mod oauth;
mod oauth_shapes;
mod pages;
mod shapes;

pub use audit_log::AuditQuery;
pub use login::Login;
pub use oauth::NewClient;
pub use oauth_shapes::{CreatedClient, Granted};
pub use pages::{Cursor, Page};
pub use shapes::{Created, Ourselves};

/// `include_users` makes Zendesk say who created each token.
const LIST: &str = "api/v2/api_tokens?include_users=true";
const TOKENS: &str = "api/v2/api_tokens";
const ME: &str = "api/v2/users/me";

/// A client of one Zendesk account.
#[derive(Debug)]
pub struct Zendesk {
    transport: Transport,
    base: Url,
    session: Session,
}

/// One question or command, before it has a login.
struct Ask<'a> {
    operation: &'static str,
    method: Method,
    path: &'a str,
    body: Option<Value>,
}

impl Zendesk {
    /// `base` is the account's address, `https://company.zendesk.com`.
    pub fn new(transport: Transport, base: Url, login: Login, clock: SharedClock) -> Self {
        let session = Session::new(transport.clone(), base.clone(), login, clock);
        Self { transport, base, session }
    }

    /// Who we are here. Zendesk answers a stranger with an anonymous user; that is [`VendorError::Unauthorized`].
    pub async fn ourselves(&self) -> Result<Ourselves, VendorError> {
        let me: shapes::Me = self.read(Ask::get("ourselves", ME)).await?;
        me.ourselves().ok_or(VendorError::Unauthorized { vendor: Vendor::Zendesk })
    }

    /// All API tokens of the account, the deactivated ones too.
    ///
    /// [`VendorError::NotFound`]: API token access is switched off for the account. [`VendorError::Forbidden`]: we may
    /// not see them. Neither means that there are none.
    pub async fn list_api_tokens(&self) -> Result<Vec<ListedToken>, VendorError> {
        let list: shapes::List = self.read(Ask::get("list_api_tokens", LIST)).await?;
        list.whole().ok_or_else(malformed)
    }

    /// Mints a token with this description. Not repeatable: whatever is not
    /// [`VendorError::is_definitely_not_done`] may have left a live token behind.
    pub async fn create_api_token(&self, name: &str) -> Result<Created, VendorError> {
        let body = json!({ "api_token": { "description": name } });
        let ask = Ask { operation: "create_api_token", method: Method::POST, path: TOKENS, body: Some(body) };
        let answer = match self.send(&ask).await {
            Err(VendorError::Unknown { .. }) if planted::is(Bug::RetryCreate) => self.send(&ask).await?,
            answer => answer?,
        };
        // A success that cannot be read made a token whose secret nobody has.
        let created = serde_json::from_slice(answer.body()).ok().and_then(shapes::Minted::created);
        created.ok_or(VendorError::Unknown { vendor: Vendor::Zendesk })
    }

    /// Switches a token off, which Zendesk wants before it is deleted. The list proves it.
    pub async fn deactivate_api_token(&self, token: CredentialId) -> Result<(), VendorError> {
        let body = json!({ "api_token": { "active": false } });
        let path = format!("{TOKENS}/{token}");
        let method = Method::PUT;
        self.send(&Ask { operation: "deactivate_api_token", method, path: &path, body: Some(body) }).await?;
        Ok(())
    }

    /// Deletes a token. The list proves it.
    pub async fn delete_api_token(&self, token: CredentialId) -> Result<(), VendorError> {
        let path = format!("{TOKENS}/{token}");
        let method = Method::DELETE;
        self.send(&Ask { operation: "delete_api_token", method, path: &path, body: None }).await?;
        Ok(())
    }

    /// All API tokens of the account, as `email` sees them with a minted token; `None`: it does not log them in.
    pub async fn list_api_tokens_with(
        &self,
        email: &Email,
        secret: &MintedSecret,
    ) -> Result<Option<Vec<ListedToken>>, VendorError> {
        let ask = Ask::get("list_api_tokens_with", LIST);
        match self.attempt(&ask, basic(&email.0, secret.expose())?).await {
            Ok(answer) => parsed::<shapes::List>(&answer)?.whole().ok_or_else(malformed).map(Some),
            Err(VendorError::Unauthorized { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, VendorError> {
        parsed(&self.send(&ask).await?)
    }

    /// Sends, and once more with a fresh login if the one we had is no longer accepted: a 401 was not carried out.
    async fn send(&self, ask: &Ask<'_>) -> Result<Response<Bytes>, VendorError> {
        let login = self.session.authorization().await?;
        let outcome = self.attempt(ask, login.clone()).await;
        match outcome {
            Err(VendorError::Unauthorized { .. }) if self.session.forget(&login).await => {
                self.attempt(ask, self.session.authorization().await?).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, ask: &Ask<'_>, login: HeaderValue) -> Result<Response<Bytes>, VendorError> {
        let call = Call { vendor: Vendor::Zendesk, operation: ask.operation };
        let request = self.request(ask, login)?;
        let outcome = if ask.method == Method::GET {
            self.transport.send_repeatable(call, request).await
        } else {
            self.transport.send(call, request).await
        };
        accepted(Vendor::Zendesk, outcome)
    }

    fn request(&self, ask: &Ask<'_>, login: HeaderValue) -> Result<Request<Bytes>, VendorError> {
        let body = ask.body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(address(&self.base, ask.path))
            .header(header::AUTHORIZATION, login)
            .header(header::ACCEPT, "application/json");
        // On DELETE too, says Zendesk's "Making requests".
        if ask.method != Method::GET {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(body.into())
            .map_err(|_| VendorError::refused_to_send(Vendor::Zendesk, "the request could not be built"))
    }
}

impl<'a> Ask<'a> {
    fn get(operation: &'static str, path: &'a str) -> Self {
        Self { operation, method: Method::GET, path, body: None }
    }
}

fn parsed<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, VendorError> {
    serde_json::from_slice(answer.body()).map_err(|_| malformed())
}

fn malformed() -> VendorError {
    VendorError::Malformed { vendor: Vendor::Zendesk }
}

#[cfg(test)]
mod tests;
