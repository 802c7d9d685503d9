//! (a) and (b): webhooks that are verified and ignored, and such that are made durable, beside a bare route that reads
//! and verifies the same body and does nothing.
//!
//! The doors are in this process on one thread of their own, the load comes from another process. Bare and ours take
//! turns of two seconds.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::{Clock as _, SystemClock, SystemRandomness};
use countersign::domain::ids::ProjectId;
use countersign::key::Key;
use countersign::store::{Location, Store};
use countersign::web::{Authentication, Door, WatchedProjects};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::load::Load;
use crate::measure::{Figure, median};
use crate::postgresql::Server;

const KEY: [u8; 32] = [7; 32];
const WATCHED: i64 = 42;
const TURNS: usize = 5;
const TURN: Duration = Duration::from_secs(2);
/// More than are read at a time, as after an outage: while marks are committed together, the next are read.
const CONNECTIONS: usize = 512;
/// Different issues, as many as are open in a large installation.
const ISSUES: i64 = 2000;

/// A runtime of one thread with the bare door, ours on SQLite, and ours on PostgreSQL where it is installed.
struct Doors {
    runtime: tokio::runtime::Runtime,
    bare: String,
    sqlite: String,
    postgres: Option<String>,
    _folder: tempfile::TempDir,
}

pub(crate) fn measure() -> Vec<Figure> {
    // With a log, as `serve` has: what is not told must cost nothing either.
    countersign::telemetry::start(countersign::config::LogFormat::Json, "error");
    let doors = Doors::open();
    let ignored = requests("work_item", WATCHED, 64);
    let elsewhere = requests("issue", 41, 64);
    let marked = requests("issue", WATCHED, ISSUES);
    let mut kinds: Vec<(&str, &String, &Vec<Vec<u8>>)> = vec![
        ("bare", &doors.bare, &ignored),
        ("ignored", &doors.sqlite, &ignored),
        ("elsewhere", &doors.sqlite, &elsewhere),
        ("sqlite", &doors.sqlite, &marked),
    ];
    kinds.extend(doors.postgres.as_ref().map(|address| ("postgres", address, &marked)));
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); kinds.len()];
    for _ in 0..TURNS {
        for ((_, address, requests), rates) in kinds.iter().zip(&mut rates) {
            let told = load(address, requests, None);
            assert_eq!(told["refused"], 0);
            rates.push(told["a_second"].as_f64().unwrap());
        }
    }
    let bare = median(&rates[0]);
    let mut figures = vec![Figure::new("bare route: read, verified, nothing done", bare, "1/s")];
    for ((name, address, requests), rates) in kinds.iter().zip(&rates).skip(1) {
        let (what, goal) = match *name {
            "ignored" => ("(a) verified and ignored (no issue, but a task), of the bare route", Some(0.9)),
            "elsewhere" => ("(a) verified and ignored (an issue elsewhere), of the bare route", Some(0.9)),
            "sqlite" => ("(b) durable marks on SQLite, of the bare route", Some(0.7)),
            _ => ("(b) durable marks on PostgreSQL, of the bare route", None),
        };
        let ratio = Figure::new(what, median(rates) / bare, "").with(json!({"a_second": rates}));
        figures.push(match goal {
            Some(goal) => ratio.at_least(goal),
            None => ratio,
        });
        figures.push(Figure::new(format!("    {name}"), median(rates), "1/s"));
        if matches!(*name, "sqlite" | "postgres") {
            let told = load(address, requests, Some(1000));
            let p99 = Figure::new(
                format!("(b) {name}, p99 at 1,000 a second"),
                told["p99_ms"].as_f64().unwrap(),
                "ms",
            );
            figures.push(p99.at_most(20.0).with(told));
        }
    }
    drop(doors.runtime);
    figures
}

fn load(address: &str, requests: &[Vec<u8>], rate: Option<u32>) -> Value {
    let time = if rate.is_some() { TURN * 5 } else { TURN };
    let connections = if rate.is_some() { 64 } else { CONNECTIONS };
    let (address, requests) = (address.to_owned(), requests.to_vec());
    Load { address, requests, connections, time, rate }.run()
}

impl Doors {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (bare, sqlite, postgres) = runtime.block_on(async {
            let bare =
                serve(Router::new().route("/hooks/gitlab", post(nothing)).with_state(Arc::new(KEY))).await;
            let sqlite = ours(Location::from(folder.path().join("door.db"))).await;
            let postgres = match Server::get() {
                Some(server) => {
                    let name = server.fresh_name();
                    assert!(server.program("createdb").arg(&name).status().unwrap().success());
                    let url = server.url(&name).parse().unwrap();
                    Some(ours(Location::Postgres { url, password: None }).await)
                }
                None => None,
            };
            (bare, sqlite, postgres)
        });
        Self { runtime, bare, sqlite, postgres, _folder: folder }
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn ours(location: Location) -> String {
    let audit = Key::of_base64(&STANDARD.encode([1; 32])).unwrap();
    let store = Store::open(location, Arc::new(SystemClock), &SystemRandomness, audit).await.unwrap();
    let door = Door {
        clock: Arc::new(SystemClock),
        authentication: Authentication {
            signing_keys: vec![Key::of_base64(&STANDARD.encode(KEY)).unwrap()],
            token: None,
        },
        calendars: Arc::new(store.clone()),
        marks: Arc::new(store),
        watched: Arc::new(WatchedProjects::new([ProjectId(WATCHED)])),
    };
    serve(countersign::web::router(door)).await
}

/// The least that verifies: the whole body, one key, one signature.
async fn nothing(State(key): State<Arc<[u8; 32]>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).unwrap();
    for part in [header("webhook-id"), b".", header("webhook-timestamp"), b".", &body] {
        mac.update(part);
    }
    let signature = header("webhook-signature").strip_prefix(b"v1,").unwrap_or_default();
    match STANDARD.decode(signature) {
        Ok(signature) if mac.verify_slice(&signature).is_ok() => StatusCode::NO_CONTENT,
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// Whole requests about `count` work items of a project.
fn requests(kind: &str, project: i64, count: i64) -> Vec<Vec<u8>> {
    (1..=count).map(|iid| request(kind, project, iid)).collect()
}

/// As GitLab sends it, in its order: "Webhook events", work item events; some three kilobytes.
fn request(kind: &str, project: i64, iid: i64) -> Vec<u8> {
    let person =
        json!({"id": 102, "name": "Kim Ito", "username": "kim", "avatar_url": null, "email": "[REDACTED]"});
    let description = "### Business purpose\n\nExport solved tickets every night.\n\n".repeat(20);
    let label = json!({"id": 206, "title": "manager-approved", "color": "#FFA500", "project_id": project,
        "created_at": "2026-11-01 09:00:00 UTC", "updated_at": "2026-11-01 09:00:00 UTC", "template": false,
        "description": null, "type": "ProjectLabel", "group_id": null});
    let of_project = json!({"id": project, "name": "access-requests", "description": "", "namespace": "company",
        "web_url": "https://gitlab.example.com/company/access-requests", "visibility_level": 0,
        "path_with_namespace": "company/access-requests", "default_branch": "main"});
    let attributes = json!({"id": 1000 + iid, "iid": iid, "title": "API access", "description": description,
        "state": "opened", "state_id": 1, "action": "update", "author_id": 101, "project_id": project,
        "confidential": true, "created_at": "2026-11-22 09:00:00 UTC", "updated_at": "2026-11-22 09:00:00 UTC",
        "labels": [label]});
    let changes = json!({"labels": {"previous": [], "current": [label]}});
    let repository = json!({"name": "access-requests", "url": "", "description": null, "homepage": ""});
    let body = format!(
        r#"{{"object_kind":"{kind}","event_type":"confidential_{kind}","user":{person},"project":{of_project},"object_attributes":{attributes},"labels":[{label}],"changes":{changes},"repository":{repository}}}"#
    );
    let time = SystemClock.now().as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(format!("load-{iid}.{time}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let head = format!(
        "POST /hooks/gitlab HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         User-Agent: GitLab/19.5.0-ee\r\nX-Gitlab-Event: Confidential Issue Hook\r\nwebhook-id: load-{iid}\r\n\
         webhook-timestamp: {time}\r\nwebhook-signature: v1,{signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    format!("{head}{body}").into_bytes()
}
