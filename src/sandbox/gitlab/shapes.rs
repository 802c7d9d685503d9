//! How GitLab shows things: the entities of its REST API.

use serde_json::{Value, json};

use super::access::Seat;
use crate::sandbox::times::{millis, or_null};
use crate::sandbox::world::{Group, Issue, Label, Note, Owner, World};

/// The address of a page.
pub(crate) fn web_url(world: &World, path: &str) -> String {
    format!("{}/gitlab/{path}", world.base_url)
}

/// An issue's address.
pub(crate) fn issue_url(world: &World, issue: &Issue) -> String {
    web_url(world, &format!("{}/-/issues/{}", path_of(world, issue.project_id), issue.iid))
}

/// A project's full path.
pub(crate) fn path_of(world: &World, project_id: u64) -> String {
    world.gitlab.projects.get(&project_id).map(|project| project.full_path.clone()).unwrap_or_default()
}

/// `UserBasic`; null for a user who is gone.
pub(crate) fn user_basic(world: &World, id: u64) -> Value {
    world.gitlab.users.get(&id).map_or(Value::Null, |user| {
        json!({
            "id": user.id, "username": user.username, "public_email": "", "name": user.name, "state": user.state,
            "locked": false, "avatar_url": null, "web_url": web_url(world, &user.username),
        })
    })
}

fn people(world: &World, ids: &[u64]) -> Vec<Value> {
    ids.iter().map(|id| user_basic(world, *id)).collect()
}

/// `LabelBasic`.
pub(crate) fn label_basic(label: &Label) -> Value {
    json!({
        "id": label.id, "name": label.name, "description": label.description, "description_html": label.description,
        "text_color": "#FFFFFF", "color": label.color, "archived": false,
    })
}

/// `ProjectLabel`.
pub(crate) fn label(label: &Label) -> Value {
    let mut shape = label_basic(label);
    shape["open_issues_count"] = 0.into();
    shape["closed_issues_count"] = 0.into();
    shape["open_merge_requests_count"] = 0.into();
    shape["subscribed"] = false.into();
    shape["priority"] = Value::Null;
    shape["is_project_label"] = matches!(label.of, Owner::Project(_)).into();
    shape
}

/// An issue's labels: names, or the labels themselves.
fn labels(world: &World, issue: &Issue, details: bool) -> Vec<Value> {
    let mut labels: Vec<_> = issue.labels.iter().filter_map(|id| world.gitlab.labels.get(id)).collect();
    labels.sort_by(|one, other| one.name.cmp(&other.name));
    let show = |label: &&Label| if details { label_basic(label) } else { label.name.clone().into() };
    labels.iter().map(show).collect()
}

/// `Issue`. It has no time of the last edit; only GraphQL and webhooks tell that.
pub(crate) fn issue(world: &World, issue: &Issue, label_details: bool) -> Value {
    let (path, iid) = (path_of(world, issue.project_id), issue.iid);
    let notes = world.gitlab.notes.values().filter(|note| note.issue_id == issue.id && !note.system).count();
    let api = format!("{}/gitlab/api/v4/projects/{}", world.base_url, issue.project_id);
    json!({
        "id": issue.id, "iid": iid, "project_id": issue.project_id,
        "title": issue.title, "description": issue.description,
        "state": if issue.closed { "closed" } else { "opened" },
        "created_at": millis(issue.created_at), "updated_at": millis(issue.updated_at),
        "closed_at": or_null(issue.closed_at, millis),
        "closed_by": issue.closed_by.map(|id| user_basic(world, id)),
        "labels": labels(world, issue, label_details), "milestone": null,
        "assignees": people(world, &issue.assignee_ids),
        "assignee": issue.assignee_ids.first().map(|id| user_basic(world, *id)),
        "author": user_basic(world, issue.author_id),
        "type": issue.kind.to_uppercase(), "issue_type": issue.kind,
        "user_notes_count": notes, "merge_requests_count": 0, "upvotes": 0, "downvotes": 0,
        "start_date": null, "due_date": null, "confidential": issue.confidential, "discussion_locked": null,
        "web_url": issue_url(world, issue),
        "time_stats": {"time_estimate": 0, "total_time_spent": 0,
                       "human_time_estimate": null, "human_total_time_spent": null},
        "task_completion_status": tasks(issue.description.as_deref().unwrap_or_default()),
        "weight": null, "blocking_issues_count": 0, "has_tasks": false,
        "_links": {"self": format!("{api}/issues/{iid}"), "notes": format!("{api}/issues/{iid}/notes"),
                   "award_emoji": format!("{api}/issues/{iid}/award_emoji"), "project": api,
                   "closed_as_duplicate_of": null},
        "references": {"short": format!("#{iid}"), "relative": format!("#{iid}"), "full": format!("{path}#{iid}")},
        "severity": "UNKNOWN", "moved_to_id": issue.moved_to_id, "imported": false, "imported_from": "none",
        "service_desk_reply_to": null,
    })
}

fn tasks(description: &str) -> Value {
    let ticks = |mark: &str| description.lines().filter(|line| line.trim_start().starts_with(mark)).count();
    let done = ticks("- [x]") + ticks("- [X]");
    json!({"count": done + ticks("- [ ]"), "completed_count": done})
}

/// `Note`.
pub(crate) fn note(world: &World, note: &Note) -> Value {
    let issue = world.gitlab.issues.get(&note.issue_id);
    json!({
        "id": note.id, "type": null, "body": note.body, "author": user_basic(world, note.author_id),
        "created_at": millis(note.created_at), "updated_at": millis(note.updated_at), "system": note.system,
        "noteable_id": note.issue_id, "noteable_type": "Issue", "project_id": issue.map(|issue| issue.project_id),
        "resolvable": false, "confidential": note.internal, "internal": note.internal,
        "imported": false, "imported_from": "none", "noteable_iid": issue.map(|issue| issue.iid),
        "commands_changes": {},
    })
}

/// `Project`, with the permissions of who asks.
pub(crate) fn project(world: &World, seat: Seat) -> Value {
    let Some(project) = world.gitlab.projects.get(&seat.project) else { return Value::Null };
    let group = world.gitlab.groups.get(&project.group_id);
    let web = web_url(world, &project.full_path);
    json!({
        "id": project.id, "description": null, "name": project.name, "path": project.path,
        "name_with_namespace": format!("{} / {}", group.map_or("", |group| &group.name), project.name),
        "path_with_namespace": project.full_path, "created_at": millis(project.created_at),
        "default_branch": project.default_branch, "visibility": "private", "web_url": web,
        "http_url_to_repo": format!("{web}.git"), "readme_url": null, "archived": false, "empty_repo": false,
        "issues_enabled": true, "issues_access_level": "enabled", "topics": [], "tag_list": [],
        "namespace": group.map(|group| namespace(world, group)),
        "permissions": {"project_access": {"access_level": seat.level, "notification_level": 3}, "group_access": null},
    })
}

fn namespace(world: &World, group: &Group) -> Value {
    json!({
        "id": group.id, "name": group.name, "path": group.path, "kind": "group", "full_path": group.path,
        "parent_id": null, "avatar_url": null, "web_url": web_url(world, &format!("groups/{}", group.path)),
    })
}

/// `Group`.
pub(crate) fn group(world: &World, group: &Group) -> Value {
    let mut shape = namespace(world, group);
    shape["full_name"] = group.name.clone().into();
    shape["visibility"] = "private".into();
    shape
}
