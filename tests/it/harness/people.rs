//! What people do, and what they see.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{House, PROJECT};

/// What the requester fills in.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) instance: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) scopes: &'static str,
    pub(crate) admin: &'static str,
    pub(crate) remove_on: &'static str,
    pub(crate) requester: &'static str,
    pub(crate) marker: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            instance: "Zendesk Global",
            kind: "API token",
            purpose: "Export solved tickets every night.",
            scopes: "",
            admin: "The export reads tickets of all groups.",
            remove_on: "2026-12-31",
            requester: "",
            marker: true,
        }
    }
}

impl Form {
    pub(crate) fn text(&self) -> String {
        let marker = if self.marker { "<!-- countersign: API_Token_Request -->" } else { "" };
        format!(
            "{marker}\n\n### Zendesk instance\n\n- [x] {}\n- [ ] Another\n\n### Kind of credential\n\n- [x] {}\n\n\
             ### Business purpose\n\n{}\n\n### Scopes\n\n{}\n\n### Why admin access is needed\n\n{}\n\n### Remove on\n\n{}\n\n\
             ### Requester\n\n{}\n",
            self.instance, self.kind, self.purpose, self.scopes, self.admin, self.remove_on, self.requester
        )
    }
}

impl House {
    pub(crate) fn person(&self, role: &str) -> Value {
        let people = self.cast["people"].as_array().unwrap();
        people
            .iter()
            .find(|person| person["role"] == role)
            .unwrap_or_else(|| panic!("nobody plays {role}"))
            .clone()
    }

    /// A call to GitLab with a person's own token.
    pub(crate) async fn gitlab(
        &self,
        role: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let url = format!("{}/api/v4/{path}", self.sandbox.gitlab_url());
        let token = self.person(role)["gitlab_token"].as_str().unwrap().to_owned();
        let mut request = self.http.request(method, url).header("PRIVATE-TOKEN", token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    async fn done(&self, role: &str, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.gitlab(role, method, path, body).await;
        assert!(status.is_success(), "{role} at {path}: {status} {answer}");
        answer
    }

    /// Opens an issue; its number. A person takes a while, so some time passes with everything they do.
    pub(crate) async fn opens(&self, role: &str, description: &str) -> i64 {
        self.clock.advance(SignedDuration::from_secs(30));
        let body =
            json!({"title": "API access for the exporter", "description": description, "confidential": true});
        let issue = self.done(role, Method::POST, &format!("projects/{PROJECT}/issues"), body).await;
        issue["iid"].as_i64().unwrap()
    }

    /// Opens an issue with labels on it from the start.
    pub(crate) async fn opens_labelled(&self, role: &str, description: &str, labels: &str) -> i64 {
        self.clock.advance(SignedDuration::from_secs(30));
        let body = json!({"title": "API access", "description": description, "labels": labels});
        let issue = self.done(role, Method::POST, &format!("projects/{PROJECT}/issues"), body).await;
        issue["iid"].as_i64().unwrap()
    }

    /// Changes an issue.
    pub(crate) async fn changes(&self, role: &str, iid: i64, change: Value) -> Value {
        self.clock.advance(SignedDuration::from_secs(30));
        self.done(role, Method::PUT, &format!("projects/{PROJECT}/issues/{iid}"), change).await
    }

    pub(crate) async fn labels(&self, role: &str, iid: i64, label: &str) {
        self.changes(role, iid, json!({"add_labels": label})).await;
    }

    /// The manager approves, and countersign looks.
    pub(crate) async fn manager_approves(&self, iid: i64) {
        self.labels("manager", iid, "manager-approved").await;
        self.settle().await;
    }

    /// The provisioner approves, and countersign looks.
    pub(crate) async fn provisioner_approves(&self, iid: i64) {
        self.labels("provisioner", iid, "provisioner-approved").await;
        self.settle().await;
    }

    /// A whole request up to the second approval, each step looked at.
    pub(crate) async fn approved(&self) -> i64 {
        self.approved_form(&Form::default()).await
    }

    /// The same with a form of one's own.
    pub(crate) async fn approved_form(&self, form: &Form) -> i64 {
        let iid = self.opens("requester", &form.text()).await;
        self.settle().await;
        self.manager_approves(iid).await;
        self.provisioner_approves(iid).await;
        iid
    }

    pub(crate) async fn issue(&self, iid: i64) -> Value {
        self.done("owner", Method::GET, &format!("projects/{PROJECT}/issues/{iid}"), Value::Null).await
    }

    pub(crate) async fn issue_labels(&self, iid: i64) -> Vec<String> {
        let issue = self.issue(iid).await;
        issue["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned()).collect()
    }

    /// All that people or bots wrote on the issue.
    pub(crate) async fn notes(&self, iid: i64) -> Vec<String> {
        let path = format!("projects/{PROJECT}/issues/{iid}/notes?per_page=100");
        let notes = self.done("owner", Method::GET, &path, Value::Null).await;
        let notes = notes.as_array().unwrap().iter().filter(|note| note["system"] == false);
        notes.map(|note| note["body"].as_str().unwrap().to_owned()).collect()
    }

    /// The one status comment, in full.
    pub(crate) async fn sealed_comment(&self, iid: i64) -> String {
        let notes = self.notes(iid).await;
        let ours: Vec<&String> = notes.iter().filter(|note| note.contains("Access request:")).collect();
        assert_eq!(ours.len(), 1, "there is one status comment: {notes:#?}");
        ours[0].clone()
    }

    /// The one status comment, as it reads.
    pub(crate) async fn comment(&self, iid: i64) -> String {
        super::readable(&self.sealed_comment(iid).await, self)
    }

    /// The address of an issue, which is also the name of its token.
    pub(crate) async fn url(&self, iid: i64) -> String {
        self.issue(iid).await["web_url"].as_str().unwrap().to_owned()
    }

    /// What the admin of an instance sees listed there under the issue's address.
    pub(crate) async fn tokens(&self, iid: i64) -> Vec<Value> {
        let url = self.url(iid).await;
        let mut found = Vec::new();
        for instance in self.cast["instances"].as_array().unwrap() {
            let text = |name: &str| instance[name].as_str().unwrap().to_owned();
            let list = format!("{}/api/v2/api_tokens", text("url"));
            let login = format!("{}/token", text("admin_email"));
            let answer =
                self.http.get(list).basic_auth(login, Some(text("admin_api_token"))).send().await.unwrap();
            let list: Value = answer.json().await.unwrap();
            let tokens = list["api_tokens"].as_array().unwrap().clone();
            found.extend(tokens.into_iter().filter(|token| token["description"] == url.as_str()));
        }
        found
    }

    /// The direct messages of a person, newest first.
    pub(crate) async fn messages(&self, role: &str) -> Vec<Value> {
        let token = self.person(role)["slack_token"].as_str().unwrap().to_owned();
        let base = self.sandbox.slack_url();
        let list = self.http.get(format!("{base}/conversations.list?types=im")).bearer_auth(&token);
        let list: Value = list.send().await.unwrap().json().await.unwrap();
        let mut messages = Vec::new();
        for channel in list["channels"].as_array().unwrap() {
            let id = channel["id"].as_str().unwrap();
            let url = format!("{base}/conversations.history?channel={id}&include_all_metadata=true");
            let history: Value =
                self.http.get(url).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
            messages.extend(history["messages"].as_array().unwrap().iter().cloned());
        }
        messages
    }

    /// Whether a message hands a secret over.
    pub(crate) fn has_secret(message: &Value) -> bool {
        message["blocks"].as_array().unwrap().iter().any(|block| block["type"] == "rich_text")
    }

    /// The secret in a message.
    pub(crate) fn secret_in(message: &Value) -> String {
        let blocks = message["blocks"].as_array().unwrap();
        let secret = blocks.iter().find_map(|block| block["elements"][0]["elements"][0]["text"].as_str());
        secret.unwrap_or_else(|| panic!("no secret in {message}")).to_owned()
    }

    /// What a person reads in a message, with the secret and the addresses blotted out.
    pub(crate) fn message_text(&self, message: &Value) -> String {
        let blocks = message["blocks"].as_array().unwrap().iter();
        let secret = Self::has_secret(message).then(|| Self::secret_in(message));
        let text = |block: &Value| {
            let places = [&block["text"]["text"], &block["elements"][0]["elements"][0]["text"]];
            let text = places.iter().find_map(|place| place.as_str()).unwrap();
            secret.as_ref().map_or_else(|| text.to_owned(), |secret| text.replace(secret, "[the secret]"))
        };
        let shown: Vec<String> = blocks.map(text).collect();
        let notification = message["text"].as_str().unwrap();
        let whole = format!("notification: {notification}\n{}", shown.join("\n"));
        whole.replace(&self.sandbox.base_url(), "http://sandbox")
    }

    /// Whether a secret works at Zendesk Global.
    pub(crate) async fn works(&self, secret: &str) -> bool {
        let url = format!("{}/api/v2/users/me", self.sandbox.zendesk_url("global"));
        let login = "admin-global@example.com/token";
        let answer = self.http.get(url).basic_auth(login, Some(secret)).send().await.unwrap();
        match answer.status().as_u16() {
            200 => true,
            401 => false,
            other => panic!("Zendesk answered {other}"),
        }
    }

    /// The kinds of the audit entries of an issue, in order.
    pub(crate) async fn history(&self, iid: i64) -> Vec<String> {
        let entries = self.service().context.store().history(Self::key(iid)).await.unwrap();
        entries.into_iter().map(|entry| entry.kind).collect()
    }

    /// The phase of a request.
    pub(crate) async fn phase(&self, iid: i64) -> String {
        let row = self.service().context.store().request(Self::key(iid)).await.unwrap();
        row.map_or("unseen".to_owned(), |row| row.phase)
    }

    /// Nothing was issued for this issue, and nothing is alive.
    pub(crate) async fn nothing_issued(&self, iid: i64) {
        assert_eq!(self.tokens(iid).await, Vec::<Value>::new(), "nothing is issued");
        assert_eq!(self.messages("requester").await, Vec::<Value>::new(), "nothing is sent");
    }
}
