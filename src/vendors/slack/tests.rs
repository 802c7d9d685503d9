//! The client against a Slack of a few lines: what it sends, what it reads, what it refuses to believe.

use crate::secret::MintedSecret;
use http::Response;

use super::*;
use crate::vendors::testing::{Log, answer, json as json_answer, lines, vendor};

const SECRET: &str = "s3cr3t-of-the-minted-token";
const DELIVERY: &str = "0b0e1d5e-0000-4000-8000-000000000001";

fn slack(reply: impl Fn(&str) -> Response<Bytes> + Clone + Send + Sync + 'static) -> (Slack, Log) {
    let (router, log) = vendor(reply);
    let base = "https://slack.example/api".parse().unwrap();
    (Slack::new(Transport::in_process(router), base, Secret::new("xoxb-1".to_owned())), log)
}

fn message() -> OutgoingMessage {
    OutgoingMessage {
        channel: "D1".to_owned(),
        text: "Your credential is here.".to_owned(),
        blocks: MintedSecret::new(
            json!([{ "type": "section", "text": { "type": "plain_text", "text": SECRET } }]).to_string(),
        ),
        delivery_id: DELIVERY.to_owned(),
    }
}

fn user(more: &Value) -> Value {
    let mut user = json!({
        "id": "U1", "team_id": "T1", "deleted": false, "is_bot": false, "is_app_user": true,
        "is_restricted": false, "is_ultra_restricted": false, "profile": { "email": "Ann@Example.com" },
    });
    for (key, value) in more.as_object().unwrap() {
        user[key] = value.clone();
    }
    json!({ "ok": true, "user": user })
}

async fn found(more: Value) -> SlackPerson {
    let (slack, _) = slack(move |_| json_answer(&user(&more)));
    slack.person(&SlackUserId("U1".to_owned())).await.unwrap()
}

#[tokio::test]
async fn a_person_is_found_by_address() {
    let (slack, log) = slack(|_| json_answer(&user(&json!({}))));
    let person = slack.person_by_email(&Email("ann+x@example.com".to_owned())).await.unwrap();
    assert_eq!((person.id.0.as_str(), person.team.as_str()), ("U1", "T1"));
    assert_eq!(person.email, Some(Email("ann@example.com".to_owned())));
    assert!(!person.deleted && !person.bot && !person.guest);
    assert_eq!(lines(&log), ["GET /api/users.lookupByEmail?email=ann%2Bx%40example.com"]);
    let log = log.lock().unwrap();
    assert_eq!(log[0].header("authorization"), "Bearer xoxb-1");
    assert!(log[0].parts.headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn who_is_no_ordinary_member_is_marked() {
    assert!(found(json!({ "deleted": true })).await.deleted);
    assert!(found(json!({ "is_bot": true })).await.bot);
    assert!(found(json!({ "id": "USLACKBOT" })).await.bot);
    assert!(found(json!({ "is_restricted": true })).await.guest);
    assert!(found(json!({ "is_ultra_restricted": true })).await.guest);
    assert_eq!(found(json!({ "profile": {} })).await.email, None);
}

#[tokio::test]
async fn a_conversation_and_the_team_are_asked_by_post() {
    let (slack, log) = slack(|line| match line {
        "POST /api/auth.test" => json_answer(&json!({ "ok": true, "team_id": "T1", "user_id": "U9" })),
        _ => json_answer(&json!({ "ok": true, "channel": { "id": "D1" } })),
    });
    assert_eq!(slack.team().await.unwrap(), "T1");
    assert_eq!(slack.open_conversation(&SlackUserId("U1".to_owned())).await.unwrap(), "D1");
    let log = log.lock().unwrap();
    assert_eq!(log[1].line, "POST /api/conversations.open");
    assert_eq!(log[1].json(), json!({ "users": "U1" }));
}

#[tokio::test]
async fn the_secret_is_in_the_blocks_and_nowhere_else() {
    let (slack, log) =
        slack(|_| json_answer(&json!({ "ok": true, "channel": "D1", "ts": "1.2", "message": {} })));
    let posted = slack.post(&message()).await.unwrap();
    assert_eq!(posted, Posted { channel: "D1".to_owned(), ts: "1.2".to_owned() });
    let log = log.lock().unwrap();
    assert_eq!(log[0].line, "POST /api/chat.postMessage");
    let mut body = log[0].json();
    assert_eq!(body["blocks"][0]["text"]["text"], SECRET);
    body["blocks"].take();
    let rest = json!({
        "blocks": null, "channel": "D1", "text": "Your credential is here.", "client_msg_id": DELIVERY,
        "unfurl_links": false, "unfurl_media": false,
        "metadata": { "event_type": "countersign_delivery", "event_payload": { "delivery_id": DELIVERY } },
    });
    assert_eq!(body, rest);
}

#[tokio::test]
async fn blocks_that_are_no_json_array_are_never_sent() {
    for blocks in ["", "{}", "[", r#"[],"text":"x""#, "not json"] {
        let (slack, log) = slack(|_| answer(200, &[], ""));
        let broken = OutgoingMessage { blocks: MintedSecret::new(blocks.to_owned()), ..message() };
        let error = slack.post(&broken).await.unwrap_err();
        assert_eq!(error, SlackError::Ours { code: "invalid_blocks".to_owned() }, "{blocks}");
        assert_eq!(lines(&log), [""; 0]);
    }
}

#[tokio::test]
async fn a_post_is_never_repeated() {
    for (status, body) in [(503, ""), (200, r#"{"ok":true}"#), (200, r#"{"ok":false,"error":"fatal_error"}"#)]
    {
        let (slack, log) = slack(move |_| answer(status, &[], body));
        assert_eq!(slack.post(&message()).await.unwrap_err(), SlackError::Ambiguous);
        assert_eq!(lines(&log).len(), 1);
    }
    let (slack, log) = slack(|_| answer(429, &[("retry-after", "1")], ""));
    let after = Some(SignedDuration::from_secs(1));
    assert_eq!(slack.post(&message()).await.unwrap_err(), SlackError::NotNow { after });
    assert_eq!(lines(&log).len(), 1);
}

/// A message with metadata like ours.
fn carrying(ts: &str, event_type: &str, delivery_id: &str) -> Value {
    json!({ "ts": ts, "metadata": { "event_type": event_type, "event_payload": { "delivery_id": delivery_id } } })
}

fn history(messages: &[Value], cursor: &str) -> Response<Bytes> {
    let has_more = !cursor.is_empty();
    json_answer(&json!({
        "ok": true, "messages": messages, "has_more": has_more, "response_metadata": { "next_cursor": cursor },
    }))
}

async fn look(slack: &Slack) -> Result<Option<String>, SlackError> {
    slack.find_delivery("D1", DELIVERY, "2026-11-22T12:01:00Z".parse().unwrap()).await
}

#[tokio::test]
async fn a_delivery_is_found_on_a_later_page() {
    let (slack, log) = slack(|line| {
        if line.contains("cursor=next%3D") {
            history(&[carrying("3.0", "countersign_delivery", DELIVERY)], "")
        } else {
            let others = [
                json!({ "ts": "1.0" }),
                json!({ "ts": "1.5", "metadata": {} }),
                carrying("2.0", "countersign_delivery", "another"),
                carrying("2.5", "something_else", DELIVERY),
            ];
            history(&others, "next=")
        }
    });
    assert_eq!(look(&slack).await, Ok(Some("3.0".to_owned())));
    let first = &lines(&log)[0];
    for part in ["channel=D1", "oldest=1795348800", "inclusive=true", "include_all_metadata=true"] {
        assert!(first.contains(part), "{first} {part}");
    }
}

#[tokio::test]
async fn not_found_needs_the_whole_conversation() {
    let (whole, _) = slack(|_| history(&[], ""));
    assert_eq!(look(&whole).await, Ok(None));
    let (cut, _) = slack(|_| json_answer(&json!({ "ok": true, "messages": [], "has_more": true })));
    assert_eq!(look(&cut).await, Err(SlackError::Ambiguous));
    let (endless, log) = slack(|_| history(&[], "again"));
    assert_eq!(look(&endless).await, Err(SlackError::Ambiguous));
    assert_eq!(lines(&log).len(), MOST_PAGES);
}

#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let (slack, log) = slack(|_| answer(302, &[("location", "https://elsewhere.example/")], ""));
    let error = slack.team().await.unwrap_err();
    assert_eq!(error, SlackError::Operator { code: "http_302".to_owned() });
    assert_eq!(lines(&log), ["POST /api/auth.test"]);
}
