//! Keys as bytes: what HMACs are computed with.
//!
//! The operator writes a key in base64; from the moment it is read it is bytes that are wiped when
//! dropped and never shown. Length is checked here and nowhere else, because a short or empty key
//! verifies just as well as a long one: whoever can guess it can forge everything it protects.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What a signing token of Standard Webhooks begins with.
const SIGNING_TOKEN_PREFIX: &str = "whsec_";

/// A key of the operator, decoded.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key(Vec<u8>);

impl Key {
    /// The bytes as they are.
    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// A symmetric key of at least 32 bytes, in padded base64 of the standard alphabet.
    pub fn of_base64(text: &str) -> Result<Self, BadKey> {
        Self::decode(text).and_then(|key| key.no_shorter_than(32))
    }

    /// A signing token: `whsec_` and 24 to 64 bytes in base64. Source: Standard Webhooks, "Signature
    /// scheme"; GitLab's own tokens hold 32.
    pub fn of_signing_token(text: &str) -> Result<Self, BadKey> {
        let encoded = text.strip_prefix(SIGNING_TOKEN_PREFIX).ok_or(BadKey::NoPrefix)?;
        let key = Self::decode(encoded)?.no_shorter_than(24)?;
        if key.0.len() > 64 { Err(BadKey::TooLong) } else { Ok(key) }
    }

    /// The bytes, for the HMAC they belong in and nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    fn decode(text: &str) -> Result<Self, BadKey> {
        STANDARD.decode(text).map(Self).map_err(|_| BadKey::NotBase64)
    }

    fn no_shorter_than(self, least: usize) -> Result<Self, BadKey> {
        if self.0.len() < least { Err(BadKey::TooShort { least }) } else { Ok(self) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

/// Why a text is not a key. Never says what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No `whsec_` in front.
    #[error("must begin with `whsec_`")]
    NoPrefix,
    /// Wrong alphabet, padding or length.
    #[error("is not base64 (standard alphabet, padded, in one line)")]
    NotBase64,
    /// Guessable, or empty.
    #[error("holds fewer than {least} bytes")]
    TooShort {
        /// How many it must hold.
        least: usize,
    },
    /// More than the standard allows.
    #[error("holds more than 64 bytes")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(length: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; length]))
    }

    #[test]
    fn a_signing_token_holds_24_to_64_bytes() {
        for (length, expected) in [
            (0, Err(BadKey::TooShort { least: 24 })),
            (23, Err(BadKey::TooShort { least: 24 })),
            (24, Ok(24)),
            (32, Ok(32)),
            (64, Ok(64)),
            (65, Err(BadKey::TooLong)),
        ] {
            let found = Key::of_signing_token(&token_of(length)).map(|key| key.expose().len());
            assert_eq!(found, expected, "{length} bytes");
        }
    }

    #[test]
    fn a_signing_token_needs_its_prefix_and_base64() {
        let encoded = STANDARD.encode([7; 32]);
        assert_eq!(Key::of_signing_token(&encoded).unwrap_err(), BadKey::NoPrefix);
        assert_eq!(Key::of_signing_token("whsec_not base64").unwrap_err(), BadKey::NotBase64);
        assert_eq!(Key::of_signing_token("").unwrap_err(), BadKey::NoPrefix);
    }

    #[test]
    fn a_plain_key_holds_at_least_32_bytes() {
        assert!(Key::of_base64(&STANDARD.encode([7; 32])).is_ok());
        let short = Key::of_base64(&STANDARD.encode([7; 31]));
        assert_eq!(short.unwrap_err(), BadKey::TooShort { least: 32 });
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::of_base64(&STANDARD.encode([7; 32])).unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
