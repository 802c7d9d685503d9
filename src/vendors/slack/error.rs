//! Slack's refusals, by who has to do something. Source of the codes: Slack "Web API methods".
//!
//! The line that matters is between *not sent* ([`SlackError::NotNow`], or refused for good) and *perhaps sent*
//! ([`SlackError::Ambiguous`]): on the second, the credential in the message is looked for and, if not found, taken
//! away. Two names mislead: `request_timeout` means that our body came incomplete, so nothing was done; and
//! `fatal_error` means that something may have been done before it.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::vendors::error::{code_in, retry_after};
use crate::vendors::http::TransportError;

/// Longest code kept, in characters.
const CODE_LENGTH: usize = 80;

/// The token, the app or the workspace has to be put right.
const OPERATOR: &[&str] = &[
    "not_authed",
    "invalid_auth",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "not_allowed_token_type",
    "no_permission",
    "access_denied",
    "accesslimited",
    "ekm_access_denied",
    "org_login_required",
    "team_added_to_org",
    "two_factor_setup_required",
    "enterprise_is_restricted",
    "app_access_restricted",
    "messages_tab_disabled",
    "method_deprecated",
    "unknown_method",
];

/// Nobody, or somebody who cannot be written to.
const PERSON: &[&str] = &[
    "users_not_found",
    "user_not_found",
    "user_not_visible",
    "user_disabled",
    "channel_not_found",
    "invalid_user_combination",
    "is_archived",
];

/// What we sent is wrong.
const OURS: &[&str] = &[
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "metadata_too_large",
    "invalid_arg_name",
    "invalid_array_arg",
    "invalid_charset",
    "invalid_form_data",
    "invalid_post_type",
    "missing_post_type",
    "markdown_text_conflict",
];

/// Certainly not done, and different later.
const NOT_NOW: &[&str] = &["ratelimited", "rate_limited", "message_limit_exceeded", "request_timeout"];

/// Why a call to Slack gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// The operator has to put the app or its token right. Not done.
    #[error("Slack refuses our app ({code})")]
    Operator {
        /// Slack's code, or `http_` and the status.
        code: String,
    },
    /// This person cannot be found or written to. Not done.
    #[error("Slack cannot reach this person ({code})")]
    Person {
        /// Slack's code.
        code: String,
    },
    /// A fault of ours. Not done.
    #[error("Slack refuses what we sent ({code})")]
    Ours {
        /// Slack's code.
        code: String,
    },
    /// Not done; try again after the wait.
    #[error("Slack asks us to try later")]
    NotNow {
        /// How long it asks to be left alone; at most an hour.
        after: Option<SignedDuration>,
    },
    /// Perhaps done. For a question: try later.
    #[error("Slack gave no clear answer")]
    Ambiguous,
}

impl SlackError {
    /// Whether the call certainly had no effect.
    pub fn is_definitely_not_done(&self) -> bool {
        !matches!(self, Self::Ambiguous)
    }

    /// Whether the same call fails again until a person changes something.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Operator { .. } | Self::Person { .. } | Self::Ours { .. })
    }

    pub(super) fn of_code(code: &str, after: Option<SignedDuration>) -> Self {
        if OPERATOR.contains(&code) || code.starts_with("restricted_action") {
            Self::Operator { code: short(code) }
        } else if PERSON.contains(&code) {
            Self::Person { code: short(code) }
        } else if OURS.contains(&code) || code.starts_with("invalid_metadata_") {
            Self::Ours { code: short(code) }
        } else if NOT_NOW.contains(&code) {
            Self::NotNow { after }
        } else {
            // `fatal_error`, `internal_error`, `service_unavailable`, the `duplicate_…_not_found` of a client id, and
            // every code that Slack may invent. An unknown one is not taken for "not sent": looking for a message that
            // is not there costs one question, a credential taken for undelivered while somebody reads it a live one.
            Self::Ambiguous
        }
    }
}

impl From<TransportError> for SlackError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Unsent => Self::NotNow { after: None },
            TransportError::Unknown | TransportError::TooLarge => Self::Ambiguous,
        }
    }
}

/// What every answer of Slack's has.
#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    error: Option<String>,
}

/// The answer, if Slack says `ok`.
pub(super) fn accepted(
    outcome: Result<Response<Bytes>, TransportError>,
) -> Result<Response<Bytes>, SlackError> {
    let answer = outcome?;
    let status = answer.status();
    let after = retry_after(answer.headers());
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(SlackError::NotNow { after });
    }
    if status.is_redirection() || status.is_client_error() {
        return Err(refused_outside(&answer, after));
    }
    let envelope: Option<Envelope> = serde_json::from_slice(answer.body()).ok();
    match envelope {
        Some(Envelope { ok: true, .. }) if status.is_success() => Ok(answer),
        Some(Envelope { ok: false, error: Some(code) }) if status.is_success() => {
            Err(SlackError::of_code(&code, after))
        }
        _ => Err(SlackError::Ambiguous),
    }
}

/// Slack itself answers 200 to everything it understood: a 3xx or 4xx is a wrong address or somebody in between, and
/// the operator's, unless a code says better.
fn refused_outside(answer: &Response<Bytes>, after: Option<SignedDuration>) -> SlackError {
    match SlackError::of_code(&code_in(answer.body()), after) {
        SlackError::Ambiguous => SlackError::Operator { code: format!("http_{}", answer.status().as_u16()) },
        error => error,
    }
}

fn short(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(CODE_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::testing::answer;

    fn error(status: u16, headers: &[(&str, &str)], body: &str) -> SlackError {
        accepted(Ok(answer(status, headers, body))).unwrap_err()
    }

    fn of(code: &str) -> SlackError {
        error(200, &[], &format!(r#"{{"ok":false,"error":"{code}"}}"#))
    }

    #[test]
    fn every_known_code_goes_to_whom_it_concerns() {
        for code in OPERATOR.iter().chain(&["restricted_action", "restricted_action_thread_locked"]) {
            assert_eq!(of(code), SlackError::Operator { code: (*code).to_owned() });
        }
        for code in PERSON {
            assert_eq!(of(code), SlackError::Person { code: (*code).to_owned() });
        }
        for code in OURS.iter().chain(&["invalid_metadata_format", "invalid_metadata_schema"]) {
            assert_eq!(of(code), SlackError::Ours { code: (*code).to_owned() });
        }
        for code in NOT_NOW {
            assert_eq!(of(code), SlackError::NotNow { after: None });
        }
    }

    #[test]
    fn what_may_have_been_done_is_ambiguous() {
        for code in [
            "fatal_error",
            "internal_error",
            "service_unavailable",
            "duplicate_message_not_found",
            "duplicate_channel_not_found",
            "a_code_of_next_year",
        ] {
            assert_eq!(of(code), SlackError::Ambiguous, "{code}");
        }
        for (status, body) in [
            (500, r#"{"ok":true}"#),
            (503, ""),
            (502, r#"{"ok":false,"error":"invalid_auth"}"#),
            (200, "<html>"),
            (200, r#"{"ok":false}"#),
            (200, "{}"),
        ] {
            assert_eq!(error(status, &[], body), SlackError::Ambiguous, "{status} {body}");
        }
        assert_eq!(accepted(Err(TransportError::Unknown)).unwrap_err(), SlackError::Ambiguous);
    }

    #[test]
    fn a_limit_is_not_now_with_its_wait() {
        let after = Some(SignedDuration::from_secs(30));
        assert_eq!(error(429, &[("retry-after", "30")], "slow down"), SlackError::NotNow { after });
        assert_eq!(accepted(Err(TransportError::Unsent)).unwrap_err(), SlackError::NotNow { after: None });
    }

    #[test]
    fn a_refusal_from_outside_slack_is_the_operators() {
        let redirect = error(302, &[("location", "https://elsewhere.example")], "");
        assert_eq!(redirect, SlackError::Operator { code: "http_302".to_owned() });
        assert_eq!(error(404, &[], "<html>"), SlackError::Operator { code: "http_404".to_owned() });
        let named = error(401, &[], r#"{"ok":false,"error":"invalid_auth"}"#);
        assert_eq!(named, SlackError::Operator { code: "invalid_auth".to_owned() });
    }
}
