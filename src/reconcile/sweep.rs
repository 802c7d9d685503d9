//! The sweep: marks whatever a lost webhook would have marked.
//!
//! It lists issues in every state by their last change, with an hour's overlap and without a label filter, and
//! marks those that are or may be requests and are not listed as they were at their last complete look. It reads a
//! page at a time and keeps its place and its marks together, so that neither memory nor a crash depends on how
//! large a project is. A mark is a hint; marking too many costs a look, no more.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::seen::appearance;
use crate::domain::form::carries_marker;
use crate::domain::ids::IssueKey;
use crate::domain::observed::Issue;
use crate::store::{Place, Project, StoreError, Sweep};
use crate::vendors::gitlab::sweep::{Swept, Window};

/// GitLab's index may lag behind its issues by less than this.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// Pages of one project read before the next project has its turn.
const PAGES_AT_ONCE: u32 = 100;
/// GitLab's largest page.
const PAGE: u64 = 100;
/// So deep in the list it begins anew after the last issue it showed: a page costs GitLab the more the deeper it is,
/// and it refuses the deepest.
const DEEPEST: u64 = 100 * PAGE;
/// GitLab tells times to the millisecond.
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// Sweeps every project, or only those for which it was asked for or begun. At most a hundred pages of each: what is
/// left is gone on with by the next call.
pub async fn sweep(context: &Context, only_wanted: bool) {
    let projects = if only_wanted { wanted(context).await } else { context.store.projects().await };
    sweep_these(context, projects).await;
}

/// Sweeps those of which no process has ended a sweep for as long as this.
pub(super) async fn sweep_due(context: &Context, every: SignedDuration) {
    let now = context.now();
    // Either way: a clock that was set back must not hold sweeps up.
    let is_due = |one: &Project| one.swept_at.is_none_or(|at| now.duration_since(at).abs() >= every);
    let projects = context.store.projects().await;
    sweep_these(context, projects.map(|all| all.into_iter().filter(is_due).collect())).await;
}

async fn wanted(context: &Context) -> Result<Vec<Project>, StoreError> {
    let begun = context.store.unfinished_sweeps().await?;
    let all = context.store.projects().await?.into_iter();
    Ok(all.filter(|one| one.sweep_wanted > 0 || begun.contains(&one.id)).collect())
}

async fn sweep_these(context: &Context, projects: Result<Vec<Project>, StoreError>) {
    let projects = projects.unwrap_or_else(|error| {
        tracing::error!(error = %error, "the projects could not be read");
        Vec::new()
    });
    for project in projects.into_iter().filter(|one| context.policy.watches(one.id, &one.path)) {
        match sweep_project(context, &project).await {
            Ok(()) => {}
            Err(StoreError::Fenced) => tracing::info!(project = project.path, "another process sweeps"),
            Err(error) => {
                tracing::error!(project = project.path, error = %error, "a project could not be swept");
            }
        }
    }
}

/// What is kept of an issue: the texts of a whole project may be more than there is memory.
struct Found {
    key: IssueKey,
    created_at: Timestamp,
    may_be_new: bool,
    appearance: String,
}

async fn sweep_project(context: &Context, project: &Project) -> Result<(), StoreError> {
    let since = project.swept_to.unwrap_or(project.set_up_at).checked_sub(OVERLAP).ok();
    let Some(mut sweep) = context.store.begin_sweep(project, &context.process, since).await? else {
        return Ok(());
    };
    let marker = &context.policy.marker;
    let keep = |issue: Issue| Found {
        key: issue.key,
        created_at: issue.created_at,
        may_be_new: issue.created_at >= project.set_up_at && carries_marker(&issue.description, marker),
        appearance: appearance(&issue),
    };
    for _ in 0..PAGES_AT_ONCE {
        let page = match context.gitlab.swept_page(window(&sweep), keep).await {
            Ok(page) => page,
            Err(error) => {
                // The place is kept: what was read need not be read again.
                tracing::warn!(project = project.path, error = %error, "GitLab could not be swept");
                return Ok(());
            }
        };
        let marks = changed(context, project, &page.issues).await?;
        tracing::debug!(project = project.path, seen = page.issues.len(), marked = marks.len(), "swept");
        let begun_at = sweep.place.begun_at.or(page.at).unwrap_or_else(|| context.now());
        let Some(place) = place_after(&sweep, &page, begun_at) else {
            return context.store.finish_sweep(&sweep, begun_at, marks).await;
        };
        context.store.advance_sweep(&sweep, place, marks).await?;
        sweep.place = place;
    }
    Ok(())
}

fn window(sweep: &Sweep) -> Window {
    let Place { created_after, page, page_size, total, .. } = sweep.place;
    Window { project: sweep.project, since: sweep.since, created_after, page, page_size, total }
}

fn place_after(sweep: &Sweep, page: &Swept<Found>, begun_at: Timestamp) -> Option<Place> {
    let next = page.next?;
    let begun_at = Some(begun_at);
    // Just before, because the next page may begin with an issue of the same moment.
    let last = page.issues.last().and_then(|found| found.created_at.checked_sub(MOMENT).ok());
    let moved_on = last.is_some() && last > sweep.place.created_after;
    if next.page.saturating_mul(next.page_size) > DEEPEST && moved_on {
        return Some(Place { begun_at, created_after: last, page: 1, page_size: PAGE, total: None });
    }
    let Window { created_after, page, page_size, total, .. } = next;
    Some(Place { begun_at, created_after, page, page_size, total })
}

/// Those that are or may be requests and do not look as they did at their last complete look.
async fn changed(context: &Context, project: &Project, page: &[Found]) -> Result<Vec<IssueKey>, StoreError> {
    let iids: Vec<i64> = page.iter().map(|found| found.key.iid).collect();
    let known = context.store.listed(project.id, &iids).await?;
    let is_changed = |found: &&Found| match known.get(&found.key.iid) {
        None => found.may_be_new,
        Some(listed) => {
            (found.may_be_new || listed.remembered) && listed.seen.as_ref() != Some(&found.appearance)
        }
    };
    Ok(page.iter().filter(is_changed).map(|found| found.key).collect())
}
