//! GitLab's webhooks, signed and really sent.
//!
//! Signed the Standard Webhooks way: HMAC-SHA256 over `id.timestamp.body`. Never retried, as GitLab does not; a
//! resend has the old body and id and a fresh timestamp and signature. Every delivery is written down with the
//! status it got. Only this file sends anything.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request};
use sha2::Sha256;
use tokio::sync::watch;

use crate::clock::random_id;
use crate::sandbox::world::{Delivery, World};

/// A webhook to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) hook_id: u64,
    /// Stays the same when resent.
    pub(crate) webhook_id: String,
    /// `X-Gitlab-Event`.
    pub(crate) event: String,
    pub(crate) body: String,
}

/// Carries webhooks, and knows how many are on their way.
#[derive(Debug, Clone)]
pub(crate) struct Courier {
    pub(crate) world: Arc<Mutex<World>>,
    client: Client,
    in_flight: watch::Sender<usize>,
}

/// The world, whatever became of the last one who held it.
pub(crate) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Courier {
    pub(crate) fn new(world: Arc<Mutex<World>>) -> io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a vendor's own sender; it must not share our transport"
        )]
        let builder = Client::builder().http1_title_case_headers();
        let client = builder.redirect(Policy::none()).timeout(Duration::from_secs(10)).build();
        Ok(Self { world, client: client.map_err(io::Error::other)?, in_flight: watch::Sender::new(0) })
    }

    /// Sends in the background.
    pub(crate) fn send(&self, outgoing: Outgoing) {
        self.in_flight.send_modify(|count| *count += 1);
        let courier = self.clone();
        tokio::spawn(async move {
            courier.deliver(outgoing).await;
            courier.in_flight.send_modify(|count| *count -= 1);
        });
    }

    /// Returns when nothing sent in the background is on its way.
    pub(crate) async fn settled(&self) {
        let settled = self.in_flight.subscribe().wait_for(|count| *count == 0).await.is_ok();
        debug_assert!(settled, "the sender of the count is held by self");
    }

    /// Sends now; the status, or 500 where there was no answer.
    pub(crate) async fn deliver(&self, outgoing: Outgoing) -> u16 {
        let Some((request, mut delivery)) = self.prepare(outgoing) else { return 500 };
        let status = match self.client.execute(request).await {
            Ok(response) => Some(response.status().as_u16()),
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "a webhook was not delivered");
                None
            }
        };
        delivery.response_status = status.map_or("internal error".to_owned(), |status| status.to_string());
        let mut world = lock(&self.world);
        delivery.id = world.gitlab.fresh_id();
        world.gitlab.deliveries.insert(delivery.id, delivery);
        status.unwrap_or(500)
    }

    /// None where the hook is gone or switched off, or its address is not one.
    fn prepare(&self, outgoing: Outgoing) -> Option<(Request, Delivery)> {
        let world = lock(&self.world);
        let hook = world.gitlab.hooks.get(&outgoing.hook_id).filter(|hook| !hook.is_off())?;
        let headers = headers(&world, &outgoing);
        let mut request = Request::new(Method::POST, hook.url.parse().ok()?);
        for (name, value) in &headers {
            request
                .headers_mut()
                .insert(reqwest::header::HeaderName::try_from(name).ok()?, value.parse().ok()?);
        }
        *request.body_mut() = Some(outgoing.body.clone().into());
        let delivery = Delivery {
            id: 0,
            hook_id: hook.id,
            url: hook.url.clone(),
            webhook_id: outgoing.webhook_id,
            event: outgoing.event,
            body: outgoing.body,
            request_headers: headers,
            response_status: String::new(),
            at: world.now(),
        };
        Some((request, delivery))
    }
}

/// All headers of a delivery; only id, time and body are covered by the signature.
fn headers(world: &World, outgoing: &Outgoing) -> BTreeMap<String, String> {
    let Some(hook) = world.gitlab.hooks.get(&outgoing.hook_id) else { return BTreeMap::new() };
    let timestamp = world.now().as_second();
    let mut headers = BTreeMap::from([
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("User-Agent".to_owned(), "GitLab/19.5.0-ee".to_owned()),
        ("X-Gitlab-Event".to_owned(), outgoing.event.clone()),
        ("X-Gitlab-Webhook-UUID".to_owned(), random_id(&*world.randomness)),
        ("X-Gitlab-Event-UUID".to_owned(), random_id(&*world.randomness)),
        ("X-Gitlab-Instance".to_owned(), format!("{}/gitlab", world.base_url)),
        ("Idempotency-Key".to_owned(), outgoing.webhook_id.clone()),
        ("webhook-id".to_owned(), outgoing.webhook_id.clone()),
        ("webhook-timestamp".to_owned(), timestamp.to_string()),
    ]);
    if let Some(token) = &hook.token {
        headers.insert("X-Gitlab-Token".to_owned(), token.clone());
    }
    let content = format!("{}.{timestamp}.{}", outgoing.webhook_id, outgoing.body);
    if let Some(signature) = hook.signing_token.as_deref().and_then(|token| signature(token, &content)) {
        headers.insert("webhook-signature".to_owned(), signature);
    }
    headers
}

/// The key of a `whsec_…` token, where it is one of 32 bytes.
pub(crate) fn signing_key(token: &str) -> Option<Vec<u8>> {
    STANDARD.decode(token.strip_prefix("whsec_")?).ok().filter(|key| key.len() == 32)
}

fn signature(token: &str, content: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&signing_key(token)?).ok()?;
    mac.update(content.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_standard_webhooks_verify() {
        let token = format!("whsec_{}", STANDARD.encode([7; 32]));
        let verifier = standardwebhooks::Webhook::new(&token).unwrap();
        let expected = verifier.sign("msg_1", 1_614_265_330, br#"{"a":1}"#).unwrap();
        assert_eq!(signature(&token, r#"msg_1.1614265330.{"a":1}"#).unwrap(), expected);
    }

    #[test]
    fn a_key_of_another_length_is_no_signing_token() {
        assert!(signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_none());
        assert!(signing_key("plain").is_none());
    }
}
