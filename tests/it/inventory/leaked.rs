//! An access token that the holder of one of our OAuth clients fetched, and that somebody found.

use countersign::cli::whose::{by_secret, by_text, only, tell};
use countersign::domain::snapshot::OrderKind;
use countersign::reconcile::inventory::{Leaked, Owned};
use serde_json::json;

use crate::harness::{Form, House, says};

/// An access token that the holder fetched with an OAuth client that was just handed over; the client's issue.
async fn fetched(house: &House) -> (i64, String) {
    let iid = house.approved_form(&Form::oauth_client()).await;
    let (status, granted) = house.fetches(&house.messages("requester").await[0]).await;
    assert_eq!(status, 200);
    (iid, granted["access_token"].as_str().unwrap().to_owned())
}

/// Whose it is; the request that `--revoke` would revoke, or why it would not.
async fn revoked(house: &House, leaked: &Leaked) -> String {
    let found = tell(&house.service().context, leaked).await.unwrap();
    match only(leaked, &found) {
        Ok(key) => key.to_string(),
        Err(failure) => failure.message,
    }
}

#[tokio::test]
async fn a_fetched_access_token_leads_to_the_request_of_its_client_and_is_revoked_with_it() {
    let house = House::open().await;
    let (iid, token) = fetched(&house).await;
    house.approved_form(&Form::oauth_client()).await;
    let whole = by_secret(&mut token.as_bytes()).unwrap();
    for leaked in [by_text(&token[..10]).unwrap(), by_text(&token[..6]).unwrap(), whole] {
        assert_eq!(revoked(&house, &leaked).await, House::key(iid).to_string());
    }
    assert_eq!(house.bears(&token, "tickets").await, 200);
    house.orders(iid, OrderKind::Revoke).await;
    assert_eq!(house.bears(&token, "tickets").await, 401);
    let nothing = house.whose(&by_text(&token[..10]).unwrap()).await.unwrap_err();
    says(&nothing.message, "is known by that");
    house.leave().await;
}

#[tokio::test]
async fn an_access_token_that_only_begins_alike_or_may_begin_alike_revokes_nothing() {
    let house = House::open().await;
    let (iid, token) = fetched(&house).await;
    let fault = json!({"vendor": "zendesk", "method": "GET", "path": "oauth/tokens", "effect": "status:500", "times": 0});
    house.fault(fault).await;
    let minted = House::secret_in(&house.messages("requester").await[0]);
    // The secret that was handed over is known without any list.
    let whole = by_secret(&mut minted.as_bytes()).unwrap();
    assert_eq!(revoked(&house, &whole).await, House::key(iid).to_string());
    house.heal().await;
    let api_token = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    house.fault(json!({"vendor": "zendesk", "method": "GET", "path": "oauth/tokens", "effect": "status:500", "times": 0})).await;
    says(
        &revoked(&house, &by_text(&secret[..6]).unwrap()).await,
        "could not be read, so another credential may fit as well: nothing was revoked",
    );
    house.heal().await;
    assert_eq!(revoked(&house, &by_text(&secret[..6]).unwrap()).await, House::key(api_token).to_string());
    // Of what was handed over itself, the whole is known: another that begins alike is another.
    let short = house.approved_form(&Form::oauth_token()).await;
    let handed_over = House::secret_in(&house.messages("requester").await[0]);
    assert_eq!(revoked(&house, &by_text(&handed_over[..10]).unwrap()).await, House::key(short).to_string());
    let another = by_secret(&mut format!("{}another", &handed_over[..20]).as_bytes()).unwrap();
    says(&revoked(&house, &another).await, "only one that begins alike: nothing was revoked");
    assert_ne!(token, handed_over);
    house.leave().await;
}

#[tokio::test]
async fn an_access_token_of_somebody_elses_client_or_of_our_own_login_is_said_to_be_so() {
    let house = House::open().await;
    house.approved().await;
    let world = house.world();
    let mut bearers = world["zendesk"]["global"]["bearers"].as_object().unwrap().values();
    let own = bearers.find(|bearer| bearer["client_id"] == 8001).unwrap();
    let own = own["token"].as_str().unwrap().to_owned();
    let found = house.whose(&by_text(&own[..10]).unwrap()).await.unwrap();
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    let Owned::Others { name, .. } = &one.owned else { panic!("{found:#?}") };
    says(name, "our own login");
    says(&revoked(&house, &by_text(&own[..10]).unwrap()).await, "it was not issued here");
    house.leave().await;
}
