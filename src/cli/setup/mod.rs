//! `countersign setup`: makes what is missing in the GitLab project, and pins the approval labels.
//!
//! It is the one command that needs a Maintainer's token, which the service must not have. It says what it did,
//! and run a second time it changes nothing.

mod hook;
mod template;

use std::path::PathBuf;

use serde_json::json;
use url::Url;

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, load};
use crate::clock::SharedClock;
use crate::config::{Config, Labels};
use crate::domain::ids::ProjectId;
use crate::domain::policy::{Pin, Pins};
use crate::secret::Secret;
use crate::store::{Entry, NewProject, Store};
use crate::vendors::VendorError;
use crate::vendors::gitlab::setup::NewLabel;
use crate::vendors::gitlab::{GitLab, Project};

/// Arguments of `setup`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// A file with the access token of a Maintainer of the project; used now, and kept nowhere.
    #[arg(long, value_name = "FILE")]
    maintainer_token_file: PathBuf,
    /// Where GitLab reaches the service: `https://HOST/hooks/gitlab`.
    #[arg(long, value_name = "URL")]
    webhook_url: Url,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What is done for one project, and how it is told.
struct Setup<'a> {
    config: &'a Config,
    gitlab: &'a GitLab,
    project: &'a Project,
    dry_run: bool,
    clock: &'a SharedClock,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitStatus, Failure> {
    let config = load::config(&arguments.config)?;
    let token = std::fs::read_to_string(&arguments.maintainer_token_file).map_err(|error| {
        let file = arguments.maintainer_token_file.display();
        Failure::usage(format!(
            "--maintainer-token-file: {file} cannot be read: {}",
            crate::reader::why_unreadable(&error)
        ))
    })?;
    let token = Secret::new(token.trim().to_owned());
    let gitlab = GitLab::new(load::transport()?, config.gitlab.url.clone(), token);
    let wish =
        Wish { webhook_url: arguments.webhook_url, dry_run: arguments.dry_run, clock: load::clock(&config) };
    let token_matters = |failure: Failure| match failure.hint {
        None => {
            failure.hint("the token in the file must be a Maintainer's of the project, with the scope `api`")
        }
        Some(_) => failure,
    };
    for line in set_up(&config, &gitlab, wish).await.map_err(token_matters)? {
        data(line);
    }
    if arguments.dry_run {
        say("Nothing was changed.");
    }
    Ok(ExitStatus::Done)
}

/// What is asked for besides the configuration.
pub struct Wish {
    /// Where GitLab reaches the service.
    pub webhook_url: Url,
    /// Only say it.
    pub dry_run: bool,
    /// The time, which becomes the time of the set-up.
    pub clock: SharedClock,
}

/// Sets every configured project up. One line for each thing, with what was done about it.
pub async fn set_up(config: &Config, gitlab: &GitLab, wish: Wish) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for name in &crate::service::policy(config, "").projects {
        let project = gitlab.project(name).await.map_err(|error| {
            let hint = if matches!(
                error,
                VendorError::Unsent { .. }
                    | VendorError::Unknown { .. }
                    | VendorError::Malformed { .. }
                    | VendorError::Unavailable { .. }
            ) {
                format!("does gitlab.url ({}) answer from here?", config.gitlab.url)
            } else {
                format!("is `{name}` the right project, and the token a Maintainer's?")
            };
            Failure::from(error).hint(hint)
        })?;
        let setup = Setup { config, gitlab, project: &project, dry_run: wish.dry_run, clock: &wish.clock };
        setup.labels(&mut lines).await?;
        setup.template(&mut lines).await?;
        setup.hook(&wish.webhook_url, &mut lines).await?;
        setup.remember(&mut lines).await?;
    }
    Ok(lines)
}

impl Setup<'_> {
    fn line(&self, lines: &mut Vec<String>, thing: &str, done: &str) {
        let done =
            if self.dry_run && done != UNCHANGED { format!("would be {done}") } else { done.to_owned() };
        lines.push(format!("{}\t{thing}\t{done}", self.project.path));
    }

    async fn labels(&self, lines: &mut Vec<String>) -> Result<(), Failure> {
        let present = self.gitlab.labels(self.project.id).await?;
        let labels = &self.config.labels;
        let wanted = [
            (&labels.manager, "The requester's manager approves. Counts only if set by the manager."),
            (
                &labels.provisioner,
                "The provisioner approves, after the manager. Counts only if set by a provisioner.",
            ),
        ];
        let denied = labels.denied.iter().map(|name| (name, "The manager or a provisioner says no."));
        let revoke =
            (&labels.revoke, "The requester, the manager or a provisioner has the credential taken away.");
        for (name, description) in wanted.into_iter().chain(denied).chain([revoke]) {
            let there = present.iter().any(|label| label.name == *name);
            if !there && !self.dry_run {
                let color = "#1f75cb";
                self.gitlab.create_label(self.project.id, NewLabel { name, color, description }).await?;
            }
            self.line(lines, &format!("label `{name}`"), if there { UNCHANGED } else { "created" });
        }
        Ok(())
    }

    /// Pins the labels and notes since when issues are requests; both only the first time.
    async fn remember(&self, lines: &mut Vec<String>) -> Result<(), Failure> {
        if self.dry_run && !load::has_database(self.config).await? {
            self.line(lines, "database", "created, with the labels pinned");
            return Ok(());
        }
        let store = load::store_at(self.config, self.clock.clone()).await?;
        let known = store.projects().await?.into_iter().find(|known| known.id == self.project.id);
        if let Some(known) = known {
            return self.still_pinned(&store, known.pins, lines).await;
        }
        if !self.dry_run {
            let pins = pins(self.gitlab, self.project.id, &self.config.labels).await?;
            pin(&store, self.project, pins).await?;
        }
        self.line(lines, "labels", "pinned");
        store.close().await;
        Ok(())
    }

    async fn still_pinned(&self, store: &Store, known: Pins, lines: &mut Vec<String>) -> Result<(), Failure> {
        if self.dry_run && known.revoke.is_none() {
            self.line(lines, "label that revokes", "pinned");
            return Ok(());
        }
        let now = pins(self.gitlab, self.project.id, &self.config.labels).await?;
        // It came with a later release: the others are still what a person pinned.
        if known.revoke.is_none() && (Pins { revoke: now.revoke.clone(), ..known.clone() }) == now {
            pin(store, self.project, now).await?;
            self.line(lines, "label that revokes", "pinned");
            return Ok(());
        }
        if now == known {
            self.line(lines, "pinned labels", UNCHANGED);
            return Ok(());
        }
        let path = &self.project.path;
        Err(Failure::not_true(format!(
            "{path}: the approval labels are not the ones that were pinned; nothing is issued"
        ))
        .hint("find out who changed them, then run `countersign labels pin`"))
    }
}

const UNCHANGED: &str = "already there";

/// The labels that have the configured titles now; each must be the only one of its title.
pub(super) async fn pins(gitlab: &GitLab, project: ProjectId, labels: &Labels) -> Result<Pins, Failure> {
    let present = gitlab.labels(project).await?;
    let one = |name: &String| {
        let named: Vec<_> = present.iter().filter(|label| label.name == *name).collect();
        match named.as_slice() {
            [label] => Ok(Pin { id: label.id, name: name.clone() }),
            [] => {
                Err(Failure::not_true(format!("there is no label `{name}`")).hint("run `countersign setup`"))
            }
            _ => Err(Failure::not_true(format!(
                "two labels are titled `{name}`, perhaps one of them a group's"
            ))
            .hint("rename one of them: only one label of a title can be an approval")),
        }
    };
    let (manager, provisioner) = (one(&labels.manager)?, one(&labels.provisioner)?);
    let revoke = Some(one(&labels.revoke)?);
    Ok(Pins { manager, provisioner, denied: labels.denied.as_ref().map(one).transpose()?, revoke })
}

/// Pins labels, and watches the project from now on if it was not watched before.
pub(super) async fn pin(store: &Store, project: &Project, pins: Pins) -> Result<(), Failure> {
    let ids: Vec<_> =
        crate::reconcile::all_pins(&pins).map(|pin| json!({"id": pin.id, "name": pin.name})).collect();
    let detail = json!({"project": project.id, "path": project.path, "labels": ids, "by": load::operator()});
    store.append(vec![Entry { kind: "labels.pinned".into(), key: None, detail }]).await?;
    let (id, path) = (project.id, project.path.clone());
    store.set_up_project(NewProject { id, path, pins: pins.clone() }).await?;
    store.pin_labels(id, pins).await?;
    crate::reconcile::trust_labels(store, id).await?;
    Ok(())
}
