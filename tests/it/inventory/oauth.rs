//! Our own OAuth clients and access tokens in the inventory, from their making to their end and beyond.

use countersign::cli::ExitStatus;
use countersign::cli::inventory::Format;
use countersign::cli::whose::by_text;
use countersign::domain::inventory::deeds::Deed;
use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::inventory::{Owned, Trace};
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Form, Gate, House, says};

impl House {
    /// Standing, findings and what the ledger expects, of the OAuth clients and tokens that are not our own login's.
    async fn oauth_lines(&self) -> Vec<String> {
        let lines = self.lines().await;
        let ours = lines.iter().filter(|line| line["kind"] != "api_token" && line["standing"] != "own_login");
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let told = |line: &Value| {
            let mut words = vec![text(&line["kind"]), text(&line["standing"]), text(&line["expected"])];
            words.extend(line["findings"].as_array().unwrap().iter().map(text));
            words.join(" ")
        };
        ours.map(told).collect()
    }

    /// The table, from the first line that is ours to the sums.
    async fn oauth_table(&self) -> String {
        let (text, _) = self.inventory(Format::Table).await;
        let from = text.find("ours ").unwrap_or_default();
        let until = text.find("Zendesk's audit log").or_else(|| text.find("Zendesk ends every")).unwrap();
        text[from..until].to_owned()
    }
}

#[tokio::test]
async fn our_own_oauth_clients_and_tokens_are_ours_by_their_ids() {
    let house = House::open().await;
    house.approved_form(&Form::oauth_client()).await;
    house.approved_form(&Form::oauth_token()).await;
    let messages = house.messages("requester").await;
    let client = messages.iter().find(|message| house.message_text(message).contains("OAuth client is here"));
    house.fetches(client.unwrap()).await;
    assert_snapshot!(house.oauth_table().await, @"
    ours       OAuth client 10002      9003               not known  …ompany/access-requests/-/issues/4
    ours       OAuth token  10008      9003               not known  of client 10002
    ours       OAuth client 10005      9003               2026-12-01 …ompany/access-requests/-/issues/5
    ours       OAuth token  10007      9003               2026-12-01 of client 10005

    API tokens: 2 of 256
    OAuth clients: 3
    OAuth tokens: 3
    Of these: ours 4, own login 2, foreign 2
          2 foreign: neither issued by a request nor an exception of the policy
          2 never_used: never used, as Zendesk says
          2 idle: unused for 20 days or more; Zendesk ends API tokens after 30
    ");
    assert_eq!(house.next_inventory().await.1, None);
    house.leave().await;
}

#[tokio::test]
async fn an_oauth_credential_that_ends_is_ours_until_it_should_be_gone_and_then_a_zombie() {
    for form in [Form::oauth_client(), Form::oauth_token()] {
        let house = House::open().await;
        let iid = house.approved_form(&form).await;
        if form.kind == "OAuth client" {
            house.fetches(&house.messages("requester").await[0]).await;
        }
        let refusal = json!({"vendor": "zendesk", "method": "DELETE", "path": "oauth/clients", "effect": "status:500", "times": 0});
        house.fault(refusal).await;
        house.orders(iid, OrderKind::Revoke).await;
        // Its secret is discarded and its tokens are deleted; what is left of it is on its way out.
        assert_eq!(house.oauth_lines().await, ["oauth_client ours passing"]);
        says(&house.oauth_table().await, "- being made or taken away just now: http://sandbox/");
        for _ in 0..3 {
            house.later(SignedDuration::from_hours(24)).await;
        }
        assert_eq!(house.oauth_lines().await, ["oauth_client ours gone zombie"]);
        house.heal().await;
        house.later(SignedDuration::from_hours(24)).await;
        assert_eq!((house.oauth_lines().await, house.phase(iid).await.as_str()), (vec![], "ended"));
        // The deletion did not last.
        let world = house.world();
        let mut clients = world["zendesk"]["global"]["clients"].as_object().unwrap().values();
        let id = clients.find(|client| client["id"] != 8001).unwrap()["id"].clone();
        house.control("world", json!({"zendesk": {"global": {"revived_clients": [id]}}})).await;
        assert_eq!(house.oauth_lines().await, ["oauth_client ours gone zombie"]);
        house.leave().await;
    }
}

#[tokio::test]
async fn an_access_token_that_outlives_its_client_is_ours_and_a_zombie() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_token()).await;
    let client = house.clients()[0]["id"].clone();
    house.orders(iid, OrderKind::Revoke).await;
    house.no_oauth();
    house.control("world", json!({"zendesk": {"global": {"revived_bearers_of": client}}})).await;
    assert_eq!(house.oauth_lines().await, ["oauth_token ours gone zombie"]);
    says(&house.next_inventory().await.1.unwrap(), "zombie 1");
    house.leave().await;
}

#[tokio::test]
async fn what_a_creation_without_an_answer_made_is_ours_and_no_orphan_to_be_taken_away() {
    for form in [Form::oauth_client(), Form::oauth_token(), Form::default()] {
        let house = House::open().await;
        // A name that did not stick hides nothing: the identifier has the nonce.
        house.quirk(json!({"client_name": "another"})).await;
        let path = if form.kind == "API token" { "api_tokens" } else { "oauth/clients" };
        let lost = json!({"vendor": "zendesk", "method": "POST", "path": path, "effect": "lose_answer"});
        house.fault(lost).await;
        let iid = house.approved_form(&form).await;
        assert_eq!(house.phase(iid).await, "issuing");
        let passing = async || {
            let lines = house.lines().await;
            let line = lines.iter().find(|line| line["expected"] == "passing");
            line.map(|line| (line["standing"].clone(), line["findings"].clone()))
        };
        assert_eq!(passing().await, Some((json!("ours"), json!([]))), "{}", form.kind);
        // Zendesk's own log tells of the creation, and the ledger has no id of it yet.
        assert_eq!(house.next_inventory().await.1, None, "{}", form.kind);
        // Two hours later nobody has looked for it yet: too long for "too young" to protect it.
        house.clock.advance(SignedDuration::from_hours(2));
        assert_eq!(house.take_orphans().await, ExitStatus::Done);
        assert_eq!(house.orders_written("orphan.ordered").await, Vec::<Value>::new());
        assert!(passing().await.is_some(), "it is left to the request that looks for it");
        house.quirk(json!({})).await;
        for _ in 0..4 {
            house.later(SignedDuration::from_mins(2)).await;
        }
        assert_eq!(house.phase(iid).await, "active", "{}", form.kind);
        house.leave().await;
    }
}

#[tokio::test]
async fn somebody_elses_client_of_that_form_is_an_orphan_even_while_one_is_made() {
    let house = House::open().await;
    let fault =
        json!({"vendor": "zendesk", "method": "POST", "path": "oauth/clients", "effect": "lose_answer"});
    house.fault(fault).await;
    let iid = house.approved_form(&Form::oauth_client()).await;
    house.client_made_by_hand("countersign_0000", &house.url(iid).await).await;
    assert_eq!(house.oauth_lines().await, ["oauth_client ours passing", "oauth_client orphan - orphan"]);
    house.leave().await;
}

#[tokio::test]
async fn what_is_issued_or_taken_away_while_the_lists_are_read_is_no_difference() {
    let gate = Gate::default();
    let house = House::behind(&gate).await;
    let first = house.approved_form(&Form::oauth_client()).await;
    // The ledger is read, and the first list is asked for; the clients are listed only after that.
    gate.hold("/api/v2/api_tokens".to_owned());
    let meanwhile = async {
        gate.holds_somebody().await;
        house.orders(first, OrderKind::Revoke).await;
        house.approved_form(&Form::oauth_client()).await;
        gate.open();
    };
    let (lines, ()) = tokio::join!(house.oauth_lines(), meanwhile);
    assert_eq!(lines, ["oauth_client ours live"]);
    house.leave().await;
}

#[tokio::test]
async fn an_access_token_that_somebody_deleted_is_missed_although_its_client_is_there() {
    let house = House::open().await;
    house.approved_form(&Form::oauth_token()).await;
    let bearer = house.bearers()[0]["id"].clone();
    house.later(SignedDuration::from_hours(1)).await;
    assert_eq!(house.oauth_lines().await, ["oauth_client ours live", "oauth_token ours live"]);
    house.bearer_deleted_by_hand(&bearer).await;
    assert_eq!(house.oauth_lines().await, ["oauth_client ours live missing"]);
    // A list of tokens that cannot be read is no list without them.
    house.fault(json!({"vendor": "zendesk", "method": "GET", "path": "oauth/tokens", "effect": "status:403", "times": 0})).await;
    assert_eq!(house.oauth_lines().await, ["oauth_client ours live"]);
    house.heal().await;
    // A few minutes before the promised end Zendesk ends it itself.
    house
        .clock
        .advance("2026-12-02T23:55:00Z".parse::<jiff::Timestamp>().unwrap().duration_since(house.now()));
    assert_eq!(house.oauth_lines().await, ["oauth_client ours live"]);
    house.leave().await;
}

#[tokio::test]
async fn clients_that_cannot_be_read_leave_their_tokens_unknown_too() {
    let house = House::open().await;
    house.approved_form(&Form::oauth_token()).await;
    house.fault(json!({"vendor": "zendesk", "method": "GET", "path": "oauth/clients", "effect": "status:403", "times": 0})).await;
    let (text, summaries) = house.inventory(Format::Table).await;
    says(&text, "OAuth clients: not known");
    says(&text, "OAuth tokens: not known");
    assert!(!summaries[0].findings.contains_key(&countersign::domain::inventory::Finding::Missing));
    house.heal().await;
    house.leave().await;
}

#[tokio::test]
async fn an_oauth_client_is_found_by_its_identifier_and_is_not_switched_off_as_an_api_token() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_client()).await;
    house.approved_form(&Form::oauth_client()).await;
    let attempts = house.service().context.store().attempts(House::key(iid)).await.unwrap();
    let identifier = attempts[0].identifier.clone().unwrap();
    let found = house.whose(&by_text(&identifier).unwrap()).await.unwrap();
    let [Trace { owned: Owned::Ours { key, .. }, exact: true, .. }] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(*key, House::key(iid));
    let nobodys = house.whose(&by_text("countersign_0").unwrap()).await.unwrap_err();
    assert_eq!(nobodys.status, ExitStatus::NotTrue);
    let id = json!(attempts[0].credential.unwrap().0);
    let refused = house.hand_refused(&id, Deed::Deactivate).await;
    says(&refused, &format!("{id} is an OAuth client; only API tokens are switched off"));
    says(&refused, &format!("countersign revoke {}", house.url(iid).await));
    house.leave().await;
}
