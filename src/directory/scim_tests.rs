use std::sync::{Arc, Mutex};

use serde_json::json;

use super::super::testing::{Bench, id};
use super::super::{Directory, Found};
use super::*;
use crate::vendors::testing::{Log, answer, json as json_answer, lines, vendor};

/// RFC 7643, section 8.3, without what is not looked at.
fn babs() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": "2819c223-7f76-453a-919d-413861904646",
        "externalId": "701984",
        "userName": "bjensen@example.com",
        "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara"},
        "displayName": "Babs Jensen",
        "nickName": "Babs",
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ],
        "active": true,
        "password": "t1meMa$heen",
        ENTERPRISE: {
            "employeeNumber": "701984",
            "manager": {
                "value": "26118915-6090-4610-87e4-49d8ca9f808d",
                "$ref": "../Users/26118915-6090-4610-87e4-49d8ca9f808d",
                "displayName": "John Smith",
            },
        },
    })
}

/// The manager of that example; not in the RFC.
fn john() -> Value {
    json!({
        "id": "26118915-6090-4610-87e4-49d8ca9f808d", "userName": "jsmith@example.com", "nickName": "kim",
        "active": true, "emails": [{"value": "jsmith@example.com"}],
    })
}

fn found(users: &[&Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": users.len(),
        "itemsPerPage": users.len(), "startIndex": 1, "Resources": users,
    })
}

struct Scene {
    directory: Directory,
    log: Log,
    _bench: Bench,
}

/// A service that answers every search with `list`, and knows John by his id.
fn scene(list: &Value) -> Scene {
    service(move_out(list), Value::Null)
}

fn move_out(list: &Value) -> Arc<Mutex<Value>> {
    Arc::new(Mutex::new(list.clone()))
}

fn service(list: Arc<Mutex<Value>>, manager: Value) -> Scene {
    let bench = Bench::new();
    bench.change(|world| {
        world.users.insert(101, "Babs".to_owned());
    });
    let manager = if manager.is_null() { john() } else { manager };
    let (router, log) = vendor(move |line| match line {
        line if line.contains("/Users?") => json_answer(&list.lock().unwrap()),
        line if line.ends_with("/Users/26118915-6090-4610-87e4-49d8ca9f808d") => json_answer(&manager),
        _ => answer(404, &[], "{}"),
    });
    let settings = ScimSettings {
        url: "https://scim.example/v2/".parse().unwrap(),
        token: Secret::new("bearer-1".to_owned()),
        username: "nickName".to_owned(),
        email: EMAILS.to_owned(),
    };
    let resolver = Scim::resolver(Transport::in_process(router), settings, bench.parts.clone());
    Scene { directory: Directory::Resolved(resolver), log, _bench: bench }
}

async fn ask(scene: &Scene) -> Result<Found, DirectoryError> {
    scene.directory.person_by_gitlab_id(id(101), Freshness::Now).await
}

async fn ask_by(scene: &Scene, email: &str) -> Result<Found, DirectoryError> {
    scene.directory.person_by_email(&Email(email.to_owned()), Freshness::Now).await
}

#[tokio::test]
async fn the_standards_own_example_is_read() {
    let scene = scene(&found(&[&babs()]));
    let found = ask(&scene).await.unwrap();
    assert_eq!(found.person.name, "Babs Jensen");
    assert_eq!(found.person.email, Some(Email("bjensen@example.com".to_owned())));
    assert_eq!(found.person.manager, Ok(Some(id(102))));
    assert_eq!(found.source, "SCIM https://scim.example/v2/");
    assert_eq!(
        found.value,
        "id: 2819c223-7f76-453a-919d-413861904646\nnickName: Babs\nemails.value: bjensen@example.com\n\
         active: true\nmanager: 26118915-6090-4610-87e4-49d8ca9f808d"
    );
    let log = scene.log.lock().unwrap();
    assert_eq!(log[0].line, "GET /v2/Users?filter=nickName+eq+%22Babs%22&count=2");
    assert_eq!(log[0].header("authorization"), "Bearer bearer-1");
    assert_eq!(log[1].line, "GET /v2/Users/26118915-6090-4610-87e4-49d8ca9f808d");
}

#[tokio::test]
async fn what_people_typed_cannot_change_the_filter() {
    let scene = scene(&found(&[]));
    let typed = "a\" or userName pr or \"\\@x";
    assert_eq!(ask_by(&scene, typed).await, Err(DirectoryError::NotFound));
    let line = lines(&scene.log).remove(0);
    let address = Url::parse(&format!("https://x{}", line.strip_prefix("GET ").unwrap())).unwrap();
    let filter = address.query_pairs().find(|(name, _)| name == "filter").unwrap().1.into_owned();
    assert_eq!(filter, r#"emails.value eq "a\" or userName pr or \"\\@x""#);
}

#[tokio::test]
async fn only_an_answer_that_is_one_says_so_and_is_who_was_asked_for_counts() {
    let (babs, john) = (babs(), john());
    let mut miscounted = found(&[&babs]);
    miscounted["totalResults"] = 2.into();
    let mut empty = found(&[]);
    empty["totalResults"] = 1.into();
    let mut short = found(&[&babs, &john]);
    short["totalResults"] = 1.into();
    let mut unsaid = found(&[&babs]);
    unsaid.as_object_mut().unwrap().remove("totalResults");
    for (list, expected) in [
        (found(&[]), DirectoryError::NotFound),
        (found(&[&babs, &john]), DirectoryError::Ambiguous),
        (miscounted, DirectoryError::Ambiguous),
        (found(&[&john]), DirectoryError::Unreachable),
        (empty, DirectoryError::Unreachable),
        (short, DirectoryError::Unreachable),
        (unsaid, DirectoryError::Unreachable),
        (json!([]), DirectoryError::Unreachable),
    ] {
        assert_eq!(ask(&scene(&list)).await, Err(expected), "{list}");
    }
    assert_eq!(
        ask_by(&scene(&found(&[&babs])), "jsmith@example.com").await,
        Err(DirectoryError::Unreachable)
    );
}

#[tokio::test]
async fn a_user_who_does_not_say_that_they_are_active_is_not_taken_for_active() {
    let mut user = babs();
    user["active"] = false.into();
    assert!(!ask(&scene(&found(&[&user]))).await.unwrap().person.active);
    user.as_object_mut().unwrap().remove("active");
    assert_eq!(ask(&scene(&found(&[&user]))).await, Err(DirectoryError::Unreachable));
}

#[tokio::test]
async fn each_way_to_name_a_manager_is_read_or_doubted() {
    let john_id = "26118915-6090-4610-87e4-49d8ca9f808d";
    for (manager, expected) in [
        (json!({"value": john_id}), Ok(Some(id(102)))),
        (json!({"$ref": format!("../Users/{john_id}")}), Ok(Some(id(102)))),
        (json!([{"value": john_id}]), Ok(Some(id(102)))),
        (json!([{"value": john_id}, {"value": "other"}]), Err(DirectoryError::Ambiguous)),
        (json!({"value": "other"}), Err(DirectoryError::NotFound)),
        (json!(null), Ok(None)),
    ] {
        let mut user = babs();
        user[ENTERPRISE]["manager"] = manager.clone();
        let found = ask(&scene(&found(&[&user]))).await.unwrap();
        assert_eq!(found.person.manager, expected, "{manager}");
    }
    for unreadable in [json!({"displayName": "John Smith"}), json!("John"), json!({"value": "../../x"})] {
        let mut user = babs();
        user[ENTERPRISE]["manager"] = unreadable.clone();
        assert_eq!(ask(&scene(&found(&[&user]))).await, Err(DirectoryError::Unreachable), "{unreadable}");
    }
}

#[tokio::test]
async fn a_manager_who_is_answered_as_somebody_else_is_not_believed() {
    let list = move_out(&found(&[&babs()]));
    let found = ask(&service(list, babs())).await.unwrap();
    assert_eq!(found.person.manager, Err(DirectoryError::Unreachable));
}

#[tokio::test]
async fn several_addresses_without_a_first_one_are_none() {
    let mut user = babs();
    user["emails"][0]["primary"] = false.into();
    let scene = scene(&found(&[&user]));
    assert_eq!(ask(&scene).await.unwrap().person.email, None);
    assert_eq!(ask_by(&scene, "bjensen@example.com").await, Err(DirectoryError::Ambiguous));
}

#[tokio::test]
async fn a_refusal_or_a_redirect_is_unreachable() {
    for status in [301, 400, 401, 403, 404, 500] {
        let bench = Bench::new();
        let (router, _) = vendor(move |_| answer(status, &[("location", "https://evil.example/")], "{}"));
        let settings = ScimSettings {
            url: "https://scim.example".parse().unwrap(),
            token: Secret::new("bearer-1".to_owned()),
            username: "userName".to_owned(),
            email: "userName".to_owned(),
        };
        let resolver = Scim::resolver(Transport::in_process(router), settings, bench.parts.clone());
        let directory = Directory::Resolved(resolver);
        let found = directory.person_by_gitlab_id(id(101), Freshness::Now).await;
        assert_eq!(found, Err(DirectoryError::Unreachable), "{status}");
    }
}
