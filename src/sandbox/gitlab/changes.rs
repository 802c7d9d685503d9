//! How an issue changes: events, system notes, the mark of the last edit, webhooks.
//!
//! Everything that changes an issue passes here, so nothing leaves less behind than GitLab would. A change of
//! state that comes with other changes is a change of its own with a webhook of its own. `last_edited_at` moves
//! with the description only.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::payload::{self, Happening, change, changed_time};
use crate::sandbox::world::{Effect, Issue, LabelEvent, Note, StateEvent, World};

/// What is to change; absent stays.
#[derive(Debug, Default)]
pub(crate) struct Edit {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    /// The labels afterwards, in order of being set: of two scoped ones the later stays.
    pub(crate) labels: Option<Vec<u64>>,
    pub(crate) assignees: Option<Vec<u64>>,
    pub(crate) confidential: Option<bool>,
    pub(crate) kind: Option<String>,
    pub(crate) close: Option<bool>,
    /// Backdates events and notes; owners only.
    pub(crate) at: Option<Timestamp>,
}

/// Who does it, and when by the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) actor: u64,
    pub(crate) at: Timestamp,
}

/// Changes an issue.
pub(crate) fn apply(world: &mut World, actor: u64, issue_id: u64, edit: Edit) {
    let mark = Mark { actor, at: edit.at.unwrap_or_else(|| world.now()) };
    if let Some(close) = edit.close {
        turn(world, mark, issue_id, close);
    }
    let Some(before) = world.gitlab.issues.get(&issue_id).cloned() else { return };
    let relabelled = edit.labels.is_some();
    let mut after = draft(world, &before, edit);
    let mut changes = differences(world, &before, &after);
    // A PUT that sets a label again still fires, with nothing in `changes`.
    if changes.is_empty() && !relabelled {
        return;
    }
    if !changes.is_empty() {
        (after.updated_at, after.updated_by) = (mark.at, Some(actor));
        changes.insert(
            "updated_at".to_owned(),
            change(changed_time(Some(before.updated_at)), changed_time(Some(mark.at))),
        );
    }
    if changes.contains_key("description") {
        (after.last_edited_at, after.last_edited_by) = (Some(mark.at), Some(actor));
        let (previous, current) = (changed_time(before.last_edited_at), changed_time(after.last_edited_at));
        changes.insert("last_edited_at".to_owned(), change(previous, current));
        changes.insert("last_edited_by_id".to_owned(), change(before.last_edited_by, actor));
    }
    record(world, mark, (&before, &after));
    world.gitlab.issues.insert(issue_id, after);
    payload::emit(world, &Happening { issue_id, actor, action: "update", changes });
}

fn draft(world: &World, before: &Issue, edit: Edit) -> Issue {
    let mut after = before.clone();
    after.title = edit.title.unwrap_or(after.title);
    after.description = edit.description.or(after.description);
    after.assignee_ids = edit.assignees.unwrap_or(after.assignee_ids);
    after.confidential = edit.confidential.unwrap_or(after.confidential);
    after.kind = edit.kind.unwrap_or(after.kind);
    after.labels = edit.labels.map_or(after.labels, |labels| settled(world, &labels));
    after
}

/// Of several labels of one scope (`a::b`, `a::c`), the last one.
pub(crate) fn settled(world: &World, labels: &[u64]) -> Vec<u64> {
    let name = |id: &u64| world.gitlab.labels.get(id).map(|label| label.name.as_str()).unwrap_or_default();
    let scope = |id: &u64| name(id).rsplit_once("::").map(|(scope, _)| scope);
    let displaced = |index: usize, id: &u64| {
        let later = &labels[index + 1..];
        later.contains(id) || (scope(id).is_some() && later.iter().any(|other| scope(other) == scope(id)))
    };
    labels.iter().enumerate().filter(|(index, id)| !displaced(*index, id)).map(|(_, id)| *id).collect()
}

fn differences(world: &World, before: &Issue, after: &Issue) -> Map<String, Value> {
    let mut changes = Map::new();
    let mut note = |name: &str, previous: Value, current: Value| {
        if previous != current {
            changes.insert(name.to_owned(), change(previous, current));
        }
    };
    note("title", before.title.clone().into(), after.title.clone().into());
    note("description", before.description.clone().into(), after.description.clone().into());
    note("confidential", before.confidential.into(), after.confidential.into());
    note("assignee_ids", before.assignee_ids.clone().into(), after.assignee_ids.clone().into());
    note("type", before.kind.clone().into(), after.kind.clone().into());
    let (mut previous, mut current) = (before.labels.clone(), after.labels.clone());
    previous.sort_unstable();
    current.sort_unstable();
    note("labels", payload::labels(world, &previous).into(), payload::labels(world, &current).into());
    changes
}

fn record(world: &mut World, mark: Mark, (before, after): (&Issue, &Issue)) {
    record_labels(world, mark, (after.id, &before.labels, &after.labels));
    if before.title != after.title {
        let body = format!("changed title from **{{-{}-}}** to **{{+{}+}}**", before.title, after.title);
        system_note(world, mark, after.id, body);
    }
    if before.description != after.description {
        system_note(world, mark, after.id, "changed the description".to_owned());
    }
    if before.confidential != after.confidential {
        let visibility = if after.confidential { "confidential" } else { "visible to everyone" };
        system_note(world, mark, after.id, format!("made the issue {visibility}"));
    }
    if before.kind != after.kind {
        system_note(world, mark, after.id, format!("changed type from {} to {}", before.kind, after.kind));
    }
}

/// Label events for what was added, then for what was taken off.
pub(crate) fn record_labels(world: &mut World, mark: Mark, (issue_id, before, after): (u64, &[u64], &[u64])) {
    let added = after.iter().filter(|id| !before.contains(id)).map(|id| (*id, Effect::Add));
    let removed = before.iter().filter(|id| !after.contains(id)).map(|id| (*id, Effect::Remove));
    for (label, action) in added.chain(removed) {
        let id = world.gitlab.fresh_id();
        let label_id = Some(label);
        let event = LabelEvent { id, issue_id, user_id: mark.actor, label_id, action, created_at: mark.at };
        world.gitlab.label_events.insert(id, event);
    }
}

/// A note that GitLab writes in the actor's name.
pub(crate) fn system_note(world: &mut World, mark: Mark, issue_id: u64, body: String) {
    let id = world.gitlab.fresh_id();
    let (created_at, updated_at, author_id) = (mark.at, mark.at, mark.actor);
    let note = Note { id, issue_id, author_id, body, system: true, internal: false, created_at, updated_at };
    world.gitlab.notes.insert(id, note);
}

/// Closes or reopens, with a webhook of its own; nothing happens where it is so already.
pub(crate) fn turn(world: &mut World, mark: Mark, issue_id: u64, close: bool) {
    let Some(issue) = world.gitlab.issues.get_mut(&issue_id).filter(|issue| issue.closed != close) else {
        return;
    };
    let mut changes = Map::new();
    let closed_at = close.then_some(mark.at);
    changes.insert("closed_at".to_owned(), change(changed_time(issue.closed_at), changed_time(closed_at)));
    changes.insert("state_id".to_owned(), change(if close { 1 } else { 2 }, if close { 2 } else { 1 }));
    issue.closed = close;
    (issue.closed_at, issue.closed_by) = (closed_at, close.then_some(mark.actor));
    (issue.updated_at, issue.updated_by) = (mark.at, Some(mark.actor));
    let id = world.gitlab.fresh_id();
    let state = if close { "closed" } else { "reopened" };
    let event = StateEvent { id, issue_id, user_id: mark.actor, state, created_at: mark.at };
    world.gitlab.state_events.insert(id, event);
    system_note(world, mark, issue_id, state.to_owned());
    let action = if close { "close" } else { "reopen" };
    payload::emit(world, &Happening { issue_id, actor: mark.actor, action, changes });
}
