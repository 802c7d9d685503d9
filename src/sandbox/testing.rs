//! What the sandbox's own tests share: a running sandbox and a client that says who it is.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::seed::BOT;
use super::webhooks::lock;
use super::{Options, Sandbox};
use crate::clock::{AdjustableClock, SystemRandomness};

/// A running sandbox whose clock stands still until it is moved.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<AdjustableClock>,
    pub(crate) client: Client,
    people: Value,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let clock = AdjustableClock::frozen("2026-11-22T09:00:00Z".parse().unwrap());
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = Options { listen, clock: Arc::clone(&clock), randomness: Arc::new(SystemRandomness) };
        let sandbox = Sandbox::start(options).await.unwrap();
        let people = sandbox.people();
        #[expect(clippy::disallowed_methods, reason = "a stranger's client, not ours")]
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { sandbox, clock, client, people }
    }

    pub(crate) fn person(&self, role: &str) -> &Value {
        self.people["people"].as_array().unwrap().iter().find(|person| person["role"] == role).unwrap()
    }

    pub(crate) fn instance(&self, key: &str) -> &Value {
        self.people["instances"].as_array().unwrap().iter().find(|instance| instance["key"] == key).unwrap()
    }

    /// Sends; `None` where the connection broke.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Option<Seen> {
        let response = self.client.execute(request.build().unwrap()).await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.ok()?;
        Some(Seen { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    /// The token of somebody, or of the `bot`.
    pub(crate) fn gitlab_token(&self, role: &str) -> String {
        if role != "bot" {
            return self.person(role)["gitlab_token"].as_str().unwrap().to_owned();
        }
        let world = lock(&self.sandbox.world);
        world.gitlab.tokens.iter().find(|token| token.user_id == BOT).unwrap().token.clone()
    }

    /// A call to `projects/42/PATH` as somebody; a null body is none.
    pub(crate) async fn gitlab(&self, role: &str, (method, path): (&str, &str), body: Value) -> Seen {
        let url = format!("{}/api/v4/projects/42/{path}", self.sandbox.gitlab_url());
        let mut request = self.client.request(method.parse().unwrap(), url);
        request = request.header("private-token", self.gitlab_token(role));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.send(request).await.unwrap()
    }

    /// Opens an issue and gives its iid.
    pub(crate) async fn open(&self, role: &str, issue: Value) -> u64 {
        let seen = self.gitlab(role, ("POST", "issues"), issue).await;
        assert_eq!(seen.status, 201, "{}", seen.body);
        seen.body["iid"].as_u64().unwrap()
    }

    /// A call below `/api/v2` of the account `global`, by its admin.
    pub(crate) async fn admin(&self, (method, path): (&str, &str), body: Value) -> Seen {
        let admin = self.instance("global");
        let text = |name: &str| admin[name].as_str().unwrap();
        let url = format!("{}/api/v2/{path}", self.sandbox.zendesk_url("global"));
        let request = self.client.request(method.parse().unwrap(), url);
        let request =
            request.basic_auth(format!("{}/token", text("admin_email")), Some(text("admin_api_token")));
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.send(request).await.unwrap()
    }

    /// A call to the control.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Seen {
        let url = format!("{}/control/{path}", self.sandbox.base_url());
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        self.send(request).await.unwrap()
    }

    /// Lays a fault that strikes once.
    pub(crate) async fn fault(&self, vendor: &str, path: &str, effect: &str) {
        let seen = self.control("faults", json!({"vendor": vendor, "path": path, "effect": effect})).await;
        assert_eq!(seen.status, 201, "{}", seen.body);
    }
}

/// A receiver of webhooks: what it got, and the hook that sends to it.
pub(crate) struct Inbox {
    pub(crate) received: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    pub(crate) signing_token: String,
    pub(crate) hook_id: u64,
}

impl Inbox {
    /// Listens, and hooks itself up for all issues.
    pub(crate) async fn hooked(stage: &Stage) -> Self {
        let received: Arc<Mutex<Vec<(HeaderMap, String)>>> = Arc::default();
        let keeper = Arc::clone(&received);
        let keep = move |headers: HeaderMap, body: String| async move {
            keeper.lock().unwrap().push((headers, body));
            StatusCode::NO_CONTENT
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().route("/webhook", post(keep))).await
        });
        let signing_token = format!("whsec_{}", STANDARD.encode([7; 32]));
        let hook = json!({
            "url": url, "issues_events": true, "confidential_issues_events": true, "signing_token": signing_token,
        });
        let seen = stage.gitlab("maintainer", ("POST", "hooks"), hook).await;
        assert_eq!((seen.status, &seen.body["signing_token"]), (201, &Value::Null));
        assert_eq!(seen.body["signing_token_present"], true);
        Self { received, signing_token, hook_id: seen.body["id"].as_u64().unwrap() }
    }

    /// All bodies that came, each checked against its signature.
    pub(crate) fn verified(&self) -> Vec<Value> {
        let verifier = standardwebhooks::Webhook::new(&self.signing_token).unwrap();
        let received = self.received.lock().unwrap();
        let check = |(headers, body): &(HeaderMap, String)| {
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            let at = text("webhook-timestamp").parse().unwrap();
            let signature = verifier.sign(&text("webhook-id"), at, body.as_bytes()).unwrap();
            assert_eq!(text("webhook-signature"), signature);
            serde_json::from_str(body).unwrap()
        };
        received.iter().map(check).collect()
    }
}
