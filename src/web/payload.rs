//! Which issue a webhook's body is about, if it is about one at all.
//!
//! Nothing else is taken from the body: what GitLab says about the issue is read fresh from its API. Only
//! the body is signed, so only the body is looked at, never `X-Gitlab-Event`. A body that cannot be read
//! is of no interest rather than an error: GitLab switches off a webhook that it is refused too often.

use serde::Deserialize;

use crate::domain::ids::{IssueKey, ProjectId};

#[derive(Deserialize)]
struct Hook {
    #[expect(dead_code, reason = "whatever else it is, it is not read any further")]
    object_kind: Kind,
    project: Project,
    object_attributes: Attributes,
}

#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "issue")]
    Issue,
}

#[derive(Deserialize)]
struct Project {
    id: i64,
}

#[derive(Deserialize)]
struct Attributes {
    iid: i64,
    /// Absent before GitLab 17.2.
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The issue of an issue webhook; `None` for everything else. Source: GitLab, "Webhook events".
pub(super) fn issue_of(body: &[u8]) -> Option<IssueKey> {
    let hook: Hook = serde_json::from_slice(body).ok()?;
    let attributes = hook.object_attributes;
    let is_issue = attributes.kind.is_none_or(|kind| kind == "Issue");
    let has_numbers = hook.project.id > 0 && attributes.iid > 0;
    (is_issue && has_numbers).then_some(IssueKey { project: ProjectId(hook.project.id), iid: attributes.iid })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn issue() -> Value {
        json!({
            "object_kind": "issue",
            "event_type": "confidential_issue",
            "user": { "id": 1, "email": "[REDACTED]" },
            "project": { "id": 7, "path_with_namespace": "company/access-requests" },
            "object_attributes": { "id": 301, "iid": 23, "type": "Issue", "action": "update", "project_id": 7 },
            "labels": [{ "id": 206, "title": "manager-approved" }],
            "changes": { "labels": { "previous": [], "current": [] } }
        })
    }

    fn found(body: &Value) -> Option<IssueKey> {
        issue_of(body.to_string().as_bytes())
    }

    #[test]
    fn an_issue_webhook_names_its_issue() {
        let expected = Some(IssueKey { project: ProjectId(7), iid: 23 });
        assert_eq!(found(&issue()), expected);
        let mut before_17_2 = issue();
        before_17_2["object_attributes"].as_object_mut().unwrap().remove("type");
        assert_eq!(found(&before_17_2), expected);
    }

    #[test]
    fn whatever_else_is_of_no_interest() {
        for (pointer, value) in [
            ("/object_kind", json!("work_item")),
            ("/object_kind", json!("note")),
            ("/object_kind", json!(null)),
            ("/object_attributes/type", json!("Incident")),
            ("/object_attributes/type", json!(5)),
            ("/object_attributes/iid", json!(0)),
            ("/object_attributes/iid", json!(-23)),
            ("/object_attributes/iid", json!("23")),
            ("/object_attributes/iid", json!(23.5)),
            ("/object_attributes/iid", json!(null)),
            ("/object_attributes", json!([])),
            ("/project/id", json!(0)),
            ("/project/id", json!(true)),
            ("/project/id", json!(u64::MAX)),
            ("/project", json!(null)),
        ] {
            let mut body = issue();
            *body.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(found(&body), None, "{pointer} = {value}");
        }
        for key in ["object_kind", "project", "object_attributes"] {
            let mut body = issue();
            body.as_object_mut().unwrap().remove(key);
            assert_eq!(found(&body), None, "without {key}");
        }
    }

    #[test]
    fn deep_nesting_and_broken_text_are_survived() {
        let deep = "[".repeat(500_000);
        assert_eq!(issue_of(deep.as_bytes()), None);
        let deep_inside = format!("{{\"object_kind\":\"issue\",\"changes\":{deep}");
        assert_eq!(issue_of(deep_inside.as_bytes()), None);
        let deep_in_place = format!("{{\"object_kind\":\"issue\",\"project\":{deep}");
        assert_eq!(issue_of(deep_in_place.as_bytes()), None);
        assert_eq!(issue_of(b"{\"object_kind\":\"\xff\xfe\"}"), None);
        assert_eq!(issue_of(b""), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(issue_of(&body), None);
        }
    }
}
