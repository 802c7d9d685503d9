//! How we log in at Zendesk ourselves.
//!
//! By OAuth client credentials, whose access token is kept in memory until shortly before it ends, or by an API
//! token of our own, which Zendesk ends on 2027-04-30. Getting an access token comes before the call it is for, so
//! none of its failures may look as if that call had perhaps been carried out, or as its 404.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;
use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::domain::ids::Email;
use crate::secret::{MintedSecret, Secret};
use crate::vendors::error::{VendorError, accepted};
use crate::vendors::http::Transport;
use crate::vendors::{Call, Vendor, address};

/// What we ask for in seconds: Zendesk's own default for clients made since 2026-04-30, and short.
const LIFETIME: i64 = 1800;
/// Renewed this long before its end, so that no call begins with a token that ends on the way.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);
/// Not beneath the account's API: the grant has an address of its own.
pub(super) const GRANT: &str = "oauth/tokens";

/// Our credential for one account.
#[derive(Debug, Clone)]
pub enum Login {
    /// Client credentials of a confidential OAuth client; calls act as the client's owner.
    OAuth {
        /// The client's identifier.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// Separated by spaces. Zendesk takes none for all of them.
        scope: String,
    },
    /// An API token with the address of the user to act as.
    ApiToken {
        /// Of the user to act as.
        email: Email,
        /// The token.
        token: Secret,
    },
}

struct Bearer {
    header: HeaderValue,
    renew_at: Timestamp,
}

/// A login, and what it gave us.
pub(super) struct Session {
    transport: Transport,
    base: Url,
    login: Login,
    clock: SharedClock,
    /// Held while one is fetched, so that many calls at once fetch one.
    bearer: Mutex<Option<Bearer>>,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(deserialize_with = "secret")]
    access_token: Secret,
    expires_in: Option<i64>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("login", &self.login).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(transport: Transport, base: Url, login: Login, clock: SharedClock) -> Self {
        Self { transport, base, login, clock, bearer: Mutex::new(None) }
    }

    /// What we log in with.
    pub(super) fn login(&self) -> &Login {
        &self.login
    }

    /// The `Authorization` for a call that begins now.
    pub(super) async fn authorization(&self) -> Result<HeaderValue, VendorError> {
        let Login::OAuth { client_id, client_secret, scope } = &self.login else {
            return self.basic();
        };
        let mut bearer = self.bearer.lock().await;
        if let Some(kept) = bearer.as_ref().filter(|kept| self.clock.now() < kept.renew_at) {
            return Ok(kept.header.clone());
        }
        let grant = Zeroizing::new(
            json!({
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret.expose(),
                "scope": scope,
                "expires_in": LIFETIME,
            })
            .to_string()
            .into_bytes(),
        );
        let fresh = self.fetch(Bytes::from_owner(grant)).await.map_err(before_the_call)?;
        let header = fresh.header.clone();
        *bearer = Some(fresh);
        Ok(header)
    }

    /// Drops an access token that was refused. False: there is no other to be had.
    pub(super) async fn forget(&self, refused: &HeaderValue) -> bool {
        let mut bearer = self.bearer.lock().await;
        if bearer.as_ref().is_some_and(|kept| kept.header == *refused) {
            *bearer = None;
        }
        matches!(self.login, Login::OAuth { .. })
    }

    fn basic(&self) -> Result<HeaderValue, VendorError> {
        match &self.login {
            Login::ApiToken { email, token } => basic(&email.0, token.expose()),
            Login::OAuth { .. } => Err(unusable()),
        }
    }

    async fn fetch(&self, grant: Bytes) -> Result<Bearer, VendorError> {
        let request = Request::post(address(&self.base, GRANT))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(grant)
            .map_err(|_| unusable())?;
        let asked_at = self.clock.now();
        let call = Call { vendor: Vendor::Zendesk, operation: "log_in" };
        // A second access token that nobody got ends by itself within half an hour.
        let answer = accepted(Vendor::Zendesk, self.transport.send_repeatable(call, request).await)?;
        bearer(&answer, asked_at)
    }
}

fn bearer(answer: &Response<Bytes>, asked_at: Timestamp) -> Result<Bearer, VendorError> {
    let grant: Grant = serde_json::from_slice(answer.body())
        .map_err(|_| VendorError::Malformed { vendor: Vendor::Zendesk })?;
    let lifetime = SignedDuration::from_secs(grant.expires_in.unwrap_or(LIFETIME).clamp(0, LIFETIME));
    let renew_at = asked_at.saturating_add((lifetime - MARGIN).max(lifetime / 2)).unwrap_or(asked_at);
    let value = Zeroizing::new(format!("Bearer {}", grant.access_token.expose()));
    Ok(Bearer { header: sensitive(&value)?, renew_at })
}

/// What a failed log-in means for the call that needed it: that was not sent at all.
fn before_the_call(error: VendorError) -> VendorError {
    let vendor = Vendor::Zendesk;
    match error {
        // Keeps the wait, and says that nothing was done.
        VendorError::Unavailable { after: after @ Some(_), .. } => VendorError::RateLimited { vendor, after },
        VendorError::Unavailable { after: None, .. }
        | VendorError::Unknown { .. }
        | VendorError::Malformed { .. } => VendorError::Unsent { vendor },
        VendorError::NotFound { .. } => {
            VendorError::Rejected { vendor, status: 404, code: "no OAuth at this address".to_owned() }
        }
        error => error,
    }
}

/// Basic authentication with an API token: `EMAIL/token:TOKEN`.
pub(super) fn basic(email: &str, token: &str) -> Result<HeaderValue, VendorError> {
    let plain = Zeroizing::new(format!("{email}/token:{token}"));
    let encoded = Zeroizing::new(STANDARD.encode(plain.as_bytes()));
    sensitive(&Zeroizing::new(format!("Basic {}", encoded.as_str())))
}

/// Bearer authentication with an access token that is not our own login.
pub(super) fn bearer_of(token: &MintedSecret) -> Result<HeaderValue, VendorError> {
    sensitive(&Zeroizing::new(format!("Bearer {}", token.expose())))
}

fn sensitive(value: &str) -> Result<HeaderValue, VendorError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable() -> VendorError {
    VendorError::refused_to_send(Vendor::Zendesk, "the login is no header value")
}
