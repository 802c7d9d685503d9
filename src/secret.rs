//! Secrets, as types that cannot be shown.
//!
//! [`Secret`] is what the operator gives us (tokens, keys); [`MintedSecret`] is what Zendesk gives us
//! for the requester. Neither has `Display`, `Serialize` or a telling `Debug`, and both are wiped when
//! dropped. `MintedSecret` is not `Clone` either: one value exists, and it moves from the answer of the
//! mint to the message that hands it over.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of the operator: a vendor's token, a signing key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes the value over; the caller keeps no copy.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the header it belongs in and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A credential's secret between mint and hand-over.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MintedSecret(String);

impl MintedSecret {
    /// Takes the value over from the vendor's answer.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself. Called by `domain::message` and by the proof that it works.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MintedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MintedSecret(…)")
    }
}
