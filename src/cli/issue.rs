//! Which issue somebody means: its URL, `PROJECT_ID#NUMBER`, or its number where one project is watched.
//!
//! A URL is taken by its whole beginning, GitLab's address and the project's full path: another host's issue, or that of a
//! project whose path only ends alike, is none of ours.

use url::Url;

use super::output::Failure;
use crate::domain::ids::IssueKey;
use crate::store::{Project, Store};

/// Finds the key of the issue that `text` names at this GitLab.
pub(super) async fn find(store: &Store, gitlab: &Url, text: &str) -> Result<IssueKey, Failure> {
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
        .or_else(|| address(&projects, gitlab, text))
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
fn address(projects: &[Project], gitlab: &Url, text: &str) -> Option<IssueKey> {
    // Parsed and written anew, hosts and ports are comparable.
    let text = Url::parse(text).ok()?;
    let (before, after) = text.as_str().split_once("/-/")?;
    let (kind, number) = after.split_once('/')?;
    let (number, _) = number.split_once(['/', '?', '#']).unwrap_or((number, ""));
    let path = before.strip_prefix(gitlab.as_str().trim_end_matches('/'))?.strip_prefix('/')?;
    let project = projects.iter().find(|project| project.path == path);
    let project = project.filter(|_| matches!(kind, "issues" | "work_items"))?;
    Some(IssueKey { project: project.id, iid: number.parse().ok().filter(|iid| *iid > 0)? })
}

fn unknown(text: &str) -> Failure {
    Failure::usage(format!("`{text}` names no issue of a project that was set up"))
        .hint("write the issue's URL, PROJECT_ID#NUMBER or, with one project, its number; `countersign show` lists them")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::ids::{LabelId, ProjectId};
    use crate::domain::policy::{Pin, Pins};

    fn project(id: i64, path: &str) -> Project {
        let pin = |id| Pin { id: LabelId(id), name: id.to_string() };
        Project {
            id: ProjectId(id),
            path: path.to_owned(),
            set_up_at: Timestamp::UNIX_EPOCH,
            pins: Pins { manager: pin(1), provisioner: pin(2), denied: None, revoke: None },
            swept_to: None,
            swept_at: None,
            sweep_wanted: 0,
        }
    }

    /// Project and number of what an address names.
    fn found(gitlab: &str, text: &str) -> Option<(i64, i64)> {
        let projects = [project(5, "requests"), project(42, "company/requests")];
        address(&projects, &gitlab.parse().unwrap(), text).map(|key| (key.project.0, key.iid))
    }

    #[test]
    fn an_address_is_that_of_our_gitlab_and_the_whole_path_of_a_project() {
        for (text, key) in [
            ("https://gitlab.example.com/company/requests/-/issues/12", Some((42, 12))),
            ("https://GitLab.example.com:443/company/requests/-/work_items/12", Some((42, 12))),
            ("https://gitlab.example.com/company/requests/-/issues/12?tab=x#note_7", Some((42, 12))),
            ("https://gitlab.example.com/requests/-/issues/12", Some((5, 12))),
            ("https://gitlab.example.com/other/requests/-/issues/12", None),
            ("https://gitlab.example.com/my/company/requests/-/issues/12", None),
            ("https://gitlab.example.com.evil.example/company/requests/-/issues/12", None),
            ("https://elsewhere.example/company/requests/-/issues/12", None),
            ("http://gitlab.example.com/company/requests/-/issues/12", None),
            ("https://gitlab.example.com:8443/company/requests/-/issues/12", None),
            ("https://gitlab.example.com/company/requests/-/merge_requests/12", None),
            ("https://gitlab.example.com/company/requests/-/issues/12x", None),
            ("/company/requests/-/issues/12", None),
        ] {
            assert_eq!(found("https://gitlab.example.com", text), key, "{text}");
        }
        let below = "https://example.com/gitlab/";
        assert_eq!(found(below, "https://example.com/gitlab/company/requests/-/issues/1"), Some((42, 1)));
        assert_eq!(found(below, "https://example.com/company/requests/-/issues/1"), None);
    }
}
