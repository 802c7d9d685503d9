//! The body of an issue webhook, and to whom it goes.
//!
//! Payloads are a different dialect from REST: times are written in three ways, the actor's e-mail address is
//! blanked, relative image links are made absolute, so the text is not the one REST gives, and `assignees` is
//! absent where there are none.

use serde_json::{Map, Value, json};

use super::shapes;
use crate::clock::random_id;
use crate::sandbox::times::{millis, or_null, spoken};
use crate::sandbox::webhooks::Outgoing;
use crate::sandbox::world::{Issue, Label, Owner, World};

/// What happened to an issue.
#[derive(Debug)]
pub(crate) struct Happening {
    pub(crate) issue_id: u64,
    pub(crate) actor: u64,
    /// `open`, `update`, `close` or `reopen`.
    pub(crate) action: &'static str,
    pub(crate) changes: Map<String, Value>,
}

/// Puts the webhooks of a happening into the outbox.
///
/// A confidential issue goes to the hooks that ask for confidential issues, by its state after the change.
pub(crate) fn emit(world: &mut World, happening: &Happening) {
    let Some(issue) = world.gitlab.issues.get(&happening.issue_id) else { return };
    let (flag, event) = if issue.confidential {
        ("confidential_issues_events", "Confidential Issue Hook")
    } else {
        ("issues_events", "Issue Hook")
    };
    let wants = |flags: &std::collections::BTreeMap<String, bool>| flags.get(flag).copied().unwrap_or(false);
    let hooks =
        world.gitlab.hooks.values().filter(|hook| hook.project_id == issue.project_id && wants(&hook.flags));
    let hooks: Vec<u64> = hooks.map(|hook| hook.id).collect();
    let body = body(world, issue, happening).to_string();
    for hook_id in hooks {
        let webhook_id = random_id(&*world.randomness);
        world.gitlab.outbox.push(Outgoing {
            hook_id,
            webhook_id,
            event: event.to_owned(),
            body: body.clone(),
        });
    }
}

fn body(world: &World, issue: &Issue, happening: &Happening) -> Value {
    let mut body = json!({
        "object_kind": if issue.kind == "issue" { "issue" } else { "work_item" },
        "event_type": if issue.confidential { "confidential_issue" } else { "issue" },
        "user": person(world, happening.actor),
        "project": project(world, issue.project_id),
        "object_attributes": attributes(world, issue, happening.action),
        "labels": labels(world, &issue.labels),
        "changes": happening.changes,
        "repository": {"name": "access-requests", "url": "", "description": null, "homepage": ""},
    });
    if let Some(first) = issue.assignee_ids.first() {
        body["assignees"] = issue.assignee_ids.iter().map(|id| person(world, *id)).collect();
        body["assignee"] = person(world, *first);
    }
    body
}

fn person(world: &World, id: u64) -> Value {
    world.gitlab.users.get(&id).map_or(Value::Null, |user| {
        json!({"id": id, "name": user.name, "username": user.username, "avatar_url": null, "email": "[REDACTED]"})
    })
}

fn project(world: &World, id: u64) -> Value {
    let Some(project) = world.gitlab.projects.get(&id) else { return Value::Null };
    let web = shapes::web_url(world, &project.full_path);
    let namespace = world.gitlab.groups.get(&project.group_id).map(|group| &group.name);
    json!({
        "id": id, "name": project.name, "description": null, "web_url": web, "avatar_url": null,
        "git_ssh_url": format!("git@127.0.0.1:{}.git", project.full_path), "git_http_url": format!("{web}.git"),
        "namespace": namespace, "visibility_level": 0, "path_with_namespace": project.full_path,
        "default_branch": project.default_branch, "ci_config_path": "", "homepage": web, "url": format!("{web}.git"),
        "ssh_url": format!("git@127.0.0.1:{}.git", project.full_path), "http_url": format!("{web}.git"),
    })
}

fn attributes(world: &World, issue: &Issue, action: &str) -> Value {
    let type_name = issue.kind.split('_').map(capitalised).collect::<Vec<_>>().join(" ");
    json!({
        "id": issue.id, "iid": issue.iid, "title": issue.title, "description": absolute(world, issue),
        "state": if issue.closed { "closed" } else { "opened" }, "state_id": if issue.closed { 2 } else { 1 },
        "action": action, "author_id": issue.author_id, "project_id": issue.project_id,
        "created_at": spoken(issue.created_at), "updated_at": spoken(issue.updated_at),
        "closed_at": or_null(issue.closed_at, spoken),
        "updated_by_id": issue.updated_by, "last_edited_at": or_null(issue.last_edited_at, spoken),
        "last_edited_by_id": issue.last_edited_by, "relative_position": issue.iid * 513, "milestone_id": null,
        "confidential": issue.confidential, "discussion_locked": null, "due_date": null,
        "moved_to_id": issue.moved_to_id, "duplicated_to_id": null, "time_estimate": 0, "total_time_spent": 0,
        "time_change": 0, "human_total_time_spent": null, "human_time_change": null, "human_time_estimate": null,
        "weight": null, "health_status": null, "type": type_name, "url": shapes::issue_url(world, issue),
        "severity": "unknown", "escalation_status": null, "escalation_policy": null,
        "assignee_ids": issue.assignee_ids, "assignee_id": issue.assignee_ids.first(),
        "labels": labels(world, &issue.labels),
    })
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn absolute(world: &World, issue: &Issue) -> Option<String> {
    let uploads = format!("]({}/uploads/", shapes::web_url(world, &shapes::path_of(world, issue.project_id)));
    issue.description.as_ref().map(|text| text.replace("](/uploads/", &uploads))
}

/// Labels as webhooks show them.
pub(crate) fn labels(world: &World, ids: &[u64]) -> Vec<Value> {
    ids.iter().filter_map(|id| world.gitlab.labels.get(id)).map(label).collect()
}

fn label(label: &Label) -> Value {
    let (project_id, group_id, kind) = match label.of {
        Owner::Project(id) => (Some(id), None, "ProjectLabel"),
        Owner::Group(id) => (None, Some(id), "GroupLabel"),
    };
    json!({
        "id": label.id, "title": label.name, "color": label.color, "project_id": project_id,
        "created_at": spoken(label.created_at), "updated_at": spoken(label.updated_at), "template": false,
        "description": label.description, "type": kind, "group_id": group_id,
    })
}

/// `{"previous": …, "current": …}`
pub(crate) fn change(previous: impl Into<Value>, current: impl Into<Value>) -> Value {
    json!({"previous": previous.into(), "current": current.into()})
}

/// An instant inside `changes`, in its third way of writing.
pub(crate) fn changed_time(at: Option<jiff::Timestamp>) -> Value {
    or_null(at, millis)
}
