//! Notes: comments, and what GitLab itself wrote under an issue.
//!
//! A comment of nothing but quick actions is carried out and never saved. Maintainers may edit anyone's comment:
//! what stands in one proves nothing. Lists are cut into pages before internal notes are left out.

use serde_json::{Value, json};

use super::access::{self, GUEST, MAINTAINER, PLANNER, Seat, forbidden, missing, not_found, refusal};
use super::changes::{self, Edit};
use super::quick_actions::{self, Commands};
use super::{Desk, issues, labels, pages, shapes, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::world::{Issue, Note};

/// Routes below `/projects/:id/issues/:iid/notes`.
pub(crate) fn route(desk: &mut Desk<'_>, (seat, issue): (Seat, &Issue), segments: &[&str]) -> Reply {
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => Ok(list(desk, seat, issue)),
        ("POST", []) => create(desk, seat, issue),
        ("GET", [id]) => {
            find(desk, (seat, issue), id).map(|note| Answer::ok(&shapes::note(desk.world, &note)))
        }
        ("PUT", [id]) => {
            let note = writable(desk, (seat, issue), id)?;
            change(desk, (seat, issue), note.id)
        }
        ("DELETE", [id]) => {
            let note = writable(desk, (seat, issue), id)?;
            desk.world.gitlab.notes.remove(&note.id);
            Ok(Answer::empty())
        }
        _ => Err(unknown()),
    }
}

fn list(desk: &Desk<'_>, seat: Seat, issue: &Issue) -> Answer {
    let filter = desk.call.text("activity_filter").unwrap_or_default();
    let mut notes: Vec<&Note> =
        desk.world.gitlab.notes.values().filter(|note| note.issue_id == issue.id).collect();
    notes.retain(|note| match filter.as_str() {
        "only_comments" => !note.system,
        "only_activity" => note.system,
        _ => true,
    });
    let by_update = desk.call.text("order_by").is_some_and(|order| order == "updated_at");
    notes.sort_by_key(|note| (if by_update { note.updated_at } else { note.created_at }, note.id));
    if desk.call.text("sort").is_none_or(|sort| sort != "asc") {
        notes.reverse();
    }
    pages::answer(desk, &notes, |note| may_read(seat, note).then(|| shapes::note(desk.world, note)))
}

fn may_read(seat: Seat, note: &Note) -> bool {
    !note.internal || seat.level >= PLANNER
}

fn find(desk: &Desk<'_>, (seat, issue): (Seat, &Issue), id: &str) -> Result<Note, Answer> {
    let note = id.parse().ok().and_then(|id: u64| desk.world.gitlab.notes.get(&id));
    let note = note.filter(|note| note.issue_id == issue.id && may_read(seat, note));
    note.cloned().ok_or_else(|| not_found(""))
}

fn writable(desk: &Desk<'_>, at: (Seat, &Issue), id: &str) -> Result<Note, Answer> {
    let note = find(desk, at, id)?;
    let may = note.author_id == desk.actor || at.0.level >= MAINTAINER;
    if may && !note.system { Ok(note) } else { Err(forbidden()) }
}

fn create(desk: &mut Desk<'_>, seat: Seat, issue: &Issue) -> Reply {
    access::require(seat, GUEST)?;
    let (body, commands) = written(desk)?;
    let internal = desk.call.flag("internal").or_else(|| desk.call.flag("confidential")).unwrap_or(false);
    if internal {
        access::require(seat, PLANNER)?;
    }
    let summary = carry_out(desk, (seat, issue), &commands);
    if body.is_empty() {
        return only_commands(&commands, &summary);
    }
    let (id, now, author_id) = (desk.world.gitlab.fresh_id(), desk.world.now(), desk.actor);
    let (issue_id, created_at, updated_at) = (issue.id, now, now);
    let note = Note { id, issue_id, author_id, body, system: false, internal, created_at, updated_at };
    desk.world.gitlab.notes.insert(id, note.clone());
    if let Some(issue) = desk.world.gitlab.issues.get_mut(&issue.id) {
        issue.updated_at = now;
    }
    let mut shape = shapes::note(desk.world, &note);
    shape["commands_changes"] = changes_of(&commands);
    Ok(Answer::json(201, &shape))
}

fn written(desk: &Desk<'_>) -> Result<(String, Commands), Answer> {
    let body = desk.call.text("body").ok_or_else(|| missing("body"))?;
    if body.trim().is_empty() {
        return Err(Answer::json(400, &json!({"message": {"note": ["can't be blank"]}})));
    }
    Ok(quick_actions::split(&body))
}

/// The status where nothing could be applied is not documented; 400 stands for it.
fn only_commands(commands: &Commands, summary: &[String]) -> Reply {
    if summary.is_empty() {
        return Err(refusal(400, "400 Bad request - Commands could not be applied"));
    }
    Ok(Answer::json(202, &json!({"commands_changes": changes_of(commands), "summary": summary})))
}

fn changes_of(commands: &Commands) -> Value {
    let mut changes = json!({});
    if !commands.label.is_empty() {
        changes["add_label_ids"] = commands.label.clone().into();
    }
    if let Some(close) = commands.close {
        changes["state_event"] = if close { "close" } else { "reopen" }.into();
    }
    changes
}

/// Carries out what the writer may; what was done, in words.
fn carry_out(desk: &mut Desk<'_>, (seat, issue): (Seat, &Issue), commands: &Commands) -> Vec<String> {
    if commands.count == 0 || issues::may_edit(desk, seat, issue).is_err() {
        return Vec::new();
    }
    let mut summary = Vec::new();
    let mut edit = Edit { title: commands.title.clone(), close: commands.close, ..Edit::default() };
    if let Some(close) = commands.close {
        summary.push(if close { "Closed this issue.".to_owned() } else { "Reopened this issue.".to_owned() });
    }
    if seat.level >= PLANNER {
        let added = labels::existing(desk.world, seat.project, &commands.label);
        let removed = labels::existing(desk.world, seat.project, &commands.unlabel);
        if !added.is_empty() || !removed.is_empty() || commands.unlabel_all {
            let kept = issue.labels.iter().filter(|id| !removed.contains(id) && !commands.unlabel_all);
            edit.labels = Some(kept.copied().chain(added).collect());
            summary.push("Changed labels.".to_owned());
        }
        edit.confidential = commands.confidential;
    }
    changes::apply(desk.world, desk.actor, issue.id, edit);
    summary
}

/// A comment edited into nothing but quick actions is deleted, and the call fails.
fn change(desk: &mut Desk<'_>, at: (Seat, &Issue), note_id: u64) -> Reply {
    let (body, commands) = written(desk)?;
    carry_out(desk, at, &commands);
    if body.is_empty() {
        desk.world.gitlab.notes.remove(&note_id);
        return Err(refusal(400, "400 Bad request - Failed to save note"));
    }
    let now = desk.world.now();
    let Some(note) = desk.world.gitlab.notes.get_mut(&note_id) else { return Err(not_found("")) };
    (note.body, note.updated_at) = (body, now);
    let note = note.clone();
    Ok(Answer::ok(&shapes::note(desk.world, &note)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn a_comment_of_commands_alone_is_carried_out_and_not_saved() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A"})).await;
        let notes = format!("issues/{iid}/notes");
        let seen = stage.gitlab("colleague", ("POST", &notes), json!({"body": "/label ~bug\n/close"})).await;
        assert_eq!(seen.status, 202, "{}", seen.body);
        let issue = stage.gitlab("bot", ("GET", &format!("issues/{iid}")), Value::Null).await;
        assert_eq!((&issue.body["state"], &issue.body["labels"]), (&json!("closed"), &json!(["bug"])));
        let seen = stage
            .gitlab("bot", ("GET", &format!("{notes}?activity_filter=only_comments")), Value::Null)
            .await;
        assert_eq!(seen.body, json!([]));
    }

    #[tokio::test]
    async fn a_guest_labels_nothing_by_comment() {
        let stage = Stage::set().await;
        let iid = stage.open("guest", json!({"title": "A"})).await;
        let seen = stage
            .gitlab("guest", ("POST", &format!("issues/{iid}/notes")), json!({"body": "hm\n/label ~bug"}))
            .await;
        assert_eq!((seen.status, &seen.body["body"]), (201, &json!("hm")));
        let issue = stage.gitlab("bot", ("GET", &format!("issues/{iid}")), Value::Null).await;
        assert_eq!(issue.body["labels"], json!([]));
    }

    #[tokio::test]
    async fn a_maintainer_edits_the_words_of_others_and_a_colleague_does_not() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A"})).await;
        let notes = format!("issues/{iid}/notes");
        let note = stage.gitlab("bot", ("POST", &notes), json!({"body": "mine", "internal": true})).await;
        let path = format!("{notes}/{}", note.body["id"]);
        assert_eq!(stage.gitlab("colleague", ("PUT", &path), json!({"body": "no"})).await.status, 403);
        assert_eq!(
            stage.gitlab("maintainer", ("PUT", &path), json!({"body": "yes"})).await.body["body"],
            "yes"
        );
        assert_eq!(stage.gitlab("guest", ("GET", &path), Value::Null).await.status, 404);
        assert_eq!(stage.gitlab("bot", ("DELETE", &path), Value::Null).await.status, 204);
    }
}
