//! Labels of projects and groups.
//!
//! A label is its id; names move. Deleting one empties the events that had it, promoting one gives it a new id
//! and points old events there, and naming an unknown one makes it, if the person may.

use serde_json::{Value, json};

use super::access::{self, MAINTAINER, PLANNER, Seat, forbidden, missing, not_found, refusal};
use super::{Desk, pages, shapes, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::world::{Label, Owner, World};

/// Routes below `/projects/:id/labels`.
pub(crate) fn route(desk: &mut Desk<'_>, seat: Seat, segments: &[&str]) -> Reply {
    let named = in_the_body(desk.call);
    let segments = if segments.is_empty() { named.as_slice() } else { segments };
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => Ok(list(desk, seat)),
        ("POST", []) => {
            access::require(seat, PLANNER)?;
            create(desk, Owner::Project(seat.project))
        }
        ("GET", [label]) => find(desk, seat, label).map(|label| Answer::ok(&shapes::label(&label))),
        ("PUT", [label]) => {
            let label = writable(desk, seat, label)?;
            change(desk, label.id)
        }
        ("DELETE", [label]) => {
            let label = writable(desk, seat, label)?;
            delete(desk.world, label.id);
            Ok(Answer::empty())
        }
        ("PUT", [label, "promote"]) => promote(desk, seat, label),
        _ => Err(unknown()),
    }
}

/// The older form of changing a label, still in use: `PUT …/labels` with `name` or `label_id` in the body.
fn in_the_body(call: &Call) -> Vec<&str> {
    let changes = matches!(call.method.as_str(), "PUT" | "DELETE");
    let named = call.value("label_id").or_else(|| call.value("name")).and_then(Value::as_str);
    named.filter(|_| changes).into_iter().collect()
}

/// Routes below `/groups/:id/labels`.
pub(crate) fn group(desk: &mut Desk<'_>, group_id: u64, segments: &[&str]) -> Reply {
    let in_the_body = in_the_body(desk.call);
    let segments = if segments.is_empty() { in_the_body.as_slice() } else { segments };
    let of = Owner::Group(group_id);
    let may = access::group_level(desk.world, desk.actor, group_id) >= PLANNER;
    let labels: Vec<Label> =
        desk.world.gitlab.labels.values().filter(|label| label.of == of).cloned().collect();
    let named = |reference: &str| {
        let label = labels.iter().find(|label| label.id.to_string() == reference || label.name == reference);
        label.ok_or_else(|| not_found("Label"))
    };
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => Ok(pages::answer(desk, &labels, |label| Some(shapes::label(label)))),
        ("GET", [label]) => Ok(Answer::ok(&shapes::label(named(label)?))),
        ("POST", []) if may => create(desk, of),
        ("PUT", [label]) if may => change(desk, named(label)?.id),
        ("DELETE", [label]) if may => {
            delete(desk.world, named(label)?.id);
            Ok(Answer::empty())
        }
        ("POST" | "PUT" | "DELETE", _) => Err(forbidden()),
        _ => Err(unknown()),
    }
}

fn list(desk: &Desk<'_>, seat: Seat) -> Answer {
    let ancestors = desk.call.flag("include_ancestor_groups").unwrap_or(true);
    let search = desk.call.text("search").unwrap_or_default().to_lowercase();
    let mut labels: Vec<&Label> = desk.world.gitlab.labels_of(seat.project).collect();
    labels.retain(|label| ancestors || matches!(label.of, Owner::Project(_)));
    labels.retain(|label| label.name.to_lowercase().contains(&search));
    labels.sort_by(|one, other| one.name.cmp(&other.name));
    pages::answer(desk, &labels, |label| Some(shapes::label(label)))
}

fn find(desk: &Desk<'_>, seat: Seat, reference: &str) -> Result<Label, Answer> {
    let mut labels = desk.world.gitlab.labels_of(seat.project);
    let label = labels.find(|label| label.id.to_string() == reference || label.name == reference);
    label.cloned().ok_or_else(|| not_found("Label"))
}

/// A label of the project may be changed by its Planners and up, one of the group only by the group's.
fn writable(desk: &Desk<'_>, seat: Seat, reference: &str) -> Result<Label, Answer> {
    let label = find(desk, seat, reference)?;
    let level = match label.of {
        Owner::Project(_) => seat.level,
        Owner::Group(group) => access::group_level(desk.world, desk.actor, group),
    };
    if level < PLANNER { Err(forbidden()) } else { Ok(label) }
}

fn create(desk: &mut Desk<'_>, of: Owner) -> Reply {
    let name = desk.call.text("name").ok_or_else(|| missing("name"))?;
    let color = desk.call.text("color").ok_or_else(|| missing("color"))?;
    let taken = |label: &Label| label.of == of && label.name == name;
    if desk.world.gitlab.labels.values().any(taken) {
        return Err(refusal(409, "Label already exists"));
    }
    let description = desk.call.text("description");
    let label = Template { name, color, description }.make(desk.world, of);
    Ok(Answer::json(201, &shapes::label(&label)))
}

/// A label that is not there yet.
#[derive(Debug)]
struct Template {
    name: String,
    color: String,
    description: Option<String>,
}

impl Template {
    fn make(self, world: &mut World, of: Owner) -> Label {
        let (id, now) = (world.gitlab.fresh_id(), world.now());
        let Self { name, color, description } = self;
        let label =
            Label { id, name, color, description, of, created_at: now, updated_at: now, hidden: false };
        world.gitlab.labels.insert(id, label.clone());
        label
    }
}

fn change(desk: &mut Desk<'_>, label_id: u64) -> Reply {
    let (now, call) = (desk.world.now(), desk.call);
    let Some(label) = desk.world.gitlab.labels.get_mut(&label_id) else { return Err(not_found("Label")) };
    if ["new_name", "color", "description", "archived", "priority"]
        .iter()
        .all(|name| call.value(name).is_none())
    {
        let error =
            "new_name, color, description, priority are missing, at least one parameter must be provided";
        return Err(Answer::json(400, &json!({"error": error})));
    }
    label.name = call.text("new_name").unwrap_or_else(|| label.name.clone());
    label.color = call.text("color").unwrap_or_else(|| label.color.clone());
    label.description = call.text("description").or(label.description.take());
    label.updated_at = now;
    Ok(Answer::ok(&shapes::label(label)))
}

fn delete(world: &mut World, label_id: u64) {
    world.gitlab.labels.remove(&label_id);
    for issue in world.gitlab.issues.values_mut() {
        issue.labels.retain(|id| *id != label_id);
    }
    for event in world.gitlab.label_events.values_mut().filter(|event| event.label_id == Some(label_id)) {
        event.label_id = None;
    }
}

/// A group label with a new id takes the place of every label of that name in the group's projects.
fn promote(desk: &mut Desk<'_>, seat: Seat, reference: &str) -> Reply {
    let label = find(desk, seat, reference)?;
    access::require(seat, MAINTAINER)?;
    let group = desk.world.gitlab.projects.get(&seat.project).map(|project| project.group_id);
    let (Owner::Project(_), Some(group)) = (label.of, group) else {
        return Err(refusal(400, "400 Bad request"));
    };
    let Label { name, color, description, .. } = label;
    let promoted = Template { name, color, description }.make(desk.world, Owner::Group(group));
    let gitlab = &mut desk.world.gitlab;
    let projects: Vec<u64> =
        gitlab.projects.values().filter(|it| it.group_id == group).map(|it| it.id).collect();
    let merged = |label: &&Label| {
        label.name == promoted.name && matches!(label.of, Owner::Project(id) if projects.contains(&id))
    };
    let merged: Vec<u64> = gitlab.labels.values().filter(merged).map(|label| label.id).collect();
    gitlab.labels.retain(|id, _| !merged.contains(id));
    for id in
        gitlab.issues.values_mut().flat_map(|issue| issue.labels.iter_mut()).filter(|id| merged.contains(id))
    {
        *id = promoted.id;
    }
    for id in gitlab.label_events.values_mut().filter_map(|event| event.label_id.as_mut()) {
        if merged.contains(id) {
            *id = promoted.id;
        }
    }
    Ok(Answer::ok(&shapes::label(&promoted)))
}

/// Labels by name; an unknown one is made where the person may, else left out.
pub(crate) fn resolve(desk: &mut Desk<'_>, seat: Seat, names: &[String]) -> Vec<u64> {
    let mut found = Vec::new();
    for name in names {
        let known = desk.world.gitlab.label_named(seat.project, name);
        if known.is_none() && seat.level < PLANNER {
            continue;
        }
        let of = Owner::Project(seat.project);
        let template = || Template { name: name.clone(), color: "#6699cc".to_owned(), description: None };
        found.push(known.unwrap_or_else(|| template().make(desk.world, of).id));
    }
    found
}

/// Labels by name; unknown ones are left out.
pub(crate) fn existing(world: &World, project_id: u64, names: &[String]) -> Vec<u64> {
    names.iter().filter_map(|name| world.gitlab.label_named(project_id, name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    async fn labelled(stage: &Stage) -> (String, Value) {
        let iid = stage.open("requester", json!({"title": "A"})).await;
        stage.gitlab("manager", ("PUT", &format!("issues/{iid}")), json!({"add_labels": "x"})).await;
        let label = stage.gitlab("manager", ("GET", "labels/x"), Value::Null).await.body["id"].clone();
        (format!("issues/{iid}/resource_label_events"), label)
    }

    #[tokio::test]
    async fn renaming_rewrites_old_events_and_deleting_empties_them() {
        let stage = Stage::set().await;
        let (events, label) = labelled(&stage).await;
        let path = format!("labels/{label}");
        stage.gitlab("colleague", ("PUT", &path), json!({"new_name": "approved"})).await;
        let seen = stage.gitlab("bot", ("GET", &events), Value::Null).await;
        assert_eq!(
            (&seen.body[0]["label"]["name"], &seen.body[0]["user"]["id"]),
            (&json!("approved"), &json!(102))
        );
        assert_eq!(stage.gitlab("colleague", ("DELETE", &path), Value::Null).await.status, 204);
        let seen = stage.gitlab("bot", ("GET", &events), Value::Null).await;
        assert_eq!((&seen.body[0]["label"], &seen.body[0]["action"]), (&Value::Null, &json!("add")));
    }

    #[tokio::test]
    async fn a_promoted_label_has_a_new_id_and_its_events_follow() {
        let stage = Stage::set().await;
        let (events, label) = labelled(&stage).await;
        let path = format!("labels/{label}/promote");
        let promoted = stage.gitlab("maintainer", ("PUT", &path), Value::Null).await.body;
        assert_eq!(promoted["is_project_label"], false);
        assert_ne!(promoted["id"], label);
        let seen = stage.gitlab("bot", ("GET", &events), Value::Null).await;
        assert_eq!(seen.body[0]["label"]["id"], promoted["id"]);
        let path = format!("labels/{}", promoted["id"]);
        let change = stage.gitlab("maintainer", ("PUT", &path), json!({"new_name": "y"}));
        assert_eq!(change.await.status, 403, "a group's label is not the project's to change");
    }
}
