//! What is asked of GraphQL: a description with its last edit, and people.
//!
//! `workItem(id){ widgets{ ... on WorkItemWidgetDescription{ description lastEditedAt lastEditedBy{ id username } } } }`
//! and `users(ids){ nodes{ id username bot state } }`, in one query or in two. Times come without fractions of a
//! second here. What one may not see is null, with no error; users without `ids` are all users.

use serde_json::{Value, json};

use super::access;
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::times::{or_null, seconds};
use crate::sandbox::world::{Issue, User, World};

/// `POST /api/graphql`
pub(crate) fn answer(world: &mut World, call: &Call) -> Reply {
    let invalid = || Answer::json(401, &json!({"errors": [{"message": "Invalid token"}]}));
    let actor = access::authenticate(world, call).map_err(|_| invalid())?;
    let query = call.text("query").unwrap_or_default();
    if !query.contains("workItem(") && !query.contains("users(") {
        let message = format!("The sandbox answers only workItem(id:) and users(ids:), not: {query}");
        return Ok(Answer::ok(&json!({"errors": [{"message": message}]})));
    }
    let mut data = json!({});
    if query.contains("workItem(") {
        let id = variable(call, "id").as_str().unwrap_or_default().to_owned();
        let issue = number(&id).and_then(|number| world.gitlab.issues.get(&number));
        let issue = issue.filter(|issue| access::may_see(world, actor, issue));
        data["workItem"] = json!(issue.map(|issue| work_item(world, &id, issue)));
    }
    if query.contains("users(") {
        data["users"] = users(world, call);
    }
    Ok(Answer::ok(&json!({"data": data})))
}

fn variable<'c>(call: &'c Call, name: &str) -> &'c Value {
    call.value("variables").map_or(&Value::Null, |variables| &variables[name])
}

fn number(global_id: &str) -> Option<u64> {
    global_id.rsplit('/').next().and_then(|number| number.parse().ok())
}

/// Newest first, as GitLab lists users. An empty `ids` is none: then they are all.
fn users(world: &World, call: &Call) -> Value {
    let ids = variable(call, "people").as_array().cloned().unwrap_or_default();
    let wanted: Vec<u64> = ids.iter().filter_map(|id| number(id.as_str()?)).collect();
    let listed = world.gitlab.users.values().rev().filter(|user| !user.unlisted);
    let users = listed.filter(|user| ids.is_empty() || wanted.contains(&user.id));
    let shape = |user: &User| {
        json!({"id": format!("gid://gitlab/User/{}", user.id), "username": user.username, "bot": user.bot,
            "state": user.state})
    };
    json!({"nodes": users.map(shape).collect::<Vec<_>>()})
}

fn work_item(world: &World, id: &str, issue: &Issue) -> Value {
    let editor = issue.last_edited_by.and_then(|id| world.gitlab.users.get(&id));
    let editor = editor.map(|user| {
        json!({"id": format!("gid://gitlab/User/{}", user.id), "username": user.username, "name": user.name})
    });
    let description = json!({
        "description": issue.description, "lastEditedAt": or_null(issue.last_edited_at, seconds),
        "lastEditedBy": editor,
    });
    json!({"id": id, "iid": issue.iid.to_string(), "widgets": [{}, description, {}]})
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    async fn ask(stage: &Stage, role: &str, id: &Value) -> Value {
        let query = "query($id: WorkItemID!){ workItem(id:$id){ id widgets{ __typename } } }";
        let body = json!({"query": query, "variables": {"id": format!("gid://gitlab/WorkItem/{id}")}});
        let url = format!("{}/api/graphql", stage.sandbox.gitlab_url());
        let request = stage.client.post(url).bearer_auth(stage.gitlab_token(role));
        let request = request.header("content-type", "application/json").body(body.to_string());
        stage.send(request).await.unwrap().body["data"]["workItem"].clone()
    }

    #[tokio::test]
    async fn people_come_by_their_ids_and_beside_an_issue() {
        let stage = Stage::set().await;
        stage.control("people/102", json!({"state": "blocked"})).await;
        let query = "query($people: [ID!]){ users(ids: $people){ nodes{ id username bot state } } }";
        let ids = ["gid://gitlab/User/102", "gid://gitlab/User/104", "gid://gitlab/User/9999"];
        let body = json!({"query": query, "variables": {"people": ids}});
        let url = format!("{}/api/graphql", stage.sandbox.gitlab_url());
        let request = stage.client.post(url).bearer_auth(stage.gitlab_token("bot"));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let nodes = stage.send(request).await.unwrap().body["data"]["users"]["nodes"].clone();
        let seen: Vec<_> =
            nodes.as_array().unwrap().iter().map(|one| (&one["username"], &one["state"])).collect();
        assert_eq!(seen, [(&json!("pat"), &json!("active")), (&json!("kim"), &json!("blocked"))]);
        assert_eq!(nodes[0]["bot"], false);
    }

    #[tokio::test]
    async fn the_last_edit_is_of_the_description_alone() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A", "confidential": true})).await;
        let path = format!("issues/{iid}");
        let issue = stage.gitlab("requester", ("PUT", &path), json!({"title": "B"})).await.body;
        assert_eq!(ask(&stage, "bot", &issue["id"]).await["widgets"][1]["lastEditedAt"], Value::Null);
        stage.gitlab("colleague", ("PUT", &path), json!({"description": "new"})).await;
        let widget = ask(&stage, "bot", &issue["id"]).await["widgets"][1].clone();
        assert_eq!(widget["lastEditedAt"], "2026-11-22T09:00:00Z");
        assert_eq!(widget["lastEditedBy"]["id"], "gid://gitlab/User/105");
        assert_eq!(ask(&stage, "guest", &issue["id"]).await, Value::Null);
    }
}
