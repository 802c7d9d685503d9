//! Label events and state events.
//!
//! Label events are cut into pages first and filtered for the reader after that, as in
//! `lib/api/resource_label_events.rb`. Their label is shown as it is called today, and as null once deleted.

use serde_json::{Value, json};

use super::access::{self, not_found};
use super::{Desk, pages, shapes, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::millis;
use crate::sandbox::world::{Effect, Issue, LabelEvent, Owner, StateEvent};

/// `resource_label_events`, all or one.
pub(crate) fn labels(desk: &Desk<'_>, issue: &Issue, segments: &[&str]) -> Reply {
    let events = desk.world.gitlab.label_events.values().filter(|event| event.issue_id == issue.id);
    let events: Vec<&LabelEvent> = events.collect();
    match segments {
        [] => {
            Ok(pages::answer(desk, &events, |event| visible(desk, event).then(|| label_event(desk, event))))
        }
        [id] => {
            let event = events.iter().find(|event| event.id.to_string() == *id && visible(desk, event));
            event
                .map(|event| Answer::ok(&label_event(desk, event)))
                .ok_or_else(|| not_found("ResourceLabelEvent"))
        }
        _ => Err(unknown()),
    }
}

fn visible(desk: &Desk<'_>, event: &LabelEvent) -> bool {
    let label = event.label_id.and_then(|id| desk.world.gitlab.labels.get(&id));
    label.is_none_or(|label| {
        let level = match label.of {
            Owner::Project(id) => access::level(desk.world, desk.actor, id),
            // A group's labels can be seen by members of its projects.
            Owner::Group(_) => access::GUEST,
        };
        level > 0 && !label.hidden
    })
}

fn label_event(desk: &Desk<'_>, event: &LabelEvent) -> Value {
    let label = event.label_id.and_then(|id| desk.world.gitlab.labels.get(&id));
    json!({
        "id": event.id, "user": shapes::user_basic(desk.world, event.user_id), "created_at": millis(event.created_at),
        "resource_type": "Issue", "resource_id": event.issue_id, "label": label.map(shapes::label_basic),
        "action": match event.action { Effect::Add => "add", Effect::Remove => "remove" },
    })
}

/// `resource_state_events`, all or one.
pub(crate) fn states(desk: &Desk<'_>, issue: &Issue, segments: &[&str]) -> Reply {
    let events = desk.world.gitlab.state_events.values().filter(|event| event.issue_id == issue.id);
    let events: Vec<&StateEvent> = events.collect();
    match segments {
        [] => Ok(pages::answer(desk, &events, |event| Some(state_event(desk, event)))),
        [id] => {
            let event = events.iter().find(|event| event.id.to_string() == *id);
            event
                .map(|event| Answer::ok(&state_event(desk, event)))
                .ok_or_else(|| not_found("ResourceStateEvent"))
        }
        _ => Err(unknown()),
    }
}

fn state_event(desk: &Desk<'_>, event: &StateEvent) -> Value {
    json!({
        "id": event.id, "user": shapes::user_basic(desk.world, event.user_id), "created_at": millis(event.created_at),
        "resource_type": "Issue", "resource_id": event.issue_id, "source_commit": null,
        "source_merge_request_id": null, "state": event.state,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn a_short_page_is_not_the_last_one() {
        let stage = Stage::set().await;
        let iid = stage.open("requester", json!({"title": "A"})).await;
        let issue = format!("issues/{iid}");
        stage.gitlab("colleague", ("PUT", &issue), json!({"add_labels": "secret"})).await;
        stage.gitlab("manager", ("PUT", &issue), json!({"add_labels": "approved"})).await;
        let secret = stage.gitlab("manager", ("GET", "labels/secret"), Value::Null).await.body["id"].clone();
        stage.control(&format!("labels/{secret}"), json!({"hidden": true})).await;
        let page = format!("{issue}/resource_label_events?per_page=1");
        let seen = stage.gitlab("bot", ("GET", &page), Value::Null).await;
        assert_eq!((&seen.body, &seen.headers["x-next-page"]), (&json!([]), &"2".parse().unwrap()));
        let seen = stage.gitlab("bot", ("GET", &format!("{page}&page=2")), Value::Null).await;
        assert_eq!(seen.body[0]["label"]["name"], "approved");
    }
}
