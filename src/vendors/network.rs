//! The HTTP client that reaches the real vendors. Nothing but `vendors::http` uses it.
//!
//! It follows no redirect and repeats nothing by itself: both would send a credential, or a creation, where the
//! caller did not decide to. The public root certificates are compiled in beside the machine's own, so that an
//! image without a CA file works and a company's own CA still counts.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};

use super::http::{Limits, TransportError};

/// Builds the client. Fails only where the TLS library cannot be set up.
pub(super) fn client(limits: Limits) -> Result<reqwest::Client, reqwest::Error> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|certificate| reqwest::Certificate::from_der(certificate))
        .collect::<Result<Vec<_>, _>>()?;
    #[expect(clippy::disallowed_methods, reason = "this is the one place that builds an HTTP client")]
    reqwest::Client::builder()
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tls_certs_merge(roots)
        .build()
}

/// Sends and reads the whole answer, up to the limit.
pub(super) async fn exchange(
    client: &reqwest::Client,
    request: Request<Bytes>,
    limits: Limits,
) -> Result<Response<Vec<u8>>, TransportError> {
    let request = reqwest::Request::try_from(request).map_err(|error| not_sent(&error))?;
    let mut answer = client.execute(request).await.map_err(failed)?;
    let mut parts = Response::builder().status(answer.status());
    if let Some(headers) = parts.headers_mut() {
        *headers = answer.headers().clone();
    }
    let mut body = Vec::with_capacity(expected_length(&answer, limits)?);
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > limits.body {
            tracing::warn!(limit = limits.body, "the answer is too large");
            return Err(TransportError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    parts.body(body).map_err(|_| TransportError::Unknown)
}

fn expected_length(answer: &reqwest::Response, limits: Limits) -> Result<usize, TransportError> {
    let announced = usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > limits.body { Err(TransportError::TooLarge) } else { Ok(announced) }
}

/// A connection that never came about carried nothing; every other failure may have come after the effect.
fn failed(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        return not_sent(&error);
    }
    tracing::warn!(cause = chain(&error), "no usable answer came");
    TransportError::Unknown
}

fn not_sent(error: &reqwest::Error) -> TransportError {
    tracing::warn!(cause = chain(error), "the request could not be sent");
    TransportError::Unsent
}

/// The causes in one line: "connection refused" and "unknown issuer" are what an operator needs, and sit deepest.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
