//! Zendesk's own audit log, newest first. Source: Zendesk, "Audit Logs".
//!
//! Only Enterprise plans have it; [`VendorError::Forbidden`] is the answer elsewhere. It knows changes of the
//! configuration and log-ins, not which calls a token made.

use jiff::Timestamp;
use serde::Deserialize;

use super::pages::{self, Cursor, Page, Paging};
use super::{Ask, Zendesk};
use crate::domain::ids::ZendeskUserId;
use crate::domain::observed::AuditLine;
use crate::vendors::VendorError;

const PATH: &str = "api/v2/audit_logs";

/// Which lines.
#[derive(Debug, Clone, Copy)]
pub struct AuditQuery<'a> {
    /// Of this kind of thing alone.
    pub source_type: Option<&'a str>,
    /// From then on.
    pub from: Timestamp,
    /// Until then.
    pub until: Timestamp,
}

#[derive(Deserialize)]
struct Lines {
    audit_logs: Vec<Line>,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Deserialize)]
struct Line {
    id: i64,
    action: String,
    actor_id: Option<ZendeskUserId>,
    source_type: Option<String>,
    source_id: Option<i64>,
    source_label: Option<String>,
    created_at: Timestamp,
}

impl Zendesk {
    /// Some lines of the audit log, from `after` on.
    pub async fn audit_log(
        &self,
        query: AuditQuery<'_>,
        after: Option<&Cursor>,
    ) -> Result<Page<AuditLine>, VendorError> {
        let (from, until) = (format!("{:.0}", query.from), format!("{:.0}", query.until));
        // Given twice: the first is the start, the second the end.
        let mut pairs = vec![("filter[created_at]", from.as_str()), ("filter[created_at]", until.as_str())];
        pairs.extend(query.source_type.map(|kind| ("filter[source_type]", kind)));
        let path = pages::address(PATH, &pairs, after);
        let list: Lines = self.read(Ask::get("list_audit_logs", &path)).await?;
        list.paging.page(list.audit_logs.into_iter().map(Into::into).collect())
    }
}

impl From<Line> for AuditLine {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            action: line.action,
            actor: line.actor_id,
            source_type: line.source_type.unwrap_or_default(),
            source_id: line.source_id,
            source_label: line.source_label.unwrap_or_default(),
            created_at: line.created_at,
        }
    }
}
