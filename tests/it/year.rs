//! A year of a team with its credentials: asked for, used, reminded of, extended, left behind and taken away; and what
//! the calendar, the daily inventory and the audit chain say of it.

use std::process::{Command, Output};

use countersign::reconcile::inventory::daily;
use countersign::store::{NewFeed, Scope};
use countersign::web::token_hash;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::evidence::unpacked;
use crate::harness::{Form, House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl House {
    /// The days pass up to that moment, each with its inventory: issues, ledger and Zendesk agree, and what Zendesk's own
    /// audit log tells was all done by us.
    async fn days_pass_until(&self, at: &str) {
        let end: Timestamp = at.parse().unwrap();
        while self.now() < end {
            self.later(DAY.min(end.duration_since(self.now()))).await;
            daily(&self.service().context).await.unwrap();
            self.all_agree().await;
        }
    }

    async fn all_agree(&self) {
        let run = self.service().context.store().last_inventory("global").await.unwrap().unwrap();
        let of = |name: &str| run.document[name].as_array().unwrap().clone();
        assert_eq!(
            (of("differences"), of("outside")),
            (vec![], vec![]),
            "{}: {:#}",
            self.now(),
            run.document
        );
    }

    /// The address of the instance's calendar. Not by the command, which has a clock of its own.
    async fn subscribes(&self) -> String {
        let (id, by, scope) = ("year".to_owned(), "oda".to_owned(), Scope::Instance("global".to_owned()));
        let feed = NewFeed { id, token_hash: token_hash("unguessable"), scope, by };
        self.service().context.store().add_feed(feed).await.unwrap();
        self.door().replace("hooks/gitlab", "calendar/unguessable.ics")
    }

    /// What a calendar shows at this address, in its order.
    async fn calendar(&self, address: &str) -> String {
        let text = self.http.get(address).send().await.unwrap().text().await.unwrap();
        let value = |event: &str, name: &str| {
            let line = event.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(':').unwrap().1.to_owned()
        };
        let event = |event: &str| {
            let (day, title, state) =
                (value(event, "DTSTART"), value(event, "SUMMARY"), value(event, "STATUS"));
            format!("{day} {title} ({})", state.to_lowercase())
        };
        text.split("BEGIN:VEVENT").skip(1).map(event).collect::<Vec<_>>().join("\n")
    }

    /// An order at the command line.
    fn operator(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let done =
            command.args(arguments).arg("--config").arg(self.path("countersign.toml")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        done
    }

    async fn reminded(&self, iid: i64) -> usize {
        self.entries(iid, "notice.sent").await.len()
    }

    /// A request with both approvals.
    async fn has(&self, role: &str, form: &str) -> i64 {
        let iid = self.opens(role, form).await;
        self.settle().await;
        self.manager_approves(iid).await;
        self.provisioner_approves(iid).await;
        assert_eq!(self.phase(iid).await, "active");
        iid
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a year is told in one piece")]
async fn a_year_of_a_team_with_every_kind_of_credential() {
    let week =
        |config: &mut String| *config = config.replace("delete_after_days = 0", "delete_after_days = 7");
    let house = House::open_at_with("2026-05-04T09:00:00Z", week).await;
    let feed = house.subscribes().await;

    // Spring: the nightly export has an API token, the dashboard an OAuth client, and Casey's team an integration.
    let export = house.has("requester", &Form { remove_on: "2026-11-30", ..Form::default() }.text()).await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    let until_april = Form { remove_on: "2027-04-30", ..Form::oauth_client() };
    let dashboard = house.has("requester", &until_april.text()).await;
    let until_january = Form { kind: "Integration", remove_on: "2027-01-31", ..Form::oauth_client() };
    let integration = house.has("colleague", &until_january.text()).await;
    assert_eq!(house.clients().len(), 2);

    // In June somebody looks into something for a day, with an access token.
    house.days_pass_until("2026-06-10T09:00:00Z").await;
    let day = house.has("requester", &Form { remove_on: "2026-06-11", ..Form::oauth_token() }.text()).await;
    let bearer = House::secret_in(&house.messages("requester").await[0]);
    assert_eq!(house.bears(&bearer, "tickets").await, 200);
    house.days_pass_until("2026-06-12T00:00:00Z").await;
    assert_eq!((house.phase(day).await.as_str(), house.bears(&bearer, "tickets").await), ("ended", 401));
    house.days_pass_until("2026-08-04T09:00:00Z").await;
    assert_snapshot!(house.calendar(&feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20270131 OAuth client for Zendesk Global ends (confirmed)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");

    // In September Casey leaves: the provisioner is told, and three days later the integration is no more.
    house.days_pass_until("2026-09-14T09:00:00Z").await;
    house.directory_says(105, "active = false\n");
    house.days_pass_until("2026-09-15T09:00:00Z").await;
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
    house.days_pass_until("2026-09-18T09:00:00Z").await;
    assert_eq!((house.phase(integration).await.as_str(), house.clients().len()), ("ended", 1));

    // On 27 October Zendesk stops creating API tokens; those that there are go on.
    house.days_pass_until("2026-10-27T09:00:00Z").await;
    house.control("world", json!({"zendesk": {"global": {"creates_api_tokens": false}}})).await;
    house.days_pass_until("2026-11-04T09:00:00Z").await;
    assert_snapshot!(house.calendar(&feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20270131 OAuth client for Zendesk Global ends (cancelled)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");

    // In November the export's token, used every night, has two weeks to live.
    house.days_pass_until("2026-11-16T02:00:00Z").await;
    assert!(house.works(&secret).await);
    house.days_pass_until("2026-11-17T00:00:00Z").await;
    assert_eq!(house.reminded(export).await, 1);
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
    // It goes on as an OAuth client, approved anew.
    house.days_pass_until("2026-11-20T09:00:00Z").await;
    let longer = Form { remove_on: "2027-04-28", ..Form::oauth_client() }.text();
    let extension = house.has("requester", &format!("{longer}\n### Replaces\n\n#{export}\n")).await;
    assert!(house.works(&secret).await, "both work while people change over");
    house.days_pass_until("2026-12-01T00:00:00Z").await;
    assert_eq!((house.reminded(export).await, house.works(&secret).await), (3, false));
    assert_snapshot!(house.comment(export).await.split("\n\n1. ").next().unwrap(), @"
    #### Access request: Being taken away

    Its end date came. The credential was switched off on 2026-12-01 00:00 UTC and works no more. It stays so and is deleted on 2026-12-08 00:00 UTC; it cannot be switched on again. If that was a mistake, open a new issue; this one can be reopened for a new credential only once it is deleted.
    ");
    assert_eq!((house.phase(export).await.as_str(), house.tokens(export).await.len()), ("ending", 1));
    house.days_pass_until("2026-12-08T00:00:00Z").await;
    assert_eq!((house.phase(export).await.as_str(), house.tokens(export).await.len()), ("ended", 0));
    assert_eq!(house.phase(extension).await, "active", "it has its own day");
    house.days_pass_until("2027-02-04T09:00:00Z").await;
    assert_snapshot!(house.calendar(&feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20270131 OAuth client for Zendesk Global ends (cancelled)
    20270428 OAuth client for Zendesk Global ends (confirmed)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");

    // In April the last ones end, each on its day.
    house.days_pass_until("2027-04-29T00:00:00Z").await;
    assert_eq!(
        (house.phase(extension).await.as_str(), house.phase(dashboard).await.as_str()),
        ("ended", "active")
    );
    house.days_pass_until("2027-05-01T00:00:00Z").await;
    assert_eq!((house.reminded(extension).await, house.reminded(dashboard).await), (3, 3));
    house.no_oauth();
    house.all_is_dead().await;
    house.days_pass_until("2027-05-04T09:00:00Z").await;
    assert_snapshot!(house.calendar(&feed).await, @"
    20260611 OAuth access token for Zendesk Global ends (confirmed)
    20261130 API token for Zendesk Global ends (confirmed)
    20270131 OAuth client for Zendesk Global ends (cancelled)
    20270428 OAuth client for Zendesk Global ends (confirmed)
    20270430 OAuth client for Zendesk Global ends (confirmed)
    ");

    // And in May an auditor comes.
    house.operator(&["audit", "verify"]);
    let all = house.operator(&["audit", "export", "--format", "json"]).stdout;
    let inventories = String::from_utf8(all).unwrap().matches("\"kind\":\"inventory.taken\"").count();
    assert_eq!(inventories, 2 * 365, "one a day of each instance");
    let september = house.path("september.jsonl");
    let stretch =
        ["audit", "export", "--from", "2026-09-01", "--to", "2026-09-30", "--format", "json", "--output"];
    house.operator(&[&stretch[..], &[september.to_str().unwrap()]].concat());
    house.operator(&["audit", "verify", "--export", september.to_str().unwrap()]);
    let september = std::fs::read_to_string(september).unwrap();
    says(&september, "credential.gone");
    let time = |line: &str| serde_json::from_str::<Value>(line).unwrap()["time"].as_str().unwrap().to_owned();
    let others: Vec<&str> = september.lines().filter(|line| !time(line).starts_with("2026-09-")).collect();
    assert_eq!(others, Vec::<&str>::new());
    let archive = house.path("evidence.tar");
    house.operator(&["audit", "evidence", &format!("42#{export}"), "--output", archive.to_str().unwrap()]);
    let readme = unpacked(&archive)["README.txt"].replace(&house.sandbox.base_url(), "http://sandbox");
    let facts = readme.split("WHAT HAPPENED").nth(1).unwrap().split("WHAT IS IN HERE").next().unwrap();
    assert_snapshot!(without_digests(facts), @"


    issue 42#4
    2026-05-04T09:00:30Z  first seen; http://sandbox/gitlab/company/access-requests/-/issues/4, by GitLab user 101 (entry 3)
    2026-05-04T09:01:00Z  approved as manager by kim (GitLab user 102), terms [digest] (entry 5)
    2026-05-04T09:01:30Z  approved as provisioner by pat (GitLab user 104), terms [digest] (entry 7)
    2026-05-04T09:01:30Z  credential 10002 made at Zendesk (entry 10)
    2026-05-04T09:01:30Z  handed over by Slack (entry 13)
    2026-12-01T00:00:00Z  credential 10002 proven switched off: it opens nothing any more (entry 501)
    2026-12-08T00:00:00Z  credential 10002 proven gone (entry 516)
    ");
    house.leave().await;
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
