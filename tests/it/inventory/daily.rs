//! The inventory of every day, Zendesk's own audit log, and whose a leaked credential is.

use countersign::cli::whose::{by_secret, by_text, tell};
use countersign::cli::{ExitStatus, Failure};
use countersign::reconcile::inventory::{Leaked, Owned, Trace, daily, told};
use jiff::SignedDuration;
use serde_json::{Value, json};

use countersign::cli::inventory::Format;

use super::with_exceptions;
use crate::harness::{Form, House, says};

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl House {
    /// A day passes, and its inventory is taken; what it found at the first instance.
    pub(crate) async fn next_inventory(&self) -> (Value, Option<String>) {
        self.clock.advance(DAY);
        daily(&self.service().context).await.unwrap();
        let run = self.service().context.store().last_inventory("global").await.unwrap().unwrap();
        assert_eq!(run.day, self.now().to_zoned(jiff::tz::TimeZone::UTC).date());
        let told = told(&run);
        (run.document, told)
    }

    pub(crate) async fn whose(&self, leaked: &Leaked) -> Result<Vec<Trace>, Failure> {
        tell(&self.service().context, leaked).await.map(|found| found.traces)
    }
}

#[tokio::test]
async fn every_day_the_three_are_held_against_each_other_once_and_written_down() {
    let house = House::open().await;
    let iid = house.approved().await;
    let (document, told) = house.next_inventory().await;
    assert_eq!((&document["differs"], told), (&json!(false), None), "{document:#}");
    let lists = house.calls("zendesk", "GET", "api_tokens");
    daily(&house.service().context).await.unwrap();
    assert_eq!(house.calls("zendesk", "GET", "api_tokens"), lists, "once a day");
    let token = house.tokens(iid).await.remove(0);
    house.deleted_by_hand(&token["id"]).await;
    house.made_by_hand("who knows").await;
    let (document, told) = house.next_inventory().await;
    assert_eq!(document["differences"][0]["findings"], json!(["missing"]), "{document:#}");
    assert_eq!(document["new_foreign"].as_array().unwrap().len(), 1);
    assert_eq!(
        document["outside"].as_array().unwrap().len(),
        2,
        "made and deleted by the admin: {document:#}"
    );
    says(&told.unwrap(), "missing 1, outside 2, new foreign 1");
    let entries = house.service().context.store().entries_from(1).await.unwrap();
    assert_eq!(
        entries.iter().filter(|entry| entry.kind == "inventory.taken").count(),
        4,
        "two instances, two days"
    );
    // What was foreign yesterday is no news today.
    assert_eq!(house.next_inventory().await.0["new_foreign"], json!([]));
    house.leave().await;
}

#[tokio::test]
async fn a_live_credential_whose_issue_is_gone_is_a_difference() {
    let house = House::open().await;
    let iid = house.approved().await;
    let path = format!("projects/{}/issues/{iid}", crate::harness::PROJECT);
    let (status, _) = house.gitlab("owner", reqwest::Method::DELETE, &path, Value::Null).await;
    assert!(status.is_success());
    let (document, told) = house.next_inventory().await;
    assert_eq!(document["differences"][0]["findings"], json!(["issue_gone"]), "{document:#}");
    says(&told.unwrap(), "issue_gone 1");
    house.leave().await;
}

#[tokio::test]
async fn zendesks_audit_log_tells_of_creations_that_are_not_ours() {
    let house = House::open_with(with_exceptions).await;
    house.approved().await;
    house.made_by_hand("Zendesk Admin - sync").await;
    house.made_by_hand("hidden").await;
    let (document, _) = house.next_inventory().await;
    let outside = document["outside"].as_array().unwrap();
    assert_eq!(outside.len(), 1, "ours and the exception are accounted for: {document:#}");
    assert_eq!((&outside[0]["action"], &outside[0]["actor"]), (&json!("create"), &json!(9002)));
    house.control("world", json!({"zendesk": {"global": {"has_audit_log": false}}})).await;
    let (document, _) = house.next_inventory().await;
    assert_eq!((&document["audit_log"], &document["outside"]), (&json!("not_in_plan"), &json!([])));
    assert_eq!(document["unreadable"], json!([]), "a plan without it is no fault");
    house.leave().await;
}

/// An OAuth client's owner is whom it acts as, and whoever makes it says so: only the log tells who that was.
#[tokio::test]
async fn t42_an_exceptions_client_that_another_made_in_its_owners_name_is_outside() {
    let house = House::open_with(|config| {
        let pattern =
            "\n[[instances.exceptions]]\nfor = \"script\"\npattern = \"Team sync\"\ncreators = [9001]\n";
        let place = config.find("\n[[instances]]\nkey = \"us-government\"").unwrap();
        config.insert_str(place, pattern);
    })
    .await;
    house.client_made_for(("team_sync", "Team sync"), 9001).await;
    assert_eq!(house.standing("Team sync").await.0, "exception", "by all that the list shows");
    let (document, _) = house.next_inventory().await;
    let outside = document["outside"].as_array().unwrap();
    assert_eq!(outside.len(), 1, "{document:#}");
    assert_eq!((&outside[0]["source_type"], &outside[0]["actor"]), (&json!("oauth_client"), &json!(9002)));
    assert_eq!(document["differs"], true);
    house.leave().await;
}

#[tokio::test]
async fn zendesks_audit_log_is_matched_with_what_we_made_and_ended() {
    let house = House::open().await;
    let (iid, _) = (house.approved().await, house.approved_form(&Form::oauth_client()).await);
    house.next_inventory().await;
    let (document, _) = house.next_inventory().await;
    assert_eq!(document["of_ours"]["created"], 0, "those were told yesterday: {document:#}");
    house.orders(iid, countersign::domain::snapshot::OrderKind::Revoke).await;
    house.quirk(json!({"logs_nothing": true})).await;
    let quiet = house.approved().await;
    let (text, _) = house.inventory(Format::Table).await;
    assert!(text.contains("Zendesk's audit log tells of 2 creations and 1 end of ours.\n"), "{text}");
    house.clock.advance(SignedDuration::from_hours(2));
    let (text, _) = house.inventory(Format::Table).await;
    let untold = house.tokens(quiet).await[0]["id"].to_string();
    assert!(text.contains(&format!("It does not tell that we made {untold}.\n")), "{text}");
    house.leave().await;
}

#[tokio::test]
async fn a_leaked_secret_leads_to_its_issue_and_leaves_no_trace() {
    let house = House::open().await;
    let iid = house.approved().await;
    let secret = House::secret_in(&house.messages("requester").await[0]);
    let leaked = by_secret(&mut format!("{secret}\n").as_bytes()).unwrap();
    assert!(!format!("{leaked:?}").contains(&secret[..4]));
    let found = house.whose(&leaked).await.unwrap();
    let [Trace { owned: Owned::Ours { key, record, .. }, exact: true, last_use: Some(_), .. }] =
        found.as_slice()
    else {
        panic!("{found:#?}")
    };
    assert_eq!((*key, &record.url), (House::key(iid), &house.url(iid).await));
    // By its beginning, as Zendesk shows it, and by its fingerprint.
    let fingerprint = house.service().context.store().fingerprint(&secret);
    for text in [&secret[..10], &secret[..6], &fingerprint[..16], &fingerprint] {
        let found = house.whose(&by_text(text).unwrap()).await.unwrap();
        assert!(matches!(found.as_slice(), [Trace { owned: Owned::Ours { .. }, .. }]), "{text}: {found:#?}");
    }
    // When it is long gone it is still known, by what was kept.
    house.next_inventory().await;
    house.orders(iid, countersign::domain::snapshot::OrderKind::Revoke).await;
    for leaked in [by_text(&secret[..10]).unwrap(), by_secret(&mut secret.as_bytes()).unwrap()] {
        let found = house.whose(&leaked).await.unwrap();
        assert!(
            matches!(found.as_slice(), [Trace { owned: Owned::Ours { .. }, last_use: None, .. }]),
            "{found:#?}"
        );
    }
    house.leave().await;
}

#[tokio::test]
async fn what_was_not_issued_here_is_said_to_be_so() {
    let house = House::open().await;
    let secret = house.made_by_hand("by hand").await;
    let found = house.whose(&by_text(&secret[..8]).unwrap()).await.unwrap();
    let [Trace { owned: Owned::Others { name, creator, .. }, exact: false, .. }] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!((name.as_str(), creator.as_str()), ("by hand", "`Zendesk Admin` (9002)"));
    let nothing = house.whose(&by_text("zzzz").unwrap()).await.unwrap_err();
    assert_eq!(nothing.status, ExitStatus::NotTrue);
    says(&by_text(&secret).unwrap_err().message, "looks like a whole secret");
    assert!(by_text("abc").is_err() && by_secret(&mut "\n".as_bytes()).is_err());
    house.leave().await;
}

#[tokio::test]
async fn nothing_is_handed_over_whose_fingerprint_cannot_be_kept() {
    let house = House::open().await;
    let (always, refusal) = (("BEFORE INSERT ON fingerprints", "TRUE"), house.database.refusal());
    house.database.trigger("refuses", always, refusal).await;
    let iid = house.approved_unseen().await;
    while house.try_step().await.is_ok_and(|step| step != countersign::reconcile::Step::Idle) {}
    assert_eq!(house.messages("requester").await, Vec::<Value>::new());
    house.database.no_trigger("refuses").await;
    house.later(SignedDuration::from_mins(10)).await;
    house.has_exactly_one(iid).await;
    house.leave().await;
}

#[tokio::test]
async fn what_could_not_be_read_yesterday_is_no_news_today() {
    for days_before in [0, 1] {
        let house = House::open().await;
        for _ in 0..days_before {
            house.next_inventory().await;
        }
        house
            .fault(json!({"vendor": "zendesk", "path": "api_tokens", "effect": "status:500", "times": 0}))
            .await;
        let (document, told) = house.next_inventory().await;
        assert_eq!(document["new_foreign"], json!([]));
        says(&told.unwrap(), "unreadable 1");
        house.heal().await;
        let (document, told) = house.next_inventory().await;
        assert_eq!((&document["new_foreign"], told), (&json!([]), None), "{document:#}");
        // What was made while nobody could look is one.
        house.made_by_hand("who knows").await;
        assert_eq!(house.next_inventory().await.0["new_foreign"].as_array().unwrap().len(), 1);
        house.leave().await;
    }
}
