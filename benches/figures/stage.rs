//! The sandbox and the service in this process, with something added to every call of a vendor.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use countersign::cli::setup::{Wish, set_up};
use countersign::clock::{AdjustableClock, SystemRandomness};
use countersign::config::{Config, Environment};
use countersign::sandbox::{Options, Sandbox, home};
use countersign::secret::Secret;
use countersign::service::{Service, World};
use countersign::vendors::gitlab::GitLab;
use countersign::vendors::http::Transport;
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) transport: Transport,
    pub(crate) config: Config,
    http: reqwest::Client,
    cast: Value,
    _folder: tempfile::TempDir,
}

/// A way to the vendors on which every call takes so much longer.
pub(crate) fn slower_by(time: Duration) -> Transport {
    Transport::in_process(Router::new().fallback(onward).with_state((time, reqwest::Client::new())))
}

async fn onward(State((time, http)): State<(Duration, reqwest::Client)>, request: Request) -> Response<Body> {
    tokio::time::sleep(time).await;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let sent = http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let answer = sent.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    response.headers_mut().unwrap().extend(answer.headers().clone());
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

impl Stage {
    /// Everything up and set up, and the service at work.
    pub(crate) async fn build(transport: Transport) -> Self {
        let clock = AdjustableClock::running();
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options { listen, clock: clock.clone(), randomness: Arc::new(SystemRandomness) };
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        home::write(&sandbox, folder.path()).unwrap();
        let file: PathBuf = folder.path().join("countersign.toml");
        let config = Config::load(&file, &Environment::from_pairs::<String, String>([])).unwrap();
        let world = World {
            clock: clock.clone(),
            randomness: Arc::new(SystemRandomness),
            transport: transport.clone(),
        };
        let service = Service::assemble(&config, world).await.unwrap();
        let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
        let door = format!("http://{}/hooks/gitlab", listener.local_addr().unwrap());
        let token = std::fs::read_to_string(folder.path().join("maintainer.token")).unwrap();
        let token = Secret::new(token.trim().to_owned());
        let gitlab = GitLab::new(Transport::over_network().unwrap(), config.gitlab.url.clone(), token);
        let wish = Wish { webhook_url: door.parse().unwrap(), dry_run: false, clock };
        set_up(&config, &gitlab, wish).await.unwrap();
        service.watch().await.unwrap();
        tokio::spawn(service.clone().run(listener, tokio_util::sync::CancellationToken::new()));
        let (http, cast) = (reqwest::Client::new(), sandbox.people());
        Self { sandbox, transport, config, http, cast, _folder: folder }
    }

    /// A person's own call to GitLab, which nothing is added to.
    pub(crate) async fn gitlab(&self, role: &str, (method, path): (Method, &str), body: Value) -> Value {
        let person = self.cast["people"].as_array().unwrap().iter().find(|one| one["role"] == role).unwrap();
        let url = format!("{}/api/v4/projects/42/{path}", self.sandbox.gitlab_url());
        let request = self.http.request(method, url);
        let request = request.header("PRIVATE-TOKEN", person["gitlab_token"].as_str().unwrap());
        let answer = request.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{role} at {path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    pub(crate) async fn opens(&self) -> i64 {
        let body = json!({"title": "API access", "description": form()});
        self.gitlab("requester", (Method::POST, "issues"), body).await["iid"].as_i64().unwrap()
    }

    pub(crate) async fn labels(&self, role: &str, iid: i64, label: &str) {
        self.gitlab(role, (Method::PUT, &format!("issues/{iid}")), json!({"add_labels": label})).await;
    }

    /// Waits until the vendors' world is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Value) -> bool) {
        loop {
            let world = self.sandbox.world().lock().unwrap().dump();
            if is_so(&world) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A whole form that is good for three months.
pub(crate) fn form() -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 90);
    let day = day.to_string();
    format!(
        "<!-- countersign: API_Token_Request -->\n\n### Zendesk instance\n\n- [x] Zendesk Global\n\n\
         ### Kind of credential\n\n- [x] API token\n\n### Business purpose\n\nExport solved tickets every night.\n\n\
         ### Why admin access is needed\n\nThe export reads tickets of all groups.\n\n### Remove on\n\n{}\n",
        day.split('T').next().unwrap()
    )
}
