//! `[slack]`: the workspace that credentials are handed over in.

use url::Url;

use super::secrets::{Names, Origin};
use super::values::url;
use crate::reader::Reader;
use crate::secret::Secret;

/// Slack's web API.
#[derive(Debug, Clone)]
pub struct Slack {
    /// Where its methods are.
    pub url: Url,
    /// The bot's token. Scopes: `chat:write`, `im:write`, `im:history`, `users:read`, `users:read.email`.
    pub token: Secret,
}

impl Slack {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let url = reader.parsed("url", url);
        let names = Names { variable: "COUNTERSIGN_SLACK_TOKEN", key: "token_file" };
        let token = origin.secret(reader, names);
        Some(Self { url: url?, token: token? })
    }
}
