//! The one transport: an `http::Request` goes out, an `http::Response` comes back.
//!
//! Over the network it is reqwest; in a simulation it is a router called in the same process, so that no client
//! knows the difference. It decides only one thing, and the rest of the program leans on it: whether a failed
//! call was certainly not sent ([`TransportError::Unsent`]) or may have had its effect. Answers are wiped from
//! memory when dropped, since some of them hold a secret. Its span has the vendor, the operation, the status and
//! the duration; never an address, a header or a body.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::SignedDuration;
use tower::ServiceExt;
use tracing::{Instrument, Span, field};
use zeroize::Zeroizing;

use super::error::retry_after;
use super::gate::Gate;
use super::{Call, network};
use crate::clock::SharedClock;

/// Tries of a repeatable call, the first included.
const TRIES: u32 = 3;
/// Pause before the second try; it doubles. A vendor's hiccup is over by then, or it is an outage.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A `Retry-After` up to here is waited out; a longer one is the caller's next look.
const SHORT_WAIT: Duration = Duration::from_secs(3);
/// No further try begins after this, so that reads end well before a lease does.
const REPEAT_WITHIN: Duration = Duration::from_secs(10);

/// No answer. What matters is whether the call may have been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent: no address, no connection, or one that may not carry a secret. Certainly not done.
    #[error("the request could not be sent")]
    Unsent,
    /// It was sent, and no whole answer came back. Perhaps done.
    #[error("the request was sent, and no usable answer came")]
    Unknown,
    /// It was sent, and the answer is larger than any we take. Perhaps done; asked again, it is as large.
    #[error("the request was sent, and the answer is too large")]
    TooLarge,
}

/// How long a call may take and how large its answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    pub(super) total: Duration,
    pub(super) body: usize,
}

impl Limits {
    const DEFAULT: Self =
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20), body: 10 * 1024 * 1024 };
}

#[derive(Debug, Clone)]
enum Route {
    Network(reqwest::Client),
    InProcess(Router),
}

/// Carries every call to a vendor. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Transport {
    route: Route,
    limits: Limits,
    gate: Option<Arc<Gate>>,
}

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct NoTransport(#[source] reqwest::Error);

impl Transport {
    /// To the real vendors: TLS, 5 s to connect and 20 s in all, no redirects, answers up to 10 MB.
    pub fn over_network() -> Result<Self, NoTransport> {
        Self::over_network_within(Limits::DEFAULT)
    }

    /// As [`Transport::over_network`], with another time in all, so that a test of what hangs need not last long.
    pub fn over_network_patient_for(total: Duration) -> Result<Self, NoTransport> {
        Self::over_network_within(Limits { total, ..Limits::DEFAULT })
    }

    /// To `router`, in this process, whatever host the address names (it is in the `Host` header).
    ///
    /// An answer that has a [`TransportError`] among its extensions stands for that failure, so that a simulation
    /// can lose an answer after the effect. Repeated calls do not pause, and no call takes too long: how long it took
    /// is for the simulation to say.
    pub fn in_process(router: Router) -> Self {
        Self { route: Route::InProcess(router), limits: Limits::DEFAULT, gate: None }
    }

    pub(super) fn over_network_within(limits: Limits) -> Result<Self, NoTransport> {
        let client = network::client(limits).map_err(NoTransport)?;
        Ok(Self { route: Route::Network(client), limits, gate: None })
    }

    #[cfg(test)]
    pub(super) fn in_process_within(router: Router, limits: Limits) -> Self {
        Self { route: Route::InProcess(router), limits, gate: None }
    }

    /// The same way out, for one account of a vendor: from now on a wish of that vendor's to be left alone is kept by
    /// all clones of this one. Then nothing waits inside a call any more.
    #[must_use]
    pub fn for_account(&self, clock: &SharedClock) -> Self {
        Self { gate: Some(Arc::new(Gate::new(clock.clone()))), ..self.clone() }
    }

    /// Whether the account's last answer was dated minutes from our own time.
    pub fn clock_is_off(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.clock_is_off())
    }

    /// Sends once. Any status is an answer, a redirect too. While the vendor wants to be left alone the answer is a
    /// 429 of our own.
    pub async fn send(&self, call: Call, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let Some(gate) = &self.gate else { return self.pass(call, request).await };
        if let Some(refusal) = gate.refusal(call) {
            return Ok(refusal);
        }
        let sent = gate.now();
        let answer = self.pass(call, request).await?;
        gate.heard(call, &answer, sent);
        Ok(answer)
    }

    async fn pass(&self, call: Call, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let span = tracing::info_span!(
            "vendor.call",
            vendor = %call.vendor,
            operation = call.operation,
            status = field::Empty,
            duration_ms = field::Empty,
        );
        self.measured(request).instrument(span).await
    }

    /// Sends up to three times, for a call whose repetition changes nothing: after no answer, 502, 503 or 504. A wish to
    /// be left alone for at most 3 s is waited out, unless this is for an account, whose callers come back. Gives the last
    /// outcome.
    pub async fn send_repeatable(
        &self,
        call: Call,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            let outcome = self.send(call, request.clone()).await;
            let Some(wait) = worth_repeating(&outcome, pause, self.gate.is_none()) else { return outcome };
            if self.passed_since(began) > REPEAT_WITHIN {
                return outcome;
            }
            self.pause(wait).await;
            pause *= 2;
        }
        self.send(call, request).await
    }

    /// How long it has been. A simulation has its own clock: there no time passes in a call.
    fn passed_since(&self, began: Instant) -> Duration {
        match self.route {
            Route::Network(_) => began.elapsed(),
            Route::InProcess(_) => Duration::ZERO,
        }
    }

    async fn pause(&self, wait: Duration) {
        match self.route {
            Route::Network(_) => tokio::time::sleep(wait).await,
            // Nothing in a simulation recovers by real time passing.
            Route::InProcess(_) => tokio::task::yield_now().await,
        }
    }

    async fn measured(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let began = Instant::now();
        let outcome = self.exchange(request).await;
        let span = Span::current();
        span.record("duration_ms", u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        match &outcome {
            Ok(answer) => span.record("status", answer.status().as_u16()),
            Err(error) => span.record("status", field::display(error)),
        };
        tracing::debug!("vendor called");
        // Wiped when the last reference goes: a mint's answer and a message's echo hold a secret.
        Ok(outcome?.map(|body| Bytes::from_owner(Zeroizing::new(body))))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, TransportError> {
        match &self.route {
            Route::Network(client) => {
                if !may_carry_secrets(request.uri()) {
                    tracing::error!("plain http to another machine is refused");
                    return Err(TransportError::Unsent);
                }
                network::exchange(client, request, self.limits).await
            }
            Route::InProcess(router) => answer_in_process(router.clone(), request, self.limits.body).await,
        }
    }
}

/// Whether an address may be called at all: TLS, or this very machine.
pub fn may_carry_secrets(address: &Uri) -> bool {
    match address.scheme_str() {
        Some("https") => true,
        Some("http") => address.host().is_some_and(is_loopback),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// How long to wait before the next try, if one is worth it.
fn worth_repeating(
    outcome: &Result<Response<Bytes>, TransportError>,
    pause: Duration,
    waits: bool,
) -> Option<Duration> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(TransportError::TooLarge) => return None,
        Err(TransportError::Unsent | TransportError::Unknown) => return Some(pause),
    };
    let asked = retry_after(answer.headers()).map(SignedDuration::unsigned_abs);
    if asked.is_some() && !waits {
        return None;
    }
    match answer.status() {
        StatusCode::TOO_MANY_REQUESTS => asked.filter(|wait| *wait <= SHORT_WAIT),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Some(asked.unwrap_or(pause)).filter(|wait| *wait <= SHORT_WAIT)
        }
        _ => None,
    }
}

async fn answer_in_process(
    router: Router,
    mut request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Vec<u8>>, TransportError> {
    let host = request.uri().authority().map(|authority| authority.as_str().parse());
    if let Some(Ok(host)) = host {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    let answer = router.oneshot(request.map(Body::from)).await;
    let (parts, body) = answer.unwrap_or_else(|never: Infallible| match never {}).into_parts();
    if let Some(fault) = parts.extensions.get::<TransportError>() {
        return Err(*fault);
    }
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { TransportError::TooLarge } else { TransportError::Unknown }
    })?;
    Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::vendors::Vendor;
    use crate::vendors::testing::{answer, lines, vendor};

    const CALL: Call = Call { vendor: Vendor::Zendesk, operation: "test" };

    fn request(address: &str) -> Request<Bytes> {
        Request::post(address).body(Bytes::from_static(b"{}")).unwrap()
    }

    /// Small and quick, so that a limit is met at once; connecting keeps its time.
    fn tight() -> Limits {
        Limits { total: Duration::from_millis(200), body: 1000, ..Limits::DEFAULT }
    }

    /// A server that reads a request, writes `reply` and hangs up.
    async fn raw_server(reply: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(reply).await;
            }
        });
        address
    }

    async fn serve(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn network() -> Transport {
        Transport::over_network().unwrap()
    }

    #[tokio::test]
    async fn an_answer_comes_back_whole() {
        let (router, log) = vendor(|_| answer(201, &[("x-next-page", "2")], "hello"));
        let address = serve(router.clone()).await;
        for transport in [network(), Transport::in_process(router)] {
            let answer = transport.send(CALL, request(&address)).await.unwrap();
            assert_eq!(answer.status(), 201);
            assert_eq!(answer.headers()["x-next-page"], "2");
            assert_eq!(answer.body(), "hello");
        }
        let log = log.lock().unwrap();
        assert!(log[0].header("user-agent").starts_with("countersign/"));
        assert_eq!(log[0].header("host"), log[1].header("host"));
        assert!(log.iter().all(|asked| asked.body == "{}"));
    }

    #[tokio::test]
    async fn a_connection_that_never_came_about_is_unsent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(network().send(CALL, request(&address)).await.unwrap_err(), TransportError::Unsent);
        let nowhere = request("https://nowhere.invalid/");
        assert_eq!(network().send(CALL, nowhere).await.unwrap_err(), TransportError::Unsent);
    }

    #[tokio::test]
    async fn a_broken_or_endless_answer_is_unknown() {
        for reply in [
            b"".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            b"no http at all\r\n\r\n",
        ] {
            let address = raw_server(reply).await;
            let transport = Transport::over_network_within(tight()).unwrap();
            let error = transport.send(CALL, request(&address)).await.unwrap_err();
            assert_eq!(error, TransportError::Unknown, "{}", String::from_utf8_lossy(reply));
        }
    }

    #[tokio::test]
    async fn an_answer_over_the_limit_is_too_large_and_not_asked_for_again() {
        let router = Router::new().fallback(|| async { "x".repeat(1001) });
        let address = serve(router.clone()).await;
        let limits = Limits { body: 1000, ..Limits::DEFAULT };
        let network = |limits| Transport::over_network_within(limits).unwrap();
        for transport in [network(limits), Transport::in_process_within(router, limits)] {
            let error = transport.send(CALL, request(&address)).await.unwrap_err();
            assert_eq!(error, TransportError::TooLarge);
        }
        let announced = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n").await;
        let error = network(limits).send_repeatable(CALL, request(&announced)).await.unwrap_err();
        assert_eq!(error, TransportError::TooLarge);
        // Without a length announced, only counting tells.
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        let address = raw_server(chunked).await;
        for (body, expected) in [(5, None), (4, Some(TransportError::TooLarge))] {
            let outcome = network(Limits { body, ..limits }).send(CALL, request(&address)).await;
            assert_eq!(outcome.err(), expected);
        }
    }

    #[tokio::test]
    async fn no_answer_in_time_is_unknown() {
        let router = Router::new().fallback(|| async { std::future::pending::<()>().await });
        let address = serve(router).await;
        let network = Transport::over_network_within(tight()).unwrap();
        let error = network.send(CALL, request(&address)).await.unwrap_err();
        assert_eq!(error, TransportError::Unknown);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (elsewhere, elsewhere_log) = vendor(|_| answer(200, &[], "stolen"));
        let elsewhere = serve(elsewhere).await;
        let (router, _) = vendor(move |_| answer(307, &[("location", &elsewhere)], ""));
        let address = serve(router).await;
        let answer = network().send_repeatable(CALL, request(&address)).await.unwrap();
        assert_eq!(answer.status(), 307);
        assert_eq!(lines(&elsewhere_log), [""; 0]);
    }

    #[tokio::test]
    async fn plain_http_leaves_this_machine_under_no_name() {
        for refused in ["http://192.0.2.1/", "http://localhost.example/", "ftp://127.0.0.1/", "/path"] {
            let error = network().send(CALL, request(refused)).await.unwrap_err();
            assert_eq!(error, TransportError::Unsent, "{refused}");
            assert!(!may_carry_secrets(&refused.parse().unwrap()), "{refused}");
        }
        for fine in ["http://127.0.0.1:80/", "http://[::1]/", "http://localhost/", "https://192.0.2.1/"] {
            assert!(may_carry_secrets(&fine.parse().unwrap()), "{fine}");
        }
    }

    #[tokio::test]
    async fn a_simulation_can_lose_an_answer() {
        let (router, log) = vendor(|_| {
            let mut lost = answer(200, &[], "done");
            lost.extensions_mut().insert(TransportError::Unknown);
            lost
        });
        let transport = Transport::in_process(router);
        let error = transport.send(CALL, request("https://zendesk.test/")).await.unwrap_err();
        assert_eq!(error, TransportError::Unknown);
        assert_eq!(lines(&log).len(), 1);
    }

    /// How often a call that may be repeated is made when each answer is this one.
    async fn tries(status: u16, headers: &'static [(&str, &str)]) -> usize {
        let (router, log) = vendor(move |_| answer(status, headers, ""));
        let transport = Transport::in_process(router);
        let answer = transport.send_repeatable(CALL, request("https://zendesk.test/")).await.unwrap();
        assert_eq!(answer.status(), status);
        lines(&log).len()
    }

    #[tokio::test]
    async fn only_what_may_pass_soon_is_repeated() {
        for status in [200, 301, 400, 401, 403, 404, 422, 500, 501] {
            assert_eq!(tries(status, &[]).await, 1, "{status}");
        }
        for status in [502, 503, 504] {
            assert_eq!(tries(status, &[]).await, 3, "{status}");
        }
        assert_eq!(tries(429, &[]).await, 1);
        assert_eq!(tries(429, &[("retry-after", "3")]).await, 3);
        assert_eq!(tries(429, &[("retry-after", "4")]).await, 1);
        assert_eq!(tries(503, &[("retry-after", "4")]).await, 1);
    }

    #[tokio::test]
    async fn a_repeated_call_ends_with_the_first_good_answer() {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (router, _) = vendor(move |_| {
            let mut reply = answer(200, &[], "at last");
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                reply.extensions_mut().insert(TransportError::Unsent);
            }
            reply
        });
        let transport = Transport::in_process(router);
        let answer = transport.send_repeatable(CALL, request("https://zendesk.test/")).await.unwrap();
        assert_eq!(answer.body(), "at last");
    }

    /// Where a log goes, to be read afterwards.
    #[derive(Clone, Default)]
    struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_call_is_logged_without_address_headers_or_bodies() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let logging = tracing::subscriber::set_default(subscriber);
        let (router, _) = vendor(|_| answer(418, &[("x-answer", "sec-header")], "sec-answer"));
        let request = Request::post("https://host.test/sec-path?email=sec-query")
            .header("authorization", "sec-login")
            .body(Bytes::from_static(b"sec-body"))
            .unwrap();
        Transport::in_process(router).send(CALL, request).await.unwrap();
        drop(logging);
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        for part in ["vendor=Zendesk", "operation=\"test\"", "status=418", "duration_ms="] {
            assert!(log.contains(part), "{log}");
        }
        assert!(!log.contains("sec-") && !log.contains("host.test"), "{log}");
    }

    #[test]
    fn the_network_transport_can_be_built() {
        Transport::over_network().unwrap();
    }

    /// The roots are read while the client is built, so a process of its own is given a machine without any.
    #[test]
    fn the_network_transport_can_be_built_without_a_ca_file() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "vendors::http::tests::the_network_transport_can_be_built"])
            .env("SSL_CERT_FILE", "/does/not/exist")
            .env("SSL_CERT_DIR", "/does/not/exist")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&status.stdout);
        assert!(status.status.success() && said.contains("1 passed"), "{said}");
    }
}
