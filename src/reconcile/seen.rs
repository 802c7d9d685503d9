//! How an issue is listed, as a mark to compare: while it is still so, the sweep need not look at it again.
//!
//! It is kept only of a complete look, and only where the issue's last change is a while old: what is read beside
//! the issue may have been read a moment before it, so that a change in that moment would show in the issue and not
//! in the look. Two minutes are more than any look takes and than the clocks may differ.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::domain::observed::Issue;
use crate::domain::snapshot::IssueView;
use crate::domain::terms::hex;

const SETTLED: SignedDuration = SignedDuration::from_mins(2);

/// Everything that GitLab's list shows of an issue and that a look reads, as a digest.
pub(super) fn appearance(issue: &Issue) -> String {
    let mut labels: Vec<&str> = issue.labels.iter().map(String::as_str).collect();
    labels.sort_unstable();
    let shown = serde_json::json!([
        issue.id,
        issue.updated_at,
        issue.open,
        issue.is_issue,
        issue.author,
        issue.closed_by,
        issue.moved_to,
        issue.title,
        issue.description,
        issue.url,
        labels,
    ]);
    hex(&Sha256::digest(shown.to_string().as_bytes()))
}

/// What to keep of a complete look that began at `began`.
pub(super) fn settled(issue: &IssueView, began: Timestamp) -> Option<String> {
    match issue {
        IssueView::Seen(issue) if began.duration_since(issue.updated_at) >= SETTLED => {
            Some(appearance(issue))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::Look;

    fn issue() -> Issue {
        Look::at("2026-12-01T10:00:00Z").issue().clone()
    }

    #[test]
    fn only_what_changed_a_while_ago_is_passed_over() {
        let issue = issue();
        let changed = issue.updated_at;
        let view = IssueView::Seen(Box::new(issue));
        assert_eq!(settled(&view, changed + SignedDuration::from_secs(119)), None);
        assert!(settled(&view, changed + SETTLED).is_some());
        assert_eq!(settled(&IssueView::Unknown, changed + SETTLED), None);
        assert_eq!(settled(&IssueView::Gone, changed + SETTLED), None);
    }

    #[test]
    fn whatever_the_list_shows_counts_and_the_order_of_labels_does_not() {
        let issue = Issue { labels: vec!["a".to_owned(), "b".to_owned()], ..issue() };
        let before = appearance(&issue);
        let turned = Issue { labels: vec!["b".to_owned(), "a".to_owned()], ..issue.clone() };
        assert_eq!(appearance(&turned), before);
        let later = issue.updated_at + SignedDuration::from_millis(1);
        for other in [
            Issue { updated_at: later, ..issue.clone() },
            Issue { open: !issue.open, ..issue.clone() },
            Issue { labels: vec!["a".to_owned()], ..issue.clone() },
            Issue { description: "another".to_owned(), ..issue.clone() },
            Issue { title: "another".to_owned(), ..issue },
        ] {
            assert_ne!(appearance(&other), before);
        }
    }
}
