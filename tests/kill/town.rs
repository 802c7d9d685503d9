//! The processes: a sandbox that lives, and a service that is killed and started again on the same address.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use countersign::clock::{AdjustableClock, SystemRandomness};
use countersign::config::{Config, Environment};
use countersign::store::Store;
use reqwest::Client;
use serde_json::{Value, json};

use crate::chance::Chance;

/// How many times as fast time runs: a lease of a minute is over in a second.
const PACE: &str = "60";

pub(crate) struct Town {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) http: Client,
    pub(crate) people: Value,
    pub(crate) clock: Arc<AdjustableClock>,
    pub(crate) config: Config,
    pub(crate) sandbox: String,
    sandbox_process: Child,
    serve: Option<Child>,
    /// Where the service listens, ever since it first did.
    door: String,
}

pub(crate) fn countersign() -> Command {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
}

/// A process, and what it said when it was ready.
fn start(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    command.stdout(Stdio::piped()).stderr(log).spawn().unwrap()
}

async fn ready(child: &mut Child) -> String {
    let stdout = child.stdout.take().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map(|_| line)
    });
    let line = read.await.unwrap().unwrap();
    let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready, but: {line:?}"));
    said["listening"].as_str().unwrap().to_owned()
}

impl Town {
    /// Everything up, set up, and the service stopped again.
    pub(crate) async fn build(store: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let mut sandbox = countersign();
        sandbox.args(["sandbox", "--pace", PACE, "--listen", "127.0.0.1:0", "--home"]).arg(&home);
        let mut sandbox_process = start(&mut sandbox, &folder.path().join("sandbox.log"));
        let sandbox = ready(&mut sandbox_process).await;
        let file = home.join("countersign.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, adjusted(&text, store)).unwrap();
        let config = Config::load(&file, &Environment::from_pairs::<String, String>([])).unwrap();
        let people =
            serde_json::from_str(&std::fs::read_to_string(home.join("people.json")).unwrap()).unwrap();
        let (http, clock) = (Client::new(), AdjustableClock::paced(config.clock.pace.unwrap()));
        let door = "127.0.0.1:0".to_owned();
        let mut town =
            Self { folder, http, people, clock, config, sandbox, sandbox_process, serve: None, door };
        town.serve().await;
        let token = town.home("maintainer.token").display().to_string();
        let door = town.door();
        let set_up = town.command(&["setup", "--maintainer-token-file", &token, "--webhook-url", &door]);
        assert_eq!(set_up.status.code(), Some(0), "{}", String::from_utf8_lossy(&set_up.stderr));
        town.kill().await;
        town
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join("home").join(name)
    }

    /// The address of the webhook.
    pub(crate) fn door(&self) -> String {
        format!("http://{}/hooks/gitlab", self.door)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        self.prepared(arguments).output().unwrap()
    }

    pub(crate) fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = countersign();
        command.args(arguments).arg("--config").arg(self.home("countersign.toml"));
        command
    }

    /// Starts the service, and does not wait until it is ready.
    pub(crate) fn begin_to_serve(&mut self) {
        let mut serve = self.prepared(&["serve", "--listen", &self.door]);
        self.serve = Some(start(&mut serve, &self.folder.path().join("serve.log")));
    }

    pub(crate) async fn serve(&mut self) {
        self.begin_to_serve();
        let address = ready(self.serve.as_mut().unwrap()).await;
        address.trim_start_matches("http://").clone_into(&mut self.door);
    }

    /// SIGKILL, wherever it is.
    pub(crate) async fn kill(&mut self) {
        let mut serve = self.serve.take().unwrap();
        tokio::task::spawn_blocking(move || {
            serve.kill().unwrap();
            serve.wait().unwrap();
        })
        .await
        .unwrap();
    }

    /// One call that matters takes its time, or its answer is lost: more is killed in the middle of it.
    pub(crate) async fn make_trouble(&self, chance: &mut Chance) {
        let calls = [
            ("zendesk", "POST", "/api_tokens"),
            ("slack", "POST", "chat.postMessage"),
            ("zendesk", "DELETE", "/api_tokens/"),
        ];
        let effects = ["hang", "hang", "lose_answer", "status:503"];
        let ((vendor, method, path), effect) = (*chance.of(&calls).unwrap(), *chance.of(&effects).unwrap());
        let fault = json!({"vendor": vendor, "method": method, "path": path, "effect": effect, "seconds": 1});
        let url = format!("{}/control/faults", self.sandbox);
        assert!(self.http.post(url).json(&fault).send().await.unwrap().status().is_success());
    }

    /// The vendors are well again.
    pub(crate) async fn heal(&self) {
        let url = format!("{}/control/faults", self.sandbox);
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// Everything the vendors know.
    pub(crate) async fn world(&self) -> Value {
        let url = format!("{}/control/world", self.sandbox);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The database, opened beside or instead of the service.
    pub(crate) async fn store(&self) -> Store {
        let (clock, key) = (self.clock.clone(), self.config.audit.key.clone());
        Store::open(countersign::service::location(&self.config.store), clock, &SystemRandomness, key)
            .await
            .unwrap()
    }

    /// The tokens an admin sees at Zendesk Global, active ones alone.
    pub(crate) async fn live_tokens(&self) -> Vec<Value> {
        let instances = self.people["instances"].as_array().unwrap();
        let global = instances.iter().find(|instance| instance["key"] == "global").unwrap();
        let text = |name: &str| global[name].as_str().unwrap();
        let request = self.http.get(format!("{}/api/v2/api_tokens", text("url")));
        let login = format!("{}/token", text("admin_email"));
        let request = request.basic_auth(login, Some(text("admin_api_token")));
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        list["api_tokens"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|token| token["active"] == true)
            .cloned()
            .collect()
    }

    /// The story is over.
    pub(crate) async fn leave(mut self) {
        if self.serve.is_some() {
            self.kill().await;
        }
        let _ = self.sandbox_process.kill();
        let _ = self.sandbox_process.wait();
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in self.serve.iter_mut().chain([&mut self.sandbox_process]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A sweep every twenty minutes of their time is one every twenty seconds of ours.
fn adjusted(text: &str, store: Option<&str>) -> String {
    let text = text.replace("[gitlab]\n", "[gitlab]\nsweep_every = \"20m\"\n");
    let text = format!("[log]\nfilter = \"warn\"\n{text}");
    match store {
        Some(url) => text.replace("url = \"countersign.db\"", &format!("url = \"{url}\"")),
        None => text,
    }
}
