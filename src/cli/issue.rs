//! Which issue somebody means: its URL, `PROJECT_ID#NUMBER`, or its number where one project is watched.

use super::output::Failure;
use crate::domain::ids::IssueKey;
use crate::store::{Project, Store};

/// Finds the key of the issue that `text` names.
pub(super) async fn find(store: &Store, text: &str) -> Result<IssueKey, Failure> {
    let projects = store.projects().await?;
    let by_url = store.requests().await?.into_iter().find(|request| {
        request
            .record
            .as_ref()
            .is_some_and(|record| record.url.trim_end_matches('/') == text.trim_end_matches('/'))
    });
    by_url
        .map(|request| request.key)
        .or_else(|| text.parse().ok())
        .or_else(|| number(&projects, text))
        .or_else(|| address(&projects, text))
        .ok_or_else(|| unknown(text))
}

fn number(projects: &[Project], text: &str) -> Option<IssueKey> {
    let iid = text.trim_start_matches('#').parse().ok()?;
    match projects {
        [project] => Some(IssueKey { project: project.id, iid }),
        _ => None,
    }
}

/// `https://gitlab.example.com/group/project/-/issues/12`, also with `work_items`.
fn address(projects: &[Project], text: &str) -> Option<IssueKey> {
    let (before, after) = text.split_once("/-/")?;
    let (kind, number) = after.split_once('/')?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    let ends_with_path = |project: &&Project| before.ends_with(&format!("/{}", project.path));
    let project = projects.iter().find(ends_with_path).filter(|_| matches!(kind, "issues" | "work_items"))?;
    Some(IssueKey { project: project.id, iid: digits.parse().ok()? })
}

fn unknown(text: &str) -> Failure {
    Failure::usage(format!("`{text}` names no issue of a project that was set up"))
        .hint("write the issue's URL, PROJECT_ID#NUMBER or, with one project, its number; `countersign show` lists them")
}
