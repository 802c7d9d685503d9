//! The answer to the GraphQL question when a description was last edited, and by whom.
//!
//! "Never edited" lets an approval count, so it is believed only where GitLab says it outright: a description
//! widget whose `lastEditedAt` is null. A missing work item, a missing widget, an error beside the data or another
//! issue's answer is an error.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::malformed;
use crate::domain::ids::{IssueId, UserId};
use crate::domain::observed::Edit;
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
}

#[derive(Deserialize)]
struct WorkItem {
    id: String,
    widgets: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    last_edited_at: Option<Timestamp>,
    last_edited_by: Option<Editor>,
}

#[derive(Deserialize)]
struct Editor {
    id: String,
}

impl Answer {
    pub(super) fn last_edit(self, issue: IssueId) -> Result<Option<Edit>, VendorError> {
        if !self.errors.is_empty() {
            return Err(malformed());
        }
        let data = self.data.ok_or_else(malformed)?;
        let item = data.work_item.ok_or(VendorError::NotFound { vendor: Vendor::GitLab })?;
        if last_number(&item.id)? != issue.0 {
            return Err(malformed());
        }
        // The other widgets come as empty objects.
        let described = item.widgets.into_iter().find(|widget| widget.get("lastEditedAt").is_some());
        let widget: Description =
            serde_json::from_value(described.ok_or_else(malformed)?).map_err(|_| malformed())?;
        let by = widget.last_edited_by.map(|editor| last_number(&editor.id)).transpose()?.map(UserId);
        Ok(widget.last_edited_at.map(|at| Edit { at: as_late_as_it_may_be(at), by }))
    }
}

/// GitLab writes these times without their fraction: the edit may have been as late as the end of that second, and
/// a label is an approval only if it certainly came well after it.
fn as_late_as_it_may_be(at: Timestamp) -> Timestamp {
    if at.subsec_nanosecond() != 0 {
        return at;
    }
    at.saturating_add(SignedDuration::from_millis(999)).unwrap_or(at)
}

/// `42` of `gid://gitlab/User/42`.
fn last_number(global_id: &str) -> Result<i64, VendorError> {
    global_id.rsplit('/').next().and_then(|number| number.parse().ok()).ok_or_else(malformed)
}
