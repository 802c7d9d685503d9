//! Looks at what a project must have for us to be told of its issues: the pinned labels and the webhook.
//!
//! Nothing is decided here; a person is told, and the audit chain has when it changed. Only a maintainer's token may
//! read webhooks, and the service's own should be none: that it cannot see them is said once and is no fault.

use serde_json::json;

use super::approvers::pins_hold;
use super::context::Context;
use crate::domain::ids::ProjectId;
use crate::store::{Entry, Project, StoreError};
use crate::vendors::VendorError;
use crate::vendors::gitlab::setup::Hook;

/// Where our door is, below whatever address it is published at.
const DOOR: &str = "/hooks/gitlab";

/// Looks at the labels and the webhook of every watched project.
pub async fn inspect(context: &Context) {
    let projects = context.store.projects().await.unwrap_or_else(|error| {
        tracing::error!(error = %error, "the projects could not be read");
        Vec::new()
    });
    for project in projects.into_iter().filter(|one| context.policy.watches(one.id, &one.path)) {
        // A change is alarmed and kept; that the labels cannot be read is found by the next look as well.
        let _ = pins_hold(context, project.id, &project.pins).await;
        if let Err(error) = inspect_hook(context, &project).await {
            tracing::error!(error = %error, "the state of a webhook could not be written down");
        }
    }
}

async fn inspect_hook(context: &Context, project: &Project) -> Result<(), StoreError> {
    let hooks = match context.gitlab.hooks(project.id).await {
        Ok(hooks) => hooks,
        Err(
            VendorError::Forbidden { .. } | VendorError::Unauthorized { .. } | VendorError::NotFound { .. },
        ) => {
            if context.say_once(&format!("hooks of {}", project.id)) {
                tracing::info!(
                    project = project.path,
                    "our token may not see the project's webhooks, as it should be; look at their state in GitLab"
                );
            }
            return Ok(());
        }
        Err(error) => {
            tracing::warn!(project = project.path, error = %error, "the webhooks could not be read");
            return Ok(());
        }
    };
    let fault = fault(&hooks);
    if let Some(fault) = fault {
        tracing::error!(
            project = project.path,
            "{fault}: what happens is seen by the sweep only, minutes later. `countersign setup` puts it right"
        );
    }
    note(context, project.id, fault).await
}

/// What is wrong with the best of the webhooks that lead to our door.
fn fault(hooks: &[Hook]) -> Option<&'static str> {
    let ours = hooks.iter().filter(|hook| hook.url.trim_end_matches('/').ends_with(DOOR));
    let of_one = |hook: &Hook| {
        if !hook.enabled {
            Some("GitLab switched the webhook off after failures")
        } else if !hook.issues_events || !hook.confidential_issues_events {
            Some("the webhook does not send all issue events")
        } else {
            None
        }
    };
    ours.map(of_one).min().unwrap_or(Some("the project has no webhook to countersign"))
}

/// Keeps a change, so that the chain says from when to when nobody told us anything.
async fn note(context: &Context, project: ProjectId, fault: Option<&str>) -> Result<(), StoreError> {
    let setting = format!("webhook_fault:{project}");
    let before = context.store.setting(&setting).await?;
    if before.as_deref() == fault {
        return Ok(());
    }
    let kind = if fault.is_some() { "webhook.broken" } else { "webhook.restored" };
    let detail = json!({"project": project, "fault": fault});
    context.store.append(vec![Entry { kind: kind.into(), key: None, detail }]).await?;
    match fault {
        Some(fault) => context.store.set_setting(&setting, fault).await,
        None => context.store.remove_setting(&setting).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::gitlab::setup::HookId;

    fn hook(url: &str) -> Hook {
        Hook {
            id: HookId(1),
            url: url.to_owned(),
            issues_events: true,
            confidential_issues_events: true,
            push_events: false,
            ssl_verification: true,
            signing_token_present: true,
            token_present: false,
            enabled: true,
        }
    }

    #[test]
    fn one_good_webhook_to_our_door_is_enough() {
        let good = hook("https://us.example/some/where/hooks/gitlab/");
        let off = Hook { enabled: false, ..hook("https://old.example/hooks/gitlab") };
        assert_eq!(fault(&[off.clone(), good]), None);
        assert!(fault(&[off]).unwrap().contains("switched the webhook off"));
        let half = Hook { confidential_issues_events: false, ..hook("https://us.example/hooks/gitlab") };
        assert!(fault(&[half]).unwrap().contains("not send all"));
        for none in [vec![], vec![hook("https://us.example/hooks/another")]] {
            assert!(fault(&none).unwrap().contains("no webhook"));
        }
    }
}
