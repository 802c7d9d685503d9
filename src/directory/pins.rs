//! Which GitLab account an entry of the directory was, the first time it was seen.
//!
//! User names can be given up and taken by somebody else; numbers cannot. Whoever takes the name of a manager
//! who left would otherwise become everybody's manager, so a name or an entry that belongs to another account
//! than before is noticed, and stays without an answer until a person looked.

use async_trait::async_trait;

use crate::domain::ids::UserId;

/// An entry and the account it was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The kind of the source: `ldap`, `scim`, `gitlab_file`.
    pub source: &'static str,
    /// What the source knows the entry by.
    pub key: String,
    /// The entry's GitLab user name, in lower case.
    pub username: String,
    /// Whose user name it is now.
    pub id: UserId,
}

/// What is known of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// It is what it always was; or it was not known, and is from now on.
    Holds,
    /// The entry or the user name was this other account.
    Was(UserId),
}

/// The pins could not be read or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the accounts that were seen before could not be read")]
pub struct PinsUnavailable;

/// What remembers pins.
#[async_trait]
pub trait Pins: std::fmt::Debug + Send + Sync {
    /// Compares with what is remembered, and remembers what is new.
    async fn pin(&self, pin: &Pin) -> Result<Pinning, PinsUnavailable>;
}
