//! The webhook door with one known key and marks that are only counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::AdjustableClock;
use countersign::domain::ids::{IssueKey, ProjectId};
use countersign::key::Key;
use countersign::web::{Authentication, Door, Marks, NotDurable, WatchedProjects, router};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const KEY: [u8; 32] = [7; 32];
pub const AT: &str = "1796115600";

#[derive(Default)]
pub struct Counted(pub AtomicUsize);

#[async_trait::async_trait]
impl Marks for Counted {
    async fn mark(&self, key: IssueKey) -> Result<(), NotDurable> {
        assert_eq!(key.project, ProjectId(42), "only watched projects are marked");
        assert!(key.iid > 0);
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn mark_for_sweep(&self, _: ProjectId) -> Result<(), NotDurable> {
        Ok(())
    }

    async fn answers(&self) -> bool {
        true
    }
}

pub fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&KEY).expect("any length is a key");
    mac.update(format!("id.{AT}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Sends a body with this signature header; the status, after checking that the answer is empty.
pub fn knock(body: &[u8], signature: &[u8]) -> Option<(u16, usize)> {
    let signature = http::HeaderValue::from_bytes(signature).ok()?;
    let marks = Arc::new(Counted::default());
    let clock = AdjustableClock::frozen(jiff::Timestamp::from_second(AT.parse().expect("a number")).expect("a time"));
    let key = Key::of_signing_token(&format!("whsec_{}", STANDARD.encode(KEY))).expect("32 bytes");
    let door = Door {
        clock,
        authentication: Authentication { signing_keys: vec![key], token: None },
        marks: marks.clone(),
        watched: Arc::new(WatchedProjects::new([ProjectId(42)])),
    };
    let request = http::Request::post("/hooks/gitlab")
        .header("webhook-id", "id")
        .header("webhook-timestamp", AT)
        .header("webhook-signature", signature)
        .body(Body::from(body.to_vec()))
        .expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let status = runtime.block_on(async {
        let answer = router(door).oneshot(request).await.expect("infallible");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.is_empty(), "answers are empty");
        status
    });
    Some((status, marks.0.load(Ordering::Relaxed)))
}
