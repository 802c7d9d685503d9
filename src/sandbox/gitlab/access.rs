//! Who calls, and what they may.
//!
//! A level is the highest of a person's memberships that is not over. A membership whose date has come gives
//! nothing any more, although the member lists go on showing it until GitLab's nightly clean-up.

use serde_json::json;

use super::Desk;
use crate::sandbox::answer::Answer;
use crate::sandbox::call::Call;
use crate::sandbox::times;
use crate::sandbox::world::{Issue, Owner, World};

pub(crate) const GUEST: u8 = 10;
pub(crate) const PLANNER: u8 = 15;
pub(crate) const REPORTER: u8 = 20;
pub(crate) const MAINTAINER: u8 = 40;
pub(crate) const OWNER: u8 = 50;

/// A person's place in a project they may see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) project: u64,
    pub(crate) level: u8,
}

pub(crate) fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"message": message}))
}

pub(crate) fn forbidden() -> Answer {
    refusal(403, "403 Forbidden")
}

/// `404 Project Not Found`; issues and the like say only `404 Not found`.
pub(crate) fn not_found(what: &str) -> Answer {
    match what {
        "" => refusal(404, "404 Not found"),
        _ => refusal(404, &format!("404 {what} Not Found")),
    }
}

/// `title is missing`, as Grape says it.
pub(crate) fn missing(name: &str) -> Answer {
    Answer::json(400, &json!({"error": format!("{name} is missing")}))
}

/// Refuses a person below a level.
pub(crate) fn require(seat: Seat, level: u8) -> Result<(), Answer> {
    if seat.level < level { Err(forbidden()) } else { Ok(()) }
}

/// The user id behind the token of a call.
pub(crate) fn authenticate(world: &mut World, call: &Call) -> Result<u64, Answer> {
    let now = world.now();
    let given = call.header("private-token").or_else(|| call.bearer());
    let today = times::day(now);
    let token = world.gitlab.tokens.iter_mut().find(|token| Some(token.token.as_str()) == given);
    let token =
        token.filter(|token| token.expires_at > today).ok_or_else(|| refusal(401, "401 Unauthorized"))?;
    token.last_used_at = Some(now);
    let active = world.gitlab.users.get(&token.user_id).filter(|user| user.state == "active");
    active.map(|user| user.id).ok_or_else(|| refusal(403, "403 Forbidden - Your account has been blocked."))
}

/// The person's place in a project; what they may not see does not exist.
pub(crate) fn seat(desk: &Desk<'_>, reference: &str) -> Result<Seat, Answer> {
    let project = desk.world.gitlab.project(reference).map(|project| project.id);
    let project = project.ok_or_else(|| not_found("Project"))?;
    match level(desk.world, desk.actor, project) {
        0 => Err(not_found("Project")),
        level => Ok(Seat { project, level }),
    }
}

/// A person's access level in a project; 0 = none.
pub(crate) fn level(world: &World, user_id: u64, project_id: u64) -> u8 {
    let group = world.gitlab.projects.get(&project_id).map(|project| project.group_id);
    let inherited = group.map_or(0, |group| group_level(world, user_id, group));
    best(world, user_id, Owner::Project(project_id)).max(inherited)
}

/// A person's access level in a group; 0 = none.
pub(crate) fn group_level(world: &World, user_id: u64, group_id: u64) -> u8 {
    best(world, user_id, Owner::Group(group_id))
}

/// Members of a group see it, and so do members of its projects.
pub(crate) fn may_see_group(world: &World, user_id: u64, group_id: u64) -> bool {
    let mut projects = world.gitlab.projects.values().filter(|project| project.group_id == group_id);
    group_level(world, user_id, group_id) > 0 || projects.any(|project| level(world, user_id, project.id) > 0)
}

fn best(world: &World, user_id: u64, of: Owner) -> u8 {
    let today = times::day(world.now());
    let live = |expires_at: &Option<String>| expires_at.as_ref().is_none_or(|day| *day > today);
    let memberships =
        world.gitlab.members.iter().filter(|member| member.user_id == user_id && member.of == of);
    memberships.filter(|member| live(&member.expires_at)).map(|member| member.access_level).max().unwrap_or(0)
}

/// Confidential issues are for Planners and up, their author and their assignees.
pub(crate) fn may_see(world: &World, user_id: u64, issue: &Issue) -> bool {
    let level = level(world, user_id, issue.project_id);
    let involved = issue.author_id == user_id || issue.assignee_ids.contains(&user_id);
    level >= PLANNER || (level >= GUEST && (!issue.confidential || involved))
}
