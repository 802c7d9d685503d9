//! One page after the other of the issues that changed: for a sweep, which keeps its place between two pages.
//!
//! Ordered by creation, which a change during the listing does not alter: ordered by their change, an issue
//! touched meanwhile would push its neighbour over a page's edge, unseen. An issue deleted meanwhile does that all
//! the same, so where GitLab's count has gone down since the page before, the list goes on that many earlier.

use jiff::Timestamp;

use super::endpoints::UpdatedIssues;
use super::session::Place as Page;
use super::{GitLab, shapes};
use crate::domain::ids::ProjectId;
use crate::domain::observed::Issue;
use crate::vendors::VendorError;

/// What a sweep wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The project.
    pub project: ProjectId,
    /// Issues that changed then or later; none: all.
    pub since: Option<Timestamp>,
    /// Issues created then or later; none: all.
    pub created_after: Option<Timestamp>,
    /// The page, from 1.
    pub page: u64,
    /// How long a page is, at most 100.
    pub page_size: u64,
    /// How many issues there were when the page before was read.
    pub total: Option<u64>,
}

/// A page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept<K> {
    /// What was kept of each issue.
    pub issues: Vec<K>,
    /// What comes next; none at the end.
    pub next: Option<Window>,
    /// GitLab's time when it answered, where it says so.
    pub at: Option<Timestamp>,
}

impl GitLab {
    /// What `keep` makes of each issue of one page, oldest first, in every state.
    pub async fn swept_page<K>(
        &self,
        window: Window,
        keep: impl Fn(Issue) -> K + Send + Sync,
    ) -> Result<Swept<K>, VendorError> {
        let Window { project, since, created_after, page, page_size, total } = window;
        let endpoint = UpdatedIssues { project, since, created_after };
        let kept = |issue: shapes::Issue| Some(keep(issue.into()));
        let place = Page { number: page.max(1), size: page_size.max(1) };
        let page = self.ask_page("issues_updated_since", (&endpoint, place), kept).await?;
        let gone = total.zip(page.total).map_or(0, |(before, now)| before.saturating_sub(now));
        let next = page.next.map(|next| {
            let number = next.number.saturating_sub(gone.div_ceil(next.size)).max(1);
            Window { page: number, page_size: next.size, total: page.total, ..window }
        });
        Ok(Swept { issues: page.items, next, at: page.at })
    }
}
