//! The people of the demo: each acts over HTTP with their own token, as a person would in a browser.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::cli::output::{ExitStatus, Failure};
use crate::domain::snapshot::Vendor;
use crate::vendors;
use crate::vendors::http::Transport;

/// Somebody of the cast.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) username: String,
    pub(super) gitlab_token: String,
    pub(super) slack_token: String,
}

impl Person {
    pub(super) fn read(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Self {
            username: text("username"),
            gitlab_token: text("gitlab_token"),
            slack_token: text("slack_token"),
        }
    }
}

/// Which issue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    project: i64,
    iid: i64,
}

impl Place {
    /// As people name the issue within its project.
    pub(super) fn number(self) -> String {
        self.iid.to_string()
    }

    fn path(self, rest: &str) -> String {
        format!("/gitlab/api/v4/projects/{}/issues/{}{rest}", self.project, self.iid)
    }
}

/// A call that a person makes.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Value,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Value::Null }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body }
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PUT, path: path.into(), body }
    }
}

/// What people act with.
pub(super) struct Hands {
    transport: Transport,
    base: String,
}

impl Hands {
    pub(super) fn new(transport: Transport, base: String) -> Self {
        Self { transport, base }
    }

    /// Makes a call with an `Authorization` header, if there is one. A refusal is a failure of the story.
    pub(super) async fn ask(&self, call: Call, authorization: Option<String>) -> Result<Value, Failure> {
        let path = call.path.clone();
        let (status, body) = self.answer(call, authorization).await?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(Failure::not_true(format!("{path} answered {status}")))
    }

    /// Makes a call and gives its status and body.
    pub(super) async fn answer(
        &self,
        call: Call,
        authorization: Option<String>,
    ) -> Result<(u16, Value), Failure> {
        let mut request = Request::builder().method(call.method).uri(format!("{}{}", self.base, call.path));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let body = if call.body.is_null() { String::new() } else { call.body.to_string() };
        let request = request.header("content-type", "application/json").body(Bytes::from(body));
        let request = request.map_err(|error| Failure::unavailable("a call of the demo", &error))?;
        let told = vendors::Call { vendor: Vendor::GitLab, operation: "demo" };
        let response = self.transport.send(told, request).await;
        let response = response.map_err(|error| Failure::unavailable("a call of the demo", &error))?;
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Ok((response.status().as_u16(), body))
    }

    /// Opens an issue; its number and address.
    pub(super) async fn open_issue(
        &self,
        who: &Person,
        project: i64,
        description: &str,
    ) -> Result<(Place, String), Failure> {
        let body = json!({"title": "API access for the ticket exporter", "description": description, "confidential": true});
        let call = Call::post(format!("/gitlab/api/v4/projects/{project}/issues"), body);
        let issue = self.ask(call, Some(bearer(&who.gitlab_token))).await?;
        let address = issue["web_url"].as_str().unwrap_or_default().to_owned();
        Ok((Place { project, iid: issue["iid"].as_i64().unwrap_or_default() }, address))
    }

    /// Applies a label.
    pub(super) async fn label(&self, who: &Person, place: Place, label: &str) -> Result<(), Failure> {
        let call = Call::put(place.path(""), json!({"add_labels": label}));
        self.ask(call, Some(bearer(&who.gitlab_token))).await.map(drop)
    }

    /// The status comment, as this person sees it.
    pub(super) async fn comment(&self, who: &Person, place: Place) -> Result<Option<String>, Failure> {
        let call = Call::get(place.path("/notes?per_page=100"));
        let notes = self.ask(call, Some(bearer(&who.gitlab_token))).await?;
        let mut bodies = notes.as_array().into_iter().flatten().filter_map(|note| note["body"].as_str());
        Ok(bodies.find(|body| body.contains("Access request:")).map(str::to_owned))
    }

    /// The newest direct message of this person: notification text and blocks.
    pub(super) async fn message(&self, who: &Person) -> Result<Option<Value>, Failure> {
        let token = bearer(&who.slack_token);
        let list = self.ask(Call::get("/slack/api/conversations.list?types=im"), Some(token.clone())).await?;
        for channel in list["channels"].as_array().into_iter().flatten() {
            let id = channel["id"].as_str().unwrap_or_default();
            let call = Call::get(format!("/slack/api/conversations.history?channel={id}"));
            let history = self.ask(call, Some(token.clone())).await?;
            if let Some(message) = history["messages"].as_array().and_then(|messages| messages.first()) {
                return Ok(Some(message.clone()));
            }
        }
        Ok(None)
    }

    /// The API tokens of an instance that carry this description, as its admin sees them.
    pub(super) async fn tokens(
        &self,
        instance: &Value,
        key: &str,
        named: &str,
    ) -> Result<Vec<Value>, Failure> {
        let text = |name: &str| instance[name].as_str().unwrap_or_default().to_owned();
        let login = basic(&text("admin_email"), &text("admin_api_token"));
        let list = self.ask(Call::get(format!("/zendesk/{key}/api/v2/api_tokens")), Some(login)).await?;
        let tokens = list["api_tokens"].as_array().cloned().unwrap_or_default();
        Ok(tokens.into_iter().filter(|token| token["description"] == named).collect())
    }

    /// Whether a secret works at Zendesk.
    pub(super) async fn works(&self, key: &str, email: &str, secret: &str) -> Result<bool, Failure> {
        let call = Call::get(format!("/zendesk/{key}/api/v2/users/me"));
        match self.answer(call, Some(basic(email, secret))).await? {
            (200, _) => Ok(true),
            (401, _) => Ok(false),
            (status, _) => Err(Failure {
                status: ExitStatus::NotTrue,
                message: format!("Zendesk answered {status}"),
                hint: None,
            }),
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(email: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{email}/token:{token}")))
}
