//! What must hold: after each kill, and once the service was left alone for as long as it needs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use countersign::domain::record::{Attempt, AttemptState};
use countersign::store::{Store, StoredRequest};
use serde::Serialize;
use serde_json::Value;

use crate::herald::Herald;
use crate::people::People;
use crate::town::Town;

/// How long healing may take: unanswered calls are looked for over some minutes, and theirs are seconds here.
const HEALING: Duration = Duration::from_mins(3);

/// What there was to lose.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Count {
    pub(crate) kills: u64,
    opened: usize,
    acknowledged: usize,
    minted: usize,
    messages: usize,
    active: usize,
    ended: usize,
    /// Attempts that a kill or a fault spoilt.
    spoilt: usize,
}

impl Count {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.opened += other.opened;
        self.acknowledged += other.acknowledged;
        self.minted += other.minted;
        self.messages += other.messages;
        self.active += other.active;
        self.ended += other.ended;
        self.spoilt += other.spoilt;
    }

    /// Whether too little happened for it to prove anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.acknowledged == 0 || self.active == 0 || self.minted == 0
    }
}

/// What was acknowledged is there, and no request has two live credentials, not even for a moment.
pub(crate) async fn after_a_kill(town: &Town, herald: &Herald) -> Result<(), String> {
    let mut names = BTreeMap::new();
    for token in town.live_tokens().await {
        *names.entry(token["description"].to_string()).or_insert(0) += 1;
    }
    if let Some((name, count)) = names.iter().find(|(name, count)| name.contains("/issues/") && **count > 1) {
        return Err(format!("{count} live credentials are called {name}"));
    }
    let store = town.store().await;
    for key in herald.acknowledged() {
        if store.request(key).await.unwrap().is_none() {
            return Err(format!("the webhook about {key} was acknowledged, and is not there"));
        }
    }
    store.close().await;
    Ok(())
}

/// Waits until everything is as it should be, or says what is not.
pub(crate) async fn until_all_is_well(town: &Town, people: &People) -> Result<(), String> {
    let began = Instant::now();
    let store = town.store().await;
    let result = loop {
        match all_is_well(town, people, &store).await {
            Ok(()) => break Ok(()),
            Err(why) if began.elapsed() > HEALING => break Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    };
    if result.is_ok() {
        store.verify().await.map_err(|error| format!("the chain: {error}"))?;
    }
    store.close().await;
    result
}

async fn all_is_well(town: &Town, people: &People, store: &Store) -> Result<(), String> {
    let opened = people.deeds.lock().unwrap().opened.clone();
    let requests: BTreeMap<i64, StoredRequest> =
        store.requests().await.unwrap().into_iter().map(|row| (row.key.iid, row)).collect();
    let (world, live) = (town.world().await, town.live_tokens().await);
    let live: Vec<&Value> =
        live.iter().filter(|token| token["description"].to_string().contains("/issues/")).collect();
    let mut active = 0;
    for iid in opened {
        let row = requests.get(&iid).ok_or_else(|| format!("issue {iid} was never seen"))?;
        let attempts = store.attempts(row.key).await.unwrap();
        settled(row, &attempts)?;
        one_comment(&world, iid)?;
        if is_approved(&world, iid) && row.phase == "blocked" {
            // Three attempts were killed; that is for a person to try again.
            town.command(&["retry", &format!("42#{iid}"), "--why", "it was killed"]);
        }
        if is_approved(&world, iid) && !matches!(row.phase.as_str(), "active" | "ended") {
            return Err(format!("issue {iid} is approved by both, and {}", row.phase));
        }
        active += one_or_none(&world, &live, row)?;
    }
    if live.len() != active {
        return Err(format!("{} credentials are alive, for {active} active requests", live.len()));
    }
    Ok(())
}

/// Nobody has it in hand, and nothing is left to find out about any attempt.
fn settled(row: &StoredRequest, attempts: &[Attempt]) -> Result<(), String> {
    let open = |attempt: &Attempt| attempt.is_unsettled() && attempt.state != AttemptState::Delivered;
    let moving = matches!(row.phase.as_str(), "new" | "issuing" | "delivering" | "ending");
    if row.lease_owner.is_some() || moving || attempts.iter().any(open) {
        return Err(format!("{} is {} and not settled: {:?}", row.key, row.phase, row.last_error));
    }
    Ok(())
}

fn issue(world: &Value, iid: i64) -> &Value {
    let issues = world["gitlab"]["issues"].as_object().unwrap();
    issues.values().find(|issue| issue["iid"] == iid && issue["project_id"] == 42).unwrap()
}

fn one_comment(world: &Value, iid: i64) -> Result<(), String> {
    let id = &issue(world, iid)["id"];
    let notes = world["gitlab"]["notes"].as_object().unwrap().values();
    let ours = notes.filter(|note| {
        note["issue_id"] == *id && note["body"].as_str().is_some_and(|body| body.contains("Access request:"))
    });
    match ours.count() {
        1 => Ok(()),
        other => Err(format!("issue {iid} has {other} status comments")),
    }
}

/// Both labels are on it, and it is open; whoever may not give one had it taken off.
fn is_approved(world: &Value, iid: i64) -> bool {
    let issue = issue(world, iid);
    let labels = issue["labels"].as_array().unwrap();
    let names: Vec<&str> =
        labels.iter().filter_map(|id| world["gitlab"]["labels"][id.to_string()]["name"].as_str()).collect();
    issue["closed"] == false
        && ["manager-approved", "provisioner-approved"].iter().all(|one| names.contains(one))
}

/// An active request has one live credential, and one message with it; any other request has none. 1 if active.
fn one_or_none(world: &Value, live: &[&Value], row: &StoredRequest) -> Result<usize, String> {
    let url = &row.record.as_ref().unwrap().url;
    let alive: Vec<&&Value> = live.iter().filter(|token| token["description"] == url.as_str()).collect();
    if row.phase != "active" {
        let none = alive.is_empty();
        return if none { Ok(0) } else { Err(format!("{} is {} and has a credential", row.key, row.phase)) };
    }
    let [token] = alive.as_slice() else {
        return Err(format!("{} is active with {} live credentials", row.key, alive.len()));
    };
    let stored = &world["zendesk"]["global"]["tokens"][token["id"].to_string()];
    let secret = stored["secret"].as_str().unwrap();
    let channels = world["slack"]["channels"].as_array().unwrap().iter();
    let messages = channels.flat_map(|channel| channel["messages"].as_array().unwrap());
    let with_it = messages.filter(|message| message["blocks"].to_string().contains(secret)).count();
    if with_it == 1 {
        Ok(1)
    } else {
        Err(format!("{} is active, and {with_it} messages have its secret", row.key))
    }
}

/// What there was to lose.
pub(crate) async fn count(town: &Town, people: &People, herald: &Herald) -> Count {
    let (world, store) = (town.world().await, town.store().await);
    let requests = store.requests().await.unwrap();
    let mut spoilt = 0;
    for row in &requests {
        let attempts = store.attempts(row.key).await.unwrap();
        spoilt += attempts.len() - attempts.iter().filter(|one| one.delivery.is_some()).count();
    }
    store.close().await;
    let channels = world["slack"]["channels"].as_array().unwrap().iter();
    let in_phase = |phase: &str| requests.iter().filter(|row| row.phase == phase).count();
    Count {
        kills: 0,
        opened: people.deeds.lock().unwrap().opened.len(),
        acknowledged: herald.acknowledged().len(),
        minted: world["zendesk"]["global"]["ever_minted"].as_array().unwrap().len(),
        messages: channels.map(|channel| channel["messages"].as_array().unwrap().len()).sum(),
        active: in_phase("active"),
        ended: in_phase("ended"),
        spoilt,
    }
}
