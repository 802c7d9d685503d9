//! Vendors of a few lines for what is measured of the service alone: every issue is a filled-in form that waits for
//! its manager, and whatever is written is kept. Called in process, so that no network is measured; the sandbox would
//! be what is slow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use countersign::vendors::http::Transport;
use serde_json::{Value, json};

use crate::stage::form;

#[derive(Clone)]
struct Vendors {
    /// The comment on each issue.
    notes: Arc<Mutex<HashMap<i64, String>>>,
    form: Arc<str>,
    added: Duration,
}

/// The way to them, with so much added to every call.
pub(crate) fn transport(added: Duration) -> Transport {
    let vendors = Vendors { notes: Arc::default(), form: form().into(), added };
    Transport::in_process(Router::new().fallback(answer).with_state(vendors))
}

async fn answer(State(vendors): State<Vendors>, request: Request) -> Response<Body> {
    if !vendors.added.is_zero() {
        tokio::time::sleep(vendors.added).await;
    }
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let answer = vendors.say((method.as_str(), &path), &body);
    Response::builder()
        .header("content-type", "application/json")
        .header("x-next-page", "")
        .body(Body::from(answer.to_string()))
        .unwrap()
}

impl Vendors {
    fn say(&self, (method, path): (&str, &str), body: &[u8]) -> Value {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let iid =
            || parts.iter().skip_while(|part| **part != "issues").nth(1).unwrap().parse::<i64>().unwrap();
        match (method, parts.as_slice()) {
            ("POST", [.., "graphql"]) => self.graphql(&serde_json::from_slice(body).unwrap()),
            ("GET", [.., "user"]) => {
                json!({"id": 900, "username": "countersign", "state": "active", "bot": true})
            }
            ("GET", [.., "issues", number]) => self.issue(number.parse().unwrap()),
            ("GET", [.., "notes"]) => {
                let note = self.notes.lock().unwrap().get(&iid()).map(|body| note(iid(), body));
                note.into_iter().collect()
            }
            (_, [.., "notes"]) | ("PUT", [.., "notes", _]) => {
                let form = url::form_urlencoded::parse(body);
                let written = form.into_iter().find(|(name, _)| name == "body").unwrap().1.into_owned();
                self.notes.lock().unwrap().insert(iid(), written.clone());
                note(iid(), &written)
            }
            (_, [.., "notes", _]) => note(iid(), &self.notes.lock().unwrap()[&iid()]),
            (_, [.., "auth.test"]) => {
                json!({"ok": true, "team_id": "T1", "user_id": "U9", "url": "", "team": "", "user": ""})
            }
            (_, [.., "users.lookupByEmail"]) => json!({"ok": true, "user": {"id": "U101", "team_id": "T1",
                "deleted": false, "is_bot": false, "profile": {"email": "robin@example.com"}}}),
            (_, [.., "oauth", "tokens"]) => {
                json!({"access_token": "token", "token_type": "bearer", "expires_in": 1800})
            }
            (_, [.., "me"]) => json!({"user": {"id": 7, "email": "integration@example.com"}}),
            // Label events, state events, members, labels.
            _ => json!([]),
        }
    }

    fn issue(&self, iid: i64) -> Value {
        json!({"id": 1_000_000 + iid, "iid": iid, "project_id": 42, "title": "API access", "description": &*self.form,
            "state": "opened", "type": "ISSUE", "issue_type": "issue", "author": {"id": 101, "username": "robin"},
            "created_at": "2030-01-01T00:00:00.000Z", "updated_at": "2030-01-01T00:00:00.000Z", "closed_by": null,
            "labels": [], "web_url": format!("https://gitlab.example.com/company/access-requests/-/issues/{iid}"),
            "moved_to_id": null})
    }

    fn graphql(&self, asked: &Value) -> Value {
        let people = asked["variables"]["people"].as_array().cloned().unwrap_or_default();
        let nodes: Vec<Value> = people
            .iter()
            .map(|id| json!({"id": id, "username": format!("u{}", id.as_str().unwrap().len()), "bot": false, "state": "active"}))
            .collect();
        json!({"data": {"workItem": {"id": asked["variables"]["id"], "widgets": [
            {"description": &*self.form, "lastEditedAt": null, "lastEditedBy": null}]}, "users": {"nodes": nodes}}})
    }
}

fn note(iid: i64, body: &str) -> Value {
    json!({"id": 5_000_000 + iid, "body": body, "author": {"id": 900}, "system": false})
}
