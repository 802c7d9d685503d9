//! The webhook: issue events and confidential issue events, signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::{Failure, Setup, UNCHANGED};
use crate::secret::Secret;
use crate::vendors::gitlab::setup::{Hook, HookSettings};

impl Setup<'_> {
    pub(super) async fn hook(&self, url: &Url, lines: &mut Vec<String>) -> Result<(), Failure> {
        let hooks = self.gitlab.hooks(self.project.id).await?;
        let ours =
            hooks.iter().find(|hook| hook.url.trim_end_matches('/') == url.as_str().trim_end_matches('/'));
        let thing = format!("webhook {url}");
        match ours {
            Some(hook) if self.is_right(hook) => self.line(lines, &thing, UNCHANGED),
            Some(hook) => {
                if !self.dry_run {
                    self.signs(&self.gitlab.edit_hook(self.project.id, hook.id, &self.settings(url)).await?)?;
                }
                self.line(lines, &thing, "corrected");
            }
            None => {
                if !self.dry_run {
                    self.signs(&self.gitlab.create_hook(self.project.id, &self.settings(url)).await?)?;
                }
                self.line(lines, &thing, "created, for issues and confidential issues");
            }
        }
        if ours.is_some_and(|hook| !hook.enabled) {
            self.line(
                lines,
                &thing,
                "switched off by GitLab after failures: send a test request there to switch it on",
            );
        }
        Ok(())
    }

    fn is_right(&self, hook: &Hook) -> bool {
        let webhook = &self.config.gitlab.webhook;
        hook.issues_events
            && hook.confidential_issues_events
            && !hook.push_events
            && (webhook.signing_tokens.is_empty() || hook.signing_token_present)
            && (webhook.token.is_none() || hook.token_present)
    }

    fn settings(&self, url: &Url) -> HookSettings {
        let webhook = &self.config.gitlab.webhook;
        let written = |key: &crate::key::Key| Secret::new(format!("whsec_{}", STANDARD.encode(key.expose())));
        HookSettings {
            url: url.clone(),
            signing_token: webhook.signing_tokens.first().map(written),
            token: webhook.token.clone(),
        }
    }

    /// GitLab before 19.0 ignores a signing token without a word.
    fn signs(&self, hook: &Hook) -> Result<(), Failure> {
        if self.config.gitlab.webhook.signing_tokens.is_empty() || hook.signing_token_present {
            return Ok(());
        }
        Err(Failure::not_true("this GitLab does not sign webhooks: signing tokens came with GitLab 19.0")
            .hint("configure `gitlab.webhook.token_file` and leave the signing tokens out"))
    }
}
