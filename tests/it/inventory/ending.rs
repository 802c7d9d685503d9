//! What ended and waits for its deletion, switched off: ours and no fault, until it should be gone or works again.

use countersign::cli::inventory::Format;
use countersign::domain::inventory::deeds::Deed;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Deleted a week after its end, as is the default.
fn after_a_week(text: &mut String) {
    *text = text.replace("delete_after_days = 0", "delete_after_days = 7");
}

/// A house in which one token was handed over, and switched off when its end came; its issue.
async fn switched_off() -> (House, i64) {
    let house = House::open_with(after_a_week).await;
    let iid = house.approved().await;
    let end: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    house.later(end.duration_since(house.now())).await;
    (house, iid)
}

#[tokio::test]
async fn what_waits_a_week_for_its_deletion_is_ours_and_no_difference() {
    let (house, iid) = switched_off().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    let line = house.line_of(&id).await;
    assert_eq!((&line["standing"], &line["findings"]), (&json!("ours"), &json!([])), "{line:#}");
    assert_eq!(
        (&line["active"], &line["expected"], &line["deleted_from"]),
        (&json!(false), &json!("switched_off"), &json!("2027-01-08T00:00:00Z"))
    );
    says(
        &house.inventory(Format::Table).await.0,
        "           - ended: switched off, deleted from 2027-01-08 on: http://sandbox/gitlab/company/access-requests/-/issues/4",
    );
    assert_eq!(house.next_inventory().await.1, None);
    // It is neither switched on again nor deleted behind its request's back by the clock alone.
    house.later(DAY * 5).await;
    assert_eq!((house.next_inventory().await.1, house.tokens(iid).await.len()), (None, 1));
    house.later(DAY).await;
    assert_eq!((house.next_inventory().await.1, house.tokens(iid).await.len()), (None, 0));
    assert_eq!(house.phase(iid).await, "ended");
    house.leave().await;
}

#[tokio::test]
async fn what_ended_and_is_switched_on_again_by_hand_is_a_difference() {
    let (house, iid) = switched_off().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    house.changed_by_hand(&id, json!({"active": true})).await;
    assert_eq!(house.line_of(&id).await["findings"], json!(["switched_on", "idle"]));
    let (document, told) = house.next_inventory().await;
    assert_eq!(document["differences"][0]["findings"], json!(["switched_on"]), "{document:#}");
    says(&told.unwrap(), "switched_on 1");
    assert_eq!(house.credential(&id, Deed::Deactivate).await.unwrap(), format!("global\t{id}\tswitched off"));
    assert_eq!(house.next_inventory().await.1, None);
    house.leave().await;
}

#[tokio::test]
async fn what_should_have_been_deleted_after_its_week_is_a_zombie() {
    let (house, iid) = switched_off().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    // Nobody was there to delete it.
    house.clock.advance(DAY * 7);
    assert_eq!(house.line_of(&id).await["findings"], json!([]), "it is due at this very moment");
    house.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(house.line_of(&id).await["findings"], json!(["zombie"]));
    // Zendesk does not delete it.
    let refusal = json!({"vendor": "zendesk", "method": "DELETE", "path": "api_tokens", "effect": "status:500", "times": 0});
    house.fault(refusal).await;
    house.settle().await;
    assert_eq!(house.line_of(&id).await["findings"], json!([]), "one failure is none to call a person for");
    for _ in 0..3 {
        house.later(DAY).await;
    }
    assert_eq!(house.line_of(&id).await["findings"], json!(["zombie"]));
    house.heal().await;
    house.later(DAY).await;
    assert_eq!(house.tokens(iid).await, Vec::<serde_json::Value>::new());
    house.leave().await;
}

#[tokio::test]
async fn what_ended_is_not_switched_on_by_hand_and_may_be_deleted_before_its_week_is_over() {
    let (house, iid) = switched_off().await;
    let id = house.tokens(iid).await[0]["id"].clone();
    says(&house.hand_refused(&id, Deed::Reactivate).await, "what has ended stays ended");
    says(&house.hand_refused(&id, Deed::Rename(None)).await, "its request has ended");
    assert_eq!(house.credential(&id, Deed::Delete).await.unwrap(), format!("global\t{id}\tgone"));
    assert_eq!(house.next_inventory().await.1, None, "gone before its time is no difference");
    house.later(DAY * 7).await;
    assert_eq!(house.phase(iid).await, "ended");
    house.leave().await;
}
