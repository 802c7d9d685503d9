//! People in an LDAP directory: bind, search for exactly one entry, follow its `manager`.
//!
//! A search that a poor bind may not make is answered like one that found nothing (`noSuchObject`), so only a
//! plain success says that somebody is not there. An answer that refers to another server is refused: what that
//! one would say is not known. Aliases are not followed, and what people typed is escaped.

mod connection;
mod entry;
mod tls;

use std::time::Duration;

use async_trait::async_trait;
use ldap3::{Scope, ldap_escape};
use url::Url;

use self::connection::Connection;
pub use self::tls::NoTls;
use super::resolver::{Entry, Resolver, Source, Wanted};
use super::{DirectoryError, Freshness, Parts};
use crate::secret::Secret;

/// Where the directory is, and which of its attributes say what.
#[derive(Debug, Clone)]
pub struct LdapSettings {
    /// `ldaps://host`, or `ldap://host` with `start_tls` or on this very machine.
    pub url: Url,
    /// Turns `ldap://` into TLS before anything else is said.
    pub start_tls: bool,
    /// Who signs the server's certificate, as PEM; in place of the public and the machine's own roots.
    pub authorities: Option<String>,
    /// As whom we look; never empty.
    pub bind_dn: String,
    /// Never empty: some servers take a bind without a password for an anonymous one, and say it was a success.
    pub password: Secret,
    /// Everybody is below here.
    pub base: String,
    /// How the entries are read.
    pub attributes: Attributes,
    /// For each step: to connect, to bind, to search.
    pub timeout: Duration,
}

/// Names of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// The GitLab user name.
    pub username: String,
    /// The e-mail address.
    pub mail: String,
    /// The DN of the manager.
    pub manager: String,
    /// What people call them.
    pub name: String,
    /// What says that an account is switched off.
    pub inactive: Option<Inactive>,
}

/// What says that an account is switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inactive {
    /// The attribute is a number with one of these bits, as `userAccountControl` with 2.
    Bits {
        /// Its name. An entry without it is not understood.
        attribute: String,
        /// The bits.
        mask: i64,
    },
    /// The attribute has this value, as `nsAccountLock` with `TRUE`; case does not matter.
    Value {
        /// Its name. An entry without it is active.
        attribute: String,
        /// The value.
        value: String,
    },
}

impl Inactive {
    fn attribute(&self) -> &str {
        match self {
            Self::Bits { attribute, .. } | Self::Value { attribute, .. } => attribute,
        }
    }
}

/// An LDAP directory.
#[derive(Debug)]
pub struct Ldap {
    connection: Connection,
    base: String,
    attributes: Attributes,
    source: String,
}

impl Ldap {
    /// A directory at this server. Connects to nothing yet; an error if the authorities cannot be read.
    pub fn resolver(settings: LdapSettings, parts: Parts) -> Result<Resolver, NoTls> {
        let (base, attributes) = (settings.base.clone(), settings.attributes.clone());
        let source = format!("LDAP {}", settings.url.as_str().trim_end_matches('/'));
        let connection = Connection::new(settings)?;
        Ok(Resolver::new(Self { connection, base, attributes, source }, parts))
    }

    async fn read(&self, (base, scope): (&str, Scope), filter: &str) -> Result<Entry, DirectoryError> {
        let names = self.attributes.names();
        let mut found = self.connection.search((base, scope), filter, names).await?.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Err(DirectoryError::NotFound),
            (Some(_), Some(_)) => Err(DirectoryError::Ambiguous),
            (Some(entry), None) => entry::read(entry, &self.attributes, &self.source),
        }
    }
}

#[async_trait]
impl Source for Ldap {
    fn kind(&self) -> &'static str {
        "ldap"
    }

    async fn find(&self, wanted: Wanted<'_>, _: Freshness) -> Result<Entry, DirectoryError> {
        let equals = |attribute: &str, value: &str| format!("({attribute}={})", ldap_escape(value));
        let below = (self.base.as_str(), Scope::Subtree);
        let entry = match wanted {
            Wanted::Username(name) => self.read(below, &equals(&self.attributes.username, name)).await?,
            Wanted::Email(email) => self.read(below, &equals(&self.attributes.mail, &email.0)).await?,
            Wanted::Key(dn) => self.read((dn, Scope::Base), "(objectClass=*)").await?,
        };
        wanted.check(&entry)?;
        Ok(entry)
    }
}

impl Attributes {
    fn names(&self) -> Vec<String> {
        let inactive = self.inactive.as_ref().map(Inactive::attribute);
        let names = [self.username.as_str(), &self.mail, &self.manager, &self.name];
        names.into_iter().chain(inactive).map(str::to_owned).collect()
    }
}
