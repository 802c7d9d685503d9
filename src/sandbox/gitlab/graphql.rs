//! The one question asked of GraphQL: when was this description last edited, and by whom?
//!
//! `workItem(id){ widgets{ ... on WorkItemWidgetDescription{ lastEditedAt lastEditedBy{ id username } } } }`.
//! Times come without fractions of a second here. What one may not see is null, with no error.

use serde_json::{Value, json};

use super::access;
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::times::{or_null, seconds};
use crate::sandbox::world::{Issue, World};

/// `POST /api/graphql`
pub(crate) fn answer(world: &mut World, call: &Call) -> Reply {
    let invalid = || Answer::json(401, &json!({"errors": [{"message": "Invalid token"}]}));
    let actor = access::authenticate(world, call).map_err(|_| invalid())?;
    let query = call.text("query").unwrap_or_default();
    if !query.contains("workItem") {
        let message = format!("The sandbox answers only workItem(id:), not: {query}");
        return Ok(Answer::ok(&json!({"errors": [{"message": message}]})));
    }
    let id =
        call.value("variables").and_then(|variables| variables["id"].as_str()).unwrap_or_default().to_owned();
    let number = id.rsplit('/').next().and_then(|number| number.parse::<u64>().ok());
    let issue = number.and_then(|number| world.gitlab.issues.get(&number));
    let issue = issue.filter(|issue| access::may_see(world, actor, issue));
    Ok(Answer::ok(&json!({"data": {"workItem": issue.map(|issue| work_item(world, &id, issue))}})))
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
