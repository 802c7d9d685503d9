//! countersign turns an access-request issue on GitLab into a Zendesk credential.

pub mod clock;
pub mod config;
pub mod directory;
pub mod domain;
pub mod key;
pub mod reader;
pub mod secret;
pub mod web;
