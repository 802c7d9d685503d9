//! `[directory.ldap]`: an LDAP server, such as OpenLDAP or Active Directory.

use std::fs;
use std::time::Duration;

use jiff::SignedDuration;
use url::{Host, Url};

use super::super::secrets::{Names, Origin};
use super::super::values::{is_loopback, span};
use super::{parsed_or, text_or};
use crate::reader::Reader;
use crate::secret::Secret;

/// An LDAP server and how its entries are read.
#[derive(Debug, Clone)]
pub struct Ldap {
    /// `ldaps://`; `ldap://` with StartTLS or on this very machine.
    pub url: Url,
    /// Whether `ldap://` is turned into TLS.
    pub start_tls: bool,
    /// Who signs the server's certificate, as PEM.
    pub authorities: Option<String>,
    /// As whom we look; not empty.
    pub bind_dn: String,
    /// Not empty.
    pub password: Secret,
    /// Everybody is below here.
    pub base: String,
    /// The attribute with the GitLab user name.
    pub username: String,
    /// The attribute with the e-mail address.
    pub mail: String,
    /// The attribute with the manager's DN.
    pub manager: String,
    /// The attribute with the name people call them by.
    pub name: String,
    /// What says that an account is switched off.
    pub inactive: Option<Inactive>,
    /// For each step.
    pub timeout: Duration,
}

/// What says that an account is switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inactive {
    /// The attribute.
    pub attribute: String,
    /// A whole number is a mask of bits; any other text is compared as it is.
    pub value: String,
}

impl Ldap {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let start_tls = reader.boolean("start_tls", false);
        let url = reader.parsed("url", |text| address(text, start_tls == Some(true)));
        let authorities = authorities(reader, origin);
        let bind_dn = reader.text("bind_dn");
        let names = Names { variable: "COUNTERSIGN_LDAP_PASSWORD", key: "password_file" };
        let password = origin.secret_text(reader, names);
        let base = reader.text("base");
        let username = parsed_or(reader, ("username", "uid"), attribute);
        let mail = parsed_or(reader, ("mail", "mail"), attribute);
        let manager = parsed_or(reader, ("manager", "manager"), attribute);
        let name = parsed_or(reader, ("name", "cn"), attribute);
        let inactive = inactive(reader);
        let timeout = text_or(reader, "timeout", "10s");
        let timeout = timeout.and_then(|text| seconds(reader, &text));
        Some(Self {
            url: url?,
            start_tls: start_tls?,
            authorities: authorities?,
            bind_dn: bind_dn?,
            password: password?,
            base: base?,
            username: username?,
            mail: mail?,
            manager: manager?,
            name: name?,
            inactive: inactive?,
            timeout: timeout?,
        })
    }
}

/// The server and nothing else: what an LDAP address may say besides is said by keys of their own.
fn address(text: &str, start_tls: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not an address: {error}"))?;
    match url.scheme() {
        "ldaps" if start_tls => return Err("is TLS already: start_tls is for ldap://".to_owned()),
        "ldaps" => {}
        "ldap" if start_tls || is_loopback(&url) => {}
        "ldap" => {
            return Err("must begin with ldaps://, or start_tls be true (plain ldap:// is for this machine \
                        itself alone)"
                .to_owned());
        }
        _ => return Err("must begin with ldaps:// or ldap://".to_owned()),
    }
    let has_host = match url.host() {
        Some(Host::Domain(name)) => !name.is_empty(),
        other => other.is_some(),
    };
    let more = !url.username().is_empty() || url.password().is_some() || !["", "/"].contains(&url.path());
    if !has_host || more || url.query().is_some() || url.fragment().is_some() {
        return Err("must be a host, with a port at most".to_owned());
    }
    Ok(url)
}

/// `Some(None)` where none are configured.
#[expect(
    clippy::option_option,
    reason = "the outer one says whether there was a fault, as for every other key"
)]
fn authorities(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Option<String>> {
    if reader.value("ca_file").is_none() {
        return Some(None);
    }
    let path = origin.absolute(&reader.text("ca_file")?);
    match fs::read_to_string(&path) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => Some(Some(text)),
        Ok(_) => {
            reader.fault("ca_file", "names a file without a certificate (PEM)");
            None
        }
        Err(error) => {
            let text = format!(
                "the file {} cannot be read: {}",
                path.display(),
                crate::reader::why_unreadable(&error)
            );
            reader.fault("ca_file", text);
            None
        }
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer one says whether there was a fault, as for every other key"
)]
fn inactive(reader: &mut Reader<'_>) -> Option<Option<Inactive>> {
    let name = reader.optional_parsed("inactive_attribute", attribute);
    let value = reader.optional_text("inactive_value");
    match (reader.value("inactive_attribute").is_some(), reader.value("inactive_value").is_some()) {
        (false, false) => Some(None),
        (true, true) => Some(Some(Inactive { attribute: name?, value: value? })),
        _ => {
            reader.fault("inactive_attribute", "goes with inactive_value: both or neither");
            None
        }
    }
}

/// RFC 4512, section 1.4: a short name or an object identifier; nothing that means something in a filter.
fn attribute(text: &str) -> Result<String, String> {
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '.';
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("is not the name of an attribute".to_owned())
    }
}

fn seconds(reader: &mut Reader<'_>, text: &str) -> Option<Duration> {
    let longest = SignedDuration::from_secs(20);
    match span(text) {
        Ok(span) if span <= longest => Some(span.unsigned_abs()),
        Ok(_) => {
            reader.fault("timeout", "must be at most 20s: a look must end before its lease does");
            None
        }
        Err(message) => {
            reader.fault("timeout", message);
            None
        }
    }
}
