//! `[directory.gitlab_file]`: a YAML file on a protected branch of a repository.

use super::super::values::choice;
use super::text_or;
use crate::domain::ids::ProjectId;
use crate::reader::{Reader, email_of};

/// A file in a repository, read with the bot's own token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitLabFile {
    /// The project, by number: a path can change hands.
    pub project: ProjectId,
    /// From the repository's root.
    pub path: String,
    /// A branch to which only maintainers may push.
    pub branch: String,
    /// How it is written.
    pub form: FileForm,
}

/// How a file of people is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileForm {
    /// As a file of our own.
    Plain,
    /// As `team.yml` of GitLab's handbook.
    Handbook {
        /// The address of whoever's entry has none, with `{gitlab}` or `{slug}` in it.
        address: Option<String>,
    },
}

impl GitLabFile {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let project = reader.integer("project", 1..=i64::MAX);
        let path = reader.parsed("path", path);
        let branch = text_or(reader, "branch", "main");
        let is_handbook = match reader.value("form") {
            Some(_) => reader.parsed("form", |text| choice(text, &[("plain", false), ("handbook", true)])),
            None => Some(false),
        };
        let address = reader.optional_parsed("address", address);
        let form = if is_handbook? { FileForm::Handbook { address } } else { FileForm::Plain };
        Some(Self { project: ProjectId(project?), path: path?, branch: branch?, form })
    }
}

fn path(text: &str) -> Result<String, String> {
    let is_yaml = [".yml", ".yaml"].iter().any(|ending| text.ends_with(ending));
    if is_yaml && !text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err("must be a path from the repository's root that ends in .yml or .yaml".to_owned())
    }
}

fn address(text: &str) -> Result<String, String> {
    let filled = text.replace("{gitlab}", "x").replace("{slug}", "x");
    if filled != text && !filled.contains(['{', '}']) && email_of(&filled).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("must be an e-mail address with {gitlab} or {slug} in it".to_owned())
    }
}
