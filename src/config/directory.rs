//! `[directory]`: where it is written who people are and who manages them.
//!
//! One source is asked, and it is named. Sub-tables of other kinds may be there and are checked as well, so that
//! changing over is one word. Nothing here can be left to be found out at the first request: a password that is
//! empty, or a way to the server that anybody could read along, refuses the configuration.

mod gitlab_file;
mod ldap;
mod scim;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use jiff::SignedDuration;

use super::secrets::Origin;
use super::values::{choice, span};
use crate::reader::Reader;

pub use gitlab_file::{FileForm, GitLabFile};
pub use ldap::{Inactive, Ldap};
pub use scim::Scim;

/// The source of people and their managers.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Where they are written.
    pub source: DirectorySource,
    /// How old an answer may be where nothing is minted by it.
    pub cache_for: SignedDuration,
}

/// Where people and their managers are written.
#[derive(Debug, Clone)]
pub enum DirectorySource {
    /// A TOML or YAML file, absolute. Reread when it changes.
    File(PathBuf),
    /// A YAML file in a GitLab repository.
    GitLabFile(GitLabFile),
    /// An LDAP server.
    Ldap(Ldap),
    /// A SCIM 2.0 service.
    Scim(Scim),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    GitLabFile,
    Ldap,
    Scim,
}

const KINDS: [(&str, Kind); 4] =
    [("file", Kind::File), ("gitlab_file", Kind::GitLabFile), ("ldap", Kind::Ldap), ("scim", Kind::Scim)];

impl Directory {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let kind = reader.parsed("kind", |text| choice(text, &KINDS));
        let cache_for = reader.parsed("cache_for", span);
        let wanted = |one: Kind| kind == Some(one);
        let is_there = |reader: &mut Reader<'_>, key: &str| reader.value(key).is_some();
        let mut source = None;
        if is_there(reader, "file") || wanted(Kind::File) {
            let file = reader.text("file").map(|path| DirectorySource::File(origin.absolute(&path)));
            source = file.filter(|_| wanted(Kind::File));
        }
        if is_there(reader, "gitlab_file") || wanted(Kind::GitLabFile) {
            let read = reader.section("gitlab_file", GitLabFile::read).map(DirectorySource::GitLabFile);
            source = source.or(read.filter(|_| wanted(Kind::GitLabFile)));
        }
        if is_there(reader, "ldap") || wanted(Kind::Ldap) {
            let read = reader.section("ldap", |reader| Ldap::read(reader, origin)).map(DirectorySource::Ldap);
            source = source.or(read.filter(|_| wanted(Kind::Ldap)));
        }
        if is_there(reader, "scim") || wanted(Kind::Scim) {
            let read = reader.section("scim", |reader| Scim::read(reader, origin)).map(DirectorySource::Scim);
            source = source.or(read.filter(|_| wanted(Kind::Scim)));
        }
        Some(Self { source: source?, cache_for: cache_for? })
    }
}

/// A key that may be absent, with a default that the example shows.
fn text_or(reader: &mut Reader<'_>, key: &str, default: &str) -> Option<String> {
    match reader.value(key) {
        Some(_) => reader.text(key),
        None => Some(default.to_owned()),
    }
}

/// Like [`text_or`], in a form of its own.
fn parsed_or(
    reader: &mut Reader<'_>,
    (key, default): (&str, &str),
    parse: impl FnOnce(&str) -> Result<String, String>,
) -> Option<String> {
    match reader.value(key) {
        Some(_) => reader.parsed(key, parse),
        None => Some(default.to_owned()),
    }
}
