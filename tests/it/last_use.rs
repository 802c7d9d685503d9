//! What a reminder of the end says of when the credential was last used, kind by kind, as far as Zendesk shows it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{Form, House, says};

/// Up to a moment.
async fn until(house: &House, instant: &str) {
    let instant: Timestamp = instant.parse().unwrap();
    house.later(instant.duration_since(house.now())).await;
}

/// The line of the newest message that says when it was last used.
async fn last_use(house: &House) -> String {
    let message = house.messages("requester").await[0].clone();
    let text = house.message_text(&message);
    let line = text.lines().find(|line| line.starts_with("It was last used"));
    line.unwrap_or_else(|| panic!("nothing of its last use in {text}")).to_owned()
}

#[tokio::test]
async fn of_an_oauth_client_its_last_use_is_that_of_a_token_it_fetched_even_one_that_expired() {
    let house = House::open().await;
    let iid = house.approved_form(&Form::oauth_client()).await;
    until(&house, "2026-12-17T08:00:00Z").await;
    let (_, grant) = house.fetches(&house.messages("requester").await[0].clone()).await;
    assert_eq!(house.bears(grant["access_token"].as_str().unwrap(), "tickets").await, 200);
    // It has expired when the reminder comes, and another one was fetched and not used.
    until(&house, "2026-12-17T23:59:00Z").await;
    house.fetches(&house.messages("requester").await[0].clone()).await;
    until(&house, "2026-12-18T00:00:00Z").await;
    assert_eq!(last_use(&house).await, "It was last used: 2026-12-17 08:00 UTC.");
    says(&house.comment(iid).await, "The credential was last used: 2026-12-17 08:00 UTC.");
    house.leave().await;
}

#[tokio::test]
async fn of_an_oauth_client_whose_tokens_were_never_used_it_says_plainly_that_it_is_not_known() {
    let house = House::open().await;
    house.approved_form(&Form::oauth_client()).await;
    until(&house, "2026-12-17T23:59:00Z").await;
    house.fetches(&house.messages("requester").await[0].clone()).await;
    until(&house, "2026-12-18T00:00:00Z").await;
    assert_eq!(
        last_use(&house).await,
        "It was last used: not known: Zendesk records it for access tokens only, and none of this client's shows any use."
    );
    house.leave().await;
}

#[tokio::test]
async fn of_an_access_token_it_is_its_own_and_our_own_trial_is_no_use_of_its_holder() {
    for used in [false, true] {
        let house = House::open().await;
        house.approved_form(&Form::oauth_token()).await;
        let token = House::secret_in(&house.messages("requester").await[0]);
        until(&house, "2026-12-01T20:00:00Z").await;
        if used {
            assert_eq!(house.bears(&token, "tickets").await, 200);
        }
        until(&house, "2026-12-02T00:00:00Z").await;
        let expected = if used {
            "It was last used: 2026-12-01 20:00 UTC."
        } else {
            "It was last used: 2026-12-01 09:01 UTC, to try it out before it was handed over; as far as Zendesk tells, not \
             since."
        };
        assert_eq!(last_use(&house).await, expected);
        house.leave().await;
    }
}

#[tokio::test]
async fn of_an_api_token_our_own_trial_is_no_use_of_its_holder_either() {
    let house = House::open().await;
    house.approved().await;
    until(&house, "2026-12-18T00:00:00Z").await;
    says(
        &last_use(&house).await,
        "to try it out before it was handed over; as far as Zendesk tells, not since",
    );
    house.leave().await;
}

#[tokio::test]
async fn a_reminder_waits_for_no_list_and_then_says_that_it_is_not_known() {
    for (form, list) in [(Form::oauth_client(), "oauth/tokens"), (Form::default(), "api_tokens")] {
        let house = House::open().await;
        house.approved_form(&form).await;
        until(&house, "2026-12-17T23:59:00Z").await;
        let fault =
            json!({"vendor": "zendesk", "method": "GET", "path": list, "effect": "status:403", "times": 0});
        house.fault(fault).await;
        until(&house, "2026-12-18T00:00:00Z").await;
        says(&last_use(&house).await, "It was last used: not known");
        house.heal().await;
        house.leave().await;
    }
}

#[tokio::test]
async fn a_client_that_fetched_more_tokens_than_anybody_reads_is_said_to_be_not_known() {
    let house = House::open().await;
    house.approved_form(&Form::oauth_client()).await;
    let client = house.clients()[0]["id"].clone();
    house.control("fill", json!({"instance": "global", "of_client": client, "tokens": 2_100})).await;
    until(&house, "2026-12-18T00:00:00Z").await;
    says(&last_use(&house).await, "It was last used: not known");
    assert!(house.calls("zendesk", "GET", "oauth/tokens") < 60, "it does not read on for ever");
    house.later(SignedDuration::from_secs(1)).await;
    house.leave().await;
}
