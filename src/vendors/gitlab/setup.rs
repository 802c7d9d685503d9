//! What setting a project up needs, with a maintainer's token.
//!
//! Apart from the rest because the service's own token must not be able to do any of this: a maintainer can edit
//! the webhook and everybody's comments.

use gitlab::api::projects::hooks::Hooks;
use gitlab::api::projects::labels::CreateLabel;
use gitlab::api::projects::repository::files::{CreateFile, FileRaw, UpdateFile};
use url::Url;

use super::endpoints::SaveHook;
use super::session::built;
use super::{GitLab, Label, malformed, number, shapes};
use crate::domain::ids::ProjectId;
use crate::secret::Secret;
use crate::vendors::error::VendorError;

/// A project's webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookId(pub i64);

/// A webhook as GitLab shows it: never its tokens.
#[expect(clippy::struct_excessive_bools, reason = "these are GitLab's own switches, each by itself")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Numeric id.
    pub id: HookId,
    /// Where it sends to.
    pub url: String,
    /// Sends events of issues.
    pub issues_events: bool,
    /// Sends events of confidential issues, which access requests usually are.
    pub confidential_issues_events: bool,
    /// Sends pushes.
    pub push_events: bool,
    /// Checks our certificate.
    pub ssl_verification: bool,
    /// Signs. GitLab before 19.0 ignores a signing token without a word: false after saving means just that.
    pub signing_token_present: bool,
    /// Sends a plain secret token.
    pub token_present: bool,
    /// Not switched off after failures. True where GitLab does not say.
    pub enabled: bool,
}

/// What a webhook is to be; the events are always the same.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where to send to.
    pub url: Url,
    /// `whsec_` and 32 bytes in base64. `None` leaves what is there.
    pub signing_token: Option<Secret>,
    /// The plain token of GitLab before 19.0. `None` leaves what is there.
    pub token: Option<Secret>,
}

/// A label to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewLabel<'a> {
    /// Its title, without a comma.
    pub name: &'a str,
    /// `#rrggbb`.
    pub color: &'a str,
    /// One line.
    pub description: &'a str,
}

/// A file to be written, as one commit.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// From the repository's root.
    pub path: &'a str,
    /// The branch that gets the commit.
    pub branch: &'a str,
    /// The whole new text.
    pub content: &'a str,
    /// The commit's message.
    pub message: &'a str,
}

impl GitLab {
    /// Creates a label of the project.
    pub async fn create_label(&self, project: ProjectId, label: NewLabel<'_>) -> Result<Label, VendorError> {
        let mut create = CreateLabel::builder();
        create.project(number(project.0)).name(label.name).color(label.color).description(label.description);
        let label: shapes::Label = self.ask("create_label", &built(create.build())).await?;
        Ok(label.into())
    }

    /// All webhooks of the project.
    pub async fn hooks(&self, project: ProjectId) -> Result<Vec<Hook>, VendorError> {
        let endpoint = built(Hooks::builder().project(number(project.0)).build());
        let hooks: Vec<shapes::Hook> = self.ask_all("hooks", &endpoint).await?;
        Ok(hooks.into_iter().map(Into::into).collect())
    }

    /// Creates a webhook for issues, confidential ones included.
    pub async fn create_hook(
        &self,
        project: ProjectId,
        settings: &HookSettings,
    ) -> Result<Hook, VendorError> {
        let endpoint = SaveHook { project, hook: None, settings };
        let hook: shapes::Hook = self.ask("create_hook", &endpoint).await?;
        Ok(hook.into())
    }

    /// Changes a webhook to these settings. GitLab forgets the plain token when the address changes.
    pub async fn edit_hook(
        &self,
        project: ProjectId,
        hook: HookId,
        settings: &HookSettings,
    ) -> Result<Hook, VendorError> {
        let endpoint = SaveHook { project, hook: Some(hook), settings };
        let hook: shapes::Hook = self.ask("edit_hook", &endpoint).await?;
        Ok(hook.into())
    }

    /// A file's text at a branch, tag or commit; `None` if it is not there.
    pub async fn file(
        &self,
        project: ProjectId,
        path: &str,
        reference: &str,
    ) -> Result<Option<String>, VendorError> {
        let mut file = FileRaw::builder();
        file.project(number(project.0)).file_path(path).ref_(reference);
        match self.ask_raw("file", &built(file.build())).await {
            Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| malformed()),
            Err(VendorError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds a file in a commit of its own.
    pub async fn create_file(&self, project: ProjectId, file: NewFile<'_>) -> Result<(), VendorError> {
        let mut create = CreateFile::builder();
        create.project(number(project.0)).file_path(file.path).branch(file.branch);
        create.content(file.content.as_bytes()).commit_message(file.message);
        self.tell("create_file", &built(create.build())).await
    }

    /// Replaces a file in a commit of its own.
    pub async fn update_file(&self, project: ProjectId, file: NewFile<'_>) -> Result<(), VendorError> {
        let mut update = UpdateFile::builder();
        update.project(number(project.0)).file_path(file.path).branch(file.branch);
        update.content(file.content.as_bytes()).commit_message(file.message);
        self.tell("update_file", &built(update.build())).await
    }
}
