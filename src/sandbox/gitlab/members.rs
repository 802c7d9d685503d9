//! Members of projects and groups, with and without the inherited ones.
//!
//! A membership that is over is still listed, with its `expires_at`, until GitLab's nightly clean-up; a blocked
//! person's membership stays active, only their `state` tells.

use serde_json::Value;

use super::access::{Seat, not_found};
use super::{Desk, pages, shapes, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::millis;
use crate::sandbox::world::{Member, Owner};

/// Routes below `/projects/:id/members`.
pub(crate) fn project(desk: &Desk<'_>, seat: Seat, segments: &[&str]) -> Reply {
    let own = Owner::Project(seat.project);
    let group = desk.world.gitlab.projects.get(&seat.project).map(|project| Owner::Group(project.group_id));
    match segments {
        ["all", rest @ ..] => show(desk, &[Some(own), group], rest),
        rest => show(desk, &[Some(own)], rest),
    }
}

/// Routes below `/groups/:id/members`.
pub(crate) fn group(desk: &Desk<'_>, group_id: u64, segments: &[&str]) -> Reply {
    let rest = segments.strip_prefix(&["all"]).unwrap_or(segments);
    show(desk, &[Some(Owner::Group(group_id))], rest)
}

fn show(desk: &Desk<'_>, owners: &[Option<Owner>], segments: &[&str]) -> Reply {
    let mut members: Vec<&Member> = Vec::new();
    for member in desk.world.gitlab.members.iter().filter(|member| owners.contains(&Some(member.of))) {
        match members.iter_mut().find(|other| other.user_id == member.user_id) {
            Some(other) if other.access_level < member.access_level => *other = member,
            Some(_) => {}
            None => members.push(member),
        }
    }
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => {
            if let Some(ids) = desk.call.list("user_ids") {
                members.retain(|member| ids.contains(&member.user_id.to_string()));
            }
            Ok(pages::answer(desk, &members, |member| Some(shape(desk, member))))
        }
        ("GET", [id]) => {
            let member = members.iter().find(|member| member.user_id.to_string() == *id);
            member.map(|member| Answer::ok(&shape(desk, member))).ok_or_else(|| not_found(""))
        }
        _ => Err(unknown()),
    }
}

fn shape(desk: &Desk<'_>, member: &Member) -> Value {
    let mut shape = shapes::user_basic(desk.world, member.user_id);
    shape["access_level"] = member.access_level.into();
    shape["created_at"] = millis(member.created_at).into();
    shape["created_by"] = Value::Null;
    shape["expires_at"] = member.expires_at.clone().into();
    shape["membership_state"] = "active".into();
    shape["group_saml_identity"] = Value::Null;
    shape["member_role"] = Value::Null;
    shape
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn a_membership_that_is_over_is_listed_and_gives_nothing() {
        let stage = Stage::set().await;
        let over = json!({"membership": {"access_level": 30, "expires_at": "2026-11-22"}});
        stage.control("people/102", over).await;
        let seen = stage.gitlab("bot", ("GET", "members/all/102"), Value::Null).await;
        assert_eq!(
            (&seen.body["access_level"], &seen.body["expires_at"]),
            (&json!(30), &json!("2026-11-22"))
        );
        assert_eq!(stage.gitlab("manager", ("GET", ""), Value::Null).await.status, 404);
    }

    #[tokio::test]
    async fn the_list_is_cut_down_to_those_who_are_asked_for() {
        let stage = Stage::set().await;
        let seen = stage.gitlab(
            "bot",
            ("GET", "members/all?user_ids[]=102&user_ids[]=107&user_ids[]=9"),
            Value::Null,
        );
        let seen = seen.await.body;
        let ids: Vec<_> = seen.as_array().unwrap().iter().map(|member| &member["id"]).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
    }

    #[tokio::test]
    async fn inherited_members_are_only_in_all_and_blocked_ones_cannot_call() {
        let stage = Stage::set().await;
        assert_eq!(stage.gitlab("bot", ("GET", "members/107"), Value::Null).await.status, 404);
        assert_eq!(
            stage.gitlab("bot", ("GET", "members/all/107"), Value::Null).await.body["access_level"],
            50
        );
        stage.control("people/107", json!({"state": "blocked"})).await;
        assert_eq!(
            stage.gitlab("bot", ("GET", "members/all/107"), Value::Null).await.body["state"],
            "blocked"
        );
        assert_eq!(stage.gitlab("owner", ("GET", ""), Value::Null).await.status, 403);
    }
}
