//! People who open, approve, edit, withdraw and revoke, over HTTP and the command line, whoever serves or not.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::clock::{AdjustableClock, Clock as _};
use jiff::SignedDuration;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::town::Town;

/// Requests that are on their way at the same time.
const AT_ONCE: usize = 8;

/// What they did.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    /// Numbers of the issues they opened.
    pub(crate) opened: Vec<i64>,
    /// Those under way.
    under_way: Vec<i64>,
    /// Those whose requester was told to have it revoked.
    to_revoke: Vec<i64>,
    /// `countersign revoke` under way.
    revoking: Vec<Child>,
}

pub(crate) struct People {
    pub(crate) deeds: Arc<Mutex<Deeds>>,
    chance: Arc<Mutex<Chance>>,
    acting: Option<JoinHandle<()>>,
}

impl People {
    pub(crate) fn begin(town: &Town, chance: Chance) -> Self {
        let mut people = Self { deeds: Arc::default(), chance: Arc::new(Mutex::new(chance)), acting: None };
        people.go_on(town);
        people
    }

    pub(crate) fn go_on(&mut self, town: &Town) {
        let crowd = Crowd {
            http: town.http.clone(),
            base: format!("{}/gitlab/api/v4/projects/42", town.sandbox),
            cast: town.people.clone(),
            clock: town.clock.clone(),
            config: town.home("countersign.toml").display().to_string(),
        };
        let (deeds, chance) = (Arc::clone(&self.deeds), Arc::clone(&self.chance));
        self.acting = Some(tokio::spawn(async move {
            loop {
                let mut luck = chance.lock().unwrap().fork();
                crowd.act(&deeds, &mut luck).await;
                tokio::time::sleep(Duration::from_millis(luck.between(5, 60))).await;
            }
        }));
    }

    /// All go home; commands that were given are waited for.
    pub(crate) async fn rest(&mut self) {
        if let Some(acting) = self.acting.take() {
            acting.abort();
            let _ = acting.await;
        }
        let revoking = std::mem::take(&mut self.deeds.lock().unwrap().revoking);
        for mut child in revoking {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[derive(Clone)]
struct Crowd {
    http: Client,
    base: String,
    cast: Value,
    clock: Arc<AdjustableClock>,
    config: String,
}

impl Crowd {
    async fn act(&self, deeds: &Mutex<Deeds>, luck: &mut Chance) {
        let under_way = deeds.lock().unwrap().under_way.clone();
        if under_way.len() < AT_ONCE && (under_way.is_empty() || luck.one_in(3)) {
            let form = self.form("Export solved tickets every night.");
            let body = json!({"title": "API access", "description": form});
            if let Some(issue) = self.call("requester", (Method::POST, "issues"), body).await {
                let iid = issue["iid"].as_i64().unwrap();
                let mut deeds = deeds.lock().unwrap();
                deeds.opened.push(iid);
                deeds.under_way.push(iid);
            }
            return;
        }
        let Some(iid) = luck.of(&under_way).copied() else { return };
        self.go_on_with(iid, deeds, luck).await;
    }

    /// Looks at the comment as a person does, and does what it asks for, or something else.
    async fn go_on_with(&self, iid: i64, deeds: &Mutex<Deeds>, luck: &mut Chance) {
        let comment = self.comment(iid).await;
        let says = |words: &str| comment.contains(words);
        let done = |deeds: &Mutex<Deeds>| deeds.lock().unwrap().under_way.retain(|one| *one != iid);
        if says("Waiting for the manager") || says("Waiting for the provisioner") {
            let role = if says("Waiting for the manager") { "manager" } else { "provisioner" };
            let whim = luck.between(1, 40);
            match whim {
                1 => {
                    let form = self.form("Something longer.");
                    self.change("requester", iid, json!({"description": form})).await;
                }

                2 => self.change("requester", iid, json!({"state_event": "close"})).await,
                3 => self.change("provisioner", iid, json!({"add_labels": "provisioner-approved"})).await,
                4 => self.change("requester", iid, json!({"add_labels": "manager-approved"})).await,
                _ => self.change(role, iid, json!({"add_labels": format!("{role}-approved")})).await,
            }
        } else if says("Access request: Active") {
            if luck.one_in(4) {
                self.revoke(iid, deeds);
            }
            done(deeds);
        } else if says("Withdrawn") && luck.one_in(2) {
            self.change("requester", iid, json!({"state_event": "reopen"})).await;
        } else if says("Access request: Withdrawn") || says("Access request: Denied") || says("Blocked") {
            done(deeds);
        }
    }

    fn revoke(&self, iid: i64, deeds: &Mutex<Deeds>) {
        let mut command = crate::town::countersign();
        let issue = format!("42#{iid}");
        command.args(["revoke", &issue, "--why", "no longer needed", "--config", &self.config]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut deeds = deeds.lock().unwrap();
        deeds.to_revoke.push(iid);
        deeds.revoking.push(child);
    }

    async fn comment(&self, iid: i64) -> String {
        let path = format!("issues/{iid}/notes?per_page=100");
        let notes = self.call("owner", (Method::GET, &path), Value::Null).await.unwrap_or_default();
        let bodies = notes.as_array().into_iter().flatten().filter_map(|note| note["body"].as_str());
        bodies.filter(|body| body.contains("Access request:")).collect::<Vec<_>>().join("\n")
    }

    async fn change(&self, role: &str, iid: i64, change: Value) {
        self.call(role, (Method::PUT, &format!("issues/{iid}")), change).await;
    }

    async fn call(&self, role: &str, (method, path): (Method, &str), body: Value) -> Option<Value> {
        let person = self.cast["people"].as_array().unwrap().iter().find(|one| one["role"] == role).unwrap();
        let request = self.http.request(method, format!("{}/{path}", self.base));
        let mut request = request.header("PRIVATE-TOKEN", person["gitlab_token"].as_str().unwrap());
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    fn form(&self, purpose: &str) -> String {
        let day = (self.clock.now() + SignedDuration::from_hours(24 * 60)).to_string();
        let day = day.split('T').next().unwrap();
        format!(
            "<!-- countersign: API_Token_Request -->\n\n### Zendesk instance\n\n- [x] Zendesk Global\n\n\
             ### Kind of credential\n\n- [x] API token\n\n### Business purpose\n\n{purpose}\n\n\
             ### Why admin access is needed\n\nThe export reads tickets of all groups.\n\n### Remove on\n\n{day}\n"
        )
    }
}
