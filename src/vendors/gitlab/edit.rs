//! The answers to what is asked of GraphQL: a description with its last edit, and people.
//!
//! "Never edited" lets an approval count, so it is believed only where GitLab says it outright: a description
//! widget whose `lastEditedAt` is null. A missing work item, a missing widget, an error beside the data or another
//! issue's answer is an error. The text comes in the same answer, so that it is known which text was last edited
//! then. People that GitLab does not show us are left out; whoever needs one of them asks for that one.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::malformed;
use crate::domain::ids::{IssueId, UserId};
use crate::domain::observed::{Described, Edit, User};
use crate::vendors::Vendor;
use crate::vendors::error::VendorError;

/// The envelope.
#[derive(Deserialize)]
pub(super) struct Answer {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    work_item: Option<WorkItem>,
    users: Option<Users>,
}

#[derive(Deserialize)]
struct Users {
    nodes: Vec<Person>,
}

/// Source: GitLab "GraphQL API resources", `UserCore`; `state` is a `UserState`, in lower case.
#[derive(Deserialize)]
struct Person {
    id: String,
    username: String,
    bot: bool,
    state: String,
}

#[derive(Deserialize)]
struct WorkItem {
    id: String,
    widgets: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Widget {
    #[serde(default)]
    description: Option<String>,
    last_edited_at: Option<Timestamp>,
    last_edited_by: Option<Editor>,
}

#[derive(Deserialize)]
struct Editor {
    id: String,
}

impl Answer {
    /// A description with its last edit, and whoever was asked for with it.
    pub(super) fn described(self, issue: IssueId) -> Result<Described, VendorError> {
        let Data { work_item, users } = self.data()?;
        let item = work_item.ok_or(VendorError::NotFound { vendor: Vendor::GitLab })?;
        if last_number(&item.id)? != issue.0 {
            return Err(malformed());
        }
        // The other widgets come as empty objects.
        let described = item.widgets.into_iter().find(|widget| widget.get("lastEditedAt").is_some());
        let widget: Widget =
            serde_json::from_value(described.ok_or_else(malformed)?).map_err(|_| malformed())?;
        let by = widget.last_edited_by.map(|editor| last_number(&editor.id)).transpose()?.map(UserId);
        let last_edit = widget.last_edited_at.map(|at| Edit { at, by });
        Ok(Described { text: widget.description.unwrap_or_default(), last_edit, people: people(users)? })
    }

    /// Whoever was asked for.
    pub(super) fn people(self) -> Result<Vec<User>, VendorError> {
        people(self.data()?.users)
    }

    fn data(self) -> Result<Data, VendorError> {
        if !self.errors.is_empty() {
            return Err(malformed());
        }
        self.data.ok_or_else(malformed)
    }
}

fn people(users: Option<Users>) -> Result<Vec<User>, VendorError> {
    let people = users.map(|users| users.nodes).unwrap_or_default().into_iter();
    let user = |person: Person| {
        let Person { id, username, bot, state } = person;
        Ok(User { id: UserId(last_number(&id)?), username, bot, active: state == "active" })
    };
    people.map(user).collect()
}

/// `42` of `gid://gitlab/User/42`.
fn last_number(global_id: &str) -> Result<i64, VendorError> {
    global_id.rsplit('/').next().and_then(|number| number.parse().ok()).ok_or_else(malformed)
}
