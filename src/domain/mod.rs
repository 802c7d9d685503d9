//! The rules. Pure: no IO, no clock, no randomness; nothing of ours but the `secret` type.
//!
//! A look at an issue is a [`snapshot::Snapshot`]; [`decide::decide`] turns it, with a policy and the time,
//! into a [`plan::Plan`] that leaves no choices to whoever carries it out. Words: a *request* is an issue
//! with our marker; its *form* is what the requester filled in; *terms* are what would be issued; an
//! *approval* is a label event of the right person bound to the digest of those terms; an *attempt* is one
//! try at minting and handing over.

pub mod approval;
pub mod calendar;
pub mod comment;
pub mod decide;
pub mod extension;
pub mod form;
pub mod ids;
pub mod inventory;
pub mod message;
pub mod naming;
pub mod notice;
pub mod observed;
pub mod phase;
pub mod plan;
pub mod policy;
pub mod record;
pub mod recovery;
pub mod retirement;
pub mod revocation;
pub mod scopes;
pub mod snapshot;
pub mod terms;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
