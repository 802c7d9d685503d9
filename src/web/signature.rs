//! Whether GitLab sent this: the signature of Standard Webhooks, or the plain token of GitLab before 19.0.
//!
//! With a signing key configured nothing unsigned is let in, however right its plain token is: the plain
//! token is the weaker proof, and an attacker chooses what to send. The HMAC is fed as the body comes, so
//! a large body is verified without being kept. Own code rather than a library because time must come
//! from the injected clock, several keys must be accepted while one is rotated, and the body need not be
//! UTF-8.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::key::Key;
use crate::secret::Secret;

/// How far a signature's time may be from ours, both ways; what the libraries of Standard Webhooks use.
const TOLERANCE_SECONDS: u64 = 300;

/// What a webhook must present.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// Any of these may have signed.
    pub signing_keys: Vec<Key>,
    /// Counts only while there is no signing key. With neither, everything is refused.
    pub token: Option<Secret>,
}

/// Why a request is not known to be GitLab's. For the log; the sender is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unauthentic {
    #[error("it is not a POST")]
    Method,
    #[error("a header it must have once is missing, there twice or unreadable: {0}")]
    Header(&'static str),
    #[error("its timestamp is more than five minutes from this clock")]
    Time,
    #[error("no signing key fits its signature")]
    Signature,
    #[error("its X-Gitlab-Token is not the configured one")]
    Token,
    #[error("neither a signing token nor a plain token is configured")]
    Unconfigured,
    #[error("its body broke off")]
    Broken,
    #[error("its body took too long")]
    Slow,
}

/// A proof that is being checked while the body comes in.
pub(super) enum Check {
    /// Proven by its token alone.
    Token,
    /// One HMAC for each key, over what has come so far.
    Signature { macs: Vec<Hmac<Sha256>>, signatures: Vec<Vec<u8>> },
}

impl Authentication {
    /// Looks at the headers: refuses what no body could make authentic.
    pub(super) fn begin(&self, headers: &HeaderMap, now: Timestamp) -> Result<Check, Unauthentic> {
        match &self.token {
            _ if !self.signing_keys.is_empty() => self.begin_signature(headers, now),
            Some(token) => compare_token(headers, token).map(|()| Check::Token),
            None => Err(Unauthentic::Unconfigured),
        }
    }

    fn begin_signature(&self, headers: &HeaderMap, now: Timestamp) -> Result<Check, Unauthentic> {
        let id = only(headers, "webhook-id")?;
        let timestamp = only(headers, "webhook-timestamp")?;
        let signatures = signatures(only(headers, "webhook-signature")?);
        if signatures.is_empty() {
            return Err(Unauthentic::Header("webhook-signature"));
        }
        check_time(timestamp, now)?;
        let macs = self.signing_keys.iter().map(|key| {
            let mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
            mac.chain_update(id).chain_update(b".").chain_update(timestamp).chain_update(b".")
        });
        Ok(Check::Signature { macs: macs.collect(), signatures })
    }
}

impl Check {
    /// The next bytes of the body.
    pub(super) fn update(&mut self, chunk: &[u8]) {
        if let Self::Signature { macs, .. } = self {
            for mac in macs {
                mac.update(chunk);
            }
        }
    }

    /// The body is complete. Every key is compared with every signature, so that the time it takes tells
    /// nothing about which one fits.
    pub(super) fn finish(self) -> Result<(), Unauthentic> {
        let Self::Signature { macs, signatures } = self else { return Ok(()) };
        let mut fits = Choice::from(0);
        for mac in macs {
            let expected = mac.finalize().into_bytes();
            for signature in &signatures {
                fits |= expected.as_slice().ct_eq(signature);
            }
        }
        if bool::from(fits) { Ok(()) } else { Err(Unauthentic::Signature) }
    }
}

/// The value of a header that must be there exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h [u8], Unauthentic> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        _ => Err(Unauthentic::Header(name)),
    }
}

/// The `v1` entries of the list; other versions and broken entries are passed over.
fn signatures(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|byte| *byte == b' ')
        .filter_map(|entry| entry.strip_prefix(b"v1,"))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .collect()
}

fn check_time(timestamp: &[u8], now: Timestamp) -> Result<(), Unauthentic> {
    let unreadable = Unauthentic::Header("webhook-timestamp");
    let text = std::str::from_utf8(timestamp).map_err(|_| unreadable)?;
    let seconds: i64 = text.parse().map_err(|_| unreadable)?;
    let near = now.as_second().abs_diff(seconds) <= TOLERANCE_SECONDS;
    if near { Ok(()) } else { Err(Unauthentic::Time) }
}

/// Both sides are hashed first, so that not even the length of the token shows in the time it takes.
fn compare_token(headers: &HeaderMap, token: &Secret) -> Result<(), Unauthentic> {
    let presented = Sha256::digest(only(headers, "x-gitlab-token")?);
    let expected = Sha256::digest(token.expose());
    let fits = presented.as_slice().ct_eq(expected.as_slice());
    if bool::from(fits) { Ok(()) } else { Err(Unauthentic::Token) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const OTHER_TOKEN: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn keys(tokens: &[&str]) -> Authentication {
        let signing_keys = tokens.iter().map(|token| Key::of_signing_token(token).unwrap()).collect();
        Authentication { signing_keys, token: None }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn signed(signature: &str) -> HeaderMap {
        let time = TIME.to_string();
        headers(&[("webhook-id", ID), ("webhook-timestamp", &time), ("webhook-signature", signature)])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn check(by: &Authentication, headers: &HeaderMap, body: &[u8]) -> Result<(), Unauthentic> {
        let mut check = by.begin(headers, at(TIME))?;
        for byte in body {
            check.update(&[*byte]);
        }
        check.finish()
    }

    #[test]
    fn the_vectors_of_the_standard_fit() {
        assert_eq!(check(&keys(&[TOKEN]), &signed(SIGNATURE), BODY), Ok(()));

        let headers = headers(&[
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        ]);
        let mut check = keys(&[OTHER_TOKEN]).begin(&headers, at(1_649_367_553)).unwrap();
        check.update(br#"{"email":"test@example.com","username":"test_user"}"#);
        assert_eq!(check.finish(), Ok(()));
    }

    #[test]
    fn what_the_reference_library_signs_is_let_in() {
        let library = standardwebhooks::Webhook::new(TOKEN).unwrap();
        for (id, body) in [("a", "{}"), ("a.b", "[1, 2]"), ("x", "")] {
            let signature = library.sign(id, TIME, body.as_bytes()).unwrap();
            let time = TIME.to_string();
            let headers = headers(&[
                ("webhook-id", id),
                ("webhook-timestamp", &time),
                ("webhook-signature", &signature),
            ]);
            assert_eq!(check(&keys(&[TOKEN]), &headers, body.as_bytes()), Ok(()), "{id}");
        }
    }

    #[test]
    fn any_key_and_any_entry_will_do() {
        let both = keys(&[OTHER_TOKEN, TOKEN]);
        let wrong = format!("v1,{}", STANDARD.encode([0; 32]));
        for list in [
            format!("{wrong} {SIGNATURE}"),
            format!("{SIGNATURE} {wrong}"),
            format!("v1a,xyz v1,=== v2 {SIGNATURE}"),
        ] {
            assert_eq!(check(&both, &signed(&list), BODY), Ok(()), "{list}");
        }
    }

    #[test]
    fn whatever_was_changed_is_refused() {
        let by = keys(&[TOKEN]);
        assert_eq!(check(&by, &signed(SIGNATURE), b"{\"test\": 2432232315}"), Err(Unauthentic::Signature));
        assert_eq!(check(&keys(&[OTHER_TOKEN]), &signed(SIGNATURE), BODY), Err(Unauthentic::Signature));
        let mut headers = signed(SIGNATURE);
        headers.insert("webhook-id", "another".parse().unwrap());
        assert_eq!(check(&by, &headers, BODY), Err(Unauthentic::Signature));
        headers = signed(SIGNATURE);
        headers.insert("webhook-timestamp", (TIME + 1).to_string().parse().unwrap());
        assert_eq!(check(&by, &headers, BODY), Err(Unauthentic::Signature));
        let shortened = format!("v1,{}", STANDARD.encode([0x83, 0x48]));
        assert_eq!(check(&by, &signed(&shortened), BODY), Err(Unauthentic::Signature));
    }

    #[test]
    fn each_header_must_be_there_once_and_readable() {
        let by = keys(&[TOKEN]);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut absent = signed(SIGNATURE);
            absent.remove(name);
            assert_eq!(check(&by, &absent, BODY), Err(Unauthentic::Header(name)));
            let mut twice = signed(SIGNATURE);
            let value = twice[name].clone();
            twice.append(name, value);
            assert_eq!(check(&by, &twice, BODY), Err(Unauthentic::Header(name)));
        }
        for list in ["", "v1,", "v1a,AAAA", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            assert!(check(&by, &signed(list), BODY).is_err(), "{list}");
        }
        let mut unreadable = signed(SIGNATURE);
        for time in ["soon", "", "1614265330.0", "99999999999999999999"] {
            unreadable.insert("webhook-timestamp", time.parse().unwrap());
            assert_eq!(check(&by, &unreadable, BODY), Err(Unauthentic::Header("webhook-timestamp")));
        }
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        let by = keys(&[TOKEN]);
        for (seconds, good) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
            let begun = by.begin(&signed(SIGNATURE), at(TIME + seconds));
            assert_eq!(begun.is_ok(), good, "{seconds}");
        }
        let mut extreme = signed(SIGNATURE);
        extreme.insert("webhook-timestamp", i64::MIN.to_string().parse().unwrap());
        assert_eq!(check(&by, &extreme, BODY), Err(Unauthentic::Time));
    }

    #[test]
    fn with_signing_keys_a_right_token_alone_is_refused() {
        let mut by = keys(&[TOKEN]);
        by.token = Some(Secret::new("plain".to_owned()));
        let unsigned = headers(&[("x-gitlab-token", "plain")]);
        assert_eq!(check(&by, &unsigned, BODY), Err(Unauthentic::Header("webhook-id")));
        let mut wrongly_signed = signed("v1,AAAA");
        wrongly_signed.insert("x-gitlab-token", "plain".parse().unwrap());
        assert_eq!(check(&by, &wrongly_signed, BODY), Err(Unauthentic::Signature));
    }

    #[test]
    fn with_only_the_plain_token_it_must_be_right() {
        let by = Authentication { signing_keys: vec![], token: Some(Secret::new("plain".to_owned())) };
        assert_eq!(check(&by, &headers(&[("x-gitlab-token", "plain")]), BODY), Ok(()));
        for wrong in ["", "plai", "plain1", "PLAIN"] {
            let found = check(&by, &headers(&[("x-gitlab-token", wrong)]), BODY);
            assert_eq!(found, Err(Unauthentic::Token), "{wrong}");
        }
        let twice = headers(&[("x-gitlab-token", "plain"), ("x-gitlab-token", "plain")]);
        assert_eq!(check(&by, &twice, BODY), Err(Unauthentic::Header("x-gitlab-token")));
        assert_eq!(check(&by, &signed(SIGNATURE), BODY), Err(Unauthentic::Header("x-gitlab-token")));
    }

    #[test]
    fn with_nothing_configured_nothing_is_let_in() {
        let by = Authentication { signing_keys: vec![], token: None };
        assert_eq!(check(&by, &headers(&[("x-gitlab-token", "")]), BODY), Err(Unauthentic::Unconfigured));
    }
}
