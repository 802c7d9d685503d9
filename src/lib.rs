//! countersign turns an access-request issue on GitLab into a Zendesk credential.
//!
//! Two people must countersign, the requester's manager and the provisioner of the Zendesk instance, each by a
//! label on the issue; then a credential is minted, handed over by Slack, and on its end date taken away.
//!
//! ```text
//! GitLab ──webhook──► web          limit · verify · name the issue · mark it (durable) · 2xx
//!                      │
//!                    store         the request's own row: next look, lease, fence; the audit chain
//!                      │
//!                  reconcile       observe → decide → act → record, one issue at a time
//!                      │  decide is domain::decide: Snapshot + Policy + now → Plan; pure
//!                      ▼
//!         vendors: Zendesk · Slack · GitLab comment
//! ```
//!
//! `domain` uses nothing of ours but `secret`. `store` and `vendors` use `domain`; `directory` uses `domain`.
//! `reconcile` uses all of these. `web` uses `store` and `domain`. `sandbox` uses nothing but `clock`, so that a
//! misreading in a client cannot hide in its fake. `evidence` writes what `store` holds for auditors. `cli` puts it
//! together.

pub mod cli;
pub mod clock;
pub mod config;
pub mod directory;
pub mod domain;
pub mod evidence;
pub mod key;
pub mod reader;
pub mod reconcile;
pub mod sandbox;
pub mod secret;
pub mod service;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod vendors;
pub mod web;
