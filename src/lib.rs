//! countersign turns an access-request issue on GitLab into a Zendesk credential.

pub mod clock;
pub mod sandbox;
pub mod secret;
