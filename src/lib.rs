//! countersign turns an access-request issue on GitLab into a Zendesk credential.

pub mod clock;
pub mod domain;
pub mod secret;
pub mod vendors;
