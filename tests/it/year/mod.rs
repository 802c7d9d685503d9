//! A year of a team with its credentials: asked for, used every night, reminded of, extended, leaked, left behind and
//! taken away; and what the calendar, the daily inventory and the audit chain say of it.

mod team;

use countersign::cli::whose::by_text;
use countersign::domain::inventory::deeds::Deed;
use countersign::reconcile::inventory::Owned;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::evidence::unpacked;
use crate::harness::{Form, House, says};
use team::Team;

#[tokio::test]
async fn a_year_of_a_team_with_every_kind_of_credential() {
    let mut team = Team::open_at("2026-05-04T09:00:00Z").await;
    let feed = team.subscribes().await;
    let (export, dashboard, integration) = spring(&mut team).await;
    summer(&team, &feed).await;
    a_leak_and_an_incident(&team).await;
    autumn(&team, &feed, integration).await;
    let extension = winter(&mut team, &feed, export).await;
    april(&team, &feed, (extension, dashboard)).await;
    an_auditor_comes(&team, export).await;
    team.house.leave().await;
}

/// The nightly export has an API token, the dashboard an OAuth client, Casey's team an integration, and the admin of
/// Zendesk a token of their own, by an exception.
async fn spring(team: &mut Team) -> (i64, i64, i64) {
    team.house.made_by_hand("Zendesk Admin - sync").await;
    let (export, secret) = team.has(&Form { remove_on: "2026-11-30", ..Form::default() }.text()).await;
    team.nightly = Some(secret);
    let until_april = Form { remove_on: "2027-04-30", ..Form::oauth_client() };
    let (dashboard, _) = team.has(&until_april.text()).await;
    let until_january = Form { kind: "Integration", remove_on: "2027-01-31", ..Form::oauth_client() };
    let integration = team.asks("colleague", &until_january.text()).await;
    assert_eq!(team.house.clients().len(), 2);
    (export, dashboard, integration)
}

/// Somebody looks into something for a day, with an access token; and the admin's own token is taken away by hand.
async fn summer(team: &Team, feed: &str) {
    let house = &team.house;
    team.days_pass_until("2026-06-10T09:00:00Z").await;
    let (day, bearer) = team.has(&Form { remove_on: "2026-06-11", ..Form::oauth_token() }.text()).await;
    assert_eq!(house.bears(&bearer, "tickets").await, 200);
    team.days_pass_until("2026-06-12T00:00:00Z").await;
    assert_eq!((house.phase(day).await.as_str(), house.bears(&bearer, "tickets").await), ("ended", 401));
    let lines = house.lines().await;
    let sync = lines.iter().find(|line| line["name"] == "Zendesk Admin - sync").unwrap()["id"].clone();
    let done = house.credential(&sync, Deed::Delete).await.unwrap();
    assert_eq!(done, format!("global\t{sync}\tgone"));
    team.days_pass_until("2026-08-04T09:00:00Z").await;
    assert_snapshot!(team.calendar(feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20270131 OAuth client for Zendesk Global ends (confirmed)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");
}

/// The beginning of a token stands in a log; the manager has it revoked. While it is looked into nothing is issued.
async fn a_leak_and_an_incident(team: &Team) {
    let house = &team.house;
    let (trial, secret) = team.has(&Form::default().text()).await;
    let found = house.whose(&by_text(&secret[..10]).unwrap()).await.unwrap();
    let [Owned::Ours { key, .. }] = found.iter().map(|one| &one.owned).collect::<Vec<_>>()[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(*key, House::key(trial));
    house.pauses().await;
    house.labels("manager", trial, "revoke").await;
    house.settle().await;
    assert!(!house.works(&secret).await);
    let tomorrow = Form { remove_on: "2026-08-05", ..Form::oauth_token() };
    let waiting = team.asks("requester", &tomorrow.text()).await;
    team.days_pass_until("2026-08-05T09:00:00Z").await;
    assert_eq!(house.phase(waiting).await, "issuing", "nothing is issued now");
    house.resumes().await;
    assert_eq!(house.phase(waiting).await, "active");
    team.days_pass_until("2026-08-14T09:00:00Z").await;
    assert_eq!((house.phase(trial).await.as_str(), house.phase(waiting).await.as_str()), ("ended", "ended"));
}

/// Casey leaves: the provisioner is told, and three days later the integration is no more. In October Zendesk stops
/// creating API tokens; those that there are go on.
async fn autumn(team: &Team, feed: &str, integration: i64) {
    let house = &team.house;
    team.days_pass_until("2026-09-14T09:00:00Z").await;
    house.directory_says(105, "active = false\n");
    team.days_pass_until("2026-09-15T09:00:00Z").await;
    assert_snapshot!(house.message_text(&house.messages("provisioner").await[0]), @"
    notification: Zendesk OAuth client for Zendesk Global: the person who has it seems to have left. Request: http://sandbox/gitlab/company/access-requests/-/issues/6
    The directory says that they have left (seen 2026-09-15 09:00 UTC).
    It is taken away on 2026-09-18 09:00 UTC, unless that changes before.
    If that is a mistake, have the directory or the account corrected.
    To have it taken away now, put the label revoke on the issue.
    Zendesk OAuth client for Zendesk Global: the person who has it seems to have left. Request: http://sandbox/gitlab/company/access-requests/-/issues/6
    The directory says that they have left (seen 2026-09-15 09:00 UTC).
    It is taken away on 2026-09-18 09:00 UTC, unless that changes before.
    If that is a mistake, have the directory or the account corrected.
    To have it taken away now, put the label revoke on the issue.
    ");
    assert_eq!(house.phase(integration).await, "active");
    team.days_pass_until("2026-09-18T09:00:00Z").await;
    assert_eq!((house.phase(integration).await.as_str(), house.clients().len()), ("ended", 1));
    team.days_pass_until("2026-10-27T09:00:00Z").await;
    house.control("world", json!({"zendesk": {"global": {"creates_api_tokens": false}}})).await;
    team.days_pass_until("2026-11-04T09:00:00Z").await;
    assert_snapshot!(team.calendar(feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20260805 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20261231 API token for Zendesk Global ends (cancelled)
    20270131 OAuth client for Zendesk Global ends (cancelled)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");
}

/// The export's token has two weeks to live; it goes on as an OAuth client, approved anew.
async fn winter(team: &mut Team, feed: &str, export: i64) -> i64 {
    let house = &team.house;
    let secret = team.nightly.clone().unwrap();
    team.days_pass_until("2026-11-16T02:00:00Z").await;
    team.days_pass_until("2026-11-17T00:00:00Z").await;
    assert_eq!(team.reminded(export).await, 1);
    assert_snapshot!(house.message_text(&house.messages("requester").await[0]), @r#"
    notification: Your Zendesk API token for Zendesk Global ends in 14 days: 2026-11-30, end of the day (2026-12-01 00:00 UTC). Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    It was last used: 2026-11-16 02:00 UTC.
    Then it is taken away, and whatever still uses it stops working.
    If you need it for longer, open a new request and name this one under "Replaces": both people approve it anew, and you get a new credential while this one still works.
    If you need it no more, put the label revoke on the issue.
    Your Zendesk API token for Zendesk Global ends in 14 days: 2026-11-30, end of the day (2026-12-01 00:00 UTC). Request: http://sandbox/gitlab/company/access-requests/-/issues/4
    It was last used: 2026-11-16 02:00 UTC.
    Then it is taken away, and whatever still uses it stops working.
    If you need it for longer, open a new request and name this one under "Replaces": both people approve it anew, and you get a new credential while this one still works.
    If you need it no more, put the label revoke on the issue.
    "#);
    team.days_pass_until("2026-11-20T09:00:00Z").await;
    let longer = Form { remove_on: "2027-04-28", ..Form::oauth_client() }.text();
    let (extension, _) = team.has(&format!("{longer}\n### Replaces\n\n#{export}\n")).await;
    // Both work while people change over, and the export still uses the old one.
    team.days_pass_until("2026-11-30T09:00:00Z").await;
    team.nightly = None;
    let house = &team.house;
    team.days_pass_until("2026-12-01T00:00:00Z").await;
    assert_eq!((team.reminded(export).await, house.works(&secret).await), (3, false));
    assert_snapshot!(house.comment(export).await.split("\n\n1. ").next().unwrap(), @"
    #### Access request: Being taken away

    Its end date came. The credential was switched off on 2026-12-01 00:00 UTC and works no more. It stays so and is deleted on 2026-12-08 00:00 UTC; it cannot be switched on again. If that was a mistake, open a new issue; this one can be reopened for a new credential only once it is deleted.
    ");
    assert_eq!((house.phase(export).await.as_str(), house.tokens(export).await.len()), ("ending", 1));
    team.days_pass_until("2026-12-08T00:00:00Z").await;
    assert_eq!((house.phase(export).await.as_str(), house.tokens(export).await.len()), ("ended", 0));
    assert_eq!(house.phase(extension).await, "active", "it has its own day");
    team.days_pass_until("2027-02-04T09:00:00Z").await;
    assert_snapshot!(team.calendar(feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20260805 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20261231 API token for Zendesk Global ends (cancelled)
    20270131 OAuth client for Zendesk Global ends (cancelled)
    20270428 OAuth client for Zendesk Global ends (confirmed)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");
    extension
}

/// The last ones end, each on its day.
async fn april(team: &Team, feed: &str, (extension, dashboard): (i64, i64)) {
    let house = &team.house;
    team.days_pass_until("2027-04-29T00:00:00Z").await;
    assert_eq!(
        (house.phase(extension).await.as_str(), house.phase(dashboard).await.as_str()),
        ("ended", "active")
    );
    team.days_pass_until("2027-05-01T00:00:00Z").await;
    assert_eq!((team.reminded(extension).await, team.reminded(dashboard).await), (3, 3));
    house.no_oauth();
    house.all_is_dead().await;
    team.days_pass_until("2027-05-04T09:00:00Z").await;
    assert_snapshot!(team.calendar(feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20260805 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20261231 API token for Zendesk Global ends (cancelled)
    20270131 OAuth client for Zendesk Global ends (cancelled)
    20270428 OAuth client for Zendesk Global ends (confirmed)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");
}

/// In May an auditor comes.
async fn an_auditor_comes(team: &Team, export: i64) {
    let house = &team.house;
    team.operator(&["audit", "verify"]);
    let all = team.operator(&["audit", "export", "--format", "json"]).stdout;
    let inventories = String::from_utf8(all).unwrap().matches("\"kind\":\"inventory.taken\"").count();
    assert_eq!(inventories, 2 * 365, "one a day of each instance");
    let (second, head) = (team.second_place().await, house.service().context.store().head().await.unwrap());
    assert_eq!(i64::try_from(second.lines().count()).unwrap(), head.seq, "the second place has every entry");
    assert!(!house.secrets().iter().any(|secret| second.contains(secret)));
    let second = house.path("second.jsonl");
    team.operator(&["audit", "verify", "--export", second.to_str().unwrap()]);
    let september = house.path("september.jsonl");
    let stretch =
        ["audit", "export", "--from", "2026-09-01", "--to", "2026-09-30", "--format", "json", "--output"];
    team.operator(&[&stretch[..], &[september.to_str().unwrap()]].concat());
    team.operator(&["audit", "verify", "--export", september.to_str().unwrap()]);
    let september = std::fs::read_to_string(september).unwrap();
    says(&september, "credential.gone");
    let time = |line: &str| serde_json::from_str::<Value>(line).unwrap()["time"].as_str().unwrap().to_owned();
    let others: Vec<&str> = september.lines().filter(|line| !time(line).starts_with("2026-09-")).collect();
    assert_eq!(others, Vec::<&str>::new());
    let archive = house.path("evidence.tar");
    team.operator(&["audit", "evidence", &format!("42#{export}"), "--output", archive.to_str().unwrap()]);
    let readme = unpacked(&archive)["README.txt"].replace(&house.sandbox.base_url(), "http://sandbox");
    let facts = readme.split("WHAT HAPPENED").nth(1).unwrap().split("WHAT IS IN HERE").next().unwrap();
    assert_snapshot!(without_digests(facts), @"


    issue 42#4
    2026-05-04T09:00:30Z  first seen; http://sandbox/gitlab/company/access-requests/-/issues/4, by GitLab user 101 (entry 3)
    2026-05-04T09:01:00Z  approved as manager by kim (GitLab user 102), terms [digest] (entry 5)
    2026-05-04T09:01:30Z  approved as provisioner by pat (GitLab user 104), terms [digest] (entry 7)
    2026-05-04T09:01:30Z  credential 10004 made at Zendesk (entry 10)
    2026-05-04T09:01:30Z  handed over by Slack (entry 13)
    2026-12-01T00:00:00Z  credential 10004 proven switched off: it opens nothing any more (entry 541)
    2026-12-08T00:00:00Z  credential 10004 proven gone (entry 556)
    ");
}

/// A digest differs from run to run.
fn without_digests(facts: &str) -> String {
    let word = |word: &str| {
        let is_digest = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { "[digest]".to_owned() } else { word.to_owned() }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    facts.lines().map(line).collect::<Vec<_>>().join("\n")
}
