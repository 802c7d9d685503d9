//! The campaign that moves API tokens to OAuth: a plan, one issue a token, followed to the end.

use countersign::cli::ExitStatus;
use countersign::cli::inventory::{Format, ended};
use countersign::cli::retire::{Wish, open_all, tell_plan, tell_progress};
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, Gate, House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl House {
    fn blotted(&self, out: Vec<u8>) -> String {
        String::from_utf8(out).unwrap().replace(&self.sandbox.base_url(), "http://sandbox")
    }

    async fn retire_plan(&self) -> String {
        let mut out = Vec::new();
        tell_plan(&self.service().context, Some("global"), &mut out).await.unwrap();
        self.blotted(out)
    }

    async fn retire_open(&self, dry_run: bool) -> String {
        let mut out = Vec::new();
        let wish = Wish { instance: Some("global".to_owned()), dry_run, by: "oda".to_owned() };
        open_all(&self.service().context, &wish, &mut out).await.unwrap();
        self.blotted(out)
    }

    async fn retire_progress(&self) -> String {
        let mut out = Vec::new();
        tell_progress(&self.service().context, &mut out).await.unwrap();
        self.blotted(out)
    }

    /// The issues of the campaign.
    fn campaign(&self) -> Vec<Value> {
        let world = self.world();
        let issues = world["gitlab"]["issues"].as_object().unwrap().values();
        let ours = issues.filter(|issue| {
            issue["description"].as_str().is_some_and(|text| text.contains("countersign retire:"))
        });
        ours.cloned().collect()
    }

    /// Who the campaign's issue about a token of this name is for.
    fn assignees_of(&self, name: &str) -> Value {
        let about =
            |issue: &Value| issue["description"].as_str().unwrap().contains(&format!("named `{name}"));
        let issues: Vec<Value> = self.campaign().into_iter().filter(about).collect();
        assert_eq!(issues.len(), 1, "{name}: {issues:#?}");
        issues[0]["assignee_ids"].clone()
    }
}

#[tokio::test]
async fn every_token_gets_one_issue_for_its_owner_and_is_followed_to_its_end() {
    let house = House::open().await;
    let iid = house.approved().await;
    assert_snapshot!(house.retire_plan().await, @"
    Zendesk Global: 3 API tokens to move by 2027-04-30, 150 days from now

      token:     8101 Integration bot's own login
      owner:     not known: for the provisioners
      made for:  no issue
      last used: never
      needs:     not clear
      moving:    not begun

      token:     8102 Admin's own scripts
      owner:     not known: for the provisioners
      made for:  no issue
      last used: never
      needs:     not clear
      moving:    not begun

      token:     10002 http://sandbox/gitlab/company/access-requests/-/issues/4
      owner:     @robin
      made for:  http://sandbox/gitlab/company/access-requests/-/issues/4
      last used: 2026-12-01 09:01 UTC
      needs:     tickets:read (a guess by its purpose)
      moving:    not begun
    ");
    says(&house.retire_open(true).await, "would be opened for @robin");
    assert_eq!(house.campaign(), Vec::<Value>::new(), "a dry run opens nothing");
    assert_snapshot!(house.retire_open(false).await, @"
    global	8101	opened for the provisioners: its owner is not known	http://sandbox/gitlab/company/access-requests/-/issues/5
    global	8102	opened for the provisioners: its owner is not known	http://sandbox/gitlab/company/access-requests/-/issues/6
    global	10002	opened for @robin	http://sandbox/gitlab/company/access-requests/-/issues/7
    ");
    let issues = house.campaign();
    assert_eq!(issues.len(), 3);
    let for_robin = issues.iter().find(|issue| issue["assignee_ids"] == json!([101])).unwrap();
    let text = for_robin["description"].as_str().unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("<!-- countersign retire: "), "{first}");
    assert_snapshot!(rest.replace(&house.sandbox.base_url(), "http://sandbox"), @"

    Zendesk ends every API token on 2027-04-30. After that, every call with this one fails. It is @robin's, as far as is known.

    - Token: 10002 at Zendesk Global, named `http://sandbox/gitlab/company/access-requests/-/issues/4`
    - Last used: 2026-12-01 09:01 UTC
    - Made for: http://sandbox/gitlab/company/access-requests/-/issues/4
    - Purpose: `Export solved tickets every night.`
    - Scopes it seems to need: `tickets:read` (a guess by its purpose; check it)

    What to do:

    1. If nothing uses it any more, say so here; a provisioner deactivates it.
    1. Otherwise open an access request for an OAuth client of Zendesk Global with those scopes.
    1. Change what uses the token to the new credential, and have the token deactivated.

    This issue is closed by itself once the token is deactivated or gone.
    ");
    let for_pat = issues.iter().filter(|issue| issue["assignee_ids"] == json!([104])).count();
    assert_eq!(for_pat, 2, "nobody's go to pat");
    // It is no request, and opening again opens nothing.
    house.settle().await;
    says(&house.retire_open(false).await, "open already for @robin");
    assert_eq!(house.campaign().len(), 3);
    assert!(issues.iter().all(|issue| issue["closed"] == false && issue["confidential"] == true));
    house.clock.advance(DAY * 7);
    house.orders(iid, countersign::domain::snapshot::OrderKind::Revoke).await;
    assert_snapshot!(house.retire_progress().await, @"
    1 of 3 API tokens moved; 143 days left

    OWNER                            OPEN  MOVED
    @robin                              0      1
    provisioners                        2      0

    WEEK                           OPENED  MOVED
    2026-W49                            3      0
    2026-W50                            0      1
    ");
    let closed = house.campaign().into_iter().filter(|issue| issue["closed"] == true).count();
    assert_eq!(closed, 1, "the token is gone, so its issue is closed");
    house.leave().await;
}

#[tokio::test]
async fn a_token_made_by_hand_is_for_whoever_has_its_creators_address_in_the_directory() {
    let house = House::open().await;
    house.made_by_hand("export for the dashboard").await;
    says(&house.retire_plan().await, "owner:     not known: for the provisioners");
    // The admin who made it at Zendesk is Oda, by the directory.
    let directory = std::fs::read_to_string(house.path("directory.toml")).unwrap();
    let directory = directory.replace("oda@example.com", "admin-global@example.com");
    std::fs::write(house.path("directory.toml"), directory).unwrap();
    house.retire_open(false).await;
    assert_eq!(house.assignees_of("export for the dashboard"), json!([107]));
    assert_eq!(house.assignees_of("Admin's own scripts"), json!([107]));
    assert_eq!(house.assignees_of("Integration bot's own login"), json!([104]), "whose address nobody has");
    house.leave().await;
}

#[tokio::test]
async fn an_orphan_named_after_a_request_is_for_its_author() {
    let house = House::open().await;
    let iid = house.opens("colleague", &Form::default().text()).await;
    house.settle().await;
    let name = house.url(iid).await;
    house.made_by_our_user(&name).await;
    house.made_by_our_user(&format!("{name}9")).await;
    assert_eq!(house.standing(&name.replace(&house.sandbox.base_url(), "http://sandbox")).await.0, "orphan");
    says(&house.retire_open(false).await, "opened for @casey");
    assert_eq!(house.assignees_of(&format!("{name}`")), json!([105]));
    assert_eq!(house.assignees_of(&format!("{name}9`")), json!([104]), "of a request that nobody knows");
    house.leave().await;
}

#[tokio::test]
async fn an_issue_whose_answer_was_lost_is_found_and_not_opened_again() {
    let house = House::open().await;
    house.approved().await;
    let fault = json!({"vendor": "gitlab", "method": "POST", "path": "/issues", "effect": "lose_answer"});
    house.fault(fault).await;
    let mut out = Vec::new();
    let wish = Wish { instance: Some("global".to_owned()), dry_run: false, by: "oda".to_owned() };
    assert!(open_all(&house.service().context, &wish, &mut out).await.is_err());
    house.heal().await;
    house.retire_open(false).await;
    assert_eq!(house.campaign().len(), 3);
    house.leave().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_ends_no_retirement() {
    let house = House::open().await;
    house.approved().await;
    house.retire_open(false).await;
    house.fault(json!({"vendor": "zendesk", "path": "api_tokens", "effect": "status:403", "times": 0})).await;
    says(&house.retire_progress().await, "0 of 3 API tokens moved");
    assert!(house.campaign().iter().all(|issue| issue["closed"] == false));
    house.heal().await;
    house.leave().await;
}

#[tokio::test]
async fn where_a_group_provisions_its_members_get_what_is_nobodys_and_the_group_is_named() {
    let house = House::open_with(|text| {
        *text = text.replace("provisioners = [104]", "provisioners = []\nprovisioner_groups = [\"company\"]");
    })
    .await;
    house.retire_open(false).await;
    let issues = house.campaign();
    assert_eq!(issues.len(), 2);
    for issue in &issues {
        assert_eq!(issue["assignee_ids"], json!([107]), "the one member of the group");
        says(
            &issue["description"].as_str().unwrap(),
            "this goes to the instance's provisioners, members of `company` among them.",
        );
    }
    house.leave().await;
}

#[tokio::test]
async fn a_group_that_cannot_be_read_opens_no_issue_for_nobody() {
    let house = House::open_with(|text| {
        *text = text.replace("provisioners = [104]", "provisioners = []\nprovisioner_groups = [\"company\"]");
    })
    .await;
    let fault =
        json!({"vendor": "gitlab", "path": "groups/company/members", "effect": "status:500", "times": 0});
    house.fault(fault).await;
    let mut out = Vec::new();
    let wish = Wish { instance: Some("global".to_owned()), dry_run: false, by: "oda".to_owned() };
    assert!(open_all(&house.service().context, &wish, &mut out).await.is_err());
    assert_eq!(house.campaign(), Vec::<Value>::new());
    house.heal().await;
    house.retire_open(false).await;
    assert_eq!(house.campaign().len(), 2);
    house.leave().await;
}

#[tokio::test]
async fn t31_where_token_access_is_switched_off_inventory_and_campaign_say_so_and_nothing_ends() {
    let house = House::open().await;
    let iid = house.approved().await;
    house.retire_open(false).await;
    let access = async |on: bool| {
        house.control("world", json!({"zendesk": {"global": {"api_token_access": on}}})).await;
    };
    access(false).await;
    let (text, summaries) = house.inventory(Format::Table).await;
    assert_snapshot!(text, @"
    Zendesk Global (http://sandbox/zendesk/global)

               KIND         ID         CREATED BY         LAST USED  NAME
    own login  OAuth client 8001       9001               2026-12-01 countersign
    own login  OAuth token  10001      9001               2026-12-01 of client 8001

    API tokens: not known
    OAuth clients: 1
    OAuth tokens: 1
    Of these: own login 2
          1 unreadable: a list could not be read; nothing is known of what is on it
    Could not be read: API tokens: access by API tokens is switched off for this account, so none of them works.
    Zendesk's audit log tells of 1 creation and 0 ends of ours.
    Zendesk ends every API token on 2027-04-30, 150 days from now.
    The usage of a whole account has no public API; an admin sees it in the Admin Center, under
    Account > Usage > API: http://sandbox/zendesk/global/admin/
    ");
    assert_eq!(ended(&summaries, &[]), ExitStatus::Unavailable);
    assert_snapshot!(house.retire_plan().await, @"
    Zendesk Global: access by API tokens is switched off for this account. None of them works, and Zendesk lists none,
    so there is nothing to move now; run this again if an admin switches it on.
    ");
    assert_eq!(house.retire_open(false).await, "");
    assert_snapshot!(house.retire_progress().await, @"
    0 of 3 API tokens moved; 150 days left
    global: its API tokens could not be seen, so they count as not moved:
      access by API tokens is switched off for this account, so none of them works

    OWNER                            OPEN  MOVED
    @robin                              1      0
    provisioners                        2      0

    WEEK                           OPENED  MOVED
    2026-W49                            3      0
    ");
    let (document, told) = house.next_inventory().await;
    assert_eq!(document["differences"], json!([]), "what is not listed is not missing: {document:#}");
    says(&told.unwrap(), "unreadable 1");
    access(true).await;
    assert!(house.campaign().iter().all(|issue| issue["closed"] == false));
    assert_eq!(house.phase(iid).await, "active");
    assert_eq!(house.next_inventory().await.1, None);
    house.leave().await;
}

#[tokio::test]
async fn t31_where_no_api_token_can_be_created_inventory_and_campaign_go_on_with_those_that_are_there() {
    for refusal in [json!({"creates_api_tokens": false}), json!({"api_token_cap": 3})] {
        let house = House::open().await;
        let earlier = house.approved().await;
        house.control("world", json!({"zendesk": {"global": refusal}})).await;
        let refused = house.approved().await;
        assert_eq!(house.phase(refused).await, "blocked", "{refusal}");
        let creations = house.creations();
        // The refused attempt left nothing behind that would be missed or found.
        let (_, summaries) = house.inventory(Format::Table).await;
        assert_eq!(summaries[0].tokens_of_limit(), Some((3, 256)));
        assert!(!summaries[0].differs(), "{:?}", summaries[0].findings);
        let plan = house.retire_plan().await;
        says(&plan, "3 API tokens to move");
        says(&plan, &format!("issues/{earlier}"));
        house.retire_open(false).await;
        assert!(house.campaign().iter().all(|issue| {
            issue["description"]
                .as_str()
                .unwrap()
                .contains("open an access request for an OAuth client of Zendesk Global")
        }));
        assert_eq!(house.creations(), creations, "asked once, and never again");
        house.leave().await;
    }
}

#[tokio::test]
async fn the_token_that_we_log_in_with_ends_as_well_and_is_in_the_campaign() {
    let house = House::open().await;
    let mut out = Vec::new();
    tell_plan(&house.service().context, Some("Zendesk US Government"), &mut out).await.unwrap();
    let plan = house.blotted(out);
    assert_snapshot!(plan, @"
    Zendesk US Government: 2 API tokens to move by 2027-04-30, 150 days from now

      token:     8101 Integration bot's own login
      owner:     not known: for the provisioners
      made for:  no issue
      last used: 2026-12-01 09:00 UTC
      needs:     read write (a guess by its purpose)
      moving:    not begun

      token:     8102 Admin's own scripts
      owner:     not known: for the provisioners
      made for:  no issue
      last used: never
      needs:     not clear
      moving:    not begun
    ");
    house.leave().await;
}

#[tokio::test]
async fn where_no_oauth_client_can_be_requested_the_campaign_sends_nobody_there() {
    let house = House::open().await;
    let mut out = Vec::new();
    let wish = Wish { instance: Some("us-government".to_owned()), dry_run: false, by: "oda".to_owned() };
    open_all(&house.service().context, &wish, &mut out).await.unwrap();
    let issues = house.campaign();
    assert!(!issues.is_empty());
    for issue in issues {
        let text = issue["description"].as_str().unwrap();
        says(&text, "none can be requested there yet");
        assert!(!text.contains("open an access request"), "{text}");
    }
    house.leave().await;
}

#[tokio::test]
async fn two_who_open_at_once_open_one_issue_for_each_token() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    house.approved().await;
    let wish = Wish { instance: Some("global".to_owned()), dry_run: false, by: "oda".to_owned() };
    let (context, mut slow, mut quick) = (&house.service().context, Vec::new(), Vec::new());
    gate.hold_the_next_writing("/issues");
    let first = open_all(context, &wish, &mut slow);
    let second = async {
        gate.holds_somebody().await;
        open_all(context, &wish, &mut quick).await.unwrap();
        gate.open();
    };
    tokio::join!(async { first.await.unwrap() }, second);
    says(&house.blotted(quick), "8101\tbegun by another run");
    says(&house.blotted(slow), "8102\topen already");
    assert_eq!(house.campaign().len(), 3);
    house.leave().await;
}

#[tokio::test]
async fn whoever_died_before_the_issue_was_there_is_followed_by_another_later() {
    let house = House::open().await;
    house.approved().await;
    let lost = json!({"vendor": "gitlab", "method": "POST", "path": "/issues", "effect": "drop_request"});
    house.fault(lost).await;
    let mut out = Vec::new();
    let wish = Wish { instance: Some("global".to_owned()), dry_run: false, by: "oda".to_owned() };
    assert!(open_all(&house.service().context, &wish, &mut out).await.is_err());
    house.heal().await;
    // Nobody knows yet whether that call arrives after all.
    says(&house.retire_open(false).await, "8101\tbegun by another run");
    assert_eq!(house.campaign().len(), 2);
    house.clock.advance(SignedDuration::from_mins(6));
    says(&house.retire_open(false).await, "8101\topened for");
    assert_eq!(house.campaign().len(), 3);
    house.leave().await;
}

#[tokio::test]
async fn what_works_again_counts_as_left_and_what_a_person_closed_is_opened_again() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.retire_open(false).await;
    let of_token = || {
        let mut issues = house.campaign().into_iter();
        issues.find(|issue| issue["description"].as_str().unwrap().contains(&format!(" {id} -->"))).unwrap()
    };
    house.changed_by_hand(&id, json!({"active": false})).await;
    says(&house.retire_progress().await, "1 of 3 API tokens moved");
    assert_eq!(of_token()["closed"], true);
    house.changed_by_hand(&id, json!({"active": true})).await;
    says(&house.retire_progress().await, "0 of 3 API tokens moved");
    assert_eq!(of_token()["closed"], false, "its issue is open again");
    let number = of_token()["iid"].as_i64().unwrap();
    house.changes("maintainer", number, json!({"state_event": "close"})).await;
    says(&house.retire_progress().await, "1 issue was closed although the token still works");
    assert_eq!(of_token()["closed"], true, "looking changes nothing that a person did");
    says(&house.retire_open(false).await, "opened again for @robin");
    assert_eq!(of_token()["closed"], false);
    says(&house.retire_open(false).await, "open already for @robin");
    assert_eq!(house.campaign().len(), 3);
    house.leave().await;
}

#[tokio::test]
async fn the_daily_inventory_alone_closes_the_issue_of_what_is_gone_and_opens_that_of_what_works_again() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.retire_open(false).await;
    let closed = || {
        let closed = house.campaign().into_iter().filter(|issue| issue["closed"] == true);
        closed.map(|issue| issue["assignee_ids"].clone()).collect::<Vec<_>>()
    };
    house.next_inventory().await;
    assert_eq!(closed(), Vec::<Value>::new());
    house.changed_by_hand(&id, json!({"active": false})).await;
    house.next_inventory().await;
    assert_eq!(closed(), [json!([101])], "that of robin's token");
    house.changed_by_hand(&id, json!({"active": true})).await;
    house.next_inventory().await;
    assert_eq!(closed(), Vec::<Value>::new());
    house.leave().await;
}
