//! (e) and (g): the real program in a process of its own, idle and with 10,000 requests that wait; and a sweep of these.
//!
//! Sandbox and service are processes of their own; memory is what the kernel says is resident. The sweep runs in this
//! process on the service's database after the service was stopped, so that its calls are the only ones.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::clock::{SystemClock, SystemRandomness};
use countersign::config::{Config, Environment};
use countersign::reconcile::sweep;
use countersign::service::{Service, World};
use countersign::vendors::http::Transport;
use serde_json::{Value, json};

use crate::measure::{Figure, median, milliseconds};
use crate::stage::form;

const WAITING: usize = 10_000;
const STARTS: usize = 10;

pub(crate) fn measure() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(all())
}

async fn all() -> Vec<Figure> {
    let program = env!("CARGO_BIN_EXE_countersign");
    let size = std::fs::metadata(program).unwrap().len();
    let mut figures = vec![Figure::new("(g) size of the program", megabytes(size), "MB").at_most(25.0)];
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let sandbox = Running::start(
        &["sandbox", "--listen", "127.0.0.1:0", "--home", &home.display().to_string()],
        folder.path(),
    );
    let config = home.join("countersign.toml").display().to_string();
    // So that nothing but the first sweep, which begins at start, falls into what is measured.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[gitlab]\n", "[gitlab]\nsweep_every = \"12h\"\n")).unwrap();
    let serve = ["serve", "--config", &config, "--listen", "127.0.0.1:0"];
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let running = Running::start(&serve, folder.path());
        starts.push(milliseconds(began.elapsed()));
        drop(running);
    }
    figures.push(Figure::new("(g) start to ready", median(&starts), "ms").at_most(200.0).with(json!(starts)));
    let service = Running::start(&serve, folder.path());
    let door = format!("{}/hooks/gitlab", service.address);
    let token = home.join("maintainer.token").display().to_string();
    let set_up = ["setup", "--config", &config, "--maintainer-token-file", &token, "--webhook-url", &door];
    assert!(
        Command::new(program)
            .args(set_up)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    figures.push(Figure::new("(g) memory, idle", service.memory(), "MB").at_most(25.0));
    let began = Instant::now();
    open_all(&sandbox.address, &home).await;
    until_all_wait(&sandbox.address, &home).await;
    figures.push(Figure::new("    10,000 requests opened and answered", began.elapsed().as_secs_f64(), "s"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let detail = json!({"peak_mb": service.peak()});
    figures.push(
        Figure::new("(g) memory with 10,000 waiting", service.memory(), "MB").at_most(64.0).with(detail),
    );
    drop(service);
    figures.extend(swept(&config, &sandbox.address).await);
    figures
}

/// A sweep of what has not changed since it was looked at.
async fn swept(config: &str, sandbox: &str) -> Vec<Figure> {
    let config = Config::load(Path::new(config), &Environment::from_pairs::<String, String>([])).unwrap();
    let transport = Transport::over_network().unwrap();
    let world = World { clock: Arc::new(SystemClock), randomness: Arc::new(SystemRandomness), transport };
    let service = Service::assemble(&config, world).await.unwrap();
    // The first after all were opened: from the beginning, as at a start after a long time.
    let (mut times, mut lists, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let before = calls(sandbox).await.len();
        let began = Instant::now();
        sweep(&service.context, false).await;
        times.push(milliseconds(began.elapsed()));
        let all = calls(sandbox).await;
        let (its, not): (Vec<&Value>, Vec<&Value>) = all[before..]
            .iter()
            .partition(|call| call["path"].as_str().unwrap().ends_with("/projects/42/issues"));
        lists.push(its.len());
        others.push(not.len());
    }
    let detail = json!({"lists": lists, "other_calls": others, "ms": times});
    let count = |numbers: &[usize]| f64::from(u32::try_from(numbers.iter().copied().max().unwrap()).unwrap());
    vec![
        Figure::new("(e) lists of a sweep of 10,000 unchanged", count(&lists), "calls")
            .at_most(100.0)
            .with(detail),
        Figure::new("(e) other calls of it", count(&others), "calls").at_most(0.0),
        Figure::new("(e) time of it", median(&times), "ms"),
    ]
}

async fn calls(sandbox: &str) -> Vec<Value> {
    let answer = reqwest::get(format!("{sandbox}/control/calls")).await.unwrap();
    answer.json::<Value>().await.unwrap()["calls"].as_array().unwrap().clone()
}

fn requester(home: &Path) -> String {
    let people: Value =
        serde_json::from_str(&std::fs::read_to_string(home.join("people.json")).unwrap()).unwrap();
    let people = people["people"].as_array().unwrap();
    people.iter().find(|one| one["role"] == "requester").unwrap()["gitlab_token"].as_str().unwrap().to_owned()
}

async fn open_all(sandbox: &str, home: &Path) {
    let (http, token) = (reqwest::Client::new(), requester(home));
    let url = format!("{sandbox}/gitlab/api/v4/projects/42/issues");
    let body = json!({"title": "API access", "description": form()});
    for _ in 0..WAITING {
        let request = http.post(&url).header("PRIVATE-TOKEN", &token).json(&body);
        assert!(request.send().await.unwrap().status().is_success());
    }
}

/// All have their comment: as many have been written as issues were opened.
async fn until_all_wait(sandbox: &str, home: &Path) {
    let database = format!("sqlite://{}?mode=ro", home.join("countersign.db").display());
    loop {
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&database).await.unwrap();
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM requests WHERE phase = 'awaiting_manager' AND lease_owner IS NULL AND record LIKE '%\"note\":{%'",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        if waiting >= i64::try_from(WAITING).unwrap() {
            return;
        }
        assert!(reqwest::get(format!("{sandbox}/control/clock")).await.unwrap().status().is_success());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let bytes = bytes as f64;
    bytes / 1_000_000.0
}

/// A process that said where it listens.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        Self { child, address: said["listening"].as_str().unwrap().to_owned() }
    }

    /// Resident, in megabytes, as the kernel counts it.
    fn memory(&self) -> f64 {
        self.status("VmRSS:")
    }

    fn peak(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        megabytes(kilobytes * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
