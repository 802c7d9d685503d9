//! What stories of handing over, recovery and ending need besides: the vendors' books, a death, a broken database.

use std::fmt::Debug;
use std::path::PathBuf;

use countersign::cli::setup::{Wish, set_up};
use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::{Step, Worker};
use countersign::secret::Secret;
use countersign::service::Service;
use countersign::store::{NewOrder, StoreError};
use countersign::vendors::gitlab::GitLab;
use serde_json::{Value, json};

use super::{Form, House, PROJECT};

impl House {
    /// The configured instances' tokens that were minted through the API and work now.
    pub(crate) fn alive(&self) -> Vec<Value> {
        let world = self.world();
        let secrets = self.secrets();
        let accounts = world["zendesk"].as_object().unwrap().values();
        let tokens = accounts.flat_map(|account| account["tokens"].as_object().unwrap().values().cloned());
        let minted = |token: &Value| secrets.iter().any(|secret| token["secret"] == secret.as_str());
        tokens
            .filter(|token| minted(token) && token["active"] == true && token["deleted_at"].is_null())
            .collect()
    }

    /// One credential is alive, named exactly, with the secret of the newest message; all others ever minted are dead.
    pub(crate) async fn has_exactly_one(&self, iid: i64) {
        assert_eq!(self.phase(iid).await, "active");
        let alive = self.alive();
        assert_eq!(alive.len(), 1, "one credential is alive: {alive:#?}");
        assert_eq!(alive[0]["description"], self.url(iid).await.as_str());
        let messages = self.messages("requester").await;
        let newest = Self::secret_in(messages.iter().find(|one| Self::has_secret(one)).unwrap());
        assert_eq!(alive[0]["secret"], newest.as_str());
        for secret in self.secrets() {
            assert_eq!(self.works(&secret).await, secret == newest);
        }
    }

    /// Nothing that was ever minted works.
    pub(crate) async fn all_is_dead(&self) {
        assert_eq!(self.alive(), Vec::<Value>::new());
        for secret in self.secrets() {
            assert!(!self.works(&secret).await);
        }
    }

    /// How often a vendor was called so, whatever came of it.
    pub(crate) fn calls(&self, vendor: &str, method: &str, path: &str) -> usize {
        let world = self.world();
        let calls = world["calls"].as_array().unwrap().iter();
        let these = |call: &&Value| {
            call["vendor"] == vendor
                && call["method"] == method
                && call["path"].as_str().unwrap().contains(path)
        };
        calls.filter(these).count()
    }

    /// The calls that our own account made at GitLab, from the given one on, as `METHOD path?query`.
    pub(crate) fn gitlab_calls(&self, from: usize) -> Vec<String> {
        let world = self.world();
        let calls = world["calls"].as_array().unwrap().iter().skip(from);
        let text = |call: &Value, name: &str| call[name].as_str().unwrap().to_owned();
        calls
            .filter(|call| call["vendor"] == "gitlab")
            .map(|call| format!("{} {}?{}", text(call, "method"), text(call, "path"), text(call, "query")))
            .collect()
    }

    /// How many calls there were, to whomever.
    pub(crate) fn calls_so_far(&self) -> usize {
        self.world()["calls"].as_array().unwrap().len()
    }

    /// The details of the entries of one kind in the whole chain.
    pub(crate) async fn chain(&self, kind: &str) -> Vec<Value> {
        let entries = self.service().context.store().entries_from(1).await.unwrap();
        let these = entries.into_iter().filter(|entry| entry.kind == kind);
        these.map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect()
    }

    /// Everything that is due, however much it is.
    pub(crate) async fn works_off(&self) {
        self.sandbox.deliveries_settled().await;
        while self.worker.step().await.unwrap() != Step::Idle {}
    }

    /// How often Zendesk was asked to make a token.
    pub(crate) fn creations(&self) -> usize {
        self.calls("zendesk", "POST", "/api/v2/api_tokens")
    }

    /// The last calls to Zendesk's tokens, oldest first, as `METHOD status`.
    pub(crate) fn last_token_calls(&self, count: usize) -> Vec<String> {
        let world = self.world();
        let calls = world["calls"].as_array().unwrap().iter();
        let tokens = calls.filter(|call| call["path"].as_str().unwrap().contains("/api_tokens"));
        let shown: Vec<String> =
            tokens.map(|call| format!("{} {}", call["method"].as_str().unwrap(), call["status"])).collect();
        shown[shown.len().saturating_sub(count)..].to_vec()
    }

    /// A request with both labels on, and not looked at since the second.
    pub(crate) async fn approved_unseen(&self) -> i64 {
        self.approved_form_unseen(&Form::default()).await
    }

    /// The same with a form of one's own.
    pub(crate) async fn approved_form_unseen(&self, form: &Form) -> i64 {
        let iid = self.opens("requester", &form.text()).await;
        self.settle().await;
        self.manager_approves(iid).await;
        self.labels("provisioner", iid, "provisioner-approved").await;
        self.sandbox.deliveries_settled().await;
        iid
    }

    /// One step of the worker that may fail.
    pub(crate) async fn try_step(&self) -> Result<Step, StoreError> {
        self.sandbox.deliveries_settled().await;
        self.worker.step().await
    }

    /// Another worker of this same process.
    pub(crate) fn another_worker(&self) -> Worker {
        Worker::new(std::sync::Arc::clone(&self.service.context))
    }

    /// A worker of another process on the same database.
    pub(crate) async fn another_process(&self) -> Worker {
        let service = super::assemble(&self.config, &self.clock, &self.transport).await;
        Worker::new(service.context)
    }

    /// The process dies while this call to a vendor is under way, after its effect; and it is started again.
    pub(crate) async fn dies_during(&mut self, vendor: &str, method: &str, path: &str) {
        self.dies_during_another((vendor, method, path), 0).await;
    }

    /// The same, after so many such calls.
    pub(crate) async fn dies_during_another(
        &mut self,
        (vendor, method, path): (&str, &str, &str),
        after: usize,
    ) {
        let before = self.calls(vendor, method, path);
        let hang = json!({"vendor": vendor, "method": method, "path": path, "effect": "hang", "seconds": 60, "after": after});
        self.fault(hang).await;
        let worker = self.worker.clone();
        let working = tokio::spawn(async move { while worker.step().await.unwrap() != Step::Idle {} });
        while self.calls(vendor, method, path) <= before + after {
            assert!(!working.is_finished(), "{method} {path} is never called");
            tokio::task::yield_now().await;
        }
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        self.heal().await;
        self.restart().await;
    }

    /// The database refuses to write down audit entries for which this condition holds.
    pub(crate) async fn audit_refuses(&self, condition: &str) {
        let (event, refusal) = ("BEFORE INSERT ON audit", self.database.refusal());
        self.database.trigger("refuses", (event, condition), refusal).await;
    }

    /// It writes them down again.
    pub(crate) async fn audit_writes(&self) {
        self.database.no_trigger("refuses").await;
    }

    /// A backup of the database as it is now.
    pub(crate) async fn backup(&self) -> PathBuf {
        let file = self.path("backup.sqlite");
        let _ = std::fs::remove_file(&file);
        self.database.back_up(&file).await;
        file
    }

    /// The backup is put back, or the database is lost where there is none, and the process is started again.
    pub(crate) async fn restore(&mut self, backup: Option<PathBuf>) {
        self.service.context.store().close().await;
        self.database.put_back(backup).await;
        self.restart().await;
    }

    /// A second installation on the same projects, with a database of its own.
    pub(crate) async fn twin(&self) -> Service {
        let mut config = self.config.clone();
        let (twin, store) = self.database.twin().await;
        config.store = store;
        self.twins.lock().unwrap().push(twin);
        let token = std::fs::read_to_string(self.path("maintainer.token")).unwrap();
        let gitlab = GitLab::new(
            self.transport.clone(),
            config.gitlab.url.clone(),
            Secret::new(token.trim().to_owned()),
        );
        let webhook_url = self.door().parse().unwrap();
        let wish = Wish { webhook_url, dry_run: false, clock: self.clock.clone() };
        set_up(&config, &gitlab, wish).await.unwrap();
        super::assemble(&config, &self.clock, &self.transport).await
    }

    /// Somebody else at the database.
    pub(crate) async fn sql(&self, statement: &str) {
        self.database.sql(statement).await;
    }

    /// What `countersign revoke` or `retry` leaves behind, carried out.
    pub(crate) async fn orders(&self, iid: i64, kind: OrderKind) {
        let order = NewOrder { key: Self::key(iid), kind, why: "because".to_owned(), by: "oda".to_owned() };
        self.service.context.store().give_order(order).await.unwrap();
        self.settle().await;
    }

    /// An admin makes a token by hand; its secret.
    pub(crate) async fn made_by_hand(&self, description: &str) -> String {
        let admin = &self.cast["instances"][0];
        let text = |name: &str| admin[name].as_str().unwrap().to_owned();
        let url = format!("{}/api/v2/api_tokens", text("url"));
        let login = format!("{}/token", text("admin_email"));
        let body = json!({"api_token": {"description": description}});
        let request = self.http.post(url).basic_auth(login, Some(text("admin_api_token"))).json(&body);
        let made: Value = request.send().await.unwrap().json().await.unwrap();
        made["api_token"]["token"].as_str().unwrap().to_owned()
    }

    /// Another program that logs in as we do makes a token.
    pub(crate) async fn made_by_our_login(&self, description: &str) {
        let secret = std::fs::read_to_string(self.path("zendesk-global.secret")).unwrap();
        let text = std::fs::read_to_string(self.path("countersign.toml")).unwrap();
        let client = text.split("client_id = \"").nth(1).unwrap().split('"').next().unwrap();
        let base = self.sandbox.zendesk_url("global");
        let login = json!({
            "grant_type": "client_credentials", "client_id": client, "client_secret": secret.trim(), "scope": "read write",
        });
        let request = self.http.post(format!("{base}/oauth/tokens")).json(&login);
        let login: Value = request.send().await.unwrap().json().await.unwrap();
        let bearer = login["access_token"].as_str().unwrap_or_else(|| panic!("no log-in: {login}"));
        let body = json!({"api_token": {"description": description}});
        let request = self.http.post(format!("{base}/api/v2/api_tokens")).bearer_auth(bearer).json(&body);
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// The process ends; webhooks find nobody.
    pub(crate) async fn goes_down(&mut self) {
        let door = std::mem::replace(&mut self.door, tokio::spawn(async {}));
        door.abort();
        let _ = door.await;
    }

    /// An admin takes a token away by hand.
    pub(crate) async fn deleted_by_hand(&self, id: &Value) {
        let admin = &self.cast["instances"][0];
        let text = |name: &str| admin[name].as_str().unwrap().to_owned();
        let url = format!("{}/api/v2/api_tokens/{id}", text("url"));
        let login = format!("{}/token", text("admin_email"));
        let off = self.http.put(&url).json(&json!({"api_token": {"active": false}}));
        let gone = self.http.delete(&url);
        for request in [off, gone] {
            let answer = request.basic_auth(&login, Some(text("admin_api_token"))).send().await.unwrap();
            assert!(answer.status().is_success());
        }
    }

    /// Our own comment is written over, with our own token, as another installation or a later state would.
    pub(crate) async fn comment_is_written_over(&self, iid: i64, body: &str) {
        let world = self.world();
        let notes = world["gitlab"]["notes"].as_object().unwrap().values();
        let ours = self.sealed_comment(iid).await;
        let note = notes.into_iter().find(|note| note["body"] == ours.as_str()).unwrap();
        let token = std::fs::read_to_string(self.path("gitlab.token")).unwrap();
        let url = format!(
            "{}/api/v4/projects/{PROJECT}/issues/{iid}/notes/{}",
            self.sandbox.gitlab_url(),
            note["id"]
        );
        let request = self.http.put(url).header("PRIVATE-TOKEN", token.trim()).json(&json!({"body": body}));
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// The entries of an issue's history of one kind.
    pub(crate) async fn entries(&self, iid: i64, kind: &str) -> Vec<Value> {
        let entries = self.service().context.store().history(Self::key(iid)).await.unwrap();
        let these = entries.into_iter().filter(|entry| entry.kind == kind);
        these.map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect()
    }
}

/// Something says that.
pub(crate) fn says(text: &(impl AsRef<str> + Debug), words: &str) {
    assert!(text.as_ref().contains(words), "{words:?} is not in {text:#?}");
}
