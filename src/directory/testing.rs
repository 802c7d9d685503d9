//! What the tests of the sources share: a GitLab of a few lines, and pins that are held in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Parts, Pin, Pinning, Pins, PinsUnavailable};
use crate::clock::AdjustableClock;
use crate::domain::ids::UserId;
use crate::secret::Secret;
use crate::vendors::gitlab::GitLab;
use crate::vendors::http::Transport;
use crate::vendors::testing::{Log, answer, json as json_answer, vendor};

/// GitLab's part of a test's world. What is changed here is seen by the next question.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) users: BTreeMap<i64, String>,
    pub(super) protected: bool,
    pub(super) developers_can_push: bool,
    pub(super) commit: String,
    pub(super) file: Option<String>,
    pub(super) up: bool,
}

#[derive(Debug, Default)]
struct Remembered(Mutex<Vec<Pin>>);

#[async_trait]
impl Pins for Remembered {
    async fn pin(&self, pin: &Pin) -> Result<Pinning, PinsUnavailable> {
        let mut pins = self.0.lock().unwrap();
        let same =
            |one: &&Pin| one.username == pin.username || (one.source, &one.key) == (pin.source, &pin.key);
        if let Some(other) = pins.iter().filter(same).find(|one| one.id != pin.id) {
            return Ok(Pinning::Was(other.id));
        }
        pins.push(pin.clone());
        Ok(Pinning::Holds)
    }
}

pub(super) struct Bench {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) log: Log,
    pub(super) clock: Arc<AdjustableClock>,
    pub(super) parts: Parts,
}

impl Bench {
    /// Robin is 101, Kim 102, Oda 107.
    pub(super) fn new() -> Self {
        let users = [(101, "robin"), (102, "kim"), (107, "oda")];
        let world = Arc::new(Mutex::new(World {
            users: users.map(|(id, name)| (id, name.to_owned())).into(),
            protected: true,
            developers_can_push: false,
            commit: "a".repeat(40),
            file: None,
            up: true,
        }));
        let seen = Arc::clone(&world);
        let (router, log) = vendor(move |line| reply(&seen.lock().unwrap(), line));
        let base = "https://host.example".parse().unwrap();
        let gitlab = GitLab::new(Transport::in_process(router), base, Secret::new("glpat-1".to_owned()));
        let clock = AdjustableClock::frozen(Timestamp::from_second(1_800_000_000).unwrap());
        let parts = Parts {
            gitlab,
            pins: Arc::new(Remembered::default()),
            clock: clock.clone(),
            cache_for: SignedDuration::from_mins(5),
        };
        Self { world, log, clock, parts }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    /// The account is taken away from its name, and somebody new takes the name.
    pub(super) fn hand_over(&self, name: &str, to: i64) {
        self.change(|world| {
            world.users.retain(|_, one| one != name);
            world.users.insert(to, name.to_owned());
        });
    }
}

pub(super) fn id(number: i64) -> UserId {
    UserId(number)
}

fn reply(world: &World, line: &str) -> Response<Bytes> {
    let path = line.strip_prefix("GET /api/v4/").unwrap_or_default();
    if !world.up {
        return answer(500, &[], "");
    }
    let user = |(id, name): (&i64, &String)| json!({"id": id, "username": name, "state": "active"});
    if let Some(name) = path.strip_prefix("users?username=") {
        let found = world.users.iter().filter(|(_, one)| one.eq_ignore_ascii_case(name));
        return json_answer(&found.map(user).collect());
    }
    if let Some(id) = path.strip_prefix("users/") {
        let found = world.users.get_key_value(&id.parse().unwrap());
        return found.map_or_else(|| answer(404, &[], "{}"), |found| json_answer(&user(found)));
    }
    if path == "projects/7/repository/branches/main" {
        return json_answer(&json!({
            "name": "main", "protected": world.protected, "commit": {"id": world.commit},
            "developers_can_push": world.developers_can_push, "developers_can_merge": true,
        }));
    }
    let raw = format!("projects/7/repository/files/data%2Fteam%2Eyml/raw?ref={}", world.commit);
    match &world.file {
        Some(file) if path == raw || path == raw.replace("%2E", ".") => answer(200, &[], file),
        _ => answer(404, &[], "{}"),
    }
}
