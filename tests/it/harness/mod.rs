//! A house with everything in it: sandbox, service, people, and a clock that stands still until it is moved.
//!
//! Webhooks arrive over HTTP; the worker's step is driven by hand (`settle`), so no test sleeps. At its end each
//! story is left with `leave`, which looks for every secret ever minted where none may be.

pub(crate) mod database;
mod gate;
mod hands;
mod log;
mod oauth;
mod people;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use countersign::cli::setup::{Wish, set_up};
use countersign::clock::{AdjustableClock, Clock as _, SystemRandomness};
use countersign::config::{Config, Environment};
use countersign::domain::comment::unsealed;
use countersign::domain::ids::{IssueKey, ProjectId};
use countersign::reconcile::{Step, Worker, inspect, sweep};
use countersign::sandbox::{Options, Sandbox, home};
use countersign::secret::Secret;
use countersign::service::{Service, World};
use countersign::vendors::gitlab::GitLab;
use countersign::vendors::http::Transport;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::contracts::contracts;
pub(crate) use database::Database;

pub(crate) use gate::Gate;
pub(crate) use hands::says;
pub(crate) use people::Form;

/// When every story begins.
pub(crate) const MORNING: &str = "2026-12-01T09:00:00Z";

/// The project that is watched.
pub(crate) const PROJECT: i64 = 42;

/// The sandbox's id of the OAuth client that countersign itself logs in with.
const OWN_CLIENT: i64 = 8001;

pub(crate) struct House {
    pub(crate) clock: Arc<AdjustableClock>,
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: tempfile::TempDir,
    /// Boxed, like whatever would make every story's future large.
    pub(crate) config: Box<Config>,
    pub(crate) http: reqwest::Client,
    pub(crate) cast: Value,
    transport: Transport,
    listener: std::net::SocketAddr,
    door: JoinHandle<()>,
    service: Service,
    worker: Worker,
    log_begins: usize,
    pub(crate) database: Database,
    twins: std::sync::Mutex<Vec<Database>>,
    /// What our client and the vendors said to each other, where it is to be compared with their contracts.
    exchanges: Arc<Mutex<Vec<Value>>>,
}

impl House {
    /// Everything up and set up.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// Everything up and set up, with a changed configuration.
    pub(crate) async fn open_with(adjust: impl FnOnce(&mut String)) -> Self {
        let house = Self::before_setup(adjust).await;
        house.set_up().await;
        house.service.watch().await.unwrap();
        house
    }

    /// Everything up and set up, with calls that may take no longer than this, in real time.
    pub(crate) async fn impatient(patience: std::time::Duration) -> Self {
        let transport = Transport::over_network_patient_for(patience).unwrap();
        let house = Self::before_setup_over(|_| {}, transport).await;
        house.set_up().await;
        house.service.watch().await.unwrap();
        house
    }

    /// Everything up and set up, on another morning.
    pub(crate) async fn open_at(morning: &str) -> Self {
        Self::open_at_with(morning, |_| {}).await
    }

    /// The same with a changed configuration.
    pub(crate) async fn open_at_with(morning: &str, adjust: impl FnOnce(&mut String)) -> Self {
        let transport = Transport::over_network().unwrap();
        let house = Self::begin(adjust, transport, morning).await;
        house.set_up().await;
        house.service.watch().await.unwrap();
        house
    }

    /// Everything up and set up, with a gate on the service's way to the vendors.
    pub(crate) async fn behind(gate: &Gate) -> Self {
        let house = Self::before_setup_over(|_| {}, Transport::in_process(gate.router())).await;
        house.set_up().await;
        house.service.watch().await.unwrap();
        house
    }

    /// Everything up, and nothing set up in GitLab.
    pub(crate) async fn before_setup(adjust: impl FnOnce(&mut String)) -> Self {
        Self::before_setup_over(adjust, Transport::over_network().unwrap()).await
    }

    async fn before_setup_over(adjust: impl FnOnce(&mut String), transport: Transport) -> Self {
        Self::begin(adjust, transport, MORNING).await
    }

    async fn begin(adjust: impl FnOnce(&mut String), transport: Transport, morning: &str) -> Self {
        let log_begins = log::capture();
        let clock = AdjustableClock::frozen(morning.parse::<Timestamp>().unwrap());
        let randomness = Arc::new(SystemRandomness);
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options { listen, clock: clock.clone(), randomness: randomness.clone() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let exchanges: Arc<Mutex<Vec<Value>>> = Arc::default();
        if contracts().is_some() {
            let kept = Arc::clone(&exchanges);
            sandbox.record(move |exchange| kept.lock().unwrap().push(exchange));
        }
        let folder = tempfile::tempdir().unwrap();
        home::write(&sandbox, folder.path()).unwrap();
        let file = folder.path().join("countersign.toml");
        let mut text = std::fs::read_to_string(&file).unwrap();
        let database = Database::fresh(folder.path()).await;
        text = text.replace("url = \"countersign.db\"", &format!("url = \"{}\"", database.url()));
        adjust(&mut text);
        std::fs::write(&file, text).unwrap();
        let config = Box::new(load(&file));
        let service = assemble(&config, &clock, &transport).await;
        let (listener, door) = serve(&service, listen).await;
        let worker = Worker::new(Arc::clone(&service.context));
        let cast = sandbox.people();
        let http = reqwest::Client::new();
        Self {
            clock,
            sandbox,
            folder,
            config,
            http,
            cast,
            transport,
            listener,
            door,
            service,
            worker,
            log_begins,
            database,
            twins: std::sync::Mutex::default(),
            exchanges,
        }
    }

    /// What `countersign setup` does. What it said.
    pub(crate) async fn set_up(&self) -> Vec<String> {
        let token = std::fs::read_to_string(self.path("maintainer.token")).unwrap();
        let token = Secret::new(token.trim().to_owned());
        let gitlab = GitLab::new(self.transport.clone(), self.config.gitlab.url.clone(), token);
        let webhook_url = format!("http://{}/hooks/gitlab", self.listener).parse().unwrap();
        let wish = Wish { webhook_url, dry_run: false, clock: self.clock.clone() };
        set_up(&self.config, &gitlab, wish).await.unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of the webhook door.
    pub(crate) fn door(&self) -> String {
        format!("http://{}/hooks/gitlab", self.listener)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn key(iid: i64) -> IssueKey {
        IssueKey { project: ProjectId(PROJECT), iid }
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Lets all webhooks arrive and all that is due be looked at, until nothing is left to do.
    pub(crate) async fn settle(&self) {
        for _ in 0..50 {
            self.sandbox.deliveries_settled().await;
            if self.worker.step().await.unwrap() == Step::Idle {
                return;
            }
        }
        panic!("the service does not come to rest");
    }

    /// One look at this issue, whether or not anything woke the worker.
    pub(crate) async fn look(&self, iid: i64) {
        self.worker.step_on(Self::key(iid)).await.unwrap();
    }

    /// A sweep with its look at labels and webhooks, and whatever follows from it.
    pub(crate) async fn sweep(&self) {
        inspect(&self.service.context).await;
        sweep(&self.service.context, false).await;
        self.settle().await;
    }

    /// Time passes, and whatever is due then happens.
    pub(crate) async fn later(&self, time: SignedDuration) {
        self.clock.advance(time);
        self.settle().await;
    }

    /// The process is killed and started again: all that was only in memory is gone.
    pub(crate) async fn restart(&mut self) {
        self.door.abort();
        let _ = (&mut self.door).await;
        *self.config = load(&self.path("countersign.toml"));
        // A lease of the killed process runs out first.
        self.clock.advance(SignedDuration::from_mins(6));
        self.service = assemble(&self.config, &self.clock, &self.transport).await;
        let (listener, door) = serve(&self.service, self.listener).await;
        (self.listener, self.door) = (listener, door);
        self.worker = Worker::new(Arc::clone(&self.service.context));
        self.service.context.store().mark_all_unfinished().await.unwrap();
    }

    /// Something goes wrong at a vendor from now on.
    pub(crate) async fn fault(&self, fault: Value) {
        self.control("faults", fault).await;
    }

    /// All is well again.
    pub(crate) async fn heal(&self) {
        let url = format!("{}/control/faults", self.sandbox.base_url());
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// The control face of the sandbox.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/control/{path}", self.sandbox.base_url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "/control/{path} answered {status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// What was said so far; nothing where there are no contracts to compare with.
    pub(crate) fn exchanges(&self) -> Vec<Value> {
        self.exchanges.lock().unwrap().clone()
    }

    /// What was logged since the story began, by those told at the same time as well.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8_lossy(&log::captured(self.log_begins)).into_owned()
    }

    /// Everything the vendors know.
    pub(crate) fn world(&self) -> Value {
        self.sandbox.world().lock().unwrap().dump()
    }

    /// Every secret ever minted, at any instance, except the ones the sandbox began with.
    fn ever_minted(&self) -> Vec<String> {
        let world = self.world();
        let accounts = world["zendesk"].as_object().unwrap().values();
        let minted = accounts.flat_map(|account| account["ever_minted"].as_array().unwrap());
        minted.map(|secret| secret.as_str().unwrap().to_owned()).collect()
    }

    /// The same without the access tokens of countersign's own login.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let world = self.world();
        let accounts = world["zendesk"].as_object().unwrap().values();
        let bearers = accounts.flat_map(|account| account["bearers"].as_object().unwrap().values());
        let own: Vec<&Value> =
            bearers.filter(|one| one["client_id"] == OWN_CLIENT).map(|one| &one["token"]).collect();
        self.ever_minted().into_iter().filter(|secret| !own.iter().any(|one| *one == secret)).collect()
    }

    /// The story is over: nothing is left to do, the chain is whole, every call fits the vendors' contracts, and no
    /// secret is where none may be.
    pub(crate) async fn leave(self) {
        self.settle().await;
        let store = self.service.context.store();
        store.verify().await.unwrap();
        store.close().await;
        self.door.abort();
        if let Some(contracts) = contracts() {
            let faults = contracts.faults_of(&self.exchanges());
            assert!(faults.is_empty(), "calls do not fit the vendors' contracts: {faults:#?}");
        }
        let mut haystacks = vec![("log".to_owned(), log::captured(self.log_begins))];
        let twins = std::mem::take(&mut *self.twins.lock().unwrap());
        for database in twins.iter().chain([&self.database]) {
            haystacks.extend(database.contents().await);
            database.remove().await;
        }
        haystacks.push(("notes".to_owned(), self.world()["gitlab"].to_string().into_bytes()));
        let secrets = self.ever_minted();
        for (place, content) in haystacks {
            let text = String::from_utf8_lossy(&content);
            assert!(!secrets.iter().any(|secret| text.contains(secret)), "a minted secret is in {place}");
        }
        self.sandbox.stop().await;
    }
}

fn load(file: &std::path::Path) -> Config {
    Config::load(file, &Environment::from_pairs::<String, String>([])).unwrap()
}

async fn assemble(config: &Config, clock: &Arc<AdjustableClock>, transport: &Transport) -> Service {
    let world =
        World { clock: clock.clone(), randomness: Arc::new(SystemRandomness), transport: transport.clone() };
    Service::assemble(config, world).await.unwrap()
}

async fn serve(service: &Service, address: std::net::SocketAddr) -> (std::net::SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = countersign::web::router(service.door.clone());
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

/// A comment without its seal and without what differs from run to run.
pub(crate) fn readable(comment: &str, house: &House) -> String {
    let text = unsealed(comment).replace(&house.sandbox.base_url(), "http://sandbox");
    let mut parts = text.split("(terms `");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (digest, rest) = part.split_once('`').unwrap();
        assert_eq!(digest.len(), 12, "a digest is shown by its first twelve digits");
        out.push_str("(terms `…`");
        out.push_str(rest);
    }
    out
}

/// A fault at Zendesk's creation of tokens.
pub(crate) fn at_creation(effect: &str) -> Value {
    json!({"vendor": "zendesk", "method": "POST", "path": "api_tokens", "effect": effect})
}

/// A fault at Slack's sending of messages.
pub(crate) fn at_sending(effect: &str) -> Value {
    json!({"vendor": "slack", "method": "POST", "path": "chat.postMessage", "effect": effect})
}
