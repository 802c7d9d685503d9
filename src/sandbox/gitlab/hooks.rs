//! Project hooks, their deliveries, and "resend".
//!
//! A token goes in and never comes out again. `push_events` is on unless it is turned off. Resending has the old
//! body and the old id.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access::{self, MAINTAINER, Seat, missing, not_found};
use super::{Desk, pages, unknown};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::call::Call;
use crate::sandbox::times::millis;
use crate::sandbox::webhooks::{Outgoing, signing_key};
use crate::sandbox::world::{Delivery, Hook};

const FLAGS: [&str; 18] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
    "enable_ssl_verification",
];

const DETAILS: [&str; 7] = [
    "name",
    "description",
    "push_events_branch_filter",
    "branch_filter_strategy",
    "custom_webhook_template",
    "custom_headers",
    "url_variables",
];

/// Routes below `/projects/:id/hooks`; all for Maintainers.
pub(crate) fn route(desk: &mut Desk<'_>, seat: Seat, segments: &[&str]) -> Reply {
    access::require(seat, MAINTAINER)?;
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => Ok(list(desk, seat)),
        ("POST", []) => create(desk, seat),
        ("GET", [id]) => find(desk, seat, id).map(|hook| Answer::ok(&shape(&hook))),
        ("PUT", [id]) => {
            let hook = find(desk, seat, id)?;
            change(desk, hook)
        }
        ("DELETE", [id]) => {
            let hook = find(desk, seat, id)?;
            desk.world.gitlab.hooks.remove(&hook.id);
            Ok(Answer::empty())
        }
        ("GET", [id, "events"]) => {
            let hook = find(desk, seat, id)?;
            Ok(events(desk, &hook))
        }
        ("POST", [id, "events", event, "resend"]) => {
            let hook = find(desk, seat, id)?;
            resend(desk, &hook, event)
        }
        _ => Err(unknown()),
    }
}

fn list(desk: &Desk<'_>, seat: Seat) -> Answer {
    let hooks = desk.world.gitlab.hooks.values().filter(|hook| hook.project_id == seat.project);
    pages::answer(desk, &hooks.collect::<Vec<_>>(), |hook| Some(shape(hook)))
}

fn find(desk: &Desk<'_>, seat: Seat, id: &str) -> Result<Hook, Answer> {
    let hook = id.parse().ok().and_then(|id: u64| desk.world.gitlab.hooks.get(&id));
    hook.filter(|hook| hook.project_id == seat.project).cloned().ok_or_else(|| not_found(""))
}

fn shape(hook: &Hook) -> Value {
    let mut shape = json!({
        "id": hook.id, "url": hook.url, "project_id": hook.project_id, "created_at": millis(hook.created_at),
        "name": null, "description": null, "push_events_branch_filter": null, "branch_filter_strategy": "wildcard",
        "custom_webhook_template": null, "custom_headers": [], "url_variables": [], "alert_status": "executable",
        "disabled_until": null, "repository_update_events": false, "organization_id": 1,
        "token_present": hook.token.is_some(), "signing_token_present": hook.signing_token.is_some(),
    });
    for (name, value) in &hook.details {
        shape[name] = value.clone();
    }
    for (name, value) in &hook.flags {
        shape[name] = (*value).into();
    }
    shape
}

fn create(desk: &mut Desk<'_>, seat: Seat) -> Reply {
    let url = desk.call.text("url").ok_or_else(|| missing("url"))?;
    let on = ["push_events", "enable_ssl_verification"];
    let hook = Hook {
        id: desk.world.gitlab.fresh_id(),
        project_id: seat.project,
        url,
        details: BTreeMap::new(),
        flags: FLAGS.iter().map(|name| ((*name).to_owned(), on.contains(name))).collect(),
        token: None,
        signing_token: None,
        created_at: desk.world.now(),
    };
    Ok(Answer::json(201, &store(desk, hook)?))
}

/// Another address forgets the plain token, so that it cannot be read out by pointing the hook elsewhere.
fn change(desk: &mut Desk<'_>, mut hook: Hook) -> Reply {
    if let Some(url) = desk.call.text("url").filter(|url| *url != hook.url) {
        hook.url = url;
        hook.token = None;
        hook.details.remove("custom_headers");
    }
    Ok(Answer::ok(&store(desk, hook)?))
}

/// Takes over what the call says and keeps the hook.
fn store(desk: &mut Desk<'_>, mut hook: Hook) -> Result<Value, Answer> {
    let call: &Call = desk.call;
    let http = hook.url.parse::<url::Url>().is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !http {
        return Err(Answer::json(422, &json!({"error": "Invalid url given"})));
    }
    if let Some(token) = call.text("signing_token") {
        // GitLab refuses other lengths; the body of its refusal is not documented.
        signing_key(&token).ok_or_else(|| {
            Answer::json(
                400,
                &json!({"message": {"signing_token": ["must be whsec_ and 32 bytes in base64"]}}),
            )
        })?;
        hook.signing_token = Some(token);
    }
    hook.token = call.text("token").or(hook.token);
    for name in FLAGS {
        hook.flags.extend(call.flag(name).map(|flag| (name.to_owned(), flag)));
    }
    for name in DETAILS {
        hook.details.extend(call.value(name).map(|value| (name.to_owned(), value.clone())));
    }
    let shape = shape(&hook);
    desk.world.gitlab.hooks.insert(hook.id, hook);
    Ok(shape)
}

fn events(desk: &Desk<'_>, hook: &Hook) -> Answer {
    let status = desk.call.text("status");
    let wanted = |delivery: &&Delivery| {
        let got = delivery.response_status.as_str();
        delivery.hook_id == hook.id
            && match status.as_deref() {
                Some("successful") => got.starts_with('2') || got.starts_with('3'),
                Some("client_failure") => got.starts_with('4'),
                Some("server_failure") => got.starts_with('5') || got == "internal error",
                Some(status) => got == status,
                None => true,
            }
    };
    let deliveries: Vec<&Delivery> = desk.world.gitlab.deliveries.values().rev().filter(wanted).collect();
    pages::answer(desk, &deliveries, |delivery| Some(delivery_shape(delivery)))
}

fn delivery_shape(delivery: &Delivery) -> Value {
    let mut headers = delivery.request_headers.clone();
    headers.entry("X-Gitlab-Token".to_owned()).and_modify(|token| "[REDACTED]".clone_into(token));
    json!({
        "id": delivery.id, "url": delivery.url, "trigger": "issue_hooks", "request_headers": headers,
        "request_data": serde_json::from_str::<Value>(&delivery.body).unwrap_or_default(),
        "response_headers": {}, "response_body": "", "execution_duration": 0.01,
        "response_status": delivery.response_status,
    })
}

/// Refused where the hook has another address by now.
fn resend(desk: &Desk<'_>, hook: &Hook, event: &str) -> Reply {
    let delivery = event.parse().ok().and_then(|id: u64| desk.world.gitlab.deliveries.get(&id));
    let delivery = delivery.filter(|delivery| delivery.hook_id == hook.id).ok_or_else(|| not_found(""))?;
    if delivery.url != hook.url {
        return Err(access::refusal(422, "The hook URL has changed"));
    }
    let mut answer = Answer::json(201, &Value::Null);
    answer.after = Some(Box::new(Outgoing {
        hook_id: hook.id,
        webhook_id: delivery.webhook_id.clone(),
        event: delivery.event.clone(),
        body: delivery.body.clone(),
    }));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::{Inbox, Stage};

    #[tokio::test]
    async fn webhooks_are_signed_and_a_change_of_state_is_one_of_its_own() {
        let stage = Stage::set().await;
        let inbox = Inbox::hooked(&stage).await;
        let iid = stage.open("requester", json!({"title": "A", "confidential": true})).await;
        stage.sandbox.deliveries_settled().await;
        let edit = json!({"state_event": "close", "add_labels": "x", "description": "![](/uploads/a.png)"});
        stage.gitlab("manager", ("PUT", &format!("issues/{iid}")), edit).await;
        stage.sandbox.deliveries_settled().await;
        let bodies = inbox.verified();
        let mut actions: Vec<_> =
            bodies.iter().map(|body| body["object_attributes"]["action"].as_str().unwrap()).collect();
        assert_eq!(actions[0], "open");
        actions.sort_unstable();
        assert_eq!(actions, ["close", "open", "update"]);
        let update = bodies.iter().find(|body| body["object_attributes"]["action"] == "update").unwrap();
        assert_eq!(
            (&update["object_kind"], &update["event_type"]),
            (&json!("issue"), &json!("confidential_issue"))
        );
        assert_eq!(update["changes"]["labels"]["current"][0]["title"], "x");
        assert_eq!(update["object_attributes"]["last_edited_by_id"], 102);
        assert_eq!(update["user"]["email"], "[REDACTED]");
        assert!(update["object_attributes"]["description"].as_str().unwrap().starts_with("![](http://"));
        assert!(update.get("assignees").is_none());
    }

    #[tokio::test]
    async fn a_resend_has_the_old_body_and_id_and_a_fresh_signature() {
        let stage = Stage::set().await;
        let inbox = Inbox::hooked(&stage).await;
        stage.open("requester", json!({"title": "A"})).await;
        stage.sandbox.deliveries_settled().await;
        let hook = format!("hooks/{}/events", inbox.hook_id);
        let events = stage.gitlab("maintainer", ("GET", &hook), Value::Null).await;
        assert_eq!(events.body[0]["response_status"], "204");
        stage.clock.advance(jiff::SignedDuration::from_hours(1));
        let resend = format!("{hook}/{}/resend", events.body[0]["id"]);
        let seen = stage.gitlab("maintainer", ("POST", &resend), Value::Null).await;
        assert_eq!((seen.status, seen.body), (201, json!({"response_status": 204})));
        assert_eq!(inbox.verified().len(), 2);
        let received = inbox.received.lock().unwrap();
        let header = |index: usize, name: &str| received[index].0[name].to_str().unwrap().to_owned();
        assert_eq!((header(0, "webhook-id"), &received[0].1), (header(1, "webhook-id"), &received[1].1));
        assert_ne!(header(0, "webhook-timestamp"), header(1, "webhook-timestamp"));
        assert_eq!(header(0, "x-gitlab-event"), "Issue Hook");
    }

    #[tokio::test]
    async fn confidential_issues_go_only_where_they_are_asked_for() {
        let stage = Stage::set().await;
        let inbox = Inbox::hooked(&stage).await;
        let hook = format!("hooks/{}", inbox.hook_id);
        let seen =
            stage.gitlab("maintainer", ("PUT", &hook), json!({"confidential_issues_events": false})).await;
        assert_eq!(
            (&seen.body["push_events"], &seen.body["signing_token_present"]),
            (&json!(true), &json!(true))
        );
        stage.open("requester", json!({"title": "A", "confidential": true})).await;
        stage.open("requester", json!({"title": "B"})).await;
        stage.sandbox.deliveries_settled().await;
        let titles: Vec<_> =
            inbox.verified().iter().map(|body| body["object_attributes"]["title"].clone()).collect();
        assert_eq!(titles, ["B"]);
        assert_eq!(stage.gitlab("bot", ("GET", "hooks"), Value::Null).await.status, 403);
    }
}
