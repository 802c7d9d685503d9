//! `[labels]`: the labels that approve.
//!
//! GitLab takes a scoped label off when another of its scope is put on, so two of one scope could never
//! both be there; and its APIs separate labels by commas, so a label with one cannot be named to them.

use crate::reader::Reader;

/// Titles of labels, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The manager's approval.
    pub manager: String,
    /// The provisioner's approval.
    pub provisioner: String,
    /// A refusal by either; without it, closing the issue is the way to refuse.
    pub denied: Option<String>,
    /// Has a credential taken away, if set by its requester, their manager or a provisioner.
    pub revoke: String,
}

impl Labels {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let manager = reader.parsed("manager", title);
        let provisioner = reader.parsed("provisioner", title);
        let denied = reader.optional_parsed("denied", title);
        let revoke = reader.parsed("revoke", title);
        let labels =
            [("manager", &manager), ("provisioner", &provisioner), ("denied", &denied), ("revoke", &revoke)];
        refuse_clashes(reader, &labels);
        Some(Self { manager: manager?, provisioner: provisioner?, denied, revoke: revoke? })
    }
}

fn title(text: &str) -> Result<String, String> {
    if text.contains(',') {
        return Err("must not contain a comma".to_owned());
    }
    if text != text.trim() || text.contains(char::is_control) {
        return Err("must not begin or end with a space, nor contain a line break".to_owned());
    }
    Ok(text.to_owned())
}

fn refuse_clashes(reader: &mut Reader<'_>, labels: &[(&str, &Option<String>)]) {
    let given: Vec<(&str, String)> = labels
        .iter()
        .filter_map(|(key, label)| label.as_ref().map(|label| (*key, label.to_lowercase())))
        .collect();
    for (index, (key, label)) in given.iter().enumerate() {
        for (earlier_key, earlier) in given.iter().take(index) {
            let earlier_key = reader.dotted(earlier_key);
            if label == earlier {
                reader.fault(key, format!("is the same label as {earlier_key}"));
            } else if scope(label).is_some() && scope(label) == scope(earlier) {
                reader.fault(
                    key,
                    format!("has the scope of {earlier_key}: putting one on takes the other off"),
                );
            }
        }
    }
}

/// What stands before the last `::`. Source: GitLab, "Scoped labels", "Labels with multiple colon pairs".
fn scope(label: &str) -> Option<&str> {
    label.rsplit_once("::").map(|(scope, _)| scope)
}
