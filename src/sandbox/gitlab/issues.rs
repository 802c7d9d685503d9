//! Issues: list, create, show, update, delete.
//!
//! The two rules that hurt: a Guest may set labels when creating an issue and never after, and a parameter that
//! one may not set is dropped without a word.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::access::{self, GUEST, OWNER, PLANNER, Seat, forbidden, missing, not_found, refusal};
use super::changes::{self, Edit, Mark};
use super::payload::{self, Happening};
use super::quick_actions::{self, Commands};
use super::{Desk, events, labels, notes, pages, shapes, transfer, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::world::{Issue, World};

/// Routes below `/projects/:id/issues`.
pub(crate) fn route(desk: &mut Desk<'_>, seat: Seat, segments: &[&str]) -> Reply {
    if segments.is_empty() {
        return match desk.call.method.as_str() {
            "GET" => Ok(list(desk, seat)),
            "POST" => create(desk, seat),
            _ => Err(unknown()),
        };
    }
    let issue = find(desk, seat, segments[0])?;
    match (desk.call.method.as_str(), &segments[1..]) {
        ("GET", []) => Ok(show(desk.world, issue.id, 200)),
        ("PUT", []) => update(desk, seat, &issue),
        ("DELETE", []) => delete(desk, seat, issue.id),
        ("POST", ["move"]) => transfer::carry(desk, seat, &issue),
        ("POST", ["clone"]) => transfer::copy(desk, seat, &issue),
        (_, ["notes", rest @ ..]) => notes::route(desk, (seat, &issue), rest),
        ("GET", ["resource_label_events", rest @ ..]) => events::labels(desk, &issue, rest),
        ("GET", ["resource_state_events", rest @ ..]) => events::states(desk, &issue, rest),
        _ => Err(unknown()),
    }
}

fn find(desk: &Desk<'_>, seat: Seat, iid: &str) -> Result<Issue, Answer> {
    let issue = iid.parse().ok().and_then(|iid| desk.world.gitlab.issue(seat.project, iid));
    let issue = issue.filter(|issue| access::may_see(desk.world, desk.actor, issue));
    issue.cloned().ok_or_else(|| not_found(""))
}

/// The issue as it is now.
pub(crate) fn show(world: &World, issue_id: u64, status: u16) -> Answer {
    let issue = world.gitlab.issues.get(&issue_id);
    issue.map_or_else(|| not_found(""), |issue| Answer::json(status, &shapes::issue(world, issue, false)))
}

fn list(desk: &Desk<'_>, seat: Seat) -> Answer {
    let details = desk.call.flag("with_labels_details").unwrap_or(false);
    let mut issues: Vec<&Issue> = desk.world.gitlab.issues.values().collect();
    issues.retain(|issue| issue.project_id == seat.project && access::may_see(desk.world, desk.actor, issue));
    issues.retain(|issue| wanted(desk, issue));
    let by_update = desk.call.text("order_by").is_some_and(|order| order == "updated_at");
    issues.sort_by_key(|issue| (if by_update { issue.updated_at } else { issue.created_at }, issue.id));
    if desk.call.text("sort").is_none_or(|sort| sort != "asc") {
        issues.reverse();
    }
    pages::answer(desk, &issues, |issue| Some(shapes::issue(desk.world, issue, details)))
}

fn wanted(desk: &Desk<'_>, issue: &Issue) -> bool {
    let call = desk.call;
    let state = call.text("state").unwrap_or_else(|| "all".to_owned());
    let named = |name: &str| desk.world.gitlab.label_named(issue.project_id, name);
    let labelled = |name: &String| match name.to_lowercase().as_str() {
        "none" => issue.labels.is_empty(),
        "any" => !issue.labels.is_empty(),
        _ => named(name).is_some_and(|id| issue.labels.contains(&id)),
    };
    let within = |name: &str, fits: fn(Timestamp, Timestamp) -> bool| {
        call.instant(name).is_none_or(|bound| fits(issue.updated_at, bound))
    };
    (state == "all" || (state == "closed") == issue.closed)
        && within("updated_after", |at, bound| at >= bound)
        && call.instant("created_after").is_none_or(|bound| issue.created_at >= bound)
        && within("updated_before", |at, bound| at <= bound)
        && call.list("iids").is_none_or(|iids| iids.contains(&issue.iid.to_string()))
        && call.list("labels").is_none_or(|labels| labels.iter().all(labelled))
        && call.flag("confidential").is_none_or(|confidential| issue.confidential == confidential)
        && call.text("issue_type").is_none_or(|kind| issue.kind == kind)
        && call.number("author_id").is_none_or(|author| issue.author_id == author)
        && call.text("scope").is_none_or(|scope| match scope.as_str() {
            "created_by_me" | "created-by-me" => issue.author_id == desk.actor,
            "assigned_to_me" | "assigned-to-me" => issue.assignee_ids.contains(&desk.actor),
            _ => true,
        })
}

/// Creates an issue; labels, also those of `/label` lines, become events by the creator.
fn create(desk: &mut Desk<'_>, seat: Seat) -> Reply {
    access::require(seat, GUEST)?;
    let title = desk.call.text("title").ok_or_else(|| missing("title"))?;
    if title.trim().is_empty() {
        return Err(Answer::json(400, &json!({"message": {"title": ["can't be blank"]}})));
    }
    let (description, commands) = quick_actions::split(&desk.call.text("description").unwrap_or_default());
    let mut wanted = labels::resolve(desk, seat, &desk.call.list("labels").unwrap_or_default());
    wanted.extend(labels::existing(desk.world, seat.project, &commands.label));
    let labels = changes::settled(desk.world, &wanted);
    let at = backdated(desk, seat).unwrap_or_else(|| desk.world.now());
    let id = desk.world.gitlab.fresh_id();
    let issue = Issue {
        id,
        iid: next_iid(desk.world, seat.project),
        project_id: seat.project,
        title: commands.title.clone().unwrap_or(title),
        description: desk.call.value("description").map(|_| description),
        closed: false,
        closed_at: None,
        closed_by: None,
        created_at: at,
        updated_at: at,
        updated_by: None,
        author_id: desk.actor,
        assignee_ids: assignees(desk).unwrap_or_default(),
        labels,
        kind: desk.call.text("issue_type").unwrap_or_else(|| "issue".to_owned()),
        confidential: desk.call.flag("confidential").or(commands.confidential).unwrap_or(false),
        moved_to_id: None,
        last_edited_at: None,
        last_edited_by: None,
    };
    open(desk.world, Mark { actor: desk.actor, at }, issue);
    if let Some(close) = commands.close {
        changes::turn(desk.world, Mark { actor: desk.actor, at }, id, close);
    }
    Ok(show(desk.world, id, 201))
}

/// Puts a new issue into the world, with the events of its labels and one webhook.
pub(crate) fn open(world: &mut World, mark: Mark, issue: Issue) {
    let issue_id = issue.id;
    changes::record_labels(world, mark, (issue_id, &[], &issue.labels));
    world.gitlab.issues.insert(issue_id, issue);
    payload::emit(world, &Happening { issue_id, actor: mark.actor, action: "open", changes: Map::new() });
}

/// The next number in a project.
pub(crate) fn next_iid(world: &mut World, project_id: u64) -> u64 {
    world.gitlab.projects.get_mut(&project_id).map_or(1, |project| {
        project.last_iid += 1;
        project.last_iid
    })
}

/// Owners may say when it happened; what others say is dropped.
fn backdated(desk: &Desk<'_>, seat: Seat) -> Option<Timestamp> {
    let at = desk.call.instant("updated_at").or_else(|| desk.call.instant("created_at"));
    at.filter(|_| seat.level >= OWNER)
}

fn assignees(desk: &Desk<'_>) -> Option<Vec<u64>> {
    let ids = desk.call.list("assignee_ids").or_else(|| desk.call.list("assignee_id"))?;
    Some(ids.iter().filter_map(|id| id.parse().ok()).filter(|id| *id != 0).collect())
}

const WRITABLE: [&str; 13] = [
    "title",
    "description",
    "labels",
    "add_labels",
    "remove_labels",
    "state_event",
    "confidential",
    "assignee_ids",
    "assignee_id",
    "issue_type",
    "updated_at",
    "created_at",
    "discussion_locked",
];

fn update(desk: &mut Desk<'_>, seat: Seat, issue: &Issue) -> Reply {
    if !WRITABLE.iter().any(|name| desk.call.parameters.contains_key(*name)) {
        let error = format!("{} are missing, at least one parameter must be provided", WRITABLE.join(", "));
        return Err(Answer::json(400, &json!({"error": error})));
    }
    may_edit(desk, seat, issue)?;
    let (description, commands) = match desk.call.text("description") {
        Some(text) => {
            let (description, commands) = quick_actions::split(&text);
            (Some(description), commands)
        }
        None => (None, Commands::default()),
    };
    let close = match desk.call.text("state_event").as_deref() {
        Some("close") => Some(true),
        Some("reopen") => Some(false),
        _ => commands.close,
    };
    let title = desk.call.text("title").or_else(|| commands.title.clone());
    let mut edit = Edit { title, description, close, at: backdated(desk, seat), ..Edit::default() };
    if seat.level >= PLANNER {
        edit.labels = relabelled(desk, seat, (issue, &commands));
        edit.assignees = assignees(desk);
        edit.confidential = desk.call.flag("confidential").or(commands.confidential);
        edit.kind = desk.call.text("issue_type");
    }
    changes::apply(desk.world, desk.actor, issue.id, edit);
    Ok(show(desk.world, issue.id, 200))
}

/// Planners and up, or a member's own issue.
pub(crate) fn may_edit(desk: &Desk<'_>, seat: Seat, issue: &Issue) -> Result<(), Answer> {
    let own = issue.author_id == desk.actor || issue.assignee_ids.contains(&desk.actor);
    if seat.level >= PLANNER || (seat.level >= GUEST && own) { Ok(()) } else { Err(forbidden()) }
}

/// The labels after an update, None where it says nothing about labels.
fn relabelled(desk: &mut Desk<'_>, seat: Seat, (issue, commands): (&Issue, &Commands)) -> Option<Vec<u64>> {
    let exactly = desk.call.list("labels").map(|names| labels::resolve(desk, seat, &names));
    let add = desk.call.list("add_labels");
    let remove = desk.call.list("remove_labels");
    let silent = exactly.is_none() && add.is_none() && remove.is_none();
    if silent && commands.label.is_empty() && commands.unlabel.is_empty() && !commands.unlabel_all {
        return None;
    }
    let mut after = exactly.unwrap_or_else(|| issue.labels.clone());
    let added = labels::resolve(desk, seat, &add.unwrap_or_default());
    let mut removed = labels::existing(desk.world, seat.project, &remove.unwrap_or_default());
    removed.extend(labels::existing(desk.world, seat.project, &commands.unlabel));
    after.retain(|label| !removed.contains(label) && !commands.unlabel_all);
    after.extend(added.into_iter().filter(|label| !removed.contains(label)));
    after.extend(labels::existing(desk.world, seat.project, &commands.label));
    Some(after)
}

fn delete(desk: &mut Desk<'_>, seat: Seat, issue_id: u64) -> Reply {
    access::require(seat, OWNER)?;
    let gitlab = &mut desk.world.gitlab;
    gitlab.issues.remove(&issue_id).ok_or_else(|| refusal(404, "404 Not found"))?;
    gitlab.notes.retain(|_, note| note.issue_id != issue_id);
    gitlab.label_events.retain(|_, event| event.issue_id != issue_id);
    gitlab.state_events.retain(|_, event| event.issue_id != issue_id);
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn a_guest_labels_at_creation_and_never_after() {
        let stage = Stage::set().await;
        let labels = json!({"name": "approved", "color": "#00ff00"});
        stage.gitlab("maintainer", ("POST", "labels"), labels).await;
        let issue = json!({"title": "A", "description": "x\n/label ~bug", "labels": "approved,unknown"});
        let iid = stage.open("guest", issue).await;
        let path = format!("issues/{iid}");
        let seen = stage.gitlab("guest", ("GET", &path), Value::Null).await;
        assert_eq!(seen.body["labels"], json!(["approved", "bug"]));
        assert_eq!(seen.body["description"], "x");
        let seen = stage.gitlab("guest", ("PUT", &path), json!({"remove_labels": "bug", "title": "B"})).await;
        assert_eq!((seen.status, &seen.body["title"]), (200, &json!("B")));
        assert_eq!(seen.body["labels"], json!(["approved", "bug"]));
        let events =
            stage.gitlab("bot", ("GET", &format!("{path}/resource_label_events")), Value::Null).await;
        assert!(events.body.as_array().unwrap().iter().all(|event| event["user"]["id"] == 106));
    }

    #[tokio::test]
    async fn naming_an_unknown_label_makes_it() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A"})).await;
        let path = format!("issues/{iid}");
        let seen = stage.gitlab("colleague", ("PUT", &path), json!({"add_labels": "typo"})).await;
        assert_eq!(seen.body["labels"], json!(["typo"]));
        let labels = stage.gitlab("colleague", ("GET", "labels/typo"), Value::Null).await;
        assert_eq!(labels.body["is_project_label"], true);
    }

    #[tokio::test]
    async fn of_two_scoped_labels_the_later_stays_and_both_moves_are_events() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A", "labels": ["a::b"]})).await;
        let path = format!("issues/{iid}");
        let seen = stage.gitlab("manager", ("PUT", &path), json!({"add_labels": ["a::c"]})).await;
        assert_eq!(seen.body["labels"], json!(["a::c"]));
        let events =
            stage.gitlab("bot", ("GET", &format!("{path}/resource_label_events")), Value::Null).await;
        let actions: Vec<_> = events.body.as_array().unwrap().iter().map(|event| &event["action"]).collect();
        assert_eq!(actions, ["add", "add", "remove"]);
    }

    #[tokio::test]
    async fn what_one_may_not_see_is_not_there() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A", "confidential": true})).await;
        let path = format!("issues/{iid}");
        assert_eq!(stage.gitlab("guest", ("GET", &path), Value::Null).await.status, 404);
        assert_eq!(stage.gitlab("colleague", ("GET", &path), Value::Null).await.status, 200);
        stage.control("people/105", json!({"membership": null})).await;
        let seen = stage.gitlab("colleague", ("GET", ""), Value::Null).await;
        assert_eq!(seen.body["message"], "404 Project Not Found");
    }

    #[tokio::test]
    async fn only_an_owner_backdates() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A"})).await;
        let path = format!("issues/{iid}");
        let edit = json!({"add_labels": "x", "updated_at": "2026-11-01T00:00:00Z"});
        stage.gitlab("maintainer", ("PUT", &path), edit).await;
        let edit = json!({"add_labels": "y", "updated_at": "2026-11-01T00:00:00Z"});
        stage.gitlab("owner", ("PUT", &path), edit).await;
        let events =
            stage.gitlab("bot", ("GET", &format!("{path}/resource_label_events")), Value::Null).await;
        let times: Vec<_> =
            events.body.as_array().unwrap().iter().map(|event| &event["created_at"]).collect();
        assert_eq!(times, ["2026-11-22T09:00:00.000Z", "2026-11-01T00:00:00.000Z"]);
    }

    #[tokio::test]
    async fn lists_have_pages_in_their_headers_and_are_filtered_by_time() {
        let stage = Stage::set().await;
        let page = "issues?state=opened&per_page=1&page=2&order_by=updated_at&sort=asc";
        let seen = stage.gitlab("bot", ("GET", page), Value::Null).await;
        assert_eq!(seen.body[0]["title"], "Who looks after the sandbox instance?");
        assert_eq!(
            (&seen.headers["x-total"], &seen.headers["x-next-page"]),
            (&"2".parse().unwrap(), &"".parse().unwrap())
        );
        assert!(seen.headers["link"].to_str().unwrap().contains("page=1>; rel=\"prev\""));
        let recent = "issues?updated_after=2026-10-30T00:00:00Z&with_labels_details=true";
        let seen = stage.gitlab("bot", ("GET", recent), Value::Null).await;
        assert_eq!(seen.body.as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_crate_gitlab_works_against_it() {
        use gitlab::api::AsyncQuery as _;
        let stage = Stage::set().await;
        let token = stage.person("manager")["gitlab_token"].as_str().unwrap().to_owned();
        let host = format!("{}/gitlab", stage.sandbox.address());
        let client = gitlab::GitlabBuilder::new(host, token).insecure().build_async().await.unwrap();
        let project = "company/access-requests";
        let create = gitlab::api::projects::issues::CreateIssue::builder()
            .project(project)
            .title("By form & more")
            .labels(["one", "two"])
            .confidential(true)
            .build()
            .unwrap();
        let issue: Value = create.query_async(&client).await.unwrap();
        assert_eq!(issue["labels"], json!(["one", "two"]));
        let edit = gitlab::api::projects::issues::EditIssue::builder()
            .project(project)
            .issue(issue["iid"].as_u64().unwrap())
            .remove_label("one")
            .build()
            .unwrap();
        let issue: Value = edit.query_async(&client).await.unwrap();
        assert_eq!((&issue["title"], &issue["labels"]), (&json!("By form & more"), &json!(["two"])));
    }
}
