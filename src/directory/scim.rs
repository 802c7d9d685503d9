//! People read from a SCIM 2.0 service (RFC 7643, RFC 7644): `/Users` with a filter, the manager by the
//! Enterprise User extension.
//!
//! A service may ignore a filter it does not know, so an answer counts only if it is one, says that it is one,
//! and is whoever was asked for. An account that does not say whether it is active is not taken for active.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use super::resolver::{Entry, Resolver, Single, Source, Wanted};
use super::{DirectoryError, Freshness, Parts};
use crate::domain::ids::Email;
use crate::reader::email_of;
use crate::secret::Secret;
use crate::vendors::http::Transport;
use crate::vendors::{Call, Vendor};

/// RFC 7643, section 4.3.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Where the service is, and which of its attributes say what.
#[derive(Debug, Clone)]
pub struct ScimSettings {
    /// What `/Users` is below.
    pub url: Url,
    /// A bearer token that may read users.
    pub token: Secret,
    /// The simple attribute that holds the GitLab user name.
    pub username: String,
    /// What is compared with an address: `emails.value`, or a simple attribute.
    pub email: String,
}

/// A SCIM service.
#[derive(Debug)]
pub struct Scim {
    transport: Transport,
    settings: ScimSettings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    total_results: u64,
    #[serde(rename = "Resources", default)]
    resources: Vec<Map<String, Value>>,
}

impl Scim {
    /// A directory of this service. Asks nothing yet.
    pub fn resolver(transport: Transport, settings: ScimSettings, parts: Parts) -> Resolver {
        Resolver::new(Self { transport, settings }, parts)
    }

    async fn one(&self, attribute: &str, value: &str) -> Result<Map<String, Value>, DirectoryError> {
        // A value of a filter is a JSON string: RFC 7644, section 3.4.2.2.
        let filter = format!("{attribute} eq {}", Value::from(value));
        let mut address = self.users()?;
        address.query_pairs_mut().append_pair("filter", &filter).append_pair("count", "2");
        let answer = self.get("find_user", &address).await?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer.status()));
        }
        let List { total_results, resources } = read(&answer)?;
        let mut resources = resources.into_iter();
        match (total_results, resources.next(), resources.next()) {
            (0, None, _) => Err(DirectoryError::NotFound),
            (1, Some(user), None) => Ok(user),
            (2.., _, _) => Err(DirectoryError::Ambiguous),
            _ => Err(unusable("its count and its list of users disagree")),
        }
    }

    async fn by_id(&self, id: &str) -> Result<Map<String, Value>, DirectoryError> {
        let mut address = self.users()?;
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.push(id);
        }
        let answer = self.get("user", &address).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(DirectoryError::NotFound),
            other => return Err(refused(other)),
        }
        let user: Map<String, Value> = read(&answer)?;
        if text(&user, "id") == Some(id) { Ok(user) } else { Err(unusable("it answers with another user")) }
    }

    fn users(&self) -> Result<Url, DirectoryError> {
        let mut address = self.settings.url.clone();
        address
            .path_segments_mut()
            .map_err(|()| unusable("its address has no path"))?
            .pop_if_empty()
            .push("Users");
        Ok(address)
    }

    async fn get(&self, operation: &'static str, address: &Url) -> Result<Response<Bytes>, DirectoryError> {
        let bearer = format!("Bearer {}", self.settings.token.expose());
        let mut bearer = header::HeaderValue::try_from(bearer)
            .map_err(|_| unusable("the token cannot be sent in a header"))?;
        bearer.set_sensitive(true);
        let request = Request::get(address.as_str())
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/scim+json, application/json")
            .body(Bytes::new())
            .map_err(|_| unusable("the request could not be built"))?;
        let call = Call { vendor: Vendor::Directory, operation };
        self.transport.send_repeatable(call, request).await.map_err(|error| {
            tracing::error!(error = %error, "the directory does not answer");
            DirectoryError::Unreachable
        })
    }

    fn entry(&self, user: &Map<String, Value>) -> Result<Entry, DirectoryError> {
        let id = text(user, "id").ok_or_else(|| unusable("a user has no id"))?;
        let Some(active) = get(user, "active").and_then(Value::as_bool) else {
            return Err(unusable("a user does not say whether they are active"));
        };
        let (username, email) = (text(user, &self.settings.username), self.email(user));
        let manager = manager(user)?;
        let name = get(user, "name").and_then(Value::as_object);
        let name = text(user, "displayName").or_else(|| name.and_then(|name| text(name, "formatted")));
        let shown = |single: &Single<String>| match single {
            Single::None => "none".to_owned(),
            Single::One(value) => value.clone(),
            Single::Several => "several".to_owned(),
        };
        let address = match &email {
            Single::One(email) => Single::One(email.0.clone()),
            Single::None => Single::None,
            Single::Several => Single::Several,
        };
        Ok(Entry {
            key: id.to_owned(),
            name: name.or(username).unwrap_or(id).to_owned(),
            value: format!(
                "id: {id}\n{}: {}\n{}: {}\nactive: {active}\nmanager: {}",
                self.settings.username,
                username.unwrap_or("none"),
                self.settings.email,
                shown(&address),
                shown(&manager),
            ),
            username: username.map_or(Single::None, |name| Single::One(name.to_owned())),
            email,
            manager,
            active,
            source: format!("SCIM {}", self.settings.url),
        })
    }

    /// The one address, or the one that is marked as the primary of several.
    fn email(&self, user: &Map<String, Value>) -> Single<Email> {
        let address = |text: &str| email_of(text).ok();
        if self.settings.email != EMAILS {
            return Single::of(text(user, &self.settings.email).and_then(address));
        }
        let emails: Vec<&Map<String, Value>> = get(user, "emails")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect();
        let values = |only_primary: bool| {
            let primary = |one: &&&Map<String, Value>| {
                !only_primary || get(one, "primary").and_then(Value::as_bool) == Some(true)
            };
            let values = emails.iter().filter(primary).filter_map(|one| text(one, "value").and_then(address));
            Single::of(values.collect::<Vec<_>>())
        };
        match values(false) {
            Single::Several => match values(true) {
                Single::One(primary) => Single::One(primary),
                Single::None | Single::Several => Single::Several,
            },
            other => other,
        }
    }
}

/// The default of [`ScimSettings::email`].
const EMAILS: &str = "emails.value";

#[async_trait]
impl Source for Scim {
    fn kind(&self) -> &'static str {
        "scim"
    }

    async fn find(&self, wanted: Wanted<'_>, _: Freshness) -> Result<Entry, DirectoryError> {
        let user = match wanted {
            Wanted::Username(name) => self.one(&self.settings.username, name).await?,
            Wanted::Email(email) => self.one(&self.settings.email, &email.0).await?,
            Wanted::Key(id) => self.by_id(id).await?,
        };
        let entry = self.entry(&user)?;
        wanted.check(&entry)?;
        Ok(entry)
    }
}

/// The id of the manager: `value`, which RFC 7643 recommends, or else the end of `$ref`.
fn manager(user: &Map<String, Value>) -> Result<Single<String>, DirectoryError> {
    let extension = get(user, ENTERPRISE).and_then(Value::as_object);
    let managers = match extension.and_then(|extension| get(extension, "manager")) {
        None | Some(Value::Null) => return Ok(Single::None),
        Some(Value::Array(several)) => several.iter().collect(),
        Some(one) => vec![one],
    };
    let ids: Option<Vec<String>> = managers.into_iter().map(id_of).collect();
    ids.map(Single::of).ok_or_else(|| unusable("a manager has no id"))
}

fn id_of(manager: &Value) -> Option<String> {
    let manager = manager.as_object()?;
    let reference = || text(manager, "$ref")?.rsplit_once("Users/").map(|(_, id)| id);
    let id = text(manager, "value").or_else(reference)?;
    (!id.contains(['/', '?', '#'])).then(|| id.to_owned())
}

/// Names of attributes do not depend on case: RFC 7643, section 2.1.
fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    get(object, name)?.as_str().filter(|text| !text.trim().is_empty())
}

fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, DirectoryError> {
    serde_json::from_slice(answer.body()).map_err(|_| unusable("its answer cannot be read"))
}

fn refused(status: StatusCode) -> DirectoryError {
    tracing::error!(status = status.as_u16(), "the directory refuses to answer");
    DirectoryError::Unreachable
}

fn unusable(what: &str) -> DirectoryError {
    tracing::error!("the directory cannot be used: {what}");
    DirectoryError::Unreachable
}

#[cfg(test)]
#[path = "scim_tests.rs"]
mod tests;
