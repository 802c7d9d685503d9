//! Webhooks about issues that nobody else will ever mention: what was acknowledged must be in the database.
//!
//! A sweep would find again whatever mark of a real issue was lost, and so hide the loss. GitLab lists none of these.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::{AdjustableClock, Clock as _};
use countersign::domain::ids::{IssueKey, ProjectId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::task::JoinHandle;

use crate::town::Town;

/// No issue of the sandbox has such a number.
const FIRST: i64 = 1_000_000;

pub(crate) struct Herald {
    acknowledged: Arc<Mutex<Vec<i64>>>,
    next: Arc<Mutex<i64>>,
    calling: Option<JoinHandle<()>>,
}

impl Herald {
    pub(crate) fn begin(town: &Town) -> Self {
        let mut herald =
            Self { acknowledged: Arc::default(), next: Arc::new(Mutex::new(FIRST)), calling: None };
        herald.go_on(town);
        herald
    }

    pub(crate) fn go_on(&mut self, town: &Town) {
        let token = std::fs::read_to_string(town.home("webhook.tokens")).unwrap();
        let key = STANDARD.decode(token.trim().strip_prefix("whsec_").unwrap()).unwrap();
        let (http, clock, door) = (town.http.clone(), town.clock.clone(), town.door());
        let (acknowledged, next) = (Arc::clone(&self.acknowledged), Arc::clone(&self.next));
        let call = async move {
            loop {
                let iid = {
                    let mut next = next.lock().unwrap();
                    *next += 1;
                    *next
                };
                let request = signed(http.post(&door), (&key, &clock), iid);
                if request.send().await.is_ok_and(|answer| answer.status().as_u16() == 204) {
                    acknowledged.lock().unwrap().push(iid);
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        };
        self.calling = Some(tokio::spawn(call));
    }

    pub(crate) async fn rest(&mut self) {
        if let Some(calling) = self.calling.take() {
            calling.abort();
            let _ = calling.await;
        }
    }

    /// All that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> Vec<IssueKey> {
        let numbers = self.acknowledged.lock().unwrap();
        numbers.iter().map(|iid| IssueKey { project: ProjectId(42), iid: *iid }).collect()
    }
}

fn signed(
    request: reqwest::RequestBuilder,
    (key, clock): (&[u8], &AdjustableClock),
    iid: i64,
) -> reqwest::RequestBuilder {
    let body = json!({"object_kind": "issue", "project": {"id": 42},
        "object_attributes": {"iid": iid, "project_id": 42}});
    let (body, time) = (body.to_string(), clock.now().as_second());
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("herald-{iid}.{time}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    request
        .header("content-type", "application/json")
        .header("x-gitlab-event", "Issue Hook")
        .header("webhook-id", format!("herald-{iid}"))
        .header("webhook-timestamp", time.to_string())
        .header("webhook-signature", signature)
        .body(body)
}
