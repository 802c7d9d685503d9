//! What a vendor's refusal means for whoever called.
//!
//! One variant for each thing the caller does next, not one for each status. The line that matters most runs
//! between what was certainly not done and what perhaps was: minting and handing over stand on it. A vendor's
//! body never becomes part of an error; of a refusal only a short, filtered code is kept, because bodies quote
//! what people typed and sometimes what we sent.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Vendor;
use super::http::TransportError;

/// A longer `Retry-After` is cut to this: the vendors' windows are minutes, and an ending must not sleep for days.
pub(super) const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// Longest code kept of a refusal, in characters.
const CODE_LENGTH: usize = 80;

/// Why a call to a vendor gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VendorError {
    /// 429. Certainly not done; try again after the wait.
    #[error("{vendor} asks us to slow down")]
    RateLimited {
        /// Who.
        vendor: Vendor,
        /// How long it asks to be left alone; at most an hour.
        after: Option<SignedDuration>,
    },
    /// No connection. Certainly not done; try again.
    #[error("{vendor} could not be reached")]
    Unsent {
        /// Who.
        vendor: Vendor,
    },
    /// Sent, and no usable answer. Perhaps done: look before trying again.
    #[error("{vendor} gave no answer")]
    Unknown {
        /// Who.
        vendor: Vendor,
    },
    /// 401: our credential is not accepted. The operator's.
    #[error("{vendor} does not accept our credential")]
    Unauthorized {
        /// Who.
        vendor: Vendor,
    },
    /// 403: our credential may not do this, or we are blocked. The operator's.
    #[error("{vendor} does not allow us to do this")]
    Forbidden {
        /// Who.
        vendor: Vendor,
    },
    /// 404: not there, or not for us to see.
    #[error("{vendor} has nothing there that we may see")]
    NotFound {
        /// Who.
        vendor: Vendor,
    },
    /// Another 4xx, or a redirect: certainly not done, and not otherwise the next time.
    #[error("{vendor} refused with status {status} ({code})")]
    Rejected {
        /// Who.
        vendor: Vendor,
        /// The HTTP status; 0 where we refused to send.
        status: u16,
        /// The vendor's own short code, filtered; `redirect` for a redirect.
        code: String,
    },
    /// A 2xx whose content cannot be read. What was asked for was perhaps done.
    #[error("{vendor} answered something we cannot read")]
    Malformed {
        /// Who.
        vendor: Vendor,
    },
    /// 5xx (or 408, 425). A read is tried later; a write was perhaps done.
    #[error("{vendor} is not available")]
    Unavailable {
        /// Who.
        vendor: Vendor,
        /// How long it asks to be left alone; at most an hour.
        after: Option<SignedDuration>,
    },
}

/// For what is to be gone or closed: where there is nothing any more, it is done.
pub(crate) fn ignoring_absence(answer: Result<(), VendorError>) -> Result<(), VendorError> {
    match answer {
        Err(VendorError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

impl VendorError {
    /// Whether the call certainly had no effect.
    pub fn is_definitely_not_done(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::Malformed { .. } | Self::Unavailable { .. })
    }

    /// Whether the same call fails again until a person changes something.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. }
                | Self::Forbidden { .. }
                | Self::NotFound { .. }
                | Self::Rejected { .. }
        )
    }

    /// How long the vendor asked to be left alone.
    pub fn retry_after(&self) -> Option<SignedDuration> {
        match self {
            Self::RateLimited { after, .. } | Self::Unavailable { after, .. } => *after,
            _ => None,
        }
    }

    /// We did not send it, and never would: a fault of ours or of the configuration.
    pub(super) fn refused_to_send(vendor: Vendor, code: &str) -> Self {
        Self::Rejected { vendor, status: 0, code: filtered(code) }
    }

    pub(super) fn from_transport(vendor: Vendor, error: TransportError) -> Self {
        match error {
            TransportError::Unsent => Self::Unsent { vendor },
            TransportError::Unknown | TransportError::TooLarge => Self::Unknown { vendor },
        }
    }

    fn from_refusal(vendor: Vendor, answer: &Response<Bytes>) -> Self {
        let status = answer.status();
        let after = retry_after(answer.headers());
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited { vendor, after },
            StatusCode::UNAUTHORIZED => Self::Unauthorized { vendor },
            StatusCode::FORBIDDEN => Self::Forbidden { vendor },
            StatusCode::NOT_FOUND => Self::NotFound { vendor },
            // Both say "not now" in the range that says "never".
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Self::Unavailable { vendor, after },
            _ if status.is_redirection() => {
                Self::Rejected { vendor, status: status.as_u16(), code: "redirect".to_owned() }
            }
            _ if status.is_client_error() => {
                Self::Rejected { vendor, status: status.as_u16(), code: code_in(answer.body()) }
            }
            _ => Self::Unavailable { vendor, after },
        }
    }
}

/// The answer, if its status is a success.
pub(super) fn accepted(
    vendor: Vendor,
    outcome: Result<Response<Bytes>, TransportError>,
) -> Result<Response<Bytes>, VendorError> {
    let answer = outcome.map_err(|error| VendorError::from_transport(vendor, error))?;
    if answer.status().is_success() { Ok(answer) } else { Err(VendorError::from_refusal(vendor, &answer)) }
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110, 10.2.3), between nothing and an hour.
///
/// A date is measured from the answer's own `Date`, so that the two clocks need not agree.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
        Err(_) => http_date(text)?.duration_since(sent_at(headers)?),
    };
    Some(wait.clamp(SignedDuration::ZERO, LONGEST_WAIT))
}

/// When the vendor says it answered, by its own clock (RFC 9110, 6.6.1).
pub(super) fn sent_at(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(header::DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

/// The short name a vendor gives a refusal, from the places where the three of them put it.
pub(super) fn code_in(body: &[u8]) -> String {
    let code = serde_json::from_slice::<Value>(body).ok().and_then(|body| find_code(&body));
    code.map(|code| filtered(&code)).filter(|code| !code.is_empty()).unwrap_or_else(|| "no code".to_owned())
}

fn find_code(body: &Value) -> Option<String> {
    let candidates = [
        &body["error"],
        &body["error"]["code"],
        &body["error"]["title"],
        &body["errors"][0]["code"],
        &body["message"],
    ];
    if let Some(code) = candidates.iter().find_map(|value| value.as_str()) {
        return Some(code.to_owned());
    }
    // GitLab's validation errors: {"message": {"title": ["is too long"]}}. The fields are enough.
    let fields: Vec<&str> = body["message"].as_object()?.keys().map(String::as_str).collect();
    Some(fields.join(", "))
}

fn filtered(code: &str) -> String {
    let harmless = |letter: &char| letter.is_ascii_alphanumeric() || "_ .,'-".contains(*letter);
    code.chars().filter(harmless).take(CODE_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::testing::answer;

    const VENDOR: Vendor = Vendor::Zendesk;

    fn refusal(status: u16, headers: &[(&str, &str)], body: &str) -> VendorError {
        accepted(VENDOR, Ok(answer(status, headers, body))).unwrap_err()
    }

    #[test]
    fn every_status_is_named_by_what_to_do_next() {
        let vendor = VENDOR;
        let rejected = |status, code: &str| VendorError::Rejected { vendor, status, code: code.to_owned() };
        let unavailable = VendorError::Unavailable { vendor, after: None };
        for (status, expected, not_done, is_final) in [
            (301, rejected(301, "redirect"), true, true),
            (307, rejected(307, "redirect"), true, true),
            (400, rejected(400, "no code"), true, true),
            (401, VendorError::Unauthorized { vendor }, true, true),
            (403, VendorError::Forbidden { vendor }, true, true),
            (404, VendorError::NotFound { vendor }, true, true),
            (408, unavailable.clone(), false, false),
            (422, rejected(422, "no code"), true, true),
            (429, VendorError::RateLimited { vendor, after: None }, true, false),
            (500, unavailable.clone(), false, false),
            (503, unavailable, false, false),
        ] {
            let error = refusal(status, &[], "<html>sorry</html>");
            assert_eq!(error, expected);
            assert_eq!(error.is_definitely_not_done(), not_done, "{status}");
            assert_eq!(error.is_final(), is_final, "{status}");
        }
    }

    #[test]
    fn the_two_failures_of_the_transport_stay_apart() {
        let unsent = accepted(VENDOR, Err(TransportError::Unsent)).unwrap_err();
        let unknown = accepted(VENDOR, Err(TransportError::Unknown)).unwrap_err();
        assert!(unsent.is_definitely_not_done());
        assert!(!unknown.is_definitely_not_done());
        assert!(!unsent.is_final() && !unknown.is_final());
    }

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date() {
        let wait = |headers: &[(&str, &str)]| refusal(429, headers, "Retry later").retry_after();
        assert_eq!(wait(&[("retry-after", "7")]), Some(SignedDuration::from_secs(7)));
        let dates =
            [("date", "Sun, 22 Nov 2026 08:49:37 GMT"), ("retry-after", "Sun, 22 Nov 2026 08:50:07 GMT")];
        assert_eq!(wait(&dates), Some(SignedDuration::from_secs(30)));
        assert_eq!(wait(&dates[1..]), None, "a date is nothing without the vendor's own");
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "4000000000")]), Some(LONGEST_WAIT));
        let past = [("date", dates[1].1), ("retry-after", dates[0].1)];
        assert_eq!(wait(&past), Some(SignedDuration::ZERO));
    }

    #[test]
    fn a_code_is_found_wherever_the_vendors_put_it() {
        for (body, code) in [
            (r#"{"error":"RecordInvalid","description":"x"}"#, "RecordInvalid"),
            (r#"{"error":{"title":"Forbidden","message":"x"}}"#, "Forbidden"),
            (r#"{"errors":[{"code":"TooManyRequests","title":"x"}]}"#, "TooManyRequests"),
            (r#"{"message":"404 Project Not Found"}"#, "404 Project Not Found"),
            (r#"{"message":{"title":["is too long"],"color":["no"]}}"#, "color, title"),
            ("Retry later", "no code"),
            (r#"{"error":"<>"}"#, "no code"),
        ] {
            assert_eq!(code_in(body.as_bytes()), code);
        }
    }

    #[test]
    fn a_code_is_short_and_harmless() {
        let body = serde_json::json!({ "error": format!("<b>\u{202e}`x`\n{}", "y".repeat(200)) }).to_string();
        let code = code_in(body.as_bytes());
        assert_eq!(code.len(), CODE_LENGTH);
        assert!(code.starts_with("bxyy"), "{code}");
    }
}
