//! GitLab's face, below `/gitlab`.
//!
//! Written from `doc/api/*.md`, the OpenAPI text of about 19.2 and the code those pages describe. A person is
//! known by their token at every call; a private project one may not see is a 404.

mod access;
mod branches;
mod changes;
mod events;
mod files;
mod graphql;
mod hooks;
mod issues;
mod labels;
mod members;
mod notes;
mod pages;
mod payload;
mod quick_actions;
mod shapes;
mod transfer;
mod users;

use serde_json::json;

use self::access::{Seat, not_found, seat};
pub(crate) use self::changes::{Mark, system_note};
pub(crate) use self::issues::next_iid;
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::world::World;

/// One call by one person.
#[derive(Debug)]
pub(crate) struct Desk<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) call: &'w Call,
    /// The person's user id.
    pub(crate) actor: u64,
}

/// Answers below `/gitlab`.
pub(crate) fn answer(world: &mut World, call: &Call, segments: &[&str]) -> Answer {
    let reply = match segments {
        ["api", "graphql"] => graphql::answer(world, call),
        ["api", "v4", rest @ ..] => rest_api(world, call, rest),
        _ => Err(Answer::text(404, "text/html", "<!doctype html><title>The sandbox has no pages</title>")),
    };
    reply.unwrap_or_else(|refusal| refusal)
}

fn rest_api(world: &mut World, call: &Call, segments: &[&str]) -> Reply {
    let actor = access::authenticate(world, call)?;
    let mut desk = Desk { world, call, actor };
    match segments {
        ["version" | "metadata"] => {
            Ok(Answer::ok(&json!({"version": "19.5.0-ee", "revision": "5a1d60b0c5f"})))
        }
        ["user"] => users::me(&desk),
        ["users"] => Ok(users::list(&desk)),
        ["users", id] => users::show(&desk, id),
        ["personal_access_tokens", "self"] => users::own_token(&desk),
        ["groups", group, rest @ ..] => group_routes(&mut desk, group, rest),
        ["projects", project, rest @ ..] => {
            let seat = seat(&desk, project)?;
            project_routes(&mut desk, seat, rest)
        }
        _ => Err(unknown()),
    }
}

fn project_routes(desk: &mut Desk<'_>, seat: Seat, segments: &[&str]) -> Reply {
    match segments {
        [] => Ok(Answer::ok(&shapes::project(desk.world, seat))),
        ["issues", rest @ ..] => issues::route(desk, seat, rest),
        ["labels", rest @ ..] => labels::route(desk, seat, rest),
        ["members", rest @ ..] => members::project(desk, seat, rest),
        ["hooks", rest @ ..] => hooks::route(desk, seat, rest),
        ["repository", "branches", name] if desk.call.method == "GET" => branches::show(desk, seat, name),
        ["repository", "files", path, rest @ ..] => files::route(desk, seat, (path, rest)),
        _ => Err(unknown()),
    }
}

fn group_routes(desk: &mut Desk<'_>, reference: &str, segments: &[&str]) -> Reply {
    let group = desk.world.gitlab.group(reference).cloned().ok_or_else(|| not_found("Group"))?;
    if !access::may_see_group(desk.world, desk.actor, group.id) {
        return Err(not_found("Group"));
    }
    match segments {
        [] => Ok(Answer::ok(&shapes::group(desk.world, &group))),
        ["labels", rest @ ..] => labels::group(desk, group.id, rest),
        ["members", rest @ ..] => members::group(desk, group.id, rest),
        _ => Err(unknown()),
    }
}

fn unknown() -> Answer {
    Answer::json(404, &json!({"error": "404 Not Found"}))
}
