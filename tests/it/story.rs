//! The story that everything is for, and the ones in which nothing may be issued.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::{Form, House};

#[tokio::test]
async fn two_people_countersign_and_the_requester_gets_a_token_named_with_the_issue() {
    let house = House::open().await;
    let iid = house.approved().await;
    let tokens = house.tokens(iid).await;
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0]["description"], house.url(iid).await.as_str());
    let messages = house.messages("requester").await;
    assert_eq!(messages.len(), 1);
    let secret = House::secret_in(&messages[0]);
    assert!(house.works(&secret).await);
    assert_snapshot!(house.message_text(&messages[0]), @"");
    assert_snapshot!(house.comment(iid).await, @"");
    assert_eq!(house.phase(iid).await, "active");
    house.leave().await;
}
