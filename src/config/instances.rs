//! `[[instances]]`: the Zendesk accounts, what may be asked for there and who may give it.
//!
//! A key names environment variables and a name is what people choose in the form; either of them twice
//! would let one account's approval mint at another, so both are refused.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;
use url::Url;

use super::exceptions;
use super::policy::name_template;
use super::secrets::{Names, Origin};
use super::values::url;
use crate::domain::ids::{Email, UserId, ZendeskUserId};
use crate::domain::inventory::Exception;
use crate::domain::scopes::SENSITIVE;
use crate::domain::terms::Kind;
use crate::reader::{Reader, email_of, text_of};
use crate::secret::Secret;

/// A mistaken end is noticed within days.
const GRACE: i64 = 7;
/// Zendesk itself deletes a deactivated token after sixty days.
const MOST_GRACE: i64 = 59;

/// One Zendesk account.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Short and lower case, with hyphens; names its environment variables.
    pub key: String,
    /// What the form says.
    pub name: String,
    /// Its address.
    pub url: Url,
    /// What may be asked for here, the usual one first; at least one.
    pub kinds: Vec<Kind>,
    /// Integrations may be asked for. They are OAuth clients.
    pub integrations: bool,
    /// Whom OAuth credentials act as; `None`: the user of the login below.
    pub integration_user: Option<ZendeskUserId>,
    /// Which of the sensitive scopes may be asked for here.
    pub sensitive_scopes: Vec<String>,
    /// An API token that ended is deleted this many days after it was switched off; 0 at once.
    pub delete_after_days: i64,
    /// Who may give the second approval. Empty is nobody.
    pub provisioners: BTreeSet<UserId>,
    /// GitLab groups whose members, inherited ones included, may give it as well: full paths.
    pub provisioner_groups: Vec<String>,
    /// In place of the policy's template.
    pub name_template: Option<String>,
    /// What may be there without a request.
    pub exceptions: Vec<Exception>,
    /// As whom we act there.
    pub login: Login,
}

/// How we log in at a Zendesk account.
#[derive(Debug, Clone)]
pub enum Login {
    /// Client credentials of a confidential OAuth client that the integration user owns.
    OAuth {
        /// The client's identifier.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
        /// What its tokens may do, separated by spaces.
        scope: String,
    },
    /// An API token of the integration user.
    ApiToken {
        /// Whose.
        email: Email,
        /// The token.
        token: Secret,
    },
}

/// All instances; at least one.
pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Vec<Instance>> {
    refuse_twins(reader, "key");
    refuse_twins(reader, "name");
    reader.sections("instances", |reader| Instance::read(reader, origin))
}

/// Compares what is written, so that a fault elsewhere in an instance hides no twin.
fn refuse_twins(reader: &mut Reader<'_>, field: &str) {
    let tables = reader.value("instances").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut seen = BTreeMap::new();
    for (index, table) in tables.iter().enumerate() {
        let text = table.get(field).and_then(Value::as_str).map(|text| text.trim().to_lowercase());
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        if let Some(first) = seen.get(&text) {
            let message = format!("is the same as instances[{first}].{field}");
            reader.fault(&format!("instances[{index}].{field}"), message);
        } else {
            seen.insert(text, index);
        }
    }
}

impl Instance {
    fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let key = reader.parsed("key", key);
        let name = reader.text("name").map(|name| name.trim().to_owned());
        let url = reader.parsed("url", url);
        let kinds = reader.filled_list("kinds", kind);
        let integrations = reader.boolean("integrations", false);
        let integration_user = reader.optional_integer("integration_user", 1..=i64::MAX).map(ZendeskUserId);
        let sensitive_scopes = match reader.value("sensitive_scopes") {
            Some(_) => reader.list("sensitive_scopes", sensitive_scope),
            None => Some(Vec::new()),
        };
        let delete_after_days = reader.optional_integer("delete_after_days", 0..=MOST_GRACE);
        can_integrate(reader, (integrations, integration_user), kinds.as_deref());
        let provisioners = reader.list("provisioners", user);
        let provisioner_groups = match reader.value("provisioner_groups") {
            Some(_) => reader.list("provisioner_groups", crate::reader::text_of),
            None => Some(Vec::new()),
        };
        let name_template = reader.optional_parsed("name_template", name_template);
        let exceptions = exceptions::read(reader);
        let prefix = variable_prefix(key.as_deref().unwrap_or("<KEY>"));
        let login = reader.section("login", |reader| Login::read(reader, origin, &prefix));
        Some(Self {
            key: key?,
            name: name?,
            url: url?,
            kinds: kinds?,
            integrations: integrations?,
            integration_user,
            sensitive_scopes: sensitive_scopes?,
            delete_after_days: delete_after_days.unwrap_or(GRACE),
            provisioners: provisioners?.into_iter().collect(),
            provisioner_groups: provisioner_groups?,
            name_template,
            exceptions: exceptions?,
            login: login?,
        })
    }
}

impl Login {
    fn read(reader: &mut Reader<'_>, origin: Origin<'_>, prefix: &str) -> Option<Self> {
        match reader.text("kind")?.as_str() {
            "oauth" => Self::read_oauth(reader, origin, prefix),
            "api_token" => Self::read_api_token(reader, origin, prefix),
            _ => {
                reader.fault("kind", "must be \"oauth\" or \"api_token\"");
                // What belongs here depends on the kind; without one, no other key can be called unknown.
                for key in ["client_id", "client_secret_file", "scope", "email", "token_file"] {
                    reader.value(key);
                }
                None
            }
        }
    }

    fn read_oauth(reader: &mut Reader<'_>, origin: Origin<'_>, prefix: &str) -> Option<Self> {
        let client_id = reader.text("client_id");
        let variable = format!("{prefix}_CLIENT_SECRET");
        let names = Names { variable: &variable, key: "client_secret_file" };
        let client_secret = origin.secret(reader, names);
        let scope = match reader.value("scope") {
            Some(_) => reader.text("scope"),
            None => Some("read write".to_owned()),
        };
        Some(Self::OAuth { client_id: client_id?, client_secret: client_secret?, scope: scope? })
    }

    fn read_api_token(reader: &mut Reader<'_>, origin: Origin<'_>, prefix: &str) -> Option<Self> {
        let email = reader.parsed("email", email_of);
        let variable = format!("{prefix}_TOKEN");
        let token = origin.secret(reader, Names { variable: &variable, key: "token_file" });
        Some(Self::ApiToken { email: email?, token: token? })
    }
}

fn variable_prefix(key: &str) -> String {
    format!("COUNTERSIGN_ZENDESK_{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// No underscore, so that two keys never name one variable.
fn key(text: &str) -> Result<String, String> {
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit())
    };
    if text.len() <= 40 && text.split('-').all(fits) {
        Ok(text.to_owned())
    } else {
        Err("must be lower-case letters and digits, in parts joined by hyphens, at most 40".to_owned())
    }
}

fn kind(value: &Value) -> Result<Kind, String> {
    text_of(value)?;
    let known = Kind::ALL.map(Kind::key).join(", ");
    value
        .clone()
        .try_into()
        .map_err(|_: toml::de::Error| format!("is not a kind of credential; there are {known}"))
}

/// An integration is an OAuth client of the Integration bot, so both must be there.
fn can_integrate(
    reader: &mut Reader<'_>,
    (wanted, user): (Option<bool>, Option<ZendeskUserId>),
    kinds: Option<&[Kind]>,
) {
    if wanted != Some(true) {
        return;
    }
    if user.is_none() {
        reader.fault("integrations", "needs integration_user, whom integrations act as");
    }
    if kinds.is_some_and(|kinds| !kinds.contains(&Kind::OauthClient)) {
        reader.fault("integrations", "needs \"oauth_client\" among kinds, which an integration is");
    }
}

fn sensitive_scope(value: &Value) -> Result<String, String> {
    let scope = text_of(value)?;
    if SENSITIVE.contains(&scope.as_str()) {
        Ok(scope)
    } else {
        Err(format!("is no sensitive scope; there are {}", SENSITIVE.join(", ")))
    }
}

fn user(value: &Value) -> Result<UserId, String> {
    match value {
        Value::Integer(id) if *id > 0 => Ok(UserId(*id)),
        _ => Err("is not a numeric GitLab user id".to_owned()),
    }
}
