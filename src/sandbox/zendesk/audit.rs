//! Zendesk's own audit log: changes of the configuration, newest first.
//!
//! Not every plan has it; without, the answer is 403. The label of a token's line is the same for all tokens, so that
//! only `source_id` says which one it was.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::pages::{Listing, Wish};
use super::{Caller, Desk, admins_only, error, explained};
use crate::sandbox::answer::{Answer, Reply};
use crate::sandbox::times::seconds;
use crate::sandbox::world::AuditLog;

/// Routes below `/api/v2/audit_logs`.
pub(crate) fn route(desk: &mut Desk<'_>, caller: &Caller, segments: &[&str]) -> Reply {
    admins_only(caller)?;
    if !desk.account()?.has_audit_log {
        return Err(explained(403, "Forbidden", "You do not have access to this page."));
    }
    match (desk.call.method.as_str(), segments) {
        ("GET", []) => list(desk),
        ("GET", [id]) => {
            let (url, missing) = (desk.url(), || explained(404, "RecordNotFound", "Not found"));
            let account = desk.account()?;
            let line =
                account.audit_log.iter().find(|line| line.id.to_string() == *id).ok_or_else(missing)?;
            Ok(Answer::ok(&json!({"audit_log": shape(&url, line, &name(account, line))})))
        }
        _ => Err(error(404, "InvalidEndpoint")),
    }
}

/// What the query asks for; each may be given several times.
#[derive(Debug, Default)]
struct Filter {
    source_type: Vec<String>,
    source_id: Vec<String>,
    actor_id: Vec<String>,
    action: Vec<String>,
    created_at: Vec<String>,
    ip_address: Vec<String>,
}

impl Filter {
    fn read(query: &str) -> Result<Self, Answer> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let list = match name.trim_end_matches("[]") {
                "filter[source_type]" => &mut filter.source_type,
                "filter[source_id]" => &mut filter.source_id,
                "filter[actor_id]" => &mut filter.actor_id,
                "filter[action]" => &mut filter.action,
                "filter[created_at]" => &mut filter.created_at,
                "filter[ip_address]" => &mut filter.ip_address,
                _ => continue,
            };
            list.push(value.into_owned());
        }
        let times = filter.created_at.iter().filter(|at| at.parse::<Timestamp>().is_ok()).count();
        let sound = matches!(filter.created_at.len(), 0 | 2) && times == filter.created_at.len();
        let source = filter.source_id.is_empty() || !filter.source_type.is_empty();
        (sound && source).then_some(filter).ok_or_else(|| error(400, "Invalid request"))
    }

    fn takes(&self, line: &AuditLog) -> bool {
        let one_of = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        let at = |index: usize| self.created_at.get(index).and_then(|at| at.parse::<Timestamp>().ok());
        one_of(&self.source_type, &line.source_type)
            && one_of(&self.source_id, &line.source_id.to_string())
            && one_of(&self.actor_id, &line.actor_id.to_string())
            && one_of(&self.action, &line.action)
            && one_of(&self.ip_address, ADDRESS)
            && at(0).is_none_or(|start| line.created_at >= start)
            && at(1).is_none_or(|end| line.created_at <= end)
    }
}

/// Everybody calls from here.
const ADDRESS: &str = "127.0.0.1";

fn list(desk: &mut Desk<'_>) -> Reply {
    let filter = Filter::read(&desk.call.query)?;
    let rising = desk.call.text("sort").is_some_and(|sort| sort == "created_at")
        || desk.call.text("sort_order").is_some_and(|order| order == "asc");
    let (url, short) = (desk.url(), desk.account()?.quirks.short_pages);
    let wish = Wish::of(desk, short);
    let account = desk.account()?;
    let mut items: Vec<&AuditLog> = account.audit_log.iter().filter(|line| filter.takes(line)).collect();
    if !rising {
        items.reverse();
    }
    let show = |line: &AuditLog| shape(&url, line, &name(account, line));
    wish.answer(&Listing { name: "audit_logs", items, id: |line| line.id, show: &show })
}

fn name(account: &crate::sandbox::world::Account, line: &AuditLog) -> String {
    account.agent(line.actor_id).map(|agent| agent.name.clone()).unwrap_or_default()
}

fn shape(url: &str, line: &AuditLog, actor_name: &str) -> Value {
    json!({
        "id": line.id, "action": line.action, "action_label": line.action, "actor_id": line.actor_id,
        "actor_name": actor_name, "change_description": line.change_description,
        "created_at": seconds(line.created_at), "ip_address": ADDRESS, "source_id": line.source_id,
        "source_label": line.source_label, "source_type": line.source_type,
        "url": format!("{url}/api/v2/audit_logs/{}.json", line.id),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::testing::Stage;

    #[tokio::test]
    async fn it_tells_who_made_and_ended_what_and_can_be_asked_narrowly() {
        let stage = Stage::set().await;
        let made = stage.admin(("POST", "api_tokens"), json!({"api_token": {"description": "x"}})).await;
        let id = made.body["api_token"]["id"].to_string();
        stage.admin(("PUT", &format!("api_tokens/{id}")), json!({"api_token": {"active": false}})).await;
        stage.admin(("DELETE", &format!("api_tokens/{id}")), Value::Null).await;
        let asked = async |query: &str| {
            let seen = stage.admin(("GET", &format!("audit_logs?{query}")), Value::Null).await;
            let lines = seen.body["audit_logs"].as_array().cloned().unwrap_or_default();
            (
                seen.status,
                lines.iter().map(|line| line["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(asked("").await, (200, vec!["destroy".into(), "update".into(), "create".into()]));
        let narrow = format!(
            "filter[source_type]=apitoken&filter[source_id]={id}&filter[action][]=create&filter[action][]=destroy"
        );
        assert_eq!(asked(&narrow).await.1, ["destroy", "create"]);
        assert_eq!(asked(&format!("filter[source_id]={id}")).await.0, 400, "needs the source's type");
        assert_eq!(asked("filter[created_at]=2026-11-22T00:00:00Z").await.0, 400, "needs a start and an end");
        let day = "filter[created_at]=2026-11-23T00:00:00Z&filter[created_at]=2026-11-24T00:00:00Z";
        assert_eq!(asked(day).await, (200, vec![]));
        stage.control("world", json!({"zendesk": {"global": {"has_audit_log": false}}})).await;
        assert_eq!(asked("").await.0, 403);
    }
}
