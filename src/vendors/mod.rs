//! The vendors: GitLab, Zendesk and Slack, each as a client with one method for each verb of ours.
//!
//! The clients translate the vendors' JSON into `domain::observed` and their refusals into errors named by what
//! the caller does next. Every call leaves through [`http::Transport`], which alone knows of time-outs, redirects
//! and size; no client retries a call that is not safe to repeat, because only the ledger knows what was meant.
//! Bodies and secrets never reach a log from here.

use url::Url;

pub mod error;
pub(crate) mod gate;
pub mod gitlab;
pub mod http;
mod network;
pub mod slack;
#[cfg(test)]
pub(crate) mod testing;
pub mod zendesk;

pub use crate::domain::snapshot::Vendor;
pub use error::VendorError;

/// What a call is, for its span and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Whom it goes to.
    pub vendor: Vendor,
    /// What it does, as `snake_case` words: `create_note`, `list_api_tokens`.
    pub operation: &'static str,
}

/// `path` below `base`, which may itself have a path: the sandbox serves all vendors on one port.
fn address(base: &Url, path: &str) -> String {
    format!("{}/{}", base.as_str().trim_end_matches('/'), path.trim_start_matches('/'))
}
