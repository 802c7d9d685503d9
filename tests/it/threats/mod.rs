//! The catalogue of threats, as stories: what has broken programs like this one, tried through the front door.
//!
//! Each test is named after its row of `docs/SECURITY.md`. "Nothing issued" is looked at with the eyes of the
//! instance's admin and of the requester, the comment says why, and the audit chain has the refusal.

mod approval;
mod binding;
mod changes;
mod door;
mod flood;
mod identity;
mod labels;
mod origin;
mod outage;
mod text;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Form, House, PROJECT};

/// Titles of the two labels.
const MANAGER: &str = "manager-approved";
const PROVISIONER: &str = "provisioner-approved";

impl House {
    /// A call to GitLab that must succeed.
    async fn must(&self, role: &str, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.gitlab(role, method, path, body).await;
        assert!(status.is_success(), "{role} at {path}: {status} {answer}");
        answer
    }

    /// A call below the watched project that must succeed.
    async fn in_project(&self, role: &str, method: Method, path: &str, body: Value) -> Value {
        self.must(role, method, &format!("projects/{PROJECT}/{path}"), body).await
    }

    /// A whole request of the requester's, looked at.
    async fn request(&self) -> i64 {
        let iid = self.opens("requester", &Form::default().text()).await;
        self.settle().await;
        assert_eq!(self.phase(iid).await, "awaiting_manager");
        iid
    }

    /// A whole request with the manager's approval, looked at.
    async fn managed(&self) -> i64 {
        let iid = self.request().await;
        self.manager_approves(iid).await;
        assert_eq!(self.phase(iid).await, "awaiting_provisioner");
        iid
    }

    /// Somebody edits the description.
    async fn edits(&self, role: &str, iid: i64, description: &str) {
        self.changes(role, iid, json!({"description": description})).await;
    }

    /// The comment says this.
    async fn says(&self, iid: i64, sentence: &str) {
        let comment = self.comment(iid).await;
        assert!(comment.contains(sentence), "the comment does not say {sentence:?}:\n{comment}");
    }

    /// Nothing is issued, and the comment says why.
    async fn stopped(&self, iid: i64, sentence: &str) {
        self.nothing_issued(iid).await;
        self.says(iid, sentence).await;
    }

    /// The labels came off without effect, the comment says why, and the chain has the refusal.
    async fn refused(&self, iid: i64, sentence: &str) {
        self.stopped(iid, sentence).await;
        assert_eq!(self.issue_labels(iid).await, Vec::<String>::new(), "what does not count comes off");
        let history = self.history(iid).await;
        let refused = |kind: &String| kind == "approval.refused" || kind == "approval.voided";
        assert!(history.iter().any(refused), "the chain has no refusal: {history:?}");
    }

    /// Both right people approve now, and it goes on as if nothing had happened.
    async fn goes_on(&self, iid: i64) {
        self.manager_approves(iid).await;
        self.provisioner_approves(iid).await;
        self.issued_once(iid).await;
    }

    /// One credential, one message, and it works.
    async fn issued_once(&self, iid: i64) {
        let comment = self.comment(iid).await;
        assert_eq!(self.phase(iid).await, "active", "{comment}");
        assert_eq!(self.tokens(iid).await.len(), 1);
        let messages = self.messages("requester").await;
        assert!(self.works(&Self::secret_in(&messages[0])).await);
    }

    /// The details of the audit entries of one kind.
    async fn evidence(&self, iid: i64, kind: &str) -> Vec<Value> {
        let entries = self.service().context.store().history(Self::key(iid)).await.unwrap();
        entries
            .into_iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| serde_json::from_str(&entry.detail).unwrap())
            .collect()
    }

    /// Something about a person of the cast changes.
    async fn person_becomes(&self, role: &str, change: Value) {
        let id = self.person(role)["gitlab_id"].as_i64().unwrap();
        self.control(&format!("people/{id}"), change).await;
    }

    /// A label by its title.
    async fn label(&self, name: &str) -> i64 {
        let label = self.in_project("owner", Method::GET, &format!("labels/{name}"), Value::Null).await;
        label["id"].as_i64().unwrap()
    }

    /// The issue and all that hangs on it, as its owner sees it.
    async fn whole_issue(&self, iid: i64) -> String {
        let mut all = vec![self.issue(iid).await];
        for path in ["notes", "resource_label_events", "resource_state_events"] {
            let path = format!("issues/{iid}/{path}?per_page=100");
            all.push(self.in_project("owner", Method::GET, &path, Value::Null).await);
        }
        serde_json::to_string_pretty(&all).unwrap()
    }

    /// A file of the configuration is edited.
    fn rewrite(&self, file: &str, change: impl FnOnce(&str) -> String) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed, "the edit of {file} changes nothing");
        std::fs::write(path, changed).unwrap();
    }
}
