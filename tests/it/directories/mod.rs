//! Who manages whom, from every source: the stories with a server that is not ours behind them.
//!
//! slapd and scim2-server are started where they are installed. Where they are not, their tests say so and pass,
//! unless `COUNTERSIGN_REQUIRE_REAL=1`.

mod handbook;
mod ldap;
mod scim;
pub(crate) mod server;
mod slapd;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Form, House, PROJECT};

/// The configuration with another source of people.
fn with_directory(text: &mut String, section: &str) {
    let old = "[directory]\nfile = \"directory.toml\"\n";
    assert!(text.contains(old), "the sandbox's configuration has a file of people");
    *text = text.replace(old, section);
}

impl House {
    /// The comment on a fresh issue of somebody, which must not be approvable.
    async fn doubt_about(&self, role: &str) -> String {
        let iid = self.opens(role, &Form::default().text()).await;
        self.settle().await;
        let comment = self.comment(iid).await;
        assert!(comment.contains("**Nothing can be issued now**"), "{comment}");
        comment
    }

    /// Puts a file on the default branch, as a maintainer does.
    async fn pushes(&self, path: &str, text: &str) {
        let file = json!({"branch": "main", "content": text, "commit_message": "people"});
        let path = path.replace('/', "%2F");
        let address = format!("projects/{PROJECT}/repository/files/{path}");
        for method in [Method::POST, Method::PUT] {
            let (status, _) = self.gitlab("maintainer", method, &address, file.clone()).await;
            if status.is_success() {
                return;
            }
        }
        panic!("{path} could not be pushed");
    }

    /// Both approvals of an issue that was looked at before, each followed by a look.
    async fn both_approve(&self, iid: i64) {
        self.manager_approves(iid).await;
        self.provisioner_approves(iid).await;
    }

    /// The GitLab accounts that are known for entries of the directory.
    async fn pinned(&self) -> Vec<Value> {
        let entries = self.service().context.store().entries_from(1).await.unwrap();
        let pinned = entries.iter().filter(|entry| entry.kind == "directory.pinned");
        pinned.map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect()
    }
}
