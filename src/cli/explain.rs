//! `countersign explain`: a look without hands. It reads what a worker would read, decides, and tells.

use super::output::{ExitStatus, Failure, data, say};
use super::{ConfigFile, issue, load};
use crate::domain::comment::{View, render};
use crate::domain::decide::decide;
use crate::domain::plan::{Action, Plan};
use crate::domain::snapshot::{IssueView, Snapshot};
use crate::domain::text;
use crate::reconcile::{Context, look_only};

pub(super) async fn run(issue: String, config: ConfigFile) -> Result<ExitStatus, Failure> {
    let config = load::config(&config)?;
    let service = load::service(&config).await?;
    let context = &service.context;
    let key = issue::find(context.store(), &config.gitlab.url, &issue).await?;
    let snapshot = look_only(context, key).await?;
    let plan = decide(&snapshot, context.policy(), context.now());
    if snapshot.issue == IssueView::Unknown {
        say(
            "GitLab does not answer, so nobody can say what would happen next. `countersign show` tells what is remembered.",
        );
        return Ok(ExitStatus::Unavailable);
    }
    if plan.record.is_none() {
        data(not_a_request(&snapshot, context));
        return Ok(ExitStatus::Done);
    }
    tell(context, &snapshot, &plan);
    Ok(ExitStatus::Done)
}

fn not_a_request(snapshot: &Snapshot, context: &Context) -> String {
    match &snapshot.issue {
        IssueView::Seen(issue) => {
            let marked = crate::domain::form::carries_marker(&issue.description, &context.policy().marker);
            match (marked, snapshot.project.set_up_at) {
                (_, None) => "Its project was not set up: run `countersign setup`.".to_owned(),
                (false, _) => {
                    "It is no request: its description does not carry the template's marker line.".to_owned()
                }
                (true, Some(at)) => format!(
                    "It is older than the set-up of this installation ({}), so it is left alone. `countersign adopt` makes \
                     it a request.",
                    text::time(at)
                ),
            }
        }
        IssueView::Gone => "GitLab has no such issue that we may see.".to_owned(),
        IssueView::Unknown => "Nothing is remembered of it, and GitLab does not answer.".to_owned(),
    }
}

fn tell(context: &Context, snapshot: &Snapshot, plan: &Plan) {
    let Some(record) = &plan.record else { return };
    let mut attempts = snapshot.attempts.clone();
    for changed in &plan.attempts {
        attempts.retain(|attempt| attempt.number != changed.number);
        attempts.push(changed.clone());
    }
    data(render(&View {
        record,
        attempts: &attempts,
        status: &plan.status,
        manager_label: &context.labels().manager,
        provisioner_label: &context.labels().provisioner,
        revoke_label: snapshot
            .project
            .pins
            .as_ref()
            .and_then(|pins| Some(pins.revoke.as_ref()?.name.as_str())),
        titles: &context.policy().titles,
        zone: &context.policy().zone,
    }));
    data("");
    for action in &plan.actions {
        data(format_args!("would now: {}", words(action)));
    }
    if plan.actions.is_empty() {
        data("would now: nothing");
    }
    match plan.next_look {
        Some(at) => data(format_args!("looks again by itself: {}", text::time(at))),
        None => data("looks again by itself: only when something happens"),
    }
}

fn words(action: &Action) -> String {
    match action {
        Action::Remind { .. } => "remind whoever is awaited, by Slack".to_owned(),
        Action::Tell { to, .. } => format!("tell the person with GitLab id {to} by Slack"),
        Action::EndUnderBrake { .. } => "end it, if the brake lets it".to_owned(),
        Action::RemoveLabel { name } => format!("take the label `{name}` off"),
        Action::CloseIssue => "close the issue".to_owned(),
        Action::Mint(mint) => {
            format!("make a credential named `{}` (attempt {})", mint.terms.name, mint.number)
        }
        Action::Send { attempt } => format!("send the secret of attempt {attempt}, if it is in hand"),
        Action::LookForDelivery { attempt } => format!("look in Slack for the message of attempt {attempt}"),
        Action::LookForUnanswered { attempt } => format!("look at Zendesk for what attempt {attempt} made"),
        Action::TakeAway { attempt } => format!("take the credential of attempt {attempt} away"),
    }
}
