//! Moving and cloning, which carry the past of an issue elsewhere.
//!
//! Label events are copied as they are: same person, same time, same label id. So an issue can be born with a
//! manager's real approval in its history. A moved issue keeps its time of creation; a cloned one is new, and
//! older events tell it apart.

use super::access::{self, GUEST, PLANNER, Seat, missing, not_found, refusal};
use super::changes::{self, Mark, system_note};
use super::payload::{self, Happening};
use super::{Desk, issues, shapes};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::world::{Issue, Label, World};

/// `POST …/move`: the source is closed and points to the target.
pub(crate) fn carry(desk: &mut Desk<'_>, seat: Seat, source: &Issue) -> Reply {
    let target = destination(desk)?;
    if target == seat.project {
        return Err(refusal(400, "Cannot move issue to project it originates from!"));
    }
    if seat.level < PLANNER || access::level(desk.world, desk.actor, target) < PLANNER {
        return Err(refusal(400, "Cannot move issue due to insufficient permissions!"));
    }
    let mark = Mark { actor: desk.actor, at: desk.world.now() };
    let mut issue = duplicate(desk.world, source, target);
    (issue.closed, issue.closed_at, issue.closed_by) = (false, None, None);
    let id = settle_in(desk.world, mark, (source, issue, true));
    system_note(desk.world, mark, id, format!("moved from {}", reference(desk.world, source)));
    leave(desk.world, mark, source.id, id);
    Ok(issues::show(desk.world, id, 201))
}

/// `POST …/clone`: the source stays; `with_notes` brings notes and events along.
pub(crate) fn copy(desk: &mut Desk<'_>, seat: Seat, source: &Issue) -> Reply {
    let target = destination(desk)?;
    if seat.level < GUEST || access::level(desk.world, desk.actor, target) < PLANNER {
        return Err(refusal(400, "Cannot clone issue due to insufficient permissions!"));
    }
    let mark = Mark { actor: desk.actor, at: desk.world.now() };
    let mut issue = duplicate(desk.world, source, target);
    (issue.author_id, issue.created_at, issue.closed) = (desk.actor, mark.at, false);
    (issue.closed_at, issue.closed_by, issue.last_edited_at, issue.last_edited_by) = (None, None, None, None);
    let with_notes = desk.call.flag("with_notes").unwrap_or(false);
    let id = settle_in(desk.world, mark, (source, issue, with_notes));
    system_note(desk.world, mark, id, format!("cloned from {}", reference(desk.world, source)));
    let clone =
        desk.world.gitlab.issues.get(&id).map(|issue| reference(desk.world, issue)).unwrap_or_default();
    system_note(desk.world, mark, source.id, format!("cloned to {clone}"));
    Ok(issues::show(desk.world, id, 201))
}

fn destination(desk: &Desk<'_>) -> Result<u64, Answer> {
    let target = desk.call.number("to_project_id").ok_or_else(|| missing("to_project_id"))?;
    let visible = access::level(desk.world, desk.actor, target) > 0;
    visible.then_some(target).ok_or_else(|| not_found("Project"))
}

/// `company/access-requests#3`
fn reference(world: &World, issue: &Issue) -> String {
    format!("{}#{}", shapes::path_of(world, issue.project_id), issue.iid)
}

/// The same issue in another project, its labels linked by title where that project has them.
fn duplicate(world: &mut World, source: &Issue, project_id: u64) -> Issue {
    let names =
        source.labels.iter().filter_map(|id| world.gitlab.labels.get(id)).map(|label: &Label| &label.name);
    let labels = names.filter_map(|name| world.gitlab.label_named(project_id, name)).collect();
    let (id, iid) = (world.gitlab.fresh_id(), issues::next_iid(world, project_id));
    Issue { id, iid, project_id, labels, moved_to_id: None, updated_at: world.now(), ..source.clone() }
}

/// Puts it into the world with what came along, then the events that differing label ids make.
fn settle_in(world: &mut World, mark: Mark, (source, issue, with_notes): (&Issue, Issue, bool)) -> u64 {
    let id = issue.id;
    let labels = issue.labels.clone();
    world.gitlab.issues.insert(id, issue);
    if with_notes {
        copy_notes(world, source.id, id);
        copy_events(world, source.id, id);
    }
    changes::record_labels(world, mark, (id, &source.labels, &labels));
    let changes = serde_json::Map::new();
    payload::emit(world, &Happening { issue_id: id, actor: mark.actor, action: "open", changes });
    id
}

fn copy_notes(world: &mut World, from: u64, to: u64) {
    let notes: Vec<_> = world.gitlab.notes.values().filter(|note| note.issue_id == from).cloned().collect();
    for mut note in notes {
        (note.id, note.issue_id) = (world.gitlab.fresh_id(), to);
        world.gitlab.notes.insert(note.id, note);
    }
}

fn copy_events(world: &mut World, from: u64, to: u64) {
    let events: Vec<_> =
        world.gitlab.label_events.values().filter(|event| event.issue_id == from).cloned().collect();
    for mut event in events {
        (event.id, event.issue_id) = (world.gitlab.fresh_id(), to);
        world.gitlab.label_events.insert(event.id, event);
    }
}

fn leave(world: &mut World, mark: Mark, source_id: u64, target_id: u64) {
    let target = world.gitlab.issues.get(&target_id).map(|issue| reference(world, issue)).unwrap_or_default();
    if let Some(source) = world.gitlab.issues.get_mut(&source_id) {
        source.moved_to_id = Some(target_id);
    }
    changes::turn(world, mark, source_id, true);
    system_note(world, mark, source_id, format!("moved to {target}"));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn a_moved_issue_brings_a_real_approval_along() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A"})).await;
        let path = format!("issues/{iid}");
        stage.gitlab("manager", ("PUT", &path), json!({"add_labels": "approved"})).await;
        stage.clock.advance(jiff::SignedDuration::from_hours(1));
        let moved =
            stage.gitlab("colleague", ("POST", &format!("{path}/move")), json!({"to_project_id": 43})).await;
        assert_eq!((moved.status, &moved.body["project_id"]), (201, &json!(43)));
        assert_eq!(moved.body["created_at"], "2026-11-22T09:00:00.000Z");
        let source = stage.gitlab("bot", ("GET", &path), Value::Null).await;
        assert_eq!(
            (&source.body["state"], &source.body["moved_to_id"]),
            (&json!("closed"), &moved.body["id"])
        );
        let there = format!("../43/issues/{}", moved.body["iid"]);
        let notes = stage.gitlab("owner", ("GET", &format!("{there}/notes")), Value::Null).await;
        assert_eq!(notes.body[0]["body"], format!("moved from company/access-requests#{iid}"));
        let events =
            stage.gitlab("owner", ("GET", &format!("{there}/resource_label_events")), Value::Null).await;
        assert_eq!((&events.body[0]["user"]["id"], &events.body[0]["action"]), (&json!(102), &json!("add")));
        assert_eq!(events.body[0]["resource_id"], moved.body["id"]);
    }

    #[tokio::test]
    async fn a_clone_without_notes_has_labels_that_nobody_added() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A", "labels": "approved"})).await;
        let path = format!("issues/{iid}/clone");
        let clone = stage.gitlab("colleague", ("POST", &path), json!({"to_project_id": 42})).await.body;
        assert_eq!(clone["labels"], json!(["approved"]));
        let events = format!("issues/{}/resource_label_events", clone["iid"]);
        assert_eq!(stage.gitlab("bot", ("GET", &events), Value::Null).await.body, json!([]));
        let clone = stage
            .gitlab("colleague", ("POST", &path), json!({"to_project_id": 42, "with_notes": true}))
            .await
            .body;
        let events = format!("issues/{}/resource_label_events", clone["iid"]);
        assert_eq!(stage.gitlab("bot", ("GET", &events), Value::Null).await.body[0]["user"]["id"], 101);
    }
}
