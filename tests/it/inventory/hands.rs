//! What an operator does by hand: names, switching off and on, deleting, and taking orphans away.

use countersign::cli::credential::{Order, carry_out};
use countersign::cli::inventory::take_away::{Sayso, take_away};
use countersign::cli::{ExitStatus, Failure};
use countersign::domain::inventory::deeds::Deed;
use countersign::store::Entry;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::with_exceptions;
use crate::harness::{House, says};

impl House {
    /// What `countersign credential …` says and does.
    pub(crate) async fn credential(&self, id: &Value, deed: Deed) -> Result<String, Failure> {
        let (instance, why, by) = ("global".to_owned(), "because".to_owned(), "oda".to_owned());
        let order = Order { id: id.as_i64().unwrap(), instance, deed, why, by };
        carry_out(&self.service().context, &order).await
    }

    /// Why it is not done.
    pub(crate) async fn hand_refused(&self, id: &Value, deed: Deed) -> String {
        let failure = self.credential(id, deed).await.unwrap_err();
        assert_eq!(failure.status, ExitStatus::Usage);
        format!("{} ({})", failure.message, failure.hint.unwrap_or_default())
    }

    /// The token of this name, as the admin sees it.
    async fn token_named(&self, name: &str) -> Value {
        let lines = self.lines().await;
        let line = lines.iter().find(|line| line["name"] == name);
        line.unwrap_or_else(|| panic!("no {name} in {lines:#?}")).clone()
    }

    /// Takes orphans away, agreeing to whatever is asked.
    pub(crate) async fn take_orphans(&self) -> ExitStatus {
        let sayso = Sayso { why: "left over".to_owned(), by: "oda".to_owned() };
        take_away(&self.service().context, Some("global"), &sayso, &mut |_| Ok(true)).await.unwrap()
    }

    /// A token that our own user made without the ledger knowing, as an earlier installation would have.
    pub(crate) async fn made_by_our_user(&self, name: &str) {
        let secret =
            self.world()["zendesk"]["global"]["tokens"]["8101"]["secret"].as_str().unwrap().to_owned();
        let url = format!("{}/api/v2/api_tokens", self.sandbox.zendesk_url("global"));
        let request = self.http.post(url).basic_auth("integration@example.com/token", Some(secret));
        let answer = request.json(&json!({"api_token": {"description": name}})).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// All that is written down and belongs to no request, by kind.
    pub(crate) async fn orders_written(&self, kind: &str) -> Vec<Value> {
        let entries = self.service().context.store().entries_from(1).await.unwrap();
        let these = entries.into_iter().filter(|entry| entry.kind == kind);
        these.map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_live_token_is_switched_off_and_on_and_gets_its_name_back() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    let url = house.url(iid).await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    house.changed_by_hand(&id, json!({"description": "mine now"})).await;
    assert_eq!(
        house.credential(&id, Deed::Rename(None)).await.unwrap(),
        format!("global\t{id}\tnamed {url}")
    );
    says(
        &house.hand_refused(&id, Deed::Rename(Some("other".to_owned()))).await,
        "the one that its request gave it",
    );
    assert_eq!(house.credential(&id, Deed::Deactivate).await.unwrap(), format!("global\t{id}\tswitched off"));
    assert!(!house.works(&secret).await);
    assert_eq!(house.credential(&id, Deed::Reactivate).await.unwrap(), format!("global\t{id}\tswitched on"));
    assert!(house.works(&secret).await);
    says(&house.hand_refused(&id, Deed::Delete).await, "countersign revoke");
    house.has_exactly_one(iid).await;
    let written = house.entries(iid, "credential.ordered").await;
    assert_eq!(written.len(), 3);
    assert_eq!((&written[1]["why"], &written[1]["by"]), (&json!("because"), &json!("oda")));
    house.leave().await;
}

#[tokio::test]
async fn what_ended_is_not_switched_on_again() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.orders(iid, countersign::domain::snapshot::OrderKind::Revoke).await;
    let failure = house.credential(&id, Deed::Reactivate).await.unwrap_err();
    says(&failure.message, "no API token");
    // It is back although it was seen to be gone: a zombie, which can only be switched off and deleted.
    let back = async |active: bool| {
        let revived = json!({"revived_api_tokens": {id.to_string(): active}});
        house.control("world", json!({"zendesk": {"global": revived}})).await;
    };
    back(false).await;
    let name = house.url(iid).await;
    let shown = name.replace(&house.sandbox.base_url(), "http://sandbox");
    assert_eq!(house.standing(&shown).await, ("ours".to_owned(), json!(["zombie"])));
    says(&house.hand_refused(&id, Deed::Reactivate).await, "what has ended stays ended");
    back(true).await;
    assert_eq!(house.credential(&id, Deed::Delete).await.unwrap(), format!("global\t{id}\tgone"));
    house.all_is_dead().await;
    house.leave().await;
}

#[tokio::test]
async fn an_exception_is_handled_and_what_is_nobodys_is_not() {
    let house = House::open_with(with_exceptions).await;
    house.made_by_hand("Zendesk Admin - sync").await;
    house.made_by_hand("who knows").await;
    let id = house.token_named("Zendesk Admin - sync").await["id"].clone();
    let renamed = Deed::Rename(Some("Zendesk Admin - nightly".to_owned()));
    assert_eq!(
        house.credential(&id, renamed).await.unwrap(),
        format!("global\t{id}\tnamed Zendesk Admin - nightly")
    );
    says(
        &house.hand_refused(&id, Deed::Rename(Some("hidden".to_owned()))).await,
        "no exception would cover it",
    );
    house.credential(&id, Deed::Deactivate).await.unwrap();
    house.credential(&id, Deed::Reactivate).await.unwrap();
    house.credential(&id, Deed::Delete).await.unwrap();
    let foreign = house.token_named("who knows").await["id"].clone();
    for deed in [Deed::Deactivate, Deed::Delete, Deed::Rename(Some("Zendesk Admin - x".to_owned()))] {
        says(&house.hand_refused(&foreign, deed).await, "neither in the ledger nor an exception");
    }
    house.leave().await;
}

#[tokio::test]
async fn nothing_is_done_by_hand_that_cannot_be_written_down() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.audit_refuses("NEW.kind LIKE 'credential.%'").await;
    assert_eq!(house.credential(&id, Deed::Deactivate).await.unwrap_err().status, ExitStatus::Unavailable);
    house.audit_writes().await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn only_orphans_of_our_own_user_are_taken_away_and_nothing_that_lives() {
    let house = House::open_with(with_exceptions).await;
    let iid = house.approved().await;
    let url = house.url(iid).await;
    let orphan = format!("{url}9");
    house.made_by_our_user(&orphan).await;
    house.made_by_hand(&format!("{url}8")).await;
    house.made_by_hand("Zendesk Admin - sync").await;
    let listed = async || house.lines().await.len();
    let before = listed().await;
    // What was made within the hour may be a creation whose answer is on its way.
    house.take_orphans().await;
    assert_eq!(listed().await, before);
    house.clock.advance(SignedDuration::from_hours(2));
    let refusing = &mut |count: usize| {
        assert_eq!(count, 2);
        Ok(false)
    };
    let sayso = Sayso { why: "no".to_owned(), by: "oda".to_owned() };
    take_away(&house.service().context, None, &sayso, refusing).await.unwrap();
    assert_eq!(house.orders_written("orphan.ordered").await, Vec::<Value>::new());
    assert_eq!(house.take_orphans().await, ExitStatus::Done);
    let left = house.lines().await;
    assert!(
        !left.iter().any(|line| orphan
            .ends_with(line["name"].as_str().unwrap().trim_start_matches("http://sandbox"))
            && line["name"] != ""),
        "{left:#?}"
    );
    assert!(left.iter().any(|line| line["name"].as_str().unwrap().ends_with("/48")), "made by another user");
    house.has_exactly_one_of_ours(iid).await;
    assert_eq!(house.orders_written("orphan.ordered").await[0]["why"], "left over");
    assert_eq!(house.orders_written("orphan.taken").await[0]["proven"], true);
    house.leave().await;
}

#[tokio::test]
async fn an_orphan_client_of_whom_our_credentials_act_as_is_taken_away_with_what_it_fetched() {
    let house = House::open().await;
    let name = format!("{}9", house.url(house.approved().await).await);
    let secret = house.client_made_for(("countersign_0123456789abcdef", &name), 9003).await;
    for _ in 0..2 {
        let grant = [
            ("grant_type", "client_credentials"),
            ("client_id", "countersign_0123456789abcdef"),
            ("client_secret", &secret),
            ("scope", "tickets:read"),
            ("expires_in", "172000"),
        ];
        let url = format!("{}/oauth/tokens", house.sandbox.zendesk_url("global"));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(grant).finish();
        let request = house.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        assert!(request.body(body).send().await.unwrap().status().is_success());
    }
    house.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(house.bearers().len(), 2);
    house.control("lists", json!({"instance": "global", "lag_seconds": 60})).await;
    assert_ne!(house.take_orphans().await, ExitStatus::Done, "the list still shows what is gone");
    assert_eq!(house.bearers(), Vec::<Value>::new());
    house.clock.advance(SignedDuration::from_mins(2));
    house.control("lists", json!({"instance": "global", "lag_seconds": 0})).await;
    assert_eq!(house.take_orphans().await, ExitStatus::Done);
    house.no_oauth();
    house.leave().await;
}

impl House {
    /// The issue's own credential lives, whatever else does.
    async fn has_exactly_one_of_ours(&self, iid: i64) {
        assert_eq!(self.phase(iid).await, "active");
        let tokens = self.tokens(iid).await;
        assert_eq!((tokens.len(), &tokens[0]["active"]), (1, &json!(true)));
    }
}

#[tokio::test]
async fn t23_many_orphans_at_once_are_held_back_until_a_person_releases_them() {
    let house = House::open().await;
    let iid = house.approved().await;
    let url = house.url(iid).await;
    for number in 10..18 {
        house.made_by_our_user(&format!("{url}{number}")).await;
    }
    house.clock.advance(SignedDuration::from_hours(2));
    let orphans = async || house.lines().await.iter().filter(|line| line["standing"] == "orphan").count();
    assert_eq!(house.take_orphans().await, ExitStatus::NotTrue);
    assert_eq!(orphans().await, 7, "one is no mass; the second is, where a single credential lives");
    assert_eq!(house.take_orphans().await, ExitStatus::NotTrue);
    assert_eq!(orphans().await, 7);
    let store = house.service().context.store();
    let by = json!({"by": "oda"});
    store.release_brake(Entry { kind: "brake.released".into(), key: None, detail: by }).await.unwrap();
    assert_eq!(house.take_orphans().await, ExitStatus::Done);
    assert_eq!(orphans().await, 0);
    house.has_exactly_one_of_ours(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn t23_an_orphan_that_is_gone_holds_nothing_else_back() {
    let house = House::open().await;
    let iid = house.approved().await;
    let url = house.url(iid).await;
    for number in 10..13 {
        house.made_by_our_user(&format!("{url}{number}")).await;
    }
    house.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(house.take_orphans().await, ExitStatus::NotTrue);
    let store = house.service().context.store();
    assert_eq!(store.held_endings().await.unwrap().len(), 2);
    let orphans = async || {
        let lines = house.lines().await;
        lines.into_iter().filter(|line| line["standing"] == "orphan").collect::<Vec<_>>()
    };
    house.deleted_by_hand(&orphans().await[0]["id"]).await;
    // A list that cannot be read says nothing of what is gone.
    house.fault(json!({"vendor": "zendesk", "path": "api_tokens", "effect": "status:500", "times": 0})).await;
    house.next_inventory().await;
    assert_eq!(store.held_endings().await.unwrap().len(), 2);
    house.heal().await;
    house.next_inventory().await;
    assert_eq!(store.held_endings().await.unwrap().len(), 1, "the other is still there");
    house.deleted_by_hand(&orphans().await[0]["id"]).await;
    assert_eq!(house.take_orphans().await, ExitStatus::Done);
    assert_eq!(store.held_endings().await.unwrap(), []);
    house.leave().await;
}

#[tokio::test]
async fn what_is_due_is_not_switched_on_again_although_nobody_has_taken_it_away_yet() {
    let house = House::open().await;
    let iid = house.approved().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.credential(&id, Deed::Deactivate).await.unwrap();
    // The service is down when the end comes.
    let end: jiff::Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    house.clock.advance(end.duration_since(house.now()));
    says(&house.hand_refused(&id, Deed::Reactivate).await, "its request has ended");
    assert_eq!(house.tokens(iid).await[0]["active"], false);
    house.leave().await;
}
