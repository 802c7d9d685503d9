//! Endpoints that the `gitlab` crate does not have, or has without a parameter we need.

use std::borrow::Cow;

use gitlab::api::{BodyError, Endpoint, JsonParams, QueryParams, UrlBase};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::number;
use super::setup::{HookId, HookSettings};
use crate::domain::ids::{IssueId, IssueKey, NoteId, ProjectId, UserId};

type Body = Result<Option<(&'static str, Vec<u8>)>, BodyError>;

/// Below the instance's address, where GraphQL lives; REST is below `api/v4`.
const GRAPHQL: &str = "api/graphql";

/// Source: GitLab "GraphQL API resources", `WorkItemWidgetDescription`.
macro_rules! described {
    () => {
        "workItem(id: $id) { id widgets { ... on WorkItemWidgetDescription { description lastEditedAt \
         lastEditedBy { id } } } }"
    };
}
/// Source: the same, `Query.users` and `UserCore`. Asked for nobody it would list everybody, so that it is left out then.
macro_rules! users {
    () => {
        "users(ids: $people) { nodes { id username bot state } }"
    };
}
const DESCRIBED: &str = concat!("query described($id: WorkItemID!) { ", described!(), " }");
const DESCRIBED_AND_PEOPLE: &str =
    concat!("query described($id: WorkItemID!, $people: [ID!]) { ", described!(), " ", users!(), " }");
const PEOPLE: &str = concat!("query people($people: [ID!]) { ", users!(), " }");

/// `GET /projects/:id/issues/:iid/notes/:note_id`
pub(super) struct OneNote {
    pub(super) key: IssueKey,
    pub(super) note: NoteId,
}

impl Endpoint for OneNote {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        let IssueKey { project, iid } = self.key;
        format!("projects/{project}/issues/{iid}/notes/{}", self.note).into()
    }
}

/// `GET /groups/:id/members/all/:user_id`: inherited and invited members as well.
pub(super) struct GroupMember {
    pub(super) group: String,
    pub(super) user: u64,
}

impl Endpoint for GroupMember {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        let group: String = url::form_urlencoded::byte_serialize(self.group.as_bytes()).collect();
        format!("groups/{group}/members/all/{}", self.user).into()
    }
}

/// `GET /projects/:id/issues/:iid/resource_state_events`
pub(super) struct StateEvents {
    pub(super) key: IssueKey,
}

impl Endpoint for StateEvents {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        let IssueKey { project, iid } = self.key;
        format!("projects/{project}/issues/{iid}/resource_state_events").into()
    }
}

/// `GET /projects/:id/issues`, every state and, as far as we may see them, confidential ones too.
pub(super) struct UpdatedIssues {
    pub(super) project: ProjectId,
    pub(super) since: Option<Timestamp>,
    pub(super) created_after: Option<Timestamp>,
}

impl Endpoint for UpdatedIssues {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/issues", self.project).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters
            .push("scope", "all")
            .push("state", "all")
            .push("order_by", "created_at")
            .push("sort", "asc")
            .push_opt("updated_after", self.since.map(|since| since.to_string()))
            .push_opt("created_after", self.created_after.map(|after| after.to_string()));
        parameters
    }
}

/// A description with its last edit, which REST does not tell, and people; one of the two at least.
pub(super) struct Question<'a> {
    pub(super) issue: Option<IssueId>,
    pub(super) people: &'a [UserId],
}

impl Endpoint for Question<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        GRAPHQL.into()
    }

    fn url_base(&self) -> UrlBase {
        UrlBase::Instance
    }

    fn body(&self) -> Body {
        let query = match (self.issue, self.people) {
            (Some(_), []) => DESCRIBED,
            (Some(_), _) => DESCRIBED_AND_PEOPLE,
            (None, _) => PEOPLE,
        };
        let id = self.issue.map(|issue| format!("gid://gitlab/WorkItem/{issue}"));
        let people: Vec<String> = self.people.iter().map(|one| format!("gid://gitlab/User/{one}")).collect();
        JsonParams::into_body(&json!({ "query": query, "variables": { "id": id, "people": people } }))
    }
}

/// Questions that go out as a POST.
pub(super) trait Repeatable: Endpoint {
    /// GraphQL: the queries we have change nothing.
    fn is_a_question(&self) -> bool {
        self.url_base() == UrlBase::Instance && self.endpoint() == GRAPHQL
    }
}

impl<E: Endpoint> Repeatable for E {}

/// `POST /projects/:id/hooks`, or `PUT …/:hook_id`: the crate's has no `signing_token`.
pub(super) struct SaveHook<'a> {
    pub(super) project: ProjectId,
    pub(super) hook: Option<HookId>,
    pub(super) settings: &'a HookSettings,
}

impl Endpoint for SaveHook<'_> {
    fn method(&self) -> Method {
        if self.hook.is_some() { Method::PUT } else { Method::POST }
    }

    fn endpoint(&self) -> Cow<'static, str> {
        match self.hook {
            Some(hook) => format!("projects/{}/hooks/{}", self.project, number(hook.0)),
            None => format!("projects/{}/hooks", self.project),
        }
        .into()
    }

    fn body(&self) -> Body {
        let mut body = json!({
            "url": self.settings.url.as_str(),
            "issues_events": true,
            "confidential_issues_events": true,
            // On by default at GitLab, and of no use here.
            "push_events": false,
            "enable_ssl_verification": true,
        });
        for (name, secret) in
            [("signing_token", &self.settings.signing_token), ("token", &self.settings.token)]
        {
            if let Some(secret) = secret {
                body[name] = Value::from(secret.expose());
            }
        }
        JsonParams::into_body(&body)
    }
}
