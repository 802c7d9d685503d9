//! `[directory.scim]`: a SCIM 2.0 service that lets users be read.

use url::Url;

use super::super::secrets::{Names, Origin};
use super::super::values::url;
use super::parsed_or;
use crate::reader::Reader;
use crate::secret::Secret;

/// A SCIM service and which of its attributes say what.
#[derive(Debug, Clone)]
pub struct Scim {
    /// What `/Users` is below.
    pub url: Url,
    /// A bearer token that may read users.
    pub token: Secret,
    /// The simple attribute that holds the GitLab user name.
    pub username: String,
    /// What is compared with an address: `emails.value`, or a simple attribute.
    pub email: String,
}

impl Scim {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let url = reader.parsed("url", url);
        let names = Names { variable: "COUNTERSIGN_SCIM_TOKEN", key: "token_file" };
        let token = origin.secret(reader, names);
        let username = parsed_or(reader, ("username", "userName"), attribute);
        let email = parsed_or(reader, ("email", "emails.value"), |text| match text {
            "emails.value" => Ok(text.to_owned()),
            other => attribute(other),
        });
        Some(Self { url: url?, token: token?, username: username?, email: email? })
    }
}

/// RFC 7643, section 2.1; nothing that means something in a filter.
fn attribute(text: &str) -> Result<String, String> {
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    if text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("is not the name of a simple attribute".to_owned())
    }
}
