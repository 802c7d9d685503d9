//! Zendesk's JSON about users and API tokens, as little of it as we need.
//!
//! A token's secret is read in one place only, the answer of its creation, and goes straight into a type that is
//! wiped. The list's shape has no field for it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::domain::ids::{CredentialId, Email, ZendeskUserId};
use crate::domain::observed::ListedToken;
use crate::secret::MintedSecret;

/// As many letters of a token as Zendesk returns of an OAuth token.
const VISIBLE: usize = 10;

/// The user our login stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ourselves {
    /// Numeric id.
    pub id: ZendeskUserId,
    /// The address a token of the account is used with.
    pub email: Email,
}

/// A token just minted.
pub struct Created {
    /// Numeric id.
    pub id: CredentialId,
    /// The description as Zendesk stored it; empty where the answer does not say.
    pub name: String,
    /// When, if the answer says so.
    pub created_at: Option<Timestamp>,
    /// The secret, shown this once.
    pub secret: MintedSecret,
}

impl fmt::Debug for Created {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Created").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
pub(super) struct Me {
    user: User,
}

#[derive(Deserialize)]
struct User {
    /// Null for the anonymous user, whom Zendesk shows to strangers with status 200.
    id: Option<ZendeskUserId>,
    email: Option<Email>,
}

impl Me {
    pub(super) fn ourselves(self) -> Option<Ourselves> {
        Some(Ourselves { id: self.user.id?, email: self.user.email? })
    }
}

#[derive(Deserialize)]
pub(super) struct List {
    api_tokens: Vec<Token>,
    /// The list is not paged. Should it ever be, its first page must not pass for the whole.
    next_page: Option<String>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Token {
    id: CredentialId,
    description: Option<String>,
    user_id: Option<ZendeskUserId>,
    active: bool,
    created_at: Option<Timestamp>,
    /// Documented by name only: whatever else it may be is "not known", and never a reason not to read the list.
    #[serde(default, alias = "last_used_at")]
    last_used: Option<serde_json::Value>,
}

impl List {
    /// The tokens, if this is all of them.
    pub(super) fn whole(self) -> Option<Vec<ListedToken>> {
        let partial = self.next_page.is_some() || self.meta.is_some_and(|meta| meta.has_more);
        (!partial).then(|| self.api_tokens.into_iter().map(Into::into).collect())
    }
}

impl From<Token> for ListedToken {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.description.unwrap_or_default(),
            creator: token.user_id,
            active: token.active,
            created_at: token.created_at,
            last_used: token.last_used.and_then(|value| value.as_str()?.parse().ok()),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Minted {
    api_token: MintedToken,
}

#[derive(Deserialize)]
struct MintedToken {
    id: CredentialId,
    description: Option<String>,
    created_at: Option<Timestamp>,
    /// The vendor's pages do not show this answer; where both are there, this is the one that is not cut.
    #[serde(default, deserialize_with = "secret")]
    full_token: Option<MintedSecret>,
    #[serde(default, deserialize_with = "secret")]
    token: Option<MintedSecret>,
}

pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MintedSecret>, D::Error> {
    let value = Option::<String>::deserialize(deserializer)?;
    Ok(value.filter(|value| !value.is_empty()).map(MintedSecret::new))
}

/// The first letters, without the dots or stars that stand for the rest.
pub(super) fn beginning<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let shown = Option::<String>::deserialize(deserializer)?.map(zeroize::Zeroizing::new);
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let kept = shown.map(|text| text.chars().take_while(plain).take(VISIBLE).collect::<String>());
    Ok(kept.filter(|text| !text.is_empty()))
}

impl Minted {
    /// The token, if its secret is there.
    pub(super) fn created(self) -> Option<Created> {
        let token = self.api_token;
        Some(Created {
            id: token.id,
            name: token.description.unwrap_or_default(),
            created_at: token.created_at,
            secret: token.full_token.or(token.token)?,
        })
    }
}
