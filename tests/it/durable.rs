//! What is acknowledged is durable: a disk that is full, a file that is gone, and what happens then and afterwards.

use std::process::Command;
use std::time::Duration;

use countersign::domain::snapshot::OrderKind;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde_json::{Value, json};

use super::black_box::{Running, Spoken, countersign, filled_in};
use crate::harness::House;

impl House {
    /// The last answers that our door gave to webhooks, oldest first.
    fn answered(&self) -> Vec<String> {
        let world = self.world();
        let deliveries = world["gitlab"]["deliveries"].as_object().unwrap().values();
        let mut all: Vec<_> =
            deliveries.map(|one| (one["id"].as_u64(), one["response_status"].clone())).collect();
        all.sort_by_key(|one| one.0);
        all.into_iter().map(|one| one.1.as_str().unwrap().to_owned()).collect()
    }

    async fn is_ready(&self) -> bool {
        let url = self.door().replace("/hooks/gitlab", "/readyz");
        self.http.get(url).send().await.unwrap().status().is_success()
    }
}

#[tokio::test]
async fn a_database_that_is_gone_takes_no_webhook_and_issues_nothing_and_ends_what_is_due() {
    let mut house = House::open().await;
    let alive = house.approved().await;
    let iid = house.approved_unseen().await;
    house.database.goes_away().await;
    assert!(!house.is_ready().await);
    house.changes("requester", iid, json!({"title": "Please"})).await;
    house.sandbox.deliveries_settled().await;
    assert_eq!(house.answered().last().unwrap(), "503", "what cannot be kept is not acknowledged");
    house.try_step().await.unwrap_err();
    assert_eq!(house.creations(), 1, "nothing is issued");
    house.clock.advance("2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap().duration_since(house.now()));
    house.try_step().await.unwrap_err();
    if house.database.looks_like_itself().await {
        // An open file is read on, so what is due is known. Another file in its place is not ours either.
        house.all_is_dead().await;
        house.try_step().await.unwrap_err();
        assert!(!house.is_ready().await);
    } else {
        // Nobody can say what is due without its memory; the moment that is back, it ends.
        assert_eq!(house.alive().len(), 1);
    }
    house.database.comes_back().await;
    assert!(house.is_ready().await, "it is back, and nothing was lost");
    house.restart().await;
    house.settle().await;
    house.all_is_dead().await;
    assert_eq!(house.phase(alive).await, "ended");
    house.leave().await;
}

/// Nothing at all can be written: as a full disk, a read-only file system and a broken one have it.
#[tokio::test]
async fn a_database_that_cannot_be_written_takes_no_webhook_and_goes_on_by_itself() {
    let house = House::open().await;
    let alive = house.approved().await;
    let iid = house.approved_unseen().await;
    house.orders(alive, OrderKind::Revoke).await;
    let other = house.approved().await;
    for (name, when) in [("no_update", "UPDATE"), ("no_insert", "INSERT")] {
        let event = format!("BEFORE {when} ON requests");
        house.database.trigger(name, (&event, "TRUE"), house.database.refusal()).await;
    }
    house.changes("requester", other, json!({"title": "Please"})).await;
    house.sandbox.deliveries_settled().await;
    assert_eq!(house.answered().last().unwrap(), "503");
    house.clock.advance("2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap().duration_since(house.now()));
    house.try_step().await.unwrap_err();
    house.all_is_dead().await;
    for name in ["no_update", "no_insert"] {
        house.database.no_trigger(name).await;
    }
    house.later(SignedDuration::from_mins(6)).await;
    assert_eq!(house.phase(other).await, "ended", "written down when it works again");
    assert_ne!(house.phase(iid).await, "issuing");
    house.leave().await;
}

const BOUND: Duration = Duration::from_mins(1);

/// The program in a process of its own, whose files the system refuses to let grow.
struct Full {
    /// Before the folder that it is in.
    _spoken: Spoken,
    folder: tempfile::TempDir,
    sandbox: Running,
    serve: Running,
    http: Client,
}

impl Full {
    /// None where the system cannot do that.
    fn build() -> Option<Self> {
        if !Command::new("prlimit").arg("--version").output().is_ok_and(|done| done.status.success()) {
            assert!(std::env::var_os("COUNTERSIGN_REQUIRE_REAL").is_none(), "prlimit is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let mut sandbox = countersign();
        sandbox.args(["sandbox", "--listen", "127.0.0.1:0", "--home"]).arg(&home);
        let spoken = Spoken::of(&mut sandbox, folder.path());
        let sandbox = Running::start(&mut sandbox, &folder.path().join("sandbox.log"));
        let file = home.join("countersign.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("[gitlab]\n", "[gitlab]\nsweep_every = \"1s\"\n")).unwrap();
        // A write beyond the limit is an error and not the end of the process.
        let mut serve = Command::new("sh");
        serve.args([
            "-c",
            "trap '' XFSZ; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_countersign"),
            "serve",
            "--config",
        ]);
        serve.arg(&file).args(["--listen", "127.0.0.1:0"]);
        let serve = Running::start(&mut serve, &folder.path().join("serve.log"));
        let full = Self { _spoken: spoken, folder, sandbox, serve, http: Client::new() };
        full.set_up();
        Some(full)
    }

    fn home(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("home").join(name)
    }

    fn set_up(&self) {
        let mut setup = countersign();
        setup.args(["setup", "--maintainer-token-file"]).arg(self.home("maintainer.token"));
        setup.args(["--webhook-url", &format!("{}/hooks/gitlab", self.serve.address), "--config"]);
        assert!(setup.arg(self.home("countersign.toml")).output().unwrap().status.success());
    }

    fn limit(&self, size: &str) {
        let limit = format!("--fsize={size}:unlimited");
        let done = Command::new("prlimit").args(["--pid", &self.serve.id().to_string(), &limit]).output();
        assert!(done.unwrap().status.success());
    }

    async fn opens(&self) -> i64 {
        let people: Value =
            serde_json::from_slice(&std::fs::read(self.home("people.json")).unwrap()).unwrap();
        let requester = people["people"].as_array().unwrap().iter().find(|one| one["role"] == "requester");
        let token = requester.unwrap()["gitlab_token"].as_str().unwrap().to_owned();
        let url = format!("{}/gitlab/api/v4/projects/42/issues", self.sandbox.address);
        let body = json!({"title": "API access", "description": filled_in()});
        let issue: Value = self
            .http
            .post(url)
            .header("PRIVATE-TOKEN", token)
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        issue["iid"].as_i64().unwrap()
    }

    async fn world(&self) -> Value {
        let url = format!("{}/control/world", self.sandbox.address);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Asks for the sandbox's world again and again until it is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let asking = async {
            while !is_so(&self.world().await) {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(BOUND, asking).await.is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap();
            panic!("never: {what}; the log ends with {:#?}", log.lines().rev().take(15).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_full_takes_no_webhook_and_when_there_is_room_it_goes_on_by_itself() {
    // About the file, so it is told on SQLite in either binary; a full disk under PostgreSQL is its server's matter.
    let Some(full) = Full::build() else { return };
    let first = full.opens().await;
    let comments = |world: &Value| {
        let notes = world["gitlab"]["notes"].as_object().unwrap().values();
        notes.filter(|note| note["body"].as_str().unwrap().contains("Access request:")).count()
    };
    full.until("the first request gets its comment", |world| comments(world) == 1).await;
    let log = std::fs::metadata(full.home("countersign.db-wal")).unwrap().len();
    full.limit(&log.to_string());
    let second = full.opens().await;
    assert_ne!(first, second);
    let refused = |world: &Value| {
        let deliveries = world["gitlab"]["deliveries"].as_object().unwrap();
        deliveries.values().any(|delivery| delivery["response_status"] == "503")
    };
    full.until("the webhook is refused", refused).await;
    assert_eq!(comments(&full.world().await), 1, "nothing is done that cannot be written down");
    full.limit("unlimited");
    full.until("the sweep finds what was refused", |world| comments(world) == 2).await;
}
