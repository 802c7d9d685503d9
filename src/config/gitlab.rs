//! `[gitlab]`: which projects are watched, as whom, and how a webhook proves itself.
//!
//! At least one way of proving is demanded: a door that lets everybody in would let everybody wake the
//! worker, and one that lets nobody in would only show when the first request is slow.

use jiff::SignedDuration;
use toml::Value;
use url::Url;

use super::secrets::{Names, Origin};
use super::values::{span, url};
use crate::domain::ids::ProjectId;
use crate::key::Key;
use crate::reader::{Reader, text_of};
use crate::secret::Secret;

/// The GitLab that requests are opened on.
#[derive(Debug, Clone)]
pub struct GitLab {
    /// Its address, with the path if it lives under one.
    pub url: Url,
    /// The watched projects; at least one, none twice.
    pub projects: Vec<ProjectName>,
    /// The bot's access token, scope `api`.
    pub token: Secret,
    /// How often the sweep looks for what a lost webhook would have told.
    pub sweep_every: SignedDuration,
    /// How a webhook proves that GitLab sent it.
    pub webhook: Webhook,
}

/// How a project is named in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectName {
    /// Its numeric id.
    Id(ProjectId),
    /// Its full path, as `company/access-requests`.
    Path(String),
}

/// What a webhook must present. One of the two is not empty.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Signing tokens (GitLab 19.0 and later); several while one is rotated. Any of them will do.
    pub signing_tokens: Vec<Key>,
    /// The plain secret token of GitLab before 19.0; counts only while there is no signing token.
    pub token: Option<Secret>,
}

impl GitLab {
    pub(super) fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Option<Self> {
        let url = reader.parsed("url", url);
        let projects = reader.filled_list("projects", project);
        if let Some(projects) = &projects {
            refuse_twins(reader, projects);
        }
        let names = Names { variable: "COUNTERSIGN_GITLAB_TOKEN", key: "token_file" };
        let token = origin.secret(reader, names);
        let sweep_every = reader.parsed("sweep_every", span);
        let webhook = reader.section("webhook", |reader| Some(Webhook::read(reader, origin)));
        Some(Self {
            url: url?,
            projects: projects?,
            token: token?,
            sweep_every: sweep_every?,
            webhook: webhook?,
        })
    }
}

impl Webhook {
    fn read(reader: &mut Reader<'_>, origin: Origin<'_>) -> Self {
        let names = Names { variable: "COUNTERSIGN_WEBHOOK_SIGNING_TOKENS", key: "signing_tokens_file" };
        // A faulty source is one fault already; a second one, about having none, would mislead.
        let faults_before = reader.fault_count();
        let signing_tokens = match origin.optional_secret_text(reader, names) {
            Some(text) => signing_keys(reader, names, &text),
            None => Vec::new(),
        };
        let names = Names { variable: "COUNTERSIGN_WEBHOOK_TOKEN", key: "token_file" };
        let token = origin.optional_secret(reader, names);
        if signing_tokens.is_empty() && token.is_none() && reader.fault_count() == faults_before {
            reader.fault(
                "",
                "has neither signing tokens (signing_tokens_file, COUNTERSIGN_WEBHOOK_SIGNING_TOKENS) nor a \
                 plain token (token_file, COUNTERSIGN_WEBHOOK_TOKEN)",
            );
        }
        Self { signing_tokens, token }
    }
}

fn signing_keys(reader: &mut Reader<'_>, names: Names<'_>, text: &Secret) -> Vec<Key> {
    let mut keys = Vec::new();
    for (index, token) in text.expose().split_whitespace().enumerate() {
        match Key::of_signing_token(token) {
            Ok(key) => keys.push(key),
            Err(error) => reader.fault(names.key, format!("its signing token {} {error}", index + 1)),
        }
    }
    keys
}

fn project(value: &Value) -> Result<ProjectName, String> {
    let id = match value {
        Value::Integer(id) => Some(*id),
        other => text_of(other)?.parse().ok(),
    };
    match (id, value) {
        (Some(id), _) if id > 0 => Ok(ProjectName::Id(ProjectId(id))),
        (None, Value::String(path)) if is_full_path(path) => Ok(ProjectName::Path(path.clone())),
        _ => Err("is neither a full path, like company/access-requests, nor a numeric id".to_owned()),
    }
}

fn is_full_path(path: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|one| one.is_alphanumeric() || matches!(one, '-' | '_' | '.'))
    };
    path.contains('/') && path.split('/').all(fits)
}

/// Paths are compared as GitLab does, without regard to case.
fn refuse_twins(reader: &mut Reader<'_>, projects: &[ProjectName]) {
    let same = |one: &ProjectName, other: &ProjectName| match (one, other) {
        (ProjectName::Path(one), ProjectName::Path(other)) => one.to_lowercase() == other.to_lowercase(),
        (one, other) => one == other,
    };
    for (index, project) in projects.iter().enumerate() {
        if let Some(first) = projects.iter().take(index).position(|earlier| same(earlier, project)) {
            reader.fault(&format!("projects[{index}]"), format!("is the same as projects[{first}]"));
        }
    }
}
