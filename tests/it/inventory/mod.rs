//! The inventory: what Zendesk lists against the ledger, the policy and the issues. Reading changes nothing.

mod daily;
mod doubt;
mod ending;
mod hands;
mod leaked;
mod oauth;
mod retire;

use countersign::cli::inventory::{Format, Wish, ended, report};
use countersign::cli::{ExitStatus, Failure};
use countersign::domain::inventory::{Finding, Line, ListedKind, Summary};
use countersign::reconcile::inventory::take;
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::House;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An exception for the admin of the sandbox, and a target of the same.
const EXCEPTIONS: &str = "\n[[instances.exceptions]]\nfor = \"person\"\npattern = \"Zendesk Admin - *\"\ncreators = [9002]\n\
    [[instances.exceptions]]\nfor = \"target\"\npattern = \"Target - *\"\ncreators = [9001]\n";

/// Puts the exceptions into the first instance.
pub(crate) fn with_exceptions(text: &mut String) {
    *text = text.replacen("\n[instances.login]", &format!("{EXCEPTIONS}\n[instances.login]"), 1);
}

impl House {
    /// What `countersign inventory --instance global` writes.
    pub(crate) async fn inventory(&self, format: Format) -> (String, Vec<Summary>) {
        self.inventory_of("global", format).await.unwrap()
    }

    async fn inventory_of(&self, key: &str, format: Format) -> Result<(String, Vec<Summary>), Failure> {
        let wish = Wish { instance: Some(key.to_owned()), format };
        let mut out = Vec::new();
        let summaries = report(&self.service().context, &wish, &mut out).await?;
        let text = String::from_utf8(out).unwrap().replace(&self.sandbox.base_url(), "http://sandbox");
        Ok((text, summaries))
    }

    /// The end of the audit chain, and every request with its attempts.
    async fn own_books(&self) -> Vec<String> {
        let store = self.service().context.store();
        let head = store.head().await.unwrap();
        let mut books = vec![format!("{} {}", head.seq, head.hash)];
        for request in store.requests().await.unwrap() {
            books.push(format!("{request:?}"));
            books.push(format!("{:?}", store.attempts(request.key).await.unwrap()));
        }
        books
    }

    /// The lines of the inventory, by their name.
    pub(crate) async fn lines(&self) -> Vec<Value> {
        let (text, _) = self.inventory(Format::Json).await;
        let document: Value = serde_json::from_str(&text).unwrap();
        document["instances"][0]["credentials"].as_array().unwrap().clone()
    }

    pub(crate) async fn standing(&self, name: &str) -> (String, Value) {
        let lines = self.lines().await;
        let line = lines.iter().find(|line| line["name"] == name);
        let line = line.unwrap_or_else(|| panic!("no {name} in {lines:#?}"));
        (line["standing"].as_str().unwrap().to_owned(), line["findings"].clone())
    }

    /// The line of an API token.
    pub(crate) async fn line_of(&self, id: &Value) -> Value {
        let lines = self.lines().await;
        let line = lines.iter().find(|line| line["kind"] == "api_token" && line["id"] == *id);
        line.unwrap_or_else(|| panic!("no {id} in {lines:#?}")).clone()
    }

    /// An admin deletes an access token by hand.
    pub(crate) async fn bearer_deleted_by_hand(&self, id: &Value) {
        let admin = &self.cast["instances"][0];
        let text = |name: &str| admin[name].as_str().unwrap().to_owned();
        let request = self.http.delete(format!("{}/api/v2/oauth/tokens/{id}", text("url")));
        let login = format!("{}/token", text("admin_email"));
        let answer = request.basic_auth(login, Some(text("admin_api_token"))).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// An admin makes an OAuth client by hand.
    pub(crate) async fn client_made_by_hand(&self, identifier: &str, name: &str) {
        self.client_made_for((identifier, name), 9002).await;
    }

    /// The same, with this user of the account as its owner; its secret.
    pub(crate) async fn client_made_for(&self, (identifier, name): (&str, &str), user: i64) -> String {
        let admin = &self.cast["instances"][0];
        let text = |name: &str| admin[name].as_str().unwrap().to_owned();
        let url = format!("{}/api/v2/oauth/clients", text("url"));
        let login = format!("{}/token", text("admin_email"));
        let client = json!({"name": name, "identifier": identifier, "kind": "confidential", "user_id": user});
        let request = self.http.post(url).json(&json!({ "client": client }));
        let answer = request.basic_auth(login, Some(text("admin_api_token"))).send().await.unwrap();
        assert!(answer.status().is_success());
        let made: Value = answer.json().await.unwrap();
        made["client"]["secret"].as_str().unwrap().to_owned()
    }

    /// An admin changes a token by hand.
    pub(crate) async fn changed_by_hand(&self, id: &Value, change: Value) {
        let admin = &self.cast["instances"][0];
        let text = |name: &str| admin[name].as_str().unwrap().to_owned();
        let url = format!("{}/api/v2/api_tokens/{id}", text("url"));
        let login = format!("{}/token", text("admin_email"));
        let request = self.http.put(url).json(&json!({ "api_token": change }));
        let answer = request.basic_auth(login, Some(text("admin_api_token"))).send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

#[tokio::test]
async fn every_credential_is_listed_for_what_it_is() {
    let house = House::open_with(with_exceptions).await;
    let iid = house.approved().await;
    let orphan = house.url(iid).await.replace("/4", "/3");
    house.made_by_hand(&orphan).await;
    house.made_by_hand("Zendesk Admin - nightly sync").await;
    house.made_by_hand("Target - not by the one it names").await;
    house.clock.advance(DAY * 21);
    let (text, summaries) = house.inventory(Format::Table).await;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert_snapshot!(text, @"
    Zendesk Global (http://sandbox/zendesk/global)

               KIND         ID         CREATED BY         LAST USED  NAME
    foreign    API token    8101       Integration … 9001 never      Integration bot's own login
               ! foreign: neither issued by a request nor an exception of the policy
               ! never_used: never used, as Zendesk says
               ! idle: unused for 111 days; Zendesk ends it after 30
    foreign    API token    8102       Zendesk Admin 9002 2026-12-01 Admin's own scripts
               ! foreign: neither issued by a request nor an exception of the policy
               ! idle: unused for 21 days; Zendesk ends it after 30
    ours       API token    10002      Integration … 9001 2026-12-01 …ompany/access-requests/-/issues/4
               ! unclaimed: handed over, and never used since
               ! idle: unused for 21 days; Zendesk ends it after 30
    orphan     API token    10004      Zendesk Admin 9002 never      …ompany/access-requests/-/issues/3
               ! orphan: named like an issued credential, but not in the ledger
               ! never_used: never used, as Zendesk says
               ! idle: unused for 21 days; Zendesk ends it after 30
    exception  API token    10006      Zendesk Admin 9002 never      Zendesk Admin - nightly sync
               ! never_used: never used, as Zendesk says
               ! idle: unused for 21 days; Zendesk ends it after 30
    foreign    API token    10008      Zendesk Admin 9002 never      Target - not by the one it names
               ! foreign: neither issued by a request nor an exception of the policy
               ! disguised: named like an exception, but created by somebody it does not name
               ! never_used: never used, as Zendesk says
               ! idle: unused for 21 days; Zendesk ends it after 30
    own login  OAuth client 8001       9001               2026-12-22 countersign
    own login  OAuth token  10010      9001               2026-12-22 of client 8001

    API tokens: 6 of 256
    OAuth clients: 1
    OAuth tokens: 1
    Of these: ours 1, own login 2, exception 1, orphan 1, foreign 3
          1 orphan: named like an issued credential, but not in the ledger
          3 foreign: neither issued by a request nor an exception of the policy
          1 disguised: named like an exception, but created by somebody it does not name
          1 unclaimed: handed over, and never used since
          4 never_used: never used, as Zendesk says
          6 idle: unused for 20 days or more; Zendesk ends API tokens after 30
          2 outside: created outside the process, by Zendesk's audit log
    Zendesk's audit log tells of 1 creation and 0 ends of ours.
    Zendesk's audit log: create of apitoken 10008 by user 9002, 2026-12-01
    Zendesk's audit log: create of apitoken 10004 by user 9002, 2026-12-01
    Zendesk ends every API token on 2027-04-30, 129 days from now.
    The usage of a whole account has no public API; an admin sees it in the Admin Center, under
    Account > Usage > API: http://sandbox/zendesk/global/admin/
    ");
    assert!(!summaries[0].differs() || summaries[0].findings.contains_key(&Finding::Orphan));
    house.leave().await;
}

#[tokio::test]
async fn the_same_as_csv_is_safe_in_a_spreadsheet() {
    let house = House::open().await;
    house.made_by_hand("=HYPERLINK(\"https://evil.example\")").await;
    let (text, _) = house.inventory(Format::Csv).await;
    assert_snapshot!(text, @r#"
    instance,kind,id,standing,exception,findings,name,identifier,client,creator,creator_name,active,created_at,last_used,idle_days,ends_at,issue,holder,expected,deleted_from
    global,api_token,8101,foreign,,foreign never_used idle,Integration bot's own login,,,9001,Integration bot,true,2026-09-02T09:00:00Z,never,90,,,,,
    global,api_token,8102,foreign,,foreign,Admin's own scripts,,,9002,Zendesk Admin,true,2026-09-02T09:00:00Z,2026-12-01T09:00:00Z,0,,,,,
    global,api_token,10001,foreign,,foreign never_used,"'=HYPERLINK(""https://evil.example"")",,,9002,Zendesk Admin,true,2026-12-01T09:00:00Z,never,0,,,,,
    global,oauth_client,8001,own_login,,,countersign,countersign,,9001,,true,2026-09-02T09:00:00Z,2026-12-01T09:00:00Z,0,,,,,
    global,oauth_token,10003,own_login,,,,,8001,9001,,true,2026-12-01T09:00:00Z,2026-12-01T09:00:00Z,0,2026-12-01T09:30:00Z,,,,
    "#);
    house.leave().await;
}

#[tokio::test]
async fn the_same_as_json_is_one_document_with_the_sums_of_each_instance() {
    let house = House::open().await;
    house.approved().await;
    let (text, _) = house.inventory(Format::Json).await;
    assert_snapshot!(text, @r#"
    {"taken_at":"2026-12-01T09:01:30Z","instances":[
    {"instance":"global","url":"http://sandbox/zendesk/global","credentials":[
    {"instance":"global","kind":"api_token","id":8101,"standing":"foreign","exception":null,"findings":["foreign","never_used","idle"],"name":"Integration bot's own login","identifier":null,"client":null,"creator":9001,"creator_name":"Integration bot","active":true,"created_at":"2026-09-02T09:00:00Z","last_use":"never","idle_days":90,"ends_at":null,"issue":null,"holder":null,"expected":null,"deleted_from":null,"given_name":null},
    {"instance":"global","kind":"api_token","id":8102,"standing":"foreign","exception":null,"findings":["foreign","never_used","idle"],"name":"Admin's own scripts","identifier":null,"client":null,"creator":9002,"creator_name":"Zendesk Admin","active":true,"created_at":"2026-09-02T09:00:00Z","last_use":"never","idle_days":90,"ends_at":null,"issue":null,"holder":null,"expected":null,"deleted_from":null,"given_name":null},
    {"instance":"global","kind":"api_token","id":10002,"standing":"ours","exception":null,"findings":[],"name":"http://sandbox/gitlab/company/access-requests/-/issues/4","identifier":null,"client":null,"creator":9001,"creator_name":"Integration bot","active":true,"created_at":"2026-12-01T09:01:30Z","last_use":{"at":"2026-12-01T09:01:30Z"},"idle_days":0,"ends_at":"2027-01-01T00:00:00Z","issue":"http://sandbox/gitlab/company/access-requests/-/issues/4","holder":101,"expected":"live","deleted_from":null,"given_name":null},
    {"instance":"global","kind":"oauth_client","id":8001,"standing":"own_login","exception":null,"findings":[],"name":"countersign","identifier":"countersign","client":null,"creator":9001,"creator_name":null,"active":true,"created_at":"2026-09-02T09:00:00Z","last_use":{"at":"2026-12-01T09:01:30Z"},"idle_days":0,"ends_at":null,"issue":null,"holder":null,"expected":null,"deleted_from":null,"given_name":null},
    {"instance":"global","kind":"oauth_token","id":10001,"standing":"own_login","exception":null,"findings":[],"name":"","identifier":null,"client":8001,"creator":9001,"creator_name":null,"active":true,"created_at":"2026-12-01T09:00:30Z","last_use":{"at":"2026-12-01T09:01:30Z"},"idle_days":0,"ends_at":"2026-12-01T09:30:30Z","issue":null,"holder":null,"expected":null,"deleted_from":null,"given_name":null}],"summary":{"api_token_limit":256,"api_tokens_end_on":"2027-04-30","audit_log":"whole","days_left":150,"findings":{"foreign":2,"idle":2,"never_used":2},"listed":{"api_token":3,"oauth_client":1,"oauth_token":1},"of_ours":{"created":1,"ended":0,"not_told":[]},"outside":[],"standings":{"foreign":2,"ours":1,"own_login":2},"unreadable":[],"usage":{"admin_center":"http://sandbox/zendesk/global/admin/","public_api":false}}}]}
    "#);
    house.leave().await;
}

#[tokio::test]
async fn what_is_live_by_the_ledger_and_not_at_zendesk_is_missed() {
    let house = House::open().await;
    let iid = house.approved().await;
    let token = house.tokens(iid).await.remove(0);
    let url = house.url(iid).await.replace(&house.sandbox.base_url(), "http://sandbox");
    house.changed_by_hand(&token["id"], json!({"description": "mine now"})).await;
    assert_eq!(house.standing("mine now").await, ("ours".to_owned(), json!(["renamed"])));
    house.changed_by_hand(&token["id"], json!({"description": house.url(iid).await, "active": false})).await;
    assert_eq!(house.standing(&url).await, ("ours".to_owned(), json!(["switched_off"])));
    house.deleted_by_hand(&token["id"]).await;
    assert_eq!(house.standing(&url).await, ("ours".to_owned(), json!(["missing"])));
    house.leave().await;
}

#[tokio::test]
async fn what_was_handed_over_and_never_used_is_unclaimed() {
    let house = House::open().await;
    let iid = house.approved().await;
    let url = house.url(iid).await.replace(&house.sandbox.base_url(), "http://sandbox");
    house.clock.advance(DAY * 8);
    assert_eq!(house.standing(&url).await, ("ours".to_owned(), json!(["unclaimed"])));
    let secret = House::secret_in(&house.messages("requester").await[0]);
    assert!(house.works(&secret).await);
    assert_eq!(house.standing(&url).await, ("ours".to_owned(), json!([])));
    house.leave().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_never_called_empty() {
    let house = House::open().await;
    let iid = house.approved().await;
    for (effect, why) in [("status:403", "our login may not see them"), ("status:500", "is not available")] {
        house
            .fault(json!({"vendor": "zendesk", "method": "GET", "path": "api_tokens", "effect": effect, "times": 0}))
            .await;
        let (text, summaries) = house.inventory(Format::Table).await;
        assert!(text.contains("API tokens: not known") && text.contains(why), "{text}");
        assert!(!summaries[0].findings.contains_key(&Finding::Missing), "{text}");
        assert_eq!(ended(&summaries, &[]), ExitStatus::Unavailable);
        assert_eq!(ended(&summaries, &[Finding::Unreadable]), ExitStatus::Found);
        house.heal().await;
    }
    house.control("world", json!({"zendesk": {"global": {"api_token_access": false}}})).await;
    let (text, _) = house.inventory(Format::Table).await;
    assert!(text.contains("switched off for this account"), "{text}");
    house.control("world", json!({"zendesk": {"global": {"api_token_access": true}}})).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn taking_the_inventory_changes_nothing_and_costs_one_list_of_tokens() {
    let house = House::open().await;
    house.approved().await;
    let before = house.world();
    let writes = || {
        ["POST", "PUT", "DELETE"].map(|method| {
            house.calls("zendesk", method, "/api/v2/") + house.calls("gitlab", method, "/api/v4/")
        })
    };
    let (lists, written) = (house.calls("zendesk", "GET", "api_tokens"), writes());
    let ours = house.own_books().await;
    let (_, summaries) = house.inventory(Format::Json).await;
    assert_eq!(house.own_books().await, ours, "nor is anything written down of it");
    assert!(house.service().context.store().last_inventory("global").await.unwrap().is_none());
    assert_eq!(house.calls("zendesk", "GET", "api_tokens") - lists, 1);
    assert_eq!(writes(), written);
    assert_eq!(house.world()["zendesk"]["global"]["tokens"], before["zendesk"]["global"]["tokens"]);
    assert_eq!(ended(&summaries, &[Finding::Orphan, Finding::Zombie]), ExitStatus::Done);
    assert_eq!(ended(&summaries, &[Finding::Foreign]), ExitStatus::Found);
    house.leave().await;
}

#[tokio::test]
async fn t42_a_naming_exception_hides_nobody_it_does_not_name() {
    let house = House::open_with(with_exceptions).await;
    // The admin may have tokens of their own, and nobody else may, whatever they name theirs.
    house.made_by_hand("Zendesk Admin - sync").await;
    house.made_by_hand("Target - hidden").await;
    assert_eq!(house.standing("Zendesk Admin - sync").await, ("exception".to_owned(), json!(["never_used"])));
    let (standing, findings) = house.standing("Target - hidden").await;
    assert_eq!((standing.as_str(), findings), ("foreign", json!(["foreign", "disguised", "never_used"])));
    house.leave().await;
}

#[tokio::test]
async fn thousands_of_credentials_cost_one_list_of_tokens_and_pages_of_a_hundred() {
    let house = House::open().await;
    let many = json!({"instance": "global", "api_tokens": 2046, "clients": 4999, "tokens_of_each_client": 1});
    house.control("fill", many).await;
    let calls = |path: &str| house.calls("zendesk", "GET", path);
    let before = (calls("api_tokens"), calls("oauth/clients"), calls("oauth/tokens"));
    // Lines are told one by one; only sums are kept of them.
    let (mut lines, policy) = (0, house.service().context.policy().clone());
    let mut first_client = None;
    let mut tell = |line: &Line| {
        lines += 1;
        if line.kind == ListedKind::OauthClient && first_client.is_none() {
            first_client = Some(house.calls("zendesk", "GET", "oauth/clients"));
        }
    };
    let summary = take(&house.service().context, &policy.instances[0], house.now(), &mut tell).await.unwrap();
    let listed = |kind| summary.listed[&kind];
    assert_eq!(summary.tokens_of_limit(), Some((2048, 2048)));
    assert_eq!(listed(ListedKind::OauthClient), 5000);
    let tokens = listed(ListedKind::OauthToken);
    assert!((4999..=5001).contains(&tokens), "{tokens}");
    assert_eq!(lines, 2048 + 5000 + tokens);
    assert_eq!(first_client, Some(before.1 + 1), "the first page is told before the second is asked for");
    assert_eq!(calls("api_tokens") - before.0, 1);
    assert_eq!(calls("oauth/clients") - before.1, 50);
    assert_eq!(calls("oauth/tokens") - before.2, tokens.div_ceil(100));
    assert!(summary.findings.contains_key(&Finding::NearLimit));
    house.leave().await;
}

#[tokio::test]
async fn an_idle_token_is_warned_of_from_its_twentieth_day_on_until_zendesk_ends_it() {
    let house = House::open_with(with_exceptions).await;
    house.made_by_hand("Zendesk Admin - sync").await;
    house.clock.advance(DAY * 20 - SignedDuration::from_secs(1));
    let idle = async || {
        let lines = house.lines().await;
        let line = lines.iter().find(|line| line["name"] == "Zendesk Admin - sync").unwrap().clone();
        (line["idle_days"].clone(), line["findings"].clone())
    };
    assert_eq!(idle().await, (json!(19), json!(["never_used"])));
    house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(idle().await, (json!(20), json!(["never_used", "idle"])));
    let (text, summaries) = house.inventory(Format::Table).await;
    assert!(text.contains("! idle: unused for 20 days; Zendesk ends it after 30"), "{text}");
    assert_eq!(ended(&summaries, &[Finding::Idle]), ExitStatus::Found);
    // Its use is what ends the warning.
    let id =
        house.lines().await.iter().find(|line| line["name"] == "Zendesk Admin - sync").unwrap()["id"].clone();
    house.changed_by_hand(&id, json!({"active": false})).await;
    assert_eq!(idle().await, (json!(20), json!(["never_used"])), "it works no more, so it cannot be ended");
    house.leave().await;
}

#[tokio::test]
async fn the_days_to_the_last_day_of_api_tokens_are_counted_and_never_below_none() {
    let house = House::open_at("2027-04-29T09:00:00Z").await;
    let days = async || {
        let (text, _) = house.inventory(Format::Table).await;
        text.lines().find(|line| line.starts_with("Zendesk end")).unwrap().to_owned()
    };
    assert_eq!(days().await, "Zendesk ends every API token on 2027-04-30, 1 day from now.");
    house.clock.advance(DAY);
    assert_eq!(days().await, "Zendesk ends every API token on 2027-04-30, which is today.");
    house.clock.advance(DAY);
    assert_eq!(days().await, "Zendesk ended every API token on 2027-04-30.");
    house.leave().await;
}
