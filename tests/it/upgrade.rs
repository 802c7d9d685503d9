//! An upgrade with work in flight: row 30.
//!
//! The database is taken back to the schema of the first release, with the rows as that release wrote them, by undoing
//! what the texts of the later migrations say.

use std::path::Path;

use countersign::domain::ids::IssueKey;
use countersign::domain::snapshot::OrderKind;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Form, House, PROJECT, at_creation, at_sending};

/// The last migration of the first release.
const FIRST_RELEASE: u32 = 3;
/// What a request's record has had since, and an attempt's.
const RECORD_SINCE: [&str; 7] =
    ["revocation", "notices", "by_hand", "leavers", "people_seen_at", "reminders", "last_words"];
const ATTEMPT_SINCE: [&str; 6] =
    ["identifier", "tokens", "secret_discarded_at", "missing_since", "switched_off_at", "not_before"];

/// The statements of all migrations, oldest first, with their numbers.
fn statements() -> Vec<(u32, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let number: u32 = file.file_name().unwrap().to_str().unwrap()[..4].parse().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        all.extend(code.join(" ").split(';').map(|one| (number, one.trim().to_owned())));
    }
    all.retain(|(_, text)| !text.is_empty());
    all
}

/// What undoes this statement.
fn undone(statement: &str, all: &[(u32, String)]) -> String {
    let words: Vec<&str> = statement.split_whitespace().collect();
    match words.as_slice() {
        ["CREATE", "TABLE", table, ..] => format!("DROP TABLE {table}"),
        ["CREATE", "INDEX", index, ..] => format!("DROP INDEX {index}"),
        ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..] => {
            format!("ALTER TABLE {table} DROP COLUMN {column}")
        }
        ["DROP", "INDEX", index] => {
            let made = format!("CREATE INDEX {index} ");
            all.iter().find(|(_, text)| text.starts_with(&made)).expect("it was made once").1.clone()
        }
        // It goes with its table.
        ["INSERT", "INTO", ..] => "SELECT 1".to_owned(),
        _ => panic!("a migration does more than add: {statement}"),
    }
}

fn without(document: &impl serde::Serialize, names: &[&str]) -> String {
    let mut document = serde_json::to_value(document).unwrap();
    for name in names {
        document.as_object_mut().unwrap().remove(*name).expect("the field is there now");
    }
    document.to_string().replace('\'', "''")
}

impl House {
    /// The process ends, and what it leaves is as the first release would have left it.
    async fn leaves_as_the_first_release_did(&self) {
        let store = self.service().context.store();
        let mut back = Vec::new();
        for row in store.requests().await.unwrap() {
            let IssueKey { iid, .. } = row.key;
            let record = without(&row.record.unwrap(), &RECORD_SINCE);
            back.push(format!("UPDATE requests SET record = '{record}' WHERE iid = {iid}"));
            for attempt in store.attempts(row.key).await.unwrap() {
                let (number, document) = (attempt.number, without(&attempt, &ATTEMPT_SINCE));
                back.push(format!(
                    "UPDATE attempts SET document = '{document}' WHERE iid = {iid} AND number = {number}"
                ));
            }
        }
        store.close().await;
        let all = statements();
        assert!(all.iter().any(|(number, _)| *number > FIRST_RELEASE));
        for (_, statement) in all.iter().rev().filter(|(number, _)| *number > FIRST_RELEASE) {
            back.push(undone(statement, &all));
        }
        back.push(format!("DELETE FROM _sqlx_migrations WHERE version > {FIRST_RELEASE}"));
        self.sql(&back.join(";\n")).await;
    }
}

#[tokio::test]
async fn t30_what_the_first_release_left_in_flight_is_migrated_and_finished() {
    let mut house = House::open().await;
    let form = Form::default().text();
    let waiting = house.opens("requester", &form).await;
    let managed = house.opens("requester", &form).await;
    house.settle().await;
    house.manager_approves(managed).await;
    let active = house.approved().await;
    let ending = house.approved().await;
    let mut refused = at_sending("slack_error:ratelimited");
    refused["times"] = json!(0);
    house.fault(refused).await;
    let delivering = house.approved().await;
    house.fault(at_creation("lose_answer")).await;
    let issuing = house.approved().await;
    house.fault(json!({"vendor": "zendesk", "effect": "status:503", "times": 0})).await;
    house.orders(ending, OrderKind::Revoke).await;
    let all = [waiting, managed, active, ending, delivering, issuing];
    let phases = ["awaiting_manager", "awaiting_provisioner", "active", "ending", "delivering", "issuing"];
    for (iid, phase) in all.into_iter().zip(phases) {
        assert_eq!(house.phase(iid).await, phase);
    }
    house.leaves_as_the_first_release_did().await;
    house.heal().await;
    house.restart().await;
    house.settle().await;
    for _ in 0..20 {
        house.later(SignedDuration::from_mins(1)).await;
    }
    house.manager_approves(waiting).await;
    for iid in [waiting, managed] {
        house.provisioner_approves(iid).await;
    }
    let phases = ["active", "active", "active", "ended", "active", "active"];
    for (iid, phase) in all.into_iter().zip(phases) {
        assert_eq!(house.phase(iid).await, phase, "{iid}: {}", house.comment(iid).await);
    }
    assert_eq!(house.alive().len(), 5, "one of each that is active");
    assert_eq!(house.secrets().len(), 8, "two were lost with their process, and one has ended");
    house.leave().await;
}

/// What the first release says to the database, word for word, on the tables of this one.
#[tokio::test]
async fn t30_the_first_release_goes_on_beside_this_one() {
    let house = House::open().await;
    let hooks = format!("projects/{PROJECT}/hooks");
    let (_, hook) = house.gitlab("maintainer", Method::GET, &hooks, Value::Null).await;
    let hook = format!("{hooks}/{}", hook[0]["id"]);
    house.gitlab("maintainer", Method::DELETE, &hook, Value::Null).await;
    let iid = house.opens("requester", &Form::default().text()).await;
    let now = house.now().as_millisecond();
    let mark = format!(
        "INSERT INTO requests (project_id, iid, phase, next_look_at, marks, updated_at)
         VALUES ({PROJECT}, {iid}, 'unseen', {now}, 1, {now})
         ON CONFLICT (project_id, iid) DO UPDATE
         SET marks = requests.marks + excluded.marks,
             next_look_at = CASE WHEN requests.next_look_at < excluded.next_look_at
                                 THEN requests.next_look_at ELSE excluded.next_look_at END"
    );
    house.sql(&mark).await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "what it marks, we look at");
    house.labels("manager", iid, "manager-approved").await;
    house.sql(&mark).await;
    house
        .sql(&format!(
            "UPDATE requests SET lease_owner = 'old', lease_until = {now} + 240000, fence = fence + 1
         WHERE (project_id, iid) = (
             SELECT project_id, iid FROM requests
             WHERE next_look_at <= {now} AND (lease_owner IS NULL OR lease_until <= {now})
             ORDER BY next_look_at, project_id, iid LIMIT 1)"
        ))
        .await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_manager", "what it claims, we leave alone");
    house
        .sql(&format!(
            "UPDATE requests SET lease_owner = NULL, lease_until = NULL, next_look_at = {now}, failures = 0,
             last_error = NULL, held_by = NULL, held_until = NULL
         WHERE project_id = {PROJECT} AND iid = {iid} AND lease_owner = 'old'"
        ))
        .await;
    house.settle().await;
    assert_eq!(house.phase(iid).await, "awaiting_provisioner", "what it gives back, we take");
    house.leave().await;
}
