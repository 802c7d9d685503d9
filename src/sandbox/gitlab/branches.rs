//! Branches of a repository: there is one, the default one, and it is protected unless the control says otherwise.

use serde_json::json;

use super::Desk;
use super::access::{self, REPORTER, Seat, not_found};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::world::Project;

/// `GET /projects/:id/repository/branches/:branch`
pub(crate) fn show(desk: &Desk<'_>, seat: Seat, name: &str) -> Reply {
    access::require(seat, REPORTER)?;
    let project = desk.world.gitlab.projects.get(&seat.project);
    let project = project.filter(|project| project.default_branch == name);
    let project = project.ok_or_else(|| not_found("Branch"))?;
    let head = &project.head;
    Ok(Answer::ok(&json!({
        "name": name, "merged": false, "default": true, "protected": project.protected,
        "developers_can_push": !project.protected, "developers_can_merge": false, "can_push": false,
        "web_url": format!("{}/gitlab/{}/-/tree/{name}", desk.world.base_url, project.full_path),
        "commit": {"id": head, "short_id": &head[..8], "title": "A commit", "parent_ids": []},
    })))
}

/// Whether a branch, tag or commit names what the repository holds now; there is no history.
pub(crate) fn is_present(project: &Project, reference: &str) -> bool {
    reference == project.default_branch || reference == "HEAD" || reference == project.head
}
