//! The door from outside: what each request is answered, and which marks it leaves.

use std::sync::Mutex;

use axum::http::Method;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tower::ServiceExt as _;

use super::*;
use crate::clock::AdjustableClock;
use crate::key::Key;
use crate::secret::Secret;
use crate::store::{Scope, ShownDate};

const TIME: i64 = 1_614_265_330;
const SIGNING_TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ISSUE: &str =
    r#"{"object_kind":"issue","project":{"id":7},"object_attributes":{"iid":23,"type":"Issue"}}"#;

/// Remembers the marks; refuses, is silent or panics when told to.
#[derive(Default)]
struct Remembered {
    marks: Mutex<Vec<String>>,
    broken: bool,
    panicking: bool,
}

#[async_trait]
impl Marks for Remembered {
    async fn mark(&self, key: IssueKey) -> Result<(), NotDurable> {
        assert!(!self.panicking, "as told");
        self.note(key.to_string())
    }

    async fn mark_for_sweep(&self, project: ProjectId) -> Result<(), NotDurable> {
        self.note(format!("sweep {project}"))
    }

    async fn answers(&self) -> bool {
        !self.broken
    }
}

impl Remembered {
    fn note(&self, mark: String) -> Result<(), NotDurable> {
        if self.broken {
            return Err(NotDurable);
        }
        self.marks.lock().unwrap().push(mark);
        Ok(())
    }
}

struct NoCalendar;

#[async_trait]
impl Calendars for NoCalendar {
    async fn open(&self, _: &str, _: Timestamp) -> Result<Option<(Scope, Vec<ShownDate>)>, Unreadable> {
        Ok(None)
    }
}

struct Scene {
    marks: Arc<Remembered>,
    router: Router,
}

fn scene(marks: Remembered) -> Scene {
    let marks = Arc::new(marks);
    let door = Door {
        clock: AdjustableClock::frozen(Timestamp::from_second(TIME).unwrap()),
        authentication: Authentication {
            signing_keys: vec![Key::of_signing_token(SIGNING_TOKEN).unwrap()],
            token: Some(Secret::new("plain".to_owned())),
        },
        marks: Arc::<Remembered>::clone(&marks),
        calendars: Arc::new(NoCalendar),
        watched: Arc::new(WatchedProjects::new([ProjectId(7), ProjectId(8)])),
    };
    Scene { router: router(door), marks }
}

impl Scene {
    /// Sends it, and proves that the answer is empty and no redirect.
    async fn send(&self, request: Request) -> u16 {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        assert!(!status.is_redirection());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty(), "{body:?}");
        status.as_u16()
    }

    fn left(&self) -> Vec<String> {
        self.marks.marks.lock().unwrap().clone()
    }
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request {
    Request::builder().method(method).uri(path).body(body.into()).unwrap()
}

fn signed(body: &str) -> Request {
    let library = standardwebhooks::Webhook::new(SIGNING_TOKEN).unwrap();
    let signature = library.sign("id", TIME, body.as_bytes()).unwrap();
    let mut request = request(Method::POST, "/hooks/gitlab", body.to_owned());
    let headers = request.headers_mut();
    headers.insert("webhook-id", "id".parse().unwrap());
    headers.insert("webhook-timestamp", TIME.to_string().parse().unwrap());
    headers.insert("webhook-signature", signature.parse().unwrap());
    request
}

fn padded(length: usize) -> String {
    format!("{ISSUE}{}", " ".repeat(length - ISSUE.len()))
}

#[tokio::test]
async fn an_authentic_issue_of_a_watched_project_is_marked() {
    let scene = scene(Remembered::default());
    assert_eq!(scene.send(signed(ISSUE)).await, 204);
    assert_eq!(scene.left(), ["7#23"]);
}

#[tokio::test]
async fn the_unsigned_event_header_decides_nothing() {
    let scene = scene(Remembered::default());
    let mut request = signed(ISSUE);
    request.headers_mut().insert("x-gitlab-event", "Push Hook".parse().unwrap());
    assert_eq!(scene.send(request).await, 204);
    assert_eq!(scene.left(), ["7#23"]);
}

#[tokio::test]
async fn what_is_of_no_interest_is_taken_without_a_mark() {
    let scene = scene(Remembered::default());
    for body in [ISSUE.replace('7', "9"), ISSUE.replace("\"issue\"", "\"work_item\""), "{".to_owned()] {
        assert_eq!(scene.send(signed(&body)).await, 204, "{body}");
    }
    assert!(scene.left().is_empty());
}

#[tokio::test]
async fn whatever_is_not_authentic_is_401() {
    let scene = scene(Remembered::default());
    let unsigned = request(Method::POST, "/hooks/gitlab", ISSUE);
    assert_eq!(scene.send(unsigned).await, 401);
    let mut plain = request(Method::POST, "/hooks/gitlab", ISSUE);
    plain.headers_mut().insert("x-gitlab-token", "plain".parse().unwrap());
    assert_eq!(scene.send(plain).await, 401);
    let mut changed = signed(ISSUE);
    *changed.body_mut() = ISSUE.replace("23", "24").into();
    assert_eq!(scene.send(changed).await, 401);
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let mut other = signed(ISSUE);
        *other.method_mut() = method.clone();
        assert_eq!(scene.send(other).await, 401, "{method}");
    }
    assert!(scene.left().is_empty());
}

#[tokio::test]
async fn a_large_authentic_body_marks_every_watched_project_for_a_sweep() {
    let scene = scene(Remembered::default());
    assert_eq!(scene.send(signed(&padded(1024 * 1024))).await, 204);
    assert_eq!(scene.left(), ["7#23"]);
    assert_eq!(scene.send(signed(&padded(1024 * 1024 + 1))).await, 204);
    assert_eq!(scene.left(), ["7#23", "sweep 7", "sweep 8"]);
    let mut unauthentic = signed(ISSUE);
    *unauthentic.body_mut() = padded(1024 * 1024 + 1).into();
    assert_eq!(scene.send(unauthentic).await, 401);
    assert_eq!(scene.left().len(), 3);
}

#[tokio::test]
async fn a_body_beyond_25_mib_is_413() {
    let scene = scene(Remembered::default());
    assert_eq!(scene.send(signed(&padded(25 * 1024 * 1024 + 1))).await, 413);
    assert!(scene.left().is_empty());
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_503() {
    let scene = scene(Remembered { broken: true, ..Remembered::default() });
    assert_eq!(scene.send(signed(ISSUE)).await, 503);
    assert_eq!(scene.send(signed(&padded(1024 * 1024 + 1))).await, 503);
    assert_eq!(scene.send(request(Method::GET, "/readyz", "")).await, 503);
    assert_eq!(scene.send(request(Method::GET, "/healthz", "")).await, 200);
}

#[tokio::test]
async fn a_working_database_is_ready() {
    let scene = scene(Remembered::default());
    assert_eq!(scene.send(request(Method::GET, "/readyz", "")).await, 200);
    assert_eq!(scene.send(request(Method::GET, "/healthz", "")).await, 200);
}

#[tokio::test]
async fn a_panic_is_an_empty_500() {
    let scene = scene(Remembered { panicking: true, ..Remembered::default() });
    assert_eq!(scene.send(signed(ISSUE)).await, 500);
}

#[tokio::test]
async fn other_paths_are_404_and_never_a_redirect() {
    let scene = scene(Remembered::default());
    for path in ["/", "/hooks/gitlab/", "/hooks", "//hooks/gitlab", "/readyz/"] {
        let mut elsewhere = signed(ISSUE);
        *elsewhere.uri_mut() = path.parse().unwrap();
        assert_eq!(scene.send(elsewhere).await, 404, "{path}");
    }
    assert!(scene.left().is_empty());
}
