//! The terms: everything that would be issued, to whom, for how long, under which policy; and their digest.
//!
//! An approval is an approval *of a digest*. Whatever changes one field here, an edit of the form or a
//! change of configuration, changes the digest and so voids the approval.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::extension::Extends;
use super::ids::{IssueId, SlackUserId, UserId, ZendeskUserId};

/// The kinds of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A Zendesk API token: admin-level, acts as any user of the account.
    ApiToken,
    /// A confidential OAuth client: whoever holds its secret fetches access tokens until it is taken away.
    OauthClient,
    /// One OAuth access token with scopes and an end of Zendesk's own making, within two days.
    OauthToken,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ApiToken, Self::OauthClient, Self::OauthToken];

    /// As configuration and the digest write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::ApiToken => "api_token",
            Self::OauthClient => "oauth_client",
            Self::OauthToken => "oauth_token",
        }
    }

    /// As people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ApiToken => "API token",
            Self::OauthClient => "OAuth client",
            Self::OauthToken => "OAuth access token",
        }
    }

    /// Whether it has scopes, and an OAuth client of its own at Zendesk.
    pub fn is_oauth(self) -> bool {
        !matches!(self, Self::ApiToken)
    }
}

/// What would be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// This installation's id.
    pub installation: String,
    /// The issue's global id.
    pub issue: IssueId,
    /// Grows with each reopening.
    pub generation: u32,
    /// The instance's key in the configuration.
    pub instance: String,
    /// The instance's name, as the form says it.
    pub instance_name: String,
    /// The instance's address.
    pub instance_url: String,
    /// The kind of credential.
    pub kind: Kind,
    /// The exact name it will have at Zendesk.
    pub name: String,
    /// Who will own it: our own user at that instance, or for OAuth the integration user configured there.
    pub owner: ZendeskUserId,
    /// Resolved scopes; empty for kinds that have none.
    pub scopes: Vec<String>,
    /// Asked for as an integration. Not part of older digests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub integration: bool,
    /// When it ends.
    pub ends_at: Timestamp,
    /// Who gets it, at GitLab.
    pub beneficiary: UserId,
    /// Who gets it, at Slack.
    pub slack_user: SlackUserId,
    /// Every field of the form, by its key.
    pub fields: BTreeMap<String, String>,
    /// Version of the policy that shaped all this.
    pub policy: String,
    /// The earlier request it extends. Left out of the digest where there is none, as before there was such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<Box<Extends>>,
}

impl Terms {
    /// SHA-256 over the canonical form: JSON without spaces, fields in the order of this type, maps sorted.
    pub fn digest(&self) -> Digest {
        Digest(hex(&Sha256::digest(self.canonical())))
    }

    /// The canonical form itself: what an auditor hashes to get the digest.
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, integers and maps of strings always serialise")
    }

    /// What differs from `other`, field by field: (field, here, there).
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let (before, after) = (self.rows(), other.rows());
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        let value =
            |rows: &BTreeMap<String, String>, name: &String| rows.get(name).cloned().unwrap_or_default();
        names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .map(|name| Difference {
                field: name.clone(),
                was: value(&before, name),
                is: value(&after, name),
            })
            .collect()
    }

    fn rows(&self) -> BTreeMap<String, String> {
        let mut rows: BTreeMap<String, String> = self
            .fields
            .iter()
            .map(|(key, value)| (format!("{FORM}{}", key.replace('_', " ")), value.clone()))
            .collect();
        let fixed = [
            ("installation", self.installation.clone()),
            ("issue", self.issue.to_string()),
            ("generation", self.generation.to_string()),
            ("instance", format!("{} ({})", self.instance_name, self.instance_url)),
            ("kind", self.kind.title().to_owned()),
            ("name", self.name.clone()),
            ("owner", self.owner.to_string()),
            ("scopes", self.scopes.join(" ")),
            ("integration", if self.integration { "yes" } else { "no" }.to_owned()),
            ("ends", self.ends_at.to_string()),
            ("for", self.beneficiary.to_string()),
            ("Slack user", self.slack_user.to_string()),
            ("policy", self.policy.clone()),
            ("instance key", self.instance.clone()),
        ];
        rows.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        if let Some(extends) = &self.extends {
            let Extends { key, url, generation, digest, ends_at } = extends.as_ref();
            rows.insert(
                "extends".to_owned(),
                format!("{url} ({key}/{generation}, {digest}), which ends {ends_at}"),
            );
        }
        rows
    }
}

/// One field that is not what was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which field.
    pub field: String,
    /// What was approved.
    pub was: String,
    /// What it says now.
    pub is: String,
}

impl Difference {
    /// Whether it is a field that people wrote, and not what the policy makes of it.
    pub fn is_of_the_form(&self) -> bool {
        self.field.starts_with(FORM)
    }
}

/// How the fields of the form are called among those of [`Terms`].
pub(super) const FORM: &str = "form: ";

/// A digest of [`Terms`]: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    /// The first twelve digits: what the comment shows.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests;
