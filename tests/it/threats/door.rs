//! The door: rows 13, 14, 15 and 29.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Form, House, PROJECT};

/// A delivery as GitLab signs it.
struct Signed<'a> {
    token: &'a str,
    id: &'a str,
    /// Seconds from now.
    skew: i64,
}

impl House {
    fn signing_token(&self) -> String {
        std::fs::read_to_string(self.path("webhook.tokens")).unwrap().trim().to_owned()
    }

    fn post(&self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        let request = self.http.post(self.door()).header("content-type", "application/json");
        request.header("x-gitlab-event", "Issue Hook").body(body.into())
    }

    /// Signed by the Standard Webhooks way, over any bytes.
    fn signed(&self, body: &[u8], how: &Signed<'_>) -> RequestBuilder {
        let time = self.now().as_second() + how.skew;
        let key = STANDARD.decode(how.token.strip_prefix("whsec_").unwrap()).unwrap();
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let mac = mac.chain_update(format!("{}.{time}.", how.id)).chain_update(body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let request = self.post(body).header("webhook-id", how.id).header("webhook-timestamp", time);
        request.header("webhook-signature", signature)
    }

    /// Sends it; the status. No answer ever has a body, nor is one a redirect.
    async fn status(&self, request: RequestBuilder) -> u16 {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(answer.bytes().await.unwrap().len(), 0, "an answer to {status} has a body");
        status
    }

    /// Sends it signed as it should be.
    async fn delivers(&self, body: &[u8]) -> u16 {
        let token = self.signing_token();
        let request = self.signed(body, &Signed { token: &token, id: "msg_1", skew: 0 });
        self.status(request).await
    }

    /// GitLab sends nothing any more.
    async fn hook_off(&self) {
        for hook in self.hooks().await {
            let path = format!("hooks/{}", hook["id"]);
            let off = json!({"issues_events": false, "confidential_issues_events": false});
            self.in_project("maintainer", Method::PUT, &path, off).await;
        }
    }

    pub(super) async fn hooks(&self) -> Vec<Value> {
        let hooks = self.in_project("maintainer", Method::GET, "hooks", Value::Null).await;
        hooks.as_array().unwrap().clone()
    }
}

fn body_for(iid: i64) -> Value {
    json!({
        "object_kind": "issue", "event_type": "confidential_issue", "user": {"id": 102},
        "project": {"id": PROJECT}, "object_attributes": {"id": 1, "iid": iid, "type": "Issue", "action": "update"},
        "labels": [], "changes": {},
    })
}

fn bytes_for(iid: i64) -> Vec<u8> {
    body_for(iid).to_string().into_bytes()
}

/// A request that nobody has told the service of.
async fn unannounced() -> (House, i64) {
    let house = House::open().await;
    house.hook_off().await;
    house.sweep_wanted().await;
    assert_eq!(house.wanted().await, 0);
    let iid = house.opens("requester", &Form::default().text()).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen");
    (house, iid)
}

#[tokio::test]
async fn t13a_the_same_delivery_a_hundred_times() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.provisioner_approves(iid).await;
    house.issued_once(iid).await;
    let hook = house.hooks().await[0]["id"].clone();
    let path = format!("hooks/{hook}/events?per_page=100");
    let deliveries = house.in_project("maintainer", Method::GET, &path, Value::Null).await;
    let (before, history) = (house.whole_issue(iid).await, house.history(iid).await);
    for delivery in deliveries.as_array().unwrap() {
        let body = delivery["request_data"].to_string();
        for _ in 0..=100 / deliveries.as_array().unwrap().len() {
            assert_eq!(house.delivers(body.as_bytes()).await, 204);
        }
        let resend = format!("hooks/{hook}/events/{}/resend", delivery["id"]);
        let resent = house.in_project("maintainer", Method::POST, &resend, Value::Null).await;
        assert_eq!(resent, json!({"response_status": 204}));
        house.settle().await;
    }
    assert_eq!(house.whole_issue(iid).await, before);
    assert_eq!(house.history(iid).await, history);
    assert_eq!((house.tokens(iid).await.len(), house.messages("requester").await.len()), (1, 1));
    house.leave().await;
}

/// GitLab's retries, a proxy's and two hooks at once, at a balancer before three processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t12_a_hundred_deliveries_at_the_same_moment_before_three_processes_make_one_credential() {
    let house = House::open().await;
    let iid = house.managed().await;
    house.labels("provisioner", iid, super::PROVISIONER).await;
    house.sandbox.deliveries_settled().await;
    let workers = [house.another_worker(), house.another_process().await, house.another_process().await];
    let working: Vec<_> = workers
        .into_iter()
        .map(|worker| {
            tokio::spawn(async move {
                for _ in 0..20 {
                    worker.step_on(House::key(iid)).await.unwrap();
                }
            })
        })
        .collect();
    let body = bytes_for(iid);
    let delivering = (0..100).map(|_| house.delivers(&body));
    assert!(all(delivering).await.iter().all(|status| *status == 204));
    for work in working {
        work.await.unwrap();
    }
    house.settle().await;
    house.issued_once(iid).await;
    assert_eq!((house.creations(), house.messages("requester").await.len()), (1, 1));
    house.leave().await;
}

/// What comes of all of them, at the same time.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if running.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}

/// The payload says that the manager's label is there; GitLab says it is off again.
#[tokio::test]
async fn t13b_an_old_delivery_with_a_fresh_signature_brings_nothing_back() {
    let house = House::open().await;
    let iid = house.managed().await;
    let hook = house.hooks().await[0]["id"].clone();
    let path = format!("hooks/{hook}/events?per_page=100");
    let deliveries = house.in_project("maintainer", Method::GET, &path, Value::Null).await;
    house.changes("manager", iid, json!({"remove_labels": super::MANAGER})).await;
    house.provisioner_approves(iid).await;
    house.clock.advance(SignedDuration::from_hours(1));
    for delivery in deliveries.as_array().unwrap() {
        let resend = format!("hooks/{hook}/events/{}/resend", delivery["id"]);
        house.in_project("maintainer", Method::POST, &resend, Value::Null).await;
        house.settle().await;
    }
    house.refused(iid, "The approval by `@kim` was taken back").await;
    house.leave().await;
}

#[tokio::test]
async fn t14a_whatever_does_not_prove_itself_is_not_read() {
    let (house, iid) = unannounced().await;
    let token = house.signing_token();
    let old = format!("whsec_{}", STANDARD.encode([7; 32]));
    let body = bytes_for(iid);
    let good = Signed { token: &token, id: "msg_1", skew: 0 };
    let mut changed = body.clone();
    *changed.last_mut().unwrap() = b' ';
    for (what, request) in [
        ("unsigned", house.post(body.clone())),
        ("the right plain token alone", house.post(body.clone()).header("x-gitlab-token", &token)),
        ("signed with another key", house.signed(&body, &Signed { token: &old, ..good })),
        ("stale", house.signed(&body, &Signed { skew: -301, ..good })),
        ("from the future", house.signed(&body, &Signed { skew: 301, ..good })),
        ("one byte changed", house.signed(&body, &good).body(changed)),
        ("one byte more", house.signed(&body, &good).body([body.clone(), b" ".to_vec()].concat())),
        ("another id", house.signed(&body, &good).header("webhook-id", "msg_2")),
        ("two signatures in two headers", house.signed(&body, &good).header("webhook-signature", "v1,AAAA")),
        ("not a POST", house.http.get(house.door())),
        ("a PUT", house.http.put(house.door()).body(body.clone())),
    ] {
        assert_eq!(house.status(request).await, 401, "{what}");
    }
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen", "nothing was read from any of them");
    assert_eq!(house.delivers(&body).await, 204);
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "and the right one is");
    house.leave().await;
}

#[tokio::test]
async fn t14b_while_a_key_is_rotated_both_are_good_and_afterwards_the_old_one_is_not() {
    let (mut house, iid) = unannounced().await;
    let old = house.signing_token();
    let new = format!("whsec_{}", STANDARD.encode([7; 32]));
    let body = bytes_for(iid);
    for (written, expected) in [(format!("{new}\n{old}\n"), [204, 204]), (format!("{new}\n"), [401, 204])] {
        std::fs::write(house.path("webhook.tokens"), written).unwrap();
        house.restart().await;
        for (token, status) in [&old, &new].into_iter().zip(expected) {
            let request = house.signed(&body, &Signed { token, id: "msg_1", skew: 0 });
            assert_eq!(house.status(request).await, status);
        }
    }
    house.leave().await;
}

/// Both are configured: the plain token must not be a way around the signature.
#[tokio::test]
async fn t14c_a_right_plain_token_does_not_stand_in_for_a_signature() {
    let plain = "token_file = \"plain.token\"\nsigning_tokens_file";
    let (mut house, iid) = unannounced().await;
    std::fs::write(house.path("plain.token"), "a-plain-token-of-some-length\n").unwrap();
    house.rewrite("countersign.toml", |text| text.replace("signing_tokens_file", plain));
    house.restart().await;
    let request = house.post(bytes_for(iid)).header("x-gitlab-token", "a-plain-token-of-some-length");
    assert_eq!(house.status(request).await, 401);
    assert_eq!(house.delivers(&bytes_for(iid)).await, 204);
    house.leave().await;
}

#[tokio::test]
async fn t14d_with_a_plain_token_only_it_must_be_right() {
    let (mut house, iid) = unannounced().await;
    std::fs::write(house.path("plain.token"), "a-plain-token-of-some-length\n").unwrap();
    let line = "signing_tokens_file = \"webhook.tokens\"";
    house.rewrite("countersign.toml", |text| text.replace(line, "token_file = \"plain.token\""));
    house.restart().await;
    for (token, status) in
        [("a-plain-token-of-some-lengtH", 401), ("", 401), ("a-plain-token-of-some-length", 204)]
    {
        let request = house.post(bytes_for(iid)).header("x-gitlab-token", token);
        assert_eq!(house.status(request).await, status);
    }
    assert_eq!(house.status(house.post(bytes_for(iid))).await, 401);
    house.leave().await;
}

#[tokio::test]
async fn t15_everything_authentic_is_taken_with_an_empty_answer() {
    let (house, iid) = unannounced().await;
    let with = |pointer: &str, value: Value| {
        let mut body = body_for(iid);
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string()
    };
    let bodies = [
        with("/object_kind", json!("work_item")),
        with("/object_kind", json!("note")),
        with("/object_kind", json!("push")),
        with("/object_attributes/type", json!("Incident")),
        with("/project/id", json!(4711)),
        with("/project/id", json!(-1)),
        with("/object_attributes/iid", json!(4711)),
        with("/object_attributes/iid", json!(null)),
        with("/object_attributes", json!([1, 2, 3])),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        String::new(),
        "not JSON".to_owned(),
    ];
    for body in bodies {
        assert_eq!(house.delivers(body.as_bytes()).await, 204, "{body}");
    }
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen");
    let deliveries = house.world()["gitlab"]["deliveries"].clone();
    let refused = |delivery: &Value| delivery["response_status"] != "204";
    assert!(!deliveries.as_object().unwrap().values().any(refused));
    house.leave().await;
}

#[tokio::test]
async fn t29a_a_body_beyond_gitlabs_own_limit_is_refused_and_one_at_it_is_swept() {
    let (house, iid) = unannounced().await;
    let limit = 25 * 1024 * 1024;
    let mut body = bytes_for(iid);
    body.resize(limit + 1, b' ');
    assert_eq!(house.delivers(&body).await, 413);
    assert_eq!(house.wanted().await, 0);
    body.truncate(limit);
    assert_eq!(house.delivers(&body).await, 204);
    assert_eq!(house.wanted().await, 1);
    house.sweep_wanted().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager");
    house.leave().await;
}

#[tokio::test]
async fn t29b_an_unauthentic_body_of_25_mb_marks_nothing() {
    let (house, iid) = unannounced().await;
    let mut body = bytes_for(iid);
    body.resize(25 * 1024 * 1024, b' ');
    let stranger = format!("whsec_{}", STANDARD.encode([7; 32]));
    let request = house.signed(&body, &Signed { token: &stranger, id: "msg_1", skew: 0 });
    assert_eq!(house.status(request).await, 401);
    assert_eq!(house.wanted().await, 0);
    house.leave().await;
}

#[tokio::test]
async fn t29c_hostile_but_authentic_bodies_are_taken_and_nothing_is_done() {
    let (house, iid) = unannounced().await;
    let deep = "[".repeat(500_000);
    let deep_objects = "{\"a\":".repeat(100_000);
    let key = format!(
        "{{\"object_kind\":\"issue\",\"project\":{{\"id\":{PROJECT}}},\"object_attributes\":{{\"iid\":{iid}"
    );
    let numbers = format!("{}{}}}}}", key, "0".repeat(400));
    let bodies: [Vec<u8>; 8] = [
        deep.into_bytes(),
        deep_objects.into_bytes(),
        format!("{key},\"labels\":{}", "[".repeat(100_000)).into_bytes(),
        numbers.into_bytes(),
        [b"{\"object_kind\":\"".as_slice(), &[0xff, 0xfe, 0xc0, 0x80], b"\"}"].concat(),
        vec![0; 1000],
        vec![0xff; 1024 * 1024],
        b"\xef\xbb\xbf{}".to_vec(),
    ];
    for body in bodies {
        assert_eq!(house.delivers(&body).await, 204);
    }
    house.settle().await;
    assert_eq!(house.phase(iid).await, "unseen");
    assert_eq!(house.delivers(&bytes_for(iid)).await, 204, "the door still stands");
    house.leave().await;
}
