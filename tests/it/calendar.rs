//! The calendars of end dates, fetched as a calendar program does and read by a parser that is not ours.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::{Rounds, Sweeper};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::directories::server::program;
use crate::harness::{House, says};

/// Prints what Python's `icalendar` reads, as JSON.
const READ: &str = "
import json, sys
from icalendar import Calendar
calendar = Calendar.from_ical(sys.stdin.buffer.read())
text = lambda event, name: str(event[name])
print(json.dumps([{
    'uid': text(event, 'UID'), 'summary': text(event, 'SUMMARY'), 'status': text(event, 'STATUS'),
    'sequence': int(event['SEQUENCE']), 'day': event.decoded('DTSTART').isoformat(), 'url': text(event, 'URL'),
    'stamp': event.decoded('DTSTAMP').isoformat(), 'errors': event.errors,
} for event in calendar.walk('VEVENT')]))
";

fn countersign(house: &House, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).arg("--config").arg(house.path("countersign.toml")).output().unwrap()
}

/// A new address, as the command prints it; and its id.
fn address(house: &House, of: [&str; 2]) -> (String, String) {
    let made = countersign(house, &["calendar", "add", of[0], of[1]]);
    let words = String::from_utf8(made.stderr).unwrap();
    assert!(made.status.success(), "{words}");
    let path = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let id = words.split("revoke ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    (house.door().replace("/hooks/gitlab", &path), id)
}

async fn fetched(house: &House, address: &str) -> (String, String) {
    let answer = house.http.get(address).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/calendar; charset=utf-8");
    assert_eq!(answer.headers()["cache-control"], "private, max-age=3600");
    // The address is the key: it is told to no site that is linked to, and to no search engine.
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers()["x-robots-tag"], "noindex");
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    (answer.text().await.unwrap(), etag)
}

fn read(python: &std::path::Path, calendar: &str) -> Value {
    let mut command = Command::new(python);
    let mut child = command.args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(calendar.as_bytes()).unwrap();
    let read = child.wait_with_output().unwrap();
    assert!(read.status.success());
    serde_json::from_slice(&read.stdout).unwrap()
}

#[tokio::test]
async fn a_calendar_shows_the_end_date_and_that_it_was_cancelled() {
    let Some(python) = program("ical-python", &[]) else { return };
    let house = House::open().await;
    let iid = house.approved().await;
    let (address, _) = address(&house, ["--instance", "global"]);
    let (active, _) = fetched(&house, &address).await;
    let uid =
        format!("{}-1@{}", house.issue(iid).await["id"], house.service().context.store().installation());
    let expected = |status: &str, sequence: i64, stamp: &str| {
        json!([{
            "uid": uid, "summary": "API token for Zendesk Global ends", "status": status, "sequence": sequence,
            "day": "2026-12-31", "url": house.sandbox.gitlab_url() + "/company/access-requests/-/issues/4",
            "stamp": stamp, "errors": [],
        }])
    };
    assert_eq!(read(&python, &active), expected("CONFIRMED", 0, "2026-12-01T09:01:30+00:00"));
    house.clock.advance(jiff::SignedDuration::from_hours(24));
    house.orders(iid, OrderKind::Revoke).await;
    let (cancelled, _) = fetched(&house, &address).await;
    assert_eq!(read(&python, &cancelled), expected("CANCELLED", 1, "2026-12-02T09:01:30+00:00"));
    says(&cancelled, "DESCRIPTION:It ended early\\, on 2026-12-02 09:01 UTC.");
    house.leave().await;
}

#[tokio::test]
async fn what_was_handed_over_before_there_were_calendars_is_shown_from_the_first_start_on() {
    let mut house = House::open().await;
    house.approved().await;
    let (address, _) = address(&house, ["--instance", "global"]);
    let (before, _) = fetched(&house, &address).await;
    house.sql("DELETE FROM calendar_dates").await;
    house.restart().await;
    assert!(!fetched(&house, &address).await.0.contains("VEVENT"));
    let (context, every) = (std::sync::Arc::clone(&house.service().context), SignedDuration::from_mins(5));
    Sweeper { context, every }.round(&mut Rounds::default()).await;
    let (after, _) = fetched(&house, &address).await;
    let but_its_time = |calendar: &str| {
        let timeless = |line: &&str| !line.starts_with("DTSTAMP") && !line.starts_with("LAST-MODIFIED");
        calendar.lines().filter(timeless).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(but_its_time(&after), but_its_time(&before));
    says(&after, "DTSTAMP:20261201T0907");
    house.leave().await;
}

#[tokio::test]
async fn an_address_that_is_fetched_all_the_time_waits_for_its_minute_and_no_other_does() {
    let house = House::open().await;
    let (busy, _) = address(&house, ["--instance", "global"]);
    let (other, _) = address(&house, ["--instance", "global"]);
    let status = async |address: &str| house.http.get(address).send().await.unwrap();
    for _ in 0..120 {
        assert_eq!(status(&busy).await.status(), StatusCode::OK);
    }
    house.clock.advance(SignedDuration::from_secs(20));
    let answer = status(&busy).await;
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"40".parse().unwrap())
    );
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(status(&other).await.status(), StatusCode::OK);
    house.clock.advance(SignedDuration::from_secs(40));
    assert_eq!(status(&busy).await.status(), StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn an_unchanged_calendar_is_the_same_bytes_and_costs_a_line() {
    let house = House::open().await;
    house.approved().await;
    let (address, _) = address(&house, ["--instance", "global"]);
    let (first, etag) = fetched(&house, &address).await;
    house.clock.advance(jiff::SignedDuration::from_hours(5));
    assert_eq!(fetched(&house, &address).await, (first, etag.clone()));
    for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
        let again = house.http.get(&address).header("if-none-match", known).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.text().await.unwrap(), "");
    }
    let other = house.http.get(&address).header("if-none-match", "\"other\"").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    house.leave().await;
}

// The command asks the sandbox while the test waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_has_their_own_dates_and_no_secret_or_name_is_among_them() {
    let house = House::open().await;
    house.approved().await;
    let robins = fetched(&house, &address(&house, ["--person", "robin"]).0).await.0;
    let kims = fetched(&house, &address(&house, ["--person", "102"]).0).await.0;
    let elsewhere = fetched(&house, &address(&house, ["--instance", "us-government"]).0).await.0;
    assert_eq!(robins.matches("BEGIN:VEVENT").count(), 1);
    assert_eq!((kims.matches("BEGIN:VEVENT").count(), elsewhere.matches("BEGIN:VEVENT").count()), (0, 0));
    for hidden in
        ["robin", "Export solved tickets", "kim"].map(str::to_owned).into_iter().chain(house.secrets())
    {
        assert!(!robins.contains(&hidden), "{hidden} is in {robins}");
    }
    house.leave().await;
}

#[tokio::test]
async fn a_revoked_address_is_as_unknown_as_one_that_never_was_and_none_is_kept_in_the_clear() {
    let house = House::open().await;
    house.approved().await;
    let (address, id) = address(&house, ["--instance", "global"]);
    fetched(&house, &address).await;
    let token = address.rsplit('/').next().unwrap().trim_end_matches(".ics").to_owned();
    assert_eq!(token.len(), 43);
    let listed = String::from_utf8(countersign(&house, &["calendar", "list"]).stdout).unwrap();
    says(&listed, &id);
    assert!(!listed.contains(&token));
    assert!(countersign(&house, &["calendar", "revoke", &id]).status.success());
    assert_eq!(countersign(&house, &["calendar", "revoke", &id]).status.code(), Some(2));
    let mut answers = Vec::new();
    for path in [format!("{token}.ics"), format!("{}.ics", "a".repeat(43)), token.clone(), ".ics".to_owned()]
    {
        let url = house.door().replace("hooks/gitlab", &format!("calendar/{path}"));
        let answer = house.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let mut headers = answer.headers().clone();
        headers.remove("date");
        answers.push((headers, answer.text().await.unwrap()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "they are answered alike");
    assert!(!house.logged().contains(&token), "the token is in the log");
    for (place, bytes) in house.database.contents().await {
        assert!(!String::from_utf8_lossy(&bytes).contains(&token), "the token is in {place}");
    }
    house.leave().await;
}
